//! Plan of the merge queue: what to do next, as a pure function of evidence.
//!
//! `merge-queue.md` 3.1 to 3.5 is the specification and gives the reasons; rules are named here as they
//! are there (I1 landing, I2 ejection, I3 purity, I4 progress, red tip). [`lanes`] derives from what was
//! tested how the queue lies (lanes, what passed elsewhere, suspects), [`choose`] what to test next,
//! [`tables`] has what does not change with the queue, and [`needs`] what must come before what. Nothing is remembered between two calls, so whoever
//! has the same evidence continues the same search: after a crash, or on another machine.

mod choose;
mod lanes;
mod needs;
mod tables;

pub(super) use lanes::{Lane, Lanes, Suspect};
pub(super) use tables::Tables;

use serde::{Deserialize, Serialize};

/// A change of the queue, by its number in [`Facts`]: a request, or a group that lands as one.
pub(super) type Item = u32;

/// Largest number of red attempts a verdict can need, for gates so flaky that no number would do. Such a gate
/// says nothing; the limit only keeps the queue from asking it for ever.
const CONFIRMATIONS_MAX: u32 = 64;

/// How many suspects in a row, with nothing green between them, cast doubt on the tip itself, and how unlikely so
/// many culprits in a row must be.
const DOUBTFUL: (u32, f64) = (3, 2e-4);

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits, at that place of the queue; places differ.
    Waits(u32),
    /// It is on the target.
    Landed,
    /// It was ejected, taken back, or cannot be merged.
    Gone,
}

/// A tree that was tested, or is being tested: items merged in order onto a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    /// How many items of [`Facts::landed`] the target held when it was the base; nothing for a base that is
    /// not known as one of the target's commits.
    pub(super) base: Option<u32>,
    /// A name for the base; equal bases have equal names.
    pub(super) context: u32,
    /// A name for the tree; equal trees have equal names, however they were made.
    pub(super) tree: u64,
    /// What was merged onto it, in order; nothing: the bare base.
    pub(super) items: Vec<Item>,
    /// Whether it was tested to acquit only, not to land; see [`Probe::screens`].
    pub(super) screens: bool,
    /// What came of it.
    pub(super) outcome: Outcome,
    /// When its first attempt ended, counted in attempts.
    pub(super) first: u32,
    /// When its last attempt ended.
    pub(super) last: u32,
}

/// What came of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every required gate passed at least once. A green attempt outweighs any number of red ones: broken
    /// trees do not pass, good ones fail now and then.
    Green,
    /// So many attempts of one gate were red, and none was green.
    Red(u32),
    /// It is running, and has been red so often before.
    Running(u32),
}

impl Outcome {
    /// Returns what comes of one more attempt.
    pub(super) fn and(self, green: bool) -> Self {
        match (self, green) {
            (Self::Green, _) | (_, true) => Self::Green,
            (Self::Red(red) | Self::Running(red), false) => Self::Red(red + 1),
        }
    }

    /// Returns how many attempts were red, where none was green.
    pub(super) fn red(self) -> u32 {
        match self {
            Self::Green => 0,
            Self::Red(red) | Self::Running(red) => red,
        }
    }
}

/// What the plan takes for granted about requests and gates. Rates are probabilities, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Params {
    /// How likely a request is to break every tree it is in.
    pub(super) culprit_rate: f64,
    /// How many items that rests on; infinite where it is known and not learned.
    pub(super) weight: f64,
    /// How likely a gate is to be red on a good tree. The caller keeps it at 0.5 % or above, unless every gate is
    /// declared deterministic.
    pub(super) flake_rate: f64,
    /// How likely an item that passed elsewhere is to break the tree it is put into.
    pub(super) interaction_rate: f64,
    /// How likely a verdict of red may be to come from flakes alone.
    pub(super) alpha: f64,
    /// What a probe beside the landing one must tell at least, in bits: the price of a run.
    pub(super) theta: f64,
    /// What a run costs in short queues, in rounds.
    pub(super) endgame: f64,
    /// How many items one candidate may hold, at least 1.
    pub(super) batch_max: usize,
    /// How many candidates may be tested at the same time, at least 1.
    pub(super) workers: usize,
}

