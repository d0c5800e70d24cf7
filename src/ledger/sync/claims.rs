//! Claims between machines: the push decides (DESIGN 3.3).

use std::collections::BTreeMap;

use serde_json::Value;

use super::integrate::{is_one, renamed};
use super::{Event, Sync};
use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::codec::Record;
use crate::ledger::shard::{Snapshot, differences, id_of};
use crate::ledger::{Decision, Name, Stamp, transact};

/// What becomes of our claims of one bead.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lost {
    /// Entries of ours that the remote does not know and that are to be withdrawn.
    pub(super) keys: Vec<String>,
    /// Who held the bead here and who holds it there, where somebody here loses it.
    pub(super) holders: Option<(String, String)>,
}

impl Sync<'_> {
    /// Withdraws claims of ours that the remote has not seen where it holds claims that were made without
    /// them: between machines the push decides. Returns the tip afterwards.
    pub(super) fn withdraw_lost_claims(&mut self, remote: &Snapshot<'_>) -> Result<Option<Oid>> {
        let lost = transact(self.repo, (Name::Beads, None), "git-gt", |ours, pen| {
            let (mut records, mut events, mut young) = (BTreeMap::new(), Vec::new(), Vec::new());
            for change in differences(self.repo, ours.tree(), remote.tree())? {
                let Some(id) = id_of(&change.place) else {
                    continue;
                };
                let mine = self.record(&id, change.ours.as_ref())?;
                let other = self.record(&id, change.theirs.as_ref())?;
                let (Some(mine), Some(other)) = (mine, other) else {
                    continue;
                };
                if !is_one(&mine, &other) && mine.created() > other.created() {
                    young.push((id, renamed(&mine).id().to_owned()));
                }
                // What cannot be read is no claim.
                let here = |id: &str| ours.get(id).ok().flatten();
                let there = |id: &str| remote.get(id).ok().flatten();
                let Some((mine, other)) = of_one_thing(mine, other, &here, &there) else {
                    continue;
                };
                let mut mine = records.remove(mine.id()).unwrap_or(mine);
                let lost = lost_claims(&mine, &other);
                let stamp = pen.stamp(&mine);
                for key in &lost.keys {
                    mine.set_entry("claims", key, None, &stamp);
                }
                let bead = mine.id().to_owned();
                if !lost.keys.is_empty() {
                    records.insert(bead.clone(), mine);
                }
                if let Some((ours, theirs)) = lost.holders {
                    events.push(Event::ClaimLost { bead, ours, theirs });
                }
            }
            let records: Vec<Record> = records.into_values().collect();
            let subject = format!(
                "withdraw claims of {} beads that others made first",
                records.len()
            );
            Ok(Decision::write(subject, records, (events, young)))
        })?;
        let (events, young) = lost.value;
        self.report.events.extend(events);
        if !young.is_empty() {
            (self.rules.follow)(&young)?;
        }
        Ok(lost.tip)
    }
}

/// Returns our version and the remote's of one thing, where an id stands for a record on both sides.
///
/// Where the id was made twice it stands for two things. The younger one gets another id when they meet, and
/// the side that knows the older one may know it under that already.
pub(super) fn of_one_thing(
    mine: Record,
    other: Record,
    here: &dyn Fn(&str) -> Option<Record>,
    there: &dyn Fn(&str) -> Option<Record>,
) -> Option<(Record, Record)> {
    if is_one(&mine, &other) {
        return Some((mine, other));
    }
    if mine.created() < other.created() {
        let other = renamed(&other);
        return here(other.id()).map(|mine| (mine, other));
    }
    there(renamed(&mine).id()).map(|other| (mine, other))
}

/// Withdraws claims of `theirs`, which were handed over, where `ours` holds claims that were made without
/// them. The stamp is the least that does it: everybody who joins the two writes the same.
pub(super) fn withdraw_lost(theirs: &mut Record, ours: &Record) {
    let stamp = Stamp::just_after(&theirs.newest());
    for key in lost_claims(theirs, ours).keys {
        theirs.set_entry("claims", &key, None, &stamp);
    }
}

/// Returns what the remote's claims of a bead make of ours.
///
/// What the remote lacks was not pushed. Whoever claims in an epoch does it in knowledge of the epochs
/// before; so from the first epoch on in which the remote knows a holder that we do not, whatever we have
/// not pushed was decided over a claim that does not stand: claims, and releases of those claims too.
pub(super) fn lost_claims(ours: &Record, theirs: &Record) -> Lost {
    let withdrawn = |record: &Record, key: &str| record.row(&format!("claims/{key}")).is_some();
    let unknown = theirs.entries("claims").filter(|(key, claim)| {
        let known = ours.entry("claims", key).is_some() || withdrawn(ours, key);
        holder(claim).is_some() && !known
    });
    let Some(first) = unknown.filter_map(|(key, _)| epoch(key)).min() else {
        return Lost::default();
    };
    let over: Vec<&str> = ours
        .entries("claims")
        .map(|(key, _)| key)
        .filter(|key| theirs.entry("claims", key).is_none())
        .filter(|key| epoch(key).is_some_and(|epoch| epoch >= first))
        .collect();
    let holders = standing(ours)
        .filter(|(key, _)| over.contains(key))
        .map(|(_, by)| (by.to_owned(), told_holder(theirs)));
    // One that somebody else has withdrawn already needs no second withdrawal.
    let keys = over.iter().filter(|key| !withdrawn(theirs, key));
    Lost {
        keys: keys.map(|key| (*key).to_owned()).collect(),
        holders,
    }
}

