//! A freeze: a branch that nothing, or only what is urgent, lands on for a while.

use serde_json::{Map, Value};

use super::Class;
use crate::ledger::{Record, Stamp, Time};

/// Whether a target is frozen. Known by the target's name, so that two machines that freeze it write the
/// same record; everything about it stands in `state`, which is joined as a whole: a thaw beats a freeze
/// that was changed meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze(Record);

impl Freeze {
    /// The kind of these records.
    pub const KIND: &'static str = "freeze";

    /// Returns the id of the freeze of a target.
    pub fn id_of(target: &str) -> String {
        format!("freeze.{target}")
    }

    /// Returns the freeze a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && record.id().starts_with("freeze.")).then_some(Self(record))
    }

    /// Returns a target that was never frozen.
    pub fn new(target: &str) -> Self {
        let id = Self::id_of(target);
        let mut record = Record::new(&id, Self::KIND, &Stamp::zero());
        let never = serde_json::json!({ "life": 1, "status": "thawed" });
        record.set("state", Some(never), &Stamp::zero());
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

    /// Returns the branch, by its short name.
    pub fn target(&self) -> &str {
        self.0.id().strip_prefix("freeze.").unwrap_or_default()
    }

    /// Returns whether nobody has thawed it.
    pub fn is_live(&self) -> bool {
        self.0.life() % 2 == 0
    }

    /// Returns whether it holds at a time.
    pub fn holds_at(&self, now: Time) -> bool {
        self.is_live() && self.until().is_none_or(|until| now < until)
    }

    /// Returns who has frozen it.
    pub fn by(&self) -> &str {
        self.said("by")
    }

    /// Returns why.
    pub fn reason(&self) -> &str {
        self.said("reason")
    }

    /// Returns when it ends by itself. What cannot be read ends never.
    pub fn until(&self) -> Option<Time> {
        Time::parse(self.said("until"))
    }

    /// Returns the least urgent class that lands all the same; nothing: none does.
    pub fn allows(&self) -> Option<Class> {
        Class::parse(self.said("allow"))
    }

    /// Returns when it was frozen.
    pub fn since(&self) -> Time {
        self.0.stamp_of("state").time()
    }

    fn said(&self, key: &str) -> &str {
        let found = self.0.entry("state", key).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    /// Freezes it, or changes how it is frozen: an odd life is raised by one.
    pub fn freeze(
        &mut self,
        (by, reason): (&str, &str),
        until: Option<Time>,
        allow: Option<Class>,
        stamp: &Stamp,
    ) {
        let life = self.0.life();
        let until = until.map(|it| it.to_string()).unwrap_or_default();
        let allow = allow.map(|it| it.to_string()).unwrap_or_default();
        let texts = [
            ("allow", allow.as_str()),
            ("by", by),
            ("reason", reason),
            ("status", "frozen"),
            ("until", until.as_str()),
        ];
        let said = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut state: Map<String, Value> = said
            .map(|(key, text)| (key.to_owned(), text.into()))
            .collect();
        state.insert("life".to_owned(), (life + life % 2).into());
        self.0.set("state", Some(Value::Object(state)), stamp);
    }

    /// Ends it: an even life is raised by one.
    pub fn thaw(&mut self, by: &str, stamp: &Stamp) {
        let life = self.0.life();
        let state =
            serde_json::json!({ "by": by, "life": life + 1 - life % 2, "status": "thawed" });
        self.0.set("state", Some(state), stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::join;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k7f2m3qa").parse().expect("it is a stamp")
    }

    #[test]
    fn a_freeze_ends_by_itself_or_by_a_thaw() {
        let mut freeze = Freeze::new("release/1");
        assert!(!freeze.holds_at(Time(0)), "nobody has frozen it");
        let until = Time(2_000_000_000_000);
        freeze.freeze(("ada", "demo"), Some(until), Some(Class::Hotfix), &stamp(1));
        assert_eq!(freeze.target(), "release/1");
        assert_eq!((freeze.by(), freeze.reason()), ("ada", "demo"));
        assert_eq!(freeze.allows(), Some(Class::Hotfix));
        assert!(freeze.holds_at(Time(until.0 - 1)) && !freeze.holds_at(until));
        let mut longer = freeze.clone();
        longer.freeze(("bob", "longer"), None, None, &stamp(3));
        assert!(longer.holds_at(until));
        freeze.thaw("ada", &stamp(2));
        assert!(!freeze.holds_at(Time(0)));
        // A thaw beats what was changed without knowing of it.
        let joined = join(freeze.record(), longer.record());
        assert_eq!(joined, *freeze.record());
        freeze.freeze(("ada", "again"), None, None, &stamp(4));
        assert!(freeze.holds_at(until));
    }
}
