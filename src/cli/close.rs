//! `git gt close`

use super::Context;
use super::beads::{Change, each};
use super::reply::{Reply, printable};
use crate::bead::{Beads, check_closable};
use crate::fault::Result;

/// Close beads: the work is done, or will not be
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Say why
    #[arg(short, long, visible_alias = "message", short_alias = 'm', aliases = ["comment", "resolution"], value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Close what is blocked, pinned or an epic with open children too
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    each(cx, &args.ids, |view, pen, mut bead| {
        if !bead.is_closed() {
            if !args.force {
                check_closable(&Beads::of(view), &bead)?;
            }
            let stamp = pen.stamp(bead.record());
            bead.close(reason, &stamp);
        }
        let why = if bead.close_reason().is_empty() {
            String::new()
        } else {
            format!(": {}", bead.close_reason())
        };
        let subject = format!("close {}{why}", bead.id());
        let said = format!("Closed {}{}\n", bead.id(), printable(&why));
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}
