//! Groups: requests that land together or not at all, and taking them apart again.

use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Request, RequestStatus};
use crate::town::{Home, View};

use super::transition::over;

/// Makes waiting requests a group of that name, or adds them to it.
///
/// One decision: after a crash all of them are in it or none is.
pub fn rollup(home: &Home, actor: &str, group: &str, typed: &[String]) -> Result<Vec<Request>> {
    let written = home.write(Name::Queue, actor, |view, pen| {
        let mut requests: Vec<Request> = Vec::new();
        for typed in typed {
            let request = super::resolve(view, typed)?;
            check_member(view, &request, group)?;
            if requests.iter().all(|it| it.id() != request.id()) {
                requests.push(request);
            }
        }
        let lane = |it: &Request| (it.rig().to_owned(), it.target().to_owned());
        let there = view.requests_in(group)?;
        let all = || {
            requests
                .iter()
                .chain(there.iter().filter(|it| it.is_live()))
        };
        if let Some(other) = all().find(|it| Some(lane(it)) != all().next().map(lane)) {
            return Err(Fault::refused(format!(
                "{} is to land on '{}', and a group lands on one branch",
                other.id(),
                other.target()
            )));
        }
        let mut records = Vec::new();
        for request in requests.iter_mut().filter(|it| it.group() != group) {
            let stamp = pen.stamp(request.record());
            request.set_group(group, &stamp);
            records.push(request.clone().into_record());
        }
        if records.is_empty() {
            return Ok(Decision::nothing(requests));
        }
        let ids: Vec<&str> = requests.iter().map(Request::id).collect();
        let subject = format!("roll up {} as {group}", ids.join(" "));
        Ok(Decision::write(subject, records, requests))
    })?;
    Ok(written.value)
}

/// Checks that a request can be put into a group.
pub(super) fn check_member(view: &View<'_>, request: &Request, group: &str) -> Result<()> {
    if !request.is_live() {
        return Err(over(request));
    }
    if !request.group().is_empty() && request.group() != group {
        return Err(Fault::refused(format!(
            "{} is in group '{}' already",
            request.id(),
            request.group()
        ))
        .hint(format!(
            "take that apart first: git gt mq rollup --undo {}",
            request.group()
        )));
    }
    check_name(view, group)
}

/// Checks that a name can be that of a group: a plain one whose last requests have not failed.
pub(super) fn check_name(view: &View<'_>, group: &str) -> Result<()> {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    if group.is_empty() || group.len() > 100 || !group.chars().all(is_plain) {
        return Err(
            Fault::invalid(format!("'{group}' cannot be the name of a group"))
                .hint("letters, digits, dots, dashes, underscores and slashes"),
        );
    }
    let there = view.requests_in(group)?;
    let failed = [
        RequestStatus::Conflict,
        RequestStatus::Ejected,
        RequestStatus::Rejected,
    ];
    let is_over = there.iter().all(|it| !it.is_live());
    match there.iter().find(|it| failed.contains(&it.status())) {
        Some(failed) if is_over => Err(Fault::refused(format!(
            "there was a group '{group}', of which {} was {}",
            failed.id(),
            failed.status()
        ))
        .hint("name another group")
        .hint(format!(
            "or take the old one apart: git gt mq rollup --undo {group}"
        ))),
        _ => Ok(()),
    }
}

/// Takes groups apart: each by its name, or by a request in it. Returns the requests that were in them.
///
/// One decision: after a crash all of them are out of it or none is.
pub fn take_apart(home: &Home, actor: &str, typed: &[String]) -> Result<Vec<Request>> {
    let written = home.write(Name::Queue, actor, |view, pen| {
        let (mut records, mut requests, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for typed in typed {
            let group = match view.requests_in(typed)?.is_empty() {
                false => typed.clone(),
                true => super::resolve(view, typed)?.group().to_owned(),
            };
            if group.is_empty() {
                return Err(Fault::refused(format!("{typed} is in no group")));
            }
            if groups.contains(&group) {
                continue;
            }
            for mut request in view.requests_in(&group)? {
                // What has landed together stays so.
                if request.status() == RequestStatus::Landed {
                    continue;
                }
                let stamp = pen.stamp(request.record());
                request.set_group("", &stamp);
                records.push(request.clone().into_record());
                requests.push(request);
            }
            groups.push(group);
        }
        let subject = format!("take apart {}", groups.join(" "));
        Ok(Decision::write(subject, records, requests))
    })?;
    Ok(written.value)
}
