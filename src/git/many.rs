//! Many blobs at once: read on all cores, in the order in which packs hold them.

use std::collections::HashMap;

use gix::objs::Kind;
use gix::odb::pack;
use gix::odb::pack::cache::DecodeEntry;
use rayon::prelude::*;

use super::objects::find;
use super::{Oid, Repo};
use crate::fault::{Fault, Result};

/// From how many blobs on they are read on all cores.
const MANY: usize = 256;

/// How many bytes of objects a core remembers, twice, because others are stored as what differs from them.
const REMEMBERED: usize = 8 * 1024 * 1024;

/// What was unpacked last, by where in which pack it begins: of two generations the older one goes when the
/// younger one is full.
#[derive(Default)]
struct Remembered {
    young: HashMap<(u32, u64), (Kind, usize, Vec<u8>)>,
    old: HashMap<(u32, u64), (Kind, usize, Vec<u8>)>,
    bytes: usize,
}

impl DecodeEntry for Remembered {
    fn put(&mut self, pack: u32, offset: u64, data: &[u8], kind: Kind, packed: usize) {
        self.bytes += data.len();
        if self.bytes > REMEMBERED {
            self.old = std::mem::take(&mut self.young);
            self.bytes = data.len();
        }
        let entry = (kind, packed, data.to_vec());
        self.young.insert((pack, offset), entry);
    }

    fn get(&mut self, pack: u32, offset: u64, out: &mut Vec<u8>) -> Option<(Kind, usize)> {
        let at = (pack, offset);
        let (kind, packed, data) = self.young.get(&at).or_else(|| self.old.get(&at))?;
        out.clear();
        out.extend_from_slice(data);
        Some((*kind, *packed))
    }
}

impl Repo {
    /// Returns what `of` makes of the bytes of blobs, in their order; many are read on all cores.
    pub fn map_blobs<T: Send>(
        &self,
        ids: &[Oid],
        of: impl Fn(usize, &[u8]) -> T + Sync,
    ) -> Result<Vec<T>> {
        match self.mapped_blobs(ids, &of) {
            Err(_) if self.fetch_missing(ids)? => self.mapped_blobs(ids, &of),
            mapped => mapped,
        }
    }

    fn mapped_blobs<T: Send>(
        &self,
        ids: &[Oid],
        of: &(impl Fn(usize, &[u8]) -> T + Sync),
    ) -> Result<Vec<T>> {
        self.reads.set(self.reads.get() + ids.len());
        if ids.len() < MANY {
            let mut buffer = Vec::new();
            let one = |(at, id): (usize, &Oid)| {
                find(&self.gix.objects, id, Kind::Blob, &mut buffer)?;
                Ok(of(at, &buffer))
            };
            return ids.iter().enumerate().map(one).collect();
        }
        let (folder, kind) = (self.gix.objects.store_ref().path(), self.gix.object_hash());
        // What is stored as a difference follows what it differs from: in that order each is read once.
        let order = self.in_order_of_packs(ids);
        // Each core takes a stretch of it: what it remembers is of use there.
        let stretch = order.len().div_ceil(2 * rayon::current_num_threads());
        let open = || {
            let odb = gix::odb::at(folder, kind).map(|mut odb| {
                odb.set_pack_cache(|| Box::<Remembered>::default());
                odb
            });
            (odb, Vec::new())
        };
        let chunks = order
            .par_chunks(stretch)
            .map_init(open, |(odb, buffer), chunk| {
                let odb = odb
                    .as_ref()
                    .map_err(|error| Fault::io("open", folder, error))?;
                let one = |at: &usize| {
                    find(odb, &ids[*at], Kind::Blob, buffer)?;
                    Ok((*at, of(*at, buffer)))
                };
                chunk.iter().map(one).collect::<Result<Vec<(usize, T)>>>()
            });
        let chunks: Vec<Vec<(usize, T)>> = chunks.collect::<Result<_>>()?;
        let mut found: Vec<Option<T>> = ids.iter().map(|_| None).collect();
        for (at, it) in chunks.into_iter().flatten() {
            found[at] = Some(it);
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Returns the places of ids in the order in which packs hold them; what is in no pack comes last.
    fn in_order_of_packs(&self, ids: &[Oid]) -> Vec<usize> {
        let folder = self.gix.objects.store_ref().path().join("pack");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let indexes = files
            .map(|it| it.path())
            .filter(|it| it.extension().is_some_and(|it| it == "idx"));
        let indexes: Vec<pack::index::File> = indexes
            .filter_map(|path| pack::index::File::at(path, self.gix.object_hash()).ok())
            .collect();
        let place = |id: &Oid| {
            let found = indexes.iter().enumerate().find_map(|(number, index)| {
                Some((number, index.pack_offset_at_index(index.lookup(id)?)))
            });
            found.unwrap_or((usize::MAX, 0))
        };
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_cached_key(|at| place(&ids[*at]));
        order
    }
}
