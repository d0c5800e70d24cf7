//! `git gt search`

use super::Context;
use super::filters::{Filters, Sorting};
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{Shown, Words};
use crate::fault::{Fault, Result};

/// Find beads by what their titles and ids say
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What a title or an id holds, in capitals or not; several words as they stand
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Say what is looked for as an option
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "text",
        allow_hyphen_values = true
    )]
    query: Option<String>,
    /// Look among closed beads too
    #[arg(long)]
    all: bool,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    sorting: Sorting,
    #[command(flatten)]
    layout: Layout,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let asked = args.query.clone().unwrap_or_else(|| args.text.join(" "));
    let asked = Words::new(&asked);
    if asked.is_empty() && !args.filters.texts.is_asked() {
        return Err(Fault::invalid("nothing is looked for").hint("git gt search TEXT"));
    }
    let shown = Shown {
        closed: args.all,
        ..Shown::LIVE
    };
    let scope = args.filters.scope(cx, shown)?;
    let wanted = Wanted {
        filter: &scope.filter,
        sorting: args.sorting,
        limit: args.limit,
    };
    listed(cx, &scope.homes, &wanted, args.layout, |_, row| {
        Ok(asked.are_in(row.title()) || asked.are_in(row.id()))
    })
}
