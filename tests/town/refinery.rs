//! The queue: what lands, what is ejected, what bounces, and what gates may do to each other.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::place::{Output, PROGRAM, Place};

/// Fails on the culprit, and on the pair that only breaks together.
const PICKY: &str = "test ! -e culprit && ! { test -e left && test -e right; }";

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|it| it.as_str().or(it["id"].as_str()).unwrap())
        .collect()
}

#[test]
fn a_batch_is_landed_ejected_and_bounced_exactly() {
    let place = Place::new();
    place.gate(PICKY);
    let base = place.rev("main");
    let names = ["a", "left", "b", "culprit", "c", "right", "d"];
    let mut ids: Vec<String> = names.iter().map(|name| place.queue(name)).collect();
    for (branch, text) in [("first", "one"), ("second", "two")] {
        place.branch(branch, &[("same", text)]);
        ids.push(place.submit(branch));
    }
    let ran = place.run();
    let by = |wanted: &[usize]| {
        let ids = wanted.iter().map(|at| ids[*at].as_str());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(strings(&ran["landed"]), by(&[0, 1, 2, 4, 6, 7]), "{ran}");
    let mut ejected = strings(&ran["ejected"]);
    ejected.sort_by_key(|id| ids.iter().position(|it| it == id));
    assert_eq!(ejected, by(&[3, 5]), "{ran}");
    assert_eq!(strings(&ran["bounced"]), by(&[8]), "{ran}");
    assert_eq!(ran["bounced"][0]["files"], json!(["same"]));
    assert_eq!(ran["queued"], 0);
    let want = ["a", "b", "base", "c", "d", "left", "same"];
    assert_eq!(place.files("main"), want);
    assert!(place.repo().join("same").exists(), "the files moved along");
    place.is_sound(&base);
    for (at, status) in [(0, "landed"), (3, "ejected"), (8, "conflict")] {
        assert_eq!(place.status(&ids[at]), status);
    }
    let proof = place.git(&["for-each-ref", "refs/gt/mr/", "refs/gt/proof/"]);
    assert_eq!(proof.done().stdout, "", "nothing is kept that nobody needs");
    place.is_quiet();
}

#[test]
fn what_is_ejected_can_be_seen_to_fail() {
    let place = Place::new();
    place.gate(&format!("true; {PICKY} || exit 3"));
    let id = place.queue("culprit");
    let ran = place.run();
    let reproduce = ran["ejected"][0]["reproduce"].as_str().unwrap();
    let mut shell = place.hermetic(std::process::Command::new("sh"));
    // As one pastes it: the shell is there afterwards.
    let failed = Output::of(shell.args(["-c", &format!("{reproduce}; echo it said $?")]));
    assert!(failed.stdout.ends_with("it said 3\n"), "{failed:?}");
    let folder = reproduce
        .split_whitespace()
        .nth(4)
        .unwrap()
        .trim_start_matches("../");
    assert!(place.path(folder).join("culprit").exists());
    let shown = place.json(&["mq", "status", &id]);
    assert_eq!(shown["reproduce"], *reproduce);
    assert_eq!(shown["gate"], "test");
    place
        .git(&["cat-file", "-e", shown["red"].as_str().unwrap()])
        .done();
}

#[test]
fn only_the_red_gate_is_run_again() {
    let place = Place::new();
    let log = |name: &str| format!("git rev-parse 'HEAD^{{tree}}' >>\"$PLACE/{name}\"; ");
    place.gate_with("fine", &format!("{}true", log("fine")), &[]);
    place.gate_with("test", &format!("{}{PICKY}", log("test")), &[]);
    let base = place.rev("main");
    place.queue("culprit");
    let ran = place.run();
    assert_eq!(ran["ejected"].as_array().unwrap().len(), 1);
    let trees = |name: &str| {
        let text = place.read(name);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let all = lines.len();
        lines.sort();
        lines.dedup();
        (all, lines.len())
    };
    assert_eq!(
        trees("fine"),
        (2, 2),
        "once on the culprit, once on the tip"
    );
    assert_eq!(trees("test"), (3, 2), "the culprit twice");
    assert_eq!(ran["gate_runs"], 5);
    place.is_sound(&base);
}

#[test]
fn a_flake_ejects_nobody() {
    let place = Place::new();
    place.gate("test -e \"$PLACE/flaked\" || ! : >\"$PLACE/flaked\"");
    let id = place.queue("innocent");
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), [id.as_str()], "{ran}");
}

