//! The tree of a ledger: 32 x 32 shards of `<id>.json`, read, compared and spliced (DESIGN 3.1).

use std::collections::BTreeMap;

use super::codec::Record;
use super::hash;
use crate::fault::{Fault, Result};
use crate::git::{Entry, Mode, Oid, Repo};

/// RFC 4648 base32 in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The layout this version writes; a ledger with a greater number is left alone.
const SCHEMA: u64 = 1;

/// The file at the root of every ledger.
const META: &str = "meta.json";

/// A ledger as it was at one commit. Costs nothing to make; records are read when asked for.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'r> {
    repo: &'r Repo,
    tip: Option<Oid>,
    tree: Option<Oid>,
}

/// A record whose blob differs between two ledgers, by the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) place: Place,
    pub(super) ours: Option<Entry>,
    pub(super) theirs: Option<Entry>,
}

/// Where in the tree something stands: shard letters and file name.
pub(super) type Place = (Vec<u8>, Vec<u8>, Vec<u8>);

impl<'r> Snapshot<'r> {
    /// Returns the ledger at `tip`; nothing is an empty ledger.
    pub fn at(repo: &'r Repo, tip: Option<Oid>) -> Result<Self> {
        let tree = tip
            .map(|tip| repo.commit(&tip).map(|commit| commit.tree))
            .transpose()?;
        Ok(Self { repo, tip, tree })
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
        let record = Record::decode(&self.repo.blob(&entry.id)?)
            .map_err(|fault| Fault::invalid(format!("record '{id}': {fault}")))?;
        if record.id() != id {
            return Err(Fault::invalid(format!(
                "record '{id}' calls itself '{}'",
                record.id()
            )));
        }
        Ok(record)
    }

    fn leaf(&self, x: &[u8], y: &[u8]) -> Result<Option<Oid>> {
        let Some(root) = self.tree else {
            return Ok(None);
        };
        let Some(outer) = self.child(root, x)? else {
            return Ok(None);
        };
        Ok(self.child(outer.id, y)?.map(|entry| entry.id))
    }

    fn child(&self, tree: Oid, name: &[u8]) -> Result<Option<Entry>> {
        Ok(self
            .repo
            .tree(&tree)?
            .into_iter()
            .find(|entry| entry.name == name))
    }

    /// Returns about how many records the ledger holds, guessed from the shard `id` falls into.
    pub fn estimate(&self, id: &str) -> Result<u64> {
        let (x, y, _) = place(id);
        let Some(leaf) = self.leaf(&x, &y)? else {
            return Ok(0);
        };
        Ok(self.repo.tree(&leaf)?.len() as u64 * 1024)
    }

