//! Ledgers whose history is put aside and begun anew: whoever stands on the old one carries on, and it does not
//! come back.

use serde_json::json;

use crate::crash::{copy, still};
use crate::fleet::{Fleet, Member, agree, hub, told_of};

const ARCHIVE: [&str; 3] = ["maintain", "--archive", "0"];

/// Returns how many commits the history of a ledger has.
fn commits(member: &Member<'_>, ledger: &str) -> usize {
    let name = format!("refs/gt/{ledger}");
    let count = member.git(&["rev-list", "--count", &name]);
    count.parse().unwrap()
}

fn epoch(member: &Member<'_>, ledger: &str) -> String {
    let meta = member.git(&["cat-file", "blob", &format!("refs/gt/{ledger}:meta.json")]);
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    meta["epoch"].as_str().unwrap_or_default().to_owned()
}

fn subjects(member: &Member<'_>) -> Vec<String> {
    let log = member.json(&["log", "--limit", "0"]);
    let entries = log.as_array().unwrap();
    let subjects = entries.iter().map(|it| it["subject"].as_str().unwrap());
    subjects.map(str::to_owned).collect()
}

fn archived(member: &Member<'_>) -> String {
    let all = [
        "for-each-ref",
        "--format=%(refname)",
        "refs/gt-local/archive",
    ];
    member.git(&all)
}

#[test]
fn an_older_clone_carries_on_and_the_old_history_does_not_come_back() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    ada.gt(&["comment", &ids[0], "before"]).done();
    for gate in ["build", "test"] {
        ada.gt(&["refinery", "gate", "add", gate, "--command", "true"])
            .done();
    }
    ada.sync();
    let old = ada.tip("beads");
    let planned = ada.json(&["maintain", "--archive", "0", "--dry-run"]);
    assert_eq!(ada.tip("beads"), old);
    let done = ada.json(&ARCHIVE)["repositories"][0]["archived"].take();
    assert_eq!(planned["repositories"][0]["archived"], done);
    assert_eq!(
        done[0],
        json!({
            "ref": "refs/gt/beads", "epoch": 1, "commits": 3,
            "archive": "refs/gt-local/archive/beads/0",
        })
    );
    assert_eq!(
        (commits(&ada, "beads"), epoch(&ada, "beads")),
        (1, "000001".to_owned())
    );
    assert_eq!(
        ada.git(&["rev-parse", "refs/gt-local/archive/beads/0"]),
        old
    );
    ada.gt(&["update", &ids[1], "--title", "of ada"]).done();
    let both = ["ada: beads", "ada: config"];
    assert_eq!(told_of(&ada.sync(), "pushed"), both);
    // Bob has not heard of it, has not even seen the last tip, and has something of his own.
    bob.gt(&["comment", &ids[0], "of bob"]).done();
    bob.gt(&["mail", "send", "overseer", "-s", "hello", "-m", "text"])
        .done();
    bob.gt(&["refinery", "gate", "add", "of-bob", "--command", "true"])
        .done();
    let bobs = bob.tip("beads");
    // By an address that he has never synced with.
    let first = bob.gt(&["sync", "../hub.git", "--json"]).done();
    let told = [bob.told(&first), agree(&[&bob, &ada])].concat();
    let both = ["bob: beads", "bob: config"];
    assert_eq!(told_of(&told, "joined"), both, "{told:#?}");
    assert_eq!(told_of(&told, "archived"), both, "{told:#?}");
    for event in ["overtaken", "put_back", "renamed"] {
        assert_eq!(told_of(&told, event), [""; 0], "{told:#?}");
    }
    assert_eq!(
        bob.git(&["rev-parse", "refs/gt-local/archive/beads/0"]),
        bobs
    );
    // The root, what ada did, what bob brought.
    assert_eq!(commits(&hub(&fleet), "beads"), 3);
    assert_eq!(bob.show(&ids[1])["title"], "of ada");
    assert_eq!(ada.records("config").len(), 4, "the rig and three gates");
    let comments = ada.records("beads")[&ids[0]]["comments"].clone();
    assert_eq!(comments.as_object().unwrap().len(), 2);
    // What happened before is still told where it was known.
    let said = subjects(&bob);
    assert!(
        said.iter()
            .any(|it| it.starts_with(&format!("create {}", ids[0]))),
        "{said:?}"
    );
    let cy = fleet.member("cy");
    assert!(!subjects(&cy).iter().any(|it| it.starts_with("create")));
    assert_eq!(archived(&cy), "");
    cy.gt(&["close", &ids[0]]).done();
    agree(&[&cy, &ada, &bob]);
    for member in [&ada, &bob, &cy] {
        member.gt(&["fsck", "--full"]).done();
    }
}

