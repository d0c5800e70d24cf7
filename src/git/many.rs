//! Many blobs at once: read on all cores, in the order in which packs hold them.

use std::ops::Range;

use gix::objs::Kind;
use rayon::prelude::*;

use super::objects::find;
use super::packs::{Pack, Walk};
use super::{Oid, Repo};
use crate::fault::{Fault, Result};

/// From how many blobs on they are read on all cores.
const MANY: usize = 256;

/// How many entries of a pack a core unpacks in a row.
const STRETCH: usize = 2000;

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
        let mut found = self.packed_blobs(ids, of);
        // What is in no pack, or cannot be unpacked and may be somewhere else.
        let rest = found.iter().enumerate().filter(|(_, it)| it.is_none());
        let rest: Vec<usize> = rest.map(|(at, _)| at).collect();
        let (folder, kind) = (self.gix.objects.store_ref().path(), self.gix.object_hash());
        let open = || (gix::odb::at(folder, kind), Vec::new());
        let stretch = rest.len().div_ceil(2 * rayon::current_num_threads());
        let chunks = rest
            .par_chunks(stretch.max(MANY))
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
        for (at, it) in chunks.into_iter().flatten() {
            found[at] = Some(it);
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Returns what `of` makes of the bytes of blobs, nothing for those that no pack has as a whole.
    fn packed_blobs<T: Send>(
        &self,
        ids: &[Oid],
        of: &(impl Fn(usize, &[u8]) -> T + Sync),
    ) -> Vec<Option<T>> {
        let store = self.gix.objects.store_ref();
        let mut folders = store.alternate_db_paths().unwrap_or_default();
        folders.insert(0, store.path().to_owned());
        let packs = folders
            .iter()
            .flat_map(|it| Pack::all(&it.join("pack"), self.gix.object_hash()));
        let packs: Vec<Pack> = packs.collect();
        let mut wanted: Vec<Vec<(u64, usize)>> = packs.iter().map(|_| Vec::new()).collect();
        for (at, id) in ids.iter().enumerate() {
            let found = packs.iter().map(|pack| pack.find(id)).enumerate();
            if let Some((pack, offset)) = found.into_iter().find_map(|(pack, it)| Some((pack, it?)))
            {
                wanted[pack].push((offset, at));
            }
        }
        let walks = packs.iter().zip(&mut wanted).map(|(pack, wanted)| {
            wanted.sort_unstable();
            Walk::new(pack, wanted.iter().copied())
        });
        let walks: Vec<Walk<'_>> = walks.collect();
        let stretches: Vec<(&Walk<'_>, Range<usize>)> = walks.iter().flat_map(stretches).collect();
        let chunks: Vec<Vec<(usize, T)>> = stretches
            .into_par_iter()
            .map(|(walk, stretch)| walk.unpack(stretch, of))
            .collect();
        let mut found: Vec<Option<T>> = ids.iter().map(|_| None).collect();
        for (at, it) in chunks.into_iter().flatten() {
            found[at] = Some(it);
        }
        found
    }
}

/// Returns the parts of a walk that cores take one after the other.
fn stretches<'w, 'p>(walk: &'w Walk<'p>) -> impl Iterator<Item = (&'w Walk<'p>, Range<usize>)> {
    let begins = (0..walk.len()).step_by(STRETCH);
    begins.map(move |begin| (walk, begin..walk.len().min(begin + STRETCH)))
}
