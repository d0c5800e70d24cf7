//! The seals of a sync: made for what is pushed, looked at for what was fetched.

use super::{Event, Sync, Tracked, is_single};
use crate::fault::Result;
use crate::git::{Oid, PushedRef};
use crate::ledger::seal;

impl Sync<'_> {
    /// Returns what the remote has not got as we last knew it, sealed where that is wanted. What keeps it from
    /// being sealed keeps nothing from travelling.
    pub(super) fn sealed_updates(&mut self) -> Result<Vec<PushedRef>> {
        let updates = self.updates()?;
        if self.is_sealed_in_vain {
            return Ok(updates);
        }
        match seal::seal(self.repo, &updates) {
            // The seal travels with what it seals.
            Ok(true) => self.updates(),
            Ok(false) => Ok(updates),
            Err(fault) => {
                self.is_sealed_in_vain = true;
                self.report.faults.push(fault);
                Ok(updates)
            }
        }
    }

    /// Names the ledgers that are new to us and that nobody whose seal counts has sealed.
    pub(super) fn name_unsealed(&mut self, before: &Tracked, after: &Tracked) -> Result<()> {
        let mut fetched = Vec::new();
        for (name, tip) in after.iter().filter(|(name, _)| is_single(name)) {
            let is_ours = self.repo.find_ref(name)? == Some(*tip);
            if before.get(name) != Some(tip) && !is_ours {
                fetched.push((name.clone(), *tip));
            }
        }
        let commit = |id: Oid| match self.repo.has(&id) {
            true => self.repo.commit_at(&id),
            false => Ok(None),
        };
        let knows = |ledger: &str, named, tip| match (commit(named)?, commit(tip)?) {
            (Some(named), Some(tip)) => self.has_taken_in(ledger, (named, tip), false),
            _ => Ok(false),
        };
        match seal::unsealed(self.repo, &fetched, &knows) {
            Ok(unsealed) => {
                let events = unsealed.into_iter().map(Event::Unsealed);
                self.report.events.extend(events);
            }
            Err(fault) => self.report.faults.push(fault),
        }
        Ok(())
    }
}