impl Default for Params {
    /// Returns what holds for a queue without history and one worker.
    fn default() -> Self {
        Self {
            culprit_rate: 0.05,
            weight: f64::INFINITY,
            flake_rate: 0.005,
            interaction_rate: 0.002,
            alpha: 0.0025,
            theta: 0.35,
            endgame: 0.12,
            batch_max: 1000,
            workers: 1,
        }
    }
}

/// All that [`plan`] looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Where each item stands.
    pub(super) items: &'a [Standing],
    /// What landed, in order, as far back as trials need it.
    pub(super) landed: &'a [Item],
    /// What each item needs: it is merged behind them, never without; empty where nobody needs anything. Items that
    /// need each other, or one that is gone, are never tested.
    pub(super) needs: &'a [Vec<Item>],
    /// What is known of items one by one: how likely each is a culprit; nothing: [`Params::culprit_rate`].
    pub(super) risk: Option<&'a [f64]>,
    /// What was tested and is being tested, in any order. Of the bare tip only what was said since it was last green
    /// counts; where it is tested again though it is green, that is a trial of its own.
    pub(super) trials: &'a [Trial],
    /// How many items were ejected since the last green attempt.
    pub(super) streak: u32,
    /// How many attempts have ended.
    pub(super) now: u32,
    /// The parameters of this queue.
    pub(super) params: &'a Params,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// Nothing waits that could be tested.
    Idle,
    /// Move the target to a candidate that is green: these items on the tip, in order.
    Land(Vec<Item>),
    /// Eject an item: it is the culprit.
    Eject(Item),
    /// Stop and report: the tip itself is red. Nobody in the queue is to blame.
    Freeze,
    /// Test these candidates, best first, beside those that are being tested; nothing: wait for these.
    Probe(Vec<Probe>),
}

/// A candidate to be tested.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    /// The base, as [`Trial::context`] names it; nothing: the tip.
    pub(super) context: Option<u32>,
    /// What is merged onto it, in order; nothing: the bare tip.
    pub(super) items: Vec<Item>,
    /// Whether it is tested to acquit only: a screening lane plans and acquits, it never lands and never convicts
    /// (3.2).
    pub(super) screens: bool,
    /// What the run is for.
    pub(super) why: Why,
    /// How likely it is to be red.
    pub(super) red: f64,
    /// What its answer is expected to tell, in bits.
    pub(super) bits: f64,
}

impl Probe {
    /// Returns a probe of the bare tip. Nothing is weighed for it: the plan takes the tip for good until it is seen
    /// red, and looks because it may be wrong.
    pub(super) fn control(params: &Params) -> Self {
        Self {
            context: None,
            items: Vec::new(),
            screens: false,
            why: Why::Control,
            red: params.flake_rate,
            bits: 0.0,
        }
    }
}

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A batch from the front of the queue.
    Batch,
    /// A red batch of so many items: a part of it, to find where green turns red.
    Bisect {
        /// Length of the shortest part known red.
        red: usize,
    },
    /// A second cut through what is being tested already.
    Cut,
    /// Items from behind, apart from the rest, while workers are free.
    Screen,
    /// An item that was red by itself, once more.
    Confirm {
        /// How often it was red.
        red: u32,
        /// How many red attempts convict.
        of: u32,
    },
    /// Something is red and the tip was never seen green since: the bare tip.
    Control,
}

