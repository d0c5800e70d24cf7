//! `git gt mail`

mod look;

use serde_json::{Value, json};

use super::Context;
use super::beads::{parsed, several};
use super::input;
use super::reply::{Exit, Reply, printable};
use crate::bead;
use crate::fault::Result;
use crate::mail::{self, BODY_MAX, Draft, Handling, Inbox, Search, as_json};
use crate::record::Mail;
use crate::town::{Home, machine};

/// Write to agents and people, read what they wrote
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write to somebody, or to everybody of a group
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
    Read(Mails),
    /// Show mails without a trace; exit 1 if there is none
    Peek {
        /// The mails, by their ids or a part of them; by default the first that you have not read
        #[arg(value_name = "MAIL")]
        ids: Vec<String>,
    },
    /// Answer a mail
    Reply(Answer),
    /// Show a conversation, the oldest mail first
    Thread {
        /// A mail of it, or its own id
        #[arg(value_name = "MAIL")]
        id: String,
    },
    /// Look for mail in your inbox
    Search {
        /// What stands in the subject or the body
        #[arg(value_name = "TEXT", allow_hyphen_values = true)]
        text: String,
        /// Only from senders whose address has ADDR in it
        #[arg(long, value_name = "ADDR")]
        from: Option<String>,
        /// Look in subjects only
        #[arg(long, conflicts_with = "body")]
        subject: bool,
        /// Look in bodies only
        #[arg(long)]
        body: bool,
        /// Look in what was put away, too
        #[arg(long)]
        archive: bool,
    },
    /// Put mails of your inbox away
    Archive(Mails),
    /// Count mails as read without showing them
    MarkRead {
        /// The mails, by their ids or a part of them
        #[arg(value_name = "MAIL", required_unless_present = "all")]
        ids: Vec<String>,
        /// Every mail in your inbox
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Count mails as not read; what was put away is back in the inbox
    MarkUnread(Mails),
    /// Delete mails of your inbox, for everybody who shares it
    Delete(Mails),
    /// Say whether there is new mail: exit 0 if so, 1 if not
    Check {
        /// Print a short reminder for an agent, and exit 0 whatever happens
        #[arg(long)]
        inject: bool,
    },
    /// List who can be written to
    Directory {
        /// List agents that have gone, too
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Mails {
    /// The mails, by their ids or a part of them
    #[arg(value_name = "MAIL", required = true)]
    ids: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Send {
    /// Who it is for
    #[arg(value_name = "ADDR", required_unless_present_any = ["to_self", "human"])]
    to: Option<String>,
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
    /// The same as --priority 0
    #[arg(long, conflicts_with = "priority")]
    urgent: bool,
    /// The mail it answers
    #[arg(long, value_name = "MAIL")]
    reply_to: Option<String>,
    /// Send a copy to ADDR, too; the option may be given several times
    #[arg(long, value_name = "ADDR")]
    cc: Vec<String>,
    /// Send it to yourself
    #[arg(long = "self", conflicts_with_all = ["to", "human"])]
    to_self: bool,
    /// Send it to the human, as to overseer
    #[arg(long, conflicts_with = "to")]
    human: bool,
    /// Keep it on top of the inbox
    #[arg(long)]
    pinned: bool,
}

#[derive(Debug, clap::Args)]
struct Answer {
    /// The mail, by its id or a part of it
    #[arg(value_name = "MAIL")]
    id: String,
    #[command(flatten)]
    body: Body,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Body {
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
    pub(crate) fn text(&self) -> Result<String> {
        if !self.stdin {
            return Ok(self.message.clone().unwrap_or_default());
        }
        input::said(BODY_MAX)
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Send(args) => send(cx, args),
        Verb::Inbox {
            address,
            unread,
            all,
        } => look::inbox(cx, address.as_deref(), *unread, *all),
        Verb::Read(mails) => each(cx, &mails.ids, |home, actor, typed| {
            let mail = mail::read(home, actor, typed)?;
            let text = look::block(&mail);
            Ok((mail, text))
        }),
        Verb::Peek { ids } => look::peek(cx, ids),
        Verb::Reply(args) => {
            let home = mailbox(cx, Some(&args.id))?;
            let sent = mail::reply(&home, &cx.actor(home.repo()), &args.id, &args.body.text()?)?;
            cx.settle(&home);
            Ok(told(&[sent]))
        }
        Verb::Thread { id } => look::thread(cx, id),
        Verb::Search {
            text,
            from,
            subject,
            body,
            archive,
        } => {
            let search = Search {
                text: text.clone(),
                from: from.clone().unwrap_or_default(),
                only_subject: *subject,
                only_body: *body,
            };
            look::search(cx, &search, *archive)
        }
        Verb::Archive(mails) => handle(cx, &mails.ids, Handling::Archive, "is put away"),
        Verb::MarkRead { ids, all: false } => handle(cx, ids, Handling::MarkRead, "is read"),
        Verb::MarkRead { all: true, .. } => {
            let ids: Vec<String> = new_mail(cx)?
                .2
                .iter()
                .map(|it| it.id().to_owned())
                .collect();
            handle(cx, &ids, Handling::MarkRead, "is read")
        }
        Verb::MarkUnread(mails) => handle(cx, &mails.ids, Handling::MarkUnread, "is not read"),
        Verb::Delete(mails) => handle(cx, &mails.ids, Handling::Delete, "is deleted"),
        Verb::Check { inject: true } => Ok(inject(cx)),
        Verb::Check { inject: false } => check(cx),
        Verb::Directory { all } => look::directory(cx, *all),
    }
}

fn send(cx: &Context, args: &Send) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let to = match &args.to {
        Some(typed) => typed.clone(),
        None if args.human => mail::OVERSEER.to_owned(),
        None => mail::inboxes(&actor).swap_remove(0),
    };
    let draft = Draft {
        to,
        cc: args.cc.clone(),
        subject: args.subject.clone(),
        body: args.body.text()?,
        kind: args.kind.clone(),
        priority: args.priority.or(args.urgent.then_some(0)),
        reply_to: args.reply_to.clone(),
        pinned: args.pinned,
    };
    let sent = mail::send(&home, &actor, &draft)?;
    cx.settle(&home);
    Ok(told(&sent))
}

/// Returns what the sender of a mail is told: one mail as an object, several copies as an array.
pub(crate) fn told(sent: &[Mail]) -> Reply {
    let line = |it: &Mail| format!("{} is sent to {}\n", it.id(), printable(it.to()));
    let text: String = sent.iter().map(line).collect();
    let mut values: Vec<Value> = sent.iter().map(|it| as_json(it, &[])).collect();
    let value = match values.len() {
        1 => values.swap_remove(0),
        _ => values.into(),
    };
    Reply::new(value, text)
}

/// Does something to mails one by one and returns those it could be done to.
fn each(
    cx: &Context,
    ids: &[String],
    change: impl Fn(&Home, &str, &str) -> Result<(Mail, String)>,
) -> Result<Reply> {
    let own = mailbox(cx, None)?;
    let (actor, machine) = (cx.actor(own.repo()), machine(own.repo()));
    let (mut values, mut blocks, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        match mailbox(cx, Some(id)).and_then(|home| change(&home, &actor, id)) {
            Ok((mail, block)) => {
                let inbox = Inbox::at(mail.to(), (&actor, &machine));
                values.push(as_json(&mail, &inbox.readers));
                blocks.push(block);
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle(&own);
    Ok(several(values, blocks.join("\n"), faults))
}

fn handle(cx: &Context, ids: &[String], handling: Handling, what: &str) -> Result<Reply> {
    each(cx, ids, |home, actor, typed| {
        let mail = mail::handle(home, actor, typed, handling)?;
        let said = format!("{} {what}", mail.id());
        Ok((mail, said))
    })
}

/// Returns the home of a mail that was typed: the one that keeps the mail of whoever asks, unless it is not
/// there and its id is another one's.
fn mailbox(cx: &Context, typed: Option<&str>) -> Result<Home> {
    let here = cx.home()?;
    let actor = cx.actor(here.repo());
    let own = mail::mailbox(&here, &actor)?;
    match typed.map(|typed| mail::find_mail(&own, typed)) {
        Some(Ok((home, _))) => Ok(home),
        Some(Err(_)) => own.of_bead(typed.unwrap_or_default()),
        None => Ok(own),
    }
}

/// Returns the inbox of whoever asks, and what is new in it.
fn new_mail(cx: &Context) -> Result<(Home, Inbox, Vec<Mail>)> {
    let home = mailbox(cx, None)?;
    let inbox = Inbox::of(&cx.actor(home.repo()), &machine(home.repo()));
    let now = home.world().now();
    let mails = mail::new_mail(&home.view(), &inbox, now)?;
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
        let reminder = mail::deliver(&home, &cx.actor(home.repo()), &new)?;
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
