//! A fresh clone takes the ledgers of its remote over, and runs nothing that came with them.

use serde_json::{Value, json};

use crate::fleet::{Fleet, Member, agree, hold_the_same};

#[test]
fn a_fresh_clone_takes_prefix_name_target_and_gates_from_the_remote() {
    let fleet = Fleet::new();
    let ada = fleet.clone_only("shop");
    ada.gt(&["init", "--prefix", "sh"]).done();
    ada.gt(&["config", "set", "target", "release"]).done();
    ada.gate();
    let id = ada.create("first");
    ada.sync();
    fleet.git(".", &["clone", "-q", &fleet.url(), "somewhere-else"]);
    let bob = fleet.at("somewhere-else");
    let made = bob.json(&["init"]);
    let want = json!({"created": false, "prefix": "sh", "rig": "shop", "target": "release"});
    assert_eq!(made, want);
    assert_eq!(bob.show(&id)["title"], "first");
    assert_eq!(bob.json(&["config", "get", "target"])["value"], "release");
    let gates = bob.json(&["refinery", "gate", "list"]);
    assert_eq!(gates[0]["name"], "test");
    assert_eq!(gates[0]["accepted"], false);
    assert!(bob.create("second").starts_with("sh-"));
    bob.gt(&["init", "--prefix", "other"])
        .fails(4, "prefix 'sh' already");
    agree(&[&ada, &bob]);
    hold_the_same(&[&ada, &bob]);
}

fn status(member: &Member<'_>) -> Vec<Value> {
    let listed = member.json(&["mq", "list", "--all"]);
    listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].clone())
        .collect()
}

#[test]
fn a_gate_from_elsewhere_runs_only_once_it_is_added_here() {
    let fleet = Fleet::new();
    let ada = fleet.clone_only("ada");
    ada.gt(&["init", "--prefix", "gt"]).done();
    let mark = fleet.path("ran");
    let command = format!("echo ran >>'{}'", mark.display());
    let add = ["refinery", "gate", "add", "test", "--command", &command];
    ada.gt(&add).done();
    ada.sync();
    let bob = fleet.member("bob");
    bob.queue("work");
    let said = bob
        .gt(&["refinery", "run"])
        .fails(4, "gate 'test' came from elsewhere");
    assert!(
        said.stderr.contains(&command),
        "the command is shown: {said:#?}"
    );
    assert!(!mark.exists(), "it ran");
    bob.gt(&add).done();
    bob.gt(&["refinery", "run"]).done();
    assert!(mark.exists());
    assert_eq!(status(&bob), ["landed"]);
    // A gate that changes elsewhere has to be accepted again.
    agree(&[&ada, &bob]);
    ada.gt(&["refinery", "gate", "add", "test", "--command", "false"])
        .done();
    agree(&[&ada, &bob]);
    bob.queue("more");
    bob.gt(&["refinery", "run"])
        .fails(4, "gate 'test' came from elsewhere");
    // What waits is listed first.
    assert_eq!(status(&bob), ["queued", "landed"]);
}

#[test]
fn two_rigs_founded_apart_become_the_one_that_was_pushed_first() {
    for first in ["ada", "bob"] {
        let fleet = Fleet::new();
        let (ada, bob) = (fleet.clone_only("ada"), fleet.clone_only("bob"));
        ada.gt(&["init"]).done();
        bob.gt(&["init"]).done();
        let (a, b) = (ada.create("of ada"), bob.create("of bob"));
        let members = if first == "ada" {
            [&ada, &bob]
        } else {
            [&bob, &ada]
        };
        members[0].sync();
        let said = members[1].gt(&["sync"]).done();
        let told = format!("this repository is rig {first} now");
        assert!(said.stderr.contains(&told), "{said:#?}");
        agree(&members);
        for member in members {
            assert_eq!(member.show(&a)["title"], "of ada");
            assert_eq!(member.show(&b)["title"], "of bob");
            assert_eq!(member.json(&["init"])["rig"], first);
            let id = member.create("next");
            assert!(id.starts_with(&format!("{}-", &first[..3])), "{id}");
        }
        agree(&members);
    }
}
