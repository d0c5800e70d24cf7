//! What waits, what is remembered and how beads stood before.

use serde_json::{Value, json};

use super::support::{Output, Place};

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
    let told = place.gt(&["prime"]).done().stdout;
    assert!(told.contains("- project.auth: signed tokens\n"), "{told}");
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

/// Returns the ids of what can be begun.
fn ready(place: &Place) -> Vec<String> {
    let ready = place.json(&["ready"]);
    let ids = ready.as_array().expect("a list").iter();
    ids.filter_map(|it| Some(it["id"].as_str()?.to_owned()))
        .collect()
}

/// Makes a gate and returns its id.
fn gate(place: &Place, blocks: &str, args: &[&str]) -> String {
    let head = ["bead", "gate", "create", "--blocks", blocks];
    let made = place.json(&[&head, args].concat());
    made["id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn a_bead_waits_at_a_gate_until_somebody_opens_it() {
    let place = Place::new();
    let step = place.create(&["step"]);
    let id = gate(
        &place,
        &step,
        &["--reason", "which formats?", "--type", "human"],
    );
    assert_eq!(ready(&place), [""; 0]);
    let shown = place.json(&["bead", "gate", "show", &id]);
    assert_eq!(
        (&shown["issue_type"], &shown["await_type"]),
        (&json!("gate"), &json!("human"))
    );
    assert_eq!(place.json(&["bead", "gate", "list"])[0]["id"], *id);
    let with = place.json(&["bead", "gate", "add-waiter", &id, "overseer"]);
    assert_eq!(with["waiters"], json!(["overseer"]));
    place
        .gt(&["bead", "gate", "add-waiter", &id, "nobody/at/all"])
        .fails(1, "nobody");
    let open = place.json(&["bead", "gate", "resolve", &id, "-r", "both"]);
    assert_eq!(
        (&open["status"], &open["close_reason"]),
        (&json!("closed"), &json!("both"))
    );
    assert_eq!(ready(&place), [step.as_str()]);
    assert_eq!(place.json(&["bead", "gate", "list"]), json!([]));
    assert_eq!(place.json(&["bead", "gate", "list", "-a"])[0]["id"], *id);
    let mail = place.gt(&["mail", "inbox"]).done().stdout;
    assert!(mail.contains(&format!("{id} is open")), "{mail}");
    place
        .gt(&["bead", "gate", "resolve", &step])
        .fails(4, "is no gate");
}

#[test]
fn timers_and_other_beads_open_gates_by_themselves() {
    let place = Place::new();
    let [late, after, other] = ["late", "after", "other"].map(|title| place.create(&[title]));
    // Each command is a minute later than the one before.
    let timer = gate(&place, &late, &["-t", "timer", "--timeout", "3m"]);
    place.gt(&["close", &timer]).fails(4, "opens by itself");
    let bead = gate(&place, &after, &["-t", "bead", "--await-id", &other]);
    assert_eq!(ready(&place), [other.as_str()]);
    place.gt(&["close", &other]).done();
    let mut found = ready(&place);
    found.sort();
    let mut want = [late, after];
    want.sort();
    assert_eq!(found, want);
    let closed = |id: &str| place.json(&["show", id])[0]["close_reason"].clone();
    assert_eq!(closed(&bead), format!("{other} is closed"));
    assert_eq!(closed(&timer), "the time was over at 2026-01-01T00:08:00Z");
    let subjects = place.git(&[
        "log",
        "-2",
        "--format=%s %(trailers:key=Because)",
        "refs/gt/beads",
    ]);
    assert_eq!(subjects.done().stdout.matches("Because: ").count(), 2);
    let check = |args: &[&str], words: &str| {
        let head = ["bead", "gate", "create", "--blocks", other.as_str()];
        place.gt(&[&head, args].concat()).fails(1, words);
    };
    check(&["-t", "timer"], "--timeout");
    check(&["-t", "bead"], "--await-id");
    check(&["-t", "ci", "--await-id", "nowhere/unit"], "is no commit");
}

#[test]
fn gates_are_looked_at_on_demand() {
    let place = Place::new();
    let step = place.create(&["step"]);
    place.folder("bin");
    let stub = place.program(
        "bin/gh",
        "case \"$1 $2 $3\" in\n\
        'pr view 7') echo '{\"state\":\"MERGED\"}';;\n\
        'pr view 8') echo '{\"state\":\"CLOSED\"}';;\n\
        'run view 42') echo '{\"status\":\"completed\",\"conclusion\":\"success\"}';;\n\
        'run list'*) echo '[{\"databaseId\":42,\"name\":\"ci\",\"createdAt\":\"2026-01-01T00:30:00Z\"}]';;\n\
        *) echo 'no such thing' >&2; exit 1;;\nesac\n",
    );
    let bin = stub.trim_end_matches("/gh");
    let run = |args: &[&str]| {
        let mut command = place.command(args);
        let mut set = command.get_envs();
        let path = set.find_map(|(key, value)| value.filter(|_| key == "PATH"));
        let path = path.expect("there is one").to_string_lossy();
        let path = format!("{bin}:{path}");
        Output::of(&command.env("PATH", path).output().expect("it starts"))
    };
    let check = |args: &[&str], want: Value| {
        let args = [&["bead", "gate", "check", "--json"], args].concat();
        let said: Value = serde_json::from_str(&run(&args).stdout).expect("it is JSON");
        let got: Vec<&Value> = ["checked", "resolved", "escalated", "errors", "dry_run"]
            .map(|key| &said[key])
            .into();
        assert_eq!(json!(got), want);
    };
    let merged = gate(&place, &step, &["-t", "gh:pr", "--await-id", "7"]);
    let closed = gate(&place, &step, &["-t", "gh:pr", "--await-id", "8"]);
    let missing = gate(&place, &step, &["-t", "gh:pr", "--await-id", "9"]);
    let runs = gate(&place, &step, &["-t", "gh:run"]);
    check(&["--dry-run"], json!([4, 1, 1, 1, true]));
    check(&["-t", "timer"], json!([0, 0, 0, 0, false]));
    check(&["-t", "gh:pr", "-e"], json!([3, 1, 1, 1, false]));
    check(&["-t", "gh"], json!([3, 0, 1, 1, false]));
    assert_eq!(place.json(&["show", &merged])[0]["status"], "closed");
    let mail = place.gt(&["mail", "inbox"]).done().stdout;
    assert_eq!(
        mail.matches(&format!("{closed} needs help")).count(),
        1,
        "{mail}"
    );
    let found = run(&["bead", "gate", "discover", "--json"]).done().stdout;
    let found: Value = serde_json::from_str(&found).expect("it is JSON");
    assert_eq!(found, json!([{ "id": runs, "await_id": "42" }]));
    check(&["-t", "gh:run"], json!([1, 1, 0, 0, false]));
    let fault = place.gt(&["bead", "gate", "check", "-t", "gh"]);
    fault.fails(5, "gh");
    assert_eq!(place.json(&["show", &missing])[0]["status"], "open");
}

#[test]
fn a_bead_has_one_state_in_each_way() {
    let place = Place::new();
    let id = place.create(&["step", "-l", "ui"]);
    let set = |args: &[&str]| place.json(&[&["set-state", id.as_str()], args].concat());
    let first = set(&["health=ok"]);
    assert_eq!(
        (&first["old_value"], &first["changed"]),
        (&Value::Null, &json!(true))
    );
    let second = set(&["health=failing", "--reason", "it crashes"]);
    assert_eq!(
        (&second["old_value"], &second["new_value"]),
        (&json!("ok"), &json!("failing"))
    );
    assert_eq!(set(&["health=failing"])["changed"], false);
    assert_eq!(
        place.json(&["show", &id])[0]["labels"],
        json!(["health:failing", "ui"])
    );
    let event = second["event_id"].as_str().expect("it was changed");
    let event = &place.json(&["show", event])[0];
    assert_eq!(
        (&event["issue_type"], &event["status"]),
        (&json!("event"), &json!("closed"))
    );
    assert_eq!(event["parent"], *id);
    let text = event["description"]
        .as_str()
        .expect("it says what happened");
    assert!(
        text.contains("from ok to failing") && text.contains("it crashes"),
        "{text}"
    );
    assert_eq!(place.json(&["state", &id, "health"])["value"], "failing");
    assert_eq!(place.json(&["state", &id, "mode"])["value"], Value::Null);
    let all = place.json(&["state", "list", &id]);
    assert_eq!(all["states"], json!({ "health": "failing" }));
    place
        .gt(&["set-state", &id, "health"])
        .fails(129, "dimension=value");
}

#[test]
fn one_at_a_time_holds_the_merge_slot() {
    let place = Place::new();
    let slot = |args: &[&str]| place.gt(&[&["merge-slot"], args, &["--json"]].concat());
    let read = |text: &str| -> Value { serde_json::from_str(text).expect("it is JSON") };
    slot(&["acquire"]).fails(1, "not found");
    assert_eq!(read(&slot(&["check"]).done().stdout)["error"], "not found");
    let made = read(&slot(&["create"]).done().stdout);
    assert_eq!(made, json!({ "id": "gt-merge-slot", "status": "open" }));
    let check = || read(&slot(&["check"]).done().stdout);
    let mut want =
        json!({ "id": "gt-merge-slot", "available": true, "holder": null, "waiters": [] });
    assert_eq!(check(), want);
    assert_eq!(ready(&place), [""; 0], "a slot is no work");
    slot(&["acquire", "--holder", "api/polecats/nux"]).done();
    let lost = read(&slot(&["acquire"]).fails(1, "").stdout);
    assert_eq!(
        (&lost["acquired"], &lost["holder"]),
        (&json!(false), &json!("api/polecats/nux"))
    );
    let row = read(&slot(&["acquire", "--wait"]).fails(1, "").stdout);
    assert_eq!(
        (&row["waiting"], &row["position"]),
        (&json!(true), &json!(1))
    );
    slot(&["release", "--holder", "ada"]).fails(4, "is held by api/polecats/nux");
    slot(&["release"]).done();
    assert_eq!(read(&slot(&["acquire"]).done().stdout)["holder"], "ada");
    want["available"] = json!(false);
    want["holder"] = json!("ada");
    assert_eq!(check(), want);
    assert_eq!(
        place.json(&["convoy", "list", "--all"]),
        json!([]),
        "to hold a slot is no work"
    );
}

#[test]
fn a_bead_is_shown_as_it_was() {
    let place = Place::new();
    let id = place.create(&["old title"]);
    place.gt(&["update", &id, "--title", "new title"]).done();
    place.gt(&["close", &id, "-r", "done"]).done();
    let other = place.create(&["other"]);
    place.gt(&["delete", &other, "--force"]).done();
    let all = place.json(&["history", &id]);
    let titles: Vec<&Value> = (0..3).map(|at| &all[at]["Issue"]["title"]).collect();
    assert_eq!(titles, ["new title", "new title", "old title"]);
    assert_eq!(all[0]["Issue"]["status"], "closed");
    assert_eq!(
        (&all[0]["Committer"], &all[0]["CommitDate"]),
        (&json!("ada"), &json!("2026-01-01T00:04:00Z"))
    );
    let first = all[2]["CommitHash"].as_str().expect("it has one");
    assert_eq!(
        place
            .json(&["history", &id, "--limit", "1"])
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        place.json(&["history", &other])[0]["Issue"]["status"],
        "tombstone"
    );
    place.gt(&["history", "nothing"]).fails(1, "no issue found");
    let check = |args: &[&str], want: &[(&str, &str)]| {
        let found = place.json(&[&["diff"], args].concat());
        let found = found.as_array().expect("a list").iter();
        let found: Vec<(&str, &str)> = found
            .map(|it| {
                (
                    it["DiffType"].as_str().expect("text"),
                    it["IssueID"].as_str().expect("text"),
                )
            })
            .collect();
        assert_eq!(found, want, "{args:?}");
    };
    check(&[first, "HEAD~2"], &[("modified", &id)]);
    check(&["HEAD~1"], &[("removed", &other)]);
    check(&["2025-01-01"], &[("added", &id)]);
    check(
        &["2026-01-01T00:02:30Z", "2026-01-01T00:04:30Z"],
        &[("modified", &id)],
    );
    place.gt(&["diff", "nowhere"]).fails(1, "no commit");
    let log = place.json(&["changelog", "--since", "2025-12-31"]);
    assert_eq!(
        (&log[0]["id"], &log[0]["reason"]),
        (&json!(id), &json!("done"))
    );
    assert_eq!(log.as_array().map(Vec::len), Some(1));
    let said = place.create(&["says", "-d", "one\ntwo"]);
    assert_eq!(place.gt(&["cat", &said]).done().stdout, "one\ntwo\n");
    assert_eq!(place.json(&["bead", "read", &said])[0]["id"], *said);
}

#[test]
fn open_beads_that_commits_name_are_found() {
    let place = Place::new();
    let [done, other] = ["done", "other"].map(|title| place.create(&[title]));
    let commit = |message: &str| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let args = ["commit", "--quiet", "--allow-empty", "-m", message];
        place.git(&[&who[..], &args].concat()).done();
    };
    commit(&format!("begin ({done})"));
    commit(&format!("end\n\nFixes {done}; {other}x is none"));
    let found = place.json(&["bead", "orphans"]);
    assert_eq!(
        (&found[0]["issue_id"], &found[0]["latest_commit_message"]),
        (&json!(done), &json!("end"))
    );
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    place.gt(&["bead", "orphans", "--fix"]).done();
    assert_eq!(place.json(&["show", &done])[0]["status"], "closed");
    assert_eq!(place.json(&["bead", "orphans"]), json!([]));
    place
        .gt(&["bead", "move", &other, "gt"])
        .fails(4, "in that rig already");
    place.gt(&["bead", "move", &other, "web"]).fails(1, "");
}

