//! What hangs where and how it comes off: worktrees used again, beads given back, and how an
//! agent says that it ended.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::place::{Output, Place};
use crate::sling::{WORKS, commit, ended, everything, hook};

/// Returns the polecat of a name as `polecat list` shows it.
#[track_caller]
pub(crate) fn polecat(place: &Place, name: &str) -> Value {
    let all = place.json(&["polecat", "list"]);
    let found = all.as_array().unwrap().iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {all}")).clone()
}

pub(crate) fn names(place: &Place) -> Vec<String> {
    let all = place.json(&["polecat", "list"]);
    let names = all.as_array().unwrap().iter();
    names
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Makes a crew member's worktree on a branch of its name.
fn crew(place: &Place, name: &str) -> PathBuf {
    let path = place.path("repo.gt/crew").join(name);
    let text = path.display().to_string();
    place
        .git(&["worktree", "add", "--quiet", "-b", name, &text])
        .done();
    path
}

/// Returns whether every commit of a worktree's past is reachable from a ref.
#[track_caller]
pub(crate) fn is_kept(place: &Place, commit: &str) {
    let said = place
        .git(&["for-each-ref", "--contains", commit, "--format=%(refname)"])
        .done();
    assert_ne!(said.stdout, "", "{commit} is lost");
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key}: {value}"))
}

#[test]
fn a_polecat_that_is_done_works_again_in_its_worktree() {
    let place = Place::with_agent(WORKS);
    place.gate("true");
    let first = place.create("first");
    let path = hook(&place, &first);
    ended(&place, &first);
    assert_eq!(polecat(&place, "furiosa")["state"], "queued");
    let busy = place.create("meanwhile");
    assert_ne!(hook(&place, &busy), path, "its work waits in the queue");
    ended(&place, &busy);
    place.run();
    assert_eq!(polecat(&place, "furiosa")["state"], "idle");
    fs::write(path.join("ignored.log"), "a cache").unwrap();
    fs::write(place.path("repo/.git/info/exclude"), "*.log\n").unwrap();
    let second = place.create("second");
    let plan = place.json(&["sling", &second, "--dry-run"]);
    assert_eq!(
        (text(&plan[0], "agent"), &plan[0]["reuse"]),
        ("repo/polecats/furiosa", &json!(true))
    );
    assert_eq!(hook(&place, &second), path);
    ended(&place, &second);
    assert!(
        path.join("ignored.log").exists(),
        "what it built is still there"
    );
    assert_eq!(
        place.files(&format!("{}^", place.rev_in(&path, "HEAD"))),
        place.files("main")
    );
    place.run();
    assert_eq!(place.bead(&second)["status"], "closed");
    let branches = place
        .git(&["branch", "--list", "gt/furiosa/*"])
        .done()
        .stdout;
    assert_eq!(
        branches.lines().count(),
        1,
        "the old one landed and went: {branches}"
    );
    assert_eq!(place.json(&["attic", "list", "--all"]), json!([]));
    place.is_quiet();
}

#[test]
fn the_polecat_that_rested_longest_comes_first_and_old_work_is_saved() {
    let place = Place::with_agent("exit 0");
    let beads = ["one", "two"].map(|title| place.create(title));
    let paths = beads.each_ref().map(|bead| hook(&place, bead));
    for (bead, path) in beads.iter().zip(&paths) {
        ended(&place, bead);
        commit(&place, path, "file");
    }
    let tips = paths.each_ref().map(|path| place.rev_in(path, "HEAD"));
    place.gt(&["release", &beads[1]]).done();
    place.gt(&["release", &beads[0]]).done();
    let other = place.create("other");
    let name = place.json(&["sling", &other])[0]["agent"].clone();
    assert_eq!(name, "repo/polecats/furiosa");
    ended(&place, &other);
    let saved = place.json(&["attic", "list"]);
    assert_eq!(saved[0]["commit"], *tips[0]);
    assert_eq!(saved.as_array().unwrap().len(), 1);
    tips.iter().for_each(|tip| is_kept(&place, tip));
    // The other one still has its branch: its bead goes on there.
    assert_eq!(hook(&place, &beads[1]), paths[1]);
    assert_eq!(place.rev_in(&paths[1], "HEAD"), tips[1]);
    ended(&place, &beads[1]);
    // What was saved comes back under its name, or another, and over nothing.
    let what = text(&saved[0], "what")
        .strip_prefix("branch ")
        .unwrap()
        .to_owned();
    place.gt(&["attic", "restore", &tips[0][..8]]).done();
    assert_eq!(place.rev(&what), tips[0]);
    place
        .gt(&["attic", "restore", &tips[0][..8]])
        .fails(4, &["exists already", "attic restore <commit> <branch>"]);
    place.gt(&["attic", "restore", &what, "again"]).done();
    assert_eq!(place.rev("again"), tips[0]);
    place
        .gt(&["attic", "restore", "ffff0000"])
        .fails(1, &["nothing in the attic"]);
    for name in ["-x", "a..b", "HEAD", "a b"] {
        place
            .gt(&["attic", "restore", &tips[0][..8], "--", name])
            .fails(1, &["cannot be a branch"]);
    }
}

