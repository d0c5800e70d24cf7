//! Files of other programs: what comes in, what is refused, what comes out again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Map, Value, json};

use crate::support::{Output, Place, real_files};
use crate::{ids, line, skipped};

/// Returns what `import --json` counted: new, changed, merged, unchanged, refused.
#[track_caller]
fn counts(reply: &Value) -> [u64; 5] {
    let keys = ["created", "updated", "merged", "unchanged", "refused"];
    keys.map(|key| reply[key].as_u64().expect("a number"))
}

fn export(place: &Place) -> String {
    place.gt(&["export", "--all"]).done().stdout
}

/// Returns the commits of the ledger, so that a test sees whether any was made.
fn tip(place: &Place) -> String {
    place.git(&["rev-parse", "refs/gt/beads"]).stdout
}

#[test]
fn a_file_with_a_line_that_makes_no_sense_is_taken_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let before = tip(&place);
    let lines = [
        line(&json!({})),
        "{".to_owned() + &line(&json!({ "id": "gt-9" })),
        json!({ "_type": "memory", "key": "k", "value": "v" }).to_string(),
        line(&json!({ "id": "gt-2", "created_at": "soon" })),
        line(&json!({ "id": "gt-3", "title": null })),
        line(&json!({ "id": "gt-4", "updated_at": "2300-01-01T00:00:00Z" })),
        line(&json!({ "id": "gt-5" })),
        line(&json!({ "id": "gt-5", "updated_at": "2025-12-01T00:00:00Z", "title": "newer" })),
        "[1]".to_owned(),
        json!({ "_schema": 1 }).to_string(),
    ];
    let file = place.file("in.jsonl", &lines.join("\n"));
    for args in [
        &["import", &file, "--json"][..],
        &["import", &file, "--json", "--dry-run"],
    ] {
        let refused = place
            .gt(args)
            .fails(1, "in.jsonl: line 4: gt-2: 'created_at' is 'soon'");
        let said = &refused.stderr;
        assert!(said.contains("line 5: gt-3: no 'title'"), "{said}");
        assert!(
            said.contains("line 6: gt-4: 'updated_at' is '2300"),
            "{said}"
        );
        assert!(said.contains("line 9: not an object"), "{said}");
        let reply: Value = serde_json::from_str(&refused.stdout).expect("it is JSON");
        assert_eq!(counts(&reply), [0, 0, 0, 0, 5]);
        assert_eq!(
            reply["error"],
            "nothing was imported: 5 lines cannot be taken"
        );
        assert_eq!(reply["files"][0]["refusals"][0]["line"], 2);
        assert_eq!((&reply["ids"], &reply["memories"]), (&json!([]), &json!(0)));
        assert_eq!(tip(&place), before, "nothing is written");
    }
    place.gt(&["recall", "k"]).fails(1, "k");
    let taken = place
        .gt(&["import", &file, "--skip-invalid", "--json"])
        .done();
    assert!(taken.stderr.contains("left out: "), "{taken:?}");
    let reply: Value = serde_json::from_str(&taken.stdout).expect("it is JSON");
    assert_eq!(counts(&reply), [2, 0, 0, 0, 5]);
    assert_eq!(
        (&reply["skipped"], &reply["repeated"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&reply["memories"], &reply["ids"]),
        (&json!(1), &json!(["gt-1", "gt-5"]))
    );
    assert_eq!(place.json(&["recall", "k"])["value"], "v");
    assert_eq!(place.json(&["show", "gt-5"])[0]["title"], "newer");
    let after = tip(&place);
    let again = place.json(&["import", &file, "--skip-invalid"]);
    assert_eq!(counts(&again), [0, 0, 0, 2, 5]);
    assert_eq!(tip(&place), after);
}

