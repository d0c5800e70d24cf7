//! What the gates of beads wait for, and whether that has come: pure, over what is known and the time. A gate
//! of beads is a bead of type `gate` that others wait for; what must pass before anything lands is another
//! thing, and is the Refinery's.

use serde_json::Value;

use super::dates::Instant;
use crate::fault::{Fault, Result};
use crate::ledger::{Record, Stamp, Time, digest};
use crate::record::{Bead, Mail};
use crate::town::View;

/// The type of beads that are gates.
pub const GATE: &str = "gate";

/// What a gate waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Somebody who opens it.
    Human,
    /// A time; nothing where nobody said which.
    Timer(Option<Time>),
    /// The end of another bead.
    Bead(String),
    /// A mail: its id, a conversation, or what it is about.
    Mail(String),
    /// A check of an outside CI on a commit; nothing where that is not said in full.
    Check(Option<(String, String)>),
    /// A run of GitHub's Actions: its number, or the name of a workflow; empty where nobody has said.
    Run(String),
    /// A pull request on GitHub.
    Pull(String),
    /// Something this version knows nothing of.
    Other(String),
}

/// Every type of gates that is evaluated, and what its `await_id` is.
pub const WAITS: [(&str, &str); 7] = [
    ("human", ""),
    ("timer", ""),
    ("bead", "the id of a bead"),
    ("mail", "a mail, a conversation, or a subject"),
    ("ci", "COMMIT/CHECK"),
    ("gh:run", "the number of a run, or the name of a workflow"),
    ("gh:pr", "the number of a pull request"),
];

/// Returns what a gate waits for.
pub fn wait(gate: &Bead) -> Wait {
    let record = gate.record();
    let id = record.text("await_id").trim();
    match record.text("await_type") {
        "" | "human" => Wait::Human,
        "timer" => Wait::Timer(ends(gate)),
        // bd writes `rig:id`; an id says by itself where it is.
        "bead" => Wait::Bead(id.rsplit(':').next().unwrap_or(id).to_owned()),
        "mail" => Wait::Mail(id.to_owned()),
        "ci" => Wait::Check(commit_and_check(id)),
        "gh:run" => Wait::Run(id.to_owned()),
        "gh:pr" => Wait::Pull(id.to_owned()),
        other => Wait::Other(other.to_owned()),
    }
}

/// Returns the commit and the check of `COMMIT/CHECK`.
pub fn commit_and_check(text: &str) -> Option<(String, String)> {
    let (commit, check) = text.strip_prefix("ci:").unwrap_or(text).split_once('/')?;
    let said = !commit.is_empty() && !check.is_empty();
    said.then(|| (commit.to_owned(), check.to_owned()))
}

/// Returns when the time of a timer is over.
fn ends(gate: &Bead) -> Option<Time> {
    let created = Instant::parse(&gate.created_at())?.time();
    let millis = gate.record().integer("timeout")? / 1_000_000;
    let millis = u64::try_from(millis).ok().filter(|it| *it > 0)?;
    Some(Time(created.0.saturating_add(millis)))
}

/// What is known of what gates wait for, as far as it was looked for.
#[derive(Debug, Default)]
pub struct Known {
    /// The other bead.
    pub bead: Option<Bead>,
    /// Mail that may be the one.
    pub mails: Vec<Mail>,
    /// What the check said.
    pub passed: Option<bool>,
    /// Status and conclusion of the run, in GitHub's words.
    pub run: Option<(String, String)>,
    /// The state of the pull request, in GitHub's words.
    pub pull: Option<String>,
}

/// Whether a gate opens, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What it waits for has not come.
    Waits(String),
    /// It has come.
    Opens(String),
    /// It will not come by itself: somebody has to look.
    Fails(String),
}

impl Answer {
    /// Returns why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Waits(why) | Self::Opens(why) | Self::Fails(why) => why,
        }
    }
}

