//! `git gt label`

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, one, parsed, several};
use super::reply::{Reply, printable};
use crate::bead::{self, Edit, edit, resolve};
use crate::fault::Result;

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
    }
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
