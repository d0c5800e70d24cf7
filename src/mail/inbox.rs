//! Inboxes: what is in one, and what its reader does with it.

use super::remind::{Reminder, reminder};
use super::{address, send};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Time};
use crate::record::{Mail, MailRow};
use crate::town::{Home, View, machine, pick};

/// Whose mail is looked at, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The addresses whose mail it holds.
    pub addresses: Vec<String>,
    /// Under which names it is read.
    pub readers: Vec<String>,
}

impl Inbox {
    /// Returns the inbox of whoever acts under a name on a machine.
    pub fn of(actor: &str, machine: &str) -> Self {
        let mut addresses = address::inboxes(actor);
        let readers = vec![addresses[0].clone()];
        addresses.extend(address::on(&readers[0], machine));
        Self { addresses, readers }
    }

    /// Returns the inbox of an address as `actor` sees it on a machine.
    pub fn at(address: &str, (actor, machine): (&str, &str)) -> Self {
        let own = Self::of(actor, machine);
        let readers = if own.addresses.iter().any(|it| it == address) {
            own.readers
        } else {
            vec![address.split('@').next().unwrap_or(address).to_owned()]
        };
        let mut addresses = vec![address.to_owned()];
        addresses.extend(address::on(address, machine));
        Self { addresses, readers }
    }

    /// Returns whether a mail was written to it.
    pub fn holds(&self, mail: &Mail) -> bool {
        self.addresses.iter().any(|it| it == mail.to())
    }

    /// Returns whether a mail waits in it to be read.
    pub fn is_new(&self, mail: &Mail, now: Time) -> bool {
        self.is_shown(mail, now) && !mail.is_read(&self.readers)
    }

    /// Returns whether a mail is in it: neither put away nor of no use any more.
    pub fn is_shown(&self, mail: &Mail, now: Time) -> bool {
        self.holds(mail) && !mail.is_archived(&self.readers) && !mail.is_expired(now)
    }
}

/// Returns the home that keeps what is for whoever acts under a name: an agent's rig, for people HQ.
pub fn mailbox(home: &Home, actor: &str) -> Result<Home> {
    home.of_address(&address::inboxes(actor)[0])
}

/// Returns all mail that was written to an inbox: what is pinned first, then the most urgent, then the newest.
pub fn inbox(view: &View<'_>, inbox: &Inbox) -> Result<Vec<Mail>> {
    Ok(sorted(view.mails_to(&inbox.addresses, &|_| true)?))
}

/// Returns the mail that waits in an inbox to be read, in the order of [`inbox`]; what was read costs nothing.
pub fn new_mail(view: &View<'_>, inbox: &Inbox, now: Time) -> Result<Vec<Mail>> {
    let readers = &inbox.readers;
    let is_new = |mail: &MailRow<'_>| mail.is_shown(readers, now) && !mail.is_read(readers);
    let mut found = view.mails_to(&inbox.addresses, &is_new)?;
    found.retain(|mail| inbox.is_new(mail, now));
    Ok(sorted(found))
}

fn sorted(mut found: Vec<Mail>) -> Vec<Mail> {
    let urgent = |mail: &Mail| mail.priority().min(2);
    found.sort_by(|a, b| {
        b.is_pinned()
            .cmp(&a.is_pinned())
            .then_with(|| urgent(a).cmp(&urgent(b)))
            .then_with(|| b.sent().cmp(&a.sent()))
            .then_with(|| a.id().cmp(b.id()))
    });
    // A notice that two clones sent, of which one had no clone of the rig, is one.
    found.dedup_by(|later, first| later.id() == first.id());
    found
}

/// Returns the mail that was meant: by its id, or a part that no other one has.
pub fn resolve(view: &View<'_>, prefix: &str, typed: &str) -> Result<Mail> {
    let typed = typed.trim();
    for id in [
        typed.to_owned(),
        format!("{prefix}-{typed}"),
        format!("{prefix}-mail-{typed}"),
    ] {
        if let Some(mail) = view.mail(&id)? {
            return Ok(mail);
        }
    }
    let all = view.mail_ids()?;
    let found = pick(all.iter().map(String::as_str), typed)?;
    let found = found.map(|id| view.mail(id)).transpose()?.flatten();
    found.ok_or_else(|| {
        Fault::not_found(format!("there is no mail '{typed}'"))
            .hint("git gt mail inbox --all shows every one")
    })
}

