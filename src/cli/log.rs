//! `git gt log`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::fault::Result;
use crate::ledger::history;

/// Show what happened, newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most N entries; 0 means all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Show only what changed the record ID
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let town = cx.town()?;
    let entries = history(town.repo(), args.limit, args.id.as_deref())?;
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