#[test]
fn retry_counts_no_old_red() {
    let place = Place::new();
    place.gate("test ! -e culprit || test -e \"$PLACE/mended\"");
    let id = place.queue("culprit");
    place.queue("other");
    place.run();
    assert_eq!(place.status(&id), "ejected");
    place
        .gt(&["mq", "submit", "--branch", "culprit"])
        .fails(4, &["ejected", "mq retry"]);
    place.gt(&["mq", "retry", &id]).done();
    place
        .gt(&["mq", "retry", &id])
        .fails(4, &["waits in the queue"]);
    let again = place.run();
    assert_eq!(strings(&again["ejected"]), [id.as_str()]);
    assert_eq!(again["gate_runs"], 2, "the tip is known to be green");
    place.write("mended", "");
    place.gt(&["mq", "retry", "culprit"]).done();
    let last = place.run();
    assert_eq!(strings(&last["landed"]), [id.as_str()]);
    assert_eq!(last["gate_runs"], 1);
    place
        .gt(&["mq", "retry", &id])
        .fails(4, &["is finished: landed"]);
}

#[test]
fn a_request_from_the_future_is_retried_like_any_other() {
    let mut place = Place::new();
    place.gate("test ! -e culprit");
    let id = place.queue("culprit");
    place.run();
    place.repeats = true;
    let hour = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let hour = hour.duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut retry = place.command(&["mq", "retry", &id]);
    Output::of(retry.env("GT_TEST_NOW", hour.as_millis().to_string())).done();
    place.repeats = false;
    let again = place.run();
    assert_eq!(strings(&again["ejected"]), [id.as_str()]);
    assert_eq!(again["gate_runs"], 2);
}

#[test]
fn what_is_rejected_does_not_land() {
    let place = Place::new();
    place.gate("true");
    let (no, yes) = (place.queue("no"), place.queue("yes"));
    place
        .gt(&["mq", "reject", "no", "--reason", "not now"])
        .done();
    place
        .gt(&["mq", "reject", &no, "--reason", "again"])
        .fails(4, &["is finished: rejected"]);
    assert_eq!(strings(&place.run()["landed"]), [yes.as_str()]);
    assert_eq!(place.json(&["mq", "status", &no])["reason"], "not now");
    let head = place.rev("no");
    place.git(&["branch", "-D", "no"]).done();
    place
        .git(&["-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now"])
        .done();
    place.git(&["cat-file", "-e", &head]).done();
    place.gt(&["mq", "retry", &no]).done();
    assert_eq!(strings(&place.run()["landed"]), [no.as_str()]);
}

#[test]
fn a_red_target_blames_nobody() {
    let place = Place::new();
    place.gate("test ! -e base || test -e repair");
    let ids = [place.queue("a"), place.queue("b")];
    place
        .gt(&["refinery", "run"])
        .fails(4, &["'main' itself is red", "nobody is blamed"]);
    for id in &ids {
        assert_eq!(place.status(id), "queued");
    }
    let repair = place.queue("repair");
    place.gt(&["refinery", "run"]).fails(4, &["itself is red"]);
    place.gt(&["update", "--help"]).done();
    assert_eq!(place.status(&repair), "queued");
    place
        .git(&["merge", "--quiet", "--ff-only", "repair"])
        .done();
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), [&*ids[0], &*ids[1]], "{ran}");
    assert_eq!(place.status(&repair), "landed", "by hand");
}

#[test]
fn a_target_that_was_red_for_the_machines_sake_thaws() {
    let place = Place::new();
    place.gate("test ! -e \"$PLACE/full\"");
    let id = place.queue("a");
    place.write("full", "");
    place.gt(&["refinery", "run"]).fails(4, &["itself is red"]);
    fs::remove_file(place.path("full")).unwrap();
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
}

#[test]
fn nothing_lands_without_a_gate_unless_somebody_says_so() {
    let place = Place::new();
    let base = place.rev("main");
    let id = place.queue("a");
    place
        .gt(&["refinery", "run"])
        .fails(4, &["no gate is configured", "gate none"]);
    assert_eq!(place.rev("main"), base);
    place.gt(&["refinery", "gate", "none"]).done();
    let ran = place.run();
    assert_eq!(
        (strings(&ran["landed"]), &ran["gate_runs"]),
        (vec![&*id], &json!(0))
    );
    place.gate("false");
    let red = place.queue("b");
    place.gt(&["refinery", "run"]).fails(4, &["itself is red"]);
    assert_eq!(place.status(&red), "queued", "a gate that exists counts");
}

