//! The JSON of each command, as strict clients read it: types, keys that must be there, no others, list or
//! object.

use serde_json::{Map, Value, json};

use crate::bd::Bd;

/// Fails unless a value has a shape: the name of a type, `=text`, `[shape]` for a list that is not empty and whose
/// elements have it, `[]` for an empty one, or an object of the shapes of its keys. A key that ends in `?` may be
/// missing, `*` stands for any others, `a|b` for either type.
#[track_caller]
fn check(value: &Value, shape: &Value, place: &str) {
    match shape {
        Value::String(exact) if exact.starts_with('=') => {
            assert_eq!(value.as_str(), exact.get(1..), "{place}");
        }
        Value::String(types) => {
            let fits = types.split('|').any(|it| is_of(value, it));
            assert!(fits, "{place} is no {types}: {value}");
        }
        Value::Array(of) => {
            let list = value.as_array();
            let list = list.unwrap_or_else(|| panic!("{place} is no list: {value}"));
            assert_eq!(list.is_empty(), of.is_empty(), "{place}: {value}");
            for (at, element) in list.iter().enumerate() {
                check(element, &of[0], &format!("{place}[{at}]"));
            }
        }
        Value::Object(keys) => check_keys(value, keys, place),
        exact => assert_eq!(value, exact, "{place}"),
    }
}

#[track_caller]
fn check_keys(value: &Value, keys: &Map<String, Value>, place: &str) {
    let object = value.as_object();
    let object = object.unwrap_or_else(|| panic!("{place} is no object: {value}"));
    for (key, shape) in keys.iter().filter(|it| it.0 != "*") {
        let name = key.trim_end_matches('?');
        match object.get(name) {
            Some(value) => check(value, shape, &format!("{place}.{name}")),
            None => assert!(key.ends_with('?'), "{place} has no {name}: {value}"),
        }
    }
    for (key, value) in object {
        let is_known = keys.contains_key(key) || keys.contains_key(&format!("{key}?"));
        match keys.get("*") {
            _ if is_known => {}
            Some(shape) => check(value, shape, &format!("{place}.{key}")),
            None => panic!("{place} has {key}, which nobody expects: {value}"),
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "text" => value.is_string(),
        "filled" => value.as_str().is_some_and(|it| !it.is_empty()),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "truth" => value.is_boolean(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "list" => value.is_array(),
        "time" => value.as_str().is_some_and(is_time),
        _ => panic!("{kind} is no type"),
    }
}

fn is_time(text: &str) -> bool {
    let digits = |at: std::ops::Range<usize>| {
        text.get(at)
            .is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()))
    };
    digits(0..4) && digits(5..7) && digits(11..13) && text.ends_with('Z') && text.contains('T')
}

/// Returns the keys of an issue, with those of `more`.
fn issue(more: Value) -> Value {
    let mut keys = json!({
        "id": "filled", "title": "filled", "status": "filled", "priority": "integer",
        "issue_type": "filled", "created_at": "time", "updated_at": "time",
        "description?": "filled", "design?": "filled", "acceptance_criteria?": "filled",
        "notes?": "filled", "spec_id?": "filled", "assignee?": "filled", "owner?": "filled",
        "estimated_minutes?": "integer", "created_by?": "filled", "started_at?": "time",
        "closed_at?": "time", "close_reason?": "filled", "closed_by_session?": "filled",
        "due_at?": "time", "defer_until?": "time", "external_ref?": "filled",
        "metadata?": "object", "labels?": "list", "sender?": "filled", "ephemeral?": true,
        "no_history?": true, "pinned?": true, "is_template?": true, "wisp_type?": "filled",
        "mol_type?": "filled", "await_type?": "filled", "await_id?": "filled",
        "timeout?": "integer", "waiters?": ["filled"], "event_kind?": "filled", "actor?": "filled",
        "target?": "filled", "payload?": "filled",
    });
    merge(&mut keys, more);
    keys
}

fn merge(keys: &mut Value, more: Value) {
    if let (Some(keys), Value::Object(more)) = (keys.as_object_mut(), more) {
        keys.extend(more);
    }
}

/// An issue that is printed on its own.
fn single() -> Value {
    issue(json!({ "schema_version": 1 }))
}

/// An element of a list.
fn counted() -> Value {
    issue(json!({
        "dependency_count": "integer", "dependent_count": "integer", "comment_count": "integer",
        "parent?": "filled", "dependencies?": [raw_edge()],
    }))
}