/// Returns the mail that was meant, and the home that keeps it: this one, or HQ, where mail waits that was
/// sent from where there is no clone of this rig.
pub fn find_mail(home: &Home, typed: &str) -> Result<(Home, Mail)> {
    let in_home = |home: &Home| resolve(&home.view(), home.rig().prefix(), typed);
    match in_home(home) {
        Ok(mail) => Ok((home.clone(), mail)),
        Err(Fault::NotFound(said)) if !home.is_hq() && !home.stands_alone() => {
            let hq = home.hq()?;
            let found = in_home(&hq).map_err(|_| Fault::NotFound(said))?;
            Ok((hq, found))
        }
        Err(fault) => Err(fault),
    }
}

/// Notes that `actor` has read a mail of theirs; reading somebody else's leaves no trace.
///
/// After a crash it is noted or it is not.
pub fn read(home: &Home, actor: &str, typed: &str) -> Result<Mail> {
    let (home, mail) = find_mail(home, typed)?;
    match reader_of(&home, &mail, actor)? {
        None => Ok(mail),
        Some(reader) if mail.is_read(std::slice::from_ref(&reader)) => Ok(mail),
        Some(reader) => change(&home, (actor, mail.id()), |mail, pen| {
            let stamp = pen.stamp(mail.record());
            mail.mark_read(&reader, &stamp);
            format!("read {}", mail.id())
        }),
    }
}

/// Returns the reminder of new mail of `actor`'s; the nudges that it says are read with that.
///
/// After a crash in between some of them are said again.
pub fn deliver(home: &Home, actor: &str, new: &[Mail]) -> Result<Reminder> {
    let reminder = reminder(new);
    for nudge in &reminder.delivered {
        read(home, actor, nudge)?;
    }
    Ok(reminder)
}

/// What somebody does with a mail of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Count it as read.
    MarkRead,
    /// Count it as not read, and put it back where it was put away.
    MarkUnread,
    /// Put it away, as read.
    Archive,
    /// Remove it, for everybody whose inbox it is in.
    Delete,
}

/// Does something with a mail of `actor`'s; somebody else's is refused. One that is as it is to be stays.
///
/// After a crash it is done or it is not.
pub fn handle(home: &Home, actor: &str, typed: &str, handling: Handling) -> Result<Mail> {
    let (home, mail) = find_mail(home, typed)?;
    let Some(reader) = reader_of(&home, &mail, actor)? else {
        return Err(
            Fault::refused(format!("{} was written to {}", mail.id(), mail.to()))
                .hint("everybody does that with their own mail"),
        );
    };
    let readers = std::slice::from_ref(&reader);
    let (read, away) = (mail.is_read(readers), mail.is_archived(readers));
    let is_done = match handling {
        Handling::MarkRead => read,
        Handling::MarkUnread => !read && !away,
        Handling::Archive => away,
        Handling::Delete => false,
    };
    if is_done {
        return Ok(mail);
    }
    change(&home, (actor, mail.id()), |mail, pen| {
        let stamp = pen.stamp(mail.record());
        let what = match handling {
            Handling::MarkRead => {
                mail.mark_read(&reader, &stamp);
                "read"
            }
            Handling::MarkUnread => {
                mail.mark_unread(&reader, &stamp);
                "unread"
            }
            Handling::Archive => {
                mail.archive(&reader, &stamp);
                "archive"
            }
            Handling::Delete => {
                mail.delete(&stamp);
                "delete"
            }
        };
        format!("{what} {}", mail.id())
    })
}

/// Returns the mails of a conversation, the oldest first: each copy of one that went to several once, and
/// of those the one that is in `inbox` where there is one.
pub fn thread(view: &View<'_>, inbox: &Inbox, thread: &str) -> Result<Vec<Mail>> {
    let mut all = view.mails_in(thread)?;
    all.sort_by(|a, b| {
        let order = a.sent().cmp(&b.sent()).then_with(|| a.from().cmp(b.from()));
        let order = order.then_with(|| inbox.holds(b).cmp(&inbox.holds(a)));
        order.then_with(|| a.id().cmp(b.id()))
    });
    all.dedup_by(|later, first| (later.sent(), later.from()) == (first.sent(), first.from()));
    Ok(all)
}

/// Returns the conversation that was meant: by a mail of it, or by its own name.
pub fn thread_of(view: &View<'_>, prefix: &str, typed: &str) -> Result<String> {
    let typed = typed.trim();
    if typed.starts_with("thread-") && !view.mails_in(typed)?.is_empty() {
        return Ok(typed.to_owned());
    }
    Ok(resolve(view, prefix, typed)?.thread().to_owned())
}

/// What is looked for in mail; what is empty fits everything. Case does not matter.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Stands in the subject or the body.
    pub text: String,
    /// Stands in the address of the sender.
    pub from: String,
    /// Whether to look in the subject only.
    pub only_subject: bool,
    /// Whether to look in the body only.
    pub only_body: bool,
}

