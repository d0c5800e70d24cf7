//! Simulation: the plan of the queue driven against a gate that knows the truth, many times over.
//!
//! The world is that of `merge-queue.md` 4: a backlog at the start or arrivals, gates of one duration, broken
//! trees that are always red, good trees that are red now and then. What is driven is [`plan::plan`] itself.

mod others;
mod queue;
mod seen;
mod table;
mod world;

use rayon::prelude::*;

use super::Price;
use super::plan::{Params, Tables};
pub use others::Other;
pub use table::{Row, table};

/// What is simulated. Rates are probabilities, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// How many changes there are.
    pub changes: usize,
    /// How likely a change is to break every tree it is in.
    pub culprits: f64,
    /// How likely a gate is to be red on a good tree.
    pub flakes: f64,
    /// How many candidates are tested at the same time.
    pub workers: usize,
    /// How likely a change is to have a random other one together with which it breaks.
    pub interactions: f64,
    /// How many changes arrive in one gate duration; nothing: all wait from the start.
    pub arrivals: Option<f64>,
    /// Whether the queue has no history and learns the rates on the way.
    pub cold: bool,
    /// What a run is worth.
    pub price: Price,
}

/// What came of it, summed up over all replications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many changes there were.
    pub changes: u64,
    /// How often gates were run.
    pub runs: u64,
    /// How many gate durations that took.
    pub rounds: u64,
    /// How many changes landed.
    pub landed: u64,
    /// How many were ejected that would not have broken the target.
    pub false_ejections: u64,
    /// How often the target was broken.
    pub broken: u64,
    /// How often the queue was stopped because the target seemed to be red.
    pub freezes: u64,
    /// How many replications were given up because they did not end.
    pub stuck: u64,
    /// How many changes landed so many rounds after they had arrived.
    waits: Vec<u64>,
}

/// The largest number of changes of a scenario.
pub const CHANGES_MAX: usize = 2000;

/// How many replications share their tables at least.
const SHARE: usize = 64;

/// Plays a scenario so many times and sums up what came of it; equal seeds give equal figures, on any number of
/// threads.
pub fn simulate(scenario: &Scenario, replications: u32, seed: u64) -> Figures {
    let play = |tables: &mut Tables, replication: u32| {
        let world = world::World::new(scenario, seed_of(seed, replication));
        queue::Queue::new(world, scenario).drain(tables)
    };
    (0..replications)
        .into_par_iter()
        .with_min_len(SHARE)
        .map_init(Tables::default, play)
        .reduce(Figures::default, Figures::with)
}

/// Plays the backlog of a scenario so many times under another queue; the changes are the same.
fn compare(other: Other, scenario: &Scenario, replications: u32, seed: u64) -> Figures {
    let play = |replication: u32| {
        let world = world::World::new(scenario, seed_of(seed, replication));
        other.drain(world, scenario.workers)
    };
    (0..replications)
        .into_par_iter()
        .with_min_len(SHARE)
        .map(play)
        .reduce(Figures::default, Figures::with)
}

/// Returns the seed of one replication; neighbours have nothing in common.
fn seed_of(seed: u64, replication: u32) -> u64 {
    fastrand::Rng::with_seed(seed)
        .u64(..)
        .wrapping_add(u64::from(replication).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Scenario {
    /// Returns a backlog of changes that know nothing of each other, with rates that the queue knows.
    fn backlog(changes: usize, culprits: f64, flakes: f64, workers: usize) -> Self {
        Self {
            changes,
            culprits,
            flakes,
            workers,
            interactions: 0.0,
            arrivals: None,
            cold: false,
            price: Price::Both,
        }
    }

    /// Returns the parameters of the plan that knows the rates, or nothing at all.
    fn params(&self) -> Params {
        let priced = self.price.params();
        let workers = self.workers;
        match self.cold {
            true => Params { workers, ..priced },
            false => Params {
                culprit_rate: self.culprits,
                flake_rate: self.flakes,
                workers,
                ..priced
            },
        }
    }
}

impl Figures {
    /// Returns gate runs per landed change.
    pub fn runs_per_landed(&self) -> f64 {
        ratio(self.runs, self.landed)
    }

    /// Returns gate durations per landed change.
    pub fn rounds_per_landed(&self) -> f64 {
        ratio(self.rounds, self.landed)
    }

    /// Returns how many of a hundred changes were ejected and innocent.
    pub fn false_ejections_per_100(&self) -> f64 {
        100.0 * ratio(self.false_ejections, self.changes)
    }

    /// Returns how long a change waited before it landed, on average, in gate durations.
    pub fn latency_mean(&self) -> f64 {
        let all = (0..).zip(&self.waits).map(|(rounds, count)| rounds * count);
        ratio(all.sum(), self.landed)
    }

    /// Returns how long all but a twentieth of the changes waited at most, in gate durations.
    pub fn latency_p95(&self) -> u64 {
        let mut waited = 0;
        let enough = |(_, count): &(u64, &u64)| {
            waited += **count;
            20 * waited > 19 * self.landed
        };
        (0..).zip(&self.waits).find(enough).map_or(0, |it| it.0)
    }

    fn note_wait(&mut self, rounds: u64) {
        let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
        if self.waits.len() <= rounds {
            self.waits.resize(rounds + 1, 0);
        }
        self.waits[rounds] += 1;
    }

    fn with(mut self, other: Self) -> Self {
        self.changes += other.changes;
        self.runs += other.runs;
        self.rounds += other.rounds;
        self.landed += other.landed;
        self.false_ejections += other.false_ejections;
        self.broken += other.broken;
        self.freezes += other.freezes;
        self.stuck += other.stuck;
        let (mut waits, more) = match self.waits.len() < other.waits.len() {
            true => (other.waits, self.waits),
            false => (self.waits, other.waits),
        };
        for (sum, count) in waits.iter_mut().zip(more) {
            *sum += count;
        }
        self.waits = waits;
        self
    }
}

/// Returns a ratio; of nothing, zero.
#[expect(clippy::cast_precision_loss, reason = "sums stay below 2^53")]
fn ratio(sum: u64, of: u64) -> f64 {
    match of {
        0 => 0.0,
        of => sum as f64 / of as f64,
    }
}
