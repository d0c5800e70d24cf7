//! A long queue under several workers: culprits, a pair that breaks only together, a gate that fails by chance.
//!
//! `GT_TEST_BRANCHES=100 GT_TEST_GATE_SECONDS=1 cargo test --release --test queue many -- --nocapture` plays it in
//! full and prints what it took, to be laid beside `git gt refinery simulate`.
#![expect(
    clippy::disallowed_methods,
    reason = "it is told how long it is to be, and looks at the clock"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use super::support::Place;

/// How many branches there are, how many seconds the gate takes and how many runs in a hundred fail by chance; the
/// defaults are those of the suite, where the first run fails and nothing else does by chance.
struct Size {
    branches: usize,
    seconds: u32,
    is_full: bool,
}

impl Size {
    fn asked() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
        let asked = number("GT_TEST_BRANCHES");
        Self {
            branches: asked.unwrap_or(20),
            seconds: number("GT_TEST_GATE_SECONDS").unwrap_or(0) as u32,
            is_full: asked.is_some(),
        }
    }

    /// Returns whether a branch breaks every tree it is in: one in twenty.
    fn is_culprit(at: usize) -> bool {
        at % 20 == 7
    }

    /// Returns the pairs that break together.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let pairs = [(3, 12), (50, 55)];
        pairs
            .into_iter()
            .filter(|(_, late)| *late < self.branches)
            .collect()
    }

    fn gate(&self, scratch: &str) -> String {
        let pairs = self.pairs().into_iter();
        let pairs = pairs.map(|(a, b)| format!("test -e f{a} -a -e f{b} && exit 1; "));
        let chance = match self.is_full {
            true => "test $(($(od -An -N2 -tu2 /dev/urandom) % 100)) -ge 2".to_owned(),
            false => format!("! mkdir {scratch}/flaked 2>/dev/null"),
        };
        let wait = match self.seconds {
            0 => String::new(),
            seconds => format!("sleep {seconds}; "),
        };
        format!(
            "{wait}grep -qs bad f* && exit 1; {}{chance}",
            pairs.collect::<String>()
        )
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "in full it says what it took")]
fn a_long_queue_lands_what_is_good() {
    let size = Size::asked();
    let place = Place::new();
    super::commit(&place, "main", "begin");
    let scratch = place.path(".git");
    place
        .gt(&[
            "refinery",
            "gate",
            "add",
            "test",
            "-c",
            &size.gate(&scratch),
        ])
        .done();
    let mut ids = Vec::new();
    for at in 0..size.branches {
        place
            .git(&["checkout", "--quiet", "-B", &format!("b{at}"), "main"])
            .done();
        place.file(
            &format!("f{at}"),
            if Size::is_culprit(at) {
                "bad\n"
            } else {
                "ok\n"
            },
        );
        place.git(&["add", "."]).done();
        let author = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
        place
            .git(&[&author[..], &["commit", "--quiet", "-m", "change"]].concat())
            .done();
        let said = place.json(&["mq", "submit"]);
        ids.push(said["id"].as_str().expect("a request has an id").to_owned());
    }
    place.git(&["checkout", "--quiet", "main"]).done();
    let began = Instant::now();
    let ran = place.json(&["refinery", "run", "--workers", "4"]);
    let took = began.elapsed().as_secs_f64();
    let of = |list: &Value| -> BTreeSet<usize> {
        let found = list.as_array().into_iter().flatten();
        let id = |it: &Value| {
            it["id"]
                .as_str()
                .or(it.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        found
            .map(|it| {
                ids.iter()
                    .position(|known| *known == id(it))
                    .expect("it is one of ours")
            })
            .collect()
    };
    let (landed, ejected) = (of(&ran["landed"]), of(&ran["ejected"]));
    assert_eq!(
        landed.len() + ejected.len(),
        size.branches,
        "nothing disappears: {ran}"
    );
    for at in 0..size.branches {
        let pair = size.pairs().into_iter().find(|(a, b)| *a == at || *b == at);
        match pair {
            _ if Size::is_culprit(at) => assert!(ejected.contains(&at), "b{at}: {ran}"),
            // Which one is second, the order of landing says.
            Some((a, b)) => assert!(landed.contains(&a) != landed.contains(&b), "b{at}: {ran}"),
            None => assert!(landed.contains(&at) || size.is_full, "b{at}: {ran}"),
        }
    }
    let runs = ran["gate_runs"].as_u64().expect("runs are counted") as f64;
    assert!(
        runs < size.branches as f64 * 1.5,
        "no more than one after another: {ran}"
    );
    assert_eq!(ran["queued"], 0);
    let tips = place
        .git(&["log", "--first-parent", "--format=%H", "main"])
        .done()
        .stdout;
    assert_eq!(tips.lines().count(), landed.len() + 1, "each lands once");
    if size.is_full {
        let landed = landed.len() as f64;
        let rounds = took / f64::from(size.seconds.max(1));
        eprintln!(
            "{landed} landed, {} ejected, {runs} runs, {took:.1} s: {:.3} runs and {:.3} gate durations per landed change",
            ejected.len(),
            runs / landed,
            rounds / landed,
        );
    }
}

/// Two branches make the same change: what holds one of them and what holds both is one tree.
#[test]
fn no_tree_is_tested_twice_at_the_same_time() {
    let place = Place::new();
    super::commit(&place, "main", "begin");
    let log = place.path(".git/trees");
    let gate = format!("git rev-parse 'HEAD^{{tree}}' >>{log}; test -e same");
    place
        .gt(&["refinery", "gate", "add", "test", "-c", &gate])
        .done();
    for branch in ["one", "two", "three"] {
        place
            .git(&["checkout", "--quiet", "-B", branch, "main"])
            .done();
        place.file("same", "same\n");
        place.git(&["add", "."]).done();
        super::commit(&place, branch, branch);
        place.gt(&["mq", "submit"]).done();
    }
    place.git(&["checkout", "--quiet", "main"]).done();
    let ran = place.json(&["refinery", "run", "--workers", "4", "--fast"]);
    assert_eq!(ran["landed"].as_array().map(Vec::len), Some(3), "{ran}");
    let trees = std::fs::read_to_string(log).expect("the gate ran");
    assert_eq!(trees.lines().count(), 1, "{trees}");
}
