//! The Refinery: takes the queue in order, tests batches, lands what is green, ejects culprits
//! (bors-style group bisection with evidence).
//!
//! One step is: gather facts, plan, do what the plan says. Nothing but refs is kept between steps; what is being
//! tested goes on meanwhile.

mod act;
mod board;
mod bulletin;
mod candidate;
mod ci;
mod decided;
mod event;
mod facts;
mod gate;
mod gates;
mod key;
mod land;
mod learn;
mod lease;
mod line;
mod look;
mod message;
mod options;
mod order;
mod others;
mod outlook;
mod plan;
mod pool;
mod pull;
mod simulate;
mod strategy;
mod suite;
mod tidy;
mod try_one;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Stamp, Time};
use crate::mq::Item as Entry;
use crate::record::{Attempt, Gate, Request, RequestStatus};
use crate::town::{Home, Target, View};
use crate::world::fs::Lock;

use board::{Board, Composition, Underway};
pub use bulletin::{Bulletin, GateAtWork, Probing, Run, bulletin, stop};
use candidate::{Candidate, Chains};
pub use ci::{
    Answered, Asked, Checking, Job, Question, check_name, questions, report, run_checks, verdict_of,
};
use ci::{Ask, Wanted};
pub use event::{Event, Purpose, Stepped};
pub use gates::{
    NewCheck, NewCommand, NewGate, Reach, add_gate, gate_of, land_without_gates, remove_gate,
    run_gate,
};
pub use key::result_ids;
use learn::Learned;
pub use learn::{History, histories};
use lease::Leases;
use look::{Composed, Look};
pub use options::{Options, Price};
use order::Standing;
pub use outlook::{
    Lying, Next, Outlook, Planned, Queue, Status, Stretch, Suspicion, explain, status,
};
pub use plan::Why;
use plan::{Move, Probe, Tables};
use pool::{Pool, Running, Said, Work};
pub use pull::{Pull, pulls};
pub use simulate::{CHANGES_MAX, Figures, Other, Row, Scenario, simulate, table};
pub use tidy::{Leftover, leftovers, obsolete, tidy};
pub use try_one::{Tried, TriedGate, TriedSaid, try_one};

/// How often at most a gate is disturbed on one candidate before somebody is told.
const DISTURBED_MAX: u32 = 3;
/// How long nobody looks what others do while something is being tested here, in milliseconds.
const LOOK: u64 = 15_000;

