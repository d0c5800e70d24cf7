//! `git gt orphans`

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::{Reply, columns};
use crate::agent::{self, Orphans};
use crate::fault::Result;
use crate::ledger::Time;

/// Show what nobody looks after: branches, commits, saved tips, claims
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show what was made in the last N days
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u64,
    /// Show what is older, too
    #[arg(long, conflicts_with = "days")]
    all: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let rigs = cx.rigs()?;
    let now = cx.world.now();
    let span = args.days.saturating_mul(24 * 60 * 60 * 1000);
    let since = match args.all {
        true => 0,
        false => now.0.saturating_sub(span),
    };
    if let [rig] = &rigs[..] {
        let found = agent::orphans(rig, Time(since))?;
        return Ok(Reply::new(as_json(&found), told(&found)));
    }
    let (mut values, mut text) = (Vec::new(), String::new());
    for home in &rigs {
        let (rig, found) = (home.rig().name(), agent::orphans(home, Time(since))?);
        let mut value = as_json(&found);
        value["rig"] = rig.into();
        values.push(value);
        text.push_str(&format!("rig {rig}: {}", told(&found)));
    }
    Ok(Reply::new(json!(values), text))
}

fn when(seconds: u64) -> String {
    Time(seconds.saturating_mul(1000)).to_string()
}

fn as_json(found: &Orphans) -> Value {
    let branches = found.branches.iter().map(|it| {
        json!({ "branch": it.branch, "commit": it.tip.to_string(), "commits": it.ahead,
            "committed_at": when(it.seconds) })
    });
    let commits = found.commits.iter().map(|it| {
        json!({ "commit": it.commit.to_string(), "subject": it.subject, "author": it.author,
            "committed_at": when(it.seconds) })
    });
    let attic = found.attic.iter().map(super::attic::as_json);
    let claims = found.claims.iter().map(|it| {
        json!({ "bead": it.bead, "title": it.title, "holder": it.by,
            "since": it.since.to_string() })
    });
    json!({
        "branches": branches.collect::<Vec<_>>(),
        "commits": commits.collect::<Vec<_>>(),
        "attic": attic.collect::<Vec<_>>(),
        "claims": claims.collect::<Vec<_>>(),
    })
}

fn told(found: &Orphans) -> String {
    let mut text = String::new();
    let mut block = |head: &str, rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let lines = columns(rows);
            let indented = lines.lines().map(|line| format!("  {line}\n"));
            text.push_str(&format!("{head}\n{}", indented.collect::<String>()));
        }
    };
    let short = |id: &crate::ledger::Oid| id.to_string()[..12].to_owned();
    let rows = found.branches.iter();
    block(
        "branches without a hook, not on the target (git gt polecat gc puts them into the attic):",
        rows.map(|it| {
            vec![
                it.branch.clone(),
                counted(it.ahead, "commit"),
                when(it.seconds),
            ]
        })
        .collect(),
    );
    let rows = found.commits.iter();
    block(
        "commits that no ref reaches (git branch <name> <commit> keeps one):",
        rows.map(|it| {
            vec![
                short(&it.commit),
                when(it.seconds),
                it.author.clone(),
                it.subject.clone(),
            ]
        })
        .collect(),
    );
    let rows = found.attic.iter();
    block(
        "in the attic, not on the target (git gt attic restore <commit> makes a branch):",
        rows.map(|it| vec![short(&it.tip), when(it.seconds), it.why.clone()])
            .collect(),
    );
    let rows = found.claims.iter();
    block(
        "claims without a hook (git gt sling <bead> goes on, git gt release <bead> gives up):",
        rows.map(|it| {
            vec![
                it.bead.clone(),
                it.by.clone(),
                it.since.to_string(),
                it.title.clone(),
            ]
        })
        .collect(),
    );
    if text.is_empty() {
        text = "nothing is orphaned\n".to_owned();
    }
    text
}
