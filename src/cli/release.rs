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
    let running = agent::agents(&home)?.into_iter().filter(|it| it.alive);
    let over = running.filter(|it| {
        let beads = reply.value.as_array().into_iter().flatten();
        beads
            .clone()
            .any(|bead| bead["id"] == it.hook.bead.as_str())
    });
    let notes: Vec<String> = over
        .map(|it| {
            format!(
                "the session of {} on {} still runs: git gt polecat stop {}",
                it.hook.agent,
                it.hook.bead,
                it.hook.name()
            )
        })
        .collect();
    Ok(notes.into_iter().fold(reply, Reply::note))
}
