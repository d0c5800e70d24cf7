//! `git gt list`

mod format;

use std::collections::HashSet;

use serde_json::Value;

use super::Context;
use super::beads::parsed;
use super::filters::{Filters, Sorting};
use super::layout::Layout;
use super::listing::{Wanted, find, listed, without_labels};
use super::reply::Reply;
use super::watch::watch;
use crate::bead::{Beads, Shown, counted, is_ready};
use crate::fault::Result;
use crate::record::BeadRow;
use crate::town::{Home, View};

use format::Format;

/// List beads, by default those that are not closed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show closed and pinned beads too, however many
    #[arg(long)]
    all: bool,
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    filters: Filters,
    /// Show gates too
    #[arg(long)]
    include_gates: bool,
    /// Show templates too
    #[arg(long)]
    include_templates: bool,
    /// Show the town's own furniture too: agents, rigs, roles, messages
    #[arg(long)]
    include_infra: bool,
    /// Take only beads that can be begun now
    #[arg(long)]
    ready: bool,
    #[command(flatten)]
    sorting: Sorting,
    /// Print no labels; JSON is an object then
    #[arg(
        long,
        conflicts_with_all = ["label", "label_any", "exclude_label", "no_labels", "label_pattern", "label_regex"]
    )]
    skip_labels: bool,
    /// Write it as json, dot, digraph, or as a template says: '{{.ID}} {{.Title}}'
    #[arg(long, value_name = "FORMAT", value_parser = parsed(Format::of), conflicts_with = "skip_labels")]
    format: Option<Format>,
    /// Show it again whenever it changes
    #[arg(short, long, conflicts_with_all = ["format", "skip_labels"])]
    watch: bool,
    #[command(flatten)]
    layout: Layout,
}

/// How many beads are shown where nobody says otherwise.
const LIMIT: usize = 50;

/// How many of them an agent is shown, which pays for each.
const LIMIT_OF_AGENTS: usize = 20;

impl Args {
    fn limit(&self, cx: &Context) -> usize {
        let env = |name| cx.world.env(name).unwrap_or_default();
        let is_agent = env("BD_AGENT_MODE") == "1" || !env("CLAUDE_CODE").is_empty();
        self.limit.unwrap_or(match (self.all, is_agent) {
            (true, _) => 0,
            (_, true) => LIMIT_OF_AGENTS,
            _ => LIMIT,
        })
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if args.watch && !cx.json {
        return watch(cx, args.layout.look(), |cx| once(cx, args));
    }
    once(cx, args)
}

fn once(cx: &Context, args: &Args) -> Result<Reply> {
    let shown = Shown {
        closed: args.all,
        pinned: args.all,
        gates: args.include_gates,
        templates: args.include_templates,
        furniture: args.include_infra,
    };
    let scope = args.filters.scope(cx, shown)?;
    let wanted = Wanted {
        filter: &scope.filter,
        sorting: args.sorting,
        limit: args.limit(cx),
    };
    let now = cx.world.now();
    let also =
        |beads: &Beads<'_, '_>, row: &BeadRow<'_>| Ok(!args.ready || is_ready(beads, row, now)?);
    if let Some(format) = args.format.as_ref().filter(|_| !cx.json) {
        return written(cx, &scope.homes, &wanted, format, also);
    }
    if args.skip_labels && cx.json {
        return without_labels(cx, &scope.homes, &wanted, also);
    }
    listed(cx, &scope.homes, &wanted, args.layout, also)
}

/// Returns the reply of a list in another form.
fn written(
    cx: &Context,
    homes: &[Home],
    wanted: &Wanted<'_>,
    format: &Format,
    also: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let template = match format {
        Format::Json => {
            return Ok(listed(&cx.in_json(), homes, wanted, Layout::default(), also)?.in_json());
        }
        Format::Dot => None,
        Format::Lines(template) => Some(template),
    };
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let found = find(cx, &all, wanted, also)?;
    let rows: Vec<&BeadRow<'_>> = found.rows.iter().map(|(_, row)| row).collect();
    let Some(template) = template else {
        return Ok(Reply::new(Value::Null, format::dot(&rows)));
    };
    let ids: HashSet<&str> = rows.iter().map(|row| row.id()).collect();
    let mut text = String::new();
    for (home, row) in &found.rows {
        let whole = all[*home].whole(std::slice::from_ref(row))?;
        let fields = whole
            .first()
            .map(|bead| counted(bead, 0))
            .unwrap_or_default();
        text += &match template.is_of_edges() {
            true => template.of_edges(row, &fields, &ids),
            false => template.of_bead(&fields),
        };
    }
    Ok(Reply::new(Value::Null, text))
}
