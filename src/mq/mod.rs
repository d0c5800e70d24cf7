//! The queue: what waits to land and in which order, submitting and taking back.

mod approvals;
mod freeze;
mod landed;
mod line;
mod order;
mod rollup;
mod submit;
mod transition;
mod why;

pub use approvals::{Approved, approve, approved, delegate, unapprove};
pub use freeze::{Freezing, freeze, thaw};
pub use landed::{landed, request_of};
pub use line::{Gone, Held, Item, Line, line};
pub use order::{sorted, targets};
pub use rollup::{rollup, take_apart};
pub use submit::{Submit, Submitted, Wishes, submit};
pub use transition::{cancel, prioritize, reject, retry};
pub use why::{GateRun, Proof, ResultIds, Role, Tested, proof, reproduce};

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::fault::{Fault, Result};
use crate::ledger::Name;
use crate::record::Request;
use crate::town::View;

/// Returns the ref that keeps a live request's commit.
pub fn ref_of(view: &View<'_>, request: &str) -> String {
    format!("refs/gt/mr/{}", view.repo().name_hash(request))
}

/// Returns the refs here that nobody needs any more: of requests that are finished, and what was kept for
/// one that was never made.
pub fn finished_refs(view: &View<'_>) -> Result<Vec<String>> {
    let mut names = idle_refs(view)?;
    if !names.is_empty() {
        let finished = finished(view)?;
        names.retain(|name| finished.contains_key(name));
        names.extend(forgotten_refs(view)?);
    }
    Ok(names)
}

/// Returns under which refs commits of finished requests are or were kept, with the requests' ids.
pub fn finished(view: &View<'_>) -> Result<BTreeMap<String, String>> {
    let ids = view.finished_request_ids()?.into_iter();
    Ok(ids.map(|id| (ref_of(view, id), id.to_owned())).collect())
}

/// Returns the refs here that keep a commit for no request that waits.
fn idle_refs(view: &View<'_>) -> Result<Vec<String>> {
    let refs = view.repo().list_refs("refs/gt/mr/")?;
    let live = view.live_requests()?;
    let live: BTreeSet<String> = live.iter().map(|it| ref_of(view, it.id())).collect();
    let names = refs.into_iter().map(|(name, _)| name);
    Ok(names.filter(|name| !live.contains(name)).collect())
}

/// Returns the refs here that keep a commit for a request there is no record of: it is being made just now,
/// by somebody who holds the guard of keepers, or whoever was to make it has crashed.
pub fn forgotten_refs(view: &View<'_>) -> Result<Vec<String>> {
    let mut names = idle_refs(view)?;
    if !names.is_empty() {
        // One that only a newer version can read is a request all the same.
        let all = view.ledger(Name::Queue)?.ids()?;
        let known: BTreeSet<String> = all.iter().map(|id| ref_of(view, id)).collect();
        names.retain(|name| !known.contains(name));
    }
    Ok(names)
}

/// Returns the request that was meant: its id, its branch, or the bead whose newest request it is.
pub fn resolve(view: &View<'_>, typed: &str) -> Result<Request> {
    if let Some(request) = view.request(typed)? {
        return Ok(request);
    }
    // A request without a bead has an empty one, which nobody means.
    let named = |it: &Request| !typed.is_empty() && (it.branch() == typed || it.bead() == typed);
    let mut found = view.requests_of(typed)?;
    found.retain(named);
    found.sort_by_key(|it| (it.is_live(), it.record().created()));
    found.pop().ok_or_else(|| {
        Fault::not_found(format!("there is no merge request '{typed}'"))
            .hint("git gt mq list --all shows every one; git gt mq submit queues a branch")
    })
}

/// Returns a request as `mq list --json` prints it (DESIGN 6).
pub fn as_json(request: &Request, attempts: usize) -> Value {
    let record = request.record();
    let mut value = json!({
        "id": request.id(),
        "bead": request.bead(),
        "branch": request.branch(),
        "head": request.head(),
        "target": request.target(),
        "status": request.status().word(),
        "worker": request.worker(),
        "rig": request.rig(),
        "priority": request.priority(),
        "hotfix": request.is_hotfix(),
        "group": request.group(),
        "after": request.after().collect::<Vec<_>>(),
        "attempts": attempts,
        "reason": request.reason(),
        "created_at": record.created().time().to_string(),
        "updated_at": record.newest().time().to_string(),
    });
    for key in ["commit", "gate", "green", "red", "files", "reproduce", "by"] {
        if let Some(found) = request.evidence(key) {
            value[key] = found.clone();
        }
    }
    value
}
