//! Repositories of every shape git knows.

use crate::fleet::{Fleet, Member, agree, hold_the_same};

#[test]
fn a_linked_worktree_shares_the_ledgers() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    ada.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = fleet.at("side");
    assert_eq!(side.show(&ids[0])["title"], "one");
    let id = side.create("from the side");
    assert_eq!(ada.show(&id)["title"], "from the side");
    side.sync();
    assert!(ada.sync().is_empty(), "it was synced from the side");
    let clone = |member: &Member<'_>| member.git(&["config", "gt.cloneId"]);
    assert_eq!(clone(&side), clone(&ada));
    assert!(!side.path.join(".git/gt").exists());
    assert_eq!(side.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_bare_repository_has_beads_too() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    let hub = fleet.at("hub.git");
    assert_eq!(hub.show(&ids[0])["title"], "one");
    let listed = fleet
        .at(".")
        .gt(&["-C", "hub.git", "list", "--json"])
        .done()
        .json();
    assert_eq!(listed[0]["id"], ids[0].as_str());
    // It is a clone like any other, which happens to be the remote.
    let id = fleet.at("hub.git").create("made at the hub");
    ada.sync();
    assert_eq!(ada.show(&id)["title"], "made at the hub");
    hub.gt(&["sync"]).fails(4, "no remote to sync with");
    // A bare clone with a remote of its own, by a relative path.
    fleet.git(".", &["clone", "-q", "--bare", "hub.git", "copy.git"]);
    let copy = fleet.at("copy.git");
    copy.git(&["remote", "set-url", "origin", "../hub.git"]);
    copy.gt(&["init"]).done();
    assert_eq!(copy.show(&id)["title"], "made at the hub");
}

#[test]
fn git_s_own_ways_of_naming_a_repository_work() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    let want = "one";
    let git_dir = ada.path.join(".git").display().to_string();
    let nowhere = fleet.path("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let at = fleet.at("nowhere").with("GIT_DIR", &git_dir);
    assert_eq!(at.show(&ids[0])["title"], want);
    let at = at.with("GIT_WORK_TREE", &ada.path.display().to_string());
    assert_eq!(at.show(&ids[0])["title"], want);
    at.create("by GIT_DIR");
    at.gt(&["sync"]).done();
    fleet
        .at("nowhere")
        .gt(&["list"])
        .fails(128, "not a git repository");
    // `git -C dir gt`, from a folder inside, and with settings of the command line.
    let top = fleet.at(".");
    let said = top.git(&["-C", "ada", "gt", "show", &ids[0]]);
    assert!(said.contains(want), "{said}");
    std::fs::create_dir_all(ada.path.join("deep/er")).unwrap();
    assert_eq!(fleet.at("ada/deep/er").show(&ids[0])["title"], want);
    let said = top.try_git(&["-C", "ada", "-c", "gt.remote=elsewhere", "gt", "sync"]);
    said.fails(1, "there is no remote 'elsewhere'");
    top.git(&["--git-dir", "ada/.git", "gt", "list"]);
    let said = fleet.at("ada/.git").gt(&["list"]).done();
    assert!(said.stdout.contains(want), "{said:#?}");
}

#[test]
fn a_repository_of_sha256_goes_the_whole_way() {
    let fleet = Fleet::of_format("sha256");
    let (ada, bob, ids) = fleet.two(&["one"]);
    ada.gt(&[
        "refinery",
        "gate",
        "add",
        "test",
        "--command",
        "test -f work",
    ])
    .done();
    ada.queue("work");
    ada.gt(&["refinery", "run"]).done();
    ada.gt(&["close", &ids[0]]).done();
    bob.gt(&["comment", &ids[0], "hello"]).done();
    agree(&[&ada, &bob]);
    assert_eq!(bob.json(&["mq", "list", "--all"])[0]["status"], "landed");
    assert_eq!(bob.show(&ids[0])["status"], "closed");
    assert_eq!(
        fleet
            .git(
                "hub.git",
                &["log", "-1", "--format=%s", "main", "--", "work"]
            )
            .trim(),
        "work"
    );
    assert_eq!(ada.tip("beads").len(), 64);
}