#[test]
fn a_gate_that_hangs_ends_with_everything_it_started() {
    let place = Place::new();
    let hang = "test ! -e hang || { sh -c 'sleep 600 & sleep 600' & sleep 600; }";
    place.gate_with("test", hang, &["--timeout", "1s"]);
    let (hang, fine) = (place.queue("hang"), place.queue("fine"));
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), [fine.as_str()]);
    assert_eq!(strings(&ran["ejected"]), [hang.as_str()]);
    place.is_quiet();
    let shown = place.json(&["mq", "status", &hang]);
    let last = shown["runs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["ended"], "timeout after 1 s");
}

#[test]
fn a_gate_that_will_not_end_is_killed() {
    let place = Place::new();
    let hang = "test ! -e hang || { trap '' TERM; sleep 600 & wait; sleep 600; sleep 600; }";
    place.gate_with("test", hang, &["--timeout", "1s"]);
    let hang = place.queue("hang");
    assert_eq!(strings(&place.run()["ejected"]), [hang.as_str()]);
    place.is_quiet();
}

#[test]
fn a_gate_that_cannot_start_says_nothing_about_the_change() {
    let place = Place::new();
    place.gate("true");
    let id = place.queue("a");
    let bin = place.path("bin");
    fs::create_dir(&bin).unwrap();
    let git = Output::of(std::process::Command::new("sh").args(["-c", "command -v git"]));
    std::os::unix::fs::symlink(git.done().stdout.trim(), bin.join("git")).unwrap();
    let mut run = place.command(&["refinery", "run"]);
    Output::of(run.env("PATH", &bin)).fails(5, &["cannot be started"]);
    assert_eq!(place.status(&id), "queued");
    assert_eq!(place.records("results"), [] as [Value; 0]);
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
}

#[test]
fn a_gate_that_writes_without_end_costs_neither_memory_nor_disk() {
    let place = Place::new();
    place.gate("yes the same line over and over | head -c 200000000; echo the end");
    let id = place.queue("a");
    // 160 MB of addresses are less than it writes.
    let limited = format!("ulimit -v 160000; exec '{PROGRAM}' refinery run --json");
    let mut shell = place.hermetic(std::process::Command::new("sh"));
    let ran = Output::of(shell.args(["-c", &limited])).done().json();
    assert_eq!(strings(&ran["landed"]), [id.as_str()]);
    let logs = fs::read_dir(place.path("repo/.git/gt/gates")).unwrap();
    let bytes: u64 = logs.map(|it| it.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 65 * 1024 * 1024, "{bytes}");
    let results = place.records("results");
    let attempts = results[0]["attempts"].as_object().unwrap();
    let tail = attempts.values().next().unwrap()["tail"].as_str().unwrap();
    assert!(tail.ends_with("the end\n") && tail.len() <= 4096, "{tail}");
}

#[test]
fn a_worktree_that_somebody_still_uses_is_left_to_him() {
    let place = Place::new();
    let _go = place.pipe("go");
    place.gate(
        "pwd >>\"$PLACE/where\"; echo said; test -e \"$PLACE/stays\" || {
             setsid sh -c ': >\"$PLACE/stays\"; read line <\"$PLACE/go\"; : >\"$PLACE/left\"' &
             while ! test -e \"$PLACE/stays\"; do :; done; }; false",
    );
    let (a, b) = (place.queue("a"), place.queue("b"));
    place.gt(&["refinery", "run"]).fails(4, &["itself is red"]);
    let text = place.read("where");
    let mut dirs: Vec<&str> = text.lines().collect();
    dirs.dedup();
    assert_eq!(dirs.len(), 2, "the next run took another one: {text}");
    for id in [&a, &b] {
        let shown = place.json(&["mq", "status", id]);
        assert_eq!(shown["status"], "queued");
        let told = place.records("results");
        let tails = told
            .iter()
            .flat_map(|it| it["attempts"].as_object().unwrap().values());
        for attempt in tails {
            assert_eq!(attempt["tail"], "said\n", "what it wrote is not lost");
        }
    }
    writeln!(&_go, "go").unwrap();
    place.until_file("left");
    place.is_quiet();
}

