//! `git gt stats`

use serde_json::json;

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::{Beads, Stats};
use crate::fault::Result;

/// Show how many beads there are, and how they stand
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let now = cx.world.now();
    let mut stats = Stats::default();
    for home in cx.homes()? {
        let view = home.view();
        let beads = Beads::of(&view);
        for row in beads.rows(true)? {
            stats.add(&beads, &row?, now)?;
        }
    }
    let hours = stats.lead_time_hours();
    let value = json!({
        "schema_version": 1,
        "summary": {
            "average_lead_time_hours": hours,
            "blocked_issues": stats.blocked,
            "closed_issues": stats.closed,
            "deferred_issues": stats.deferred,
            "epics_eligible_for_closure": stats.epics,
            "in_progress_issues": stats.in_progress,
            "open_issues": stats.open,
            "pinned_issues": stats.pinned,
            "ready_issues": stats.ready,
            "total_issues": stats.total,
        },
    });
    let counts = [
        ("all", stats.total),
        ("open", stats.open),
        ("in progress", stats.in_progress),
        ("blocked", stats.blocked),
        ("deferred", stats.deferred),
        ("pinned", stats.pinned),
        ("closed", stats.closed),
        ("ready", stats.ready),
        ("epics whose children are all closed", stats.epics),
    ];
    let line = |(name, count): &(&str, usize)| vec![(*name).to_owned(), count.to_string()];
    let lead = vec![
        "hours from making to closing".to_owned(),
        format!("{hours:.1}"),
    ];
    let lines = counts.iter().map(line).chain([lead]);
    Ok(Reply::new(value, columns(lines)))
}
