//! Gates that an outside CI answers through refs: the CI is played in plain git, with the reporter as it is
//! printed and no git gt.

mod faults;
mod signers;
mod template;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::crash::{MOMENTS, at_moments, crashes, writes};
use crate::place::{Output, Place};

/// What the CI runs, unless a test says otherwise.
const PICKY: &str = "echo checking; test ! -e culprit";

/// A rig whose remote has a CI, which must answer for the check `unit`.
fn asking() -> Place {
    asking_in(Place::new())
}

fn asking_in(place: Place) -> Place {
    place.remote();
    let template = place.gt(&["ci", "template", "report"]).done();
    place.write("gt-ci-report", &template.stdout);
    place
        .gt(&["refinery", "gate", "add", "fast", "--ci", "unit"])
        .done();
    place
}

impl Place {
    /// Returns what the remote shows about questions and answers: name and commit.
    fn board(&self) -> Vec<(String, String)> {
        let remote = self.path("remote.git");
        let format = "--format=%(refname)%09%(objectname)";
        let listed = self.git_in(
            &remote,
            &["for-each-ref", format, "refs/heads/gt-mq", "refs/gt/ci"],
        );
        let lines = listed.done().stdout;
        let pairs = lines.lines().filter_map(|line| line.split_once('\t'));
        pairs
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    /// Returns the branches that ask, and what they ask about.
    fn questions(&self) -> Vec<(String, String)> {
        let heads = self.board().into_iter();
        let heads =
            heads.filter_map(|(name, id)| Some((name.strip_prefix("refs/heads/")?.to_owned(), id)));
        heads.collect()
    }

    /// Returns the only question there is.
    #[track_caller]
    fn question(&self) -> (String, String) {
        let mut all = self.questions();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Checks out a branch of the remote as a runner does: shallow, detached, with nobody's identity.
    #[track_caller]
    fn checkout(&self, branch: &str) -> PathBuf {
        self.cloned(branch).expect("the branch is there")
    }

    /// Returns a checkout of a branch, nothing where it cannot be cloned.
    fn cloned(&self, branch: &str) -> Option<PathBuf> {
        let dir = self.path(&format!("runner-{}", branch.replace('/', "-")));
        drop(std::fs::remove_dir_all(&dir));
        let url = format!("file://{}", self.path("remote.git").display());
        let mut git = self.hermetic(Command::new("git"));
        git.args(["clone", "--quiet", "--depth=1", "--branch", branch, &url]);
        if Output::of(git.arg(&dir)).code != Some(0) {
            return None;
        }
        let mut git = self.hermetic(Command::new("git"));
        git.current_dir(&dir)
            .args(["checkout", "--quiet", "--detach"]);
        Output::of(&mut git).done();
        Some(dir)
    }

    /// Runs the reporter in a checkout.
    fn reporter(&self, dir: &Path, args: &[&str]) -> Output {
        let mut sh = self.hermetic(Command::new("sh"));
        sh.env("GT_CI_URL", "https://ci.example/7")
            .env("GT_CI_TRIES", "1");
        let sh = sh.arg(self.path("gt-ci-report")).args(args);
        Output::of(sh.current_dir(dir))
    }

    /// Plays the CI: answers for `check` wherever a branch asks and nobody has answered.
    fn ci(&self, check: &str, command: &str) {
        let mut board = self.board();
        board.retain(|(name, _)| name.starts_with("refs/heads/"));
        for (name, _) in board {
            let branch = name.trim_start_matches("refs/heads/");
            let Some(dir) = self.cloned(branch) else {
                let gone = self.questions().iter().all(|(it, _)| it != branch);
                assert!(gone, "{branch} cannot be cloned");
                continue;
            };
            let said = self.reporter(&dir, &[check, "sh", "-c", command]);
            assert!(matches!(said.code, Some(0 | 1 | 3)), "{said:?}");
        }
    }

    /// Runs queue and CI in turns until nobody waits; returns what each run came to.
    fn to_the_end(&self, command: &str) -> Vec<Value> {
        let mut runs = Vec::new();
        for _ in 0..40 {
            let ran = self.run();
            let left = ran["queued"] != 0;
            runs.push(ran);
            if !left {
                return runs;
            }
            self.ci("unit", command);
        }
        panic!("it does not end: {runs:?}");
    }

    /// Puts something where `unit` answers about a commit.
    fn forge(&self, commit: &str, verdict: &str) -> String {
        let file = self.write("verdict.json", verdict);
        let blob = self
            .git(&["hash-object", "-w", &file.display().to_string()])
            .done();
        let line = format!("100644 blob {}\tverdict.json\n", blob.stdout.trim());
        let line = self.write("tree", &line);
        let mut mktree = self.hermetic(Command::new("git"));
        let tree = Output::of(
            mktree
                .arg("mktree")
                .stdin(std::fs::File::open(line).unwrap()),
        );
        let made = self
            .git(&["commit-tree", "-m", "forged", tree.done().stdout.trim()])
            .done();
        let made = made.stdout.trim().to_owned();
        let name = self.answer_ref(commit);
        self.git(&["push", "--quiet", "origin", &format!("+{made}:{name}")])
            .done();
        made
    }

    fn answer_ref(&self, commit: &str) -> String {
        let name = self.write("name", "unit");
        let hash = self
            .git(&["hash-object", &name.display().to_string()])
            .done();
        format!("refs/gt/ci/{commit}/{}", &hash.stdout[..32])
    }

    /// Runs the queue at a time, in minutes after the start of the year.
    fn run_at(&self, minutes: u64) -> Output {
        let mut command = self.command(&["refinery", "run"]);
        let now = 1_767_225_600_000 + minutes * 60_000;
        Output::of(command.env("GT_TEST_NOW", now.to_string()))
    }

    /// Returns how often `unit` was red and green, over all trees.
    fn verdicts_of_ci(&self) -> (usize, usize) {
        let results = self.records("results");
        let all = results
            .iter()
            .flat_map(|it| it["attempts"].as_object().unwrap().values());
        let ci: Vec<&Value> = all.filter(|it| it["host"] == "ci").collect();
        let count = |word: &str| ci.iter().filter(|it| it["verdict"] == word).count();
        (count("red"), count("green"))
    }
}

#[test]
fn what_passes_the_ci_lands() {
    let place = asking();
    let base = place.rev("main");
    let id = place.queue("a");
    let ran = place.gt(&["refinery", "run"]).done();
    let (branch, commit) = place.question();
    assert_eq!(branch, format!("gt-mq/{}", &commit[..12]));
    let words = format!("waiting for CI check unit on {branch}");
    assert!(ran.stdout.contains(&words), "{ran:?}");
    assert_eq!(
        (place.rev("main"), place.status(&id)),
        (base.clone(), "queued".into())
    );
    let again = place.run();
    assert_eq!(again["waiting"][0]["branch"], branch, "{again}");
    assert_eq!(again["waiting"][0]["requests"], json!([id]));
    assert_eq!(again["gate_runs"], 0, "it was asked already");
    let asked = &place.json(&["mq", "status", &id])["asked"][0];
    assert_eq!(
        (&asked["branch"], &asked["overdue"]),
        (&json!(branch), &json!(false))
    );
    place.ci("unit", PICKY);
    let ran = place.run();
    assert_eq!(ran["landed"], json!([id]), "{ran}");
    assert_eq!(ran["waiting"], json!([]));
    assert_eq!(place.rev_in(&place.path("remote.git"), "main"), commit);
    assert_eq!(place.board(), [], "the remote is as it was");
    assert_eq!(
        place
            .git(&["for-each-ref", "refs/gt-local/ci/"])
            .done()
            .stdout,
        ""
    );
    let run = place.json(&["mq", "status", &id])["runs"][0].take();
    assert_eq!(run["ended"], "exit 0", "{run}");
    assert_eq!(run["tail"], "checking\n");
    assert_eq!(run["host"], "ci");
    assert_eq!(run["url"], "https://ci.example/7");
    place.is_sound(&base);
}

#[test]
fn what_fails_the_ci_is_ejected_with_its_proof() {
    let place = asking();
    let base = place.rev("main");
    let ids = ["a", "culprit", "b"].map(|name| place.queue(name));
    let runs = place.to_the_end(PICKY);
    let all = |key: &str| -> Vec<Value> {
        let lists = runs.iter().flat_map(|it| it[key].as_array().unwrap());
        lists.cloned().collect()
    };
    assert_eq!(all("landed"), [json!(ids[0]), json!(ids[2])], "{runs:?}");
    assert_eq!(all("ejected")[0]["id"], json!(ids[1]));
    let shown = place.json(&["mq", "status", &ids[1]]);
    assert_eq!(
        (&shown["status"], &shown["gate"]),
        (&json!("ejected"), &json!("fast"))
    );
    let reproduce = shown["reproduce"].as_str().unwrap();
    assert!(reproduce.contains("CI check 'unit'"), "{reproduce}");
    let mut shell = place.hermetic(Command::new("sh"));
    Output::of(shell.args(["-c", reproduce])).done();
    let red = shown["red"].as_str().unwrap();
    assert!(
        place
            .path(&format!("gt-{}", &red[..12]))
            .join("culprit")
            .exists()
    );
    // Everything else in the two red trees has landed.
    let red = |it: &&Value| it["verdict"] == "red";
    let reds = shown["runs"].as_array().unwrap().iter().filter(red).count();
    assert_eq!(reds, 2, "once is no proof: {shown}");
    let alone = |it: &Value| it["requests"] == json!([ids[1]]);
    assert!(
        shown["runs"].as_array().unwrap().iter().any(alone),
        "{shown}"
    );
    assert_eq!(place.board(), []);
    assert_eq!(place.files("main"), ["a", "b", "base"]);
    place.is_sound(&base);
}

#[test]
fn the_first_answer_counts() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    let (branch, _) = place.question();
    let dir = place.checkout(&branch);
    place.reporter(&dir, &["unit", "true"]).done();
    let first = place.board();
    let second = place.reporter(&dir, &["unit", "false"]);
    second.fails(3, &["has answered about", "the first answer counts"]);
    let other = place.reporter(&dir, &["unit", "--fail"]);
    other.fails(3, &["has answered about"]);
    place
        .gt_in(&dir, &["ci", "report", "unit", "fail"])
        .fails(4, &["has answered about"]);
    assert_eq!(place.board(), first);
    assert_eq!(place.run()["landed"], json!([id]));
    let late = place.reporter(&dir, &["unit", "false"]);
    assert_eq!(late.code, Some(1), "the command's own: {late:?}");
    assert!(late.stderr.contains("nobody asks"), "{late:?}");
    assert_eq!(place.board(), [], "nothing is left that nobody reads");
}

#[test]
fn an_answer_that_comes_again_proves_nothing_more() {
    let place = asking();
    let id = place.queue("culprit");
    place.run();
    let (_, commit) = place.question();
    let dir = place.checkout(&place.question().0);
    place
        .reporter(&dir, &["unit", "sh", "-c", PICKY])
        .fails(1, &["fail: unit"]);
    let answer = place.answer_ref(&commit);
    let verdict = place.rev_in(&place.path("remote.git"), &answer);
    place.git(&["fetch", "--quiet", "origin", &verdict]).done();
    let put_back = || {
        let push = ["push", "--quiet", "origin", &format!("+{verdict}:{answer}")];
        place.git(&push).done();
        place.run();
    };
    place.run();
    let (branch, tip) = place.question();
    assert_eq!(tip, place.rev("main"), "is the target itself green?");
    put_back();
    assert_eq!(place.verdicts_of_ci(), (1, 0));
    let dir = place.checkout(&branch);
    place.reporter(&dir, &["unit", "true"]).done();
    put_back();
    put_back();
    assert_eq!(place.verdicts_of_ci(), (1, 1));
    assert_eq!(place.status(&id), "queued");
    let (branch, again) = place.question();
    assert_ne!(again, commit, "the second question has a name of its own");
    assert_eq!(
        place.rev(&format!("{again}^{{tree}}")),
        place.rev(&format!("{commit}^{{tree}}"))
    );
    place
        .reporter(&place.checkout(&branch), &["unit", "sh", "-c", PICKY])
        .fails(1, &["fail"]);
    place.run();
    assert_eq!(place.status(&id), "ejected");
}

#[test]
fn no_answer_is_no_verdict() {
    let place = asking();
    let base = place.rev("main");
    place
        .gt(&[
            "refinery",
            "gate",
            "add",
            "fast",
            "--ci",
            "unit",
            "--deadline",
            "30m",
        ])
        .done();
    let id = place.queue("a");
    place.run_at(0).done();
    let (branch, commit) = place.question();
    let early = place.run_at(29).done();
    assert!(
        early.stdout.contains("waiting for CI check unit"),
        "{early:?}"
    );
    let late = place.run_at(30);
    late.fails(
        5,
        &[
            "'unit' has not answered",
            "within 30 min",
            &branch,
            "nobody is blamed",
            "--deadline",
        ],
    );
    assert_eq!(
        (place.rev("main"), place.status(&id)),
        (base, "queued".into())
    );
    assert_eq!(place.verdicts_of_ci(), (0, 0));
    let shown = place.gt(&["mq", "status", &id]).done().stdout;
    assert!(
        shown.contains("did not answer in time, and the next"),
        "{shown}"
    );
    // Asked again, and once more until the deadline.
    let again = place.run_at(31).done();
    assert!(again.stderr.contains("ask     fast"), "{again:?}");
    assert_eq!(place.question(), (branch.clone(), commit));
    place.run_at(60).done();
    place.run_at(61).fails(5, &["has not answered"]);
    // What comes late is an answer all the same.
    place
        .reporter(&place.checkout(&branch), &["unit", "true"])
        .done();
    place.run_at(90).done();
    assert_eq!(place.status(&id), "landed");
    assert_eq!(place.board(), []);
}

#[test]
fn what_is_no_answer_never_counts() {
    let place = asking();
    let base = place.rev("main");
    let id = place.queue("a");
    place.run();
    let (branch, commit) = place.question();
    let good = json!({ "v": 1, "commit": commit, "check": "unit", "result": "pass" });
    let with = |key: &str, value: &str| {
        let mut verdict = good.clone();
        verdict[key] = value.into();
        verdict.to_string()
    };
    // What stands in the way of the answer is taken away, and the question asked again; three times.
    for (verdict, words) in [
        (with("commit", &base), "it is about another commit"),
        (with("check", "lint"), "it is about another check"),
        ("pass".to_owned(), "no JSON"),
    ] {
        place.forge(&commit, &verdict);
        let ran = place.gt(&["refinery", "run"]).done();
        let said = format!("about {branch} is no answer: ");
        let line = ran.stderr.lines().find(|line| line.contains(&said));
        assert!(line.is_some_and(|line| line.contains(words)), "{ran:?}");
        assert_eq!(place.question(), (branch.clone(), commit.clone()));
        assert_eq!(place.board().len(), 1, "the place is free again");
    }
    place.forge(&commit, &with("result", "green"));
    place.gt(&["refinery", "run"]).fails(
        4,
        &[
            "is no answer",
            "neither pass nor fail",
            &branch,
            "nobody is blamed",
            "git push origin --delete",
        ],
    );
    // The next run begins anew.
    let name = place.answer_ref(&commit);
    let blob = place.rev("main:base");
    place
        .git(&["push", "--quiet", "origin", &format!("+{blob}:{name}")])
        .done();
    let ran = place.gt(&["refinery", "run"]).done();
    assert!(ran.stderr.contains("ask     fast"), "{ran:?}");
    assert!(
        ran.stderr.contains("is no answer: it is no commit"),
        "{ran:?}"
    );
    assert_eq!(
        (place.rev("main"), place.status(&id)),
        (base, "queued".into())
    );
    assert_eq!(place.verdicts_of_ci(), (0, 0));
    assert_eq!(place.board(), [(format!("refs/heads/{branch}"), commit)]);
    place.ci("unit", PICKY);
    assert_eq!(place.run()["landed"], json!([id]));
}

#[test]
fn answers_nobody_asked_for_are_not_looked_at() {
    let place = asking();
    let id = place.queue("culprit");
    let base = place.rev("main");
    let verdict = json!({ "v": 1, "commit": base, "check": "unit", "result": "pass" });
    place.forge(&base, &verdict.to_string());
    let ran = place.run();
    assert_eq!(
        (&ran["landed"], ran["queued"].as_u64()),
        (&json!([]), Some(1))
    );
    assert_eq!(place.verdicts_of_ci(), (0, 0));
    assert_eq!(place.status(&id), "queued");
}

#[test]
fn gates_of_this_machine_come_first() {
    let place = asking();
    place.gate_with("zz", "test ! -e culprit", &[]);
    let (bad, good) = (place.queue("culprit"), place.queue("good"));
    let runs = place.to_the_end("true");
    assert_eq!(
        (place.status(&bad), place.status(&good)),
        ("ejected".into(), "landed".into())
    );
    let gate = |run: &Value| run["gate"].as_str().unwrap().to_owned();
    let shown = place.json(&["mq", "status", &bad]);
    let asked: Vec<String> = shown["runs"].as_array().unwrap().iter().map(gate).collect();
    assert!(
        asked.iter().all(|it| it == "zz"),
        "the CI is not asked about it: {runs:?} {shown}"
    );
    let shown = place.json(&["mq", "status", &good]);
    assert_eq!(
        gate(shown["runs"].as_array().unwrap().last().unwrap()),
        "fast"
    );
}

#[test]
fn a_question_stands_until_each_check_has_answered() {
    let place = asking();
    place
        .gt(&[
            "refinery",
            "gate",
            "add",
            "slow",
            "--ci",
            "lint (macos, 14)",
        ])
        .done();
    let id = place.queue("a");
    let ran = place.run();
    assert_eq!(ran["waiting"].as_array().unwrap().len(), 2, "{ran}");
    let question = place.question();
    place.ci("unit", "true");
    let ran = place.run();
    assert_eq!(ran["waiting"][0]["check"], "lint (macos, 14)", "{ran}");
    assert_eq!(ran["waiting"].as_array().unwrap().len(), 1);
    assert_eq!(place.question(), question);
    place.ci("lint (macos, 14)", "true");
    // A sync that meets questions and answers leaves them alone.
    let board = place.board();
    place.gt(&["sync"]).done();
    assert_eq!(place.board(), board);
    assert_eq!(place.run()["landed"], json!([id]));
    assert_eq!((place.board(), place.verdicts_of_ci()), (vec![], (0, 2)));
}

#[test]
fn what_nobody_needs_to_know_is_taken_back() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    assert_eq!(place.questions().len(), 1);
    place.gt(&["mq", "reject", &id, "--reason", "no"]).done();
    let ran = place.run();
    assert_eq!((&ran["waiting"], place.board()), (&json!([]), vec![]));
    place.queue("b");
    place.run();
    let first = place.question();
    // The target moves: another candidate is asked about.
    place.import("main", Some("refs/heads/main"), &[("pushed", "x")]);
    place.git(&["push", "--quiet", "origin", "main"]).done();
    place.git(&["reset", "--quiet", "--hard"]).done();
    place.run();
    assert_ne!(place.question(), first);
    // A request that joins changes nothing.
    let second = place.question();
    place.queue("c");
    let ran = place.run();
    assert_eq!((place.question(), &ran["gate_runs"]), (second, &json!(0)));
}

