//! `git gt done`

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::agent::{self, Told};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::record::Said;
use crate::{mq, refinery};

/// Queue what was committed on this hook, or say why not
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say how it ended: completed queues it, escalated asks for help, deferred puts it off
    #[arg(
        long,
        value_name = "STATUS",
        value_enum,
        ignore_case = true,
        default_value = "completed"
    )]
    status: Status,
    /// Say why
    #[arg(
        short,
        long,
        visible_alias = "message",
        short_alias = 'm',
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    reason: Option<String>,
    /// Queue nothing: the work is finished and a person is to look at it first
    #[arg(long)]
    no_merge: bool,
    /// Queue it for BRANCH instead of where the bead's work lands
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// Say it for the hook that this bead hangs on
    #[arg(long, value_name = "BEAD")]
    issue: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Status {
    /// The work is finished
    Completed,
    /// It cannot go on without help
    Escalated,
    /// It is put off
    Deferred,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let hook = match &args.issue {
        Some(typed) => {
            let bead = bead::resolve(&home.view(), home.rig().prefix(), typed)?;
            agent::of_bead(&home, bead.id())?
        }
        None => agent::mine(&home)?,
    };
    let actor = cx.actor.clone().unwrap_or_else(|| hook.agent.clone());
    let (target, reason) = (args.target.as_deref(), args.reason.as_deref());
    let reason = reason.unwrap_or_default();
    let said = match args.status {
        Status::Completed if args.no_merge => {
            let told = agent::set_aside(&home, &actor, &hook, (target, reason))?;
            cx.settle(&home);
            return Ok(told_of(&told));
        }
        Status::Completed => return queue(cx, &home, (&actor, &hook), target),
        Status::Escalated => Said::Escalated,
        Status::Deferred => Said::Deferred,
    };
    if args.no_merge || target.is_some() {
        return Err(Fault::invalid(format!(
            "work that is {} is not queued: --no-merge and --target mean nothing there",
            said.word()
        ))
        .hint("leave them out"));
    }
    let told = agent::give_up(&home, &actor, &hook, (said, reason))?;
    cx.settle(&home);
    Ok(told_of(&told))
}

fn queue(
    cx: &Context,
    home: &crate::town::Home,
    (actor, hook): (&str, &agent::Hook),
    target: Option<&str>,
) -> Result<Reply> {
    let done = agent::done(home, actor, hook, target)?;
    cx.settle(home);
    let request = &done.submitted.request;
    let mut value = mq::as_json(request, 0);
    value["queued"] = done.submitted.new.into();
    value["commits"] = done.commits.into();
    let what = if done.submitted.new {
        "queued"
    } else {
        "was queued before"
    };
    let text = format!(
        "{} {what}: {} with {} for {}\n",
        request.id(),
        request.branch(),
        counted(done.commits, "commit"),
        request.target()
    );
    let mut reply = Reply::new(value, text);
    for older in &done.submitted.superseded {
        reply = reply.note(format!("{older} is cancelled: this one supersedes it"));
    }
    if !refinery::is_running(home) {
        reply = reply.note("nobody runs the queue now: git gt refinery run");
    }
    Ok(reply)
}

fn told_of(told: &Told) -> Reply {
    let (bead, outcome) = (&told.bead, &told.outcome);
    let value = json!({
        "bead": bead.id(),
        "title": bead.title(),
        "bead_status": bead.status(),
        "status": outcome.said.word(),
        "reason": outcome.reason,
        "branch": outcome.branch,
        "head": outcome.head,
        "commits": told.commits,
        "worker": outcome.by,
        "queued": false,
        "new": told.new,
    });
    let what = match (outcome.said, told.new) {
        (Said::Finished, true) => "is finished and not queued; a person is told",
        (Said::Finished, false) => "was set aside before, as it is",
        (Said::Escalated, _) => "waits for help; mayor and human are told",
        (Said::Deferred, _) => "is put off and open again",
    };
    let mut text = format!("{} {what}\n", bead.id());
    if told.commits > 0 {
        text.push_str(&format!(
            "  {} stay on {}\n",
            counted(told.commits, "commit"),
            outcome.branch
        ));
    }
    Reply::new(value, text)
}

pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
