//! `git gt changelog`

use serde_json::json;

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::{Beads, Moment, Way};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::{Bead, BeadRow};

/// Show what was done: the beads that were closed, of the whole town in HQ
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show what was closed today
    #[arg(long)]
    today: bool,
    /// Show what was closed in the last seven days, which is the default
    #[arg(long, conflicts_with = "today")]
    week: bool,
    /// Show what was closed since TIME: a date, RFC 3339, or an age such as 30d
    #[arg(long, value_name = "TIME", conflicts_with_all = ["today", "week"])]
    since: Option<String>,
}

/// Types of beads that are no work.
const NO_WORK: [&str; 8] = [
    "agent",
    "event",
    "gate",
    "merge-request",
    "message",
    "molecule",
    "rig",
    "role",
];

const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let now = cx.world.now();
    let since = match &args.since {
        Some(text) => Moment::parse(text, Way::Back, now)?.time(),
        None if args.today => Time(now.0 - now.0 % DAY),
        None => Time(now.0.saturating_sub(7 * DAY)),
    };
    let mut done: Vec<(Time, String, Bead)> = Vec::new();
    for home in cx.homes()? {
        let view = home.view();
        let beads = Beads::of(&view);
        let mut rows = Vec::new();
        for row in beads.rows(true)? {
            let row = row?;
            if row.closed().is_some_and(|at| at >= since) && is_work(&row) {
                rows.push(row);
            }
        }
        let whole = beads.whole(&rows)?;
        let times = rows.iter().filter_map(BeadRow::closed);
        let rig = home.rig().name().to_owned();
        done.extend(times.zip(whole).map(|(at, bead)| (at, rig.clone(), bead)));
    }
    done.sort_by(|a, b| (b.0, a.2.id()).cmp(&(a.0, b.2.id())));
    let values = done.iter().map(|(at, rig, bead)| {
        json!({
            "id": bead.id(), "title": bead.title(), "type": bead.issue_type(), "rig": rig,
            "closed_at": bead.closed_at().unwrap_or_else(|| at.to_string()),
            "assignee": bead.assignee(), "reason": bead.close_reason(),
        })
    });
    let rows = done.iter().map(|(at, rig, bead)| {
        let day = at.to_string();
        vec![
            day[..10].to_owned(),
            rig.clone(),
            bead.id().to_owned(),
            bead.issue_type().to_owned(),
            bead.title().to_owned(),
        ]
    });
    let text = match done.is_empty() {
        true => format!("nothing was closed since {since}\n"),
        false => columns(rows),
    };
    Ok(Reply::new(values.collect(), text))
}

fn is_work(row: &BeadRow<'_>) -> bool {
    let kind = row.issue_type();
    !row.is_ephemeral() && !row.is_template() && !NO_WORK.contains(&kind)
}
