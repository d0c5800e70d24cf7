//! Beads from the outside: the real program in a real repository.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, write files and read their environment"
)]

mod apart;
mod bd;
#[path = "../conflicts/mod.rs"]
mod conflicts;
mod edits;
mod files;
mod lists;
mod shapes;
#[expect(dead_code, reason = "the tests of mail use the rest")]
#[path = "../support/mod.rs"]
mod support;
mod tweaks;
mod views;
mod waits;
mod words;

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Output, Place};

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|it| it["id"].as_str()).collect()
}

#[test]
fn a_bead_lives_from_create_to_delete() {
    let place = Place::new();
    let id = place.create(&[
        "Parse dates",
        "-t",
        "feat",
        "-p",
        "P1",
        "-l",
        "b,a",
        "-d",
        "- all of them",
    ]);
    let shown = &place.json(&["show", &id])[0];
    assert_eq!(shown["issue_type"], "feature");
    assert_eq!(shown["priority"], 1);
    assert_eq!(shown["labels"], json!(["a", "b"]));
    assert_eq!(shown["description"], "- all of them");
    assert_eq!(shown["status"], "open");
    for key in ["dependency_count", "dependent_count", "comment_count"] {
        assert_eq!(shown[key], 0, "{key}");
    }
    place.gt(&["update", &id, "--claim"]).done();
    let shown = &place.json(&["show", &id])[0];
    assert_eq!(
        (&shown["status"], &shown["assignee"]),
        (&json!("in_progress"), &json!("ada"))
    );
    assert!(shown["started_at"].is_string());
    let closed = &place.json(&["close", &id, "-r", "tests pass"])[0];
    assert_eq!(closed["close_reason"], "tests pass");
    assert_eq!(place.json(&["list"]), json!([]));
    let open = &place.json(&["reopen", &id])[0];
    assert_eq!(
        (&open["status"], &open["closed_at"]),
        (&json!("open"), &Value::Null)
    );
    place.gt(&["delete", &id]).done();
    assert_eq!(ids(&place.json(&["list"])), [id.as_str()]);
    assert_eq!(place.json(&["delete", &id, "--force"])["deleted"], *id);
    place.gt(&["show", &id]).fails(1, "no issue found matching");
    let log = place
        .git(&["log", "--format=%an: %s", "--reverse", "refs/gt/beads"])
        .done()
        .stdout;
    let want = format!(
        "ada: create {id}: Parse dates\nada: claim {id} for ada\nada: close {id}: tests pass\n\
         ada: reopen {id}\nada: delete {id}: Parse dates\n"
    );
    assert_eq!(log, want);
}

#[test]
fn what_was_said_and_decided_is_shown() {
    let place = Place::new();
    let [one, two] = ["one", "two"].map(|title| place.create(&[title]));
    place.gt(&["comment", &one, "said\ntwice"]).done();
    let text = place.gt(&["show", &one, &two]).done().stdout;
    let (first, second) = text.split_once(&format!("\n{two}  two\n")).expect(&text);
    let said = "\nCOMMENTS\n  ada  2026-01-01T00:04:00Z\n    said\n    twice\n";
    assert!(first.ends_with(said), "{text}");
    assert!(!second.contains("COMMENTS"), "{text}");
    assert_eq!(place.json(&["show", &one])[0]["comments"], Value::Null);
    let log = |id: &str| place.json(&["log", id]);
    assert_eq!(log(one.trim_start_matches("gt-")), log(&one));
    assert_eq!(log(&one).as_array().map(Vec::len), Some(2));
    place.gt(&["log", "nothing"]).fails(1, "no issue found");
}

#[test]
fn ready_shows_what_nothing_blocks() {
    let place = Place::new();
    let first = place.create(&["first"]);
    let second = place.create(&["second", "--deps", &first]);
    let third = place.create(&["third", "-p", "0", "--deps", &format!("blocks:{second}")]);
    let late = place.create(&["late", "--defer", "2030-01-01"]);
    let child = place.create(&["child", "--parent", &second]);
    assert_eq!(child, format!("{second}.1"));
    assert_eq!(ids(&place.json(&["ready"])), [third.as_str(), &first]);
    let fault = place.gt(&["close", &second, &first]);
    let fault = fault.fails(4, &format!("{second} is blocked by"));
    assert!(
        fault.stdout.contains(&format!("Closed {first}")),
        "{fault:?}"
    );
    place.gt(&["close", &third]).done();
    assert_eq!(ids(&place.json(&["ready"])), [child.as_str(), &second]);
    assert_eq!(
        ids(&place.json(&["list", "-s", "deferred"])),
        [late.as_str()]
    );
    place.gt(&["update", &late, "--defer", ""]).done();
    assert!(ids(&place.json(&["ready"])).contains(&late.as_str()));
}

