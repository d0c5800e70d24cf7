//! Checkpoints: what is saved of uncommitted work and what is not, and how it comes back.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::place::Place;

fn hooked() -> (Place, String, PathBuf) {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let hook = place.hang(&bead);
    (place, bead, hook)
}

/// Returns the files of the last checkpoint, each with how it changed.
#[track_caller]
fn saved(place: &Place, hook: &Path) -> Vec<String> {
    let read = place.json_in(hook, &["checkpoint", "read"]);
    let files = read["files"].as_array().unwrap().iter();
    files
        .map(|it| {
            format!(
                "{} {}",
                it["how"].as_str().unwrap(),
                it["path"].as_str().unwrap()
            )
        })
        .collect()
}

/// Returns everything a checkpoint must not touch.
fn untouched(place: &Place, hook: &Path) -> String {
    let status = place
        .git_in(hook, &["status", "--porcelain=v2", "--branch"])
        .done();
    let stash = place.git_in(hook, &["stash", "list"]).done().stdout;
    let staged = place.git_in(hook, &["ls-files", "--stage"]).done().stdout;
    status.stdout + &stash + &staged
}

fn lose(place: &Place, hook: &Path) {
    fs::remove_dir_all(hook).unwrap();
    assert!(place.path("repo").exists());
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn everything_but_what_is_ignored_is_saved_and_nothing_touched() {
    let (place, _, hook) = hooked();
    fs::write(hook.join("base"), "changed\n").unwrap();
    fs::write(hook.join("staged"), "one\n").unwrap();
    place.git_in(&hook, &["add", "staged"]).done();
    fs::write(hook.join("staged"), "two\n").unwrap();
    fs::create_dir(hook.join("new folder")).unwrap();
    fs::write(hook.join("new folder/a\nb"), "odd\n").unwrap();
    fs::write(hook.join(".gitignore"), "*.log\n").unwrap();
    fs::write(hook.join("x.log"), "noise\n").unwrap();
    for secret in [".env", ".env.production", ".env.example"] {
        fs::write(hook.join(secret), "TOKEN=1\n").unwrap();
    }
    let before = untouched(&place, &hook);
    let said = place
        .gt_in(&hook, &["checkpoint", "write", "-m", "half way"])
        .done();
    for secret in [".env:", ".env.production:"] {
        let line = format!("not saved: {secret}");
        assert!(said.stderr.contains(&line), "{said:?}");
    }
    assert_eq!(untouched(&place, &hook), before);
    let want = [
        "A .env.example",
        "A .gitignore",
        "M base",
        "A new folder/a\nb",
        "A staged",
    ];
    assert_eq!(saved(&place, &hook), want);
    let read = place.json_in(&hook, &["checkpoint", "read", "furiosa"]);
    assert_eq!(read["message"], "half way");
    let staged = format!("{}:staged", read["commit"].as_str().unwrap());
    assert_eq!(place.git(&["show", &staged]).done().stdout, "two\n");
    let again = place.json_in(&hook, &["checkpoint", "write"]);
    assert_eq!(
        (&again["written"], &again["commit"]),
        (&Value::Bool(false), &read["commit"])
    );
    assert!(
        fs::read_dir(place.path("repo/.git/gt"))
            .unwrap()
            .flatten()
            .all(|it| { !it.file_name().to_string_lossy().starts_with("snapshot-") })
    );
}

#[test]
fn where_nothing_was_done_nothing_is_saved() {
    let (place, _, hook) = hooked();
    let nothing = place.json_in(&hook, &["checkpoint", "write"]);
    assert_eq!(nothing["written"], false);
    assert_eq!(
        place
            .git(&["for-each-ref", "refs/gt/checkpoints"])
            .done()
            .stdout,
        ""
    );
    place
        .gt_in(&hook, &["checkpoint", "read"])
        .fails(1, &["nothing was saved"]);
    place
        .gt(&["checkpoint", "read", "toast"])
        .fails(1, &["no checkpoint of 'toast'"]);
}

#[test]
fn what_is_too_large_is_named_and_the_rest_saved() {
    let (place, _, hook) = hooked();
    place
        .gt(&["config", "set", "checkpoint.max", "x"])
        .fails(1, &["k, m or g"]);
    place.gt(&["config", "set", "checkpoint.max", "1k"]).done();
    fs::write(hook.join("large"), "x".repeat(2000)).unwrap();
    fs::write(hook.join("small"), "x").unwrap();
    let said = place.gt_in(&hook, &["checkpoint", "write"]).done();
    assert!(
        said.stderr
            .contains("not saved: large: too large: 2000 bytes"),
        "{said:?}"
    );
    assert_eq!(saved(&place, &hook), ["A small"]);
}

#[test]
fn a_repository_inside_and_a_merge_under_way_are_no_obstacle() {
    let (place, _, hook) = hooked();
    fs::create_dir(hook.join("inner")).unwrap();
    place
        .git_in(&hook.join("inner"), &["init", "--quiet"])
        .done();
    place.branch("other", &[("base", "theirs\n")]);
    fs::write(hook.join("base"), "ours\n").unwrap();
    place
        .git_in(&hook, &["commit", "--quiet", "--all", "-m", "ours"])
        .done();
    assert_ne!(place.git_in(&hook, &["merge", "other"]).code, Some(0));
    let before = untouched(&place, &hook);
    let said = place.gt_in(&hook, &["checkpoint", "write"]).done();
    assert!(
        said.stderr.contains("inner/: a repository of its own"),
        "{said:?}"
    );
    assert_eq!(saved(&place, &hook), ["M base"]);
    assert_eq!(untouched(&place, &hook), before);
}

#[test]
fn slinging_again_brings_back_what_a_lost_worktree_held() {
    let (place, bead, hook) = hooked();
    fs::write(hook.join("committed"), "1\n").unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "-m", "work"])
        .done();
    fs::write(hook.join("base"), "changed\n").unwrap();
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    lose(&place, &hook);
    let slung = place.json(&["sling", &bead]);
    assert!(slung[0]["checkpoint"].is_string(), "{slung}");
    assert_eq!(text(&hook.join("new")), "2\n");
    let status = place
        .git_in(&hook, &["status", "--porcelain"])
        .done()
        .stdout;
    assert_eq!(status, " M base\n?? new\n");
    // Once: what its agent does away with stays away.
    fs::remove_file(hook.join("new")).unwrap();
    place.gt(&["sling", &bead]).done();
    assert!(!hook.join("new").exists());
}

