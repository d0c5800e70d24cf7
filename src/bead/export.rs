//! Export: beads as lines of bd's JSONL files.

use serde_json::Value;

use super::json::raw;
use super::words::INFRASTRUCTURE;
use crate::record::Bead;

/// The key of a line under which the stamp of a bead's creation travels.
pub(super) const CREATED_STAMP: &str = "created_stamp";

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
    wanted.map(line).collect()
}

/// Returns a bead as a line. One that was made here says under which stamp, so that an import elsewhere
/// makes the same record and not a second one of its id.
fn line(bead: &Bead) -> Value {
    let mut line = raw(bead);
    if bead.record().entry("times", "created").is_none() {
        line.insert(
            CREATED_STAMP.to_owned(),
            bead.record().created().as_str().into(),
        );
    }
    Value::Object(line)
}