/// Returns what to do next.
///
/// Equal facts give equal moves on every machine (I3): there is no state, no clock and no chance; logarithms are
/// those of `libm`, whose results do not depend on the machine.
///
/// The bare tip is run where something is red and it was never seen green, and where too many suspects come in a
/// row. Right before a conviction there is no choice, I2 demands a green tip. Before a bisection there is: under a
/// red tip all its answers would be red and worthless; under a good one the control is a run that the first green
/// answer would have saved. It goes first all the same: it is paid once per push past the queue, since what the
/// queue lands is green, and a broken target is known after few runs instead of at the end of a search.
///
/// Followed move by move it terminates (I4): whatever a probe says lands something, shortens a red prefix,
/// acquits, or adds a red attempt to a set that is not conclusive yet. Nothing is ever probed beyond a red prefix,
/// and what passed elsewhere is never put in front of one: both were livelocks in drafts of `merge-queue.md`
/// (3.5, Termination).
pub(super) fn plan(facts: &Facts<'_>, tables: &Tables) -> Move {
    let lanes = Lanes::of(facts);
    let needed = confirmations(facts.params);
    if let Some(items) = lanes.green {
        // I1. Comes first also where the tip is red: then this is its repair, and it is proven.
        return Move::Land(items);
    }
    if lanes.tip.red >= needed {
        return Move::Freeze;
    }
    if lanes.is_over() {
        return Move::Idle;
    }
    let is_free = !lanes.tip.runs && lanes.busy < facts.params.workers;
    let control = is_free.then(|| Probe::control(facts.params));
    let mut probes: Vec<Probe> = control.into_iter().collect();
    if lanes.tip.red > 0 || !lanes.tip.green && lanes.any_red {
        return Move::Probe(probes);
    }
    if is_doubtful(&lanes, facts) {
        // Nobody is ejected before the tip has answered; the search goes on beside that.
        let others = choose::probes(&lanes, facts, tables).into_iter();
        let free = facts
            .params
            .workers
            .saturating_sub(lanes.busy + probes.len());
        probes.extend(others.take(free));
        return Move::Probe(probes);
    }
    let mut suspects = lanes.suspects.iter();
    if let Some(culprit) = suspects.find(|it| it.is_convicted(facts.params)) {
        return Move::Eject(culprit.item);
    }
    let probes = choose::probes(&lanes, facts, tables);
    if probes.is_empty() && lanes.busy == 0 {
        // All that wait need somebody who is gone.
        return Move::Idle;
    }
    Move::Probe(probes)
}

/// Returns how many items are red by themselves and wait for their verdict.
pub(super) fn suspects(facts: &Facts<'_>) -> usize {
    Lanes::of(facts).suspects.len()
}

/// Returns the trials among those that run whose answers cannot matter any more, by their place in
/// [`Facts::trials`] ("Cancellation").
pub(super) fn moot(facts: &Facts<'_>) -> Vec<usize> {
    let mut moot = Lanes::of(facts).moot;
    moot.sort_unstable();
    moot
}

/// Returns how many red attempts on one tree make a verdict: the smallest `c` of at least 1 with `flake_rate^c <=
/// alpha` (I2), at most 64.
pub(super) fn confirmations(params: &Params) -> u32 {
    // On paper 0.05^2 is 0.0025; in binary it is a little more, which must not cost a run.
    let bound = params.alpha * (1.0 + 1e-4);
    let mut all_flakes = 1.0;
    (1..CONFIRMATIONS_MAX)
        .find(|_| {
            all_flakes *= params.flake_rate;
            all_flakes <= bound
        })
        .unwrap_or(CONFIRMATIONS_MAX)
}

/// Returns whether so many suspects in a row that it would be strange if they were all culprits: the tip may be red
/// though it was green, when the machine has changed.
fn is_doubtful(lanes: &Lanes, facts: &Facts<'_>) -> bool {
    let (least, chance) = DOUBTFUL;
    let row = facts.streak + lanes.fresh_suspects;
    row >= least && lanes::powi(rate_before(facts.params, row), row) <= chance
}

/// Returns the rate of culprits as it was believed before the last of them came in a row: what they taught must not
/// make them look usual.
fn rate_before(params: &Params, row: u32) -> f64 {
    let row = f64::from(row);
    if params.weight.is_infinite() {
        return params.culprit_rate;
    }
    let culprits = (params.culprit_rate * params.weight - row).max(1.0);
    culprits / (params.weight - row).max(1.0)
}

#[cfg(test)]
mod tests;
