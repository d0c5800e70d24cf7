//! Inboxes: what is in one, and what its reader does with it.

use super::address;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Time};
use crate::record::Mail;
use crate::town::{Home, View, pick};

/// Whose mail is looked at, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    /// The addresses whose mail it holds.
    pub addresses: Vec<String>,
    /// Under which names it is read.
    pub readers: Vec<String>,
}

impl Inbox {
    /// Returns the inbox of whoever acts under a name.
    pub fn of(actor: &str) -> Self {
        let addresses = address::inboxes(actor);
        let readers = vec![addresses[0].clone()];
        Self { addresses, readers }
    }

    /// Returns the inbox of an address as `actor` sees it.
    pub fn at(address: &str, actor: &str) -> Self {
        let own = Self::of(actor);
        let readers = if own.addresses.iter().any(|it| it == address) {
            own.readers
        } else {
            vec![address.to_owned()]
        };
        Self {
            addresses: vec![address.to_owned()],
            readers,
        }
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

/// Returns all mail that was written to an inbox, the most urgent and then the newest first.
pub fn inbox(view: &View<'_>, inbox: &Inbox) -> Result<Vec<Mail>> {
    let mut found: Vec<Mail> = view
        .mails()?
        .into_iter()
        .filter(|mail| inbox.holds(mail))
        .collect();
    let urgent = |mail: &Mail| mail.priority().min(2);
    found.sort_by(|a, b| {
        urgent(a)
            .cmp(&urgent(b))
            .then_with(|| b.sent().cmp(&a.sent()))
            .then_with(|| a.id().cmp(b.id()))
    });
    Ok(found)
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
    let all = view.mails()?;
    let found = pick(all.iter().map(Mail::id), typed)?;
    let found = found.and_then(|id| all.iter().find(|mail| mail.id() == id));
    found.cloned().ok_or_else(|| {
        Fault::not_found(format!("there is no mail '{typed}'"))
            .hint("git gt mail inbox --all shows every one")
    })
}

/// Notes that `actor` has read a mail of theirs; reading somebody else's leaves no trace.
///
/// After a crash it is noted or it is not.
pub fn mark_read(home: &Home, actor: &str, typed: &str) -> Result<Mail> {
    let mail = resolve(&home.view(), home.rig().prefix(), typed)?;
    match reader_of(&home.view(), &mail, actor)? {
        None => Ok(mail),
        Some(reader) if mail.is_read(std::slice::from_ref(&reader)) => Ok(mail),
        Some(reader) => change(home, (actor, mail.id()), |mail, pen| {
            let stamp = pen.stamp(mail.record());
            mail.mark_read(&reader, &stamp);
            format!("read {}", mail.id())
        }),
    }
}

/// Puts a mail of `actor`'s away.
///
/// After a crash it is put away or it is not.
pub fn archive(home: &Home, actor: &str, typed: &str) -> Result<Mail> {
    let mail = resolve(&home.view(), home.rig().prefix(), typed)?;
    let Some(reader) = reader_of(&home.view(), &mail, actor)? else {
        return Err(
            Fault::refused(format!("{} was written to {}", mail.id(), mail.to()))
                .hint("everybody puts their own mail away"),
        );
    };
    if mail.is_archived(std::slice::from_ref(&reader)) {
        return Ok(mail);
    }
    change(home, (actor, mail.id()), |mail, pen| {
        let stamp = pen.stamp(mail.record());
        mail.archive(&reader, &stamp);
        format!("archive {}", mail.id())
    })
}

/// Returns under which name `actor` reads a mail: their own, or the rig's, whose inbox is everybody's;
/// nothing where it is somebody else's.
fn reader_of(view: &View<'_>, mail: &Mail, actor: &str) -> Result<Option<String>> {
    let own = Inbox::of(actor);
    if own.holds(mail) {
        return Ok(own.readers.into_iter().next());
    }
    let shared = !mail.to().contains('/') && view.rig(mail.to())?.is_some();
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
        let found = view.ledger(ledger)?.get(id)?.and_then(Mail::of);
        let mut mail =
            found.ok_or_else(|| Fault::stale(format!("mail '{id}' is not there any more")))?;
        let subject = change(&mut mail, pen);
        Ok(Decision::write(subject, vec![mail.record().clone()], mail))
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
        let check = |actor, want| assert_eq!(Inbox::of(actor).is_new(&mail, Time(0)), want);
        check("ada", false);
        check("bob", true);
        check("api/polecats/nux", false);
    }

    #[test]
    fn what_is_over_is_not_new() {
        let mail = mail("api/polecats/nux", "1970-01-01T00:00:01Z");
        let inbox = Inbox::of("api/polecats/nux");
        assert!(inbox.is_new(&mail, Time(999)));
        assert!(!inbox.is_new(&mail, Time(1000)));
    }

    #[test]
    fn an_inbox_of_somebody_else_shows_what_they_have_read() {
        let mut mail = mail("api/polecats/nux", "");
        mail.mark_read("api/polecats/nux", &stamp(2));
        assert!(!Inbox::at("api/polecats/nux", "ada").is_new(&mail, Time(0)));
        assert_eq!(Inbox::at("overseer", "ada").readers, ["ada"]);
    }
}
