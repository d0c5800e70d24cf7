//! Import: lines of the JSONL files of bd and br become records, the same on every machine.
//!
//! What a line says is kept: known keys as fields, times as they are written, everything else verbatim
//! under `extra`. The stamps come from the line's own times, so that the join of two imports, or of an
//! import and local edits, gives the newer (DESIGN 3.3).

use serde_json::{Map, Value};

use super::beads::PARENT_CHILD;
use super::dates::Instant;
use super::export::CREATED_STAMP;
use super::json::{OF_TOMBSTONE, raw};
use super::words::is_status;
use crate::fault::{Fault, Result};
use crate::ledger::{RECORD_MAX, Record, Stamp, digest, is_plain_id, join, revised};
use crate::record::Bead;

/// Fields of plain text that are stored under bd's name.
const TEXTS: [&str; 24] = [
    "acceptance_criteria",
    "assignee",
    "await_id",
    "await_type",
    "created_by",
    "defer_until",
    "description",
    "design",
    "due_at",
    "event_kind",
    "external_ref",
    "mol_type",
    "notes",
    "owner",
    "sender",
    "source_formula",
    "source_location",
    "source_system",
    "spec_id",
    "target",
    "actor",
    "payload",
    "wisp_type",
    "work_type",
];

/// Fields that are stored under bd's name where they are true.
const FLAGS: [&str; 4] = ["ephemeral", "is_template", "no_history", "pinned"];

/// Keys that are computed, and so never stored.
const DERIVED: [&str; 5] = [
    "_type",
    "comment_count",
    "dependency_count",
    "dependent_count",
    "schema_version",
];

/// What one line of a file is.
#[derive(Debug)]
pub enum Line {
    /// A bead: its id and the canonical text of its record, which takes less memory than the record.
    Bead(String, Vec<u8>),
    /// A header or a memory, which is no bead.
    Other,
}

/// What importing a bead comes to.
#[derive(Debug)]
pub enum Imported {
    /// It is new here.
    Created(Record),
    /// It changes what is here.
    Updated(Record),
    /// What is here says as much already.
    Unchanged,
}

/// Counts of an import, and what was changed.
#[derive(Debug, Default)]
pub struct Merged {
    /// Ids of beads that are new.
    pub created: Vec<String>,
    /// Ids of beads that changed.
    pub updated: Vec<String>,
    /// How many stayed as they were.
    pub unchanged: usize,
}

