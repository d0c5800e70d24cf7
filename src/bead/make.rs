//! Making beads: ids, children's ids, and the edges a new bead begins with.

use serde_json::json;

use super::template::check_sections;
use super::{Edit, Link, edit, link, words};
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Pen, Stamp};
use crate::record::Bead;
use crate::town::View;

/// A bead that somebody wants.
#[derive(Debug, Default)]
pub struct Draft {
    /// Its id, where it is to have a certain one.
    pub id: Option<String>,
    /// Whether the id may have a prefix that is not the rig's.
    pub any_prefix: bool,
    /// Its title.
    pub title: String,
    /// Whose child it is to be.
    pub parent: Option<String>,
    /// Whether it takes no labels from its parent.
    pub bare: bool,
    /// Whether its text must have the sections that its type asks for.
    pub checked: bool,
    /// A bead whose children it is to wait for, and whether for all of them or any: `all-children`,
    /// `any-children`.
    pub waits_for: Option<(String, String)>,
    /// Edges from it.
    pub links: Vec<Link>,
    /// Ids of beads that are to wait for it.
    pub blocks: Vec<String>,
    /// All other fields.
    pub fields: Edit,
}

/// How deep children may be nested where nobody says otherwise.
const DEPTH_MAX: usize = 3;

/// Returns the bead of a draft, and the beads that change because they are to wait for it.
pub fn make(
    view: &View<'_>,
    pen: &Pen<'_>,
    (prefix, actor): (&str, &str),
    draft: &Draft,
) -> Result<(Bead, Vec<Bead>)> {
    let title = words::title(&draft.title)?;
    let id = match (&draft.id, &draft.parent) {
        (Some(_), Some(_)) => {
            return Err(Fault::invalid("--id and --parent do not go together")
                .hint("a child's id is made from its parent's"));
        }
        (Some(id), None) => checked_id(view, prefix, id, draft.any_prefix)?,
        (None, Some(parent)) => child_id(view, parent)?,
        (None, None) => new_id(view, pen, prefix)?,
    };
    let stamp = pen.first_stamp();
    let mut bead = Bead::new(&id, &title, &stamp);
    bead.record_mut()
        .set("created_by", Some(actor.into()), &stamp);
    if let Some(parent) = &draft.parent {
        inherit(view, &mut bead, (parent, draft.bare), &stamp)?;
    }
    edit(view, &mut bead, &draft.fields, (actor, &stamp))?;
    for wanted in &draft.links {
        link(view, &mut bead, wanted, &stamp)?;
    }
    if let Some((spawner, gate)) = &draft.waits_for {
        wait_for(view, &mut bead, (spawner, gate), &stamp)?;
    }
    let on_create = view.own_shared("validation.on-create");
    if draft.checked || on_create == Some("error") {
        check_sections(&bead)?;
    }
    let waiting = draft
        .blocks
        .iter()
        .map(|other| blocked(view, pen, &bead, other));
    let waiting = waiting.collect::<Result<_>>()?;
    Ok((bead, waiting))
}

/// Lets a bead wait for the children of another one.
fn wait_for(
    view: &View<'_>,
    bead: &mut Bead,
    (spawner, gate): (&str, &str),
    stamp: &Stamp,
) -> Result<()> {
    let wanted = Link {
        kind: "waits-for".to_owned(),
        target: spawner.to_owned(),
    };
    link(view, bead, &wanted, stamp)?;
    if gate != "all-children" {
        let metadata = json!({ "gate": gate }).to_string();
        let edge = json!({ "type": "waits-for", "metadata": metadata });
        bead.record_mut()
            .set_entry("deps", spawner, Some(edge), stamp);
    }
    Ok(())
}

