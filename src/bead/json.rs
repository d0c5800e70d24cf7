//! bd's JSON: beads as its commands print them and as its files hold them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::beads::{Beads, Graph, PARENT_CHILD};
use super::edges::targets;
use super::wait::waiters_json;
use crate::fault::Result;
use crate::record::{Bead, BeadRow, Comment, Edge};

/// Fields that are not printed as they are stored.
const OWN_SHAPE: [&str; 15] = [
    "args",
    "assignee",
    "claims",
    "comments",
    "deps",
    "extra",
    "labels",
    "outcomes",
    "parent",
    "parent_edges",
    "priority",
    "state",
    "times",
    "type",
    "waiters",
];

/// What hangs on a finished state and is printed beside it.
pub(super) const OF_TOMBSTONE: [&str; 4] =
    ["deleted_at", "deleted_by", "delete_reason", "original_type"];

/// A bead as one of bd's issues, as far as possible where it stands in its record.
pub type Fields<'b> = BTreeMap<&'b str, Cow<'b, Value>>;

/// Returns a bead as one of bd's issues, without edges and comments.
pub fn issue(bead: &Bead) -> Map<String, Value> {
    let fields = fields(bead).into_iter();
    fields
        .map(|(key, value)| (key.to_owned(), value.into_owned()))
        .collect()
}

/// Returns the same without copying what is long.
pub fn fields(bead: &Bead) -> Fields<'_> {
    let record = bead.record();
    let extra = record.entries("extra");
    let plain = record
        .fields()
        .filter(|(field, _)| !OWN_SHAPE.contains(field));
    let all = extra.chain(plain);
    let mut issue: Fields<'_> = all
        .map(|(key, value)| (key, Cow::Borrowed(value)))
        .collect();
    let status = if bead.is_deleted() {
        "tombstone"
    } else {
        bead.status()
    };
    let priority = record.get("priority").cloned().unwrap_or(2.into());
    let always = [
        ("id", bead.id().into()),
        ("title", bead.title().into()),
        ("status", status.into()),
        ("priority", priority),
        ("issue_type", bead.issue_type().into()),
        ("created_at", bead.created_at().into()),
        ("updated_at", bead.updated_at().into()),
    ];
    issue.extend(always.map(|(key, value)| (key, Cow::Owned(value))));
    let mut put = |key: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            issue.insert(key, Cow::Owned(value));
        }
    };
    put("assignee", bead.assignee().map(Value::from));
    put("started_at", started(bead).map(Value::from));
    let labels: Vec<Value> = bead.labels().map(Value::from).collect();
    put("labels", (!labels.is_empty()).then(|| labels.into()));
    put("waiters", waiters_json(bead));
    if bead.is_deleted() {
        let at = record.stamp_of("state").time().to_string();
        put("deleted_at", Some(at.into()));
        for key in OF_TOMBSTONE {
            put(key, record.entry("state", key).cloned());
        }
    } else if bead.is_closed() {
        put("closed_at", bead.closed_at().map(Value::from));
        put(
            "closed_by_session",
            record.entry("state", "closed_by_session").cloned(),
        );
        let reason = bead.close_reason();
        put("close_reason", (!reason.is_empty()).then(|| reason.into()));
    }
    issue
}

/// Returns when work began: what was written down, else the first claim.
pub(super) fn started(bead: &Bead) -> Option<String> {
    let written = bead
        .record()
        .entry("times", "started")
        .and_then(Value::as_str);
    written.map(str::to_owned).or_else(|| {
        let claims = bead.record().entries("claims");
        let held = claims.filter(|(_, claim)| claim.get("by").is_some_and(Value::is_string));
        let first = held
            .filter_map(|(key, _)| crate::ledger::Stamp::at_end_of(key))
            .min()?;
        Some(first.time().to_string())
    })
}

/// Returns a bead as a line of bd's files: with its edges and comments in raw form.
pub fn raw(bead: &Bead) -> Map<String, Value> {
    let mut issue = issue(bead);
    let edges = edges_of(bead);
    if !edges.is_empty() {
        issue.insert("dependencies".to_owned(), edges.into());
    }
    let comments: Vec<Value> = bead
        .comments()
        .iter()
        .map(|it| raw_comment(bead, it))
        .collect();
    if !comments.is_empty() {
        issue.insert("comments".to_owned(), comments.into());
    }
    issue
}

/// Returns the edges of a bead as bd's raw records, the one to its parent first.
pub fn edges_of(bead: &Bead) -> Vec<Value> {
    let record = bead.record();
    let parent = bead.parent().map(|target| {
        let more = record
            .entry("parent_edges", target)
            .and_then(Value::as_object);
        let at = record.stamp_of("parent").time();
        dependency(
            bead,
            &Edge {
                target,
                kind: PARENT_CHILD,
                more,
            },
            &at.to_string(),
        )
    });
    let edges = bead.edges().map(|edge| {
        let at = record.stamp_of_entry("deps", edge.target).time();
        dependency(bead, &edge, &at.to_string())
    });
    parent.into_iter().chain(edges).collect()
}

fn dependency(bead: &Bead, edge: &Edge<'_>, at: &str) -> Value {
    let mut raw = match edge.more {
        Some(more) => more.clone(),
        None => Map::from_iter([("created_at".to_owned(), at.into())]),
    };
    raw.remove("also");
    raw.entry("issue_id").or_insert_with(|| bead.id().into());
    raw.insert("depends_on_id".to_owned(), edge.target.into());
    raw.insert("type".to_owned(), edge.kind.into());
    Value::Object(raw)
}