/// Returns what a line of a JSONL file is.
pub fn read(line: &str) -> Result<Line> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| Fault::invalid(format!("not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(Fault::invalid("not an object"));
    };
    let other = fields
        .get("_type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind != "issue");
    if fields.contains_key("_schema") || other {
        return Ok(Line::Other);
    }
    let bead = Reader::new(fields)?.bead()?;
    let text = check(bead.record())?;
    Ok(Line::Bead(bead.id().to_owned(), text))
}

/// Returns what two lines say of one bead, as texts of its record.
pub fn both(one: &[u8], other: &[u8]) -> Result<Vec<u8>> {
    let [one, other] = [one, other].map(Record::decode_known);
    check(&join(&one?, &other?))
}

/// Refuses what could not be written or read again; returns how it would be written.
fn check(record: &Record) -> Result<Vec<u8>> {
    let bytes = record.encode();
    if bytes.len() > RECORD_MAX {
        return Err(Fault::invalid(format!(
            "{} bytes, more than the {RECORD_MAX} a record may have",
            bytes.len()
        )));
    }
    Record::decode(&bytes)?;
    Ok(bytes)
}

/// Returns what importing a bead, the text of whose record a line has become, changes about the record that is
/// here.
///
/// What is later in the line is changed and nothing else: two machines that import two later lines apart
/// have each changed what differs from the line both knew.
pub fn merge(here: Option<Record>, text: &[u8]) -> Result<Imported> {
    let mut imported = Record::decode_known(text)?;
    let Some(here) = here else {
        return Ok(Imported::Created(imported));
    };
    let bead = Bead::of(imported.clone());
    turn(&mut imported, &here);
    let joined = revised(&here, &imported);
    if joined == here {
        return Ok(Imported::Unchanged);
    }
    let Some(known) = Bead::of(here) else {
        return Err(Fault::refused(format!(
            "{} is here, but is no bead",
            imported.id()
        )));
    };
    if bead.is_some_and(|bead| raw(&known) == raw(&bead)) {
        return Ok(Imported::Unchanged);
    }
    check(&joined)?;
    Ok(Imported::Updated(joined))
}

/// Lets an imported state that is later than what is here follow on it: a line says whether a bead is closed,
/// not how often it was. What was deleted is not revived.
fn turn(imported: &mut Record, here: &Record) {
    let stamp = imported.stamp_of("state");
    let known = here.get("state").and_then(Value::as_object);
    if known.is_none() || stamp <= here.stamp_of("state") || here.status() == "deleted" {
        return;
    }
    let life = here.life() + (here.life() + imported.life()) % 2;
    let state = imported.get("state").and_then(Value::as_object);
    let open = || Map::from_iter([("status".to_owned(), "open".into())]);
    let mut state = state.cloned().unwrap_or_else(open);
    state.insert("life".to_owned(), life.into());
    if known != Some(&state) {
        imported.set("state", Some(Value::Object(state)), &stamp);
    }
}

/// A line being taken apart: what is taken is gone from `fields`, what is left is `extra`.
struct Reader {
    id: String,
    fields: Map<String, Value>,
    created: (String, Instant),
    updated: (String, Instant),
    /// The stamp of every value.
    low: Stamp,
}

impl Reader {
    fn new(mut fields: Map<String, Value>) -> Result<Self> {
        let id = take_text(&mut fields, "id").ok_or_else(|| Fault::invalid("no 'id'"))?;
        if !is_plain_id(&id) {
            return Err(Fault::invalid(format!("'{id}' cannot be an id"))
                .hint("an id is made of letters, digits, dots, dashes, underscores and colons"));
        }
        let created = take_time(&mut fields, "created_at")?;
        let updated = take_time(&mut fields, "updated_at")?;
        let created = created.or_else(|| updated.clone());
        let created = created.ok_or_else(|| Fault::invalid(format!("{id}: no 'created_at'")))?;
        let updated = updated.unwrap_or_else(|| created.clone());
        // Not of the line: of two that were written at one moment chance would decide what stays, where each
        // can only add to the other.
        let hash = digest(&[id.as_bytes()]);
        let low = Stamp::imported(updated.1.time(), &hash[..8]);
        low.check()?;
        Ok(Self {
            id,
            fields,
            created,
            updated,
            low,
        })
    }

    fn bead(mut self) -> Result<Bead> {
        let created = self.created_stamp();
        created.check()?;
        let mut record = Record::new(&self.id, Bead::KIND, &created);
        record.set_low(&self.low);
        for key in DERIVED {
            self.fields.remove(key);
        }
        self.head(&mut record)?;
        self.state(&mut record);
        self.plain(&mut record);
        self.times(&mut record);
        self.dependencies(&mut record)?;
        self.labels(&mut record);
        self.comments(&mut record)?;
        for (key, value) in std::mem::take(&mut self.fields) {
            record.set_entry("extra", &key, Some(value), &self.low);
        }
        Bead::of(record).ok_or_else(|| Fault::invalid("not a bead"))
    }

    /// Returns the stamp of the bead's creation: the one it was made under, where the line says so, else
    /// one that follows from the id and the time alone.
    fn created_stamp(&mut self) -> Stamp {
        let time = self.created.1.time();
        let told = take_text(&mut self.fields, CREATED_STAMP);
        let told = told.and_then(|text| text.parse::<Stamp>().ok());
        told.filter(|stamp| stamp.time() == time)
            .unwrap_or_else(|| {
                let hash = digest(&[self.id.as_bytes(), self.created.0.as_bytes()]);
                Stamp::imported(time, &hash[..8])
            })
    }

    fn head(&mut self, record: &mut Record) -> Result<()> {
        let title = take_text(&mut self.fields, "title").unwrap_or_default();
        let status = self.fields.get("status").and_then(Value::as_str);
        if title.trim().is_empty() && status != Some("tombstone") {
            return Err(Fault::invalid(format!("{}: no 'title'", self.id)));
        }
        if !title.is_empty() {
            record.set("title", Some(title.into()), &self.low);
        }
        // bd's old merge driver left out a priority of 0.
        let priority = match self.fields.remove("priority") {
            None | Some(Value::Null) => 0,
            Some(value) => value.as_i64().ok_or_else(|| {
                Fault::invalid(format!(
                    "{}: 'priority' is {value}, not an integer",
                    self.id
                ))
            })?,
        };
        if priority != 2 {
            record.set("priority", Some(priority.into()), &self.low);
        }
        let kind = take_text(&mut self.fields, "issue_type").filter(|kind| kind != "task");
        if let Some(kind) = kind {
            record.set("type", Some(kind.into()), &self.low);
        }
        Ok(())
    }

    fn state(&mut self, record: &mut Record) {
        let status = take_text(&mut self.fields, "status").unwrap_or_else(|| "open".to_owned());
        let mut state = Map::new();
        let mut finished = false;
        let stored = match status.as_str() {
            "open" => return,
            "tombstone" | "deleted" => {
                finished = true;
                self.take_into(&mut state, &OF_TOMBSTONE);
                "deleted"
            }
            other if other == "closed" || self.is_finished(other) => {
                self.take_into(&mut state, &["closed_at", "closed_by_session"]);
                let at = self.updated.0.as_str();
                state.entry("closed_at").or_insert_with(|| at.into());
                if let Some(reason) = take_text(&mut self.fields, "close_reason") {
                    state.insert("reason".to_owned(), reason.into());
                }
                finished = true;
                other
            }
            other => other,
        };
        state.insert("life".to_owned(), i64::from(finished).into());
        state.insert("status".to_owned(), stored.into());
        record.set("state", Some(Value::Object(state)), &self.low);
    }

    /// Returns whether a status that not every project has is one of a finished bead: when it was closed is said.
    fn is_finished(&self, status: &str) -> bool {
        !is_status(status) && self.fields.get("closed_at").is_some_and(Value::is_string)
    }

    fn take_into(&mut self, state: &mut Map<String, Value>, keys: &[&str]) {
        for key in keys {
            if let Some(text) = take_text(&mut self.fields, key) {
                state.insert((*key).to_owned(), text.into());
            }
        }
    }

    fn plain(&mut self, record: &mut Record) {
        if self.fields.get("wisp") == Some(&Value::Bool(true)) {
            self.fields.remove("wisp");
            self.fields.insert("ephemeral".to_owned(), true.into());
        }
        for key in TEXTS {
            if let Some(text) = take_text(&mut self.fields, key) {
                record.set(key, Some(text.into()), &self.low);
            }
        }
        for key in FLAGS {
            if self.fields.get(key) == Some(&Value::Bool(true)) {
                record.set(key, self.fields.remove(key), &self.low);
            }
        }
        for key in ["estimated_minutes", "timeout"] {
            if self
                .fields
                .get(key)
                .and_then(Value::as_i64)
                .is_some_and(|it| it != 0)
            {
                record.set(key, self.fields.remove(key), &self.low);
            }
        }
        let entries = self.fields.get("metadata").and_then(Value::as_object);
        if entries.is_some_and(|entries| !entries.is_empty())
            && let Some(Value::Object(entries)) = self.fields.remove("metadata")
        {
            for (key, value) in entries {
                record.set_entry("metadata", &key, Some(value), &self.low);
            }
        }
    }

    fn times(&mut self, record: &mut Record) {
        let started = take_text(&mut self.fields, "started_at");
        let times = [
            ("created", Some(self.created.0.clone())),
            ("updated", Some(self.updated.0.clone())),
            ("started", started),
        ];
        for (key, text) in times {
            if let Some(text) = text {
                record.set_entry("times", key, Some(text.into()), &self.low);
            }
        }
    }

    /// Edges are keyed by target; the first one to a parent is `parent`, a second one to the same target
    /// stands in `also`.
    fn dependencies(&mut self, record: &mut Record) -> Result<()> {
        let Some(edges) = take_list(&mut self.fields, "dependencies") else {
            return self.parent(record);
        };
        for edge in edges {
            let (target, kind, more) = self.edge(edge)?;
            if kind == PARENT_CHILD && record.get("parent").is_none() {
                record.set("parent", Some(target.as_str().into()), &self.low);
                record.set_entry(
                    "parent_edges",
                    &target,
                    Some(Value::Object(more)),
                    &self.low,
                );
                continue;
            }
            let mut value = more;
            value.insert("type".to_owned(), kind.into());
            let value = match record.entry("deps", &target).cloned() {
                None => Value::Object(value),
                Some(known) => with_also(known, value),
            };
            record.set_entry("deps", &target, Some(value), &self.low);
        }
        self.parent(record)
    }

    /// Takes a computed `parent`, which counts only where no edge says it.
    fn parent(&mut self, record: &mut Record) -> Result<()> {
        let parent = take_text(&mut self.fields, "parent");
        if let Some(parent) = parent.filter(|_| record.get("parent").is_none()) {
            record.set("parent", Some(parent.into()), &self.low);
        }
        Ok(())
    }

    fn edge(&self, edge: Value) -> Result<(String, String, Map<String, Value>)> {
        let bad = |what: &str| Fault::invalid(format!("{}: a dependency {what}", self.id));
        let Value::Object(mut more) = edge else {
            return Err(bad("that is no object"));
        };
        if more.contains_key("also") {
            return Err(bad("with the key 'also', which is taken"));
        }
        let target = take_text(&mut more, "depends_on_id");
        let target = target.ok_or_else(|| bad("without 'depends_on_id'"))?;
        let kind = take_text(&mut more, "type").unwrap_or_else(|| "blocks".to_owned());
        if more.get("issue_id").and_then(Value::as_str) == Some(&self.id) {
            more.remove("issue_id");
        }
        Ok((target, kind, more))
    }

    fn labels(&mut self, record: &mut Record) {
        let texts = |value: &Value| {
            let list = value.as_array();
            list.is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
        };
        if !self.fields.get("labels").is_some_and(texts) {
            return;
        }
        for label in take_list(&mut self.fields, "labels").unwrap_or_default() {
            let label = label.as_str().unwrap_or_default();
            record.set_entry("labels", label, Some(true.into()), &self.low);
        }
    }

    fn comments(&mut self, record: &mut Record) -> Result<()> {
        for comment in take_list(&mut self.fields, "comments").unwrap_or_default() {
            let Value::Object(mut comment) = comment else {
                return Err(Fault::invalid(format!(
                    "{}: a comment that is no object",
                    self.id
                )));
            };
            if comment.get("issue_id").and_then(Value::as_str) == Some(&self.id) {
                comment.remove("issue_id");
            }
            let key = self.comment_key(record, &mut comment)?;
            record.set_entry("comments", key.as_str(), Some(Value::Object(comment)), &key);
        }
        Ok(())
    }

    /// Returns the key of a comment: the stamp of its time and a hash, or the stamp that its id is where
    /// git gt wrote it.
    fn comment_key(&self, record: &Record, comment: &mut Map<String, Value>) -> Result<Stamp> {
        let text = |key: &str| comment.get(key).and_then(Value::as_str).unwrap_or_default();
        let at = text("created_at");
        let time = match Instant::parse(at) {
            Some(instant) => instant.time(),
            None if at.is_empty() => self.created.1.time(),
            None => {
                return Err(Fault::invalid(format!(
                    "{}: a comment of '{at}', which is no time",
                    self.id
                )));
            }
        };
        let ours = text("id")
            .parse::<Stamp>()
            .ok()
            .filter(|it| it.time().to_string() == at);
        if let Some(stamp) = ours {
            stamp.check()?;
            comment.remove("id");
            comment.remove("created_at");
            return Ok(stamp);
        }
        let parts = [self.id.as_str(), at, text("author"), text("text")];
        for nonce in 0_u64.. {
            let nonce = nonce.to_string();
            let parts: Vec<&[u8]> = parts
                .iter()
                .chain([&nonce.as_str()])
                .map(|it| it.as_bytes())
                .collect();
            let key = Stamp::imported(time, &digest(&parts)[..8]);
            key.check()?;
            match record.entry("comments", key.as_str()) {
                Some(known) if known.as_object() != Some(comment) => {}
                _ => return Ok(key),
            }
        }
        Err(Fault::invalid("more equal comments than there are numbers"))
    }
}

fn with_also(known: Value, more: Map<String, Value>) -> Value {
    let Value::Object(mut known) = known else {
        return Value::Object(more);
    };
    let also = known
        .entry("also")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Some(also) = also.as_array_mut() {
        also.push(Value::Object(more));
        also.sort_by_cached_key(Value::to_string);
    }
    Value::Object(known)
}

/// Takes a key whose value is text that is not empty.
fn take_text(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    let text = fields
        .get(key)?
        .as_str()
        .filter(|text| !text.is_empty())?
        .to_owned();
    fields.remove(key);
    Some(text)
}

/// Takes a key whose value is a list that is not empty.
fn take_list(fields: &mut Map<String, Value>, key: &str) -> Option<Vec<Value>> {
    let filled = fields
        .get(key)?
        .as_array()
        .is_some_and(|list| !list.is_empty());
    match filled.then(|| fields.remove(key)).flatten() {
        Some(Value::Array(list)) => Some(list),
        _ => None,
    }
}

fn take_time(fields: &mut Map<String, Value>, key: &str) -> Result<Option<(String, Instant)>> {
    let Some(text) = take_text(fields, key) else {
        return Ok(None);
    };
    match Instant::parse(&text) {
        Some(instant) => Ok(Some((text, instant))),
        None => Err(Fault::invalid(format!(
            "'{key}' is '{text}', which is no time"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a line of `day`, with more fields.
    fn line(day: u32, more: &str) -> Vec<u8> {
        let text = format!(
            r#"{{"id":"gt-1","title":"t","priority":2,"created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-{day:02}T00:00:00Z"{more}}}"#
        );
        match read(&text).unwrap() {
            Line::Bead(_, text) => text,
            Line::Other => panic!("{text}"),
        }
    }

    fn imported(here: Option<&Record>, line: &[u8]) -> Record {
        match merge(here.cloned(), line).unwrap() {
            Imported::Created(record) | Imported::Updated(record) => record,
            Imported::Unchanged => here.unwrap().clone(),
        }
    }

    /// Two machines import what both began with, each a line of its own after that, and meet.
    #[track_caller]
    fn check(base: (u32, &str), left: (u32, &str), right: (u32, &str), want: &str) {
        let base = imported(None, &line(base.0, base.1));
        let sides = [left, right].map(|(day, more)| imported(Some(&base), &line(day, more)));
        let joined = join(&sides[0], &sides[1]);
        assert_eq!(joined, join(&sides[1], &sides[0]));
        let mut found: Vec<String> = joined.entries("labels").map(|it| it.0.to_owned()).collect();
        found.extend(["status", "notes"].map(|field| match field {
            "status" => joined.status().to_owned(),
            field => joined.text(field).to_owned(),
        }));
        assert_eq!(found.join(" ").trim(), want);
    }

    #[test]
    fn what_one_line_changed_is_not_taken_back_by_a_later_one_that_did_not_know() {
        let (a, ab) = (r#","labels":["a"]"#, r#","labels":["a","b"]"#);
        let noted = r#","labels":["a"],"notes":"n""#;
        check((1, a), (2, ab), (3, noted), "a b  n");
        check((1, a), (3, ab), (2, noted), "a b  n");
        check(
            (1, ab),
            (2, a),
            (3, r#","labels":["a","b"],"notes":"n""#),
            "a  n",
        );
        check((1, a), (2, r#","notes":"n""#), (3, a), "n");
    }

    #[test]
    fn a_line_of_the_same_moment_adds_and_one_of_before_says_nothing() {
        let (a, ab) = (r#","labels":["a"]"#, r#","labels":["a","b"]"#);
        check((2, a), (2, ab), (2, ""), "a b");
        check((2, a), (1, ab), (1, ""), "a");
    }

    #[test]
    fn two_lines_of_one_moment_that_nobody_knew_before_add_to_each_other() {
        let check = |left: &str, right: &str, want: &[&str]| {
            let sides = [left, right].map(|more| imported(None, &line(1, more)));
            let joined = join(&sides[0], &sides[1]);
            assert_eq!(joined, join(&sides[1], &sides[0]));
            let labels: Vec<&str> = joined.entries("labels").map(|it| it.0).collect();
            assert_eq!([&labels[..], &[joined.text("notes")]].concat(), want);
        };
        // Whatever else the lines say: none of it is to decide by chance.
        for more in ["", r#","spec_id":"x""#, r#","spec_id":"y""#] {
            let noted = format!(r#","notes":"n"{more}"#);
            check(r#","labels":["a"]"#, &noted, &["a", "n"]);
            check(r#","labels":["a"],"notes":"m""#, more, &["a", "m"]);
        }
        check(r#","notes":"m""#, r#","notes":"n""#, &["n"]);
    }

    #[test]
    fn a_later_line_closes_and_opens_again_and_revives_nothing() {
        let status = |it: &str| format!(r#","status":"{it}""#);
        let [open, hooked, closed, gone] = ["open", "hooked", "closed", "tombstone"].map(status);
        check((1, &closed), (2, &open), (1, &closed), "open");
        check((1, &hooked), (2, &open), (1, &hooked), "open");
        check((1, &closed), (2, &open), (3, &closed), "open");
        check((1, &open), (2, &closed), (3, &open), "closed");
        check((1, &gone), (2, &open), (1, &gone), "deleted");
        // Opened again, it can be closed again.
        let record = imported(None, &line(1, &closed));
        let record = imported(Some(&record), &line(2, &open));
        assert_eq!(imported(Some(&record), &line(3, &closed)).life(), 3);
    }
}
