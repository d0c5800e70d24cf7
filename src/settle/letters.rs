//! Rules about mail: who is told of a request's end, and of a convoy's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::conflicts;
use super::convoys::derived_id;
use super::rules::{Consequence, Facts, Made, short};
use crate::fault::Result;
use crate::ledger::{Name, Stamp, Time};
use crate::mail::{OVERSEER, inboxes};
use crate::record::{Convoy, Letter, Mail, Request, RequestStatus};
use crate::text::one_line;

/// For how long what happened is news, from its stamp on.
///
/// A clone that looks for the first time at ledgers that others have worked on for years, whose mail it did
/// not get (it may stay at home, or be older than these rules), would tell of every end there ever was. What
/// it tells of must not hang on the clone, so it is a function of the cause and the time: any two clones that
/// look in time write the same bytes, and one that looks later writes nothing and takes over by sync what the
/// other wrote. The newest stamp of the ledger instead of the clock would be a function of the stored bytes
/// alone, but one machine a month ahead would then silence everybody else's ends for a month. Nothing else
/// hangs on this mail: the bead, its comments and the convoy say the same.
const NEWS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many files or beads a mail names.
pub(super) const NAMED_MAX: usize = 50;

/// Whoever did the work is told what became of it, once for each end of a request.
pub(super) fn ended(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for request in &facts.changes.requests {
        let Some(subject) = subject(request) else {
            continue;
        };
        let by = request.evidence("by").and_then(Value::as_str);
        if request.worker().is_empty() || by == Some(request.worker()) {
            continue;
        }
        let stamp = request.record().stamp_of("state");
        let cause = [request.id(), &request.record().life().to_string()];
        let prefix = prefix(request.id(), "-mr-");
        let id = derived_id(prefix, "mail", "ended", &cause);
        let refinery = format!("{}/refinery", request.rig());
        let letter = Letter {
            from: &refinery,
            to: &inboxes(request.worker())[0],
            subject: &subject,
            body: &story(
                request,
                conflicts::resolution(facts.view, request).as_deref(),
            ),
            kind: if request.status() == RequestStatus::Landed {
                ""
            } else {
                "task"
            },
            ..Letter::default()
        };
        let actor = by.unwrap_or(&refinery);
        let cause = (&stamp, request.id(), actor);
        found.extend(letter_once(facts, &id, &letter, cause)?);
    }
    Ok(found)
}

pub(super) fn is_news(cause: &Stamp, now: Time) -> bool {
    let millis = u64::try_from(NEWS.as_millis()).expect("a month is few milliseconds");
    now.0.saturating_sub(cause.time().0) <= millis
}

fn subject(request: &Request) -> Option<String> {
    let bead = match request.bead() {
        "" => request.branch(),
        bead => bead,
    };
    let said = match request.status() {
        RequestStatus::Landed => format!("{bead} has landed on {}", request.target()),
        RequestStatus::Ejected => format!("{bead} was ejected: {}", request.reason()),
        RequestStatus::Conflict => format!("{bead} conflicts with {}", request.target()),
        RequestStatus::Rejected => format!("{bead} was rejected: {}", request.reason()),
        RequestStatus::Queued | RequestStatus::Held | RequestStatus::Cancelled => return None,
    };
    Some(as_subject(&said))
}

