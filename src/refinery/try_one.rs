//! Trying one request: its gates run now on the tip with it, and nothing lands.

use std::sync::atomic::AtomicBool;

use super::candidate::{Built, Candidate, Chains};
use super::gate::{Bench, Ran};
use super::{facts, gates, tidy, verdict};
use crate::fault::{Fault, Result};
use crate::mq::{self, Held, Line};
use crate::record::{Attempt, Gate, Request};
use crate::town::Home;

/// What trying a request came to.
#[derive(Debug, Clone)]
pub enum Tried {
    /// It does not merge.
    Conflict {
        /// The request that does not: this one, or one it needs.
        request: String,
        /// The files that conflict.
        files: Vec<String>,
    },
    /// The gates have spoken.
    Ran {
        /// The commit that was tested.
        commit: String,
        /// What it holds beside the target, in order.
        requests: Vec<String>,
        /// What each gate said.
        gates: Vec<TriedGate>,
    },
}

/// What a gate said about a request that was tried.
#[derive(Debug, Clone)]
pub struct TriedGate {
    /// Its name.
    pub name: String,
    /// What it said.
    pub said: TriedSaid,
}

/// What became of a gate when a request was tried.
#[derive(Debug, Clone)]
pub enum TriedSaid {
    /// It had passed on exactly this tree before.
    Known,
    /// It ran.
    Ran(Box<Attempt>),
    /// An outside CI answers it, which is asked only when the request's turn comes.
    Outside,
    /// Its worktree was not ours alone any more.
    Disturbed,
}

/// Runs the gates on the target's tip with a request, and with what it needs, and records what they say:
/// where the tree is the same when its turn comes, they need not run again.
///
/// What waits for an approval is not run. After a crash what was recorded stays.
pub fn try_one(
    home: &Home,
    actor: &str,
    request: &Request,
    observe: &mut dyn FnMut(&str),
) -> Result<Tried> {
    let view = home.view();
    let line = mq::line(&view, request.rig(), request.target(), home.world().now())?;
    if let Some(held @ (Held::Approval { .. } | Held::Riddle(_))) = line.held(request.id()) {
        return Err(Fault::refused(format!("{} {held}", request.id()))
            .hint("what it changed would run here"));
    }
    let gates = gates::required(home, request.target())?;
    if gates.is_empty() {
        let rig = home.rig_option();
        let hint = format!("git gt refinery gate add test --command '<command>'{rig}");
        return Err(Fault::refused("there is no gate to try it with").hint(hint));
    }
    let target = home.target(Some(request.target()))?;
    let tip = home.fresh_tip(&target)?;
    let needed = needed(&line, request);
    let missing = |it: &&Request| {
        home.repo()
            .parse_id(it.head())
            .is_none_or(|id| !home.repo().has(&id))
    };
    if let Some(absent) = needed.iter().copied().find(missing) {
        let what = format!("the commit of {} is not in this repository", absent.id());
        return Err(
            Fault::unavailable(what).hint("git gt sync brings what other clones have pushed")
        );
    }
    let mut chains = Chains::default();
    chains.follow(view.style(request.rig(), request.target())?);
    let candidate = match chains.candidate(home.repo(), tip, &needed)? {
        Built::Candidate(candidate) => candidate,
        Built::Conflict { at, files } => {
            let request = needed[at].id().to_owned();
            return Ok(Tried::Conflict { request, files });
        }
    };
    tidy::keep_candidate(home, &candidate)?;
    let mut tried = Vec::new();
    for gate in gates {
        let said = say(home, actor, (&gate, &candidate), observe)?;
        let name = gate.name().to_owned();
        tried.push(TriedGate { name, said });
    }
    Ok(Tried::Ran {
        commit: candidate.commit.to_string(),
        requests: candidate.requests,
        gates: tried,
    })
}

/// Returns a request with the items of the line that it lands with or behind, in order.
fn needed<'a>(line: &'a Line, request: &'a Request) -> Vec<&'a Request> {
    let is_own = |it: &mq::Item| it.requests.iter().any(|it| it.id() == request.id());
    let Some(own) = line.items.iter().position(is_own) else {
        return vec![request];
    };
    let mut wanted = vec![false; line.items.len()];
    wanted[own] = true;
    for at in (0..=own).rev() {
        if wanted[at] {
            line.items[at]
                .after
                .iter()
                .for_each(|it| wanted[*it] = true);
        }
    }
    let items = line.items.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    items.flat_map(|(item, _)| &item.requests).collect()
}

fn say(
    home: &Home,
    actor: &str,
    (gate, candidate): (&Gate, &Candidate),
    observe: &mut dyn FnMut(&str),
) -> Result<TriedSaid> {
    if facts::said(&home.view(), gate, candidate)?.is_green() {
        return Ok(TriedSaid::Known);
    }
    if gate.ci().is_some() {
        return Ok(TriedSaid::Outside);
    }
    observe(gate.name());
    let ran = Bench::of(home).run(gate, candidate, &AtomicBool::new(false))?;
    let Ran::Said(attempt) = ran else {
        return Ok(TriedSaid::Disturbed);
    };
    verdict::record(home, actor, (gate, candidate), &attempt)?;
    Ok(TriedSaid::Ran(attempt))
}
