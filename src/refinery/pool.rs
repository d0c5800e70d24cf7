//! Workers: candidates that are tested at the same time, each on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::board::{Composition, Underway};
use super::bulletin::GateAtWork;
use super::candidate::Candidate;
use super::event::Purpose;
use super::gate::Bench;
use super::order::Standing;
use super::suite::{Progress, Slots, With, run_gates};
use crate::fault::{Fault, Result};
use crate::ledger::Time;
use crate::record::{Attempt, Gate};

/// The longest time we listen at a stretch, so that an interrupt does not wait.
const LISTEN: Duration = Duration::from_millis(100);

/// A candidate with what is to be run on it.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) what: Composition,
    pub(super) candidate: Candidate,
    /// Whether it is tested to acquit only.
    pub(super) screens: bool,
    /// The gates, and how each stands with its tree.
    pub(super) gates: Vec<(Gate, Standing)>,
}

impl Work {
    /// Returns whether it tests what another one would: the same tree, whatever it is made of. The bare target is
    /// tested for its own sake.
    pub(super) fn is_as_good_as(&self, other: &Self) -> bool {
        let (one, other) = (&self.candidate, &other.candidate);
        one.tree == other.tree && one.requests.is_empty() == other.requests.is_empty()
    }
}

/// A candidate that is being tested here.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) job: Work,
    /// What it is tested for.
    pub(super) purpose: Purpose,
    pub(super) started: Time,
    /// The gates that run now.
    pub(super) gates: Vec<GateAtWork>,
    number: u64,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a worker says.
#[derive(Debug)]
pub(super) enum Said {
    /// A gate begins.
    Begins(String),
    /// A gate came to its end.
    Ran(String, Box<Attempt>),
    /// A gate was disturbed, and proves nothing.
    Disturbed(String),
    /// The worker is done: every gate has passed, one was red, or it was stopped.
    Ended(Result<()>),
}

/// The workers of a Refinery. They are stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    bench: Bench,
    slots: Arc<Slots>,
    running: Vec<Running>,
    started: u64,
    say: Sender<(u64, Said)>,
    hear: Receiver<(u64, Said)>,
}

impl Pool {
    /// Returns a pool without workers, whose workers run at most `jobs` gates at the same time.
    pub(super) fn new(bench: Bench, jobs: usize) -> Self {
        let (say, hear) = channel();
        Self {
            bench,
            slots: Arc::new(Slots::new(jobs)),
            running: Vec::new(),
            started: 0,
            say,
            hear,
        }
    }

    /// Returns what is being tested.
    pub(super) fn running(&self) -> &[Running] {
        &self.running
    }

    /// Returns what is being tested, for the plan.
    pub(super) fn underway(&self) -> Vec<Underway> {
        let underway = |it: &Running| Underway {
            what: it.job.what.clone(),
            screens: it.job.screens,
        };
        self.running.iter().map(underway).collect()
    }

    /// Starts to test a candidate.
    pub(super) fn start(&mut self, job: Work, purpose: Purpose, now: Time) {
        self.started += 1;
        let (number, cancel) = (self.started, Arc::new(AtomicBool::new(false)));
        let (bench, slots) = (self.bench.clone(), self.slots.clone());
        let (say, stop, work) = (self.say.clone(), cancel.clone(), job.clone());
        let thread = std::thread::spawn(move || {
            let tell = |said| drop(say.send((number, said)));
            tell(Said::Ended(test((&bench, &slots), &work, &stop, &tell)));
        });
        self.running.push(Running {
            job,
            purpose,
            started: now,
            gates: Vec::new(),
            number,
            cancel,
            thread: Some(thread),
        });
    }

    /// Stops testing a candidate; what was said of it so far stays.
    pub(super) fn cancel(&self, what: &Composition) {
        for it in self.running.iter().filter(|it| it.job.what == *what) {
            it.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Waits a moment for a worker to say something, and returns about what: the job, what it was for, when it began.
    pub(super) fn hear(&mut self, now: Time) -> Option<(Work, Purpose, Time, Said)> {
        let (at, said) = match self.hear.recv_timeout(LISTEN) {
            Ok((number, said)) => (
                self.running.iter().position(|it| it.number == number)?,
                said,
            ),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let gone = self.running.iter().position(Running::is_gone)?;
                // Its last word may have come just now.
                match self.hear.try_recv() {
                    Ok((number, said)) => (
                        self.running.iter().position(|it| it.number == number)?,
                        said,
                    ),
                    Err(_) => (gone, Said::Ended(Err(lost(&self.running[gone].job.what)))),
                }
            }
        };
        Some(self.heard(at, said, now))
    }

    /// Returns what a worker has said already, as [`Pool::hear`] does; nothing where that is all.
    pub(super) fn overhear(&mut self) -> Option<(Work, Purpose, Time, Said)> {
        loop {
            let (number, said) = self.hear.try_recv().ok()?;
            if let Some(at) = self.running.iter().position(|it| it.number == number) {
                let started = self.running[at].started;
                return Some(self.heard(at, said, started));
            }
        }
    }

    fn heard(&mut self, at: usize, said: Said, now: Time) -> (Work, Purpose, Time, Said) {
        let it = &mut self.running[at];
        match &said {
            Said::Begins(gate) => it.gates.push(GateAtWork {
                gate: gate.clone(),
                since: now.0,
            }),
            Said::Ran(gate, _) | Said::Disturbed(gate) => it.gates.retain(|it| it.gate != *gate),
            Said::Ended(_) => {}
        }
        let (job, purpose, started) = (it.job.clone(), it.purpose, it.started);
        if matches!(said, Said::Ended(_)) {
            self.running.remove(at).join();
        }
        (job, purpose, started, said)
    }

    /// Stops all workers and waits for them.
    pub(super) fn stop(&mut self) {
        for it in &self.running {
            it.cancel.store(true, Ordering::Relaxed);
        }
        self.running.drain(..).for_each(Running::join);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    /// Returns whether its thread has ended; if nothing was heard of that, it will not be.
    fn is_gone(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn join(mut self) {
        // A worker that panicked has said nothing, and what it tested is tested again.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Runs the gates of a candidate until one is red.
fn test(
    (bench, slots): (&Bench, &Slots),
    work: &Work,
    cancel: &AtomicBool,
    say: &(dyn Fn(Said) + Sync),
) -> Result<()> {
    let gates: Vec<(&Gate, Standing)> = work.gates.iter().map(|(gate, it)| (gate, *it)).collect();
    let observe = |progress: Progress<'_>| {
        say(match progress {
            Progress::Began(gate) => Said::Begins(gate.name().to_owned()),
            Progress::Said(gate, attempt) => Said::Ran(gate.name().to_owned(), attempt),
            Progress::Disturbed(gate) => Said::Disturbed(gate.name().to_owned()),
        });
    };
    let with = With {
        bench,
        slots,
        cancel,
        observe: &observe,
    };
    run_gates(&gates, &work.candidate, &with).map(drop)
}

/// Returns the fault of a worker that ended without a word.
fn lost(what: &Composition) -> Fault {
    Fault::fatal(format!(
        "the worker that tested {} is gone",
        what.requests.join(" ")
    ))
}
