//! Remotes that vanish, go back, refuse or cannot be reached, and clones that push at the same moment.

use serde_json::json;

use crate::fleet::{Fleet, Member, agree, hold_the_same, hub, told_of};

fn count(member: &Member<'_>) -> usize {
    member.json(&["list"]).as_array().unwrap().len()
}

#[test]
fn a_ledger_that_was_deleted_there_is_put_back() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one", "two"]);
    for name in ["beads", "config"] {
        fleet.git("hub.git", &["update-ref", "-d", &format!("refs/gt/{name}")]);
    }
    let told = ada.sync();
    assert_eq!(told_of(&told, "put_back"), ["ada: beads", "ada: config"]);
    bob.create("three");
    agree(&[&ada, &bob]);
    assert_eq!((count(&ada), count(&bob)), (3, 3));
    let said = ada.gt(&["sync"]).done();
    assert_eq!(said.stdout, "origin and this clone agree\n");
}

#[test]
fn a_ledger_that_went_back_there_is_put_back() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    let old = hub(&fleet).tip("beads");
    ada.gt(&["close", &ids[0]]).done();
    ada.create("two");
    agree(&[&ada, &bob]);
    fleet.git("hub.git", &["update-ref", "refs/gt/beads", &old]);
    // One who pushes onto the old state does not make us lose ours.
    let cy = fleet.member("cy");
    cy.create("three");
    cy.sync();
    let told = agree(&[&bob, &ada, &cy]);
    assert_eq!(told_of(&told, "put_back"), ["bob: beads"]);
    for member in [&ada, &bob, &cy] {
        assert_eq!(count(member), 2, "{}", member.name);
        assert_eq!(member.show(&ids[0])["status"], "closed");
    }
}

#[test]
fn a_ledger_that_was_replaced_there_is_joined() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let tree = hub(&fleet).tree("beads");
    bob.create("two");
    bob.sync();
    // Somebody squashed the history away.
    let squashed = fleet.git("hub.git", &["commit-tree", "-m", "squashed", &tree]);
    fleet.git("hub.git", &["update-ref", "refs/gt/beads", squashed.trim()]);
    agree(&[&ada, &bob]);
    assert_eq!((count(&ada), count(&bob)), (2, 2));
}

#[test]
fn nothing_is_lost_while_the_remote_cannot_be_reached() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    std::fs::rename(fleet.path("hub.git"), fleet.path("away.git")).unwrap();
    for work in [true, false] {
        let said = ada.gt(&["sync"]).fails(5, "cannot reach 'origin'");
        assert!(
            said.stderr.contains("hint: what was done here is kept"),
            "{said:#?}"
        );
        if work {
            ada.gt(&["close", &ids[0]]).done();
            ada.create("two");
        }
    }
    let said = ada.gt(&["sync", "--json"]).fails(5, "cannot reach");
    assert!(
        said.json()["error"]
            .as_str()
            .unwrap()
            .contains("cannot reach"),
        "{said:#?}"
    );
    assert_eq!(count(&ada), 1);
    // A new clone begins without the remote, and says so.
    let cy = fleet.at("cy");
    fleet.git(".", &["init", "-q", "-b", "main", "cy"]);
    cy.git(&["remote", "add", "origin", &fleet.url()]);
    let said = cy.gt(&["init", "--prefix", "cy"]).done();
    assert!(
        said.stderr
            .contains("begun without the remote: cannot reach"),
        "{said:#?}"
    );
    cy.create("three");
    std::fs::rename(fleet.path("away.git"), fleet.path("hub.git")).unwrap();
    agree(&[&cy, &ada, &bob]);
    assert_eq!([&ada, &bob, &cy].map(count), [2, 2, 2]);
}

#[test]
fn a_remote_without_any_refs_takes_everything() {
    let fleet = Fleet::new();
    fleet.git(".", &["init", "-q", "--bare", "empty.git"]);
    fleet.git(".", &["init", "-q", "-b", "main", "ada"]);
    let ada = fleet.at("ada");
    ada.gt(&["init"]).done();
    ada.create("one");
    ada.gt(&["sync"]).fails(4, "no remote to sync with");
    ada.gt(&["sync", "nowhere"])
        .fails(1, "there is no remote 'nowhere'");
    ada.git(&["remote", "add", "usb", "../empty.git"]);
    ada.gt(&["sync"]).fails(4, "no remote to sync with");
    ada.gt(&["sync", "usb"]).done();
    ada.gt(&["config", "set", "remote", "usb"]).done();
    assert!(ada.sync().is_empty());
    let there = fleet.at("empty.git");
    assert_eq!(there.tree("beads"), ada.tree("beads"));
    assert_eq!(there.ledgers(), ["beads", "config"]);
    // By its path, as a stick that has no name.
    ada.create("two");
    ada.gt(&["sync", &fleet.path("empty.git").display().to_string()])
        .done();
    assert_eq!(there.tree("beads"), ada.tree("beads"));
}