/// The one Refinery that runs in this clone, for as long as the value lives.
#[derive(Debug)]
pub struct Refinery<'t> {
    home: &'t Home,
    options: Options,
    target: Target,
    tip: Oid,
    chains: Chains,
    tables: Tables,
    pool: Pool,
    learned: Learned,
    /// What was found known when it was to be tested.
    met: BTreeMap<Composition, bool>,
    /// What outside CIs were asked and nobody needs to know any more.
    moot: BTreeSet<Composition>,
    /// Requests whose commits are not here; said once.
    absent: BTreeSet<String>,
    /// What an outside CI was asked, as it was said.
    waits: BTreeSet<(String, String)>,
    /// How many requests were ejected, and when those of the target were.
    ejected: (u64, Vec<Stamp>),
    /// How often a gate was disturbed on a candidate since it last said something about it.
    disturbed: BTreeMap<(String, Composition), u32>,
    /// Where what decides stood when this step began.
    seen: decided::Seen,
    /// The tip that was tested bare in this run.
    controlled: Option<Oid>,
    bulletin: bulletin::Board,
    /// Who else tests what; nothing where the queue is ours alone.
    leases: Option<Leases>,
    /// When it was last looked what others do.
    looked: Time,
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
    pub fn open(home: &'t Home, options: Options) -> Result<Self> {
        let lock = take_lock(home)?;
        let run = Run::own(home.world().now());
        let target = home.target(None)?;
        let tip = home.fresh_tip(&target)?;
        verdict::publish(home, &format!("{}/refinery", home.rig().name()))?;
        let mut refinery = Self {
            home,
            options,
            target,
            tip,
            chains: Chains::default(),
            tables: Tables::default(),
            pool: Pool::new(gate::Bench::of(home), options.jobs),
            learned: Learned::of(home)?,
            met: BTreeMap::new(),
            moot: BTreeSet::new(),
            absent: BTreeSet::new(),
            waits: BTreeSet::new(),
            ejected: (0, Vec::new()),
            disturbed: BTreeMap::new(),
            seen: decided::Seen::default(),
            controlled: None,
            bulletin: bulletin::Board::of(home, run),
            leases: options.shared.then(|| Leases::of(home)).transpose()?,
            looked: home.world().now(),
            lock,
        };
        refinery.post();
        Ok(refinery)
    }

    /// Learns from what was recorded since it was opened.
    pub fn learn(&mut self) -> Result<()> {
        self.learned = Learned::of(self.home)?;
        Ok(())
    }

    /// Returns whether somebody asked this run to stop.
    pub fn is_asked_to_stop(&self) -> bool {
        self.bulletin.is_asked_to_stop(self.home)
    }

    /// Says what is being tested, for other commands of this clone.
    fn post(&mut self) {
        let probing = |it: &Running| Probing {
            base: it.job.what.base.to_string(),
            requests: it.job.what.requests.clone(),
            screens: it.job.screens,
            purpose: it.purpose,
            gates: it.gates.clone(),
            since: it.started.0,
        };
        let bulletin = Bulletin {
            run: self.bulletin.run(),
            workers: self.options.workers,
            jobs: self.options.jobs,
            target: self.target.branch.clone(),
            probes: self.pool.running().iter().map(probing).collect(),
        };
        self.bulletin.post(self.home, bulletin);
    }

    /// Stops as it was asked to: what has ended is recorded, and what has not was no attempt.
    fn stop(&mut self, gates: &[Gate], observe: &mut dyn FnMut(Event)) -> Result<Stepped> {
        while let Some((job, purpose, _, said)) = self.pool.overhear() {
            self.take(gates, (&job, purpose), said, observe)?;
        }
        self.pool.stop();
        Ok(Stepped::Stopped)
    }

    /// Turns to the requests for another branch.
    pub fn turn_to(&mut self, branch: &str) -> Result<()> {
        let target = self.home.target(Some(branch))?;
        self.pool.stop();
        self.tip = self.home.fresh_tip(&target)?;
        self.target = target;
        self.met.clear();
        self.moot.clear();
        self.ejected = (0, Vec::new());
        Ok(())
    }

    /// Returns the branch work lands on.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Does the next thing there is to do; where that is to test candidates, it returns when the first of them has
    /// its verdict, and the others go on.
    ///
    /// After a crash at any point the next step carries on: verdicts are recorded before anything lands,
    /// and what landed is derived from the target.
    pub fn step(&mut self, observe: &mut dyn FnMut(Event)) -> Result<Stepped> {
        if !self.lock.is_at(&lock_path(self.home)) {
            // Somebody deleted the folder; another Refinery may have begun since.
            self.lock = take_lock(self.home)?;
        }
        loop {
            let moved = self.move_on(observe);
            // Before anybody concludes something from what is not there any more.
            self.look_what_decides()?;
            if let Some(stepped) = moved? {
                if stepped != Stepped::Worked {
                    self.post();
                }
                return Ok(stepped);
            }
        }
    }

    /// Notes where what decides stands; refuses where some of it is not there any more.
    fn look_what_decides(&mut self) -> Result<()> {
        let now = decided::Seen::now(self.home)?;
        self.seen.refuse_lost(self.home, &now)?;
        self.seen = now;
        Ok(())
    }

    /// Looks at how things stand and does what the plan says; nothing where it then has to look again first.
    fn move_on(&mut self, observe: &mut dyn FnMut(Event)) -> Result<Option<Stepped>> {
        self.look_what_decides()?;
        let gates = self.required(observe)?;
        if self.is_asked_to_stop() {
            return self.stop(&gates, observe).map(Some);
        }
        self.look_at_others(&gates)?;
        if self.look_at_pull(observe)? {
            return Ok(Some(Stepped::Worked));
        }
        let view = self.home.view();
        let (rig, now) = (self.home.rig().name(), self.home.world().now());
        self.chains.follow(view.style(rig, &self.target.branch)?);
        let line = crate::mq::line(&view, rig, &self.target.branch, now)?;
        let line = self.present(line.items, observe)?;
        let requests = line.iter().flat_map(|it| &it.requests);
        self.chains.meet(self.home.repo(), self.tip, requests)?;
        let outside = self.collect(&gates, !line.is_empty(), observe)?;
        if !outside.answers.is_empty() {
            return Ok(Some(Stepped::Worked));
        }
        self.give_back(&outside, observe);
        let board = self.board(&view, &gates, &line, &outside)?;
        for what in board.moot() {
            self.pool.cancel(what);
            self.moot.insert(what.clone());
        }
        let queued = line.iter().map(|it| it.requests.len()).sum();
        let control = |it: &Underway| it.what.requests.is_empty();
        let stepped = match plan::plan(&board.facts(), &self.tables) {
            Move::Idle => self.rest(),
            Move::Freeze if line.is_empty() => self.rest(),
            Move::Freeze if outside.asked.iter().chain(&self.elsewhere()).any(control) => {
                return self.probe(&board, &gates, (Vec::new(), queued), observe);
            }
            // Whoever runs the queue again may have mended the machine instead of the target.
            Move::Freeze if self.controlled != Some(self.tip) => {
                let control = vec![Probe::control(board.facts().params)];
                return self.probe(&board, &gates, (control, queued), observe);
            }
            Move::Freeze => {
                self.pool.stop();
                Err(self.frozen())
            }
            Move::Land(items) => self.land(&gates, &board, &items, observe),
            Move::Eject(item) => return self.eject(&gates, &board, (item, queued), observe),
            Move::Probe(probes) => {
                return self.probe(&board, &gates, (probes, queued), observe);
            }
        };
        stepped.map(Some)
    }

    /// Has nothing to do: what is still being tested is of no use to anybody.
    fn rest(&mut self) -> Result<Stepped> {
        self.pool.stop();
        Ok(Stepped::Idle)
    }

    /// Gathers what the plan looks at.
    fn board(
        &mut self,
        view: &View<'_>,
        gates: &[Gate],
        line: &[Entry],
        outside: &Outside,
    ) -> Result<Board> {
        let mut underway = self.pool.underway();
        underway.extend(outside.asked.iter().cloned());
        let mut elsewhere = self.elsewhere();
        elsewhere.retain(|it| underway.iter().all(|known| known.what != it.what));
        underway.extend(elsewhere.iter().cloned());
        self.look_at_ejected(view)?;
        let look = Look {
            view,
            gates,
            tip: self.tip,
            line,
            underway: &underway,
            met: &self.met,
            ejected: &self.ejected.1,
            learned: &self.learned,
            options: self.options,
        };
        let mut board = look.board(&mut self.chains)?;
        board.make_room(&elsewhere);
        Ok(board)
    }

    /// Looks when requests of the target were ejected, where that may have changed.
    fn look_at_ejected(&mut self, view: &View<'_>) -> Result<()> {
        let count = view.count_requests(RequestStatus::Ejected)?;
        if count != self.ejected.0 {
            let (rig, target) = (self.home.rig().name(), &self.target.branch);
            self.ejected = (count, look::ejections(view, rig, target)?);
        }
        Ok(())
    }

    /// Records what outside CIs have answered, and takes back what nobody needs to know.
    fn collect(
        &mut self,
        gates: &[Gate],
        is_needed: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Outside> {
        let view = self.home.view();
        let mut asked = match is_needed {
            true => ci::underway(self.home.repo(), &self.target.branch)?,
            false => Vec::new(),
        };
        asked.retain(|it| !self.moot.contains(&it.what));
        let mut built = Vec::new();
        for it in asked {
            let candidate = board::candidate(&mut self.chains, &view, &it)?;
            built.extend(candidate.map(|candidate| (it, candidate)));
        }
        let rig = self.home.rig().name();
        let is_over = |target: &str| {
            let live = crate::mq::targets(&view, rig);
            target == self.target.branch
                || live.is_ok_and(|live| !live.iter().any(|branch| branch == target))
        };
        let wanted = Wanted {
            candidates: built.iter().map(|(_, candidate)| candidate).collect(),
            is_over: &is_over,
        };
        let found = ci::collect(self.home, &self.actor(), gates, &wanted)?;
        for (gate, attempt) in &found.answers {
            observe(ran(gate, attempt));
        }
        for why in &found.refused {
            observe(Event::Note(why.clone()));
        }
        let mut open = Outside {
            answers: found.answers,
            ..Outside::default()
        };
        for (it, candidate) in built {
            if ci::is_asked(&view, gates, &candidate, &found.open)? {
                open.asked.push(it);
                open.candidates.push(candidate);
            }
        }
        open.open = found.open;
        Ok(open)
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

    /// Leaves out requests whose commits are not here, and says so once.
    fn present(
        &mut self,
        waiting: Vec<Entry>,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Vec<Entry>> {
        line::present(self.home.repo(), &self.tip, waiting, &mut |id| {
            if self.absent.insert(id.to_owned()) {
                observe(Event::Note(format!(
                    "{id} waits: its commit is not in this repository yet (git gt sync)"
                )));
            }
        })
    }

    fn actor(&self) -> String {
        format!("{}/refinery", self.home.rig().name())
    }

    /// Starts what is to be tested and waits until something has its verdict; nothing where a probe was found
    /// known.
    fn probe(
        &mut self,
        board: &Board,
        gates: &[Gate],
        (probes, queued): (Vec<Probe>, usize),
        observe: &mut dyn FnMut(Event),
    ) -> Result<Option<Stepped>> {
        let mut jobs: Vec<(Work, Purpose)> = Vec::new();
        for probe in probes {
            let purpose = Purpose {
                why: probe.why,
                queued,
                red: probe.red,
                bits: probe.bits,
            };
            match self.prepare(board, gates, &probe)? {
                Prepared::Test(job) if !jobs.iter().any(|(it, _)| it.is_as_good_as(&job)) => {
                    jobs.push((*job, purpose));
                }
                Prepared::Known(what) => {
                    self.met.insert(what, probe.screens);
                    return Ok(None);
                }
                Prepared::Bounces(request, files) => {
                    self.bounce(&request, &files, observe)?;
                    return Ok(Some(Stepped::Worked));
                }
                Prepared::Test(_) | Prepared::Nothing => {}
            }
        }
        let wanted = jobs.len();
        let jobs = self.take_leases(jobs, observe);
        let is_lost = jobs.len() < wanted;
        for (job, purpose) in jobs {
            self.begin(gates, (job, purpose), observe)?;
        }
        if !self.pool.running().is_empty() {
            return self.hear(gates, observe).map(Some);
        }
        if is_lost {
            return Ok(Some(Stepped::Listens));
        }
        let asked = self.collect(gates, true, observe)?;
        let mut ended = Stepped::Waiting;
        if !asked.answers.is_empty() {
            ended = Stepped::Worked;
        } else if asked.candidates.is_empty() && self.elsewhere().is_empty() {
            return Err(Fault::fatal(
                "the plan has nothing to do though requests wait",
            ));
        }
        for candidate in &asked.candidates {
            self.wait(gates, candidate, &asked.open, observe)?;
        }
        let news = self.leases.as_mut().map(Leases::news);
        for said in news.into_iter().flatten() {
            observe(Event::Note(said));
        }
        Ok(Some(ended))
    }

    /// Builds the candidate of a probe and looks what is to be run on it.
    fn prepare(&mut self, board: &Board, gates: &[Gate], probe: &Probe) -> Result<Prepared> {
        let composed = look::compose(self.home, self.tip, &mut self.chains, board, probe)?;
        let (candidate, items) = match composed {
            Composed::Candidate(candidate, items) => (*candidate, items),
            Composed::Bounces(request, files) => return Ok(Prepared::Bounces(request, files)),
        };
        let what = Composition {
            base: board.base(probe.context),
            requests: candidate.requests.clone(),
        };
        if items.is_empty() && !probe.items.is_empty() || self.is_underway(&what) {
            return Ok(Prepared::Nothing);
        }
        let view = self.home.view();
        if look::is_known(&view, gates, (board, &self.met), (&candidate, &what))? {
            return Ok(Prepared::Known(what));
        }
        let standing = facts::standing(&view, gates, &candidate)?;
        let standing = standing.into_iter().map(|(gate, it)| (gate.clone(), it));
        let job = Box::new(Work {
            what,
            screens: probe.screens,
            gates: standing.collect(),
            candidate,
        });
        let mut running = self.pool.running().iter();
        if running.any(|it| it.job.is_as_good_as(&job)) {
            return Ok(Prepared::Nothing);
        }
        Ok(Prepared::Test(job))
    }

    fn is_underway(&self, what: &Composition) -> bool {
        let elsewhere = self.elsewhere();
        self.pool.running().iter().any(|it| it.job.what == *what)
            || elsewhere.iter().any(|it| it.what == *what)
    }

    /// Has a candidate tested: its gates of this machine by a worker, and then those that an outside CI answers.
    fn begin(
        &mut self,
        gates: &[Gate],
        (job, purpose): (Work, Purpose),
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if job.candidate.requests.is_empty() {
            self.controlled = Some(job.candidate.commit);
        }
        tidy::keep_candidate(self.home, &job.candidate)?;
        self.moot.remove(&job.what);
        let is_here = |(gate, it): &(Gate, Standing)| gate.ci().is_none() && *it == Standing::Open;
        if !job.gates.iter().any(is_here) {
            return self.ask(gates, (&job, purpose), observe);
        }
        self.pool.start(job, purpose, self.home.world().now());
        Ok(())
    }

    /// Returns whether an outside CI may be asked what its gates say: nobody has cancelled the worker meanwhile, and
    /// each of the requests may still land.
    fn is_wanted(&self, job: &Work) -> Result<bool> {
        if self.moot.contains(&job.what) {
            return Ok(false);
        }
        let (_, why) = decided::held(self.home, &self.target, &job.candidate.requests)?;
        Ok(why.is_none())
    }

    fn ask(
        &self,
        gates: &[Gate],
        (job, purpose): (&Work, Purpose),
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let open = facts::to_run(&self.home.view(), gates, &job.candidate)?;
        for asked in ci::ask(self.home, &self.target.branch, &open, &job.candidate)? {
            observe(Event::Asked { asked, purpose });
        }
        Ok(())
    }

    /// Waits until a worker is done, and then for those that are nearly done as well: what they say is worth more
    /// than the little time until then.
    fn hear(&mut self, gates: &[Gate], observe: &mut dyn FnMut(Event)) -> Result<Stepped> {
        let mut patience: Option<(Time, u64)> = None;
        loop {
            let now = self.home.world().now();
            if let Some((until, took)) = patience {
                let is_due = |it: &Running| now.0.saturating_sub(it.started.0) * 10 >= took * 8;
                if now >= until || !self.pool.running().iter().any(is_due) {
                    if self.bulletin.is_busy() {
                        self.post();
                    }
                    return Ok(Stepped::Worked);
                }
            } else if self.leases.is_some() && now.0.saturating_sub(self.looked.0) >= LOOK {
                return Ok(Stepped::Listens);
            }
            if self.home.world().interrupted() {
                self.pool.stop();
                return Err(Fault::unavailable(
                    "interrupted; the gates were stopped, and what they ran on has not landed",
                )
                .hint("git gt refinery run carries on from here"));
            }
            let Some((job, purpose, started, said)) = self.pool.hear(now) else {
                if self.is_asked_to_stop() {
                    return Ok(Stepped::Worked);
                }
                self.post();
                continue;
            };
            if self.take(gates, (&job, purpose), said, observe)? && patience.is_none() {
                let took = now.0.saturating_sub(started.0);
                patience = Some((Time(now.0 + took / 10), took));
            }
        }
    }

    /// Takes in what a worker said; returns whether it is done.
    fn take(
        &mut self,
        gates: &[Gate],
        (job, purpose): (&Work, Purpose),
        said: Said,
        observe: &mut dyn FnMut(Event),
    ) -> Result<bool> {
        match said {
            Said::Begins(gate) => observe(Event::Run {
                gate,
                requests: job.candidate.requests.clone(),
                purpose,
            }),
            Said::Ran(gate, attempt) => {
                // As it was defined when it began: it may be another one, or none, by now.
                let gate = job.gates.iter().find(|(it, _)| it.name() == gate);
                let (gate, _) = gate.expect("a worker runs the gates of its job");
                verdict::record(self.home, &self.actor(), (gate, &job.candidate), &attempt)?;
                let disturbed = (gate.name().to_owned(), job.what.clone());
                self.disturbed.remove(&disturbed);
                observe(ran(gate.name(), &attempt));
            }
            Said::Disturbed(gate) => self.disturbed(gate, &job.what, observe)?,
            Said::Ended(ended) => {
                ended?;
                let view = self.home.view();
                let known = facts::evidence_of(&view, gates, &job.candidate)?;
                let open = facts::to_run(&view, gates, &job.candidate)?;
                let is_left = !open.is_empty() && open.iter().all(|it| it.ci().is_some());
                if known.red == 0 && is_left && self.is_wanted(job)? {
                    self.ask(gates, (job, purpose), observe)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Refinery<'_> {
    /// Takes in that a gate was disturbed; refuses to run it once more where that goes on.
    fn disturbed(
        &mut self,
        gate: String,
        what: &Composition,
        observe: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let key = (gate, what.clone());
        let times = self.disturbed.entry(key.clone()).or_default();
        *times += 1;
        if *times < DISTURBED_MAX {
            let why = "its worktree was not ours alone any more: it runs again";
            observe(Event::Note(format!("gate {}: {why}", key.0)));
            return Ok(());
        }
        self.disturbed.remove(&key);
        let locks = self.home.repo().scratch_dir();
        Err(Fault::unavailable(format!(
            "gate '{}' cannot be run here: {DISTURBED_MAX} times in a row somebody removed the lock of its \
             worktree, '{}/refinery-*.lock', while it ran",
            key.0,
            locks.display()
        ))
        .hint("look what cleans that folder, the gate itself perhaps: git gt refinery gate list")
        .hint("what it said proves nothing; git gt refinery run carries on from here"))
    }
}

/// What became of a probe before anything was run.
enum Prepared {
    /// It is to be run.
    Test(Box<Work>),
    /// Its tree was tested under another name.
    Known(Composition),
    /// One of its requests does not merge onto the tip, because of these files.
    Bounces(Box<Request>, Vec<String>),
    /// It is being tested, or nothing of it can be merged now.
    Nothing,
}

/// What stands with outside CIs.
#[derive(Debug, Default)]
struct Outside {
    /// What they have answered just now.
    answers: Vec<(String, Attempt)>,
    /// What they are asked, and its candidates.
    asked: Vec<Underway>,
    candidates: Vec<Candidate>,
    open: Vec<Ask>,
}

impl Drop for Refinery<'_> {
    fn drop(&mut self) {
        // What stays behind is looked at again by the next Refinery.
        if self.look_what_decides().is_ok() {
            drop(tidy::tidy(self.home, &self.tip));
        }
        self.pool.stop();
        self.give_all_back();
        self.bulletin.clear(self.home);
    }
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
