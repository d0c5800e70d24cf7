//! The queue: what waits to land and in which order, submitting and taking back.

mod order;
mod submit;
mod transition;

pub use order::{queue, sorted, targets};
pub use submit::{Submit, Submitted, submit};
pub use transition::{reject, retry};

use serde_json::{Value, json};

use crate::fault::{Fault, Result};
use crate::record::Request;
use crate::town::View;

/// Returns the ref that keeps a live request's commit.
pub fn ref_of(view: &View<'_>, request: &str) -> String {
    format!("refs/gt/mr/{}", view.repo().name_hash(request))
}

/// Returns the refs of requests that are finished: nobody needs them any more.
pub fn finished_refs(view: &View<'_>) -> Result<Vec<String>> {
    let requests = view.requests()?.into_iter();
    let finished = requests.filter(|request| !request.is_live());
    Ok(finished.map(|request| ref_of(view, request.id())).collect())
}

/// Returns the request that was meant: its id, its branch, or the bead whose newest request it is.
pub fn resolve(view: &View<'_>, typed: &str) -> Result<Request> {
    if let Some(request) = view.request(typed)? {
        return Ok(request);
    }
    let named = |it: &Request| it.branch() == typed || it.bead() == typed;
    let mut found: Vec<Request> = view.requests()?.into_iter().filter(named).collect();
    found.sort_by_key(|it| (it.is_live(), it.record().created()));
    found.pop().ok_or_else(|| {
        Fault::not_found(format!("there is no merge request '{typed}'"))
            .hint("git gt mq list --all shows every one")
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
