//! Founding towns and rigs: what is made, what is refused without a trace, and what a crash leaves.

use std::fs;

use serde_json::{Value, json};

use crate::yard::{Output, Yard};

#[test]
fn a_town_has_its_rigs_beside_each_other() {
    let yard = Yard::with_town("");
    let rigs = yard.json("gt", &["rig", "list"]);
    let names: Vec<&str> = rigs
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api", "web"]);
    assert_eq!(yard.git("gt", &["status", "--porcelain"]), "");
    assert_eq!(
        yard.git("gt/api/.repo", &["for-each-ref", "refs/heads/gt"]),
        ""
    );
    let head = yard.git(
        "gt/api/.repo",
        &["rev-parse", "--symbolic-full-name", "HEAD"],
    );
    assert_eq!(
        head, "HEAD\n",
        "no branch is taken, so that crew can have each"
    );
    for (folder, rig) in [("gt", "hq"), ("gt/api", "api"), ("gt/web/.repo", "web")] {
        assert_eq!(yard.json(folder, &["role"])["rig"], rig, "{folder}");
    }
    let again = yard.gt("gt", &["rig", "add", "api", "../api.git"]).done();
    assert!(again.starts_with("found rig api"), "{again}");
    let again = yard.gt(".", &["install", "gt"]).done();
    assert!(again.starts_with("found the town"), "{again}");
}

