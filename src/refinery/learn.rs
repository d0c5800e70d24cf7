//! What the queue learns of itself from what became of requests and runs: how often a request is a culprit, how
//! often a gate fails by chance and how long it takes. Pure folds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::fault::Result;
use crate::record::{Gate, RequestStatus, RunResult, Verdict};
use crate::town::Home;

/// Prior of the culprit rate, Beta(1, 19): as if one of twenty requests had been ejected.
const PRIOR_EJECTED: f64 = 1.0;
const PRIOR_LANDED: f64 = 19.0;

/// What runs of gates are taken for before there are any: one in a hundred fails by chance.
const PRIOR: (f64, f64) = (0.5, 49.5);
/// The least that is believed of a gate, for one flake in a thousand runs looks like none.
const LEAST: f64 = 0.005;
/// From which rate on a gate is listed as flaky, and from how many runs.
const FLAKY: (f64, u32) = (0.10, 20);

/// Returns how many requests the expected rate of culprits rests on, those of the prior included.
#[expect(clippy::cast_precision_loss, reason = "no queue lands 2^53 requests")]
pub(super) fn weight(landed: u64, ejected: u64) -> f64 {
    PRIOR_EJECTED + PRIOR_LANDED + landed as f64 + ejected as f64
}

/// Returns the expected rate of culprits after so many requests landed and were ejected: the posterior mean of
/// Beta(1, 19), which is 5 % without history.
#[expect(clippy::cast_precision_loss, reason = "no queue lands 2^53 requests")]
pub(super) fn culprit_rate(landed: u64, ejected: u64) -> f64 {
    let ejected = PRIOR_EJECTED + ejected as f64;
    ejected / (ejected + PRIOR_LANDED + landed as f64)
}

/// Prior of the interaction rate: as if one of five hundred requests that passed elsewhere had broken the tip.
const PRIOR_BROKE: f64 = 0.2;
const PRIOR_WENT: f64 = 99.8;

/// What a queue has learned from its runs so far.
#[derive(Debug, Default)]
pub(super) struct Learned {
    histories: BTreeMap<String, History>,
    /// How many requests have passed in some tree, and how many of those were ejected all the same.
    passed: usize,
    broke: usize,
}

impl Learned {
    /// Returns what the results and the queue of a home teach.
    pub(super) fn of(home: &Home) -> Result<Self> {
        let view = home.view();
        let results = view.results()?;
        let greens = results.iter().flat_map(RunResult::attempts);
        let greens = greens.filter(|(_, it)| it.verdict == Verdict::Green);
        let passed: BTreeSet<String> = greens.flat_map(|(_, it)| it.requests).collect();
        let ejected = view.ended(RequestStatus::Ejected)?;
        let broke = ejected.iter().filter(|it| passed.contains(it.id())).count();
        Ok(Self {
            histories: histories(&results),
            passed: passed.len(),
            broke,
        })
    }

    /// Returns how likely a request is a culprit, by what became of earlier ones.
    pub(super) fn culprit_rate(&self, home: &Home) -> Result<f64> {
        let view = home.view();
        let landed = view.count_requests(RequestStatus::Landed)?;
        let ejected = view.count_requests(RequestStatus::Ejected)?;
        Ok(culprit_rate(landed, ejected))
    }

    /// Returns what is known of a gate.
    pub(super) fn history(&self, gate: &Gate) -> History {
        self.histories.get(gate.name()).cloned().unwrap_or_default()
    }

    /// Returns how likely it is that a good tree fails one of the gates by chance.
    pub(super) fn flake_rate(&self, gates: &[Gate]) -> f64 {
        let none = History::default();
        let rate = |gate: &Gate| {
            let history = self.histories.get(gate.name()).unwrap_or(&none);
            history.flake_rate(gate)
        };
        1.0 - gates.iter().map(|gate| 1.0 - rate(gate)).product::<f64>()
    }

    /// Returns how long a run of a gate is expected to take; nothing before the first one.
    pub(super) fn duration(&self, gate: &Gate) -> Option<Duration> {
        self.histories.get(gate.name()).and_then(History::duration)
    }

    /// Returns how likely something that passed elsewhere is to break the tip.
    pub(super) fn interaction_rate(&self) -> f64 {
        interaction_rate(self.passed, self.broke)
    }
}

/// Returns how likely something that passed elsewhere is to break the tip, after so many passed of which some did.
#[expect(clippy::cast_precision_loss, reason = "no queue has 2^53 requests")]
pub(super) fn interaction_rate(passed: usize, broke: usize) -> f64 {
    (PRIOR_BROKE + broke as f64) / (PRIOR_BROKE + PRIOR_WENT + passed as f64)
}

/// Returns how likely a gate is to fail by chance, after so many runs on what is good of which some did.
pub(super) fn flake_rate(samples: u32, flakes: u32) -> f64 {
    let (red, green) = PRIOR;
    let (flakes, samples) = (f64::from(flakes), f64::from(samples));
    ((red + flakes) / (red + green + samples)).max(LEAST)
}

/// What is known of a gate from its runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// How often it ran.
    pub runs: u32,
    /// How often it was red.
    pub red: u32,
    /// How many keys have a green and a red attempt: proof of that many flakes.
    pub torn: u32,
    /// How often it ran where it has passed: each of these could only fail by chance.
    pub samples: u32,
    /// How often it failed there.
    pub flakes: u32,
    /// How long runs that passed took, in milliseconds, sorted.
    passed: Vec<u64>,
    /// How long all took, sorted.
    all: Vec<u64>,
}

