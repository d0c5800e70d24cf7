//! Randomness: from the system, or a seeded sequence in tests.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Random {
    /// `None` asks the system; otherwise the state of SplitMix64 (Steele, Lea, Flood 2014).
    seeded: Option<AtomicU64>,
}

impl Random {
    pub(crate) fn new(seed: Option<&str>) -> Self {
        Self {
            seeded: seed.and_then(|text| text.parse().ok()).map(AtomicU64::new),
        }
    }

    pub(crate) fn fork(&self) -> Self {
        Self {
            seeded: self.seeded.as_ref().map(|_| AtomicU64::new(self.next())),
        }
    }

    pub(crate) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        match &self.seeded {
            Some(state) => mix(state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP)),
            None => getrandom::u64().expect("the system has a source of randomness"),
        }
    }

    pub(crate) fn base36(&self, count: usize) -> String {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        (0..count)
            .map(|_| char::from(DIGITS[(self.next() % 36) as usize]))
            .collect()
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
