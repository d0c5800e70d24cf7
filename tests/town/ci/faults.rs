//! The CI and its remote fail in the middle: nothing is lost, and what is known counts.

use serde_json::{Value, json};

use super::{PICKY, asking};
use crate::place::Place;

impl Place {
    /// Takes the remote away, or brings it back.
    fn cut(&self, is_gone: bool) {
        let (there, away) = (self.path("remote.git"), self.path("unplugged.git"));
        let (from, to) = if is_gone {
            (there, away)
        } else {
            (away, there)
        };
        std::fs::rename(from, to).unwrap();
    }

    /// Makes a script the hook of the remote.
    fn remote_hook(&self, name: &str, script: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(&format!("remote.git/hooks/{name}"), script);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        path
    }
}

#[test]
fn candidates_on_different_bases_wait_at_the_same_time() {
    let place = asking();
    place.import("release", Some("refs/heads/main"), &[("released", "1")]);
    place.git(&["push", "--quiet", "origin", "release"]).done();
    let main = place.queue("a");
    place.import("fix", Some("refs/heads/release"), &[("fix", "fix")]);
    let fix = place.json(&["mq", "submit", "--branch", "fix", "--target", "release"]);
    let fix = fix["id"].as_str().unwrap().to_owned();
    let ran = place.run();
    let waits = ran["waiting"].as_array().unwrap();
    let mut asked: Vec<&str> = waits
        .iter()
        .map(|it| it["requests"][0].as_str().unwrap())
        .collect();
    asked.sort_unstable();
    let mut both = [main.as_str(), fix.as_str()];
    both.sort_unstable();
    assert_eq!(asked, both, "{ran}");
    assert_eq!(place.questions().len(), 2);
    // The second is answered first; the first goes on waiting.
    let of_fix = waits.iter().find(|it| it["requests"][0] == *fix).unwrap();
    let dir = place.checkout(of_fix["branch"].as_str().unwrap());
    place.reporter(&dir, &["unit", "true"]).done();
    assert_eq!(place.run()["landed"], json!([fix]));
    assert_eq!(place.status(&main), "queued");
    assert_eq!(place.questions().len(), 1);
    place.ci("unit", PICKY);
    assert_eq!(place.run()["landed"], json!([main]));
    assert_eq!((place.board(), place.verdicts_of_ci()), (vec![], (0, 2)));
}

#[test]
fn several_candidates_of_a_queue_wait_at_the_same_time() {
    let place = asking();
    let base = place.rev("main");
    let ids = ["a", "b", "culprit", "c"].map(|name| place.queue(name));
    let (mut most, mut landed, mut ejected) = (0, Vec::new(), Vec::new());
    for _ in 0..10 {
        let ran = place.json(&["refinery", "run", "--workers", "3"]);
        let list = |key: &str| ran[key].as_array().unwrap().clone();
        landed.extend(list("landed"));
        ejected.extend(list("ejected"));
        let open = place.questions();
        most = most.max(open.len());
        if ran["queued"] == 0 {
            break;
        }
        // Each that waits is said to, and nothing else is asked on the remote.
        let branch = |it: &Value| it["branch"].as_str().unwrap().to_owned();
        let mut waits: Vec<String> = list("waiting").iter().map(branch).collect();
        waits.sort_unstable();
        let asked: Vec<String> = open.into_iter().map(|(branch, _)| branch).collect();
        assert_eq!(waits, asked);
        place.ci("unit", PICKY);
    }
    assert!(most >= 2, "one after another");
    landed.sort_by_key(|it| ids.iter().position(|id| it == id));
    assert_eq!(landed, [json!(ids[0]), json!(ids[1]), json!(ids[3])]);
    assert_eq!((ejected.len(), &ejected[0]["id"]), (1, &json!(ids[2])));
    assert_eq!(place.board(), []);
    place.is_sound(&base);
}

