//! A handoff: what an agent leaves to whoever carries on, which gets it once.

use serde_json::{Map, Value};

use crate::ledger::{Record, Stamp};

/// What one session left to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Handoff(Record);

/// What a new handoff says.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// The agent's address.
    pub from: String,
    /// The session it was written in, empty where there is none.
    pub session: String,
    /// What it is about, in a line.
    pub subject: String,
    /// What comes next, in the agent's words.
    pub body: String,
    /// The bead on its hook, empty for none.
    pub bead: String,
    /// The branch it stands on, empty where it is detached.
    pub branch: String,
    /// The commit it stands on.
    pub head: String,
    /// The checkpoint of what is not committed, empty where everything is.
    pub checkpoint: String,
    /// What is not committed: `M path`.
    pub dirty: Vec<String>,
    /// What waits in the inbox.
    pub inbox: Vec<String>,
    /// What can be begun.
    pub ready: Vec<String>,
    /// What is under way.
    pub in_progress: Vec<String>,
}

impl Handoff {
    /// The kind of these records.
    pub const KIND: &'static str = "handoff";

    /// Returns the handoff a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND).then_some(Self(record))
    }

    /// Returns a new handoff.
    pub fn new(id: &str, contents: &Contents, created: &Stamp) -> Self {
        let mut record = Record::new(id, Self::KIND, created);
        let texts = [
            ("body", &contents.body),
            ("bead", &contents.bead),
            ("branch", &contents.branch),
            ("checkpoint", &contents.checkpoint),
            ("from", &contents.from),
            ("head", &contents.head),
            ("session", &contents.session),
            ("subject", &contents.subject),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            record.set(field, Some(text.as_str().into()), created);
        }
        let lists = [
            ("dirty", &contents.dirty),
            ("in_progress", &contents.in_progress),
            ("inbox", &contents.inbox),
            ("ready", &contents.ready),
        ];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            record.set(field, Some(list.clone().into()), created);
        }
        Self(record)
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns whose it is.
    pub fn from(&self) -> &str {
        self.0.text("from")
    }

    /// Returns the session it was written in.
    pub fn session(&self) -> &str {
        self.0.text("session")
    }

    /// Returns the bead it is about, empty for none.
    pub fn bead(&self) -> &str {
        self.0.text("bead")
    }

    /// Returns a text of it: `subject`, `body`, `branch`, `head`, `checkpoint`.
    pub fn text(&self, field: &str) -> &str {
        self.0.text(field)
    }

    /// Returns a list of it: `dirty`, `inbox`, `ready`, `in_progress`.
    pub fn list(&self, field: &str) -> Vec<&str> {
        let list = self.0.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Returns when it was written.
    pub fn written(&self) -> Stamp {
        self.0.stamp_of("from")
    }

    /// Returns whether it is for whoever carries on as `agent` with `bead` (empty for none): work goes with
    /// its bead, whoever has it now, everything else with the agent.
    pub fn is_for(&self, agent: &str, bead: &str) -> bool {
        match self.bead() {
            "" => self.from() == agent,
            about if bead.is_empty() => self.from() == agent && !about.is_empty(),
            about => about == bead,
        }
    }

    /// Returns whether nobody has taken it yet.
    pub fn waits(&self) -> bool {
        self.0.life() % 2 == 0
    }

    /// Returns who took it, empty while it waits.
    pub fn taken_by(&self) -> &str {
        let by = self.0.entry("state", "by").filter(|_| !self.waits());
        by.and_then(Value::as_str).unwrap_or_default()
    }

    /// Notes that `by` has taken it.
    pub fn take(&mut self, by: &str, stamp: &Stamp) {
        let life = self.0.life();
        let mut state = Map::new();
        state.insert("by".to_owned(), by.into());
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), "taken".into());
        self.0.set("state", Some(Value::Object(state)), stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn handoff(from: &str, bead: &str) -> Handoff {
        let contents = Contents {
            from: from.to_owned(),
            bead: bead.to_owned(),
            ..Contents::default()
        };
        Handoff::new("gt-handoff-1", &contents, &stamp(1))
    }

    #[test]
    fn work_goes_with_its_bead_and_the_rest_with_the_agent() {
        let check = |from, about, agent, bead, want| {
            assert_eq!(handoff(from, about).is_for(agent, bead), want);
        };
        check("api/polecats/nux", "gt-1", "api/polecats/nux", "gt-1", true);
        check("api/polecats/nux", "gt-1", "api/polecats/ace", "gt-1", true);
        check(
            "api/polecats/nux",
            "gt-1",
            "api/polecats/nux",
            "gt-2",
            false,
        );
        check("api/crew/joe", "", "api/crew/joe", "", true);
        check("api/crew/joe", "", "api/crew/joe", "gt-2", true);
        check("api/crew/joe", "gt-1", "api/crew/joe", "", true);
        check("api/crew/joe", "", "mayor/", "", false);
    }

    #[test]
    fn it_is_taken_once_and_says_by_whom() {
        let mut handoff = handoff("mayor/", "");
        assert!(handoff.waits() && handoff.taken_by().is_empty());
        handoff.take("s1", &stamp(2));
        handoff.take("s2", &stamp(3));
        assert_eq!((handoff.waits(), handoff.record().life()), (false, 1));
    }
}
