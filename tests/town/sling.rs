//! Agents: what is slung to whom, what they are told, how their sessions end, and what they hand in.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::place::{Output, Place};

/// Commits a file named after its bead and hands it in.
pub(crate) const WORKS: &str = "cat >/dev/null; echo work >\"$GT_BEAD\"; git add --all
git commit --quiet --message=\"work on $GT_BEAD\" && git gt done";

/// Returns the agent on a bead once it does not run any more.
#[track_caller]
pub(crate) fn ended(place: &Place, bead: &str) -> Value {
    place.until("the agent's end", || {
        let agents = place.json(&["agents"]);
        let agents = agents.as_array().unwrap().iter();
        let found: Vec<&Value> = agents.filter(|it| it["hook_bead"] == *bead).collect();
        let over = |it: &&Value| it["running"] == false && it["state"] != "lost";
        // Somebody else may have had the bead before.
        found
            .iter()
            .all(over)
            .then(|| found.first().cloned().cloned())?
    })
}

/// Slings a bead and returns its hook's folder.
#[track_caller]
pub(crate) fn hook(place: &Place, bead: &str) -> PathBuf {
    let slung = place.json(&["sling", bead]);
    PathBuf::from(slung[0]["path"].as_str().unwrap())
}

/// Returns all refs and worktrees.
pub(crate) fn everything(place: &Place) -> String {
    let refs = place.git(&["for-each-ref"]).done().stdout;
    refs + &place.git(&["worktree", "list"]).done().stdout
}

pub(crate) fn commit(place: &Place, hook: &Path, file: &str) {
    fs::write(hook.join(file), file).unwrap();
    place.git_in(hook, &["add", "--all"]).done();
    place
        .git_in(hook, &["commit", "--quiet", "--message=work"])
        .done();
}

#[test]
fn work_goes_from_a_bead_to_the_target() {
    let place = Place::with_agent(WORKS);
    place.gate("true");
    let bead = place.create("a piece of work");
    let slung = place.gt(&["sling", &bead]).done();
    assert!(slung.stdout.contains("repo/polecats/furiosa"), "{slung:?}");
    let agent = ended(&place, &bead);
    assert_eq!(agent["state"], "exit 0", "{}", read(&agent["log"]));
    place.run();
    assert_eq!(place.files("main"), ["base", bead.as_str()]);
    assert_eq!(place.bead(&bead)["status"], "closed");
    // Nobody's identity is configured anywhere.
    let format = "--format=%an <%ae>, %cn <%ce>";
    let who = place
        .git(&["log", "-1", "--no-merges", format, "main"])
        .done();
    let want = "furiosa <repo.polecats.furiosa@gt.invalid>";
    assert_eq!(who.stdout, format!("{want}, {want}\n"));
    place.is_quiet();
}

fn read(path: &Value) -> String {
    fs::read_to_string(path.as_str().unwrap()).unwrap_or_default()
}

#[test]
fn what_cannot_be_slung_is_refused_and_nothing_is_written() {
    let place = Place::new();
    let bead = place.create("open");
    let refused = |what: &[&str], code, words: &[&str]| {
        let before = everything(&place);
        for dry_run in [&[][..], &["--dry-run"]] {
            place
                .gt(&[&["sling"], what, dry_run].concat())
                .fails(code, words);
        }
        assert_eq!(everything(&place), before, "{what:?}");
    };
    refused(&[&bead], 4, &["no agent is configured", "config agent set"]);
    place.agent("exit 0");
    refused(&["gt-gone"], 1, &["gt-gone"]);
    refused(
        &[&bead, "--agent", "gone"],
        1,
        &["no agent 'gone'", "scripted"],
    );
    let closed = place.create("closed");
    place.gt(&["close", &closed, "--reason", "done"]).done();
    refused(&[&closed], 4, &["is closed: done", "reopen"]);
    let claimed = place.create("claimed");
    place
        .gt(&["update", &claimed, "--claim", "--actor", "bob"])
        .done();
    refused(&[&claimed], 4, &["is claimed by bob", "release"]);
    let blocked = place.create("blocked");
    place.gt(&["dep", "add", &blocked, &bead]).done();
    refused(&[&blocked], 4, &[&format!("waits for {bead}"), "--force"]);
    let names = [
        "Nux",
        "..",
        "../x",
        "/x",
        "x/y",
        "repo/",
        "refinery",
        "repo/crew/joe",
        "-",
        "a b",
    ];
    for name in names {
        refused(&[&bead, name], 1, &[]);
    }
    place.gt(&["sling", &bead, "-x"]).fails(129, &[]);
    place.gt(&["sling", &blocked, "--force"]).done();
    ended(&place, &blocked);
    place
        .gt(&["config", "agent", "set", "second", "true"])
        .done();
    refused(&[&bead], 4, &["which agent?", "scripted, second"]);
}

