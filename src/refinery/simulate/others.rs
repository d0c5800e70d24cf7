//! Other merge queues in the same world, as their sources or their manuals describe them (`merge-queue.md` 2).
//!
//! Each is worked off from a backlog, and none repeats a run or asks a person. What lands and is broken is taken out
//! again at once and for nothing.

use super::super::plan::Item;
use super::Figures;
use super::world::{World, number};

/// A merge queue that others have built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// One change after another: rust-bors, homu, and what runs of Gas Town's Refinery.
    Serial,
    /// bors-ng: everything at once, red halves again and both of them.
    Bors,
    /// The library of Gas Town's Refinery, which no command calls: batches of five, one retry, bisection.
    Gastown,
    /// GitHub's merge queue and GitLab's merge trains: each change on those before it, as many as there are workers.
    GitHub,
    /// Zuul: the same in a window that grows with success and is halved by failure.
    Zuul,
    /// Mergify, batches of eight: as many as there are workers, a red one is split into as many parts.
    Mergify,
}

impl Other {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Serial,
        Self::Bors,
        Self::Gastown,
        Self::GitHub,
        Self::Zuul,
        Self::Mergify,
    ];

    /// Returns what it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Bors => "bors-ng",
            Self::Gastown => "gastown",
            Self::GitHub => "github",
            Self::Zuul => "zuul",
            Self::Mergify => "mergify-8",
        }
    }

    /// Works off a backlog.
    pub(super) fn drain(self, world: World, workers: usize) -> Figures {
        let mut line = Line {
            waiting: (0..number(world.changes())).collect(),
            world,
            rounds: 0,
            broken: 0,
        };
        match self {
            Self::Serial => line.train(1, usize::MAX),
            Self::Bors => line.bors(),
            Self::Gastown => line.gastown(),
            Self::GitHub => line.train(workers, usize::MAX),
            Self::Zuul => line.train(workers, 20),
            Self::Mergify => line.mergify(8, workers),
        }
        line.world.figures(Figures {
            rounds: line.rounds,
            broken: line.broken,
            ..Figures::default()
        })
    }
}

/// A queue at work.
struct Line {
    world: World,
    waiting: Vec<Item>,
    rounds: u64,
    broken: u64,
}

impl Line {
    /// Runs the gates on some changes on the tip, in this round.
    fn run(&mut self, items: &[Item]) -> bool {
        let tip = self.world.landed.len();
        self.world.gate(tip, items)
    }

    /// The same in a round of its own.
    fn alone(&mut self, items: &[Item]) -> bool {
        self.rounds += 1;
        self.run(items)
    }

    fn land(&mut self, items: &[Item]) {
        self.world.landed.extend(items);
        if self.world.is_target_broken() {
            self.broken += 1;
            let tip = self.world.landed.len();
            self.world.landed.truncate(tip - items.len());
        }
    }

    fn settle(&mut self, item: Item, green: bool) {
        match green {
            true => self.land(&[item]),
            false => self.world.ejected.push(item),
        }
    }

    /// Cumulative runs side by side; what is in front of the first red one lands, that one is ejected.
    fn train(&mut self, workers: usize, mut window: usize) {
        while !self.waiting.is_empty() {
            self.rounds += 1;
            let width = workers.min(window).min(self.waiting.len());
            let front: Vec<Item> = self.waiting[..width].to_vec();
            let greens: Vec<bool> = (1..=width).map(|end| self.run(&front[..end])).collect();
            let good = greens.iter().take_while(|green| **green).count();
            self.land(&front[..good]);
            window = window.saturating_add(good);
            if good < width {
                self.world.ejected.push(front[good]);
                window = 3.max(window / 2);
            }
            self.waiting.drain(..width.min(good + 1));
        }
    }

    /// Red batches are halved, and both halves wait behind all others.
    fn bors(&mut self) {
        let mut batches = std::collections::VecDeque::from([std::mem::take(&mut self.waiting)]);
        while let Some(batch) = batches.pop_front() {
            if self.alone(&batch) {
                self.land(&batch);
            } else if let [one] = batch[..] {
                self.world.ejected.push(one);
            } else {
                let (left, right) = batch.split_at(batch.len() / 2);
                batches.extend([left.to_vec(), right.to_vec()]);
            }
        }
    }

