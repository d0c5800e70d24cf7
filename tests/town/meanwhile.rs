//! What somebody decides while a step of the Refinery is under way: it counts before anything lands.

use serde_json::json;

use crate::place::{Output, PROGRAM, Place};

/// A rig whose queue has one request that is green, to be merged onto a target that has moved since it was made;
/// and the request.
fn green() -> (Place, String) {
    let place = Place::repeating();
    place.gate("true");
    // Both sides change one file, which git has to merge.
    let text = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n{last}\n");
    place.import(
        "main",
        Some("refs/heads/main"),
        &[("text", &text("1", "6"))],
    );
    place.git(&["reset", "--quiet", "--hard"]).done();
    place.branch("other", &[("text", &text("one", "6"))]);
    place.branch("a", &[("text", &text("1", "six")), ("a", "a")]);
    let id = place.submit("a");
    place
        .git(&["merge", "--quiet", "--ff-only", "other"])
        .done();
    place.gt(&["config", "set", "review", "1"]).done();
    place.gt(&["--actor", "grace", "mq", "approve", &id]).done();
    place.gt(&["mq", "try", &id]).done();
    // A git that lets somebody else have a word while it merges.
    let path = std::env::var("PATH").unwrap();
    let git = std::env::split_paths(&path).map(|it| it.join("git"));
    let git = git.into_iter().find(|it| it.is_file()).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' merge-tree '*)\n\
         test -e \"$PLACE/said\" || {{ : >\"$PLACE/said\"\n\
         (unset GIT_DIR GIT_WORK_TREE; cd \"$PLACE/repo\"; PATH=${{PATH#*:}}; eval \"$MEANWHILE\") >&2; }} ;;\n\
         esac\nexec '{}' \"$@\"\n",
        git.display()
    );
    let fake = place.write("bin/git", &script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(fake, mode).unwrap();
    (place, id)
}

/// Runs the queue while somebody runs a line of `sh`, in which `gt` is the program.
fn run_while(place: &Place, line: &str) -> Output {
    let mut command = place.command(&["refinery", "run"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", place.path("bin").display()));
    command.env(
        "MEANWHILE",
        format!("gt() {{ '{PROGRAM}' \"$@\"; }}; {line}"),
    );
    let ran = Output::of(&mut command);
    assert!(place.path("said").exists(), "it was not asked: {ran:?}");
    ran
}

#[test]
fn what_is_decided_while_a_step_is_under_way_keeps_it_from_landing() {
    let (template, id) = green();
    let check = |line: &str, code: i32, why: &str, status: &str| {
        let place = template.copy();
        let base = place.rev("main");
        let ran =
            run_while(&place, &line.replace("ID", &id)).fails(code, &[&why.replace("ID", &id)]);
        assert_eq!(place.rev("main"), base, "{line}: {ran:?}");
        assert_eq!(place.status(&id), status, "{line}: {ran:?}");
    };
    let after_all = |why: &str| format!("ID: not landed after all: {why}");
    check(
        "gt mq freeze -r busy",
        0,
        &after_all("ID waits for a thaw: busy"),
        "held",
    );
    check(
        "gt mq reject ID -r no",
        0,
        &after_all("ID does not wait any more"),
        "rejected",
    );
    check(
        "gt --actor grace mq unapprove ID",
        0,
        &after_all("ID waits for 1 approval"),
        "held",
    );
    check(
        "gt refinery gate add second -c 'test ! -e a'",
        0,
        &after_all("gate 'second', as it is now, has not passed"),
        "ejected",
    );
    check(
        "git config --unset gt.gate.test.accepted",
        4,
        "gate 'test' came from elsewhere",
        "queued",
    );
    // What is of no concern to it keeps it from nothing.
    let place = template.copy();
    run_while(&place, "gt create unrelated").done();
    assert_eq!(place.status(&id), "landed");
}

#[test]
fn a_gate_that_is_added_while_the_queue_runs_counts_in_that_run() {
    let place = Place::new();
    let _go = place.pipe("go");
    place
        .gate("test -e \"$PLACE/started\" || { : >\"$PLACE/started\"; read line <\"$PLACE/go\"; }");
    let id = place.queue("a");
    let run = place.start(&["refinery", "run", "--json"]);
    place.until_file("started");
    place.gate_with("second", "echo ran >>\"$PLACE/second\"", &[]);
    std::fs::write(place.path("go"), "go\n").unwrap();
    let ran = run.end().done().json();
    assert_eq!(ran["landed"], json!([id]), "{ran}");
    assert_eq!(place.read("second"), "ran\n");
}