fn raw_edge() -> Value {
    json!({
        "issue_id": "filled", "depends_on_id": "filled", "type": "filled", "created_at": "time",
        "created_by?": "text", "metadata?": "text", "thread_id?": "text",
    })
}

fn with_edge() -> Value {
    issue(json!({ "dependency_type": "filled" }))
}

fn comment() -> Value {
    json!({
        "id": "filled", "issue_id": "filled", "author": "filled", "text": "filled",
        "created_at": "time",
    })
}

fn object(mut keys: Value) -> Value {
    merge(&mut keys, json!({ "schema_version": 1 }));
    keys
}

/// An epic with two children, of which the second waits for the first, and beads beside it.
struct Work {
    bd: Bd,
    epic: String,
    first: String,
    second: String,
    other: String,
}

impl Work {
    fn new() -> Self {
        let bd = Bd::new();
        let epic = bd.create(&["Sign in", "-t", "epic"]);
        let first = bd.create(&["Schema", "--parent", &epic, "-p", "1", "-l", "db"]);
        let second = bd.create(&["Form", "--parent", &epic, "--deps", &first, "-d", "More"]);
        let other = bd.create(&["Mail", "-t", "bug"]);
        Self {
            bd,
            epic,
            first,
            second,
            other,
        }
    }

    #[track_caller]
    fn check(&self, args: &[&str], shape: &Value) -> Value {
        let value = self.bd.json(args);
        check(&value, shape, &args.join(" "));
        value
    }
}

#[test]
fn beads_are_made_shown_and_listed() {
    let work = Work::new();
    let Work {
        epic,
        first,
        second,
        ..
    } = &work;
    work.check(&["create", "One"], &single());
    let mut preview = single();
    preview.as_object_mut().expect("an object").remove("id");
    work.check(&["create", "One", "--dry-run"], &preview);
    let file = work
        .bd
        .place()
        .file("many.md", "## One\n\nText\n\n## Two\n");
    work.check(&["create", "-f", &file], &json!([issue(json!({}))]));
    for args in [
        &["list"][..],
        &["list", "--all"],
        &["query", "status=open"],
        &["search", "form"],
        &["children", epic],
        &["ready"],
    ] {
        work.check(args, &json!([counted()]));
    }
    assert_eq!(work.bd.json(&["children", epic])[0]["parent"], **epic);
    let skipped = work.check(
        &["list", "--skip-labels"],
        &object(json!({ "issues": [counted()], "meta": "object" })),
    );
    let issues = skipped["issues"].as_array().expect("a list");
    assert!(issues.iter().all(|it| it["labels"] == json!([])));
    work.bd
        .run(&["list", "--skip-labels", "--label", "db"])
        .fails(2, "--skip-labels");
    for args in [
        &["list", "--label", "none"][..],
        &["search", "nowhere"],
        &["query", "title=no"],
        &["stale"],
    ] {
        work.check(args, &json!([]));
    }
    let shown = json!([issue(json!({
        "dependency_count": "integer", "dependent_count": "integer", "comment_count": "integer",
        "parent?": "filled", "dependencies?": [with_edge()],
        "epic_total_children?": "integer", "epic_closed_children?": "integer", "epic_closeable?": "truth",
    }))]);
    work.check(&["show", first], &shown);
    work.check(&["show", second, first], &shown);
    let of_epic = work.check(&["show", epic], &shown);
    assert_eq!(of_epic[0]["epic_total_children"], 2);
    let dependent = json!({
        "id": "filled", "title": "filled", "status": "filled", "priority": "integer",
        "issue_type": "filled", "dependency_type": "filled",
    });
    let mut more = shown.clone();
    merge(
        &mut more[0],
        json!({ "dependents": [dependent], "comments": [] }),
    );
    work.check(
        &["show", first, "--include-dependents", "--include-comments"],
        &more,
    );
    work.bd
        .run(&["show", "none", "--json"])
        .fails(1, "no issue found matching");
    let blocked = issue(json!({
        "blocked_by_count": "integer", "blocked_by": ["filled"], "dependency_count?": "integer",
        "dependent_count?": "integer", "comment_count?": "integer", "parent?": "filled",
        "dependencies?": [raw_edge()],
    }));
    work.check(&["blocked"], &json!([blocked]));
}

