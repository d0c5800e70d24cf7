//! Many objects at once: one pack instead of thousands of files (gitformat-pack(5), git-index-pack(1)).

use std::collections::HashSet;

use gix::objs::Kind;
use gix::odb::pack::data::{self, entry::Header};
use gix::zlib::Compression;
use gix::zlib::stream::deflate::{Compress, FlushCompress};

use super::durability::Durability;
use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;

/// From how many changes on their objects are written as one pack: git, which indexes it, takes as long as
/// writing the files of about a hundred.
pub const MANY: usize = 200;

/// How many bytes the header of a pack has.
const HEADER: usize = 12;

/// Objects on their way into a pack.
pub(super) struct Bulk {
    ids: HashSet<Oid>,
    /// The pack so far: room for its header, and entries.
    pack: Vec<u8>,
    /// Made once: it takes a quarter of a megabyte.
    compress: Compress,
}

impl std::fmt::Debug for Bulk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} objects", self.ids.len())
    }
}

impl Bulk {
    fn new() -> Self {
        Self {
            ids: HashSet::new(),
            pack: vec![0; HEADER],
            // Upkeep packs it again.
            compress: Compress::new(Compression::BEST_SPEED),
        }
    }

    /// Adds an object; one that is in it already is not added again.
    pub(super) fn add(&mut self, id: Oid, kind: Kind, bytes: &[u8]) {
        if !self.ids.insert(id) {
            return;
        }
        let header = match kind {
            Kind::Blob => Header::Blob,
            Kind::Tree => Header::Tree,
            Kind::Commit => Header::Commit,
            Kind::Tag => Header::Tag,
        };
        header
            .write_to(bytes.len() as u64, &mut self.pack)
            .expect("writing to memory does not fail");
        let start = self.pack.len();
        // What cannot be made smaller grows by less than this (zlib.h, deflateBound).
        self.pack
            .resize(start + bytes.len() + bytes.len() / 512 + 64, 0);
        self.compress.reset();
        self.compress
            .compress(bytes, &mut self.pack[start..], FlushCompress::Finish)
            .expect("there is room for what comes out");
        let length = usize::try_from(self.compress.total_out()).expect("it is in memory");
        self.pack.truncate(start + length);
    }

    /// Returns the pack.
    fn pack(self, hash: gix::hash::Kind) -> Vec<u8> {
        let count = u32::try_from(self.ids.len()).expect("memory does not hold as many objects");
        let mut pack = self.pack;
        pack[..HEADER].copy_from_slice(&data::header::encode(data::Version::V2, count));
        let mut hasher = gix::hash::hasher(hash);
        hasher.update(&pack);
        let sum = hasher.try_finalize().expect("nobody attacks our own pack");
        pack.extend_from_slice(sum.as_slice());
        pack
    }
}

impl Repo {
    /// Runs what writes so many changes. Where they are [`MANY`], their objects come to be there together when it
    /// has succeeded, as one pack; until then they cannot be read.
    ///
    /// After a crash all objects of a pack are there or none is, and a file `tmp_pack_*` that `git gc` removes.
    pub fn at_once<T>(&self, changes: usize, write: impl FnOnce() -> Result<T>) -> Result<T> {
        if changes < MANY {
            return write();
        }
        #[cfg(any(test, fuzzing))]
        if self.is_in_memory {
            return write();
        }
        let outer = self.bulk.replace(Some(Bulk::new()));
        debug_assert!(
            outer.is_none(),
            "one within another would forget what the other wrote"
        );
        let written = write();
        let bulk = self.bulk.take();
        let written = written?;
        match bulk {
            Some(bulk) if !bulk.ids.is_empty() => self.write_pack(bulk)?,
            _ => {}
        }
        Ok(written)
    }

    fn write_pack(&self, bulk: Bulk) -> Result<()> {
        let pack = bulk.pack(self.gix.object_hash());
        // Packs are on the disk before git says that they are there, whatever the user wants of other files.
        let run = self.git(["-c", "core.fsync=committed", "index-pack", "--stdin"]);
        self.execute(&run.stdin(pack))?;
        if self.durability()? != Durability::None {
            let folder = self.objects_dir().join("pack");
            fs::sync(&folder).map_err(|error| Fault::io("sync", &folder, &error))?;
        }
        Ok(())
    }
}
