//! `git gt ready`

mod look;

use serde_json::Value;

use super::Context;
use super::beads::claiming;
use super::filters::{Sorting, Traits};
use super::layout::Layout;
use super::listing::{Wanted, find, listed};
use super::reply::{Element, Reply};
use crate::bead::{Beads, Filter, Offer, Order, Shown, counted, dependents, is_below, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// List the beads that can be begun now: open, not blocked, not put off
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show at most N beads; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    traits: Traits,
    /// Take only beads below ID: its children, theirs, and so on
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Take beads too that are put off
    #[arg(long)]
    include_deferred: bool,
    /// Take beads too that are of no use for long
    #[arg(long)]
    include_ephemeral: bool,
    /// Sort by priority, by age, or new ones by priority and then the rest by age
    #[arg(short, long, value_name = "ORDER", value_enum, default_value_t = Sort::Priority)]
    sort: Sort,
    /// Claim the first of them, and show that
    #[arg(long, conflicts_with_all = ["assignee", "explain", "mol", "gated"])]
    claim: bool,
    /// Show why each is ready, and what the others wait for
    #[arg(long, conflicts_with_all = ["mol", "gated"])]
    explain: bool,
    /// Show the steps of a molecule that can be done now, and which go on beside each other
    #[arg(long, value_name = "ID", conflicts_with = "gated")]
    mol: Option<String>,
    /// Show molecules that can go on because a gate has opened
    #[arg(long)]
    gated: bool,
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

impl Args {
    fn order(&self) -> Order {
        match self.sort {
            Sort::Priority => Order::Priority,
            Sort::Hybrid => Order::Hybrid,
            Sort::Oldest => Order::Oldest,
        }
    }

    fn offer(&self) -> Offer {
        Offer {
            deferred: self.include_deferred,
            ephemeral: self.include_ephemeral,
            any_type: self.traits.has_type(),
        }
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if let Some(typed) = &args.mol {
        return look::steps_of(cx, typed);
    }
    let (homes, parent) = homes_of(cx, args.parent.as_deref())?;
    if args.gated {
        return look::gated(cx, &homes);
    }
    let filter = Filter {
        shown: Shown::LIVE,
        ..args.traits.filter()
    };
    let (now, offer) = (cx.world.now(), args.offer());
    let also = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| {
        let is_meant = match &parent {
            Some(parent) => is_below(beads, row, parent)?,
            None => true,
        };
        Ok(is_meant && offer.has(beads, row, now)?)
    };
    let wanted = Wanted {
        filter: &filter,
        sorting: Sorting::by(args.order()),
        limit: args.limit,
    };
    if args.explain {
        return look::explained(cx, &homes, &wanted, also);
    }
    if args.claim {
        return claimed(cx, &homes, &wanted, &also);
    }
    listed(cx, &homes, &wanted, args.layout.of_work(), also)
}

/// Returns the homes that are asked: the whole town, wherever in it one stands, unless a rig was named, or that of
/// a bead whose id is returned too.
fn homes_of(cx: &Context, parent: Option<&str>) -> Result<(Vec<Home>, Option<String>)> {
    let home = cx.home()?;
    match (parent, &cx.rig) {
        (Some(_), _) => super::filters::homes_of(cx, parent),
        (None, Some(_)) => Ok((vec![home], None)),
        (None, None) => Ok((home.hq()?.all_here()?, None)),
    }
}

type Also<'a> = dyn Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool> + 'a;

/// Claims the first bead that is ready, in a commit of its own, which is that one under the lock too.
fn claimed(cx: &Context, homes: &[Home], wanted: &Wanted<'_>, also: &Also<'_>) -> Result<Reply> {
    let wanted = Wanted {
        limit: 1,
        ..*wanted
    };
    let actor = cx.actor(cx.home()?.repo());
    // Whoever is assigned is who it is for.
    let also = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| {
        Ok(row.assignee().is_none_or(|who| who == actor) && also(beads, row)?)
    };
    loop {
        let first = {
            let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
            let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
            let found = find(cx, &all, &wanted, also)?;
            found.rows.first().map(|(home, _)| *home)
        };
        let Some(home) = first.map(|at| &homes[at]) else {
            let reply = Reply::list(Vec::new());
            return Ok(match cx.json {
                true => reply,
                false => reply.note("No ready work to claim."),
            });
        };
        let written = home.write(Name::Beads, &actor, |view, pen| {
            let found = find(cx, &[Beads::of(view)], &wanted, also)?;
            let Some((_, row)) = found.rows.first() else {
                return Ok(Decision::nothing(None));
            };
            let gone = || Fault::stale(format!("'{}' is not there any more", row.id()));
            let bead = view.bead(row.id())?.ok_or_else(gone)?;
            claiming(pen, bead, &actor)
        })?;
        // Somebody else was faster: there may be something in another home.
        if let Some(bead) = written.value {
            cx.settle(home);
            return shown(cx, home, &bead);
        }
    }
}

/// Returns the reply of a claim.
fn shown(cx: &Context, home: &Home, bead: &Bead) -> Result<Reply> {
    if !cx.json {
        let text = format!("Claimed issue: {} — {}", bead.id(), bead.title());
        return Ok(Reply::new(Value::Null, text));
    }
    let view = home.view();
    let count = dependents(&Beads::of(&view), bead.id())?;
    Ok(Reply::list(vec![Element::new(&counted(bead, count))]))
}

/// Returns the home of the bead that was typed, and its id.
fn resolved(cx: &Context, typed: &str) -> Result<(Home, String)> {
    let home = cx.home_of(typed)?;
    let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
    let id = bead.id().to_owned();
    Ok((home, id))
}