#[test]
fn wait_stays_until_the_ci_has_answered() {
    let place = asking();
    let ids = ["a", "culprit"].map(|name| place.queue(name));
    let running = place.start(&["refinery", "run", "--wait", "--json"]);
    place.until("the end of the queue", || {
        place.ci("unit", PICKY);
        let over = |id: &String| place.status(id) != "queued";
        ids.iter().all(over).then_some(())
    });
    let ran = running.end().done().json();
    assert_eq!(
        (&ran["landed"], &ran["waiting"]),
        (&json!([ids[0]]), &json!([])),
        "{ran}"
    );
    assert_eq!(ran["ejected"][0]["id"], json!(ids[1]));
}

#[test]
fn wait_ends_when_it_is_interrupted() {
    let place = asking();
    let id = place.queue("a");
    let running = place.start(&["refinery", "run", "--wait"]);
    place.until("a question", || place.questions().pop());
    running.signal("-INT");
    let said = running.end();
    said.fails(5, &["interrupted"]);
    place.ci("unit", "true");
    assert_eq!(place.run()["landed"], json!([id]));
}

#[test]
fn git_gt_is_the_ci_where_there_is_none() {
    let place = asking();
    place.gt(&["sync"]).done();
    let runner = place.another("runner");
    let ids = ["a", "culprit"].map(|name| place.queue(name));
    let run = [
        "ci",
        "run",
        "--once",
        "unit",
        "--",
        "sh",
        "-c",
        "echo \"it's\" $0; test ! -e culprit",
        "me",
    ];
    let idle = place.gt_in(&runner, &["--json", "ci", "run", "unit", "--", "true"]);
    assert_eq!(idle.done().json(), json!([]));
    for _ in 0..20 {
        if place.run()["queued"] == 0 {
            break;
        }
        place.gt_in(&runner, &run).done();
        let again = place.gt_in(&runner, &run).done();
        assert!(again.stdout.contains("nothing asks for unit"), "{again:?}");
    }
    assert_eq!(
        ids.each_ref().map(|id| place.status(id)),
        ["landed", "ejected"]
    );
    let tail = &place.json(&["mq", "status", &ids[1]])["runs"][0]["tail"];
    assert_eq!(*tail, "it's me\n");
    assert_eq!(
        place
            .git_in(&runner, &["for-each-ref", "refs/gt-local/ci-run/"])
            .done()
            .stdout,
        ""
    );
    place
        .gt_in(&runner, &["ci", "run", "a\"b", "--", "true"])
        .fails(1, &["cannot be the name"]);
    place.is_quiet();
}