    /// Batches of five, tried twice, bisected, and what is left of them tried once more.
    fn gastown(&mut self) {
        // A batch whose rest fails stays where it is; it is not tried for ever.
        for _ in 0..50 * self.world.changes() {
            let batch: Vec<Item> = self.waiting.iter().copied().take(5).collect();
            let count = batch.len();
            match batch[..] {
                [] => return,
                // The gates run on the bare target: the merged tree is never tested.
                [one] => {
                    let green = self.alone(&[]);
                    self.settle(one, green);
                }
                _ if self.alone(&batch) || self.alone(&batch) => self.land(&batch),
                _ => {
                    let (good, culprits) = self.bisect(&[], &batch);
                    if !good.is_empty() && !self.alone(&good) {
                        continue;
                    }
                    self.land(&good);
                    self.world.ejected.extend(culprits);
                }
            }
            self.waiting.drain(..count);
        }
    }

    /// Returns what is good and what is not of a batch that is red behind `before`.
    fn bisect(&mut self, before: &[Item], batch: &[Item]) -> (Vec<Item>, Vec<Item>) {
        if batch.len() <= 1 {
            return (Vec::new(), batch.to_vec());
        }
        let (left, right) = batch.split_at(batch.len() / 2);
        let (mut good, mut culprits) = match self.alone(&[before, left].concat()) {
            true => (left.to_vec(), Vec::new()),
            false => self.bisect(before, left),
        };
        let behind = [before, &good].concat();
        if !culprits.is_empty() && self.alone(&[&behind, right].concat()) {
            good.extend(right);
        } else {
            let (more, red) = self.bisect(&behind, right);
            good.extend(more);
            culprits.extend(red);
        }
        (good, culprits)
    }

    /// Cumulative batches side by side; the first red one is split, those behind it go back.
    fn mergify(&mut self, size: usize, workers: usize) {
        while !self.waiting.is_empty() {
            self.rounds += 1;
            let ends: Vec<usize> = (1..=workers)
                .map(|batch| self.waiting.len().min(batch * size))
                .collect();
            let mut ends = ends;
            ends.dedup();
            let front = self.waiting.clone();
            let greens: Vec<bool> = ends.iter().map(|end| self.run(&front[..*end])).collect();
            let good = greens.iter().take_while(|green| **green).count();
            let landed = if good > 0 { ends[good - 1] } else { 0 };
            self.land(&front[..landed]);
            let mut done = landed;
            if let Some(end) = ends.get(good) {
                self.split(&front[landed..*end], true, workers);
                done = *end;
            }
            self.waiting.drain(..done);
        }
    }

    /// Works off a batch; the last part of a red one is not run: it must be red.
    fn split(&mut self, batch: &[Item], is_red: bool, workers: usize) {
        match batch {
            [] => return,
            [one] if is_red => return self.world.ejected.push(*one),
            [one] => {
                let green = self.alone(batch);
                return self.settle(*one, green);
            }
            _ if !is_red && self.alone(batch) => return self.land(batch),
            _ => {}
        }
        let parts = workers.max(2).min(batch.len());
        let ends: Vec<usize> = (1..=parts)
            .map(|part| (batch.len() * part + parts / 2) / parts)
            .collect();
        let mut good = 0;
        for chunk in ends[..parts - 1].chunks(workers) {
            self.rounds += 1;
            let tip = self.world.landed.len();
            let mut greens = Vec::new();
            for end in chunk {
                greens.push(self.world.gate(tip, &batch[good..*end]));
            }
            let count = greens.iter().take_while(|green| **green).count();
            if count > 0 {
                let end = chunk[count - 1];
                self.land(&batch[good..end]);
                good = end;
            }
            if count < chunk.len() {
                break;
            }
        }
        let end = ends
            .iter()
            .copied()
            .find(|end| *end > good)
            .unwrap_or(batch.len());
        self.split(&batch[good..end], true, workers);
        self.split(&batch[end..], false, workers);
    }
}
