//! `git gt list`

use serde_json::Value;

use super::Context;
use super::beads::{parsed, row, status_filter};
use super::reply::{Reply, columns};
use crate::bead::{self, Beads, Filter, Order, counted, order};
use crate::fault::Result;
use crate::record::Bead;

/// List beads, by default those that are not closed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show closed beads, gates and the town's own furniture too
    #[arg(long)]
    all: bool,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Show only beads of this status, of a list with commas, or all
    #[arg(short, long, value_name = "STATUS", value_delimiter = ',', value_parser = parsed(status_filter))]
    status: Vec<String>,
    /// Show only beads of this priority
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Show only beads of this type
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Show only beads that WHO holds or is assigned to
    #[arg(short, long, value_name = "WHO")]
    assignee: Option<String>,
    /// Show only beads with all of these labels
    #[arg(
        short,
        long,
        visible_alias = "labels",
        value_name = "LABEL",
        value_delimiter = ','
    )]
    label: Vec<String>,
    /// Show only children of ID
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Show one line for each, which is what happens anyway
    #[arg(long)]
    flat: bool,
}

/// How many beads are shown where nobody says otherwise.
const LIMIT: usize = 50;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let filter = Filter {
        statuses: args.status.clone(),
        everything: args.all,
        priority: args.priority,
        issue_type: args
            .kind
            .as_deref()
            .map(|kind| bead::issue_type(kind).unwrap_or(kind.to_owned())),
        assignee: args.assignee.clone(),
        unassigned: false,
        labels: args.label.clone(),
    };
    let mut homes = cx.homes()?;
    let mut parent = None;
    if let Some(typed) = &args.parent {
        let home = cx.home_of(typed)?;
        let found = bead::resolve(&home.view(), home.rig().prefix(), typed)?;
        parent = Some(found.id().to_owned());
        homes = vec![home];
    }
    let beads: Vec<Beads> = homes
        .iter()
        .map(|home| Beads::all(&home.view()))
        .collect::<Result<_>>()?;
    let fits = |bead: &&Bead| {
        filter.lists(bead) && parent.as_deref().is_none_or(|it| bead.parent() == Some(it))
    };
    let mut found: Vec<&Bead> = beads.iter().flat_map(Beads::iter).filter(fits).collect();
    order(&mut found, Order::Priority, cx.world.now());
    let limit = args.limit.unwrap_or(if args.all { 0 } else { LIMIT });
    Ok(listed(cx, &beads, found, limit))
}

/// Returns the reply of a list of beads of one or several homes, cut to `limit` (0: not at all), which is said.
pub(crate) fn listed(cx: &Context, beads: &[Beads], mut found: Vec<&Bead>, limit: usize) -> Reply {
    let total = found.len();
    if limit > 0 {
        found.truncate(limit);
    }
    let reply = if cx.json {
        let of = |bead: &&Bead| {
            let home = beads.iter().find(|it| it.lists(bead.id()));
            home.map(|home| Value::Object(counted(home, bead)))
        };
        let values: Vec<Value> = found.iter().filter_map(of).collect();
        Reply::new(Value::Array(values), "")
    } else {
        Reply::new(Value::Null, columns(found.iter().map(|bead| row(bead))))
    };
    match (total, found.len()) {
        (0, _) if !cx.json => reply.note("No issues found."),
        (total, count) if count < total => {
            reply.note(format!("{count} of {total} shown; --limit 0 shows all"))
        }
        _ => reply,
    }
}
