//! Queries against an evaluation that knows nothing of theirs, and what cannot be read.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::*;
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
/// 2026-03-01T00:00:00Z
const NOW: Time = Time(1_772_323_200_000);

fn query(text: &str, now: Time) -> Result<Query> {
    super::query(text, now, &|word| {
        let word = word.to_lowercase().replace('-', "_");
        match ["open", "in_progress", "blocked", "closed"].contains(&word.as_str()) {
            true => Ok(word),
            false => Err(Fault::invalid(format!("'{word}' is no status"))),
        }
    })
}

/// A question as a test writes it.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str, &'static str, &'static str),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Fields with the signs they may be compared with and values to compare with.
const LEAVES: [(&str, &[&str], &[&str]); 23] = [
    ("status", &["=", "!="], &["open", "closed", "IN-PROGRESS"]),
    (
        "priority",
        &["=", "!=", "<", "<=", ">", ">="],
        &["0", "P2", "\"3\""],
    ),
    ("type", &["=", "!="], &["task", "Bug", "feat", "mine"]),
    ("issue_type", &["="], &["epic"]),
    (
        "assignee",
        &["=", "!="],
        &["ada", "ADA", "none", "''", "rig/polecats/nux"],
    ),
    ("owner", &["=", "!="], &["a@b.c", "null"]),
    (
        "label",
        &["=", "!="],
        &["api", "gt:slot", "none", "\"none\""],
    ),
    ("labels", &["="], &["UI"]),
    (
        "title",
        &["=", "!="],
        &["parse", "'or not'", "É", "\"say \\\"hi\\\"\""],
    ),
    ("description", &["=", "!="], &["down", "none", "'none'"]),
    ("notes", &["="], &["\"two\\nlines\""]),
    ("id", &["=", "!="], &["gt-1", "gt-*", "hq-*"]),
    ("parent", &["=", "!="], &["gt-p", "none"]),
    ("spec", &["=", "!="], &["docs/a.md", "docs/*", "none"]),
    (
        "created",
        &["=", "!=", "<", "<=", ">", ">="],
        &["1d", "2026-02-28", "'2026-02-27T12:00:00Z'"],
    ),
    ("updated", &["<", ">="], &["+2d", "24H"]),
    ("closed", &["=", "!=", "<", ">"], &["1d", "none"]),
    ("due", &["=", "<", "<="], &["1d", "2026-03-02", "none"]),
    ("pinned", &["=", "!="], &["true", "no"]),
    ("template", &["="], &["1"]),
    ("mol_type", &["=", "!="], &["swarm", "none"]),
    ("has_metadata_key", &["=", "!="], &["k", "a.b"]),
    ("metadata.k", &["=", "!="], &["v", "3", "none"]),
];

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (
        0..LEAVES.len(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    );
    let leaf = leaf.prop_map(|(at, op, value)| {
        let (field, ops, values) = LEAVES[at];
        let op = *op.get(ops);
        match (op, *value.get(values)) {
            // What is never there is not before anything.
            ("<" | "<=" | ">", "none") => Tree::Leaf(field, "=", "none"),
            (op, value) => Tree::Leaf(field, op, value),
        }
    });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Tree::Not(Box::new(it))),
            vec(inner.clone(), 2..4).prop_map(Tree::All),
            vec(inner, 2..4).prop_map(Tree::Any),
        ]
    })
}

/// Writes a question with more parentheses than it needs.
fn text(tree: &Tree) -> String {
    let list = |all: &[Tree], word: &str| {
        let all: Vec<String> = all.iter().map(text).collect();
        format!("({})", all.join(word))
    };
    match tree {
        Tree::Leaf(field, op, value) => format!(" {field} {op}{value}"),
        Tree::Not(it) => format!("not ({})", text(it)),
        Tree::All(all) => list(all, " and "),
        Tree::Any(all) => list(all, "\tOR "),
    }
}

/// A bead as a test knows it.
#[derive(Debug, Clone)]
struct Known {
    status: &'static str,
    priority: i64,
    kind: &'static str,
    who: &'static str,
    owner: &'static str,
    labels: Vec<&'static str>,
    title: &'static str,
    description: &'static str,
    notes: &'static str,
    parent: &'static str,
    spec: &'static str,
    /// Hours before now.
    created: u64,
    closed: Option<u64>,
    /// Hours behind now.
    due: Option<u64>,
    pinned: bool,
    mol: &'static str,
    metadata: Value,
}

