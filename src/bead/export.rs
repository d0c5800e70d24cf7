//! Export: beads as lines of bd's JSONL files.

use serde_json::Value;

use super::json::raw;
use super::words::INFRASTRUCTURE;
use crate::record::Bead;

/// Which beads are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What others can use: no ephemeral beads, templates or town furniture.
    Shared,
    /// Everything but deleted beads.
    All,
}

impl Scope {
    fn holds(self, bead: &Bead) -> bool {
        let record = bead.record();
        let own = record.flag("ephemeral")
            || record.flag("is_template")
            || INFRASTRUCTURE.contains(&bead.issue_type());
        !bead.is_deleted() && (self == Self::All || !own)
    }
}

/// Returns the lines of a file that holds `beads`, one each, in their order.
pub fn export<'b>(beads: impl IntoIterator<Item = &'b Bead>, scope: Scope) -> Vec<Value> {
    let wanted = beads.into_iter().filter(|bead| scope.holds(bead));
    wanted.map(|bead| Value::Object(raw(bead))).collect()
}