/// Returns whether a gate opens, from what is known at a time.
pub fn evaluate(gate: &Bead, known: &Known, now: Time) -> Answer {
    match wait(gate) {
        Wait::Human => waits("for somebody who opens it"),
        Wait::Timer(None) => fails("it is a timer without a time"),
        Wait::Timer(Some(end)) if end <= now => opens(format!("the time was over at {end}")),
        Wait::Timer(Some(end)) => waits(&format!("until {end}")),
        Wait::Bead(id) => of_bead(&id, known.bead.as_ref()),
        Wait::Mail(what) => of_mail(gate, &what, &known.mails),
        Wait::Check(None) => fails("it names no commit and check"),
        Wait::Check(Some((commit, check))) => match known.passed {
            Some(true) => opens(format!("{check} passed on {commit}")),
            Some(false) => fails(&format!("{check} failed on {commit}")),
            None => waits(&format!("for {check} on {commit}")),
        },
        Wait::Run(id) => of_run(&id, known.run.as_ref()),
        Wait::Pull(id) => match known.pull.as_deref() {
            Some("MERGED") => opens(format!("pull request {id} was merged")),
            Some("CLOSED") => fails(&format!("pull request {id} was closed unmerged")),
            _ => waits(&format!("for pull request {id}")),
        },
        Wait::Other(kind) => waits(&format!("for '{kind}', which this version cannot look for")),
    }
}

fn waits(why: &str) -> Answer {
    Answer::Waits(why.to_owned())
}

fn opens(why: String) -> Answer {
    Answer::Opens(why)
}

fn fails(why: &str) -> Answer {
    Answer::Fails(why.to_owned())
}

fn of_bead(id: &str, bead: Option<&Bead>) -> Answer {
    match bead {
        Some(bead) if bead.is_deleted() => fails(&format!("{id} was deleted")),
        Some(bead) if bead.is_closed() => opens(format!("{id} is closed")),
        Some(bead) => waits(&format!("for {id}, which is {}", bead.status())),
        None => waits(&format!("for {id}, which is not here")),
    }
}

fn of_run(id: &str, run: Option<&(String, String)>) -> Answer {
    let Some((status, conclusion)) = run else {
        return match id {
            "" => waits("for a run; git gt bead gate discover finds it"),
            id => waits(&format!("for run {id}")),
        };
    };
    match (status.as_str(), conclusion.as_str()) {
        ("completed", "success" | "skipped") => opens(format!("run {id}: {conclusion}")),
        ("completed", other) => fails(&format!("run {id}: {other}")),
        (status, _) => waits(&format!("for run {id}, which is {status}")),
    }
}

/// A gate that waits for a mail opens when that mail was read; when something came to that conversation after
/// the gate was made; or when one of its waiters (without any, whoever made it) got a mail about that since.
fn of_mail(gate: &Bead, what: &str, mails: &[Mail]) -> Answer {
    let made = gate.record().created();
    let mine = gate.waiters();
    let mine = if mine.is_empty() {
        vec![gate.record().text("created_by")]
    } else {
        mine
    };
    let answered = mails.iter().find(|mail| mail.id() == what);
    let thread = answered.map_or(what, Mail::thread);
    for mail in mails {
        let is_new = mail.sent() > made && mail.id() != what;
        if mail.id() == what && is_read(mail) {
            return opens(format!("{what} was read"));
        }
        if is_new && mail.thread() == thread {
            return opens(format!("{} answers in {thread}", mail.id()));
        }
        if is_new && mine.contains(&mail.to()) && is_about(mail.subject(), what) {
            return opens(format!("{} came: {}", mail.id(), mail.subject()));
        }
    }
    waits(&format!("for mail: {what}"))
}

fn is_read(mail: &Mail) -> bool {
    mail.record().entries("read").any(|(_, mark)| *mark == true)
}

/// Returns whether a subject is what somebody waits for, answers to it included.
fn is_about(subject: &str, what: &str) -> bool {
    let mut rest = subject.trim();
    while let Some(shorter) = rest.get(..3).filter(|it| it.eq_ignore_ascii_case("re:")) {
        rest = rest[shorter.len()..].trim_start();
    }
    !what.is_empty() && rest.to_lowercase() == what.trim().to_lowercase()
}

