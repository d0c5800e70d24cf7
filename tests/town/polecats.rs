//! Polecats seen, stopped and put away, the attic and what is orphaned: nothing of anybody's work is lost.

use std::fs;

use serde_json::{Value, json};

use crate::hooks::{is_kept, names, polecat, text};
use crate::place::{Output, Place};
use crate::sling::{commit, ended, everything, hook};

#[test]
fn a_session_that_runs_keeps_its_bead_until_it_is_stopped() {
    let place = Place::with_agent(": >\"$PLACE/begun\"; sleep 1000 & wait");
    let bead = place.create("work");
    hook(&place, &bead);
    place.until_file("begun");
    place
        .gt(&["unsling", &bead])
        .fails(4, &["furiosa runs", "polecat stop furiosa"]);
    place
        .gt(&["polecat", "remove", "furiosa"])
        .fails(4, &["furiosa runs"]);
    let mut worker = place.command(&["polecat", "stop", "furiosa"]);
    Output::of(worker.env("GT_ROLE", "repo/polecats/furiosa")).fails(4, &["is a polecat"]);
    let off = place.json(&["unsling", &bead, "--force"]);
    assert_eq!(off["running"], true);
    let stopped = place.json(&["polecat", "stop", "furiosa"]);
    assert_eq!(stopped[0]["stopped"], true);
    assert_eq!(polecat(&place, "furiosa")["outcome"], "stopped");
    place.is_quiet();
    let again = place.json(&["polecat", "stop", "furiosa"]);
    assert_eq!(again[0]["stopped"], false);
}

#[test]
fn only_what_was_started_here_is_stopped() {
    let place = Place::with_agent(": >\"$PLACE/begun\"; read line <\"$PLACE/go\"");
    let mut go = place.pipe("go");
    let bead = place.create("work");
    hook(&place, &bead);
    place.until_file("begun");
    // The note of another start of the machine names whoever has the number now.
    let name = place
        .git(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/gt-local/sessions",
        ])
        .done()
        .stdout;
    let shown = place
        .git(&["show", &format!("{}:value.json", name.trim())])
        .done()
        .stdout;
    let mut value: Value = serde_json::from_str(&shown).unwrap();
    value["keeper"]["boot"] = "another".into();
    let file = place.write("value.json", &value.to_string());
    let blob = place
        .git(&["hash-object", "-w", &file.display().to_string()])
        .done()
        .stdout;
    let tree = place.write(
        "tree",
        &format!("100644 blob {}\tvalue.json\n", blob.trim()),
    );
    let mut mktree = place.hermetic(std::process::Command::new("git"));
    let tree = Output::of(mktree.arg("mktree").stdin(fs::File::open(tree).unwrap()))
        .done()
        .stdout;
    let note = place
        .git(&["commit-tree", tree.trim(), "-m", "repo/polecats/furiosa"])
        .done()
        .stdout;
    place.git(&["update-ref", name.trim(), note.trim()]).done();
    place
        .gt(&["polecat", "stop", "furiosa"])
        .fails(4, &["nothing was signalled"]);
    assert_eq!(polecat(&place, "furiosa")["running"], true);
    std::io::Write::write_all(&mut go, b"go\n").unwrap();
    ended(&place, &bead);
}

#[test]
fn a_polecat_is_removed_and_nothing_is_lost() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "committed");
    let tip = place.rev_in(&path, "HEAD");
    fs::create_dir(path.join("folder")).unwrap();
    fs::write(path.join("folder/new"), "not committed").unwrap();
    fs::write(path.join("committed"), "changed").unwrap();
    let remove = |args: &[&str]| place.gt(&[&["polecat", "remove", "furiosa"], args].concat());
    let before = everything(&place);
    remove(&[]).fails(4, &["has gt-", "on its hook", "unsling"]);
    assert_eq!(everything(&place), before);
    place.gt(&["unsling", &bead]).done();
    remove(&[]).fails(4, &["uncommitted changes", "--force"]);
    let removed = place.json(&["polecat", "remove", "furiosa", "--force"]);
    let saved = text(&removed[0], "saved").to_owned();
    assert_eq!(place.files(&saved), ["base", "committed", "folder/new"]);
    assert_eq!(
        place
            .git(&["show", &format!("{saved}:committed")])
            .done()
            .stdout,
        "changed"
    );
    assert_eq!(place.rev(&format!("{saved}^")), tip);
    is_kept(&place, &saved);
    is_kept(&place, &tip);
    assert!(!path.exists());
    assert_eq!(names(&place), Vec::<String>::new());
    assert_eq!(place.git(&["branch", "--list", "gt/*"]).done().stdout, "");
    remove(&[]).fails(1, &["no agent 'furiosa'"]);
    place
        .gt(&["attic", "restore", &saved[..10], "saved"])
        .done();
    assert_eq!(place.rev("saved"), saved);
    assert_eq!(hook(&place, &bead), path, "the name is free again");
    ended(&place, &bead);
}

