//! Sending: what may be written, and where a message is kept.

use std::time::Duration;

use std::collections::BTreeSet;

use super::directory::Directory;
use super::{address, directory, inbox};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Snapshot, Time};
use crate::record::{Letter, Mail};
use crate::text::one_line;
use crate::town::{Home, machine};

/// The greatest size of a body, in bytes.
pub const BODY_MAX: usize = 512 * 1024;
/// The greatest size of a nudge, in bytes: every reader's next turn begins with it.
const NUDGE_MAX: usize = 4 * 1024;
/// The greatest length of a subject, in characters.
const SUBJECT_MAX: usize = 500;
/// The greatest size of all copies of a mail together, in bytes.
const COPIES_MAX: usize = 32 * 1024 * 1024;
/// How many nudges that are over a writer clears away at most.
const CLEARED_MAX: usize = 1000;

/// How long a nudge is of use.
const NUDGE_FOR: Duration = Duration::from_secs(30 * 60);
/// How long an urgent one is.
const URGENT_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// Types of mail.
const TYPES: [&str; 5] = ["task", "escalation", "scavenge", "notification", "reply"];

/// A mail that somebody wants to send.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The recipient, as typed; a group or pattern is each of those it stands for.
    pub to: String,
    /// Those who get a copy to know of it, as typed.
    pub cc: Vec<String>,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub body: String,
    /// Its type; nothing: a notification, or a reply where it answers something.
    pub kind: Option<String>,
    /// How urgent it is, 0 to 4.
    pub priority: Option<i64>,
    /// The mail it answers, by its id or a part of it.
    pub reply_to: Option<String>,
    /// Whether it stays on top of the inbox.
    pub pinned: bool,
}

/// How much a nudge hurries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It can wait for the end of the turn.
    Normal,
    /// It is not to be missed.
    Urgent,
}

/// Sends a mail, a copy of its own to each recipient.
///
/// After a crash all copies are sent or none is; of a mail to several rigs, those of some rigs may be.
pub fn send(home: &Home, actor: &str, draft: &Draft) -> Result<Vec<Mail>> {
    let mut to: BTreeSet<String> = directory::find_all(home, actor, &draft.to)?
        .into_iter()
        .collect();
    let sent_to = match (to.len(), &draft.cc[..]) {
        (1, []) if !address::is_many(&draft.to) => String::new(),
        (1, _) if !address::is_many(&draft.to) => to.iter().next().cloned().unwrap_or_default(),
        _ => draft.to.trim().to_owned(),
    };
    let mut cc = BTreeSet::new();
    for typed in &draft.cc {
        cc.extend(directory::find_all(home, actor, typed)?);
    }
    let cc: Vec<String> = cc.into_iter().collect();
    to.extend(cc.iter().cloned());
    let answered = match &draft.reply_to {
        Some(typed) => Some(inbox::resolve(&home.view(), home.rig().prefix(), typed)?),
        None => None,
    };
    let kind = checked_type(draft.kind.as_deref(), answered.is_some())?;
    let letter = Letter {
        subject: &checked_subject(&draft.subject)?,
        body: checked_body(&draft.body, BODY_MAX)?,
        thread: answered.as_ref().map(Mail::thread).unwrap_or_default(),
        reply_to: answered.as_ref().map(Mail::id).unwrap_or_default(),
        kind: &kind,
        priority: draft.priority,
        sent_to: &sent_to,
        cc: &cc,
        is_pinned: draft.pinned,
        ..Letter::default()
    };
    write(home, actor, (Name::Mail, &to), &letter)
}

/// Answers a mail, to whoever wrote it.
///
/// After a crash it is sent or it is not.
pub fn reply(home: &Home, actor: &str, typed: &str, body: &str) -> Result<Mail> {
    let answered = inbox::resolve(&home.view(), home.rig().prefix(), typed)?;
    if body.trim().is_empty() {
        return Err(Fault::invalid("the reply is empty").hint("say something: -m TEXT"));
    }
    let subject = match answered.subject() {
        subject if subject.starts_with("Re: ") => subject.to_owned(),
        subject => format!("Re: {subject}").chars().take(SUBJECT_MAX).collect(),
    };
    let letter = Letter {
        subject: &subject,
        body: checked_body(body, BODY_MAX)?,
        thread: answered.thread(),
        reply_to: answered.id(),
        kind: "reply",
        priority: Some(answered.priority()),
        ..Letter::default()
    };
    let to = BTreeSet::from([writer(home, actor, &answered)?]);
    let mut sent = write(home, actor, (Name::Mail, &to), &letter)?;
    Ok(sent.swap_remove(0))
}