#[test]
fn a_worktree_with_anything_of_its_own_is_not_touched() {
    let place = Place::with_agent("exit 0");
    for (title, spoil) in [("dirty", 0), ("elsewhere", 1), ("detached", 2)] {
        let bead = place.create(title);
        let path = hook(&place, &bead);
        ended(&place, &bead);
        match spoil {
            0 => fs::write(path.join("file"), "not committed").unwrap(),
            1 => drop(
                place
                    .git_in(&path, &["switch", "--quiet", "--create", "mine"])
                    .done(),
            ),
            _ => drop(
                place
                    .git_in(&path, &["switch", "--quiet", "--detach"])
                    .done(),
            ),
        }
        place.gt(&["close", &bead]).done();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(polecat(&place, name)["state"], "idle");
        let other = place.create("other");
        let before = everything(&place);
        place.gt(&["sling", &other, name]).fails(
            4,
            &[
                ["uncommitted changes", "on mine", "on no branch"][spoil],
                "polecat remove",
            ],
        );
        assert_eq!(everything(&place), before);
        assert_ne!(hook(&place, &other), path);
        ended(&place, &other);
        // Its own is not idle for the next round.
        place.gt(&["polecat", "stop", "nux"]).done();
    }
    assert_eq!(polecat(&place, "furiosa")["worktree"], "dirty");
    let remark = polecat(&place, "furiosa")["remark"].clone();
    assert_eq!(remark, "1 change is not committed");
}

#[test]
fn what_comes_off_a_hook_stays_and_goes_on_later() {
    let place = Place::with_agent("cat >\"$PLACE/told\"");
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "begun");
    fs::write(path.join("more"), "not committed").unwrap();
    let off = place.json(&["unsling", &bead]);
    assert_eq!(
        (text(&off, "status"), &off["running"]),
        ("open", &json!(false))
    );
    assert_eq!(place.bead(&bead)["status"], "open");
    place
        .gt(&["unsling", &bead])
        .fails(3, &["is over: nobody holds it now", "the branch"]);
    place
        .gt_in(&path, &["done"])
        .fails(4, &["uncommitted changes"]);
    assert_eq!(place.json_in(&path, &["hook"])["claim"], "over");
    assert_eq!(hook(&place, &bead), path, "it goes on where it stopped");
    ended(&place, &bead);
    assert_eq!(
        fs::read_to_string(path.join("more")).unwrap(),
        "not committed"
    );
    place.git_in(&path, &["add", "--all"]).done();
    place
        .git_in(&path, &["commit", "--quiet", "--message=rest"])
        .done();
    let queued = place.json_in(&path, &["done"]);
    assert_eq!(queued["commits"], 2);
    place
        .gt(&["unsling", &bead])
        .fails(4, &["waits in the queue as", "mq reject"]);
    place.gt(&["unsling", &bead, "--force"]).done();
}

