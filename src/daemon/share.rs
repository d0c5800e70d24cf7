//! What travels: a sync with what follows from it, and the syncs of a Refinery that shares its queue with others.

use std::collections::BTreeSet;

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Event as Synced, Report, Rules, Step, Time, Turn, sync};
use crate::refinery::Event;
use crate::town::{Home, Target, rigs_that_give_way, stranger};
use crate::{agent, mq, refinery, settle};

/// How often consequences of what was fetched are pushed again.
const ROUNDS: usize = 3;
/// How long a look at what others did is good for while nothing of ours is new, in milliseconds.
const FRESH: u64 = 2000;

/// How a sync is made.
pub struct Travel<'a> {
    /// The target whose tip is wanted as well, where it is a branch of the remote.
    pub target: Option<&'a Target>,
    /// Whether ledgers of another project may be joined.
    pub allow_unrelated: bool,
    /// Told of each step that may take a while, before it begins.
    pub tell: &'a dyn Fn(&Step),
}

/// Syncs with a remote until nothing more follows from it.
pub fn sync_and_settle(
    turn: &mut Turn,
    home: &Home,
    name: &str,
    how: &Travel<'_>,
) -> Result<Report> {
    let mut report = Report::default();
    for _ in 0..ROUNDS {
        let before = tip_of_target(home, name, how)?;
        let mut changed = true;
        match once(turn, home, name, how) {
            Ok(done) => {
                changed = done.changed_here() || tip_of_target(home, name, how)? != before;
                report.events.extend(done.events);
                report.faults = done.faults;
            }
            // What happened before is told all the same.
            Err(fault) if report.events.is_empty() => return Err(fault),
            Err(fault) => report.faults = vec![fault],
        }
        let drawn = match changed {
            true => settle::fully(home),
            false => settle::after(home),
        };
        let again = !drawn.told.is_empty() && report.faults.is_empty();
        report.faults.extend(drawn.faults);
        if !again {
            break;
        }
    }
    Ok(report)
}

/// Syncs once with a remote, and notes where its target branch stands.
fn once(turn: &mut Turn, home: &Home, name: &str, how: &Travel<'_>) -> Result<Report> {
    let repo = home.repo();
    let remote = repo.remote(name)?;
    agent::checkpoint::tidy(home)?;
    let saves = agent::checkpoint::is_pushed(home, name)?;
    let target = target(name, how);
    let rules = Rules {
        obsolete: &|| {
            let checkpoints = agent::checkpoint::obsolete(home, name)?;
            Ok([refinery::obsolete(home, name)?, checkpoints].concat())
        },
        finished: &|| {
            let checkpoints = agent::checkpoint::kept_here(home, saves)?;
            Ok([mq::finished_refs(&home.view())?, checkpoints].concat())
        },
        give_way: &rigs_that_give_way,
        stranger: &|ours, theirs| match how.allow_unrelated {
            true => Ok(None),
            false => stranger(home, (&remote, target), (ours, theirs)),
        },
        tell: how.tell,
        branch: target.map(|it| (it.ref_name(), home.tracking_ref(it, name))),
        follow: &|renamed| {
            settle::follow(home, renamed)?;
            agent::follow(home, renamed)
        },
    };
    sync(turn, repo, &remote, &rules)
}

/// Returns the target, where it is a branch of this remote.
fn target<'a>(name: &str, how: &Travel<'a>) -> Option<&'a Target> {
    how.target.filter(|it| it.remote.as_deref() == Some(name))
}

/// Returns where the remote's target branch stands as we last knew it.
fn tip_of_target(home: &Home, name: &str, how: &Travel<'_>) -> Result<Option<Oid>> {
    match target(name, how) {
        Some(target) => home.repo().find_ref(&home.tracking_ref(target, name)),
        None => Ok(None),
    }
}

/// The syncs of a Refinery that shares its queue with others: it looks what they did before it decides, and
/// tells them what its gates said.
///
/// A remote that is away stops nobody: the Refinery carries on alone, and says so once.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// When the last one was, and what our refs were then.
    last: Option<(Time, Vec<(String, Oid)>)>,
    /// What was said of remotes that are away or refuse something.
    said: BTreeSet<String>,
}

impl Share {
    /// Forgets how things stood, so that the next look is a fresh one.
    pub(super) fn look_again(&mut self) {
        self.last = None;
    }

    /// Syncs, unless nothing of ours is new and the last look was a moment ago.
    ///
    /// After a crash the ledgers are joined or not, as after `git gt sync`.
    pub(super) fn meet(
        &mut self,
        home: &Home,
        target: &Target,
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let (Some(name), now) = (&target.remote, home.world().now()) else {
            return Ok(());
        };
        let ours = home.repo().list_refs("refs/gt/")?;
        let is_fresh = |(at, then): &(Time, Vec<(String, Oid)>)| {
            *then == ours && now.0 < at.0.saturating_add(FRESH)
        };
        if self.last.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let how = Travel {
            target: Some(target),
            allow_unrelated: false,
            tell: &|_| {},
        };
        let turn = Turn::alone(home.repo(), name);
        let faults = match turn.and_then(|mut turn| sync_and_settle(&mut turn, home, name, &how)) {
            Ok(report) => {
                for event in report.events {
                    if let Synced::ClaimLost { bead, ours, theirs } = event {
                        observe(Event::Note(format!(
                            "the claim of {ours} on {bead} is lost: {theirs} was first; the branch stays"
                        )));
                    }
                }
                report.faults
            }
            Err(fault) => vec![fault],
        };
        for fault in faults {
            self.say(&fault, observe);
        }
        self.last = Some((now, home.repo().list_refs("refs/gt/")?));
        Ok(())
    }

    fn say(&mut self, fault: &Fault, observe: &mut dyn FnMut(Event)) {
        let said = fault.to_string();
        if self.said.insert(said.clone()) {
            observe(Event::Note(format!(
                "the queue is not shared for now: {said}"
            )));
        }
    }
}
