//! A world in which trees are sets of changes, and workers that end one after another.

use std::rc::Rc;

use super::super::*;

thread_local! {
    static TABLES: Rc<Tables> = Rc::default();
}

/// A set of changes; the tree that holds exactly these.
pub(super) type Tree = u128;

/// A breaking set that is part of every tree.
pub(super) const ALWAYS: Tree = 0;

/// A target, its queue, and what was found out about it.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) params: Params,
    /// Sets of changes that break every tree that holds all of them: one change for a culprit, two for a pair
    /// that only breaks together.
    pub(super) breaking: Vec<Tree>,
    /// Changes that change nothing.
    pub(super) empty: Tree,
    /// Which runs fail on a good tree, over and over.
    pub(super) flakes: Vec<bool>,
    /// Which of the running candidates ends next, over and over.
    pub(super) turns: Vec<usize>,
    pub(super) needs: Vec<Vec<Item>>,
    pub(super) items: Vec<Standing>,
    /// What landed, and what was pushed past the queue.
    pub(super) landed: Vec<Item>,
    pub(super) ejected: Vec<Item>,
    pub(super) trials: Vec<Trial>,
    /// What is running: trials by their place.
    running: Vec<usize>,
    /// What was known by another name when it was to be tested.
    met: Vec<(u32, Vec<Item>)>,
    /// All runs that ended: the tree, and whether it passed.
    pub(super) log: Vec<(Tree, bool)>,
    pub(super) runs: usize,
    pub(super) runs_max: usize,
    pub(super) frozen: bool,
    streak: u32,
    tables: Rc<Tables>,
}