#[test]
fn closed_beads_are_cleared_away_on_demand() {
    let place = Place::new();
    let file = place.file(
        "wisps.jsonl",
        "{\"id\":\"gt-wisp-1\",\"title\":\"w\",\"status\":\"closed\",\"ephemeral\":true,\"created_at\":\"2025-01-01T00:00:00Z\"}\n\
         {\"id\":\"gt-wisp-2\",\"title\":\"w\",\"status\":\"open\",\"ephemeral\":true,\"created_at\":\"2025-01-01T00:00:00Z\"}\n\
         {\"id\":\"gt-old\",\"title\":\"o\",\"status\":\"closed\",\"created_at\":\"2025-01-01T00:00:00Z\"}\n",
    );
    place.gt(&["import", &file]).done();
    let check = |args: &[&str], count: &str, want: Value| {
        let said = place.json(&[&["bead"], args].concat());
        assert_eq!(
            (&said[count], &said["ids"]),
            (&json!(want.as_array().map(Vec::len)), &want)
        );
    };
    check(&["purge"], "purged_count", json!(["gt-wisp-1"]));
    check(
        &["purge", "--older-than", "9999"],
        "purged_count",
        json!([]),
    );
    check(
        &["purge", "--force", "--pattern", "*-wisp-*"],
        "purged_count",
        json!(["gt-wisp-1"]),
    );
    check(&["purge", "--force"], "purged_count", json!([]));
    place
        .gt(&["bead", "prune", "--force"])
        .fails(1, "--older-than");
    check(
        &["prune", "--older-than", "30d", "--force"],
        "pruned_count",
        json!(["gt-old"]),
    );
    assert_eq!(place.json(&["show", "gt-wisp-2"])[0]["status"], "open");
    place.gt(&["bead", "gc"]).done();
    place
        .gt(&["bead", "vc", "status", "--x"])
        .fails(4, "not needed here");
    place
        .gt(&["bead", "jira", "sync", "--push"])
        .fails(4, "git gt import");
}
