//! All gates of one candidate: those that may run at once do, and the first red one stops the rest.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use super::candidate::Candidate;
use super::gate::{Bench, Ran};
use super::order::{Standing, ready};
use crate::fault::{Fault, Result};
use crate::record::{Attempt, Gate, Verdict};
use crate::world::World;

/// How often a gate that waits for its turn looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// How many gates may run at once on this machine, shared by all workers; who asks first is served first.
#[derive(Debug)]
pub(super) struct Slots {
    line: Mutex<Line>,
    moved: Condvar,
}

/// Who waits for a slot.
#[derive(Debug)]
struct Line {
    free: usize,
    /// Tickets, the next one first.
    waiting: VecDeque<u64>,
    tickets: u64,
}

/// A place in the line.
#[derive(Debug, Clone, Copy)]
struct Ticket(u64);

/// The right to run one gate, until it is dropped.
struct Slot<'s>(&'s Slots);

impl Slots {
    /// Returns room for as many gates at once, one at least.
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            line: Mutex::new(Line {
                free: jobs.max(1),
                waiting: VecDeque::new(),
                tickets: 0,
            }),
            moved: Condvar::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands in line.
    fn ask(&self) -> Ticket {
        let mut line = self.line();
        line.tickets += 1;
        let ticket = line.tickets;
        line.waiting.push_back(ticket);
        Ticket(ticket)
    }

    /// Waits for one's turn; returns nothing where nobody wants the gate any more.
    fn take(&self, ticket: Ticket, world: &World, cancel: &AtomicBool) -> Option<Slot<'_>> {
        let mut line = self.line();
        while !cancel.load(Ordering::Relaxed) && !world.interrupted() {
            if line.free > 0 && line.waiting.front() == Some(&ticket.0) {
                line.free -= 1;
                line.waiting.pop_front();
                self.moved.notify_all();
                return Some(Slot(self));
            }
            let waited = self.moved.wait_timeout(line, LOOK);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        line.waiting.retain(|it| *it != ticket.0);
        self.moved.notify_all();
        None
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.line().free += 1;
        self.0.moved.notify_all();
    }
}

