//! A gate: a check that must pass before anything lands.

use std::time::Duration;

use serde_json::Value;

use crate::ledger::{Record, Stamp, canonical, digest};

/// A command that decides whether a tree may land.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate(Record);

impl Gate {
    /// The kind of these records.
    pub const KIND: &'static str = "gate";

    /// How long a gate may run where nobody says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(3600);

    /// Returns the id of the gate of a name.
    pub fn id_of(name: &str) -> String {
        format!("gate.{name}")
    }

    /// Returns the gate a record is, nothing when it is of another kind or removed.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && record.life() % 2 == 0).then_some(Self(record))
    }

    /// Returns a gate that nobody has written yet.
    pub fn new(name: &str) -> Self {
        Self(Record::new(&Self::id_of(name), Self::KIND, &Stamp::zero()))
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.0.id().strip_prefix("gate.").unwrap_or_default()
    }

    /// Returns the line that `sh -c` runs.
    pub fn command(&self) -> &str {
        self.0.text("command")
    }

    /// Returns how long it may run.
    pub fn timeout(&self) -> Duration {
        let seconds = self
            .0
            .integer("timeout")
            .and_then(|it| u64::try_from(it).ok());
        seconds.map_or(Self::TIMEOUT, Duration::from_secs)
    }

    /// Returns the paths in the worktree that stay between two runs, sorted.
    pub fn keep(&self) -> Vec<String> {
        self.0
            .entries("keep")
            .map(|(path, _)| path.to_owned())
            .collect()
    }

    /// Returns the hash of everything that can change its verdict: the key of its results, and what
    /// is accepted when a command from elsewhere is allowed to run here.
    pub fn definition(&self) -> String {
        let keep: Vec<Value> = self.keep().into_iter().map(Value::from).collect();
        let keep = canonical(&Value::Array(keep));
        let timeout = self.timeout().as_secs().to_string();
        digest(&[
            b"gate",
            self.command().as_bytes(),
            timeout.as_bytes(),
            keep.as_bytes(),
        ])
    }
}
