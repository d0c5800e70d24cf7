//! What travels: which refs are pushed, what the remote made of them, and what it holds that is new.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::machines::is_handed_over;
use super::{Event, Round, Sync, is_single};
use crate::fault::{Fault, Result};
use crate::git::{Answer, Cas, Oid, PushedRef};

/// The folders below `refs/gt/` whose refs travel as they are (DESIGN 3.1); what else stands there is not
/// ours.
const TRAVELLING: [&str; 6] = ["attic", "checkpoints", "ci", "mr", "proof", "seals"];

impl Sync<'_> {
    /// Returns what the remote has not got as we last knew it.
    pub(super) fn updates(&self) -> Result<Vec<PushedRef>> {
        let mut updates = Vec::new();
        for (name, tip) in self.repo.list_refs("refs/gt/")? {
            if self.settled.contains(&name) {
                continue;
            }
            let old = self.tracked(&name)?;
            if old != Some(tip) && self.may_push(&name, old, tip)? {
                updates.push(PushedRef {
                    name,
                    old,
                    new: Some(tip),
                });
            }
        }
        if !updates.iter().all(|it| is_single(&it.name)) {
            let finished = (self.rules.finished)()?;
            updates.retain(|it| !finished.contains(&it.name));
        }
        let obsolete = (self.rules.obsolete)()?.into_iter();
        for name in obsolete.chain(self.contained_machines()?) {
            let there = self.tracked(&name)?;
            let here = self.repo.find_ref(&name)?;
            if there.is_some() && here.is_none() && !self.settled.contains(&name) {
                updates.push(PushedRef {
                    name,
                    old: there,
                    new: None,
                });
            }
        }
        Ok(updates)
    }

    /// Returns whether nothing of the remote's is lost when its ref `name` moves from `old` to our `tip`.
    fn may_push(&self, name: &str, old: Option<Oid>, tip: Oid) -> Result<bool> {
        let Some(commit) = self.repo.commit_at(&tip)? else {
            return Ok(false);
        };
        let ours = match is_single(name) {
            true => self.is_ledger(name, commit)?,
            false => is_travelling(name),
        };
        let Some(old) = old.filter(|_| ours) else {
            return Ok(ours);
        };
        match self.repo.commit_at(&old)? {
            Some(old) if is_single(name) => self.has_taken_in(name, (commit, old), false),
            Some(old) => self.repo.is_ancestor(&old, &commit),
            // What is no commit cannot be a ledger: ours is put back.
            None => Ok(is_single(name)),
        }
    }

    /// Returns whether a tip of ours has taken in another one; what cannot be joined has not been.
    pub(super) fn has_taken_in(
        &self,
        ledger: &str,
        tips: (Oid, Oid),
        handed_over: bool,
    ) -> Result<bool> {
        match self.holds(ledger, tips, handed_over) {
            Err(Fault::Refused(_)) => Ok(false),
            holds => holds,
        }
    }

    /// Pushes `updates` and fetches at the same time.
    pub(super) fn exchange(&mut self, updates: &[PushedRef]) -> Result<Round> {
        let before = self.all_tracked()?;
        let refspecs = self.refspecs();
        let (pushed, mut fetched) = self.repo.exchange(self.remote, updates, &refspecs)?;
        if matches!(fetched, Err(Fault::NotFound(_))) {
            // A remote without the branch has nothing that could have landed.
            fetched = self.repo.fetch(self.remote, &refspecs[..1]);
        }
        let round = self.told(updates, pushed?)?;
        fetched?;
        self.compare(&before, updates)?;
        Ok(match self.in_step()? {
            true => round,
            false => Round::Behind,
        })
    }

    /// Returns whether every ledger of the remote is the same here, and nothing waits there to be joined.
    fn in_step(&self) -> Result<bool> {
        for (name, there) in self.all_tracked()? {
            let same = || Ok::<_, Fault>(self.repo.find_ref(&name)? == Some(there));
            if is_handed_over(&name) || is_single(&name) && !same()? {
                return Ok(false);
            }
        }
        Ok(self.went_back.is_empty())
    }

    /// Pushes `updates` alone.
    pub(super) fn push(&mut self, updates: &[PushedRef]) -> Result<Round> {
        let answers = self.repo.offer(self.remote, updates)?;
        self.told(updates, answers)
    }

    /// Fetches everything below `refs/gt/` and notes what is new there and what went back.
    pub(super) fn fetch(&mut self) -> Result<()> {
        let before = self.all_tracked()?;
        self.repo.fetch(self.remote, &self.refspecs()[..1])?;
        self.compare(&before, &[])
    }

    fn refspecs(&self) -> Vec<String> {
        let ours = format!("+refs/gt/*:{}*", self.tracking);
        let branch = self.rules.branch.as_ref();
        let branch = branch.map(|(from, to)| format!("+{from}:{to}"));
        [ours].into_iter().chain(branch).collect()
    }

    /// Notes what is new on the remote since `before`, what `pushed` put there aside, and what went back.
    fn compare(&mut self, before: &BTreeMap<String, Oid>, pushed: &[PushedRef]) -> Result<()> {
        let after = self.all_tracked()?;
        for (name, old) in before.iter().filter(|(name, _)| is_single(name)) {
            let forward = match after.get(name) {
                Some(new) if new == old => true,
                Some(new) => self.is_forward(old, new)?,
                None => false,
            };
            if !forward && self.repo.find_ref(name)?.is_some() {
                self.went_back.insert(name.clone());
            }
        }
        let ours = |name: &str, id: &Oid| {
            let of_name = pushed.iter().find(|it| it.name == name);
            of_name.is_some_and(|it| it.new.as_ref() == Some(id))
        };
        let news = after
            .iter()
            .filter(|(name, id)| before.get(*name) != Some(id) && !ours(name, id));
        self.news.extend(news.map(|(name, _)| name.clone()));
        self.name_unsealed(before, &after)
    }

    /// Returns whether a ledger that was at `old` has only gained by being at `new`.
    fn is_forward(&self, old: &Oid, new: &Oid) -> Result<bool> {
        match (self.repo.commit_at(old)?, self.repo.commit_at(new)?) {
            (Some(old), Some(new)) => match self.epoch(old)?.cmp(&self.epoch(new)?) {
                Ordering::Less => Ok(true),
                Ordering::Equal => self.repo.is_ancestor(&old, &new),
                Ordering::Greater => Ok(false),
            },
            (None, _) => Ok(true),
            (Some(_), None) => Ok(false),
        }
    }

    /// Notes what the remote made of what was offered to it.
    fn told(&mut self, updates: &[PushedRef], answers: Vec<Answer>) -> Result<Round> {
        let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut round = Round::Agreed;
        let mut held = Vec::new();
        for (update, answer) in updates.iter().zip(answers) {
            let name = &update.name;
            match answer {
                Answer::Taken => {
                    held.push(update);
                    self.report.events.push(match update.new {
                        Some(_) => Event::Pushed(name.clone()),
                        None => Event::Removed(name.clone()),
                    });
                    if self.went_back.remove(name) {
                        self.report.events.push(Event::PutBack(name.clone()));
                    }
                }
                Answer::Known => held.push(update),
                Answer::Lost(why) => {
                    self.last_loss = why;
                    round = Round::Behind;
                }
                Answer::Refused(why) => {
                    self.settled.insert(name.clone());
                    // A remote that deletes nothing keeps what nobody needs.
                    match self.begins_anew(update)? {
                        Some(tips) => {
                            let fault = self.keeps_history(name, tips, &why);
                            self.report.faults.push(fault);
                        }
                        None if update.new.is_some() => {
                            refused.entry(why).or_default().push(name.clone());
                        }
                        None => {}
                    }
                }
            }
        }
        for (why, names) in refused {
            self.report.faults.push(self.refusal(&names, &why));
        }
        self.track(&held)?;
        Ok(round)
    }

    /// Notes that the remote holds what was pushed. What a fetch has seen there since is newer and stays.
    ///
    /// After a crash it is not noted; the next fetch does that.
    pub(super) fn track(&self, held: &[&PushedRef]) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let guard = self.repo.guard()?;
        let mut gone = Vec::new();
        for update in held {
            let name = self.tracking_of(&update.name);
            let seen = self.repo.find_ref(&name)?;
            match (update.new, seen) {
                (Some(new), seen) if seen == update.old && seen != Some(new) => {
                    match self.repo.swap_ref(&guard, &name, seen, new)? {
                        Cas::Swapped | Cas::Moved(_) => {}
                    }
                }
                (None, Some(seen)) if update.old == Some(seen) => gone.push((name, seen)),
                _ => {}
            }
        }
        self.repo.delete_refs(&guard, &gone)
    }

    /// Returns what a ledger is on the remote and what it is to be there, where its history begins anew between.
    fn begins_anew(&self, update: &PushedRef) -> Result<Option<(Oid, Oid)>> {
        let (Some(old), Some(new)) = (update.old, update.new) else {
            return Ok(None);
        };
        let commit = |id: Oid| self.repo.commit_at(&id);
        let (Some(before), Some(after)) = (commit(old)?, commit(new)?) else {
            return Ok(None);
        };
        let is_later = is_single(&update.name) && self.epoch(before)? < self.epoch(after)?;
        Ok(is_later.then_some((before, new)))
    }

    /// Says that the remote does not let go of a ledger's history.
    fn keeps_history(&self, ledger: &str, (old, new): (Oid, Oid), why: &str) -> Fault {
        let (remote, there) = (&self.remote.name, self.remote.name_there(ledger));
        let both = format!("git commit-tree -p {old} -p {new} -m keep {new}^{{tree}}");
        Fault::refused(format!(
            "'{remote}' does not let {ledger} begin anew, which is a forced push of {there}: {why}"
        ))
        .hint("what was done here is kept; whoever runs the remote has to allow that push once")
        .hint(format!(
            "or go on with the old history: git update-ref {ledger} $({both}) {new}"
        ))
    }

    pub(super) fn refusal(&self, names: &[String], why: &str) -> Fault {
        Fault::refused(format!(
            "'{}' does not take {}: {why}",
            self.remote.name,
            names.join(", ")
        ))
        .hint("what was done here is kept; whoever runs the remote has to allow refs/gt/*")
        .hint("a host that takes only branches: git gt config set remotePrefix gt-ledgers")
    }
}

/// Returns whether a ref below a folder is one that git gt makes and pushes.
fn is_travelling(name: &str) -> bool {
    let rest = name.strip_prefix("refs/gt/").unwrap_or_default();
    rest.split_once('/')
        .is_some_and(|(folder, _)| TRAVELLING.contains(&folder))
}
