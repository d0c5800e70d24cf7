//! Short forms of changes, batches, deleting with what hangs on it, and what lint says.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::ids;
use crate::support::{Output, Place};

#[test]
fn short_forms_change_one_thing() {
    let place = Place::new();
    let id = place
        .gt(&["q", "two", "words", "-p", "1", "-l", "a"])
        .done()
        .stdout;
    let id = id.trim();
    assert_eq!(place.json(&["show", id])[0]["title"], "two words");
    let text = place.file("note", "from a file\n");
    assert_eq!(place.json(&["note", id, "first"])["notes"], "first");
    assert_eq!(
        place.json(&["note", id, "--file", &text])["notes"],
        "first\nfrom a file"
    );
    place.gt(&["note", id, " "]).fails(1, "the note is empty");
    assert_eq!(place.json(&["tag", id, "b"])["labels"], json!(["a", "b"]));
    assert_eq!(place.json(&["priority", id, "P0"])["priority"], 0);
    assert_eq!(
        place.json(&["bead", "assign", id, "bob"])["assignee"],
        "bob"
    );
    let deferred = &place.json(&["defer", id, "--until", "tomorrow"])[0];
    let want = (&json!("deferred"), &json!("2026-01-02T00:00:00Z"));
    assert_eq!((&deferred["status"], &deferred["defer_until"]), want);
    assert_eq!(place.json(&["undefer", id])[0]["status"], "open");
    assert_eq!(place.json(&["defer", id])[0]["status"], "deferred");
    assert_eq!(place.json(&["undefer", id])[0]["status"], "open");
    place
        .git(&["config", "core.editor", "printf 'by hand\\n' >"])
        .done();
    assert_eq!(place.json(&["edit", id])["description"], "by hand");
    assert!(
        place
            .gt(&["edit", id])
            .done()
            .stderr
            .contains("nothing was changed")
    );
    place.gt(&["edit", id, "--title"]).done();
    assert_eq!(place.json(&["show", id])[0]["title"], "by hand");
    place.git(&["config", "core.editor", "false"]).done();
    place
        .gt(&["edit", id])
        .fails(5, "the editor 'false' failed");
    let comment = place.json(&["comment", id, "--file", &text]);
    assert_eq!(comment["text"], "from a file");
}

#[test]
fn small_things_are_kept_on_a_list() {
    let place = Place::new();
    let made = place.json(&["todo", "add", "buy", "milk", "-p", "3"]);
    assert_eq!(
        (&made["issue_type"], &made["priority"]),
        (&json!("task"), &json!(3))
    );
    place.create(&["a bug", "-t", "bug"]);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(ids(&place.json(&["todo"])), [id]);
    let done = place.json(&["todo", "done", id]);
    assert_eq!(done[0]["close_reason"], "Completed");
    assert_eq!(place.json(&["todo", "list"]), json!([]));
    assert_eq!(ids(&place.json(&["todo", "list", "--all"])), [id]);
}

#[test]
fn labels_are_counted_and_handed_down() {
    let place = Place::new();
    let epic = place.create(&["epic", "-t", "epic"]);
    let child = place.create(&["child", "--parent", &epic]);
    let below = place.create(&["below", "--parent", &child]);
    let given = place.json(&["label", "propagate", &epic, "x"]);
    let given: Vec<&Value> = given
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["issue_id"])
        .collect();
    assert_eq!(given, [&json!(child), &json!(below)]);
    assert_eq!(place.json(&["label", "propagate", &epic, "x"]), json!([]));
    let all = place.json(&["label", "list-all"]);
    assert_eq!(all, json!([{ "label": "x", "count": 2 }]));
}

#[test]
fn a_batch_is_done_as_a_whole() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|title| place.create(&[title]));
    let batch = |text: &str, args: &[&str]| {
        let file = place.file("batch", text);
        place.gt(&[&["batch", "-f", &file, "--json"], args].concat())
    };
    let wrong = format!("close {a}\ndep add {a} {b}\ndep add {b} {a}\n");
    batch(&wrong, &[]).fails(4, "line 3: a cycle");
    assert_eq!(place.json(&["list"]).as_array().map(Vec::len), Some(2));
    let good = format!(
        "# what is done\ndep add {b} {a}\nclose {a} it works\nclose {b}\ncreate bug 0 \"next  one\"\n"
    );
    let said = batch(&good, &["--dry-run"]).done().stdout;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&said["operations"], &said["results"][1]["op"]),
        (&json!(4), &json!("close"))
    );
    let before = place.git(&["rev-parse", "refs/gt/beads"]).done().stdout;
    batch(&good, &["-m", "all at once"]).done();
    let log = place
        .git(&["log", "--format=%P %s", "-1", "refs/gt/beads"])
        .done()
        .stdout;
    assert_eq!(log, format!("{} all at once\n", before.trim()));
    assert_eq!(place.json(&["list"])[0]["title"], "next  one");
}