#[test]
fn what_was_only_fetched_comes_back_when_it_is_asked_for() {
    let (place, bead, hook) = hooked();
    place.remote();
    place.gt(&["sync"]).done();
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    place.gt(&["sync"]).done();
    let refs = ["for-each-ref", "--format=%(refname)", "refs/gt/checkpoints"];
    let own = place.git(&refs).done().stdout;
    place.git(&["update-ref", "-d", own.trim()]).done();
    lose(&place, &hook);
    let slung = place.json(&["sling", &bead]);
    assert!(slung[0]["checkpoint"].is_null(), "{slung}");
    assert!(!hook.join("new").exists());
    place
        .gt_in(&hook, &["checkpoint", "restore", "furiosa"])
        .done();
    assert_eq!(text(&hook.join("new")), "2\n");
}

#[test]
fn restoring_carries_on_where_it_stopped_and_overwrites_nothing() {
    let (place, _, hook) = hooked();
    fs::write(hook.join("base"), "changed\n").unwrap();
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    // Half of it is there already.
    fs::remove_file(hook.join("new")).unwrap();
    let restored = place.json_in(&hook, &["checkpoint", "restore"]);
    assert_eq!(restored["restored"], serde_json::json!(["new"]));
    fs::write(hook.join("new"), "mine\n").unwrap();
    let before = untouched(&place, &hook);
    place
        .gt_in(&hook, &["checkpoint", "restore"])
        .fails(4, &["would overwrite: new", "stash"]);
    assert_eq!(
        (untouched(&place, &hook), text(&hook.join("new"))),
        (before, "mine\n".to_owned())
    );
    // What is ignored here is not overwritten either.
    let exclude = place.write("repo/.git/info/exclude", "new\n");
    place
        .gt_in(&hook, &["checkpoint", "restore"])
        .fails(4, &["new"]);
    assert_eq!(text(&hook.join("new")), "mine\n");
    fs::remove_file(exclude).unwrap();
}

