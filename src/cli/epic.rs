//! `git gt epic`

use serde_json::{Value, json};

use super::Context;
use super::beads::leaf;
use super::draw::{Cell, Drawing, FAINT, Look};
use super::reply::Reply;
use crate::bead::{Beads, Epic, check_closable, epics, issue};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::town::{Home, View};

/// See how far epics are, and close those that are done
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show the epics that are not closed, and how many of their children are
    Status(Status),
    /// Close the epics whose children are all closed
    CloseEligible(CloseEligible),
}

#[derive(Debug, clap::Args)]
struct Status {
    /// Show only those whose children are all closed
    #[arg(long)]
    eligible_only: bool,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct CloseEligible {
    /// Show which would be closed
    #[arg(long)]
    dry_run: bool,
}

/// Why an epic is closed whose children are.
const REASON: &str = "All children completed";

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Status(args) => status(cx, args.eligible_only, args.look),
        Verb::CloseEligible(args) if args.dry_run => status(cx, true, Look::default()),
        Verb::CloseEligible(_) => close(cx),
    }
}

fn status(cx: &Context, only_over: bool, look: Look) -> Result<Reply> {
    let homes = cx.homes()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let (mut values, mut drawing) = (Vec::new(), Drawing::default());
    for beads in views.iter().map(Beads::of) {
        let mut found = epics(&beads)?;
        found.retain(|epic| !only_over || epic.is_over());
        if cx.json {
            let rows: Vec<_> = found.iter().map(|epic| &epic.bead).collect();
            let shown = beads.each(&rows, |at, bead| {
                json!({
                    "epic": Value::Object(issue(bead)),
                    "total_children": found[at].total,
                    "closed_children": found[at].closed,
                    "eligible_for_close": found[at].is_over(),
                })
            });
            values.extend(shown?);
        } else {
            found.iter().for_each(|epic| draw(&mut drawing, epic));
        }
    }
    let is_empty = drawing.is_empty();
    let reply = Reply::new(values.into(), "").drawn(drawing, look);
    Ok(match is_empty && !cx.json {
        true => reply.note("No open epics."),
        false => reply,
    })
}

fn draw(drawing: &mut Drawing, epic: &Epic<'_>) {
    drawing.add_line(leaf(&epic.bead));
    let filled = epic.percent() / 5;
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(20 - filled));
    let Epic { total, closed, .. } = epic;
    let mut line: Vec<Cell> = vec![
        "   ".into(),
        Cell::new(bar, FAINT),
        format!("{closed} of {total} closed, {} %", epic.percent()).into(),
    ];
    if epic.is_over() {
        line.push("— can be closed".into());
    }
    drawing.add_line(line);
}

/// Closes what is over, in one commit for each rig. A crash between two rigs leaves the others as they were.
fn close(cx: &Context) -> Result<Reply> {
    let homes = cx.homes()?;
    let (mut closed, mut faults) = (Vec::new(), Vec::new());
    for home in &homes {
        let actor = cx.actor(home.repo());
        let written = home.write(Name::Beads, &actor, |view, pen| {
            let beads = Beads::of(view);
            let over = epics(&beads)?.into_iter().filter(Epic::is_over);
            let rows: Vec<_> = over.map(|epic| epic.bead).collect();
            let (mut ids, mut records, mut faults) = (Vec::new(), Vec::new(), Vec::new());
            for mut bead in beads.whole(&rows)? {
                match check_closable(&beads, &bead) {
                    Err(fault @ Fault::Refused(_)) => {
                        faults.push(fault);
                        continue;
                    }
                    checked => checked?,
                }
                let stamp = pen.stamp(bead.record());
                bead.close(REASON, &stamp);
                ids.push(bead.id().to_owned());
                records.push(bead.into_record());
            }
            if ids.is_empty() {
                return Ok(Decision::nothing((ids, faults)));
            }
            let subject = format!("close {}: all children completed", ids.join(", "));
            Ok(Decision::write(subject, records, (ids, faults)))
        })?;
        closed.extend(written.value.0);
        faults.extend(written.value.1);
    }
    cx.settle_all(homes);
    let text: String = closed.iter().map(|id| format!("Closed {id}\n")).collect();
    let count = closed.len();
    let value = json!({ "closed": closed, "count": count, "schema_version": 1 });
    let reply = Reply::new(value, text).with_faults(faults);
    Ok(match count {
        0 => reply.note("No epic can be closed."),
        _ => reply,
    })
}
