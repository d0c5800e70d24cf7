//! The tree of a ledger: 32 x 32 shards of `<id>.json`, read, compared and spliced (DESIGN 3.1).

mod meta;

use std::collections::BTreeMap;

use super::codec::{READ_MAX, Record};
use super::hash;
use crate::fault::{Fault, Result};
use crate::git::{Change, Entry, Mode, Oid, Repo};

/// RFC 4648 base32 in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How many entries a folder may have: ours have a thousandth of the records.
const ENTRIES_MAX: usize = 1 << 17;

/// At how many places two ledgers may differ.
const PLACES_MAX: usize = 1 << 22;

/// How many records are read at once where all are wanted one by one.
const AT_ONCE: usize = 20_000;

/// The file at the root of every ledger.
pub(super) const META: &str = "meta.json";

/// A ledger as it was at one commit. Costs nothing to make; records are read when asked for.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'r> {
    repo: &'r Repo,
    tip: Option<Oid>,
    tree: Option<Oid>,
    /// Whether somebody else wrote it and nobody has checked it.
    is_foreign: bool,
}

/// A record whose blob differs between two ledgers, by the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) place: Place,
    pub(super) ours: Option<Entry>,
    pub(super) theirs: Option<Entry>,
}

impl Difference {
    /// Returns where in the tree it stands, for people.
    pub(super) fn path(&self) -> String {
        let (x, y, name) = &self.place;
        let parts = [x, y, name].into_iter().filter(|part| !part.is_empty());
        let parts = parts.map(|part| String::from_utf8_lossy(part).into_owned());
        parts.collect::<Vec<_>>().join("/")
    }
}

/// Where in the tree something stands: shard letters and file name, empty for what stands higher up.
pub(super) type Place = (Vec<u8>, Vec<u8>, Vec<u8>);

impl<'r> Snapshot<'r> {
    /// Returns the ledger at `tip`; nothing is an empty ledger.
    pub fn at(repo: &'r Repo, tip: Option<Oid>) -> Result<Self> {
        let tree = tip
            .map(|tip| repo.commit(&tip).map(|commit| commit.tree))
            .transpose()?;
        Ok(Self {
            repo,
            tip,
            tree,
            is_foreign: false,
        })
    }

    /// Returns the ledger that was fetched as `tip`, which may hold anything.
    pub(super) fn fetched(repo: &'r Repo, tip: Option<Oid>) -> Result<Self> {
        let ledger = Self::at(repo, tip)?;
        Ok(Self {
            is_foreign: true,
            ..ledger
        })
    }

    /// Returns the ledger of a tree, at no commit.
    #[cfg(test)]
    pub(super) fn at_tree(repo: &'r Repo, tree: Option<Oid>) -> Self {
        Self {
            repo,
            tip: None,
            tree,
            is_foreign: false,
        }
    }

    /// Returns the ledger that a tree is which somebody else has written.
    pub(super) fn of_stranger(repo: &'r Repo, tree: Oid) -> Self {
        Self {
            repo,
            tip: None,
            tree: Some(tree),
            is_foreign: true,
        }
    }

    /// Returns the commit the ledger stands at.
    pub fn tip(&self) -> Option<Oid> {
        self.tip
    }

    /// Returns the ledger's tree: what two clones that agree have in common.
    pub fn tree(&self) -> Option<Oid> {
        self.tree
    }

    /// Returns a record, nothing where there is none of that id.
    pub fn get(&self, id: &str) -> Result<Option<Record>> {
        let (x, y, name) = place(id);
        let Some(leaf) = self.leaf(&x, &y)? else {
            return Ok(None);
        };
        match self.child(leaf, &name)? {
            Some(entry) if entry.mode == Mode::File => self.decode(&entry, id).map(Some),
            _ => Ok(None),
        }
    }

    fn decode(&self, entry: &Entry, id: &str) -> Result<Record> {
        decoded(&self.bytes(entry, id)?, id)
    }

    fn bytes(&self, entry: &Entry, id: &str) -> Result<Vec<u8>> {
        if !self.is_foreign {
            return self.repo.blob(&entry.id);
        }
        let bytes = self.repo.blob_up_to(&entry.id, READ_MAX as u64)?;
        bytes.ok_or_else(|| Fault::invalid(format!("record '{id}': no file, or too large a one")))
    }

