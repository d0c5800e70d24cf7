//! What is seen of beads and the edges between them: trees, circles, epics, duplicates, and the JSON of each.

use serde_json::{Value, json};

use super::support::Place;

/// Returns the ids of a list, in order.
fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|it| it["id"].as_str()).collect()
}

#[test]
fn edges_are_drawn_in_every_way_bd_knows() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(&[title]));
    let added = |from: &str, to: &str, kind: &str| {
        json!({
            "status": "added", "issue_id": from, "depends_on_id": to, "type": kind,
            "schema_version": 1,
        })
    };
    assert_eq!(place.json(&["dep", "add", &a, &b]), added(&a, &b, "blocks"));
    assert_eq!(place.json(&["dep", "add", &a, &b]), added(&a, &b, "blocks"));
    place
        .gt(&["dep", "add", &a, &b, "-t", "related"])
        .fails(4, "already has an edge of type blocks");
    place
        .gt(&["dep", "add", &b, "--blocked-by", &a])
        .fails(4, "a cycle");
    place.gt(&["dep", "add", &a, &a]).fails(4, "itself");
    let blocks = place.json(&["dep", &c, "--blocks", &b]);
    assert_eq!(
        blocks,
        json!({ "status": "added", "blocker_id": c, "blocked_id": b, "type": "blocks", "schema_version": 1 })
    );
    assert_eq!(
        place.json(&["link", &c, &a, "-t", "Pairs-With"]),
        added(&c, &a, "Pairs-With")
    );
    let long = "x".repeat(51);
    place
        .gt(&["dep", "add", &a, &c, "-t", &long])
        .fails(129, "50");
    let listed = place.json(&["dep", "list", &a]);
    assert_eq!(
        (ids(&listed), &listed[0]["dependency_type"]),
        (vec![b.as_str()], &json!("blocks"))
    );
    let raw = place.json(&["dep", "list", &a, &c]);
    let edge =
        |it: &Value| [&it["issue_id"], &it["depends_on_id"], &it["type"]].map(Value::to_string);
    let got: Vec<_> = raw.as_array().unwrap().iter().map(edge).collect();
    let want =
        [[&a, &b, "blocks"], [&c, &a, "Pairs-With"]].map(|it| it.map(|it| format!("\"{it}\"")));
    assert_eq!(got, want);
    let up = place.json(&["dep", "list", &b, "--direction", "up"]);
    assert_eq!(ids(&up), [a.as_str()]);
    place.json(&["dep", "relate", &a, &c]);
    assert_eq!(
        ids(&place.json(&["dep", "list", &a, "-t", "relates-to"])),
        [c.as_str()]
    );
    let removed = place.json(&["dep", "rm", &a, &b]);
    assert_eq!(removed["status"], "removed");
    place.json(&["dep", "unrelate", &c, &a]);
    place
        .gt(&["dep", "unrelate", &c, &a])
        .fails(1, "not related");
    assert_eq!(place.json(&["dep", "list", &a]), json!([]));
}

#[test]
fn edges_of_a_file_are_drawn_together_or_not_at_all() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(&[title]));
    let edge = |from: &str, to: &str| format!("{{\"from\":\"{from}\",\"to\":\"{to}\"}}\n");
    let circle = place.file(
        "circle",
        &[edge(&a, &b), edge(&b, &c), edge(&c, &a)].concat(),
    );
    place
        .gt(&["dep", "add", "--file", &circle])
        .fails(4, "line 1: a cycle");
    let wrong = place.file(
        "wrong",
        &[edge(&a, &b), edge(&a, "nothing"), edge(&b, &b)].concat(),
    );
    place
        .gt(&["dep", "add", "--file", &wrong])
        .fails(1, "line 2: no issue found");
    assert_eq!(place.json(&["dep", "list", &a]), json!([]));
    let before = place
        .git(&["rev-list", "--count", "refs/gt/beads"])
        .done()
        .stdout;
    let chain = place.file("chain", &[edge(&a, &b), edge(&b, &c)].concat());
    let said = place.json(&["dep", "add", "--file", &chain]);
    assert_eq!(
        (&said["status"], &said["count"]),
        (&json!("added"), &json!(2))
    );
    assert_eq!(
        said["dependencies"][1],
        json!({ "issue_id": b, "depends_on_id": c, "type": "blocks" })
    );
    let after = place
        .git(&["rev-list", "--count", "refs/gt/beads"])
        .done()
        .stdout;
    let count = |text: &str| text.trim().parse::<u64>().unwrap();
    assert_eq!(count(&after), count(&before) + 1);
    assert_eq!(place.json(&["dep", "cycles"]), json!([]));
    place
        .gt(&["dep", "add", "--file", &circle, "--no-cycle-check"])
        .done();
    let cycles = place.json(&["dep", "cycles"]);
    assert_eq!(ids(&cycles[0]).len(), 3);
    assert!(cycles[0][0]["created_at"].is_string());
}