#[test]
fn with_force_a_running_polecat_goes_too() {
    let place = Place::with_agent("echo begun >work; : >\"$PLACE/begun\"; sleep 1000 & wait");
    let bead = place.create("work");
    hook(&place, &bead);
    place.until_file("begun");
    let removed = place.json(&["polecat", "remove", "furiosa", "--force"]);
    assert_eq!(
        (&removed[0]["stopped"], &removed[0]["released"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(place.files(text(&removed[0], "saved")), ["base", "work"]);
    assert_eq!(place.bead(&bead)["status"], "open");
    place.is_quiet();
}

#[test]
fn what_could_not_be_saved_is_not_removed() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    let nested = path.join("nested");
    fs::create_dir(&nested).unwrap();
    place.git_in(&nested, &["init", "--quiet", "."]).done();
    commit(&place, &nested, "inside");
    place
        .gt(&["polecat", "remove", "furiosa", "--force"])
        .fails(4, &["holds a repository of its own: nested"]);
    assert!(nested.join("inside").exists());
    // Tracked as a commit of another repository it holds no less.
    place.git_in(&path, &["add", "nested"]).done();
    place
        .git_in(&path, &["commit", "--quiet", "-m", "link"])
        .done();
    place
        .gt(&["polecat", "remove", "furiosa", "--force"])
        .fails(4, &["holds a repository of its own: nested"]);
    assert!(nested.join("inside").exists());
    fs::rename(&nested, place.path("nested")).unwrap();
    fs::create_dir(&nested).unwrap();
    place
        .git_in(&path, &["switch", "--quiet", "--detach"])
        .done();
    commit(&place, &path, "on no branch");
    let tip = place.rev_in(&path, "HEAD");
    place
        .gt(&["polecat", "remove", "furiosa", "--force"])
        .done();
    is_kept(&place, &tip);
}

#[test]
fn removing_may_crash_before_any_write() {
    let template = Place::with_agent("exit 0");
    let mut at = 1;
    loop {
        let place = &template;
        let bead = place.create("work");
        let path = hook(place, &bead);
        ended(place, &bead);
        commit(place, &path, "committed");
        let tip = place.rev_in(&path, "HEAD");
        fs::write(path.join("more"), format!("not committed {at}")).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let args = ["polecat", "remove", &name, "--force"];
        let mut crashing = place.command(&args);
        let said = Output::of(crashing.env("GT_TEST_CRASH_AT", at.to_string()));
        if said.code.is_some() {
            said.done();
            break;
        }
        is_kept(place, &tip);
        if names(place).contains(&name) {
            place.gt(&args).done();
        }
        assert!(
            !path.exists() && !names(place).contains(&name),
            "before write {at}"
        );
        is_kept(place, &tip);
        let kept = place
            .git(&[
                "log",
                "--all",
                "--full-history",
                "--format=%H",
                "--",
                "more",
            ])
            .done()
            .stdout;
        let texts = kept
            .lines()
            .map(|it| place.git(&["show", &format!("{it}:more")]).stdout);
        assert!(
            texts
                .into_iter()
                .any(|it| it == format!("not committed {at}")),
            "before write {at}"
        );
        assert_eq!(place.bead(&bead)["status"], "open", "before write {at}");
        place.gt(&["close", &bead]).done();
        at += 1;
    }
    assert!(at > 5, "{at}");
}

#[test]
fn clearing_away_leaves_what_is_in_use() {
    let place = Place::with_agent("exit 0");
    let beads = ["idle", "held", "dirty"].map(|title| place.create(title));
    let paths = beads.each_ref().map(|bead| {
        let path = hook(&place, bead);
        ended(&place, bead);
        commit(&place, &path, "file");
        path
    });
    fs::write(paths[2].join("more"), "more").unwrap();
    for bead in [&beads[0], &beads[2]] {
        place.gt(&["unsling", bead]).done();
    }
    let tip = place.rev_in(&paths[0], "HEAD");
    let stray = place.json_in(&paths[1], &["hook"])["branch"]
        .as_str()
        .unwrap()
        .replace(".1-", ".7-");
    place.branch(&stray, &[("stray", "stray")]);
    let stray_tip = place.rev(&stray);
    place.branch("gt/mine", &[("mine", "mine")]);
    let before = everything(&place);
    let plan = place.json(&["polecat", "gc", "--dry-run"]);
    assert_eq!(
        (&plan["polecats"][0]["name"], &plan["branches"]),
        (&json!("furiosa"), &json!([stray]))
    );
    assert_eq!(everything(&place), before);
    let done = place.json(&["polecat", "gc"]);
    assert_eq!(
        (&done["polecats"][0]["name"], &done["branches"]),
        (&json!("furiosa"), &json!([stray]))
    );
    assert_eq!(names(&place), ["nux", "slit"]);
    assert_eq!(place.rev("gt/mine").len(), place.rev("HEAD").len());
    for commit in [&tip, &stray_tip] {
        is_kept(&place, commit);
    }
    assert!(paths[1].exists() && paths[2].exists() && !paths[0].exists());
    place.gt(&["polecat", "gc"]).done();
    assert_eq!(names(&place), ["nux", "slit"]);
}

#[test]
fn what_nobody_looks_after_is_shown() {
    let place = Place::with_agent("exit 0");
    assert_eq!(
        place.gt(&["orphans"]).done().stdout,
        "nothing is orphaned\n"
    );
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "one");
    let lost = place.rev_in(&path, "HEAD");
    place
        .git_in(&path, &["reset", "--quiet", "--hard", "HEAD^"])
        .done();
    commit(&place, &path, "two");
    let tip = place.rev_in(&path, "HEAD");
    let branch = place.json_in(&path, &["hook"])["branch"]
        .as_str()
        .unwrap()
        .to_owned();
    let stray = branch.replace(".1-", ".9-");
    place.git(&["branch", &stray, &tip]).done();
    // Ada's clock stands at the beginning of 2026.
    let recent = place.json(&["orphans"]);
    assert_eq!(recent["commits"], json!([]));
    let found = place.json(&["orphans", "--all"]);
    assert_eq!(found["commits"][0]["commit"], *lost);
    assert_eq!(
        found["commits"].as_array().unwrap().len(),
        1,
        "ledgers are nobody's work: {found}"
    );
    assert_eq!(
        (
            &found["branches"][0]["branch"],
            &found["branches"][0]["commits"]
        ),
        (&json!(stray), &json!(1))
    );
    assert_eq!(found["claims"], json!([]));
    place.gt(&["unsling", &bead]).done();
    place.gt(&["polecat", "remove", "furiosa"]).done();
    place.gt(&["polecat", "gc"]).done();
    let found = place.json(&["orphans"]);
    assert_eq!(found["attic"][0]["commit"], *tip);
    let claimed = place.create("claimed");
    let actor = ["--actor", "repo/polecats/nux"];
    place
        .gt(&[&["update", &claimed, "--claim"], &actor[..]].concat())
        .done();
    assert_eq!(place.json(&["orphans"])["claims"][0]["bead"], *claimed);
    place
        .gt(&["orphans", "--all", "--days", "3"])
        .fails(129, &[]);
}

#[test]
fn the_end_of_a_log_is_shown_without_what_steers_a_terminal() {
    let place =
        Place::with_agent("printf '\\033]0;title\\007one\\n\\033[31mtwo\\033[0m\\nthree\\n'");
    let bead = place.create("work");
    place
        .gt(&["peek", "furiosa"])
        .fails(1, &["no agent 'furiosa'"]);
    hook(&place, &bead);
    ended(&place, &bead);
    assert_eq!(
        place.gt(&["peek", "furiosa"]).done().stdout,
        "one\ntwo\nthree\n"
    );
    let last = place.json(&["peek", "repo/polecats/furiosa", "-n", "2"]);
    assert_eq!(
        (&last["lines"], &last["outcome"]),
        (&json!(["two", "three"]), &json!("exit 0"))
    );
    place.gt(&["peek", "repo/furiosa", "-n", "0"]).done();
}

#[test]
fn how_an_agent_left_its_work_is_said() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    let remark = |words: &[&str]| {
        let shown = place.json(&["polecat", "status", "furiosa"]);
        let agents = place.json(&["agents"]);
        assert_eq!(agents[0]["remark"], shown["remark"]);
        for word in words {
            assert!(text(&shown, "remark").contains(word), "no {word}: {shown}");
        }
    };
    remark(&["committed nothing", &format!("git gt release {bead}")]);
    commit(&place, &path, "file");
    remark(&["1 commit on gt/furiosa/", "not handed in"]);
    place
        .git_in(&path, &["switch", "--quiet", "--create", "mine"])
        .done();
    commit(&place, &path, "other");
    remark(&["stands on mine, not on its branch gt/furiosa/"]);
    place
        .gt(&["sling", &bead])
        .fails(4, &["is not the hook of repo/polecats/furiosa"]);
    let branch = place.json_in(&path, &["hook"])["branch"]
        .as_str()
        .unwrap()
        .to_owned();
    place.git_in(&path, &["switch", "--quiet", &branch]).done();
    let moved = place.path("moved");
    let to = moved.display().to_string();
    place
        .git(&["worktree", "move", &path.display().to_string(), &to])
        .done();
    remark(&["was moved to", "moved"]);
    assert_eq!(place.json_in(&moved, &["hook"])["bead"], *bead);
    assert_eq!(hook(&place, &bead), moved, "it goes on where it is now");
    ended(&place, &bead);
    remark(&["not handed in"]);
    fs::remove_dir_all(&moved).unwrap();
    remark(&["its worktree is gone; its commits are on branch gt/furiosa/"]);
    assert_eq!(hook(&place, &bead), path);
    ended(&place, &bead);
    assert!(path.join("file").exists());
    place.write("agent.sh", "kill -9 $$");
    hook(&place, &bead);
    assert_eq!(ended(&place, &bead)["state"], "exit 137");
    place
        .gt(&["polecat", "status", "nux"])
        .fails(1, &["no agent 'nux'"]);
}

