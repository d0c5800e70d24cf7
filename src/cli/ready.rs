//! `git gt ready`

use super::Context;
use super::beads::parsed;
use super::list::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{self, Filter, Order, is_ready};
use crate::fault::Result;

/// List the beads that can be begun now: open, not blocked, not put off
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Show only beads of this priority
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Show only beads of this type
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Show only beads that are assigned to WHO
    #[arg(short, long, value_name = "WHO", conflicts_with = "unassigned")]
    assignee: Option<String>,
    /// Show only beads that are assigned to nobody
    #[arg(short, long)]
    unassigned: bool,
    /// Show only beads with all of these labels
    #[arg(
        short,
        long,
        visible_alias = "labels",
        value_name = "LABEL",
        value_delimiter = ','
    )]
    label: Vec<String>,
    /// Sort by priority, by age, or new ones by priority and then the rest by age
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Sort::Priority)]
    sort: Sort,
}

/// The orders by their names on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sort {
    Priority,
    Hybrid,
    Oldest,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let filter = Filter {
        priority: args.priority,
        issue_type: args
            .kind
            .as_deref()
            .map(|kind| bead::issue_type(kind).unwrap_or(kind.to_owned())),
        assignee: args.assignee.clone(),
        unassigned: args.unassigned,
        labels: args.label.clone(),
        ..Filter::default()
    };
    let now = cx.world.now();
    let home = cx.home()?;
    // The whole town, wherever in it one stands, unless a rig was named.
    let homes = match cx.rig {
        Some(_) => vec![home],
        None => home.hq()?.all_here()?,
    };
    let by = match args.sort {
        Sort::Priority => Order::Priority,
        Sort::Hybrid => Order::Hybrid,
        Sort::Oldest => Order::Oldest,
    };
    let wanted = Wanted {
        closed: false,
        by,
        limit: args.limit,
    };
    listed(cx, &homes, &wanted, |beads, row| {
        Ok(filter.fits(row) && is_ready(beads, row, now)?)
    })
}
