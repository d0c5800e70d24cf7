//! Refineries of several clones that run one queue: nobody does what another one does, and nothing depends on it.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::fleet::{Fleet, Member, Output, agree, hub};
use crate::seals::{allows, key, signs};

/// What the clock of a fleet begins with, in milliseconds.
const START: u64 = 1_767_225_600_000;

/// Two clones that share a queue, and whose gate writes a line for each run.
struct Shared {
    fleet: Fleet,
}

impl Shared {
    /// Everybody believes the signed results of everybody; `HUB` in the check is the remote's folder.
    fn new(check: &str) -> Self {
        let fleet = Fleet::new();
        let (ada, bob, _) = fleet.two(&[]);
        let check = check.replace("HUB", &fleet.path("hub").display().to_string());
        let command = format!(
            "git write-tree >> '{}'; {check}",
            fleet.path("runs").display()
        );
        ada.gt(&["refinery", "gate", "add", "test", "--command", &command])
            .done();
        agree(&[&ada, &bob]);
        bob.gt(&["config", "accept", "gate.test"]).done();
        for member in [&ada, &bob] {
            signs(member);
            let keys = ["ada", "bob"].map(|who| key(&fleet, who, ""));
            allows(member, &keys);
            member
                .gt(&["config", "set", "refinery.shared", "true"])
                .done();
        }
        drop((ada, bob));
        Self { fleet }
    }

    fn runs(&self) -> usize {
        let runs = fs::read_to_string(self.fleet.path("runs"));
        runs.map_or(0, |text| text.lines().count())
    }

    fn leases(&self) -> String {
        let hub = hub(&self.fleet);
        hub.git(&["for-each-ref", "--format=%(refname)", "refs/gt/lease"])
    }

    /// Puts a lease on the only request of the queue there, as `who` would take it until so many milliseconds
    /// after 1970.
    fn lease(&self, who: &Member<'_>, until: &str) -> String {
        who.git(&["fetch", "-q"]);
        let (base, request) = (who.git(&["rev-parse", "origin/main"]), id(who));
        let clone = who.git(&["config", "gt.cloneId"]);
        let name = format!("lease main\n{base}\n{request}");
        let hash = who.feed(&["hash-object", "--stdin"], name.as_bytes());
        let name = format!("refs/gt/lease/{}", &hash[..32]);
        let tree = who.feed(&["mktree"], b"");
        let text = format!(
            "lease\n\nGt-Target: main\nGt-Base: {base}\nGt-Requests: {request}\n\
             Gt-Clone: {clone}\nGt-Machine: the\u{1b}cellar\nGt-Until: {until}\n"
        );
        let commit = who.git(&["commit-tree", tree.trim(), "-m", &text]);
        who.git(&["push", "-q", "-f", "origin", &format!("{commit}:{name}")]);
        name
    }
}

/// Returns the id of the only request that waits.
fn id(member: &Member<'_>) -> String {
    let queue = member.json(&["mq", "list"]);
    let [request] = &queue.as_array().unwrap()[..] else {
        panic!("{queue}")
    };
    request["id"].as_str().unwrap().to_owned()
}

fn count(member: &Member<'_>, status: &str) -> usize {
    let found = member.json(&["mq", "list", "--status", status]);
    found.as_array().unwrap().len()
}