/// Some beads that stand in different ways: an epic with two children, of which one waits for the other, a
/// closed bug and an epic whose only child is closed.
fn several(place: &Place) -> [String; 6] {
    let epic = place.create(&["Release 2", "-t", "epic", "-l", "api"]);
    let first = place.create(&["Parse dates", "--parent", &epic, "-p", "1", "-l", "api,ui"]);
    let second = place.create(&[
        "Print dates",
        "--parent",
        &epic,
        "--deps",
        &first,
        "-d",
        "As the PARSER reads them",
    ]);
    let bug = place.create(&["Crash in the parser", "-t", "bug"]);
    let over = place.create(&["Release 1", "-t", "epic"]);
    let last = place.create(&["ship", "--parent", &over]);
    place.gt(&["close", &bug, &last]).done();
    place.gt(&["update", &first, "--claim"]).done();
    [epic, first, second, bug, over, last]
}

#[test]
fn beads_are_found_by_what_they_say() {
    let place = Place::new();
    let [_, first, second, bug, ..] = several(&place);
    let check = |args: &[&str], want: &[&String]| {
        let all: Vec<&str> = ["search"].iter().chain(args).copied().collect();
        assert_eq!(ids(&place.json(&all)), want, "{args:?}");
    };
    check(&["DATES"], &[&first, &second]);
    check(&["parse"], &[&first]);
    check(&["parse", "-s", "all"], &[&first, &bug]);
    check(&["parse", "-s", "closed", "-t", "bug"], &[&bug]);
    check(&["parse", "dates"], &[&first]);
    check(&["--query", "dates", "--limit", "1"], &[&first]);
    let all = usize::MAX.to_string();
    check(&["dates", "--limit", &all], &[&first, &second]);
    check(&[first.trim_start_matches("gt-")], &[&first]);
    check(&["dates", "--desc-contains", "parser"], &[&second]);
    check(&["--desc-contains", "parser", "-s", "all"], &[&second]);
    check(&["dates", "--notes-contains", "parser"], &[]);
    check(&["dates", "-l", "ui"], &[&first]);
    let element = &place.json(&["search", "print"])[0];
    assert_eq!(element["dependency_count"], 1);
    assert_eq!(element["description"], "As the PARSER reads them");
    let mut enveloped = place.command(&["list", "--all", "--json"]);
    let enveloped = enveloped.env("BD_JSON_ENVELOPE", "1").output();
    let enveloped = Output::of(&enveloped.expect("it starts")).done().stdout;
    let all = place.json(&["list", "--all"]);
    let want = json!({ "data": all, "schema_version": 1 });
    assert_eq!(enveloped, format!("{want:#}\n"));
    let cut = place.gt(&["search", "dates", "-n", "1"]).done();
    assert!(cut.stderr.contains("--limit 0"), "{cut:?}");
    place.gt(&["search"]).fails(1, "git gt search TEXT");
    place.gt(&["search", "x", "--query", "y"]).fails(129, "");
}