#[test]
fn a_dry_run_says_what_would_happen() {
    let place = Place::with_agent("exit 0");
    let beads = [place.create("one"), place.create("two")];
    let before = everything(&place);
    let planned = place.json(&["sling", &beads[0], &beads[1], "--dry-run"]);
    assert_eq!(everything(&place), before);
    let want = json!({
        "bead": beads[1], "title": "two", "agent": "repo/polecats/(a new polecat)",
        "base": place.rev("main"), "again": false, "dry_run": true,
    });
    assert_eq!(planned[1], want);
    let one = place.json(&["sling", &beads[0], "nux", "--dry-run"]);
    assert_eq!(one[0]["agent"], "repo/polecats/nux");
}

#[test]
fn a_polecat_can_be_named_and_the_rig_is_a_target_too() {
    let place = Place::with_agent("cat >/dev/null");
    let place_of = |target: &[&str]| {
        let bead = place.create("work");
        let slung = place.json(&[&["sling", &bead], target].concat());
        let name = slung[0]["agent"].as_str().unwrap().to_owned();
        name.strip_prefix("repo/polecats/").unwrap().to_owned()
    };
    assert_eq!(place_of(&["toast"]), "toast");
    assert_eq!(place_of(&["repo/slit"]), "slit");
    assert_eq!(place_of(&["repo/polecats/max-2"]), "max-2");
    assert_eq!(place_of(&["repo"]), "furiosa");
    assert_eq!(place_of(&[]), "nux");
    assert_eq!(place_of(&[]), "rictus", "slit is somebody else");
    let bead = place.create("work");
    place
        .gt(&["sling", &bead, "toast"])
        .fails(4, &["toast has gt-", "on its hook"]);
    place
        .gt(&["sling", &bead, "other/nux"])
        .fails(1, &["there is no rig 'other'"]);
    let two = [&*bead, &*place.create("work")];
    place
        .gt(&["sling", two[0], two[1], "dag"])
        .fails(4, &["do not fit on the hook of dag"]);
}

#[test]
fn a_name_of_the_pool_is_no_part_of_an_id() {
    let place = Place::with_agent("cat >/dev/null");
    let line = json!({ "id": "gt-anux", "title": "its id holds a name", "status": "open",
        "created_at": "2026-01-01T00:00:00Z" });
    let file = place.write("beads.jsonl", &line.to_string());
    place.gt(&["import", &file.display().to_string()]).done();
    let bead = place.create("work");
    let slung = place.json(&["sling", &bead, "nux"]);
    assert_eq!(slung.as_array().unwrap().len(), 1);
    assert_eq!(slung[0]["agent"], "repo/polecats/nux");
    let both = place.json(&["sling", &place.create("work"), "anux"]);
    assert_eq!(both[1]["bead"], "gt-anux");
}

#[test]
fn of_several_beads_those_that_can_be_slung_are() {
    let place = Place::with_agent("cat >/dev/null");
    let beads = ["one", "two", "three"].map(|title| place.create(title));
    place.gt(&["close", &beads[1]]).done();
    let said = place.gt(&["sling", &beads[0], &beads[1], &beads[2], "--json"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(
        said.stderr
            .contains(&format!("bead {} is closed", beads[1]))
    );
    let slung = said.json();
    let names = slung.as_array().unwrap().iter().map(|it| &it["agent"]);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["repo/polecats/furiosa", "repo/polecats/nux"]
    );
}

#[test]
fn eight_slings_at_once_get_eight_names() {
    let place = Place::with_agent(WORKS);
    place.gate("true");
    let beads = [(); 8].map(|()| place.create("work"));
    let slings = beads
        .each_ref()
        .map(|bead| place.start(&["sling", bead, "--json"]));
    let mut names = slings.map(|sling| {
        let slung = sling.end().done().json();
        slung[0]["agent"].as_str().unwrap().to_owned()
    });
    names.sort();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), 8, "{names:?}");
    for bead in &beads {
        assert_eq!(ended(&place, bead)["state"], "exit 0");
    }
    assert_eq!(place.run()["landed"].as_array().unwrap().len(), 8);
}

