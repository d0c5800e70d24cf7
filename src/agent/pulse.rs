//! Heartbeats: when an agent was last heard of and what it said, noted in `refs/gt-local/heartbeats`.

use serde_json::{Value, json};

use crate::fault::Result;
use crate::ledger::{Cell, Time};
use crate::town::Home;

const FOLDER: &str = "heartbeats";
/// How long the same heartbeat is not noted again, in milliseconds: a turn may have many.
const PERIOD: u64 = 30_000;

/// A sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// `working`, `idle`, `exiting`, `stuck`, `ended`.
    pub state: String,
    /// What the agent said with it.
    pub message: String,
    /// The session of the agent's runtime, empty where it is not known.
    pub session: String,
    /// Where the runtime writes what is said, empty where it is not known.
    pub transcript: String,
    /// When, RFC 3339.
    pub at: String,
}

impl Pulse {
    /// Returns an agent's last sign of life.
    pub fn find(home: &Home, agent: &str) -> Result<Option<Self>> {
        let value = Cell::find(home.repo(), FOLDER, agent)?;
        Ok(value.map(|value| Self::read(&value)))
    }

    fn read(value: &Value) -> Self {
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Self {
            state: text("state"),
            message: text("message"),
            session: text("session"),
            transcript: text("transcript"),
            at: text("at"),
        }
    }

    /// Notes it as an agent's, now; the same one again is noted no more than twice a minute.
    ///
    /// After a crash the agent has the heartbeat before or this one.
    pub fn note(mut self, home: &Home, agent: &str) -> Result<Self> {
        let now = home.world().now();
        if let Some(last) = Self::find(home, agent)? {
            if self.session.is_empty() {
                self.session.clone_from(&last.session);
                self.transcript.clone_from(&last.transcript);
            }
            self.at.clone_from(&last.at);
            let age = Time::parse(&last.at).map(|at| now.0.saturating_sub(at.0));
            if self == last && age.is_some_and(|age| age < PERIOD) {
                return Ok(self);
            }
        }
        self.at = now.to_string();
        Cell::set(home.repo(), FOLDER, agent, &self.value())?;
        Ok(self)
    }

    /// Returns it for machines, without what is empty.
    pub fn value(&self) -> Value {
        let mut value = json!({ "at": self.at, "state": self.state });
        for (key, text) in [
            ("message", &self.message),
            ("session", &self.session),
            ("transcript", &self.transcript),
        ] {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        value
    }
}