#[test]
fn what_is_newer_here_stays_and_the_rest_is_taken() {
    let place = Place::new();
    let file = |more: Value| place.file("in.jsonl", &line(&more));
    let first = json!({ "updated_at": "2025-12-01T00:00:00Z" });
    assert_eq!(
        counts(&place.json(&["import", &file(first)])),
        [1, 0, 0, 0, 0]
    );
    let older = json!({ "title": "older" });
    assert_eq!(
        counts(&place.json(&["import", &file(older)])),
        [0, 0, 0, 1, 0]
    );
    let newer = json!({ "notes": "n", "updated_at": "2025-12-02T00:00:00Z" });
    assert_eq!(
        counts(&place.json(&["import", &file(newer)])),
        [0, 1, 0, 0, 0]
    );
    place.gt(&["update", "gt-1", "--title", "here"]).done();
    let mixed = json!({ "design": "d", "updated_at": "2025-12-24T00:00:00Z" });
    let mixed = file(mixed);
    let dry = place.json(&["import", &mixed, "--dry-run"]);
    assert_eq!(
        (counts(&dry), &dry["dry_run"]),
        ([0, 0, 1, 0, 0], &json!(true))
    );
    assert_eq!(counts(&place.json(&["import", &mixed])), [0, 0, 1, 0, 0]);
    let shown = &place.json(&["show", "gt-1"])[0];
    assert_eq!(
        (&shown["title"], &shown["design"]),
        (&json!("here"), &json!("d"))
    );
}