#[test]
fn a_remote_that_is_gone_between_question_and_answer_costs_nothing() {
    let place = asking();
    let id = place.queue("a");
    place.run();
    let (branch, _) = place.question();
    let dir = place.checkout(&branch);
    place.cut(true);
    let said = place.gt(&["refinery", "run"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    let unheard = place.reporter(&dir, &["unit", "true"]);
    unheard.fails(5, &["cannot push the answer; the queue has none"]);
    assert_eq!(place.status(&id), "queued");
    place.cut(false);
    let ran = place.run();
    assert_eq!((&ran["gate_runs"], place.question().0), (&json!(0), branch));
    place.reporter(&dir, &["unit", "true"]).done();
    // The answer is there, and nobody can be told.
    place.cut(true);
    assert_eq!(place.gt(&["refinery", "run"]).code, Some(5));
    assert_eq!(place.verdicts_of_ci(), (0, 0));
    place.cut(false);
    assert_eq!(place.run()["landed"], json!([id]));
    assert_eq!((place.board(), place.verdicts_of_ci()), (vec![], (0, 1)));
}

#[test]
fn a_remote_that_is_gone_once_it_has_the_landing_keeps_it() {
    let place = asking();
    let bead = place.create("a");
    place.branch("a", &[("a", "a")]);
    let request = place.json(&["mq", "submit", "--branch", "a", "--bead", &bead]);
    let id = request["id"].as_str().unwrap().to_owned();
    place.run();
    place.ci("unit", PICKY);
    let unplug = "#!/bin/sh\nwhile read -r old new ref; do\n  case $ref in\n  \
        refs/heads/main) mv \"$PLACE/remote.git\" \"$PLACE/unplugged.git\" ;;\n  esac\ndone\n";
    let hook = place.remote_hook("post-receive", unplug);
    let said = place.gt(&["refinery", "run"]);
    assert!(matches!(said.code, Some(0 | 5)), "{said:?}");
    assert!(!hook.exists(), "it was unplugged");
    place.cut(false);
    std::fs::remove_file(hook).unwrap();
    place.run();
    assert_eq!(place.status(&id), "landed");
    assert_eq!(place.bead(&bead)["status"], "closed");
    let there = place.rev_in(&place.path("remote.git"), "main");
    assert_eq!((there, place.board()), (place.rev("main"), vec![]));
    assert_eq!(place.verdicts_of_ci(), (0, 1), "nothing was tested twice");
}

#[test]
fn a_remote_that_refuses_the_landing_is_asked_again_without_a_test() {
    let place = asking();
    let base = place.rev("main");
    let id = place.queue("a");
    place.run();
    place.ci("unit", PICKY);
    let refuse = "#!/bin/sh\ncase $1 in refs/heads/main) echo protected >&2; exit 1 ;; esac\n";
    let hook = place.remote_hook("update", refuse);
    place
        .gt(&["refinery", "run"])
        .fails(4, &["does not let us push 'main'", "it has not landed"]);
    let there = place.rev_in(&place.path("remote.git"), "main");
    assert_eq!((there, place.rev("main")), (base.clone(), base.clone()));
    assert_eq!(place.status(&id), "queued");
    std::fs::remove_file(hook).unwrap();
    let ran = place.run();
    assert_eq!(
        (&ran["landed"], &ran["gate_runs"]),
        (&json!([id]), &json!(0))
    );
    assert_eq!(place.verdicts_of_ci(), (0, 1));
    place.is_sound(&base);
}

#[test]
fn what_is_rejected_while_it_is_tested_here_is_asked_of_nobody() {
    let place = asking();
    let _go = place.pipe("go");
    place.gate("test ! -e slow || { : >\"$PLACE/started\"; read line <\"$PLACE/go\"; }");
    let pushed = "#!/bin/sh\ncase $1 in refs/heads/gt-mq/*) echo $1 >>\"$PLACE/pushed\" ;; esac\n";
    place.remote_hook("update", pushed);
    let id = place.queue("slow");
    let run = place.start(&["refinery", "run"]);
    place.until_file("started");
    place.gt(&["mq", "reject", &id, "-r", "no"]).done();
    std::fs::write(place.path("go"), "go\n").unwrap();
    run.end().done();
    assert!(!place.path("pushed").exists(), "{}", place.read("pushed"));
    place.queue("fine");
    place.run();
    assert!(place.path("pushed").exists(), "this is how it is seen");
}
