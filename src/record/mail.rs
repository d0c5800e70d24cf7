//! A mail: what somebody wrote to an address, who has read it and who has put it away.

use serde_json::Map;

use crate::ledger::index::{Body, Draft, Key, ORDER, Packed, Row, Shape};
use crate::ledger::{Name, Record, Stamp, Time};

/// What the index keeps of mail: who wrote to whom, in which conversation, and who is done with it. What was
/// deleted is not in it.
pub(super) const SHAPE: Shape = Shape {
    ledger: Name::Mail,
    version: 1,
    row: |record| {
        let mail = Mail::of(record).filter(|mail| !mail.is_deleted())?;
        let brief = MailRow::of_mail(&mail);
        let mut body = Body::default();
        for text in [brief.from, brief.to, brief.machine, brief.expires] {
            body.text(text);
        }
        for names in [&brief.read, &brief.archived] {
            body.number(names.len() as u64);
            for name in names {
                body.text(name);
            }
        }
        Some(Draft {
            is_live: true,
            order: [0; ORDER],
            body: body.into_bytes(),
            keys: vec![Mail::key_to(mail.to()), Mail::key_in(mail.thread())],
        })
    },
};

/// A mail in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow<'i> {
    /// Who wrote it.
    pub from: &'i str,
    /// The address it is for.
    pub to: &'i str,
    /// The machine it was written on, empty where nobody said.
    pub machine: &'i str,
    expires: &'i str,
    read: Vec<&'i str>,
    archived: Vec<&'i str>,
}

impl<'i> MailRow<'i> {
    /// Returns the mail of a row.
    pub fn of(row: &Row<'i>) -> Self {
        let mut packed = Packed::of(row.body);
        let [from, to, machine, expires] = [(); 4].map(|()| packed.text());
        let mut names = || (0..packed.number()).map(|_| packed.text()).collect();
        Self {
            from,
            to,
            machine,
            expires,
            read: names(),
            archived: names(),
        }
    }

    /// Returns a mail in brief.
    pub fn of_mail(mail: &'i Mail) -> Self {
        Self {
            from: mail.from(),
            to: mail.to(),
            machine: mail.machine(),
            expires: mail.expires(),
            read: mail.marked("read"),
            archived: mail.marked("archived"),
        }
    }

    /// Returns whether it is neither put away by one of `readers` nor of no use any more.
    pub fn is_shown(&self, readers: &[String], now: Time) -> bool {
        let is_over = Time::parse(self.expires).is_some_and(|end| end <= now);
        !is_over
            && !readers
                .iter()
                .any(|it| self.archived.contains(&it.as_str()))
    }

    /// Returns whether one of `readers` has read it.
    pub fn is_read(&self, readers: &[String]) -> bool {
        readers.iter().any(|it| self.read.contains(&it.as_str()))
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail(Record);

/// What a new mail says.
#[derive(Debug, Clone, Default)]
pub struct Letter<'a> {
    /// Who wrote it.
    pub from: &'a str,
    /// The one address it is for.
    pub to: &'a str,
    /// What it is about, in a line.
    pub subject: &'a str,
    /// What it says.
    pub body: &'a str,
    /// The conversation it belongs to.
    pub thread: &'a str,
    /// The mail it answers, empty for none.
    pub reply_to: &'a str,
    /// `task`, `escalation`, …; empty for a notification.
    pub kind: &'a str,
    /// How urgent it is, 0 to 4; nothing: 2.
    pub priority: Option<i64>,
    /// When it is of no use any more, RFC 3339; empty for never.
    pub expires: &'a str,
    /// What the sender typed, where that reached several; empty for one.
    pub sent_to: &'a str,
    /// Those who got a copy to know of it.
    pub cc: &'a [String],
    /// Whether it stays on top of an inbox.
    pub is_pinned: bool,
    /// The machine an agent wrote it on; empty for people, who are the same everywhere.
    pub machine: &'a str,
}

impl Mail {
    /// Returns the key of mail to an address.
    pub fn key_to(address: &str) -> Key {
        Key::of("to", address)
    }