    fn leaf(&self, x: &[u8], y: &[u8]) -> Result<Option<Oid>> {
        let Some(root) = self.tree else {
            return Ok(None);
        };
        let Some(outer) = folder(self.child(root, x)?.as_ref()) else {
            return Ok(None);
        };
        Ok(folder(self.child(outer, y)?.as_ref()))
    }

    fn child(&self, tree: Oid, name: &[u8]) -> Result<Option<Entry>> {
        self.repo.entry(&tree, name)
    }

    /// Returns about how many records the ledger holds, guessed from the shard `id` falls into.
    pub fn estimate(&self, id: &str) -> Result<u64> {
        let (x, y, _) = place(id);
        let Some(leaf) = self.leaf(&x, &y)? else {
            return Ok(0);
        };
        Ok(self.repo.tree(&leaf)?.len() as u64 * 1024)
    }

    /// Returns the ids of all records by the names of their files, whether or not they can be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let all = differences(self.repo, None, self.tree)?.into_iter();
        Ok(all.filter_map(|it| id_of(&it.place)).collect())
    }

    /// Returns every record that can be read; one that cannot blocks nobody.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.changed_since(None)
            .map(|changes| changes.into_iter().filter_map(|(_, new)| new).collect())
    }

    /// Returns `(id, record now)` of everything that differs from an older ledger, without what is not
    /// a readable record; nothing now: the record is gone.
    pub fn changed_since(&self, older: Option<Oid>) -> Result<Vec<(String, Option<Record>)>> {
        self.map_changed(older, |record| record)
    }

    /// Returns the same with what `of` makes of each record; many are read on all cores, and none is kept.
    pub fn map_changed<T: Send>(
        &self,
        older: Option<Oid>,
        of: impl Fn(Record) -> T + Sync,
    ) -> Result<Vec<(String, Option<T>)>> {
        let (mut gone, mut ids, mut entries) = (Vec::new(), Vec::new(), Vec::new());
        for change in differences(self.repo, older, self.tree)? {
            let Some(id) = id_of(&change.place) else {
                continue;
            };
            match change.theirs.filter(|entry| entry.mode == Mode::File) {
                None => gone.push((id, None)),
                Some(entry) => {
                    ids.push(id);
                    entries.push(entry);
                }
            }
        }
        let found = if self.is_foreign {
            let one = |(entry, id): (&Entry, &String)| match self.decode(entry, id) {
                Ok(record) => Ok(Some(of(record))),
                Err(Fault::Invalid(_)) => Ok(None),
                Err(fault) => Err(fault),
            };
            entries.iter().zip(&ids).map(one).collect::<Result<_>>()?
        } else {
            let blobs: Vec<Oid> = entries.iter().map(|entry| entry.id).collect();
            let one = |at: usize, bytes: &[u8]| decoded(bytes, &ids[at]).ok().map(&of);
            self.repo.map_blobs(&blobs, one)?
        };
        let found = ids.into_iter().zip(found).filter(|(_, it)| it.is_some());
        Ok(found.chain(gone).collect())
    }

    /// Hands what `of` makes of records to `take`, in the order of their ids; of a ledger of ours, many are read on
    /// all cores, and no more than [`AT_ONCE`] of them are kept. What cannot be read is left out.
    pub fn in_order<T: Send>(
        &self,
        of: impl Fn(Record) -> Option<T> + Sync,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let entry = |it: Difference| {
            let entry = it.theirs.filter(|entry| entry.mode == Mode::File)?;
            Some((id_of(&it.place)?, entry.id))
        };
        let all = differences(self.repo, None, self.tree)?.into_iter();
        let mut all: Vec<(String, Oid)> = all.filter_map(entry).collect();
        all.sort_unstable();
        for some in all.chunks(AT_ONCE) {
            let blobs: Vec<Oid> = some.iter().map(|it| it.1).collect();
            let one = |at: usize, bytes: &[u8]| decoded(bytes, &some[at].0).ok().and_then(&of);
            let found = self.repo.map_blobs(&blobs, one)?;
            found.into_iter().flatten().try_for_each(&mut take)?;
        }
        Ok(())
    }

    /// Writes the tree of this ledger with `updates` in place and returns its id.
    pub(super) fn spliced(&self, updates: &[Update]) -> Result<Oid> {
        let mut shards: BTreeMap<&[u8], BTreeMap<&[u8], Vec<Change<'_>>>> = BTreeMap::new();
        for update in updates {
            let (x, y, name) = &update.place;
            let leaf = shards.entry(x).or_default().entry(y).or_default();
            // Of two updates of one record the later one counts.
            leaf.retain(|known| known.name != name);
            leaf.push(Change {
                name,
                to: update.blob.map(|id| (Mode::File, id)),
            });
        }
        let mut root = Vec::new();
        if self.meta()?.is_none() {
            let meta = self.write_meta(None)?;
            root.push(Change {
                name: META.as_bytes(),
                to: Some((meta.mode, meta.id)),
            });
        }
        let below = |tree: Option<Oid>, name: &[u8]| -> Result<Option<Oid>> {
            let entry = tree.map(|tree| self.child(tree, name)).transpose()?;
            Ok(folder(entry.flatten().as_ref()))
        };
        for (x, leaves) in shards {
            let outer = below(self.tree, x)?;
            let mut changed = Vec::with_capacity(leaves.len());
            for (y, changes) in leaves {
                let leaf = self.repo.write_spliced(below(outer, y)?, &changes)?;
                changed.push(Change {
                    name: y,
                    to: leaf.map(|id| (Mode::Tree, id)),
                });
            }
            let outer = self.repo.write_spliced(outer, &changed)?;
            root.push(Change {
                name: x,
                to: outer.map(|id| (Mode::Tree, id)),
            });
        }
        let tree = self.repo.write_spliced(self.tree, &root)?;
        Ok(tree.expect("the root holds meta.json"))
    }
}