#[test]
fn a_gate_that_a_signal_ends_is_red() {
    let place = Place::new();
    place.gate("test ! -e culprit || kill -SEGV $$");
    let id = place.queue("culprit");
    assert_eq!(strings(&place.run()["ejected"]), [id.as_str()]);
    let shown = place.json(&["mq", "status", &id]);
    assert_eq!(shown["runs"][0]["ended"], "signal 11");
}

#[test]
fn every_gate_starts_on_a_clean_worktree() {
    let place = Place::new();
    place.import(
        "main",
        Some("refs/heads/main"),
        &[(".gitignore", "*.o\ncache/\n")],
    );
    place.git(&["reset", "--quiet", "--hard"]).done();
    let dirty = "test ! -e new && test ! -e old.o && test \"$(cat base)\" = base || exit 1
        test -e cache/kept && : >\"$PLACE/kept\"
        mkdir -p cache sub/nested && git init --quiet sub/nested
        echo x >base; : >new; : >old.o; : >cache/kept; git add -A; git checkout -q -b mine; rm -f a";
    place.gate_with("one", dirty, &["--keep", "cache"]);
    place.gate_with("two", dirty, &["--keep", "cache"]);
    for names in [["a", "b"], ["c", "d"]] {
        let ids = names.map(|name| place.queue(name));
        let ran = place.run();
        assert_eq!(strings(&ran["landed"]), ids, "{ran}");
    }
    assert!(
        place.path("kept").exists(),
        "one gate's work is there for the next"
    );
    assert_eq!(place.git(&["status", "--porcelain"]).done().stdout, "");
}

#[test]
fn a_gate_sees_nothing_of_who_runs_it() {
    let place = Place::new();
    place.gate("git rev-parse HEAD >/dev/null && env >\"$PLACE/env\"");
    let id = place.queue("a");
    let mut run = place.command(&["refinery", "run", "--json"]);
    let hidden = [
        "GT_ROLE",
        "GT_BEAD",
        "GT_POLECAT",
        "GT_RIG",
        "GT_CREW",
        "GT_SESSION",
        "BD_ACTOR",
        "BEADS_ACTOR",
        "GIT_INDEX_FILE",
        "GIT_WORK_TREE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
    ];
    let git_dir = place.repo().join(".git");
    for name in hidden.iter().filter(|name| !name.starts_with("GIT_")) {
        run.env(name, "somebody");
    }
    run.env("GIT_DIR", &git_dir)
        .env("GIT_WORK_TREE", place.repo());
    run.env("GIT_INDEX_FILE", git_dir.join("index"))
        .env("GIT_PREFIX", "x/");
    let ran = Output::of(&mut run).done().json();
    assert_eq!(strings(&ran["landed"]), [id.as_str()]);
    let env = place.read("env");
    for name in hidden.iter().chain(&["GIT_DIR"]) {
        let mark = format!("{name}=");
        assert!(
            !env.lines().any(|line| line.starts_with(&mark)),
            "{name}: {env}"
        );
    }
}

#[test]
fn a_target_that_is_missing_is_named() {
    let place = Place::new();
    place.gate("true");
    place.queue("a");
    place.gt(&["config", "set", "target", "gone"]).done();
    place
        .gt(&["refinery", "run"])
        .fails(1, &["'gone' does not exist", "config set target"]);
    place.gt(&["config", "set", "target", "main"]).done();
    assert_eq!(place.run()["landed"].as_array().unwrap().len(), 1);
}

#[test]
fn files_in_the_way_are_named_and_nothing_lands() {
    let place = Place::new();
    place.gate("true");
    let base = place.rev("main");
    place.branch("a", &[("base", "changed\n"), ("new", "new\n")]);
    let id = place.submit("a");
    let (tracked, untracked) = (place.repo().join("base"), place.repo().join("new"));
    fs::write(&tracked, "mine\n").unwrap();
    let refused = place.gt(&["refinery", "run"]);
    refused.fails(4, &["cannot move the branch checked out", "base"]);
    fs::write(&tracked, "base\n").unwrap();
    fs::write(&untracked, "mine\n").unwrap();
    place.gt(&["refinery", "run"]).fails(4, &["new"]);
    assert_eq!(
        (place.rev("main"), place.status(&id)),
        (base.clone(), "queued".into())
    );
    assert_eq!(fs::read_to_string(&untracked).unwrap(), "mine\n");
    fs::remove_file(&untracked).unwrap();
    fs::write(place.repo().join("other"), "not in the way\n").unwrap();
    let ran = place.run();
    assert_eq!(
        (strings(&ran["landed"]), &ran["gate_runs"]),
        (vec![&*id], &json!(0))
    );
    assert_eq!(fs::read_to_string(&tracked).unwrap(), "changed\n");
    assert_eq!(
        place.git(&["status", "--porcelain"]).done().stdout,
        "?? other\n"
    );
    place.is_sound(&base);
}

