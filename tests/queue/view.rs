//! Looking at the queue, asking what comes next, and stopping whoever runs it.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::{commit, project};
use crate::support::{Output, Place};

/// Returns a rig whose gate says that it began, into a pipe, and goes on for long; one request waits.
fn slow() -> (Place, String) {
    let place = project("true");
    let pipe = place.path("pipe");
    let made = place.command_of("mkfifo".as_ref()).arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let gate = format!("echo begun >'{pipe}'; sleep 30");
    place
        .gt(&["refinery", "gate", "add", "test", "-c", &gate])
        .done();
    place.gt(&["mq", "submit"]).done();
    (place, pipe)
}

/// Waits until the gate of [`slow`] runs.
fn begun(pipe: &str) {
    let mut said = String::new();
    let mut pipe = BufReader::new(std::fs::File::open(pipe).expect("the pipe is there"));
    pipe.read_line(&mut said).expect("the gate writes");
    assert_eq!(said, "begun\n");
}

#[test]
fn a_running_refinery_says_what_it_tests_and_stops_when_asked() {
    let (place, pipe) = slow();
    let mut command = place.command(&["refinery", "run", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it starts");
    begun(&pipe);
    // It says so once nothing else is said for a moment.
    let mut status = place.json(&["refinery", "status"]);
    while status["probes"][0]["gates"][0].is_null() {
        status = place.json(&["refinery", "status"]);
    }
    assert_eq!(status["run"]["pid"], program.id());
    assert_eq!(status["probes"][0]["gates"][0]["gate"], "test");
    assert_eq!(place.json(&["refinery", "explain"])[0]["busy"], 1);
    let text = place.gt(&["refinery", "status"]).done().stdout;
    assert!(text.contains("runs for "), "{text}");
    let stopped = place.json(&["refinery", "stop"]);
    assert_eq!(stopped["pid"], program.id());
    let output = program.wait_with_output().expect("it ends");
    let said = Output::of(&output).done().stdout;
    let tally: Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(tally["stopped"], true);
    assert_eq!(tally["queued"], 1);
    let runs = &place.json(&["mq", "status", "work"])["runs"];
    assert_eq!(runs.as_array().map(Vec::len), Some(0));
    let said = place.gt(&["refinery", "stop"]).done().stdout;
    assert!(said.contains("nobody runs"), "{said}");
    assert_eq!(place.json(&["refinery", "status"])["running"], false);
}

#[test]
fn a_wish_for_somebody_else_stops_nobody() {
    let place = project("true");
    place.gt(&["mq", "submit"]).done();
    place.file(".git/gt/refinery.stop", r#"{"pid":1,"since":1}"#);
    let tally = place.json(&["refinery", "run"]);
    assert_eq!(tally["stopped"], false);
    assert_eq!(tally["landed"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_comes_next_is_told_and_not_done() {
    let place = project("true");
    place.gt(&["mq", "submit"]).done();
    let refs = || place.git(&["for-each-ref"]).done().stdout;
    let before = refs();
    let next = &place.json(&["refinery", "explain"])[0];
    assert_eq!(next["next"], "probe");
    assert_eq!(next["probes"][0]["reason"], "the only one that waits");
    let red = next["probes"][0]["red"].as_f64().expect("it is a number");
    assert!((0.05..0.1).contains(&red), "{red}");
    let text = place.gt(&["refinery", "explain"]).done().stdout;
    assert!(text.contains(" bits\n"), "{text}");
    let status = place.json(&["refinery", "status"]);
    let waiting = &status["targets"][0]["queued"];
    assert_eq!(waiting.as_array().map(Vec::len), Some(1));
    assert_eq!(refs(), before);
}

#[test]
fn a_watch_goes_on_when_all_is_done() {
    let place = project("true");
    let mut command = place.command(&["refinery", "run", "--watch", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.spawn().expect("it starts");
    while place.json(&["refinery", "status"])["run"].is_null() {}
    commit(&place, "work", "more");
    place.gt(&["mq", "submit"]).done();
    while !place
        .json(&["mq", "list"])
        .as_array()
        .is_some_and(Vec::is_empty)
    {}
    place.gt(&["refinery", "stop"]).done();
    let output = program.wait_with_output().expect("it ends");
    let said = Output::of(&output).done().stdout;
    let tally: Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!(tally["landed"].as_array().map(Vec::len), Some(1));
    assert_eq!(tally["stopped"], true);
}
