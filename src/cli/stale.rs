//! `git gt bead stale`

use super::Context;
use super::beads::parsed;
use super::filters::{Sorting, known_in};
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{self, Comparison, Field, Filter, Moment, Op, Order, Query};
use crate::fault::Result;
use crate::ledger::Time;

/// List the beads that were left alone for long, those for the longest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take what did not change for N days
    #[arg(short, long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Take only beads of this status
    #[arg(short, long, value_name = "STATUS", value_parser = parsed(bead::status))]
    status: Option<String>,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    layout: Layout,
}

/// A day, in milliseconds.
const DAY: u64 = 24 * 3600 * 1000;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let homes = cx.homes()?;
    let mut statuses = args.status.iter();
    statuses.try_for_each(|status| known_in(&homes, status))?;
    let since = cx.world.now().0.saturating_sub(u64::from(args.days) * DAY);
    let left = Comparison::time(Field::Updated, Op::Less, Moment::at(Time(since)));
    let filter = Filter {
        statuses: args.status.iter().cloned().collect(),
        queries: vec![Query::Is(left)],
        ..Filter::default()
    };
    let wanted = Wanted {
        filter: &filter,
        sorting: Sorting::by(Order::Updated).reversed(),
        limit: args.limit,
    };
    listed(cx, &homes, &wanted, args.layout, |_, row| {
        Ok(!row.is_closed() && !row.is_ephemeral())
    })
}
