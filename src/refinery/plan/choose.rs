//! What to test next: the probes that tell most, by the chance of where the first culprit is (`merge-queue.md` 3.4).

use super::lanes::{Lane, Lanes, Suspect, powi};
use super::needs::Base;
use super::tables::{ENDGAME_MAX, R1_MAX, Tables};
use super::{Facts, Item, Params, Probe, Why, confirmations};

/// How many attempts a suspect waits at most while one worker has other things to do.
const PATIENCE: u32 = 6;

/// How likely a lane must hold a culprit for the exact tables, which take that for certain.
const CERTAIN: f64 = 0.7;

/// How likely a landing probe may be red for a suspect to be tested on top of it.
const SAFE: f64 = 0.1;

/// What the verdict on a suspect is worth: it must come some day, but what is found out meanwhile may convict as well.
const DOUBT: f64 = 0.5;

/// What a further cut is worth of what it tells: something else of equal use goes first.
const LATER: f64 = 0.98;

/// What little a probe of things that passed elsewhere tells: it is run to land them.
const NOTHING_NEW: f64 = 0.02;

/// Returns the probes to start now, best first.
pub(super) fn probes<'a>(lanes: &'a Lanes, facts: &'a Facts<'a>, tables: &Tables) -> Vec<Probe> {
    let mut round = Round::new(lanes, facts);
    round.adopt();
    let is_open = round.plan_landing(tables);
    while round.free > 0 && round.add_best(is_open) {}
    if round.busy == 0
        && round.probes.is_empty()
        && let Some(first) = round.first_suspect()
    {
        round.confirm(first);
    }
    round.probes
}

/// A round of probes that is being put together.
struct Round<'a> {
    facts: &'a Facts<'a>,
    params: &'a Params,
    lanes: &'a Lanes,
    /// What stands on the tip: what passed elsewhere, then the rest.
    landing: Lane,
    screening: Vec<Lane>,
    passed: Vec<Item>,
    fresh: Vec<Item>,
    /// What of that can be merged behind the landing lane.
    ready: Vec<Item>,
    risk: Vec<f64>,
    /// Suspects under test.
    tested: Vec<Item>,
    /// How many workers have nothing to do.
    free: usize,
    /// How many are testing something useful.
    busy: usize,
    /// What the landing probe holds, where it is nearly sure to pass.
    ride: Vec<Item>,
    /// Whether the whole round was read off a table.
    is_endgame: bool,
    probes: Vec<Probe>,
}

/// Chances of where the first culprit of a sequence is, not normalised: at each place, or nowhere.
struct Posterior {
    at: Vec<f64>,
    nowhere: f64,
}

impl Posterior {
    fn of(lane: &Lane, more: &[Item], risk: &[f64], params: &Params) -> Self {
        let flakes = match lane.red {
            0 => 1.0,
            _ => powi(params.flake_rate, lane.count) * lane.beyond,
        };
        let mut clean = 1.0;
        let items = lane.items.iter().chain(more).enumerate();
        let at = items
            .map(|(place, item)| {
                let risk = risk[*item as usize];
                let beyond = lane.red > 0 && place >= lane.red;
                let weight = clean * risk * if beyond { flakes } else { 1.0 };
                clean *= 1.0 - risk;
                weight
            })
            .collect();
        Self {
            at,
            nowhere: clean * flakes,
        }
    }

    fn total(&self) -> f64 {
        self.at.iter().sum::<f64>() + self.nowhere
    }

    /// Returns how likely the first `length` hold a culprit.
    fn within(&self, length: usize) -> f64 {
        self.at[..length].iter().sum::<f64>() / self.total()
    }

    /// Returns the prefix of at most `most` items that tells most, and how much, in bits.
    fn best_prefix(&self, most: usize, flake_rate: f64) -> (usize, f64) {
        let total = self.total();
        let (mut best, mut best_length, mut red) = (-1.0, 1, 0.0);
        for length in 1..=self.at.len().min(most) {
            red += self.at[length - 1];
            let bits = information(red / total, flake_rate);
            if bits > best + 1e-9 {
                (best, best_length) = (bits, length);
            }
            if red / total > 0.8 && bits < best {
                break;
            }
        }
        (best_length, best)
    }
}

