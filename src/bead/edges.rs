//! Edges between beads: which may be drawn, drawing and removing them.

use std::collections::HashSet;

use serde_json::Value;

use super::beads::{Beads, Graph as _, PARENT_CHILD, targets as row_targets};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::{Bead, BeadRow};
use crate::town::View;

/// An edge somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The type of the edge.
    pub kind: String,
    /// The id it leads to.
    pub target: String,
}

/// Whether edges may make beads wait for themselves through others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circles {
    /// An edge that closes a circle is refused.
    Refused,
    /// Nobody looks.
    Allowed,
}

/// How many beads are found one by one before the index is opened, which has all of them.
const ONE_BY_ONE: usize = 100;

/// Draws an edge from `bead` and returns whether there was none yet; refuses what makes no sense: edges to
/// itself, circles, an epic and a task that block each other, a child that waits for its own parent.
pub fn link(view: &View<'_>, bead: &mut Bead, wanted: &Link, stamp: &Stamp) -> Result<bool> {
    link_with(view, bead, wanted, Circles::Refused, stamp)
}

/// Draws an edge as [`link`] does, closing circles or not.
pub fn link_with(
    view: &View<'_>,
    bead: &mut Bead,
    wanted: &Link,
    circles: Circles,
    stamp: &Stamp,
) -> Result<bool> {
    let target = match wanted.target.starts_with("external:") {
        true => None,
        false => view.bead_anywhere(&wanted.target)?,
    };
    let target = target.filter(|it| !it.is_deleted());
    let target = target.as_ref().map(BeadRow::of_bead);
    if !is_new(bead, wanted, target.as_ref())? {
        return Ok(false);
    }
    if circles == Circles::Refused
        && let Some(target) = target
    {
        check_circle(view, bead.id(), &target, &wanted.kind)?;
    }
    put(bead, wanted, stamp);
    Ok(true)
}

/// Returns whether there is no such edge yet; refuses what makes no sense between two beads. The target is
/// nothing where it is not there.
pub(super) fn is_new(bead: &Bead, wanted: &Link, target: Option<&BeadRow<'_>>) -> Result<bool> {
    let Link { kind, target: to } = wanted;
    let id = bead.id();
    if id == to {
        return Err(Fault::refused(format!("{id} cannot depend on itself")));
    }
    let parent = bead.parent().filter(|it| it == to).map(|_| PARENT_CHILD);
    let known = parent.or_else(|| bead.edges_to(to).next().map(|edge| edge.kind));
    match known {
        Some(known) if known == *kind => return Ok(false),
        Some(PARENT_CHILD) if is_blocking(kind) => {
            return Err(Fault::refused(format!(
                "{id} cannot wait for {to}, its own parent"
            )));
        }
        Some(known) => {
            return Err(Fault::refused(format!(
                "{id} already has an edge of type {known} to {to}"
            ))
            .hint(format!("remove it first: git gt dep remove {id} {to}")));
        }
        None => {}
    }
    let Some(target) = target else {
        return match to.starts_with("external:") {
            true => Ok(true),
            false => Err(Fault::not_found(format!(
                "no issue found matching \"{to}\""
            ))),
        };
    };
    if is_blocking(kind) && (bead.issue_type() == "epic") != (target.issue_type() == "epic") {
        return Err(Fault::refused(format!(
            "an epic blocks only epics, and other beads only each other: {id} is of type {}, {to} of type {}",
            bead.issue_type(),
            target.issue_type()
        ))
        .hint(format!("make one the parent: git gt update {id} --parent {to}")));
    }
    Ok(true)
}

/// Stores an edge that may be drawn.
pub(super) fn put(bead: &mut Bead, wanted: &Link, stamp: &Stamp) {
    let Link { kind, target } = wanted;
    if kind == PARENT_CHILD && bead.parent().is_none() {
        bead.record_mut()
            .set("parent", Some(target.as_str().into()), stamp);
    } else {
        let value = Value::from(kind.as_str());
        bead.record_mut()
            .set_entry("deps", target, Some(value), stamp);
    }
}

