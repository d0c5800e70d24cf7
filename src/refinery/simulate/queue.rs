//! A simulated queue: keeps what the ledgers would keep, and does what the plan says.

use super::super::plan::{
    Facts, Item, Move, Outcome, Params, Probe, Standing, Tables, Trial, plan, suspects,
};
use super::seen::Seen;
use super::world::{World, number};
use super::{Figures, Scenario};

/// A queue at work.
#[derive(Debug)]
pub(super) struct Queue {
    world: World,
    items: Vec<Standing>,
    trials: Vec<Trial>,
    params: Params,
    /// What the queue has seen so far, where it learns.
    seen: Option<Seen>,
    figures: Figures,
    now: u32,
    streak: u32,
}

impl Queue {
    pub(super) fn new(world: World, scenario: &Scenario) -> Self {
        let mut queue = Self {
            items: Vec::new(),
            trials: Vec::new(),
            params: scenario.params(),
            seen: scenario.cold.then(Seen::default),
            figures: Figures::default(),
            now: 0,
            streak: 0,
            world,
        };
        queue.know_tip();
        queue
    }

    /// Does what the plan says until every change has landed or was ejected.
    pub(super) fn drain(mut self, tables: &Tables) -> Figures {
        // What no queue that goes on needs: some runs for each change.
        let patience = 2000 + 200 * self.world.changes() as u64 + self.last_arrival();
        for _ in 0..patience {
            self.arrive();
            match self.next(tables) {
                Move::Idle if self.items.len() == self.world.changes() => {
                    return self.world.figures(self.figures);
                }
                Move::Idle => self.figures.rounds += 1,
                Move::Land(items) => self.land(&items),
                Move::Eject(item) => self.eject(item),
                Move::Probe(probes) => self.test(probes),
                Move::Freeze => self.thaw(),
            }
        }
        self.figures.stuck = 1;
        self.world.figures(self.figures)
    }

    fn last_arrival(&self) -> u64 {
        self.world.arrivals.last().copied().unwrap_or_default()
    }

    fn arrive(&mut self) {
        let rounds = self.figures.rounds;
        let here = self.world.arrivals.partition_point(|at| *at <= rounds);
        let new = number(self.items.len())..number(here);
        self.items.extend(new.map(Standing::Waits));
    }

    fn next(&mut self, tables: &Tables) -> Move {
        if let Some(seen) = &self.seen {
            let parked = suspects(&self.facts());
            seen.teach(&mut self.params, parked);
        }
        plan(&self.facts(), tables)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            items: &self.items,
            landed: &self.world.landed,
            needs: &[],
            risk: None,
            trials: &self.trials,
            streak: self.streak,
            now: self.now,
            params: &self.params,
        }
    }

    fn land(&mut self, items: &[Item]) {
        for item in items {
            self.items[*item as usize] = Standing::Landed;
            let waited = self.figures.rounds - self.world.arrivals[*item as usize];
            self.figures.note_wait(waited);
        }
        self.world.landed.extend(items);
        self.figures.broken += u64::from(self.world.is_target_broken());
        if let Some(seen) = &mut self.seen {
            seen.land(items.len());
        }
        let items = &self.items;
        let waits = |item: &Item| matches!(items[*item as usize], Standing::Waits(_));
        self.trials.retain(|trial| trial.items.iter().any(waits));
        self.know_tip();
    }

    /// The tip is what has just passed.
    fn know_tip(&mut self) {
        self.trials.retain(|trial| !trial.items.is_empty());
        let base = number(self.world.landed.len());
        self.trials.push(Trial {
            base: Some(base),
            context: base,
            tree: self.world.runs,
            items: Vec::new(),
            screens: false,
            outcome: Outcome::Green,
            first: self.now,
            last: self.now,
        });
    }

    fn eject(&mut self, item: Item) {
        self.items[item as usize] = Standing::Gone;
        self.world.ejected.push(item);
        self.streak += 1;
        if let Some(seen) = &mut self.seen {
            seen.eject(item);
        }
        self.trials.retain(|trial| !trial.items.contains(&item));
    }

    /// Somebody looks and finds the target in order, as it always is here.
    fn thaw(&mut self) {
        self.figures.freezes += 1;
        self.streak = 0;
        self.now += 1;
        self.know_tip();
    }

    /// Runs the gates on all of these at the same time.
    fn test(&mut self, probes: Vec<Probe>) {
        if probes.is_empty() || probes.len() > self.params.workers {
            // The plan is wrong, and it will not get better.
            self.figures.rounds += 1;
            return;
        }
        self.figures.rounds += 1;
        let mut any_green = false;
        for probe in probes {
            any_green |= self.run(probe);
        }
        if any_green {
            self.streak = 0;
        }
    }

    /// Runs the gates on one candidate; returns whether they pass.
    fn run(&mut self, probe: Probe) -> bool {
        self.now += 1;
        let base = number(self.world.landed.len());
        let context = probe.context.unwrap_or(base);
        let green = self.world.gate(context as usize, &probe.items);
        let known = self
            .trials
            .iter()
            .position(|trial| self.is_tree(trial, context, &probe.items));
        let before = known.map(|at| self.trials[at].outcome);
        if let Some(seen) = &mut self.seen {
            seen.attempt(before, green);
            if green {
                seen.pass(&probe.items);
            }
        }
        match known {
            Some(at) => {
                let trial = &mut self.trials[at];
                trial.last = self.now;
                trial.screens &= probe.screens;
                // That the bare tip was green says nothing of it as it is now.
                let before = match probe.items.is_empty() {
                    true => Outcome::Red(trial.outcome.red()),
                    false => trial.outcome,
                };
                trial.outcome = before.and(green);
            }
            None => self.trials.push(Trial {
                base: Some(context),
                context,
                tree: self.world.runs,
                items: probe.items,
                screens: probe.screens,
                outcome: Outcome::Red(0).and(green),
                first: self.now,
                last: self.now,
            }),
        }
        green
    }

    /// Returns whether a trial was one of that tree, by whatever name.
    fn is_tree(&self, trial: &Trial, context: u32, items: &[Item]) -> bool {
        let (old, new) = (trial.context as usize, context as usize);
        let landed = &self.world.landed;
        match old <= new {
            true => {
                let since = &landed[old..new];
                trial.items.starts_with(since) && trial.items[since.len()..] == *items
            }
            false => {
                let since = &landed[new..old];
                items.starts_with(since) && items[since.len()..] == trial.items
            }
        }
    }
}
