//! What did not prevail where two sides changed one value apart.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Overtaken, Sync};
use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::codec::{Record, canonical};
use crate::ledger::shard::{Snapshot, differences, id_of};
use crate::ledger::{CloneId, Stamp};

/// How many joins of others are looked into, the newest first.
const JOINS_MAX: usize = 200;

impl Sync<'_> {
    /// Returns what this clone had written and pushed, so that `base` holds it, and what other clones had
    /// written apart from it overtook when they joined the two, before `theirs`.
    pub(super) fn overtaken_since(&self, base: Oid, theirs: Oid) -> Result<Vec<Overtaken>> {
        let Some(clone) = CloneId::known(self.repo) else {
            return Ok(Vec::new());
        };
        let ours = self.changed_of(&clone, base, theirs)?;
        if ours.is_empty() {
            return Ok(Vec::new());
        }
        let mut told: Vec<Overtaken> = Vec::new();
        for (join, parents) in self.repo.joins(&base, &theirs, JOINS_MAX)? {
            let [a, b] = parents[..] else { continue };
            let knew = |it: &Oid| self.repo.is_ancestor(&base, it);
            let apart = match (knew(&a)?, knew(&b)?) {
                (true, false) => b,
                (false, true) => a,
                _ => continue,
            };
            let before = self.repo.merge_base(&base, &apart)?;
            let at = |tip| Snapshot::fetched(self.repo, tip);
            let [before, there, after] = [at(before)?, at(Some(apart))?, at(Some(join))?];
            for record in &ours {
                let of = |it: &Snapshot<'_>| it.get(record.id()).ok().flatten();
                let (Some(there), Some(after)) = (of(&there), of(&after)) else {
                    continue;
                };
                let lost = overtaken(of(&before).as_ref(), record, &there, &after).into_iter();
                let lost = lost.filter(|it| it.ours && is_by(&clone, record, &it.field));
                told.extend(lost);
            }
        }
        told.dedup_by(|a, b| (&a.id, &a.field, &a.lost) == (&b.id, &b.field, &b.lost));
        Ok(told)
    }

    /// Returns whether this clone wrote what was overtaken.
    pub(super) fn is_of_this_clone(&self, ours: &Snapshot<'_>, lost: &Overtaken) -> bool {
        let record = ours.get(&lost.id).ok().flatten().filter(|_| lost.ours);
        let clone = CloneId::known(self.repo);
        let both = clone.zip(record);
        both.is_some_and(|(clone, record)| is_by(&clone, &record, &lost.field))
    }

    /// Returns the records at `base` with something of this clone's that is otherwise at `theirs`.
    fn changed_of(&self, clone: &CloneId, base: Oid, theirs: Oid) -> Result<Vec<Record>> {
        let at = |tip| Snapshot::at(self.repo, Some(tip));
        let mut found = Vec::new();
        for change in differences(self.repo, at(base)?.tree(), at(theirs)?.tree())? {
            let Some(id) = id_of(&change.place) else {
                continue;
            };
            let before = self.record(&id, change.ours.as_ref())?;
            let after = self.record(&id, change.theirs.as_ref())?;
            if let (Some(before), Some(after)) = (before, after) {
                let mut paths = paths(&before).into_iter();
                let lost = paths.any(|path| {
                    value(&before, path) != value(&after, path)
                        && stamp_of(&before, path).clone_part() == clone.as_str()
                });
                if lost {
                    found.push(before);
                }
            }
        }
        Ok(found)
    }
}

/// Returns whether a clone wrote what a record holds in a field, or in `<field>/<key>` of a map.
fn is_by(clone: &CloneId, record: &Record, field: &str) -> bool {
    let path = match field.split_once('/') {
        Some((map, key)) => (map, Some(key)),
        None => (field, None),
    };
    stamp_of(record, path).clone_part() == clone.as_str()
}

fn stamp_of(record: &Record, (field, key): (&str, Option<&str>)) -> Stamp {
    match key {
        Some(key) => record.stamp_of_entry(field, key),
        None => record.stamp_of(field),
    }
}

