//! A text that is kept under a key, known by it: what scripts keep, and what agents remember.

use serde_json::{Map, Value};

use crate::ledger::{Record, Stamp};

/// A text under a key. Keys that begin with [`Kv::MEMORY`] are memories.
#[derive(Debug, Clone, PartialEq)]
pub struct Kv(Record);

impl Kv {
    /// The kind of these records.
    pub const KIND: &'static str = "kv";

    /// What the keys of memories begin with.
    pub const MEMORY: &'static str = "memory.";

    /// Returns the id of what is kept under a key.
    pub fn id_of(key: &str) -> String {
        format!("kv.{key}")
    }

    /// Returns the text a record is, nothing when it is of another kind or cleared.
    pub fn of(record: Record) -> Option<Self> {
        let live = record.kind() == Self::KIND && record.life() % 2 == 0;
        (live && record.id().starts_with("kv.")).then_some(Self(record))
    }

    /// Returns a key that nobody has written to yet.
    pub fn new(key: &str) -> Self {
        Self(Record::new(&Self::id_of(key), Self::KIND, &Stamp::zero()))
    }

    /// Returns the text of a record that may have been cleared, kept again.
    pub fn revived(mut record: Record, stamp: &Stamp) -> Self {
        let life = record.life();
        if life % 2 != 0 {
            let state = Map::from_iter([("life".to_owned(), (life + 1).into())]);
            record.set("state", Some(Value::Object(state)), stamp);
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

    /// Returns the key.
    pub fn key(&self) -> &str {
        self.0.id().strip_prefix("kv.").unwrap_or_default()
    }

    /// Returns the key of a memory, nothing for what scripts keep.
    pub fn memory(&self) -> Option<&str> {
        self.key().strip_prefix(Self::MEMORY)
    }

    /// Returns the text.
    pub fn value(&self) -> &str {
        self.0.text("value")
    }

    /// Keeps another text.
    pub fn set(&mut self, value: &str, stamp: &Stamp) {
        self.0.set("value", Some(value.into()), stamp);
    }

    /// Makes a tombstone of it: the text is gone, the key is free.
    pub fn clear(&mut self, stamp: &Stamp) {
        let life = self.0.life();
        let mut state = Map::new();
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), "deleted".into());
        self.0.delete(state, stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::join;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().expect("it is a stamp")
    }

    #[test]
    fn two_machines_that_keep_something_under_one_key_keep_one_text() {
        let kept = |text, at| {
            let mut kv = Kv::new("memory.feedback.tests");
            kv.set(text, &stamp(at));
            kv
        };
        let (one, other) = (kept("run them", 5), kept("run them with -race", 6));
        let both = Kv::of(join(one.record(), other.record())).expect("it is kept");
        assert_eq!(both, other);
        assert_eq!(both.memory(), Some("feedback.tests"));
    }

    #[test]
    fn what_was_cleared_can_be_kept_again() {
        let mut kv = Kv::new("k");
        kv.set("one", &stamp(1));
        kv.clear(&stamp(2));
        let cleared = kv.into_record();
        assert_eq!(Kv::of(cleared.clone()), None);
        let mut kv = Kv::revived(cleared, &stamp(3));
        kv.set("two", &stamp(3));
        let kv = Kv::of(kv.into_record()).expect("it is kept");
        assert_eq!(
            (kv.value(), kv.memory(), kv.record().life()),
            ("two", None, 2)
        );
    }
}
