//! The queue's verbs: order, approvals, groups, freezes, and what is told of them.

use serde_json::{Value, json};

use super::{commit, project};
use crate::support::{Output, Place};

/// Returns a rig with a gate that passes, and branches with a commit each, all of them queued.
fn queued(branches: &[&str]) -> Place {
    let place = project("true");
    for branch in branches {
        on_main(&place, branch);
        place.gt(&["mq", "submit", "--branch", branch]).done();
    }
    place
}

/// Makes a branch of main with a commit and a file of its name.
fn on_main(place: &Place, branch: &str) {
    place.git(&["checkout", "--quiet", "main"]).done();
    place.git(&["checkout", "--quiet", "-B", branch]).done();
    place.file(&format!("{branch}.txt"), branch);
    place.git(&["add", &format!("{branch}.txt")]).done();
    commit(place, branch, branch);
}

fn mq(place: &Place, args: &[&str]) -> Output {
    place.gt(&[&["mq"], args].concat())
}

/// Runs a verb as somebody else than ada.
fn as_other(place: &Place, who: &str, args: &[&str]) -> Output {
    place.gt(&[&["--actor", who, "mq"], args].concat())
}

/// Returns the branches that are listed, with how they stand.
fn listed(place: &Place, args: &[&str]) -> String {
    let list = place.json(&[&["mq", "list"], args].concat());
    let all = list.as_array().expect("it is a list").iter();
    let all = all.map(|it| match it["status"].as_str() {
        Some("queued") => it["branch"].as_str().unwrap_or_default().to_owned(),
        status => format!(
            "{}:{}",
            it["branch"].as_str().unwrap_or_default(),
            it["held"]["kind"].as_str().or(status).unwrap_or_default()
        ),
    });
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_list_is_in_the_order_of_landing() {
    let place = queued(&["a", "b", "c"]);
    assert_eq!(listed(&place, &[]), "a b c");
    mq(&place, &["priority", "c", "P1"]).done();
    mq(&place, &["submit", "--branch", "a", "--after", "b"]).done();
    assert_eq!(listed(&place, &[]), "c b a");
    mq(&place, &["priority", "a", "hotfix"]).done();
    assert_eq!(listed(&place, &[]), "b a c");
    mq(&place, &["priority", "a", "7"]).fails(129, "use hotfix, or a number");
    let next = mq(&place, &["next", "--quiet"]).done().stdout;
    let b = place.json(&["mq", "show", "b"]);
    assert_eq!(next.trim(), b["id"].as_str().unwrap_or_default());
    // Its author takes b back, and a waits for nobody in the queue.
    as_other(&place, "grace", &["cancel", "b"]).fails(4, "only who did the work");
    mq(&place, &["reject", "b", "-r", ""]).fails(1, "rejected for a reason");
    mq(&place, &["cancel", "b"]).done();
    assert_eq!(listed(&place, &[]), "c a:after");
    assert_eq!(listed(&place, &["--ready"]), "c");
    assert_eq!(listed(&place, &["--status", "held"]), "a:after");
    assert_eq!(listed(&place, &["--worker", "grace"]), "");
    let text = mq(&place, &["list"]).done().stdout;
    assert!(text.contains(", which was cancelled\n"), "{text}");
    // Queued again, with a new commit, it is what a waits for.
    on_main(&place, "b");
    commit(&place, "b", "better");
    mq(&place, &["submit", "--branch", "b"]).done();
    assert_eq!(listed(&place, &[]), "b a c");
    place.gt(&["refinery", "run"]).done();
    let log = place.json(&["mq", "log"]);
    let decisions = log.as_array().expect("it is a list").iter();
    let decisions: Vec<&str> = decisions.filter_map(|it| it["decision"].as_str()).collect();
    assert_eq!(decisions.iter().filter(|it| **it == "landed").count(), 3);
    assert!(decisions.contains(&"prioritized") && decisions.contains(&"cancelled"));
    assert!(!decisions.contains(&"other"), "{log}");
}

#[test]
fn what_needs_approvals_waits_for_them() {
    let place = queued(&["a"]);
    place
        .gt(&["config", "set", "review", "one"])
        .fails(1, "number of approvals");
    place
        .gt(&["config", "set", "review", "1, release/*=2"])
        .done();
    assert_eq!(listed(&place, &[]), "a:approval");
    place.gt(&["refinery", "run"]).done();
    assert_eq!(listed(&place, &[]), "a:approval");
    mq(&place, &["approve", "a"]).fails(4, "somebody else approves it");
    let nux = "gt/polecats/nux";
    as_other(&place, nux, &["approve", "a"]).fails(4, "not among those who approve");
    as_other(&place, "grace", &["approve", "a", "--delegate", nux]).done();
    as_other(&place, nux, &["approve", "a", "--commit", "0000"]).fails(3, "not about 0000");
    as_other(&place, nux, &["approve", "a"]).done();
    assert_eq!(place.json(&["mq", "show", "a"])["approvals"], json!([nux]));
    assert_eq!(listed(&place, &[]), "a");
    as_other(&place, nux, &["unapprove", "a"]).done();
    assert_eq!(listed(&place, &[]), "a:approval");
    as_other(&place, "grace", &["approve", "a"]).done();
    // A new commit needs a new approval.
    commit(&place, "a", "other");
    mq(&place, &["submit", "--branch", "a"]).done();
    assert_eq!(listed(&place, &[]), "a:approval");
    as_other(&place, "grace", &["approve", "a"]).done();
    place.gt(&["refinery", "run"]).done();
    let why = place.json(&["mq", "why", "a"]);
    assert_eq!(why["status"], "landed", "{why}");
}

#[test]
fn changes_of_protected_paths_are_not_tested_unseen() {
    let place = queued(&["a", "b"]);
    place
        .gt(&["config", "set", "protected", "B.txt, .ci/"])
        .done();
    assert_eq!(listed(&place, &[]), "a b:approval");
    let held = place.json(&["mq", "show", "b"]);
    assert_eq!(held["held"]["paths"], json!(["b.txt"]));
    place.gt(&["refinery", "run"]).done();
    assert_eq!(listed(&place, &[]), "b:approval");
    assert_eq!(place.json(&["mq", "show", "b"])["runs"], json!([]));
    as_other(&place, "grace", &["approve", "b"]).done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(listed(&place, &[]), "");
}

#[test]
fn a_group_lands_together_or_not_at_all() {
    let place = queued(&["a", "b", "x", "y"]);
    let made = place.json(&["mq", "rollup", "b", "y", "--name", "both"]);
    assert_eq!(made.as_array().map(Vec::len), Some(2));
    assert_eq!(listed(&place, &[]), "a b y x");
    mq(&place, &["rollup", "x", "y", "--name", "other"]).fails(4, "in group 'both' already");
    mq(&place, &["reject", "y", "-r", "no"]).done();
    assert_eq!(listed(&place, &[]), "a x b:group");
    mq(&place, &["submit", "--branch", "x", "--group", "no name"]).fails(1, "name of a group");
    mq(&place, &["rollup", "--undo", "both"]).done();
    assert_eq!(listed(&place, &[]), "a b x");
    mq(&place, &["rollup", "--undo", "both"]).fails(1, "no merge request 'both'");
    mq(&place, &["rollup", "--undo", "a"]).fails(4, "is in no group");
}

#[test]
fn a_frozen_branch_takes_only_what_is_urgent() {
    let place = queued(&["a", "b"]);
    mq(&place, &["priority", "b", "0"]).done();
    let freeze = ["freeze", "--allow", "0", "-r", "the demo"];
    mq(&place, &[&freeze[..], &["--until", "1999-01-01"]].concat()).fails(1, "over already");
    mq(&place, &["freeze", "-r", " "]).fails(1, "frozen for a reason");
    let mistyped = [&freeze[..], &["--target", "mian"]].concat();
    mq(&place, &mistyped).fails(1, "the target branch 'mian' does not exist");
    assert_eq!(place.json(&["mq", "log"])[0]["decision"], "prioritized");
    let polecat = "gt/polecats/nux";
    let mut refused = place.command(&[&["mq"], &freeze[..]].concat());
    let refused = refused.env("GT_ROLE", polecat).output().expect("it starts");
    Output::of(&refused).fails(4, "is a polecat");
    let frozen = place.json(&[&["mq"], &freeze[..], &["--until", "2h"]].concat());
    assert_eq!(
        (&frozen["by"], &frozen["allow"]),
        (&json!("ada"), &json!("P0"))
    );
    assert_eq!(listed(&place, &[]), "b a:freeze");
    let list = mq(&place, &["list"]).done();
    assert!(
        list.stderr.contains("main is frozen by ada until"),
        "{}",
        list.stderr
    );
    place.gt(&["refinery", "run"]).done();
    assert_eq!(listed(&place, &[]), "a:freeze");
    let none = place.json(&["mq", "next"]);
    assert_eq!(none, json!({ "together": [] }));
    mq(&place, &["thaw"]).done();
    let again = mq(&place, &["thaw"]).done().stdout;
    assert_eq!(again, "main was not frozen\n");
    assert_eq!(listed(&place, &[]), "a");
}

#[test]
fn settings_with_patterns_that_nothing_fits_are_refused() {
    let place = queued(&["a"]);
    let set = |name: &str, value: &str| place.gt(&["config", "set", name, value]);
    set("protected", "src, [[").fails(1, "the pattern '[[' has a '[' that is not closed");
    set("review.by", "gt/[").fails(1, "the pattern 'gt/['");
    set("review", "0, [[=2").fails(1, "a number of approvals");
    set("strategy", "[[=squash").fails(1, "merge, squash or rebase");
    set("pullRequests", "main, [[").fails(1, "no branch can fit '[['");
    // What was written before that was checked lets nothing pass.
    place.git(&["config", "gt.protected", "[["]).done();
    place
        .gt(&["refinery", "run"])
        .fails(1, "gt.protected is '[['");
    place
        .git(&["config", "gt.protected", "[s]rc/**, *.lock"])
        .done();
    place.gt(&["refinery", "run"]).done();
    assert_eq!(listed(&place, &["--all"]), "a:landed");
}

#[test]
fn what_was_red_with_others_is_not_shown_of_a_conflict() {
    let place = project("test ! -e bad.txt || { echo it is bad; exit 1; }");
    for branch in ["fine", "bad"] {
        on_main(&place, branch);
        mq(&place, &["submit", "--branch", branch]).done();
    }
    place.gt(&["refinery", "run", "--once"]).done();
    let status = |branch: &str| mq(&place, &["status", branch]).done().stdout;
    assert!(
        status("fine").contains("  output  it is bad\n"),
        "nobody knows better"
    );
    on_main(&place, "other");
    place.file("fine.txt", "another");
    place.git(&["add", "fine.txt"]).done();
    commit(&place, "other", "other");
    place.git(&["checkout", "--quiet", "main"]).done();
    place
        .git(&["merge", "--quiet", "--ff-only", "other"])
        .done();
    place.gt(&["refinery", "run"]).done();
    let fine = status("fine");
    assert!(
        fine.contains(" conflict: fine\n") && !fine.contains("  output"),
        "{fine}"
    );
    let bad = status("bad");
    assert!(
        bad.contains(" ejected: bad\n") && bad.contains("  output  it is bad\n"),
        "{bad}"
    );
}

#[test]
fn the_list_says_what_lands_together_and_behind_what() {
    let place = queued(&["a", "b", "c"]);
    mq(&place, &["rollup", "b", "c", "--name", "pair"]).done();
    mq(&place, &["submit", "--branch", "b", "--after", "a"]).done();
    let list = place.json(&["mq", "list"]);
    let a = list[0]["id"].as_str().unwrap_or_default();
    assert_eq!(
        (&list[1]["group"], &list[1]["after"]),
        (&json!("pair"), &json!([a]))
    );
    let text = mq(&place, &["list"]).done().stdout;
    let ends: Vec<&str> = text
        .lines()
        .map(|it| it.rsplit("  ").next().unwrap_or_default())
        .collect();
    let behind = format!("group pair; after {a}");
    assert_eq!(ends, ["a", behind.as_str(), "group pair"], "{text}");
}

#[test]
fn a_decision_has_a_proof() {
    let place = project("test ! -e bad.txt");
    for branch in ["bad", "good"] {
        on_main(&place, branch);
        mq(&place, &["submit", "--branch", branch]).done();
    }
    let why = place.json(&["mq", "why", "good"]);
    assert_eq!(why["ahead"].as_array().map(Vec::len), Some(1), "{why}");
    place.gt(&["refinery", "run"]).done();
    let why = place.json(&["mq", "why", "bad"]);
    let roles = [&why["proof"][0]["role"], &why["proof"][1]["role"]];
    assert_eq!(roles, ["tip", "with"], "{why}");
    let proof = [&why["proof"][0]["green"], &why["proof"][1]["green"]];
    assert_eq!(proof, [true, false], "{why}");
    let runs = why["proof"][1]["runs"].as_array().expect("it was run");
    let counts = |run: &Value| run["verdict"] == "red" && run["counts"] == true;
    assert!(runs.iter().any(counts), "{why}");
    assert!(
        why["reproduce"]
            .as_str()
            .is_some_and(|it| it.ends_with("&& sh -c 'test ! -e bad.txt'"))
    );
    let why = place.json(&["mq", "why", "good"]);
    assert_eq!(
        (&why["proof"][0]["role"], &why["proof"][0]["green"]),
        (&json!("landed"), &json!(true))
    );
    let said = mq(&place, &["why", "good"]).done().stdout;
    assert!(said.contains("  there   main has it\n"), "{said}");
    assert!(
        said.contains("  see it  git worktree add --detach ../gt-"),
        "{said}"
    );
}

#[test]
fn what_is_left_over_is_put_away() {
    let place = queued(&["a", "b"]);
    mq(&place, &["reject", "a", "-r", "no"]).done();
    let kept = |place: &Place| place.git(&["for-each-ref", "refs/gt/mr"]).done().stdout;
    assert_eq!(kept(&place).lines().count(), 2);
    let would = place.json(&["mq", "gc", "--dry-run"]);
    assert_eq!(would.as_array().map(Vec::len), Some(1), "{would}");
    assert_eq!(kept(&place).lines().count(), 2);
    let said = mq(&place, &["gc"]).done().stdout;
    assert!(said.ends_with("1 put away\n"), "{said}");
    assert_eq!(kept(&place).lines().count(), 1);
    let attic = place.gt(&["attic", "list"]).done().stdout;
    assert!(attic.contains("rejected"), "{attic}");
}

#[test]
fn a_request_can_be_tried_before_its_turn() {
    let place = project("test ! -e bad.txt");
    for branch in ["a", "b", "bad"] {
        on_main(&place, branch);
        mq(&place, &["submit", "--branch", branch]).done();
    }
    mq(&place, &["submit", "--branch", "b", "--after", "a"]).done();
    let tried = place.json(&["mq", "try", "b"]);
    assert_eq!(
        (&tried["passes"], &tried["requests"][1]),
        (&json!(true), &tried["id"])
    );
    assert_eq!(
        place.json(&["mq", "try", "b"])["gates"][0]["run"],
        Value::Null
    );
    let bad = mq(&place, &["try", "bad"]);
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.stdout.contains("  test    red (exit 1)\n"), "{bad:?}");
    assert_eq!(listed(&place, &[]), "a b bad");
    place.gt(&["config", "set", "protected", "bad.txt"]).done();
    mq(&place, &["try", "bad"]).fails(4, "because it changes bad.txt");
}

#[test]
fn an_empty_name_is_nobodys() {
    let place = queued(&["a"]);
    mq(&place, &["status", ""]).fails(1, "there is no merge request ''");
    mq(&place, &["reject", "", "--reason", "no"]).fails(1, "there is no merge request ''");
    mq(&place, &["approve", "a", "--delegate", ""]).fails(1, "can approve nothing");
    assert_eq!(listed(&place, &[]), "a");
}
