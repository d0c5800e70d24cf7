//! Epics, and how much of each is done.

use super::beads::{Beads, Graph};
use crate::fault::Result;
use crate::record::BeadRow;

/// An epic that is not closed, and how many of its children are.
#[derive(Debug, Clone)]
pub struct Epic<'v> {
    /// The epic.
    pub bead: BeadRow<'v>,
    /// How many children it has.
    pub total: usize,
    /// How many of them are closed.
    pub closed: usize,
}

impl Epic<'_> {
    /// Returns whether nothing of it is left to be done.
    pub fn is_over(&self) -> bool {
        self.total > 0 && self.total == self.closed
    }

    /// Returns how much of it is done, in percent.
    pub fn percent(&self) -> usize {
        (self.closed * 100).checked_div(self.total).unwrap_or(0)
    }
}

/// Returns the epics of a home that are not closed, in the order of lists.
pub fn epics<'v>(beads: &Beads<'v, '_>) -> Result<Vec<Epic<'v>>> {
    let mut found = Vec::new();
    for row in beads.rows(false)? {
        let bead = row?;
        if bead.issue_type() != "epic" || bead.is_template() {
            continue;
        }
        let children = beads.children(bead.id())?;
        found.push(Epic {
            total: children.len(),
            closed: children.iter().filter(|it| it.is_closed()).count(),
            bead,
        });
    }
    Ok(found)
}
