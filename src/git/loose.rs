//! Small objects, written as loose files without compressing them (gitformat-loose(5), RFC 1950, RFC 1951).
//!
//! Ledgers are written one record at a time: a blob, three trees and a commit, none of which compression
//! makes smaller than the block of the disk that each takes. `git repack` compresses them with the rest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gix::objs::Kind;

use super::Oid;
use crate::world::fs;

/// What is longer, in bytes, is worth compressing.
const SMALL: usize = 8 * 1024;

/// Returns the file of an object below the folder of objects.
pub(super) fn path(objects: &Path, id: &Oid) -> PathBuf {
    let hex = id.to_string();
    objects.join(&hex[..2]).join(&hex[2..])
}

/// Writes an object where it is small; nothing: it is not, or could not be written this way.
///
/// The file appears under its name as a whole, and is new even where the object is there already. A crash
/// leaves a file `tmp_obj_*`, which `git gc` removes.
pub(super) fn write(gix: &gix::Repository, kind: Kind, bytes: &[u8]) -> Option<Oid> {
    if bytes.len() > SMALL {
        return None;
    }
    let id = gix::objs::compute_hash(gix.object_hash(), kind, bytes).ok()?;
    let path = path(gix.objects.store_ref().path(), &id);
    let temporary = path.with_file_name(temporary_name());
    let content = stored(
        &gix::objs::encode::loose_header(kind, bytes.len() as u64),
        bytes,
    );
    fs::place(&temporary, &path, &content).ok()?;
    Some(id)
}

/// Returns a name that git knows as one of an object under way.
fn temporary_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("tmp_obj_gt{}_{count}", std::process::id())
}

/// Returns header and body as a zlib stream of one stored block.
fn stored(header: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len() + body.len()).expect("what is longer is compressed");
    let mut stream = Vec::with_capacity(usize::from(length) + 11);
    stream.extend([0x78, 0x01, 0x01]);
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(header);
    stream.extend(body);
    let mut sum = adler2::Adler32::new();
    sum.write_slice(header);
    sum.write_slice(body);
    stream.extend(sum.checksum().to_be_bytes());
    stream
}
