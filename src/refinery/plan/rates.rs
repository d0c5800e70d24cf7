//! Rates the plan works with, learned from what the queue has seen: means of Beta distributions.

use super::Outcome;

/// What is believed of requests before any was seen, Beta(1, 19): as if one of twenty had been ejected.
const CULPRITS: (f64, f64) = (1.0, 19.0);

/// What is believed of gates, Beta(0.5, 49.5): as if one of a hundred good trees had been red.
const FLAKES: (f64, f64) = (0.5, 49.5);

/// Between what the rates are kept. Below a culprit rate of 0.1 % batches are as long as they get; from 38.2 % on
/// testing one by one is optimal (Ungar 1960). A flake rate that is far too small convicts the innocent
/// (`merge-queue.md` 3.5); above 30 % a gate says nearly nothing.
const CULPRIT_RATES: (f64, f64) = (0.001, 0.5);
const FLAKE_RATES: (f64, f64) = (0.005, 0.3);

/// How likely a suspect is a culprit: nearly certain, and who waits for its verdict must not forget it.
const SUSPECT: f64 = 0.9;

/// What the queue has seen, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct History {
    /// How many requests landed.
    pub(in super::super) landed: u64,
    /// How many were ejected.
    pub(in super::super) ejected: u64,
    /// How many attempts were green.
    pub(in super::super) passed: u64,
    /// How many attempts were red on a tree that another one showed to be good: flakes that are proven.
    pub(in super::super) flaked: u64,
}

impl History {
    /// Notes another attempt on a tree, of which `before` came before.
    pub(in super::super) fn note(&mut self, before: Option<Outcome>, green: bool) {
        let red = before.map_or(0, Outcome::red);
        match (before, green) {
            (Some(Outcome::Green), false) => self.flaked += 1,
            (_, false) => {}
            (_, true) => {
                self.passed += 1;
                self.flaked += u64::from(red);
            }
        }
    }

    /// Returns how likely a request is a culprit, while so many wait for their verdict.
    pub(in super::super) fn culprit_rate(&self, suspects: usize) -> f64 {
        let ejected = number(self.ejected) + SUSPECT * number(suspects as u64);
        mean(CULPRITS, (ejected, number(self.landed)), CULPRIT_RATES)
    }

    /// Returns how likely a gate is red on a good tree.
    pub(in super::super) fn flake_rate(&self) -> f64 {
        let seen = (number(self.flaked), number(self.passed));
        mean(FLAKES, seen, FLAKE_RATES)
    }
}

fn mean(prior: (f64, f64), seen: (f64, f64), range: (f64, f64)) -> f64 {
    let (yes, no) = (prior.0 + seen.0, prior.1 + seen.1);
    (yes / (yes + no)).clamp(range.0, range.1)
}

#[expect(clippy::cast_precision_loss, reason = "no queue counts to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
