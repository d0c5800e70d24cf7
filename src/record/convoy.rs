//! A convoy: beads that are followed together, and who is told when all of them are done.

use serde_json::{Map, Value, json};

use crate::ledger::index::{Draft, Key, ORDER, Shape};
use crate::ledger::{Name, Record, Stamp};

/// What the index keeps of convoys: which beads they have.
pub(super) const SHAPE: Shape = Shape {
    ledger: Name::Convoys,
    version: 1,
    row: |record| {
        let convoy = Convoy::of(record)?;
        Some(Draft {
            is_live: convoy.is_live(),
            order: [0; ORDER],
            body: Vec::new(),
            keys: convoy.beads().map(Convoy::key_of).collect(),
        })
    },
};

/// Work that travels together. How far it has come is its beads' to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Convoy(Record);

impl Convoy {
    /// Returns the key of convoys that have a bead.
    pub fn key_of(bead: &str) -> Key {
        Key::of("bead", bead)
    }

    /// The kind of these records.
    pub const KIND: &'static str = "convoy";

    /// Returns the convoy a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND).then_some(Self(record))
    }

    /// Returns a new convoy without beads.
    pub fn new(id: &str, title: &str, created: &Stamp) -> Self {
        let mut record = Record::new(id, Self::KIND, created);
        record.set("title", Some(title.into()), created);
        Self(record)
    }

    /// Returns a convoy that follows from something else: whoever derives it makes the same record, so
    /// that nobody created it first and each field has the stamp of its cause.
    pub fn derived(id: &str, title: &str, cause: &Stamp) -> Self {
        let mut record = Record::new(id, Self::KIND, &Stamp::zero());
        record.set("title", Some(title.into()), cause);
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

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns the title.
    pub fn title(&self) -> &str {
        self.0.text("title")
    }

    /// Returns who made it, empty for one that was derived.
    pub fn owner(&self) -> &str {
        self.0.text("owner")
    }

    /// Returns the ids of its beads, sorted.
    pub fn beads(&self) -> impl Iterator<Item = &str> {
        self.0.entries("beads").map(|(id, _)| id)
    }

    /// Returns whether a bead travels in it.
    pub fn tracks(&self, bead: &str) -> bool {
        self.0.entry("beads", bead).is_some()
    }

    /// Adds a bead.
    pub fn add(&mut self, bead: &str, stamp: &Stamp) {
        self.0.set_entry("beads", bead, Some(true.into()), stamp);
    }

    /// Takes a bead out.
    pub fn remove(&mut self, bead: &str, stamp: &Stamp) {
        self.0.set_entry("beads", bead, None, stamp);
    }

    /// Tells an address of its end, or does so no more.
    pub fn tell(&mut self, address: &str, on: bool, stamp: &Stamp) {
        let value = on.then(|| true.into());
        self.0.set_entry("notify", address, value, stamp);
    }

    /// Returns the addresses that were asked to be told of its end, sorted.
    pub fn notify(&self) -> impl Iterator<Item = &str> {
        self.0.entries("notify").map(|(address, _)| address)
    }

    /// Returns whether the human is to be told of its end.
    pub fn is_for_human(&self) -> bool {
        self.0.flag("human")
    }

    /// Returns whether it stays open until somebody lands it.
    pub fn is_owned(&self) -> bool {
        self.0.flag("owned")
    }

    /// Returns whether it is open.
    pub fn is_live(&self) -> bool {
        self.0.life() % 2 == 0
    }

    /// Returns `open` or `closed`.
    pub fn status(&self) -> &str {
        if self.is_live() { "open" } else { "closed" }
    }

    /// Returns why it was closed, empty while it is open.
    pub fn reason(&self) -> &str {
        self.end("reason")
    }

    /// Returns who closed it, empty where nobody had to.
    pub fn closed_by(&self) -> &str {
        self.end("by")
    }

    fn end(&self, key: &str) -> &str {
        let value = self.0.entry("state", key).filter(|_| !self.is_live());
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns when it was made.
    pub fn made(&self) -> Stamp {
        self.0.stamp_of("title")
    }

    /// Returns when its state was last set; when it was made, as long as nobody did.
    pub fn turned(&self) -> Stamp {
        self.0.stamp_of("state")
    }

    /// Closes it: an even life is raised by one. `by` is who did, empty where its beads did.
    pub fn close(&mut self, reason: &str, by: &str, stamp: &Stamp) {
        let life = self.0.life();
        let mut state = Map::new();
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), "closed".into());
        for (key, text) in [("reason", reason), ("by", by)] {
            if !text.is_empty() {
                state.insert(key.to_owned(), text.into());
            }
        }
        self.0.set("state", Some(Value::Object(state)), stamp);
    }

    /// Opens it again: an odd life is raised by one.
    pub fn reopen(&mut self, stamp: &Stamp) {
        let life = self.0.life();
        let state = json!({ "life": life + life % 2, "status": "open" });
        self.0.set("state", Some(state), stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    #[test]
    fn life_counts_ends() {
        let mut convoy = Convoy::new("gt-cv-1", "launch", &stamp(1));
        assert_eq!((convoy.status(), convoy.reason()), ("open", ""));
        convoy.close("done", "ada", &stamp(2));
        convoy.close("done", "ada", &stamp(3));
        assert_eq!((convoy.record().life(), convoy.status()), (1, "closed"));
        assert_eq!((convoy.reason(), convoy.closed_by()), ("done", "ada"));
        convoy.reopen(&stamp(4));
        assert_eq!((convoy.record().life(), convoy.status()), (2, "open"));
        assert_eq!(convoy.reason(), "");
    }

    #[test]
    fn beads_are_kept_by_their_ids() {
        let mut convoy = Convoy::new("gt-cv-1", "launch", &stamp(1));
        convoy.add("gt-2", &stamp(2));
        convoy.add("gt-1", &stamp(3));
        assert_eq!(convoy.beads().collect::<Vec<_>>(), ["gt-1", "gt-2"]);
        assert!(convoy.tracks("gt-1") && !convoy.tracks("gt-3"));
    }
}
