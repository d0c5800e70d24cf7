//! Gates from the outside: what they say, what runs of them teach, and a run by hand.

use serde_json::{Value, json};

use super::after::{change, rig};
use super::project;
use super::support::Place;

/// Adds a gate and returns it as JSON.
fn add(place: &Place, name: &str, args: &[&str]) -> Value {
    let add = ["refinery", "gate", "add", name, "--json"];
    let said = place.gt(&[&add[..], args].concat()).done().stdout;
    serde_json::from_str(&said).expect("JSON is printed")
}

#[test]
fn a_gate_says_what_it_was_told_and_no_more() {
    let place = project("true");
    let plain = &place.json(&["refinery", "gate", "show", "test"]);
    assert_eq!(plain["command"], "true");
    for key in ["setup", "env", "inputs", "targets", "needs", "by", "nice"] {
        assert_eq!(plain.get(key), None, "{key}");
    }
    assert_eq!(
        (&plain["runs"], &plain["flake_rate"]),
        (&json!(0), &json!(0.01))
    );
    let words = "-c true --setup make --env CI=yes --env RUSTFLAGS --secret TOKEN --input ./src/ \
        --target main --target release/* --needs test --deterministic --memory 1G --file-size 1M \
        --nice 5 --keep target --timeout 90s";
    let words: Vec<&str> = words.split_whitespace().collect();
    let gate = add(&place, "full", &words);
    let env = json!({ "CI": { "value": "yes" }, "RUSTFLAGS": { "passed": true },
        "TOKEN": { "secret": true } });
    let want = json!({
        "name": "full", "command": "true", "setup": "make", "env": env, "inputs": ["src"],
        "targets": ["main", "release/*"], "needs": ["test"], "deterministic": true,
        "memory": 1 << 30, "file_size": 1 << 20, "nice": 5, "keep": ["target"],
        "timeout_seconds": 90, "accepted": true, "definition": gate["definition"],
    });
    assert_eq!(gate, want);
    assert_ne!(gate["definition"], plain["definition"]);
    // What is not said again is not kept.
    let bare = add(&place, "full", &["-c", "true"]);
    assert_eq!(bare["definition"], plain["definition"]);
    assert_eq!(bare.get("env"), None);
}

#[test]
fn what_no_gate_can_be_is_refused() {
    let place = project("true");
    let check = |args: &[&str], code: i32, why: &str| {
        let add = ["refinery", "gate", "add", "new", "-c", "true"];
        place.gt(&[&add[..], args].concat()).fails(code, why);
    };
    check(&["--needs", "gone"], 1, "there is no gate 'gone' to need");
    check(&["--needs", "new"], 4, "would need itself");
    check(&["--env", "A-B"], 1, "cannot be the name of a variable");
    check(&["--env", "GIT_DIR"], 1, "no gate is given GIT_DIR");
    check(&["--input", "../x"], 1, "inside the repository");
    check(&["--input", "x", "--by-commit"], 129, "cannot be used with");
    check(&["--keep", "."], 1, "inside the worktree");
    check(&["--keep", "[["], 1, "has a '[' that is not closed");
    check(&["--target", "[["], 1, "no branch can fit '[['");
    check(
        &["--target", "release/*~"],
        1,
        "no branch can fit 'release/*~'",
    );
    check(&["--input", "src/*.rs"], 1, "takes paths, not patterns");
    check(&["--memory", "lots"], 129, "500M");
    add(&place, "after", &["-c", "true", "--needs", "test"]);
    let circle = [
        "refinery", "gate", "add", "test", "-c", "true", "--needs", "after",
    ];
    place.gt(&circle).fails(4, "would need itself");
    let remove = ["refinery", "gate", "remove", "test"];
    place.gt(&remove).fails(4, "gate 'after' needs gate 'test'");
}

#[test]
fn a_gate_counts_from_the_moment_it_is_written() {
    let place = project("true");
    let (mut crashed, mut at) = (0, 0);
    // The first of each two is new or the other command, the second is what it is already.
    for command in ["true", "false"] {
        loop {
            at += 1;
            let name = format!("gate-{}", at % 3);
            let add = ["refinery", "gate", "add", &name, "-c", command];
            let mut add = place.command(&add);
            let ended = add.env("GT_TEST_CRASH_AT", (at % 20).to_string()).output();
            let is_done = ended.expect("it starts").status.success();
            let said = place.gt(&["refinery", "gate", "list"]).done();
            assert_eq!(said.stderr, "", "write {at} of {command}");
            if is_done {
                break;
            }
            crashed += 1;
        }
    }
    assert!(crashed > 2, "it writes more than that");
}

#[test]
fn a_gate_that_is_refused_is_not_accepted() {
    let place = project("true");
    let accepted = |name: &str| {
        let key = format!("gt.gate.{name}.accepted");
        place.git(&["config", &key]).stdout
    };
    let before = accepted("test");
    let add = |args: &[&str]| place.gt(&[&["refinery", "gate", "add"], args].concat());
    add(&["test", "-c", "false", "--needs", "gone"]).fails(1, "no gate 'gone'");
    add(&["TEST", "-c", "false"]).fails(4, "differs in case only");
    assert_eq!(
        (accepted("test"), accepted("TEST")),
        (before.clone(), String::new())
    );
    add(&["test", "-c", "false"]).done();
    let after = accepted("test");
    assert!(after != before && !after.trim().contains(' '), "{after}");
}

#[test]
fn a_run_by_hand_counts_where_it_is_recorded() {
    let place = rig("test ! -e red");
    change(&place, "work", "main", "work", "work");
    let run = ["refinery", "gate", "run", "test"];
    let said = place.json(&run);
    assert_eq!(
        (&said["verdict"], &said["recorded"]),
        (&json!("green"), &json!(false))
    );
    let on = |revision: &str| place.gt(&[&run[..], &["--on", revision]].concat());
    place
        .gt(&["refinery", "gate", "run", "gone"])
        .fails(1, "there is no gate 'gone'");
    on("gone").fails(1, "'gone' names no commit");
    change(&place, "bad", "main", "red", "red");
    assert_eq!(on("bad").code, 1, "it is red");
    // The branch stands on the target, so what would land has the branch's tree.
    for branch in ["main", "work"] {
        place.json(&[&run[..], &["--on", branch, "--record"]].concat());
    }
    let ran = place.json(&["refinery", "gate", "show", "test"]);
    assert_eq!((&ran["runs"], &ran["red"]), (&json!(2), &json!(0)));
    place.gt(&["mq", "submit", "--branch", "work"]).done();
    let landed = place.json(&["refinery", "run"]);
    assert_eq!(
        landed["landed"].as_array().map(Vec::len),
        Some(1),
        "{landed}"
    );
    assert_eq!(landed["gate_runs"], 0, "its tree is known to be green");
}

#[test]
fn what_changes_no_input_is_not_tested_again_and_other_branches_are_not_asked() {
    let place = rig("true");
    add(&place, "test", &["-c", "true", "--input", "src"]);
    add(&place, "far", &["-c", "false", "--target", "release/*"]);
    let runs = |branch: &str, file: &str| {
        change(&place, branch, "main", file, branch);
        place.gt(&["mq", "submit", "--branch", branch]).done();
        let ran = place.json(&["refinery", "run"]);
        assert_eq!(ran["landed"].as_array().map(Vec::len), Some(1), "{ran}");
        ran["gate_runs"].as_u64()
    };
    place.folder("src");
    assert_eq!(runs("code", "src/main"), Some(1));
    assert_eq!(runs("docs", "docs"), Some(0));
    assert_eq!(runs("more", "src/more"), Some(1));
}
