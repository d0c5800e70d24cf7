//! `git gt maintain`

use serde_json::{Value, json};

use super::Context;
use super::reply::{self, Reply};
use crate::fault::Result;
use crate::git::{Repo, Store};
use crate::ledger::{Begun, Purged, Time, Upkeep, begin_anew, maintain, purge};
use crate::town::repositories;
use crate::world::process;

/// Pack what was written, clear away what crashes left, back up the tips
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Say what there is and change nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Drop for good what was deleted more than DAYS days ago
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(PURGE_MIN..=36_500))]
    purge: Option<u64>,
    /// Put the history of ledgers aside that goes back DAYS days or more, and begin it anew
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(..=36_500))]
    archive: Option<u64>,
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
        let less = Less::of(repo, args, cx.world.now())?;
        let mut value = json!({
            "path": place.to_string(),
            "purged": less.purged.iter().flatten().map(purged_as_json).collect::<Value>(),
            "archived": less.begun.iter().map(begun_as_json).collect::<Value>(),
        });
        if args.dry_run {
            let store = repo.store();
            value["before"] = as_json(&store);
            lines.push(format!("{place}: {}", told(&store)));
            lines.extend(less.wanted());
        } else {
            lines.extend(less.done().map(|it| format!("{place}: {it}")));
            let upkeep = maintain(repo)?;
            lines.push(format!("{place}: {}", story(&upkeep)));
            value["busy"] = upkeep.is_busy.into();
            value["before"] = as_json(&upkeep.before);
            value["after"] = as_json(&upkeep.after);
            value["swept"] = upkeep.swept.into();
            value["backed_up"] = json!(upkeep.backed_up);
            faults.extend(upkeep.faults);
        }
        values.push(value);
    }
    let value = json!({ "dry_run": args.dry_run, "repositories": values });
    Ok(Reply::new(value, lines.join("\n")).with_faults(faults))
}

/// What ledgers are to carry no further.
struct Less {
    /// What was purged, where that was asked for.
    purged: Option<Vec<Purged>>,
    begun: Vec<Begun>,
}

impl Less {
    fn of(repo: &Repo, args: &Args, now: Time) -> Result<Self> {
        let before = |days: u64| Time(now.0.saturating_sub(days * DAY));
        let purged = args.purge.map(|it| purge(repo, before(it), args.dry_run));
        let begun = args
            .archive
            .map(|it| begin_anew(repo, before(it), args.dry_run));
        Ok(Self {
            purged: purged.transpose()?,
            begun: begun.transpose()?.unwrap_or_default(),
        })
    }

    fn count(&self) -> Option<usize> {
        let purged = self.purged.as_ref()?;
        Some(purged.iter().map(|it| it.records).sum())
    }

    /// Says what would be done.
    fn wanted(&self) -> impl Iterator<Item = String> {
        let purged = self.count();
        let purged = purged.map(|count| format!("{count} records would be purged"));
        let begun = self.begun.iter().map(|it| {
            let Begun { name, commits, .. } = it;
            format!("{commits} commits of {name} would be archived")
        });
        purged.into_iter().chain(begun)
    }

    /// Says what was done.
    fn done(&self) -> impl Iterator<Item = String> {
        let purged = self.count().map(|count| format!("{count} records purged"));
        let begun = self.begun.iter().map(|it| {
            let Begun { name, commits, .. } = it;
            format!("{commits} commits of {name} archived as {}", it.archive)
        });
        purged.into_iter().chain(begun)
    }
}

fn purged_as_json(purged: &Purged) -> Value {
    json!({ "ref": purged.name, "records": purged.records })
}

fn begun_as_json(begun: &Begun) -> Value {
    json!({
        "ref": begun.name, "epoch": begun.epoch, "commits": begun.commits, "archive": begun.archive,
    })
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
        text.push_str(&format!("; {} leftover files removed", upkeep.swept));
    }
    text
}