fn raw_comment(bead: &Bead, comment: &Comment<'_>) -> Value {
    let stored = bead
        .record()
        .entry("comments", comment.key)
        .and_then(Value::as_object);
    let mut raw = stored.cloned().unwrap_or_default();
    raw.entry("issue_id").or_insert_with(|| bead.id().into());
    if comment.created_at.is_none() && stored.is_none_or(|it| !it.contains_key("id")) {
        let at = crate::ledger::Stamp::at_end_of(comment.key).map(|it| it.time().to_string());
        raw.insert("created_at".to_owned(), at.unwrap_or_default().into());
        raw.insert("id".to_owned(), comment.key.into());
    }
    Value::Object(raw)
}

/// Returns a comment as bd prints it; its id is always text.
pub fn comment(bead: &Bead, comment: &Comment<'_>) -> Value {
    let mut printed = raw_comment(bead, comment);
    if let Some(id) = printed.get("id").filter(|id| !id.is_string()) {
        printed["id"] = id.to_string().into();
    }
    printed
}

/// Returns all comments of a bead as bd prints them.
pub fn comments(bead: &Bead) -> Vec<Value> {
    bead.comments().iter().map(|it| comment(bead, it)).collect()
}

/// Returns an element of bd's lists: the issue, its raw edges, its parent and the three counts.
pub fn counted(bead: &Bead, dependents: usize) -> Fields<'_> {
    let mut issue = fields(bead);
    let edges = edges_of(bead);
    if !edges.is_empty() {
        issue.insert("dependencies", Cow::Owned(edges.into()));
    }
    let counts = counts(bead, dependents);
    issue.extend(counts.map(|(key, value)| (key, Cow::Owned(value))));
    issue
}

/// Returns how many beads wait for one: only edges of type `blocks` are counted, as bd does.
pub fn dependents(graph: &dyn Graph, id: &str) -> Result<usize> {
    let into = graph.leading_to(id)?;
    let edges = into.iter().flat_map(BeadRow::edges);
    Ok(edges
        .filter(|edge| edge.target == id && edge.kind == "blocks")
        .count())
}

/// Returns the counts, and the parent.
fn counts(bead: &Bead, dependents: usize) -> impl Iterator<Item = (&'static str, Value)> {
    let out = bead.edges().filter(|edge| edge.kind == "blocks").count();
    let comments = bead.record().entries("comments").count();
    let counts = [
        ("dependency_count", out),
        ("dependent_count", dependents),
        ("comment_count", comments),
    ];
    let parent = bead.parent().map(|parent| ("parent", parent.into()));
    let counts = counts.map(|(key, count)| (key, count.into()));
    counts.into_iter().chain(parent)
}

/// Returns an element of `show`: what a bead depends on as whole issues; on demand what depends on it and
/// its comments.
pub fn shown(
    beads: &Beads<'_, '_>,
    bead: &Bead,
    with_dependents: bool,
    with_comments: bool,
) -> Result<Value> {
    let mut issue = issue(bead);
    let counts = counts(bead, dependents(beads, bead.id())?);
    issue.extend(counts.map(|(key, value)| (key.to_owned(), value)));
    let edges = depends_on(beads, bead)?;
    if !edges.is_empty() {
        issue.insert("dependencies".to_owned(), edges.into());
    }
    if with_dependents {
        let found: Vec<Value> = beads
            .dependents(bead.id())?
            .iter()
            .map(|(it, kind)| brief(it, kind))
            .collect();
        issue.insert("dependents".to_owned(), found.into());
    }
    if with_comments {
        issue.insert("comments".to_owned(), comments(bead).into());
    }
    if bead.issue_type() == "epic" {
        let children = beads.children(bead.id())?;
        let total = children.len();
        let closed = children.iter().filter(|child| child.is_closed()).count();
        issue.insert("epic_total_children".to_owned(), total.into());
        issue.insert("epic_closed_children".to_owned(), closed.into());
        issue.insert(
            "epic_closeable".to_owned(),
            (total > 0 && total == closed).into(),
        );
    }
    Ok(Value::Object(issue))
}

/// Returns what a bead depends on: whole issues with the type of the edge; what is missing is left out.
fn depends_on(beads: &Beads<'_, '_>, bead: &Bead) -> Result<Vec<Value>> {
    let (mut rows, mut kinds) = (Vec::new(), Vec::new());
    for (target, kind) in targets(bead) {
        if let Some(row) = beads.find(target)? {
            rows.push(row);
            kinds.push(kind);
        }
    }
    let found = beads.whole(&rows)?;
    let found = found.iter().zip(kinds);
    Ok(found
        .map(|(target, kind)| with_type(target, kind))
        .collect())
}

/// Returns a whole issue with the type of the edge that leads to it.
pub fn with_type(bead: &Bead, kind: &str) -> Value {
    let mut issue = issue(bead);
    issue.insert("dependency_type".to_owned(), kind.into());
    Value::Object(issue)
}

/// Returns what leads to a bead as whole issues with the types of the edges.
pub fn dependents_of(beads: &Beads<'_, '_>, found: &[(BeadRow<'_>, String)]) -> Result<Vec<Value>> {
    let rows: Vec<&BeadRow<'_>> = found.iter().map(|(row, _)| row).collect();
    beads.each(&rows, |at, bead| with_type(bead, &found[at].1))
}

fn brief(bead: &BeadRow<'_>, kind: &str) -> Value {
    json!({
        "id": bead.id(), "title": bead.title(), "status": bead.status(), "priority": bead.priority(),
        "issue_type": bead.issue_type(), "dependency_type": kind,
    })
}
