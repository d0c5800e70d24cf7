//! Sending: what may be written, and where a message is kept.

use std::time::Duration;

use super::{address, directory, inbox};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Time};
use crate::record::{Letter, Mail};
use crate::town::Home;

/// The greatest size of a body, in bytes.
pub const BODY_MAX: usize = 512 * 1024;
/// The greatest size of a nudge, in bytes: every reader's next turn begins with it.
const NUDGE_MAX: usize = 4 * 1024;
/// The greatest length of a subject, in characters.
const SUBJECT_MAX: usize = 500;

/// How long a nudge is of use.
const NUDGE_FOR: Duration = Duration::from_secs(30 * 60);
/// How long an urgent one is.
const URGENT_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// Types of mail.
const TYPES: [&str; 5] = ["task", "escalation", "scavenge", "notification", "reply"];

/// A mail that somebody wants to send.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The recipient, as typed.
    pub to: String,
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
}

/// How much a nudge hurries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It can wait for the end of the turn.
    Normal,
    /// It is not to be missed.
    Urgent,
}

/// Sends a mail to one address.
///
/// After a crash it is sent or it is not.
pub fn send(home: &Home, actor: &str, draft: &Draft) -> Result<Mail> {
    let to = directory::find(home, actor, &draft.to)?;
    let answered = match &draft.reply_to {
        Some(typed) => Some(inbox::resolve(&home.view(), home.rig().prefix(), typed)?),
        None => None,
    };
    let kind = checked_type(draft.kind.as_deref(), answered.is_some())?;
    let letter = Letter {
        from: &address::sender(actor),
        to: &to,
        subject: &checked_subject(&draft.subject)?,
        body: checked_body(&draft.body, BODY_MAX)?,
        thread: answered.as_ref().map(Mail::thread).unwrap_or_default(),
        reply_to: answered.as_ref().map(Mail::id).unwrap_or_default(),
        kind: &kind,
        priority: draft.priority,
        expires: "",
    };
    write(home, Name::Mail, &letter)
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
        from: &address::sender(actor),
        to: answered.from(),
        subject: &subject,
        body: checked_body(body, BODY_MAX)?,
        thread: answered.thread(),
        reply_to: answered.id(),
        kind: "reply",
        priority: Some(answered.priority()),
        expires: "",
    };
    write(home, Name::Mail, &letter)
}

/// Sends a short message that is of no use after a while. To an agent of this clone it stays here.
///
/// After a crash it is sent or it is not.
pub fn nudge(home: &Home, actor: &str, (to, text): (&str, &str), urgency: Urgency) -> Result<Mail> {
    let to = directory::find(home, actor, to)?;
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
    let letter = Letter {
        from: &address::sender(actor),
        to: &to,
        subject: &subject,
        body: text,
        thread: "",
        reply_to: "",
        kind: "",
        priority: Some(priority),
        expires: &Time(home.world().now().0 + millis).to_string(),
    };
    let ledger = if directory::is_here(home, &to)? {
        Name::Wisps
    } else {
        Name::Mail
    };
    write(home, ledger, &letter)
}

fn write(home: &Home, ledger: Name, letter: &Letter<'_>) -> Result<Mail> {
    let kind = if ledger == Name::Wisps {
        "wisp"
    } else {
        "mail"
    };
    let prefix = format!("{}-{kind}", home.rig().prefix());
    let fresh = format!("thread-{}", home.world().random_base36(12));
    let thread = if letter.thread.is_empty() {
        &fresh
    } else {
        letter.thread
    };
    let letter = Letter {
        thread,
        ..letter.clone()
    };
    let written = home.write(ledger, letter.from, |view, pen| {
        let id = pen.new_id(&view.ledger(ledger)?, &prefix)?;
        let mail = Mail::new(&id, &letter, &pen.first_stamp());
        let subject = format!("mail {id} to {}: {}", letter.to, letter.subject);
        Ok(Decision::write(subject, vec![mail.record().clone()], mail))
    })?;
    Ok(written.value)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
}
