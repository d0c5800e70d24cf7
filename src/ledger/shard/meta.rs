//! What `meta.json` says of a ledger: how it is laid out, up to when it was purged, how often its history was
//! begun anew.

use serde_json::{Map, Value};

use super::{META, Snapshot};
use crate::fault::{Fault, Result};
use crate::git::{Entry, Mode, Oid};
use crate::ledger::Stamp;
use crate::ledger::codec::canonical;

/// The layout this version writes; a ledger with a greater number is left alone.
const SCHEMA: u64 = 1;

/// How many levels of shards there are.
const FANOUT: u64 = 2;

/// The greatest size of `meta.json` that is read, in bytes.
const META_MAX: u64 = 64 * 1024;

/// The key of `meta.json` that says up to when a ledger was purged; of two the greater one stands.
const FLOOR: &str = "purge_floor";

/// How long a floor may be, in bytes.
const FLOOR_MAX: usize = 100;

/// The key of `meta.json` that says how often the history was begun anew, in as many digits always: so the
/// greater text is the greater number, and versions that do not know the key join it all the same.
const EPOCH: &str = "epoch";

/// How many digits an epoch has.
const EPOCH_DIGITS: usize = 6;

impl Snapshot<'_> {
    /// Refuses a ledger that a newer version has laid out in a way this one does not know.
    pub(in crate::ledger) fn check_schema(&self, ledger: &str) -> Result<()> {
        let Some(meta) = self.meta()? else {
            return Ok(());
        };
        let number = |key: &str, default: u64| match meta.get(key) {
            None => Some(default),
            Some(value) => value.as_u64(),
        };
        if number("schema", SCHEMA).is_some_and(|it| it <= SCHEMA)
            && number("fanout", FANOUT) == Some(FANOUT)
        {
            return Ok(());
        }
        Err(
            Fault::refused(format!("a newer git gt has written '{ledger}'"))
                .hint("update git gt on this machine; everything else works meanwhile"),
        )
    }

    /// Returns whether this is a ledger: whoever makes one puts `meta.json` into it.
    pub(in crate::ledger) fn is_ledger(&self) -> Result<bool> {
        Ok(self.meta()?.is_some_and(|meta| meta.contains_key("schema")))
    }

    /// Returns what `meta.json` says, nothing where it is missing or cannot be read.
    pub(super) fn meta(&self) -> Result<Option<Map<String, Value>>> {
        let Some(root) = self.tree else {
            return Ok(None);
        };
        let Some(entry) = self.child(root, META.as_bytes())? else {
            return Ok(None);
        };
        let usual = usual_meta();
        // Nearly every ledger says this, and every write asks.
        let known = canonical(&Value::Object(usual.clone()));
        if entry.mode == Mode::File && entry.id == self.repo.blob_id(known.as_bytes()) {
            return Ok(Some(usual));
        }
        match self.repo.blob_size(&entry.id)? {
            Some(size) if size <= META_MAX && entry.mode == Mode::File => {
                Ok(serde_json::from_slice(&self.repo.blob(&entry.id)?).ok())
            }
            _ => Ok(None),
        }
    }

    /// Writes what `meta.json` is to say in a ledger that holds this one and `other`.
    pub(super) fn write_meta(&self, other: Option<&Self>) -> Result<Entry> {
        self.write_as_meta(self.meta_with(other)?)
    }

    fn write_as_meta(&self, meta: Map<String, Value>) -> Result<Entry> {
        let text = canonical(&Value::Object(meta));
        Ok(Entry {
            mode: Mode::File,
            name: META.as_bytes().to_owned(),
            id: self.repo.write_blob(text.as_bytes())?,
        })
    }

    /// Returns what `meta.json` is to say in a ledger that holds this one and `other`.
    fn meta_with(&self, other: Option<&Self>) -> Result<Map<String, Value>> {
        let mut meta = usual_meta();
        let known = [Some(self), other].into_iter().flatten();
        for (key, value) in known
            .map(Self::meta)
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .flatten()
        {
            // What this version does not know is kept; of two values the greater one, so that both
            // sides of a join write the same.
            let greater = meta
                .get(&key)
                .is_none_or(|there| canonical(there) < canonical(&value));
            let known = match key.as_str() {
                "fanout" | "schema" => false,
                EPOCH => epoch_of(&value).is_some(),
                FLOOR => floor_of(&value).is_some(),
                _ => true,
            };
            if greater && known {
                meta.insert(key, value);
            }
        }
        Ok(bounded(meta))
    }

    /// Returns up to when the ledger was purged: what is not in it and older is not made again.
    pub fn purge_floor(&self) -> Result<Option<Stamp>> {
        let meta = self.meta()?.unwrap_or_default();
        Ok(meta.get(FLOOR).and_then(floor_of))
    }

    /// Returns how often the history of the ledger was begun anew; what is no number counts for nothing.
    pub(in crate::ledger) fn epoch(&self) -> Result<u32> {
        let meta = self.meta()?.unwrap_or_default();
        Ok(meta.get(EPOCH).and_then(epoch_of).unwrap_or_default())
    }

    /// Writes the tree of this ledger with the next epoch, nothing where there is none after this one.
    pub(in crate::ledger) fn with_next_epoch(&self) -> Result<Option<Oid>> {
        let next = format!("{:0EPOCH_DIGITS$}", self.epoch()? + 1);
        let tree = self.tree.filter(|_| next.len() == EPOCH_DIGITS);
        tree.map(|tree| self.with_meta(tree, EPOCH, &next))
            .transpose()
    }

    /// Writes a tree of this ledger with its floor raised.
    pub(in crate::ledger) fn with_floor(&self, tree: Oid, floor: &Stamp) -> Result<Oid> {
        if self.purge_floor()?.is_some_and(|known| known >= *floor) {
            return Ok(tree);
        }
        self.with_meta(tree, FLOOR, floor.as_str())
    }

    /// Writes a tree of this ledger whose `meta.json` says one thing more.
    fn with_meta(&self, tree: Oid, key: &str, value: &str) -> Result<Oid> {
        let mut meta = self.meta_with(None)?;
        meta.insert(key.to_owned(), value.into());
        let mut root = self.repo.tree(&tree)?;
        root.retain(|it| it.name != META.as_bytes());
        root.push(self.write_as_meta(meta)?);
        self.repo.write_tree(&root)
    }

    /// Writes `meta.json` as it is to be where it cannot be read: with what it said that can be.
    pub(in crate::ledger) fn mended_meta(&self) -> Result<Entry> {
        self.write_meta(None)
    }
}

