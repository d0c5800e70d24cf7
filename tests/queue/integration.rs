//! Integration branches: the work below an epic lands on one, and then the epic as a whole.

use serde_json::{Value, json};

use super::after::{change, rig};
use super::support::Place;

/// Returns a rig with an epic that has an integration branch, the epic, and two beads below it.
fn with_epic() -> (Place, String, [String; 2]) {
    let place = rig("test ! -e culprit");
    let epic = place.create(&["-t", "epic", "Rework: the parser"]);
    let made = place.json(&["mq", "integration", "create", &epic]);
    assert_eq!(made["branch"], "integration/rework-the-parser");
    assert_eq!(made["base"], "main");
    let below = ["one", "two"].map(|title| place.create(&["--parent", &epic, title]));
    (place, epic, below)
}

fn standing(place: &Place, epic: &str) -> Value {
    place.json(&["mq", "integration", "status", epic])
}

/// Queues a change for a bead and returns the request.
fn submit(place: &Place, bead: &str, file: &str) -> Value {
    change(place, file, "main", file, file);
    place.json(&["mq", "submit", "--branch", file, "--bead", bead])
}

fn has(place: &Place, branch: &str, file: &str) -> bool {
    place
        .git(&["cat-file", "-e", &format!("{branch}:{file}")])
        .code
        == 0
}

fn is_there(place: &Place, name: &str) -> bool {
    place.git(&["rev-parse", "--quiet", "--verify", name]).code == 0
}

const BRANCH: &str = "integration/rework-the-parser";

#[test]
fn an_epic_lands_as_a_whole_and_its_branch_goes() {
    let (place, epic, [one, two]) = with_epic();
    let land = |options: &[&str]| {
        let all = [&["mq", "integration", "land", &epic], options].concat();
        place.gt(&all)
    };
    land(&[]).fails(4, "there is nothing to land");
    assert_eq!(submit(&place, &one, "a")["target"], BRANCH);
    assert_eq!(standing(&place, &epic)["waiting"][0]["bead"], *one);
    place.gt(&["refinery", "run"]).done();
    assert!(has(&place, BRANCH, "a") && !has(&place, "main", "a"));
    let it = standing(&place, &epic);
    assert_eq!(
        (&it["beads"], &it["open"][0]["id"]),
        (&json!(2), &json!(two))
    );
    assert_eq!((&it["ready"], &it["ahead"]), (&json!(false), &json!(2)));
    land(&[]).fails(4, &format!("{epic} is not finished: {two} is open"));
    // Work below it starts from its branch.
    place.gt(&["config", "set", "backend", "none"]).done();
    let plan = place.json(&["sling", &two, "--dry-run"]);
    assert_eq!(plan[0]["base"], it["commit"]);
    submit(&place, &two, "b");
    place.gt(&["refinery", "run"]).done();
    let planned = place.json(&["mq", "integration", "land", &epic, "--dry-run"]);
    assert_eq!(planned["result"], "planned");
    let queued = place.json(&["mq", "integration", "land", &epic]);
    assert_eq!(queued["landing"]["target"], "main");
    let again = place.json(&["mq", "integration", "land", &epic]);
    assert_eq!(again["landing"]["id"], queued["landing"]["id"]);
    place.gt(&["refinery", "run"]).done();
    assert!(has(&place, "main", "a") && has(&place, "main", "b"));
    assert_eq!(place.json(&["show", &epic])[0]["status"], "closed");
    assert!(!is_there(&place, BRANCH), "it is on main");
    assert_eq!(
        place.json(&["mq", "integration", "land", &epic])["result"],
        "landed"
    );
    // What is opened again can have one again.
    place.gt(&["reopen", &epic]).done();
    place.gt(&["mq", "integration", "create", &epic]).done();
    assert!(is_there(&place, BRANCH));
}

#[test]
fn what_is_red_as_a_whole_does_not_land() {
    let (place, epic, [one, two]) = with_epic();
    place.gt(&["close", &two]).done();
    submit(&place, &one, "a");
    place.gt(&["refinery", "run"]).done();
    place
        .gt(&["config", "set", "integration.autoLand", "true"])
        .done();
    let wants = "test ! -e a || test -e \"$WANTED\"";
    place
        .gt(&["refinery", "gate", "add", "whole", "-c", wants])
        .done();
    let ran = place.gt(&["refinery", "run"]).done();
    assert!(
        ran.stdout
            .contains("is queued: every bead of its epic is closed")
            || ran
                .stderr
                .contains("is queued: every bead of its epic is closed"),
        "{ran:?}"
    );
    let it = standing(&place, &epic);
    assert_eq!(it["landing"]["status"], "ejected");
    assert_eq!(place.json(&["show", &epic])[0]["status"], "open");
    assert!(is_there(&place, BRANCH) && !has(&place, "main", "a"));
    // It is not queued again as it is.
    let queue = || {
        place
            .json(&["mq", "list", "--all"])
            .as_array()
            .map(Vec::len)
    };
    let before = queue();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(queue(), before);
}

