//! `git gt done`

use super::Context;
use super::reply::Reply;
use crate::agent;
use crate::fault::Result;
use crate::{mq, refinery};

/// Queue what was committed on this hook
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let hook = agent::mine(&home)?;
    let actor = cx.actor.clone().unwrap_or_else(|| hook.agent.clone());
    let done = agent::done(&home, &actor, &hook)?;
    cx.settle(&home);
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
    if !refinery::is_running(&home) {
        reply = reply.note("nobody runs the queue now: git gt refinery run");
    }
    Ok(reply)
}

pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
