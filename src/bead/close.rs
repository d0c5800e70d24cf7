//! Closing and deleting: when a bead may be closed, and what is left of a deleted one.

use serde_json::{Map, Value};

use super::{Beads, Blockers, ready};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;

/// Refuses to close a bead that something blocks, an epic with open children, and what is pinned.
///
/// `beads` holds at least what [`Beads::around`] reads.
pub fn check_closable(beads: &Beads, bead: &Bead) -> Result<()> {
    let id = bead.id();
    let refuse = |why: String| {
        Err(Fault::refused(format!("{id} {why}"))
            .hint(format!("close it all the same: git gt close {id} --force")))
    };
    if ready::is_pinned(bead) {
        return refuse("is pinned".to_owned());
    }
    let blocking = Blockers::new(beads).of(id);
    if !blocking.is_empty() {
        return refuse(format!("is blocked by {}", blocking.join(", ")));
    }
    if bead.issue_type() == "epic" {
        let open: Vec<&str> = beads
            .children(id)
            .filter(|child| !child.is_closed())
            .map(Bead::id)
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