/// Returns a live gate that opens by itself, opened: a timer whose time is over, and one that waits for a bead
/// that is closed; nothing else follows from what is stored alone. Whoever derives it from the same records
/// writes the same.
///
/// Its stamp is that of the cause, the end of the time or of the other bead, or the least that exceeds the
/// gate's own.
pub fn opened(view: &View<'_>, mut gate: Bead, now: Time) -> Option<(String, Record)> {
    if gate.is_closed() || gate.issue_type() != GATE {
        return None;
    }
    let (known, cause) = match wait(&gate) {
        Wait::Timer(Some(end)) if end <= now => {
            let hash = digest(&[gate.id().as_bytes()]);
            (Known::default(), Stamp::imported(end, &hash[..8]))
        }
        Wait::Bead(id) => {
            // One that cannot be read is waited for.
            let bead = view.bead_anywhere(&id).ok().flatten()?;
            let stamp = bead.record().stamp_of("state");
            let known = Known {
                bead: Some(bead),
                ..Known::default()
            };
            (known, Stamp::just_after(&stamp))
        }
        _ => return None,
    };
    let Answer::Opens(reason) = evaluate(&gate, &known, now) else {
        return None;
    };
    let stamp = cause.max(Stamp::just_after(&gate.record().newest()));
    gate.close(&reason, &stamp);
    let subject = format!("open gate {}: {reason}", gate.id());
    Some((subject, gate.into_record()))
}

/// Returns nanoseconds that somebody typed: `90s`, `2h30m`, `1d`.
pub fn span(text: &str) -> Result<i64> {
    let bad = || {
        Fault::invalid(format!("'{text}' is no length of time")).hint("write 90s, 30m, 2h30m or 1d")
    };
    let span: jiff::Span = text.trim().parse().map_err(|_| bad())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length = span.to_duration(days).map_err(|_| bad())?;
    let nanos = i64::try_from(length.as_nanos()).map_err(|_| bad())?;
    if nanos <= 0 { Err(bad()) } else { Ok(nanos) }
}