/// Returns whether this git can keep refs in a reftable, and says so where it cannot.
fn knows_reftables(fleet: &Fleet) -> bool {
    let options = fleet.at(".").try_git(&["init", "-h"]).stdout;
    let known = options.contains("--ref-format") || options.contains("--[no-]ref-format");
    if !known {
        eprintln!("skipped: this git knows no reftables");
    }
    known
}

#[test]
fn a_reftable_is_refused_in_words() {
    let fleet = Fleet::new();
    if !knows_reftables(&fleet) {
        return;
    }
    fleet.git(".", &["init", "-q", "--ref-format=reftable", "table"]);
    let table = fleet.at("table");
    for command in [&["init"][..], &["list"], &["create", "x"], &["sync"]] {
        let said = table.gt(command).fails(4, "keeps its refs in a reftable");
        assert!(
            said.stderr.contains("git refs migrate --ref-format=files"),
            "{said:#?}"
        );
    }
    table.git(&["refs", "migrate", "--ref-format=files"]);
    table.gt(&["init"]).done();
}

#[test]
fn a_copied_clone_gets_an_id_of_its_own_and_a_moved_one_keeps_it() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    let id = |member: &Member<'_>| member.git(&["config", "gt.cloneId"]);
    let old = id(&ada);
    fleet.copy(&ada.path, "copy");
    let copy = fleet.at("copy");
    copy.gt(&["comment", &ids[0], "from the copy"]).done();
    assert_ne!(id(&copy), old);
    std::fs::rename(&ada.path, fleet.path("moved")).unwrap();
    let moved = fleet.at("moved");
    moved.gt(&["comment", &ids[0], "from the moved one"]).done();
    assert_eq!(id(&moved), old);
    // Both claim at once: the copy is another clone, so one of them loses.
    copy.gt(&["update", &ids[0], "--claim"]).done();
    moved.gt(&["update", &ids[0], "--claim"]).done();
    agree(&[&copy, &moved]);
    assert_eq!(moved.show(&ids[0])["assignee"], "copy");
    hold_the_same(&[&copy, &moved]);
}

#[test]
fn a_copy_takes_nothing_back_that_the_original_pushed_since() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    let clone = ada.git(&["config", "gt.cloneId"]);
    let head = ada.git(&["rev-parse", "HEAD"]);
    let attic = format!("refs/gt/attic/{clone}/2026-01");
    ada.git(&["update-ref", &attic, &head]);
    ada.sync();
    fleet.copy(&ada.path, "copy");
    let tree = ada.git(&["rev-parse", "HEAD^{tree}"]);
    let saved = ada.git(&["commit-tree", "-p", &head, "-m", "saved", &tree]);
    ada.git(&["update-ref", &attic, &saved]);
    ada.sync();
    let copy = fleet.at("copy");
    copy.sync();
    assert!(copy.sync().is_empty());
    assert_eq!(fleet.git("hub.git", &["rev-parse", &attic]).trim(), saved);
}

#[test]
fn nothing_is_written_from_a_githook_that_receives() {
    let fleet = Fleet::new();
    let (ada, _, ids) = fleet.two(&["one"]);
    let before = ada.git(&["for-each-ref"]);
    let quarantine = fleet.path("quarantine").display().to_string();
    let with = ("GIT_QUARANTINE_PATH", quarantine.as_str());
    for command in [
        &["create", "x"][..],
        &["close", &ids[0]],
        &["sync"],
        &["config", "set", "backend", "none"],
        &["sling", &ids[0]],
        &["refinery", "gate", "add", "test", "--command", "true"],
    ] {
        let said = ada.gt_with(with, command);
        if command[0] != "sling" {
            said.clone().fails(4, "does not write from a githook");
        }
        assert_eq!(said.code, 4, "{said:#?}");
    }
    fleet
        .clone_only("cy")
        .gt_with(with, &["init"])
        .fails(4, "does not write from a githook");
    assert_eq!(ada.git(&["for-each-ref"]), before);
    // Reading is fine.
    ada.gt_with(with, &["list"]).done();
}