#[test]
fn one_bead_slung_at_once_by_eight_goes_to_one_agent() {
    let place =
        Place::with_agent("echo \"$GT_SESSION\" >>\"$PLACE/ran\"; read line <\"$PLACE/go\"");
    let mut go = place.pipe("go");
    let bead = place.create("work");
    let slings = [(); 8].map(|()| place.start(&["sling", &bead]));
    let ends = slings.map(|sling| sling.end());
    let done: Vec<&Output> = ends.iter().filter(|it| it.code == Some(0)).collect();
    assert_eq!(done.len(), 1, "{ends:?}");
    for other in ends.iter().filter(|it| it.code != Some(0)) {
        assert_eq!(other.code, Some(4), "{other:?}");
        assert!(
            other
                .stderr
                .contains("is on the hook of repo/polecats/furiosa"),
            "{other:?}"
        );
    }
    writeln!(go, "go").unwrap();
    ended(&place, &bead);
    assert_eq!(place.read("ran").lines().count(), 1);
    let branches = place.git(&["branch", "--list", "gt/*"]).done().stdout;
    assert_eq!(branches.lines().count(), 1);
}

#[test]
fn an_agent_is_told_by_its_input_or_in_its_command() {
    let place = Place::with_agent("cat >\"$PLACE/told\"");
    let title = "a $(touch pwned) `touch pwned` \"title\" 'of' $HOME; touch pwned {prompt}";
    let bead = place.create(title);
    place
        .gt(&["update", &bead, "--description", "line one\nline two"])
        .done();
    place.gt(&["sling", &bead]).done();
    ended(&place, &bead);
    let told = place.read("told");
    let words = [
        title,
        "line one\nline two\n",
        "git gt done",
        "repo/polecats/furiosa",
        &bead,
    ];
    for word in words {
        assert!(told.contains(word), "no {word}: {told}");
    }
    place
        .gt(&["update", &bead, "--status", "open", "--assignee", ""])
        .done();
    place.write(
        "agent.sh",
        "printf '%s' \"$1\" >\"$PLACE/argument\"; cat >\"$PLACE/input\"",
    );
    for form in ["{prompt}", "\"{prompt}\"", "'{prompt}'"] {
        let line = format!("sh \"$PLACE/agent.sh\" {form} --flag");
        place
            .gt(&["config", "agent", "set", "scripted", &line])
            .done();
        let slung = place.json(&["sling", &bead]);
        ended(&place, &bead);
        let same = |text: String| {
            let rest = text.split_once("\nOn your hook").unwrap().1;
            rest.lines()
                .filter(|line| !line.contains("on branch"))
                .collect::<String>()
        };
        assert_eq!(same(place.read("argument")), same(told.clone()), "{form}");
        assert_eq!(place.read("input"), "");
        let path = Path::new(slung[0]["path"].as_str().unwrap()).to_owned();
        assert!(!path.join("pwned").exists() && !place.repo().join("pwned").exists());
        place.gt(&["update", &bead, "--assignee", ""]).done();
    }
}

#[test]
fn texts_without_end_do_not_keep_an_agent_from_starting() {
    let place = Place::new();
    let line = "printf '%s' {prompt} >\"$PLACE/told\"";
    place
        .gt(&["config", "agent", "set", "scripted", line])
        .done();
    let bead = place.create("work");
    let long = "é".repeat(50_000);
    for field in ["--description", "--design", "--acceptance"] {
        let file = format!("{field}={long}");
        place.gt(&["update", &bead, &file]).done();
    }
    place.gt(&["sling", &bead]).done();
    assert_eq!(ended(&place, &bead)["state"], "exit 0");
    assert_eq!(
        place.read("told").matches("(cut here; all of it").count(),
        3
    );
}

