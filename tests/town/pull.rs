//! Branches that take nothing but pull requests: the forge is played in plain git over a bare repository.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::crash::crashes;
use crate::place::{Output, Place};

/// A rig whose remote lets nobody push `main`, and a command that opens pull requests.
fn protected() -> Place {
    protected_in(Place::new())
}

fn protected_in(place: Place) -> Place {
    use std::os::unix::fs::PermissionsExt;
    place.remote();
    let refuse = "#!/bin/sh\ncase $1 in refs/heads/main) echo protected >&2; exit 1 ;; esac\n";
    let hook = place.write("remote.git/hooks/update", refuse);
    std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let open = "echo \"$GT_PR_BRANCH $GT_PR_TARGET $GT_PR_TITLE\" >>\"$PLACE/opened\"\n\
                printf '%s' \"$GT_PR_BODY\" >\"$PLACE/body\"\n\
                echo https://forge.example/pull/$(wc -l <\"$PLACE/opened\" | tr -d ' ')\n";
    place.write("open.sh", open);
    place
        .gt(&["config", "set", "pullRequests", "main, release/*"])
        .done();
    let line = "sh \"$PLACE/open.sh\"";
    place
        .gt(&["config", "set", "pullRequestCommand", line])
        .done();
    place.gate("test ! -e culprit");
    place
}

impl Place {
    fn host(&self) -> PathBuf {
        self.path("remote.git")
    }

    /// Returns what was opened, a line each: branch, target, title.
    fn opened(&self) -> Vec<String> {
        let said = self.read("opened");
        said.lines().map(str::to_owned).collect()
    }

