//! A gate: a check that must pass before anything lands.

use std::time::Duration;

use serde_json::Value;

use crate::ledger::{Record, Stamp, canonical, digest};

/// What decides whether a tree may land: a command, or a check of an outside CI.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate(Record);

impl Gate {
    /// The kind of these records.
    pub const KIND: &'static str = "gate";

    /// How long a gate may run where nobody says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(3600);

    /// How long an outside CI may take to answer where nobody says otherwise.
    pub const DEADLINE: Duration = Duration::from_secs(3600);

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

    /// Returns the check of an outside CI that answers this gate; nothing: a command does, also where a
    /// program that knows no CI gates wrote one over it.
    pub fn ci(&self) -> Option<&str> {
        let check = Some(self.0.text("ci")).filter(|check| !check.is_empty());
        check.filter(|_| self.command().is_empty())
    }

    /// Returns what decides, for people: the command, or the check of the CI.
    pub fn what(&self) -> String {
        let check = self.ci().map(|check| format!("CI check '{check}'"));
        check.unwrap_or_else(|| self.command().to_owned())
    }

    /// Returns how long an outside CI may take to answer.
    pub fn deadline(&self) -> Duration {
        self.seconds("deadline").unwrap_or(Self::DEADLINE)
    }

    /// Returns the line that `sh -c` runs; empty where an outside CI answers.
    pub fn command(&self) -> &str {
        self.0.text("command")
    }

    /// Returns how long it may run.
    pub fn timeout(&self) -> Duration {
        self.seconds("timeout").unwrap_or(Self::TIMEOUT)
    }

    fn seconds(&self, field: &str) -> Option<Duration> {
        let seconds = self.0.integer(field)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }

    /// Returns the paths in the worktree that stay between two runs, sorted.
    pub fn keep(&self) -> Vec<String> {
        self.0
            .entries("keep")
            .map(|(path, _)| path.to_owned())
            .collect()
    }

    /// Returns the hash of everything that can change its verdict: the key of its results, and what
    /// is accepted when a command from elsewhere is allowed to run here. How long a CI may take changes no
    /// verdict. A program that knows no CI gates has another hash for one, and so does not accept it.
    pub fn definition(&self) -> String {
        if let Some(check) = self.ci() {
            return digest(&[b"ci", check.as_bytes()]);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_written_over_a_ci_gate_is_what_counts() {
        let gate = |fields: &[(&str, &str)]| {
            let mut record = Gate::new("test").record().clone();
            for (field, text) in fields {
                record.set(field, Some((*text).into()), &Stamp::zero());
            }
            Gate::of(record).expect("it is a gate")
        };
        let command = gate(&[("command", "make test")]);
        let ci = gate(&[("ci", "unit")]);
        let both = gate(&[("ci", "unit"), ("command", "make test")]);
        assert_eq!(
            (command.ci(), ci.ci(), both.ci()),
            (None, Some("unit"), None)
        );
        assert_eq!(both.definition(), command.definition());
        // A program that knows no CI gates takes one for an empty command, which was accepted nowhere.
        assert_ne!(ci.definition(), gate(&[]).definition());
        assert_eq!(
            (ci.what().as_str(), both.what().as_str()),
            ("CI check 'unit'", "make test")
        );
        let mut slow = ci.record().clone();
        slow.set("deadline", Some(60.into()), &Stamp::zero());
        let slow = Gate::of(slow).expect("it is a gate");
        assert_eq!(
            slow.definition(),
            ci.definition(),
            "time changes no verdict"
        );
        assert_eq!(slow.deadline(), Duration::from_secs(60));
    }
}