#[test]
fn beads_are_given_back_one_by_one() {
    let place = Place::new();
    let beads = ["one", "two", "three"].map(|title| place.create(title));
    for bead in &beads[..2] {
        place
            .gt(&["update", bead, "--claim", "--actor", "bob"])
            .done();
    }
    let said = place.gt(&[
        "release",
        &beads[0],
        &beads[2],
        "gt-gone",
        &beads[1],
        "-r",
        "bob is ill",
    ]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [&format!("nobody works on {}", beads[2]), "gt-gone"] {
        assert!(said.stderr.contains(words), "{said:?}");
    }
    for bead in &beads[..2] {
        let bead = place.bead(bead);
        assert_eq!(
            (text(&bead, "status"), &bead["assignee"]),
            ("open", &Value::Null)
        );
        let comments = place.json(&["comments", text(&bead, "id")]);
        assert_eq!(comments[0]["text"], "bob is ill");
    }
    place
        .gt(&["update", &beads[0], "--claim", "--actor", "bob"])
        .done();
    let mut worker = place.command(&["release", &beads[0]]);
    Output::of(worker.env("GT_ROLE", "repo/polecats/nux"))
        .fails(4, &["does not release what bob holds"]);
}

#[test]
fn what_a_worker_is_told_reaches_it_and_survives_a_crash() {
    let place = Place::with_agent("cat >\"$PLACE/told\"");
    let bead = place.create("work");
    let mut crashed = place.command(&["sling", &bead, "--args", "only the parser"]);
    // After the claim, before the worktree.
    let mut at = 1;
    while place.bead(&bead)["status"] == "open" {
        let mut again = place.command(&["sling", &bead, "--args", "only the parser"]);
        drop(Output::of(again.env("GT_TEST_CRASH_AT", at.to_string())));
        at += 1;
    }
    drop(Output::of(crashed.env("GT_TEST_CRASH_AT", "1")));
    place.gt(&["sling", &bead]).done();
    ended(&place, &bead);
    assert!(
        place
            .read("told")
            .contains("you are told:\nonly the parser\n"),
        "{}",
        place.read("told")
    );
    let path = polecat(&place, "furiosa")["path"].clone();
    let shown = place.json_in(Path::new(path.as_str().unwrap()), &["hook"]);
    assert_eq!(shown["args"], "only the parser");
    place.gt(&["release", &bead]).done();
    let slung = place.json(&["sling", &bead, "-a", "-the rest"]);
    assert_eq!(slung[0]["args"], "-the rest");
    ended(&place, &bead);
    assert!(!place.read("told").contains("only the parser"));
}

#[test]
fn an_epic_stands_for_what_is_ready_below_it() {
    let place = Place::with_agent("exit 0");
    let epic = place
        .gt(&["create", "--silent", "--type", "epic", "all of it"])
        .done();
    let epic = epic.stdout.trim().to_owned();
    let child = |title: &str| {
        let made = place
            .gt(&["create", "--silent", "--parent", &epic, title])
            .done();
        made.stdout.trim().to_owned()
    };
    place
        .gt(&["sling", &epic])
        .fails(4, &["no open beads are below the epic"]);
    let children = ["a", "b", "c", "d"].map(child);
    place.gt(&["dep", "add", &children[1], &children[0]]).done();
    place.gt(&["close", &children[2]]).done();
    place
        .gt(&["update", &children[3], "--claim", "--actor", "bob"])
        .done();
    let slung = place.json(&["sling", &epic, "--dry-run"]);
    let find = |id: &str| {
        let all = slung.as_array().unwrap().iter();
        all.filter(|it| it["bead"] == *id)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        find(&children[0])[0]["agent"],
        "repo/polecats/(a new polecat)"
    );
    assert_eq!(find(&children[1])[0]["waits_for"], json!([children[0]]));
    assert_eq!(find(&children[2]).len(), 0);
    assert_eq!(find(&children[3])[0]["holder"], "bob");
    let said = place.gt(&["sling", &epic]).done().stdout;
    assert!(
        said.contains(&format!("{} waits for {}", children[1], children[0])),
        "{said}"
    );
    assert_eq!(names(&place), ["furiosa"]);
    place.gt(&["sling", &epic, "nux", "--force"]).done();
    assert_eq!(place.bead(&children[1])["assignee"], "repo/polecats/nux");
    let more = ["e", "f"].map(child);
    place
        .gt(&["sling", &epic, "slit"])
        .fails(4, &["2 beads do not fit on the hook of slit"]);
    assert_eq!(place.bead(&more[0])["status"], "open");
}

#[test]
fn a_crew_member_keeps_worktree_and_branch() {
    let place = Place::with_agent("exit 0");
    place.gate("true");
    let bead = place.create("work");
    place
        .gt(&["sling", &bead, "repo/crew/joe"])
        .fails(1, &["no crew member 'joe'", "crew add joe"]);
    let joe = crew(&place, "joe");
    let slung = place.json(&["sling", &bead, "repo/crew/joe", "--args", "slowly"]);
    let want = (text(&slung[0], "agent"), text(&slung[0], "branch"));
    assert_eq!(want, ("repo/crew/joe", "joe"));
    assert_eq!(place.bead(&bead)["assignee"], "repo/crew/joe");
    assert_eq!(place.json_in(&joe, &["hook"])["args"], "slowly");
    let inbox = place.json(&["mail", "inbox", "repo/crew/joe"]);
    assert!(text(&inbox[0], "subject").contains(&bead), "{inbox}");
    place.gt(&["sling", &bead, "crew/joe"]).done();
    let other = place.create("other");
    let refused = ["joe has gt-", "--force"];
    place.gt(&["sling", &other, "crew/joe"]).fails(4, &refused);
    place.gt_in(&joe, &["done"]).fails(4, &["nothing to land"]);
    commit(&place, &joe, "first");
    place
        .git_in(&joe, &["switch", "--quiet", "--create", "topic"])
        .done();
    commit(&place, &joe, "second");
    let request = place.json_in(&joe, &["done"]);
    assert_eq!(
        (text(&request, "branch"), text(&request, "worker")),
        ("topic", "repo/crew/joe")
    );
    place.run();
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!(place.json_in(&joe, &["hook"])["claim"], "over");
    place.gt(&["sling", &other, "crew/joe"]).done();
    place
        .git_in(&joe, &["switch", "--quiet", "--detach"])
        .done();
    place
        .gt_in(&joe, &["done"])
        .fails(4, &["stands on no branch", "git switch --create"]);
    let third = place.create("third");
    let replaced = place.json(&["sling", &third, "crew/joe", "--force"]);
    assert_eq!(replaced[0]["replaced"], *other);
    assert_eq!(place.bead(&other)["status"], "open");
    place
        .gt(&["polecat", "remove", "joe"])
        .fails(4, &["is no polecat"]);
    place.gt_in(&joe, &["hook", "clear"]).done();
    place.gt_in(&joe, &["hook"]).fails(1, &[]);
    assert!(!place.rev("joe").is_empty() && joe.join("second").exists());
}

#[test]
fn beads_are_made_for_a_crew_member() {
    let place = Place::new();
    crew(&place, "joe");
    place
        .gt(&["assign", "max", "water"])
        .fails(1, &["no crew member 'max'"]);
    for name in ["Joe", "../joe", "-x", ""] {
        place.gt(&["assign", "--", name, "water"]).fails(1, &[]);
    }
    place
        .gt(&["assign", "joe", "--dry-run", "water", "the", "plants"])
        .done();
    assert_eq!(place.json(&["list"]), json!([]));
    let made = place.json(&[
        "assign", "joe", "water", "the", "plants", "-p", "1", "-l", "green", "--nudge",
    ]);
    let bead = place.bead(text(&made, "bead"));
    assert_eq!(
        (text(&bead, "title"), &bead["priority"]),
        ("water the plants", &json!(1))
    );
    assert_eq!(bead["assignee"], "repo/crew/joe");
    assert_eq!(
        place
            .json(&["mail", "inbox", "crew/joe"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    place
        .gt(&["assign", "crew/joe", "more"])
        .fails(4, &["on its hook"]);
    assert_eq!(place.json(&["list"]).as_array().unwrap().len(), 1);
    let said = place
        .gt(&["assign", "repo/crew/joe", "more", "--force"])
        .done()
        .stdout;
    assert!(said.contains("is open again"), "{said}");
}

#[test]
fn whoever_stands_in_a_worktree_can_hang_a_bead_there() {
    let place = Place::new();
    place.gate("true");
    let bead = place.create("work");
    let hang = |args: &[&str]| place.gt(&[args, &["--actor", "ada"]].concat());
    hang(&["sling", &bead, "."]).done();
    assert_eq!(place.bead(&bead)["assignee"], "ada");
    let shown = place.json(&["hook"]);
    assert_eq!(
        (text(&shown, "agent"), text(&shown, "bead")),
        ("ada", bead.as_str())
    );
    place
        .gt(&["done"])
        .fails(4, &["stands on 'main', where the work is to land"]);
    place
        .git(&["switch", "--quiet", "--create", "topic"])
        .done();
    commit(&place, &place.repo(), "file");
    let other = place.create("other");
    hang(&["hook", &other]).fails(4, &["ada has gt-"]);
    hang(&["hook", &bead]).done();
    assert_eq!(place.json(&["done"])["worker"], "ada");
    assert_eq!(place.json(&["agents"])[0]["role"], "overseer");
    hang(&["hook", &other]).done();
    place
        .gt(&["hook", "show", "nobody"])
        .fails(1, &["no agent 'nobody'", "there are: ada"]);
    assert_eq!(place.json(&["hook", "show", "ada"])["bead"], *other);
}

#[test]
fn an_agent_says_how_it_ended() {
    let place = Place::with_agent("exit 0");
    place.gate("true");
    let stuck = place.create("stuck");
    let path = hook(&place, &stuck);
    ended(&place, &stuck);
    commit(&place, &path, "file");
    let done = |args: &[&str]| place.gt_in(&path, &[&["done"], args].concat());
    done(&["--status", "escalated", "--target", "main"]).fails(1, &["not queued"]);
    done(&["--status", "lost"]).fails(129, &[]);
    done(&["--target", "nowhere"]).fails(1, &["'nowhere' does not exist"]);
    done(&["--target", "-x"]).fails(129, &[]);
    let said = place.json_in(
        &path,
        &["done", "--status", "ESCALATED", "-r", "which parser?"],
    );
    assert_eq!(
        (text(&said, "status"), text(&said, "bead_status")),
        ("escalated", "blocked")
    );
    let bead = place.bead(&stuck);
    assert_eq!(
        (text(&bead, "status"), &bead["labels"]),
        ("blocked", &json!(["escalated"]))
    );
    assert!(
        text(&place.json(&["comments", &stuck])[0], "text")
            .starts_with("needs help: which parser?\n1 commit on gt/")
    );
    let letters = place.json(&["mail", "inbox", "overseer"]);
    assert!(
        text(&letters[0], "subject").contains("needs help"),
        "{letters}"
    );
    assert_eq!(
        place
            .json(&["mail", "inbox", "mayor"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    done(&["--status", "escalated"]).fails(3, &["is over: nobody holds it now"]);
    // Given out again, somebody has dealt with it.
    assert_eq!(hook(&place, &stuck), path);
    ended(&place, &stuck);
    assert_eq!(place.bead(&stuck)["labels"], Value::Null);
    let said = place.json_in(&path, &["done", "--status", "deferred"]);
    assert_eq!(text(&said, "bead_status"), "open");
    assert_eq!(hook(&place, &stuck), path);
    ended(&place, &stuck);
    let said = place.json_in(&path, &["done", "--no-merge", "-r", "look at it"]);
    assert_eq!(
        (text(&said, "status"), &said["new"]),
        ("finished", &json!(true))
    );
    assert_eq!(
        place.json_in(&path, &["done", "--no-merge", "-r", "look at it"])["new"],
        false
    );
    assert_eq!(place.bead(&stuck)["status"], "in_progress");
    assert_eq!(place.json(&["mq", "list", "--all"]), json!([]));
    let letters = place
        .json(&["mail", "inbox", "overseer"])
        .as_array()
        .unwrap()
        .len();
    assert_eq!(letters, 2, "each was told once");
    let issue = place.json(&["done", "--issue", &stuck]);
    assert_eq!(
        (text(&issue, "bead"), &issue["queued"]),
        (stuck.as_str(), &json!(true))
    );
    let other = place.create("other");
    place
        .gt(&["done", "--issue", &other])
        .fails(1, &["hangs on no hook"]);
}

#[test]
fn work_can_be_queued_for_another_branch() {
    let place = Place::with_agent("exit 0");
    place.gate("true");
    place.git(&["branch", "release"]).done();
    let bead = place.create("work");
    let path = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &path, "file");
    let request = place.json_in(&path, &["done", "--target", "release"]);
    assert_eq!(text(&request, "target"), "release");
    place.run();
    assert_eq!(place.files("release"), ["base", "file"]);
    assert_eq!(place.bead(&bead)["status"], "closed");
}

#[test]
fn using_a_worktree_again_may_crash_before_any_write() {
    let template = Place::with_agent("exit 0");
    let mut at = 1;
    loop {
        let place = &template;
        let old = place.create("old");
        let path = hook(place, &old);
        ended(place, &old);
        commit(place, &path, "old");
        let tip = place.rev_in(&path, "HEAD");
        place.gt(&["close", &old]).done();
        let bead = place.create("new");
        let mut crashing = place.command(&["sling", &bead]);
        let said = Output::of(crashing.env("GT_TEST_CRASH_AT", at.to_string()));
        is_kept(place, &tip);
        let again = place.gt(&["sling", &bead]);
        if again.code != Some(0) {
            again.fails(4, &["is on the hook of repo/polecats/"]);
        }
        let agent = ended(place, &bead);
        assert_eq!(
            agent["path"],
            path.display().to_string(),
            "before write {at}"
        );
        is_kept(place, &tip);
        let here = place.rev_in(&path, "HEAD");
        assert_eq!(here, place.rev("main"), "before write {at}");
        let branches = place.git(&["branch", "--list", "gt/*"]).done().stdout;
        assert_eq!(branches.lines().count(), 1, "before write {at}: {branches}");
        place.gt(&["close", &bead]).done();
        if said.code.is_some() {
            break;
        }
        at += 1;
    }
    assert!(at > 8, "{at}");
    assert_eq!(names(&template), ["furiosa"]);
}

#[test]
fn eight_slings_at_once_share_what_is_idle() {
    let place = Place::with_agent(WORKS);
    place.gate("true");
    let first = [(); 3].map(|()| place.create("first"));
    for bead in &first {
        hook(&place, bead);
        ended(&place, bead);
    }
    place.run();
    place.agent(WORKS);
    let beads = [(); 8].map(|()| place.create("work"));
    let slings = beads
        .each_ref()
        .map(|bead| place.start(&["sling", bead, "--json"]));
    let mut paths = slings.map(|sling| text(&sling.end().done().json()[0], "path").to_owned());
    paths.sort();
    let distinct: std::collections::BTreeSet<&String> = paths.iter().collect();
    assert_eq!(distinct.len(), 8, "{paths:?}");
    for bead in &beads {
        assert_eq!(ended(&place, bead)["state"], "exit 0");
    }
    assert_eq!(names(&place).len(), 8, "three of them worked before");
    assert_eq!(place.run()["landed"].as_array().unwrap().len(), 8);
    place.is_quiet();
}

#[test]
fn names_that_mean_something_else_are_refused_in_words() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let words = ["cannot be the name of an agent", "lower-case"];
    for name in ["Furiosa", "..", "a.b", "HEAD", "crew", "nux~1", "@"] {
        place.gt(&["sling", &bead, name]).fails(1, &words);
    }
    for name in ["refs/heads/main", "/tmp", "./x", "other/nux"] {
        place
            .gt(&["sling", &bead, name])
            .fails(1, &["there is no rig"]);
    }
    place.gt(&["sling", &bead, "crew/Joe"]).fails(1, &words);
    place.gt(&["sling", &bead, "crew/../x"]).fails(1, &words);
    place
        .gt(&["sling", &bead, "--force", "--", "-x"])
        .fails(1, &words);
    assert_eq!(place.json(&["agents"]), json!([]));
}
