//! What follows from a decision: pure rules over what was decided, applied after every writing command
//! (DESIGN 3.2). Running them twice changes nothing.

mod cursor;
mod rules;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Decision, Name};
use crate::record::{Request, Verdict};
use crate::town::{Town, View};

use cursor::Cursor;
pub use rules::{Consequence, Landing, RULES, Rule};

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
pub fn after(town: &Town) -> Settled {
    match Cursor::load(town).map(|cursor| cursor.is_current(town)) {
        Some(Ok(true)) => Settled::default(),
        _ => fully(town),
    }
}

/// Applies what follows from everything that is stored, whatever the cursor says; after a sync, which
/// may have brought a cause's other half.
///
/// What was decided stands, whatever becomes of its consequences: so a failure here is told and is no
/// failure of the command that decided.
pub fn fully(town: &Town) -> Settled {
    let mut settled = Settled::default();
    if let Err(fault) = in_rounds(town, &mut settled) {
        settled.faults.push(fault);
    }
    settled
}

fn in_rounds(town: &Town, settled: &mut Settled) -> Result<()> {
    for _ in 0..ROUNDS {
        let (seen, consequences) = derive(town)?;
        let (before, mut faults) = (settled.told.len(), Vec::new());
        for consequence in &consequences {
            match apply(town, consequence) {
                Ok(text) => settled.told.extend(text),
                Err(fault) => faults.push(fault),
            }
        }
        if consequences.is_empty() {
            return seen.save(town);
        }
        if settled.told.len() == before {
            settled.faults.extend(faults);
            return Ok(());
        }
    }
    Ok(())
}

/// Returns all consequences that are not drawn yet, and what they were derived from.
fn derive(town: &Town) -> Result<(Cursor, Vec<Consequence>)> {
    let view = town.view();
    let requests = view.requests()?;
    let seen = Cursor::now(town, &view, &requests)?;
    let tips = RefCell::new(BTreeMap::new());
    learn(town, &requests, &tips)?;
    let landing = |request: &Request| landing(town, &view, request, &tips);
    let facts = rules::Facts {
        view: &view,
        requests: &requests,
        landing: &landing,
    };
    let mut found = Vec::new();
    for rule in RULES {
        found.extend((rule.derive)(&facts)?);
    }
    Ok((seen, found))
}

/// Returns how a request got onto the branch it was to land on, nothing while it is not there as far as
/// is known here.
fn landing(
    town: &Town,
    view: &View<'_>,
    request: &Request,
    tips: &Tips,
) -> Result<Option<Landing>> {
    let tip = tip_of(town, request.target(), tips)?;
    let (Some(head), Some(tip)) = (town.repo().parse_id(request.head()), tip) else {
        return Ok(None);
    };
    if !town.repo().is_ancestor(&head, &tip)? {
        return Ok(None);
    }
    let mut first = Landing {
        commit: request.head().to_owned(),
        stamp: None,
    };
    for result in view.results()? {
        for (stamp, attempt) in result.attempts() {
            let holds = attempt.requests.iter().any(|id| id == request.id());
            let earlier = first.stamp.as_ref().is_none_or(|known| stamp < *known);
            let commit = town.repo().parse_id(&attempt.commit);
            if let (true, true, Verdict::Green, Some(commit)) =
                (holds, earlier, attempt.verdict, commit)
                && town.repo().is_ancestor(&commit, &tip)?
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
fn tip_of(town: &Town, branch: &str, tips: &Tips) -> Result<Option<Oid>> {
    let known = tips.borrow().get(branch).copied();
    if let Some(tip) = known {
        return Ok(tip);
    }
    let tip = match town.target(Some(branch)) {
        Ok(target) => town.known_tip(&target)?,
        Err(_) => None,
    };
    tips.borrow_mut().insert(branch.to_owned(), tip);
    Ok(tip)
}

/// Finds out with one process for each target which waiting requests are on it.
fn learn(town: &Town, requests: &[Request], tips: &Tips) -> Result<()> {
    let mut heads: BTreeMap<&str, Vec<Oid>> = BTreeMap::new();
    for request in requests.iter().filter(|it| it.is_live()) {
        let head = town.repo().parse_id(request.head());
        heads.entry(request.target()).or_default().extend(head);
    }
    for (branch, heads) in heads {
        if let Some(tip) = tip_of(town, branch, tips)? {
            town.repo().learn_ancestry(&heads, &tip)?;
        }
    }
    Ok(())
}

/// Where targets stand, looked up once.
type Tips = RefCell<BTreeMap<String, Option<Oid>>>;

/// Writes a consequence as a commit of its own; nothing when somebody else has drawn it meanwhile.
fn apply(town: &Town, consequence: &Consequence) -> Result<Option<String>> {
    let ledger = match consequence {
        Consequence::Landed { .. } => Name::Queue,
        Consequence::Close { .. } | Consequence::Release { .. } => Name::Beads,
    };
    let written = town.write(ledger, &consequence.actor(), |view, _| {
        let Some((subject, record)) = consequence.change(view)? else {
            return Ok(Decision::nothing(None));
        };
        let mut decision = Decision::write(subject.clone(), vec![record], Some(subject));
        decision.because = Some(consequence.cause().to_owned());
        Ok(decision)
    })?;
    Ok(written.value.filter(|_| written.changed))
}
