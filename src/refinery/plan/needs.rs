//! What must be merged before what: stacks and other dependencies that were declared ("Order and stacks").

use super::{Facts, Item, Standing};

/// What a candidate is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// What has landed until now.
    Tip,
    /// What had landed once: so many items of [`Facts::landed`].
    Was(u32),
    /// A commit of which that is not known.
    Unknown,
}

impl Facts<'_> {
    /// Returns whether an item can be merged behind `before`: all it needs is there. What needs an item that is gone
    /// waits for somebody to decide.
    pub(super) fn is_met(&self, item: Item, base: Base, before: &[Item]) -> bool {
        let needs = self.needs.get(item as usize).map_or(&[][..], Vec::as_slice);
        let is_there = |need: &Item| match base {
            _ if before.contains(need) => true,
            Base::Tip => self.items[*need as usize] == Standing::Landed,
            Base::Was(count) => {
                let known = self.landed.get(..count as usize);
                known.is_some_and(|landed| landed.contains(need))
            }
            Base::Unknown => false,
        };
        needs.iter().all(is_there)
    }

    /// Returns whether each item of a candidate can be merged behind those before it.
    pub(super) fn is_whole(&self, base: Base, items: &[Item]) -> bool {
        let is_met = |at: usize| self.is_met(items[at], base, &items[..at]);
        self.needs.is_empty() || (0..items.len()).all(is_met)
    }

    /// Appends to a candidate on the tip those of `more` that can be merged behind it, in order.
    pub(super) fn extend(&self, candidate: &mut Vec<Item>, more: &[Item]) {
        for item in more {
            if self.needs.is_empty() || self.is_met(*item, Base::Tip, candidate) {
                candidate.push(*item);
            }
        }
    }
}