    /// Returns the branches that are offered to be merged, and their commits.
    fn offered(&self) -> Vec<(String, String)> {
        let format = "--format=%(refname:lstrip=2) %(objectname)";
        let listed = self.git_in(
            &self.host(),
            &["for-each-ref", format, "refs/heads/gt-land/"],
        );
        let lines = listed.done().stdout;
        let pairs = lines.lines().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    #[track_caller]
    fn offer(&self) -> (String, String) {
        let mut all = self.offered();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Makes a commit in the forge and moves its `main` there.
    fn forge_commits(&self, tree: &str, parents: &[&str]) -> String {
        let mut args = vec!["commit-tree", "-m", "merged by the forge", tree];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let made = self.git_in(&self.host(), &args).done();
        let made = made.stdout.trim().to_owned();
        self.git_in(&self.host(), &["update-ref", "refs/heads/main", &made])
            .done();
        made
    }

    fn tree_of(&self, commit: &str) -> String {
        self.rev_in(&self.host(), &format!("{commit}^{{tree}}"))
    }

    fn main_of_forge(&self) -> String {
        self.rev_in(&self.host(), "main")
    }
}

#[test]
fn a_pull_request_is_opened_once_and_lands_when_it_is_merged() {
    let place = protected();
    let base = place.rev("main");
    let bead = place.create("a");
    place.branch("a", &[("a", "a")]);
    let request = place.json(&["mq", "submit", "--branch", "a", "--bead", &bead]);
    let id = request["id"].as_str().unwrap().to_owned();
    let ran = place.run();
    let (branch, commit) = place.offer();
    assert_eq!(branch, format!("gt-land/{}", &commit[..12]));
    let pull = &ran["pull_requests"][0];
    assert_eq!(
        (&pull["branch"], &pull["url"], &pull["requests"]),
        (
            &json!(branch),
            &json!("https://forge.example/pull/1"),
            &json!([id])
        ),
        "{ran}"
    );
    assert_eq!(place.opened(), [format!("{branch} main change a")]);
    let body = place.read("body");
    for words in [
        &format!("- {id}, {bead}, by "),
        "is green",
        &format!("Gt-Mr: {id}"),
    ] {
        assert!(body.contains(words), "{body}");
    }
    assert_eq!(
        (place.main_of_forge(), place.status(&id)),
        (base.clone(), "queued".into())
    );
    let shown = &place.json(&["mq", "status", &id])["pull_request"];
    assert_eq!(shown["url"], "https://forge.example/pull/1", "{shown}");
    let again = place.gt(&["refinery", "run"]).done();
    let words = format!("waiting for the pull request of {branch} (https://forge.example/pull/1)");
    assert!(again.stdout.contains(&words), "{again:?}");
    assert_eq!(place.opened().len(), 1);
    let merged = place.forge_commits(&place.tree_of(&commit), &[&base, &commit]);
    let ran = place.run();
    assert_eq!(
        (&ran["landed"], &ran["pull_requests"], &ran["gate_runs"]),
        (&json!([id]), &json!([]), &json!(0)),
        "{ran}"
    );
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!((place.offered(), place.rev("main")), (vec![], merged));
    let kept = place.git(&["for-each-ref", "refs/gt-local/land/"]).done();
    assert_eq!(kept.stdout, "");
    assert_eq!(place.run()["landed"], json!([]));
}

#[test]
fn what_the_forge_squashed_has_landed_where_its_tree_was_green() {
    let place = protected();
    let base = place.rev("main");
    let bead = place.create("a");
    place.branch("a", &[("a", "a")]);
    let first = place.json(&["mq", "submit", "--branch", "a", "--bead", &bead])["id"].take();
    let second = json!(place.queue("b"));
    place.run();
    let (_, commit) = place.offer();
    assert!(place.opened()[0].ends_with("main Land 2 changes: change a; change b"));
    let squashed = place.forge_commits(&place.tree_of(&commit), &[&base]);
    let ran = place.run();
    assert_eq!(ran["landed"], json!([first, second]), "{ran}");
    let shown = place.json(&["mq", "status", first.as_str().unwrap()]);
    assert_eq!(
        (&shown["status"], &shown["commit"]),
        (&json!("landed"), &json!(squashed)),
        "{shown}"
    );
    assert_eq!(place.bead(&bead)["status"], "closed");
    assert_eq!(
        (place.offered(), place.run()["queued"].take()),
        (vec![], json!(0))
    );
}

#[test]
fn what_the_forge_merged_onto_something_else_is_not_called_tested() {
    let place = protected();
    let base = place.rev("main");
    let id = place.queue("a");
    place.run();
    let (branch, commit) = place.offer();
    place.import_in(
        &place.host(),
        "main",
        Some("refs/heads/main"),
        &[("other", "x")],
    );
    let other = place.main_of_forge();
    assert_ne!(other, base);
    let tree = place.git_in(
        &place.host(),
        &["merge-tree", "--write-tree", &other, &commit],
    );
    let merged = place.forge_commits(tree.done().stdout.trim(), &[&other, &commit]);
    let ran = place.gt(&["refinery", "run"]).done();
    let words = format!("nobody has tested the tree of {}", &merged[..12]);
    assert!(
        ran.stderr.contains(&words) && ran.stderr.contains(&branch),
        "{ran:?}"
    );
    assert_eq!(place.status(&id), "landed");
}

#[test]
fn a_target_that_moved_takes_the_pull_request_back() {
    let place = protected();
    let id = place.queue("a");
    place.run();
    let (old, _) = place.offer();
    place.import_in(
        &place.host(),
        "main",
        Some("refs/heads/main"),
        &[("other", "x")],
    );
    let ran = place.gt(&["refinery", "run"]).done();
    let words = format!("the pull request of {old} is taken back: 'main' was moved");
    assert!(ran.stderr.contains(&words), "{ran:?}");
    let (new, commit) = place.offer();
    assert_ne!(new, old);
    assert_eq!(place.opened().len(), 2);
    // As a forge does that merges by fast-forward.
    place
        .git_in(&place.host(), &["update-ref", "refs/heads/main", &commit])
        .done();
    assert_eq!(place.run()["landed"], json!([id]));
    // Who takes a request back takes its pull request back.
    let id = place.queue("b");
    place.run();
    place.gt(&["mq", "reject", &id, "--reason", "no"]).done();
    let ran = place.run();
    assert_eq!(
        (&ran["pull_requests"], place.offered()),
        (&json!([]), vec![])
    );
}

#[test]
fn a_pull_request_that_may_not_land_any_more_is_taken_back() {
    let place = protected();
    let id = place.queue("a");
    let is_taken_back = |ran: Output, why: &str| {
        let words = format!("is taken back: {why}");
        assert!(ran.stderr.contains(&words), "{ran:?}");
        assert_eq!(place.offered(), [], "{why}");
    };
    let run = || place.gt(&["refinery", "run"]);
    run().done();
    place.gt(&["mq", "freeze", "-r", "busy"]).done();
    is_taken_back(run().done(), &format!("{id} waits for a thaw: busy"));
    place.gt(&["mq", "thaw"]).done();
    run().done();
    place.offer();
    place.gt(&["config", "set", "review", "1"]).done();
    is_taken_back(run().done(), &format!("{id} waits for 1 approval"));
    place.gt(&["config", "set", "review", "0"]).done();
    run().done();
    place.offer();
    place
        .git(&["config", "--unset", "gt.gate.test.accepted"])
        .done();
    is_taken_back(run().fails(4, &[]), "gate 'test' came from elsewhere");
    place.gt(&["config", "accept", "gate.test"]).done();
    run().done();
    place.offer();
    place.gate_with("second", "test ! -e a", &[]);
    is_taken_back(
        run().done(),
        "gate 'second', as it is now, has not passed on",
    );
    assert_eq!(place.status(&id), "ejected");
}

#[test]
fn a_branch_that_was_removed_is_offered_again_by_the_next_run() {
    let place = protected();
    let id = place.queue("a");
    place.run();
    let (branch, commit) = place.offer();
    let name = format!("refs/heads/{branch}");
    place
        .git_in(&place.host(), &["update-ref", "-d", &name])
        .done();
    place
        .gt(&["refinery", "run"])
        .fails(4, &["was removed", &branch, &format!("mq reject {id}")]);
    assert_eq!(place.offered(), []);
    place.run();
    assert_eq!((place.offer(), place.opened().len()), ((branch, commit), 2));
}

#[test]
fn without_a_command_that_works_nothing_is_opened() {
    let place = protected();
    let id = place.queue("a");
    let run = || place.gt(&["refinery", "run"]);
    place
        .gt(&["config", "set", "pullRequestCommand", "echo denied; exit 3"])
        .done();
    run().fails(
        5,
        &[
            "cannot open a pull request",
            "exit 3: denied",
            "it has not landed",
        ],
    );
    place
        .gt(&["config", "set", "pullRequestCommand", ""])
        .done();
    run().fails(
        4,
        &["nothing says how one is opened", "pullRequestCommand gh"],
    );
    assert_eq!(
        (place.status(&id), place.opened().len()),
        ("queued".into(), 0)
    );
    // One that is there already is the one that was wanted.
    let there = "echo 'a pull request already exists: https://forge.example/9' >&2; exit 1";
    place
        .gt(&["config", "set", "pullRequestCommand", there])
        .done();
    let ran = place.run();
    assert_eq!(
        ran["pull_requests"][0]["url"], "https://forge.example/9",
        "{ran}"
    );
}

#[test]
fn the_command_lines_of_forges_are_known() {
    use std::os::unix::fs::PermissionsExt;
    for (tool, want) in [
        ("gh", "pr create --base=main --head=gt-land/"),
        (
            "glab",
            "mr create --target-branch=main --source-branch=gt-land/",
        ),
    ] {
        let place = protected();
        let script = "#!/bin/sh\necho \"$*\" | head -n1 >\"$PLACE/said\"\n\
                      echo https://forge.example/1\n";
        let fake = place.write(&format!("bin/{tool}"), script);
        std::fs::set_permissions(fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        place
            .gt(&["config", "set", "pullRequestCommand", tool])
            .done();
        place.queue("a");
        let mut command = place.command(&["refinery", "run", "--json"]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", place.path("bin").display()));
        let ran = Output::of(&mut command).done().json();
        assert_eq!(ran["pull_requests"][0]["url"], "https://forge.example/1");
        let said = place.read("said");
        assert!(
            said.starts_with(want) && said.contains(" --title=change a "),
            "{said}"
        );
    }
}

/// Whatever moment a run dies at: one request is open, and what was merged has landed once.
#[test]
fn crashes_open_no_second_pull_request() {
    let template = protected_in(Place::repeating());
    let queued = template.queue("a");
    for at in (1..).step_by(8) {
        let place = template.copy();
        if !crashes(place.command(&["refinery", "run"]), at) {
            assert!(at > 16, "it writes more than that");
            break;
        }
        place.run();
        let (_, commit) = place.offer();
        let base = place.main_of_forge();
        place.forge_commits(&place.tree_of(&commit), &[&base]);
        if crashes(place.command(&["refinery", "run"]), at) {
            place.run();
        }
        assert_eq!(place.status(&queued), "landed", "before write {at}");
        assert_eq!(place.offered(), [], "before write {at}");
        let landed: Vec<Value> = place.records("queue");
        assert_eq!(landed.len(), 1);
    }
}