#[test]
fn two_who_begin_anew_apart_meet() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    ada.gt(&ARCHIVE).done();
    bob.gt(&ARCHIVE).done();
    assert_eq!(
        ada.tip("beads"),
        bob.tip("beads"),
        "at one tip it is one commit"
    );
    agree(&[&ada, &bob]);
    for member in [&ada, &bob] {
        member.gt(&["comment", &ids[0], &member.name]).done();
        member.gt(&ARCHIVE).done();
        assert_eq!(epoch(member, "beads"), "000002");
    }
    ada.gt(&["update", &ids[1], "--title", "of ada"]).done();
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "overtaken"), [""; 0], "{told:#?}");
    assert_eq!(told_of(&told, "archived"), [""; 0], "{told:#?}");
    // Two roots, what ada did, and the join.
    assert_eq!(commits(&hub(&fleet), "beads"), 4);
    assert_eq!(bob.show(&ids[0])["comment_count"], 2);
    assert_eq!(bob.show(&ids[1])["title"], "of ada");
    assert!(archived(&bob).contains("refs/gt-local/archive/beads/1"));
}

#[test]
fn the_push_decides_about_claims_of_an_older_epoch() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["both", "of bob", "of ada"]);
    bob.gt(&["update", &ids[0], "--claim"]).done();
    bob.gt(&["update", &ids[1], "--claim"]).done();
    ada.gt(&["update", &ids[2], "--claim"]).done();
    ada.gt(&ARCHIVE).done();
    ada.gt(&["update", &ids[0], "--claim"]).done();
    ada.gt(&ARCHIVE).done();
    ada.sync();
    // Two epochs later, and bob's clone has seen neither.
    let told = agree(&[&bob, &ada]);
    assert_eq!(told_of(&told, "put_back"), [""; 0], "{told:#?}");
    assert_eq!(told_of(&told, "claim_lost"), [format!("bob: {}", ids[0])]);
    assert_eq!(told_of(&told, "overtaken"), [""; 0], "{told:#?}");
    for (id, who) in ids.iter().zip(["ada", "bob", "ada"]) {
        assert_eq!(ada.show(id)["assignee"], who);
        assert_eq!(bob.show(id)["assignee"], who);
    }
    assert_eq!(epoch(&hub(&fleet), "beads"), "000002");
}

#[test]
fn a_remote_that_goes_back_to_an_older_epoch_is_put_forward_again() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    let old = ada.tip("beads");
    ada.gt(&["comment", &ids[0], "text"]).done();
    agree(&[&ada, &bob]);
    ada.gt(&ARCHIVE).done();
    agree(&[&ada, &bob]);
    let tip = ada.tip("beads");
    bob.git(&[
        "push",
        "-q",
        "-f",
        "origin",
        &format!("{old}:refs/gt/beads"),
    ]);
    let told = ada.sync();
    assert_eq!(told_of(&told, "put_back"), ["ada: beads"], "{told:#?}");
    assert_eq!(told_of(&told, "joined"), [""; 0]);
    assert_eq!(hub(&fleet).tip("beads"), tip);
    agree(&[&ada, &bob]);
    // A clone that does not know of epochs, or was not asked, has more to say there.
    let cy = fleet.clone_only("cy");
    cy.git(&["fetch", "-q", "../bob", "refs/gt/config:refs/gt/config"]);
    cy.git(&["update-ref", "refs/gt/beads", "HEAD"]);
    cy.git(&[
        "fetch",
        "-q",
        "-f",
        "../bob",
        &format!("{old}:refs/gt/beads"),
    ]);
    cy.gt(&["comment", &ids[0], "of cy"]).done();
    cy.git(&["push", "-q", "-f", "origin", "refs/gt/beads"]);
    let told = agree(&[&bob, &ada]);
    assert_eq!(told_of(&told, "put_back"), ["bob: beads"], "{told:#?}");
    assert_eq!(ada.show(&ids[0])["comment_count"], 2);
    assert_eq!(commits(&hub(&fleet), "beads"), 2);
    let said = subjects(&bob);
    assert_eq!(
        said.iter().filter(|it| it.starts_with("comment")).count(),
        2
    );
    agree(&[&cy, &ada, &bob]);
}

#[test]
fn what_was_handed_over_in_an_older_epoch_is_joined() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "claimed"]);
    bob.gt(&["comment", &ids[0], "of bob"]).done();
    bob.gt(&["update", &ids[1], "--claim"]).done();
    let machine = format!(
        "refs/gt/machines/{}/beads",
        bob.git(&["config", "gt.cloneId"])
    );
    bob.git(&["push", "-q", "origin", &format!("refs/gt/beads:{machine}")]);
    ada.gt(&["update", &ids[1], "--claim"]).done();
    ada.gt(&ARCHIVE).done();
    let told = ada.sync();
    assert_eq!(told_of(&told, "joined"), ["ada: beads"], "{told:#?}");
    assert_eq!(ada.show(&ids[0])["comment_count"], 1);
    assert_eq!(ada.show(&ids[1])["assignee"], "ada");
    assert_eq!(commits(&ada, "beads"), 2);
    agree(&[&ada, &bob]);
    assert_eq!(hub(&fleet).git(&["for-each-ref", "refs/gt/machines"]), "");
}

