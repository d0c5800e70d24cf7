//! `git gt list`

use super::Context;
use super::filters::{Filters, Sorting};
use super::layout::Layout;
use super::listing::{Wanted, listed, without_labels};
use super::reply::Reply;
use crate::bead::{Beads, Shown, is_ready};
use crate::fault::Result;
use crate::record::BeadRow;

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
    if args.skip_labels && cx.json {
        return without_labels(cx, &scope.homes, &wanted, also);
    }
    listed(cx, &scope.homes, &wanted, args.layout, also)
}