#[test]
fn a_target_checked_out_elsewhere_or_nowhere_moves_too() {
    let place = Place::new();
    place.gate("true");
    let elsewhere = place.path("elsewhere");
    place.git(&["switch", "--quiet", "--detach"]).done();
    place
        .git(&[
            "worktree",
            "add",
            "--quiet",
            &elsewhere.display().to_string(),
            "main",
        ])
        .done();
    place.queue("a");
    place.run();
    assert!(elsewhere.join("a").exists() && !place.repo().join("a").exists());
    place
        .git(&["worktree", "remove", &elsewhere.display().to_string()])
        .done();
    let id = place.queue("b");
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
    assert_eq!(place.files("main"), ["a", "b", "base"]);
}

#[test]
fn a_target_that_moved_meanwhile_is_planned_anew() {
    let place = Place::new();
    place.import("hotfix", Some("refs/heads/main"), &[("hotfix", "x")]);
    place.gate(
        "test -e \"$PLACE/moved\" || { : >\"$PLACE/moved\"; git -C \"$PLACE/repo\" merge -q --ff-only hotfix; }",
    );
    let base = place.rev("main");
    let id = place.queue("a");
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), [id.as_str()]);
    assert_eq!(ran["gate_runs"], 2, "once more on top of what came between");
    let subjects = place
        .git(&["log", "--first-parent", "--format=%s", "main"])
        .done();
    assert_eq!(
        subjects.stdout,
        "Merge a: change a\nchange hotfix\nchange base\n"
    );
    place
        .git(&["merge-base", "--is-ancestor", &base, "main"])
        .done();
}

#[test]
fn what_is_to_land_elsewhere_lands_there() {
    let place = Place::new();
    place.gate("test ! -e culprit");
    for branch in ["release", "stable"] {
        place.git(&["branch", branch]).done();
    }
    let submit = |branch: &str, target: &str| {
        place.branch(branch, &[(branch, branch)]);
        let said = place.json(&["mq", "submit", "--branch", branch, "--target", target]);
        said["id"].as_str().unwrap().to_owned()
    };
    let ids = [
        submit("a", "release"),
        place.queue("b"),
        submit("c", "stable"),
    ];
    fs::write(place.repo().join("b"), "in the way").unwrap();
    place
        .gt(&["refinery", "run"])
        .fails(4, &["cannot move the branch"]);
    let status = ids.each_ref().map(|id| place.status(id));
    assert_eq!(
        status,
        ["landed", "queued", "landed"],
        "one does not keep the others waiting"
    );
    assert_eq!(place.files("release"), ["a", "base"]);
    place.queue("d");
    submit("e", "release");
    fs::remove_file(place.repo().join("b")).unwrap();
    let once = place.json(&["refinery", "run", "--once"]);
    assert_eq!(
        (once["landed"].as_array().unwrap().len(), &once["queued"]),
        (1, &json!(2))
    );
    assert_eq!(place.run()["queued"], 0);
    let late = submit("late", "release");
    place.git(&["switch", "--quiet", "release"]).done();
    place.git(&["merge", "--quiet", "--no-edit", "late"]).done();
    place.create("anything that writes");
    assert_eq!(place.status(&late), "landed");
}

#[test]
fn two_refineries_do_not_run_at_once() {
    let place = Place::new();
    let mut go = place.pipe("go");
    place.gate(": >\"$PLACE/started\"; read line <\"$PLACE/go\"");
    let id = place.queue("a");
    let run = place.start(&["refinery", "run", "--json"]);
    place.until_file("started");
    place
        .gt(&["refinery", "run"])
        .fails(3, &["another refinery runs"]);
    let told = place.gt(&["mq", "submit", "--branch", "a"]).done();
    assert!(!told.stderr.contains("nobody runs the queue"), "{told:?}");
    writeln!(go, "go").unwrap();
    assert_eq!(strings(&run.end().done().json()["landed"]), [id.as_str()]);
}