/// Returns the record of an id that `bytes` are; where they are none, why not.
pub(super) fn checked(bytes: &[u8], id: &str) -> Result<Record> {
    called(Record::decode(bytes)?, id)
}

/// Returns the record of an id that `bytes` are; where they are none, which record is not.
pub(super) fn decoded(bytes: &[u8], id: &str) -> Result<Record> {
    checked(bytes, id).map_err(|fault| of_record(id, &fault))
}

/// Returns the record of an id that `bytes` are, which were [`decoded`] before.
pub(super) fn decoded_again(bytes: &[u8], id: &str) -> Result<Record> {
    let record = Record::decode_known(bytes).and_then(|it| called(it, id));
    record.map_err(|fault| of_record(id, &fault))
}

fn called(record: Record, id: &str) -> Result<Record> {
    match record.id() {
        itself if itself == id => Ok(record),
        other => Err(Fault::invalid(format!("calls itself '{other}'"))),
    }
}

fn of_record(id: &str, fault: &Fault) -> Fault {
    Fault::invalid(format!("record '{id}': {fault}"))
}

/// Returns whether a folder of a ledger can be called that.
pub(super) fn is_shard(name: &[u8]) -> bool {
    matches!(name, [letter] if BASE32.contains(letter))
}

fn write_entries(repo: &Repo, entries: BTreeMap<Vec<u8>, Entry>) -> Result<Option<Oid>> {
    let entries: Vec<Entry> = entries.into_values().collect();
    if entries.is_empty() {
        return Ok(None);
    }
    repo.write_tree(&entries).map(Some)
}

/// A blob to be put at a place in a ledger; nothing: what stands there goes.
#[derive(Debug, Clone)]
pub struct Update {
    pub(super) place: Place,
    pub(super) blob: Option<Oid>,
}

impl Update {
    pub(super) fn of(id: &str, blob: Oid) -> Self {
        Self {
            place: place(id),
            blob: Some(blob),
        }
    }

    pub(super) fn gone(id: &str) -> Self {
        Self {
            place: place(id),
            blob: None,
        }
    }
}

