//! `git gt release`

use super::Context;
use super::beads::{Change, each};
use super::reply::Reply;
use crate::agent;
use crate::bead;
use crate::fault::{Fault, Result};

/// Give beads back: they are open again and nobody holds them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "BEAD", required = true)]
    ids: Vec<String>,
    /// Say why, in a comment
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    let role = home
        .world()
        .env("GT_ROLE")
        .filter(|it| it.contains("/polecats/"));
    let reply = each(cx, &args.ids, |_, pen, mut bead| {
        if let (Some(role), Some(holder)) = (role, bead.holder())
            && role != holder
        {
            return Err(Fault::refused(format!(
                "{role} is a polecat, and a polecat does not release what {holder} holds"
            ))
            .hint(format!(
                "say what you need: git gt mail send {holder} -s \"...\""
            )));
        }
        let stamp = pen.stamp(bead.record());
        let claim = bead::release(&mut bead, &stamp)?;
        if !reason.is_empty() {
            bead.add_comment(&actor, reason, &stamp);
        }
        let from = claim
            .map(|it| format!(" from {}", it.by))
            .unwrap_or_default();
        let subject = format!("release {}{from}", bead.id());
        let said = format!("Released {}{from}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    let beads = reply.value.as_array().into_iter().flatten();
    let beads: Vec<String> = beads
        .filter_map(|bead| Some(bead["id"].as_str()?.to_owned()))
        .collect();
    let mut notes = Vec::new();
    for id in &beads {
        let there = home.of_bead(id)?;
        let running = agent::agents(&there)?.into_iter().filter(|it| it.alive);
        notes.extend(running.filter(|it| it.hook.bead == *id).map(|it| {
            format!(
                "the session of {} on {id} still runs: git gt polecat stop {}",
                it.hook.agent, it.hook.agent
            )
        }));
    }
    Ok(notes.into_iter().fold(reply, Reply::note))
}
