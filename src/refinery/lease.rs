//! Leases: who tests what where several machines run one queue, `refs/gt/lease/<h>` of the remote. They keep two
//! from doing the same work; nothing that is decided depends on them.
//!
//! A lease is good until the time in it, by the clock of whoever reads it. Clocks that differ make somebody test
//! what another one tests, or wait a little longer, and no more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::board::{Composition, Underway};
use crate::fault::{Fault, Result};
use crate::git::{Answer, NewCommit, Oid, PushedRef, Remote, Repo, Signature};
use crate::ledger::{CloneId, Time};
use crate::text::one_line;
use crate::town::{Home, Target, machine};

/// Where leases are, on the remote alone.
const LEASES: &str = "refs/gt/lease/";
/// The shortest time a lease is taken for.
pub(super) const LEAST: Duration = Duration::from_secs(2 * 60);
/// How far ahead another machine's clock may be before its leases count for nothing.
const AHEAD: Duration = Duration::from_secs(60 * 60);

/// The right to test a composition, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    /// The branch the composition is to land on.
    target: String,
    what: Composition,
    /// Whether it is tested to acquit only.
    screens: bool,
    /// The clone that tests it.
    clone: String,
    /// What people call the machine.
    machine: String,
    until: Time,
}

impl Lease {
    /// Returns the ref of the lease of a composition.
    fn ref_name(repo: &Repo, target: &str, what: &Composition) -> String {
        let requests = what.requests.join(" ");
        let name = format!("lease {target}\n{}\n{requests}", what.base);
        format!("{LEASES}{}", repo.name_hash(&name))
    }

    fn name(&self, repo: &Repo) -> String {
        Self::ref_name(repo, &self.target, &self.what)
    }

    /// Writes it as a commit.
    fn write(&self, repo: &Repo, now: Time) -> Result<Oid> {
        let who = Signature::of(&self.clone);
        repo.write_commit(&NewCommit {
            tree: repo.empty_tree()?,
            parents: &[],
            author: &who,
            committer: &who,
            time: now,
            message: &self.text(),
        })
    }

    fn text(&self) -> String {
        let requests = self.what.requests.join(" ");
        let mut text = format!(
            "lease of a test\n\nGt-Target: {}\nGt-Base: {}\nGt-Requests: {requests}\n",
            self.target, self.what.base
        );
        if self.screens {
            text.push_str("Gt-Screens: yes\n");
        }
        text.push_str(&format!(
            "Gt-Clone: {}\nGt-Machine: {}\nGt-Until: {}\n",
            self.clone, self.machine, self.until
        ));
        text
    }

    /// Reads what a commit says, nothing where that is no lease; lines of newer versions say nothing here.
    fn parse(repo: &Repo, text: &str) -> Option<Self> {
        let line = |key: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
        };
        let requests = line("Gt-Requests").unwrap_or_default();
        Some(Self {
            target: line("Gt-Target")?.to_owned(),
            what: Composition {
                base: repo.parse_id(line("Gt-Base")?)?,
                requests: requests.split_whitespace().map(str::to_owned).collect(),
            },
            screens: line("Gt-Screens").is_some(),
            clone: line("Gt-Clone")?.to_owned(),
            machine: line("Gt-Machine").unwrap_or_default().to_owned(),
            until: Time::parse(line("Gt-Until")?)?,
        })
    }

    /// Returns whether it keeps others away: it is not over, and claims no more time than any test may take.
    fn holds(&self, now: Time, longest: Duration) -> bool {
        now < self.until && self.until <= after(now, longest.saturating_add(AHEAD))
    }
}

/// Returns the time so much later.
fn after(now: Time, wait: Duration) -> Time {
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    // Later than this is no date any more.
    Time(now.0.saturating_add(wait).min(253_402_207_200_000))
}

/// What came of the wish to test a composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nobody else tests it, as far as can be known.
    Ours,
    /// Somebody else was faster.
    Lost,
}

/// The leases of a queue, as this clone knows them.
#[derive(Debug)]
pub(super) struct Leases {
    clone: String,
    machine: String,
    /// Ours, by the names of their refs; nothing before the first look.
    held: Option<BTreeMap<String, (Composition, Oid)>>,
    /// Those of others that hold now.
    theirs: Vec<Lease>,
    /// What was lost though nobody is seen to hold it; lost again, it is tested all the same.
    lost: BTreeSet<String>,
    /// What was said already.
    said: BTreeSet<String>,
}