fn known() -> impl Strategy<Value = Known> {
    let one = |all: &'static [&'static str]| prop::sample::select(all);
    let words = (
        one(&["open", "in_progress", "closed"]),
        one(&["task", "bug", "feature", "epic", "mine"]),
        one(&["", "ada", "rig/polecats/nux"]),
        one(&["", "A@b.c"]),
        prop::sample::subsequence(vec!["api", "gt:slot", "none", "ui"], 0..3),
    );
    let texts = (
        one(&["Parse it", "now OR NOT", "Éclair", "say \"hi\""]),
        one(&["", "up and DOWN", "none of it"]),
        one(&["", "two\nlines"]),
        one(&["", "gt-p"]),
        one(&["", "docs/a.md", "src"]),
    );
    let times = (
        0_u64..80,
        proptest::option::of(0_u64..60),
        proptest::option::of(0_u64..60),
    );
    let rest = (
        0_i64..5,
        any::<bool>(),
        one(&["", "swarm", "work"]),
        prop::sample::select(vec![
            json!({}),
            json!({ "k": "v" }),
            json!({ "a.b": null, "k": 3 }),
        ]),
    );
    (words, texts, times, rest).prop_map(|(words, texts, times, rest)| Known {
        status: words.0,
        kind: words.1,
        who: words.2,
        owner: words.3,
        labels: words.4,
        title: texts.0,
        description: texts.1,
        notes: texts.2,
        parent: texts.3,
        spec: texts.4,
        created: times.0,
        closed: times.1.filter(|_| words.0 == "closed"),
        due: times.2,
        priority: rest.0,
        pinned: rest.1,
        mol: rest.2,
        metadata: rest.3,
    })
}

impl Known {
    fn bead(&self) -> Bead {
        let at = |hours: u64| Stamp::imported(Time(NOW.0 - hours * HOUR), "k");
        let created = at(self.created);
        let mut bead = Bead::new("gt-1", self.title, &created);
        let record = bead.record_mut();
        for (field, text) in [
            ("type", self.kind),
            ("assignee", self.who),
            ("owner", self.owner),
            ("description", self.description),
            ("notes", self.notes),
            ("parent", self.parent),
            ("spec_id", self.spec),
            ("mol_type", self.mol),
        ] {
            record.set(field, (!text.is_empty()).then(|| text.into()), &created);
        }
        record.set("priority", Some(self.priority.into()), &created);
        record.set("pinned", self.pinned.then_some(true.into()), &created);
        let due = self.due.map(|it| Time(NOW.0 + it * HOUR).to_string());
        record.set("due_at", due.map(Value::from), &created);
        for label in &self.labels {
            record.set_entry("labels", label, Some(true.into()), &created);
        }
        for (key, value) in self.metadata.as_object().unwrap() {
            record.set_entry("metadata", key, Some(value.clone()), &created);
        }
        match self.closed {
            _ if self.status == "in_progress" => bead.set_status("in_progress", &created),
            _ if self.status == "open" => {}
            hours => {
                let time = Time(NOW.0 - hours.unwrap_or_default() * HOUR).to_string();
                let state = json!({ "closed_at": time, "life": 1, "status": "closed" });
                bead.record_mut().set("state", Some(state), &created);
            }
        }
        bead
    }

    /// Returns what the bead answers, by rules of its own.
    fn says(&self, tree: &Tree) -> bool {
        let (field, op, value) = match tree {
            Tree::Not(it) => return !self.says(it),
            Tree::All(all) => return all.iter().all(|it| self.says(it)),
            Tree::Any(all) => return all.iter().any(|it| self.says(it)),
            Tree::Leaf(field, op, value) => (*field, *op, *value),
        };
        let bare = match value.as_bytes()[0] {
            b'"' | b'\'' => &value[1..value.len() - 1],
            _ => value,
        };
        let bare = bare.replace("\\\"", "\"").replace("\\n", "\n");
        let lower = bare.to_lowercase();
        let nothing = bare.is_empty() || ["none", "null"].contains(&value);
        let same = |it: &str| {
            if nothing {
                it.is_empty()
            } else {
                it.to_lowercase() == lower
            }
        };
        let within = |it: &str| match nothing {
            true => it.is_empty(),
            false => it.to_lowercase().contains(&lower),
        };
        let glob = |it: &str| match (nothing, bare.strip_suffix('*')) {
            (true, _) => it.is_empty(),
            (_, Some(begin)) => it.starts_with(begin),
            _ => it == bare,
        };
        let is = match field {
            "status" => self.status == lower.replace('-', "_"),
            "priority" => {
                let other: i64 = bare.trim_start_matches('P').parse().unwrap();
                return ordered(op, &self.priority, &other);
            }
            "created" => return timed(op, Some(NOW.0 - self.created * HOUR), &bare),
            "updated" => return timed(op, Some(NOW.0 - self.created * HOUR), &bare),
            "due" if nothing => self.due.is_none(),
            "closed" if nothing => self.status != "closed",
            "due" => {
                return timed(
                    op,
                    self.due.map(|it| NOW.0 + it * HOUR),
                    &format!("+{bare}"),
                );
            }
            "closed" => {
                let hours = self.closed.unwrap_or_default();
                let closed = (self.status == "closed").then(|| NOW.0 - hours * HOUR);
                return timed(op, closed, &bare);
            }
            "type" | "issue_type" => self.kind == lower.replace("feat", "feature"),
            "assignee" => same(self.who),
            "owner" => same(self.owner),
            "label" | "labels" if nothing => self.labels.is_empty(),
            "label" | "labels" => self.labels.iter().any(|it| same(it)),
            "title" => within(self.title),
            "description" => within(self.description),
            "notes" => within(self.notes),
            "id" => glob("gt-1"),
            "parent" => glob(self.parent),
            "spec" => glob(self.spec),
            "pinned" => self.pinned == (value == "true"),
            "template" => false,
            "mol_type" => same(self.mol),
            "has_metadata_key" => self.metadata.get(&bare).is_some(),
            _ => match self.metadata.get("k") {
                None => nothing,
                Some(Value::String(text)) => *text == bare && !nothing,
                Some(other) => *other.to_string() == *bare,
            },
        };
        is == (op == "=")
    }
}

