//! How the queue lies, derived from what was tested: the landing lane, screening lanes, what passed elsewhere,
//! suspects (`merge-queue.md` 3.4, "Data derived from the cache, never stored").

use std::cmp::Reverse;

use super::needs::Base;
use super::{Facts, Item, Outcome, Params, Standing, Trial, confirmations};

/// A sequence of items with what is known of its prefixes.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Lane {
    /// What it stands on; nothing: the tip.
    pub(super) context: Option<u32>,
    /// What is merged before its items, and passed.
    pub(super) before: Vec<Item>,
    /// The items, in order.
    pub(in super::super) items: Vec<Item>,
    /// Length of its shortest red prefix, 0 while none is.
    pub(in super::super) red: usize,
    /// How often that was red.
    pub(in super::super) count: u32,
    /// Chance of the red runs beyond that prefix if nothing in it is a culprit.
    pub(super) beyond: f64,
    /// Lengths that are being tested.
    pub(super) cuts: Vec<usize>,
}

/// An item that was red by itself: everything else in the tree had passed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Suspect {
    pub(in super::super) item: Item,
    /// Red attempts that blame it alone.
    pub(in super::super) red: u32,
    /// Those of them on nothing but a commit that was the tip, and the item.
    pub(super) exact: u32,
    /// When it became one, counted in attempts.
    pub(super) since: u32,
    /// Whether it is being tested, or was on top of something that is.
    pub(super) runs: bool,
}

impl Suspect {
    /// Returns whether it was red often enough to be the culprit, and once with nothing else between (I2).
    pub(super) fn is_convicted(&self, params: &Params) -> bool {
        self.red >= confirmations(params) && self.exact > 0
    }
}

/// What is known of the bare tip.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Tip {
    pub(in super::super) green: bool,
    pub(in super::super) red: u32,
    pub(super) runs: bool,
}

/// How the queue lies.
#[derive(Debug, Default)]
pub(in super::super) struct Lanes {
    pub(in super::super) tip: Tip,
    /// What may land now.
    pub(super) green: Option<Vec<Item>>,
    /// The lane that stands on the tip, the only one that lands.
    pub(in super::super) landing: Lane,
    /// Red screening lanes, and such that are being tested.
    pub(in super::super) screening: Vec<Lane>,
    /// What passed elsewhere and is not on the tip yet, in order; not what is in the landing lane.
    pub(in super::super) passed: Vec<Item>,
    /// What nothing is known of, in order; not what is in a lane.
    pub(super) fresh: Vec<Item>,
    /// Suspects, in order.
    pub(in super::super) suspects: Vec<Suspect>,
    /// How many of them were red since the last green attempt.
    pub(super) fresh_suspects: u32,
    /// Whether anything is red that nobody has explained.
    pub(super) any_red: bool,
    /// Chance of each item to be a culprit.
    pub(super) risk: Vec<f64>,
    /// Trials that run for nothing.
    pub(super) moot: Vec<usize>,
    /// How many others run.
    pub(super) busy: usize,
    places: Vec<u32>,
}

/// A trial of items that still wait, on a base that is named as simply as it can be.
#[derive(Debug, Clone)]
struct Known<'t> {
    trial: &'t Trial,
    at: usize,
    /// What is behind what has landed of it, or all of it where that is not the start of it.
    items: &'t [Item],
    /// Whether that stands on exactly the tip.
    on_tip: bool,
    /// How many of its first items passed on the same base.
    passed: usize,
    /// What is to blame if it is red: not what passed, nor what has landed or passed since.
    rest: Vec<Item>,
}

const NOWHERE: u32 = u32::MAX;

impl Lanes {
    /// Derives how the queue lies.
    pub(in super::super) fn of(facts: &Facts<'_>) -> Self {
        let mut lanes = Self {
            places: places(facts.items),
            ..Self::default()
        };
        let mut known = lanes.know(facts);
        let greens = last_green(facts);
        lanes.risk = risk(facts, &greens);
        blame(&mut known, facts, &greens);
        lanes.suspect(&known, facts);
        let reds = lanes.unexplained(&known);
        lanes.any_red = !reds.is_empty() || !lanes.suspects.is_empty();
        lanes.take_landing(&reds, facts.params);
        lanes.take_screening(&reds, facts);
        lanes.take_running(&known, facts);
        let runs = |it: &&Trial| matches!(it.outcome, Outcome::Running(_));
        lanes.busy = facts.trials.iter().filter(runs).count() - lanes.moot.len();
        lanes.green = lanes.landable(&known);
        lanes.take_rest(facts, &greens);
        lanes
    }

