//! Purging: what was deleted long ago goes everywhere, and nothing brings it back but a clone that still has
//! it alive.

use git_gt::git::Repo;
use git_gt::ledger::{Decision, Name, transact};
use git_gt::world::{Start, World};
use serde_json::{Map, Value};

use crate::crash::copy;
use crate::fleet::{Fleet, Member, agree};

/// 2026-06-01: months after everything else in these tests.
const LATER: (&str, &str) = ("GT_TEST_NOW", "2026-06-01T00:00:00Z");

#[test]
fn what_was_deleted_long_ago_goes_everywhere() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["kept", "deleted", "deleted later"]);
    ada.gt(&["mail", "send", "mayor/", "-s", "hello", "-m", "text"])
        .done();
    ada.gt(&["delete", &ids[1], "--force"]).done();
    agree(&[&ada, &bob]);
    let late = fleet.at("ada").with(LATER.0, LATER.1);
    late.gt(&["delete", &ids[2], "--force"]).done();
    late.gt(&["maintain", "--purge", "7"]).fails(129, "30");
    let tip = ada.tip("beads");
    let said = late.gt(&["maintain", "--purge", "30", "--dry-run"]).done();
    assert!(
        said.stdout.contains("1 records would be purged"),
        "{said:?}"
    );
    assert_eq!(ada.tip("beads"), tip);
    let done = late.json(&["maintain", "--purge", "30"])["repositories"][0]["purged"].take();
    assert_eq!(done[0]["records"], 1, "{done}");
    assert_eq!(late.records("beads").len(), 2);
    // A clock that is ahead raises the floor to what was dropped and no further: 2026-02-01.
    let meta = ada.git(&["show", "refs/gt/beads:meta.json"]);
    let meta: Value = serde_json::from_str(&meta).unwrap();
    let february = format!("{:016x}", 1_769_904_000_000_u64 << 16);
    assert!(*meta["purge_floor"].as_str().unwrap() < *february, "{meta}");
    // Bob works on something else, without knowing of it.
    bob.gt(&["comment", &ids[0], "still here"]).done();
    let told = agree(&[&late, &bob]);
    assert!(
        told.iter().all(|it| it.event["event"] != "renamed"),
        "{told:?}"
    );
    let left = bob.records("beads");
    assert_eq!(left.keys().collect::<Vec<_>>(), {
        let mut want = vec![&ids[0], &ids[2]];
        want.sort();
        want
    });
    assert_eq!(bob.records("mail").len(), 1, "what is alive stays");
    bob.gt(&["fsck", "--full"]).done();
    // A second time there is nothing to do.
    let tip = ada.tip("beads");
    late.gt(&["maintain", "--purge", "30"]).done();
    assert_eq!(ada.tip("beads"), tip);
}

/// Deletes a convoy, which no command does yet.
fn delete_convoy(member: &Member<'_>, id: &str) {
    let mut start = Start::of_process().unwrap();
    let now = "2026-01-01T12:00:00Z".to_owned();
    start.env.insert("GT_TEST_NOW".to_owned(), now);
    let repo = Repo::open(&World::new(start), &member.path).unwrap();
    let deleted = transact(&repo, (Name::Convoys, None), "ada", |ledger, pen| {
        let mut convoy = ledger.get(id)?.unwrap();
        let state = [("status", Value::from("deleted")), ("life", 1.into())];
        let state = state.map(|(key, value)| (key.to_owned(), value));
        let stamp = pen.stamp(&convoy);
        convoy.delete(Map::from_iter(state), &stamp);
        Ok(Decision::write("delete a convoy", vec![convoy], ()))
    });
    deleted.unwrap();
}

/// Draws what follows from everything there is, as a clone does that has forgotten how far it came, and returns
/// the ids of convoys and of mail.
#[track_caller]
fn drawn(member: &Member<'_>) -> [Vec<String>; 2] {
    std::fs::remove_dir_all(member.path.join(".git/gt")).unwrap();
    member.create("whatever is written");
    ["convoys", "mail"].map(|ledger| member.records(ledger).into_keys().collect())
}

#[test]
fn what_follows_from_a_decision_and_was_purged_does_not_follow_again() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["slung", "queued"]);
    let slung = ["update", &ids[0], "--claim", "--actor", "hub/polecats/nux"];
    ada.gt(&slung).done();
    ada.commit("work");
    ada.gt(&["update", &ids[1], "--claim"]).done();
    ada.gt(&["mq", "submit", "--bead", &ids[1]]).done();
    let reject = ["mq", "reject", "work", "--reason", "no", "--actor", "bob"];
    ada.gt(&reject).done();
    agree(&[&ada, &bob]);
    let before = drawn(&ada);
    assert_eq!(before.each_ref().map(Vec::len), [1, 1], "{before:?}");
    // Where it was never written it follows again: that is what the floor is for.
    let other = copy(&fleet, &["bob"]);
    for ledger in ["convoys", "mail"] {
        let name = format!("refs/gt/{ledger}");
        other.at("bob").git(&["update-ref", "-d", &name]);
    }
    assert_eq!(drawn(&other.at("bob")), before);

    delete_convoy(&ada, &before[0][0]);
    ada.gt(&["mail", "delete", &before[1][0]]).done();
    agree(&[&ada, &bob]);
    let late = fleet.at("ada").with(LATER.0, LATER.1);
    let done = late.json(&["maintain", "--purge", "30"])["repositories"][0]["purged"].take();
    let purged = |it: &Value| it["records"] == 1;
    let count = done.as_array().unwrap().iter().filter(|it| purged(it));
    assert_eq!(count.count(), 2, "{done}");
    // The clocks are back in January, when the end of the request was news.
    let nothing: [Vec<String>; 2] = Default::default();
    assert_eq!(drawn(&ada), nothing);
    agree(&[&ada, &bob]);
    for member in [&bob, &ada] {
        assert_eq!(drawn(member), nothing, "{}", member.name);
    }
    agree(&[&bob, &ada]);
    assert_eq!(drawn(&fleet.member("cy")), nothing);
}
