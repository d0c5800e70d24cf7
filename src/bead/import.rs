//! Import: issues as bd and br write them become records, the same on every machine.
//!
//! What a line says is kept: known keys as fields, times as they are written, everything else verbatim
//! under `extra`. The stamps come from the line's own times, so that the join of two imports, or of an
//! import and local edits, gives the newer (DESIGN 3.3).

mod backup;
mod checklist;
mod github;
mod pile;
mod scan;

use std::collections::BTreeMap;

pub use github::Target;
pub use pile::{Form, Input, Pile, Plan, Refused, Rest, What, by_reference};
use serde_json::{Map, Value};

use super::beads::PARENT_CHILD;
use super::dates::Instant;
use super::export::CREATED_STAMP;
use super::json::{OF_TOMBSTONE, raw};
use super::words::is_status;
use crate::fault::{Fault, Result};
use crate::ledger::{RECORD_MAX, Record, Stamp, Time, digest, is_plain_id, revised};
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

/// What a line is to a bead that is here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// All there is to say: what it leaves out is not so.
    All,
    /// What another place knows of it: what it leaves out stays.
    Part,
    /// What was to be done, and whether it was: nothing else of what is here is changed.
    Done,
}

/// What importing a bead comes to.
#[derive(Debug)]
pub enum Imported {
    /// It is new here.
    Created(Record),
    /// It changes what is here to what it says.
    Updated(Record),
    /// It changes some of what is here, and the rest stays.
    Merged(Record),
    /// What is here says as much already.
    Unchanged,
}

/// Returns the bead that an object of a JSONL file is.
///
/// `now` is when what does not say when it was made is taken to be; without it, that is refused.
pub fn read(fields: Map<String, Value>, now: Option<Time>) -> Result<Bead> {
    let bead = read_again(fields, now)?;
    check(bead.record())?;
    Ok(bead)
}

/// Returns the same of what was [`read`] before: it is not looked at again whether it can be written.
fn read_again(fields: Map<String, Value>, now: Option<Time>) -> Result<Bead> {
    Reader::new(fields, now)?.bead()
}

/// Refuses what could not be written or read again.
fn check(record: &Record) -> Result<()> {
    let bytes = record.encode();
    if bytes.len() > RECORD_MAX {
        return Err(too_large(record, bytes.len()));
    }
    Record::decode(&bytes).map(drop)
}

fn too_large(record: &Record, size: usize) -> Fault {
    let sizes = record
        .fields()
        .map(|(field, value)| (value.to_string().len(), field));
    let (largest, field) = sizes.max().unwrap_or_default();
    let field = if field == "deps" {
        "dependencies"
    } else {
        field
    };
    Fault::invalid(format!(
        "{}: {size} bytes, more than the {RECORD_MAX} a record may have; '{field}' alone has {largest}",
        record.id()
    ))
}

/// Returns what importing a bead changes about the record that is here.
///
/// What is later in the line is changed and nothing else: two machines that import two later lines apart
/// have each changed what differs from the line both knew.
pub fn merge(here: Option<Record>, told: &Bead, says: Says) -> Result<Imported> {
    let mut imported = told.record().clone();
    let Some(here) = here else {
        return Ok(Imported::Created(imported));
    };
    let Some(known) = Bead::of(here.clone()) else {
        return Err(Fault::refused(format!(
            "{} is here, but is no bead",
            imported.id()
        )));
    };
    match says {
        Says::All => {}
        Says::Part => {
            github::check_origin(&here, &imported)?;
            complete(&mut imported, &here);
        }
        Says::Done => return Ok(finished(here, &imported)),
    }
    turn(&mut imported, &here);
    let joined = revised(&here, &imported);
    if joined == here || says == Says::All && raw(&known) == raw(told) {
        return Ok(Imported::Unchanged);
    }
    check(&joined)?;
    Ok(match Bead::of(joined.clone()) {
        Some(it) if says == Says::All && content(&it) != content(told) => Imported::Merged(joined),
        _ => Imported::Updated(joined),
    })
}

/// Returns what a bead says, without when it last changed.
fn content(bead: &Bead) -> Map<String, Value> {
    let mut content = raw(bead);
    content.remove("updated_at");
    content
}

