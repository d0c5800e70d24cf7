//! `git gt bead move`

use serde_json::json;

use super::Context;
use super::beads::{Change, one};
use super::reply::{Reply, printable};
use crate::bead::{check_movable, copy, moved_id, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};

/// Move a bead to another rig
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// What ids of the other rig begin with
    #[arg(value_name = "PREFIX")]
    prefix: String,
    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Copies first and closes then: after a crash in between both are open, and moving the bead again finds the
/// copy and closes the original.
pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let prefix = args.prefix.trim_end_matches('-');
    let home = cx.home_of(&args.id)?;
    let there = home.of_bead(&format!("{prefix}-"))?;
    if there.rig().prefix() != prefix {
        return Err(
            Fault::not_found(format!("no rig here has the prefix '{prefix}'"))
                .hint("git gt rig list shows the prefixes"),
        );
    }
    let view = home.view();
    let bead = resolve(&view, home.rig().prefix(), &args.id)?;
    if there.rig().name() == home.rig().name() {
        return Err(Fault::refused(format!(
            "{} is in that rig already",
            bead.id()
        )));
    }
    check_movable(&view, &bead)?;
    let id = moved_id(&bead, prefix);
    let rig = there.rig().name().to_owned();
    let said = format!(
        "{} to {id} in {rig}: {}",
        bead.id(),
        printable(bead.title())
    );
    let value = json!({
        "issue_id": bead.id(), "moved_to": id, "rig": rig, "dry_run": args.dry_run,
        "schema_version": 1,
    });
    if args.dry_run {
        return Ok(Reply::new(value, format!("would move {said}")));
    }
    let actor = cx.actor(home.repo());
    there.write(Name::Beads, &actor, |view, pen| {
        Ok(match copy(view, pen, &bead, &id)? {
            Some(copied) => {
                let subject = format!("create {id}: {} (was {})", copied.title(), bead.id());
                Decision::write(subject, vec![copied.into_record()], ())
            }
            None => Decision::nothing(()),
        })
    })?;
    let reason = format!("moved to {id}");
    one(cx, &home, bead.id(), |view, pen, mut here| {
        if here.record() != bead.record() && !here.is_closed() {
            return Err(
                Fault::stale(format!("{} has changed meanwhile", here.id())).hint(format!(
                    "it was copied to {id}: delete that, and move it again"
                )),
            );
        }
        if !here.is_closed() {
            check_movable(view, &here)?;
            let stamp = pen.stamp(here.record());
            here.close(&reason, &stamp);
        }
        Ok(Change {
            subject: format!("close {}: {reason}", here.id()),
            said: String::new(),
            bead: here,
        })
    })?;
    cx.settle_all(vec![home, there]);
    Ok(Reply::new(value, format!("moved {said}")))
}