/// Returns the bits of a yes-or-no answer.
fn entropy(chance: f64) -> f64 {
    if chance <= 0.0 || chance >= 1.0 {
        return 0.0;
    }
    -chance * libm::log2(chance) - (1.0 - chance) * libm::log2(1.0 - chance)
}

/// Returns how likely a run is to be red on a tree that is broken with probability `chance`.
fn red(chance: f64, flake_rate: f64) -> f64 {
    chance + (1.0 - chance) * flake_rate
}

/// Returns the bits of one run on a tree that is broken with probability `chance`: red answers are noisy.
fn information(chance: f64, flake_rate: f64) -> f64 {
    let bits = entropy(red(chance, flake_rate)) - (1.0 - chance) * entropy(flake_rate);
    bits.max(0.0)
}

/// What another worker could do.
#[derive(Debug, Clone, Copy)]
enum Offer {
    /// Confirm a suspect.
    Confirm(Item),
    /// The first cut through a red lane.
    Lane(usize, usize),
    /// A new screening lane of so many fresh items.
    Screen(usize),
    /// A further cut; nothing: through the landing lane.
    Cut(Option<usize>, usize),
}

impl<'a> Round<'a> {
    fn new(lanes: &'a Lanes, facts: &'a Facts<'a>) -> Self {
        let confirms = lanes.suspects.iter().filter(|it| it.runs);
        let tested: Vec<Item> = confirms.map(|it| it.item).collect();
        Self {
            facts,
            params: facts.params,
            lanes,
            landing: lanes.landing.clone(),
            screening: lanes.screening.clone(),
            passed: lanes.passed.clone(),
            fresh: lanes.fresh.clone(),
            ready: Vec::new(),
            risk: lanes.risk.clone(),
            tested,
            free: facts.params.workers.saturating_sub(lanes.busy),
            busy: lanes.busy,
            ride: Vec::new(),
            is_endgame: false,
            probes: Vec::new(),
        }
    }

    /// Puts what passed elsewhere in front, so that it lands with the next green probe; and where nothing else is
    /// to be found on the tip, the oldest screening lane behind it, whose evidence guides from now on and cannot
    /// convict. Never in front of something red: that would blur exact evidence.
    fn adopt(&mut self) {
        if self.landing.red == 0 && self.landing.cuts.is_empty() {
            let mut items = Vec::new();
            self.facts.extend(&mut items, &self.passed);
            self.passed.retain(|it| !items.contains(it));
            self.landing.items = items;
            self.landing.beyond = 1.0;
            self.adopt_screening();
        }
        self.ready = self.landing.items.clone();
        self.facts.extend(&mut self.ready, &self.fresh);
        self.ready.drain(..self.landing.items.len());
    }

    fn adopt_screening(&mut self) {
        let Some(oldest) = self.screening.first().filter(|lane| lane.cuts.is_empty()) else {
            return;
        };
        let items = [&self.landing.items[..], &oldest.items].concat();
        let mut with_next = self.landing.items.clone();
        self.facts.extend(&mut with_next, &self.fresh);
        let next = with_next.get(self.landing.items.len());
        let is_first = |item: &Item| self.lanes.place(oldest.items[0]) < self.lanes.place(*item);
        if next.is_none_or(is_first) && self.facts.is_whole(Base::Tip, &items) {
            let lane = self.screening.remove(0);
            if lane.red > 0 {
                self.landing.red = self.landing.items.len() + lane.red;
                (self.landing.count, self.landing.beyond) = (lane.count, lane.beyond);
            }
            self.landing.items = items;
        }
    }

