//! What follows the Refinery's verdict: for the bead, for whoever did the work, for what is left of it.

use serde_json::{Value, json};

use super::support::Place;

/// Returns a rig with a gate and a first commit on `main`.
pub(crate) fn rig(gate: &str) -> Place {
    let place = Place::new();
    for (key, value) in [("user.name", "ada"), ("user.email", "ada@example.org")] {
        place.git(&["config", key, value]).done();
    }
    change(&place, "main", "main", "base", "base\n");
    let add = ["refinery", "gate", "add", "test", "-c", gate];
    place.gt(&add).done();
    place
}

/// Commits a file on a branch, which is made where it is not there.
pub(crate) fn change(place: &Place, branch: &str, from: &str, file: &str, text: &str) {
    let known = place
        .git(&["rev-parse", "--quiet", "--verify", branch])
        .code
        == 0;
    let switch: &[&str] = match (known, from == branch) {
        (true, _) => &["switch", "--quiet", branch],
        (false, true) => &["switch", "--quiet", "--orphan", branch],
        (false, false) => &["switch", "--quiet", "--create", branch, from],
    };
    if place
        .git(&["symbolic-ref", "--short", "HEAD"])
        .done()
        .stdout
        .trim()
        != branch
    {
        place.git(switch).done();
    }
    place.file(file, text);
    place.git(&["add", file]).done();
    place.git(&["commit", "--quiet", "-m", file]).done();
}

fn rev(place: &Place, name: &str) -> String {
    let said = place.git(&["rev-parse", "--verify", name]).done();
    said.stdout.trim().to_owned()
}

fn shown(place: &Place, bead: &str) -> Value {
    place.json(&["show", bead])[0].take()
}