#[test]
fn what_another_machine_tests_is_tested_here_when_its_lease_is_over() {
    let shared = Shared::new("true");
    let (ada, bob) = (shared.fleet.at("ada"), shared.fleet.at("bob"));
    ada.queue("one");
    ada.sync();
    let name = shared.lease(&ada, "2026-01-01T00:10:00Z");
    let said = bob.gt(&["refinery", "run"]).done();
    assert!(
        said.stderr.contains("tested on the?cellar, and here if"),
        "{said:?}"
    );
    assert_eq!((shared.runs(), shared.leases()), (0, name.clone()));
    // No test may take that long.
    shared.lease(&ada, "9026-01-01T00:10:00Z");
    let said = bob.json(&["refinery", "run"]);
    assert_eq!(said["landed"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!((shared.runs(), shared.leases().as_str()), (1, ""));
    // What a run took that was killed.
    ada.queue("two");
    ada.sync();
    shared.lease(&ada, "2026-01-01T00:10:00Z");
    let said = bob.json(&["refinery", "run"]);
    assert_eq!((&said["queued"], shared.runs()), (&Value::from(1), 1));
    let later = (START + 600_000).to_string();
    bob.gt_with(("GT_TEST_NOW", &later), &["refinery", "run"])
        .done();
    assert_eq!((shared.runs(), shared.leases().as_str()), (2, ""));
    // Its own clone does not wait for itself.
    ada.sync();
    ada.queue("three");
    shared.lease(&ada, "2026-01-01T00:10:00Z");
    let said = ada.json(&["refinery", "run"]);
    assert_eq!(said["landed"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!((shared.runs(), shared.leases().as_str()), (3, ""));
    agree(&[&ada, &bob]);
    assert_eq!((count(&ada, "landed"), count(&bob, "landed")), (3, 3));
    for member in [&ada, &bob] {
        member.gt(&["fsck"]).done();
    }
}

#[test]
fn a_remote_that_takes_no_leases_stops_nobody() {
    let shared = Shared::new("true");
    let (ada, bob) = (shared.fleet.at("ada"), shared.fleet.at("bob"));
    let no = "case $1 in refs/gt/lease/*) exit 1; esac";
    shared.fleet.hook("update", no);
    ada.queue("one");
    ada.sync();
    let said = bob.gt(&["refinery", "run"]).done();
    assert!(said.stdout.starts_with("1 landed"), "{said:?}");
    let note = "'origin' takes no leases, so others may test the same";
    assert_eq!(said.stderr.matches(note).count(), 1, "{said:?}");
}

#[test]
fn a_remote_that_goes_away_meanwhile_is_named_once_and_nothing_is_lost() {
    let shared = Shared::new("mv HUB.git HUB.away");
    let ada = shared.fleet.at("ada");
    ada.queue("one");
    let said = ada
        .gt(&["refinery", "run"])
        .fails(5, "cannot reach 'origin'");
    let note = "the queue is not shared for now: cannot reach";
    assert_eq!(said.stderr.matches(note).count(), 1, "{said:?}");
    fs::rename(shared.fleet.path("hub.away"), shared.fleet.path("hub.git")).unwrap();
    assert_ne!(shared.leases(), "");
    let said = ada.json(&["refinery", "run"]);
    assert_eq!(said["landed"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!((shared.runs(), shared.leases().as_str()), (1, ""));
}

#[test]
fn two_refineries_land_what_is_good_once_and_eject_the_culprit_once() {
    let shared = Shared::new("! test -e bad");
    let (ada, bob) = (shared.fleet.at("ada"), shared.fleet.at("bob"));
    for branch in ["a", "b", "c", "d", "bad", "e", "f", "g"] {
        ada.queue(branch);
    }
    ada.sync();
    let run = |member: &Member<'_>| {
        let mut command = member.command(env!("CARGO_BIN_EXE_git-gt"));
        command.args(["refinery", "run", "--wait", "--workers", "2"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running = [&ada, &bob].map(run);
    for child in running {
        Output::from(&child.wait_with_output().unwrap()).done();
    }
    agree(&[&ada, &bob]);
    for member in [&ada, &bob] {
        assert_eq!((count(member, "landed"), count(member, "ejected")), (7, 1));
        member.gt(&["fsck"]).done();
    }
    let ejected = bob.json(&["mq", "list", "--status", "ejected"]);
    assert_eq!(ejected[0]["branch"], "bad", "{ejected}");
    let hub = hub(&shared.fleet);
    let files = hub.git(&["ls-tree", "--name-only", "main"]);
    assert_eq!(files.lines().collect::<String>(), "abcdeffileg");
    // Every commit that was the tip is green, and nothing landed twice.
    let merges = hub.git(&["log", "--merges", "--format=%s", "main"]);
    assert_eq!(merges.lines().count(), 7, "{merges}");
    let tested = fs::read_to_string(shared.fleet.path("runs")).unwrap();
    let tip = hub.git(&["rev-parse", "main^{tree}"]);
    assert!(tested.lines().any(|tree| tree == tip), "{tested}");
    assert_eq!(shared.leases(), "");
}
