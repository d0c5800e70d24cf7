//! The Refinery: takes the queue in order, tests batches, lands what is green, ejects culprits
//! (`reference` of the plan: bors-style group bisection with evidence).
//!
//! One step is: gather facts, plan, do one thing. Nothing but refs is kept between steps.

mod candidate;
mod ci;
mod facts;
mod gate;
mod gates;
mod land;
mod plan;
mod tidy;
mod verdict;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, json};

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Decision, Name};
use crate::record::{Attempt, Gate, Request, RequestStatus, Verdict};
use crate::town::{Home, Target, View};
use crate::world::fs::Lock;

use candidate::{Candidate, Chains, Prefixes};
pub use ci::{
    Answered, Asked, Checking, Job, Question, check_name, questions, report, run_checks, verdict_of,
};
use ci::{Ask, Collected, Wanted};
pub use gates::{NewCheck, NewGate, add_gate, land_without_gates, remove_gate};
pub use plan::Why;
use plan::{Params, Step};
pub use tidy::obsolete;

/// What happens, as it happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// A gate starts on a candidate.
    Run {
        /// The gate.
        gate: String,
        /// What is in the candidate, in order; nothing: the bare target.
        requests: Vec<String>,
        /// How many requests wait.
        queued: usize,
        /// Why this one.
        why: Why,
    },
    /// An outside CI is asked about a candidate.
    Asked {
        /// What is asked.
        asked: Asked,
        /// How many requests wait.
        queued: usize,
        /// Why this one.
        why: Why,
    },
    /// An outside CI has not answered yet; said once in a run.
    Waits(Asked),
    /// A gate ended.
    Ran {
        /// The gate.
        gate: String,
        /// What it said.
        verdict: Verdict,
        /// How it ended.
        ended: String,
        /// How long it took, in milliseconds.
        millis: u64,
        /// The end of what it wrote.
        tail: String,
    },
    /// Requests are on the target.
    Landed {
        /// The requests, in order.
        requests: Vec<String>,
        /// The target's commit now.
        commit: String,
    },
    /// A request was convicted.
    Ejected {
        /// The request.
        request: String,
        /// The gate it makes red.
        gate: String,
        /// How to see it fail.
        reproduce: String,
    },
    /// A request does not merge onto the target.
    Bounced {
        /// The request.
        request: String,
        /// The files that conflict.
        files: Vec<String>,
    },
    /// Something to know that stops nobody.
    Note(String),
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Something was done; there may be more.
    Worked,
    /// There is nothing to do.
    Idle,
    /// There is nothing to do until an outside CI answers.
    Waiting,
}

/// The one Refinery that runs in this clone, for as long as the value lives.
#[derive(Debug)]
pub struct Refinery<'t> {
    home: &'t Home,
    target: Target,
    tip: Oid,
    chains: Chains,
    /// Requests whose commits are not here; said once.
    absent: BTreeSet<String>,
    /// What an outside CI was asked, as it was said.
    waits: BTreeSet<(String, String)>,
    /// The tip that was tested bare in this run.
    controlled: Option<Oid>,
    lock: Lock,
}

/// Returns whether somebody runs the queue of this clone.
pub fn is_running(home: &Home) -> bool {
    Lock::is_held(&lock_path(home))
}

fn lock_path(home: &Home) -> PathBuf {
    home.repo().scratch_dir().join("refinery.lock")
}

/// Takes the lock of the one Refinery of this clone.
fn take_lock(home: &Home) -> Result<Lock> {
    let path = lock_path(home);
    let lock = Lock::try_take(&path).map_err(|error| Fault::io("lock", &path, &error))?;
    let mut lock = lock.ok_or_else(|| {
        Fault::stale("another refinery runs in this repository already")
            .hint("it takes what is queued meanwhile; git gt mq list shows how far it is")
    })?;
    // For people who look; the lock itself is what counts.
    drop(lock.note(&format!("{}\n", std::process::id())));
    Ok(lock)
}

impl<'t> Refinery<'t> {
    /// Returns the Refinery of a rig, turned to the rig's target; refuses where another one runs, or the
    /// target does not exist.
    pub fn open(home: &'t Home) -> Result<Self> {
        let lock = take_lock(home)?;
        let target = home.target(None)?;
        let tip = home.fresh_tip(&target)?;
        verdict::publish(home, &format!("{}/refinery", home.rig().name()))?;
        let (chains, absent, waits) = (Chains::default(), BTreeSet::new(), BTreeSet::new());
        Ok(Self {
            home,
            target,
            tip,
            chains,
            absent,
            waits,
            controlled: None,
            lock,
        })
    }

