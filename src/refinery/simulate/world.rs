//! The world of a simulation: which changes break which trees, and which runs are red without a reason.

use super::super::plan::Item;
use super::{Figures, Scenario};

/// What is true, and what was done so far.
#[derive(Debug)]
pub(super) struct World {
    /// Whether each change breaks every tree it is in.
    bad: Vec<bool>,
    /// Changes that are fine alone and break together.
    pairs: Vec<(Item, Item)>,
    flakes: f64,
    chance: fastrand::Rng,
    /// In which round each change arrives, rising.
    pub(super) arrivals: Vec<u64>,
    /// What the target holds, in order.
    pub(super) landed: Vec<Item>,
    /// What was ejected.
    pub(super) ejected: Vec<Item>,
    /// How often gates were run.
    pub(super) runs: u64,
}

impl World {
    /// Draws a world; other planners and other gates see the same changes under the same seed.
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let gates = chance.fork();
        let all = 0..number(scenario.changes);
        let bad: Vec<bool> = all
            .clone()
            .map(|_| chance.f64() < scenario.culprits)
            .collect();
        let mut pairs = Vec::new();
        for item in all.clone() {
            if scenario.interactions > 0.0 && chance.f64() < scenario.interactions {
                let other = chance.u32(all.clone());
                let is_fine = |item: Item| !bad[item as usize];
                if other != item && is_fine(item) && is_fine(other) {
                    pairs.push((item, other));
                }
            }
        }
        Self {
            bad,
            pairs,
            flakes: scenario.flakes,
            arrivals: arrivals(scenario, &mut chance),
            chance: gates,
            landed: Vec::new(),
            ejected: Vec::new(),
            runs: 0,
        }
    }

    /// Returns how many changes there are.
    pub(super) fn changes(&self) -> usize {
        self.bad.len()
    }

    /// Runs the gates once on the tree of the first `base` changes that landed and `items`; returns whether they
    /// pass.
    pub(super) fn gate(&mut self, base: usize, items: &[Item]) -> bool {
        self.runs += 1;
        let is_flake = self.flakes > 0.0 && self.chance.f64() < self.flakes;
        !is_flake && !self.is_broken(self.landed[..base].iter().chain(items))
    }

    /// Returns whether the target is broken.
    pub(super) fn is_target_broken(&self) -> bool {
        self.is_broken(self.landed.iter())
    }

    /// Adds to figures what became of the changes.
    pub(super) fn figures(&self, figures: Figures) -> Figures {
        let innocent = |item: &&Item| !self.is_guilty(**item);
        Figures {
            changes: self.changes() as u64,
            runs: self.runs,
            landed: self.landed.len() as u64,
            false_ejections: self.ejected.iter().filter(innocent).count() as u64,
            ..figures
        }
    }

    /// Returns whether a change that was ejected would have broken the target.
    fn is_guilty(&self, item: Item) -> bool {
        let with = |(one, other): &(Item, Item)| {
            (*one == item && self.landed.contains(other))
                || (*other == item && self.landed.contains(one))
        };
        self.bad[item as usize] || self.pairs.iter().any(with)
    }

    fn is_broken<'a>(&self, items: impl Iterator<Item = &'a Item>) -> bool {
        if self.pairs.is_empty() {
            return items.into_iter().any(|item| self.bad[*item as usize]);
        }
        let mut held = vec![false; self.bad.len()];
        for item in items {
            held[*item as usize] = true;
            if self.bad[*item as usize] {
                return true;
            }
        }
        let both = |(one, other): &(Item, Item)| held[*one as usize] && held[*other as usize];
        self.pairs.iter().any(both)
    }
}

/// Returns the changes' number as they are numbered.
pub(super) fn number(changes: usize) -> Item {
    Item::try_from(changes).expect("there are fewer changes than that")
}

/// Draws when changes arrive: all at once, or a Poisson process.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time of arrival is neither negative nor that large"
)]
fn arrivals(scenario: &Scenario, chance: &mut fastrand::Rng) -> Vec<u64> {
    let mut now = 0.0;
    let mut next = |rate: Option<f64>| {
        now += rate.map_or(0.0, |rate| -libm::log(1.0 - chance.f64()) / rate);
        now as u64
    };
    (0..scenario.changes)
        .map(|_| next(scenario.arrivals))
        .collect()
}
