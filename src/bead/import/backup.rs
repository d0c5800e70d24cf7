//! The tables of `.beads/backup`: rows as a database holds them become issues again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fault::{Fault, Result};

/// Columns that are true or false and written as 1 or 0.
const FLAGS: [&str; 5] = [
    "crystallizes",
    "ephemeral",
    "is_template",
    "no_history",
    "pinned",
];

/// Columns that hold JSON as text.
const TEXTS: [&str; 4] = ["bonded_from", "metadata", "payload", "waiters"];

/// Columns in which rows of edges name what they lead to.
const TARGETS: [&str; 4] = [
    "depends_on_id",
    "depends_on_issue_id",
    "depends_on_wisp_id",
    "depends_on_external",
];

/// The tables whose rows belong to issues, and the field of an issue they become.
const TABLES: [&str; 3] = ["comments", "dependencies", "labels"];

/// Rows that belong to issues, by issue and field.
#[derive(Debug, Default)]
pub(super) struct Tables(BTreeMap<String, Map<String, Value>>);

/// Returns whether an object is a row of a table and no issue: booleans are numbers there.
pub(super) fn is_row(fields: &Map<String, Value>) -> bool {
    let is_number = |key: &&str| fields.get(*key).is_some_and(Value::is_number);
    fields.contains_key("id") && (fields.contains_key("timeout_ns") || FLAGS.iter().any(is_number))
}

impl Tables {
    /// Adds the rows of a table; returns how many belong to no issue, which is so of all rows of tables that
    /// are the database's own.
    pub(super) fn add(&mut self, table: &str, text: &[u8]) -> Result<usize> {
        let lines = text.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        if !TABLES.contains(&table) {
            return Ok(lines.count());
        }
        for (number, line) in lines {
            let added = self.add_row(table, line);
            added.map_err(|fault| fault.within(&format!("{table}.jsonl: line {}", number + 1)))?;
        }
        Ok(0)
    }

    fn add_row(&mut self, table: &str, line: &[u8]) -> Result<()> {
        let bad = |what: &str| Fault::invalid(what);
        let row = serde_json::from_slice(line);
        let mut row: Map<String, Value> = row.map_err(|_| bad("no row: not a JSON object"))?;
        row.retain(|_, value| !is_nothing(value));
        let issue = row.get("issue_id").and_then(Value::as_str);
        let issue = issue.ok_or_else(|| bad("no 'issue_id'"))?.to_owned();
        let value = match table {
            "labels" => row.remove("label").ok_or_else(|| bad("no 'label'"))?,
            "dependencies" => {
                let target = TARGETS.iter().find_map(|key| row.remove(*key));
                let target = target.ok_or_else(|| bad("no 'depends_on_id'"))?;
                row.insert("depends_on_id".to_owned(), target);
                Value::Object(row)
            }
            _ => Value::Object(row),
        };
        let fields = self.0.entry(issue).or_default();
        let list = fields
            .entry(table)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
        Ok(())
    }

    /// Returns the ids of issues that have rows here.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the issue that a row is, with what belongs to it.
    pub(super) fn issue(&self, mut row: Map<String, Value>) -> Map<String, Value> {
        for key in FLAGS {
            let flag = row.get(key).and_then(Value::as_i64);
            if let Some(flag) = flag {
                row.insert(key.to_owned(), (flag != 0).into());
            }
        }
        for key in TEXTS {
            let text = row.get(key).and_then(Value::as_str);
            let held = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let Some(held) = held.filter(|it| it.is_object() || it.is_array()) {
                row.insert(key.to_owned(), held);
            }
        }
        if let Some(timeout) = row.remove("timeout_ns") {
            row.insert("timeout".to_owned(), timeout);
        }
        for (key, value) in &mut row {
            if key.ends_with("_at") || ["due_at", "defer_until"].contains(&key.as_str()) {
                in_utc(value);
            }
        }
        // A priority of 0 is one; everything else is where a column has no value.
        row.retain(|key, value| key == "priority" || !is_nothing(value));
        let more = row
            .get("id")
            .and_then(Value::as_str)
            .and_then(|id| self.0.get(id));
        row.extend(more.cloned().unwrap_or_default());
        row
    }
}

/// Returns whether a column has no value.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    }
}

/// Writes a time as databases print it, `2026-01-02 03:04:05`, as RFC 3339.
fn in_utc(value: &mut Value) {
    let Some(text) = value.as_str() else {
        return;
    };
    if let Some((day, time)) = text.split_once(' ')
        && day.len() == 10
        && time
            .bytes()
            .all(|it| it.is_ascii_digit() || b":.".contains(&it))
    {
        *value = format!("{day}T{time}Z").into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_issues() {
        let mut tables = Tables::default();
        let edge = r#"{"issue_id":"gt-1","depends_on_id":null,"depends_on_issue_id":"gt-2","type":"blocks","thread_id":""}"#;
        assert_eq!(tables.add("dependencies", edge.as_bytes()).unwrap(), 0);
        let labels =
            "{\"issue_id\":\"gt-1\",\"label\":\"a\"}\n\n{\"issue_id\":\"gt-1\",\"label\":\"b\"}\n";
        assert_eq!(tables.add("labels", labels.as_bytes()).unwrap(), 0);
        assert_eq!(tables.add("events", b"{}\n{}\n").unwrap(), 2);
        let row = json!({
            "id": "gt-1", "title": "t", "priority": 0, "ephemeral": 0, "pinned": 1, "assignee": null,
            "metadata": "{\"a\":1}", "waiters": "", "timeout_ns": 5, "created_at": "2026-01-02 03:04:05",
            "updated_at": "2026-01-02T03:04:05Z", "notes": "", "odd": "[",
        });
        let row = row.as_object().unwrap().clone();
        assert!(is_row(&row));
        let want = json!({
            "id": "gt-1", "title": "t", "priority": 0, "pinned": true, "metadata": { "a": 1 }, "timeout": 5,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "odd": "[",
            "labels": ["a", "b"],
            "dependencies": [{ "issue_id": "gt-1", "depends_on_id": "gt-2", "type": "blocks" }],
        });
        let issue = tables.issue(row);
        assert_eq!(Value::Object(issue.clone()), want);
        assert!(!is_row(&issue));
    }

    #[test]
    fn rows_that_make_no_sense_are_named() {
        let check = |table: &str, text: &str, want: &str| {
            let fault = Tables::default().add(table, text.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), want);
        };
        check(
            "labels",
            "\n{",
            "labels.jsonl: line 2: no row: not a JSON object",
        );
        check(
            "labels",
            "{\"label\":\"a\"}",
            "labels.jsonl: line 1: no 'issue_id'",
        );
        check(
            "labels",
            "{\"issue_id\":\"a\"}",
            "labels.jsonl: line 1: no 'label'",
        );
        check(
            "dependencies",
            "{\"issue_id\":\"a\"}",
            "dependencies.jsonl: line 1: no 'depends_on_id'",
        );
    }
}