#[test]
fn beads_are_changed_closed_and_deleted() {
    let work = Work::new();
    let Work {
        epic,
        first,
        second,
        other,
        bd,
    } = &work;
    let all = json!([issue(json!({}))]);
    work.check(
        &["update", first, "-p", "0", "--metadata", "{\"a\":1}"],
        &all,
    );
    work.check(&["update", first, "--claim"], &all);
    work.check(&["defer", other, "--until", "+2d"], &all);
    work.check(&["undefer", other], &all);
    work.check(&["ready", "--claim"], &json!([counted()]));
    let unblocked = json!({ "id": "filled", "title": "filled", "priority": "integer", "*": "text|integer|list|object" });
    work.check(
        &["close", first, "-r", "done", "--suggest-next"],
        &object(json!({ "closed": [issue(json!({}))], "unblocked": [unblocked] })),
    );
    work.check(&["reopen", first], &all);
    work.check(
        &["close", first, "--claim-next"],
        &object(json!({ "closed": [issue(json!({}))], "claimed": "object|null" })),
    );
    work.check(&["close", second], &all);
    work.check(&["note", other, "seen"], &single());
    work.check(&["assign", other, "eve"], &single());
    work.check(&["priority", other, "1"], &single());
    work.check(&["tag", other, "red"], &single());
    let one = object(
        json!({ "deleted": "filled", "dependencies_removed": "integer", "references_updated": "integer" }),
    );
    work.check(&["delete", other, "--force"], &one);
    let many = object(json!({
        "deleted": ["filled"], "deleted_count": 2, "dependencies_removed": "integer",
        "labels_removed": "integer", "events_removed": "integer", "references_updated": "integer",
        "orphaned_issues?": "list|null",
    }));
    work.check(&["delete", first, second, "--force"], &many);
    // Nothing to update is said, and no failure.
    assert!(
        bd.run(&["update", epic])
            .done()
            .stdout
            .contains("No updates specified")
    );
}

#[test]
fn edges_are_drawn_and_shown() {
    let work = Work::new();
    let Work {
        epic,
        first,
        second,
        other,
        bd,
    } = &work;
    let drawn = object(
        json!({ "status": "=added", "issue_id": "filled", "depends_on_id": "filled", "type": "filled" }),
    );
    work.check(&["dep", "add", other, first], &drawn);
    work.check(&["link", second, other], &drawn);
    let reverse = object(
        json!({ "status": "=added", "blocker_id": "filled", "blocked_id": "filled", "type": "=blocks" }),
    );
    let more = bd.create(&["More"]);
    work.check(&["dep", &more, "--blocks", second], &reverse);
    let line =
        format!("{{\"issue_id\":\"{more}\",\"depends_on_id\":\"{first}\",\"type\":\"blocks\"}}\n");
    let file = bd.place().file("edges.jsonl", &line);
    let edge =
        json!({ "issue_id": "filled", "depends_on_id": "filled", "type": "filled", "*": "text" });
    work.check(
        &["dep", "add", "--file", &file],
        &object(json!({ "status": "=added", "count": 1, "dependencies": [edge] })),
    );
    work.check(&["dep", "list", second], &json!([with_edge()]));
    work.check(
        &["dep", "list", first, "--direction", "up"],
        &json!([with_edge()]),
    );
    work.check(&["dep", "list", second, other], &json!([raw_edge()]));
    let node = issue(
        json!({ "depth": "integer", "parent_id": "text", "truncated": "truth", "edge_from_parent?": "text" }),
    );
    work.check(&["dep", "tree", second], &json!([node]));
    work.check(&["dep", "cycles"], &json!([]));
    work.check(
        &["dep", "remove", second, other],
        &object(json!({ "status": "=removed", "issue_id": "filled", "depends_on_id": "filled" })),
    );
    let progress = json!({
        "epic": issue(json!({})), "total_children": 2, "closed_children": 0, "eligible_for_close": false,
    });
    work.check(&["epic", "status"], &json!([progress]));
    work.check(
        &["epic", "close-eligible"],
        &object(json!({ "closed": [], "count": 0 })),
    );
    let front = json!({ "wave": "integer", "issues": ["filled"] });
    let swarm = object(json!({
        "epic_id": format!("={epic}"), "epic_title": "filled", "total_issues": 2, "closed_issues": 0,
        "ready_fronts": [front], "max_parallelism": "integer", "estimated_sessions": "integer",
        "warnings": "list", "errors": "list", "swarmable": "truth", "*": "object|list|integer|truth|text",
    }));
    work.check(&["swarm", "validate", epic], &swarm);
    let twin = bd.create(&["Mail"]);
    let pair = json!({
        "issue_a_id": "filled", "issue_b_id": "filled", "issue_a_title": "filled",
        "issue_b_title": "filled", "similarity": "number", "method": "filled", "reason?": "text",
    });
    work.check(&["find-duplicates"], &object(json!({ "pairs": [pair], "count": "integer", "method": "filled", "threshold": "number" })));
    work.check(
        &["duplicate", &twin, "--of", other],
        &object(json!({ "duplicate": "filled", "canonical": "filled", "status": "filled" })),
    );
    work.check(
        &["supersede", &more, "--with", first],
        &object(json!({ "superseded": "filled", "replacement": "filled", "status": "filled" })),
    );
}

