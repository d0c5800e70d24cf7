//! What is said to somebody who does not know the town yet.

use crate::yard::Yard;

#[test]
fn a_bead_hangs_in_a_worktree_of_its_rig() {
    let yard = Yard::with_town("");
    let bead = yard.create("gt/web", "Greet");
    yard.gt("gt/api", &["crew", "add", "max"]).done();
    let check = |folder, place, way| {
        let refused = yard.gt(folder, &["hook", &bead]);
        refused.fails(4, place);
        refused.fails(4, way);
    };
    let make = "git gt crew add <name> --rig web";
    check("gt", "is of rig web, and this is HQ", make);
    check("gt/api/.repo", "this is a worktree of api", make);
    check(
        "gt/api/crew/max",
        "this is a worktree of api",
        "git gt worktree web",
    );
}

#[test]
fn hq_says_what_it_has_and_what_it_has_not() {
    let yard = Yard::with_town("");
    yard.gt("gt/api", &["crew", "add", "max"]).done();
    let hook = yard.gt("gt/api/crew/max", &["hook"]);
    assert!(
        hook.stdout.contains("on the hook of api/crew/max"),
        "{hook:?}"
    );
    yard.gt("gt", &["peek", "nux/greet"])
        .fails(1, "rigs of this town: api, web");
    let made = yard.gt("gt", &["create", "--silent", "for all"]);
    assert!(
        made.stderr.contains("is HQ's and cannot be slung"),
        "{made:?}"
    );
    let made = yard.gt("gt/web", &["create", "--silent", "for web"]);
    assert_eq!(made.stderr, "");
    let bead = made.stdout.trim();
    yard.gt("gt", &["sling", bead, "--agent", "scripted"])
        .done();
    yard.ended("gt");
    let peek = yard.gt("gt", &["peek", "nobody"]);
    peek.fails(1, "there are: web/polecats/");
    let status = yard.gt("gt", &["status"]).done();
    assert!(
        status.contains("it ended and committed nothing"),
        "{status}"
    );
    let gates = yard.json("gt", &["refinery", "gate", "list"]);
    assert_eq!(
        (&gates[0]["rig"], &gates[1]["rig"]),
        (&"api".into(), &"web".into())
    );
    let orphans = yard.json("gt", &["orphans"]);
    assert_eq!(orphans[1]["rig"], "web");
    yard.gt(".", &["list"])
        .fails(128, "git gt install <folder>");
}