#[test]
fn beads_are_counted() {
    let place = Place::new();
    let [epic, ..] = several(&place);
    let check = |args: &[&str], want: &Value| {
        let all: Vec<&str> = ["count"].iter().chain(args).copied().collect();
        let mut got = place.json(&all);
        let fields = got.as_object_mut().expect("an object");
        assert_eq!(fields.remove("schema_version"), Some(json!(1)));
        assert_eq!(&got, want, "{args:?}");
    };
    let groups = |total: u8, groups: &[(&str, u8)]| {
        let group = |(group, count): &(&str, u8)| json!({ "group": group, "count": count });
        json!({ "total": total, "groups": groups.iter().map(group).collect::<Vec<_>>() })
    };
    check(&[], &json!({ "count": 6 }));
    check(&["-s", "closed"], &json!({ "count": 2 }));
    check(
        &["--status", "open", "--label", "api"],
        &json!({ "count": 2 }),
    );
    check(&["--parent", &epic, "-p", "1"], &json!({ "count": 1 }));
    let status = [("closed", 2), ("in_progress", 1), ("open", 3)];
    check(&["--by-status"], &groups(6, &status));
    check(&["--by-priority"], &groups(6, &[("P1", 1), ("P2", 5)]));
    let kinds = [("bug", 1), ("epic", 2), ("task", 3)];
    check(&["--by-type"], &groups(6, &kinds));
    check(
        &["--by-assignee", "--unassigned"],
        &groups(5, &[("(unassigned)", 5)]),
    );
    check(&["--by-assignee", "-a", "ada"], &groups(1, &[("ada", 1)]));
    let labels = [("(no labels)", 3), ("api", 3), ("ui", 1)];
    check(&["--by-label"], &groups(6, &labels));
    check(&["--by-label", "-s", "deferred"], &groups(0, &[]));
    assert_eq!(place.gt(&["count"]).done().stdout, "6\n");
    let text = place.gt(&["count", "--by-type"]).done().stdout;
    assert_eq!(text, "Total: 6\nbug   1\nepic  2\ntask  3\n");
    place
        .gt(&["count", "--by-type", "--by-label"])
        .fails(129, "");
}

#[test]
fn what_waits_is_shown_with_what_it_waits_for() {
    let place = Place::new();
    let [epic, first, second, bug, over, _] = several(&place);
    let below = place.create(&["below", "--parent", &second, "-p", "0"]);
    place.gt(&["dep", "add", &second, &bug]).done();
    let blocked = place.json(&["blocked"]);
    assert_eq!(ids(&blocked), [&below, &second]);
    for element in blocked.as_array().expect("a list") {
        assert_eq!(element["blocked_by"], json!([first]));
        assert_eq!(element["blocked_by_count"], 1);
    }
    assert_eq!(blocked[1]["description"], "As the PARSER reads them");
    assert_eq!(place.json(&["blocked", "--parent", &epic]), blocked);
    assert_eq!(place.json(&["blocked", "--parent", &over]), json!([]));
    let text = place.gt(&["blocked"]).done().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&below), "{text}");
    assert!(lines[1].ends_with(&format!("waits for {first}")), "{text}");
    place.gt(&["close", &first]).done();
    let none = place.gt(&["blocked"]).done();
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("No issues found."), "{none:?}");
}

#[test]
fn stats_have_every_number_clients_ask_for() {
    let place = Place::new();
    let summary = |place: &Place| place.json(&["stats"])["summary"].clone();
    let nothing = summary(&place);
    assert!(nothing["average_lead_time_hours"].is_f64(), "{nothing}");
    let numbers = nothing.as_object().expect("an object").values();
    assert!(
        numbers.clone().all(|it| it.as_f64() == Some(0.0)),
        "{nothing}"
    );
    several(&place);
    let pinned = place.create(&["by hand"]);
    place.gt(&["update", &pinned, "-s", "pinned"]).done();
    place.create(&["later", "--defer", "2030-01-01"]);
    let want = json!({
        "total_issues": 8, "open_issues": 3, "in_progress_issues": 1, "closed_issues": 2,
        "blocked_issues": 1, "deferred_issues": 1, "ready_issues": 2, "pinned_issues": 1,
        "epics_eligible_for_closure": 1, "average_lead_time_hours": 0.03,
    });
    assert_eq!(summary(&place), want);
    let ready = place.json(&["ready"]);
    assert_eq!(ready.as_array().map(Vec::len), Some(2));
    let text = place.gt(&["stats"]).done().stdout;
    assert!(text.contains("in progress "), "{text}");
}

