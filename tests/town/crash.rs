//! Crashes: whatever moment a command dies at, running it again comes to the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place::{Output, Place};

/// How many moments are tried where every one would take minutes; `GT_TEST_EVERY=1` tries them all, and
/// `GT_TEST_EVERY=2/4` every fourth from the second on.
pub(crate) const MOMENTS: usize = 16;

/// Runs a command that aborts before its n-th write; returns whether it did.
#[track_caller]
pub(crate) fn crashes(mut command: Command, at: usize) -> bool {
    let said = Output::of(command.env("GT_TEST_CRASH_AT", at.to_string()));
    assert!(
        matches!(said.code, None | Some(0)),
        "before write {at}: {said:?}"
    );
    said.code.is_none()
}

/// Tries moments of `1..=last`: all of them, a part of them, or `count` that lie as far apart as can be. One that
/// fails keeps no other from being tried.
#[track_caller]
pub(crate) fn at_moments(last: usize, count: usize, attempt: impl Fn(usize)) {
    let every = std::env::var("GT_TEST_EVERY").ok();
    let moments = moments(last, count, every.as_deref());
    let mut failed = moments.clone();
    failed.retain(|at| catch_unwind(AssertUnwindSafe(|| attempt(*at))).is_err());
    if every.is_some() {
        let tried = format!("tried {} crashes before {last} writes\n", moments.len());
        std::io::stderr().write_all(tried.as_bytes()).unwrap();
    }
    assert!(
        failed.is_empty(),
        "of {} crashes before {last} writes {} went wrong: {failed:?}",
        moments.len(),
        failed.len()
    );
}

fn moments(last: usize, count: usize, every: Option<&str>) -> Vec<usize> {
    if let Some(every) = every {
        let (part, parts) = every.split_once('/').unwrap_or(("1", "1"));
        let [part, parts]: [usize; 2] = [part, parts].map(|it| it.parse().unwrap());
        return (part..=last).step_by(parts).collect();
    }
    if last <= count {
        return (1..=last).collect();
    }
    (0..count)
        .map(|at| 1 + at * (last - 1) / (count - 1))
        .collect()
}

/// Returns how many writes a command makes, found by halving: it crashes before the last one and not
/// before one more.
pub(crate) fn writes(crashes: impl Fn(usize) -> bool) -> usize {
    let mut high = 16;
    while crashes(high) {
        high *= 2;
    }
    let mut low = 0;
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if crashes(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// What a queue came to, in words that do not depend on when.
#[derive(Debug, PartialEq)]
struct Outcome {
    target: String,
    requests: BTreeMap<String, String>,
    beads: BTreeMap<String, (String, usize)>,
    refs: Vec<String>,
}

impl Outcome {
    #[track_caller]
    fn of(place: &Place) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |args: &[&str]| place.json(args).as_array().unwrap().clone();
        let requests = list(&["mq", "list", "--all"]);
        let beads = list(&["list", "--all"]);
        let refs = place.git(&["for-each-ref", "--format=%(refname)"]).done();
        let bead = |it: &Value| {
            let comments = it["comment_count"].as_u64().unwrap();
            (
                text(&it["id"]),
                (text(&it["status"]), comments.try_into().unwrap()),
            )
        };
        Self {
            target: place.rev("refs/heads/main"),
            requests: requests
                .iter()
                .map(|it| (text(&it["id"]), text(&it["status"])))
                .collect(),
            beads: beads.iter().map(bead).collect(),
            refs: refs.stdout.lines().map(str::to_owned).collect(),
        }
    }

    /// Returns how many requests ended how.
    fn ended(&self) -> Vec<(&str, usize)> {
        let mut ended = BTreeMap::new();
        for status in self.requests.values() {
            *ended.entry(status.as_str()).or_insert(0) += 1;
        }
        ended.into_iter().collect()
    }

    /// Returns how many beads are how.
    fn beads_by_kind(&self) -> Vec<&(String, usize)> {
        let mut beads: Vec<&(String, usize)> = self.beads.values().collect();
        beads.sort();
        beads
    }
}

/// Passes on what none of the requests of [`queued`] breaks, by itself or with another one.
const GATE: &str = "test ! -e culprit && ! { test -e left && test -e right; }";

/// How the requests of [`queued`] end.
const ENDED: [(&str, usize); 3] = [("conflict", 1), ("ejected", 2), ("landed", 4)];

/// Returns a rig with seven requests, of which one is a culprit, two are red together, and one is in
/// conflict with another.
fn queued(gate: &str) -> Place {
    let place = Place::repeating();
    place.gate(gate);
    for (name, file, text) in [
        ("a", "a", "a"),
        ("left", "left", "l"),
        ("culprit", "culprit", "x"),
        ("first", "same", "one"),
        ("right", "right", "r"),
        ("c", "c", "c"),
        ("second", "same", "two"),
    ] {
        place.branch(name, &[(file, text)]);
        let bead = place.create(name);
        place
            .gt(&["mq", "submit", "--branch", name, "--bead", &bead])
            .done();
    }
    place
}

/// Checks that every request there was is still there, and that none is on the target more than once.
#[track_caller]
fn nothing_is_lost_or_doubled(want: &Outcome, place: &Place, when: &str) {
    let all = place.json(&["mq", "list", "--all"]);
    let ids = all.as_array().unwrap().iter().map(|it| it["id"].clone());
    let known: Vec<Value> = want.requests.keys().map(|id| id.as_str().into()).collect();
    let mut ids: Vec<Value> = ids.collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, known, "{when}");
    let parents = place.git(&["log", "--format=%P", "main"]).done().stdout;
    for request in all.as_array().unwrap() {
        let head = request["head"].as_str().unwrap();
        let merged = parents.lines().filter(|it| it.contains(head)).count();
        let has_landed = usize::from(request["status"] == "landed");
        // What was killed between the landing and its record is on the target all the same.
        let may_be = has_landed
            ..=usize::from(["landed", "queued"].contains(&request["status"].as_str().unwrap()));
        assert!(may_be.contains(&merged), "{when}: {merged} times {request}");
    }
}

