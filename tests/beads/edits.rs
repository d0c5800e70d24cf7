//! Making and changing beads: flags, files, many at once, what comes after closing.

use serde_json::{Value, json};

use crate::ids;
use crate::support::Place;

#[test]
fn a_bead_is_made_with_everything_at_once() {
    let place = Place::new();
    let body = place.file("body.md", "first\n\n- second\n");
    let meta = place.file("meta.json", "{\"lines\": 3}");
    let epic = place.create(&["epic", "-t", "epic", "-l", "area"]);
    let made = place.json(&[
        "create",
        "child",
        "--parent",
        &epic,
        "--body-file",
        &body,
        "--design-file",
        &body,
        "--acceptance",
        "it works",
        "--notes",
        "n",
        "--append-notes",
        "m",
        "--spec-id",
        "s-1",
        "--external-ref",
        "gh-9",
        "-e",
        "30",
        "--due",
        "2026-03-01",
        "--defer",
        "+1w",
        "--metadata",
        &format!("@{meta}"),
        "--skills",
        "rust",
        "--context",
        "see x",
        "--no-history",
    ]);
    let want = json!({
        "acceptance_criteria": "it works", "defer_until": "2026-01-08T00:03:00Z",
        "description": "first\n\n- second\n\n## Required Skills\n\nrust\n\n## Context\n\nsee x",
        "design": "first\n\n- second", "due_at": "2026-03-01T00:00:00Z", "estimated_minutes": 30,
        "external_ref": "gh-9", "id": format!("{epic}.1"), "labels": ["area"],
        "metadata": { "lines": 3 }, "no_history": true, "notes": "n\nm", "spec_id": "s-1",
        "status": "deferred",
    });
    for (key, value) in want.as_object().expect("an object") {
        assert_eq!(&made[key], value, "{key}");
    }
    let child = made["id"].as_str().expect("an id").to_owned();
    let bare = place.json(&["create", "bare", "--parent", &epic, "--no-inherit-labels"]);
    assert_eq!(bare["labels"], Value::Null);
    let waits = place.create(&[
        "waits",
        "--waits-for",
        &epic,
        "--waits-for-gate",
        "any-children",
    ]);
    assert!(ids(&place.json(&["blocked"])).contains(&waits.as_str()));
    place.gt(&["close", &format!("{epic}.2")]).done();
    assert!(!ids(&place.json(&["blocked"])).contains(&waits.as_str()));
    let updated = &place.json(&["update", &child, "--due", "", "--defer", "", "--history"])[0];
    assert_eq!(updated["status"], "open");
    for gone in ["due_at", "defer_until", "no_history"] {
        assert_eq!(updated[gone], Value::Null, "{gone}");
    }
    place
        .gt(&["create", "x", "--due", "soon"])
        .fails(1, "'soon' is no time");
    place
        .gt(&["create", "x", "--metadata", "[]"])
        .fails(1, "metadata is a JSON object");
    place
        .gt(&["create", "x", "--event-actor", "ada"])
        .fails(1, "of type event");
    place
        .gt(&["create", "x", "--validate"])
        .fails(1, "no section: Acceptance Criteria");
    place
        .gt(&["update", &child, "--body-file", &place.file("empty", "")])
        .fails(1, "is empty");
}

#[test]
fn ids_and_depths_follow_the_settings() {
    let place = Place::new();
    place
        .gt(&["create", "x", "--id", "ops-1"])
        .fails(4, "does not begin with this rig's prefix");
    place
        .gt(&["bead", "config", "set", "allowed_prefixes", "ops-, hq"])
        .done();
    assert_eq!(place.create(&["x", "--id", "ops-1"]), "ops-1");
    place
        .gt(&["create", "x", "--id", "dev-1"])
        .fails(4, "does not begin");
    place.create(&["x", "--id", "dev-1", "--force"]);
    place
        .gt(&["bead", "config", "set", "hierarchy.max-depth", "1"])
        .done();
    assert_eq!(place.create(&["y", "--parent", "ops-1"]), "ops-1.1");
    place
        .gt(&["create", "z", "--parent", "ops-1.1"])
        .fails(4, "nested 1 deep");
    place
        .gt(&["bead", "config", "set", "validation.on-create", "error"])
        .done();
    place.gt(&["create", "x"]).fails(1, "Acceptance Criteria");
    place
        .gt(&["bead", "config", "set", "validation.on-create", "warn"])
        .done();
    assert!(
        place
            .gt(&["create", "x"])
            .done()
            .stderr
            .contains("Acceptance Criteria")
    );
}

