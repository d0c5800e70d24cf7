//! What follows from a decision: pure rules over what was decided, applied after every writing command
//! (DESIGN 3.2). Running them twice changes nothing.

mod changes;
mod conflicts;
#[cfg(test)]
mod convergence;
mod convoys;
mod cursor;
mod gates;
mod letters;
mod mirror;
mod outcomes;
mod renamed;
mod rules;
mod unlanded;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::Decision;
use crate::record::{Request, Verdict};
use crate::town::{Home, View};

pub use changes::Changes;
pub use conflicts::resolution;
use cursor::Cursor;
pub use renamed::follow;
pub use rules::{Consequence, Facts, Landing, Made, RULES, Rule};
pub use unlanded::unlanded;

/// Of how many beads the merge requests are looked up; of more, all are looked at.
const LOOKED_UP_MAX: usize = 1000;

/// How often consequences of consequences are looked for.
const ROUNDS: usize = 8;

/// What settling came to.
#[derive(Debug, Default)]
pub struct Settled {
    /// What was drawn, in words.
    pub told: Vec<String>,
    /// What could not be drawn; the rest was. It is tried again with the next command that writes.
    pub faults: Vec<Fault>,
}

/// Applies what follows from everything that was decided since the last time.
///
/// A cursor in `.git/gt` says how far it has come; without one it looks at everything once more, which
/// finds what is missing and nothing else. After a crash at any point the next run does the rest.
pub fn after(home: &Home) -> Settled {
    settle(home, Cursor::load(home).as_ref(), false)
}

/// Applies what follows from everything that was decided since the last time, and looks at merge requests though
/// none has changed; after a sync, which may have brought a cause's other half.
pub fn fully(home: &Home) -> Settled {
    settle(home, Cursor::load(home).as_ref(), true)
}

/// Applies what follows from everything there is, whether or not it was looked at before; for whoever asks
/// for that.
pub fn anew(home: &Home) -> Settled {
    settle(home, None, true)
}

/// What was decided stands, whatever becomes of its consequences: so a failure here is told and is no
/// failure of the command that decided.
fn settle(home: &Home, cursor: Option<&Cursor>, whole_queue: bool) -> Settled {
    let mut settled = Settled::default();
    if let Err(fault) = in_rounds(home, (cursor, whole_queue), &mut settled) {
        settled.faults.push(fault);
    }
    if let Err(fault) = mirror::refresh(home) {
        settled.faults.push(fault);
    }
    settled
}

fn in_rounds(
    home: &Home,
    (cursor, whole_queue): (Option<&Cursor>, bool),
    settled: &mut Settled,
) -> Result<()> {
    for _ in 0..ROUNDS {
        let derived = derive(home, cursor, whole_queue)?;
        let (before, mut faults) = (settled.told.len(), Vec::new());
        for consequence in &derived.consequences {
            match apply(home, consequence) {
                Ok(text) => settled.told.extend(text),
                Err(fault) => faults.push(fault),
            }
        }
        if derived.consequences.is_empty() {
            if cursor != Some(&derived.seen) {
                derived.seen.save(home)?;
            }
            return Ok(());
        }
        if settled.told.len() == before {
            settled.faults.extend(faults);
            return Ok(());
        }
    }
    Ok(())
}

/// What follows and is not drawn yet.
struct Derived {
    consequences: Vec<Consequence>,
    /// What it was derived from.
    seen: Cursor,
}

fn derive(home: &Home, cursor: Option<&Cursor>, whole_queue: bool) -> Result<Derived> {
    // Where things stand is asked before what they are: what changes in between is looked at again.
    let seen = Cursor::now(home)?.with_gates_of(cursor);
    let is_due = gates::is_due(&seen.gates, home.world().now());
    let still = match cursor {
        Some(cursor) if !whole_queue && cursor.has_queue_of(&seen, home)? => Some(cursor),
        _ => None,
    };
    let view = home.view();
    let (live, seen) = match still {
        Some(cursor) => (Vec::new(), seen.with_queue_of(cursor)),
        None => {
            let live = view.live_requests()?;
            let seen = seen.with_targets_of(home, &live)?;
            (live, seen)
        }
    };
    if still == Some(&seen) && !is_due {
        return Ok(Derived {
            consequences: Vec::new(),
            seen,
        });
    }
    let changes = Changes::since(home, cursor, &seen)?;
    let mut seen = seen;
    gates::note(&mut seen.gates, &changes.beads);
    let requests = match cursor {
        _ if still.is_some() => live,
        Some(cursor) if cursor.is_of(&seen) => touched(&view, live, &changes)?,
        _ => view.requests()?,
    };
    let tips = RefCell::new(BTreeMap::new());
    learn(home, &requests, &tips)?;
    let elsewhere = elsewhere(home, &requests, &tips)?;
    let landing = |request: &Request| landing(home, &view, request, (&tips, &elsewhere));
    let facts = rules::Facts::new(&view, (&changes, &seen.gates), &requests, &landing);
    let mut consequences = Vec::new();
    for rule in RULES {
        consequences.extend((rule.derive)(&facts)?);
    }
    Ok(Derived { consequences, seen })
}

