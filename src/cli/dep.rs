//! `git gt dep`

mod change;
mod look;

use super::Context;
use super::beads::parsed;
use super::draw::Look;
use super::reply::Reply;
use crate::bead;
use crate::fault::{Fault, Result};

pub(crate) use change::{LinkArgs, link_two};

/// Say which bead waits for which
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The bead that blocks
    #[arg(value_name = "ID", requires = "blocks")]
    id: Option<String>,
    /// Make BEAD wait for it
    #[arg(short, long, value_name = "BEAD", requires = "id")]
    blocks: Option<String>,
    /// Draw it even where beads would wait for themselves then
    #[arg(long)]
    no_cycle_check: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a bead depend on another one
    Add(Add),
    /// Remove every edge from a bead to another one
    #[command(visible_alias = "rm")]
    Remove(Ends),
    /// List what beads depend on
    List(List),
    /// Show what a bead depends on, and what that depends on, and so on
    Tree(Tree),
    /// Show beads that wait for themselves through others
    Cycles(Cycles),
    /// Say that two beads have to do with each other
    Relate(Ends),
    /// Say that two beads have nothing to do with each other
    Unrelate(Ends),
}

#[derive(Debug, clap::Args)]
struct Ends {
    /// The bead that depends
    #[arg(value_name = "ID")]
    from: String,
    /// The bead it depends on
    #[arg(value_name = "TARGET")]
    to: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The bead that depends
    #[arg(value_name = "ID", required_unless_present = "file")]
    from: Option<String>,
    /// The bead it depends on
    #[arg(value_name = "TARGET", required_unless_present_any = ["blocked_by", "depends_on", "file"])]
    to: Option<String>,
    /// Name TARGET this way round
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["to", "depends_on"])]
    blocked_by: Option<String>,
    /// Name TARGET this way round
    #[arg(long, value_name = "TARGET", conflicts_with = "to")]
    depends_on: Option<String>,
    /// Say how it depends: blocks, parent-child, related, discovered-from, …, or any word
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "blocks", value_parser = parsed(bead::any_edge_type))]
    kind: String,
    /// Draw all edges of FILE, - for standard input, or none: one {"from", "to", "type"} a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "blocked_by", "depends_on"])]
    file: Option<String>,
    /// Draw it even where beads would wait for themselves then
    #[arg(long)]
    no_cycle_check: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The beads; of several, edges are listed as they are stored
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// List what they depend on (down) or what depends on them (up)
    #[arg(long, value_name = "DIRECTION", default_value = "down", value_parser = ["down", "up"])]
    direction: String,
    /// List edges of this type only
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Tree {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// Show N levels at most
    #[arg(short = 'd', long, value_name = "N", default_value_t = 50)]
    max_depth: usize,
    /// Show what it depends on (down), what depends on it (up), or both
    #[arg(long, value_name = "DIRECTION", default_value = "down", value_parser = ["down", "up", "both"])]
    direction: String,
    /// Show what depends on it: --direction up
    #[arg(long, conflicts_with = "direction")]
    reverse: bool,
    /// Show beads of this status only, and what leads there
    #[arg(long, value_name = "STATUS", value_parser = parsed(super::beads::status_filter))]
    status: Option<String>,
    /// Print a flowchart for Mermaid
    #[arg(long, value_name = "FORMAT", value_parser = ["mermaid"])]
    format: Option<String>,
    /// Show what several paths lead to at the end of each of them
    #[arg(long)]
    show_all_paths: bool,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Cycles {
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match (&args.verb, &args.id, &args.blocks) {
        (Some(Verb::Add(args)), ..) => change::add(cx, args),
        (Some(Verb::Remove(args)), ..) => change::remove(cx, args),
        (Some(Verb::List(args)), ..) => look::list(cx, args),
        (Some(Verb::Tree(args)), ..) => look::tree(cx, args),
        (Some(Verb::Cycles(args)), ..) => look::cycles(cx, args),
        (Some(Verb::Relate(args)), ..) => change::relate(cx, args),
        (Some(Verb::Unrelate(args)), ..) => change::unrelate(cx, args),
        (None, Some(id), Some(other)) => change::block(cx, id, other, args.no_cycle_check),
        (None, ..) => Err(Fault::invalid("which beads?")
            .hint("git gt dep add ID TARGET; git gt dep ID --blocks BEAD")),
    }
}