#[test]
fn files_of_other_kinds_are_told_from_those_of_beads() {
    let place = Place::new();
    let before = tip(&place);
    let whole = line(&json!({}));
    let check = |content: &[u8], words: &str| {
        let mut import = place.command(&["import", "-"]);
        let import = import
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = import.spawn().expect("it starts");
        let mut stdin = running.stdin.take().expect("it is a pipe");
        // It may have seen enough before all of it is written.
        drop(stdin.write_all(content));
        drop(stdin);
        let output = running.wait_with_output().expect("it ends");
        Output::of(&output).fails(1, words);
        assert_eq!(tip(&place), before, "nothing is written");
    };
    check(b"hello\n", "'-': holds no beads");
    check(b"SQLite format 3\0...", "'-': is a database");
    check(b"\xff\xfe{\0}\0", "'-': is not UTF-8, but UTF-16");
    check(b"PK\x03\x04\0\0", "'-': is no text");
    check(
        &[&whole.as_bytes()[..whole.len() - 5]].concat(),
        "line 1: 'updated_at' is not JSON: EOF while parsing a string",
    );
    check(
        format!("{whole}\n<<<<<<< HEAD\n{whole}\n=======\n").as_bytes(),
        "line 2: a mark of a conflict that git left",
    );
    check(
        b"{\"id\":\"gt-1\",\"title\":\"\xff\"}",
        "line 1: 'title' is not UTF-8 (byte 23)",
    );
    check(
        format!(
            "{{\"id\":\"gt-1\",\"x\":{}1{}}}",
            "[".repeat(500),
            "]".repeat(500)
        )
        .as_bytes(),
        "'x' is not JSON: recursion limit",
    );
    check(
        format!("{}{}", "[".repeat(100_000), "]".repeat(99_999)).as_bytes(),
        "line 1: not JSON: EOF",
    );
    check(
        line(&json!({ "notes": "x".repeat(1 << 20) })).as_bytes(),
        "gt-1: 1048",
    );
    let long = format!(
        "{{\"id\":\"gt-1\",\"labels\":[],\"design\":\"{}\"}}",
        "x".repeat(17 << 20)
    );
    check(long.as_bytes(), "'design' alone has 17825794");
    let edges = vec![r#"{"depends_on_id":"gt-2","type":"blocks"}"#; 100_000].join(",");
    let edges = format!(
        "{}, \"dependencies\":[{edges}]}}",
        whole.trim_end_matches('}')
    );
    check(edges.as_bytes(), "'dependencies' alone has");
}

#[test]
fn ends_of_lines_and_marks_of_order_are_no_part_of_a_bead() {
    let place = Place::new();
    let text = format!(
        "\u{feff}{}\r\n\r\n  {}\r\n",
        line(&json!({})),
        line(&json!({ "id": "GT-1" }))
    );
    let file = place.file("in.jsonl", &text);
    assert_eq!(counts(&place.json(&["import", &file])), [2, 0, 0, 0, 0]);
    let both = place.json(&["show", "gt-1", "GT-1"]);
    assert_eq!(
        ids(&both),
        ["gt-1", "GT-1"],
        "they differ in case, and so are two"
    );
    let list = format!(
        "[\n{},\n[{}]\n]\n",
        line(&json!({})),
        line(&json!({ "id": "gt-3" }))
    );
    let list = place.file("list.json", &list);
    let reply = place.json(&["import", &file, "-i", &list]);
    assert_eq!(counts(&reply), [1, 0, 0, 2, 0]);
    assert_eq!(reply["source"], format!("{file}, {list}"));
    assert_eq!(
        (
            &reply["files"][1]["created"],
            &reply["files"][1]["repeated"]
        ),
        (&json!(1), &json!(1))
    );
    let pretty = format!(
        "{:#}\n",
        json!({ "id": "gt-4", "title": "t", "created_at": "2025-01-01T00:00:00Z" })
    );
    let pretty = place.file("one.json", &pretty);
    assert_eq!(counts(&place.json(&["import", &pretty])), [1, 0, 0, 0, 0]);
}

#[test]
fn a_new_bead_with_the_title_of_an_open_one_can_be_left_out() {
    let place = Place::new();
    let open = place.create(&["fix it"]);
    let closed = place.create(&["over"]);
    place.gt(&["close", &closed]).done();
    let lines = ["fix it", "over", "new"].iter().enumerate();
    let lines = lines.map(|(at, title)| line(&json!({ "id": format!("gt-{at}"), "title": title })));
    let file = place.file("in.jsonl", &lines.collect::<Vec<_>>().join("\n"));
    let reply = place.json(&["import", &file, "--dedup"]);
    assert_eq!(
        (counts(&reply), &reply["dedup_skipped"]),
        ([2, 0, 0, 0, 0], &json!(1))
    );
    let listed = place.json(&["list"]);
    assert!(
        ids(&listed).contains(&open.as_str()) && !ids(&listed).contains(&"gt-0"),
        "{listed}"
    );
}

#[test]
fn the_tables_of_a_backup_become_beads() {
    let place = Place::new();
    place.folder(".beads/backup");
    let row = |more: Value| {
        let mut row = json!({
            "title": "t", "status": "open", "priority": 1, "issue_type": "bug", "ephemeral": 0, "pinned": 0,
            "assignee": null, "notes": "", "metadata": "{\"a\":1}", "timeout_ns": 0, "closed_at": null,
            "created_at": "2026-01-02 03:04:05", "updated_at": "2026-01-02T03:04:05Z",
        });
        let all = row.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        format!("{row}\n")
    };
    let issues = row(json!({ "id": "gt-1" })) + &row(json!({ "id": "gt-2", "pinned": 1 }));
    place.file(".beads/backup/issues.jsonl", &issues);
    place.file(
        ".beads/backup/labels.jsonl",
        "{\"issue_id\":\"gt-1\",\"label\":\"a\"}\n",
    );
    place.file(".beads/backup/dependencies.jsonl", "{\"issue_id\":\"gt-1\",\"depends_on_id\":\"gt-2\",\"type\":\"blocks\",\"created_at\":\"2026-01-02T03:04:05Z\",\"created_by\":\"ada\"}\n");
    place.file(".beads/backup/comments.jsonl", "{\"id\":\"7\",\"issue_id\":\"gt-2\",\"author\":\"eve\",\"text\":\"x\",\"created_at\":\"2026-01-02T03:04:05Z\"}\n");
    place.file(
        ".beads/backup/events.jsonl",
        "{\"id\":1,\"issue_id\":\"gt-1\"}\n{\"id\":2,\"issue_id\":\"gt-1\"}\n",
    );
    let reply = place.json(&["import", ".beads"]);
    assert_eq!(
        (counts(&reply), &reply["skipped"]),
        ([2, 0, 0, 0, 0], &json!(2))
    );
    assert_eq!(reply["files"][0]["form"], "backup");
    let [one, two] =
        ["gt-1", "gt-2"].map(|id| place.json(&["show", id, "--include-comments"])[0].clone());
    assert_eq!(
        (&one["labels"], &one["metadata"]),
        (&json!(["a"]), &json!({ "a": 1 }))
    );
    assert_eq!(
        (&one["priority"], &one["created_at"]),
        (&json!(1), &json!("2026-01-02T03:04:05Z"))
    );
    assert_eq!(ids(&one["dependencies"]), ["gt-2"]);
    assert_eq!(
        (&two["pinned"], &two["comments"][0]["text"]),
        (&json!(true), &json!("x"))
    );
    let usual = place.json(&["import"]);
    assert_eq!(
        counts(&usual),
        [0, 0, 0, 2, 0],
        "without a file it is the one of the folder"
    );
    place.file(
        ".beads/backup/labels.jsonl",
        "{\"issue_id\":\"gt-9\",\"label\":\"a\"}\n",
    );
    place
        .gt(&["import", ".beads/backup"])
        .fails(1, "gt-9: other tables have rows of it");
}

#[test]
fn a_checklist_becomes_beads_once() {
    let place = Place::new();
    let plan = |text: &str| place.file("plan.md", text);
    let file = plan("# Release\n- [x] Parse dates\n- [ ] Print dates\n  - [ ] zones\n");
    let reply = place.json(&["import", &file]);
    assert_eq!(counts(&reply), [4, 0, 0, 0, 0]);
    let listed = place.json(&["list", "--all"]);
    let titles = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["title"]);
    let want = ["Release", "Parse dates", "Print dates", "zones"];
    assert_eq!(titles.collect::<Vec<_>>(), want, "in the order of the file");
    let found = |title: &str| {
        let all = listed.as_array().expect("a list");
        all.iter()
            .find(|it| it["title"] == title)
            .expect("it is there")
            .clone()
    };
    let [epic, parse, print, zones] = ["Release", "Parse dates", "Print dates", "zones"].map(found);
    assert_eq!(
        (&epic["issue_type"], &parse["status"]),
        (&json!("epic"), &json!("closed"))
    );
    assert_eq!(
        (&print["parent"], &zones["parent"]),
        (&epic["id"], &print["id"])
    );
    let now = "2026-01-01T00:02:00Z";
    assert_eq!(
        epic["created_at"], now,
        "it was made when it was first read"
    );
    let before = tip(&place);
    assert_eq!(counts(&place.json(&["import", &file])), [0, 0, 0, 4, 0]);
    assert_eq!(tip(&place), before);
    let id = print["id"].as_str().expect("an id");
    place.gt(&["update", id, "--title", "Write dates"]).done();
    let file = plan("# Release\n- [ ] new\n- [x] Parse dates\n- [x] Print dates\n  - [x] zones\n");
    assert_eq!(counts(&place.json(&["import", &file])), [1, 2, 0, 2, 0]);
    let shown = &place.json(&["show", id])[0];
    assert_eq!(
        (&shown["title"], &shown["status"]),
        (&json!("Write dates"), &json!("closed"))
    );
    place.gt(&["reopen", id]).done();
    assert_eq!(counts(&place.json(&["import", &file])), [0, 0, 0, 5, 0]);
    let [here, there] = [place, Place::new()].map(|place| {
        let file = place.file("plan.md", "- [ ] same\n");
        place.json(&["import", &file])["ids"][0].clone()
    });
    assert_eq!(here, there);
}