#[test]
fn what_is_counted_and_said_has_its_shape() {
    let work = Work::new();
    let Work { first, other, .. } = &work;
    let summary = json!({
        "total_issues": "integer", "open_issues": "integer", "in_progress_issues": "integer",
        "closed_issues": "integer", "blocked_issues": "integer", "deferred_issues": "integer",
        "ready_issues": "integer", "pinned_issues": "integer",
        "epics_eligible_for_closure": "integer", "average_lead_time_hours": "number",
    });
    for word in ["stats", "status"] {
        work.check(
            &[word],
            &object(json!({ "summary": summary, "recent_activity?": "object" })),
        );
    }
    work.check(&["count"], &object(json!({ "count": 4 })));
    let group = json!({ "group": "filled", "count": "integer" });
    work.check(
        &["count", "--by-status"],
        &object(json!({ "total": 4, "groups": [group] })),
    );
    work.check(&["comments", first], &json!([]));
    work.check(&["comments", "add", first, "one"], &object(comment()));
    work.check(
        &["comment", first, "two", "--author", "eve"],
        &object(comment()),
    );
    work.check(&["comments", first], &json!([comment()]));
    let labelled = |status| json!([{ "status": format!("={status}"), "issue_id": "filled", "label": "filled" }]);
    work.check(&["label", "add", first, "red"], &labelled("added"));
    work.check(&["label", "list", first], &json!(["filled"]));
    work.check(
        &["label", "list-all"],
        &json!([{ "label": "filled", "count": "integer" }]),
    );
    work.check(&["label", "remove", first, "red"], &labelled("removed"));
    let found = json!({ "id": "filled", "title": "filled", "type": "filled", "missing?": "list", "warnings": "integer|list" });
    work.check(
        &["lint"],
        &object(json!({ "total": "integer", "issues": "integer", "results": [found] })),
    );
    work.check(&["orphans"], &json!([]));
    let version = json!({ "CommitHash": "filled", "Committer": "filled", "CommitDate": "time", "Issue": issue(json!({})) });
    work.check(&["history", first], &json!([version]));
    let kind = json!({ "name": "filled", "description": "filled" });
    work.check(
        &["types"],
        &object(json!({ "core_types": [kind], "custom_types?": "list" })),
    );
    let status = json!({ "name": "filled", "category": "filled", "icon": "filled", "description": "filled" });
    work.check(
        &["statuses"],
        &object(json!({ "built_in_statuses": [status], "custom_statuses?": "list" })),
    );
    work.check(
        &["state", other, "phase"],
        &object(json!({ "issue_id": "filled", "dimension": "=phase", "value": "null" })),
    );
    let set = object(json!({
        "issue_id": "filled", "dimension": "filled", "old_value": "text|null", "new_value": "filled",
        "event_id": "filled", "changed": true,
    }));
    work.check(&["set-state", other, "phase=two"], &set);
    work.check(
        &["state", "list", other],
        &object(json!({ "issue_id": "filled", "states": { "phase": "=two" } })),
    );
    let shared = work.bd.create(&["Login", "-l", "export:login"]);
    work.bd.run(&["close", &shared]).done();
    work.check(&["ship", "login"], &object(json!({ "status": "filled", "capability": "filled", "issue_id": "filled", "label": "filled" })));
}