#[test]
fn a_remote_that_takes_no_forced_push_is_quoted_and_may_keep_the_old_history() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    fleet.hook(
        "update",
        "git rev-parse -q --verify $2^{commit} >/dev/null || exit 0\n\
         git merge-base --is-ancestor $2 $3 || { echo 'no forced pushes'; exit 1; }",
    );
    ada.gt(&["comment", &ids[0], "of ada"]).done();
    ada.gt(&ARCHIVE).done();
    ada.gt(&["mail", "send", "overseer", "-s", "hello", "-m", "text"])
        .done();
    bob.gt(&["comment", &ids[0], "of bob"]).done();
    bob.sync();
    let words = "'origin' does not let refs/gt/beads begin anew";
    let said = ada.gt(&["sync"]).fails(4, words);
    assert!(said.stderr.contains("no forced pushes"), "{said:#?}");
    assert!(said.stdout.contains("pushed    mail"), "{said:#?}");
    assert_eq!(ada.show(&ids[0])["comment_count"], 2);
    let said = ada.gt(&["sync"]).fails(4, words);
    let hint = said
        .stderr
        .lines()
        .find_map(|it| it.split_once("history: "));
    let (_, command) = hint.expect("it says how to go on");
    crate::fleet::Output::of(ada.command("sh").args(["-c", command])).done();
    agree(&[&ada, &bob]);
    assert_eq!(bob.show(&ids[0])["comment_count"], 2);
    assert_eq!(epoch(&hub(&fleet), "beads"), "000001");
    assert!(commits(&hub(&fleet), "beads") > 4);
    // Once it takes that, the history is as short as was wanted.
    std::fs::remove_file(fleet.path("hub.git/hooks/update")).unwrap();
    bob.gt(&ARCHIVE).done();
    agree(&[&ada, &bob]);
    assert_eq!(commits(&hub(&fleet), "beads"), 1);
}

#[test]
fn a_host_that_has_branches_only_may_deny_it() {
    let fleet = Fleet::new();
    let ada = fleet.clone_only("ada");
    ada.git(&["config", "gt.remotePrefix", "gt-ledgers"]);
    ada.gt(&["init", "--prefix", "gt"]).done();
    let id = ada.create("one");
    ada.gt(&["comment", &id, "text"]).done();
    ada.sync();
    ada.gt(&ARCHIVE).done();
    let key = "receive.denyNonFastForwards";
    fleet.git("hub.git", &["config", key, "true"]);
    let said = ada.gt(&["sync"]).fails(4, "refs/heads/gt-ledgers/beads");
    assert!(said.stderr.contains("non-fast-forward"), "{said:#?}");
    fleet.git("hub.git", &["config", key, "false"]);
    assert_eq!(told_of(&ada.sync(), "pushed"), ["ada: beads"]);
}

#[test]
fn a_dropped_archive_takes_the_old_history_with_it_and_nothing_else() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["tracked", "other"]);
    ada.gt(&["convoy", "create", "both", &ids[0]]).done();
    let old = ada.tip("beads");
    ada.gt(&ARCHIVE).done();
    // Where it is damaged, the log of the ledger tells what it was.
    let lost = ada
        .git(&["rev-parse", "HEAD^{tree}"])
        .replace(['0', '1', '2'], "e");
    std::fs::write(
        ada.path.join(".git/refs/gt-local/archive/beads/0"),
        lost + "\n",
    )
    .unwrap();
    ada.gt(&["fsck"]).fails(1, "git gt fsck --repair");
    ada.gt(&["fsck", "--repair", "--full"]).done();
    assert_eq!(
        ada.git(&["rev-parse", "refs/gt-local/archive/beads/0"]),
        old
    );
    ada.gt(&["maintain"]).done();
    ada.sync();
    for name in archived(&ada).lines() {
        ada.git(&["update-ref", "-d", name]);
    }
    ada.git(&["reflog", "expire", "--expire=now", "--all"]);
    ada.git(&["gc", "-q", "--prune=now"]);
    assert_ne!(ada.try_git(&["cat-file", "-e", &old]).code, 0, "it is gone");
    ada.gt(&["fsck", "--full"]).done();
    // How far consequences were drawn is noted as a commit that is gone.
    ada.gt(&["close", &ids[0]]).done();
    assert_eq!(
        ada.json(&["convoy", "list", "--all"])[0]["status"],
        "closed"
    );
    assert_eq!(ada.json(&["list"]).as_array().unwrap().len(), 1);
    agree(&[&ada, &bob]);
}