    /// Turns to the requests for another branch.
    pub fn turn_to(&mut self, branch: &str) -> Result<()> {
        let target = self.home.target(Some(branch))?;
        self.tip = self.home.fresh_tip(&target)?;
        self.target = target;
        Ok(())
    }

    /// Returns the branch work lands on.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Does the next thing there is to do.
    ///
    /// After a crash at any point the next step carries on: verdicts are recorded before anything lands,
    /// and what landed is derived from the target.
    pub fn step(&mut self, observe: &mut dyn FnMut(Event)) -> Result<Stepped> {
        if !self.lock.is_at(&lock_path(self.home)) {
            // Somebody deleted the folder; another Refinery may have begun since.
            self.lock = take_lock(self.home)?;
        }
        let gates = self.gates()?;
        if self.target.remote.is_none() {
            self.tip = self.home.fresh_tip(&self.target)?;
        }
        let view = self.home.view();
        let waiting = crate::mq::queue(&view, self.home.rig().name(), &self.target.branch)?;
        let waiting = self.present(waiting, observe)?;
        let built = self.chains.build(self.home.repo(), self.tip, &waiting)?;
        if let Some((request, files)) = built.bounced.first() {
            self.bounce(request, files, observe)?;
            return Ok(Stepped::Worked);
        }
        let outside = self.collect(&gates, &built, observe)?;
        if !outside.answers.is_empty() {
            return Ok(Stepped::Worked);
        }
        let params = self.params()?;
        let chain = facts::evidence(&view, &gates, &built.chain)?;
        let tip = facts::evidence_of(&view, &gates, &built.tip)?;
        let asked = asked(&view, &gates, &built, &outside.open)?;
        match plan::plan(&plan::Facts {
            tip,
            chain: &chain,
            asked: &asked,
            params: &params,
        }) {
            Step::Idle => Ok(Stepped::Idle),
            Step::Freeze if built.chain.is_empty() => Ok(Stepped::Idle),
            Step::Freeze if asked.contains(&0) => {
                self.wait(&gates, &built.tip, &outside.open, observe)
            }
            // Whoever runs the queue again may have mended the machine instead of the target.
            Step::Freeze if self.controlled != Some(self.tip) => {
                self.probe(&gates, &built.tip, (Why::Control, waiting.len()), observe)
            }
            Step::Freeze => Err(self.frozen()),
            Step::Wait { length } => {
                self.wait(&gates, built.prefix(length), &outside.open, observe)
            }
            Step::Land { length } => self.land(&gates, built.prefix(length), observe),
            Step::Eject => self.eject(&gates, &built.tip, &built.chain[0], observe),
            Step::Probe { length, why } => {
                let why = (why, waiting.len());
                self.probe(&gates, built.prefix(length), why, observe)
            }
        }
    }