#[test]
fn the_first_commit_of_a_town_holds_what_git_gt_made() {
    let yard = Yard::new();
    yard.git(".", &["init", "--quiet", "-b", "main", "gt"]);
    for file in ["gt/notes", "gt/staged"] {
        yard.file(file, "mine\n");
    }
    yard.git("gt", &["add", "staged"]);
    let hook = "gt/.git/hooks/post-commit";
    yard.file(hook, "#!/bin/sh\n: >\"$(git rev-parse --git-dir)/ran\"\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(yard.path(hook), mode).unwrap();
    yard.gt(".", &["install", "--git", "gt"]).done();
    let files = yard.git("gt", &["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(files, ".gitignore\n");
    assert!(!yard.path("gt/.git/ran").exists());
    let status = yard.git("gt", &["status", "--porcelain"]);
    assert_eq!(status, "A  staged\n?? notes\n");
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let yard = Yard::with_town("");
    yard.git(".", &["init", "--quiet", "--bare", "empty.git"]);
    yard.gt(".", &["install", "town", "--git"]).done();
    yard.remote("headless");
    let head = ["symbolic-ref", "HEAD", "refs/heads/gone"];
    yard.git("headless.git", &head);
    yard.file("gt/taken/file", "");
    let before = yard.everything("gt");
    let check = |args: &[&str], code, words| {
        yard.gt("gt", &[&["rig", "add"], args].concat())
            .fails(code, words);
        assert_eq!(yard.everything("gt"), before, "{args:?}");
    };
    check(&["api", "../web.git"], 4, "rig 'api' is there already");
    check(&["API", "../web.git"], 1, "cannot be the name of a rig");
    check(&["../x", "../web.git"], 1, "cannot be the name of a rig");
    check(&["hq", "../web.git"], 1, "cannot be the name of a rig");
    check(
        &["refs/heads/x", "../web.git"],
        1,
        "cannot be the name of a rig",
    );
    check(&["two", ""], 1, "an empty URL cannot be cloned");
    check(&["two", "../a\nb.git"], 1, "line break");
    check(&["two", "."], 4, "is HQ of this town");
    check(&["two", "../town"], 4, "is HQ of a town");
    check(&["two", "../headless.git"], 4, "branch of '");
    check(&["two", "../nowhere.git"], 5, "cannot clone");
    check(
        &["two", "--", "--upload-pack=touch pwned"],
        5,
        "cannot clone",
    );
    check(&["two", "../empty.git"], 4, "has no commit yet");
    check(
        &["two", "../web.git", "--prefix", "api"],
        4,
        "the prefix 'api' is that of api",
    );
    check(
        &["two", "../web.git", "--prefix", "hq"],
        4,
        "the prefix 'hq' is that of hq",
    );
    check(
        &["two", "../web.git", "--prefix", "api-two"],
        4,
        "the prefix 'api-two' is that of api, or begins as it does",
    );
    check(
        &["two", "../web.git", "--prefix", "a.b"],
        1,
        "cannot be a prefix",
    );
    check(&["taken", "../web.git"], 4, "is there already");
    check(&["two"], 1, "this town knows no rig 'two'");
    assert!(!yard.path("gt/pwned").exists() && !yard.path("pwned").exists());
}

#[test]
fn a_rig_keeps_the_name_and_the_prefix_it_has() {
    let yard = Yard::new();
    yard.git(".", &["clone", "--quiet", "api.git", "widgets"]);
    yard.gt("widgets", &["init", "--prefix", "wi"]).done();
    yard.create("widgets", "made before");
    yard.gt("widgets", &["sync"]).done();
    yard.gt(".", &["install", "gt"]).done();
    let before = yard.everything("gt");
    yard.gt("gt", &["rig", "add", "api", "../api.git"]).fails(
        4,
        "this repository is rig 'widgets' with the prefix 'wi' already",
    );
    yard.gt(
        "gt",
        &["rig", "add", "widgets", "../api.git", "--prefix", "x"],
    )
    .fails(4, "with the prefix 'wi' already");
    assert_eq!(yard.everything("gt"), before);
    yard.gt("gt", &["rig", "add", "widgets", "../api.git"])
        .done();
    let list = yard.gt("gt/widgets", &["list"]).done();
    assert!(list.contains("made before"), "{list}");
}

#[test]
fn a_town_is_not_made_where_something_else_stands() {
    let yard = Yard::new();
    yard.git(".", &["clone", "--quiet", "api.git", "code"]);
    yard.git(".", &["clone", "--quiet", "api.git", "alone"]);
    yard.gt("alone", &["init"]).done();
    yard.file("full/file", "");
    let check = |path: &str, words| yard.gt(".", &["install", path]).fails(4, words);
    check("code", "is a repository with commits of its own");
    check("code/inside/deep", "is inside the repository");
    check("alone", "is rig 'alone' already");
    check("full", "is not empty");
    check("full/file", "is no folder");
    assert!(!yard.path("code/inside").exists());
    yard.gt("code", &["rig", "add", "web", "../web.git"])
        .fails(4, "this repository has no beads yet");
    yard.gt("alone", &["rig", "add", "web", "../web.git"])
        .fails(4, "stands alone");
}

#[test]
fn a_second_machine_takes_the_town_over() {
    let yard = Yard::with_town("");
    yard.git(".", &["init", "--quiet", "--bare", "-b", "main", "hq.git"]);
    yard.git("gt", &["remote", "add", "origin", "../hq.git"]);
    yard.create("gt/api", "seen from afar");
    yard.gt("gt", &["convoy", "create", "Across"]).done();
    yard.gt("gt", &["sync"]).done();
    yard.git(".", &["clone", "--quiet", "hq.git", "there"]);
    let said = yard.gt(".", &["install", "there"]);
    assert!(said.stderr.contains("git gt rig add api"), "{said:?}");
    said.done();
    let convoys = yard.gt("there", &["convoy", "list"]).done();
    assert!(convoys.contains("Across"), "{convoys}");
    yard.gt("there", &["rig", "add", "api"]).done();
    let list = yard.gt("there/api", &["list"]).done();
    assert!(list.contains("seen from afar"), "{list}");
    let offers = yard.gt("there/api", &["config", "accept"]).done();
    assert!(
        offers.contains("gate.test") && offers.contains("waits"),
        "{offers}"
    );
}

#[test]
fn a_password_stays_on_this_machine() {
    let yard = Yard::with_town("");
    let bare = yard.path("api.git");
    let url = format!("file://ada:secret@localhost{}", bare.display());
    yard.gt("gt", &["rig", "remove", "api"]).done();
    fs::remove_dir_all(yard.path("gt/api")).unwrap();
    let said = yard.gt("gt", &["rig", "add", "api", &url]);
    assert!(said.stderr.contains("the password stays"), "{said:?}");
    said.done();
    let told = ["list", "show"].map(|verb| yard.gt("gt/api", &["rig", verb]).done());
    let stored = yard.git("gt", &["log", "-p", "refs/gt/config"]);
    assert!(stored.contains("file://ada@localhost/"), "{stored}");
    assert!(!stored.contains("secret") && !told.concat().contains("secret"));
    let again = yard.gt("gt", &["rig", "add", "api", &url]).done();
    assert!(again.starts_with("found rig api"), "{again}");
    yard.gt(
        "gt",
        &["rig", "add", "two", "https://ada:secret@127.0.0.1:1/x"],
    )
    .fails(5, "cannot clone 'https://127.0.0.1:1/x'");
}

#[test]
fn a_rig_may_be_reached_under_another_url_from_here() {
    let yard = Yard::with_town("");
    yard.gt("gt", &["sync"]).done();
    fs::remove_dir_all(yard.path("gt/api")).unwrap();
    let mirror = |name: &str| format!("file://{}", yard.path(name).display());
    yard.gt("gt", &["rig", "add", "api", &mirror("web.git")])
        .fails(4, "is not the rig 'api' that this town knows");
    yard.remote("new");
    yard.gt("gt", &["rig", "add", "api", &mirror("new.git")])
        .fails(4, "is not the rig 'api' that this town knows");
    assert!(!yard.path("gt/api").exists());
    for word in ["added", "found"] {
        let said = yard
            .gt("gt", &["rig", "add", "api", &mirror("api.git")])
            .done();
        assert!(said.starts_with(word), "{said}");
    }
    let rigs = yard.json("gt", &["rig", "list"]);
    let known = yard.path("api.git").canonicalize().unwrap();
    assert_eq!(rigs[0]["url"], known.to_str().unwrap());
}

#[test]
fn a_rig_that_was_removed_is_added_again_as_it_is() {
    let yard = Yard::with_town("");
    let bead = yard.create("gt/web", "w");
    yard.gt("gt", &["rig", "remove", "web"]).done();
    yard.gt("gt/web", &["list"])
        .fails(1, "to take it in as it is: git gt rig add web");
    yard.gt("gt", &["rig", "add", "web"]).done();
    assert_eq!(yard.json("gt", &["show", &bead])[0]["title"], "w");
}

#[test]
fn a_rig_added_twice_offline_is_one_rig_and_the_other_clone_says_so() {
    let yard = Yard::new();
    yard.git(".", &["init", "--quiet", "--bare", "-b", "main", "hq.git"]);
    for town in ["one", "two"] {
        yard.gt(".", &["install", town]).done();
        yard.git(town, &["remote", "add", "origin", "../hq.git"]);
    }
    yard.gt("one", &["sync"]).done();
    yard.gt("two", &["sync"]).done();
    yard.gt("one", &["rig", "add", "lib", "../api.git"]).done();
    let bead = yard.create("one/lib", "kept");
    let args = ["rig", "add", "lib", "../web.git", "--prefix", "lb"];
    yard.gt("two", &args).done();
    for town in ["one", "two", "one"] {
        yard.gt(town, &["sync"]).done();
    }
    yard.gt("one", &["--rig", "lib", "list"])
        .fails(1, "those of '");
    yard.gt("one", &["rig", "add", "lib"])
        .fails(4, "is not the rig 'lib' that this town knows");
    yard.gt("one", &["ready"]).done();
    let rigs = yard.gt("one", &["rig", "list"]).done();
    assert!(rigs.contains("not on this machine"), "{rigs}");
    let shown = yard.gt("one/lib/.repo", &["show", &bead]).done();
    assert!(shown.contains("kept"), "{shown}");
    fs::rename(yard.path("one/lib"), yard.path("kept")).unwrap();
    yard.gt("one", &["rig", "add", "lib"]).done();
    assert!(yard.create("one/lib", "t").starts_with("lb-"));
}

/// Runs a command in a folder so that it ends before its n-th write; returns whether it did.
#[track_caller]
fn crashes(yard: &Yard, folder: &str, args: &[&str], at: usize) -> bool {
    let mut command = yard.command(folder, args);
    let ended = Output::of(command.env("GT_TEST_CRASH_AT", at.to_string()));
    assert!(
        matches!(ended.code, None | Some(0)),
        "before write {at}: {ended:?}"
    );
    ended.code.is_none()
}

#[test]
fn a_crash_while_a_rig_is_added_is_mended_by_adding_it_again() {
    let yard = Yard::new();
    yard.gt(".", &["install", "gt"]).done();
    let add = ["rig", "add", "api", "../api.git"];
    for at in 1.. {
        let crashed = crashes(&yard, "gt", &add, at);
        yard.gt("gt", &["fsck"]).done();
        yard.gt("gt", &add).done();
        assert_eq!(
            yard.create("gt/api", "t").split('-').next(),
            Some("api"),
            "{at}"
        );
        assert_eq!(yard.git("gt", &["status", "--porcelain"]), "", "{at}");
        yard.gt("gt", &["fsck"]).done();
        if !crashed {
            assert!(at > 10, "no crash was played");
            break;
        }
        yard.gt("gt", &["rig", "remove", "api"]).done();
        fs::remove_dir_all(yard.path("gt/api")).unwrap();
    }
}

#[test]
fn a_crash_while_a_town_is_founded_is_mended_by_founding_it_again() {
    let yard = Yard::new();
    let install = ["install", "--git", "gt"];
    let described = || {
        let rigs = yard.json("gt", &["rig", "list"]);
        let role = yard.json("gt", &["role"]);
        let refs = yard.git("gt", &["for-each-ref", "--format=%(refname)"]);
        let files = yard.git("gt", &["ls-tree", "-r", "--name-only", "HEAD"]);
        let config = yard.records("gt", "config");
        let ids: Vec<Value> = config.iter().map(|it| it["id"].clone()).collect();
        let status = yard.git("gt", &["status", "--porcelain"]);
        json!([rigs, role, refs, files, ids, status]).to_string()
    };
    yard.gt(".", &install).done();
    let want = described();
    let crashed_at = |at| {
        fs::remove_dir_all(yard.path("gt")).unwrap();
        crashes(&yard, ".", &install, at)
    };
    for at in 1.. {
        let mut crashed = crashed_at(at);
        if yard.path("gt/.git").exists() && yard.gt("gt", &["fsck"]).code != Some(0) {
            // Once with mending it, once without.
            yard.gt("gt", &["fsck", "--repair"]).done();
            yard.gt(".", &install).done();
            assert_eq!(described(), want, "before write {at}");
            crashed = crashed_at(at);
        }
        yard.gt(".", &install).done();
        assert_eq!(described(), want, "before write {at}");
        yard.gt("gt", &["fsck"]).done();
        assert!(yard.create("gt", "t").starts_with("hq-"), "{at}");
        if !crashed {
            assert!(at > 10, "no crash was played");
            break;
        }
    }
}

#[test]
fn a_town_may_be_moved_as_a_whole() {
    let yard = Yard::with_town("");
    let bead = yard.create("gt/api", "t");
    fs::rename(yard.path("gt"), yard.path("moved")).unwrap();
    let shown = yard.gt("moved/web", &["show", &bead]).done();
    assert!(shown.contains(&bead), "{shown}");
    fs::rename(yard.path("moved/api/.repo"), yard.path("aside")).unwrap();
    yard.gt("moved/api", &["create", "t"])
        .fails(1, "rig api of this town is not on this machine");
    fs::rename(yard.path("aside"), yard.path("moved/api/.repo")).unwrap();
    fs::rename(yard.path("moved/.git"), yard.path("gone")).unwrap();
    yard.gt("moved/web/.repo", &["show", &bead])
        .fails(5, "the town of this rig");
}