#[track_caller]
fn check_run(template: &Place, want: &Outcome, place: &Place, when: &str) {
    let base = template.rev("refs/heads/main");
    nothing_is_lost_or_doubled(want, place, when);
    place.gt(&["refinery", "run", "--until-idle"]).done();
    assert_eq!(Outcome::of(place), *want, "{when}");
    nothing_is_lost_or_doubled(want, place, when);
    place.is_sound(&base);
    let dirty = place.git(&["status", "--porcelain"]).done().stdout;
    assert_eq!(dirty, "", "{when}");
    place.is_quiet();
}

#[test]
fn a_run_may_crash_before_any_write() {
    let template = queued(GATE);
    template.gate_with("lint", "test -e base", &[]);
    let undisturbed = template.copy();
    undisturbed.run();
    let want = Outcome::of(&undisturbed);
    assert_eq!(want.ended(), ENDED, "{want:?}");
    let run = |place: &Place, at| crashes(place.command(&["refinery", "run"]), at);
    let last = writes(|at| run(&template.copy(), at));
    at_moments(last, MOMENTS, |at| {
        let place = template.copy();
        assert!(run(&place, at));
        check_run(
            &template,
            &want,
            &place,
            &format!("crash before write {at} of {last}"),
        );
    });
}

/// Runs the gate by hand on every commit the target moved to.
#[track_caller]
fn passes_by_hand(place: &Place, base: &str, when: &str) {
    let range = format!("{base}..main");
    let moves = place.git(&["rev-list", "--first-parent", &range]).done();
    for commit in moves.stdout.lines() {
        let dir = place.path(&format!("tmp/{commit}"));
        std::fs::create_dir(&dir).unwrap();
        let files = place.path("tmp/files.tar").display().to_string();
        place.git(&["archive", "--output", &files, commit]).done();
        let mut by_hand = place.hermetic(Command::new("sh"));
        let script = format!("tar -xf \"$0\" && {{ {GATE}; }}");
        let said = Output::of(by_hand.args(["-c", &script, &files]).current_dir(dir));
        assert_eq!(said.code, Some(0), "{when}: {commit} landed: {said:?}");
    }
}

/// Checks that every bead fits its request.
#[track_caller]
fn beads_follow(place: &Place, when: &str) {
    for request in place.json(&["mq", "list", "--all"]).as_array().unwrap() {
        let bead = place.bead(request["bead"].as_str().unwrap());
        let closed = request["status"] == "landed";
        let status = if closed { "closed" } else { "open" };
        assert_eq!(bead["status"], status, "{when}: {request} {bead}");
        let told = usize::from(!closed);
        assert_eq!(bead["comment_count"], told, "{when}: {request} {bead}");
    }
}