#[test]
fn keys_and_places_have_their_shape() {
    let work = Work::new();
    let bd = &work.bd;
    work.check(
        &["remember", "two suites", "--key", "suite"],
        &object(json!({ "key": "filled", "value": "filled", "action": "filled" })),
    );
    work.check(
        &["recall", "suite"],
        &object(json!({ "key": "filled", "value": "filled", "found": true })),
    );
    work.check(&["memories"], &object(json!({ "*": "filled" })));
    work.check(
        &["forget", "suite"],
        &object(json!({ "key": "filled", "deleted": "=true" })),
    );
    bd.run(&["recall", "suite", "--json"]).fails(1, "");
    let pair = object(json!({ "key": "filled", "value": "filled", "*": "text|truth" }));
    for word in ["kv", "config"] {
        work.check(&[word, "set", "colour", "blue"], &pair);
        work.check(&[word, "get", "colour"], &pair);
        work.check(
            &[word, "list"],
            &object(json!({ "colour": "=blue", "*": "text" })),
        );
    }
    let config = json!({ "issue_prefix": "=gt", "*": "text" });
    let info =
        json!({ "database_path": "filled", "mode": "=direct", "issue_count": 4, "config": config });
    work.check(&["info"], &object(info.clone()));
    let mut whole = object(info);
    let schema = json!({
        "tables": ["filled"], "schema_version": "filled", "config": "object",
        "sample_issue_ids": ["filled"], "detected_prefix": "=gt",
    });
    merge(&mut whole, json!({ "schema": schema }));
    work.check(&["info", "--schema"], &whole);
    work.check(&["version"], &object(json!({ "version": "filled", "build": "filled", "commit?": "filled", "branch?": "filled" })));
    work.check(
        &["where"],
        &object(json!({ "path": "filled", "prefix?": "filled", "database_path?": "filled" })),
    );
    let times = json!({ "status": "=ok", "resolve_ms": "number", "store_ms": "number", "query_ms": "number", "total_ms": "number" });
    work.check(&["ping"], &object(times));
    work.check(
        &["context"],
        &object(json!({ "bd_version": "filled", "*": "text" })),
    );
    bd.run(&["export", "-o", "all.jsonl"]).done();
    let imported = json!({
        "source": "filled", "created": 0, "skipped": "integer", "dedup_skipped": "integer",
        "memories": "integer", "ids": [], "dry_run": false, "*": "integer|list|text|object",
    });
    work.check(&["import", "all.jsonl"], &object(imported));
}

#[test]
fn waits_have_their_shape() {
    let work = Work::new();
    let Work {
        epic, first, other, ..
    } = &work;
    let made = work.check(
        &["gate", "create", "--type", "human", "--blocks", other],
        &issue(json!({ "schema_version?": 1, "*": "text|integer|list|object|truth" })),
    );
    let gate = made["id"].as_str().expect("it is a text").to_owned();
    let shown = issue(json!({ "*": "text|integer|list|object|truth" }));
    work.check(&["gate", "list"], &json!([shown]));
    work.check(&["gate", "show", &gate], &shown);
    let checked =
        json!({ "checked": 1, "resolved": 0, "escalated": 0, "errors": 0, "dry_run": false });
    work.check(&["gate", "check"], &object(checked));
    work.check(
        &["merge-slot", "create"],
        &json!({ "*": "text|integer|list|object|truth|null" }),
    );
    let slot = json!({ "id": "filled", "available": true, "holder": "null", "waiters": "null|list", "schema_version?": 1 });
    work.check(&["merge-slot", "check"], &slot);
    work.check(&["ready", "--explain"], &object(json!({
        "ready": "list", "blocked": "list", "cycles?": "list|null",
        "summary": { "total_ready": "integer", "total_blocked": "integer", "cycle_count": "integer" },
    })));
    let parallel = json!({
        "step_id": "filled", "status": "filled", "is_ready": "truth", "parallel_group?": "text",
        "blocked_by": "list|null", "blocks": "list|null", "can_parallel": "list|null",
    });
    let step = json!({ "issue": issue(json!({ "*": "text|integer|list" })), "parallel_info": parallel, "parallel_group?": "text" });
    work.check(
        &["ready", "--mol", epic],
        &object(json!({
            "molecule_id": format!("={epic}"), "molecule_title": "filled", "total_steps": 2, "ready_steps": 1,
            "steps": [step], "parallel_groups": "object|null",
        })),
    );
    work.check(
        &["ready", "--gated"],
        &object(json!({ "molecules": "list", "count": "integer" })),
    );
    let value = work.bd.json(&["ready", "--mol", epic]);
    assert_eq!(value["steps"][0]["issue"]["id"], **first);
}

#[test]
fn two_states_differ_in_what_was_done_between_them() {
    let work = Work::new();
    let tip = || {
        work.bd
            .place()
            .git(&["rev-parse", "refs/gt/beads"])
            .done()
            .stdout
            .trim()
            .to_owned()
    };
    let before = tip();
    work.bd.run(&["update", &work.first, "-p", "4"]).done();
    work.bd.create(&["New"]);
    let change = json!({
        "IssueID": "filled", "DiffType": "filled", "OldValue": "object|null", "NewValue": "object|null",
    });
    let found = work.check(&["diff", &before, &tip()], &json!([change]));
    let mut kinds: Vec<&str> = found
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["DiffType"].as_str())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["added", "modified"]);
}