/// What happens while the gates of a candidate run.
#[derive(Debug)]
pub(super) enum Progress<'g> {
    /// A gate begins.
    Began(&'g Gate),
    /// A gate came to its end; to be recorded at once, whatever comes of the others.
    Said(&'g Gate, Box<Attempt>),
    /// A gate's worktree was not its own alone: it is to run again.
    Disturbed(&'g Gate),
}

/// What the gates of a candidate run with.
pub(super) struct With<'a> {
    pub(super) bench: &'a Bench,
    pub(super) slots: &'a Slots,
    /// Set by anybody, it stops this candidate's gates; set here when one is red.
    pub(super) cancel: &'a AtomicBool,
    /// Told what happens as it happens, from several threads at once.
    pub(super) observe: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// Runs the gates of this machine that have not passed on a candidate, in the order of what they need, until
/// all have passed, one is red, it is cancelled, or what is left needs the answer of an outside CI. Returns how
/// each gate stands then.
///
/// To be called from a worker's thread; nothing is written but what is observed. After a fault of one gate
/// the others are stopped, too, and what was observed before holds.
pub(super) fn run_gates<'g>(
    gates: &[(&'g Gate, Standing)],
    candidate: &Candidate,
    with: &With<'_>,
) -> Result<Vec<(&'g Gate, Standing)>> {
    let mut gates = gates.to_vec();
    let mut fault = None;
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut running = 0;
        loop {
            let is_over = with.cancel.load(Ordering::Relaxed) || with.bench.world().interrupted();
            for at in ready(&gates).into_iter().filter(|_| !is_over) {
                gates[at].1 = Standing::Running;
                running += 1;
                let (gate, ticket, send) = (gates[at].0, with.slots.ask(), send.clone());
                scope.spawn(move || {
                    let ran =
                        std::panic::AssertUnwindSafe(|| run_one((gate, ticket), candidate, with));
                    let ran = std::panic::catch_unwind(ran).unwrap_or_else(|_| {
                        Err(Fault::fatal(format!("gate '{}' was lost", gate.name())))
                    });
                    // Received below, for as many as were sent.
                    drop(send.send((at, ran)));
                });
            }
            if running == 0 {
                break;
            }
            let Ok((at, ran)) = receive.recv() else { break };
            running -= 1;
            gates[at].1 = match ran {
                Ok(standing) => standing,
                Err(first) => {
                    fault.get_or_insert(first);
                    Standing::Void
                }
            };
            if gates[at].1 == Standing::Red || fault.is_some() {
                with.cancel.store(true, Ordering::Relaxed);
            }
        }
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(gates),
    }
}

fn run_one(
    (gate, ticket): (&Gate, Ticket),
    candidate: &Candidate,
    with: &With<'_>,
) -> Result<Standing> {
    let slot = with.slots.take(ticket, with.bench.world(), with.cancel);
    let Some(_slot) = slot else {
        return Ok(Standing::Open);
    };
    (with.observe)(Progress::Began(gate));
    Ok(match with.bench.run(gate, candidate, with.cancel)? {
        Ran::Said(attempt) => {
            let standing = match attempt.verdict {
                Verdict::Green => Standing::Green,
                Verdict::Red => {
                    // Before another one gets the room this one had.
                    with.cancel.store(true, Ordering::Relaxed);
                    Standing::Red
                }
            };
            (with.observe)(Progress::Said(gate, attempt));
            standing
        }
        Ran::Cancelled => Standing::Open,
        Ran::Disturbed => {
            (with.observe)(Progress::Disturbed(gate));
            Standing::Void
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::gate::tests::{gate, site};
    use super::Standing::{Green, Open, Red, Void};
    use super::*;

    #[test]
    fn gates_run_at_once_up_to_a_limit_and_after_what_they_need() {
        let site = site();
        let dir = site.dir().display().to_string();
        let line = |line: &str| line.replace("DIR", &dir);
        // Two that meet run at once; with one slot the first would wait for ever.
        let one = gate(
            "one",
            &line(": >DIR/one; while ! test -e DIR/two; do :; done"),
            &[],
        );
        let two = gate(
            "two",
            &line(": >DIR/two; while ! test -e DIR/one; do :; done"),
            &[],
        );
        let after = serde_json::json!({ "one": true, "two": true });
        let after = gate("after", &line("test -e DIR/one"), &[("needs", after)]);
        let gates = [(&after, Open), (&one, Open), (&two, Open)];
        let (stand, seen) = site.suite(&gates, 2);
        assert_eq!(stand.unwrap(), [Green, Green, Green]);
        assert_eq!(seen.last().map(String::as_str), Some("after said exit 0"));
        // With one slot they take turns: a folder that is made is gone before the next makes it.
        let turn = line("mkdir DIR/turn && rmdir DIR/turn");
        let turns = ["a", "b", "c"].map(|name| gate(name, &turn, &[]));
        let gates: Vec<_> = turns.iter().map(|gate| (gate, Open)).collect();
        let (stand, seen) = site.suite(&gates, 1);
        assert_eq!((stand.unwrap(), seen.len()), (vec![Green; 3], 6));
    }

    #[test]
    fn a_red_gate_stops_the_rest_and_only_what_is_open_runs() {
        let site = site();
        let dir = site.dir().display().to_string();
        let slow = gate("slow", &format!(": >{dir}/slow; sleep 1000"), &[]);
        let red = format!("while ! test -e {dir}/slow; do :; done; exit 3");
        let red = gate("red", &red, &[]);
        let needs = serde_json::json!({ "slow": true });
        let late = gate("late", "true", &[("needs", needs)]);
        let passed = gate("passed", "false", &[]);
        let gates = [(&slow, Open), (&red, Open), (&late, Open), (&passed, Green)];
        let (stand, mut seen) = site.suite(&gates, 4);
        assert_eq!(stand.unwrap(), [Open, Red, Open, Green]);
        seen.sort();
        assert_eq!(seen, ["red began", "red said exit 3", "slow began"]);
    }

    #[test]
    fn a_gate_that_cannot_run_is_a_fault_and_no_verdict() {
        let site = site();
        let gone = gate("gone", "./gone", &[]);
        let (stand, seen) = site.suite(&[(&gone, Open)], 4);
        let said = stand.unwrap_err().to_string();
        assert!(said.starts_with("gate 'gone' cannot be run here"), "{said}");
        assert_eq!(seen, ["gone began"]);
        let lost = gate("lost", &format!("rm -r {}/gt", site.dir().display()), &[]);
        let (stand, seen) = site.suite(&[(&lost, Open)], 4);
        assert_eq!(stand.unwrap(), [Void]);
        assert_eq!(seen, ["lost began", "lost disturbed"]);
    }

    impl super::super::gate::tests::Site {
        /// Runs gates, and returns how they stand and what was seen.
        fn suite(
            &self,
            gates: &[(&Gate, Standing)],
            jobs: usize,
        ) -> (Result<Vec<Standing>>, Vec<String>) {
            let seen = Mutex::new(Vec::new());
            let observe = |progress: Progress<'_>| {
                let line = match progress {
                    Progress::Began(gate) => format!("{} began", gate.name()),
                    Progress::Said(gate, it) => format!("{} said {}", gate.name(), it.ended),
                    Progress::Disturbed(gate) => format!("{} disturbed", gate.name()),
                };
                seen.lock().unwrap().push(line);
            };
            let with = With {
                bench: &self.bench,
                slots: &Slots::new(jobs),
                cancel: &AtomicBool::new(false),
                observe: &observe,
            };
            let stand = run_gates(gates, &self.candidate, &with);
            let stand = stand.map(|all| all.into_iter().map(|(_, it)| it).collect());
            (stand, seen.into_inner().unwrap())
        }
    }
}
