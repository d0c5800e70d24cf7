//! Lists of beads: which are shown, in which order, and what is asked of them.

use serde_json::{Value, json};

use crate::ids;
use crate::support::Place;

/// Beads of all sorts, by their titles.
fn many(place: &Place) -> impl Fn(&str) -> String + use<> {
    let lines = [
        json!({ "id": "gt-a", "title": "Parse dates", "priority": 1, "labels": ["api", "tech-debt"],
            "created_at": "2025-12-01T00:00:00Z", "updated_at": "2025-12-30T00:00:00Z",
            "due_at": "2025-12-31T00:00:00Z", "metadata": { "team": "core", "n": 3 } }),
        json!({ "id": "gt-a.2", "title": "child", "priority": 2, "assignee": "ada", "notes": "Ask Bob",
            "created_at": "2025-12-02T00:00:00Z", "updated_at": "2025-12-03T00:00:00Z",
            "dependencies": [{ "issue_id": "gt-a.2", "depends_on_id": "gt-a", "type": "parent-child" }] }),
        json!({ "id": "gt-a.10", "title": "Another child", "priority": 2, "status": "closed", "spec_id": "docs/x.md",
            "created_at": "2025-12-02T12:00:00Z", "updated_at": "2025-12-20T00:00:00Z",
            "closed_at": "2025-12-20T00:00:00Z",
            "dependencies": [{ "issue_id": "gt-a.10", "depends_on_id": "gt-a", "type": "parent-child" }] }),
        json!({ "id": "gt-b", "title": "bug", "issue_type": "bug", "priority": 0, "external_ref": "gh-9",
            "description": "it FAILS", "created_at": "2025-12-03T00:00:00Z",
            "updated_at": "2025-12-28T00:00:00Z", "labels": ["ui"], "mol_type": "swarm" }),
        json!({ "id": "gt-g", "title": "gate", "issue_type": "gate", "priority": 3,
            "created_at": "2025-12-04T00:00:00Z", "updated_at": "2025-12-04T00:00:00Z" }),
        json!({ "id": "gt-p", "title": "by hand", "status": "pinned", "priority": 4,
            "created_at": "2025-12-05T00:00:00Z", "updated_at": "2025-12-05T00:00:00Z" }),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    place
        .gt(&["import", &place.file("many.jsonl", &text)])
        .done();
    |words: &str| {
        words
            .split(' ')
            .filter(|it| !it.is_empty())
            .map(|it| format!("gt-{it} "))
            .collect()
    }
}

#[track_caller]
fn check(place: &Place, args: &[&str], want: &str) {
    let found = place.json(args);
    let found: String = ids(&found).iter().map(|id| format!("{id} ")).collect();
    assert_eq!(found, want, "{args:?}");
}

#[test]
fn lists_take_what_is_asked_for() {
    let place = Place::new();
    let many = many(&place);
    let check = |args: &str, want: &str| {
        let args: Vec<&str> = ["list"]
            .into_iter()
            .chain(args.split_whitespace())
            .collect();
        check(&place, &args, &many(want));
    };
    check("", "b a a.2");
    check("--all", "b a a.10 a.2 p");
    check("--all --include-gates --flat", "b a a.10 a.2 g p");
    check("-t gate", "g");
    check("-s all", "b a a.10 a.2 p");
    check("-s open,pinned --tree=false", "b a a.2 p");
    check("--state closed", "a.10");
    check("--pinned", "p");
    check("--all --no-pinned", "b a a.10 a.2");
    check("--parent a", "a.2");
    check("--filter-parent gt-a --all", "a.10 a.2");
    check("--no-parent", "b a");
    check("--id gt-b,gt-a.2,gt-none", "b a.2");
    check("--label-any ui,api --priority-min 1", "a");
    check("--label-pattern tech-*", "a");
    check("--label-regex ^(ui|x)$", "b");
    check("--exclude-label api,ui", "a.2");
    check("--no-labels --no-assignee", "");
    check("--exclude-type bug --priority-max P1", "a");
    check("--title CHILD", "a.2");
    check("--title-contains child --closed-after 2025-12-19", "a.10");
    check("--desc-contains fails", "b");
    check("--notes-contains bob", "a.2");
    check("--external-contains GH", "b");
    check("--empty-description --label api", "a");
    check("--spec docs/ --all", "a.10");
    check("--mol-type swarm", "b");
    check("--metadata-field team=core --metadata-field n=3", "a");
    check("--metadata-field team=other", "");
    check("--has-metadata-key team", "a");
    check(
        "--created-before 2025-12-03 --created-after 2025-12-01",
        "a.2",
    );
    check("--updated-after 5d", "b a");
    check("--overdue", "a");
    check("--due-before 1d --due-after -2w", "a");
    check("--deferred", "");
    check("--ready", "b a a.2");
    check("--sort id --all", "a a.2 a.10 b p");
    check("--sort updated -r", "a.2 b a");
    check("--sort title -n 2", "b a.2");
    check("-r -n 1", "a.2");
    check("--sort assignee", "b a a.2");
}

#[test]
fn lists_show_as_many_as_bd_does() {
    let place = Place::new();
    let line = |at: u8| json!({ "id": format!("gt-{at}"), "title": "t", "priority": 2, "created_at": "2025-12-01T00:00:00Z" });
    let text: String = (0..60).map(|at| format!("{}\n", line(at))).collect();
    place
        .gt(&["import", &place.file("sixty.jsonl", &text)])
        .done();
    let count = |args: &[&str], env: (&str, &str)| {
        let mut command = place.command(&[&["list", "--json"], args].concat());
        let output = command.env(env.0, env.1).output().expect("it starts");
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        ids(&list).len()
    };
    assert_eq!(count(&[], ("A", "")), 50);
    assert_eq!(count(&["--all"], ("BD_AGENT_MODE", "1")), 60);
    assert_eq!(count(&["-n", "0"], ("BD_AGENT_MODE", "1")), 60);
    assert_eq!(count(&[], ("BD_AGENT_MODE", "1")), 20);
    assert_eq!(count(&[], ("CLAUDE_CODE", "1")), 20);
    assert_eq!(count(&["-n", "7", "--all"], ("CLAUDE_CODE", "1")), 7);
}

#[test]
fn lists_without_labels_are_objects() {
    let place = Place::new();
    let _ids = many(&place);
    let object = place.json(&["list", "--skip-labels", "-n", "2"]);
    assert_eq!(ids(&object["issues"]), ["gt-b", "gt-a"]);
    assert_eq!(object["meta"], json!({ "count": 2, "skip_labels": true }));
    for issue in object["issues"].as_array().expect("a list") {
        assert_eq!(issue["labels"], json!([]));
        assert!(issue["dependency_count"].is_u64(), "{issue}");
    }
    for option in [
        "--no-labels",
        "--label=ui",
        "--label-any=ui",
        "--label-regex=ui",
    ] {
        place
            .gt(&["list", "--skip-labels", option])
            .fails(129, "--skip-labels");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    let place = Place::new();
    place.create(&["one"]);
    let check = |args: &[&str], code, said: &str| drop(place.gt(args).fails(code, said));
    check(
        &["list", "--sort", "age"],
        129,
        "'age' is nothing to sort by",
    );
    check(
        &["list", "--created-after", "soon"],
        1,
        "--created-after: 'soon' is no time",
    );
    check(
        &["list", "--due-before", "99999999999d"],
        1,
        "--due-before: ",
    );
    check(
        &["list", "--label-regex", "a("],
        1,
        "--label-regex: 'a(' is no regular expression",
    );
    check(&["list", "--metadata-field", "team"], 129, "KEY=VALUE");
    check(
        &["list", "--has-metadata-key", "a b"],
        129,
        "no key of metadata",
    );
    check(
        &["list", "--parent", "x", "--no-parent"],
        129,
        "--no-parent",
    );
    check(&["list", "-s", "opne"], 1, "'opne' is no status");
    check(
        &["query", "status=opne"],
        1,
        "'opne' is no status, at character 8 of the query",
    );
    check(
        &["query", "status=open", "AND"],
        1,
        "a field is missing, at character 16",
    );
    check(&["query"], 129, "EXPR");
    check(&["children", "nowhere"], 1, "no issue found");
}

#[test]
fn questions_are_answered() {
    let place = Place::new();
    let many = many(&place);
    let check = |args: &[&str], want: &str| {
        check(&place, &[&["query"], args].concat(), &many(want));
    };
    check(&["priority<=1"], "b a");
    check(&["priority<=1", "and", "not", "type=bug"], "a");
    check(&["title=child"], "a.2");
    check(&["title=child", "-a"], "a.10 a.2");
    check(&["title=child AND status!=open"], "a.10");
    check(&["closed>2w", "--sort", "closed"], "a.10");
    check(
        &["(desc=fails OR notes=\"ask bob\") AND created<2026-01-01"],
        "b a.2",
    );
    check(&["label=api OR label=UI", "-n", "1"], "b");
    check(&["assignee=none", "--sort", "id", "-r"], "p g b a");
    check(&["metadata.team=core OR parent=gt-a"], "a a.2");
    check(&["id=gt-a.* and spec!=none", "--all"], "a.10");
    check(&["due<0h"], "a");
    let parsed = place.gt(&["query", "--parse-only", "a", "=", "b"]);
    parsed.fails(1, "'a' is no field");
    let parsed = place.json(&[
        "query",
        "--parse-only",
        "status=OPEN and (priority>P2 or labels='x y')",
    ]);
    let want = "status=open AND (priority>2 OR label=\"x y\")";
    assert_eq!(parsed, json!({ "query": want, "schema_version": 1 }));
    let text = place.gt(&["query", "priority=0"]).done().stdout;
    assert!(text.starts_with("gt-b "), "{text}");
}

#[test]
fn children_are_shown_whatever_became_of_them() {
    let place = Place::new();
    let many = many(&place);
    check(&place, &["children", "gt-a"], &many("a.10 a.2"));
    check(
        &place,
        &["children", "a", "--sort", "id"],
        &many("a.2 a.10"),
    );
    check(&place, &["children", "gt-b"], "");
    let child = &place.json(&["children", "gt-a"])[0];
    assert_eq!(child["parent"], "gt-a");
    assert_eq!(child["dependencies"][0]["type"], "parent-child");
}

#[test]
fn searches_leave_out_what_is_closed() {
    let place = Place::new();
    let many = many(&place);
    let check = |args: &[&str], want: &str| {
        check(&place, &[&["search"], args].concat(), &many(want));
    };
    check(&["child"], "a.2");
    check(&["child", "--all"], "a.10 a.2");
    check(&["child", "-s", "all", "--sort", "id", "-r"], "a.10 a.2");
    check(&["gate"], "g");
    check(&["--external-contains", "gh-"], "b");
    check(&["a", "--updated-after", "2025-12-29"], "a");
}

#[test]
fn counts_take_the_options_of_lists() {
    let place = Place::new();
    let _ids = many(&place);
    let count = |args: &[&str]| place.json(&[&["count"], args].concat())["count"].clone();
    assert_eq!(count(&[]), 6);
    assert_eq!(
        count(&["--no-labels", "--created-after", "2025-12-02T12:00:00Z"]),
        2
    );
    assert_eq!(count(&["--desc-contains", "FAILS"]), 1);
    assert_eq!(count(&["--priority-min", "3"]), 2);
}

#[test]
fn ready_takes_the_options_of_bd() {
    let place = Place::new();
    let many = many(&place);
    let check = |args: &str, want: &str| {
        let args: Vec<&str> = ["ready"]
            .into_iter()
            .chain(args.split_whitespace())
            .collect();
        check(&place, &args, &many(want));
    };
    check("", "b a a.2");
    check("-s oldest", "a a.2 b");
    check("-t gate", "g");
    check("--parent a", "a.2");
    check("--label-any ui,none --exclude-type task", "b");
    check("--exclude-label ui -p 1", "a");
    check("--metadata-field team=core", "a");
    check("--has-metadata-key none", "");
    check("--mol-type swarm", "b");
    check("-u", "b a");
    let later = place.create(&["later", "--defer", "2030-01-01", "-p", "4"]);
    assert!(!ids(&place.json(&["ready"])).contains(&later.as_str()));
    assert!(ids(&place.json(&["ready", "--include-deferred"])).contains(&later.as_str()));
    place.gt(&["ready", "--sort", "age"]).fails(129, "--sort");
    place
        .gt(&["ready", "--parent", "nowhere"])
        .fails(1, "no issue found");
}

#[test]
fn ready_claims_the_first_that_is_free() {
    let place = Place::new();
    let _ids = many(&place);
    let claim = |who: &str, args: &[&str]| {
        let claimed = place.json(&[&["ready", "--claim", "--actor", who], args].concat());
        let all = claimed.as_array().expect("a list").clone();
        assert!(all.len() < 2, "{all:?}");
        all.first().cloned()
    };
    let first = claim("bob", &[]).expect("something is ready");
    assert_eq!(
        (&first["id"], &first["status"]),
        (&json!("gt-b"), &json!("in_progress"))
    );
    assert_eq!(first["assignee"], "bob");
    assert_eq!(first["comment_count"], 0);
    assert_eq!(claim("eve", &["-t", "bug"]), None);
    assert_eq!(claim("eve", &[]).expect("the second")["id"], "gt-a");
    assert_eq!(claim("eve", &[]), None, "the last one is ada's");
    assert_eq!(claim("ada", &[]).expect("her own")["id"], "gt-a.2");
    let none = place.gt(&["ready", "--claim"]).done();
    assert!(none.stderr.contains("No ready work to claim."), "{none:?}");
    for option in ["--assignee=bob", "--explain", "--gated", "--mol=gt-a"] {
        place
            .gt(&["ready", "--claim", option])
            .fails(129, "--claim");
    }
    let log = place
        .git(&["log", "-1", "--format=%an: %s", "refs/gt/beads"])
        .done();
    assert_eq!(log.stdout, "ada: claim gt-a.2 for ada\n");
}

#[test]
fn ready_says_why() {
    let place = Place::new();
    let [first, second, third] = ["first", "second", "third"].map(|it| place.create(&[it]));
    place.gt(&["dep", "add", &second, &first]).done();
    place.gt(&["dep", "add", &third, &second]).done();
    place.gt(&["close", &first]).done();
    let said = place.json(&["ready", "--explain"]);
    assert_eq!(ids(&said["ready"]), [second.as_str()]);
    assert_eq!(said["ready"][0]["reason"], "1 blocker(s) resolved");
    assert_eq!(said["ready"][0]["resolved_blockers"], json!([first]));
    assert_eq!(said["ready"][0]["dependency_count"], 1);
    assert_eq!(said["ready"][0]["dependent_count"], 1);
    assert_eq!(ids(&said["blocked"]), [third.as_str()]);
    assert_eq!(said["blocked"][0]["blocked_by_count"], 1);
    let by = json!([{ "id": second, "title": "second", "status": "open", "priority": 2 }]);
    assert_eq!(said["blocked"][0]["blocked_by"], by);
    assert_eq!(said["cycles"], json!([]));
    let summary = json!({ "total_ready": 1, "total_blocked": 1, "cycle_count": 0 });
    assert_eq!(said["summary"], summary);
    let text = place.gt(&["ready", "--explain"]).done().stdout;
    assert!(text.contains(&format!("waits for {second}")), "{text}");
}

#[test]
fn ready_shows_the_steps_of_a_molecule() {
    let place = Place::new();
    let root = place.create(&["Release", "-t", "molecule"]);
    let step = |title: &str| place.create(&[title, "--parent", &root]);
    let [build, test, gate] = [
        step("build"),
        step("test"),
        place.create(&["go", "-t", "gate"]),
    ];
    let ship = step("ship");
    for before in [&build, &test, &gate] {
        place.gt(&["dep", "add", &ship, before]).done();
    }
    let shown = place.json(&["ready", "--mol", &root]);
    assert_eq!(
        (&shown["molecule_id"], &shown["molecule_title"]),
        (&json!(root), &json!("Release"))
    );
    assert_eq!(
        (&shown["total_steps"], &shown["ready_steps"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        shown["parallel_groups"],
        json!({ "group-1": [build, test] })
    );
    let first = &shown["steps"][0];
    assert_eq!(first["issue"]["id"], json!(build));
    assert_eq!(first["parallel_group"], "group-1");
    let info = json!({
        "step_id": build, "status": "open", "is_ready": true, "parallel_group": "group-1",
        "blocked_by": [], "blocks": [ship], "can_parallel": [test],
    });
    assert_eq!(first["parallel_info"], info);
    place.gt(&["close", &build, &test]).done();
    let gated = place.json(&["ready", "--gated"]);
    assert_eq!(
        (&gated["count"], &gated["molecules"]),
        (&json!(0), &json!([]))
    );
    place.gt(&["close", &gate, "--force"]).done();
    let gated = place.json(&["ready", "--gated"]);
    assert_eq!(gated["count"], 1);
    let molecule = &gated["molecules"][0];
    assert_eq!(molecule["molecule_id"], json!(root));
    assert_eq!(molecule["closed_gate"]["id"], json!(gate));
    assert_eq!(molecule["ready_step"]["id"], json!(ship));
    place
        .gt(&["ready", "--mol", "nowhere"])
        .fails(1, "no issue found");
}

#[test]
fn what_was_left_alone_is_shown() {
    let place = Place::new();
    let many = many(&place);
    let check = |args: &[&str], want: &str| {
        check(&place, &[&["bead", "stale"], args].concat(), &many(want));
    };
    check(&[], "");
    check(&["-d", "7"], "a.2");
    check(&["-d", "3"], "a.2 b");
    check(&["-d", "2"], "a.2 b a");
    check(&["-d", "1", "-s", "open", "-n", "2"], "a.2 b");
    check(&["-d", "1", "-s", "pinned"], "p");
    place.gt(&["bead", "stale", "-d", "0"]).fails(129, "--days");
    place
        .gt(&["bead", "stale", "-s", "opne"])
        .fails(1, "no status");
}

#[test]
fn stats_say_what_happened_of_late_and_what_is_mine() {
    let place = Place::new();
    let _ids = many(&place);
    let mine = place.create(&["mine", "-a", "ada"]);
    place.gt(&["close", &mine]).done();
    place.gt(&["reopen", &mine]).done();
    let stats = place.json(&["bead", "status"]);
    assert_eq!(stats["summary"]["total_issues"], 7);
    let activity = &stats["recent_activity"];
    assert_eq!(activity["hours_tracked"], 24);
    assert_eq!(activity["issues_created"], 1);
    assert_eq!(activity["issues_reopened"], 1);
    assert_eq!(activity["issues_closed"], 0);
    assert_eq!(activity["total_changes"], 2);
    assert!(activity["commit_count"].as_u64() >= Some(3), "{activity}");
    for option in ["--no-activity", "--assigned"] {
        let stats = place.json(&["stats", option]);
        assert_eq!(stats["recent_activity"], Value::Null);
        let total = if option == "--assigned" { 2 } else { 7 };
        assert_eq!(stats["summary"]["total_issues"], total, "{option}");
    }
}

#[test]
fn lists_have_other_forms() {
    let place = Place::new();
    drop(many(&place));
    let form = |form: &str| place.gt(&["list", "--all", "--format", form]).done().stdout;
    let json: Value = serde_json::from_str(&form("json")).expect("JSON");
    assert_eq!(json, place.json(&["list", "--all"]));
    assert_eq!(form("digraph"), "gt-a.10 gt-a\ngt-a.2 gt-a\n");
    assert_eq!(
        form("{{.ID}}|{{.IssueType}}|{{.Labels}}").lines().next(),
        Some("gt-b|bug|ui")
    );
    assert_eq!(
        form("{{.Issue.Title}} {{.Type}} {{.DependsOnID}}"),
        "Another child parent-child gt-a\nchild parent-child gt-a\n"
    );
    let dot = form("dot");
    assert!(dot.starts_with("digraph dependencies {"), "{dot}");
    assert!(
        dot.contains("\"gt-a.2\" -> \"gt-a\" [label=\"parent-child\""),
        "{dot}"
    );
    place
        .gt(&["list", "--format", "{{.ID"])
        .fails(129, "a place has no end");
}
