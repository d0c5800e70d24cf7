//! Changing the fields of a bead: what `create` and `update` were asked for becomes values with stamps.

use serde_json::Value;

use super::custom::{Category, check_status, check_type};
use super::dates::is_after;
use super::{Beads, check_closable, claim, edges, words};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;
use crate::town::View;

/// What is to be changed; what is not set stays.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Edit {
    /// The title.
    pub title: Option<String>,
    /// The status; `closed` closes, any other opens a closed bead again.
    pub status: Option<String>,
    /// The priority, 0 to 4.
    pub priority: Option<i64>,
    /// The type.
    pub issue_type: Option<String>,
    /// Who it is assigned to on paper; empty: nobody, and whoever holds it is released.
    pub assignee: Option<String>,
    /// Whether the actor wants to hold it.
    pub claim: bool,
    /// Fields of plain text by their stored names; empty removes.
    pub texts: Vec<(&'static str, String)>,
    /// Flags by their stored names.
    pub flags: Vec<(&'static str, bool)>,
    /// A paragraph to be added to the notes.
    pub append_notes: Option<String>,
    /// Estimated minutes.
    pub estimate: Option<i64>,
    /// When work may begin, RFC 3339; empty: now.
    pub defer: Option<String>,
    /// Labels that replace all others.
    pub set_labels: Option<Vec<String>>,
    /// Labels to be added.
    pub add_labels: Vec<String>,
    /// Labels to be removed.
    pub remove_labels: Vec<String>,
    /// The id of the parent; empty: none.
    pub parent: Option<String>,
    /// The session that works on it, noted where it is closed by this.
    pub session: Option<String>,
    /// Entries of the metadata; nothing removes.
    pub metadata: Vec<(String, Option<Value>)>,
}

impl Edit {
    /// Returns whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Changes a bead as asked, by `actor`; every change carries `stamp`, values that stay carry their own.
pub fn edit(view: &View<'_>, bead: &mut Bead, asked: &Edit, by: (&str, &Stamp)) -> Result<()> {
    let (actor, stamp) = by;
    if bead.is_deleted() {
        return Err(Fault::refused(format!("{} was deleted", bead.id())));
    }
    fields(view, bead, asked, stamp)?;
    labels(bead, asked, stamp);
    if let Some(parent) = &asked.parent {
        edges::set_parent(view, bead, parent, stamp)?;
    }
    for (key, value) in &asked.metadata {
        if bead.record().entry("metadata", key) != value.as_ref() {
            bead.record_mut()
                .set_entry("metadata", key, value.clone(), stamp);
        }
    }
    if let Some(assignee) = &asked.assignee {
        assign(bead, assignee, stamp);
    }
    if let Some(status) = &asked.status {
        let was_closed = bead.is_closed();
        set_status(view, bead, status, stamp)?;
        if let (Some(session), false) = (&asked.session, was_closed) {
            bead.set_session(session, stamp);
        }
    }
    if asked.claim {
        claim(bead, actor, stamp)?;
    }
    Ok(())
}

fn fields(view: &View<'_>, bead: &mut Bead, asked: &Edit, stamp: &Stamp) -> Result<()> {
    if let Some(title) = &asked.title {
        put(bead, "title", Some(words::title(title)?.into()), stamp);
    }
    if let Some(priority) = asked.priority {
        put(
            bead,
            "priority",
            (priority != 2).then(|| priority.into()),
            stamp,
        );
    }
    if let Some(kind) = &asked.issue_type {
        check_type(view, kind)?;
        put(
            bead,
            "type",
            (kind != "task").then(|| kind.as_str().into()),
            stamp,
        );
    }
    for (field, text) in &asked.texts {
        put(bead, field, text_value(text), stamp);
    }
    for (flag, on) in &asked.flags {
        put(bead, flag, on.then(|| true.into()), stamp);
    }
    if let Some(more) = &asked.append_notes {
        let notes = bead.record().text("notes");
        let notes = if notes.is_empty() {
            more.clone()
        } else {
            format!("{notes}\n{more}")
        };
        put(bead, "notes", text_value(&notes), stamp);
    }
    if let Some(minutes) = asked.estimate {
        put(
            bead,
            "estimated_minutes",
            (minutes != 0).then(|| minutes.into()),
            stamp,
        );
    }
    if let Some(until) = &asked.defer {
        put(bead, "defer_until", text_value(until), stamp);
        match (is_after(until, stamp.time()), bead.status()) {
            (true, "open") => bead.set_status("deferred", stamp),
            (false, "deferred") => bead.set_status("open", stamp),
            _ => {}
        }
    }
    Ok(())
}

fn text_value(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

/// Sets a field where it is not so already.
fn put(bead: &mut Bead, field: &str, value: Option<Value>, stamp: &Stamp) {
    if bead.record().get(field) != value.as_ref() {
        bead.record_mut().set(field, value, stamp);
    }
}

fn labels(bead: &mut Bead, asked: &Edit, stamp: &Stamp) {
    let known: Vec<String> = bead.labels().map(str::to_owned).collect();
    let set = asked.set_labels.as_ref();
    let replaced = known
        .iter()
        .filter(|label| set.is_some_and(|set| !set.contains(label)));
    for label in replaced.chain(&asked.remove_labels) {
        if known.contains(label) {
            bead.record_mut().set_entry("labels", label, None, stamp);
        }
    }
    for label in set.into_iter().flatten().chain(&asked.add_labels) {
        if bead.record().entry("labels", label).is_none() {
            bead.record_mut()
                .set_entry("labels", label, Some(true.into()), stamp);
        }
    }
}

/// Assigns a bead on paper and releases it from anybody else who holds it.
fn assign(bead: &mut Bead, assignee: &str, stamp: &Stamp) {
    put(bead, "assignee", text_value(assignee), stamp);
    if bead.holder().is_some_and(|holder| holder != assignee) {
        bead.release(stamp);
    }
}

fn set_status(view: &View<'_>, bead: &mut Bead, status: &str, stamp: &Stamp) -> Result<()> {
    if bead.status() == status {
        return Ok(());
    }
    let category = check_status(view, status)?;
    if status == "closed" || category == Some(Category::Done) {
        if !bead.is_closed() {
            check_closable(&Beads::of(view), bead)?;
        }
        bead.finish(status, stamp);
        return Ok(());
    }
    if bead.is_closed() {
        bead.reopen(stamp);
    }
    if status == "open" {
        bead.release(stamp);
    }
    if bead.status() != status {
        bead.set_status(status, stamp);
    }
    let times = bead.record().entry("times", "started");
    if status == "in_progress" && times.is_none() && bead.holder().is_none() {
        let now = stamp.time().to_string();
        bead.record_mut()
            .set_entry("times", "started", Some(now.into()), stamp);
    }
    Ok(())
}