/// Returns the epoch that a value of `meta.json` says, nothing where it says none.
fn epoch_of(value: &Value) -> Option<u32> {
    let digits = value.as_str()?;
    let is_one = digits.len() == EPOCH_DIGITS && digits.bytes().all(|it| it.is_ascii_digit());
    digits.parse().ok().filter(|_| is_one)
}

/// Returns the floor that a value of `meta.json` says, nothing where it says none.
fn floor_of(value: &Value) -> Option<Stamp> {
    let text = value.as_str().filter(|it| it.len() <= FLOOR_MAX)?;
    let floor: Stamp = text.parse().ok()?;
    floor.check().is_ok().then_some(floor)
}

/// Returns what `meta.json` is to say without what would make it too long to be read again: two that can be may
/// not be together, and epoch and floor would go with the rest. Of what this version does not know stays what
/// comes first, so that joining either of the two once more changes nothing.
fn bounded(meta: Map<String, Value>) -> Map<String, Value> {
    let length = |meta: &Map<String, Value>| canonical(&meta.clone().into()).len() as u64;
    let is_known = |key: &str| ["fanout", "schema", EPOCH, FLOOR].contains(&key);
    let (mut kept, more): (Map<_, _>, Map<_, _>) =
        meta.into_iter().partition(|(key, _)| is_known(key));
    let mut room = META_MAX.saturating_sub(length(&kept));
    for entry in more {
        let entry = Map::from_iter([entry]);
        if let Some(left) = room.checked_sub(length(&entry)) {
            room = left;
            kept.extend(entry);
        }
    }
    kept
}