#[test]
fn two_checks_run_beside_each_other() {
    use std::io::Write as _;
    let place = asking();
    place
        .gt(&["refinery", "gate", "add", "slow", "--ci", "lint"])
        .done();
    place.gt(&["sync"]).done();
    let runner = place.another("runner");
    let id = place.queue("a");
    place.run();
    let mut go = place.pipe("go");
    let slow = "touch \"$PLACE/begun\"; read -r line <\"$PLACE/go\"";
    let mut lint = place.command(&["ci", "run", "lint", "--", "sh", "-c", slow]);
    lint.current_dir(&runner);
    let running = Place::running(lint);
    place.until_file("begun");
    let unit = ["--json", "ci", "run", "unit", "--", "true"];
    let unit = place.gt_in(&runner, &unit).done().json();
    assert_eq!(unit[0]["counts"], json!(true), "{unit}");
    assert_eq!(place.run()["waiting"][0]["check"], "lint");
    go.write_all(b"go\n").unwrap();
    running.end().done();
    assert_eq!(place.run()["landed"], json!([id]));
    assert_eq!((place.board(), place.verdicts_of_ci()), (vec![], (0, 2)));
}

#[test]
fn a_ci_that_watches_answers_until_it_is_interrupted() {
    let place = asking();
    place.gt(&["sync"]).done();
    let runner = place.another("runner");
    let id = place.queue("a");
    let mut watch = place.command(&["ci", "run", "--watch", "unit", "--", "true"]);
    watch.current_dir(&runner);
    let watching = Place::running(watch);
    let ran = place
        .gt(&["refinery", "run", "--wait", "--json"])
        .done()
        .json();
    assert_eq!(ran["landed"], json!([id]));
    watching.signal("-TERM");
    let said = watching.end().done();
    assert!(
        said.stdout.contains("answered 1 question for unit"),
        "{said:?}"
    );
}

