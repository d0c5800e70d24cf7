//! `git gt stats`

use serde_json::{Map, Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::{Activity, Beads, Stats};
use crate::fault::Result;
use crate::ledger::{Name, Time, decided_since};

/// Show how many beads there are, and how they stand
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Count only what you hold or are assigned to
    #[arg(long)]
    assigned: bool,
    /// Count all beads, which is what happens anyway
    #[arg(long, conflicts_with = "assigned")]
    all: bool,
    /// Do not look at what happened in the last 24 hours
    #[arg(long)]
    no_activity: bool,
}

/// How many hours back it is looked at what happened.
const HOURS: u64 = 24;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let now = cx.world.now();
    let since = Time(now.0.saturating_sub(HOURS * 3600 * 1000));
    let homes = cx.homes()?;
    let me = cx.actor(cx.home()?.repo());
    let is_active = !args.no_activity && !args.assigned;
    let (mut stats, mut activity) = (Stats::default(), Activity::default());
    let mut decided = Vec::new();
    for home in &homes {
        let view = home.view();
        let beads = Beads::of(&view);
        for row in beads.rows(true)? {
            let row = row?;
            if !args.assigned || row.assignee() == Some(&me) {
                stats.add(&beads, &row, now)?;
                activity.add(&row, since);
            }
        }
        if is_active {
            decided.extend(decided_since(home.repo(), Name::Beads, since)?);
        }
    }
    let mut value = json!({ "schema_version": 1, "summary": summary(&stats) });
    let mut lines = lines(&stats);
    if is_active {
        let reopened = decided
            .iter()
            .filter(|it| it.starts_with("reopen "))
            .count();
        let counts = [
            ("commit_count", "commits", decided.len()),
            ("issues_created", "made", activity.created),
            ("issues_closed", "closed", activity.closed),
            ("issues_updated", "changed", activity.updated),
            ("issues_reopened", "opened again", reopened),
        ];
        let mut fields: Map<String, Value> = counts
            .iter()
            .map(|(key, _, count)| ((*key).to_owned(), (*count).into()))
            .collect();
        let total = activity.created + activity.closed + activity.updated + reopened;
        fields.insert("total_changes".to_owned(), total.into());
        fields.insert("hours_tracked".to_owned(), HOURS.into());
        value["recent_activity"] = Value::Object(fields);
        lines.extend(counts.iter().map(|(_, words, count)| {
            let words = format!("{words} in the last {HOURS} hours");
            vec![words, count.to_string()]
        }));
    }
    Ok(Reply::new(value, columns(lines)))
}

fn summary(stats: &Stats) -> Value {
    json!({
        "average_lead_time_hours": stats.lead_time_hours(),
        "blocked_issues": stats.blocked,
        "closed_issues": stats.closed,
        "deferred_issues": stats.deferred,
        "epics_eligible_for_closure": stats.epics,
        "in_progress_issues": stats.in_progress,
        "open_issues": stats.open,
        "pinned_issues": stats.pinned,
        "ready_issues": stats.ready,
        "total_issues": stats.total,
    })
}

fn lines(stats: &Stats) -> Vec<Vec<String>> {
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
        format!("{:.1}", stats.lead_time_hours()),
    ];
    counts.iter().map(line).chain([lead]).collect()
}
