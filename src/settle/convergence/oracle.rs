//! What must be so in the end, found without any join: of all that was ever written to a value the last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bead, Records};
use crate::ledger::{Record, Stamp, canonical};

/// A record whatever its id became: the id it was made under, and when.
type Thing = (String, Stamp);

/// A field, or an entry of a map.
type Path = (String, Option<String>);

/// What was written to a value, in the order in which one prevails over another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    life: i64,
    stamp: Stamp,
    present: bool,
    text: String,
}

/// What is known of one record.
#[derive(Clone, Default)]
struct Known {
    last: BTreeMap<Path, Written>,
    /// When it was last deleted: what was written before and had no stamp of its own is gone.
    floor: Option<Stamp>,
    /// The claim of each epoch that was on the hub first.
    first: BTreeMap<u64, String>,
}

#[derive(Clone, Default)]
pub(super) struct Oracle {
    known: BTreeMap<Thing, Known>,
}

fn thing(record: &Record) -> Thing {
    // A renamed record says what it was called; a deleted one is found by the beginning of its id.
    let id = record.id();
    let id = ["gt-same", "gt-1.1.1", "gt-1.1"]
        .into_iter()
        .find(|it| {
            id == *it
                || id
                    .strip_prefix(*it)
                    .is_some_and(|rest| rest.starts_with('-'))
        })
        .unwrap_or(id);
    (id.to_owned(), record.created())
}

fn paths(record: &Record) -> impl Iterator<Item = Path> {
    record.fields().flat_map(|(field, value)| {
        let map = value.as_object().filter(|_| field != "state");
        let whole = map.is_none().then(|| (field.to_owned(), None));
        let keys = map.into_iter().flatten();
        whole
            .into_iter()
            .chain(keys.map(move |(key, _)| (field.to_owned(), Some(key.clone()))))
    })
}

/// Returns what has a stamp of its own, there or not.
fn removed(record: &Record) -> impl Iterator<Item = Path> {
    let rows = record.entries("stamps").filter(|(row, _)| *row != "*");
    rows.map(|(row, _)| match row.split_once('/') {
        Some((field, key)) => (field.to_owned(), Some(key.to_owned())),
        None => (row.to_owned(), None),
    })
}

fn written(record: &Record, (field, key): &Path) -> Written {
    let value = match key {
        Some(key) => record.entry(field, key),
        None => record.get(field),
    };
    let stamp = match key {
        Some(key) => record.stamp_of_entry(field, key),
        None => record.stamp_of(field),
    };
    let life = value.filter(|_| field == "state");
    Written {
        life: life.and_then(|it| it["life"].as_i64()).unwrap_or(-1),
        stamp,
        present: value.is_some(),
        text: value.map(canonical).unwrap_or_default(),
    }
}

/// Returns the stamp under which everything is absent that has none of its own.
fn floor(record: &Record) -> Stamp {
    record.stamp_of("no such field")
}

fn holders(record: &Record) -> impl Iterator<Item = (u64, &str)> {
    let claims = record.entries("claims");
    let held = claims.filter(|(_, claim)| claim["by"].is_string());
    held.map(|(key, _)| (key[..6].parse().expect("an epoch"), key))
}

impl Oracle {
    /// Notes what an edit did.
    pub(super) fn saw(&mut self, old: Option<&Record>, new: &Record) {
        let known = self.known.entry(thing(new)).or_default();
        let mut touched: BTreeSet<Path> = paths(new).collect();
        touched.extend(old.into_iter().flat_map(paths));
        touched.extend(removed(new));
        for path in touched {
            let now = written(new, &path);
            let before = old.map(|old| written(old, &path));
            if before.as_ref() == Some(&now) {
                continue;
            }
            let last = known.last.entry(path).or_insert_with(|| now.clone());
            if *last < now {
                *last = now;
            }
        }
        if old.is_some_and(|old| floor(old) != floor(new)) {
            known.floor = known.floor.take().max(Some(floor(new)));
        }
    }

    /// Notes what the hub holds: there the first claim of an epoch stands for ever.
    pub(super) fn pushed(&mut self, records: &Records) {
        for record in records.values().filter(|it| it.kind() == Bead::KIND) {
            let known = self.known.entry(thing(record)).or_default();
            let mut epochs = BTreeSet::new();
            for (epoch, key) in holders(record) {
                assert!(epochs.insert(epoch), "two hold one epoch: {record:?}");
                let first = known.first.entry(epoch).or_insert_with(|| key.to_owned());
                assert_eq!(first, key, "who was first lost the claim");
            }
            let gone = known.first.keys().find(|it| !epochs.contains(it));
            assert!(
                gone.is_none(),
                "the first claim of {gone:?} is gone: {record:?}"
            );
        }
    }

    /// Checks what everybody ends with.
    pub(super) fn check(&self, end: &Records, is_orderly: bool) {
        let found: BTreeMap<Thing, &Record> = end.values().map(|it| (thing(it), &**it)).collect();
        let things: Vec<&Thing> = found.keys().collect();
        let wanted: Vec<&Thing> = self.known.keys().collect();
        assert_eq!(things, wanted, "a record is missing, or two are one");
        let mut older: BTreeMap<&str, &Stamp> = BTreeMap::new();
        for ((id, created), known) in &self.known {
            let record = found[&(id.clone(), created.clone())];
            let first = *older.entry(id).or_insert(created);
            assert_eq!(record.id() == id, first == created, "{record:?}");
            known.check(record, record.id() != id);
            let held: BTreeSet<&str> = holders(record).map(|(_, key)| key).collect();
            let first: BTreeSet<&str> = known.first.values().map(String::as_str).collect();
            assert!(!is_orderly || held == first, "{held:?}, {first:?}");
        }
    }
}

impl Known {
    fn check(&self, record: &Record, is_renamed: bool) {
        let mut want: BTreeMap<&Path, &str> = BTreeMap::new();
        for (path, last) in self.last.iter().filter(|(_, last)| last.present) {
            let stamped = path
                .1
                .as_ref()
                .is_some_and(|it| Stamp::at_end_of(it).is_some());
            let is_gone = path.0 != "state"
                && !stamped
                && self.floor.as_ref().is_some_and(|floor| last.stamp < *floor);
            if !is_gone {
                want.insert(path, &last.text);
            }
        }
        let here: Vec<(Path, String)> = paths(record)
            .filter(|path| !is_renamed || path.0 != "alias")
            .map(|path| {
                let text = written(record, &path).text;
                (path, text)
            })
            .collect();
        let got = here
            .iter()
            .map(|(path, text)| (path, text.as_str()))
            .collect();
        assert_eq!(want, got, "{record:?}");
    }
}
