//! An agent's command that is offered to everybody: it runs where somebody has accepted it.

use serde_json::json;

use crate::ledger::{Record, Stamp};

/// A command that starts an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentCommand(Record);

impl AgentCommand {
    /// The kind of these records.
    pub const KIND: &'static str = "agent";

    /// Returns the id of the command of an agent of a name.
    pub fn id_of(name: &str) -> String {
        format!("agent.{name}")
    }

    /// Returns the command a record is, nothing when it is of another kind or withdrawn.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && record.life() % 2 == 0).then_some(Self(record))
    }

    /// Returns the command of a name, live: the one there was, which may have been withdrawn, else a new
    /// one.
    pub fn revived(old: Option<Record>, name: &str, stamp: &Stamp) -> Self {
        let new = || Record::new(&Self::id_of(name), Self::KIND, &Stamp::zero());
        let mut record = old.unwrap_or_else(new);
        let life = record.life();
        if life % 2 != 0 {
            record.set("state", Some(json!({ "life": life + 1 })), stamp);
        }
        Self(record)
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.0.id().strip_prefix("agent.").unwrap_or_default()
    }

    /// Returns the line that `sh -c` runs.
    pub fn command(&self) -> &str {
        self.0.text("command")
    }

    /// Changes the command.
    pub fn set_command(&mut self, command: &str, stamp: &Stamp) {
        self.0.set("command", Some(command.into()), stamp);
    }

    /// Takes the offer back.
    pub fn withdraw(&mut self, stamp: &Stamp) {
        let state = json!({ "life": self.0.life() + 1, "status": "withdrawn" });
        self.0.set("state", Some(state), stamp);
    }
}