    /// Plans what is tested on the tip; returns whether anything is.
    fn plan_landing(&mut self, tables: &Tables) -> bool {
        let waiting = self.landing.items.len() + self.ready.len();
        if waiting == 0 || self.is_overdue() {
            return false;
        }
        if !self.landing.cuts.is_empty() {
            let posterior = self.posterior(&self.ready);
            let longest = self.landing.cuts.iter().copied().max().unwrap_or(0);
            self.ride_on(longest, posterior.within(longest));
            return true;
        }
        if self.free == 0 {
            return true;
        }
        let posterior = self.posterior(&self.ready);
        let certain = match self.landing.red {
            0 => 1.0,
            red => posterior.within(red),
        };
        if let Some(cuts) = self.endgame(waiting, certain, tables) {
            self.is_endgame = true;
            let last = cuts[cuts.len() - 1];
            self.reach(last);
            for length in cuts.into_iter().rev() {
                self.cut(None, length, None);
            }
            return true;
        }
        let length = self.landing_length(&posterior, certain, tables);
        let red = posterior.within(length);
        self.reach(length);
        self.cut(None, length, None);
        self.ride_on(length, red);
        true
    }

    /// Returns whether the one worker has left a suspect waiting long enough that could be tested.
    fn is_overdue(&self) -> bool {
        let open = self.lanes.suspects.iter().filter(|it| self.is_open(it));
        let oldest = open.map(|it| it.since).min();
        self.params.workers == 1 && oldest.is_some_and(|since| since + PATIENCE <= self.facts.now)
    }

    fn posterior(&self, more: &[Item]) -> Posterior {
        Posterior::of(&self.landing, more, &self.risk, self.params)
    }

    /// Returns the cuts of a short queue of which nothing else is open.
    fn endgame(&self, waiting: usize, certain: f64, tables: &Tables) -> Option<Vec<usize>> {
        let is_clean =
            self.screening.is_empty() && self.passed.is_empty() && self.lanes.suspects.is_empty();
        let fits = self.params.workers > 1 && waiting <= ENDGAME_MAX && waiting <= self.batch_max();
        if !is_clean || !fits || certain <= CERTAIN || self.landing.red == 1 {
            return None;
        }
        let (workers, price) = (self.params.workers, self.params.endgame);
        let table = tables.endgame(self.params.culprit_rate, workers, price);
        let cuts = match self.landing.red {
            0 => &table.clean[waiting],
            red => &table.red[red][waiting],
        };
        Some(cuts.lengths.clone()).filter(|cuts| cuts.len() <= self.free)
    }

    /// Returns the length of the one probe on the tip: inside what is red never beyond it, a longer failure would
    /// teach nothing.
    fn landing_length(&self, posterior: &Posterior, certain: f64, tables: &Tables) -> usize {
        let (red, waiting) = (self.landing.red, posterior.at.len());
        let most = self.longest(&self.landing);
        let (length, bits) = posterior.best_prefix(most, self.params.flake_rate);
        let is_plain = self.params.workers == 1 && waiting <= R1_MAX && self.facts.risk.is_none();
        if is_plain && red != 1 && (red == 0 || certain > CERTAIN) {
            let table = tables.nested(self.params.culprit_rate, waiting);
            let choice = match red {
                0 => table.clean[waiting],
                red => table.red[red][waiting],
            };
            return choice.length.min(most);
        }
        if self.ready.is_empty() && red == 0 && bits < NOTHING_NEW {
            return waiting.min(most);
        }
        length
    }

    /// Moves fresh items into the landing lane until it is that long.
    fn reach(&mut self, length: usize) {
        let more = length.saturating_sub(self.landing.items.len());
        let more: Vec<Item> = self.ready.drain(..more).collect();
        self.fresh.retain(|it| !more.contains(it));
        self.landing.items.extend(more);
    }

    fn batch_max(&self) -> usize {
        self.params.batch_max.max(1)
    }

    /// Returns how long a probe of a lane may be: never beyond what is red.
    fn longest(&self, lane: &Lane) -> usize {
        let most = self.batch_max().saturating_sub(lane.before.len());
        if lane.red > 0 {
            lane.red.min(most)
        } else {
            most
        }
    }

