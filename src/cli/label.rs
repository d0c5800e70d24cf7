//! `git gt label`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, one, parsed, several};
use super::reply::{Reply, columns, printable};
use crate::bead::{self, Beads, Edit, Graph as _, edit, resolve};
use crate::fault::Result;
use crate::ledger::{Decision, Name};

/// Label beads
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add a label to beads
    Add(Labelled),
    /// Remove a label from beads
    Remove(Labelled),
    /// List the labels of a bead
    List {
        /// The bead
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List every label there is, with how many beads have it
    ListAll {},
    /// Give a label to everything below a bead
    Propagate {
        /// The bead
        #[arg(value_name = "ID")]
        id: String,
        /// The label
        #[arg(value_name = "LABEL", value_parser = parsed(bead::label))]
        label: String,
    },
}

#[derive(Debug, clap::Args)]
struct Labelled {
    /// The beads
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// The label
    #[arg(value_name = "LABEL", value_parser = parsed(bead::label))]
    label: String,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Add(args) => {
            let asked = Edit {
                add_labels: vec![args.label.clone()],
                ..Edit::default()
            };
            change(cx, args, &asked, "added")
        }
        Verb::Remove(args) => {
            let asked = Edit {
                remove_labels: vec![args.label.clone()],
                ..Edit::default()
            };
            change(cx, args, &asked, "removed")
        }
        Verb::List { id } => {
            let home = cx.home_of(id)?;
            let bead = resolve(&home.view(), home.rig().prefix(), id)?;
            let text: String = bead
                .labels()
                .map(|it| format!("{}\n", printable(it)))
                .collect();
            Ok(Reply::new(bead.labels().map(Value::from).collect(), text))
        }
        Verb::ListAll {} => list_all(cx),
        Verb::Propagate { id, label } => propagate(cx, id, label),
    }
}

fn list_all(cx: &Context) -> Result<Reply> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for home in cx.homes()? {
        let view = home.view();
        for row in Beads::of(&view).rows(true)? {
            for label in row?.labels() {
                *counts.entry(label.to_owned()).or_default() += 1;
            }
        }
    }
    let values = counts
        .iter()
        .map(|(label, count)| json!({ "label": label, "count": count }));
    let value = values.collect();
    let rows = counts
        .iter()
        .map(|(label, count)| vec![label.clone(), count.to_string()]);
    Ok(Reply::new(value, columns(rows)))
}

/// Gives a label to everything below a bead, in one commit.
///
/// After a crash all of it has the label or none that had it not before.
fn propagate(cx: &Context, typed: &str, label: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let above = resolve(view, home.rig().prefix(), typed)?;
        let beads = Beads::of(view);
        let (mut seen, mut next) = (vec![above.id().to_owned()], vec![above.id().to_owned()]);
        let mut changed = Vec::new();
        while let Some(parent) = next.pop() {
            for child in beads.children(&parent)? {
                if seen.iter().any(|it| it == child.id()) {
                    continue;
                }
                seen.push(child.id().to_owned());
                next.push(child.id().to_owned());
                if child.labels().any(|it| it == label) {
                    continue;
                }
                if let Some(mut bead) = view.bead(child.id())? {
                    let stamp = pen.stamp(bead.record());
                    let asked = Edit {
                        add_labels: vec![label.to_owned()],
                        ..Edit::default()
                    };
                    edit(view, &mut bead, &asked, (&actor, &stamp))?;
                    changed.push(bead);
                }
            }
        }
        let records = changed.iter().map(|bead| bead.record().clone()).collect();
        let subject = format!("label what is below {}: {label}", above.id());
        let ids: Vec<String> = changed.iter().map(|it| it.id().to_owned()).collect();
        Ok(Decision::write(subject, records, ids))
    })?;
    cx.settle(&home);
    let ids = written.value;
    let values = ids
        .iter()
        .map(|id| json!({ "status": "added", "issue_id": id, "label": label }));
    let text = format!("{} beads got the label {}\n", ids.len(), printable(label));
    Ok(Reply::new(values.collect(), text))
}

fn change(cx: &Context, args: &Labelled, asked: &Edit, done: &str) -> Result<Reply> {
    let here = cx.home()?;
    let actor = cx.actor(here.repo());
    let mut touched = Vec::new();
    let (mut values, mut text, mut faults) = (Vec::new(), String::new(), Vec::new());
    for typed in &args.ids {
        let changed = here.of_bead(typed).and_then(|home| {
            touched.push(home.clone());
            one(cx, &home, typed, |view, pen, mut bead| {
                let stamp = pen.stamp(bead.record());
                edit(view, &mut bead, asked, (&actor, &stamp))?;
                let verb = if done == "added" { "label" } else { "unlabel" };
                let subject = format!("{verb} {}: {}", bead.id(), args.label);
                let said = format!("{}: {done} {}\n", bead.id(), printable(&args.label));
                Ok(Change {
                    bead,
                    subject,
                    said,
                })
            })
        });
        match changed {
            Ok(changed) => {
                let id = changed.bead.id();
                values.push(json!({ "status": done, "issue_id": id, "label": args.label }));
                text.push_str(&changed.said);
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle_all(touched);
    Ok(several(values, text, faults))
}
