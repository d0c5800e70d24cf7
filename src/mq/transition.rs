//! What people do to a request: take it back, test it again, make it more urgent, let it land with others.

use serde_json::{Map, json};

use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Stamp};
use crate::record::{Class, Request, RequestStatus};
use crate::town::{Home, View};

/// Changes a waiting request in one decision; where `change` returns no subject, nothing is written. After a
/// crash it is changed or as it was.
pub(super) fn change(
    home: &Home,
    actor: &str,
    typed: &str,
    mut change: impl FnMut(&View<'_>, &mut Request, &Stamp) -> Result<Option<String>>,
) -> Result<Request> {
    let written = home.write(Name::Queue, actor, |view, pen| {
        let mut request = super::resolve(view, typed)?;
        if !request.is_live() {
            return Err(over(&request));
        }
        let stamp = pen.stamp(request.record());
        let Some(subject) = change(view, &mut request, &stamp)? else {
            return Ok(Decision::nothing(request));
        };
        let records = vec![request.clone().into_record()];
        Ok(Decision::write(subject, records, request))
    })?;
    Ok(written.value)
}

/// Takes a waiting request out of the queue; its commits stay. Who did the work is told why.
pub fn reject(home: &Home, actor: &str, typed: &str, reason: &str) -> Result<Request> {
    if reason.trim().is_empty() {
        return Err(
            Fault::invalid("a request is rejected for a reason, and this one is empty")
                .hint("whoever did the work reads it: -r 'the API changes, see gt-12'"),
        );
    }
    change(home, actor, typed, |_, request, stamp| {
        let by = Map::from_iter([("by".to_owned(), json!(actor))]);
        request.finish(RequestStatus::Rejected, reason, by, stamp);
        Ok(Some(format!("reject {}: {reason}", request.id())))
    })
}

/// Takes one's own request back; its commits stay, and so does the claim on its bead.
pub fn cancel(home: &Home, actor: &str, typed: &str, reason: &str) -> Result<Request> {
    change(home, actor, typed, |_, request, stamp| {
        if request.worker() != actor {
            return Err(Fault::refused(format!(
                "{} is {}'s, and only who did the work takes it back",
                request.id(),
                request.worker()
            ))
            .hint(format!(
                "to take it out of the queue for them: git gt mq reject {} -r '...'",
                request.id()
            )));
        }
        let by = Map::from_iter([("by".to_owned(), json!(actor))]);
        request.finish(RequestStatus::Cancelled, reason, by, stamp);
        Ok(Some(match reason {
            "" => format!("cancel {}", request.id()),
            reason => format!("cancel {}: {reason}", request.id()),
        }))
    })
}

/// Makes a waiting request more urgent or less.
pub fn prioritize(home: &Home, actor: &str, typed: &str, class: Class) -> Result<Request> {
    change(home, actor, typed, |_, request, stamp| {
        if !urge(request, class, stamp) {
            return Ok(None);
        }
        Ok(Some(format!("make {} {class}", request.id())))
    })
}

/// Sets how urgent a request is; returns whether that changed anything. A hotfix keeps the priority it had.
pub(super) fn urge(request: &mut Request, class: Class, stamp: &Stamp) -> bool {
    let before = request.clone();
    request.set_hotfix(class == Class::Hotfix, stamp);
    if let Class::Priority(priority) = class {
        request.set_priority(priority.into(), stamp);
    }
    *request != before
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

pub(super) fn over(request: &Request) -> Fault {
    let what = if request.is_live() {
        "waits in the queue already"
    } else {
        "is finished"
    };
    Fault::refused(format!("{} {what}: {}", request.id(), request.status()))
}
