//! Signed commits: what lands carries a signature that git finds good, and without one nothing lands.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::strategy::{log, place, submit, write};
use crate::support::{Output, Place};

fn config(place: &Place, settings: &[(&str, &str)]) {
    for (key, value) in settings {
        place.git(&["config", key, value]).done();
    }
}

/// Makes an ssh key, which git is told to sign with and to find good.
fn with_key(place: &Place) {
    let key = place.path(".git/key");
    let mut make = place.command_of("ssh-keygen".as_ref());
    make.args(["-q", "-t", "ed25519", "-N", "", "-f", &key]);
    Output::of(&make.output().expect("ssh-keygen starts")).done();
    let public = std::fs::read_to_string(format!("{key}.pub")).expect("it was just made");
    let allowed = place.file(".git/allowed", &format!("* {public}"));
    config(
        place,
        &[
            ("gpg.format", "ssh"),
            ("user.signingKey", &key),
            ("gpg.ssh.allowedSignersFile", &allowed),
        ],
    );
}

/// Has git sign with a program of ours, which never signs twice alike, and not with the key `locked`.
fn with_gpg(place: &Place) {
    let gpg = place.program(
        ".git/gpg",
        r#"sum() { git hash-object --stdin; }
        status() { printf '\n[GNUPG:] %s\n' "$*"; }
        case "$*" in
        *--verify*)
            while test "$1" != --verify; do shift; done
            if grep -q "$(sum)" "$2"; then status GOODSIG 1 ada; status TRUST_ULTIMATE 0; else status BADSIG 1 ada; exit 1; fi;;
        *)
            case "$*" in *locked*) echo 'gpg: signing failed: No pinentry' >&2; exit 2;; esac
            printf -- '-----BEGIN PGP SIGNATURE-----\n\n%s\n%s\n-----END PGP SIGNATURE-----\n' "$(sum)" $$
            status SIG_CREATED D 1 >&2;;
        esac
        "#,
    );
    config(place, &[("gpg.program", &gpg), ("user.signingKey", "ada")]);
}

/// Returns what git finds about each commit since the first one on the branch, along first parents: `G` is good.
fn found(place: &Place) -> String {
    let base = log(place, "%H", "main");
    let range = format!("{}..main", base[0]);
    let said = place.git(&["log", "--first-parent", "--format=%G?", &range]);
    said.done().stdout.replace('\n', "")
}

fn run(place: &Place) -> Value {
    place.json(&["refinery", "run"])
}

fn tree(place: &Place, commit: &str) -> String {
    let name = format!("{commit}^{{tree}}");
    place.git(&["rev-parse", &name]).done().stdout
}

/// Queues a request of two commits and one of one.
fn queue(place: &Place) -> [String; 2] {
    write(place, "one", ("a", "1"), ("bob", "add a"));
    write(place, "one", ("b", "2"), ("ada", "add b"));
    write(place, "two", ("c", "3"), ("eve", "add c"));
    ["one", "two"].map(|branch| submit(place, branch))
}

#[test]
fn what_lands_is_signed_and_has_the_tree_that_was_tested() {
    for (strategy, want) in [("merge", "GG"), ("squash", "GG"), ("rebase", "GGG")] {
        let place = place(strategy);
        with_key(&place);
        place.gt(&["config", "set", "refinery.sign", "true"]).done();
        let ids = queue(&place);
        let ran = run(&place);
        assert_eq!(ran["landed"], json!(ids), "{strategy}: {ran}");
        assert_eq!(found(&place), want, "{strategy}");
        place.git(&["verify-commit", "main"]).done();
        place.git(&["fsck", "--strict"]).done();
        for id in &ids {
            let status = place.json(&["mq", "status", id]);
            assert_eq!(status["status"], "landed", "{strategy}: {status}");
            let tested = status["runs"][0]["commit"].as_str().expect("it was tested");
            assert_eq!(tree(&place, tested), tree(&place, "main"), "{strategy}");
        }
        // What stands there is known to be green.
        write(&place, "red", ("culprit", ""), ("eve", "break it"));
        let red = submit(&place, "red");
        let ran = run(&place);
        assert_eq!(ran["ejected"][0]["id"], json!(red), "{strategy}: {ran}");
        assert_eq!(ran["gate_runs"], 2, "{strategy}: {ran}");
        assert_eq!(found(&place), want, "{strategy}");
    }
}

