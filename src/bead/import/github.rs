//! Issues of GitHub as `gh issue list --json ...` and `gh api` print them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::fault::{Fault, Result};
use crate::ledger::Record;

/// What a comment of GitHub calls what a comment of a bead has.
const OF_COMMENT: [(&str, &[&str]); 4] = [
    ("id", &["id"]),
    ("author", &["author", "user"]),
    ("text", &["body"]),
    ("created_at", &["createdAt", "created_at"]),
];

/// Where issues become beads.
#[derive(Debug, Default)]
pub struct Target {
    /// What ids of new beads begin with.
    pub prefix: String,
    /// The ids of beads that are here, by their `external_ref`.
    pub known: BTreeMap<String, String>,
}

/// Returns whether an object is an issue of GitHub: it has a number, and nothing that only beads have.
pub(super) fn is_issue(fields: &Map<String, Value>) -> bool {
    let of_beads = ["status", "issue_type", "priority"];
    fields.get("number").is_some_and(Value::is_u64)
        && !of_beads.iter().any(|key| fields.contains_key(*key))
}

/// Returns the fields of the bead that an issue is, nothing for a pull request.
pub(super) fn bead(mut issue: Map<String, Value>, target: &Target) -> Option<Map<String, Value>> {
    if issue.get("pull_request").is_some_and(Value::is_object) {
        return None;
    }
    let mut bead = Map::new();
    state(&mut issue, &mut bead);
    texts(&mut issue, &mut bead);
    let labels = named(&issue.remove("labels").unwrap_or_default(), "name");
    bead.insert("issue_type".to_owned(), kind(&labels).into());
    bead.insert("priority".to_owned(), priority(&labels).into());
    bead.insert("labels".to_owned(), labels.into());
    if let Some(Value::Array(comments)) = issue.get("comments") {
        let comments: Vec<Value> = comments.iter().map(comment).collect();
        bead.insert("comments".to_owned(), comments.into());
        issue.remove("comments");
    }
    let origin = format!("gh-{}", issue.remove("number").unwrap_or_default());
    let url = url(&Value::Object(issue.clone())).filter(|url| target.known.contains_key(url));
    let origin = url.unwrap_or(origin);
    let known = target.known.get(&origin).cloned();
    let id = known.unwrap_or_else(|| format!("{}-{origin}", target.prefix));
    bead.insert("id".to_owned(), id.into());
    bead.insert("external_ref".to_owned(), origin.into());
    bead.insert("source_system".to_owned(), "github".into());
    issue.retain(|_, value| !value.is_null());
    bead.insert("metadata".to_owned(), json!({ "github": issue }));
    Some(bead)
}

/// Takes the first of some fields that is there.
fn take(issue: &mut Map<String, Value>, keys: &[&str]) -> Option<Value> {
    keys.iter().find_map(|key| issue.remove(*key))
}

fn state(issue: &mut Map<String, Value>, bead: &mut Map<String, Value>) {
    let mut lower = |keys: &[&str]| {
        let text = take(issue, keys).unwrap_or_default();
        text.as_str().unwrap_or_default().to_lowercase()
    };
    let state = lower(&["state"]);
    let why = lower(&["stateReason", "state_reason"]);
    let closed = take(issue, &["closedAt", "closed_at"]);
    let mut put = |key: &str, value: Value| drop(bead.insert(key.to_owned(), value));
    if state == "closed" {
        put("status", "closed".into());
        put("closed_at", closed.unwrap_or_default());
        put("close_reason", why.into());
    } else {
        put("status", "open".into());
    }
}

/// Takes what is text, and who is named.
fn texts(issue: &mut Map<String, Value>, bead: &mut Map<String, Value>) {
    let people = named(&take(issue, &["assignees"]).unwrap_or_default(), "login");
    let first = take(issue, &["assignee"]).unwrap_or_default();
    let first = people
        .first()
        .cloned()
        .or_else(|| first.get("login").cloned());
    let author = take(issue, &["author", "user"]).unwrap_or_default();
    let texts = [
        ("title", take(issue, &["title"])),
        ("description", take(issue, &["body"])),
        ("created_at", take(issue, &["createdAt", "created_at"])),
        ("updated_at", take(issue, &["updatedAt", "updated_at"])),
        ("created_by", author.get("login").cloned()),
        ("assignee", first),
    ];
    let told = texts
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    bead.extend(told.filter(|(_, value)| !value.is_null()));
    // A bead has one.
    if people.len() > 1 {
        issue.insert("assignees".to_owned(), people.into());
    }
}

/// Returns where people see an issue.
fn url(issue: &Value) -> Option<String> {
    let url = ["html_url", "url"]
        .iter()
        .find_map(|key| issue.get(*key)?.as_str());
    url.map(str::to_owned)
}