    /// Returns whether nothing waits.
    pub(super) fn is_over(&self) -> bool {
        self.places.iter().all(|place| *place == NOWHERE)
    }

    /// Returns an item's place in the queue.
    pub(super) fn place(&self, item: Item) -> u32 {
        self.places[item as usize]
    }

    fn waits(&self, item: Item) -> bool {
        self.place(item) != NOWHERE
    }

    /// Returns the first place of a sequence.
    fn front(&self, items: &[Item]) -> u32 {
        items
            .iter()
            .map(|it| self.place(*it))
            .min()
            .unwrap_or(NOWHERE)
    }

    fn sort(&self, items: &mut [Item]) {
        items.sort_unstable_by_key(|it| self.place(*it));
    }

    /// Returns the trials that can still tell something, and notes what is known of the bare tip.
    fn know<'t>(&mut self, facts: &Facts<'t>) -> Vec<Known<'t>> {
        let mut known: Vec<Known<'t>> = Vec::with_capacity(facts.trials.len());
        for (at, trial) in facts.trials.iter().enumerate() {
            let since = trial
                .base
                .and_then(|base| facts.landed.get(base as usize..));
            let on_tip = since.is_some_and(|since| trial.items.starts_with(since));
            let behind = since.filter(|_| on_tip).map_or(0, <[Item]>::len);
            let items = &trial.items[behind..];
            if on_tip && items.is_empty() {
                self.tip.note(trial.outcome);
                continue;
            }
            let gone = |it: &Item| facts.items[*it as usize] == Standing::Gone;
            let is_of_use = || {
                items.iter().any(|it| self.waits(*it))
                    && is_whole(facts, trial, on_tip.then_some(items))
            };
            if trial.items.iter().any(gone) || !is_of_use() {
                if matches!(trial.outcome, Outcome::Running(_)) {
                    self.moot.push(at);
                }
                continue;
            }
            known.push(Known {
                trial,
                at,
                items,
                on_tip,
                passed: 0,
                rest: Vec::new(),
            });
        }
        known
    }

    /// Returns the longest sequence that is green on the tip. One that was only screened waits where landing it
    /// would spoil what is known or asked of the landing lane: then it has passed, and lands with the next probe.
    fn landable(&self, known: &[Known<'_>]) -> Option<Vec<Item>> {
        let lane = &self.landing.items;
        let lands = |it: &&Known<'_>| {
            let spoils = || !lane.starts_with(it.items) && !it.items.starts_with(lane);
            it.on_tip && it.trial.outcome == Outcome::Green && !(it.trial.screens && spoils())
        };
        let greens = known.iter().filter(lands);
        let best = greens.min_by_key(|it| {
            let (length, front) = (Reverse(it.items.len()), self.front(it.items));
            (it.trial.screens, length, front, it.items)
        })?;
        Some(best.items.to_vec())
    }

    /// Finds the suspects.
    fn suspect(&mut self, known: &[Known<'_>], facts: &Facts<'_>) {
        // A tree that goes by several names was still run only so often.
        let mut blames: Vec<(Item, u64, Suspect)> = Vec::new();
        for (it, red) in known.iter().filter_map(|it| Some((it, it.red()?))) {
            let [item] = it.rest[..] else { continue };
            let blame = Suspect {
                item,
                red,
                exact: if it.is_alone(facts) { red } else { 0 },
                since: it.trial.first,
                runs: false,
            };
            let tree = it.trial.tree;
            match blames.iter_mut().find(|it| (it.0, it.1) == (item, tree)) {
                Some((_, _, known)) => {
                    known.exact = known.exact.max(blame.exact);
                    known.since = known.since.min(blame.since);
                }
                None => blames.push((item, tree, blame)),
            }
        }
        for (item, _, blame) in blames {
            match self.suspects.iter_mut().find(|known| known.item == item) {
                Some(known) => {
                    known.red += blame.red;
                    known.exact += blame.exact;
                    known.since = known.since.min(blame.since);
                }
                None => self.suspects.push(blame),
            }
        }
        self.suspects
            .sort_unstable_by_key(|it| self.places[it.item as usize]);
        let passed = facts
            .trials
            .iter()
            .filter(|it| it.outcome == Outcome::Green);
        let last = passed.map(|it| it.last).max().unwrap_or(0);
        let is_fresh = |it: &&Suspect| it.since > last;
        self.fresh_suspects = self.suspects.iter().filter(is_fresh).count() as u32;
    }

    /// Returns the red trials that no suspect explains, the most telling ones first.
    fn unexplained<'k, 't>(&self, known: &'k [Known<'t>]) -> Vec<&'k Known<'t>> {
        let is_suspect = |item: &Item| self.is_suspect(*item);
        let open = |it: &&Known<'_>| {
            it.red().is_some() && it.rest.len() > 1 && !it.rest.iter().any(is_suspect)
        };
        let mut reds: Vec<&Known<'t>> = known.iter().filter(open).collect();
        reds.sort_by_cached_key(|it| (it.rest.len(), self.front(&it.rest), it.name()));
        reds
    }

    fn take_landing(&mut self, reds: &[&Known<'_>], params: &Params) {
        let is_landing = |it: &&&Known<'_>| it.lands();
        if let Some(red) = reds.iter().find(is_landing) {
            self.landing = red.lane(reds, &self.risk, params);
        }
    }

    fn take_screening(&mut self, reds: &[&Known<'_>], facts: &Facts<'_>) {
        for red in reds {
            let taken = |lane: &Lane| lane.items.iter().any(|it| red.rest.contains(it));
            if !taken(&self.landing) && !self.screening.iter().any(taken) {
                let lane = red.lane(reds, &self.risk, facts.params);
                // What landed since is not below it, and may be needed.
                if facts.is_whole(red.base(), &lane.first(lane.items.len())) {
                    self.screening.push(lane);
                }
            }
        }
        let places = &self.places;
        self.screening
            .sort_by_key(|lane| places[lane.items[0] as usize]);
    }

    /// Sorts what is being tested into lanes; what fits into none is moot.
    fn take_running(&mut self, known: &[Known<'_>], facts: &Facts<'_>) {
        let mut running: Vec<&Known<'_>> = known.iter().filter(|it| it.runs()).collect();
        // Longest first: a lane that is not red begins with what is being tested of it.
        running.sort_by_key(|it| (Reverse(it.items.len()), it.name()));
        let (confirming, others): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|it| it.lands() && self.is_suspect(it.items[it.items.len() - 1]));
        for it in others {
            let fits = match (it.lands(), it.trial.screens) {
                // What holds a suspect would be red with it.
                (true, _) => {
                    !it.items.iter().any(|item| self.is_suspect(*item))
                        && self.admit_landing(it.items, facts)
                }
                (false, true) => self.admit_screening(it),
                // It was to land on what is not the tip any more.
                (false, false) => false,
            };
            if !fits {
                self.moot.push(it.at);
            } else if it.lands() {
                self.await_ride(it.items, known);
            }
        }
        for it in confirming {
            let (ride, item) = it.items.split_at(it.items.len() - 1);
            let mut suspects = self.suspects.iter_mut();
            match suspects.find(|known| known.item == item[0]) {
                Some(suspect) if self.landing.is_tested(ride) => suspect.runs = true,
                _ => self.moot.push(it.at),
            }
        }
    }

    fn is_suspect(&self, item: Item) -> bool {
        self.suspects.iter().any(|it| it.item == item)
    }

    /// What was red on top of something that is being tested tells nothing before that is known.
    fn await_ride(&mut self, ride: &[Item], known: &[Known<'_>]) {
        for it in known.iter().filter(|it| it.on_tip && it.red().is_some()) {
            let top = it.items.strip_prefix(ride);
            let suspect = self
                .suspects
                .iter_mut()
                .find(|known| top == Some(&[known.item]));
            if let Some(suspect) = suspect {
                suspect.runs = true;
            }
        }
    }

    /// Takes in a run on the tip. Where it is the start of a red screening lane that went there, behind what passed
    /// elsewhere, that goes on as the landing lane: nothing of it is tested apart at the same time.
    fn admit_landing(&mut self, items: &[Item], facts: &Facts<'_>) -> bool {
        let adopted = |(place, lane): (usize, &Lane)| {
            let at = items.iter().position(|it| lane.items.first() == Some(it))?;
            let all = [&items[..at], &lane.items].concat();
            let is_start = lane.cuts.is_empty() && all.starts_with(items);
            (is_start && facts.is_whole(Base::Tip, &all)).then_some((place, at, all))
        };
        let is_free = self.landing.items.is_empty();
        let mut lanes = self.screening.iter().enumerate().filter(|_| is_free);
        if let Some((place, at, all)) = lanes.find_map(adopted) {
            let lane = self.screening.remove(place);
            self.landing = Lane {
                context: None,
                before: Vec::new(),
                items: all,
                red: at + lane.red,
                ..lane
            };
        }
        self.landing.admit(items)
    }

    fn admit_screening(&mut self, it: &Known<'_>) -> bool {
        let context = it.trial.context;
        let here = |lane: &&mut Lane| {
            lane.context == Some(context)
                && it.trial.items.starts_with(&lane.before)
                && it.trial.items.get(lane.before.len()) == lane.items.first()
        };
        let before = match self.screening.iter_mut().find(here) {
            Some(lane) => return lane.admit(&it.trial.items[lane.before.len()..]),
            None => it.passed,
        };
        let items = &it.trial.items[before..];
        let taken = |lane: &Lane| lane.items.iter().any(|item| items.contains(item));
        let is_suspect = |item: &Item| self.is_suspect(*item);
        if taken(&self.landing)
            || self.screening.iter().any(taken)
            || items
                .iter()
                .any(|item| is_suspect(item) || !self.waits(*item))
        {
            return false;
        }
        self.screening.push(Lane {
            context: Some(context),
            before: it.trial.items[..before].to_vec(),
            items: items.to_vec(),
            beyond: 1.0,
            cuts: vec![items.len()],
            ..Lane::default()
        });
        true
    }

    /// Sorts what is in no lane: passed elsewhere, or fresh.
    fn take_rest(&mut self, facts: &Facts<'_>, greens: &[u32]) {
        let mut taken = vec![false; facts.items.len()];
        let lanes = std::iter::once(&self.landing).chain(&self.screening);
        let items = lanes.flat_map(|lane| lane.items.iter().copied());
        for item in items.chain(self.suspects.iter().map(|it| it.item)) {
            taken[item as usize] = true;
        }
        let (mut passed, mut fresh) = (Vec::new(), Vec::new());
        for (item, place) in self.places.iter().enumerate() {
            if *place == NOWHERE || taken[item] {
                continue;
            }
            match greens[item] {
                0 => fresh.push(item as Item),
                _ => passed.push(item as Item),
            }
        }
        self.sort(&mut passed);
        self.sort(&mut fresh);
        (self.passed, self.fresh) = (passed, fresh);
    }
}

impl Tip {
    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Green => self.green = true,
            Outcome::Red(count) => self.red += count,
            Outcome::Running(count) => {
                self.runs = true;
                self.red += count;
            }
        }
    }
}