#[test]
fn issues_of_github_follow_what_becomes_of_them() {
    let place = Place::new();
    let known = place.create(&["known", "--external-ref", "gh-2", "-p", "0"]);
    let issues = |state: &str, day: u8| {
        let issue = |number: u8| {
            json!({
                "number": number, "title": format!("issue {number}"), "body": "b\r\nc", "state": state,
                "labels": [{ "name": "bug" }], "assignees": [{ "login": "bob" }], "author": { "login": "ann" },
                "comments": [{ "id": "IC_1", "author": { "login": "eve" }, "body": "x", "createdAt": "2025-01-02T00:00:00Z" }],
                "createdAt": "2025-01-01T00:00:00Z", "updatedAt": format!("2026-02-{day:02}T00:00:00Z"),
                "closedAt": (state == "CLOSED").then_some("2026-02-02T00:00:00Z"),
                "url": format!("https://github.com/a/b/issues/{number}"), "milestone": { "title": "m" },
            })
        };
        place.file("issues.json", &json!([issue(1), issue(2)]).to_string())
    };
    let reply = place.json(&["import", &issues("OPEN", 1)]);
    assert_eq!(counts(&reply), [1, 1, 0, 0, 0]);
    assert_eq!(reply["ids"], json!(["gt-gh-1", known]));
    let shown = &place.json(&["show", "gt-gh-1", "--include-comments"])[0];
    assert_eq!(
        (&shown["external_ref"], &shown["issue_type"]),
        (&json!("gh-1"), &json!("bug"))
    );
    assert_eq!(
        (&shown["assignee"], &shown["comments"][0]["author"]),
        (&json!("bob"), &json!("eve"))
    );
    assert_eq!(
        shown["metadata"]["github"]["milestone"],
        json!({ "title": "m" })
    );
    let shown = &place.json(&["show", &known])[0];
    assert_eq!(
        (&shown["title"], &shown["priority"]),
        (&json!("issue 2"), &json!(0))
    );
    assert_eq!(
        counts(&place.json(&["import", &issues("OPEN", 1)])),
        [0, 0, 0, 2, 0]
    );
    place.gt(&["update", &known, "--notes", "mine"]).done();
    assert_eq!(
        counts(&place.json(&["import", &issues("CLOSED", 3)])),
        [0, 2, 0, 0, 0]
    );
    let shown = &place.json(&["show", &known])[0];
    assert_eq!(
        (&shown["status"], &shown["notes"]),
        (&json!("closed"), &json!("mine"))
    );
    let other = std::fs::read_to_string(issues("OPEN", 4)).expect("it was written");
    let other = place.file("other.json", &other.replace("a/b", "c/d"));
    place
        .gt(&["import", &other])
        .fails(4, "gt-gh-1 is an issue of https://github.com/a/b already");
}