fn comment(comment: &Value) -> Value {
    let Value::Object(mut comment) = comment.clone() else {
        return comment.clone();
    };
    let mut own = Map::new();
    for (key, theirs) in OF_COMMENT {
        let value = theirs.iter().find_map(|key| comment.remove(*key));
        let value = value.map(|value| value.get("login").cloned().unwrap_or(value));
        own.extend(value.map(|value| (key.to_owned(), value)));
    }
    Value::Object(own)
}

/// Returns the names of a list of objects, or of texts.
fn named(list: &Value, key: &str) -> Vec<Value> {
    let list = list.as_array().into_iter().flatten();
    let name = |it: &Value| it.get(key).unwrap_or(it).as_str().map(Value::from);
    list.filter_map(name).collect()
}

/// Returns the type of bead that labels speak of.
fn kind(labels: &[Value]) -> &'static str {
    let known = [
        ("bug", "bug"),
        ("enhancement", "feature"),
        ("feature", "feature"),
        ("epic", "epic"),
    ];
    let has = |label: &str| {
        labels
            .iter()
            .any(|it| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case(label)))
    };
    known
        .iter()
        .find(|(label, _)| has(label))
        .map_or("task", |(_, kind)| kind)
}

/// Returns the priority that a label is, `P0` to `P4`.
fn priority(labels: &[Value]) -> i64 {
    let of = |label: &Value| crate::bead::priority(label.as_str().filter(|it| it.len() == 2)?).ok();
    labels.iter().find_map(of).unwrap_or(2)
}

/// Refuses an issue of another repository than the one that has the bead already: numbers begin with 1 in each.
pub(super) fn check_origin(here: &Record, told: &Record) -> Result<()> {
    let repository = |record: &Record| {
        let url = url(record.entry("metadata", "github")?)?;
        url.rsplit_once("/issues/")
            .map(|(repository, _)| repository.to_owned())
    };
    match (repository(here), repository(told)) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(Fault::refused(format!(
            "{} is an issue of {ours} already, and this one is of {theirs}",
            here.id()
        ))
        .hint("issues of one repository go into one rig")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        let known = [(
            "https://github.com/a/b/issues/7".to_owned(),
            "gt-x".to_owned(),
        )];
        Target {
            prefix: "gt".to_owned(),
            known: known.into(),
        }
    }

    #[track_caller]
    fn check(issue: &Value, want: Option<&Value>) {
        let issue = issue.as_object().unwrap().clone();
        assert!(is_issue(&issue));
        let bead = bead(issue, &target()).map(Value::Object);
        assert_eq!(bead.as_ref(), want);
    }

    #[test]
    fn both_ways_of_gh_to_print_an_issue_are_read() {
        let want = json!({
            "id": "gt-gh-9", "external_ref": "gh-9", "source_system": "github", "title": "t", "description": "b",
            "status": "closed", "closed_at": "2026-01-03T00:00:00Z", "close_reason": "completed",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-04T00:00:00Z", "created_by": "ann",
            "assignee": "bob", "labels": ["Bug", "P1"], "issue_type": "bug", "priority": 1,
            "comments": [{ "id": "IC_1", "author": "eve", "text": "x", "created_at": "2026-01-02T00:00:00Z" }],
            "metadata": { "github": { "url": "https://github.com/a/b/issues/9" } },
        });
        check(
            &json!({
                "number": 9, "title": "t", "body": "b", "state": "CLOSED", "stateReason": "COMPLETED",
                "labels": [{ "id": "L", "name": "Bug", "color": "f00" }, { "name": "P1" }],
                "assignees": [{ "login": "bob" }], "author": { "login": "ann" }, "milestone": null,
                "comments": [{ "id": "IC_1", "author": { "login": "eve" }, "body": "x", "createdAt": "2026-01-02T00:00:00Z" }],
                "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-04T00:00:00Z",
                "closedAt": "2026-01-03T00:00:00Z", "url": "https://github.com/a/b/issues/9",
            }),
            Some(&want),
        );
        let want = json!({
            "id": "gt-x", "external_ref": "https://github.com/a/b/issues/7", "source_system": "github",
            "title": "t", "status": "open", "created_by": "ann", "assignee": "bob", "labels": [],
            "issue_type": "task", "priority": 2, "created_at": "2026-01-01T00:00:00Z",
            "metadata": { "github": { "html_url": "https://github.com/a/b/issues/7", "comments": 3, "id": 4, "assignees": ["bob", "eve"] } },
        });
        check(
            &json!({
                "number": 7, "title": "t", "body": null, "state": "open", "labels": [], "comments": 3, "id": 4,
                "assignee": { "login": "bob" }, "assignees": [{ "login": "bob" }, { "login": "eve" }],
                "user": { "login": "ann" }, "created_at": "2026-01-01T00:00:00Z", "closed_at": null,
                "html_url": "https://github.com/a/b/issues/7",
            }),
            Some(&want),
        );
        check(
            &json!({ "number": 1, "title": "t", "pull_request": { "url": "x" } }),
            None,
        );
    }
}
