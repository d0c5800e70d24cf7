//! `git gt log`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::resolve;
use crate::fault::Result;
use crate::ledger::{Entry, history};
use crate::town::Home;

/// Show what happened, newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most N entries; 0 means all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Show only what changed the record ID: a bead by its id or a part of it, or a merge request
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let entries = match &args.id {
        Some(typed) => of_record(&cx.home_of(typed)?, args.limit, typed)?,
        None => of_homes(&cx.homes()?, args.limit)?,
    };
    let values: Vec<Value> = entries
        .iter()
        .map(|it| {
            json!({
                "time": it.time.to_string(),
                "actor": it.actor,
                "ledger": it.ledger,
                "subject": it.subject,
                "commit": it.commit,
            })
        })
        .collect();
    let rows = entries
        .iter()
        .map(|it| vec![it.time.to_string(), it.actor.clone(), it.subject.clone()]);
    Ok(Reply::new(json!(values), columns(rows)))
}

/// Returns what changed the record of that id, else the bead that `typed` is a part of.
fn of_record(home: &Home, limit: usize, typed: &str) -> Result<Vec<Entry>> {
    let entries = history(home.repo(), limit, Some(typed))?;
    if !entries.is_empty() {
        return Ok(entries);
    }
    let bead = resolve(&home.view(), home.rig().prefix(), typed)
        .map_err(|fault| fault.hint("git gt mq list --all shows every merge request"))?;
    history(home.repo(), limit, Some(bead.id()))
}

/// Returns what happened in several homes, the newest first.
fn of_homes(homes: &[Home], limit: usize) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    for home in homes {
        all.extend(history(home.repo(), limit, None)?);
    }
    all.sort_by_key(|it| std::cmp::Reverse(it.time));
    if limit > 0 {
        all.truncate(limit);
    }
    Ok(all)
}
