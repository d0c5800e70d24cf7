//! Taking over what was fetched: checked, joined with ours, written as one deterministic commit.

use serde_json::Value;

use super::{Event, Overtaken, Sync};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Entry, Mode, NewCommit, Oid, Signature};
use crate::ledger::codec::{READ_MAX, Record, canonical};
use crate::ledger::shard::{Difference, Snapshot, Update, differences, id_of};
use crate::ledger::{Decision, Name, digest, join, transact};
use crate::world::Time;

/// How far ahead of our clock a fetched stamp may be without being named.
const AHEAD_MAX: u64 = 60 * 60 * 1000;

/// What becomes of one place in the tree.
struct Outcome {
    updates: Vec<Update>,
    events: Vec<Event>,
}

impl Sync<'_> {
    /// Brings one ledger of ours up to what was fetched. The local ref moves only forward.
    pub(super) fn integrate(&mut self, ledger: &str) -> Result<()> {
        let Some(theirs) = self.tracked(ledger)? else {
            if self
                .report
                .events
                .contains(&Event::Pushed(ledger.to_owned()))
            {
                self.report.events.push(Event::PutBack(ledger.to_owned()));
            }
            return Ok(());
        };
        self.withdraw_lost_claims(ledger, theirs)?;
        let guard = self.repo.guard()?;
        let here = self.repo.find_ref(ledger)?;
        if let Some(here) = here
            && self.repo.is_ancestor(&theirs, &here)?
        {
            return Ok(());
        }
        let ours = self.start_of_join(ledger, here, theirs)?;
        let (commit, events) = self.joined(ledger, ours, theirs)?;
        if let Cas::Moved(_) = self.repo.swap_ref(&guard, ledger, here, commit)? {
            // A tool without our lock was faster; the next round starts from what it left.
            return Ok(());
        }
        if let (Some(ours), true) = (ours, commit != theirs) {
            self.unmerged.insert(ledger.to_owned(), (commit, ours));
        }
        self.report.events.extend(events);
        Ok(())
    }

    /// Returns the tip a join starts from: ours, or what ours was before the join that lost its push.
    fn start_of_join(&self, ledger: &str, here: Option<Oid>, theirs: Oid) -> Result<Option<Oid>> {
        let Some((merge, before)) = self.unmerged.get(ledger) else {
            return Ok(here);
        };
        let joined_then = self.repo.commit(merge)?.parents;
        let other = joined_then.iter().find(|parent| *parent != before);
        let contained = other
            .map(|other| self.repo.is_ancestor(other, &theirs))
            .transpose()?;
        Ok(if here == Some(*merge) && contained == Some(true) {
            Some(*before)
        } else {
            here
        })
    }

    fn joined(&self, ledger: &str, ours: Option<Oid>, theirs: Oid) -> Result<(Oid, Vec<Event>)> {
        let our_ledger = Snapshot::at(self.repo, ours)?;
        let their_ledger = Snapshot::at(self.repo, Some(theirs))?;
        their_ledger.check_schema()?;
        let changes = differences(self.repo, our_ledger.tree(), their_ledger.tree())?;
        let (mut updates, mut events) = (Vec::new(), Vec::new());
        for change in &changes {
            let outcome = self.outcome(change)?;
            updates.extend(outcome.updates);
            events.extend(outcome.events);
        }
        let tree = our_ledger.spliced(&updates)?;
        let forward = match ours {
            Some(ours) => self.repo.is_ancestor(&ours, &theirs)?,
            None => true,
        };
        if forward && Some(tree) == their_ledger.tree() {
            events.push(Event::Took(ledger.to_owned(), changes.len()));
            return Ok((theirs, events));
        }
        events.push(Event::Joined(ledger.to_owned(), changes.len()));
        let mut parents: Vec<Oid> = ours.into_iter().chain([theirs]).collect();
        parents.sort();
        Ok((self.write_join(tree, &parents)?, events))
    }

    /// Writes a join commit that depends on nothing but its parents and its tree, so that two clones
    /// that join the same tips make the same commit.
    fn write_join(&self, tree: Oid, parents: &[Oid]) -> Result<Oid> {
        let times = parents
            .iter()
            .map(|parent| Ok(self.repo.commit(parent)?.seconds));
        let latest = times
            .collect::<Result<Vec<u64>>>()?
            .into_iter()
            .max()
            .unwrap_or_default();
        let who = Signature::with_email("git-gt", "git-gt@gt.invalid");
        self.repo.write_commit(&NewCommit {
            tree,
            parents,
            author: &who,
            committer: &who,
            time: Time(latest * 1000),
            message: "join\n",
        })
    }

    /// Decides about one place: theirs where we have nothing, ours where theirs is of no use, else the
    /// join of the two.
    fn outcome(&self, change: &Difference) -> Result<Outcome> {
        let mut events = Vec::new();
        let keep_ours = |events| {
            Ok(Outcome {
                updates: Vec::new(),
                events,
            })
        };
        let Some(theirs) = &change.theirs else {
            return keep_ours(events);
        };
        let name = String::from_utf8_lossy(&change.place.2).into_owned();
        let Some(id) = id_of(&change.place).filter(|_| theirs.mode == Mode::File) else {
            let why = "not a regular file at the place of its id";
            return keep_ours(vec![Event::LeftOut(name, why.to_owned())]);
        };
        let bytes = self.repo.blob(&theirs.id)?;
        if bytes.len() > READ_MAX {
            let why = format!("{} bytes, more than a record may have", bytes.len());
            return keep_ours(vec![Event::LeftOut(id, why)]);
        }
        let their_record = match checked(&id, &bytes) {
            Ok(record) => record,
            Err(why) => {
                events.push(Event::LeftOut(id.clone(), why.text().message.clone()));
                let updates = match change.ours {
                    None => vec![Update::of(&id, theirs.id)],
                    Some(_) => Vec::new(),
                };
                return Ok(Outcome { updates, events });
            }
        };
        if their_record.newest().time().0 > self.repo.world().now().0 + AHEAD_MAX {
            events.push(Event::FromTheFuture(id.clone()));
        }
        let updates = match self.our_record(&id, change.ours.as_ref())? {
            None => vec![Update::of(&id, theirs.id)],
            Some(ours) => self.meet(&ours, &their_record, &mut events)?,
        };
        Ok(Outcome { updates, events })
    }

    fn our_record(&self, id: &str, entry: Option<&Entry>) -> Result<Option<Record>> {
        let Some(entry) = entry.filter(|entry| entry.mode == Mode::File) else {
            return Ok(None);
        };
        Ok(checked(id, &self.repo.blob(&entry.id)?).ok())
    }

    fn meet(&self, ours: &Record, theirs: &Record, events: &mut Vec<Event>) -> Result<Vec<Update>> {
        let write = |record: &Record| {
            Ok(Update::of(
                record.id(),
                self.repo.write_blob(&record.encode())?,
            ))
        };
        let (a, b) = (ours.created(), theirs.created());
        if a != b && !a.is_zero() && !b.is_zero() {
            let (first, second) = if a < b {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            let second = renamed(second);
            events.push(Event::Renamed(
                first.id().to_owned(),
                second.id().to_owned(),
            ));
            return Ok(vec![write(first)?, write(&second)?]);
        }
        let joined = join(ours, theirs);
        events.extend(
            overtaken(ours, theirs, &joined)
                .into_iter()
                .map(Event::Overtaken),
        );
        Ok(vec![write(&joined)?])
    }

    /// Withdraws claims of ours that the remote has not seen where it already holds one of the same
    /// epoch: between machines the push decides (DESIGN 3.3).
    fn withdraw_lost_claims(&mut self, ledger: &str, theirs: Oid) -> Result<()> {
        let Some(here) = self.repo.find_ref(ledger)? else {
            return Ok(());
        };
        if ledger != "refs/gt/beads" || self.repo.is_ancestor(&theirs, &here)? {
            return Ok(());
        }
        let remote = Snapshot::at(self.repo, Some(theirs))?;
        let lost = transact(self.repo, Name::Beads, "git-gt", |ours, pen| {
            let (mut records, mut lost) = (Vec::new(), Vec::new());
            for change in differences(self.repo, ours.tree(), remote.tree())? {
                let Some(id) = id_of(&change.place) else {
                    continue;
                };
                let mine = self.our_record(&id, change.ours.as_ref())?;
                let other = self.our_record(&id, change.theirs.as_ref())?;
                let (Some(mut mine), Some(other)) = (mine, other) else {
                    continue;
                };
                for (key, ours, theirs) in lost_claims(&mine, &other) {
                    let stamp = pen.stamp(&mine);
                    mine.set_entry("claims", &key, None, &stamp);
                    lost.push(Event::ClaimLost {
                        bead: id.clone(),
                        ours,
                        theirs,
                    });
                    records.retain(|record: &Record| record.id() != id);
                    records.push(mine.clone());
                }
            }
            let subject = format!("withdraw {} claims that others made first", lost.len());
            Ok(Decision::write(subject, records, lost))
        })?;
        self.report.events.extend(lost.value);
        Ok(())
    }
}

