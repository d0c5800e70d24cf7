//! Interrupts from the outside: the real program, stopped while a gate runs.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs and read files of their own"
)]

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use support::{Output, Place};

/// Says that it began, into a pipe that ends when nothing of it is left, and goes on for long.
const GATE: &str = "exec 3>'PIPE'; echo begun >&3; sleep 30; echo 'went on' >&3";

fn shell(script: &str) {
    let status = Command::new("sh").args(["-e", "-c", script]).status();
    assert!(status.expect("sh starts").success(), "{script}");
}

/// The terminal interrupts `git` and `git-gt`, and `git` passes its interrupt on to `git-gt`.
#[test]
fn an_interrupt_that_arrives_twice_stops_the_gate() {
    let place = Place::new();
    let pipe = place.file("pipe", "");
    shell(&format!("rm '{pipe}' && mkfifo '{pipe}'"));
    for branch in ["main", "work"] {
        let author = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
        let commit = ["commit", "--quiet", "--allow-empty", "-m", branch];
        place.git(&["checkout", "--quiet", "-B", branch]).done();
        place.git(&[&author[..], &commit].concat()).done();
    }
    let gate = GATE.replace("PIPE", &pipe);
    place
        .gt(&["refinery", "gate", "add", "slow", "-c", &gate])
        .done();
    place.gt(&["mq", "submit"]).done();
    let mut command = place.command(&["refinery", "run"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it starts");
    let mut gate = BufReader::new(std::fs::File::open(&pipe).expect("the pipe is there"));
    let mut said = String::new();
    gate.read_line(&mut said).expect("the gate writes");
    let id = program.id();
    shell(&format!("kill -INT {id}; kill -INT {id}"));
    gate.read_to_string(&mut said).expect("the gate ends");
    assert_eq!(said, "begun\n");
    let output = program.wait_with_output().expect("it ends");
    // Whoever hears of it first says so, of the gate or of all of them.
    Output::of(&output).fails(5, "ran on has not landed");
}