#[test]
fn git_gt_reports_what_ran_elsewhere() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    let dir = place.checkout(&place.question().0);
    std::fs::write(dir.join("out"), "all is well\n").unwrap();
    let report = [
        "ci",
        "report",
        "unit",
        "pass",
        "--log",
        "out",
        "--url",
        "http://ci/1",
    ];
    place.gt_in(&dir, &report).done();
    place.run();
    let run = place.json(&["mq", "status", &id])["runs"][0].take();
    assert_eq!(
        (&run["tail"], &run["url"]),
        (&json!("all is well\n"), &json!("http://ci/1"))
    );
    place
        .gt(&["ci", "report", "unit", "pass"])
        .fails(4, &["no branch of 'origin' asks about"]);
}

#[test]
fn a_gate_from_elsewhere_counts_only_where_it_was_accepted() {
    let place = asking();
    place.gt(&["sync"]).done();
    let other = place.another("other");
    place.queue("a");
    place.gt(&["sync"]).done();
    place.gt_in(&other, &["sync"]).done();
    place.gt_in(&other, &["refinery", "run"]).fails(
        4,
        &[
            "gate 'fast' came from elsewhere",
            "CI check 'unit'",
            "config accept gate.fast",
        ],
    );
    assert_eq!(place.questions(), [], "nothing was asked");
    let offered = place.json_in(&other, &["config", "accept"]);
    assert_eq!(offered[0]["command"], "CI check 'unit'", "{offered}");
    place
        .gt_in(&other, &["config", "accept", "gate.fast"])
        .done();
    place.gt_in(&other, &["refinery", "run"]).done();
    assert_eq!(place.questions().len(), 1);
    // Another check is another gate; more time is not.
    place
        .gt(&[
            "refinery",
            "gate",
            "add",
            "fast",
            "--ci",
            "unit",
            "--deadline",
            "2h",
        ])
        .done();
    place.gt(&["sync"]).done();
    place.gt_in(&other, &["sync"]).done();
    place.gt_in(&other, &["refinery", "run"]).done();
    place
        .gt(&["refinery", "gate", "add", "fast", "--ci", "other"])
        .done();
    place.gt(&["sync"]).done();
    place.gt_in(&other, &["sync"]).done();
    place
        .gt_in(&other, &["refinery", "run"])
        .fails(4, &["came from elsewhere"]);
}

