//! `git gt maintain`

use serde_json::{Value, json};

use super::Context;
use super::reply::{self, Reply};
use crate::fault::Result;
use crate::git::{Repo, Store};
use crate::ledger::{Time, Upkeep, maintain, purge};
use crate::town::repositories;
use crate::world::process;

/// Pack what was written, clear away what crashes left, back up the tips
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what there is and change nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Drop for good what was deleted more than DAYS days ago
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(PURGE_MIN..=36_500))]
    purge: Option<u64>,
    /// Detach first, and be in nobody's way; how writes begin it
    #[arg(long, hide = true)]
    auto: bool,
}

/// For so many days at least what was deleted stays: a clone that comes back after that may still have it
/// alive.
const PURGE_MIN: u64 = 30;

const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if args.auto {
        return in_background(cx);
    }
    let repos = repositories(&cx.world, cx.rig.as_deref())?;
    let (mut values, mut lines, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for repo in &repos {
        let place = repo.root().display();
        let purged = match args.purge {
            None => Vec::new(),
            Some(days) => {
                let before = Time(cx.world.now().0.saturating_sub(days * DAY));
                purge(repo, before, args.dry_run)?
            }
        };
        let records = purged
            .iter()
            .map(|it| json!({ "ref": it.name, "records": it.records }));
        let records: Vec<Value> = records.collect();
        let count: usize = purged.iter().map(|it| it.records).sum();
        if args.dry_run {
            let store = repo.store();
            let path = place.to_string();
            values.push(json!({ "path": path, "before": as_json(&store), "purged": records }));
            lines.push(format!("{place}: {}", told(&store)));
            if args.purge.is_some() {
                lines.push(format!("{count} records would be purged"));
            }
            continue;
        }
        if args.purge.is_some() {
            lines.push(format!("{place}: {count} records purged"));
        }
        let upkeep = maintain(repo)?;
        lines.push(format!("{place}: {}", story(&upkeep)));
        values.push(json!({
            "path": place.to_string(),
            "busy": upkeep.is_busy,
            "before": as_json(&upkeep.before),
            "after": as_json(&upkeep.after),
            "swept": upkeep.swept,
            "backed_up": upkeep.backed_up,
            "purged": records,
        }));
        faults.extend(upkeep.faults);
    }
    let value = json!({ "dry_run": args.dry_run, "repositories": values });
    Ok(Reply::new(value, lines.join("\n")).with_faults(faults))
}

/// Goes on in a session of its own, after whoever began it; says nothing more.
fn in_background(cx: &Context) -> Result<Reply> {
    process::leave_session();
    process::let_go_of_inherited();
    process::stand_back();
    reply::print("ready\n");
    // Nobody listens: what cannot be done is tried again the next time.
    drop(maintain(&Repo::discover(&cx.world)?));
    Ok(Reply::new(Value::Null, ""))
}

fn as_json(store: &Store) -> Value {
    json!({ "loose": store.loose, "packs": store.packs, "bytes": store.bytes })
}

fn told(store: &Store) -> String {
    format!(
        "{} loose objects and {} packs, {} kB",
        store.loose,
        store.packs,
        store.bytes / 1000
    )
}

fn story(upkeep: &Upkeep) -> String {
    if upkeep.is_busy {
        return "another one is at it".to_owned();
    }
    let mut text = format!("{}; were {}", told(&upkeep.after), told(&upkeep.before));
    if upkeep.swept > 0 {
        text.push_str(&format!("; {} files of crashes removed", upkeep.swept));
    }
    text
}