#[test]
fn saved_work_fits_elsewhere_or_says_what_conflicts() {
    let (place, _, hook) = hooked();
    fs::write(hook.join("base"), "changed\n").unwrap();
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    let [fits, clashes] = ["fits", "clashes"].map(|name| place.path(name));
    for (path, file) in [(&fits, "other"), (&clashes, "base")] {
        let name = path.file_name().unwrap().to_str().unwrap();
        place.branch(name, &[(file, "theirs\n")]);
        place
            .git(&["worktree", "add", "--quiet", path.to_str().unwrap(), name])
            .done();
    }
    place
        .gt_in(&fits, &["checkpoint", "restore", "furiosa"])
        .done();
    let status = place
        .git_in(&fits, &["status", "--porcelain"])
        .done()
        .stdout;
    assert_eq!(status, " M base\n?? new\n");
    let before = untouched(&place, &clashes);
    place
        .gt_in(&clashes, &["checkpoint", "restore", "furiosa"])
        .fails(4, &["base conflicts", "git switch --detach", "git diff"]);
    assert_eq!(untouched(&place, &clashes), before);
}

#[test]
fn restoring_never_moves_the_branch_that_work_lands_on() {
    let (place, _, hook) = hooked();
    fs::write(hook.join("committed"), "one\n").unwrap();
    place.git_in(&hook, &["add", "."]).done();
    let commit = ["commit", "--quiet", "-m", "not tested"];
    place.git_in(&hook, &commit).done();
    fs::write(hook.join("base"), "changed\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    let main = place.rev("main");
    place.gt(&["checkpoint", "restore", "furiosa"]).done();
    assert_eq!(place.rev("main"), main);
    let repo = place.repo();
    assert_eq!(text(&repo.join("base")), "changed\n");
    assert_eq!(text(&repo.join("committed")), "one\n");
    // Not even where the work says that it was done there.
    place.git(&["reset", "--quiet", "--hard"]).done();
    fs::remove_file(repo.join("committed")).unwrap();
    place.git_in(&repo, &commit_on("main")).done();
    fs::write(repo.join("base"), "more\n").unwrap();
    place.gt(&["checkpoint", "write"]).done();
    place.git(&["reset", "--quiet", "--hard", &main]).done();
    let saved = place.git(&["for-each-ref", "--format=%(refname)", "refs/gt/checkpoints"]);
    let saved = saved.done().stdout;
    let own = saved.lines().find(|it| {
        let shown = place.git(&["log", "-1", "--format=%B", it]).done().stdout;
        shown.contains("Gt-Branch: main")
    });
    place.gt(&["checkpoint", "restore", own.unwrap()]).done();
    assert_eq!(place.rev("main"), main);
    assert_eq!(text(&repo.join("base")), "more\n");
}

/// Returns the words that make an empty commit for `subject`.
fn commit_on(subject: &str) -> [&str; 5] {
    ["commit", "--quiet", "--allow-empty", "-m", subject]
}

#[test]
fn saved_work_travels_and_goes_when_its_bead_is_closed() {
    let (place, bead, hook) = hooked();
    let remote = place.remote();
    place.gt(&["sync"]).done();
    fs::write(hook.join("committed"), "1\n").unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "-m", "work"])
        .done();
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    place.gt(&["config", "set", "checkpoint.push", "no"]).done();
    place.gt(&["sync"]).done();
    let there = |place: &Place| {
        let refs = place.git_in(&remote, &["for-each-ref", "refs/gt/checkpoints"]);
        refs.done().stdout
    };
    assert_eq!(there(&place), "");
    place.gt(&["config", "set", "checkpoint.push", ""]).done();
    place.gt(&["sync"]).done();
    assert_ne!(there(&place), "");
    // A successor on another machine takes it, with the commits below it.
    let other = place.another("other");
    place
        .git_in(&other, &["switch", "--quiet", "-c", "gt/toast/x"])
        .done();
    let read = place.json_in(&other, &["checkpoint", "read", &bead]);
    assert_eq!(read["agent"], "repo/polecats/furiosa");
    place
        .gt_in(&other, &["checkpoint", "restore", "furiosa"])
        .done();
    assert_eq!(text(&other.join("new")), "2\n");
    let log = place.git_in(&other, &["log", "-1", "--format=%s"]).done();
    assert_eq!(log.stdout, "work\n");
    // Closed: kept in the attic, gone from the list, here and there.
    let commit = read["commit"].as_str().unwrap();
    place.gt(&["close", &bead, "--reason", "done"]).done();
    place.gt(&["sync"]).done();
    assert_eq!(
        place
            .git(&["for-each-ref", "refs/gt/checkpoints"])
            .done()
            .stdout,
        ""
    );
    assert_eq!(there(&place), "");
    let attic = place.git(&["for-each-ref", "--contains", commit, "refs/gt/attic"]);
    assert_ne!(attic.done().stdout, "");
}

