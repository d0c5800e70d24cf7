//! `git gt ready`

use super::Context;
use super::beads::parsed;
use super::list::listed;
use super::reply::Reply;
use crate::bead::{self, Beads, Blockers, Filter, Order, is_ready, order};
use crate::fault::Result;
use crate::record::Bead;

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
    let beads = of_town(cx)?;
    let mut found: Vec<&Bead> = Vec::new();
    for beads in &beads {
        let blockers = Blockers::new(beads);
        let fits = |bead: &&Bead| filter.fits(bead) && is_ready(&blockers, bead, now);
        found.extend(beads.iter().filter(fits));
    }
    let by = match args.sort {
        Sort::Priority => Order::Priority,
        Sort::Hybrid => Order::Hybrid,
        Sort::Oldest => Order::Oldest,
    };
    order(&mut found, by, now);
    Ok(listed(cx, &beads, found, args.limit))
}

/// Returns the beads of every home that is asked about: the whole town, wherever in it one stands, unless a
/// rig was named.
fn of_town(cx: &Context) -> Result<Vec<Beads>> {
    let home = cx.home()?;
    let homes = match cx.rig {
        Some(_) => vec![home],
        None => home.hq()?.all_here()?,
    };
    homes.iter().map(|home| Beads::all(&home.view())).collect()
}