impl Search {
    /// Returns whether a mail is one that is looked for.
    pub fn finds(&self, mail: &Mail) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let subject = !self.only_body && has(mail.subject(), &self.text);
        let body = !self.only_subject && has(mail.body(), &self.text);
        (subject || body) && has(mail.from(), &self.from)
    }
}

/// Returns under which name `actor` reads a mail: their own, or the rig's, whose inbox is everybody's;
/// nothing where it is somebody else's.
fn reader_of(home: &Home, mail: &Mail, actor: &str) -> Result<Option<String>> {
    let own = Inbox::of(actor, &machine(home.repo()));
    if own.holds(mail) {
        return Ok(own.readers.into_iter().next());
    }
    let shared = !mail.to().contains('/') && home.view().rig(mail.to())?.is_some();
    Ok(shared.then(|| mail.to().to_owned()))
}

fn change(
    home: &Home,
    (actor, id): (&str, &str),
    change: impl Fn(&mut Mail, &crate::ledger::Pen<'_>) -> String,
) -> Result<Mail> {
    let local = home.view().ledger(Name::Mail)?.get(id)?.is_none();
    let ledger = if local { Name::Wisps } else { Name::Mail };
    let written = home.write(ledger, actor, |view, pen| {
        let stored = view.ledger(ledger)?;
        let found = stored.get(id)?.and_then(Mail::of);
        let mut mail =
            found.ok_or_else(|| Fault::stale(format!("mail '{id}' is not there any more")))?;
        let subject = change(&mut mail, pen);
        let records = vec![mail.record().clone()];
        let mut decision = Decision::write(subject, records, mail);
        if local {
            let over = send::over(&stored, pen.now())?;
            decision.forgotten = over.into_iter().filter(|it| it != id).collect();
        }
        Ok(decision)
    })?;
    Ok(written.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use crate::record::Letter;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn mail(to: &str, expires: &str) -> Mail {
        let letter = Letter {
            from: "mayor/",
            to,
            subject: "s",
            expires,
            ..Letter::default()
        };
        Mail::new("gt-mail-1", &letter, &stamp(1))
    }

    #[test]
    fn what_is_for_the_human_is_read_by_each_person_apart() {
        let mut mail = mail("overseer", "");
        mail.mark_read("ada", &stamp(2));
        let check = |actor, want| assert_eq!(Inbox::of(actor, "box").is_new(&mail, Time(0)), want);
        check("ada", false);
        check("bob", true);
        check("api/polecats/nux", false);
    }

    #[test]
    fn what_is_over_is_not_new() {
        let mail = mail("api/polecats/nux", "1970-01-01T00:00:01Z");
        let inbox = Inbox::of("api/polecats/nux", "box");
        assert!(inbox.is_new(&mail, Time(999)));
        assert!(!inbox.is_new(&mail, Time(1000)));
    }

    #[test]
    fn an_inbox_of_somebody_else_shows_what_they_have_read() {
        let mut mail = mail("api/polecats/nux", "");
        mail.mark_read("api/polecats/nux", &stamp(2));
        let seen = |address| Inbox::at(address, ("ada", "box"));
        assert!(!seen("api/polecats/nux").is_new(&mail, Time(0)));
        assert!(!seen("api/polecats/nux@box").holds(&mail));
        assert_eq!(seen("overseer").readers, ["ada"]);
        assert_eq!(seen("api/crew/joe@moon").readers, ["api/crew/joe"]);
    }

    #[test]
    fn an_agent_reads_what_is_for_its_machine() {
        let inbox = Inbox::of("api/polecats/nux", "box");
        assert!(inbox.holds(&mail("api/polecats/nux", "")));
        assert!(inbox.holds(&mail("api/polecats/nux@box", "")));
        assert!(!inbox.holds(&mail("api/polecats/nux@moon", "")));
    }

    #[test]
    fn a_search_looks_where_it_is_told() {
        let letter = Letter {
            from: "mayor/",
            to: "ada",
            subject: "The Build",
            body: "is RED",
            ..Letter::default()
        };
        let mail = Mail::new("gt-mail-1", &letter, &stamp(1));
        let check = |text: &str, from: &str, (subject, body), want| {
            let search = Search {
                text: text.to_owned(),
                from: from.to_owned(),
                only_subject: subject,
                only_body: body,
            };
            assert_eq!(search.finds(&mail), want, "{search:?}");
        };
        check("build", "", (false, false), true);
        check("red", "MAYOR", (false, false), true);
        check("red", "nux", (false, false), false);
        check("red", "", (true, false), false);
        check("build", "", (false, true), false);
        check("", "mayor", (false, false), true);
    }
}