/// Returns a gate's waiters as JSON has them, where somebody was added here.
pub(super) fn waiters_json(bead: &Bead) -> Option<Value> {
    let added = bead.record().entries("waiters").next().is_some();
    added.then(|| bead.waiters().into_iter().map(Value::from).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Letter;

    const HOUR: u64 = 60 * 60 * 1000;

    fn stamp(time: u64) -> Stamp {
        Stamp::imported(Time(time), "k")
    }

    /// Returns a gate that was made at the hour 100.
    fn gate(kind: &str, id: &str) -> Bead {
        let mut gate = Bead::new("gt-g", "g", &stamp(100 * HOUR));
        let texts = [
            ("type", GATE),
            ("await_type", kind),
            ("await_id", id),
            ("created_by", "ada"),
        ];
        for (field, text) in texts.into_iter().filter(|it| !it.1.is_empty()) {
            gate.record_mut()
                .set(field, Some(text.into()), &stamp(100 * HOUR));
        }
        gate
    }

    #[track_caller]
    fn check(gate: &Bead, known: &Known, want: &str) {
        let answer = evaluate(gate, known, Time(102 * HOUR));
        let word = match answer {
            Answer::Waits(_) => "waits",
            Answer::Opens(_) => "opens",
            Answer::Fails(_) => "fails",
        };
        assert_eq!(word, want, "{answer:?}");
    }

    #[test]
    fn a_timer_opens_when_its_time_is_over() {
        let timer = |span: &str| {
            let mut gate = gate("timer", "");
            let nanos = super::span(span).expect("it is a length of time");
            gate.record_mut()
                .set("timeout", Some(nanos.into()), &stamp(100 * HOUR));
            gate
        };
        check(&timer("2h"), &Known::default(), "opens");
        check(&timer("1h59m"), &Known::default(), "opens");
        check(&timer("1d"), &Known::default(), "waits");
        check(&gate("timer", ""), &Known::default(), "fails");
        for bad in ["", "soon", "0s", "-1h", "1 month", "300000w"] {
            assert!(super::span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_gate_follows_what_is_known() {
        let known = |passed| Known {
            passed,
            ..Known::default()
        };
        check(&gate("ci", "abc/unit/fast"), &known(None), "waits");
        check(&gate("ci", "ci:abc/unit"), &known(Some(true)), "opens");
        check(&gate("ci", "abc/unit"), &known(Some(false)), "fails");
        check(&gate("ci", "abc"), &known(Some(true)), "fails");
        let run = |status: &str, conclusion: &str| Known {
            run: Some((status.to_owned(), conclusion.to_owned())),
            ..Known::default()
        };
        check(&gate("gh:run", "7"), &run("completed", "success"), "opens");
        check(
            &gate("gh:run", "7"),
            &run("completed", "cancelled"),
            "fails",
        );
        check(&gate("gh:run", "7"), &run("in_progress", ""), "waits");
        check(&gate("gh:run", ""), &Known::default(), "waits");
        let pull = |state: &str| Known {
            pull: Some(state.to_owned()),
            ..Known::default()
        };
        check(&gate("gh:pr", "7"), &pull("MERGED"), "opens");
        check(&gate("gh:pr", "7"), &pull("CLOSED"), "fails");
        check(&gate("gh:pr", "7"), &pull("OPEN"), "waits");
        check(&gate("human", ""), &Known::default(), "waits");
        check(&gate("moon", "full"), &Known::default(), "waits");
    }

    #[test]
    fn another_bead_opens_a_gate_by_its_end_alone() {
        let mut other = Bead::new("gt-1", "t", &stamp(1));
        let known = |bead: &Bead| Known {
            bead: Some(bead.clone()),
            ..Known::default()
        };
        check(&gate("bead", "gt-1"), &Known::default(), "waits");
        check(&gate("bead", "api:gt-1"), &known(&other), "waits");
        other.close("", &stamp(2));
        check(&gate("bead", "api:gt-1"), &known(&other), "opens");
        super::super::delete(&mut other, "ada", &stamp(3));
        check(&gate("bead", "gt-1"), &known(&other), "fails");
    }

    #[test]
    fn mail_opens_a_gate_by_id_conversation_or_subject() {
        let mail = |hour: u64, to: &str, subject: &str| {
            let letter = Letter {
                from: "bob",
                to,
                subject,
                thread: "t-1",
                ..Letter::default()
            };
            Mail::new(&format!("gt-mail-{hour}"), &letter, &stamp(hour * HOUR))
        };
        let known = |mails: Vec<Mail>| Known {
            mails,
            ..Known::default()
        };
        let check =
            |id: &str, mails: Vec<Mail>, want| check(&gate("mail", id), &known(mails), want);
        let old = mail(99, "ada", "the key");
        let mut read = old.clone();
        read.mark_read("bob", &stamp(101 * HOUR));
        check("gt-mail-99", vec![old.clone()], "waits");
        check("gt-mail-99", vec![read], "opens");
        check(
            "gt-mail-99",
            vec![old.clone(), mail(101, "x", "y")],
            "opens",
        );
        check("t-1", vec![old.clone()], "waits");
        check("t-1", vec![mail(101, "x", "y")], "opens");
        check("The Key", vec![old], "waits");
        check(
            "The Key",
            vec![mail(101, "ada", "RE: re: the key")],
            "opens",
        );
        check("The Key", vec![mail(101, "eve", "the key")], "waits");
        check("", vec![mail(101, "ada", "")], "waits");
    }

    #[test]
    fn waiters_that_were_imported_stand_first() {
        let mut gate = gate("human", "");
        let imported = json!(["zoe", "api/crew/max"]);
        gate.record_mut()
            .set_entry("extra", "waiters", Some(imported), &stamp(1));
        for who in ["bob", "zoe"] {
            gate.record_mut()
                .set_entry("waiters", who, Some(true.into()), &stamp(2));
        }
        assert_eq!(gate.waiters(), ["zoe", "api/crew/max", "bob"]);
        assert_eq!(
            waiters_json(&gate),
            Some(json!(["zoe", "api/crew/max", "bob"]))
        );
    }
}
