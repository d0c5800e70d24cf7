//! What follows from a decision: pure rules over what was decided, applied after every writing command
//! (DESIGN 3.2). Running them twice changes nothing.

mod cursor;
mod rules;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::{Decision, Name};
use crate::record::{Request, Verdict};
use crate::town::{Town, View};

use cursor::Cursor;
pub use rules::{Consequence, Landing, RULES, Rule};

/// How often consequences of consequences are looked for.
const ROUNDS: usize = 8;

/// Applies what follows from everything that was decided since the last time, and returns it in words.
///
/// A cursor in `.git/gt` says how far it has come; without one it looks at everything once more, which
/// finds what is missing and nothing else. After a crash at any point the next run does the rest.
pub fn after(town: &Town) -> Result<Vec<String>> {
    match Cursor::load(town) {
        Some(cursor) if cursor.is_current(town)? => Ok(Vec::new()),
        _ => fully(town),
    }
}

/// Applies what follows from everything that is stored, whatever the cursor says; after a sync, which
/// may have brought a cause's other half.
pub fn fully(town: &Town) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let (seen, consequences) = derive(town)?;
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

/// Returns all consequences that are not drawn yet, and what they were derived from.
fn derive(town: &Town) -> Result<(Cursor, Vec<Consequence>)> {
    let view = town.view();
    let requests = view.requests()?;
    let seen = Cursor::now(town, &view, &requests)?;
    let tips = RefCell::new(BTreeMap::new());
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
    let branch = request.target().to_owned();
    let known = tips.borrow().get(&branch).copied();
    let tip = match known {
        Some(tip) => tip,
        None => {
            let tip = match town.target(Some(&branch)) {
                Ok(target) => town.known_tip(&target)?,
                Err(_) => None,
            };
            tips.borrow_mut().insert(branch, tip);
            tip
        }
    };
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