/// Returns what a worker is told about the end of a request, with all that is needed to see it; of a conflict the
/// bead in which it is to be resolved, too.
fn story(request: &Request, resolution: Option<&str>) -> String {
    let text = |key: &str| request.evidence(key).and_then(Value::as_str);
    let mut lines = vec![format!(
        "request  {}\nbranch   {} at {}\ntarget   {}",
        request.id(),
        request.branch(),
        short(request.head()),
        request.target()
    )];
    if !request.reason().is_empty() {
        lines.push(format!("reason   {}", request.reason()));
    }
    for (name, key) in [("gate", "gate"), ("green", "green"), ("red", "red")] {
        lines.extend(text(key).map(|it| format!("{name:<8} {it}")));
    }
    lines.extend(text("reproduce").map(|line| format!("see it   {line}")));
    let tail = text("tail").unwrap_or_default().lines();
    lines.extend(tail.map(|line| format!("output   {line}")));
    let files = files(request);
    lines.extend(
        files
            .iter()
            .take(NAMED_MAX)
            .map(|it| format!("file     {it}")),
    );
    if files.len() > NAMED_MAX {
        lines.push(format!("and {} more files", files.len() - NAMED_MAX));
    }
    if request.status() == RequestStatus::Landed {
        lines.extend(text("commit").map(|it| format!("landed   in {}", short(it))));
        return lines.join("\n");
    }
    // The claim is over: whoever mends the branch queues it by its name.
    let (branch, bead) = (request.branch(), request.bead());
    let again = if bead.is_empty() {
        format!("git gt mq submit --branch {branch}")
    } else {
        format!("git gt mq submit --branch {branch} --bead {bead}")
    };
    lines.push(String::new());
    match resolution {
        Some(id) => lines.push(format!("{id} is to resolve it: git gt show {id}")),
        None if bead.is_empty() => {}
        None => lines.push(format!(
            "{bead} is ready again: git gt sling {bead} starts anew"
        )),
    }
    lines.push(format!(
        "the commits are kept; mend them and queue them: {again}"
    ));
    lines.join("\n")
}

/// Returns the files in which a request conflicts with its target.
pub(super) fn files(request: &Request) -> Vec<&str> {
    let files = request.evidence("files").and_then(Value::as_array);
    let files = files.into_iter().flatten();
    files.filter_map(Value::as_str).collect()
}

/// Whoever asked to be told of a convoy's end is told, once for each end; whoever ended it knows.
pub(super) fn notices(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for convoy in facts.changes.convoys.iter().filter(|it| !it.is_live()) {
        let by = match convoy.closed_by() {
            "" => String::new(),
            actor => inboxes(actor).swap_remove(0),
        };
        let beads: Vec<&str> = convoy.beads().collect();
        let mut body = format!("{}\nbeads: ", convoy.reason());
        body.push_str(&beads[..beads.len().min(NAMED_MAX)].join(", "));
        if beads.len() > NAMED_MAX {
            body.push_str(&format!(" and {} more", beads.len() - NAMED_MAX));
        }
        let subject = as_subject(&format!("{} is closed: {}", convoy.id(), convoy.title()));
        for to in recipients(convoy).iter().filter(|it| **it != by) {
            let cause = [convoy.id(), &convoy.record().life().to_string(), to];
            let id = derived_id(prefix(convoy.id(), "-cv-"), "mail", "notices", &cause);
            let letter = Letter {
                from: "mayor/",
                to,
                subject: &subject,
                body: &body,
                ..Letter::default()
            };
            let cause = (&convoy.turned(), convoy.id(), "mayor/");
            found.extend(letter_once(facts, &id, &letter, cause)?);
        }
    }
    Ok(found)
}

/// Returns who is told of a convoy's end: whom somebody named, else its owner.
///
/// A convoy without an owner was made for a single bead that was slung, and tells nobody unless somebody
/// asks: with thirty agents at work the human would get a mail for every bead, and would miss the few that
/// were asked for.
fn recipients(convoy: &Convoy) -> BTreeSet<&str> {
    let mut all: BTreeSet<&str> = convoy.notify().collect();
    if convoy.is_for_human() {
        all.insert(OVERSEER);
    }
    if all.is_empty() && !convoy.owner().is_empty() {
        all.insert(convoy.owner());
    }
    all
}