fn ordered<T: PartialOrd>(op: &str, a: &T, b: &T) -> bool {
    match op {
        "=" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    }
}

/// Compares a time with one of the few texts of [`LEAVES`].
fn timed(op: &str, time: Option<u64>, text: &str) -> bool {
    let Some(time) = time else { return false };
    let (at, is_day) = match text {
        "1d" => (NOW.0 - DAY, false),
        "24H" => (NOW.0 - DAY, false),
        "+1d" => (NOW.0 + DAY, false),
        "+2d" => (NOW.0 + 2 * DAY, false),
        "2026-02-28" => (NOW.0 - DAY, true),
        "+2026-03-02" => (NOW.0 + DAY, true),
        "2026-02-27T12:00:00Z" => (NOW.0 - 36 * HOUR, false),
        other => panic!("{other}"),
    };
    match op {
        "=" | "!=" => ordered(op, &(time / DAY), &(at / DAY)),
        "<=" if is_day => time < at + DAY,
        op => ordered(op, &time, &at),
    }
}

#[test]
fn queries_are_answered_and_printed_as_they_are_meant() {
    let config = Config {
        cases: 400,
        source_file: Some(file!()),
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&(tree(), vec(known(), 1..6)), |(tree, beads)| {
        let parsed = query(&text(&tree), NOW)
            .map_err(|fault| TestCaseError::fail(format!("{}: {fault}", text(&tree))))?;
        let printed = parsed.to_string();
        prop_assert_eq!(query(&printed, NOW).unwrap(), parsed.clone(), "{}", printed);
        for known in beads {
            let bead = known.bead();
            let row = BeadRow::of_bead(&bead);
            let want = known.says(&tree);
            prop_assert_eq!(parsed.of_bead(&row, &bead), want, "{} {:?}", printed, known);
            prop_assert!(
                parsed.of_row(&row).is_none_or(|it| it == want),
                "{}",
                printed
            );
        }
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_asked_is_printed_with_few_parentheses() {
    let check = |text: &str, want: &str| {
        assert_eq!(query(text, NOW).unwrap().to_string(), want, "{text}");
    };
    check("status=open and priority<2", "status=open AND priority<2");
    check(
        "(status=open OR status=blocked) AND NOT label=wip",
        "(status=open OR status=blocked) AND NOT label=wip",
    );
    check(
        "title=\"not\" or (id=a and id=b)",
        "title=\"not\" OR id=a AND id=b",
    );
    check("desc='' AND labels=NULL", "description=none AND label=none");
    check("assignee=api/polecats/nux", "assignee=api/polecats/nux");
    check("metadata.Team=core", "metadata.Team=core");
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    #[track_caller]
    fn check(text: &str, place: usize, said: &str) {
        let fault = query(text, NOW).unwrap_err().to_string();
        assert!(fault.contains(said), "{text}: {fault}");
        assert!(
            fault.contains(&format!("at character {place} ")),
            "{text}: {fault}"
        );
    }
    check("status=\"op ne\" AND id=a", 8, "'op ne' is no status");
    check("statsu=open", 1, "'statsu' is no field");
    check("status", 7, "'status' is compared with nothing");
    check("status=", 8, "a value is missing");
    check("status=open AND", 16, "a field is missing");
    check(
        "(status=open",
        13,
        "the parenthesis of character 1 is not closed",
    );
    check("status=open)", 12, "AND or OR is missing");
    check("status=open priority=1", 13, "AND or OR is missing");
    check("é=1", 1, "'é' is no field");
    check("title=É AND é", 13, "'é' is no field");
    check("title=\"open", 7, "have no end");
    check("title='a\\", 7, "have no end");
    check("priority=9", 10, "'9' is no priority");
    check("priority=-1", 10, "is no priority");
    check("status<open", 7, "is not more or less");
    check("closed<none", 8, "'closed' is never nothing");
    check("created>soon", 9, "'soon' is no time");
    check("created>99999999999d", 9, "out of range");
    check("pinned=maybe", 8, "neither true nor false");
    check("mol_type=x", 10, "none of them");
    check("id=a AND ! b", 10, "'!' stands alone");
    check("label=a,b", 8, "',' means nothing here");
    check("title=OR", 7, "a value is missing");
    check("metadata.=1", 1, "no key of metadata");
    check(&"(".repeat(1_000_000), 101, "nested deeper");
    check(&"NOT ".repeat(1_000_000), 401, "nested deeper");
    assert!(query(" \n", NOW).unwrap_err().to_string().contains("empty"));
    let long = vec!["id=a"; 50_000].join(" OR ");
    assert_eq!(query(&long, NOW).unwrap().to_string(), long);
}
