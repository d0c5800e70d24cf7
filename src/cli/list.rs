//! `git gt list`

use serde_json::Value;

use super::Context;
use super::beads::{parsed, row, status_filter};
use super::reply::{Reply, columns};
use crate::bead::{self, Beads, Filter, Order, compare, counted};
use crate::fault::Result;
use crate::record::BeadRow;
use crate::town::{Home, View};

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
    let limit = args.limit.unwrap_or(if args.all { 0 } else { LIMIT });
    let fits = |_: &Beads<'_, '_>, row: &BeadRow<'_>| {
        Ok(filter.lists(row) && parent.as_deref().is_none_or(|it| row.parent() == Some(it)))
    };
    let wanted = Wanted {
        closed: filter.wants_closed(),
        by: Order::Priority,
        limit,
    };
    listed(cx, &homes, &wanted, fits)
}

/// Which beads a list is made of, and how much of it is shown.
pub(crate) struct Wanted {
    /// Whether closed ones may be among them.
    pub(crate) closed: bool,
    /// Their order.
    pub(crate) by: Order,
    /// How many are shown; 0: all.
    pub(crate) limit: usize,
}

/// Returns the reply of a list of the beads of homes that fit, cut to the limit, which is said.
pub(crate) fn listed(
    cx: &Context,
    homes: &[Home],
    wanted: &Wanted,
    fits: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    // What is in the order of the index needs no more of it than is shown, and whether there is more.
    let enough = match wanted.by {
        Order::Priority if wanted.limit > 0 => wanted.limit + 1,
        _ => usize::MAX,
    };
    let mut found = Vec::new();
    for (home, beads) in all.iter().enumerate() {
        let rows = beads.rows(wanted.closed)?.filter_map(|row| match row {
            Ok(row) => match fits(beads, &row) {
                Ok(true) => Some(Ok((home, row))),
                Ok(false) => None,
                Err(fault) => Some(Err(fault)),
            },
            Err(fault) => Some(Err(fault)),
        });
        found.extend(rows.take(enough).collect::<Result<Vec<_>>>()?);
    }
    if all.len() > 1 || wanted.by != Order::Priority {
        let now = cx.world.now();
        found.sort_by(|(_, a), (_, b)| compare(a, b, wanted.by, now));
    }
    let is_cut = wanted.limit > 0 && found.len() > wanted.limit;
    if is_cut {
        found.truncate(wanted.limit);
    }
    let reply = if cx.json {
        let mut values = vec![Value::Null; found.len()];
        for (home, beads) in all.iter().enumerate() {
            let (places, rows): (Vec<usize>, Vec<BeadRow<'_>>) = found
                .iter()
                .enumerate()
                .filter(|(_, (of, _))| *of == home)
                .map(|(at, (_, row))| (at, row.clone()))
                .unzip();
            for (at, bead) in places.into_iter().zip(beads.whole(&rows)?) {
                values[at] = Value::Object(counted(beads, &bead)?);
            }
        }
        Reply::new(Value::Array(values), "")
    } else {
        Reply::new(
            Value::Null,
            columns(found.iter().map(|(_, bead)| row(bead))),
        )
    };
    Ok(match found.len() {
        0 if !cx.json => reply.note("No issues found."),
        count if is_cut => reply.note(format!("the first {count} are shown; --limit 0 shows all")),
        _ => reply,
    })
}
