//! `git gt ready`

use super::Context;
use super::filters::{Sorting, Traits};
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{Filter, Order, Shown, is_ready};
use crate::fault::Result;

/// List the beads that can be begun now: open, not blocked, not put off
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    traits: Traits,
    /// Sort by priority, by age, or new ones by priority and then the rest by age
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Sort::Priority)]
    sort: Sort,
    #[command(flatten)]
    layout: Layout,
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
        shown: Shown::LIVE,
        ..args.traits.filter()
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
        filter: &filter,
        sorting: Sorting::by(by),
        limit: args.limit,
    };
    listed(cx, &homes, &wanted, args.layout.of_work(), |beads, row| {
        is_ready(beads, row, now)
    })
}