#[test]
fn an_agent_knows_who_it_is() {
    let place = Place::with_agent(
        "env >\"$PLACE/env\"; pwd >\"$PLACE/pwd\"; git gt version >\"$PLACE/us\"",
    );
    let bead = place.create("work");
    let mut sling = place.command(&["sling", &bead, "--json"]);
    sling
        .env("GIT_DIR", place.repo().join(".git"))
        .env("GIT_INDEX_FILE", "/nowhere");
    sling
        .env("GT_ROLE", "mayor")
        .env("BD_ACTOR", "mayor")
        .env("GT_CREW", "joe");
    let slung = Output::of(&mut sling).done().json();
    ended(&place, &bead);
    let env = place.read("env");
    let agent = "repo/polecats/furiosa";
    let want = [
        ("GT_ROLE", agent),
        ("GT_RIG", "repo"),
        ("GT_POLECAT", "furiosa"),
        ("GT_BEAD", &bead),
        ("BD_ACTOR", agent),
        ("GT_AGENT", "scripted"),
        ("GIT_AUTHOR_NAME", "furiosa"),
        ("GIT_AUTHOR_EMAIL", "repo.polecats.furiosa@gt.invalid"),
        ("GT_SESSION", slung[0]["session"].as_str().unwrap()),
    ];
    for (key, value) in want {
        assert!(
            env.lines().any(|line| line == format!("{key}={value}")),
            "{key}: {env}"
        );
    }
    for key in ["GIT_DIR=", "GIT_INDEX_FILE=", "GT_CREW="] {
        assert!(
            !env.lines().any(|line| line.starts_with(key)),
            "{key}: {env}"
        );
    }
    assert_eq!(place.read("pwd").trim(), slung[0]["path"].as_str().unwrap());
    assert!(place.read("us").contains("git-gt") || place.read("us").contains("git gt"));
}

#[test]
fn half_an_identity_does_not_keep_an_agent_from_committing() {
    let place = Place::with_agent(WORKS);
    for (key, value) in [
        ("user.email", "ada@example.com"),
        ("user.useConfigOnly", "true"),
    ] {
        place.git(&["config", key, value]).done();
    }
    let bead = place.create("work");
    place.gt(&["sling", &bead]).done();
    let agent = ended(&place, &bead);
    assert_eq!(agent["state"], "exit 0", "{}", read(&agent["log"]));
}

#[test]
fn without_a_backend_the_user_is_told_what_to_start() {
    let place = Place::with_agent("exit 0");
    place.gt(&["config", "set", "backend", "none"]).done();
    let bead = place.create("work");
    let said = place.gt(&["sling", &bead]).done().stdout;
    for word in [
        "start it yourself",
        "repo.gt/polecats/furiosa",
        "agent.sh",
        "You are repo/",
    ] {
        assert!(said.contains(word), "no {word}: {said}");
    }
    assert_eq!(place.json(&["agents"])[0]["state"], "by hand");
    assert_eq!(place.bead(&bead)["assignee"], "repo/polecats/furiosa");
}

#[test]
fn how_an_agent_ended_is_said_and_its_work_taken_up_again() {
    let place = Place::with_agent("cat >/dev/null; echo oops; exit 7");
    let bead = place.create("work");
    let first = hook(&place, &bead);
    let agent = ended(&place, &bead);
    assert_eq!(
        (&agent["state"], read(&agent["log"])),
        (&json!("exit 7"), "oops\n".into())
    );
    fs::write(first.join("begun"), "not committed yet").unwrap();
    place.write(
        "agent.sh",
        "ps -o pgid= -p $$ >\"$PLACE/pid\"; read line <\"$PLACE/go\"; exit 0",
    );
    let mut go = place.pipe("go");
    assert_eq!(place.json(&["sling", &bead, "--dry-run"])[0]["again"], true);
    assert_eq!(hook(&place, &bead), first);
    assert_eq!(
        fs::read_to_string(first.join("begun")).unwrap(),
        "not committed yet"
    );
    let agents = place.json(&["agents"]);
    assert_eq!(agents.as_array().unwrap().len(), 1);
    assert_eq!(
        (&agents[0]["state"], &agents[0]["running"]),
        (&json!("running"), &json!(true))
    );
    place
        .gt(&["sling", &bead])
        .fails(4, &["is on the hook of repo/polecats/furiosa already"]);
    let group = place.until("the group", || place.read("pid").trim().parse::<u32>().ok());
    let group = format!("-{group}");
    Output::of(std::process::Command::new("kill").args(["-9", "--", &group])).done();
    assert_eq!(ended(&place, &bead)["state"], "signal 9");
    assert_eq!(hook(&place, &bead), first);
    writeln!(go, "go").unwrap();
    assert_eq!(ended(&place, &bead)["state"], "exit 0");
    assert_eq!(
        place.bead(&bead)["assignee"],
        "repo/polecats/furiosa",
        "one claim for all"
    );
    place.is_quiet();
}