/// Returns the address of whoever wrote a mail: with the machine where agents of that name are on several.
fn writer(home: &Home, actor: &str, mail: &Mail) -> Result<String> {
    let from = mail.from();
    if mail.machine().is_empty() || !address::is_agent(from) {
        return Ok(from.to_owned());
    }
    let known = Directory::of(home, actor)?;
    let several = known
        .agents
        .get(from)
        .is_some_and(|it| it.machines.len() > 1);
    let there = address::on(from, mail.machine()).filter(|_| several);
    Ok(there.unwrap_or_else(|| from.to_owned()))
}

/// Sends a short message that is of no use after a while, to one or to each of a group. To agents of this
/// clone it stays here.
///
/// After a crash it is sent or it is not; of several recipients those of this clone may have it alone.
pub fn nudge(
    home: &Home,
    actor: &str,
    (to, text): (&str, &str),
    urgency: Urgency,
) -> Result<Vec<Mail>> {
    let all = directory::find_all(home, actor, to)?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::invalid("the nudge is empty").hint("git gt nudge ADDR \"...\""));
    }
    let text = checked_body(text, NUDGE_MAX)?;
    let (period, priority) = match urgency {
        Urgency::Normal => (NUDGE_FOR, 2),
        Urgency::Urgent => (URGENT_FOR, 0),
    };
    let millis = u64::try_from(period.as_millis()).expect("two hours are few milliseconds");
    let subject: String = one_line(text).chars().take(100).collect();
    let expires = Time(home.world().now().0 + millis).to_string();
    let letter = Letter {
        subject: &subject,
        body: text,
        priority: Some(priority),
        expires: &expires,
        sent_to: if address::is_many(to) { to.trim() } else { "" },
        ..Letter::default()
    };
    let (mut here, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    for address in all {
        if directory::is_here(home, &address)? {
            here.insert(address);
        } else {
            elsewhere.insert(address);
        }
    }
    let mut sent = write(home, actor, (Name::Wisps, &here), &letter)?;
    sent.extend(write(home, actor, (Name::Mail, &elsewhere), &letter)?);
    Ok(sent)
}

/// Writes a copy for each recipient, of one thread, in one commit for each repository of the town that
/// keeps some of them.
fn write(
    home: &Home,
    actor: &str,
    (ledger, to): (Name, &BTreeSet<String>),
    letter: &Letter<'_>,
) -> Result<Vec<Mail>> {
    if letter.body.len() * to.len() > COPIES_MAX {
        return Err(Fault::invalid(format!(
            "the copies for {} readers have more than the {} MB they may have together",
            to.len(),
            COPIES_MAX / 1024 / 1024
        ))
        .hint("put it where the readers can look, and send the place"));
    }
    let kind = match ledger {
        Name::Wisps => "wisp",
        _ => "mail",
    };
    let fresh = format!("thread-{}", home.world().random_base36(12));
    let (from, machine) = (address::sender(actor), machine(home.repo()));
    let letter = Letter {
        from: &from,
        machine: if address::is_agent(&from) {
            &machine
        } else {
            ""
        },
        thread: match letter.thread {
            "" => &fresh,
            known => known,
        },
        ..letter.clone()
    };
    let mut sent = Vec::new();
    for (home, to) in by_home(home, to)? {
        sent.extend(write_in(&home, &from, (ledger, kind), (&to, &letter))?);
    }
    Ok(sent)
}

/// Returns recipients by the homes that keep their mail.
fn by_home<'a>(home: &Home, to: &'a BTreeSet<String>) -> Result<Vec<(Home, Vec<&'a String>)>> {
    let mut found: Vec<(Home, Vec<&String>)> = Vec::new();
    for address in to {
        let home = home.of_address(address)?;
        let known = found
            .iter_mut()
            .find(|(it, _)| it.rig().name() == home.rig().name());
        match known {
            Some((_, all)) => all.push(address),
            None => found.push((home, vec![address])),
        }
    }
    Ok(found)
}

