//! The way out for a clone that others keep pushing before: its ledger goes to the remote under a name of
//! its own, `refs/gt/machines/<clone>/<ledger>`, and whoever syncs next joins it (DESIGN 3.5).

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, LOSSES_MAX, Round, Sync, is_single};
use crate::fault::{Fault, Result};
use crate::git::{Answer, Oid, PushedRef};
use crate::ledger::CloneId;

const FOLDER: &str = "refs/gt/machines/";

/// Returns the ledger that a ref of a machine is a version of, nothing for what is no such ref.
fn ledger_of(name: &str) -> Option<String> {
    let (_, ledger) = name.strip_prefix(FOLDER)?.split_once('/')?;
    let ledger = format!("refs/gt/{ledger}");
    is_single(&ledger).then_some(ledger)
}

/// Returns whether a ref of the remote is what a clone has handed over.
pub(super) fn is_handed_over(name: &str) -> bool {
    ledger_of(name).is_some()
}

impl Sync<'_> {
    /// Puts what keeps losing beside what others push: that is nobody else's, so that it is only lost to
    /// whoever removes what we put there before, because it was joined by then.
    ///
    /// After a crash some of it is there; the next sync tries the usual way first.
    pub(super) fn hand_over(&mut self, updates: &[PushedRef]) -> Result<()> {
        let (ledgers, others): (Vec<_>, Vec<_>) =
            updates.iter().partition(|it| is_single(&it.name));
        for _ in 0..LOSSES_MAX {
            if self.handed_over(&ledgers)? == Round::Agreed {
                // What is only to be deleted waits for the next sync.
                if others.iter().all(|it| it.new.is_none()) {
                    return Ok(());
                }
                break;
            }
            self.fetch()?;
        }
        Err(Fault::stale(format!(
            "other clones kept pushing to '{}' before us: {}",
            self.remote.name, self.last_loss
        ))
        .hint("what was done here is kept; run git gt sync again"))
    }

    fn handed_over(&mut self, ledgers: &[&PushedRef]) -> Result<Round> {
        let (mut beside, clone) = (Vec::new(), CloneId::of(self.repo)?);
        for update in ledgers {
            let ledger = update.name.trim_start_matches("refs/gt/");
            let name = format!("{FOLDER}{clone}/{ledger}");
            let old = self.tracked(&name)?;
            if old != update.new {
                beside.push(PushedRef {
                    name,
                    old,
                    new: update.new,
                });
            }
        }
        let answers = self.repo.offer(self.remote, &beside)?;
        let (mut held, mut refused, mut round) = (Vec::new(), None, Round::Agreed);
        for (update, answer) in beside.iter().zip(answers) {
            match answer {
                Answer::Taken | Answer::Known => {
                    let ledger = ledger_of(&update.name).unwrap_or_default();
                    self.report.events.push(Event::HandedOver(ledger));
                    held.push(update);
                }
                Answer::Lost(why) => {
                    self.last_loss = why;
                    round = Round::Behind;
                }
                Answer::Refused(why) => {
                    refused = Some(self.refusal(std::slice::from_ref(&update.name), &why));
                }
            }
        }
        self.track(&held)?;
        refused.map_or(Ok(round), Err)
    }

    /// Joins what other clones have handed over and nobody has joined yet.
    pub(super) fn take_over_machines(&mut self, there: &BTreeMap<String, Oid>) -> Result<()> {
        let names: BTreeSet<&String> = there.keys().collect();
        for name in names.into_iter().filter(|name| name.starts_with(FOLDER)) {
            let Some(ledger) = ledger_of(name) else {
                continue;
            };
            if self.settled.contains(name) || self.settled.contains(&ledger) {
                continue;
            }
            let done = self.integrate_machine(name, &ledger);
            self.unless_refused(name, done)?;
        }
        Ok(())
    }

    /// Returns the refs of machines whose commits the shared ledger on the remote holds by now.
    pub(super) fn contained_machines(&self) -> Result<Vec<String>> {
        let mut contained = Vec::new();
        for (name, tip) in self.repo.list_refs(&self.tracking_of(FOLDER))? {
            let name = name.replacen(&self.tracking, "refs/gt/", 1);
            let Some(ledger) = ledger_of(&name) else {
                continue;
            };
            let shared = self.tracked(&ledger)?;
            if let (Some(shared), Some(tip)) = (shared, self.repo.commit_at(&tip)?)
                && let Some(shared) = self.repo.commit_at(&shared)?
                && self.has_taken_in(&ledger, (shared, tip), true)?
            {
                contained.push(name);
            }
        }
        Ok(contained)
    }
}
