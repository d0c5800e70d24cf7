//! What people do to a request: take it back, test it again.

use serde_json::{Map, json};

use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Request, RequestStatus};
use crate::town::Home;

/// Takes a waiting request out of the queue; its commits stay.
pub fn reject(home: &Home, actor: &str, typed: &str, reason: &str) -> Result<Request> {
    let written = home.write(Name::Queue, actor, |view, pen| {
        let mut request = super::resolve(view, typed)?;
        if !request.is_live() {
            return Err(over(&request));
        }
        let by = Map::from_iter([("by".to_owned(), json!(actor))]);
        request.finish(
            RequestStatus::Rejected,
            reason,
            by,
            &pen.stamp(request.record()),
        );
        let subject = format!("reject {}: {reason}", request.id());
        Ok(Decision::write(
            subject,
            vec![request.clone().into_record()],
            request,
        ))
    })?;
    Ok(written.value)
}

/// Queues a finished request again as it is: its gates run anew, whatever they said before.
pub fn retry(home: &Home, actor: &str, typed: &str) -> Result<Request> {
    let request = super::resolve(&home.view(), typed)?;
    if request.is_live() || request.status() == RequestStatus::Landed {
        return Err(over(&request));
    }
    // Finished as it still is, the Refinery would put its commit away.
    let _keepers = home.repo().keepers_guard()?;
    keep_commit(home, &request)?;
    let id = request.id().to_owned();
    let written = home.write(Name::Queue, actor, |view, pen| {
        let mut request = super::resolve(view, &id)?;
        if request.is_live() {
            return Ok(Decision::nothing(request));
        }
        request.requeue(&pen.stamp(request.record()));
        let subject = format!("retry {id}");
        Ok(Decision::write(
            subject,
            vec![request.clone().into_record()],
            request,
        ))
    })?;
    Ok(written.value)
}

/// Makes the ref of a live request again, before the request is live again.
fn keep_commit(home: &Home, request: &Request) -> Result<()> {
    let repo = home.repo();
    let head = repo
        .parse_id(request.head())
        .filter(|head| repo.has(head))
        .ok_or_else(|| {
            Fault::unavailable(format!(
                "the commit of {} is not in this repository",
                request.id()
            ))
            .hint("git gt sync brings what other clones have pushed")
        })?;
    let name = super::ref_of(&home.view(), request.id());
    home.keep(&name, head)
}

fn over(request: &Request) -> Fault {
    let what = if request.is_live() {
        "waits in the queue already"
    } else {
        "is finished"
    };
    Fault::refused(format!("{} {what}: {}", request.id(), request.status()))
}