fn write_in(
    home: &Home,
    from: &str,
    (ledger, kind): (Name, &str),
    (to, letter): (&[&String], &Letter<'_>),
) -> Result<Vec<Mail>> {
    let prefix = format!("{}-{kind}", home.rig().prefix());
    let written = home.write(ledger, from, |view, pen| {
        let stored = view.ledger(ledger)?;
        // Copies have one stamp: they are one mail.
        let stamp = pen.first_stamp();
        let (mut mails, mut ids) = (Vec::new(), BTreeSet::new());
        for to in to {
            let id = loop {
                let id = pen.new_id(&stored, &prefix)?;
                if ids.insert(id.clone()) {
                    break id;
                }
            };
            let letter = Letter {
                to,
                ..letter.clone()
            };
            mails.push(Mail::new(&id, &letter, &stamp));
        }
        let whom = match &mails[..] {
            [one] => format!("{} to {}", one.id(), one.to()),
            all => format!("to {} ({} copies)", letter.sent_to, all.len()),
        };
        let records = mails.iter().map(|mail| mail.record().clone()).collect();
        let mut decision =
            Decision::write(format!("mail {whom}: {}", letter.subject), records, mails);
        if ledger == Name::Wisps {
            decision.forgotten = over(&stored, pen.now())?;
        }
        Ok(decision)
    })?;
    Ok(written.value)
}

/// Returns the ids of nudges that are of no use any more, so that whoever writes the next one clears them
/// away: nothing runs that would do it else.
pub(super) fn over(wisps: &Snapshot<'_>, now: Time) -> Result<Vec<String>> {
    let nudges = wisps.records()?.into_iter().filter_map(Mail::of);
    let over = nudges.filter(|nudge| nudge.is_expired(now));
    Ok(over
        .take(CLEARED_MAX)
        .map(|nudge| nudge.id().to_owned())
        .collect())
}

fn checked_subject(text: &str) -> Result<String> {
    let subject = one_line(text);
    let length = subject.chars().count();
    if subject.is_empty() {
        return Err(Fault::invalid("the subject is empty").hint("say what it is about: -s TEXT"));
    }
    if length > SUBJECT_MAX {
        return Err(Fault::invalid(format!(
            "the subject has {length} characters, more than the {SUBJECT_MAX} it may have"
        ))
        .hint("say the rest in the body: -m TEXT"));
    }
    Ok(subject)
}

fn checked_body(body: &str, limit: usize) -> Result<&str> {
    if body.len() > limit {
        return Err(Fault::invalid(format!(
            "the message has more than the {} kB it may have",
            limit / 1024
        ))
        .hint("put it where the reader can look, and send the place: a branch, a bead, a file"));
    }
    Ok(body.trim_end())
}

fn checked_type(word: Option<&str>, answers: bool) -> Result<String> {
    match word {
        None if answers => Ok("reply".to_owned()),
        None | Some("notification") => Ok(String::new()),
        Some(word) if TYPES.contains(&word) => Ok(word.to_owned()),
        Some(word) => Err(Fault::invalid(format!("'{word}' is no type of mail"))
            .hint(format!("one of: {}", TYPES.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::scratch::Scratch;
    use crate::ledger::transact;
    use crate::record::Bead;

    #[test]
    fn a_subject_is_one_line() {
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(checked_subject(text).ok().as_deref(), want, "{text:?}");
        };
        check(" a\n b\t", Some("a b"));
        check("-s", Some("-s"));
        check("\n", None);
        check(&"x".repeat(501), None);
    }

    #[test]
    fn a_body_has_a_limit() {
        let long = "x".repeat(BODY_MAX);
        assert!(checked_body(&long, BODY_MAX).is_ok());
        let fault = checked_body(&format!("{long}x"), BODY_MAX).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the message has more than the 512 kB it may have"
        );
    }

    #[test]
    fn what_answers_is_a_reply_unless_somebody_says() {
        let check = |word, answers, want: Option<&str>| {
            assert_eq!(checked_type(word, answers).ok().as_deref(), want);
        };
        check(None, true, Some("reply"));
        check(None, false, Some(""));
        check(Some("task"), true, Some("task"));
        check(Some("tsak"), false, None);
    }

    #[test]
    fn clearing_nudges_leaves_beads_of_the_same_ledger() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let past = Time(0).to_string();
        let letter = Letter {
            to: "mayor/",
            expires: &past,
            ..Letter::default()
        };
        let begun = transact(&repo, (Name::Wisps, None), "ada", |_, pen| {
            let stamp = pen.first_stamp();
            let mut bead = Bead::new("gt-wisp-1", "a step", &stamp);
            let expires = Some(past.as_str().into());
            bead.record_mut().set("expires", expires, &stamp);
            let nudge = Mail::new("gt-wisp-2", &letter, &stamp);
            let records = vec![bead.into_record(), nudge.record().clone()];
            Ok(Decision::write("a step and a nudge", records, ()))
        });
        let stored = Snapshot::at(&repo, begun.unwrap().tip).unwrap();
        let bead = stored.get("gt-wisp-1").unwrap();
        assert!(bead.is_some());
        let cleared = transact(&repo, (Name::Wisps, None), "ada", |wisps, pen| {
            let nudge = Mail::new("gt-wisp-3", &letter, &pen.first_stamp());
            let records = vec![nudge.record().clone()];
            let mut decision = Decision::write("another nudge", records, ());
            decision.forgotten = over(wisps, pen.now())?;
            Ok(decision)
        });
        let left = Snapshot::at(&repo, cleared.unwrap().tip).unwrap();
        assert_eq!(left.get("gt-wisp-1").unwrap(), bead);
        assert_eq!(left.get("gt-wisp-2").unwrap(), None);
    }
}
