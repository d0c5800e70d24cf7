//! `git gt reopen`

use super::Context;
use super::beads::{Change, each};
use super::reply::Reply;
use crate::fault::Result;

/// Open closed beads again; nobody holds them then
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Say why, as a comment
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let reason = args.reason.as_deref().unwrap_or_default().trim();
    let repo = cx.repo()?;
    let actor = cx.actor(&repo);
    each(cx, &args.ids, |_, pen, mut bead| {
        if bead.is_closed() {
            let stamp = pen.stamp(bead.record());
            bead.reopen(&stamp);
            if !reason.is_empty() {
                bead.add_comment(&actor, reason, &stamp);
            }
        }
        let why = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        let subject = format!("reopen {}{why}", bead.id());
        let said = format!("Reopened {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}