impl World {
    /// Returns a queue of so many items that each make one change, on a tip known to be green where it is.
    pub(super) fn new(items: u32, breaking: &[Tree], params: Params) -> Self {
        let count = items as usize;
        let mut world = Self {
            runs_max: (count + 4) * (count + 3 * confirmations(&params) as usize + 8),
            params,
            breaking: breaking.to_vec(),
            empty: 0,
            flakes: vec![false],
            turns: vec![0],
            needs: Vec::new(),
            items: (0..items).map(Standing::Waits).collect(),
            landed: Vec::new(),
            ejected: Vec::new(),
            trials: Vec::new(),
            running: Vec::new(),
            met: Vec::new(),
            log: Vec::new(),
            runs: 0,
            frozen: false,
            streak: 0,
            tables: TABLES.with(Rc::clone),
        };
        if !breaking.contains(&ALWAYS) {
            world.know(world.now(), &[], false, Outcome::Green);
        }
        world
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            items: &self.items,
            landed: &self.landed,
            needs: &self.needs,
            risk: None,
            trials: &self.trials,
            streak: self.streak,
            now: number(self.log.len() + 1),
            params: &self.params,
        }
    }

    pub(super) fn next(&self) -> Move {
        plan(&self.facts(), &self.tables)
    }

    /// The name of the tip.
    fn now(&self) -> u32 {
        number(self.landed.len())
    }

    pub(super) fn tree(&self, context: u32, items: &[Item]) -> Tree {
        let all = self.landed[..context as usize].iter().chain(items);
        all.fold(0, |tree, item| tree | 1 << item) & !self.empty
    }

    pub(super) fn is_broken(&self, tree: Tree) -> bool {
        self.breaking.iter().any(|set| tree & set == *set)
    }

    pub(super) fn waits(&self, item: Item) -> bool {
        matches!(self.items[item as usize], Standing::Waits(_))
    }

    pub(super) fn is_drained(&self) -> bool {
        self.items
            .iter()
            .all(|it| !matches!(it, Standing::Waits(_)))
    }

    /// Does steps until nothing is left to do.
    pub(super) fn drain(&mut self) {
        while self.step() {}
    }

    /// Does one step; returns whether there are more. Checks what can be checked on the spot.
    pub(super) fn step(&mut self) -> bool {
        let next = self.next();
        self.cancel();
        match next {
            Move::Idle => return false,
            Move::Freeze => {
                self.frozen = true;
                return false;
            }
            Move::Land(items) => self.land(&items),
            Move::Eject(item) => self.eject(item),
            Move::Probe(probes) => {
                let free = self.params.workers - self.running.len();
                let running: Vec<_> = self.running.iter().map(|at| &self.trials[*at]).collect();
                assert!(
                    probes.len() <= free,
                    "more than {free} at once: {probes:?} beside {running:?}"
                );
                // What is known by another name is an answer that needs no run.
                if !self.begin(&probes) {
                    assert!(!self.running.is_empty(), "stuck");
                    self.end();
                }
            }
        }
        true
    }

    fn land(&mut self, items: &[Item]) {
        assert!(!items.is_empty());
        self.check_whole(self.now(), items);
        let tree = self.tree(self.now(), items);
        assert!(self.log.contains(&(tree, true)) || tree == self.tree(self.now(), &[]));
        assert!(!self.is_broken(tree), "a broken tree lands");
        for item in items {
            assert!(self.waits(*item));
            self.items[*item as usize] = Standing::Landed;
        }
        self.landed.extend(items);
        self.know(self.now(), &[], false, Outcome::Green);
    }

    /// Needs stand before who needs them.
    fn check_whole(&self, context: u32, items: &[Item]) {
        for (at, item) in items.iter().enumerate() {
            for need in self.needs.get(*item as usize).into_iter().flatten() {
                let before = self.landed[..context as usize].iter().chain(&items[..at]);
                assert!(
                    before.copied().any(|it| it == *need),
                    "{item} without {need}"
                );
            }
        }
    }

    fn eject(&mut self, item: Item) {
        assert!(self.waits(item));
        let alone = (0..=self.now()).map(|base| self.tree(base, &[item]));
        let red =
            |tree: &Tree| self.log.contains(&(*tree, false)) && !self.log.contains(&(*tree, true));
        assert!(alone.clone().any(|tree| red(&tree)), "no exact red run");
        let change = (1 << item) & !self.empty;
        let blame = |(tree, green): &&(Tree, bool)| !green && tree & change != 0;
        let reds = self.log.iter().filter(blame).count();
        assert!(
            reds >= confirmations(&self.params) as usize,
            "too few red runs"
        );
        self.items[item as usize] = Standing::Gone;
        self.ejected.push(item);
        self.streak += 1;
    }

    /// Somebody pushes a change past the queue.
    pub(super) fn push(&mut self, change: Item) {
        while self.items.len() <= change as usize {
            self.items.push(Standing::Gone);
        }
        self.items[change as usize] = Standing::Landed;
        self.landed.push(change);
    }

    /// Somebody takes an item back.
    pub(super) fn take_back(&mut self, item: Item) {
        if self.waits(item) {
            self.items[item as usize] = Standing::Gone;
        }
    }

    /// Somebody puts an item in front of all others.
    pub(super) fn put_first(&mut self, item: Item) {
        for standing in &mut self.items {
            if let Standing::Waits(place) = standing {
                *place += 1;
            }
        }
        if self.waits(item) {
            self.items[item as usize] = Standing::Waits(0);
        }
    }

    /// Somebody wants an item tried again: what was red with it is forgotten.
    pub(super) fn retry(&mut self, item: Item) {
        let at = self.items.len() as u32;
        if self.items[item as usize] == Standing::Gone && self.ejected.contains(&item) {
            self.items[item as usize] = Standing::Waits(at + 1000);
            self.ejected.retain(|it| *it != item);
            let keeps =
                |trial: &Trial| trial.outcome == Outcome::Green || !trial.items.contains(&item);
            assert!(self.running.is_empty());
            self.trials.retain(keeps);
        }
    }

    fn cancel(&mut self) {
        let moot = moot(&self.facts());
        for at in moot.into_iter().rev() {
            assert!(
                self.running.contains(&at),
                "{:?} does not run",
                self.trials.get(at)
            );
            self.running.retain(|it| *it != at);
            self.stop(at);
        }
        // What has passed under another name need not be waited for.
        let trials = &self.trials;
        self.running
            .retain(|at| trials[*at].outcome != Outcome::Green);
    }

    /// Ends everything that runs without a result.
    pub(super) fn stop_all(&mut self) {
        let mut running = std::mem::take(&mut self.running);
        running.sort_unstable();
        for at in running.into_iter().rev() {
            self.stop(at);
        }
    }

    /// Decides, and dies before what was begun has its verdict: all that was not recorded is forgotten.
    pub(super) fn crash(&mut self) {
        let next = self.next();
        self.cancel();
        if let Move::Probe(probes) = next {
            self.begin(&probes);
        }
        self.stop_all();
        let met = std::mem::take(&mut self.met);
        let is_met = |it: &Trial| met.contains(&(it.context, it.items.clone()));
        self.trials.retain(|it| !is_met(it));
    }

    fn stop(&mut self, at: usize) {
        match self.trials[at].outcome {
            Outcome::Running(0) => self.forget(at),
            Outcome::Running(red) => self.trials[at].outcome = Outcome::Red(red),
            Outcome::Green | Outcome::Red(_) => {}
        }
    }

    fn forget(&mut self, at: usize) {
        self.trials.remove(at);
        for other in &mut self.running {
            *other -= usize::from(*other > at);
        }
    }

    /// Starts runs, unless one of the trees is known by another name; returns whether one was.
    fn begin(&mut self, probes: &[Probe]) -> bool {
        let is_known = probes.iter().any(|it| self.meet(it));
        if !is_known {
            probes.iter().for_each(|it| self.start(it));
        }
        is_known
    }

    /// Notes what is known of a tree by another name; returns whether anything is.
    fn meet(&mut self, probe: &Probe) -> bool {
        let context = probe.context.unwrap_or(self.now());
        let tree = name(self.tree(context, &probe.items));
        let is_named = |it: &Trial| it.context == context && it.items == probe.items;
        // The bare tip may be run again though it is green: beside what is known of it.
        if probe.items.is_empty() || self.trials.iter().any(is_named) {
            return false;
        }
        let is_known = |it: &&Trial| it.tree == tree && !matches!(it.outcome, Outcome::Running(_));
        let Some(known) = self.trials.iter().find(is_known).cloned() else {
            return false;
        };
        self.met.push((context, probe.items.clone()));
        self.trials.push(Trial {
            base: Some(context),
            context,
            items: probe.items.clone(),
            screens: probe.screens,
            ..known
        });
        true
    }

    /// Starts a run, unless the tree is being tested by another name.
    fn start(&mut self, probe: &Probe) {
        let context = probe.context.unwrap_or(self.now());
        assert!(
            probe.items.len() <= self.params.batch_max.max(1),
            "a candidate too large: {probe:?}"
        );
        assert!(
            probe
                .items
                .iter()
                .all(|it| self.waits(*it) || probe.context.is_some()),
            "{probe:?}"
        );
        self.check_whole(context, &probe.items);
        let tree = self.tree(context, &probe.items);
        let is_named = |it: &Trial| it.context == context && it.items == probe.items;
        let is_other = |it: &usize| self.trials[*it].tree == name(tree);
        let is_bare = probe.items.is_empty();
        let named = self.trials.iter().position(is_named).filter(|_| !is_bare);
        if named.is_none() && !is_bare && self.running.iter().any(is_other) {
            return;
        }
        let at = named.unwrap_or_else(|| {
            self.know(context, &probe.items, probe.screens, Outcome::Running(0));
            self.trials.len() - 1
        });
        assert!(!self.running.contains(&at), "run twice at once: {probe:?}");
        let trial = &mut self.trials[at];
        let red = match trial.outcome {
            Outcome::Red(red) | Outcome::Running(red) => red,
            Outcome::Green => panic!("green already: {probe:?}"),
        };
        trial.outcome = Outcome::Running(red);
        trial.screens &= probe.screens;
        self.running.push(at);
        self.runs += 1;
        assert!(self.runs <= self.runs_max, "livelock: {:?}", self.next());
    }

    fn know(&mut self, context: u32, items: &[Item], screens: bool, outcome: Outcome) {
        let now = number(self.log.len() + 1);
        self.trials.push(Trial {
            base: Some(context),
            context,
            tree: name(self.tree(context, items)),
            items: items.to_vec(),
            screens,
            outcome,
            first: now,
            last: now,
        });
    }

    /// Ends one of the candidates that are being tested.
    fn end(&mut self) {
        let turn = self.turns[self.log.len() % self.turns.len()] % self.running.len();
        let at = self.running.remove(turn);
        let (context, items) = (self.trials[at].context, self.trials[at].items.clone());
        let tree = self.tree(context, &items);
        let flake = self.flakes[self.log.len() % self.flakes.len()];
        let green = !flake && !self.is_broken(tree);
        self.log.push((tree, green));
        let now = number(self.log.len() + 1);
        if green {
            self.streak = 0;
        }
        if items.is_empty() {
            // What ran of the same tree under another name meanwhile counts.
            let meanwhile = self.trials[at].outcome.red();
            self.forget(at);
            if context != self.now() {
                return;
            }
            let is_bare = |it: &Trial| it.context == context && it.items.is_empty();
            let known = self.trials.iter().position(is_bare);
            let red = known.map_or(0, |at| self.trials[at].outcome.red());
            let red = red.max(meanwhile);
            if let Some(at) = known {
                self.forget(at);
            }
            self.know(context, &items, false, Outcome::Red(red).and(green));
            return;
        }
        let was = self.trials[at].outcome;
        for (at, trial) in self.trials.iter_mut().enumerate() {
            if trial.tree != name(tree) {
                continue;
            }
            let is_first = trial.outcome.red() == 0 && trial.outcome != Outcome::Green;
            trial.outcome = match was.and(green) {
                Outcome::Red(red) if self.running.contains(&at) => Outcome::Running(red),
                outcome => outcome,
            };
            trial.last = now;
            if is_first {
                trial.first = now;
            }
        }
    }
}

/// Names a tree.
fn name(tree: Tree) -> u64 {
    (tree ^ tree >> 64) as u64
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}