/// Lets what an import leaves out be as it is here. So does a state: work that goes on here, or ended here,
/// does so whatever another place has heard of it.
fn complete(imported: &mut Record, here: &Record) {
    for (field, value) in here.fields().filter(|(field, _)| *field != "state") {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if imported.entry(field, key).is_none() {
                        let stamp = here.stamp_of_entry(field, key);
                        imported.set_entry(field, key, Some(value.clone()), &stamp);
                    }
                }
            }
            value if imported.get(field).is_none() => {
                imported.set(field, Some(value.clone()), &here.stamp_of(field));
            }
            _ => {}
        }
    }
    let is_finished = |record: &Record| record.life() % 2 != 0;
    let ended_here = is_finished(here) && here.entry("state", "closed_at").is_none();
    if ended_here || is_finished(here) == is_finished(imported) {
        imported.set("state", here.get("state").cloned(), &here.stamp_of("state"));
    }
}

/// Returns a bead that is here, closed where the import says that it is done and it never was before.
fn finished(here: Record, imported: &Record) -> Imported {
    if imported.life() % 2 == 0 || here.life() > 0 {
        return Imported::Unchanged;
    }
    let known = here.stamp_of("state");
    let told = imported.stamp_of("state");
    let stamp = if told > known {
        told
    } else {
        Stamp::just_after(&known)
    };
    let mut closed = here;
    closed.set("state", imported.get("state").cloned(), &stamp);
    Imported::Updated(closed)
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
    /// Whether it says when it was made. What does not was made by nobody first: two machines that read it
    /// have the same bead.
    is_born: bool,
    created: (String, Instant),
    updated: (String, Instant),
    /// The stamp of every value.
    low: Stamp,
}

impl Reader {
    fn new(mut fields: Map<String, Value>, now: Option<Time>) -> Result<Self> {
        let Some(id) = named(&fields, "id")?.map(str::to_owned) else {
            return Err(Fault::invalid("no 'id'"));
        };
        if !is_plain_id(&id) {
            return Err(
                Fault::invalid(format!("'id' is '{id}', which cannot be an id"))
                    .hint("an id is made of letters, digits, dots, dashes, underscores and colons"),
            );
        }
        fields.remove("id");
        let at = |fault: Fault| fault.within(&id);
        let created = take_time(&mut fields, "created_at").map_err(at)?;
        let updated = take_time(&mut fields, "updated_at").map_err(at)?;
        let is_born = created.is_some() || updated.is_some();
        let now = now.filter(|_| !is_born).map(|it| it.to_string());
        let now = now.and_then(|text| Some((Instant::parse(&text)?, text)));
        let now = now.map(|(instant, text)| (text, instant));
        let created = created.or_else(|| updated.clone()).or(now);
        let created = created.ok_or_else(|| at(Fault::invalid("no 'created_at'")))?;
        let updated = updated.unwrap_or_else(|| created.clone());
        // Not of the line: of two that were written at one moment chance would decide what stays, where each
        // can only add to the other.
        let hash = digest(&[id.as_bytes()]);
        let low = Stamp::imported(updated.1.time(), &hash[..8]);
        Ok(Self {
            id,
            fields,
            is_born,
            created,
            updated,
            low,
        })
    }