    /// Records what outside CIs have answered about a candidate, and takes back what nobody needs to know.
    fn collect(
        &self,
        gates: &[Gate],
        built: &Prefixes,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Collected> {
        let candidates: Vec<&Candidate> = match built.chain.as_slice() {
            [] => Vec::new(),
            chain => std::iter::once(&built.tip).chain(chain).collect(),
        };
        let (view, rig) = (self.home.view(), self.home.rig().name());
        let is_over = |target: &str| {
            let live = crate::mq::targets(&view, rig);
            target == self.target.branch
                || live.is_ok_and(|live| !live.iter().any(|branch| branch == target))
        };
        let wanted = Wanted {
            candidates,
            is_over: &is_over,
        };
        let found = ci::collect(self.home, &self.actor(), gates, &wanted)?;
        for (gate, attempt) in &found.answers {
            observe(ran(gate, attempt));
        }
        for words in &found.refused {
            observe(Event::Note(words.clone()));
        }
        Ok(found)
    }

    /// Says what is waited for; refuses where the deadline for an answer has passed.
    fn wait(
        &mut self,
        gates: &[Gate],
        candidate: &Candidate,
        open: &[Ask],
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stepped> {
        let standing = ci::expire(self.home, gates, candidate, open)?;
        if let Some(fault) = standing.over.into_iter().next() {
            return Err(fault);
        }
        for asked in standing.waits {
            if self
                .waits
                .insert((asked.check.clone(), asked.commit.clone()))
            {
                observe(Event::Waits(asked));
            }
        }
        Ok(Stepped::Waiting)
    }

    /// Returns the gates, each of which may run on this machine; refuses to land over none.
    fn gates(&self) -> Result<Vec<Gate>> {
        let gates = self.home.view().gates()?;
        let rig = self.home.rig_option();
        if gates.is_empty() && !self.home.rig().lands_without_gates() {
            return Err(Fault::refused("no gate is configured, so nothing can land")
                .hint(format!(
                    "say what must pass: git gt refinery gate add test --command '<command>'{rig}"
                ))
                .hint(format!(
                    "or that nothing must, in so many words: git gt refinery gate none{rig}"
                )));
        }
        if let Some(gate) = gates.iter().find(|gate| !self.home.accepts(gate)) {
            return Err(Fault::refused(format!(
                "gate '{}' came from elsewhere and does not count here until you accept it: {}",
                gate.name(),
                gate.what()
            ))
            .hint(format!(
                "look at it; to let it count here: git gt config accept gate.{}{}",
                gate.name(),
                self.home.rig_option()
            )));
        }
        for gate in gates.iter().filter(|gate| gate.ci().is_some()) {
            ci::remote_of(self.home, gate.name())?;
        }
        Ok(gates)
    }

    /// Leaves out requests whose commits have not been fetched; they keep their place.
    fn present(
        &mut self,
        waiting: Vec<Request>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Vec<Request>> {
        let repo = self.home.repo();
        let heads: Vec<Oid> = waiting
            .iter()
            .filter_map(|it| repo.parse_id(it.head()))
            .collect();
        repo.learn_ancestry(&heads, &self.tip)?;
        let mut present = Vec::new();
        for request in waiting {
            let head = repo.parse_id(request.head()).filter(|head| repo.has(head));
            match head {
                Some(head) if repo.is_ancestor(&head, &self.tip)? => {}
                Some(_) => present.push(request),
                None if self.absent.insert(request.id().to_owned()) => {
                    observe(Event::Note(format!(
                        "{} waits: its commit is not in this repository yet (git gt sync)",
                        request.id()
                    )));
                }
                None => {}
            }
        }
        Ok(present)
    }

    /// Returns the parameters of the plan, learned from what became of earlier requests.
    fn params(&self) -> Result<Params> {
        let view = self.home.view();
        let landed = view.count_requests(RequestStatus::Landed)?;
        let ejected = view.count_requests(RequestStatus::Ejected)?;
        Ok(Params {
            culprit_rate: plan::culprit_rate(landed, ejected),
            ..Params::default()
        })
    }

    fn actor(&self) -> String {
        format!("{}/refinery", self.home.rig().name())
    }

    fn probe(
        &mut self,
        gates: &[Gate],
        candidate: &Candidate,
        (why, queued): (Why, usize),
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stepped> {
        if candidate.requests.is_empty() {
            self.controlled = Some(candidate.commit);
        }
        tidy::keep_candidate(self.home, candidate)?;
        let view = self.home.view();
        let open = facts::to_run(&view, gates, candidate)?;
        for gate in open.iter().filter(|gate| gate.ci().is_none()) {
            let requests = candidate.requests.clone();
            observe(Event::Run {
                gate: gate.name().to_owned(),
                requests,
                queued,
                why,
            });
            let Some(attempt) = gate::run(self.home, gate, candidate)? else {
                let why = "its worktree was not ours alone any more: it runs again".to_owned();
                observe(Event::Note(format!("gate {}: {why}", gate.name())));
                return Ok(Stepped::Worked);
            };
            verdict::record(self.home, &self.actor(), (gate, candidate), &attempt)?;
            observe(ran(gate.name(), &attempt));
            if attempt.verdict == Verdict::Red {
                return Ok(Stepped::Worked);
            }
        }
        for asked in ci::ask(self.home, &self.target.branch, &open, candidate)? {
            observe(Event::Asked { asked, queued, why });
        }
        Ok(Stepped::Worked)
    }

    fn land(
        &mut self,
        gates: &[Gate],
        candidate: &Candidate,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stepped> {
        let view = self.home.view();
        let Some(green) = verdict::green(&view, gates, candidate, &self.tip)? else {
            return Err(Fault::fatal("the plan wanted to land what is not green"));
        };
        match land::land(self.home, &self.target, &green)? {
            land::Landing::Landed(notes) => {
                self.tip = green.commit();
                notes
                    .into_iter()
                    .for_each(|note| observe(Event::Note(note)));
                observe(Event::Landed {
                    requests: candidate.requests.clone(),
                    commit: green.commit().to_string(),
                });
            }
            land::Landing::Moved => {
                observe(Event::Note(format!(
                    "'{}' was moved meanwhile",
                    self.target.branch
                )));
                self.tip = self.home.fresh_tip(&self.target)?;
            }
        }
        Ok(Stepped::Worked)
    }

    fn eject(
        &self,
        gates: &[Gate],
        tip: &Candidate,
        candidate: &Candidate,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stepped> {
        let view = self.home.view();
        let gate = facts::reddest(&view, gates, candidate)?;
        let gate =
            gate.ok_or_else(|| Fault::fatal("the plan ejects a request without a red gate"))?;
        let id = &candidate.requests[0];
        let reproduce = reproduce(gate, candidate);
        let why = format!(
            "gate '{}' passes on {} and fails with this change",
            gate.name(),
            tip.short()
        );
        let evidence = Map::from_iter([
            ("by".to_owned(), json!(self.actor())),
            ("gate".to_owned(), json!(gate.name())),
            ("green".to_owned(), json!(tip.commit.to_string())),
            ("red".to_owned(), json!(candidate.commit.to_string())),
            ("reproduce".to_owned(), json!(reproduce)),
        ]);
        self.keep_proof(&[tip.commit, candidate.commit], id)?;
        self.finish(id, RequestStatus::Ejected, &why, &evidence)?;
        observe(Event::Ejected {
            request: id.clone(),
            gate: gate.name().to_owned(),
            reproduce,
        });
        Ok(Stepped::Worked)
    }

    fn bounce(
        &self,
        request: &Request,
        files: &[String],
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let why = format!(
            "does not merge onto {}: {}",
            self.target.branch,
            files.join(", ")
        );
        let evidence = Map::from_iter([
            ("by".to_owned(), json!(self.actor())),
            ("files".to_owned(), json!(files)),
            ("green".to_owned(), json!(self.tip.to_string())),
        ]);
        self.keep_proof(&[self.tip], request.id())?;
        self.finish(request.id(), RequestStatus::Conflict, &why, &evidence)?;
        observe(Event::Bounced {
            request: request.id().to_owned(),
            files: files.to_vec(),
        });
        Ok(())
    }

    /// Saves the commits a verdict rests on in the attic, before the verdict is written.
    fn keep_proof(&self, commits: &[Oid], request: &str) -> Result<()> {
        let repo = self.home.repo();
        let clone = crate::ledger::CloneId::of(repo)?;
        let guard = repo.guard()?;
        for commit in commits.iter().filter(|commit| **commit != self.tip) {
            repo.save_in_attic(
                &guard,
                clone.as_str(),
                commit,
                &format!("proof of {request}"),
            )?;
        }
        Ok(())
    }

    /// Writes the Refinery's verdict on a request; one that is finished meanwhile stays as it is.
    fn finish(
        &self,
        id: &str,
        status: RequestStatus,
        why: &str,
        evidence: &Map<String, serde_json::Value>,
    ) -> Result<()> {
        let written = self.home.write(Name::Queue, &self.actor(), |view, pen| {
            let Some(mut request) = view.request(id)?.filter(Request::is_live) else {
                return Ok(Decision::nothing(()));
            };
            request.finish(status, why, evidence.clone(), &pen.stamp(request.record()));
            Ok(Decision::write(
                format!("{status} {id}: {why}"),
                vec![request.into_record()],
                (),
            ))
        })?;
        let () = written.value;
        Ok(())
    }

    fn frozen(&self) -> Fault {
        Fault::refused(format!(
            "'{}' itself is red at {}: nothing lands and nobody is blamed",
            self.target.branch,
            &self.tip.to_string()[..12]
        ))
        .hint("mend the target, then run it again; git gt mq list shows who waits")
        .hint(format!(
            "or a gate is wrong: git gt refinery gate list{}",
            self.home.rig_option()
        ))
    }
}

impl Drop for Refinery<'_> {
    fn drop(&mut self) {
        // What stays behind is looked at again by the next Refinery.
        drop(tidy::tidy(self.home, &self.tip));
    }
}

/// Returns how many requests those candidates hold about which all there is to ask has been asked outside.
fn asked(view: &View<'_>, gates: &[Gate], built: &Prefixes, open: &[Ask]) -> Result<Vec<usize>> {
    let mut asked = Vec::new();
    for length in 0..=built.chain.len() {
        if ci::is_asked(view, gates, built.prefix(length), open)? {
            asked.push(length);
        }
    }
    Ok(asked)
}

fn ran(gate: &str, attempt: &Attempt) -> Event {
    Event::Ran {
        gate: gate.to_owned(),
        verdict: attempt.verdict,
        ended: attempt.ended.clone(),
        millis: attempt.millis,
        tail: attempt.tail.clone(),
    }
}

/// Returns the command line that shows a gate fail on a candidate.
fn reproduce(gate: &Gate, candidate: &Candidate) -> String {
    let folder = format!("../gt-{}", candidate.short());
    let run = match gate.ci() {
        None => format!("&& {}", gate.command()),
        Some(check) => format!("# and run what CI check '{check}' runs"),
    };
    let commit = candidate.commit;
    format!("git worktree add --detach {folder} {commit} && cd {folder} {run}")
}
