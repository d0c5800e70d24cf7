//! The queue from the outside: what people type and what they are told.

mod after;
mod evidence;
mod faults;
mod gates;
mod integration;
mod many;
mod sign;
mod strategy;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;
mod verbs;
mod view;

use serde_json::Value;
use support::Place;

/// Returns a rig with a gate, a first commit, and a branch `work` with one more.
fn project(gate: &str) -> Place {
    let place = Place::new();
    for branch in ["main", "work"] {
        commit(&place, branch, branch);
    }
    place
        .gt(&["refinery", "gate", "add", "test", "-c", gate])
        .done();
    place
}

fn commit(place: &Place, branch: &str, text: &str) {
    let author = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
    let commit = ["commit", "--quiet", "--allow-empty", "-m", text];
    place.git(&["checkout", "--quiet", "-B", branch]).done();
    place.git(&[&author[..], &commit].concat()).done();
}

#[test]
fn status_shows_what_a_red_gate_wrote() {
    let place = project("echo ok one; echo not ok two; exit 3");
    place.gt(&["mq", "submit"]).done();
    place.gt(&["refinery", "run"]).fails(4, "itself is red");
    let status = place.gt(&["mq", "status", "work"]).done().stdout;
    assert!(
        status.ends_with("  output  ok one\n  output  not ok two\n"),
        "{status}"
    );
    let runs = &place.json(&["mq", "status", "work"])["runs"];
    assert_eq!(runs[0]["tail"], "ok one\nnot ok two\n");
}

#[test]
fn a_part_of_the_beads_id_names_its_request() {
    let place = project("true");
    let bead = place.create(&["work"]);
    place.gt(&["mq", "submit", "--bead", &bead]).done();
    let part = bead.trim_start_matches("gt-");
    let status = place.json(&["mq", "status", part]);
    assert_eq!(status["bead"], *bead);
    place.gt(&["mq", "reject", part, "-r", "not now"]).done();
    let said = place.gt(&["mq", "submit", "--bead", &bead]);
    let again = format!("git gt mq submit --branch work --bead {bead}");
    said.fails(4, &again);
    place.gt(&["mq", "retry", part]).done();
    place
        .gt(&["mq", "status", "nothing"])
        .fails(1, "no merge request 'nothing'");
}

#[test]
fn a_bead_can_be_named_later() {
    let place = project("true");
    let bead = place.create(&["work"]);
    let bare = &place.json(&["mq", "submit"])["id"];
    let list = place.gt(&["mq", "list"]).done().stdout;
    assert!(list.contains("  ada  work\n"), "{list}");
    let named = place.json(&["mq", "submit", "--bead", &bead]);
    assert_ne!(&named["id"], bare);
    assert_eq!(place.json(&["mq", "submit"])["id"], named["id"]);
    assert_eq!(
        place.json(&["mq", "list"]).as_array().map(Vec::len),
        Some(1)
    );
    place.gt(&["refinery", "run"]).done();
    assert_eq!(
        place.json(&["show", &bead])[0]["status"],
        Value::from("closed")
    );
}

#[test]
fn a_clone_is_told_which_gates_it_has_not_accepted() {
    let place = project("true");
    let notes = |args: &[&str]| place.gt(args).done().stderr;
    assert_eq!(notes(&["init"]), "");
    assert_eq!(notes(&["refinery", "gate", "list"]), "");
    place
        .git(&["config", "--unset", "gt.gate.test.accepted"])
        .done();
    let said = notes(&["init"]);
    assert!(said.starts_with("gate.test came from elsewhere"), "{said}");
    let said = notes(&["refinery", "gate", "list"]);
    assert!(said.contains("git gt config accept"), "{said}");
}