/// Git sorts a folder as if its name ended in a slash.
#[cfg(any(test, fuzzing))]
pub(super) fn git_order(entry: &Entry) -> Vec<u8> {
    let mut name = entry.name.clone();
    if entry.mode == Mode::Tree {
        name.push(b'/');
    }
    name
}

fn put(entries: &mut BTreeMap<Vec<u8>, Entry>, name: &[u8], to: Option<(Mode, Oid)>) {
    match to {
        Some((mode, id)) => entries.insert(
            name.to_owned(),
            Entry {
                mode,
                name: name.to_owned(),
                id,
            },
        ),
        None => entries.remove(name),
    };
}

/// Returns where the record of an id stands.
pub(super) fn place(id: &str) -> Place {
    let hash = hash::of_id(id);
    let x = BASE32[usize::from(hash[0] >> 3)];
    let y = BASE32[usize::from((hash[0] & 7) << 2 | hash[1] >> 6)];
    (vec![x], vec![y], file_name(id).into_bytes())
}

/// Returns an id as a file name: every byte outside `A-Za-z0-9._-` as `%XX`.
fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len() + 5);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name + ".json"
}

/// Returns the id whose record belongs at a place, nothing where no id does.
pub(super) fn id_of(at: &Place) -> Option<String> {
    let name = std::str::from_utf8(&at.2).ok()?.strip_suffix(".json")?;
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let id = String::from_utf8(bytes).ok()?;
    (place(&id) == *at).then_some(id)
}

/// Returns everything that differs between two ledgers' trees but `meta.json`; equal shards are not read.
/// What stands where a folder of shards should be is a difference too.
pub(super) fn differences(
    repo: &Repo,
    ours: Option<Oid>,
    theirs: Option<Oid>,
) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    collect(repo, &mut path, (ours, theirs), &mut found)?;
    Ok(found)
}

fn collect(
    repo: &Repo,
    path: &mut Vec<Vec<u8>>,
    (ours, theirs): (Option<Oid>, Option<Oid>),
    found: &mut Vec<Difference>,
) -> Result<()> {
    let depth = path.len();
    for (name, a, b) in changed(repo, ours, theirs)? {
        if depth == 0 && name == META.as_bytes() {
            continue;
        }
        path.push(name);
        let below = (depth < 2).then(|| (folder(a.as_ref()), folder(b.as_ref())));
        let file = |entry: Option<Entry>| entry.filter(|it| depth == 2 || it.mode != Mode::Tree);
        let (ours, theirs) = (file(a), file(b));
        if ours.is_some() || theirs.is_some() {
            let mut parts = path.iter().cloned();
            let mut next = || parts.next().unwrap_or_default();
            let place = (next(), next(), next());
            if found.len() == PLACES_MAX {
                return Err(Fault::refused(format!(
                    "two ledgers differ at more than {PLACES_MAX} places"
                )));
            }
            found.push(Difference {
                place,
                ours,
                theirs,
            });
        }
        if let Some(below) = below {
            collect(repo, path, below, found)?;
        }
        path.pop();
    }
    Ok(())
}

/// Writes the tree of a ledger that holds two others: what they have in common stays, where they differ
/// `places` says what stands.
///
/// It depends on the two together and not on which is which, and whatever does not belong into a ledger
/// goes: so two clones that join the same ledgers have the same tree.
pub(super) fn rebuilt(
    ours: &Snapshot<'_>,
    theirs: &Snapshot<'_>,
    places: &BTreeMap<Place, Option<Oid>>,
) -> Result<Oid> {
    let mut files = Vec::new();
    for ((x, y, name), blob) in places {
        files.extend(blob.map(|blob| (x.as_slice(), y.as_slice(), name.as_slice(), blob)));
    }
    let repo = ours.repo;
    let mut root = in_common(repo, (ours.tree, theirs.tree), Mode::Tree)?;
    for (x, trees) in pairs(repo, (ours.tree, theirs.tree), files.iter().map(|it| it.0))? {
        let mut outer = in_common(repo, trees, Mode::Tree)?;
        let of_x = || files.iter().filter(|it| it.0 == x);
        for (y, trees) in pairs(repo, trees, of_x().map(|it| it.1))? {
            let mut leaf = in_common(repo, trees, Mode::File)?;
            for (_, _, name, blob) in of_x().filter(|it| it.1 == y) {
                put(&mut leaf, name, Some((Mode::File, *blob)));
            }
            let id = write_entries(repo, leaf)?;
            put(&mut outer, &y, id.map(|id| (Mode::Tree, id)));
        }
        let id = write_entries(repo, outer)?;
        put(&mut root, &x, id.map(|id| (Mode::Tree, id)));
    }
    root.insert(META.as_bytes().to_owned(), ours.write_meta(Some(theirs))?);
    Ok(write_entries(repo, root)?.expect("the root holds meta.json"))
}