#[test]
fn a_crash_between_two_commits_leaves_what_the_next_import_carries_on_from() {
    let lines = |place: &Place| {
        let lines =
            (0..4099).map(|at| line(&json!({ "id": format!("gt-{at}"), "labels": ["a"] })) + "\n");
        place.file("in.jsonl", &lines.collect::<String>())
    };
    let place = Place::new();
    let file = lines(&place);
    // In the second of two commits: what the first writes is a pack and its ref.
    let mut crash = 0;
    for at in (1..).step_by(2) {
        let mut import = place.command(&["import", &file]);
        let output = import
            .env("GT_TEST_CRASH_AT", at.to_string())
            .output()
            .expect("it starts");
        let count = place.json(&["count"])["count"].as_u64().expect("a number");
        if count > 0 {
            crash = count;
            assert!(!output.status.success());
            break;
        }
    }
    assert_eq!(crash, 4096);
    assert_eq!(counts(&place.json(&["import", &file])), [3, 0, 0, 4096, 0]);
    let whole = Place::new();
    whole.gt(&["import", &lines(&whole)]).done();
    assert!(export(&place) == export(&whole));
}

/// Returns a file's beads as they are to come out again, by id: what is said twice joined, tombstones gone.
fn told(text: &str) -> BTreeMap<String, Map<String, Value>> {
    let mut beads: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut fields: Map<String, Value> = serde_json::from_str(line).expect("it is JSON");
        // What stands for nothing, and what is counted.
        fields.retain(|key, value| {
            let is_nothing =
                [json!(null), json!(""), json!([]), json!({}), json!(false)].contains(value);
            !is_nothing && !key.ends_with("_count") && key != "_type"
        });
        fields.entry("status").or_insert("open".into());
        fields.entry("issue_type").or_insert("task".into());
        fields.entry("priority").or_insert(0.into());
        if let Some(wisp) = fields.remove("wisp") {
            fields.insert("ephemeral".to_owned(), wisp);
        }
        for (list, names) in [
            ("dependencies", &["depends_on_id", "type"][..]),
            ("comments", &["created_at", "author", "text"]),
            ("labels", &[]),
        ] {
            if let Some(Value::Array(list)) = fields.get_mut(list) {
                list.sort_by_key(|it| {
                    (
                        names
                            .iter()
                            .map(|name| it[*name].to_string())
                            .collect::<Vec<_>>(),
                        it.to_string(),
                    )
                });
            }
        }
        let id = fields["id"].as_str().expect("an id").to_owned();
        let is_newer = |known: &Map<String, Value>| {
            known["updated_at"].as_str() <= fields["updated_at"].as_str()
        };
        if beads.get(&id).is_none_or(is_newer) {
            beads.insert(id, fields);
        }
    }
    beads.retain(|_, fields| fields["status"] != "tombstone");
    beads
}

