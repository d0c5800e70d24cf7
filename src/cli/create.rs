//! `git gt create`

use serde_json::Value;

use super::Context;
use super::beads::{Fields, object, parsed, resolve_near};
use super::reply::{Reply, printable};
use crate::bead::{self, Draft, Link, issue, make};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Bead;
use crate::town::{Home, View};

/// Make a bead: a piece of work
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is to be done, in a line
    #[arg(
        value_name = "TITLE",
        required_unless_present = "title_flag",
        conflicts_with = "title_flag"
    )]
    title: Option<String>,
    /// Give the title as an option
    #[arg(
        long = "title",
        id = "title_flag",
        value_name = "TITLE",
        allow_hyphen_values = true
    )]
    title_flag: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Label it; a list with commas, or the option several times
    #[arg(short, long, visible_alias = "label", value_name = "LABEL", value_delimiter = ',', value_parser = parsed(bead::label))]
    labels: Vec<String>,
    /// Make it a child of ID, with the labels of ID
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Draw edges: TYPE:ID, or ID, which the new bead is to wait for; blocks:ID makes ID wait for the new one
    #[arg(long, value_name = "TYPE:ID", value_delimiter = ',')]
    deps: Vec<String>,
    /// Give it this id instead of a random one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Allow an id that does not begin with the rig's prefix
    #[arg(short, long)]
    force: bool,
    /// Print the id only
    #[arg(long)]
    silent: bool,
    /// Show what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    // A child is where its parent is.
    let home = match args.parent.as_deref().filter(|it| !it.is_empty()) {
        Some(parent) => cx.home_of(parent)?,
        None => cx.home()?,
    };
    if let Some(id) = &args.id {
        home.refuse_foreign(id)?;
    }
    let actor = cx.actor(home.repo());
    let prefix = home.rig().prefix();
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let draft = args.draft(&home, view)?;
        let (bead, waiting) = make(view, pen, (prefix, &actor), &draft)?;
        if args.dry_run {
            return Ok(Decision::nothing(bead));
        }
        let subject = format!("create {}: {}", bead.id(), bead.title());
        let all = std::iter::once(&bead).chain(&waiting);
        let records = all.map(|bead| bead.record().clone()).collect();
        Ok(Decision::write(subject, records, bead))
    })?;
    if args.dry_run {
        return Ok(preview(&written.value));
    }
    cx.settle(&home);
    let bead = written.value;
    let text = if args.silent {
        bead.id().to_owned()
    } else {
        let assignee = bead
            .assignee()
            .map(|it| format!("\n  Assignee: {}", printable(&it)));
        format!(
            "Created issue: {} — {}\n  Priority: P{}\n  Status: {}{}",
            bead.id(),
            printable(bead.title()),
            bead.priority(),
            bead.status(),
            assignee.unwrap_or_default()
        )
    };
    let reply = Reply::new(object(issue(&bead)), text);
    Ok(match home.is_hq() && !home.rigs()?.is_empty() {
        true => reply.note(format!(
            "{} is HQ's and cannot be slung; for work in a rig: git gt create --rig <rig> ...",
            bead.id()
        )),
        false => reply,
    })
}

fn preview(bead: &Bead) -> Reply {
    let mut fields = issue(bead);
    fields.remove("id");
    let text = format!(
        "would create: {} (P{})",
        printable(bead.title()),
        bead.priority()
    );
    Reply::new(object(fields), text)
}

impl Args {
    fn draft(&self, home: &Home, view: &View<'_>) -> Result<Draft> {
        let find = |typed: &str| resolve_near(home, view, typed).map(|bead| bead.id().to_owned());
        let mut draft = Draft {
            id: self.id.clone(),
            any_prefix: self.force,
            title: self
                .title
                .as_ref()
                .or(self.title_flag.as_ref())
                .cloned()
                .unwrap_or_default(),
            parent: self
                .parent
                .as_deref()
                .filter(|it| !it.is_empty())
                .map(find)
                .transpose()?,
            fields: self.fields.edit(),
            ..Draft::default()
        };
        draft.fields.add_labels.clone_from(&self.labels);
        for dep in self
            .deps
            .iter()
            .map(|dep| dep.trim())
            .filter(|dep| !dep.is_empty())
        {
            let (kind, typed) = dep.split_once(':').unwrap_or(("depends-on", dep));
            let target = if typed.starts_with("external:") {
                typed.to_owned()
            } else {
                find(typed)?
            };
            match kind {
                "blocks" => draft.blocks.push(target),
                "depends-on" | "blocked-by" => {
                    draft.links.push(Link {
                        kind: "blocks".to_owned(),
                        target,
                    });
                }
                kind => draft.links.push(Link {
                    kind: bead::edge_type(kind)?,
                    target,
                }),
            }
        }
        Ok(draft)
    }
}

/// Returns a JSON object that `--metadata` gave.
pub(crate) fn metadata(text: &str) -> Result<Vec<(String, Option<Value>)>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect()),
        _ => {
            Err(Fault::invalid("metadata is a JSON object")
                .hint("--metadata '{\"key\": \"value\"}'"))
        }
    }
}