    fn bead(mut self) -> Result<Bead> {
        let created = self.created_stamp();
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
        if !self.is_born {
            return Stamp::zero();
        }
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
        let at = |fault: Fault| fault.within(&self.id);
        let title = named(&self.fields, "title").map_err(at)?;
        let title = title.unwrap_or_default().to_owned();
        let status = named(&self.fields, "status").map_err(at)?;
        if title.trim().is_empty() && status != Some("tombstone") {
            return Err(at(Fault::invalid("no 'title'")));
        }
        named(&self.fields, "issue_type").map_err(at)?;
        self.fields.remove("title");
        if !title.is_empty() {
            record.set("title", Some(title.into()), &self.low);
        }
        // bd's old merge driver left out a priority of 0.
        let priority = match self.fields.remove("priority") {
            None | Some(Value::Null) => 0,
            Some(value) => value.as_i64().ok_or_else(|| {
                Fault::invalid(format!(
                    "{}: 'priority' is {}, not an integer",
                    self.id,
                    brief(&value)
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
        let mut deps: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
        for edge in take_list(&mut self.fields, "dependencies").unwrap_or_default() {
            let (target, kind, more) = self.edge(edge)?;
            if kind == PARENT_CHILD && record.get("parent").is_none() {
                record.set("parent", Some(target.as_str().into()), &self.low);
                let more = Some(Value::Object(more));
                record.set_entry("parent_edges", &target, more, &self.low);
                continue;
            }
            let mut value = more;
            value.insert("type".to_owned(), kind.into());
            deps.entry(target).or_default().push(value);
        }
        for (target, edges) in deps {
            record.set_entry("deps", &target, Some(with_also(edges)), &self.low);
        }
        self.parent(record);
        Ok(())
    }

    /// Takes a computed `parent`, which counts only where no edge says it.
    fn parent(&mut self, record: &mut Record) {
        let parent = take_text(&mut self.fields, "parent");
        if let Some(parent) = parent.filter(|_| record.get("parent").is_none()) {
            record.set("parent", Some(parent.into()), &self.low);
        }
    }

    fn edge(&self, edge: Value) -> Result<(String, String, Map<String, Value>)> {
        let bad =
            |what: &str| Fault::invalid(format!("{}: 'dependencies' has one {what}", self.id));
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
                    "{}: 'comments' has one that is no object",
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
        let time = if at.is_empty() {
            self.created.1.time()
        } else {
            let instant = instant(at).map_err(|what| {
                Fault::invalid(format!("{}: 'comments' has one of '{at}', {what}", self.id))
            })?;
            instant.time()
        };
        let ours = text("id")
            .parse::<Stamp>()
            .ok()
            .filter(|it| it.time().to_string() == at);
        if let Some(stamp) = ours {
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
            match record.entry("comments", key.as_str()) {
                Some(known) if known.as_object() != Some(comment) => {}
                _ => return Ok(key),
            }
        }
        Err(Fault::invalid("more equal comments than there are numbers"))
    }
}

/// Returns edges to one target as one value: the first, and the others in `also`.
fn with_also(edges: Vec<Map<String, Value>>) -> Value {
    let mut edges = edges.into_iter();
    let mut first = edges.next().unwrap_or_default();
    let mut also: Vec<Value> = edges.map(Value::Object).collect();
    if !also.is_empty() {
        also.sort_by_cached_key(Value::to_string);
        first.insert("also".to_owned(), also.into());
    }
    Value::Object(first)
}

/// Returns the text under a key that can hold nothing else; none where it is missing, null or empty.
fn named<'f>(fields: &'f Map<String, Value>, key: &str) -> Result<Option<&'f str>> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => Err(Fault::invalid(format!(
            "'{key}' is {}, not text",
            brief(other)
        ))),
    }
}

/// Returns a value as JSON, not all of it where it is long.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
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
    let Some(text) = named(fields, key)?.map(str::to_owned) else {
        fields.remove(key);
        return Ok(None);
    };
    fields.remove(key);
    match instant(&text) {
        Ok(instant) => Ok(Some((text, instant))),
        Err(what) => Err(Fault::invalid(format!("'{key}' is '{text}', {what}"))),
    }
}