/// Returns who holds a bead now, else who held it last.
fn told_holder(record: &Record) -> String {
    let last = || {
        record
            .entries("claims")
            .filter_map(|(_, claim)| holder(claim))
            .next_back()
    };
    let now = standing(record).map(|(_, by)| by);
    now.or_else(last).unwrap_or_default().to_owned()
}

/// Returns the claim that stands, its key and its holder: of the greatest epoch the smallest stamp's.
fn standing(record: &Record) -> Option<(&str, &str)> {
    let claims = || {
        record
            .entries("claims")
            .filter_map(|(key, claim)| Some((epoch(key)?, key, claim)))
    };
    let last = claims().map(|(epoch, _, _)| epoch).max()?;
    let of_last = claims().filter(|(epoch, _, _)| *epoch == last);
    of_last
        .filter_map(|(_, key, claim)| Some((key, holder(claim)?)))
        .min_by_key(|(key, _)| key.split_once('-').map(|(_, stamp)| stamp))
}

fn holder(claim: &Value) -> Option<&str> {
    claim.get("by").and_then(Value::as_str)
}

fn epoch(key: &str) -> Option<u64> {
    key.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    /// Returns a bead with claims written `epoch@stamp=holder`, `-` for a release, `!` before one that
    /// was withdrawn.
    fn bead(claims: &str) -> Record {
        let mut record = Record::new("gt-1", "bead", &stamp(1));
        for claim in claims.split_whitespace() {
            let (at, by) = claim.trim_start_matches('!').split_once('=').unwrap();
            let (epoch, at) = at.split_once('@').unwrap();
            let stamp = stamp(at.parse().unwrap());
            let by = if by == "-" { Value::Null } else { by.into() };
            let value = (!claim.starts_with('!')).then(|| serde_json::json!({ "by": by }));
            let key = format!("{epoch:0>6}-{stamp}");
            record.set_entry("claims", &key, value, &stamp);
        }
        record
    }

    #[track_caller]
    fn check(ours: &str, theirs: &str, withdrawn: &str, holders: Option<(&str, &str)>) {
        let lost = lost_claims(&bead(ours), &bead(theirs));
        let keys = lost.keys.iter().map(|key| {
            let (epoch, stamp) = key.split_once('-').unwrap();
            let number = u64::from_str_radix(&stamp[..16], 16).unwrap();
            format!("{}@{number}", epoch.trim_start_matches('0'))
        });
        assert_eq!(keys.collect::<Vec<_>>().join(" "), withdrawn);
        let holders = holders.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(lost.holders, holders);
    }

    #[test]
    fn the_claim_that_was_pushed_stands_whenever_it_was_made() {
        check("1@2=ada", "1@3=bob", "1@2", Some(("ada", "bob")));
        check("1@3=ada", "1@2=bob", "1@3", Some(("ada", "bob")));
        check("1@2=ada", "1@2=ada", "", None);
        check("1@2=ada", "", "", None);
        check("", "1@2=bob", "", None);
    }

    #[test]
    fn what_followed_from_a_lost_claim_goes_with_it() {
        check("1@2=ada 2@4=-", "1@3=bob", "1@2 2@4", None);
        check(
            "1@2=ada 2@4=- 2@5=ada",
            "1@3=bob",
            "1@2 2@4 2@5",
            Some(("ada", "bob")),
        );
    }

    #[test]
    fn who_knew_the_claim_may_release_it() {
        check("1@3=bob 2@4=- 2@5=ada", "1@3=bob", "", None);
        check("1@3=bob 2@4=- 2@5=ada", "1@3=bob 2@6=-", "", None);
        check(
            "1@3=bob 2@4=- 2@5=ada",
            "1@3=bob 2@6=- 2@7=cy",
            "2@4 2@5",
            Some(("ada", "cy")),
        );
    }

    #[test]
    fn what_a_third_clone_withdrew_is_told_and_not_withdrawn_again() {
        check("1@2=ada", "1@3=bob !1@2=ada", "", Some(("ada", "bob")));
        check("1@3=bob !1@2=ada", "1@2=ada", "", None);
    }

    #[test]
    fn an_id_that_was_made_twice_is_two_beads_whose_claims_do_not_meet() {
        let made = |at: u64, claims: &str| {
            let mut record = Record::new("gt-1", "bead", &stamp(at));
            for (key, claim) in bead(claims).entries("claims") {
                record.set_entry("claims", key, Some(claim.clone()), &stamp(9));
            }
            record
        };
        let (old, young) = (made(1, "1@2=ada"), made(3, "1@4=bob"));
        let moved = renamed(&young);
        let nowhere = |_: &str| None;
        let known = |id: &str| (id == moved.id()).then(|| moved.clone());
        let pair = |mine: &Record, other: &Record, is_here: bool| {
            let (mine, other) = (mine.clone(), other.clone());
            match is_here {
                true => of_one_thing(mine, other, &known, &nowhere),
                false => of_one_thing(mine, other, &nowhere, &known),
            }
        };
        assert_eq!(pair(&old, &young, false), None);
        assert_eq!(pair(&young, &old, true), None);
        assert_eq!(
            pair(&old, &young, true),
            Some((moved.clone(), moved.clone()))
        );
        assert_eq!(
            pair(&young, &old, false),
            Some((young.clone(), moved.clone()))
        );
        assert_eq!(pair(&old, &old, false), Some((old.clone(), old)));
    }

    #[test]
    fn a_claim_that_was_given_up_there_was_first_all_the_same() {
        check("1@2=ada", "1@3=bob 2@4=-", "1@2", Some(("ada", "bob")));
    }
}
