//! `git gt show`

use serde_json::Value;

use super::Context;
use super::beads::{brief, line, several};
use super::reply::{Reply, printable};
use crate::bead::{Beads, Graph as _, resolve, shown};
use crate::fault::{Fault, Result};
use crate::record::Bead;
use crate::town::{Home, View};

/// Show beads with everything that is known about them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Put comments into JSON too; the text has them
    #[arg(long)]
    include_comments: bool,
    /// Show what depends on it too
    #[arg(long)]
    include_dependents: bool,
    /// Show one line for each
    #[arg(long)]
    short: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let here = cx.home()?;
    let (mut values, mut blocks, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (home, ids) in by_home(&here, &args.ids, &mut faults) {
        let view = home.view();
        let mut found = Vec::new();
        for typed in ids {
            match resolve(&view, home.rig().prefix(), typed) {
                Ok(bead) => found.push(bead),
                Err(fault) => faults.push(fault),
            }
        }
        if found.is_empty() {
            continue;
        }
        for bead in &found {
            if cx.json {
                let (dependents, comments) = (args.include_dependents, args.include_comments);
                values.push(shown(&Beads::of(&view), bead, dependents, comments)?);
            }
            blocks.push(if args.short {
                line(bead)
            } else {
                block(&view, args.include_dependents, bead)?
            });
        }
    }
    if blocks.is_empty() {
        return Ok(several(Vec::new(), String::new(), faults));
    }
    let text = blocks.join(if args.short { "" } else { "\n" });
    Ok(Reply::new(Value::Array(values), text).with_faults(faults))
}

/// Returns what was typed, in order, by runs of ids that have the same home.
fn by_home<'a>(
    here: &Home,
    ids: &'a [String],
    faults: &mut Vec<Fault>,
) -> Vec<(Home, Vec<&'a String>)> {
    let mut runs: Vec<(Home, Vec<&String>)> = Vec::new();
    for typed in ids {
        match (here.of_bead(typed), runs.last_mut()) {
            (Ok(home), Some((last, ids))) if last.rig().name() == home.rig().name() => {
                ids.push(typed);
            }
            (Ok(home), _) => runs.push((home, vec![typed])),
            (Err(fault), _) => faults.push(fault),
        }
    }
    runs
}

/// Returns a bead as a block of text.
fn block(view: &View<'_>, with_dependents: bool, bead: &Bead) -> Result<String> {
    let mut text = format!("{}  {}\n", bead.id(), printable(bead.title()));
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<12} {}\n", printable(value)));
        }
    };
    field("Status:", bead.status());
    field("Priority:", &format!("P{}", bead.priority()));
    field("Type:", bead.issue_type());
    field("Assignee:", &bead.assignee().unwrap_or_default());
    field("Parent:", bead.parent().unwrap_or_default());
    field("Labels:", &bead.labels().collect::<Vec<_>>().join(", "));
    field("Created:", &bead.created_at());
    field("Updated:", &bead.updated_at());
    field("Closed:", &bead.closed_at().unwrap_or_default());
    field("Reason:", bead.close_reason());
    field("Deferred:", bead.record().text("defer_until"));
    field("Due:", bead.record().text("due_at"));
    field("External:", bead.record().text("external_ref"));
    let sections = [
        ("DESCRIPTION", "description"),
        ("DESIGN", "design"),
        ("ACCEPTANCE", "acceptance_criteria"),
        ("NOTES", "notes"),
    ];
    for (heading, name) in sections {
        let body = bead.record().text(name);
        if !body.is_empty() {
            text.push_str(&format!("\n{heading}\n{}\n", indented(body)));
        }
    }
    let edges: Vec<_> = bead.edges().collect();
    if !edges.is_empty() {
        text.push_str("\nDEPENDS ON\n");
    }
    for edge in edges {
        let what = match view
            .bead_anywhere(edge.target)?
            .filter(|it| !it.is_deleted())
        {
            Some(target) => line(&target),
            None => format!("{}  (not here)\n", printable(edge.target)),
        };
        text.push_str(&format!("  {:<16} {what}", printable(edge.kind)));
    }
    if with_dependents {
        let found = Beads::of(view);
        let found = found.dependents(bead.id())?;
        let dependents: String = found
            .iter()
            .map(|(it, kind)| format!("  {:<16} {}", printable(kind), brief(it)))
            .collect();
        if !dependents.is_empty() {
            text.push_str(&format!("\nDEPENDENTS\n{dependents}"));
        }
    }
    let comments = super::comments::thread(bead);
    if !comments.is_empty() {
        text.push_str(&format!("\nCOMMENTS\n{}\n", indented(comments.trim_end())));
    }
    Ok(text)
}

/// Returns text with two spaces before every line.
pub(crate) fn indented(text: &str) -> String {
    let lines: Vec<String> = printable(text)
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}
