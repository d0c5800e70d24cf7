//! `git gt mail`

use std::io::Read as _;

use serde_json::{Value, json};

use super::Context;
use super::beads::{parsed, several};
use super::reply::{Exit, Reply, columns, printable};
use super::show::indented;
use crate::bead;
use crate::fault::{Fault, Result};
use crate::mail::{self, BODY_MAX, Draft, Inbox, as_json};
use crate::record::Mail;
use crate::town::Home;

/// Write to agents and people, read what they wrote
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write to somebody
    Send(Send),
    /// List what is in an inbox
    Inbox {
        /// Whose; your own by default
        #[arg(value_name = "ADDR")]
        address: Option<String>,
        /// List only what was not read
        #[arg(long, short)]
        unread: bool,
        /// List what was put away or is over, too
        #[arg(long, short, conflicts_with = "unread")]
        all: bool,
    },
    /// Show mails; your own count as read then
    Read {
        /// The mails, by their ids or a part of them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Answer a mail
    Reply(Answer),
    /// Put mails of your inbox away
    Archive {
        /// The mails, by their ids or a part of them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Say whether there is new mail: exit 0 if so, 1 if not
    Check {
        /// Print a short reminder for an agent, and exit 0 whatever happens
        #[arg(long)]
        inject: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Send {
    /// Who it is for
    #[arg(value_name = "ADDR")]
    to: String,
    /// What it is about, in a line
    #[arg(
        short,
        long,
        value_name = "TEXT",
        required = true,
        allow_hyphen_values = true
    )]
    subject: String,
    #[command(flatten)]
    body: Body,
    /// What kind of mail it is: task, escalation, scavenge, notification, reply
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How urgent it is, from 0 to 4 or P0 to P4
    #[arg(long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// The mail it answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Answer {
    /// The mail, by its id or a part of it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    body: Body,
}

#[derive(Debug, clap::Args)]
struct Body {
    /// What to say
    #[arg(
        short,
        long,
        visible_alias = "body",
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with = "stdin"
    )]
    message: Option<String>,
    /// Read what to say from standard input
    #[arg(long)]
    stdin: bool,
}

impl Body {
    /// Returns the text; reads no more of it than may be sent, and one byte.
    fn text(&self) -> Result<String> {
        if !self.stdin {
            return Ok(self.message.clone().unwrap_or_default());
        }
        let mut bytes = Vec::new();
        let limit = BODY_MAX as u64 + 1;
        let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
        read.map_err(|error| Fault::fatal(format!("cannot read standard input: {error}")))?;
        if bytes.len() > BODY_MAX {
            // Cut in the middle of a character it would be called something else.
            bytes.fill(b'x');
        }
        String::from_utf8(bytes).map_err(|_| Fault::invalid("standard input is not UTF-8"))
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Send(args) => send(cx, args),
        Verb::Inbox {
            address,
            unread,
            all,
        } => inbox(cx, address.as_deref(), *unread, *all),
        Verb::Read { ids } => read(cx, ids),
        Verb::Reply(args) => {
            let home = cx.home()?;
            let sent = mail::reply(&home, &cx.actor(home.repo()), &args.id, &args.body.text()?)?;
            cx.settle(&home);
            Ok(told(&sent))
        }
        Verb::Archive { ids } => archive(cx, ids),
        Verb::Check { inject: true } => Ok(inject(cx)),
        Verb::Check { inject: false } => check(cx),
    }
}

fn send(cx: &Context, args: &Send) -> Result<Reply> {
    let home = cx.home()?;
    let draft = Draft {
        to: args.to.clone(),
        subject: args.subject.clone(),
        body: args.body.text()?,
        kind: args.kind.clone(),
        priority: args.priority,
        reply_to: args.reply_to.clone(),
    };
    let sent = mail::send(&home, &cx.actor(home.repo()), &draft)?;
    cx.settle(&home);
    Ok(told(&sent))
}

/// Returns what the sender of a mail is told.
pub(crate) fn told(sent: &Mail) -> Reply {
    let text = format!("{} is sent to {}", sent.id(), printable(sent.to()));
    Reply::new(as_json(sent, &[]), text)
}