    fn ride_on(&mut self, length: usize, red: f64) {
        if red <= SAFE && length < self.batch_max() {
            self.ride = self.landing.items[..length].to_vec();
        }
    }

    /// Adds a probe of the first items of a lane; nothing: the landing lane. It tells so many bits; nothing: what it
    /// would tell by itself.
    fn cut(&mut self, lane: Option<usize>, length: usize, bits: Option<f64>) {
        let flake_rate = self.params.flake_rate;
        let (lane, screens) = match lane {
            None => (&mut self.landing, false),
            Some(at) => (&mut self.screening[at], true),
        };
        let why = match (lane.cuts.is_empty() || self.is_endgame, lane.red) {
            (false, _) => Why::Cut,
            (true, 0) if screens => Why::Screen,
            (true, 0) => Why::Batch,
            (true, red) => Why::Bisect { red },
        };
        let chance = Posterior::of(lane, &[], &self.risk, self.params).within(length);
        lane.cuts.push(length);
        let probe = Probe {
            context: lane.context,
            items: lane.first(length),
            screens,
            why,
            red: red(chance, flake_rate),
            bits: bits.unwrap_or_else(|| information(chance, flake_rate)),
        };
        self.add(probe);
    }

    fn add(&mut self, probe: Probe) {
        self.probes.push(probe);
        self.free -= 1;
    }

    fn confirm(&mut self, item: Item) {
        let of = confirmations(self.params);
        let suspect = self.lanes.suspects.iter().find(|it| it.item == item);
        let reds = suspect.map_or(0, |it| it.red);
        let mut items = self.ride.clone();
        items.push(item);
        self.tested.push(item);
        let flake_rate = self.params.flake_rate;
        let risk = self.risk[item as usize];
        let flakes = (1.0 - risk) * powi(flake_rate, reds);
        let culprit = risk / (risk + flakes);
        let ride = self.ride.iter().map(|it| 1.0 - self.risk[*it as usize]);
        let chance = 1.0 - (1.0 - culprit) * ride.product::<f64>();
        self.probes.push(Probe {
            context: None,
            items,
            screens: false,
            why: Why::Confirm { red: reds, of },
            red: red(chance, flake_rate),
            bits: information(chance, flake_rate),
        });
        self.free = self.free.saturating_sub(1);
    }

    /// Gives the next worker the most valuable thing to do; returns whether there was one.
    fn add_best(&mut self, is_open: bool) -> bool {
        let mut offers: Vec<(f64, Offer)> = Vec::new();
        let doubt = DOUBT.max(self.params.theta);
        offers.extend(
            self.next_suspect()
                .map(|item| (doubt, Offer::Confirm(item))),
        );
        for (at, lane) in self.screening.iter().enumerate() {
            let most = self.longest(lane);
            if lane.cuts.is_empty() && most > 0 {
                let posterior = Posterior::of(lane, &[], &self.risk, self.params);
                let (length, bits) = posterior.best_prefix(most, self.params.flake_rate);
                offers.push((0.95 * bits, Offer::Lane(at, length)));
            }
        }
        if is_open && !self.is_endgame {
            offers.extend(
                self.best_screen()
                    .map(|(length, bits)| (bits, Offer::Screen(length))),
            );
            offers.extend(self.best_cuts(None));
        }
        for at in 0..self.screening.len() {
            offers.extend(self.best_cuts(Some(at)));
        }
        // Of equal values the first one offered.
        let best = offers
            .into_iter()
            .reduce(|best, it| if it.0 > best.0 { it } else { best });
        let Some((value, offer)) = best else {
            return false;
        };
        if value < self.params.theta && self.busy + self.probes.len() > 0 {
            return false;
        }
        match offer {
            Offer::Confirm(item) => self.confirm(item),
            Offer::Lane(at, length) => self.cut(Some(at), length, None),
            Offer::Cut(at, length) => self.cut(at, length, Some(value / LATER)),
            Offer::Screen(length) => self.screen(length),
        }
        true
    }

