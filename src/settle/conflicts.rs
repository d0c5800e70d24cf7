//! Rules about conflicts: what does not merge onto its target's newest commit becomes a bead of its own, for as
//! long as nobody has brought it there.
//!
//! That bead is what is handed out. The one whose work conflicts waits for it, so that the work is neither lost
//! nor begun a second time; what lands for it closes both. It closes by itself when the work is queued again, and
//! whoever closes it by hand gives the work back to the bead that waited.

use serde_json::Value;

use super::LOOKED_UP_MAX;
use super::convoys::derived_digits;
use super::letters::{NAMED_MAX, as_subject, files, is_news, prefix};
use super::rules::{
    Consequence, Facts, Made, actor_of, bead_of, cause_stamp, derived_stamp, short,
};
use crate::fault::Result;
use crate::ledger::{Name, Record, Stamp};
use crate::record::{Bead, Request, RequestStatus};
use crate::town::View;

/// The field of such a bead that says which merge request it is about.
const RESOLVES: &str = "resolves";

/// Its label.
const LABEL: &str = "merge-conflict";

/// Returns the id of the bead in which a request's conflict is resolved, where the request stands so.
///
/// What conflicts again while it is being resolved gets no bead of its own: its bead is that already.
pub fn resolution(view: &View<'_>, request: &Request) -> Option<String> {
    let of_bead = || view.bead(request.bead()).ok().flatten();
    let is_one = |bead: Bead| bead.record().get(RESOLVES).is_some();
    let conflicts = request.status() == RequestStatus::Conflict;
    (conflicts && !of_bead().is_some_and(is_one)).then(|| id_of(request, request.record().life()))
}

/// Returns the request whose conflict is resolved in a bead.
pub(super) fn resolved_by(view: &View<'_>, bead: &str) -> Option<Request> {
    let bead = view.bead(bead).ok().flatten()?;
    view.request(bead.record().text(RESOLVES)).ok().flatten()
}

fn id_of(request: &Request, life: i64) -> String {
    let cause = [request.id(), &life.to_string()];
    let digits = derived_digits("conflicts", &cause);
    format!("{}-{digits}", prefix(request.id(), "-mr-"))
}