#[track_caller]
fn same(
    found: &BTreeMap<String, Map<String, Value>>,
    wanted: &BTreeMap<String, Map<String, Value>>,
) {
    for (id, wanted) in wanted {
        let found = found.get(id).unwrap_or_else(|| panic!("{id} is missing"));
        for (key, value) in wanted {
            assert_eq!(found.get(key), Some(value), "{id}: {key}");
        }
        let more: Vec<&String> = found
            .keys()
            .filter(|key| !wanted.contains_key(*key))
            .collect();
        let is_derived = |key: &&String| *key == "closed_at" && wanted["status"] == "closed";
        assert!(more.iter().all(is_derived), "{id}: {more:?}");
    }
    assert_eq!(found.len(), wanted.len());
}

/// Real files are imported, each where the others are already, come out again field by field, and change
/// nothing a second time.
#[test]
fn real_files_come_out_as_they_went_in() {
    let files = real_files();
    if files.is_empty() {
        skipped("there is no ../shared/data");
        return;
    }
    let files: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
    let here = Place::new();
    let mut wanted = BTreeMap::new();
    for file in &files {
        let source = told(&std::fs::read_to_string(file).expect("it can be read"));
        let reply = here.json(&["import", file]);
        assert_eq!(counts(&reply)[1..], [0, 0, 0, 0], "{file}");
        wanted.extend(source);
        // The first is then alone, the last beside all others.
        if wanted.len() < 1000 {
            same(&told(&export(&here)), &wanted);
        }
    }
    let out = export(&here);
    same(&told(&out), &wanted);
    let before = tip(&here);
    let mut again = vec!["import"];
    again.extend(files.iter().map(String::as_str));
    let again = here.json(&again);
    assert_eq!(counts(&again)[..3], [0, 0, 0]);
    assert_eq!(tip(&here), before, "nothing is written");
}

