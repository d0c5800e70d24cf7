//! What decides may be changed while a step is under way: a last look before a landing, and at ledgers that are not
//! there any more.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::verdict::{self, Green};
use super::{facts, gates};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Repo};
use crate::ledger::Name;
use crate::mq::{self, Line};
use crate::record::{Gate, Request};
use crate::town::{Home, Target};

/// The ledgers that say what may land.
const DECIDERS: [Name; 4] = [Name::Config, Name::Queue, Name::Beads, Name::Results];

/// How many commits behind a ledger's tip are looked at for an older one before git is asked.
const STEPS_MAX: usize = 100;

/// Where the ledgers that say what may land stood when they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen(Vec<Option<Oid>>);

impl Seen {
    /// Returns where they stand now.
    pub(super) fn now(home: &Home) -> Result<Self> {
        let tips = DECIDERS.into_iter().map(|name| home.tip_of(name));
        tips.collect::<Result<_>>().map(Self)
    }

    /// Refuses where one of the ledgers was removed or set back since: gates run with the refs of the repository,
    /// and what they test may do so. One that was removed is made again where it stood.
    ///
    /// After a crash it is gone or there.
    pub(super) fn refuse_lost(&self, home: &Home, now: &Self) -> Result<()> {
        let both = self.0.iter().zip(&now.0);
        for (name, (then, now)) in DECIDERS.into_iter().zip(both) {
            let Some(then) = then.filter(|then| Some(*then) != *now) else {
                continue;
            };
            let repo = home.repo_of(name)?;
            let what = name.ref_name();
            let lost = match now {
                None => {
                    repo.swap_ref(&repo.guard()?, what, None, then)?;
                    Fault::fatal(format!(
                        "'{what}' was removed while the queue ran; it stands where it stood, at {then}"
                    ))
                }
                Some(now) if is_set_back(repo, then, *now)? => Fault::fatal(format!(
                    "'{what}' was set back from {then} to {now} while the queue ran"
                ))
                .hint(format!(
                    "to have it again: git update-ref {what} {then} {now}"
                )),
                Some(_) => continue,
            };
            return Err(lost
                .hint("look for what does that, a gate perhaps: git gt refinery gate list")
                .hint("whether all is there: git gt fsck"));
        }
        Ok(())
    }
}

/// Returns whether a ledger stands on a commit that what it was goes back to.
fn is_set_back(repo: &Repo, then: Oid, now: Oid) -> Result<bool> {
    let (mut open, mut known) = (vec![now], BTreeSet::new());
    while let Some(at) = open.pop().filter(|_| known.len() < STEPS_MAX) {
        if at == then {
            return Ok(false);
        }
        if known.insert(at) && repo.has(&at) {
            open.extend(repo.commit(&at)?.parents);
        }
    }
    repo.is_ancestor(&now, &then)
}

/// How a candidate stands with what was decided.
#[derive(Debug)]
pub(super) enum Stand {
    /// It may land.
    Lands(Green),
    /// It may not, and why.
    Not(String),
}

/// Returns how a candidate stands now. Where nothing has been written since `seen` was, with which `gates` were
/// read, those still hold; else they and the line are read anew.
pub(super) fn stand(
    home: &Home,
    target: &Target,
    (seen, gates): (&Seen, &[Gate]),
    candidate: &Candidate,
) -> Result<Stand> {
    if Seen::now(home)? != *seen {
        return stand_now(home, target, candidate);
    }
    // That this machine accepts a gate is in no ledger.
    gates::refuse_foreign(home, gates)?;
    match verdict::green(&home.view(), gates, candidate, &candidate.tip)? {
        Some(green) => Ok(Stand::Lands(green)),
        None => Err(Fault::fatal("the plan wanted to land what is not green")),
    }
}

/// Returns how a candidate stands with the gates and the line as they are now.
pub(super) fn stand_now(home: &Home, target: &Target, candidate: &Candidate) -> Result<Stand> {
    let gates = gates::required(home, &target.branch)?;
    if let Some(why) = held_back(home, target, candidate)? {
        return Ok(Stand::Not(why));
    }
    let view = home.view();
    if let Some(green) = verdict::green(&view, &gates, candidate, &candidate.tip)? {
        return Ok(Stand::Lands(green));
    }
    for gate in &gates {
        if !facts::said(&view, gate, candidate)?.is_green() {
            let name = gate.name();
            return Ok(Stand::Not(format!(
                "gate '{name}', as it is now, has not passed on {}",
                candidate.short()
            )));
        }
    }
    Ok(Stand::Not(format!("'{}' was moved", target.branch)))
}

/// Returns the line as it is now, and why one of these requests may not land, nothing where each of them may.
pub(super) fn held(home: &Home, target: &Target, ids: &[String]) -> Result<(Line, Option<String>)> {
    let (view, now) = (home.view(), home.world().now());
    let line = mq::line(&view, home.rig().name(), &target.branch, now)?;
    let why = ids.iter().find_map(|id| match line.held(id) {
        Some(why) => Some(format!("{id} {why}")),
        None if line.requests().any(|it| it.id() == id) => None,
        None => Some(format!("{id} does not wait any more")),
    });
    Ok((line, why))
}

/// Returns why a candidate may not land with the requests that are in it, nothing where it may.
fn held_back(home: &Home, target: &Target, candidate: &Candidate) -> Result<Option<String>> {
    let (line, why) = held(home, target, &candidate.requests)?;
    if why.is_some() {
        return Ok(why);
    }
    let is_inside = |it: &Request| candidate.requests.iter().any(|id| id == it.id());
    for item in line
        .items
        .iter()
        .filter(|it| it.requests.iter().any(is_inside))
    {
        let after = item.after.iter().flat_map(|at| &line.items[*at].requests);
        for other in item.requests.iter().chain(after) {
            if !is_inside(other) && !is_on(home.repo(), other, &candidate.tip)? {
                let (id, other) = (item.requests[0].id(), other.id());
                return Ok(Some(format!("{id} is to land with {other} or behind it")));
            }
        }
    }
    Ok(None)
}

/// Returns whether a request is on a tip already, which is settled after the step.
fn is_on(repo: &Repo, request: &Request, tip: &Oid) -> Result<bool> {
    match repo.parse_id(request.head()).filter(|head| repo.has(head)) {
        Some(head) => repo.is_ancestor(&head, tip),
        None => Ok(false),
    }
}
