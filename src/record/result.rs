//! The results of a gate on a tree, or on what it looks at of one: every attempt, with what was in the tree.

use serde_json::{Value, json};

use crate::ledger::index::{Draft, Key, ORDER, Shape};
use crate::ledger::{Name, Record, Stamp};

/// What the index keeps of results: which requests were tested.
pub(super) const SHAPE: Shape = Shape {
    ledger: Name::Results,
    version: 1,
    row: |record| {
        let result = RunResult::of(record)?;
        let attempts = result.attempts();
        let requests = attempts.flat_map(|(_, attempt)| attempt.requests);
        Some(Draft {
            is_live: true,
            order: [0; ORDER],
            body: Vec::new(),
            keys: requests.map(|it| RunResult::key_of(&it)).collect(),
        })
    },
};

/// Every run of one gate definition under one key.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult(Record);

/// What a run said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passed.
    Green,
    /// It did not, or took too long.
    Red,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// What it said.
    pub verdict: Verdict,
    /// The commit it ran on.
    pub commit: String,
    /// The target's commit that the tested requests were merged onto.
    pub tip: String,
    /// The requests in the tree, in the order they were merged.
    pub requests: Vec<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The machine it ran on; [`Attempt::CI`] where an outside CI answered.
    pub host: String,
    /// How the command ended: `exit 1`, `timeout`, `signal 9`.
    pub ended: String,
    /// The last lines it wrote.
    pub tail: String,
    /// For a gate that an outside CI answers: the commit it was asked about, which has the candidate's
    /// tree; else empty.
    pub asked: String,
    /// Where that CI shows its log; empty where it did not say.
    pub url: String,
    /// Whether the candidate was tested apart from others that wait before it: it acquits, and never lands so.
    pub screens: bool,
}

impl Attempt {
    /// The host of what an outside CI answered.
    pub const CI: &'static str = "ci";
}

impl RunResult {
    /// Returns the key of results of runs a request was in.
    pub fn key_of(request: &str) -> Key {
        Key::of("request", request)
    }

    /// The kind of these records.
    pub const KIND: &'static str = "result";

    /// Returns the id of the results of a gate definition under a key: the tree it ran on, or what it looks at
    /// of it.
    pub fn id_of(key: &str, definition: &str) -> String {
        format!("{key}.{definition}")
    }

    /// Returns the results a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND).then_some(Self(record))
    }

    /// Returns the results under a key that no gate of that definition has.
    pub fn new(key: &str, definition: &str) -> Self {
        Self(Record::new(
            &Self::id_of(key, definition),
            Self::KIND,
            &Stamp::zero(),
        ))
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns the name the gate had.
    pub fn gate(&self) -> &str {
        self.0.text("gate")
    }

    /// Returns the attempts with the stamp of each, oldest first.
    pub fn attempts(&self) -> impl Iterator<Item = (Stamp, Attempt)> {
        self.0
            .entries("attempts")
            .filter_map(|(key, value)| Some((Stamp::at_end_of(key)?, attempt(value)?)))
    }

    /// Adds an attempt.
    pub fn add(&mut self, gate: &str, attempt: &Attempt, stamp: &Stamp) {
        if self.gate() != gate {
            self.0.set("gate", Some(gate.into()), stamp);
        }
        let mut value = json!({
            "commit": attempt.commit,
            "ended": attempt.ended,
            "host": attempt.host,
            "millis": attempt.millis,
            "requests": attempt.requests,
            "tail": attempt.tail,
            "tip": attempt.tip,
            "verdict": if attempt.verdict == Verdict::Green { "green" } else { "red" },
        });
        for (key, text) in [("asked", &attempt.asked), ("url", &attempt.url)] {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        if attempt.screens {
            value["screens"] = true.into();
        }
        self.0
            .set_entry("attempts", stamp.as_str(), Some(value), stamp);
    }
}

fn attempt(value: &Value) -> Option<Attempt> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let requests = value.get("requests").and_then(Value::as_array);
    Some(Attempt {
        verdict: match value.get("verdict")?.as_str()? {
            "green" => Verdict::Green,
            "red" => Verdict::Red,
            _ => return None,
        },
        commit: text("commit"),
        tip: text("tip"),
        requests: requests
            .into_iter()
            .flatten()
            .filter_map(|it| Some(it.as_str()?.to_owned()))
            .collect(),
        millis: value
            .get("millis")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        host: text("host"),
        ended: text("ended"),
        tail: text("tail"),
        asked: text("asked"),
        url: text("url"),
        screens: value.get("screens") == Some(&Value::Bool(true)),
    })
}