/// Returns every change made on either side since `base`, the last record both knew, that is not in the
/// join of the two. Claims have words of their own.
pub(super) fn overtaken(
    base: Option<&Record>,
    ours: &Record,
    theirs: &Record,
    joined: &Record,
) -> Vec<Overtaken> {
    let sides = [ours, theirs, joined];
    let paths: BTreeSet<(&str, Option<&str>)> =
        base.into_iter().chain(sides).flat_map(paths).collect();
    let mut found = Vec::new();
    for path in paths.into_iter().filter(|(field, _)| *field != "claims") {
        let before = base.and_then(|it| value(it, path));
        let [a, b, kept] = sides.map(|side| value(side, path));
        let lost = |side: Option<&Value>| side != before && side != kept;
        let (changed, is_ours) = match (lost(a), lost(b)) {
            (true, _) => (a, true),
            (false, true) => (b, false),
            (false, false) => continue,
        };
        let (field, key) = path;
        found.push(Overtaken {
            id: ours.id().to_owned(),
            field: key.map_or_else(|| field.to_owned(), |key| format!("{field}/{key}")),
            lost: text(changed),
            kept: text(kept),
            ours: is_ours,
        });
    }
    found
}

/// Returns what is joined on its own: fields, and the entries of maps.
fn paths(record: &Record) -> Vec<(&str, Option<&str>)> {
    let mut paths = Vec::new();
    for (field, value) in record.fields() {
        match value.as_object().filter(|_| field != "state") {
            Some(map) => paths.extend(map.keys().map(|key| (field, Some(key.as_str())))),
            None => paths.push((field, None)),
        }
    }
    paths
}

fn value<'a>(record: &'a Record, (field, key): (&str, Option<&str>)) -> Option<&'a Value> {
    match key {
        Some(key) => record.entry(field, key),
        // A map is compared by its entries.
        None => record
            .get(field)
            .filter(|value| field == "state" || !value.is_object()),
    }
}

fn text(value: Option<&Value>) -> String {
    canonical(value.unwrap_or(&Value::Null))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::join;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn base() -> Record {
        let mut record = Record::new("gt-1", "bead", &stamp(1));
        record.set("title", Some("old".into()), &stamp(2));
        record.set_entry("labels", "a", Some(true.into()), &stamp(2));
        record
    }

    #[track_caller]
    fn check(ours: impl Fn(&mut Record), theirs: impl Fn(&mut Record), want: &str) {
        let (mut a, mut b) = (base(), base());
        ours(&mut a);
        theirs(&mut b);
        let found = overtaken(Some(&base()), &a, &b, &join(&a, &b));
        let told = found.iter().map(|it| {
            let whose = if it.ours { "ours" } else { "theirs" };
            format!("{whose} {} {} for {}", it.field, it.lost, it.kept)
        });
        assert_eq!(told.collect::<Vec<_>>().join("; "), want);
    }

    fn titled(title: &str, at: u64) -> impl Fn(&mut Record) {
        move |record| record.set("title", Some(title.into()), &stamp(at))
    }

    #[test]
    fn only_what_both_changed_can_be_overtaken() {
        check(titled("new", 3), |_| {}, "");
        check(|_| {}, titled("new", 3), "");
        check(titled("new", 3), titled("new", 4), "");
        check(titled("x", 3), titled("y", 4), "ours title \"x\" for \"y\"");
        check(
            titled("x", 5),
            titled("y", 4),
            "theirs title \"y\" for \"x\"",
        );
    }

    #[test]
    fn entries_of_a_map_are_compared_one_by_one() {
        let label = |key: &'static str, value: Option<u64>, at| {
            move |record: &mut Record| {
                record.set_entry("labels", key, value.map(Into::into), &stamp(at));
            }
        };
        check(label("b", Some(1), 3), label("c", Some(1), 4), "");
        check(
            label("a", None, 3),
            label("a", Some(2), 4),
            "ours labels/a null for 2",
        );
        check(
            label("a", None, 5),
            label("a", Some(2), 4),
            "theirs labels/a 2 for null",
        );
    }

    #[test]
    fn what_a_deletion_swallowed_is_told() {
        let deleted = |record: &mut Record| {
            let state = serde_json::json!({ "life": 1, "status": "deleted" });
            record.delete(state.as_object().unwrap().clone(), &stamp(9));
        };
        check(titled("x", 3), deleted, "ours title \"x\" for null");
        check(titled("x", 10), deleted, "theirs title null for \"x\"");
    }
}