/// Which of two that are in conflict lands, or of two that are red together, hangs on which worker is faster, as does
/// what is tested again while a worker is free; how many land does not.
#[test]
fn a_run_of_several_workers_may_crash_before_any_write() {
    const RUN: &[&str] = &["refinery", "run", "--workers", "3"];
    // More than it makes: a moment after its end is none.
    const WRITES_MAX: usize = 900;
    let template = queued(GATE);
    let base = template.rev("refs/heads/main");
    let undisturbed = template.copy();
    let run = |place: &Place, at| crashes(place.command(RUN), at);
    assert!(!run(&undisturbed, WRITES_MAX));
    let want = Outcome::of(&undisturbed);
    assert_eq!(want.ended(), ENDED, "{want:?}");
    at_moments(WRITES_MAX, MOMENTS / 4, |at| {
        let place = template.copy();
        run(&place, at);
        let when = format!("crash before write {at}");
        nothing_is_lost_or_doubled(&want, &place, &when);
        place.gt(RUN).done();
        let got = Outcome::of(&place);
        assert_eq!(got.ended(), ENDED, "{when}: {got:?}");
        assert_eq!(got.beads_by_kind(), want.beads_by_kind(), "{when}");
        assert_eq!(got.refs, want.refs, "{when}");
        nothing_is_lost_or_doubled(&want, &place, &when);
        beads_follow(&place, &when);
        place.is_proven(&base);
        passes_by_hand(&place, &base, &when);
        let prunable = place.git(&["worktree", "prune", "--dry-run", "--verbose"]);
        assert_eq!(prunable.done().stdout, "", "{when}");
        let dirty = place.git(&["status", "--porcelain"]).done().stdout;
        assert_eq!(dirty, "", "{when}");
        place.is_quiet();
    });
}

#[test]
fn a_run_that_lands_by_push_may_crash_before_any_write() {
    let template = queued("test ! -e culprit");
    template.remote();
    let remote = |place: &Place| place.rev_in(&place.path("remote.git"), "main");
    let undisturbed = template.copy();
    undisturbed.run();
    let want = Outcome::of(&undisturbed);
    assert_eq!(remote(&undisturbed), want.target);
    let run = |place: &Place, at| crashes(place.command(&["refinery", "run"]), at);
    let last = writes(|at| run(&template.copy(), at));
    at_moments(last, MOMENTS, |at| {
        let place = template.copy();
        assert!(run(&place, at));
        place.gt(&["refinery", "run", "--until-idle"]).done();
        let when = format!("crash before write {at} of {last}");
        assert_eq!(remote(&place), want.target, "{when}");
        let got = Outcome::of(&place);
        assert_eq!(
            (&got.requests, &got.beads),
            (&want.requests, &want.beads),
            "{when}"
        );
        if got.target != want.target {
            // Only the remote's branch had moved: the local one follows with the next landing.
            place.queue("late");
            place.run();
            assert_eq!(place.rev("main"), remote(&place), "{when}");
            place
                .git(&["merge-base", "--is-ancestor", &want.target, "main"])
                .done();
        }
        place.is_quiet();
    });
}

#[test]
fn a_run_may_be_killed_at_any_moment() {
    // Busy for a while, so that a good part of the moments falls into it.
    let template = queued(&format!(
        "i=0; while test $i -lt 30000; do i=$((i+1)); done; {GATE}"
    ));
    let undisturbed = template.copy();
    let start = Instant::now();
    undisturbed.run();
    let whole = start.elapsed();
    let want = Outcome::of(&undisturbed);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..30 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let place = template.copy();
        let moment = whole.mul_f64((seed >> 11) as f64 / (1_u64 << 53) as f64);
        let run = place.start(&["refinery", "run"]);
        after(moment);
        run.signal("-KILL");
        run.end();
        check_run(
            &template,
            &want,
            &place,
            &format!("round {round}, killed after {moment:?}"),
        );
    }
}

/// Waits: there is nothing to look at that would tell a moment chosen by chance.
fn after(moment: Duration) {
    let start = Instant::now();
    while start.elapsed() < moment {
        std::thread::yield_now();
    }
}

const WORKS: &str = "cat >/dev/null; echo work >work; git add work; git commit --quiet -m work";

/// Returns a rig with one bead and an agent that commits.
fn with_bead() -> (Place, String) {
    let place = Place::repeating();
    place.gate("true");
    place.agent(WORKS);
    let bead = place.create("work");
    (place, bead)
}

#[track_caller]
fn agent_ended(place: &Place) -> Value {
    place.until("the agent's end", || {
        let agents = place.json(&["agents"]);
        let agents = agents.as_array().unwrap().clone();
        assert_eq!(agents.len(), 1, "{agents:?}");
        (agents[0]["running"] == false).then(|| agents[0].clone())
    })
}