/// Returns the merge requests from which something may follow that did not before: those that wait, and those of
/// beads of which something has changed.
fn touched(view: &View<'_>, live: Vec<Request>, changes: &Changes) -> Result<Vec<Request>> {
    let of_requests = changes.requests.iter().map(Request::bead);
    let beads = changes.ids.iter().map(String::as_str).chain(of_requests);
    let beads: BTreeSet<&str> = beads.filter(|id| !id.is_empty()).collect();
    if beads.len() > LOOKED_UP_MAX {
        return view.requests();
    }
    let mut found: BTreeMap<String, Request> = BTreeMap::new();
    let mut add = |it: Request| drop(found.insert(it.id().to_owned(), it));
    for bead in beads {
        view.requests_of(bead)?.into_iter().for_each(&mut add);
    }
    changes.requests.iter().cloned().for_each(&mut add);
    live.into_iter().for_each(&mut add);
    Ok(found.into_values().collect())
}

/// Returns how a request got onto the branch it was to land on, nothing while it is not there as far as
/// is known here.
fn landing(
    home: &Home,
    view: &View<'_>,
    request: &Request,
    (tips, elsewhere): (&Tips, &BTreeMap<String, Oid>),
) -> Result<Option<Landing>> {
    let tip = tip_of(home, request.target(), tips)?;
    let (Some(head), Some(tip)) = (home.repo().parse_id(request.head()), tip) else {
        return Ok(None);
    };
    let commit = match elsewhere.get(request.id()) {
        Some(commit) => *commit,
        None if home.repo().is_ancestor(&head, &tip)? => head,
        None => return Ok(None),
    };
    let mut first = Landing {
        commit: commit.to_string(),
        stamp: None,
    };
    for result in view.results_of(request.id())? {
        for (stamp, attempt) in result.attempts() {
            let holds = attempt.requests.iter().any(|id| id == request.id());
            let earlier = first.stamp.as_ref().is_none_or(|known| stamp < *known);
            let commit = home.repo().parse_id(&attempt.commit);
            if let (true, true, Verdict::Green, Some(commit)) =
                (holds, earlier, attempt.verdict, commit)
                && home.repo().is_ancestor(&commit, &tip)?
            {
                first = Landing {
                    commit: attempt.commit,
                    stamp: Some(stamp),
                };
            }
        }
    }
    Ok(Some(first))
}

/// Returns where a branch stands, nothing for what is no branch.
fn tip_of(home: &Home, branch: &str, tips: &Tips) -> Result<Option<Oid>> {
    let known = tips.borrow().get(branch).copied();
    if let Some(tip) = known {
        return Ok(tip);
    }
    let tip = match home.target(Some(branch)) {
        Ok(target) => home.known_tip(&target)?,
        Err(_) => None,
    };
    tips.borrow_mut().insert(branch.to_owned(), tip);
    Ok(tip)
}

/// Finds out with one process for each target which waiting requests are on it.
fn learn(home: &Home, requests: &[Request], tips: &Tips) -> Result<()> {
    let mut heads: BTreeMap<&str, Vec<Oid>> = BTreeMap::new();
    for request in requests.iter().filter(|it| it.is_live()) {
        let head = home.repo().parse_id(request.head());
        heads.entry(request.target()).or_default().extend(head);
    }
    for (branch, heads) in heads {
        if let Some(tip) = tip_of(home, branch, tips)? {
            home.repo().learn_ancestry(&heads, &tip)?;
        }
    }
    Ok(())
}

/// Finds the waiting requests that were squashed or rebased onto their targets.
fn elsewhere(home: &Home, requests: &[Request], tips: &Tips) -> Result<BTreeMap<String, Oid>> {
    let mut of: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    for request in requests.iter().filter(|it| it.is_live()) {
        of.entry(request.target()).or_default().push(request);
    }
    let mut found = BTreeMap::new();
    for (branch, requests) in of {
        if let Some(tip) = tip_of(home, branch, tips)? {
            found.extend(crate::mq::landed(&home.view(), &tip, &requests)?);
        }
    }
    Ok(found)
}

/// Where targets stand, looked up once.
type Tips = RefCell<BTreeMap<String, Option<Oid>>>;

/// Writes a consequence as a commit of its own; nothing when somebody else has drawn it meanwhile.
fn apply(home: &Home, consequence: &Consequence) -> Result<Option<String>> {
    let ledger = consequence.ledger();
    let home = match consequence.to() {
        Some(address) => home.of_address(address)?,
        None => home.clone(),
    };
    let written = home.write(ledger, &consequence.actor(), |view, _| {
        let Some((subject, record)) = consequence.change(view)? else {
            return Ok(Decision::nothing(None));
        };
        let mut decision = Decision::write(subject.clone(), vec![record], Some(subject));
        decision.because = Some(consequence.cause().to_owned());
        Ok(decision)
    })?;
    Ok(written.value.filter(|_| written.changed))
}