#[test]
fn whoever_only_looks_is_in_nobodys_way() {
    let place = Place::new();
    place.gate("true");
    place.queue("a");
    place.run();
    let lock = fs::File::open(place.path("repo/.git/gt/refinery.lock")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if lock.try_lock_shared().is_ok() {
                    lock.unlock().unwrap();
                }
            }
        });
        let ran = [(); 20].map(|()| place.gt(&["refinery", "run"]));
        done.store(true, Ordering::Relaxed);
        ran.into_iter().for_each(|it| drop(it.done()));
    });
}

#[test]
fn an_interrupt_stops_the_gate_and_proves_nothing() {
    let place = Place::new();
    let _go = place.pipe("go");
    place.gate("test -e \"$PLACE/over\" || { : >\"$PLACE/started\"; read line <\"$PLACE/go\"; }");
    let id = place.queue("a");
    for signal in ["-INT", "-TERM"] {
        let run = place.start(&["refinery", "run"]);
        place.until_file("started");
        run.signal(signal);
        run.end().fails(5, &["interrupted"]);
        place.is_quiet();
        fs::remove_file(place.path("started")).unwrap();
    }
    assert_eq!(place.records("results"), [] as [Value; 0]);
    place.write("over", "");
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
}

#[test]
fn the_scratch_folder_may_go_while_a_gate_runs() {
    let place = Place::new();
    let base = place.rev("main");
    place.gate(
        "if test -e \"$PLACE/second\"; then exit 0; fi
         if test -e \"$PLACE/first\"; then : >\"$PLACE/second\"; fi
         : >\"$PLACE/first\"; rm -rf \"$PLACE/repo/.git/gt\"",
    );
    let ids = [place.queue("a"), place.queue("b")];
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), ids);
    assert_eq!(
        ran["gate_runs"], 3,
        "what was not alone in its worktree proves nothing"
    );
    place.is_sound(&base);
}

#[test]
fn a_gate_that_is_disturbed_again_and_again_is_named() {
    let place = Place::new();
    place.gate("echo >>\"$PLACE/runs\"; rm -rf \"$PLACE/repo/.git/gt\"");
    let id = place.queue("a");
    let words = "gate 'test' cannot be run here: 3 times in a row somebody removed the lock";
    place.gt(&["refinery", "run"]).fails(
        5,
        &[words, "/repo/.git/gt/refinery-*.lock", "the gate itself"],
    );
    assert_eq!(place.read("runs").lines().count(), 3);
    assert_eq!(place.status(&id), "queued");
    place.gate("true");
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
}