    /// Returns every record that can be read; one that cannot blocks nobody.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.changed_since(None)
            .map(|changes| changes.into_iter().filter_map(|(_, new)| new).collect())
    }

    /// Returns `(id, record now)` of everything that differs from an older ledger, without what is not
    /// a readable record; nothing now: the record is gone.
    pub fn changed_since(&self, older: Option<Oid>) -> Result<Vec<(String, Option<Record>)>> {
        let mut changes = Vec::new();
        for change in differences(self.repo, older, self.tree)? {
            let Some(id) = id_of(&change.place) else {
                continue;
            };
            let now = change.theirs.filter(|entry| entry.mode == Mode::File);
            match now.map(|entry| self.decode(&entry, &id)) {
                None => changes.push((id, None)),
                Some(Ok(record)) => changes.push((id, Some(record))),
                Some(Err(Fault::Invalid(_))) => {}
                Some(Err(fault)) => return Err(fault),
            }
        }
        Ok(changes)
    }

    /// Refuses a ledger that a newer version has laid out in a way this one does not know.
    pub(super) fn check_schema(&self) -> Result<()> {
        let Some(root) = self.tree else { return Ok(()) };
        let Some(entry) = self.child(root, META.as_bytes())? else {
            return Ok(());
        };
        let meta: Meta = serde_json::from_slice(&self.repo.blob(&entry.id)?)
            .map_err(|error| Fault::invalid(format!("{META}: {error}")))?;
        if meta.schema > SCHEMA || meta.fanout > 2 {
            return Err(Fault::refused("a newer git gt has written this ledger")
                .hint("update git gt on this machine"));
        }
        Ok(())
    }

    /// Writes the tree of this ledger with `updates` in place and returns its id.
    pub(super) fn spliced(&self, updates: &[Update]) -> Result<Oid> {
        let mut shards: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<&Update>>> = BTreeMap::new();
        for update in updates {
            let (x, y, _) = &update.place;
            shards
                .entry(x.clone())
                .or_default()
                .entry(y.clone())
                .or_default()
                .push(update);
        }
        let mut root = self.entries(self.tree)?;
        if !root.contains_key(META.as_bytes()) {
            let meta = Meta {
                fanout: 2,
                schema: SCHEMA,
            };
            let text = serde_json::to_value(meta).expect("two numbers are JSON");
            let id = self.repo.write_blob(super::canonical(&text).as_bytes())?;
            put(&mut root, META.as_bytes(), Some((Mode::File, id)));
        }
        for (x, inner) in shards {
            let mut outer = self.entries(root.get(&x).map(|entry| entry.id))?;
            for (y, updates) in inner {
                let mut leaf = self.entries(outer.get(&y).map(|entry| entry.id))?;
                for update in updates {
                    put(
                        &mut leaf,
                        &update.place.2,
                        update.blob.map(|id| (Mode::File, id)),
                    );
                }
                let id = self.write_entries(leaf)?;
                put(&mut outer, &y, id.map(|id| (Mode::Tree, id)));
            }
            let id = self.write_entries(outer)?;
            put(&mut root, &x, id.map(|id| (Mode::Tree, id)));
        }
        Ok(self.write_entries(root)?.expect("the root holds meta.json"))
    }

    fn entries(&self, tree: Option<Oid>) -> Result<BTreeMap<Vec<u8>, Entry>> {
        let entries = tree
            .map(|tree| self.repo.tree(&tree))
            .transpose()?
            .unwrap_or_default();
        Ok(entries
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect())
    }

    fn write_entries(&self, entries: BTreeMap<Vec<u8>, Entry>) -> Result<Option<Oid>> {
        let mut entries: Vec<Entry> = entries.into_values().collect();
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort_by_cached_key(git_order);
        self.repo.write_tree(&entries).map(Some)
    }
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
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Meta {
    fanout: u64,
    schema: u64,
}

/// Git sorts a folder as if its name ended in a slash.
fn git_order(entry: &Entry) -> Vec<u8> {
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

/// Returns every file that differs between two ledgers' trees; equal shards are not read.
pub(super) fn differences(
    repo: &Repo,
    ours: Option<Oid>,
    theirs: Option<Oid>,
) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    for (x, a, b) in changed(repo, ours, theirs)? {
        for (y, a, b) in changed(repo, folder(a.as_ref()), folder(b.as_ref()))? {
            for (name, a, b) in changed(repo, folder(a.as_ref()), folder(b.as_ref()))? {
                let place = (x.clone(), y.clone(), name);
                found.push(Difference {
                    place,
                    ours: a,
                    theirs: b,
                });
            }
        }
    }
    Ok(found)
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
    let read = |tree: Option<Oid>| tree.map(|tree| repo.tree(&tree)).transpose();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_say_the_id_and_nothing_else() {
        let check = |id: &str, want: &str| {
            assert_eq!(file_name(id), want);
            assert_eq!(id_of(&place(id)).as_deref(), Some(id));
        };
        check("gt-4k2xa", "gt-4k2xa.json");
        check("gt-4k2xa.3", "gt-4k2xa.3.json");
        check("agent.api/polecats/nux", "agent.api%2Fpolecats%2Fnux.json");
        check("..", "...json");
        check("é %", "%C3%A9%20%25.json");
    }

    #[test]
    fn an_entry_at_a_foreign_place_has_no_id() {
        let (x, y, name) = place("gt-4k2xa");
        let check = |at: Place| assert_eq!(id_of(&at), None);
        check((b"?".to_vec(), y.clone(), name.clone()));
        check((x.clone(), y.clone(), b"gt-4k2xa".to_vec()));
        check((x, y, b"%67t-4k2xa.json".to_vec()));
    }
}
