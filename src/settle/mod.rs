//! What follows from a decision: pure rules over what was decided, applied after every writing command
//! (DESIGN 3.2). Running them twice changes nothing.

mod cursor;
mod rules;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::{Decision, Name};
use crate::record::Request;
use crate::town::Town;

use cursor::Cursor;
pub use rules::{Consequence, RULES, Rule};

/// How often consequences of consequences are looked for.
const ROUNDS: usize = 8;

/// Applies what follows from everything that was decided since the last time, and returns it in words.
///
/// A cursor in `.git/gt` says how far it has come; without one it looks at everything once more, which
/// finds what is missing and nothing else. After a crash at any point the next run does the rest.
pub fn after(town: &Town) -> Result<Vec<String>> {
    if Cursor::load(town) == Some(Cursor::now(town)?) {
        Ok(Vec::new())
    } else {
        fully(town)
    }
}

/// Applies what follows from everything that is stored, whatever the cursor says; after a sync, which
/// may have brought a cause's other half.
pub fn fully(town: &Town) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let seen = Cursor::now(town)?;
        let consequences = derive(town)?;
        for consequence in &consequences {
            if let Some(text) = apply(town, consequence)? {
                told.push(text);
            }
        }
        if consequences.is_empty() {
            seen.save(town)?;
            break;
        }
    }
    Ok(told)
}

/// Returns all consequences that are not drawn yet.
fn derive(town: &Town) -> Result<Vec<Consequence>> {
    let view = town.view();
    let requests = view.requests()?;
    let tips = RefCell::new(BTreeMap::new());
    let is_landed = |request: &Request| landed(town, request, &tips);
    let facts = rules::Facts {
        view: &view,
        requests: &requests,
        is_landed: &is_landed,
    };
    let mut found = Vec::new();
    for rule in RULES {
        found.extend((rule.derive)(&facts)?);
    }
    Ok(found)
}

/// Returns whether a request's commit is on the branch it was to land on, as far as is known here.
fn landed(town: &Town, request: &Request, tips: &Tips) -> Result<bool> {
    let branch = request.target().to_owned();
    let known = tips.borrow().get(&branch).copied();
    let tip = match known {
        Some(tip) => tip,
        None => {
            let tip = town.known_tip(&town.target(Some(&branch))?)?;
            tips.borrow_mut().insert(branch, tip);
            tip
        }
    };
    match (town.repo().parse_id(request.head()), tip) {
        (Some(head), Some(tip)) => town.repo().is_ancestor(&head, &tip),
        _ => Ok(false),
    }
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