fn ready(place: &Place) -> Vec<String> {
    let ready = place.json(&["ready"]);
    let ids = ready.as_array().into_iter().flatten();
    ids.map(|it| text(&it["id"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

/// Returns the beads of conflicts, the open ones first.
fn resolutions(place: &Place) -> Vec<Value> {
    let list = place.json(&["list", "--all", "--label", "merge-conflict"]);
    let mut all = list.as_array().expect("it is a list").clone();
    all.sort_by_key(|it| it["status"] != "open");
    all
}

/// Returns a rig in which the branch `work`, queued for a bead, has met a conflict; and the bead.
fn conflicting() -> (Place, String) {
    let place = rig("true");
    let bead = place.create(&["the work"]);
    change(&place, "work", "main", "base", "mine\n");
    let submit = ["mq", "submit", "--bead", &bead];
    place.gt(&submit).done();
    change(&place, "main", "main", "base", "theirs\n");
    place.gt(&["refinery", "run"]).done();
    assert_eq!(place.json(&["mq", "status", "work"])["status"], "conflict");
    (place, bead)
}

/// Brings the newest commit of one branch into another one, in which the conflict is resolved.
fn resolve(place: &Place, on: &str, other: &str) {
    place.git(&["switch", "--quiet", on]).done();
    let merge = ["merge", "--quiet", "-X", "ours", "-m", "resolved", other];
    place.git(&merge).done();
}

/// Returns such a rig, the bead, and the bead of its conflict, for which the branch `mended` is queued.
fn mended() -> (Place, String, String) {
    let (place, bead) = conflicting();
    let id = text(&resolutions(&place)[0]["id"]);
    place
        .git(&["switch", "--quiet", "--create", "mended", "main"])
        .done();
    resolve(&place, "mended", "work");
    place.gt(&["mq", "submit", "--bead", &id]).done();
    (place, bead, id)
}

#[test]
fn a_conflict_is_a_bead_that_the_work_waits_for() {
    let (place, bead) = conflicting();
    let [one] = &resolutions(&place)[..] else {
        panic!("one conflict, one bead");
    };
    let id = text(&one["id"]);
    assert_eq!(one["title"], "Resolve merge conflict: work onto main");
    assert_eq!(one["assignee"], "ada");
    let said = text(&shown(&place, &id)["description"]);
    let again = format!("git gt mq submit --branch work --bead {bead}");
    for words in ["file     base", "git merge ", &again] {
        assert!(said.contains(words), "no '{words}' in {said}");
    }
    // It is handed out, and the work itself is not handed out a second time.
    assert_eq!(ready(&place), [id.as_str()]);
    assert_eq!(shown(&place, &bead)["assignee"], Value::Null);
    let mails = place.json(&["mail", "inbox", "--all"]);
    assert!(mails.to_string().contains("conflicts with main"), "{mails}");
    // Nobody is told twice, and what nobody knows is found again as it was.
    let ledgers = ["beads", "queue", "mail"].map(|it| format!("refs/gt/{it}"));
    let before = ledgers.clone().map(|it| rev(&place, &it));
    place.forget();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(ledgers.map(|it| rev(&place, &it)), before);
}

#[test]
fn the_branch_queued_again_ends_the_bead_of_its_conflict() {
    let (place, bead) = conflicting();
    resolve(&place, "work", "main");
    let again = place.json(&["mq", "submit", "--bead", &bead]);
    let one = &resolutions(&place)[0];
    let reason = format!("queued again as {}", text(&again["id"]));
    assert_eq!(
        (&one["status"], &one["close_reason"]),
        (&json!("closed"), &json!(reason))
    );
    place.gt(&["refinery", "run"]).done();
    assert_eq!(shown(&place, &bead)["status"], "closed");
    assert_eq!(resolutions(&place).len(), 1);
}

#[test]
fn what_lands_for_the_conflict_closes_the_work_too() {
    let (place, bead, id) = mended();
    assert_eq!(shown(&place, &id)["status"], "open", "it waits to land");
    place.gt(&["refinery", "run"]).done();
    for it in [&id, &bead] {
        assert_eq!(shown(&place, it)["status"], "closed", "{it}");
    }
}

#[test]
fn a_resolution_that_conflicts_itself_is_tried_again() {
    let (place, bead, id) = mended();
    change(&place, "main", "main", "base", "theirs once more\n");
    change(&place, "mended", "mended", "base", "mine once more\n");
    place
        .gt(&["mq", "submit", "--branch", "mended", "--bead", &id])
        .done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(
        place.json(&["mq", "status", "mended"])["status"],
        "conflict"
    );
    assert_eq!(resolutions(&place).len(), 1);
    assert_eq!(ready(&place), [id.as_str()]);
    resolve(&place, "mended", "main");
    place.gt(&["mq", "submit", "--bead", &id]).done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(shown(&place, &bead)["status"], "closed");
}

#[test]
fn closing_the_conflict_by_hand_gives_the_work_back() {
    let (place, bead) = conflicting();
    let id = text(&resolutions(&place)[0]["id"]);
    place.gt(&["close", &id, "-r", "done anew instead"]).done();
    assert_eq!(ready(&place), [bead.as_str()]);
    place.gt(&["refinery", "run"]).done();
    assert_eq!(resolutions(&place).len(), 1);
    // The other way round there is nothing left to resolve.
    let (place, bead) = conflicting();
    place
        .gt(&["close", &bead, "--force", "-r", "not needed"])
        .done();
    let one = &resolutions(&place)[0];
    assert_eq!(one["close_reason"], format!("{bead} is closed"));
}

#[test]
fn a_retry_of_what_conflicted_ends_the_bead_of_its_conflict() {
    let (place, bead) = conflicting();
    change(&place, "main", "main", "base", "base\n");
    place.gt(&["mq", "retry", "work"]).done();
    assert_eq!(resolutions(&place)[0]["status"], "closed");
    place.gt(&["refinery", "run"]).done();
    assert_eq!(shown(&place, &bead)["status"], "closed");
}

#[test]
fn a_request_without_a_bead_gets_one_for_its_conflict() {
    let place = rig("true");
    for branch in ["first", "second"] {
        change(&place, branch, "main", "base", branch);
        place.gt(&["mq", "submit"]).done();
    }
    place.gt(&["refinery", "run"]).done();
    let one = &resolutions(&place)[0];
    assert_eq!(one["title"], "Resolve merge conflict: second onto main");
    resolve(&place, "second", "main");
    place.gt(&["mq", "submit"]).done();
    assert_eq!(resolutions(&place)[0]["status"], "closed");
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"].as_array().map(Vec::len), Some(1), "{ran}");
}

#[test]
fn a_bead_is_told_what_the_red_gate_wrote() {
    let place = rig("echo not ok 2; test ! -e culprit");
    let bead = place.create(&["the work"]);
    change(&place, "work", "main", "culprit", "x");
    place.gt(&["mq", "submit", "--bead", &bead]).done();
    place.gt(&["config", "set", "backend", "none"]).done();
    // Nobody holds it, and it is not begun a second time while it waits.
    let sling = place.gt(&["sling", &bead, "--dry-run"]);
    sling.fails(4, "waits in the queue as gt-mr-");
    place.gt(&["refinery", "run"]).done();
    let comments = place.json(&["comments", &bead]);
    let told = text(&comments[0]["text"]);
    for words in [
        "gate test: green on ",
        "reproduce: git worktree add",
        "output:\nnot ok 2",
    ] {
        assert!(told.contains(words), "no '{words}' in {told}");
    }
    let log = place.gt(&["log"]).done().stdout;
    for words in ["ejected gt-mr-", &format!("release {bead}"), "was ejected"] {
        assert!(log.contains(words), "no '{words}' in {log}");
    }
}

#[test]
fn the_queued_commit_counts_whatever_becomes_of_its_branch() {
    let place = rig("true");
    for branch in ["deleted", "rewound", "rewritten"] {
        change(&place, branch, "main", branch, branch);
        place.gt(&["mq", "submit"]).done();
        place.git(&["switch", "--quiet", "main"]).done();
    }
    place.git(&["branch", "--quiet", "-D", "deleted"]).done();
    place
        .git(&["branch", "--quiet", "--force", "rewound", "main"])
        .done();
    place.git(&["switch", "--quiet", "rewritten"]).done();
    place
        .git(&["commit", "--quiet", "--amend", "-m", "in other words"])
        .done();
    place.git(&["switch", "--quiet", "main"]).done();
    let ran = place.json(&["refinery", "run"]);
    assert_eq!(ran["landed"].as_array().map(Vec::len), Some(3), "{ran}");
    let files = place.git(&["ls-tree", "--name-only", "main"]).done().stdout;
    assert_eq!(files, "base\ndeleted\nrewound\nrewritten\n");
    assert!(place.gt(&["log"]).done().stdout.contains("land gt-mr-"));
}

#[test]
fn what_has_landed_stays_so_when_its_target_is_moved_back() {
    let place = rig("true");
    let bead = place.create(&["the work"]);
    change(&place, "work", "main", "work", "work");
    place.gt(&["mq", "submit", "--bead", &bead]).done();
    place.git(&["switch", "--quiet", "main"]).done();
    place.gt(&["refinery", "run"]).done();
    let remark = || {
        place
            .gt(&["fsck"])
            .done()
            .stdout
            .contains("is not there any more")
    };
    assert!(!remark());
    place.git(&["reset", "--quiet", "--hard", "HEAD~1"]).done();
    place.forget();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(place.json(&["mq", "status", "work"])["status"], "landed");
    assert_eq!(shown(&place, &bead)["status"], "closed");
    assert!(remark());
    let said = place.json(&["fsck"]);
    assert_eq!(
        said["repositories"][0]["unlanded"][0]["branch"], "work",
        "{said}"
    );
    // With its branch gone there is nothing to compare with.
    place.git(&["switch", "--quiet", "--detach"]).done();
    place.git(&["branch", "--quiet", "-D", "main"]).done();
    assert!(!remark());
}

#[test]
fn two_clones_that_find_the_same_landing_write_the_same() {
    let place = rig("true");
    let bead = place.create(&["the work"]);
    change(&place, "work", "main", "work", "work");
    place.gt(&["mq", "submit", "--bead", &bead]).done();
    place.git(&["switch", "--quiet", "main"]).done();
    place
        .git(&["merge", "--quiet", "--no-ff", "--no-edit", "work"])
        .done();
    // 2026-01-02 and 2026-01-03.
    let days = [("one", "1767312000000"), ("two", "1767398400000")];
    let [one, two] = days.map(|(name, now)| {
        place.folder(name);
        let mut copy = place.command_of("cp".as_ref());
        let to = format!("{name}/.git");
        assert!(
            copy.args(["-a", ".git", &to])
                .status()
                .expect("cp starts")
                .success()
        );
        let mut run = place.command(&["refinery", "run"]);
        let run = run.current_dir(place.path(name)).env("GT_TEST_NOW", now);
        assert!(run.output().expect("it starts").status.success());
        ["queue", "beads", "mail"].map(|ledger| {
            let git = format!("--git-dir={}", place.path(&to));
            let tree = format!("refs/gt/{ledger}^{{tree}}");
            place.git(&[&git, "rev-parse", &tree]).done().stdout
        })
    });
    assert_eq!(one, two);
    let closed = place.git(&[
        "--git-dir=one/.git",
        "log",
        "-1",
        "--format=%s",
        "refs/gt/beads",
    ]);
    assert!(
        closed
            .done()
            .stdout
            .starts_with(&format!("close {bead}: landed on main"))
    );
}
