//! `git gt update`

use serde_json::Value;

use super::Context;
use super::beads::{Change, each, meant, nothing_asked, parsed};
use super::fields::Fields;
use super::reply::Reply;
use crate::bead::{self, Edit, edit, resolve};
use crate::fault::{Fault, Result};
use crate::record::Bead;

/// Change beads
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them; without one, the bead that was last changed here
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Set the title
    #[arg(long, value_name = "TITLE", allow_hyphen_values = true)]
    title: Option<String>,
    /// Set the status: open, in_progress, blocked, deferred, pinned, hooked, closed, or one of the project's own
    #[arg(short, long, value_name = "STATUS", value_parser = parsed(bead::status))]
    status: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Add a label
    #[arg(long, value_name = "LABEL", value_delimiter = ',', value_parser = parsed(bead::label))]
    add_label: Vec<String>,
    /// Remove a label
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    remove_label: Vec<String>,
    /// Replace all labels
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    set_labels: Option<Vec<String>>,
    /// Make it a child of ID; an empty ID makes it nobody's
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Claim it: one agent at a time holds a bead
    #[arg(long, conflicts_with_all = ["unassign", "assignee"])]
    claim: bool,
    /// Release it and assign it to nobody
    #[arg(long, conflicts_with = "assignee")]
    unassign: bool,
    /// Set an entry of the metadata; numbers, true, false and null are taken as JSON
    #[arg(long, value_name = "KEY=VALUE")]
    set_metadata: Vec<String>,
    /// Remove an entry of the metadata
    #[arg(long, value_name = "KEY")]
    unset_metadata: Vec<String>,
    /// Name the session that works on it
    #[arg(long, value_name = "WORD")]
    session: Option<String>,
    /// Of a gate: name what it waits for
    #[arg(long, value_name = "WORD")]
    await_id: Option<String>,
    /// Let the description become empty where a file or standard input says nothing
    #[arg(long)]
    allow_empty_description: bool,
    #[command(flatten)]
    kept: Kept,
}

/// How long it is of use.
#[derive(Debug, clap::Args)]
struct Kept {
    /// Say that it is of no use for long
    #[arg(long, conflicts_with = "persistent")]
    ephemeral: bool,
    /// Say that it is of use for long
    #[arg(long)]
    persistent: bool,
    /// Say that its history is of use
    #[arg(long, conflicts_with = "no_history")]
    history: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let asked = args.edit(cx)?;
    if asked.is_empty() {
        return Ok(nothing_asked("No updates specified"));
    }
    let here = cx.home()?;
    let actor = cx.actor(here.repo());
    each(cx, &meant(cx, &args.ids)?, |view, pen, mut bead| {
        let mut asked = asked.clone();
        if let Some(parent) = asked.parent.as_mut().filter(|parent| !parent.is_empty()) {
            let there = here.of_bead(parent)?;
            *parent = resolve(&there.view(), there.rig().prefix(), parent)?
                .id()
                .to_owned();
        }
        let stamp = pen.stamp(bead.record());
        edit(view, &mut bead, &asked, (&actor, &stamp))?;
        let subject = subject(&bead, &asked, &actor);
        let said = format!("Updated issue: {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })
}

fn subject(bead: &Bead, asked: &Edit, actor: &str) -> String {
    let id = bead.id();
    match (asked.claim, asked.status.as_deref()) {
        (true, _) => format!("claim {id} for {actor}"),
        (_, Some("closed")) => format!("close {id}"),
        (_, Some(status)) => format!("update {id}: {status}"),
        _ => format!("update {id}: {}", bead.title()),
    }
}

impl Args {
    fn edit(&self, cx: &Context) -> Result<Edit> {
        let set_labels = self.set_labels.as_ref().map(|labels| {
            labels
                .iter()
                .map(|it| it.trim().to_owned())
                .filter(|it| !it.is_empty())
                .collect()
        });
        let assignee = self.unassign.then(String::new);
        let mut fields = self.fields.edit(cx)?;
        let described = fields
            .texts
            .iter()
            .find(|(field, _)| *field == "description");
        if self.fields.description.is_none()
            && !self.allow_empty_description
            && described.is_some_and(|(_, text)| text.trim().is_empty())
        {
            return Err(Fault::invalid("the new description is empty")
                .hint("if it is to be: --allow-empty-description"));
        }
        fields.flags.extend(self.kept.flags());
        let await_id = self.await_id.clone().map(|it| ("await_id", it));
        fields.texts.extend(await_id);
        let mut metadata = std::mem::take(&mut fields.metadata);
        for pair in &self.set_metadata {
            let (key, value) = pair
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| {
                    Fault::invalid(format!("'{pair}' is no entry")).hint("--set-metadata key=value")
                })?;
            metadata.push((key.to_owned(), Some(guessed(value))));
        }
        metadata.extend(self.unset_metadata.iter().map(|key| (key.clone(), None)));
        Ok(Edit {
            title: self.title.clone(),
            status: self.status.clone(),
            claim: self.claim,
            assignee: assignee.or_else(|| fields.assignee.clone()),
            set_labels,
            add_labels: self.add_label.clone(),
            remove_labels: self.remove_label.clone(),
            parent: self.parent.clone(),
            metadata,
            session: self.session.clone(),
            ..fields
        })
    }
}

impl Kept {
    fn flags(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let flags = [
            (self.ephemeral, ("ephemeral", true)),
            (self.persistent, ("ephemeral", false)),
            (self.history, ("no_history", false)),
        ];
        flags.into_iter().filter(|it| it.0).map(|it| it.1)
    }
}

/// Returns the number, truth value or null a text is, else the text.
fn guessed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => text.into(),
    }
}
