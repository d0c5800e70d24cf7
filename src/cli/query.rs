//! `git gt query`

use serde_json::json;

use super::Context;
use super::filters::{Sorting, known_in};
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use crate::bead::{self, Filter, Shown};
use crate::fault::Result;

/// List the beads that answer a question with yes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is asked: comparisons of fields, joined with AND, OR, NOT and parentheses; several words as they
    /// stand
    #[arg(value_name = "EXPR", required = true)]
    query: Vec<String>,
    /// Show closed beads too, where nothing is said of them
    #[arg(short, long)]
    all: bool,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    sorting: Sorting,
    /// Print how the question is understood, and answer nothing
    #[arg(long)]
    parse_only: bool,
    #[command(flatten)]
    layout: Layout,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let homes = cx.homes()?;
    let query = bead::query(&args.query.join(" "), cx.world.now(), &|word| {
        let status = bead::status(word)?;
        known_in(&homes, &status)?;
        Ok(status)
    })?;
    if args.parse_only {
        let value = json!({ "query": query.to_string(), "schema_version": 1 });
        return Ok(Reply::new(value, format!("Parsed query: {query}")));
    }
    let shown = Shown {
        closed: args.all || query.asks_for_closed(),
        ..Shown::LIVE
    };
    let filter = Filter {
        shown,
        queries: vec![query],
        ..Filter::default()
    };
    let wanted = Wanted {
        filter: &filter,
        sorting: args.sorting,
        limit: args.limit,
    };
    listed(cx, &homes, &wanted, args.layout, |_, _| Ok(true))
}
