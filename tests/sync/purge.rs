//! Purging: what was deleted long ago goes everywhere, and nothing brings it back but a clone that still has
//! it alive.

use crate::fleet::{Fleet, agree};

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
