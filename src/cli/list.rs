//! `git gt list`

use super::Context;
use super::layout::Layout;
use super::listing::{Filters, Wanted, listed};
use super::reply::Reply;
use crate::bead::Order;
use crate::fault::Result;

/// List beads, by default those that are not closed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show closed beads, gates and the town's own furniture too
    #[arg(long)]
    all: bool,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    layout: Layout,
}

/// How many beads are shown where nobody says otherwise.
const LIMIT: usize = 50;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let scope = args.filters.scope(cx, args.all)?;
    let wanted = Wanted {
        closed: scope.filter.wants_closed(),
        by: Order::Priority,
        limit: args.limit.unwrap_or(if args.all { 0 } else { LIMIT }),
        whole: None,
    };
    listed(cx, &scope.homes, &wanted, args.layout, |_, row| {
        Ok(scope.holds(row))
    })
}