/// Returns what `meta.json` says in a ledger that this version makes.
fn usual_meta() -> Map<String, Value> {
    Map::from_iter([
        ("fanout".to_owned(), FANOUT.into()),
        ("schema".to_owned(), SCHEMA.into()),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::git::Repo;
    use crate::ledger::scratch::Scratch;
    use crate::ledger::shard::{Update, rebuilt};

    /// Returns the ledger with nothing in it but a text as `meta.json`.
    fn with_meta_text<'r>(repo: &'r Repo, text: &str) -> Snapshot<'r> {
        let meta = Entry {
            mode: Mode::File,
            name: META.as_bytes().to_owned(),
            id: repo.write_blob(text.as_bytes()).unwrap(),
        };
        Snapshot::at_tree(repo, Some(repo.write_tree(&[meta]).unwrap()))
    }

    fn meta_text(repo: &Repo, tree: Oid) -> String {
        let entry = repo.entry(&tree, META.as_bytes()).unwrap().unwrap();
        String::from_utf8(repo.blob(&entry.id).unwrap()).unwrap()
    }

    #[test]
    fn what_a_later_epoch_says_survives_whoever_writes_and_joins() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let stored = include_str!("../../../fixtures/ledgers/v1/meta-of-an-epoch.json");
        let before = include_str!("../../../fixtures/ledgers/v1/meta.json");
        let [later, earlier] = [stored, before].map(|text| with_meta_text(&repo, text));
        assert_eq!((later.epoch().unwrap(), earlier.epoch().unwrap()), (12, 0));
        later.check_schema("it").unwrap();
        let blob = repo.write_blob(b"x").unwrap();
        let written = later.spliced(&[Update::of("gt-1", blob)]).unwrap();
        assert_eq!(meta_text(&repo, written), stored);
        for (a, b) in [(&later, &earlier), (&earlier, &later), (&later, &later)] {
            let joined = rebuilt(a, b, &BTreeMap::new()).unwrap();
            assert_eq!(meta_text(&repo, joined), stored);
        }
        let next = later.with_next_epoch().unwrap().unwrap();
        let want = stored.replace("000012", "000013");
        assert_eq!(meta_text(&repo, next), want);
        // Versions that do not know the key take the greater text.
        let text = |number: u32| canonical(&format!("{number:06}").into());
        for (a, b) in [(0, 1), (9, 10), (12, 13), (99, 100), (123_456, 999_999)] {
            assert!(text(a) < text(b));
        }
    }

    #[test]
    fn an_epoch_or_a_floor_that_is_none_counts_for_nothing_and_goes() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let check = |key: &str, good: &str, bad: &str| {
            let of = |value: &str| {
                let text = format!("{{\n  {value},\n  \"fanout\": 2,\n  \"schema\": 1\n}}\n");
                let meta: Map<String, Value> = serde_json::from_str(&text).unwrap();
                with_meta_text(&repo, &canonical(&meta.into()))
            };
            let [good, bad] = [good, bad].map(|value| of(&format!("\"{key}\": {value}")));
            assert_eq!(bad.epoch().unwrap(), 0, "{key}");
            assert_eq!(bad.purge_floor().unwrap(), None, "{key}");
            for (a, b) in [(&good, &bad), (&bad, &good)] {
                let joined = rebuilt(a, b, &BTreeMap::new()).unwrap();
                assert_eq!(Some(joined), good.tree(), "{key}");
            }
        };
        for epoch in [
            "7",
            "null",
            "{}",
            "\"7\"",
            "\"1000000\"",
            "\"zzzzzz\"",
            "\"+00001\"",
        ] {
            check(EPOCH, "\"000002\"", epoch);
        }
        let floor = "\"0199a3c1e2000000-0\"";
        for bad in ["7", "{}", "\"zzz\"", "\"ffffffffffffffff-0\""] {
            check(FLOOR, floor, bad);
        }
        let last = with_meta_text(&repo, "{\"epoch\":\"999999\",\"schema\":1}");
        assert_eq!(last.with_next_epoch().unwrap(), None);
    }

    #[test]
    fn what_meets_stays_short_enough_to_be_read() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let with = |key: &str| {
            let long = "x".repeat(60_000);
            let text = format!("{{\"{key}\":\"{long}\",\"epoch\":\"000002\",\"schema\":1}}");
            with_meta_text(&repo, &text)
        };
        let (a, z) = (with("a"), with("z"));
        let joined = [(&a, &z), (&z, &a)].map(|(a, b)| rebuilt(a, b, &BTreeMap::new()).unwrap());
        assert_eq!(joined[0], joined[1]);
        let joined = Snapshot::at_tree(&repo, Some(joined[0]));
        assert_eq!(joined.epoch().unwrap(), 2);
        let keys = |ledger: &Snapshot<'_>| -> Vec<String> {
            ledger
                .meta()
                .unwrap()
                .unwrap()
                .into_iter()
                .map(|it| it.0)
                .collect()
        };
        assert_eq!(keys(&joined), ["a", "epoch", "fanout", "schema"]);
        for again in [&a, &z] {
            let tree = rebuilt(&joined, again, &BTreeMap::new()).unwrap();
            assert_eq!(Some(tree), joined.tree());
        }
    }
}