#[test]
fn deleting_takes_along_what_leads_there() {
    let place = Place::new();
    let a = place.create(&["a", "-l", "x"]);
    let b = place.create(&["b", "--deps", &a, "-d", &format!("after {a}, not {a}.1")]);
    let c = place.create(&["c", "--notes", &format!("see ({a})")]);
    let child = place.create(&["child", "--parent", &a]);
    place.gt(&["delete", &a]).done();
    assert_eq!(place.json(&["list"]).as_array().map(Vec::len), Some(4));
    let gone = place.json(&["delete", &a, "--force", "--hard"]);
    let want = json!({
        "deleted": a, "dependencies_removed": 2, "references_updated": 2, "schema_version": 1,
    });
    assert_eq!(gone, want);
    let shown = place.json(&["show", &b, &c, &child]);
    assert_eq!(
        shown[0]["description"],
        format!("after [deleted:{a}], not {a}.1")
    );
    assert_eq!(shown[1]["notes"], format!("see ([deleted:{a}])"));
    assert_eq!(
        (&shown[0]["dependencies"], &shown[2]["parent"]),
        (&Value::Null, &Value::Null)
    );
    place.gt(&["dep", "add", &c, &b]).done();
    let file = place.file("ids", &format!("# two\n{b}\n{child}\n"));
    let gone = place.json(&["delete", "--from-file", &file, "--cascade", "--force"]);
    let mut ids: Vec<&str> = gone["deleted"]
        .as_array()
        .expect("ids")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut want = [b.as_str(), c.as_str(), child.as_str()];
    ids.sort_unstable();
    want.sort_unstable();
    assert_eq!((ids, &gone["deleted_count"]), (want.to_vec(), &json!(3)));
}

#[test]
fn lint_names_the_sections_that_are_missing() {
    let place = Place::new();
    let bug = place.create(&["bug", "-t", "bug", "-d", "## Steps to Reproduce\nrun it"]);
    place.create(&["task", "--acceptance", "it works", "--validate"]);
    place.create(&["chore", "-t", "chore"]);
    let mut lint = place.command(&["lint", "--json"]);
    let said = Output::of(&lint.stdin(Stdio::null()).output().expect("it starts")).done();
    let want = json!({
        "total": 1, "issues": 1, "schema_version": 1,
        "results": [{ "id": bug, "title": "bug", "type": "bug", "missing": ["Acceptance Criteria"], "warnings": 1 }],
    });
    assert_eq!(
        serde_json::from_str::<Value>(&said.stdout).expect("JSON"),
        want
    );
    place.gt(&["lint", &bug]).fails(1, "");
    assert_eq!(place.json(&["lint", "-t", "chore"])["total"], 0);
}

#[test]
fn what_is_shipped_or_promoted_says_so() {
    let place = Place::new();
    let wisp = place.create(&["wisp", "--ephemeral", "--wisp-type", "patrol"]);
    assert_eq!(place.json(&["ready"]), json!([]));
    let kept = place.json(&["bead", "promote", &wisp, "-r", "it matters"]);
    assert_eq!(
        (&kept["ephemeral"], &kept["wisp_type"]),
        (&Value::Null, &Value::Null)
    );
    place
        .gt(&["bead", "promote", &wisp])
        .fails(4, "is kept already");
    let id = place.create(&["api", "-l", "export:api"]);
    place
        .gt(&["bead", "ship", "api"])
        .fails(4, "is not closed yet");
    place
        .gt(&["bead", "ship", "web"])
        .fails(1, "no issue found with the label export:web");
    place.gt(&["close", &id]).done();
    let shipped =
        |args: &[&str]| place.json(&[&["bead", "ship", "api"], args].concat())["status"].clone();
    assert_eq!(shipped(&["--dry-run"]), "dry_run");
    assert_eq!(shipped(&[]), "shipped");
    assert_eq!(shipped(&[]), "already_shipped");
}

#[test]
fn what_is_gone_is_not_taken_for_what_its_id_is_a_part_of() {
    let place = Place::new();
    let gone = place.create(&["gone"]);
    let child = place.create(&["kept", "--parent", &gone]);
    place.gt(&["delete", &gone, "--force"]).done();
    for args in [
        &["delete", gone.as_str(), "--force"][..],
        &["close", &gone],
        &["update", &gone, "-p", "0"],
        &["show", &gone],
    ] {
        place.gt(args).fails(1, "no issue found matching");
    }
    assert_eq!(place.json(&["show", &child])[0]["status"], "open");
}