impl Known<'_> {
    fn red(&self) -> Option<u32> {
        match self.trial.outcome {
            Outcome::Red(count) | Outcome::Running(count) if count > 0 => Some(count),
            _ => None,
        }
    }

    /// Returns whether it is to land, or convict, on the tip.
    fn lands(&self) -> bool {
        self.on_tip && !self.trial.screens
    }

    fn runs(&self) -> bool {
        matches!(self.trial.outcome, Outcome::Running(_))
    }

    fn base(&self) -> Base {
        self.trial.base.map_or(Base::Unknown, Base::Was)
    }

    /// Returns what tells it from others, the older ones first.
    fn name(&self) -> (u32, u32, &[Item]) {
        (self.trial.first, self.trial.context, &self.trial.items)
    }

    /// Returns the lane of a red trial: what longer ones say of it is only a factor.
    fn lane(&self, reds: &[&Self], risk: &[f64], params: &Params) -> Lane {
        let landing = self.lands();
        let same = |it: &&&Self| match landing {
            true => it.lands(),
            false => it.trial.context == self.trial.context,
        };
        let holds =
            |it: &&&Self| it.rest.len() > self.rest.len() && it.rest.starts_with(&self.rest);
        let mut chain: Vec<&Self> = reds.iter().filter(same).filter(holds).copied().collect();
        chain.push(self);
        chain.sort_by_key(|it| (Reverse(it.rest.len()), it.name()));
        let beyond = chain.windows(2).fold(1.0, |beyond, pair| {
            let between = &pair[0].rest[pair[1].rest.len()..];
            let clean: f64 = between.iter().map(|it| 1.0 - risk[*it as usize]).product();
            let flakes = powi(params.flake_rate, pair[0].red().unwrap_or(0));
            1.0 - clean + clean * flakes * beyond
        });
        // A tree may have been tested under several names: on the tip, and before what has landed since.
        let equal = reds.iter().filter(same).filter(|it| it.rest == self.rest);
        let mut counts: Vec<(u64, u32)> = equal
            .filter_map(|it| Some((it.trial.tree, it.red()?)))
            .collect();
        counts.sort_unstable();
        counts.dedup_by_key(|it| it.0);
        Lane {
            context: (!landing).then_some(self.trial.context),
            before: match landing {
                true => Vec::new(),
                false => self.trial.items[..self.passed].to_vec(),
            },
            items: self.rest.clone(),
            red: self.rest.len(),
            count: counts.into_iter().map(|it| it.1).sum(),
            beyond,
            cuts: Vec::new(),
        }
    }

    /// Returns whether the tree was that of a commit of the target and the last item, nothing else.
    fn is_alone(&self, facts: &Facts<'_>) -> bool {
        let since = self
            .trial
            .base
            .and_then(|base| facts.landed.get(base as usize..));
        let before = &self.trial.items[..self.trial.items.len() - 1];
        since.is_some_and(|since| since.starts_with(before))
    }
}