#[test]
fn a_worktree_in_which_somebody_looks_at_the_branch_is_not_the_polecats() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "file");
    let branch = text(&place.json_in(&path, &["hook"]), "branch").to_owned();
    fs::remove_dir_all(&path).unwrap();
    let look = place.path("look");
    let to = look.display().to_string();
    place
        .git(&["worktree", "add", "--quiet", "--force", &to, &branch])
        .done();
    fs::write(look.join("mine"), "").unwrap();
    let shown = place.json(&["polecat", "status", "furiosa"]);
    assert_eq!(shown["worktree"], "gone");
    place
        .gt(&["sling", &bead])
        .fails(4, &["is checked out in", "look", "hint: switch"]);
    let removed = place.json(&["polecat", "remove", "furiosa", "--force"]);
    assert_eq!(removed[0]["released"], true);
    assert!(look.join("mine").exists());
    assert_eq!(place.rev(&branch), place.rev_in(&look, "HEAD"));
}

#[test]
fn a_named_polecat_whose_worktree_is_gone_starts_anew() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "file");
    let tip = place.rev_in(&path, "HEAD");
    place.gt(&["close", &bead]).done();
    fs::remove_dir_all(&path).unwrap();
    let other = place.create("other");
    let slung = place.json(&["sling", &other, "furiosa"]);
    assert_eq!(text(&slung[0], "path"), path.display().to_string());
    ended(&place, &other);
    is_kept(&place, &tip);
    assert!(!path.join("file").exists());
}