#[test]
fn a_gate_that_removes_the_queue_is_noticed_and_costs_nothing() {
    let place = Place::new();
    let ids = [place.queue("a"), place.queue("b")];
    let kept = || place.git(&["for-each-ref", "refs/gt/mr"]).done().stdout;
    let before = kept();
    let run = |gate: &str, words: &[&str]| {
        place.gate(gate);
        let ran = place.gt(&["refinery", "run"]).fails(128, words);
        for id in &ids {
            assert_eq!(place.status(id), "queued", "{ran:?}");
        }
        assert_eq!(kept(), before, "{ran:?}");
    };
    let removed = "'refs/gt/queue' was removed while the queue ran; it stands where it stood";
    run("git update-ref -d refs/gt/queue", &[removed, "gate list"]);
    place.gt(&["mq", "priority", "b", "1"]).done();
    let tip = place.rev("refs/gt/queue");
    place.gate("git update-ref refs/gt/queue refs/gt/queue~1");
    let words = "'refs/gt/queue' was set back from";
    let back = format!(
        "git update-ref refs/gt/queue {tip} {}",
        place.rev("refs/gt/queue~1")
    );
    place.gt(&["refinery", "run"]).fails(128, &[words, &back]);
    place
        .git(&back.split(' ').skip(1).collect::<Vec<_>>())
        .done();
    place.gate("true");
    assert_eq!(place.run()["landed"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_landed_before_an_interrupt_is_said() {
    let place = Place::new();
    let _go = place.pipe("go");
    place.gate("test ! -e slow || { : >\"$PLACE/started\"; read line <\"$PLACE/go\"; }");
    place.git(&["branch", "stable"]).done();
    let fast = place.queue("fast");
    place.branch("slow", &[("slow", "slow")]);
    let submit = ["mq", "submit", "--branch", "slow", "--target", "stable"];
    place.gt(&submit).done();
    let run = place.start(&["refinery", "run"]);
    place.until_file("started");
    run.signal("-INT");
    let before = format!("landed before that: {fast}");
    run.end().fails(5, &["ran on has not landed", &before]);
    assert_eq!(place.status(&fast), "landed");
    assert_eq!(place.status("slow"), "queued");
}

#[test]
fn a_submit_that_makes_no_sense_is_refused() {
    let place = Place::new();
    let submit = |branch: &str| place.gt(&["mq", "submit", "--branch", branch]);
    submit("gone").fails(1, &["there is no branch 'gone'"]);
    submit("main").fails(4, &["is the branch that work lands on"]);
    place.git(&["branch", "empty"]).done();
    submit("empty").fails(4, &["nothing to land"]);
    place.branch("a", &[("a", "a")]);
    place
        .gt(&["mq", "submit", "--branch", "a", "--target", "gone"])
        .fails(1, &["'gone' does not exist"]);
    place
        .gt(&["mq", "submit", "--branch", "a", "--bead", "gt-gone"])
        .fails(1, &["gt-gone"]);
    place.git(&["switch", "--quiet", "--detach"]).done();
    place
        .gt(&["mq", "submit"])
        .fails(4, &["no branch is checked out"]);
    for name in ["-f", "--all", "", "a..b", "a b", "@{u}", "../a"] {
        submit(name)
            .code
            .filter(|code| [1, 129].contains(code))
            .expect(name);
        let target = format!("--target={name}");
        place
            .gt(&["mq", "submit", "--branch", "a", &target])
            .fails(1, &[name]);
    }
    let queue = place.git(&["for-each-ref", "refs/gt/mr/", "refs/gt/queue"]);
    assert_eq!(queue.done().stdout, "");
    let id = place.submit("a");
    assert_eq!(place.submit("a"), id, "twice is once");
    place.import("a", Some("refs/heads/a"), &[("more", "more")]);
    let newer = place.submit("a");
    assert_eq!(place.status(&id), "cancelled");
    assert_ne!(newer, id);
}

#[test]
fn markers_of_a_merge_are_refused_and_headings_are_not() {
    let place = Place::new();
    place.gate("true");
    let marked = "one\n<<<<<<< HEAD\ntwo\n=======\nthree\n>>>>>>> theirs\n";
    place.branch("marked", &[("text", marked)]);
    place
        .gt(&["mq", "submit", "--branch", "marked"])
        .fails(4, &["markers of an unfinished merge", "text"]);
    place.branch("heading", &[("README", "Install\n=======\n\nmake\n")]);
    let id = place.submit("heading");
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
}

#[test]
fn a_request_whose_commit_is_missing_waits_for_it() {
    let place = Place::new();
    place.gate("true");
    let remote = place.remote();
    place.gt(&["sync"]).done();
    let other = place.another("other");
    place.import_in(&other, "far", Some("refs/heads/main"), &[("far", "far")]);
    let far = place.json_in(&other, &["mq", "submit", "--branch", "far"]);
    place.gt_in(&other, &["sync"]).done();
    let far = far["id"].as_str().unwrap();
    place.gt(&["sync"]).done();
    let keeper = place.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/gt/mr/",
        "refs/gt-remote/",
    ]);
    for name in keeper
        .done()
        .stdout
        .lines()
        .filter(|it| it.contains("/mr/"))
    {
        place.git(&["update-ref", "-d", name]).done();
    }
    place.git(&["gc", "--quiet", "--prune=now"]).done();
    let near = place.queue("near");
    let ran = place.gt(&["refinery", "run"]).done();
    assert!(
        ran.stderr
            .contains("its commit is not in this repository yet"),
        "{ran:?}"
    );
    assert_eq!(
        (place.status(far), place.status(&near)),
        ("queued".into(), "landed".into())
    );
    place.gt(&["sync"]).done();
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), [far], "{ran}");
    assert_eq!(place.rev_in(&remote, "main"), place.rev("main"));
}