impl Lane {
    /// Returns what a candidate of its first items holds.
    pub(super) fn first(&self, length: usize) -> Vec<Item> {
        [&self.before, &self.items[..length]].concat()
    }

    /// Returns whether these are nothing, or its first items and are being tested.
    fn is_tested(&self, items: &[Item]) -> bool {
        items.is_empty() || self.items.starts_with(items) && self.cuts.contains(&items.len())
    }

    /// Takes in a run on its first items; returns whether it is one.
    fn admit(&mut self, items: &[Item]) -> bool {
        if self.items.is_empty() {
            self.items = items.to_vec();
            self.beyond = 1.0;
        }
        let fits = self.items.starts_with(items) && (self.red == 0 || items.len() <= self.red);
        if fits {
            self.cuts.push(items.len());
        }
        fits
    }
}

/// Returns whether everything that a trial's items need now was there: on the tip, where it stands there.
fn is_whole(facts: &Facts<'_>, trial: &Trial, on_tip: Option<&[Item]>) -> bool {
    match on_tip {
        Some(items) => facts.is_whole(Base::Tip, items),
        None => {
            let base = trial.base.map_or(Base::Unknown, Base::Was);
            facts.is_whole(base, &trial.items)
        }
    }
}

fn places(items: &[Standing]) -> Vec<u32> {
    let place = |it: &Standing| match it {
        Standing::Waits(place) => *place,
        Standing::Landed | Standing::Gone => NOWHERE,
    };
    items.iter().map(place).collect()
}