#[test]
fn edges_that_make_no_sense_are_refused() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|title| place.create(&[title]));
    let epic = place.create(&["e", "-t", "epic"]);
    place.gt(&["dep", "add", &a, &a]).fails(4, "itself");
    place.gt(&["dep", "add", &a, &b]).done();
    place.gt(&["dep", "add", &a, &b]).done();
    place.gt(&["dep", "add", &b, &a]).fails(4, "cycle");
    drop(
        place
            .gt(&["dep", "add", &a, &b, "-t", "related"])
            .fails(4, "already has an edge"),
    );
    place.gt(&["dep", "add", &a, &epic]).fails(4, "epic");
    let child = place.create(&["c", "--parent", &b]);
    place
        .gt(&["dep", "add", &b, &child])
        .fails(4, "stands below it");
    drop(
        place
            .gt(&["dep", "add", &a, &b, "-t", &"x".repeat(51)])
            .fails(129, "type of edge"),
    );
    place
        .gt(&["dep", "add", &a, &epic, "-t", "parent-child"])
        .done();
    drop(
        place
            .gt(&["dep", "add", &epic, &a, "-t", "parent-child"])
            .fails(4, "below"),
    );
    place.gt(&["close", &epic]).fails(4, "open children");
    let list = place.json(&["dep", "list", &a]);
    assert_eq!(ids(&list), [epic.as_str(), &b]);
    assert_eq!(list[1]["dependency_type"], "blocks");
    place.gt(&["dep", "rm", &a, &b]).done();
    place.gt(&["dep", "rm", &a, &b]).fails(1, "does not depend");
}

#[test]
fn a_release_makes_room_for_another_holder() {
    let place = Place::new();
    let id = place.create(&["work"]);
    let claim = |who| place.gt(&["update", &id, "--claim", "--actor", who]);
    claim("bob").done();
    claim("bob").done();
    claim("eve").fails(4, "already claimed by bob");
    place.gt(&["update", &id, "--assignee", "eve"]).done();
    let shown = &place.json(&["show", &id])[0];
    assert_eq!(
        (&shown["status"], &shown["assignee"]),
        (&json!("open"), &json!("eve"))
    );
    claim("eve").done();
    place.gt(&["update", &id, "--unassign"]).done();
    assert_eq!(place.json(&["show", &id])[0]["assignee"], Value::Null);
}

#[test]
fn comments_and_labels_are_kept() {
    let place = Place::new();
    let id = place.create(&["work"]);
    place.gt(&["comment", &id, "-1 from me"]).done();
    place
        .gt(&["comments", "add", &id, "\u{1b}[31mred", "-a", "eve"])
        .done();
    let comments = place.json(&["comments", &id]);
    assert_eq!(comments[0]["text"], "-1 from me");
    assert_eq!(comments[1]["author"], "eve");
    assert!(comments[1]["id"].is_string());
    let text = place.gt(&["comments", &id]).done().stdout;
    assert!(!text.contains('\u{1b}'), "{text:?}");
    place.gt(&["label", "add", &id, "x"]).done();
    assert_eq!(place.json(&["label", "list", &id]), json!(["x"]));
    assert_eq!(ids(&place.json(&["list", "-l", "x"])), [id.as_str()]);
    place.gt(&["label", "remove", &id, "x"]).done();
    assert_eq!(place.json(&["list", "-l", "x"]), json!([]));
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    let place = Place::new();
    let id = place.create(&["work"]);
    let check = |args: &[&str], code, words: &str| {
        place.gt(args).fails(code, words);
    };
    check(&["create"], 129, "TITLE");
    check(&["create", " "], 1, "the title is empty");
    check(&["create", "x", "-p", "high"], 129, "'high' is no priority");
    check(&["create", "x", "-t", "bgu"], 1, "'bgu' is no type of bead");
    check(&["create", "x", "--due", "soon"], 1, "'soon' is no time");
    check(&["create", "x", "--id", "xx-1"], 4, "prefix");
    check(&["create", "x", "--id", &id], 4, "exists already");
    check(
        &["create", "x", "--parent", "gt-none"],
        1,
        "no issue found matching \"gt-none\"",
    );
    check(&["update", &id, "-s", "done"], 1, "'done' is no status");
    check(
        &["import", "none.jsonl"],
        1,
        "there is no file 'none.jsonl'",
    );
    let shown = place
        .gt(&["show", &id, "nope", "--json"])
        .fails(1, "no issue found");
    assert!(shown.stdout.contains(&id));
}