#[test]
fn an_agent_whose_keeper_was_killed_is_lost() {
    let place = Place::with_agent(
        "ps -o ppid= -p $(ps -o pgid= -p $$) >\"$PLACE/keeper\"; read line <\"$PLACE/go\"",
    );
    let mut go = place.pipe("go");
    let bead = place.create("work");
    let first = hook(&place, &bead);
    let keeper = place.until("the keeper", || {
        place.read("keeper").trim().parse::<u32>().ok()
    });
    Output::of(std::process::Command::new("kill").args(["-9", &keeper.to_string()])).done();
    place.until("it is lost", || {
        (place.json(&["agents"])[0]["state"] == "lost").then_some(())
    });
    // The agent goes on by itself: a second one must not work beside it, whoever holds the bead.
    let words = ["still runs in", "end it by hand"];
    place.gt(&["sling", &bead]).fails(4, &words);
    place.gt(&["release", &bead]).done();
    place.gt(&["sling", &bead]).fails(4, &words);
    writeln!(go, "go").unwrap();
    place.is_quiet();
    place.write("agent.sh", "exit 0");
    assert_eq!(hook(&place, &bead), first);
    assert_eq!(ended(&place, &bead)["state"], "exit 0");
}

#[test]
fn an_agent_runs_on_when_the_scratch_folder_goes() {
    let place = Place::with_agent(": >\"$PLACE/begun\"; read line <\"$PLACE/go\"");
    let mut go = place.pipe("go");
    let bead = place.create("work");
    hook(&place, &bead);
    place.until_file("begun");
    fs::remove_dir_all(place.path("repo/.git/gt")).unwrap();
    assert_eq!(place.json(&["agents"])[0]["state"], "running");
    place.gt(&["sling", &bead]).fails(4, &["is on the hook of"]);
    writeln!(go, "go").unwrap();
    assert_eq!(ended(&place, &bead)["state"], "exit 0");
}

#[test]
fn a_worktree_that_was_deleted_is_made_again() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let first = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &first, "kept");
    fs::remove_dir_all(&first).unwrap();
    let mut done = place.command(&["done"]);
    Output::of(done.env("GT_ROLE", "repo/polecats/furiosa")).fails(
        4,
        &[
            "the worktree of repo/polecats/furiosa is gone",
            "mq submit --branch gt/furiosa/",
        ],
    );
    assert_eq!(hook(&place, &bead), first);
    assert_eq!(fs::read_to_string(first.join("kept")).unwrap(), "kept");
    ended(&place, &bead);
    place.gt_in(&first, &["done"]).done();
}

#[test]
fn a_worktree_that_git_was_killed_in_the_middle_of_making_is_completed() {
    let place = Place::new();
    place.gt(&["config", "set", "backend", "none"]).done();
    let bead = place.create("half a worktree");
    let path = hook(&place, &bead);
    let private = place
        .git_in(&path, &["rev-parse", "--absolute-git-dir"])
        .done()
        .stdout;
    let private = PathBuf::from(private.trim());
    let tracked = place.git_in(&path, &["ls-files"]).done().stdout;
    let file = path.join(tracked.lines().next().unwrap());
    assert!(file.exists());
    let during_checkout = || {
        fs::remove_file(&file).unwrap();
        fs::remove_file(private.join("index")).unwrap();
        fs::write(private.join("index.lock"), "half").unwrap();
    };
    let before_head = || {
        fs::remove_file(&file).unwrap();
        fs::write(private.join("HEAD"), format!("{}\n", "0".repeat(40))).unwrap();
    };
    let before_link = || {
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(&path).unwrap();
    };
    let moments: [&dyn Fn(); 3] = [&during_checkout, &before_head, &before_link];
    for (at, moment) in moments.iter().enumerate() {
        moment();
        fs::write(private.join("locked"), "initializing").unwrap();
        place.gt(&["sling", &bead]).done();
        let status = place.git_in(&path, &["status", "--porcelain"]).done();
        assert_eq!(status.stdout, "", "{at}");
        assert!(file.exists(), "{at}");
        let all = place.git(&["worktree", "list", "--porcelain"]).done();
        assert!(!all.stdout.contains("locked"), "{at} {all:?}");
        let head = place
            .git_in(&path, &["symbolic-ref", "--short", "HEAD"])
            .done();
        assert!(head.stdout.starts_with("gt/"), "{at} {head:?}");
    }
}