/// Refuses an edge from `id` that would make beads wait for themselves, or stand below themselves.
fn check_circle(view: &View<'_>, id: &str, target: &BeadRow<'_>, kind: &str) -> Result<()> {
    let to = target.id();
    if kind == PARENT_CHILD && reaches(view, target, id, &|kind| kind == PARENT_CHILD)? {
        return Err(Fault::refused(format!("{to} stands below {id} already")));
    }
    if is_blocking(kind) && reaches(view, target, id, &|kind| kind == PARENT_CHILD)? {
        return Err(Fault::refused(format!(
            "{id} cannot wait for {to}, which stands below it and would wait with it"
        ))
        .hint("an epic whose children are closed is closed with: git gt epic close-eligible"));
    }
    if is_blocking(kind) && reaches(view, target, id, &is_blocking)? {
        return Err(
            Fault::refused(format!("a cycle: {to} waits for {id} already"))
                .hint(format!("see git gt dep tree {to}")),
        );
    }
    Ok(())
}

/// Returns whether an edge makes a bead wait for another one by itself.
pub fn is_blocking(kind: &str) -> bool {
    ["blocks", "conditional-blocks"].contains(&kind)
}

/// Returns whether edges of the types `along` lead from a bead to `goal`.
fn reaches(
    view: &View<'_>,
    from: &BeadRow<'_>,
    goal: &str,
    along: &dyn Fn(&str) -> bool,
) -> Result<bool> {
    let beads = Beads::of(view);
    let mut seen = HashSet::new();
    let mut next = vec![from.clone().into_owned()];
    while let Some(row) = next.pop() {
        if row.id() == goal {
            return Ok(true);
        }
        if seen.len() == ONE_BY_ONE {
            view.bead_index()?;
        }
        for (target, _) in row_targets(&row).filter(|(_, kind)| along(kind)) {
            if seen.insert(target.to_owned()) {
                next.extend(beads.find(target)?.map(BeadRow::into_owned));
            }
        }
    }
    Ok(false)
}

/// Makes `parent` the parent of a bead, nothing for an empty one.
pub fn set_parent(view: &View<'_>, bead: &mut Bead, parent: &str, stamp: &Stamp) -> Result<()> {
    if bead.parent().unwrap_or_default() == parent {
        return Ok(());
    }
    if let Some(old) = bead.parent().map(str::to_owned) {
        drop_parent(bead, &old, stamp);
    }
    if parent.is_empty() {
        return Ok(());
    }
    let wanted = Link {
        kind: PARENT_CHILD.to_owned(),
        target: parent.to_owned(),
    };
    link(view, bead, &wanted, stamp).map(drop)
}

fn drop_parent(bead: &mut Bead, old: &str, stamp: &Stamp) {
    let record = bead.record_mut();
    record.set("parent", None, stamp);
    if record.entry("parent_edges", old).is_some() {
        record.set_entry("parent_edges", old, None, stamp);
    }
}

/// Removes every edge from a bead to `target` and returns whether there was one.
pub fn unlink(bead: &mut Bead, target: &str, stamp: &Stamp) -> bool {
    let is_parent = bead.parent() == Some(target);
    let is_edge = bead.record().entry("deps", target).is_some();
    if is_parent {
        drop_parent(bead, target, stamp);
    }
    if is_edge {
        bead.record_mut().set_entry("deps", target, None, stamp);
    }
    is_parent || is_edge
}

/// Returns `(target, type)` of every edge of a bead, the one to its parent first.
pub fn targets(bead: &Bead) -> impl Iterator<Item = (&str, &str)> {
    let parent = bead.parent().map(|parent| (parent, PARENT_CHILD));
    parent
        .into_iter()
        .chain(bead.edges().map(|edge| (edge.target, edge.kind)))
}
