//! What `git gt mail` shows and leaves as it is: inboxes, mails, conversations, the directory.

use serde_json::{Value, json};

use super::{mailbox, new_mail};
use crate::cli::Context;
use crate::cli::reply::{Exit, Reply, columns, printable};
use crate::cli::show::indented;
use crate::fault::Result;
use crate::mail::{self, Directory, Inbox, Search, as_json};
use crate::record::Mail;
use crate::town::{Home, machine};

pub(super) fn inbox(cx: &Context, address: Option<&str>, unread: bool, all: bool) -> Result<Reply> {
    let here = cx.home()?;
    let (actor, now) = (cx.actor(here.repo()), here.world().now());
    let machine = machine(here.repo());
    let inbox = match address {
        Some(typed) => Inbox::at(&mail::find(&here, &actor, typed)?, (&actor, &machine)),
        None => Inbox::of(&actor, &machine),
    };
    let home = here.of_address(&inbox.addresses[0])?;
    let shown = |it: &Mail| all || inbox.is_shown(it, now) && (!unread || inbox.is_new(it, now));
    let mut mails = mail::inbox(&home.view(), &inbox)?;
    mails.retain(shown);
    let what = if unread { "no unread mail" } else { "no mail" };
    Ok(listed(&mails, &inbox, what))
}

fn listed(mails: &[Mail], inbox: &Inbox, none: &str) -> Reply {
    let values: Vec<Value> = mails.iter().map(|it| as_json(it, &inbox.readers)).collect();
    let mut text = columns(mails.iter().map(|it| row(it, inbox)));
    if text.is_empty() {
        let whom = &inbox.addresses[..inbox.addresses.len().min(2)];
        let whom = whom.iter().filter(|it| !it.contains('@'));
        let whom: Vec<&str> = whom.map(String::as_str).collect();
        text = format!("{none} for {}\n", printable(&whom.join(" or ")));
    }
    Reply::new(json!(values), text)
}

fn row(mail: &Mail, inbox: &Inbox) -> Vec<String> {
    let state = match () {
        () if mail.is_archived(&inbox.readers) => "archived",
        () if mail.is_read(&inbox.readers) => "read",
        () => "new",
    };
    vec![
        mail.id().to_owned(),
        state.to_owned(),
        format!("P{}", mail.priority()),
        mail.sent().time().to_string(),
        mail.from().to_owned(),
        mail.subject().to_owned(),
    ]
}

/// Returns a mail as a block of text.
pub(super) fn block(mail: &Mail) -> String {
    let mut text = format!("{}  {}\n", mail.id(), printable(mail.subject()));
    let priority = format!("P{}", mail.priority());
    let to = match (mail.to(), mail.sent_to()) {
        (to, typed) if to == typed => to.to_owned(),
        (to, typed) => format!("{to}, by {typed}"),
    };
    let cc: Vec<&str> = mail.cc().collect();
    let fields = [
        ("From:", mail.from()),
        ("To:", &to),
        ("Cc:", &cc.join(", ")),
        ("Sent:", &mail.sent().time().to_string()),
        ("Type:", mail.mail_type()),
        ("Priority:", &priority),
        ("Thread:", mail.thread()),
        ("Answers:", mail.reply_to().unwrap_or_default()),
        ("Expires:", mail.expires()),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<12} {}\n", printable(value)));
    }
    if !mail.body().is_empty() {
        text.push_str(&format!("\n{}\n", indented(mail.body())));
    }
    text
}

pub(super) fn peek(cx: &Context, ids: &[String]) -> Result<Reply> {
    if ids.is_empty() {
        let (_, inbox, mut new) = new_mail(cx)?;
        new.truncate(1);
        if new.is_empty() {
            let said = format!("no new mail for {}", printable(&inbox.readers[0]));
            return Ok(Reply::new(json!([]), said).exit(Exit::No));
        }
        return Ok(blocks(&new, &inbox));
    }
    let (mut values, mut texts) = (Vec::new(), Vec::new());
    for typed in ids {
        let home = mailbox(cx, Some(typed))?;
        let mail = mail::resolve(&home.view(), home.rig().prefix(), typed)?;
        values.push(as_json(&mail, &seen(cx, &home, &mail).readers));
        texts.push(block(&mail));
    }
    Ok(Reply::new(json!(values), texts.join("\n")))
}

/// Returns the inbox a mail is in, as whoever asks sees it.
fn seen(cx: &Context, home: &Home, mail: &Mail) -> Inbox {
    let (actor, machine) = (cx.actor(home.repo()), machine(home.repo()));
    Inbox::at(mail.to(), (&actor, &machine))
}

fn blocks(mails: &[Mail], inbox: &Inbox) -> Reply {
    let values: Vec<Value> = mails.iter().map(|it| as_json(it, &inbox.readers)).collect();
    let texts: Vec<String> = mails.iter().map(block).collect();
    Reply::new(json!(values), texts.join("\n"))
}

pub(super) fn thread(cx: &Context, typed: &str) -> Result<Reply> {
    let home = mailbox(cx, Some(typed))?;
    let inbox = Inbox::of(&cx.actor(home.repo()), &machine(home.repo()));
    let thread = mail::thread_of(&home.view(), home.rig().prefix(), typed)?;
    // Each answer is kept where its reader is.
    let mut mails = Vec::new();
    for home in home.hq()?.all_here()? {
        mails.extend(mail::thread(&home.view(), &inbox, &thread)?);
    }
    mails.sort_by(|a, b| a.sent().cmp(&b.sent()).then_with(|| a.id().cmp(b.id())));
    Ok(blocks(&mails, &inbox))
}

pub(super) fn search(cx: &Context, search: &Search, archive: bool) -> Result<Reply> {
    let home = mailbox(cx, None)?;
    let inbox = Inbox::of(&cx.actor(home.repo()), &machine(home.repo()));
    let now = home.world().now();
    let mut mails = mail::inbox(&home.view(), &inbox)?;
    mails.retain(|it| (archive || inbox.is_shown(it, now)) && search.finds(it));
    Ok(listed(&mails, &inbox, "no such mail"))
}

pub(super) fn directory(cx: &Context, all: bool) -> Result<Reply> {
    let home = cx.home()?;
    let known = Directory::of(&home, &cx.actor(home.repo()))?;
    let mut entries = known.entries();
    entries.retain(|it| all || it.is_present);
    let mut values: Vec<Value> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for entry in &entries {
        let mut value = json!({
            "address": entry.address,
            "type": entry.kind,
            "present": entry.is_present,
        });
        if !entry.machines.is_empty() {
            value["machines"] = json!(entry.machines);
        }
        values.push(value);
        let gone = if entry.is_present { "" } else { "gone" };
        let there = entry.machines.join(", ");
        let more = [gone, &there].into_iter().find(|it| !it.is_empty());
        rows.push(vec![
            entry.address.clone(),
            entry.kind.to_owned(),
            more.unwrap_or_default().to_owned(),
        ]);
    }
    for (address, what) in known.groups() {
        values.push(json!({ "address": address, "type": "group", "description": what }));
        rows.push(vec![address, "group".to_owned(), what.to_owned()]);
    }
    Ok(Reply::new(json!(values), columns(rows)))
}
