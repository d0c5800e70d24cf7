//! `git gt children`

use super::Context;
use super::filters::{Sorting, homes_of};
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{Filter, Shown};
use crate::fault::Result;

/// List the children of a bead, closed ones too
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The parent
    #[arg(value_name = "ID")]
    id: String,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    limit: usize,
    #[command(flatten)]
    sorting: Sorting,
    #[command(flatten)]
    layout: Layout,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let (homes, parent) = homes_of(cx, Some(&args.id))?;
    let filter = Filter {
        shown: Shown::ALL,
        parent,
        ..Filter::default()
    };
    let wanted = Wanted {
        filter: &filter,
        sorting: args.sorting,
        limit: args.limit,
    };
    listed(cx, &homes, &wanted, args.layout, |_, _| Ok(true))
}
