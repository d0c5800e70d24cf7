//! The demo: it works anywhere, leaves nothing, and its table says what the refs say.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::place::{Output, Place};

/// Settings that would break it if they got through.
const HOSTILE: &str = "[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n[gt]\n\tbackend = none\n\
    \tdefaultAgent = nobody\n\ttarget = elsewhere\n\trig = nowhere\n\tremote = far\n\
    \thooksDir = /nowhere\n[core]\n\thooksPath = /nowhere\n\tautocrlf = true\n[merge]\n\tff = only\n\
    [init]\n\tdefaultBranch = trunk\n[push]\n\tdefault = nothing\n[clone]\n\tdefaultRemoteName = far\n\
    [user]\n\tuseConfigOnly = true\n[status]\n\tshowUntrackedFiles = no\n";

#[test]
fn the_demo_works_anywhere_and_leaves_nothing() {
    let place = Place::new();
    let before = place.git(&["for-each-ref"]).done().stdout;
    let (tmp, git_dir) = (place.path("a folder"), place.repo().join(".git"));
    fs::create_dir(&tmp).unwrap();
    let mut demo = place.command(&["demo", "--json"]);
    demo.env("TMPDIR", &tmp).env_remove("HOME");
    demo.env("GIT_CONFIG_GLOBAL", place.write("settings", HOSTILE));
    demo.env("GIT_DIR", &git_dir)
        .env("GIT_WORK_TREE", place.repo());
    demo.env("GIT_INDEX_FILE", git_dir.join("index"));
    demo.env("GIT_OBJECT_DIRECTORY", git_dir.join("objects"));
    demo.env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "gt.backend");
    demo.env("GIT_CONFIG_VALUE_0", "none");
    demo.env("GT_ROLE", "mayor")
        .env("BD_ACTOR", "mayor")
        .env("GT_BEAD", "gt-x");
    let told = Output::of(&mut demo).done().json();
    let counts = ["landed", "ejected", "bounced"].map(|key| told[key].as_array().unwrap().len());
    assert_eq!(counts, [6, 1, 1], "{told}");
    assert_eq!(
        (&told["second_clone_agrees"], &told["dir"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    place.is_quiet();
    assert_eq!(place.git(&["for-each-ref"]).done().stdout, before);
}

#[test]
fn the_table_of_the_demo_says_what_the_refs_say() {
    let place = Place::bare(false);
    fs::create_dir(place.repo()).unwrap();
    let said = place.gt(&["demo", "--dir", "kept"]).done().stdout;
    place.is_quiet();
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    let kept = place.repo().join("kept");
    let project = kept.join("almanac");
    let queue = place.json_in(&project, &["mq", "list", "--all"]);
    let queue = queue.as_array().unwrap();
    for (word, status, bead) in [
        ("landed", "landed", "closed"),
        ("ejected", "ejected", "open"),
        ("bounced", "conflict", "open"),
    ] {
        let rows = said
            .lines()
            .filter(|line| line.starts_with(&format!("{word} ")));
        let mut want: Vec<&str> = rows
            .map(|row| row.split_whitespace().nth(1).unwrap())
            .collect();
        let ended = queue.iter().filter(|it| it["status"] == status);
        let mut got: Vec<&str> = ended.map(|it| it["bead"].as_str().unwrap()).collect();
        want.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, want, "{word}: {said}");
        for id in got {
            let shown = place.json_in(&project, &["show", id]);
            assert_eq!(shown[0]["status"], bead, "{shown}");
        }
    }
    let results = place.records_in(&project, "results");
    let runs: usize = results
        .iter()
        .map(|it| it["attempts"].as_object().unwrap().len())
        .sum();
    let line =
        format!("6 landed, 1 ejected, 1 bounced; {runs} gate runs instead of 8 for one each;");
    assert!(said.contains(&line), "no '{line}': {said}");
    assert!(!said.contains('\u{1b}'), "no colours in a pipe");
    let second = kept.join("second");
    for ledger in ["beads", "queue", "results", "config"] {
        let tree = format!("refs/gt/{ledger}^{{tree}}");
        assert_eq!(place.rev_in(&project, &tree), place.rev_in(&second, &tree));
    }
    let remote = kept.join("remote.git");
    assert_eq!(
        place.rev_in(&project, "main"),
        place.rev_in(&remote, "main")
    );
    let mut tests = place.hermetic(Command::new("sh"));
    Output::of(tests.arg(project.join("test.sh"))).done();
    // What the user is told to look at can be looked at, and everything goes on from here.
    let hints = said
        .lines()
        .filter_map(|line| line.strip_prefix("  git gt "));
    for hint in hints.filter(|hint| !hint.contains("<id>")) {
        let words = hint.split("  ").next().unwrap().split(' ');
        place.gt_in(&project, &words.collect::<Vec<_>>()).done();
    }
    place.gt_in(&project, &["refinery", "run"]).done();
    place
        .gt(&["demo", "--dir", "kept"])
        .fails(4, &["kept' exists already"]);
    place
        .gt(&["demo", "--dir", "/proc/nowhere"])
        .fails(128, &["cannot make folder"]);
}

#[test]
fn an_interrupted_demo_leaves_nothing_unless_it_is_to_be_kept() {
    for (args, left) in [(&["demo"][..], 0), (&["demo", "--keep"], 1)] {
        let place = Place::bare(false);
        fs::create_dir(place.repo()).unwrap();
        let folders = || fs::read_dir(place.path("tmp")).unwrap();
        let demo = place.start(args);
        place.until("an agent works", || {
            let worktrees = folders()
                .next()?
                .unwrap()
                .path()
                .join("almanac.gt/polecats");
            worktrees.exists().then_some(())
        });
        demo.signal("-INT");
        let ended = demo.end();
        assert_ne!(ended.code, Some(0), "{ended:?}");
        // A session gives its locks back a moment before the system forgets its process.
        place.until("no process is left", || {
            place.processes().is_empty().then_some(())
        });
        assert_eq!(folders().count(), left, "{ended:?}");
    }
}