#[test]
fn what_nobody_watches_any_more_keeps_its_worktree() {
    let place = Place::with_agent(
        "ps -o ppid= -p $(ps -o pgid= -p $$) >\"$PLACE/keeper\"; read line <\"$PLACE/go\"",
    );
    let mut go = place.pipe("go");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    let keeper = place.until("the keeper", || {
        place.read("keeper").trim().parse::<u32>().ok()
    });
    Output::of(std::process::Command::new("kill").args(["-9", &keeper.to_string()])).done();
    place.until("it is lost", || {
        (polecat(&place, "furiosa")["state"] == "lost").then_some(())
    });
    place.gt(&["release", &bead]).done();
    let words = ["still runs in", "end it by hand"];
    for args in [
        &["polecat", "remove", "furiosa", "--force"][..],
        &["sling", &place.create("named"), "furiosa"],
    ] {
        place.gt(args).fails(4, &words);
    }
    place.gt(&["polecat", "gc"]).done();
    assert!(path.exists());
    let remark = polecat(&place, "furiosa")["remark"].clone();
    assert_eq!(remark, "something it started still runs there");
    std::io::Write::write_all(&mut go, b"go\n").unwrap();
    place.is_quiet();
    place.write("agent.sh", "exit 0");
    let other = place.create("other");
    assert_eq!(hook(&place, &other), path, "it is free again");
    ended(&place, &other);
}