/// A line of a file, with the fields every bead has.
fn line(fields: &Value) -> String {
    let mut all = json!({
        "id": "gt-1", "title": "t", "status": "open", "priority": 2, "issue_type": "task",
        "created_at": "2025-11-02T21:58:07.295058-08:00", "updated_at": "2025-11-03T20:56:22.123456789Z",
    });
    for (key, value) in fields.as_object().expect("an object") {
        all[key] = value.clone();
    }
    all.as_object_mut()
        .expect("an object")
        .retain(|_, value| !value.is_null());
    all.to_string()
}

/// Imports the line and checks that it comes out again, with `changed` on top.
#[track_caller]
fn round(fields: &Value, changed: &Value) {
    let place = Place::new();
    let line = line(fields);
    let file = place.file("in.jsonl", &line);
    place.gt(&["import", &file]).done();
    let out = place.gt(&["export", "--all"]).done().stdout;
    let mut want: Value = serde_json::from_str(&line).expect("it is JSON");
    for (key, value) in changed.as_object().expect("an object") {
        want[key] = value.clone();
    }
    let got: Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(got, want);
}

#[test]
fn what_is_imported_comes_out_again() {
    let same = &json!({});
    let edge = |to, kind| json!({ "issue_id": "gt-1", "depends_on_id": to, "type": kind });
    round(&json!({}), same);
    round(
        &json!({ "status": null, "priority": null, "issue_type": null }),
        &json!({ "status": "open", "priority": 0, "issue_type": "task" }),
    );
    round(
        &json!({ "status": "closed", "closed_at": "2025-01-01T00:00:00Z", "close_reason": "r" }),
        same,
    );
    round(
        &json!({ "status": "odd", "issue_type": "odd", "assignee": "joe", "close_reason": "r" }),
        same,
    );
    round(
        &json!({ "assignee": "", "labels": [], "notes": "", "metadata": {}, "estimated_minutes": 0 }),
        same,
    );
    round(
        &json!({ "new_key": { "a": [1, 2.50] }, "compaction_level": 0, "priority": 7 }),
        same,
    );
    round(
        &json!({ "metadata": { "a": 1, "b/c": { "d": null } } }),
        same,
    );
    round(
        &json!({ "dependencies": [edge("gt-2", "parent-child"), edge("gt-2", "blocks"), edge("gt-2", "odd")] }),
        same,
    );
    round(
        &json!({ "dependencies": [edge("gt-2", "parent-child"), edge("gt-3", "parent-child")] }),
        same,
    );
    round(
        &json!({ "comments": [
        { "id": 7, "issue_id": "gt-1", "author": "a", "text": "x", "created_at": "2025-01-01T00:00:00Z" },
        { "id": 8, "issue_id": "gt-1", "author": "a", "text": "x", "created_at": "2025-01-01T00:00:00.1Z" },
    ] }),
        same,
    );
    round(
        &json!({ "created_at": "2026-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z" }),
        same,
    );
}