/// Each conflict has its bead, whose worker on paper is whoever did the work; the bead of that work waits for it.
///
/// None is made for what others have taken up, or queued again, since.
pub(super) fn conflicts(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for request in facts.requests {
        let Some(id) = resolution(facts.view, request) else {
            continue;
        };
        let bead = bead_of(facts, request)?;
        if bead.is_none() && !request.bead().is_empty() {
            continue;
        }
        let stamp = cause_stamp(request);
        match facts.view.bead(&id).ok().flatten() {
            None if is_news(&stamp, facts.now)
                && bead.as_ref().is_none_or(|it| is_open(it, request))
                && newer(facts.view, request, &id, &stamp)?.is_none()
                && !facts.view.was_purged(Name::Beads, &stamp)? =>
            {
                found.push(Consequence::Make(made(&id, request, bead.as_ref())));
            }
            Some(there) if !there.is_closed() => {
                if let Some(bead) = bead.filter(|it| waits(it, request, &id)) {
                    found.push(Consequence::Await {
                        bead: bead.id().to_owned(),
                        on: id,
                        request: request.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Returns whether a bead is as it was when the request was queued, and nobody else has taken it up.
fn is_open(bead: &Bead, request: &Request) -> bool {
    let is_free = bead
        .claim()
        .is_none_or(|it| it.epoch == request.epoch() && it.stamp.as_str() == request.claim());
    !bead.is_closed() && bead.record().life() == request.bead_life() && is_free
}

/// Returns whether a bead is to wait for another one, does not yet, and nobody said that it need not. An epic
/// waits for its children.
fn waits(bead: &Bead, request: &Request, on: &str) -> bool {
    let record = bead.record();
    let is_known = record.entry("deps", on).is_some()
        || record.stamp_of_entry("deps", on) > cause_stamp(request);
    let is_due = !bead.is_closed() && record.life() == request.bead_life();
    is_due && !is_known && bead.issue_type() != "epic" && bead.id() != on
}

/// Returns the first request by which the work of a conflict was queued again.
fn newer(
    view: &View<'_>,
    request: &Request,
    resolution: &str,
    since: &Stamp,
) -> Result<Option<Request>> {
    let mut all = view.requests_of(request.branch())?;
    if !request.bead().is_empty() {
        all.extend(view.requests_of(request.bead())?);
    }
    let is_same_work = |it: &Request| match it.bead() {
        "" => it.branch() == request.branch(),
        bead if request.bead().is_empty() => it.branch() == request.branch() && bead != resolution,
        bead => bead == request.bead(),
    };
    all.retain(|it| it.id() != request.id() && is_same_work(it) && it.record().created() > *since);
    Ok(all.into_iter().min_by_key(|it| it.record().created()))
}

fn made(id: &str, request: &Request, work: Option<&Bead>) -> Made {
    let stamp = cause_stamp(request);
    let title = as_subject(&format!(
        "Resolve merge conflict: {} onto {}",
        request.branch(),
        request.target()
    ));
    let mut bead = Bead::new(id, &title, &stamp);
    let record = bead.record_mut();
    let parent = work.and_then(|it| match it.issue_type() {
        "epic" => Some(it.id()),
        _ => it.parent(),
    });
    let refinery = format!("{}/refinery", request.rig());
    let texts = [
        ("assignee", request.worker()),
        ("created_by", &refinery),
        ("description", &story(id, request)),
        ("parent", parent.unwrap_or_default()),
        (RESOLVES, request.id()),
    ];
    for (field, text) in texts {
        record.set(field, (!text.is_empty()).then(|| text.into()), &stamp);
    }
    let priority = request.priority();
    record.set("priority", (priority != 2).then(|| priority.into()), &stamp);
    record.set_entry("labels", LABEL, Some(true.into()), &stamp);
    Made {
        ledger: Name::Beads,
        to: None,
        subject: format!("create {id}: {title}"),
        record: bead.into_record(),
        cause: request.id().to_owned(),
        actor: actor_of(request),
    }
}

/// Returns what there is to know about a conflict, and what to type.
fn story(id: &str, request: &Request) -> String {
    let (branch, target, bead) = (request.branch(), request.target(), request.bead());
    let tip = request.evidence("green").and_then(Value::as_str);
    let mut lines = vec![format!("{} does not merge onto {target}.\n", request.id())];
    if !bead.is_empty() {
        lines.push(format!("bead     {bead}, which waits for this one"));
    }
    lines.push(format!("branch   {branch} at {}", request.head()));
    lines.push(match tip {
        Some(tip) => format!("target   {target} at {tip}"),
        None => format!("target   {target}"),
    });
    let files = files(request);
    let named = files.iter().take(NAMED_MAX);
    lines.extend(named.map(|it| format!("file     {it}")));
    if files.len() > NAMED_MAX {
        lines.push(format!("and {} more files", files.len() - NAMED_MAX));
    }
    let with_bead = match bead {
        "" => String::new(),
        bead => format!(" --bead {bead}"),
    };
    lines.push(format!(
        "\nIn a worktree of its own (git gt sling {id} makes one), bring the branch over and queue the result:\n\
         \n    git merge {}\n    git commit\n    git gt done\n\
         \nOr on the branch itself, after which this bead closes by itself:\n\
         \n    git switch {branch}\n    git merge {}\n    git gt mq submit --branch {branch}{with_bead}",
        short(request.head()),
        tip.map_or(target, short),
    ));
    lines.join("\n")
}

/// The bead of a conflict is done when the work is queued again, by whatever way, or is over.
pub(super) fn resolved(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let awaited = facts.changes.awaited.iter();
    let mut others: Vec<Request> = awaited
        .take(LOOKED_UP_MAX)
        .filter_map(|id| resolved_by(facts.view, id))
        .collect();
    for changed in &facts.changes.requests {
        others.extend(facts.view.requests_of(changed.branch())?);
    }
    let mut found: Vec<(String, Consequence)> = Vec::new();
    for request in facts.requests.iter().chain(&others) {
        for life in lives(request.record().life()) {
            let id = id_of(request, life);
            let bead = facts.view.bead(&id).ok().flatten();
            let is_open = bead.is_some_and(|it| !it.is_closed());
            if !is_open || found.iter().any(|(known, _)| *known == id) {
                continue;
            }
            if let Some((reason, since)) = ended(facts, request, (&id, life))? {
                let (bead, request) = (id.clone(), request.clone());
                let done = Consequence::Resolve {
                    bead,
                    request,
                    reason,
                    since,
                };
                found.push((id, done));
            }
        }
    }
    Ok(found.into_iter().map(|(_, done)| done).collect())
}

/// Returns the lives in which a request may have ended with a conflict whose bead is still open: the last two
/// that are odd.
fn lives(life: i64) -> impl Iterator<Item = i64> {
    let first = life.saturating_sub(2).max(1);
    (first..=life).filter(|it| it % 2 == 1)
}

/// Returns why nothing is left to resolve of the conflict a request ended with in one of its lives, and since
/// when; nothing where something is.
fn ended(
    facts: &Facts<'_>,
    request: &Request,
    (id, life): (&str, i64),
) -> Result<Option<(String, Stamp)>> {
    if request.record().life() > life {
        let what = match request.status() {
            RequestStatus::Landed => "has landed",
            _ => "is queued again",
        };
        return Ok(Some((
            format!("{} {what}", request.id()),
            cause_stamp(request),
        )));
    }
    let since = cause_stamp(request);
    if let Some(newer) = newer(facts.view, request, id, &since)? {
        let reason = format!("queued again as {}", newer.id());
        return Ok(Some((reason, newer.record().created())));
    }
    let work = facts.view.bead(request.bead()).ok().flatten();
    Ok(work.filter(Bead::is_closed).map(|it| {
        let reason = format!("{} is closed", it.id());
        (reason, it.record().stamp_of("state"))
    }))
}

/// Returns the commit's subject and the bead waiting for the one in which its conflict is resolved; nothing where
/// it does.
pub(super) fn awaiting(
    bead: Option<Bead>,
    on: &str,
    request: &Request,
) -> Option<(String, Record)> {
    let mut bead = bead.filter(|it| waits(it, request, on))?;
    let stamp = derived_stamp(&bead, request);
    let record = bead.record_mut();
    record.set_entry("deps", on, Some("blocks".into()), &stamp);
    let subject = format!("{} waits for {on}, which resolves its conflict", bead.id());
    Some((subject, bead.into_record()))
}

/// Returns the commit's subject and the bead of a conflict at its end; nothing where it has ended.
pub(super) fn closed(bead: Option<Bead>, reason: &str, since: &Stamp) -> Option<(String, Record)> {
    let mut bead = bead.filter(|it| !it.is_closed())?;
    let stamp = Stamp::just_after(&bead.record().newest().max(since.clone()));
    bead.close(reason, &stamp);
    Some((format!("close {}: {reason}", bead.id()), bead.into_record()))
}
