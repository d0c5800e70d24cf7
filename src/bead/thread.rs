//! Conversations: messages and what answers them.

use std::collections::BTreeSet;

use super::beads::{Beads, Graph};
use crate::fault::Result;
use crate::record::{Bead, BeadRow};

/// The type of the edge from an answer to what it answers.
const REPLIES_TO: &str = "replies-to";

/// Returns the conversation a message is part of: every message with how many others it answers one through
/// another, oldest first.
pub fn thread(beads: &Beads<'_, '_>, id: &str) -> Result<Vec<(usize, Bead)>> {
    let found = answers(beads, &beginning(beads, id)?)?;
    let (depths, rows): (Vec<usize>, Vec<BeadRow<'_>>) = found.into_iter().unzip();
    Ok(depths.into_iter().zip(beads.whole(&rows)?).collect())
}

/// Returns the id of the message that began a conversation; of some that answer each other in a circle, one.
fn beginning(graph: &dyn Graph, id: &str) -> Result<String> {
    let mut seen = BTreeSet::new();
    let mut at = id.to_owned();
    while seen.insert(at.clone()) {
        let Some(row) = graph.find(&at)? else { break };
        let mut answered = row.edges().filter(|edge| edge.kind == REPLIES_TO);
        let before = answered.next().map(|edge| edge.target.to_owned());
        match before {
            Some(before) if graph.find(&before)?.is_some() => at = before,
            _ => break,
        }
    }
    Ok(at)
}

/// Returns everything that answers a message, and the message.
fn answers<'g>(graph: &'g dyn Graph, first: &str) -> Result<Vec<(usize, BeadRow<'g>)>> {
    let mut seen = BTreeSet::from([first.to_owned()]);
    let mut found: Vec<(usize, BeadRow<'g>)> =
        graph.find(first)?.into_iter().map(|row| (0, row)).collect();
    let mut next = 0;
    while let Some((depth, row)) = found.get(next) {
        let (depth, id) = (depth + 1, row.id().to_owned());
        for (answer, kind) in graph.dependents(&id)? {
            if kind == REPLIES_TO && seen.insert(answer.id().to_owned()) {
                found.push((depth, answer));
            }
        }
        next += 1;
    }
    found.sort_by(|(_, a), (_, b)| (a.created(), a.id()).cmp(&(b.created(), b.id())));
    Ok(found)
}