#[test]
fn an_epoch_whose_beginning_is_damaged_is_mended_from_the_one_before() {
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one", "two"]);
    ada.gt(&ARCHIVE).done();
    agree(&[&ada, &bob]);
    let root = ada.tip("beads");
    ada.gt(&["comment", &ids[0], "not pushed"]).done();
    // As it is before anything is packed.
    let objects = ada.path.join(".git/objects");
    let packs = ada.path.join(".git/packs");
    std::fs::rename(objects.join("pack"), &packs).unwrap();
    for entry in std::fs::read_dir(&packs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "pack") {
            ada.feed(&["unpack-objects", "-q"], &std::fs::read(path).unwrap());
        }
    }
    std::fs::remove_file(objects.join(&root[..2]).join(&root[2..])).unwrap();
    ada.gt(&["fsck"]).fails(1, "git gt fsck --repair");
    ada.gt(&["fsck", "--repair"]).done();
    assert_eq!(epoch(&ada, "beads"), "", "it is the one before");
    assert_eq!(ada.show(&ids[0])["comment_count"], 1);
    let told = agree(&[&ada, &bob]);
    assert_eq!(told_of(&told, "put_back"), [""; 0], "{told:#?}");
    assert_eq!(epoch(&hub(&fleet), "beads"), "000001");
    assert_eq!(commits(&hub(&fleet), "beads"), 2);
    assert_eq!(bob.show(&ids[0])["comment_count"], 1);
    ada.gt(&["fsck", "--full"]).done();
}

#[test]
fn it_may_crash_before_any_write() {
    let template = Fleet::new();
    let (ada, _, ids) = template.two(&["one"]);
    ada.gt(&["comment", &ids[0], "text"]).done();
    let undisturbed = copy(&template, &["ada"]);
    let old = undisturbed.at("ada").tip("beads");
    still(&undisturbed, "ada").gt(&ARCHIVE).done();
    let want = undisturbed.at("ada").tip("beads");
    for n in 1.. {
        let fleet = copy(&template, &["ada", "hub.git"]);
        let ada = still(&fleet, "ada");
        let crashed = ada.gt_with(("GT_TEST_CRASH_AT", &n.to_string()), &ARCHIVE);
        assert_eq!(crashed.code, -1, "write {n}: {crashed:#?}");
        ada.gt(&["fsck"]).done();
        let is_done = ada.tip("beads") != old;
        ada.gt(&ARCHIVE).done();
        assert_eq!(ada.tip("beads"), want, "write {n}");
        assert_eq!(archived(&ada), "refs/gt-local/archive/beads/0", "write {n}");
        assert_eq!(
            ada.git(&["rev-parse", "refs/gt-local/archive/beads/0"]),
            old
        );
        // What comes after that is upkeep as ever.
        if is_done {
            assert!(n > 5, "it makes only {n} writes");
            break;
        }
    }
}

#[test]
fn a_sync_that_meets_a_new_epoch_goes_on_where_it_ended() {
    let template = Fleet::new();
    let (ada, bob, ids) = template.two(&["claimed", "changed"]);
    for member in [&ada, &bob] {
        member.git(&["remote", "set-url", "origin", "../hub.git"]);
    }
    ada.gt(&["update", &ids[0], "--claim"]).done();
    ada.gt(&ARCHIVE).done();
    ada.sync();
    bob.gt(&["update", &ids[0], "--claim"]).done();
    bob.gt(&["comment", &ids[1], "of bob"]).done();
    let ended = |fleet: &Fleet| {
        let bob = still(fleet, "bob");
        bob.sync();
        bob.is_sound();
        let archive = bob.git(&["log", "--format=%s", "refs/gt-local/archive/beads/0"]);
        assert!(
            archive.contains(&format!("comment on {}", ids[1])),
            "{archive}"
        );
        assert_eq!(hub(fleet).tip("beads"), bob.tip("beads"));
        (commits(&bob, "beads"), bob.tree("beads"))
    };
    let want = ended(&copy(&template, &["bob", "hub.git"]));
    for n in 1.. {
        let fleet = copy(&template, &["bob", "hub.git"]);
        let bob = still(&fleet, "bob");
        let crashed = bob.gt_with(("GT_TEST_CRASH_AT", &n.to_string()), &["sync"]);
        assert_eq!(ended(&fleet), want, "write {n}");
        if crashed.code == 0 {
            assert!(n > 5, "it makes only {n} writes");
            break;
        }
    }
}