#[test]
fn trees_are_flat_in_json_and_drawn_for_people() {
    let place = Place::new();
    let [a, b, c] = ["a", "b", "c"].map(|title| place.create(&[title]));
    for (from, to) in [(&a, &b), (&b, &c), (&a, &c)] {
        place.gt(&["dep", "add", from, to]).done();
    }
    let tree = place.json(&["dep", "tree", &a]);
    let shape = |it: &Value| {
        [
            &it["id"],
            &it["depth"],
            &it["parent_id"],
            &it["edge_from_parent"],
            &it["truncated"],
        ]
        .map(Value::clone)
    };
    let got: Vec<_> = tree.as_array().unwrap().iter().map(shape).collect();
    assert_eq!(
        got[0],
        [json!(a), json!(0), json!(""), json!(null), json!(false)]
    );
    assert_eq!(got.len(), 3);
    assert!(tree[1]["title"].is_string() && tree[1]["priority"].is_number());
    let cut = place.json(&["dep", "tree", &a, "-d", "0"]);
    assert_eq!(
        (cut.as_array().unwrap().len(), &cut[0]["truncated"]),
        (1, &json!(true))
    );
    let up = place.json(&["dep", "tree", &c, "--reverse"]);
    assert_eq!(ids(&up)[0], c);
    let text = place.gt(&["dep", "tree", &a]).done().stdout;
    assert!(text.contains("├── ○ ") && text.contains("└── ○ "), "{text}");
    assert!(text.contains("(shown above)"), "{text}");
    let chart = place
        .gt(&["dep", "tree", &a, "--format", "mermaid"])
        .done()
        .stdout;
    assert!(
        chart.starts_with("flowchart TD\n") && chart.contains("b0 --> b1"),
        "{chart}"
    );
    place.gt(&["close", &c]).done();
    let closed = place.json(&["dep", "tree", &a, "--status", "closed"]);
    assert!(ids(&closed).contains(&c.as_str()) && ids(&closed)[0] == a);
}

#[test]
fn a_bead_is_shown_from_every_side() {
    let place = Place::new();
    let epic = place.create(&["Release", "-t", "epic"]);
    let child = place.create(&["Parse", "--parent", &epic]);
    let first = place.git(&["rev-parse", "refs/gt/beads"]).done().stdout;
    place
        .gt(&["update", &child, "--title", "Parse it all", "--claim"])
        .done();
    let refs = place.json(&["show", &epic, "--refs"]);
    assert_eq!(refs[&epic][0]["dependency_type"], "parent-child");
    assert_eq!(
        ids(&place.json(&["show", &epic, "--children"])[&epic]),
        [child.as_str()]
    );
    let then = place.json(&["show", &child, "--as-of", first.trim()]);
    assert_eq!(
        (&then[0]["title"], &then[0]["status"]),
        (&json!("Parse"), &json!("open"))
    );
    place
        .gt(&["show", &child, "--as-of", "nothing"])
        .fails(1, "no commit");
    assert_eq!(ids(&place.json(&["show", "--current"])), [child.as_str()]);
    assert_eq!(
        ids(&place.json(&["show", "--id", &child, &epic])),
        [epic.as_str(), &child]
    );
    let text = place.gt(&["show", &epic]).done().stdout;
    assert!(text.contains("CHILDREN (0 of 1 closed)"), "{text}");
    let text = place
        .gt(&["show", &child, "--long", "--local-time"])
        .done()
        .stdout;
    assert!(text.contains("started_at:"), "{text}");
    place.gt(&["show"]).fails(1, "which bead?");
}

#[test]
fn a_conversation_is_read_from_its_beginning() {
    let place = Place::new();
    let [a, b, c] = ["one", "two", "three"].map(|title| place.create(&[title, "-t", "message"]));
    for (from, to) in [(&b, &a), (&c, &b)] {
        place
            .gt(&["dep", "add", from, to, "-t", "replies-to"])
            .done();
    }
    for id in [&a, &b, &c] {
        assert_eq!(
            ids(&place.json(&["show", id, "--thread"])),
            [a.as_str(), &b, &c]
        );
    }
}