/// Returns for each item when it last passed, 0 for never; attempts count from 1.
fn last_green(facts: &Facts<'_>) -> Vec<u32> {
    let mut greens = vec![0; facts.items.len()];
    let passed = facts
        .trials
        .iter()
        .filter(|it| it.outcome == Outcome::Green);
    for trial in passed {
        for item in &trial.items {
            let known = &mut greens[*item as usize];
            *known = trial.last.max(*known);
        }
    }
    greens
}

fn risk(facts: &Facts<'_>, greens: &[u32]) -> Vec<f64> {
    let params = facts.params;
    let of = |item: usize| match facts.risk {
        _ if greens[item] > 0 => params.interaction_rate,
        Some(risk) => risk[item],
        None => params.culprit_rate,
    };
    (0..facts.items.len())
        .map(|item| of(item).max(1e-4))
        .collect()
}

/// Says of each trial that did not pass what could be to blame.
fn blame(known: &mut [Known<'_>], facts: &Facts<'_>, greens: &[u32]) {
    let greens_of: Vec<(u32, &[Item])> = known
        .iter()
        .filter(|it| it.trial.outcome == Outcome::Green)
        .map(|it| (it.trial.context, &it.trial.items[..]))
        .collect();
    for it in known
        .iter_mut()
        .filter(|it| it.trial.outcome != Outcome::Green)
    {
        let (trial, items) = (it.trial, &it.trial.items[..]);
        let longest = |(context, green): &(u32, &[Item])| {
            (*context == trial.context && items.starts_with(green)).then_some(green.len())
        };
        it.passed = greens_of.iter().filter_map(longest).max().unwrap_or(0);
        let landing = it.lands();
        let behind = if landing {
            items.len() - it.items.len()
        } else {
            it.passed
        };
        let waits = |item: &Item| matches!(facts.items[*item as usize], Standing::Waits(_));
        let blamed =
            |item: &&Item| waits(item) && (landing || greens[**item as usize] < trial.last);
        it.rest = items[behind..].iter().filter(blamed).copied().collect();
        // What is left begins otherwise than the trial did: that may have passed under another name, before.
        while it.rest.len() > 1 && !landing {
            let left = [&items[..behind], &it.rest].concat();
            let passed = |(context, green): &(u32, &[Item])| {
                (*context == trial.context && left.starts_with(green)).then_some(green.len())
            };
            let passed = greens_of.iter().filter_map(passed).max().unwrap_or(0);
            if passed <= behind {
                break;
            }
            it.rest.drain(..passed - behind);
        }
    }
}

/// Returns a power, the same on every machine.
pub(super) fn powi(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * base)
}