fn checked(id: &str, bytes: &[u8]) -> Result<Record> {
    let record = Record::decode(bytes)?;
    if record.id() != id {
        return Err(Fault::invalid(format!("calls itself '{}'", record.id())));
    }
    Ok(record)
}

/// Returns `(key, our holder, their holder)` of our claims that the remote does not know, in epochs in
/// which it knows a holder. The remote's copy tells both: what it lacks was not pushed.
fn lost_claims(ours: &Record, theirs: &Record) -> Vec<(String, String, String)> {
    let by = |claim: &Value| claim.get("by").and_then(Value::as_str).map(str::to_owned);
    let epoch = |key: &str| key.split_once('-').map(|(epoch, _)| epoch.to_owned());
    let unpushed = ours
        .entries("claims")
        .filter(|(key, _)| theirs.entry("claims", key).is_none());
    unpushed
        .filter_map(|(key, claim)| {
            let holder = theirs.entries("claims").find_map(|(other, their_claim)| {
                by(their_claim).filter(|_| epoch(other) == epoch(key))
            });
            Some((key.to_owned(), by(claim)?, holder?))
        })
        .collect()
}

/// Returns the record under the id it gets where an older one has its id: everybody derives the same.
fn renamed(record: &Record) -> Record {
    let suffix = &digest(&[record.created().as_str().as_bytes()])[..4];
    let mut renamed = record.clone();
    renamed
        .fields
        .insert("id".to_owned(), format!("{}-{suffix}", record.id()).into());
    renamed.set("alias", Some(record.id().into()), &record.created());
    renamed
}

/// Returns what did not prevail where both sides hold a different value of one field. Without a base
/// this names only values that both sides stamped after the record was made.
fn overtaken(ours: &Record, theirs: &Record, joined: &Record) -> Vec<Overtaken> {
    let fresh = |record: &Record, field: &str| record.stamp_of(field) > record.low();
    let mut found = Vec::new();
    for (field, kept) in joined.fields() {
        let (Some(a), Some(b)) = (ours.get(field), theirs.get(field)) else {
            continue;
        };
        let is_map = kept.is_object() && field != "state";
        if is_map || a == b || !fresh(ours, field) || !fresh(theirs, field) {
            continue;
        }
        let ours_lost = a != kept;
        let lost = if ours_lost { a } else { b };
        found.push(Overtaken {
            id: ours.id().to_owned(),
            field: field.to_owned(),
            lost: canonical(lost).trim_end().to_owned(),
            kept: canonical(kept).trim_end().to_owned(),
            ours: ours_lost,
        });
    }
    found
}
