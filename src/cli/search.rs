//! `git gt search`

use super::Context;
use super::layout::Layout;
use super::listing::{Filters, Wanted, listed};
use super::reply::Reply;
use crate::bead::{Order, Words};
use crate::fault::{Fault, Result};
use crate::record::Bead;

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
    /// Take only beads whose description holds TEXT too, for which records are read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    desc_contains: Option<String>,
    /// Take only beads whose notes hold TEXT too, for which records are read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    notes_contains: Option<String>,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    layout: Layout,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let words = |text: &Option<String>| text.as_deref().map(Words::new);
    let asked = args.query.clone().unwrap_or_else(|| args.text.join(" "));
    let asked = Words::new(&asked);
    let (description, notes) = (words(&args.desc_contains), words(&args.notes_contains));
    if asked.is_empty() && description.is_none() && notes.is_none() {
        return Err(Fault::invalid("nothing is looked for").hint("git gt search TEXT"));
    }
    let says = |bead: &Bead| {
        let holds = |words: &Option<Words>, field: &str| {
            let text = bead.record().text(field);
            words.as_ref().is_none_or(|words| words.are_in(text))
        };
        holds(&description, "description") && holds(&notes, "notes")
    };
    let reads = description.is_some() || notes.is_some();
    let scope = args.filters.scope(cx, false)?;
    let wanted = Wanted {
        closed: scope.filter.wants_closed(),
        by: Order::Priority,
        limit: args.limit,
        whole: reads.then_some(&says),
    };
    listed(cx, &scope.homes, &wanted, args.layout, |_, row| {
        Ok((asked.are_in(row.title()) || asked.are_in(row.id())) && scope.holds(row))
    })
}