#[test]
fn sling_may_crash_before_any_write() {
    let (template, bead) = with_bead();
    let mut at = 0;
    loop {
        at += 1;
        let place = template.copy();
        let mut sling = place.command(&["sling", &bead]);
        let said = Output::of(sling.env("GT_TEST_CRASH_AT", at.to_string()));
        // The process beside the agent crashes before its own n-th write.
        place.is_quiet();
        let agents = place.json(&["agents"]);
        let begun = agents.as_array().unwrap().first().cloned();
        let over = said.code == Some(0) && begun.as_ref().is_some_and(|it| it["state"] == "exit 0");
        if !over {
            let again = place.gt(&["sling", &bead]);
            assert_eq!(
                again.code,
                Some(0),
                "before write {at}: {again:?}, {begun:?}"
            );
            agent_ended(&place);
        }
        let agent = agent_ended(&place);
        let hook = PathBuf::from(agent["path"].as_str().unwrap());
        let state = agent["state"].as_str().unwrap();
        // Where the work was committed before the crash there was nothing to commit.
        assert!(
            ["exit 0", "exit 1"].contains(&state),
            "before write {at}: {agent}"
        );
        assert_eq!(agent["name"], "furiosa", "before write {at}");
        let shown = place.bead(&bead);
        assert_eq!(
            shown["assignee"], "repo/polecats/furiosa",
            "before write {at}"
        );
        let branches = place.git(&["branch", "--list", "gt/*"]).done().stdout;
        assert_eq!(branches.lines().count(), 1, "before write {at}");
        place.gt_in(&hook, &["done"]).done();
        assert_eq!(place.run()["landed"].as_array().unwrap().len(), 1);
        assert_eq!(place.bead(&bead)["status"], "closed");
        place.git(&["fsck", "--strict", "--no-dangling"]).done();
        place.is_quiet();
        if over {
            break;
        }
    }
    assert!(at > 10, "only {at} writes");
}

#[test]
fn done_may_crash_before_any_write() {
    let mut at = 0;
    let mut done = false;
    while !done {
        at += 1;
        let (place, bead) = with_bead();
        place.gt(&["sling", &bead]).done();
        let hook = PathBuf::from(agent_ended(&place)["path"].as_str().unwrap());
        let mut command = place.command(&["done"]);
        command.current_dir(&hook);
        done = !crashes(command, at);
        place.gt_in(&hook, &["done"]).done();
        let queue = place.json(&["mq", "list", "--all"]);
        assert_eq!(
            queue.as_array().unwrap().len(),
            1,
            "before write {at}: {queue}"
        );
        assert_eq!(place.run()["landed"].as_array().unwrap().len(), 1);
        assert_eq!(place.bead(&bead)["status"], "closed");
        let kept = place.git(&["for-each-ref", "refs/gt/mr", "refs/gt/proof"]);
        assert_eq!(kept.done().stdout, "", "before write {at}");
        place.git(&["fsck", "--strict", "--no-dangling"]).done();
        place.is_quiet();
    }
    assert!(at > 5, "only {at} writes");
}

/// Runs a command that dies before its first write, then before its second, and so on until it is done;
/// `before` is called before each, `after` after each crash.
#[track_caller]
fn until_done(
    command: impl Fn() -> Command,
    mut before: impl FnMut(usize),
    mut after: impl FnMut(usize),
) -> Output {
    for at in 1..200 {
        before(at);
        let mut command = command();
        let said = Output::of(command.env("GT_TEST_CRASH_AT", at.to_string()));
        if said.code.is_some() {
            return said.done();
        }
        after(at);
    }
    panic!("it makes no end of writes");
}

#[test]
fn saving_handing_over_and_restoring_survive_a_crash_before_any_write() {
    let place = Place::new();
    place.gt(&["config", "set", "backend", "none"]).done();
    let bead = place.create("a piece of work");
    let hook = PathBuf::from(place.json(&["sling", &bead])[0]["path"].as_str().unwrap());
    let file = hook.join("half");
    let command = |args: &'static [&'static str]| {
        let (place, hook) = (&place, &hook);
        move || {
            let mut command = place.command(args);
            command.current_dir(hook);
            command
        }
    };
    let change = |at: usize| std::fs::write(&file, format!("{at}\n")).unwrap();
    let is_untouched = |at: usize| {
        let status = place.git_in(&hook, &["status", "--porcelain"]).done();
        assert_eq!(status.stdout, "?? half\n");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{at}\n"));
        let said = place.git(&["fsck", "--strict", "--no-dangling"]).done();
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    };
    until_done(
        command(&["handoff", "-m", "the rest"]),
        change,
        is_untouched,
    );
    let resumed = place.json_in(&hook, &["resume"]);
    let saved = format!("{}:half", resumed["checkpoint"].as_str().unwrap());
    let content = std::fs::read_to_string(&file).unwrap();
    assert_eq!(place.git(&["show", &saved]).done().stdout, content);

    until_done(command(&["prime"]), |_| {}, |_| {});
    let primed = place.json_in(&hook, &["prime"]);
    assert_eq!(
        primed["handoffs"],
        serde_json::json!([]),
        "it was given out"
    );
    assert_eq!(place.json_in(&hook, &["resume"])["taken"], true);

    let lose = |_| std::fs::remove_file(&file).unwrap();
    let restore = |_| {
        place.gt_in(&hook, &["checkpoint", "restore"]).done();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    };
    until_done(command(&["checkpoint", "restore"]), lose, restore);
    restore(0);
}
