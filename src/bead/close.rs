//! Closing and deleting: when a bead may be closed, and what is left of a deleted one.

use serde_json::{Map, Value};

use super::beads::Graph;
use super::ready::Blockers;
use super::wait::{GATE, Wait, wait};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::{Bead, BeadRow};

/// Refuses to close a bead that something blocks, an epic with open children, what is pinned, what others are
/// made after, and a gate that is not for people to open.
pub fn check_closable(graph: &dyn Graph, bead: &Bead) -> Result<()> {
    let id = bead.id();
    let refuse = |why: String| {
        Err(Fault::refused(format!("{id} {why}"))
            .hint(format!("close it all the same: git gt close {id} --force")))
    };
    if bead.is_pinned() {
        return refuse("is pinned".to_owned());
    }
    if bead.record().flag("is_template") {
        return refuse("is a template".to_owned());
    }
    if bead.issue_type() == GATE && wait(bead) != Wait::Human {
        return Err(
            Fault::refused(format!("{id} is a gate that opens by itself"))
                .hint("see whether it does: git gt bead gate check")
                .hint(format!(
                    "open it all the same: git gt bead gate resolve {id}"
                )),
        );
    }
    let blocking = Blockers::new(graph).of(&BeadRow::of_bead(bead))?;
    if !blocking.is_empty() {
        return refuse(format!("is blocked by {}", blocking.join(", ")));
    }
    if bead.issue_type() == "epic" {
        let children = graph.children(id)?;
        let open: Vec<&str> = children
            .iter()
            .filter(|child| !child.is_closed())
            .map(BeadRow::id)
            .collect();
        if !open.is_empty() {
            return refuse(format!(
                "is an epic with open children: {}",
                open.join(", ")
            ));
        }
    }
    Ok(())
}

/// Makes a tombstone of a bead.
pub fn delete(bead: &mut Bead, actor: &str, stamp: &Stamp) {
    let life = bead.record().life();
    let mut state = Map::new();
    state.insert("life".to_owned(), (life + 1 + life % 2).into());
    state.insert("status".to_owned(), "deleted".into());
    state.insert("deleted_by".to_owned(), Value::from(actor));
    bead.record_mut().delete(state, stamp);
}
