//! The demo: it works anywhere, leaves nothing, and what it says is what the refs say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
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
    let counts = ["landed", "ejected", "bounced", "mail"];
    let counts = counts.map(|key| told[key].as_array().unwrap().len());
    assert_eq!(counts, [12, 2, 1, 3], "{told}");
    let numbers = ["polecats", "slings", "requests"].map(|key| told[key].as_u64().unwrap());
    assert_eq!(numbers, [8, 16, 15], "{told}");
    assert_eq!(
        (&told["second_clone_agrees"], &told["dir"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    place.is_quiet();
    assert_eq!(place.git(&["for-each-ref"]).done().stdout, before);
}

/// Returns a demo that was kept, what it said, and the folder of its town.
fn kept(args: &[&str]) -> (Place, String, PathBuf) {
    let place = Place::bare(false);
    fs::create_dir(place.repo()).unwrap();
    let demo = [&["demo", "--dir", "kept"], args].concat();
    let said = place.gt(&demo).done().stdout;
    place.is_quiet();
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    let town = place.repo().join("kept/town");
    (place, said, town)
}

/// Returns the ids of beads in a list of the demo's JSON.
fn ids<'v>(told: &'v Value, key: &str) -> Vec<&'v str> {
    let all = told[key].as_array().unwrap().iter();
    all.map(|it| it.as_str().unwrap()).collect()
}

/// Returns what ended how in the queue of a rig: beads, in no order that means anything.
fn ended<'q>(queues: &'q [Value], status: &str) -> BTreeSet<&'q str> {
    let all = queues.iter().flat_map(|queue| queue.as_array().unwrap());
    let of = all.filter(|it| it["status"] == status);
    of.map(|it| it["bead"].as_str().unwrap()).collect()
}