#[test]
fn what_is_there_can_be_landed_before_the_epic_is_finished() {
    let (place, epic, [one, _]) = with_epic();
    submit(&place, &one, "a");
    place.gt(&["refinery", "run"]).done();
    place
        .gt(&["mq", "integration", "land", &epic, "--force"])
        .done();
    place.gt(&["refinery", "run"]).done();
    assert!(has(&place, "main", "a"));
    assert_eq!(place.json(&["show", &epic])[0]["status"], "open");
    assert!(is_there(&place, BRANCH), "the rest lands there");
}

#[test]
fn a_conflict_of_the_whole_is_resolved_on_the_branch() {
    let (place, epic, [one, two]) = with_epic();
    place.gt(&["close", &two]).done();
    change(&place, "a", "main", "base", "mine\n");
    place.gt(&["mq", "submit", "--bead", &one]).done();
    place.gt(&["refinery", "run"]).done();
    place.gt(&["mq", "integration", "land", &epic]).done();
    change(&place, "main", "main", "base", "theirs\n");
    place.gt(&["refinery", "run"]).done();
    let it = standing(&place, &epic);
    assert_eq!(it["landing"]["status"], "conflict");
    let resolution = it["open"][0]["id"].as_str().expect("a bead below the epic");
    place
        .git(&["switch", "--quiet", "--create", "mend", BRANCH])
        .done();
    let merge = ["merge", "--quiet", "-X", "ours", "-m", "resolved", "main"];
    place.git(&merge).done();
    let queued = place.json(&["mq", "submit", "--bead", resolution]);
    assert_eq!(queued["target"], BRANCH);
    place.gt(&["refinery", "run"]).done();
    let status = |id: &str| place.json(&["show", id])[0]["status"].clone();
    assert_eq!(
        (status(resolution), status(&epic)),
        (json!("closed"), json!("open"))
    );
    place.gt(&["mq", "integration", "land", &epic]).done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(status(&epic), "closed");
}

#[test]
fn a_branch_is_made_where_it_makes_sense() {
    let place = rig("true");
    let task = place.create(&["a task"]);
    let epic = place.create(&["-t", "epic", "an epic"]);
    let create = |id: &str, options: &[&str]| {
        place.gt(&[&["mq", "integration", "create", id], options].concat())
    };
    create(&task, &[]).fails(4, "only epics have integration branches");
    create(&epic, &["--branch", "main"]).fails(4, "is the branch that work lands on");
    create(&epic, &["--branch", "a..b"]).fails(1, "cannot be a branch");
    change(&place, "own", "main", "own", "own");
    create(&epic, &["--branch", "own"]).fails(4, "with 1 commits that 'main' has not");
    place
        .gt(&["mq", "integration", "status", &epic])
        .fails(1, "has no integration branch");
    create(&epic, &["--branch", "own", "--force"]).done();
    create(&epic, &[]).fails(4, "has the integration branch 'own'");
    // A nearer epic's branch lands on the one of the epic above it.
    let below = place.create(&["-t", "epic", "--parent", &epic, "a part"]);
    let made = place.json(&["mq", "integration", "create", &below]);
    assert_eq!(made["base"], "own");
    let bead = place.create(&["--parent", &below, "a bead"]);
    change(&place, "work", "main", "work", "work");
    let queued = place.json(&["mq", "submit", "--bead", &bead]);
    assert_eq!(queued["target"], made["branch"]);
    // One that is gone is said to be gone, and nothing lands anywhere else instead.
    place
        .git(&[
            "branch",
            "--quiet",
            "-D",
            made["branch"].as_str().expect("a name"),
        ])
        .done();
    let other = place.create(&["--parent", &below, "another bead"]);
    place
        .gt(&["mq", "submit", "--bead", &other])
        .fails(1, "does not exist any more");
    place
        .gt(&["mq", "integration", "land", &below])
        .fails(1, "does not exist any more");
    place.gt(&["mq", "integration", "create", &below]).done();
    let named = place.json(&["mq", "submit", "--bead", &other, "--target", "main"]);
    assert_eq!(named["target"], "main");
}

#[test]
fn with_a_remote_the_branch_is_there() {
    let (place, bare) = (rig("true"), "remote.git");
    place.git(&["init", "--quiet", "--bare", bare]).done();
    let path = place.path(bare);
    place.git(&["remote", "add", "origin", &path]).done();
    place.git(&["push", "--quiet", "origin", "main"]).done();
    let epic = place.create(&["-t", "epic", "Rework: the parser"]);
    let bead = place.create(&["--parent", &epic, "a bead"]);
    place.gt(&["mq", "integration", "create", &epic]).done();
    let there = || {
        let said = place.git(&["ls-remote", &path, &format!("refs/heads/{BRANCH}")]);
        said.done().stdout
    };
    assert!(!there().is_empty() && !is_there(&place, BRANCH));
    submit(&place, &bead, "a");
    place.gt(&["refinery", "run"]).done();
    place.gt(&["mq", "integration", "land", &epic]).done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(place.json(&["show", &epic])[0]["status"], "closed");
    assert_eq!(there(), "");
}
