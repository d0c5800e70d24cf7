//! A rig: one repository, its prefix and the branch its work lands on.

use crate::ledger::{Record, Stamp};

/// A repository that beads are worked on in.
#[derive(Debug, Clone, PartialEq)]
pub struct Rig(Record);

impl Rig {
    /// The kind of these records.
    pub const KIND: &'static str = "rig";

    /// Returns the id of the rig of a name.
    pub fn id_of(name: &str) -> String {
        format!("rig.{name}")
    }

    /// Returns the rig a record is, nothing when it is of another kind or deleted.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && record.life() % 2 == 0).then_some(Self(record))
    }

    /// Returns a rig that nobody has written yet.
    pub fn new(name: &str) -> Self {
        Self(Record::new(&Self::id_of(name), Self::KIND, &Stamp::zero()))
    }

    /// Returns the rig of a record that may be finished, live again.
    pub fn revived(mut record: Record, stamp: &Stamp) -> Self {
        let life = record.life();
        if life % 2 != 0 {
            record.set(
                "state",
                Some(serde_json::json!({ "life": life + 1 })),
                stamp,
            );
        }
        Self(record)
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be changed field by field.
    pub fn record_mut(&mut self) -> &mut Record {
        &mut self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.0.id().strip_prefix("rig.").unwrap_or_default()
    }

    /// Returns the prefix of its beads' ids, without the dash.
    pub fn prefix(&self) -> &str {
        self.0.text("prefix")
    }

    /// Returns the branch work lands on, by its short name; nothing where nobody has said.
    pub fn target(&self) -> Option<&str> {
        Some(self.0.text("target")).filter(|target| !target.is_empty())
    }

    /// Returns where HQ knows it can be cloned from; empty where this is the rig's own record.
    pub fn url(&self) -> &str {
        self.0.text("url")
    }

    /// Returns whether a town has it among its rigs, whose HQ then keeps its convoys.
    pub fn is_of_town(&self) -> bool {
        self.0.flag("town")
    }

    /// Returns whether somebody said in so many words that work lands here without a gate.
    pub fn lands_without_gates(&self) -> bool {
        self.0.text("gate") == "none"
    }
}