type Trees = (Option<Oid>, Option<Oid>);

/// Returns the folders that are to be written anew: those that differ between two trees, and `touched`.
fn pairs<'a>(
    repo: &Repo,
    (a, b): Trees,
    touched: impl Iterator<Item = &'a [u8]>,
) -> Result<BTreeMap<Vec<u8>, Trees>> {
    let differ = changed(repo, a, b)?.into_iter();
    let differ = differ.filter(|(name, _, _)| name != META.as_bytes());
    let mut pairs: BTreeMap<Vec<u8>, Trees> = differ
        .map(|(name, a, b)| (name, (folder(a.as_ref()), folder(b.as_ref()))))
        .collect();
    for name in touched {
        if !pairs.contains_key(name) {
            // It is the same on both sides.
            let entries = a
                .map(|tree| repo.tree(&tree))
                .transpose()?
                .unwrap_or_default();
            let same = folder(entries.iter().find(|entry| entry.name == name));
            pairs.insert(name.to_owned(), (same, same));
        }
    }
    Ok(pairs)
}

/// Returns the entries of one mode that two trees both have.
fn in_common(repo: &Repo, trees: Trees, mode: Mode) -> Result<BTreeMap<Vec<u8>, Entry>> {
    let (Some(a), Some(b)) = trees else {
        return Ok(BTreeMap::new());
    };
    let known: BTreeMap<Vec<u8>, Entry> = named(repo.tree(&b)?);
    let same = |entry: &Entry| entry.mode == mode && known.get(&entry.name) == Some(entry);
    Ok(named(repo.tree(&a)?.into_iter().filter(same)))
}

fn named(entries: impl IntoIterator<Item = Entry>) -> BTreeMap<Vec<u8>, Entry> {
    entries
        .into_iter()
        .map(|entry| (entry.name.clone(), entry))
        .collect()
}

fn folder(entry: Option<&Entry>) -> Option<Oid> {
    entry
        .filter(|entry| entry.mode == Mode::Tree)
        .map(|entry| entry.id)
}

type Pair = (Vec<u8>, Option<Entry>, Option<Entry>);

fn changed(repo: &Repo, ours: Option<Oid>, theirs: Option<Oid>) -> Result<Vec<Pair>> {
    if ours == theirs {
        return Ok(Vec::new());
    }
    let read = |tree: Option<Oid>| tree.map(|tree| bounded(repo, tree)).transpose();
    let mut pairs: BTreeMap<Vec<u8>, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
    for entry in read(ours)?.unwrap_or_default() {
        let pair = pairs.entry(entry.name.clone()).or_default();
        pair.0 = Some(entry);
    }
    for entry in read(theirs)?.unwrap_or_default() {
        let pair = pairs.entry(entry.name.clone()).or_default();
        pair.1 = Some(entry);
    }
    let differ = pairs.into_iter().filter(|(_, (a, b))| a != b);
    Ok(differ.map(|(name, (a, b))| (name, a, b)).collect())
}

/// Returns the entries of a tree that somebody else may have written.
fn bounded(repo: &Repo, tree: Oid) -> Result<Vec<Entry>> {
    let entries = repo.tree(&tree)?;
    if entries.len() <= ENTRIES_MAX {
        return Ok(entries);
    }
    let count = entries.len();
    Err(Fault::refused(format!(
        "a ledger has a folder of {count} entries, and {ENTRIES_MAX} are enough: tree {tree}"
    ))
    .hint("no program of ours writes that: ask whoever pushed it"))
}

#[cfg(test)]
mod tests;