fn checked_id(view: &View<'_>, prefix: &str, id: &str, any_prefix: bool) -> Result<String> {
    let formed = id.len() <= 100
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !formed {
        return Err(Fault::invalid(format!("'{id}' cannot be an id"))
            .hint("an id is made of letters, digits, dots, dashes and underscores"));
    }
    let has = |prefix: &str| {
        id.strip_prefix(prefix)
            .is_some_and(|it| it.starts_with('-'))
    };
    if !any_prefix && !has(prefix) && !allowed(view)?.iter().any(|it| has(it)) {
        return Err(
            Fault::refused(format!("'{id}' does not begin with this rig's prefix"))
                .hint(format!("begin it with {prefix}-, or insist with --force")),
        );
    }
    if view.bead(id)?.is_some() || view.ledger(Name::Beads)?.get(id)?.is_some() {
        return Err(Fault::refused(format!("{id} exists already"))
            .hint("an id is used once, also after its bead was deleted"));
    }
    Ok(id.to_owned())
}

/// Returns the prefixes that are allowed besides the rig's.
fn allowed(view: &View<'_>) -> Result<Vec<String>> {
    let list = view.shared("allowed_prefixes")?.unwrap_or_default();
    let words = list
        .split(',')
        .map(|it| it.trim().trim_end_matches('-').to_owned());
    Ok(words.filter(|it| !it.is_empty()).collect())
}

/// Returns `parent.N` for the first N that was never used.
fn child_id(view: &View<'_>, parent: &str) -> Result<String> {
    let depth_max = view.own_shared("hierarchy.max-depth");
    let depth_max = depth_max
        .and_then(|it| it.parse().ok())
        .unwrap_or(DEPTH_MAX);
    if parent.split('.').count() > depth_max {
        return Err(
            Fault::refused(format!("{parent} is nested {depth_max} deep already"))
                .hint("give the new bead a parent further up"),
        );
    }
    let ledger = view.ledger(Name::Beads)?;
    let mut number = 1_u64;
    loop {
        let id = format!("{parent}.{number}");
        if view.bead(&id)?.is_none() && ledger.get(&id)?.is_none() {
            return Ok(id);
        }
        number += 1;
    }
}

/// Returns an id that no bead has, one that was made a moment ago in the same decision included.
fn new_id(view: &View<'_>, pen: &Pen<'_>, prefix: &str) -> Result<String> {
    loop {
        let id = pen.new_id(&view.ledger(Name::Beads)?, prefix)?;
        if !view.has_pending() || view.bead(&id)?.is_none() {
            return Ok(id);
        }
    }
}

/// Makes a bead the child of `parent`, with the parent's labels unless it is to be `bare` of them.
fn inherit(
    view: &View<'_>,
    bead: &mut Bead,
    (parent, bare): (&str, bool),
    stamp: &Stamp,
) -> Result<()> {
    let found = view.bead(parent)?.filter(|it| !it.is_deleted());
    let found =
        found.ok_or_else(|| Fault::not_found(format!("no issue found matching \"{parent}\"")))?;
    bead.record_mut().set("parent", Some(parent.into()), stamp);
    for label in found.labels().filter(|_| !bare) {
        bead.record_mut()
            .set_entry("labels", label, Some(true.into()), stamp);
    }
    Ok(())
}

/// Returns the bead `other`, waiting for `bead`, which is not written yet.
fn blocked(view: &View<'_>, pen: &Pen<'_>, bead: &Bead, other: &str) -> Result<Bead> {
    let found = view.bead(other)?.filter(|it| !it.is_deleted());
    let Some(mut waiting) = found else {
        return Err(match view.bead_anywhere(other)? {
            Some(it) if !it.is_deleted() => Fault::refused(format!(
                "{other} is a bead of another rig, which is written to on its own"
            ))
            .hint(format!(
                "make the new bead without that, then: git gt dep add {other} <the new one>"
            )),
            _ => Fault::not_found(format!("no issue found matching \"{other}\"")),
        });
    };
    if bead
        .edges()
        .any(|edge| edge.kind == "blocks" && edge.target == other)
    {
        return Err(Fault::refused(format!(
            "a cycle: {} and {other} would block each other",
            bead.id()
        )));
    }
    let stamp = pen.stamp(waiting.record());
    waiting
        .record_mut()
        .set_entry("deps", bead.id(), Some("blocks".into()), &stamp);
    Ok(waiting)
}