fn inbox(cx: &Context, address: Option<&str>, unread: bool, all: bool) -> Result<Reply> {
    let home = cx.home()?;
    let (actor, now) = (cx.actor(home.repo()), home.world().now());
    let inbox = match address {
        Some(typed) => Inbox::at(&mail::find(&home, &actor, typed)?, &actor),
        None => Inbox::of(&actor),
    };
    let shown = |it: &Mail| all || inbox.is_shown(it, now) && (!unread || inbox.is_new(it, now));
    let mails: Vec<Mail> = mail::inbox(&home.view(), &inbox)?
        .into_iter()
        .filter(shown)
        .collect();
    let values: Vec<Value> = mails.iter().map(|it| as_json(it, &inbox.readers)).collect();
    let mut text = columns(mails.iter().map(|it| row(it, &inbox)));
    if text.is_empty() {
        let what = if unread { "no unread mail" } else { "no mail" };
        text = format!("{what} for {}\n", printable(&inbox.addresses.join(" or ")));
    }
    Ok(Reply::new(json!(values), text))
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

/// Does something to mails one by one and returns those it could be done to.
fn each(
    cx: &Context,
    ids: &[String],
    change: impl Fn(&Home, &str, &str) -> Result<(Value, String)>,
) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let (mut values, mut blocks, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        match change(&home, &actor, id) {
            Ok((value, block)) => {
                values.push(value);
                blocks.push(block);
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle(&home);
    Ok(several(values, blocks.join("\n"), faults))
}

fn read(cx: &Context, ids: &[String]) -> Result<Reply> {
    each(cx, ids, |home, actor, typed| {
        let mail = mail::mark_read(home, actor, typed)?;
        let inbox = Inbox::at(mail.to(), actor);
        Ok((as_json(&mail, &inbox.readers), block(&mail)))
    })
}

/// Returns a mail as a block of text.
fn block(mail: &Mail) -> String {
    let mut text = format!("{}  {}\n", mail.id(), printable(mail.subject()));
    let priority = format!("P{}", mail.priority());
    let fields = [
        ("From:", mail.from()),
        ("To:", mail.to()),
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

fn archive(cx: &Context, ids: &[String]) -> Result<Reply> {
    each(cx, ids, |home, actor, typed| {
        let mail = mail::archive(home, actor, typed)?;
        let inbox = Inbox::at(mail.to(), actor);
        let said = format!("{} is put away", mail.id());
        Ok((as_json(&mail, &inbox.readers), said))
    })
}

/// Returns the inbox of whoever asks, and what is new in it.
fn new_mail(cx: &Context) -> Result<(Home, Inbox, Vec<Mail>)> {
    let home = cx.home()?;
    let inbox = Inbox::of(&cx.actor(home.repo()));
    let now = home.world().now();
    let mut mails = mail::inbox(&home.view(), &inbox)?;
    mails.retain(|it| inbox.is_new(it, now));
    Ok((home, inbox, mails))
}

fn check(cx: &Context) -> Result<Reply> {
    let (_, inbox, new) = new_mail(cx)?;
    let value = json!({
        "address": inbox.readers[0],
        "unread": new.len(),
        "has_new": !new.is_empty(),
    });
    let who = printable(&inbox.readers[0]);
    let (text, exit) = match new.len() {
        0 => (format!("no new mail for {who}"), Exit::No),
        1 => (format!("1 new mail for {who}"), Exit::Done),
        count => (format!("{count} new mails for {who}"), Exit::Done),
    };
    Ok(Reply::new(value, text).exit(exit))
}

/// Prints the reminder for an agent; nudges that it shows are delivered. An agent's turn never fails for
/// want of mail.
fn inject(cx: &Context) -> Reply {
    let reminded = || -> Result<(String, usize)> {
        let (home, _, new) = new_mail(cx)?;
        let reminder = mail::reminder(&new);
        let actor = cx.actor(home.repo());
        for nudge in &reminder.delivered {
            mail::mark_read(&home, &actor, nudge)?;
        }
        Ok((reminder.text, new.len()))
    };
    match reminded() {
        Ok((text, count)) => {
            let value = json!({ "unread": count, "reminder": text });
            Reply::new(value, text)
        }
        Err(fault) => Reply::new(json!({ "unread": 0, "reminder": "" }), "")
            .note(format!("no mail: {}", fault.text().message)),
    }
}