#[test]
fn what_the_demo_says_is_what_the_refs_say() {
    let (place, said, town) = kept(&["--json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    queues_mail_and_convoy_are_as_told((&place, &town), &told);
    changes_are_as_told((&place, &town), &told);
}

#[track_caller]
fn queues_mail_and_convoy_are_as_told((place, town): (&Place, &Path), told: &Value) {
    let rigs = ["almanac", "agenda"].map(|rig| town.join(rig));
    let queues = rigs
        .each_ref()
        .map(|rig| place.json_in(rig, &["mq", "list", "--all"]));
    for (key, status) in [
        ("landed", "landed"),
        ("ejected", "ejected"),
        ("bounced", "conflict"),
    ] {
        let listed = ids(told, key);
        let unique: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(
            (listed.len(), &unique),
            (unique.len(), &ended(&queues, status)),
            "{key}"
        );
    }
    let convoy = place.json_in(town, &["convoy", "show", told["convoy"].as_str().unwrap()]);
    assert_eq!(
        (&convoy[0]["status"], &convoy[0]["completed"]),
        (&json!("closed"), &json!(12))
    );
    let notices = place.json_in(town, &["mail", "inbox", "overseer"]);
    let notices = notices.as_array().unwrap();
    assert_eq!((notices.len(), &notices[0]["id"]), (1, &told["notice"]));
    for it in told["mail"].as_array().unwrap() {
        let text = |key: &str| it[key].as_str().unwrap();
        let inbox = place.json_in(&rigs[0], &["mail", "inbox", text("to"), "--all"]);
        let found = inbox.as_array().unwrap().iter();
        let found: Vec<&Value> = found.filter(|mail| mail["id"] == it["id"]).collect();
        assert_eq!(found.len(), 1, "{inbox}");
        assert_eq!(found[0]["subject"], text("subject"));
        let bead = text("subject").split(' ').next().unwrap();
        let back = [ids(told, "ejected"), ids(told, "bounced")].concat();
        assert!(back.contains(&bead), "{it}");
    }
    for rig in &rigs {
        let agents = place.json_in(rig, &["agents"]);
        for agent in agents.as_array().unwrap() {
            assert_eq!(agent["state"], "exit 0", "{agent}");
        }
        let orphans = place.json_in(rig, &["orphans", "--all"]);
        for key in ["branches", "commits", "claims"] {
            assert_eq!(orphans[key], json!([]), "{orphans}");
        }
    }
}

/// One change breaks the tests alone, one only with another, and one is carried on from a checkpoint.
#[track_caller]
fn changes_are_as_told((place, town): (&Place, &Path), told: &Value) {
    let library = town.join("almanac/.repo");
    let queue = place.json_in(&library, &["mq", "list", "--all"]);
    let queue = queue.as_array().unwrap();
    let mut alone = Vec::new();
    for bead in ids(told, "ejected") {
        let mut of = queue.iter();
        let request = of.find(|it| it["bead"] == bead && it["status"] == "ejected");
        let request = request.unwrap();
        let head = request["head"].as_str().unwrap();
        let folder = place.path(bead).display().to_string();
        let add = ["worktree", "add", "--quiet", "--detach", &folder, head];
        place.git_in(&library, &add).done();
        let mut tests = place.hermetic(Command::new("sh"));
        let tests = Output::of(tests.arg("test.sh").current_dir(&folder));
        alone.push(tests.code == Some(0));
    }
    alone.sort_unstable();
    assert_eq!(alone, [false, true]);
    // What the killed agent saved is what landed.
    let blob = |commit: &str| place.rev_in(&library, &format!("{commit}:lib/moon.awk"));
    let of = |key: &str| blob(told["killed"][key].as_str().unwrap());
    assert_eq!(of("checkpoint"), of("commit"));
    assert_eq!(blob("main"), of("commit"));
    for tool in ["almanac", "agenda"] {
        let repo = town.join(tool).join(".repo");
        let folder = place.path(tool).display().to_string();
        let add = ["worktree", "add", "--quiet", "--detach", &folder, "main"];
        place.git_in(&repo, &add).done();
        let mut tests = place.hermetic(Command::new("sh"));
        Output::of(tests.arg("test.sh").current_dir(&folder)).done();
    }
}

#[test]
fn both_towns_of_the_demo_hold_the_same() {
    let (place, said, town) = kept(&[]);
    assert!(!said.contains('\u{1b}'), "no colours in a pipe");
    let long: Vec<&str> = said
        .lines()
        .filter(|it| it.chars().count() > 80 && !it.starts_with("  cd "))
        .collect();
    assert_eq!(long, [""; 0]);
    let second = town.join("../second");
    let name = |ledger: &str| format!("refs/gt/{ledger}^{{tree}}");
    for rig in ["almanac/.repo", "agenda/.repo", "."] {
        let (ours, theirs) = (town.join(rig), second.join(rig));
        let ledgers: &[&str] = match rig {
            "." => &["mail", "convoys", "config"],
            _ => &["beads", "mail", "queue", "results", "config"],
        };
        for ledger in ledgers {
            let trees = [&ours, &theirs].map(|dir| place.rev_in(dir, &name(ledger)));
            assert_eq!(trees[0], trees[1], "{rig} {ledger}");
            assert!(said.contains(&trees[0][..12]), "{rig} {ledger}: {said}");
        }
        if rig != "." {
            let remote = rig.replace("/.repo", ".git");
            let remote = town.join("../remotes").join(remote);
            assert_eq!(place.rev_in(&ours, "main"), place.rev_in(&remote, "main"));
        }
    }
    // What the user is told to look at can be looked at, and everything goes on from here.
    let hints = said
        .lines()
        .filter_map(|line| line.strip_prefix("  git gt "));
    for hint in hints.filter(|hint| !hint.contains("<id>")) {
        let words = hint.split("  ").next().unwrap().split(' ');
        place.gt_in(&town, &words.collect::<Vec<_>>()).done();
    }
    place.gt_in(&town, &["refinery", "run"]).done();
    place.gt_in(&second, &["sync"]).done();
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
                .join("town/almanac/polecats");
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
