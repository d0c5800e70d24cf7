//! `git gt unsling`

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::agent::{self, Hook};
use crate::bead::resolve;
use crate::fault::Result;
use crate::town::Home;

/// Take a bead off its hook: it is open again, branch and worktree stay
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bead; what hangs on your own hook by default
    #[arg(value_name = "BEAD")]
    bead: Option<String>,
    /// Take it off although its session runs or its work waits in the queue
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = match &args.bead {
        Some(typed) => cx.home_of(typed)?,
        None => cx.home()?,
    };
    let hook = match &args.bead {
        Some(typed) => {
            let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
            agent::of_bead(&home, bead.id())?
        }
        None => agent::mine(&home)?,
    };
    take_off(cx, &home, &hook, args.force)
}

/// Takes the bead off a hook and says what is left.
pub(super) fn take_off(cx: &Context, home: &Home, hook: &Hook, force: bool) -> Result<Reply> {
    let actor = cx.actor(home.repo());
    let off = agent::unsling(home, &actor, hook, force)?;
    cx.settle(home);
    let (bead, hook) = (&off.bead, &off.hook);
    let value = json!({
        "bead": bead.id(),
        "title": bead.title(),
        "status": bead.status(),
        "agent": hook.agent,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "running": off.running,
    });
    let mut text = format!("{} is off the hook of {} and open\n", bead.id(), hook.agent);
    if !hook.branch.is_empty() {
        text.push_str(&format!("  branch {} stays\n", hook.branch));
    }
    let reply = Reply::new(value, text);
    Ok(if off.running {
        reply.note(format!(
            "its session still runs, and will find that the claim is over: git gt polecat stop {}",
            hook.name()
        ))
    } else {
        reply
    })
}