#[test]
fn an_export_has_what_is_asked_for() {
    let place = Place::new();
    let lines = [
        json!({ "id": "gt-1" }),
        json!({ "id": "gt-2", "ephemeral": true }),
        json!({ "id": "gt-3", "is_template": true }),
        json!({ "id": "gt-4", "issue_type": "agent" }),
        json!({ "id": "gt-5", "title": "test-5" }),
        json!({ "id": "gt-6", "status": "tombstone" }),
    ];
    let lines: Vec<String> = lines.iter().map(line).collect();
    let file = place.file("in.jsonl", &lines.join("\n"));
    place.gt(&["import", &file]).done();
    place.gt(&["remember", "all of it", "--key", "k"]).done();
    let check = |args: &[&str], want: &[&str]| {
        let all: Vec<&str> = ["export"].iter().chain(args).copied().collect();
        let text = place.gt(&all).done().stdout;
        let id = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("it is JSON");
            let name = line["id"].as_str().or(line["key"].as_str());
            name.expect("a name").trim_start_matches("gt-").to_owned()
        };
        assert_eq!(text.lines().map(id).collect::<Vec<_>>(), want, "{args:?}");
        let file = place.file("out.jsonl", "");
        let out: Vec<&str> = all.iter().chain(&["-o", &file]).copied().collect();
        assert_eq!(place.json(&out)["exported"], want.len());
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), text);
        let list = place.json(&all);
        assert_eq!(list.as_array().map(Vec::len), Some(want.len()));
    };
    check(&[], &["1", "5"]);
    check(&["--scrub"], &["1"]);
    check(&["--include-infra"], &["1", "4", "5"]);
    check(&["--include-memories"], &["1", "5", "k"]);
    check(&["--all"], &["1", "2", "3", "4", "5", "k"]);
    place
        .gt(&["export", "-o", "none/out.jsonl"])
        .fails(1, "there is no folder");
    let all = export(&place);
    let there = Place::new();
    let copy = there.file("copy.jsonl", &all);
    assert_eq!(there.json(&["import", &copy])["memories"], 1);
    assert_eq!(export(&there), all);
}

#[test]
fn a_file_that_is_watched_follows_every_command_that_writes() {
    let place = Place::new();
    let name = ".beads/issues.jsonl";
    place.gt(&["config", "set", "export", name]).done();
    let path = PathBuf::from(place.file("here", "")).with_file_name(name);
    let read = || std::fs::read_to_string(&path).expect("it is there");
    let check = || assert_eq!(read(), place.gt(&["export"]).done().stdout);
    let [b, a] = ["gt-b", "gt-a"].map(|id| place.create(&["one", "--id", id]));
    check();
    assert!(read().starts_with("{\"id\":\"gt-a\","), "{}", read());
    for args in [
        &["update", &a, "--title", "two"][..],
        &["comment", &b, "said"],
        &["label", "add", &b, "x"],
        &["dep", "add", &a, &b],
        &["close", &b],
        &["delete", &a, "--force"],
    ] {
        place.gt(args).done();
        check();
    }
    // What others write into it is no truth.
    std::fs::write(&path, read().replace("one", "three")).expect("it can be written");
    place.create(&["new"]);
    check();
    std::fs::remove_file(&path).expect("it is there");
    place.gt(&["update", &b, "--notes", "n"]).done();
    check();
    // It is in the way of no command.
    std::fs::remove_file(&path).expect("it is there");
    std::fs::create_dir(&path).expect("it can be made");
    let said = place.gt(&["update", &b, "--notes", "m"]).done();
    assert!(said.stderr.contains("cannot write"), "{said:?}");
    assert_eq!(place.json(&["show", &b])[0]["notes"], "m");
}

#[test]
fn an_export_goes_through_links_and_leaves_devices_what_they_are() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
    let place = Place::new();
    place.create(&["one"]);
    let file = place.file("real.jsonl", "old");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).expect("it is ours");
    let link = place.path("link.jsonl");
    symlink(&file, &link).expect("it can be made");
    place.gt(&["export", "-o", "link.jsonl"]).done();
    assert!(PathBuf::from(&link).is_symlink());
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.contains("\"one\""), "{text}");
    let known = std::fs::metadata(&file).expect("it is there").permissions();
    assert_eq!(known.mode() & 0o777, 0o600);
    let null = place.path("null");
    symlink("/dev/null", &null).expect("it can be made");
    place.gt(&["export", "-o", "null"]).done();
    let kind = std::fs::metadata(&null).expect("it is there").file_type();
    assert!(kind.is_char_device());
}