impl Leases {
    /// Returns the leases of a home that has not looked for any yet.
    pub(super) fn of(home: &Home) -> Result<Self> {
        Ok(Self {
            clone: CloneId::of(home.repo())?.to_string(),
            machine: machine(home.repo()),
            held: None,
            theirs: Vec::new(),
            lost: BTreeSet::new(),
            said: BTreeSet::new(),
        })
    }

    /// Reads the leases as they were on the remote when it was last fetched from. What a run of this clone
    /// left there that was killed counts as ours again.
    pub(super) fn look(&mut self, home: &Home, target: &Target, longest: Duration) -> Result<()> {
        self.theirs.clear();
        let (repo, now) = (home.repo(), home.world().now());
        let Some(remote) = &target.remote else {
            return Ok(());
        };
        let mut own = BTreeMap::new();
        for (name, id) in repo.list_refs(&tracking(repo, remote, LEASES))? {
            let Some(commit) = repo.commit_at(&id)? else {
                continue;
            };
            let lease = Lease::parse(repo, &repo.commit(&commit)?.message);
            let is_of_ref = |it: &Lease| tracking(repo, remote, &it.name(repo)) == name;
            let Some(lease) = lease.filter(is_of_ref) else {
                continue;
            };
            if lease.clone == self.clone {
                own.insert(lease.name(repo), (lease.what, id));
            } else if lease.target == target.branch && lease.holds(now, longest) {
                self.lost.remove(&lease.name(repo));
                self.theirs.push(lease);
            }
        }
        self.held.get_or_insert(own);
        Ok(())
    }

    /// Returns what others test.
    pub(super) fn elsewhere(&self) -> Vec<Underway> {
        let underway = |it: &Lease| Underway {
            what: it.what.clone(),
            screens: it.screens,
        };
        self.theirs.iter().map(underway).collect()
    }

    /// Returns who tests what, of what was not said before.
    pub(super) fn news(&mut self) -> Vec<String> {
        let said = |it: &Lease| {
            let what = match it.what.requests.as_slice() {
                [] => "the bare target".to_owned(),
                requests => requests.join(" "),
            };
            let (machine, until) = (&it.machine, it.until);
            one_line(&format!(
                "{what}: tested on {machine}, and here if nothing is heard by {until}"
            ))
        };
        let all: Vec<String> = self.theirs.iter().map(said).collect();
        all.into_iter()
            .filter(|it| self.said.insert(it.clone()))
            .collect()
    }

    /// Asks for the right to test compositions, each for so long, at once. A remote that cannot be asked, or
    /// does not take leases, stops nobody; that is the fault returned beside the answers, the first time.
    ///
    /// After a crash some are on the remote; the next run of this clone takes them for its own, and others wait
    /// until their time is over.
    pub(super) fn take(
        &mut self,
        home: &Home,
        target: &Target,
        wanted: &[(Underway, Duration)],
    ) -> (Vec<Taken>, Option<Fault>) {
        match self.try_take(home, target, wanted) {
            Ok((taken, refused)) => (taken, refused.and_then(|fault| self.unsaid(fault))),
            Err(fault) => (vec![Taken::Ours; wanted.len()], self.unsaid(fault)),
        }
    }

    /// Returns a fault where it was not said before.
    pub(super) fn unsaid(&mut self, fault: Fault) -> Option<Fault> {
        self.said.insert(fault.to_string()).then_some(fault)
    }

