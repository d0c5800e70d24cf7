//! `git gt hook`

use serde_json::json;

use super::Context;
use super::reply::{Exit, Reply};
use crate::agent;
use crate::fault::{Fault, Result};
use crate::ledger::CloneId;
use crate::record::{Bead, Claim};

/// Show what hangs on the hook of this worktree
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let hook = match agent::mine(&home) {
        Ok(hook) => hook,
        Err(Fault::NotFound(said)) => {
            let reply = Reply::new(json!({ "hooked": false }), said.message);
            return Ok(reply.exit(Exit::No));
        }
        Err(fault) => return Err(fault),
    };
    let bead = home.view().bead(&hook.bead)?;
    let claim = bead.as_ref().and_then(Bead::claim);
    let here = CloneId::known(home.repo());
    // Polecats of two clones may have the same address: names are given out without asking.
    let is_ours = |claim: &Claim| {
        let clone = here.as_ref().map(CloneId::as_str);
        clone == Some(claim.stamp.clone_part())
    };
    let stands = claim
        .as_ref()
        .is_some_and(|claim| claim.epoch == hook.epoch && claim.by == hook.agent && is_ours(claim));
    let (title, status) = bead
        .as_ref()
        .map_or(("", "missing"), |it| (it.title(), it.status()));
    let value = json!({
        "hooked": true,
        "agent": hook.agent,
        "bead": hook.bead,
        "title": title,
        "status": status,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "base": hook.base,
        "epoch": hook.epoch,
        "since": hook.since,
        "claim": if stands { "stands" } else { "over" },
    });
    let mut text = format!(
        "{}: {title}\n  status  {status}\n  hook    {} since {}\n  branch  {}\n  path    {}\n",
        hook.bead,
        hook.agent,
        hook.since,
        hook.branch,
        hook.path.display()
    );
    if !stands {
        let who = match claim {
            None => "nobody".to_owned(),
            Some(claim) if is_ours(&claim) => claim.by,
            Some(claim) => format!("{} of another clone", claim.by),
        };
        text.push_str(&format!(
            "  claim   over: {who} holds it now; the branch stays\n"
        ));
    }
    Ok(Reply::new(value, text))
}
