//! `git gt set-state` and `git gt state`

use serde_json::json;

use super::Context;
use super::beads::parsed;
use super::reply::{Reply, columns, printable};
use crate::bead::{resolve, set_state, state_change, states};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};

/// Change a state of a bead
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// Which state, and what it is now
    #[arg(value_name = "KEY=VALUE", value_parser = parsed(state_change))]
    change: (String, String),
    /// Say why
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: Option<String>,
}

/// Show the states of a bead
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The bead
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Which state
    #[arg(value_name = "WORD")]
    dimension: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List all states of a bead
    List {
        /// The bead
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) fn set(cx: &Context, args: &Set) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let actor = cx.actor(home.repo());
    let (dimension, value) = (args.change.0.as_str(), args.change.1.as_str());
    let reason = args.reason.as_deref().unwrap_or_default();
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let mut bead = resolve(view, home.rig().prefix(), &args.id)?;
        let id = bead.id().to_owned();
        let old = states(&bead).remove(dimension);
        if old.as_deref() == Some(value) {
            return Ok(Decision::nothing((id, old, None)));
        }
        let change = (dimension, value);
        let event = set_state(view, pen, &mut bead, change, (&actor, reason))?;
        let subject = format!("state {id}: {dimension} is {value}");
        let records = vec![bead.into_record(), event.record().clone()];
        let event = Some(event.id().to_owned());
        Ok(Decision::write(subject, records, (id, old, event)))
    })?;
    cx.settle(&home);
    let (id, old, event) = written.value;
    let mut result = json!({
        "issue_id": id, "dimension": dimension, "old_value": old, "new_value": value,
        "event_id": event, "changed": event.is_some(), "schema_version": 1,
    });
    if event.is_none() {
        result["value"] = value.into();
    }
    if !reason.is_empty() {
        result["reason"] = reason.into();
    }
    let said = match (&event, old) {
        (None, _) => format!("{id}: {dimension} is {value} already"),
        (Some(event), None) => format!("{id}: {dimension} is {value} ({event})"),
        (Some(event), Some(old)) => format!("{id}: {dimension} is {value}, was {old} ({event})"),
    };
    Ok(Reply::new(result, printable(&said)))
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let which = match (&args.verb, &args.id, &args.dimension) {
        (Some(Verb::List { id }), ..) | (None, Some(id), None) => (id, None),
        (None, Some(id), Some(dimension)) => (id, Some(dimension)),
        (None, None, _) => return Err(Fault::invalid("which bead?").hint("git gt state ID")),
    };
    let (typed, dimension) = which;
    let home = cx.home_of(typed)?;
    let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
    let all = states(&bead);
    let id = bead.id();
    let Some(dimension) = dimension else {
        let rows = all
            .iter()
            .map(|(key, value)| vec![key.clone(), value.clone()]);
        let text = match all.is_empty() {
            true => format!("{id} has no states\n"),
            false => columns(rows),
        };
        let value = json!({ "issue_id": id, "states": all, "schema_version": 1 });
        return Ok(Reply::new(value, text));
    };
    let value = all.get(dimension);
    let text = match value {
        Some(value) => printable(value),
        None => format!("(no {} state set)", printable(dimension)),
    };
    let json = json!({
        "issue_id": id, "dimension": dimension, "value": value, "schema_version": 1,
    });
    Ok(Reply::new(json, text))
}