    fn try_take(
        &mut self,
        home: &Home,
        target: &Target,
        wanted: &[(Underway, Duration)],
    ) -> Result<(Vec<Taken>, Option<Fault>)> {
        let (repo, now) = (home.repo(), home.world().now());
        let Some(remote) = &target.remote else {
            return Ok((vec![Taken::Ours; wanted.len()], None));
        };
        let remote = repo.remote(remote)?;
        let mut updates = Vec::new();
        for (underway, time) in wanted {
            let lease = Lease {
                target: target.branch.clone(),
                what: underway.what.clone(),
                screens: underway.screens,
                clone: self.clone.clone(),
                machine: self.machine.clone(),
                until: after(now, (*time).max(LEAST)),
            };
            let name = lease.name(repo);
            let held = self
                .held
                .iter()
                .flatten()
                .find(|(known, _)| **known == name);
            let old = match held {
                Some((_, (_, id))) => Some(*id),
                // What stands there is over, or no lease.
                None => repo.find_ref(&tracking(repo, &remote.name, &name))?,
            };
            let new = Some(lease.write(repo, now)?);
            updates.push(PushedRef { name, old, new });
        }
        let answers = repo.offer(&remote, &updates)?;
        let (mut taken, mut refused) = (Vec::new(), None);
        for ((underway, _), (update, answer)) in wanted.iter().zip(updates.iter().zip(answers)) {
            taken.push(match answer {
                Answer::Taken | Answer::Known => {
                    let lease = update.new.map(|id| (underway.what.clone(), id));
                    let held = self.held.get_or_insert_default();
                    held.extend(lease.map(|it| (update.name.clone(), it)));
                    self.lost.remove(&update.name);
                    Taken::Ours
                }
                Answer::Refused(why) => {
                    refused = Some(Fault::refused(format!(
                        "'{}' takes no leases, so others may test the same: {why}",
                        remote.name
                    )));
                    Taken::Ours
                }
                Answer::Lost(_) if self.lost.insert(update.name.clone()) => Taken::Lost,
                Answer::Lost(_) => Taken::Ours,
            });
        }
        Ok((taken, refused))
    }

    /// Gives back what is not being tested any more. Where that fails it is tried again, and others wait no longer
    /// than until its time is over.
    pub(super) fn release(
        &mut self,
        home: &Home,
        target: &Target,
        is_underway: &dyn Fn(&Composition) -> bool,
    ) -> Result<()> {
        let (repo, held) = (home.repo(), self.held.get_or_insert_default());
        let over = held.iter().filter(|(_, (what, _))| !is_underway(what));
        let over: Vec<(String, Oid)> = over.map(|(name, (_, id))| (name.clone(), *id)).collect();
        let (Some(remote), false) = (&target.remote, over.is_empty()) else {
            return Ok(());
        };
        let remote: Remote = repo.remote(remote)?;
        repo.drop_from_remote(&remote, over.clone())?;
        let guard = repo.guard()?;
        for (name, id) in over {
            held.remove(&name);
            let tracked = tracking(repo, &remote.name, &name);
            if repo.find_ref(&tracked)? == Some(id) {
                repo.delete_ref(&guard, &tracked, id)?;
            }
        }
        Ok(())
    }
}

/// Returns the ref here that tracks one of the remote's.
fn tracking(repo: &Repo, remote: &str, name: &str) -> String {
    let tracking = format!("refs/gt-remote/{}/", repo.name_hash(remote));
    name.replacen("refs/gt/", &tracking, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::scratch::Scratch;

    fn lease(repo: &Repo) -> Lease {
        Lease {
            target: "main".to_owned(),
            what: Composition {
                base: repo.empty_tree().unwrap(),
                requests: vec!["gt-mr-a".to_owned(), "gt-mr-b".to_owned()],
            },
            screens: true,
            clone: "k7f2m3qa".to_owned(),
            machine: "cellar".to_owned(),
            until: Time(1_767_225_600_000),
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_no_lease_is_none() {
        let scratch = Scratch::new();
        let repo = scratch.open(0);
        let lease = lease(&repo);
        let parse = |text: &str| Lease::parse(&repo, text);
        assert_eq!(parse(&lease.text()), Some(lease.clone()));
        assert_eq!(
            parse(&format!("{}Gt-New: 1\n", lease.text())),
            Some(lease.clone())
        );
        for key in ["Gt-Target", "Gt-Base", "Gt-Clone", "Gt-Until"] {
            assert_eq!(parse(&lease.text().replace(key, "Gt-Other")), None, "{key}");
        }
        let bare = Lease {
            what: Composition {
                requests: Vec::new(),
                ..lease.what.clone()
            },
            screens: false,
            ..lease.clone()
        };
        assert_eq!(parse(&bare.text()), Some(bare.clone()));
        assert_ne!(bare.name(&repo), lease.name(&repo));
    }

    #[test]
    fn a_lease_keeps_others_away_until_it_is_over_and_no_longer_than_tests_take() {
        let scratch = Scratch::new();
        let lease = lease(&scratch.open(0));
        let (until, longest) = (lease.until.0, Duration::from_secs(600));
        let holds = |now| lease.holds(Time(now), longest);
        assert!(holds(until - 1) && holds(until - 4_200_000));
        assert!(!holds(until) && !holds(until - 4_200_001));
        let never = after(Time(until), Duration::MAX);
        assert_eq!(Time::parse(&never.to_string()), Some(never));
    }
}