#[test]
fn gates_that_make_no_sense_are_refused() {
    let place = Place::new();
    let add =
        |options: &[&str]| place.gt(&[&["refinery", "gate", "add", "fast"], options].concat());
    add(&["--ci", "unit"]).fails(4, &["needs a remote", "git remote add origin"]);
    place.git(&["config", "gt.remote", "gone"]).done();
    add(&["--ci", "unit"]).fails(1, &["there is no remote 'gone'"]);
    place.git(&["config", "--unset", "gt.remote"]).done();
    place.remote();
    for name in ["", " ", "--", "a\nb", "a\"b", "../x", "a$(id)"] {
        add(&[&format!("--ci={name}")]).fails(1, &["cannot be the name of a CI check"]);
    }
    for time in ["soon", "-1", "0", "1y", "99999h"] {
        add(&["--ci", "unit", &format!("--deadline={time}")]).fails(129, &["--deadline"]);
    }
    add(&[]).fails(129, &["--command"]);
    add(&["--ci", "unit", "--command", "true"]).fails(129, &["cannot be used with"]);
    add(&["--ci", "unit", "--keep", "target"]).fails(129, &["cannot be used with"]);
    add(&["--command", "true", "--deadline", "1h"]).fails(129, &["cannot be used with"]);
    assert_eq!(place.json(&["refinery", "gate", "list"]), json!([]));
    // The remote goes after the gate was made.
    add(&["--ci", "unit"]).done();
    place.queue("a");
    place.git(&["remote", "remove", "origin"]).done();
    place.gt(&["refinery", "run"]).fails(4, &["needs a remote"]);
    // From one kind to the other and back.
    add(&["--command", "true", "--keep", "target"]).done();
    let gate = &place.json(&["refinery", "gate", "list"])[0];
    assert_eq!(
        (&gate["command"], &gate["ci"]),
        (&json!("true"), &Value::Null)
    );
    place
        .git(&["remote", "add", "origin", "../remote.git"])
        .done();
    let gate = place.json(&["refinery", "gate", "add", "fast", "--ci", "unit"]);
    assert_eq!(
        (&gate["ci"], &gate["deadline_seconds"]),
        (&json!("unit"), &json!(3600))
    );
    let stored = place.records("config");
    let stored = stored.iter().find(|it| it["id"] == "gate.fast").unwrap();
    assert_eq!(
        (&stored["command"], &stored["deadline"]),
        (&Value::Null, &Value::Null),
        "{stored}"
    );
}