#[test]
fn a_tombstone_is_kept_and_not_exported() {
    let place = Place::new();
    let deleted = json!({ "status": "tombstone", "deleted_at": "2025-01-01T00:00:00Z" });
    let file = place.file("in.jsonl", &line(&deleted));
    place.gt(&["import", &file]).done();
    assert_eq!(place.gt(&["export", "--all"]).done().stdout, "");
    let file = place.file(
        "again.jsonl",
        &line(&json!({ "title": "back from the dead" })),
    );
    place.gt(&["import", &file]).done();
    assert_eq!(
        place.json(&["list", "--all"]),
        json!([]),
        "an old export revives nothing"
    );
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn two_machines_that_import_one_file_write_the_same_bytes() {
    let comment =
        json!({ "id": 7, "author": "a", "text": "x", "created_at": "2025-01-01T00:00:00Z" });
    let lines = [
        line(&json!({ "assignee": "joe", "comments": [comment], "labels": ["b", "a"] })),
        line(&json!({ "id": "gt-2", "status": "closed", "odd": [1.50] })),
    ];
    let tree = |place: &Place| {
        let file = place.file("in.jsonl", &lines.join("\n"));
        place.gt(&["import", &file]).done();
        let tip = place.git(&["rev-parse", "refs/gt/beads^{tree}"]);
        tip.done().stdout
    };
    let [here, there] = [Place::new(), Place::new()];
    there.git(&["config", "gt.cloneId", "another1"]).done();
    assert_eq!(tree(&here), tree(&there));
    there.create(&["of its own"]);
    assert_ne!(tree(&here), tree(&there));
}

#[test]
fn thirty_processes_lose_nothing_and_claim_once() {
    let place = Place::new();
    let wanted: Vec<String> = (0..5)
        .map(|n| place.create(&[&format!("work {n}")]))
        .collect();
    let mut running = Vec::new();
    for number in 0..30 {
        let id = &wanted[number % wanted.len()];
        let (who, title) = (format!("agent-{number}"), format!("new {number}"));
        let claim = ["update", id, "--claim", "--actor", &who];
        let create = ["create", &title, "--silent"];
        for args in [claim.as_slice(), create.as_slice()] {
            let mut command = place.command(args);
            let started = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            running.push((
                args.len() == claim.len(),
                id.clone(),
                who.clone(),
                started.expect("it starts"),
            ));
        }
    }
    let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (claims, id, who, child) in running {
        let output = Output::of(&child.wait_with_output().expect("it ends"));
        match (claims, output.code) {
            (true, 0) => holders.entry(id).or_default().push(who),
            (true, 4) => assert!(output.stderr.contains("already claimed by"), "{output:?}"),
            (_, code) => assert_eq!(code, 0, "{output:?}"),
        }
    }
    let all = place.json(&["list", "--all"]);
    assert_eq!(ids(&all).len(), 35);
    for id in &wanted {
        let held = &holders[id];
        assert_eq!(held.len(), 1, "{id}: {held:?}");
        assert_eq!(place.json(&["show", id])[0]["assignee"], *held[0]);
    }
}

#[test]
fn everyday_commands_start_no_other_program() {
    let place = Place::new();
    let id = place.create(&["first"]);
    let everyday: [&[&str]; 8] = [
        &["create", "second"],
        &["show", &id],
        &["list"],
        &["ready"],
        &["update", &id, "--claim"],
        &["comment", &id, "text"],
        &["close", &id],
        &["reopen", &id],
    ];
    for args in everyday {
        // Where there is no git to be found, none can be started.
        let mut command = place.command(args);
        let output = command
            .env("PATH", "/nonexistent")
            .output()
            .expect("it starts");
        Output::of(&output).done();
    }
}

#[test]
fn what_was_made_here_is_the_same_record_after_an_import_elsewhere() {
    let [here, there] = [Place::new(), Place::new()];
    let id = here.create(&["made here"]);
    here.gt(&["update", &id, "--claim", "--actor", "bob"])
        .done();
    let exported = here.gt(&["export"]).done().stdout;
    let file = there.file("copy.jsonl", &exported);
    there.gt(&["import", &file]).done();
    let created = |place: &Place| {
        let log = place
            .git(&["grep", "-h", "\"created\"", "refs/gt/beads"])
            .done();
        log.stdout
    };
    assert_eq!(
        created(&here).lines().next(),
        created(&there).lines().next()
    );
    let again = here.file("copy.jsonl", &exported.replace("made here", "made anew"));
    here.gt(&["import", &again]).done();
    assert_eq!(
        created(&here).lines().next(),
        created(&there).lines().next()
    );
}

#[test]
fn a_newer_line_takes_no_claim_and_no_comment_away() {
    let place = Place::new();
    let old = place.file("old.jsonl", &line(&json!({})));
    place.gt(&["import", &old]).done();
    place
        .gt(&["update", "gt-1", "--claim", "--actor", "bob"])
        .done();
    place.gt(&["comment", "gt-1", "seen"]).done();
    let newer = line(&json!({ "title": "newer", "updated_at": "2099-01-01T00:00:00Z" }));
    let newer = place.file("new.jsonl", &newer);
    place.gt(&["import", &newer]).done();
    let shown = &place.json(&["show", "gt-1", "--include-comments"])[0];
    assert_eq!(
        (&shown["title"], &shown["assignee"]),
        (&json!("newer"), &json!("bob"))
    );
    assert_eq!(shown["comments"][0]["text"], "seen");
}