    /// Returns the next suspect whose elders are all settled, or ride in a landing probe that is nearly sure to
    /// pass: then it is tested on top of that probe, and its verdict is exact on the new tip.
    fn next_suspect(&self) -> Option<Item> {
        let mut elder = u32::MAX;
        if self.params.workers > 1 {
            let waiting = self
                .landing
                .items
                .iter()
                .filter(|it| !self.ride.contains(it));
            let screened = self.screening.iter().flat_map(|lane| &lane.items);
            let all = waiting
                .chain(&self.fresh)
                .chain(&self.passed)
                .chain(screened);
            elder = all.map(|it| self.lanes.place(*it)).min().unwrap_or(elder);
        }
        self.first_suspect()
            .filter(|first| self.lanes.place(*first) < elder)
    }

    /// Returns the first suspect that is not being tested and has all it needs.
    fn first_suspect(&self) -> Option<Item> {
        let mut suspects = self.lanes.suspects.iter();
        suspects.find(|it| self.is_open(it)).map(|it| it.item)
    }

    fn is_open(&self, suspect: &Suspect) -> bool {
        !self.tested.contains(&suspect.item)
            && !suspect.is_convicted(self.params)
            && self.facts.is_met(suspect.item, Base::Tip, &self.ride)
    }

    /// Returns the batch from the front of what is fresh that tells most.
    fn best_screen(&self) -> Option<(usize, f64)> {
        let (mut red, mut clean, mut best) = (0.0, 1.0, None::<(usize, f64)>);
        let items = self.screenable();
        for (at, item) in items.iter().enumerate().take(self.batch_max()) {
            red += clean * self.risk[*item as usize];
            clean *= 1.0 - self.risk[*item as usize];
            let bits = information(red, self.params.flake_rate);
            match best {
                Some((_, known)) if bits <= known => {
                    if red > 0.7 {
                        break;
                    }
                }
                _ => best = Some((at + 1, bits)),
            }
        }
        best
    }

    /// Returns what can be tested apart from the landing lane.
    fn screenable(&self) -> Vec<Item> {
        let mut items = Vec::new();
        self.facts.extend(&mut items, &self.fresh);
        items
    }

    fn screen(&mut self, length: usize) {
        let mut items = self.screenable();
        items.truncate(length);
        self.fresh.retain(|it| !items.contains(it));
        self.screening.push(Lane {
            items,
            beyond: 1.0,
            ..Lane::default()
        });
        self.cut(Some(self.screening.len() - 1), length, None);
    }

    /// Returns the best further cut of every stretch between two cuts of a lane.
    fn best_cuts(&self, at: Option<usize>) -> Vec<(f64, Offer)> {
        let lane = at.map_or(&self.landing, |at| &self.screening[at]);
        if lane.cuts.is_empty() {
            return Vec::new();
        }
        let posterior = Posterior::of(lane, &[], &self.risk, self.params);
        let total = posterior.total();
        let mut bounds = vec![0];
        bounds.extend(&lane.cuts);
        bounds.sort_unstable();
        let last = bounds[bounds.len() - 1];
        bounds.push(if lane.red > 0 {
            lane.red
        } else {
            lane.items.len()
        });
        let mut offers = Vec::new();
        for pair in bounds.windows(2).filter(|pair| pair[0] < pair[1]) {
            let (from, to) = (pair[0], pair[1]);
            let is_last = from == last;
            let mut mass = posterior.at[from..to].iter().sum::<f64>() / total;
            if is_last {
                mass += posterior.nowhere / total;
            }
            let (mut red, mut best) = (0.0, None::<(f64, usize)>);
            for length in from + 1..to + usize::from(is_last) {
                red += posterior.at[length - 1] / total;
                if lane.cuts.contains(&length) || length > self.longest(lane) {
                    continue;
                }
                let bits = if mass > 0.0 {
                    mass * entropy(red / mass)
                } else {
                    0.0
                };
                if best.is_none_or(|(known, _)| bits > known) {
                    best = Some((bits, length));
                }
            }
            offers.extend(best.map(|(bits, length)| (LATER * bits, Offer::Cut(at, length))));
        }
        offers
    }
}