#[test]
fn a_remote_that_takes_no_question_is_named() {
    let place = asking();
    let id = place.queue("a");
    let hook = "#!/bin/sh\ncase $1 in refs/heads/gt-mq/*) echo 'no such branches here' >&2; exit 1;; esac\n";
    let hook = place.write("remote.git/hooks/update", hook);
    let mut chmod = Command::new("chmod");
    Output::of(chmod.arg("+x").arg(&hook)).done();
    let said = place.gt(&["refinery", "run"]);
    said.fails(
        4,
        &["does not take the branch 'gt-mq/", "no such branches here"],
    );
    std::fs::remove_file(hook).unwrap();
    place.run();
    place.ci("unit", "true");
    assert_eq!(place.run()["landed"], json!([id]));
}

#[test]
fn a_branch_in_the_way_is_named() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    let (branch, _) = place.question();
    place
        .git(&[
            "push",
            "--quiet",
            "--force",
            "origin",
            &format!("main:{branch}"),
        ])
        .done();
    place.gt(&["refinery", "run"]).fails(
        4,
        &[
            "does not hold the commit to be tested",
            "push origin --delete",
        ],
    );
    assert_eq!(place.status(&id), "queued");
    let refs = place
        .git(&["for-each-ref", "--format=%(refname)", "refs/gt-local/ci/"])
        .done();
    for name in refs.stdout.lines() {
        place.git(&["update-ref", "-d", name]).done();
    }
    place
        .gt(&["refinery", "run"])
        .fails(4, &["does not hold the commit to be tested", &branch]);
}

/// Whatever moment a run dies at: what was asked is asked, what was answered counts once.
#[test]
fn crashes_cost_no_question_and_no_answer() {
    let check = |template: &Place, after: &dyn Fn(&Place)| {
        let last = writes(|at| {
            let place = template.copy();
            crashes(place.command(&["refinery", "run"]), at)
        });
        at_moments(last, MOMENTS, |at| {
            let place = template.copy();
            let run = place.command(&["refinery", "run"]);
            assert!(crashes(run, at), "{at} of {last}");
            after(&place);
            assert_eq!(place.board(), [], "before write {at}");
            assert_eq!(place.verdicts_of_ci(), (0, 1), "before write {at}");
            let status = place.json(&["mq", "list", "--all"])[0]["status"].take();
            assert_eq!(status, "landed", "before write {at}");
        });
    };
    let place = asking_in(Place::repeating());
    place.queue("a");
    check(&place, &|place| {
        place.run();
        place.ci("unit", "true");
        place.run();
    });
    place.run();
    place.ci("unit", "true");
    check(&place, &|place| drop(place.run()));
}
