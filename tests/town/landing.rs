//! What follows from a request's end for its bead, here and in other clones.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::place::Place;

/// Returns a rig without an agent to be started, in which work is slung by hand.
fn by_hand() -> Place {
    let place = Place::new();
    place.gate("test ! -e culprit");
    place.gt(&["config", "set", "backend", "none"]).done();
    place
}

/// Slings a bead, commits a file of that name on its hook and queues it; returns bead and request.
fn work(place: &Place, file: &str) -> (String, String) {
    let bead = place.create(file);
    let request = work_on(place, &bead, file);
    (bead, request)
}

fn work_on(place: &Place, bead: &str, file: &str) -> String {
    let slung = place.json(&["sling", bead]);
    let hook = Path::new(slung[0]["path"].as_str().unwrap()).to_owned();
    fs::write(hook.join(file), file).unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "--message=work"])
        .done();
    let done = place.json_in(&hook, &["done"]);
    done["id"].as_str().unwrap().to_owned()
}

fn comments(place: &Place, bead: &str) -> Vec<String> {
    let comments = place.json(&["comments", bead]);
    let comments = comments.as_array().unwrap().iter();
    comments
        .map(|it| it["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_bead_closes_when_its_change_is_on_the_target() {
    let place = by_hand();
    let (bead, request) = work(&place, "a");
    assert_eq!(place.bead(&bead)["status"], "in_progress");
    place.run();
    let closed = place.bead(&bead);
    assert_eq!(closed["status"], "closed");
    let head = place.json(&["mq", "status", &request])["head"].clone();
    let reason = format!("landed on main as {}", &head.as_str().unwrap()[..12]);
    assert_eq!(closed["close_reason"], reason);
    let log = place
        .git(&["log", "-1", "--format=%an%n%b", "refs/gt/beads"])
        .done();
    assert!(log.stdout.starts_with("repo/refinery\n"), "{log:?}");
    assert!(
        log.stdout.contains(&format!("Because: {request}")),
        "{log:?}"
    );
}

#[test]
fn what_somebody_merged_by_hand_has_landed() {
    let place = by_hand();
    let (bead, request) = work(&place, "a");
    let branch = place.json(&["mq", "status", &request])["branch"].clone();
    let branch = branch.as_str().unwrap();
    place
        .git(&["merge", "--quiet", "--no-ff", "--no-edit", branch])
        .done();
    assert_eq!(
        place.bead(&bead)["status"],
        "in_progress",
        "reading changes nothing"
    );
    place.create("the next command that writes");
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!(place.status(&request), "landed");
    assert_eq!(place.run()["gate_runs"], 0);
}

#[test]
fn what_was_squashed_by_hand_lands_as_an_empty_change() {
    let place = by_hand();
    let (bead, request) = work(&place, "a");
    let branch = place.json(&["mq", "status", &request])["branch"].clone();
    place
        .git(&["merge", "--quiet", "--squash", branch.as_str().unwrap()])
        .done();
    place
        .git(&["commit", "--quiet", "--message=squashed"])
        .done();
    let ran = place.run();
    assert_eq!(
        ran["landed"],
        json!([request]),
        "an empty change lands like any other"
    );
    assert_eq!(place.bead(&bead)["status"], "closed");
}

#[test]
fn a_bead_opened_again_stays_open_everywhere() {
    let place = by_hand();
    place.remote();
    place.gt(&["sync"]).done();
    let (bead, _) = work(&place, "a");
    place.gt(&["sync"]).done();
    let other = place.another("other");
    place
        .gt_in(
            &other,
            &[
                "refinery",
                "gate",
                "add",
                "test",
                "--command",
                "test ! -e culprit",
            ],
        )
        .done();
    place.run();
    place.gt(&["reopen", &bead]).done();
    let open = |dir: &Path, when: &str| {
        let shown = place.json_in(dir, &["show", &bead]);
        assert_eq!(shown[0]["status"], "open", "{when}");
        assert_eq!(shown[0]["assignee"], Value::Null, "{when}");
    };
    place.run();
    open(&place.repo(), "after a run");
    fs::remove_dir_all(place.path("repo/.git/gt")).unwrap();
    place.run();
    open(&place.repo(), "after the cursor was lost");
    // The other clone knows the bead as it was queued, and finds it landed by itself.
    place.gt_in(&other, &["refinery", "run"]).done();
    assert_eq!(
        place.json_in(&other, &["show", &bead])[0]["status"],
        "closed"
    );
    place.gt(&["sync"]).done();
    place.gt_in(&other, &["sync"]).done();
    open(&other, "after a sync");
    place.gt_in(&other, &["refinery", "run"]).done();
    open(&other, "after a run in the other clone");
    fs::remove_dir_all(other.join(".git/gt")).unwrap();
    place.gt_in(&other, &["refinery", "run"]).done();
    place.gt_in(&other, &["sync"]).done();
    place.gt(&["sync"]).done();
    open(&other, "after all");
    open(&place.repo(), "after all, here");
    let fresh = place.another("fresh");
    open(&fresh, "in a fresh clone");
    let ledgers = ["beads", "queue"].map(|name| format!("refs/gt/{name}^{{tree}}"));
    for ledger in ledgers {
        assert_eq!(place.rev(&ledger), place.rev_in(&other, &ledger));
    }
}

#[test]
fn a_bead_released_meanwhile_closes_all_the_same() {
    let place = by_hand();
    let (bead, _) = work(&place, "a");
    place.gt(&["update", &bead, "--assignee", ""]).done();
    assert_eq!(place.bead(&bead)["assignee"], Value::Null);
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
}

#[test]
fn a_bead_with_two_requests_closes_with_the_last() {
    let place = by_hand();
    let (bead, _) = work(&place, "a");
    place.branch("b", &[("b", "b")]);
    let second = place.json(&["mq", "submit", "--branch", "b", "--bead", &bead]);
    place.gt(&["refinery", "run", "--once"]).done();
    place
        .gt(&["mq", "reject", second["id"].as_str().unwrap(), "-r", "no"])
        .done();
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
    let (bead, _) = work(&place, "c");
    place.branch("d", &[("d", "d")]);
    place
        .gt(&["mq", "submit", "--branch", "d", "--bead", &bead])
        .done();
    place.gate("test ! -e d || test -e \"$PLACE/d\"");
    place.write("d", "");
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
}

#[test]
fn what_fails_frees_the_claim_it_was_queued_under_and_says_why_once() {
    let place = by_hand();
    let (ejected, request) = work(&place, "culprit");
    let (rejected, other) = work(&place, "unwanted");
    place
        .gt(&["mq", "reject", &other, "--reason", "not now"])
        .done();
    place.branch("conflict", &[("base", "theirs\n")]);
    let bounced = place.create("conflict");
    place
        .gt(&["mq", "submit", "--branch", "conflict", "--bead", &bounced])
        .done();
    place.import("main", Some("refs/heads/main"), &[("base", "ours\n")]);
    place.git(&["reset", "--quiet", "--hard"]).done();
    place.run();
    let said = [
        (
            &ejected,
            "is ejected: gate 'test' passes on",
            "reproduce: git worktree add",
        ),
        (&rejected, "is rejected: not now", "branch gt/"),
        (
            &bounced,
            "is conflict: does not merge onto main: base",
            "branch conflict at",
        ),
    ];
    for (bead, why, more) in said {
        let shown = place.bead(bead);
        assert_eq!(shown["status"], "open", "{shown}");
        assert_eq!(shown["assignee"], Value::Null);
        let told = comments(&place, bead);
        assert!(
            told.len() == 1 && told[0].contains(why) && told[0].contains(more),
            "{told:?}"
        );
    }
    place.gt(&["mq", "retry", &request]).done();
    // Somebody else takes the bead up while the same commit is tested once more.
    place
        .gt(&["update", &ejected, "--claim", "--actor", "bob"])
        .done();
    place.run();
    for _ in 0..2 {
        let shown = place.bead(&ejected);
        assert_eq!(
            (&shown["assignee"], comments(&place, &ejected).len()),
            (&json!("bob"), 2)
        );
        fs::remove_dir_all(place.path("repo/.git/gt")).unwrap();
        place.gt(&["refinery", "run"]).done();
    }
}

#[test]
fn an_ejected_bead_can_be_slung_and_mended() {
    let place = by_hand();
    let (bead, first) = work(&place, "culprit");
    place.run();
    let slung = place.json(&["sling", &bead]);
    assert_eq!(slung[0]["epoch"], 2, "{slung}");
    let hook = Path::new(slung[0]["path"].as_str().unwrap()).to_owned();
    fs::write(hook.join("mended"), "").unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "--message=mended"])
        .done();
    place.gt_in(&hook, &["done"]).done();
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!(place.status(&first), "ejected");
}

#[test]
fn the_scratch_folder_may_go_at_any_moment() {
    let place = by_hand();
    let lose = || drop(fs::remove_dir_all(place.path("repo/.git/gt")));
    let bead = place.create("a");
    lose();
    let slung = place.json(&["sling", &bead]);
    lose();
    let hook = Path::new(slung[0]["path"].as_str().unwrap()).to_owned();
    fs::write(hook.join("a"), "a").unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "--message=work"])
        .done();
    assert_eq!(place.json_in(&hook, &["hook"])["claim"], "stands");
    place.gt_in(&hook, &["done"]).done();
    lose();
    let (culprit, _) = work(&place, "culprit");
    let mut steps = 0;
    while place.json(&["refinery", "run", "--once"])["queued"] != 0 {
        lose();
        steps += 1;
        assert!(steps < 20);
    }
    lose();
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!(place.bead(&culprit)["status"], "open");
    assert_eq!(comments(&place, &culprit).len(), 1);
    let before = place.git(&["for-each-ref", "refs/gt/"]).done().stdout;
    lose();
    place.run();
    assert_eq!(
        place.git(&["for-each-ref", "refs/gt/"]).done().stdout,
        before
    );
}
