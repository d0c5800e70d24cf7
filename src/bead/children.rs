//! What of an epic can be worked on now.

use std::collections::BTreeSet;

use super::beads::Graph;
use super::ready::{Blockers, is_ready};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::BeadRow;

/// The open beads below an epic, sorted by id; epics among them stand for what is below them.
#[derive(Debug, Default)]
pub struct Children<'v> {
    /// Those that can be begun.
    pub ready: Vec<BeadRow<'v>>,
    /// Those that wait, each with the ids it waits for; none where it was put off.
    pub waiting: Vec<(BeadRow<'v>, Vec<String>)>,
    /// Those that somebody holds.
    pub held: Vec<BeadRow<'v>>,
}

/// Returns what is below an epic.
pub fn children<'v>(graph: &'v dyn Graph, epic: &str, now: Time) -> Result<Children<'v>> {
    let mut found = Children::default();
    let mut seen = BTreeSet::new();
    let mut next = vec![epic.to_owned()];
    let mut all: Vec<BeadRow<'v>> = Vec::new();
    while let Some(parent) = next.pop() {
        if seen.contains(&parent) {
            continue;
        }
        for child in graph.children(&parent)? {
            match child.issue_type() {
                _ if child.is_closed() => {}
                "epic" => next.push(child.id().to_owned()),
                _ => all.push(child),
            }
        }
        seen.insert(parent);
    }
    all.sort_by(|a, b| a.id().cmp(b.id()));
    all.dedup_by(|a, b| a.id() == b.id());
    for child in all {
        if child.holder().is_some() {
            found.held.push(child);
        } else if is_ready(graph, &child, now)? {
            found.ready.push(child);
        } else {
            let waits_for = Blockers::new(graph).of(&child)?;
            found.waiting.push((child, waits_for));
        }
    }
    Ok(found)
}