#[test]
fn a_session_that_ends_saves_what_it_left() {
    let place = Place::new();
    let bead = place.create("a piece of work");
    let script = "cat >/dev/null; echo half >half; exit 7";
    place.agent(script);
    let slung = place.json(&["sling", &bead]);
    let hook = PathBuf::from(slung[0]["path"].as_str().unwrap());
    place.until("the agent's end", || {
        let agents = place.json(&["agents"]);
        (agents[0]["state"] == "exit 7").then_some(())
    });
    assert_eq!(saved(&place, &hook), ["A half"]);
    place.is_quiet();
}

#[test]
fn files_and_folders_change_places() {
    let (place, _, hook) = hooked();
    fs::create_dir(hook.join("folder")).unwrap();
    fs::write(hook.join("folder/a"), "a\n").unwrap();
    place.git_in(&hook, &["add", "--all"]).done();
    place
        .git_in(&hook, &["commit", "--quiet", "-m", "work"])
        .done();
    fs::remove_dir_all(hook.join("folder")).unwrap();
    fs::write(hook.join("folder"), "a file\n").unwrap();
    fs::remove_file(hook.join("base")).unwrap();
    fs::create_dir(hook.join("base")).unwrap();
    fs::write(hook.join("base/in"), "in\n").unwrap();
    let status = || {
        place
            .git_in(&hook, &["status", "--porcelain"])
            .done()
            .stdout
    };
    let before = status();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    place
        .git_in(&hook, &["stash", "--quiet", "--include-untracked"])
        .done();
    // What git does not see is seen all the same.
    place.write("repo/.git/info/exclude", "hidden\n");
    fs::write(hook.join("folder/hidden"), "mine\n").unwrap();
    place
        .gt_in(&hook, &["checkpoint", "restore"])
        .fails(4, &["folder/hidden"]);
    assert_eq!(text(&hook.join("folder/hidden")), "mine\n");
    fs::remove_file(hook.join("folder/hidden")).unwrap();
    place.gt_in(&hook, &["checkpoint", "restore"]).done();
    assert_eq!(status(), before);
    assert_eq!(
        (text(&hook.join("folder")), text(&hook.join("base/in"))),
        ("a file\n".into(), "in\n".into())
    );
}

#[test]
fn a_run_of_the_refinery_puts_away_what_is_over() {
    let (place, bead, hook) = hooked();
    place.gate("true");
    fs::write(hook.join("new"), "2\n").unwrap();
    place.gt_in(&hook, &["checkpoint", "write"]).done();
    place.run();
    let refs = |folder| place.git(&["for-each-ref", folder]).done().stdout;
    assert_ne!(refs("refs/gt/checkpoints"), "", "its bead is open");
    place.gt(&["close", &bead, "--reason", "done"]).done();
    place.run();
    assert_eq!(refs("refs/gt/checkpoints"), "");
    assert_ne!(refs("refs/gt/attic"), "");
}
