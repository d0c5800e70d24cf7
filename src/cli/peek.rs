//! `git gt peek`

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::agent::{self, Hook};
use crate::fault::{Fault, Result};

/// Show the end of what an agent's session wrote
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent, by its name or address
    #[arg(value_name = "WHO")]
    name: String,
    /// Show the last N lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home_of_agent(&args.name)?;
    let hook = Hook::named(&home, &args.name)?;
    let found = agent::agents(&home)?;
    let standing = found.into_iter().find(|it| it.hook.agent == hook.agent);
    let alive = standing.as_ref().is_some_and(|it| it.alive);
    let session = standing.and_then(|it| it.session).ok_or_else(|| {
        Fault::not_found(format!("git gt started no session of {}", hook.agent))
            .hint("it has no log: what was started by hand writes to its own terminal")
    })?;
    let lines = agent::peek(&session, args.lines)?;
    let value = json!({
        "agent": hook.agent,
        "bead": hook.bead,
        "running": alive,
        "outcome": session.outcome,
        "log": session.log.display().to_string(),
        "lines": lines,
    });
    let mut text = lines.join("\n");
    if text.is_empty() {
        text = format!("{} has written nothing\n", hook.agent);
    }
    Ok(Reply::new(value, text))
}