/// Returns a mail that follows from something, unless it was written before or is no news.
pub(super) fn letter_once(
    facts: &Facts<'_>,
    id: &str,
    letter: &Letter<'_>,
    (stamp, cause, actor): (&Stamp, &str, &str),
) -> Result<Option<Consequence>> {
    if !is_news(stamp, facts.now) || facts.view.was_sent(id, letter.to, stamp)? {
        return Ok(None);
    }
    let thread = format!("thread-{cause}");
    let letter = Letter {
        thread: &thread,
        ..letter.clone()
    };
    Ok(Some(Consequence::Make(Made {
        ledger: Name::Mail,
        to: Some(letter.to.to_owned()),
        subject: format!("mail {id} to {}: {}", letter.to, letter.subject),
        record: Mail::derived(id, &letter, stamp).into_record(),
        cause: cause.to_owned(),
        actor: actor.to_owned(),
    })))
}

/// Returns what the ids of a home begin with, from one of a kind.
pub(super) fn prefix<'a>(id: &'a str, kind: &str) -> &'a str {
    id.split_once(kind).map_or("gt", |(prefix, _)| prefix)
}

/// Returns text as a subject.
pub(super) fn as_subject(text: &str) -> String {
    one_line(text).chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::record::Submission;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn request(status: RequestStatus, evidence: &[(&str, Value)]) -> Request {
        let what = Submission {
            bead: "gt-1",
            epoch: 1,
            branch: "gt/nux/gt-1.1-k",
            worker: "api/polecats/nux",
            ..Submission::SAMPLE
        };
        let mut request = Request::new("gt-mr-1", &what, &stamp(10));
        let evidence = evidence
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        request.finish(status, "because", Map::from_iter(evidence), &stamp(11));
        request
    }

    #[test]
    fn every_end_has_its_words_and_no_other_state_has() {
        let check = |status, want: Option<&str>| {
            assert_eq!(subject(&request(status, &[])).as_deref(), want);
        };
        check(RequestStatus::Landed, Some("gt-1 has landed on main"));
        check(RequestStatus::Ejected, Some("gt-1 was ejected: because"));
        check(RequestStatus::Conflict, Some("gt-1 conflicts with main"));
        check(RequestStatus::Rejected, Some("gt-1 was rejected: because"));
        check(RequestStatus::Cancelled, None);
    }

    #[test]
    fn what_happened_is_news_for_a_month() {
        let day = 24 * 60 * 60 * 1000;
        let end: Stamp = format!("{:012x}0000-k", 100 * day).parse().unwrap();
        let check = |now: u64, want| assert_eq!(is_news(&end, Time(now)), want, "{now}");
        check(100 * day, true);
        check(130 * day, true);
        check(130 * day + 1, false);
        check(0, true);
    }

    #[test]
    fn a_worker_gets_the_proof_and_not_all_of_it() {
        let files: Vec<String> = (0..60).map(|number| format!("f{number}")).collect();
        let request = request(
            RequestStatus::Conflict,
            &[("files", json!(files)), ("gate", json!("test"))],
        );
        let text = story(&request, Some("gt-2"));
        assert!(text.contains("gate     test\n"), "{text}");
        assert!(text.contains("file     f49\nand 10 more files\n"), "{text}");
        assert!(text.contains("gt-2 is to resolve it"), "{text}");
        assert!(story(&request, None).contains("gt-1 is ready again"));
    }

    #[test]
    fn whoever_asked_is_told_of_a_convoy_else_its_owner() {
        let check = |owner: &str, notify: &[&str], human: bool, want: &[&str]| {
            let mut convoy = Convoy::new("gt-cv-1", "c", &stamp(1));
            let record = convoy.record_mut();
            record.set("owner", Some(owner.into()), &stamp(1));
            record.set("human", human.then(|| true.into()), &stamp(1));
            for address in notify {
                record.set_entry("notify", address, Some(true.into()), &stamp(1));
            }
            let got: Vec<&str> = recipients(&convoy).into_iter().collect();
            assert_eq!(got, want);
        };
        check("", &[], false, &[]);
        check("", &["ada"], false, &["ada"]);
        check("", &[], true, &["overseer"]);
        check("ada", &[], false, &["ada"]);
        check("ada", &["mayor/"], false, &["mayor/"]);
        check("ada", &["mayor/"], true, &["mayor/", "overseer"]);
    }
}