#[test]
fn landing_is_a_push_and_the_local_branch_follows() {
    let place = Place::new();
    place.gate("true");
    let remote = place.remote();
    let id = place.queue("a");
    assert_eq!(strings(&place.run()["landed"]), [id.as_str()]);
    assert_eq!(place.rev_in(&remote, "main"), place.rev("main"));
    assert!(place.repo().join("a").exists());
    fs::write(place.repo().join("b"), "in the way").unwrap();
    let id = place.queue("b");
    let ran = place.gt(&["refinery", "run"]).done();
    assert!(
        ran.stderr.contains("note    cannot move the branch"),
        "{ran:?}"
    );
    assert_eq!(
        place.status(&id),
        "landed",
        "the remote's branch is the target"
    );
    assert_ne!(place.rev_in(&remote, "main"), place.rev("main"));
    fs::remove_file(place.repo().join("b")).unwrap();
    place.queue("c");
    place.run();
    assert_eq!(place.rev_in(&remote, "main"), place.rev("main"));
    place.queue("d");
    place
        .git(&["commit", "--quiet", "--allow-empty", "--message=mine"])
        .done();
    let ran = place.gt(&["refinery", "run"]).done();
    assert!(
        ran.stderr.contains("has commits of its own and stays"),
        "{ran:?}"
    );
}

#[test]
fn a_remote_target_that_moved_meanwhile_is_planned_anew() {
    let place = Place::new();
    let remote = place.remote();
    place.import("hotfix", Some("refs/heads/main"), &[("hotfix", "x")]);
    place.gate(
        "test -e \"$PLACE/moved\" || { : >\"$PLACE/moved\"
             git -C \"$PLACE/repo\" push --quiet origin hotfix:main; }",
    );
    let base = place.rev("main");
    let ids = [place.queue("a"), place.queue("b")];
    let ran = place.run();
    assert_eq!(strings(&ran["landed"]), ids);
    assert_eq!(ran["gate_runs"], 2);
    assert_eq!(place.rev_in(&remote, "main"), place.rev("main"));
    assert_eq!(place.files("main"), ["a", "b", "base", "hotfix"]);
    place
        .git(&["merge-base", "--is-ancestor", &base, "main"])
        .done();
}

#[test]
fn a_remote_that_takes_no_push_is_named() {
    let place = Place::new();
    place.gate("true");
    let remote = place.remote();
    let hook = "#!/bin/sh\ntest \"$1\" != refs/heads/main || test -e \"$PLACE/open\"\n";
    let hook = place.write("remote.git/hooks/update", hook);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(hook, mode).unwrap();
    let (base, id) = (place.rev("main"), place.queue("a"));
    place
        .gt(&["refinery", "run"])
        .fails(4, &["does not let us push 'main'", "it has not landed"]);
    assert_eq!(
        (place.status(&id), place.rev("main")),
        ("queued".into(), base)
    );
    place.write("open", "");
    let ran = place.run();
    assert_eq!(
        (strings(&ran["landed"]), &ran["gate_runs"]),
        (vec![&*id], &json!(0))
    );
    place.queue("b");
    fs::rename(&remote, place.path("away")).unwrap();
    place
        .gt(&["refinery", "run"])
        .fails(5, &["cannot reach 'origin'"]);
}

#[test]
fn what_was_kept_for_a_request_never_made_is_put_away() {
    let place = Place::new();
    place.gate("true");
    place.remote();
    place.branch("begun", &[("begun", "begun")]);
    let tip = place.rev("begun");
    let name = "refs/gt/mr/0123456789abcdef0123456789abcdef";
    place.git(&["update-ref", name, &tip]).done();
    place.queue("waits");
    place.gt(&["sync"]).done();
    let there = place.git(&["ls-remote", "origin", "refs/gt/mr/*"]).done();
    assert_eq!(there.stdout.lines().count(), 1, "{there:?}");
    assert!(!there.stdout.contains(name), "{there:?}");
    place.run();
    let here = place.git(&["for-each-ref", "refs/gt/mr"]).done().stdout;
    assert_eq!(here, "");
    let attic = place.git(&["rev-list", "--glob=refs/gt/attic"]).done();
    assert!(attic.stdout.contains(&tip), "{attic:?}");
}

#[test]
fn a_remote_that_has_the_target_checked_out_is_told_how_to_let_it_move() {
    let place = Place::new();
    place.gate("true");
    let remote = place.remote();
    place.queue("a");
    let dir = remote.to_string_lossy().into_owned();
    place
        .git(&["-C", &dir, "config", "core.bare", "false"])
        .done();
    let way = "config receive.denyCurrentBranch updateInstead";
    place
        .gt(&["refinery", "run"])
        .fails(4, &["does not let us push 'main': ", way]);
}
