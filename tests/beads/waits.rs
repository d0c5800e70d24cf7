//! What waits, what is remembered and how beads stood before.

use serde_json::{Value, json};

use super::support::Place;

#[test]
fn what_is_remembered_is_found_until_it_is_forgotten() {
    let place = Place::new();
    let first = place.json(&["remember", "run the tests with -race"]);
    let key = "run-the-tests-with-race";
    let want = json!({ "key": key, "value": "run the tests with -race", "action": "remembered",
        "schema_version": 1 });
    assert_eq!(first, want);
    let typed = [
        "remember",
        "signed tokens",
        "--key",
        "auth",
        "--type",
        "project",
    ];
    assert_eq!(place.json(&typed)["action"], "remembered");
    assert_eq!(place.json(&typed)["action"], "updated");
    let all = json!({ key: "run the tests with -race", "project.auth": "signed tokens",
        "schema_version": 1 });
    assert_eq!(place.json(&["memories"]), all);
    assert_eq!(
        place.json(&["kv", "list"])["memory.project.auth"],
        "signed tokens"
    );
    assert_eq!(
        place
            .json(&["memories", "RACE"])
            .as_object()
            .map(|it| it.len()),
        Some(2)
    );
    assert_eq!(place.json(&["recall", "auth"])["value"], "signed tokens");
    let log = place
        .git(&["log", "--format=%s", "refs/gt/handoffs"])
        .done()
        .stdout;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(place.json(&["forget", "auth"])["deleted"], "true");
    let gone = place
        .gt(&["recall", "auth", "--json"])
        .fails(1, "no memory found");
    let gone: Value = serde_json::from_str(&gone.stdout).expect("it is JSON");
    assert_eq!(
        (&gone["found"], &gone["value"]),
        (&json!(false), &json!(""))
    );
    place.gt(&["forget", "auth"]).fails(1, "no memory found");
    place.gt(&["remember", " "]).fails(1, "nothing to remember");
    place.gt(&["remember", "…"]).fails(1, "--key");
}

#[test]
fn scripts_keep_texts_under_keys() {
    let place = Place::new();
    let set = place.json(&["kv", "set", "deploy.last", "v1"]);
    assert_eq!(
        set,
        json!({ "key": "deploy.last", "value": "v1", "schema_version": 1 })
    );
    assert_eq!(
        place.gt(&["kv", "get", "deploy.last"]).done().stdout,
        "v1\n"
    );
    let cleared = place.json(&["kv", "clear", "deploy.last"]);
    assert_eq!(cleared["deleted"], "true");
    place
        .gt(&["kv", "get", "deploy.last"])
        .fails(1, "no key found");
    place
        .gt(&["kv", "set", "", "v1"])
        .fails(129, "cannot be a key");
}