    /// Returns the key of mail of a conversation.
    pub fn key_in(thread: &str) -> Key {
        Key::of("thread", thread)
    }

    /// Returns who has marked it so.
    fn marked(&self, how: &str) -> Vec<&str> {
        let marks = self.0.entries(how);
        let set = marks.filter(|(_, mark)| **mark == true);
        set.map(|(name, _)| name).collect()
    }

    /// The kind of these records.
    pub const KIND: &'static str = "mail";

    /// Returns the mail a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND).then_some(Self(record))
    }

    /// Returns a new mail.
    pub fn new(id: &str, letter: &Letter<'_>, created: &Stamp) -> Self {
        Self::written(Record::new(id, Self::KIND, created), letter, created)
    }

    /// Returns a mail that follows from something else: whoever derives it makes the same record, so that
    /// nobody created it first and each field has the stamp of its cause.
    pub fn derived(id: &str, letter: &Letter<'_>, cause: &Stamp) -> Self {
        Self::written(Record::new(id, Self::KIND, &Stamp::zero()), letter, cause)
    }

    fn written(mut record: Record, letter: &Letter<'_>, stamp: &Stamp) -> Self {
        let texts = [
            ("body", letter.body),
            ("expires", letter.expires),
            ("from", letter.from),
            ("machine", letter.machine),
            ("reply_to", letter.reply_to),
            ("sent_to", letter.sent_to),
            ("subject", letter.subject),
            ("thread", letter.thread),
            ("to", letter.to),
            ("type", letter.kind),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            record.set(field, Some(text.into()), stamp);
        }
        if let Some(priority) = letter.priority.filter(|it| *it != 2) {
            record.set("priority", Some(priority.into()), stamp);
        }
        for address in letter.cc {
            record.set_entry("cc", address, Some(true.into()), stamp);
        }
        if letter.is_pinned {
            record.set("pinned", Some(true.into()), stamp);
        }
        Self(record)
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns who wrote it.
    pub fn from(&self) -> &str {
        self.0.text("from")
    }

    /// Returns the address it is for.
    pub fn to(&self) -> &str {
        self.0.text("to")
    }

    /// Returns what its sender typed where that reached several, else the address it is for.
    pub fn sent_to(&self) -> &str {
        match self.0.text("sent_to") {
            "" => self.to(),
            typed => typed,
        }
    }

    /// Returns those who got a copy to know of it.
    pub fn cc(&self) -> impl Iterator<Item = &str> {
        self.0.entries("cc").map(|(address, _)| address)
    }

    /// Returns whether it stays on top of an inbox.
    pub fn is_pinned(&self) -> bool {
        self.0.flag("pinned")
    }

    /// Returns the machine an agent wrote it on, empty where nobody said.
    pub fn machine(&self) -> &str {
        self.0.text("machine")
    }

    /// Returns whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.0.life() % 2 != 0
    }

    /// Returns what it is about.
    pub fn subject(&self) -> &str {
        self.0.text("subject")
    }

    /// Returns what it says.
    pub fn body(&self) -> &str {
        self.0.text("body")
    }

    /// Returns the conversation it belongs to.
    pub fn thread(&self) -> &str {
        self.0.text("thread")
    }

    /// Returns the mail it answers.
    pub fn reply_to(&self) -> Option<&str> {
        Some(self.0.text("reply_to")).filter(|id| !id.is_empty())
    }

    /// Returns the type, `notification` by default.
    pub fn mail_type(&self) -> &str {
        match self.0.text("type") {
            "" => "notification",
            known => known,
        }
    }

    /// Returns the priority, 0 (most urgent) to 4, 2 by default.
    pub fn priority(&self) -> i64 {
        self.0.integer("priority").unwrap_or(2)
    }

    /// Returns when it was written.
    pub fn sent(&self) -> Stamp {
        self.0.stamp_of("subject")
    }

    /// Returns when it is of no use any more, empty for never.
    pub fn expires(&self) -> &str {
        self.0.text("expires")
    }

