//! Purging: what was deleted long ago, and mail that was of use for a while only, goes for good. A floor in
//! `meta.json` says up to when, so that whoever still has it drops it, too (DESIGN 3.3).

use std::collections::BTreeMap;

use super::codec::{READ_MAX, Record};
use super::shard::{Place, Update, checked, id_of};
use super::{CloneId, Name, Snapshot, Stamp};
use crate::fault::{Fault, Result};
use crate::git::{Cas, NewCommit, Oid, Repo, Signature};
use crate::world::Time;

/// What is known by a name is made again under it, so that its tombstone is needed for ever.
const PURGED: [Name; 4] = [Name::Beads, Name::Mail, Name::Convoys, Name::Handoffs];

/// How many records of one ledger went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The ledger's ref.
    pub name: String,
    /// How many of its records went, or would go.
    pub records: usize,
}

/// Returns whether a record may be missing from a ledger that was purged up to `floor`: nobody has touched
/// it since, and it was deleted or is over.
///
/// A function of the bytes alone: every clone drops the same.
fn is_over(record: &Record, floor: &Stamp) -> bool {
    let is_deleted = record.status() == "deleted" && record.life() % 2 == 1;
    // Times are written alike, so that their order is that of their texts.
    let expires = record.text("expires");
    let is_past = !expires.is_empty() && *expires < *floor.time().to_string();
    record.newest() < *floor && (is_deleted || is_past)
}

/// Takes out of a join of two ledgers what they were purged of; what is live stays, whoever dropped it.
pub(super) fn drop_purged(
    repo: &Repo,
    (ours, theirs): (&Snapshot<'_>, &Snapshot<'_>),
    places: &mut BTreeMap<Place, Option<Oid>>,
) -> Result<()> {
    let floors = [ours.purge_floor()?, theirs.purge_floor()?];
    let Some(floor) = floors.into_iter().flatten().max() else {
        return Ok(());
    };
    for (place, blob) in places {
        let (Some(id), Some(found)) = (id_of(place), *blob) else {
            continue;
        };
        let Some(bytes) = repo.blob_up_to(&found, READ_MAX as u64)? else {
            continue;
        };
        if checked(&bytes, &id).is_ok_and(|record| is_over(&record, &floor)) {
            *blob = None;
        }
    }
    Ok(())
}

/// Drops what was deleted before a time and has not been touched since, and what was over by then; raises
/// the floor of each ledger to the last of them. Only counts when `is_dry`.
///
/// Other clones drop the same when they join. One that has not synced since then and still has something
/// alive that was deleted brings it back. After a crash some ledgers are purged; doing it again does the
/// rest.
pub fn purge(repo: &Repo, before: Time, is_dry: bool) -> Result<Vec<Purged>> {
    let mut all = Vec::new();
    for name in PURGED {
        let records = one(repo, name, before, is_dry)?;
        let name = name.ref_name().to_owned();
        all.extend(records.map(|records| Purged { name, records }));
    }
    Ok(all)
}

fn one(repo: &Repo, name: Name, before: Time, is_dry: bool) -> Result<Option<usize>> {
    let clone = CloneId::of(repo)?;
    let guard = repo.guard()?;
    let Some(tip) = repo.find_ref(name.ref_name())? else {
        return Ok(None);
    };
    let ledger = Snapshot::at(repo, Some(tip))?;
    ledger.check_schema(name.ref_name())?;
    let floor = Stamp::floor(before);
    let gone = over(&ledger, &floor)?;
    if is_dry || gone.is_empty() {
        return Ok(Some(gone.len()));
    }
    let tree = without(&ledger, &gone, floor)?;
    let commit = repo.write_commit(&NewCommit {
        tree,
        parents: &[tip],
        author: &Signature::of("git-gt"),
        committer: &Signature::of(clone.as_str()),
        time: repo.world().now(),
        message: &format!("purge {} records of before {before}\n", gone.len()),
    })?;
    match repo.swap_ref(&guard, name.ref_name(), Some(tip), commit)? {
        Cas::Swapped => Ok(Some(gone.len())),
        Cas::Moved(_) => Err(
            Fault::stale(format!("'{}' was moved meanwhile", name.ref_name()))
                .hint("nothing was purged there; try again"),
        ),
    }
}

/// Returns what goes from a ledger.
pub(super) fn over(ledger: &Snapshot<'_>, floor: &Stamp) -> Result<Vec<Record>> {
    let mut records = ledger.records()?;
    records.retain(|it| is_over(it, floor));
    Ok(records)
}

/// Returns the least floor under which records are over: a clock that is ahead raises it no further than to what
/// it has dropped.
fn floor_of(gone: &[Record], most: Stamp) -> Stamp {
    let ends = |record: &Record| {
        let newest = record.newest().time();
        Time::parse(record.text("expires")).map_or(newest, |it| it.max(newest))
    };
    let least = gone.iter().map(ends).max();
    let least = least.map(|last| Stamp::floor(Time(last.0 + 1)));
    // Times that somebody else wrote are compared as they stand.
    let is_enough = |floor: &Stamp| gone.iter().all(|it| is_over(it, floor));
    least.filter(is_enough).unwrap_or(most)
}

/// Writes the tree of a ledger without what goes, with its floor raised as far as that needs.
pub(super) fn without(ledger: &Snapshot<'_>, gone: &[Record], floor: Stamp) -> Result<Oid> {
    let updates: Vec<Update> = gone.iter().map(|it| Update::gone(it.id())).collect();
    ledger.with_floor(ledger.spliced(&updates)?, &floor_of(gone, floor))
}

#[cfg(test)]
mod tests;
