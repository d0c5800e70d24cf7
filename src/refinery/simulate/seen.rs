//! What a simulated queue has seen, as the real one counts it.

use super::super::learn::{culprit_rate, flake_rate, interaction_rate, weight};
use super::super::plan::{Item, Outcome, Params};

/// What the queue has seen, counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    landed: u64,
    ejected: u64,
    /// How many attempts there were on trees that have passed, and how many of them were red.
    samples: u32,
    flakes: u32,
    /// Which items have passed in some tree, how many, and how many of those were ejected all the same.
    passed: Vec<bool>,
    passes: usize,
    broke: usize,
}

impl Seen {
    /// Notes another attempt on a tree, of which `before` came before.
    pub(super) fn attempt(&mut self, before: Option<Outcome>, green: bool) {
        let red = before.map_or(0, Outcome::red);
        match (before, green) {
            (Some(Outcome::Green), _) => {
                self.samples += 1;
                self.flakes += u32::from(!green);
            }
            (_, false) => {}
            (_, true) => {
                self.samples += red + 1;
                self.flakes += red;
            }
        }
    }

    /// Notes that items have passed together.
    pub(super) fn pass(&mut self, items: &[Item]) {
        for item in items {
            let at = *item as usize;
            self.passed.resize(self.passed.len().max(at + 1), false);
            self.passes += usize::from(!self.passed[at]);
            self.passed[at] = true;
        }
    }

    /// Notes that so many items landed.
    pub(super) fn land(&mut self, items: usize) {
        self.landed += items as u64;
    }

    /// Notes that an item was ejected.
    pub(super) fn eject(&mut self, item: Item) {
        self.ejected += 1;
        self.broke += usize::from(self.passed.get(item as usize) == Some(&true));
    }

    /// Puts what is to be believed now into the parameters, while so many suspects wait for their verdict: they are
    /// probable culprits already.
    pub(super) fn teach(&self, params: &mut Params, suspects: usize) {
        params.culprit_rate = culprit_rate(self.landed, self.ejected + suspects as u64);
        params.weight = weight(self.landed, self.ejected + suspects as u64);
        params.flake_rate = flake_rate(self.samples, self.flakes);
        params.interaction_rate = interaction_rate(self.passes, self.broke);
    }
}