#[test]
fn without_a_signature_nothing_lands() {
    let place = place("squash");
    let set = |value: &str| place.gt(&["config", "set", "refinery.sign", value]);
    set("perhaps").fails(1, "true or false");
    set("false, ma*=true").done();
    let ids = queue(&place);
    let base = place.git(&["rev-parse", "main"]).done().stdout;
    let fails = |code: i32, words: &str| {
        let said = place.gt(&["refinery", "run"]).fails(code, words).stderr;
        assert!(said.contains("nothing has landed"), "{said}");
        assert_eq!(place.git(&["rev-parse", "main"]).done().stdout, base);
        for id in &ids {
            assert_eq!(place.json(&["mq", "status", id])["status"], "queued");
        }
    };
    fails(4, "user.signingKey");
    config(
        &place,
        &[("gpg.format", "ssh"), ("user.signingKey", "nowhere")],
    );
    fails(5, "cannot sign with 'nowhere'");
    config(&place, &[("gpg.format", "wax")]);
    fails(4, "gpg.format is 'wax'");
    config(&place, &[("gpg.format", "openpgp")]);
    with_gpg(&place);
    config(&place, &[("user.signingKey", "locked")]);
    fails(5, "No pinentry");
    config(&place, &[("user.signingKey", "ada")]);
    let ran = run(&place);
    assert_eq!(ran["landed"], json!(ids), "{ran}");
    assert_eq!(ran["gate_runs"], 0, "{ran}");
    assert_eq!(found(&place), "GG");
    // Other branches are not signed.
    place
        .gt(&["config", "set", "refinery.sign", "true, ma*=false"])
        .done();
    write(&place, "three", ("d", "4"), ("ada", "add d"));
    submit(&place, "three");
    run(&place);
    assert_eq!(found(&place), "NGG");
}

#[test]
fn a_crash_around_a_signature_lands_once() {
    let place = place("rebase");
    with_gpg(&place);
    place.gt(&["config", "set", "refinery.sign", "true"]).done();
    let ids = queue(&place);
    // The candidate is tested; what is left is to sign and to land.
    place.gt(&["refinery", "run", "--once"]).done();
    let base = place.git(&["rev-parse", "main"]).done().stdout;
    let mut before = 0;
    loop {
        let at = (before + 1).to_string();
        let mut run = place.command(&["refinery", "run"]);
        run.env("GT_TEST_CRASH_AT", at).stdin(Stdio::null());
        let ended = Output::of(&run.output().expect("it starts"));
        let tip = place.git(&["rev-parse", "main"]).done().stdout;
        match ended.code {
            0 => break,
            _ if tip == base => before += 1,
            // It has landed, and what follows is done by the next run.
            _ => break,
        }
    }
    assert!(before > 3, "{before} moments before it landed");
    place.gt(&["refinery", "run"]).done();
    assert_eq!(found(&place), "GGG");
    let gates = place.json(&["refinery", "gate", "show", "test"]);
    assert_eq!(gates["runs"], 1, "{gates}");
    for id in &ids {
        assert_eq!(place.json(&["mq", "status", id])["status"], "landed");
    }
}

#[test]
fn a_pull_request_offers_a_signed_commit_and_stays_the_same() {
    let place = place("squash");
    with_gpg(&place);
    let remote = place.path("remote.git");
    place.git(&["init", "--quiet", "--bare", &remote]).done();
    place.git(&["remote", "add", "origin", &remote]).done();
    place.git(&["push", "--quiet", "origin", "main"]).done();
    for (key, value) in [
        ("refinery.sign", "true"),
        ("pullRequests", "main"),
        ("pullRequestCommand", "echo opened >> .git/opened"),
    ] {
        place.gt(&["config", "set", key, value]).done();
    }
    let ids = queue(&place);
    let open = run(&place)["pull_requests"][0].clone();
    assert_eq!(open["requests"], json!(ids), "{open}");
    let commit = open["commit"].as_str().expect("it has a commit");
    place.git(&["verify-commit", commit]).done();
    assert_eq!(run(&place)["pull_requests"][0], open);
    let opened = std::fs::read_to_string(place.path(".git/opened"));
    assert_eq!(opened.expect("the command ran"), "opened\n");
    place
        .git(&["push", "--quiet", "origin", &format!("{commit}:main")])
        .done();
    let ran = run(&place);
    assert_eq!(
        (&ran["landed"], &ran["gate_runs"]),
        (&json!(ids), &json!(0))
    );
}