#[test]
fn done_takes_what_is_committed_and_nothing_else() {
    let place = Place::with_agent("exit 0");
    place.gt(&["done"]).fails(1, &["nothing hangs here"]);
    place.gt(&["hook"]).fails(1, &[]);
    let bead = place.create("work");
    let hook = hook(&place, &bead);
    ended(&place, &bead);
    let done = || place.gt_in(&hook, &["done"]);
    assert_eq!(place.json_in(&hook, &["hook"])["bead"], *bead);
    done().fails(4, &["nothing to land"]);
    fs::write(hook.join("file"), "work").unwrap();
    done().fails(4, &["uncommitted changes: ?? file"]);
    commit(&place, &hook, "file");
    fs::write(hook.join("file"), "more").unwrap();
    done().fails(4, &["uncommitted changes: M file"]);
    place
        .git_in(&hook, &["checkout", "--quiet", "--", "file"])
        .done();
    place
        .git_in(&hook, &["switch", "--quiet", "--create", "mine"])
        .done();
    done().fails(4, &["stands on mine, not on", "git switch gt/furiosa/"]);
    place
        .git_in(&hook, &["switch", "--quiet", "--detach"])
        .done();
    done().fails(4, &["stands on no branch"]);
    place.git_in(&hook, &["switch", "--quiet", "-"]).done();
    let branch = place.json_in(&hook, &["hook"])["branch"]
        .as_str()
        .unwrap()
        .to_owned();
    place.git_in(&hook, &["switch", "--quiet", &branch]).done();
    let first = place.json_in(&hook, &["done"]);
    assert_eq!(
        (&first["queued"], &first["commits"]),
        (&json!(true), &json!(1))
    );
    let second = place.json_in(&hook, &["done"]);
    assert_eq!(
        (&second["queued"], &second["id"]),
        (&json!(false), &first["id"])
    );
    place
        .gt(&["sling", &bead])
        .fails(4, &["waits in the queue as"]);
    commit(&place, &hook, "more");
    let newer = place.gt_in(&hook, &["done"]).done();
    assert!(
        newer
            .stderr
            .contains("is cancelled: this one supersedes it"),
        "{newer:?}"
    );
}

#[test]
fn work_under_a_claim_that_is_over_is_not_queued() {
    let place = Place::with_agent("exit 0");
    let bead = place.create("work");
    let hook = hook(&place, &bead);
    ended(&place, &bead);
    commit(&place, &hook, "file");
    place.gt(&["update", &bead, "--assignee", ""]).done();
    place
        .gt_in(&hook, &["done"])
        .fails(3, &["is over: nobody holds it now", "mq submit --branch"]);
    assert_eq!(place.json_in(&hook, &["hook"])["claim"], "over");
    place
        .gt(&["update", &bead, "--claim", "--actor", "bob"])
        .done();
    place
        .gt_in(&hook, &["done"])
        .fails(3, &["is over: bob holds it now"]);
    place.gt(&["close", &bead, "--force"]).done();
    place.gt_in(&hook, &["done"]).fails(4, &["is closed"]);
    assert_eq!(place.json(&["mq", "list", "--all"]), json!([]));
}

#[test]
fn hooks_may_stand_anywhere() {
    let place = Place::with_agent(WORKS);
    fs::create_dir(place.path("real")).unwrap();
    std::os::unix::fs::symlink(place.path("real"), place.path("linked")).unwrap();
    for dir in ["../else where", "../linked/hooks", ".git/hooks-of-agents"] {
        place.gt(&["config", "set", "hooksDir", dir]).done();
        let bead = place.create("work");
        let path = hook(&place, &bead);
        let agent = ended(&place, &bead);
        assert_eq!(agent["state"], "exit 0", "{dir}: {}", read(&agent["log"]));
        assert_eq!(place.json_in(&path, &["hook"])["bead"], *bead, "{dir}");
        place.gt_in(&path, &["done"]).done();
    }
    place.write("file", "");
    place
        .gt(&["config", "set", "hooksDir", "../file/below"])
        .done();
    let bead = place.create("work");
    place
        .gt(&["sling", &bead])
        .fails(128, &["cannot make folder", "gt.hooksDir"]);
    place
        .gt(&["config", "set", "hooksDir", "../elsewhere"])
        .done();
    hook(&place, &bead);
    ended(&place, &bead);
}
