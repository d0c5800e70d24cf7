//! Edges between beads: which may be drawn, drawing and removing them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::beads::PARENT_CHILD;
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;
use crate::town::View;

/// An edge somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The type of the edge.
    pub kind: String,
    /// The id it leads to.
    pub target: String,
}

/// How many beads a search for a cycle looks at before it gives up and allows the edge.
const SEARCH_MAX: usize = 10_000;

/// Draws an edge from `bead` and returns whether there was none yet; refuses what makes no sense: edges to
/// itself, cycles, an epic and a task that block each other, a child that waits for its own parent.
pub fn link(view: &View<'_>, bead: &mut Bead, wanted: &Link, stamp: &Stamp) -> Result<bool> {
    let Link { kind, target } = wanted;
    let id = bead.id().to_owned();
    if id == *target {
        return Err(Fault::refused(format!("{id} cannot depend on itself")));
    }
    let known = targets(bead)
        .find(|(to, _)| to == target)
        .map(|(_, kind)| kind.to_owned());
    match known {
        Some(known) if known == *kind => return Ok(false),
        Some(known) => {
            return Err(Fault::refused(format!(
                "{id} already has an edge of type {known} to {target}"
            ))
            .hint(format!("remove it first: git gt dep remove {id} {target}")));
        }
        None => {}
    }
    check(view, bead, wanted)?;
    if kind == PARENT_CHILD && bead.parent().is_none() {
        bead.record_mut()
            .set("parent", Some(target.as_str().into()), stamp);
    } else {
        let value = Value::from(kind.as_str());
        bead.record_mut()
            .set_entry("deps", target, Some(value), stamp);
    }
    Ok(true)
}

fn check(view: &View<'_>, bead: &Bead, wanted: &Link) -> Result<()> {
    let Link { kind, target } = wanted;
    if target.starts_with("external:") {
        return Ok(());
    }
    let other = view.bead_anywhere(target)?.filter(|it| !it.is_deleted());
    let other =
        other.ok_or_else(|| Fault::not_found(format!("no issue found matching \"{target}\"")))?;
    let id = bead.id();
    if kind == PARENT_CHILD && reaches(view, &other, id, &|kind| kind == PARENT_CHILD)? {
        return Err(Fault::refused(format!(
            "{target} stands below {id} already"
        )));
    }
    if !is_blocking(kind) {
        return Ok(());
    }
    if (bead.issue_type() == "epic") != (other.issue_type() == "epic") {
        return Err(Fault::refused(format!(
            "an epic blocks only epics, and other beads only each other: {id} is of type {}, {target} of type {}",
            bead.issue_type(),
            other.issue_type()
        ))
        .hint(format!("make one the parent: git gt update {id} --parent {target}")));
    }
    if bead.parent() == Some(target) {
        return Err(Fault::refused(format!(
            "{id} cannot wait for {target}, its own parent"
        )));
    }
    if reaches(view, &other, id, &is_blocking)? {
        return Err(
            Fault::refused(format!("a cycle: {target} waits for {id} already"))
                .hint(format!("see git gt dep list {target}")),
        );
    }
    Ok(())
}

fn is_blocking(kind: &str) -> bool {
    ["blocks", "conditional-blocks"].contains(&kind)
}

/// Returns whether edges of the types `along` lead from a bead to `goal`.
fn reaches(view: &View<'_>, from: &Bead, goal: &str, along: &dyn Fn(&str) -> bool) -> Result<bool> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.clone()];
    while let Some(bead) = next.pop() {
        if bead.id() == goal {
            return Ok(true);
        }
        if !seen.insert(bead.id().to_owned()) || seen.len() > SEARCH_MAX {
            continue;
        }
        for (target, _) in targets(&bead).filter(|(_, kind)| along(kind)) {
            next.extend(view.bead_anywhere(target)?.filter(|it| !it.is_deleted()));
        }
    }
    Ok(false)
}

/// Makes `parent` the parent of a bead, nothing for an empty one.
pub(super) fn set_parent(
    view: &View<'_>,
    bead: &mut Bead,
    parent: &str,
    stamp: &Stamp,
) -> Result<()> {
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
