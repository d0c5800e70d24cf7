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

#[test]
fn epics_say_how_far_they_are() {
    let place = Place::new();
    let epic = place.create(&["Release", "-t", "epic"]);
    let child = place.create(&["Parse", "--parent", &epic]);
    place.create(&["Later", "-t", "epic"]);
    let of = |status: &Value| {
        let found = status
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["epic"]["id"] == *epic);
        found.cloned().unwrap()
    };
    let status = of(&place.json(&["epic", "status"]));
    assert_eq!(status["epic"]["title"], "Release");
    assert!(status["epic"]["created_at"].is_string());
    let counts = |it: &Value| {
        [
            &it["total_children"],
            &it["closed_children"],
            &it["eligible_for_close"],
        ]
        .map(Value::clone)
    };
    assert_eq!(counts(&status), [json!(1), json!(0), json!(false)]);
    assert_eq!(
        place.json(&["epic", "status", "--eligible-only"]),
        json!([])
    );
    place.gt(&["close", &child]).done();
    assert_eq!(
        counts(&of(&place.json(&["epic", "status"]))),
        [json!(1), json!(1), json!(true)]
    );
    let text = place.gt(&["epic", "status"]).done().stdout;
    assert!(
        text.contains("1 of 1 closed, 100 % — can be closed"),
        "{text}"
    );
    assert_eq!(
        place
            .json(&["epic", "close-eligible", "--dry-run"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let closed = place.json(&["epic", "close-eligible"]);
    assert_eq!(
        closed,
        json!({ "closed": [epic], "count": 1, "schema_version": 1 })
    );
    assert_eq!(place.json(&["epic", "close-eligible"])["count"], 0);
}

#[test]
fn what_says_the_same_is_found_and_merged() {
    let place = Place::new();
    let [a, b] = ["Parse dates"; 2].map(|title| place.create(&[title, "-t", "epic"]));
    let child = place.create(&["child", "--parent", &b]);
    let other = place.create(&["child of another", "--parent", &b]);
    let late = place.create(&["Parse dates", "-t", "epic"]);
    let below = place.create(&["below it", "--parent", &late]);
    let found = place.json(&["duplicates"]);
    assert_eq!(found["duplicate_groups"], 1);
    let group = &found["groups"][0];
    assert_eq!(
        (&group["suggested_target"], &group["suggested_sources"]),
        (&json!(b), &json!([a, late]))
    );
    assert!(found["merge_commands"].is_null());
    let pairs = place.json(&["find-duplicates", "--threshold", "0.9"]);
    assert_eq!(
        (&pairs["count"], &pairs["method"], &pairs["threshold"]),
        (&json!(3), &json!("mechanical"), &json!(0.9))
    );
    let keys = [
        "issue_a_id",
        "issue_b_id",
        "issue_a_title",
        "issue_b_title",
        "similarity",
        "method",
    ];
    assert!(
        keys.iter().all(|key| !pairs["pairs"][0][key].is_null()),
        "{pairs}"
    );
    assert!(place.json(&["duplicates", "--dry-run"])["merge_commands"].is_array());
    let merged = place.json(&["duplicates", "--auto-merge"]);
    assert_eq!(merged["merge_results"][0]["reparented"], json!([below]));
    assert_eq!(place.json(&["show", &below])[0]["parent"], *b);
    assert_eq!(
        place.json(&["show", &a])[0]["close_reason"],
        format!("duplicate of {b}")
    );
    assert_eq!(place.json(&["duplicates"])["groups"], json!([]));
    let said = place.json(&["duplicate", &child, "--of", &other]);
    assert_eq!(
        said,
        json!({ "duplicate": child, "canonical": other, "status": "closed", "schema_version": 1 })
    );
    let edges = place.json(&["dep", "list", &child, "-t", "duplicates"]);
    assert_eq!(ids(&edges), [other.as_str()]);
    let said = place.json(&["supersede", &other, "--with", &below]);
    assert_eq!(
        said,
        json!({ "superseded": other, "replacement": below, "status": "closed", "schema_version": 1 })
    );
    place.gt(&["duplicate", &a, "--of", &a]).fails(4, "itself");
}

#[test]
fn types_and_statuses_are_listed() {
    let place = Place::new();
    let types = place.json(&["types"]);
    assert!(
        types["core_types"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["name"].is_string() && it["description"].is_string())
    );
    assert!(types["custom_types"].is_null());
    let statuses = place.json(&["statuses"]);
    let keys = ["name", "category", "icon", "description"];
    let core = statuses["built_in_statuses"].as_array().unwrap();
    assert!(
        core.iter()
            .all(|it| keys.iter().all(|key| it[key].is_string())),
        "{statuses}"
    );
}

#[test]
fn graphs_stand_in_layers() {
    let place = Place::new();
    let [a, b, c] = ["a", "b <i>\"x\"</i>", "c"].map(|title| place.create(&[title]));
    place.create(&["alone"]);
    place.gt(&["dep", "add", &b, &a]).done();
    place.gt(&["dep", "add", &c, &b]).done();
    let graph = place.json(&["graph", &b]);
    assert_eq!(graph["root"]["id"], *b);
    assert_eq!(ids(&graph["issues"]).len(), 3);
    assert_eq!(graph["layout"]["Layers"], json!([[a], [b], [c]]));
    assert_eq!(place.json(&["graph", "--all"]).as_array().unwrap().len(), 2);
    let text = place.gt(&["graph", &a]).done().stdout;
    assert!(text.contains("LAYER 2\n  ○ "), "{text}");
    let boxes = place.gt(&["graph", &a, "--box"]).done().stdout;
    assert!(
        boxes.contains("  ┌") && boxes.contains(&format!("│ ← {a}")),
        "{boxes}"
    );
    assert_eq!(
        place
            .gt(&["graph", "--all", "--compact"])
            .done()
            .stdout
            .lines()
            .count(),
        5
    );
    let dot = place.gt(&["graph", &a, "--dot"]).done().stdout;
    assert!(
        dot.starts_with("digraph") && dot.contains(&format!("\"{a}\" -> \"{b}\";")),
        "{dot}"
    );
    let html = place.gt(&["graph", &a, "--html"]).done().stdout;
    assert!(html.contains("<svg") && !html.contains("<i>"), "{html}");
    assert_eq!(place.json(&["graph", "check"])["clean"], true);
    place.gt(&["dep", "add", &a, &c, "--no-cycle-check"]).done();
    let check = place.gt(&["graph", "check", "--json"]);
    let check: Value = serde_json::from_str(&check.fails(1, "").stdout).unwrap();
    assert_eq!(
        (&check["clean"], &check["summary"]["cycle_count"]),
        (&json!(false), &json!(1))
    );
    let text = place.gt(&["graph", &a]).done().stdout;
    assert!(text.contains("CIRCLE "), "{text}");
}

#[test]
fn swarms_go_in_waves() {
    let place = Place::new();
    let epic = place.create(&["Release", "-t", "epic"]);
    let [a, b] = ["a", "b"].map(|title| place.create(&[title, "--parent", &epic]));
    let outside = place.create(&["outside"]);
    place.gt(&["dep", "add", &b, &a]).done();
    place.gt(&["dep", "add", &a, &outside]).done();
    let plan = place.json(&["swarm", "validate", &epic]);
    assert_eq!(
        plan["ready_fronts"],
        json!([{ "wave": 0, "issues": [a] }, { "wave": 1, "issues": [b] }])
    );
    let keys = [
        "epic_id",
        "epic_title",
        "total_issues",
        "closed_issues",
        "max_parallelism",
        "estimated_sessions",
    ];
    assert!(keys.iter().all(|key| !plan[key].is_null()), "{plan}");
    assert_eq!(
        (&plan["errors"], &plan["swarmable"]),
        (&json!([]), &json!(true))
    );
    assert_eq!(
        plan["warnings"],
        json!([format!("{a} depends on {outside} (outside epic)")])
    );
    let verbose = place.json(&["swarm", "validate", &epic, "--verbose"]);
    assert_eq!(verbose["issues"][&a]["depended_on_by"], json!([b]));
    let made = place.json(&["swarm", "create", &epic, "--coordinator", "bob"]);
    assert_eq!(
        (&made["epic_id"], &made["coordinator"]),
        (&json!(epic), &json!("bob"))
    );
    place
        .gt(&["swarm", "create", &epic])
        .fails(4, "swarm already exists");
    let swarm = made["swarm_id"].as_str().unwrap();
    let status = place.json(&["swarm", "status", swarm]);
    assert_eq!(
        (&status["epic_id"], &status["blocked_count"]),
        (&json!(epic), &json!(2))
    );
    assert_eq!(status["blocked"][0]["id"], *b);
    let list = place.json(&["swarm", "list"]);
    assert_eq!(
        (&list["swarms"][0]["id"], &list["swarms"][0]["total_issues"]),
        (&json!(swarm), &json!(2))
    );
    let wrapped = place.json(&["swarm", "create", &outside]);
    assert_eq!(
        place.json(&["show", &outside])[0]["parent"],
        wrapped["epic_id"]
    );
    assert_eq!(wrapped["analysis"]["total_issues"], 1);
    place.gt(&["dep", "add", &a, &b, "--no-cycle-check"]).done();
    let plan = place
        .gt(&["swarm", "validate", &epic, "--json"])
        .fails(1, "");
    assert!(
        plan.stdout.contains("\"swarmable\": false"),
        "{}",
        plan.stdout
    );
}

/// What git's pager shows counts as a terminal: git says how wide it is.
#[test]
fn people_see_colours_and_titles_that_fit() {
    let place = Place::new();
    let title = "a title that is longer than a line of forty columns";
    let epic = place.create(&[title, "-t", "epic", "-p", "0"]);
    place.create(&["child", "--parent", &epic]);
    let seen = |env: &[(&str, &str)], args: &[&str]| {
        let mut command = place.command(args);
        command.envs(env.iter().copied());
        let output = command.output().expect("it starts");
        String::from_utf8(output.stdout).expect("it is UTF-8")
    };
    let person = [("GIT_PAGER_IN_USE", "1"), ("COLUMNS", "40")];
    let without = |name: &'static str, value: &'static str| [person[0], person[1], (name, value)];
    let text = seen(&person, &["list"]);
    assert!(
        text.contains("\u{1b}[31m") && text.contains("└── ") && text.contains('…'),
        "{text}"
    );
    for args in [
        without("NO_COLOR", "1"),
        without("CLICOLOR", "0"),
        without("TERM", "dumb"),
    ] {
        let text = seen(&args, &["list"]);
        assert!(
            !text.contains('\u{1b}') && text.lines().all(|it| it.chars().count() <= 40),
            "{text}"
        );
    }
    assert!(seen(&[("CLICOLOR_FORCE", "1")], &["list"]).contains('\u{1b}'));
    for args in [
        &["list", "--plain"][..],
        &["ready", "--plain"],
        &["show", &epic, "--plain"],
    ] {
        let text = seen(&person, args);
        assert!(!text.contains('\u{1b}') && text.contains(title), "{text}");
    }
    let text = seen(&[], &["list"]);
    assert!(
        !text.contains('\u{1b}') && text.contains(title) && !text.contains("└"),
        "{text}"
    );
    place.git(&["config", "color.ui", "never"]).done();
    assert!(!seen(&person, &["list"]).contains('\u{1b}'));
    assert!(seen(&person, &["show", &epic]).contains(" ago"));
}
