//! A gate: a check that must pass before anything lands.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::ledger::{Record, Stamp, canonical, digest};
use crate::text::matches;

/// Where a gate gets a variable of its environment from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// From whoever runs it, and another value there is another result.
    Passed,
    /// From whoever runs it, whatever the value: a token, a socket.
    Secret,
    /// From its definition.
    Set(String),
}

/// What a result of a gate holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The tree it ran on, or what its inputs name of it.
    #[default]
    Tree,
    /// The commit it ran on: it looks at messages, authors, trailers.
    Commit,
}

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

    /// Returns the line that runs before the command, in the same worktree and within the same time; empty
    /// where there is none. A gate whose setup fails is red.
    pub fn setup(&self) -> &str {
        self.0.text("setup")
    }

    /// Returns the variables it sees besides those that name the user, the place and the language, sorted by
    /// name; nothing where it sees all there are.
    pub fn environment(&self) -> Vec<(String, Variable)> {
        let variable = |value: &Value| match (value, value.get("value").and_then(Value::as_str)) {
            (_, Some(text)) => Variable::Set(text.to_owned()),
            (Value::String(how), _) if how == "secret" => Variable::Secret,
            _ => Variable::Passed,
        };
        let all = self.0.entries("env");
        all.map(|(name, it)| (name.to_owned(), variable(it)))
            .collect()
    }

    /// Returns the paths its verdict depends on, sorted; none: all.
    pub fn inputs(&self) -> Vec<String> {
        self.names("inputs")
    }

    /// Returns the patterns of the branches it is required for, sorted; none: all.
    pub fn targets(&self) -> Vec<String> {
        self.names("targets")
    }

    /// Returns whether it must pass before anything lands on a branch.
    pub fn applies_to(&self, branch: &str) -> bool {
        let targets = self.targets();
        targets.is_empty() || targets.iter().any(|it| matches(it, branch))
    }

    /// Returns the gates that are to pass before this one begins, sorted.
    pub fn needs(&self) -> Vec<String> {
        self.names("needs")
    }

    /// Returns whether somebody has said that it never fails by chance.
    pub fn is_deterministic(&self) -> bool {
        self.0.flag("deterministic")
    }

    /// Returns what a result of it holds for.
    pub fn scope(&self) -> Scope {
        match self.0.text("by") {
            "commit" => Scope::Commit,
            _ => Scope::Tree,
        }
    }

    /// Returns how much memory each of its processes may have, in bytes; nothing: as much as there is.
    pub fn memory(&self) -> Option<u64> {
        self.limit("memory")
    }

    /// Returns how large a file it may write, in bytes; nothing: as large as there is room for.
    pub fn file_size(&self) -> Option<u64> {
        self.limit("file_size")
    }

    /// Returns by how much it lets others go first, see nice(1). This changes no verdict.
    pub fn nice(&self) -> Option<i32> {
        let by = self.0.integer("nice")?;
        i32::try_from(by).ok().filter(|by| (1..20).contains(by))
    }

    fn limit(&self, what: &str) -> Option<u64> {
        let mut limits = self.0.entries("limits");
        limits.find(|(name, _)| *name == what)?.1.as_u64()
    }

    /// Returns the paths in the worktree that stay between two runs, sorted.
    pub fn keep(&self) -> Vec<String> {
        self.names("keep")
    }

    fn names(&self, field: &str) -> Vec<String> {
        let all = self.0.entries(field);
        all.map(|(name, _)| name.to_owned()).collect()
    }

    /// Returns the hash of everything that can change its verdict: part of the key of its results, and what
    /// is accepted when a command from elsewhere is allowed to run here. How long a CI may take changes no
    /// verdict. A program that does not know a field that is set here has another hash, and so does not accept
    /// the gate.
    pub fn definition(&self) -> String {
        let (timeout, keep);
        let mut parts: Vec<&[u8]> = match self.ci() {
            Some(check) => vec![b"ci", check.as_bytes()],
            None => {
                keep = canonical(&Value::from(self.keep()));
                timeout = self.timeout().as_secs().to_string();
                let command = self.command().as_bytes();
                vec![b"gate", command, timeout.as_bytes(), keep.as_bytes()]
            }
        };
        let more = self.refined();
        let more = (!more.is_empty()).then(|| canonical(&Value::Object(more)));
        parts.extend(more.as_ref().map(String::as_bytes));
        digest(&parts)
    }

    /// Returns those of the fields that a gate may have and the first ones had not, as far as they are set:
    /// what says no more than before has the hash it had before.
    fn refined(&self) -> Map<String, Value> {
        let variable = |(name, it): (String, Variable)| match it {
            Variable::Passed => (name, Value::from(true)),
            Variable::Secret => (name, Value::from("secret")),
            Variable::Set(text) => (name, serde_json::json!({ "value": text })),
        };
        let env: Map<String, Value> = self.environment().into_iter().map(variable).collect();
        let limits = [("file_size", self.file_size()), ("memory", self.memory())];
        let limits = limits
            .into_iter()
            .filter_map(|(name, most)| Some((name.to_owned(), Value::from(most?))));
        let by = match self.scope() {
            Scope::Tree => "",
            Scope::Commit => "commit",
        };
        let fields = [
            ("by", Value::from(by)),
            ("deterministic", Value::from(self.is_deterministic())),
            ("env", Value::Object(env)),
            ("inputs", Value::from(self.inputs())),
            ("limits", Value::Object(limits.collect())),
            ("needs", Value::from(self.needs())),
            ("setup", Value::from(self.setup())),
            ("targets", Value::from(self.targets())),
        ];
        let is_set = |value: &Value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(all) => !all.is_empty(),
            Value::Object(all) => !all.is_empty(),
            other => other.as_bool() != Some(false),
        };
        let set = fields.into_iter().filter(|(_, value)| is_set(value));
        set.map(|(name, value)| (name.to_owned(), value)).collect()
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

    #[test]
    fn a_gate_that_says_no_more_than_before_is_the_same_gate() {
        let gate = |fields: &[(&str, Value)]| {
            let mut record = Gate::new("test").record().clone();
            for (field, value) in fields {
                record.set(field, Some(value.clone()), &Stamp::zero());
            }
            Gate::of(record).expect("it is a gate")
        };
        let command = ("command", Value::from("make test"));
        let plain = gate(std::slice::from_ref(&command));
        // Kept from before there was more to say: results and acceptances are found by it.
        assert_eq!(plain.definition(), "f2b2c3454b1836bdebfe030e4f352c5e");
        let kept = ("keep", serde_json::json!({ "target": true }));
        let kept = gate(&[command.clone(), kept, ("timeout", 60.into())]);
        assert_eq!(kept.definition(), "469d3e5ff60460b75ba326be2b4e14cd");
        assert_eq!(
            gate(&[("ci", "unit".into())]).definition(),
            "ebbe99f191a94f8382ed233b70cac42b"
        );
        let check = |field: &str, empty: Value, value: Value, counts: bool| {
            let empty = gate(&[command.clone(), (field, empty)]);
            assert_eq!(empty.definition(), plain.definition(), "{field}");
            let set = gate(&[command.clone(), (field, value)]);
            assert_eq!(set.definition() != plain.definition(), counts, "{field}");
        };
        let names = || serde_json::json!({ "a": true });
        for field in ["env", "inputs", "needs", "targets"] {
            check(field, serde_json::json!({}), names(), true);
        }
        check("by", "tree".into(), "commit".into(), true);
        check("deterministic", false.into(), true.into(), true);
        check("setup", "".into(), "npm ci".into(), true);
        let memory = serde_json::json!({ "memory": 1 });
        check("limits", serde_json::json!({}), memory, true);
        check("nice", 0.into(), 10.into(), false);
        check("later", "".into(), "unknown".into(), false);
    }

    #[test]
    fn a_gate_applies_to_the_branches_it_names() {
        let check = |targets: &[&str], branch: &str, want: bool| {
            let mut record = Gate::new("test").record().clone();
            for target in targets {
                record.set_entry("targets", target, Some(true.into()), &Stamp::zero());
            }
            let gate = Gate::of(record).expect("it is a gate");
            assert_eq!(gate.applies_to(branch), want, "{targets:?} {branch}");
        };
        check(&[], "main", true);
        check(&["main"], "main", true);
        check(&["main"], "main2", false);
        check(&["release/*", "main"], "release/1.0/fix", true);
        check(&["release/*"], "main", false);
    }
}