#[test]
fn the_ledgers_of_another_project_are_not_mixed_with_ours() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    fleet.git(".", &["init", "-q", "--bare", "-b", "main", "other.git"]);
    fleet.git(".", &["init", "-q", "-b", "main", "eve"]);
    let eve = fleet.at("eve");
    eve.git(&["commit", "-q", "--allow-empty", "-m", "begin"]);
    eve.git(&["remote", "add", "origin", "../other.git"]);
    eve.git(&["push", "-q", "origin", "main"]);
    eve.gt(&["init", "--prefix", "ev"]).done();
    let hers = eve.create("of eve");
    eve.sync();
    let there = || fleet.git("other.git", &["for-each-ref"]);
    let before = there();
    ada.git(&["remote", "set-url", "origin", "../other.git"]);
    ada.gt(&["mail", "send", "overseer", "-s", "secret", "-m", "x"])
        .done();
    for _ in 0..2 {
        let said = ada.gt(&["sync"]).fails(4, "ledgers of another project");
        assert!(said.stderr.contains("rig 'eve'"), "{said:#?}");
    }
    assert_eq!(there(), before, "nothing of ours went there");
    assert_eq!(count(&ada), 1);
    ada.git(&["remote", "set-url", "origin", &fleet.url()]);
    agree(&[&ada, &bob]);
    // Whoever wants that says so.
    bob.git(&["remote", "add", "other", "../other.git"]);
    bob.gt(&["sync", "other"])
        .fails(4, "ledgers of another project");
    bob.gt(&["sync", "other", "--allow-unrelated"]).done();
    assert_eq!(bob.show(&hers)["title"], "of eve");
    assert_eq!(bob.show(&ids[0])["title"], "one");
}

#[test]
fn a_remote_that_refuses_our_refs_is_quoted() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    fleet.hook(
        "update",
        "case $1 in refs/gt/beads) echo 'no beads here'; exit 1;; esac",
    );
    ada.gt(&["close", &ids[0]]).done();
    ada.gate();
    let said = ada
        .gt(&["sync"])
        .fails(4, "'origin' does not take refs/gt/beads");
    assert!(said.stderr.contains("hook declined"), "{said:#?}");
    assert!(said.stderr.contains("no beads here"), "{said:#?}");
    assert!(said.stdout.contains("pushed    config"), "{said:#?}");
    assert_eq!(told_of(&bob.sync(), "took"), ["bob: config"]);
    assert_eq!(ada.show(&ids[0])["status"], "closed");
    std::fs::remove_file(fleet.path("hub.git/hooks/update")).unwrap();
    agree(&[&ada, &bob]);
    assert_eq!(bob.show(&ids[0])["status"], "closed");
}

#[test]
fn a_remote_that_drops_what_it_took_is_tried_again_later() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    fleet.hook("reference-transaction", "[ \"$1\" != prepared ] || exit 1");
    ada.create("two");
    let said = ada.gt(&["sync"]);
    assert!([3, 4, 5].contains(&said.code), "{said:#?}");
    std::fs::remove_file(fleet.path("hub.git/hooks/reference-transaction")).unwrap();
    agree(&[&ada, &bob]);
}

#[test]
fn a_push_that_comes_between_is_joined() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    // The first push of ada finds that bob pushed after she looked: a hook does it for him.
    bob.create("of bob");
    let bobs = bob.tip("beads");
    bob.git(&["push", "-q", "origin", "refs/gt/beads:refs/heads/waiting"]);
    fleet.hook(
        "pre-receive",
        &format!(
            "unset GIT_QUARANTINE_PATH\n[ -e done ] || {{ >done; git update-ref refs/gt/beads {bobs}; }}"
        ),
    );
    ada.create("of ada");
    let told = ada.sync();
    assert_eq!(told_of(&told, "joined"), ["ada: beads"], "{told:#?}");
    assert_eq!(told_of(&told, "pushed"), ["ada: beads"]);
    let tip = ada.tip("beads");
    let parents = ada.git(&["rev-list", "--parents", "-1", &tip]);
    assert!(parents.contains(&bobs), "{parents}");
    fleet.git("hub.git", &["update-ref", "-d", "refs/heads/waiting"]);
    agree(&[&ada, &bob]);
    assert_eq!((count(&ada), count(&bob)), (3, 3));
}