impl History {
    /// Returns the probability that a run of a gate is red on what is good.
    pub fn flake_rate(&self, gate: &Gate) -> f64 {
        let (flakes, samples) = (f64::from(self.flakes), f64::from(self.samples));
        if gate.is_deterministic() {
            return if self.samples == 0 {
                0.0
            } else {
                flakes / samples
            };
        }
        flake_rate(self.samples, self.flakes)
    }

    /// Returns whether a gate fails by chance so often that people should know.
    pub fn is_flaky(&self, gate: &Gate) -> bool {
        self.samples >= FLAKY.1 && self.flake_rate(gate) > FLAKY.0
    }

    /// Returns how long a run is expected to take: the median of those that passed, or of all where none
    /// has; nothing before the first run.
    pub fn duration(&self) -> Option<Duration> {
        let known = [&self.passed, &self.all]
            .into_iter()
            .find(|it| !it.is_empty())?;
        Some(Duration::from_millis(known[known.len() / 2]))
    }

    fn add(&mut self, result: &RunResult) {
        let attempts: Vec<_> = result.attempts().map(|(_, attempt)| attempt).collect();
        let is_red = |verdict: Verdict| verdict == Verdict::Red;
        let count = |counted: usize| u32::try_from(counted).unwrap_or(u32::MAX);
        let runs = count(attempts.len());
        let red = count(attempts.iter().filter(|it| is_red(it.verdict)).count());
        self.runs += runs;
        self.red += red;
        if red < runs {
            self.samples += runs;
            self.flakes += red;
            self.torn += u32::from(red > 0);
        }
        self.all.extend(attempts.iter().map(|it| it.millis));
        let passed = attempts.iter().filter(|it| !is_red(it.verdict));
        self.passed.extend(passed.map(|it| it.millis));
    }
}

/// Returns the history of every gate that has run, by its name, whatever its definition was.
pub fn histories<'r>(
    results: impl IntoIterator<Item = &'r RunResult>,
) -> BTreeMap<String, History> {
    let mut all: BTreeMap<String, History> = BTreeMap::new();
    for result in results {
        all.entry(result.gate().to_owned()).or_default().add(result);
    }
    for history in all.values_mut() {
        history.passed.sort_unstable();
        history.all.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use crate::record::Attempt;

    /// Returns results: for each key what its runs said, `g` or `r`, and how long the n-th of them took.
    fn results(keys: &[&str]) -> Vec<RunResult> {
        let attempt = |verdict| Attempt {
            verdict,
            commit: String::new(),
            tip: String::new(),
            requests: Vec::new(),
            millis: 0,
            host: String::new(),
            ended: String::new(),
            tail: String::new(),
            asked: String::new(),
            url: String::new(),
            screens: false,
        };
        let mut millis = 0;
        let one = |(at, said): (usize, &&str)| {
            let mut result = RunResult::new(&format!("{at}"), "definition");
            for (at, letter) in said.chars().enumerate() {
                millis += 10;
                let verdict = match letter {
                    'g' => Verdict::Green,
                    _ => Verdict::Red,
                };
                let stamp = format!("{at:016x}-k7f2m3qa");
                let stamp = Stamp::at_end_of(&stamp).expect("a stamp was just written");
                let attempt = Attempt {
                    millis,
                    ..attempt(verdict)
                };
                result.add("test", &attempt, &stamp);
            }
            result
        };
        keys.iter().enumerate().map(one).collect()
    }

    fn gate(is_deterministic: bool) -> Gate {
        let mut record = Gate::new("test").record().clone();
        record.set(
            "deterministic",
            Some(is_deterministic.into()),
            &Stamp::zero(),
        );
        Gate::of(record).expect("it is a gate")
    }

    #[test]
    fn only_where_a_gate_has_passed_is_red_a_flake() {
        let learnt = histories(&results(&["g", "rg", "rr", "grr", "g"]));
        let history = &learnt["test"];
        assert_eq!((history.runs, history.red, history.torn), (9, 5, 2));
        assert_eq!((history.samples, history.flakes), (7, 3));
        let rate = history.flake_rate(&gate(false));
        assert!((rate - 3.5 / 57.0).abs() < 1e-12, "{rate}");
        let rate = history.flake_rate(&gate(true));
        assert!((rate - 3.0 / 7.0).abs() < 1e-12, "{rate}");
        assert!(!history.is_flaky(&gate(true)), "seven runs are too few");
    }

    #[test]
    fn a_gate_without_flakes_is_not_believed_to_have_none_unless_somebody_says_so() {
        let unknown = History::default();
        assert_eq!(unknown.flake_rate(&gate(false)), 0.01);
        assert_eq!(unknown.flake_rate(&gate(true)), 0.0);
        assert_eq!(unknown.duration(), None);
        let learnt = histories(&results(&["g"; 400]));
        assert_eq!(learnt["test"].flake_rate(&gate(false)), LEAST);
        assert_eq!(learnt["test"].flake_rate(&gate(true)), 0.0);
        let learnt = histories(&results(&["rg"; 40]));
        assert!(learnt["test"].is_flaky(&gate(false)));
        assert!(!histories(&results(&["r"; 40]))["test"].is_flaky(&gate(false)));
    }

    #[test]
    fn how_long_a_gate_takes_is_said_by_runs_that_passed() {
        let took = |keys: &[&str]| {
            let learnt = histories(&results(keys));
            learnt["test"].duration().map(|it| it.as_millis())
        };
        assert_eq!(took(&["rrg", "g", "g"]), Some(40));
        assert_eq!(took(&["r", "r", "r"]), Some(20));
    }
}