#[test]
fn many_are_made_or_none() {
    let place = Place::new();
    let first = place.create(&["first"]);
    let text = format!(
        "# Plan\n## One\nWhy.\n### Priority\n0\n### Type\nbug\n### Labels\na, b\n\
         ## Two\n### Dependencies\n{first}, blocks:{first}x\n"
    );
    let file = place.file("plan.md", &text);
    place
        .gt(&["create", "-f", &file])
        .fails(1, "the bead of line 10: no issue found matching");
    assert_eq!(place.json(&["list"]).as_array().map(Vec::len), Some(1));
    let file = place.file("plan.md", &text.replace(&format!(", blocks:{first}x"), ""));
    let made = place.json(&["create", "-f", &file]);
    assert_eq!(
        (&made[0]["title"], &made[0]["priority"]),
        (&json!("One"), &json!(0))
    );
    assert_eq!(place.json(&["blocked"])[0]["title"], "Two");
    let graph = json!({
        "nodes": [
            { "key": "step", "title": "step", "parent_key": "root", "labels": ["x"] },
            { "key": "root", "title": "root", "type": "epic", "metadata_refs": { "first": "step" } },
            { "key": "next", "title": "next", "parent_key": "root" },
        ],
        "edges": [{ "from_key": "next", "to_key": "step", "type": "blocks" }],
    });
    let file = place.file("graph.json", &graph.to_string());
    let made = place.json(&["create", "--graph", &file]);
    let [root, step, next] =
        ["root", "step", "next"].map(|key| made["ids"][key].as_str().expect(key));
    assert_eq!(step, format!("{root}.1"));
    let shown = place.json(&["show", next, root]);
    assert_eq!(shown[0]["parent"], *root);
    assert!(
        shown[0]["dependencies"]
            .as_array()
            .is_some_and(|it| it.len() == 2),
        "{shown}"
    );
    assert_eq!(shown[1]["metadata"]["first"], *step);
    let cyclic = graph.to_string().replace(
        "\"edges\":[",
        "\"edges\":[{\"from_key\":\"step\",\"to_key\":\"next\"},",
    );
    place
        .gt(&["create", "--graph", &place.file("graph.json", &cyclic)])
        .fails(4, "a cycle");
}

#[test]
fn closing_says_what_comes_next() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(&[title]));
    place.gt(&["dep", "add", &c, &b]).done();
    let closed = place.json(&["close", &a, &b, "-r", "one", "-r", "two", "--suggest-next"]);
    assert_eq!(closed["closed"][1]["close_reason"], "two");
    assert_eq!(ids(&closed["unblocked"]), [c.as_str()]);
    place
        .gt(&["close", &c, "-r", "one", "-r", "two"])
        .fails(1, "2 reasons for 1 beads");
    let d = place.create(&["d"]);
    let closed = place.json(&["close", "--session", "s-1", "--claim-next"]);
    assert_eq!(
        closed["closed"][0]["id"], *d,
        "without an id, what was changed last"
    );
    assert_eq!(closed["closed"][0]["closed_by_session"], "s-1");
    assert_eq!(
        (&closed["claimed"]["id"], &closed["claimed"]["assignee"]),
        (&json!(c), &json!("ada"))
    );
    let epic = place.create(&["epic", "-t", "epic"]);
    let steps = ["1", "2", "3"].map(|title| place.create(&[title, "--parent", &epic, "-p", title]));
    let step =
        |args: &[&str]| place.json(&[&["close", "--continue"], args].concat())["continue"].clone();
    let shown = step(&[&steps[0], "--no-auto"]);
    assert_eq!(
        (&shown["next_step"]["id"], &shown["auto_advanced"]),
        (&json!(steps[1]), &json!(false))
    );
    let shown = step(&[&steps[1]]);
    assert_eq!(
        (&shown["next_step"]["status"], &shown["molecule_id"]),
        (&json!("in_progress"), &json!(epic))
    );
    place.gt(&["close", &epic]).fails(4, "open children");
    let closed = place.json(&["close", &epic, "--cascade"]);
    assert_eq!(ids(&closed), [steps[2].as_str(), epic.as_str()]);
}