#[test]
fn two_clones_that_sync_all_the_time_end_alike() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["shared"]);
    std::thread::scope(|scope| {
        for member in [&ada, &bob] {
            let id = &ids[0];
            scope.spawn(move || {
                for round in 0..20 {
                    member
                        .gt(&["comment", id, &format!("{} {round}", member.name)])
                        .done();
                    let said = member.gt(&["sync"]);
                    // Whoever loses every race may say so, and goes on with the next round.
                    assert!([0, 3].contains(&said.code), "{said:#?}");
                }
            });
        }
    });
    agree(&[&ada, &bob]);
    let comments = ada.records("beads")[&ids[0]]["comments"]
        .as_object()
        .unwrap()
        .len();
    assert_eq!(comments, 40);
}

#[test]
fn two_syncs_of_one_clone_do_not_disturb_each_other() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["shared"]);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (ada, bob, id) = (&ada, &bob, &ids[0]);
            scope.spawn(move || {
                for round in 0..4 {
                    let member = if worker == 2 { bob } else { ada };
                    member
                        .gt(&["comment", id, &format!("{worker} {round}")])
                        .done();
                    let said = member.gt(&["sync"]);
                    assert!([0, 3].contains(&said.code), "{said:#?}");
                }
            });
        }
    });
    agree(&[&ada, &bob]);
    let comments = bob.records("beads")[&ids[0]]["comments"]
        .as_object()
        .unwrap()
        .len();
    assert_eq!(comments, 12);
}

#[test]
fn settings_of_the_user_do_not_get_in_the_way() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&["one"]);
    let settings = [
        ("remote.origin.fetch", "+refs/*:refs/*"),
        ("remote.origin.push", "+refs/heads/*:refs/heads/*"),
        ("remote.origin.prune", "true"),
        ("remote.origin.tagOpt", "--tags"),
        ("fetch.prune", "true"),
        ("fetch.pruneTags", "true"),
        ("fetch.parallel", "0"),
        ("fetch.fsckObjects", "true"),
        ("push.default", "nothing"),
        ("push.followTags", "true"),
        ("push.gpgSign", "if-asked"),
        ("push.useForceIfIncludes", "true"),
        ("push.pushOption", "ci.skip"),
        ("core.hooksPath", "/nonexistent/hooks"),
        ("core.logAllRefUpdates", "false"),
        ("log.showSignature", "true"),
        ("transfer.credentialsInUrl", "die"),
        ("color.ui", "always"),
        ("init.defaultRefFormat", "files"),
    ];
    for (key, value) in settings {
        ada.git(&["config", "--replace-all", key, value]);
    }
    ada.git(&["tag", "-a", "-m", "mine", "v1"]);
    let branches = [
        "for-each-ref",
        "--format=%(refname) %(objectname)",
        "refs/heads",
        "refs/remotes",
        "refs/tags",
    ];
    ada.git(&["branch", "local"]);
    let before = ada.git(&branches);
    bob.create("two");
    bob.sync();
    ada.create("three");
    agree(&[&ada, &bob]);
    assert_eq!(count(&ada), 3);
    assert_eq!(
        ada.git(&branches),
        before,
        "branches and tags stay as they are"
    );
    assert!(hub(&fleet).git(&["tag"]).is_empty(), "no tag is pushed");
    let log = ada.gt(&["log", "--json"]).done().json();
    assert!(log.as_array().unwrap().len() > 3);
    // Unpushed work survives a sync though a plain fetch with these settings would delete it.
    fleet.git("hub.git", &["update-ref", "-d", "refs/gt/beads"]);
    ada.create("four");
    agree(&[&ada, &bob]);
    assert_eq!(count(&bob), 4);
    hold_the_same(&[&ada, &bob]);
    let said = ada.gt(&["init"]).done();
    assert!(said.stderr.contains("+refs/*:refs/*"), "{said:#?}");
}

#[test]
fn the_refs_of_requests_go_once_they_are_finished() {
    let fleet = Fleet::new();
    let (ada, bob, _) = fleet.two(&[]);
    for member in [&ada, &bob] {
        member.gate();
    }
    bob.queue("work");
    bob.sync();
    ada.sync();
    ada.gt(&["refinery", "run"]).done();
    agree(&[&ada, &bob]);
    assert_eq!(
        bob.json(&["mq", "list", "--all"])[0]["status"],
        json!("landed")
    );
    let left = fleet.git("hub.git", &["for-each-ref", "refs/gt/mr", "refs/gt/proof"]);
    assert_eq!(left, "");
}