    /// Returns whether it is of no use any more.
    pub fn is_expired(&self, now: Time) -> bool {
        Time::parse(self.expires()).is_some_and(|end| end <= now)
    }

    /// Returns whether one of `readers` has read it.
    pub fn is_read(&self, readers: &[String]) -> bool {
        readers
            .iter()
            .any(|it| self.0.entry("read", it) == Some(&true.into()))
    }

    /// Returns whether one of `readers` has put it away.
    pub fn is_archived(&self, readers: &[String]) -> bool {
        readers
            .iter()
            .any(|it| self.0.entry("archived", it) == Some(&true.into()))
    }

    /// Notes that `reader` has read it.
    pub fn mark_read(&mut self, reader: &str, stamp: &Stamp) {
        self.0.set_entry("read", reader, Some(true.into()), stamp);
    }

    /// Notes that `reader` has yet to read it; what was put away is in the inbox again.
    pub fn mark_unread(&mut self, reader: &str, stamp: &Stamp) {
        for field in ["read", "archived"] {
            self.0.set_entry(field, reader, None, stamp);
        }
    }

    /// Makes a tombstone of it: who wrote what to whom is gone, the id stays taken.
    pub fn delete(&mut self, stamp: &Stamp) {
        let life = self.0.life();
        let mut state = Map::new();
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), "deleted".into());
        self.0.delete(state, stamp);
    }

    /// Notes that `reader` has put it away, and read it.
    pub fn archive(&mut self, reader: &str, stamp: &Stamp) {
        self.mark_read(reader, stamp);
        self.0
            .set_entry("archived", reader, Some(true.into()), stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::join;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn letter() -> Letter<'static> {
        Letter {
            from: "mayor/",
            to: "overseer",
            subject: "hello",
            ..Letter::default()
        }
    }

    #[test]
    fn readers_at_once_are_both_kept() {
        let mail = Mail::new("gt-mail-1", &letter(), &stamp(1));
        let (mut one, mut other) = (mail.clone(), mail);
        one.mark_read("ada", &stamp(2));
        other.archive("bob", &stamp(3));
        let both = Mail::of(join(one.record(), other.record())).unwrap();
        let readers = |name: &str| [name.to_owned()];
        assert!(both.is_read(&readers("ada")) && both.is_read(&readers("bob")));
        assert!(both.is_archived(&readers("bob")) && !both.is_archived(&readers("ada")));
    }

    #[test]
    fn a_derived_mail_was_created_by_nobody_and_sent_with_its_cause() {
        let mail = Mail::derived("gt-mail-1", &letter(), &stamp(9));
        assert!(mail.record().created().is_zero());
        assert_eq!(mail.sent(), stamp(9));
        assert_eq!((mail.mail_type(), mail.priority()), ("notification", 2));
    }

    #[test]
    fn a_deleted_mail_stays_deleted_whatever_its_readers_do() {
        let mail = Mail::new("gt-mail-1", &letter(), &stamp(1));
        let (mut one, mut other) = (mail.clone(), mail);
        one.delete(&stamp(2));
        other.mark_read("ada", &stamp(3));
        let both = Mail::of(join(one.record(), other.record())).unwrap();
        assert!(both.is_deleted() && both.subject().is_empty());
    }

    #[test]
    fn what_was_put_away_can_be_unread_again() {
        let mut mail = Mail::new("gt-mail-1", &letter(), &stamp(1));
        let readers = ["ada".to_owned()];
        mail.archive("ada", &stamp(2));
        mail.mark_unread("ada", &stamp(3));
        assert!(!mail.is_read(&readers) && !mail.is_archived(&readers));
    }

    #[test]
    fn what_expires_does_so_on_time() {
        let letter = Letter {
            expires: "1970-01-01T00:00:02Z",
            ..letter()
        };
        let mail = Mail::new("gt-wisp-1", &letter, &stamp(1));
        assert!(!mail.is_expired(Time(1999)) && mail.is_expired(Time(2000)));
    }
}