#[test]
fn clones_of_every_depth_work_and_collect_their_garbage() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    fleet.git("hub.git", &["config", "uploadpack.allowFilter", "true"]);
    let ways = [
        ("shallow", "--depth=1"),
        ("blobless", "--filter=blob:none"),
        ("treeless", "--filter=tree:0"),
    ];
    for (name, how) in ways {
        fleet.git(".", &["clone", "-q", how, &fleet.url(), name]);
        let member = fleet.at(name);
        member.gt(&["init"]).done();
        member.create(name);
        member.sync();
    }
    let members = ways.map(|(name, _)| fleet.at(name));
    agree(&[&ada, &members[0], &members[1], &members[2]]);
    // Packed refs and packed objects are read, and written over.
    for dir in ["ada", "hub.git"] {
        fleet.git(dir, &["pack-refs", "--all", "--prune"]);
        fleet.git(dir, &["gc", "-q", "--prune=now"]);
    }
    assert!(ada.sync().is_empty());
    for title in ["two", "three"] {
        ada.create(title);
        agree(&[&ada, &members[0]]);
        fleet.git("ada", &["gc", "-q", "--prune=now"]);
    }
    assert_eq!(members[0].json(&["list"]).as_array().unwrap().len(), 6);
}

#[test]
fn a_shallow_remote_is_taken_over() {
    let fleet = Fleet::new();
    let (ada, _, _) = fleet.two(&["one"]);
    ada.create("two");
    ada.sync();
    std::fs::rename(fleet.path("hub.git"), fleet.path("whole.git")).unwrap();
    let url = format!("file://{}", fleet.path("whole.git").display());
    let shallow = ["clone", "-q", "--bare", "--depth=1", &url, "hub.git"];
    fleet.git(".", &shallow);
    let refs = "+refs/gt/*:refs/gt/*";
    fleet.git("hub.git", &["fetch", "-q", "--depth=1", "origin", refs]);
    ada.create("three");
    ada.sync();
    // What is new to a clone includes commits whose parents nobody over there has.
    let cy = fleet.clone_only("cy");
    cy.gt(&["init"]).done();
    cy.create("four");
    agree(&[&cy, &ada]);
    assert_eq!(ada.json(&["list"]).as_array().unwrap().len(), 4);
}

#[test]
fn a_remote_may_keep_its_refs_as_it_likes() {
    let fleet = Fleet::new();
    if !knows_reftables(&fleet) {
        return;
    }
    fleet.git(
        ".",
        &["init", "-q", "--bare", "--ref-format=reftable", "table.git"],
    );
    let (ada, bob, ids) = fleet.two(&["one"]);
    for member in [&ada, &bob] {
        member.git(&["remote", "add", "table", "../table.git"]);
        member.gt(&["config", "set", "remote", "table"]).done();
    }
    ada.gt(&["sync"]).done();
    bob.gt(&["close", &ids[0]]).done();
    bob.gt(&["sync"]).done();
    ada.gt(&["sync"]).done();
    assert_eq!(ada.show(&ids[0])["status"], "closed");
}

#[test]
fn a_githook_may_call_us() {
    use std::os::unix::fs::PermissionsExt as _;
    let fleet = Fleet::new();
    let (ada, bob, ids) = fleet.two(&["one"]);
    let hook = ada.path.join(".git/hooks/post-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        format!(
            "#!/bin/sh\ngit gt comment {} \"$(git log -1 --format=%s)\" && git gt sync\n",
            ids[0]
        ),
    )
    .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    ada.git(&["commit", "-q", "--allow-empty", "-m", "from a hook"]);
    bob.sync();
    let comments = bob.json(&["comments", &ids[0]]);
    assert_eq!(comments[0]["text"], "from a hook", "{comments:#}");
}
