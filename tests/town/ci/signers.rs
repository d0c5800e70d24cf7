//! Answers that count only where an allowed key has signed them.

use std::process::Command;

use serde_json::json;

use super::asking;
use crate::place::{Output, Place};

impl Place {
    /// Makes a key and returns its public half.
    fn key(&self, name: &str) -> String {
        let mut make = self.hermetic(Command::new("ssh-keygen"));
        make.args(["-q", "-t", "ed25519", "-N", "", "-f", name]);
        Output::of(make.current_dir(self.path(""))).done();
        self.read(&format!("{name}.pub")).trim().to_owned()
    }

    /// Runs the reporter for `unit` on the only question with a key.
    fn signed_report(&self, key: Option<&str>) -> Output {
        let dir = self.checkout(&self.question().0);
        let mut sh = self.hermetic(Command::new("sh"));
        sh.env("GT_CI_TRIES", "1").current_dir(&dir);
        if let Some(key) = key {
            sh.env("GT_CI_KEY", self.path(key));
        }
        let test = "test -z \"${GT_CI_KEY-}\"";
        sh.arg(self.path("gt-ci-report"));
        Output::of(sh.args(["unit", "sh", "-c", test])).done()
    }

    /// Checks that what answers is named, does not count, and leaves the question as it was.
    #[track_caller]
    fn is_refused(&self, words: &str) {
        let question = self.question();
        let ran = self.gt(&["refinery", "run"]).done();
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
        assert_eq!(self.question(), question);
        assert_eq!(self.verdicts_of_ci(), (0, 0));
    }
}

#[test]
fn only_answers_of_allowed_keys_count_where_that_is_demanded() {
    let place = asking();
    let (ours, lints, foreign) = (place.key("ours"), place.key("lints"), place.key("foreign"));
    let allowed = format!("unit,\"test (*)\" {ours}\nlint {lints}\n");
    let file = place.write("signers", &allowed).display().to_string();
    place.gt(&["config", "set", "ciSigners", &file]).done();
    let id = place.queue("a");
    place.run();
    place.signed_report(None);
    place.is_refused("it is not signed");
    place.signed_report(Some("foreign"));
    place.is_refused("no key of gt.ciSigners that may answer for this check");
    place.signed_report(Some("lints"));
    place.is_refused("no key of gt.ciSigners that may answer for this check");
    place.signed_report(Some("ours"));
    assert_eq!(place.run()["landed"], json!([id]));
    assert_eq!((place.board(), place.verdicts_of_ci()), (vec![], (0, 1)));
    assert_ne!(foreign, ours);
}

#[test]
fn a_signature_is_good_for_what_was_signed_alone() {
    let place = asking();
    let ours = place.key("ours");
    let file = place.write("signers", &format!("* {ours}\n"));
    let file = file.display().to_string();
    place.gt(&["config", "set", "ciSigners", &file]).done();
    let id = place.queue("culprit");
    place.run();
    let (_, commit) = place.question();
    let dir = place.checkout(&place.question().0);
    let mut sh = place.hermetic(Command::new("sh"));
    sh.env("GT_CI_TRIES", "1")
        .env("GT_CI_KEY", place.path("ours"));
    sh.arg(place.path("gt-ci-report")).args(["unit", "--fail"]);
    Output::of(sh.current_dir(&dir)).done();
    // Somebody who cannot sign puts another verdict below the signature.
    let answer = place.rev_in(&place.path("remote.git"), &place.answer_ref(&commit));
    place.git(&["fetch", "--quiet", "origin", &answer]).done();
    let raw = place.git(&["cat-file", "commit", &answer]).done().stdout;
    let verdict = json!({ "v": 1, "commit": commit, "check": "unit", "result": "pass" });
    let forged = place.forge(&commit, &verdict.to_string());
    let (old, new) = (
        place.rev(&format!("{answer}^{{tree}}")),
        place.rev(&format!("{forged}^{{tree}}")),
    );
    let raw = place.write("raw", &raw.replace(&old, &new));
    let made = [
        "hash-object",
        "-t",
        "commit",
        "-w",
        &raw.display().to_string(),
    ];
    let made = place.git(&made).done().stdout;
    let put = |what: &str| {
        let spec = format!("+{what}:{}", place.answer_ref(&commit));
        place.git(&["push", "--quiet", "origin", &spec]).done();
    };
    put(made.trim());
    place.is_refused("no key of gt.ciSigners that may answer for this check");
    // What was signed counts.
    put(&answer);
    place.run();
    assert_eq!(place.verdicts_of_ci(), (1, 0));
    // Where the keys are gone nothing counts, and that is said.
    std::fs::remove_file(file).unwrap();
    place.ci("unit", "true");
    place
        .gt(&["refinery", "run"])
        .fails(4, &["there is no file", "ciSigners"]);
    assert_eq!(place.status(&id), "queued");
}

#[test]
fn git_gt_signs_its_answers_where_it_signs() {
    let place = asking();
    let ours = place.key("ours");
    let file = place.write("signers", &format!("unit {ours}\n"));
    let file = file.display().to_string();
    place.gt(&["config", "set", "ciSigners", &file]).done();
    let id = place.queue("a");
    place.run();
    let dir = place.checkout(&place.question().0);
    let key = place.path("ours").display().to_string();
    for (name, value) in [("gt.sign", "true"), ("user.signingKey", &key)] {
        place.git_in(&dir, &["config", name, value]).done();
    }
    place.gt_in(&dir, &["ci", "report", "unit", "pass"]).done();
    let answer = place.answer_ref(&place.question().1);
    let remote = place.path("remote.git");
    let verify = [
        "-c",
        &format!("gpg.ssh.allowedSignersFile={file}"),
        "verify-commit",
        &answer,
    ];
    let said = place.git_in(&remote, &verify).done();
    assert!(
        said.stderr.contains("Good \"git\" signature for unit"),
        "{said:?}"
    );
    assert_eq!(place.run()["landed"], json!([id]));
}