/// Returns the instant a text names, if a record can be stamped with it.
fn instant(text: &str) -> Result<Instant, &'static str> {
    let instant = Instant::parse(text).ok_or("which is no time")?;
    match Stamp::imported(instant.time(), "0").check() {
        Ok(()) => Ok(instant),
        Err(_) => Err("beyond the year 2100"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::join;

    /// Returns a line of `day`, with more fields.
    fn line(day: u32, more: &str) -> Bead {
        let text = format!(
            r#"{{"id":"gt-1","title":"t","priority":2,"created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-{day:02}T00:00:00Z"{more}}}"#
        );
        told(&text).unwrap()
    }

    fn told(text: &str) -> Result<Bead> {
        read(serde_json::from_str(text).unwrap(), None)
    }

    fn imported(here: Option<&Record>, line: &Bead) -> Record {
        told_as(here, line, Says::All)
    }

    fn told_as(here: Option<&Record>, line: &Bead, says: Says) -> Record {
        match merge(here.cloned(), line, says).unwrap() {
            Imported::Created(it) | Imported::Updated(it) | Imported::Merged(it) => it,
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

    #[test]
    fn a_field_that_makes_no_sense_is_named() {
        let check = |more: &str, want: &str| {
            let text =
                format!(r#"{{"id":"gt-1","title":"t","created_at":"2025-01-01T00:00:00Z"{more}}}"#);
            let fault = told(&text).unwrap_err();
            assert!(fault.to_string().contains(want), "{more}: {fault}");
        };
        check(r#","title":" ""#, "gt-1: no 'title'");
        check(r#","title":["t"]"#, r#"gt-1: 'title' is ["t"], not text"#);
        check(r#","id":7"#, "'id' is 7, not text");
        check(r#","id":"-rf""#, "'id' is '-rf', which cannot be an id");
        check(
            r#","id":"a/../b""#,
            "'id' is 'a/../b', which cannot be an id",
        );
        check(r#","status":5"#, "gt-1: 'status' is 5, not text");
        check(r#","issue_type":{}"#, "gt-1: 'issue_type' is {}, not text");
        check(
            r#","priority":1.5"#,
            "gt-1: 'priority' is 1.5, not an integer",
        );
        check(
            r#","priority":"high""#,
            r#"gt-1: 'priority' is "high", not an integer"#,
        );
        check(
            r#","updated_at":"soon""#,
            "gt-1: 'updated_at' is 'soon', which is no time",
        );
        check(
            r#","updated_at":"2300-01-01T00:00:00Z""#,
            "gt-1: 'updated_at' is '2300-01-01T00:00:00Z', beyond the year 2100",
        );
        check(
            r#","created_at":"+10000-01-01T00:00:00Z""#,
            "gt-1: 'created_at' is",
        );
        check(
            r#","comments":[1]"#,
            "gt-1: 'comments' has one that is no object",
        );
        check(
            r#","comments":[{"created_at":"soon"}]"#,
            "gt-1: 'comments' has one of 'soon'",
        );
        check(
            r#","comments":[{"created_at":"2300-01-01T00:00:00Z"}]"#,
            "gt-1: 'comments' has one of '2300",
        );
        check(
            r#","dependencies":[[]]"#,
            "gt-1: 'dependencies' has one that is no object",
        );
        check(
            r#","dependencies":[{}]"#,
            "gt-1: 'dependencies' has one without 'depends_on_id'",
        );
        let long = format!(r#","notes":"{}""#, "x".repeat(RECORD_MAX));
        check(&long, "a record may have; 'notes' alone has 1048578");
        let edges = vec![r#"{"depends_on_id":"gt-2"}"#; 50_000].join(",");
        check(
            &format!(r#","dependencies":[{edges}]"#),
            "'dependencies' alone has",
        );
    }

    #[test]
    fn what_another_place_knows_is_added_and_takes_nothing_away() {
        let check = |here: &str, told: &str, want: &str| {
            let [here, told] = [line(1, here), line(2, told)];
            let merged = told_as(Some(here.record()), &told, Says::Part);
            let status = Some(merged.status()).filter(|it| !it.is_empty());
            let labels = merged.entries("labels").map(|(label, _)| label);
            let words: Vec<&str> = labels.chain([merged.text("notes")]).chain(status).collect();
            assert_eq!(words.join(" "), want);
        };
        check(
            r#","labels":["a"],"notes":"n""#,
            r#","labels":["b"]"#,
            "a b n",
        );
        check(r#","notes":"n""#, r#","notes":"m""#, "m");
        check(
            r#","status":"in_progress""#,
            r#","status":"open""#,
            " in_progress",
        );
        check("", r#","status":"closed""#, " closed");
        check(r#","status":"closed""#, r#","status":"open""#, " open");
        check(
            r#","status":"tombstone""#,
            r#","status":"closed""#,
            " deleted",
        );
    }

    #[test]
    fn work_that_ended_here_does_not_begin_again_elsewhere() {
        let mut bead = line(1, "");
        let stamp = Stamp::imported(Time(1_735_700_000_000), "x");
        bead.close("done", &stamp);
        let told = line(9, r#","title":"new""#);
        let merged = told_as(Some(bead.record()), &told, Says::Part);
        assert_eq!((merged.status(), merged.text("title")), ("closed", "new"));
    }

    #[test]
    fn a_box_that_is_ticked_closes_once_and_changes_nothing_else() {
        let [open, ticked] = ["", r#","status":"closed""#].map(|it| line(1, it));
        let mut bead = open.clone();
        bead.record_mut()
            .set("title", Some("here".into()), &Stamp::imported(Time(1), "x"));
        let tick =
            |bead: &Bead| Bead::of(told_as(Some(bead.record()), &ticked, Says::Done)).unwrap();
        let mut closed = tick(&bead);
        assert_eq!((closed.status(), closed.title()), ("closed", "here"));
        assert_eq!(tick(&closed), closed);
        let again = told_as(Some(closed.record()), &open, Says::Done);
        assert_eq!(&again, closed.record());
        closed.reopen(&Stamp::imported(Time(2_000_000_000_000), "x"));
        assert_eq!(tick(&closed), closed);
    }
}
