//! What of an epic can be worked on now.

use std::collections::BTreeSet;

use super::beads::Beads;
use super::ready::{Blockers, is_ready};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::Bead;
use crate::town::View;

/// The open beads below an epic, sorted by id; epics among them stand for what is below them.
#[derive(Debug, Default)]
pub struct Children {
    /// Those that can be begun.
    pub ready: Vec<Bead>,
    /// Those that wait, each with the ids it waits for; none where it was put off.
    pub waiting: Vec<(Bead, Vec<String>)>,
    /// Those that somebody holds.
    pub held: Vec<Bead>,
}

/// Returns what is below an epic.
pub fn children(view: &View<'_>, epic: &str, now: Time) -> Result<Children> {
    let beads = Beads::all(view)?;
    let blockers = Blockers::new(&beads);
    let mut found = Children::default();
    let mut seen = BTreeSet::new();
    let mut next = vec![epic];
    let mut all: Vec<&Bead> = Vec::new();
    while let Some(parent) = next.pop() {
        if !seen.insert(parent) {
            continue;
        }
        for child in beads.children(parent).filter(|it| !it.is_closed()) {
            match child.issue_type() {
                "epic" => next.push(child.id()),
                _ => all.push(child),
            }
        }
    }
    all.sort_by_key(|it| it.id());
    all.dedup_by_key(|it| it.id());
    for child in all {
        if child.holder().is_some() {
            found.held.push(child.clone());
        } else if is_ready(&blockers, child, now) {
            found.ready.push(child.clone());
        } else {
            let waits_for = blockers.of(child.id());
            found.waiting.push((child.clone(), waits_for));
        }
    }
    Ok(found)
}
