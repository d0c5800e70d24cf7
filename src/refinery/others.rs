//! Other Refineries of the same queue: what they test, and what is tested here so that they do not.

use std::time::Duration;

use super::board::Underway;
use super::event::Purpose;
use super::lease::{LEAST, Leases, Taken};
use super::order::Standing;
use super::pool::Work;
use super::{Event, Outside, Refinery, ci};
use crate::fault::{Fault, Result};
use crate::record::Gate;

/// How often the time that is expected of a gate its run may take before others need not wait for it.
const SPARE: u32 = 3;

impl Refinery<'_> {
    /// Looks where the target stands and what others test, as far as that is known here: before each step of a
    /// queue that is shared, the remote was asked.
    pub(super) fn look_at_others(&mut self, gates: &[Gate]) -> Result<()> {
        if self.target.remote.is_none() {
            self.tip = self.home.fresh_tip(&self.target)?;
        }
        let (Some(leases), Some(remote)) = (&mut self.leases, &self.target.remote) else {
            return Ok(());
        };
        let tracked = self.home.tracking_ref(&self.target, remote);
        self.tip = self.home.repo().find_ref(&tracked)?.unwrap_or(self.tip);
        let longest = total(gates.iter().map(limit)).max(LEAST);
        leases.look(self.home, &self.target, longest)?;
        self.looked = self.home.world().now();
        Ok(())
    }

    /// Returns what others test.
    pub(super) fn elsewhere(&self) -> Vec<Underway> {
        self.leases
            .as_ref()
            .map(Leases::elsewhere)
            .unwrap_or_default()
    }

    /// Gives back the leases of what is not tested any more, once others can have what was said of it.
    pub(super) fn give_back(&mut self, outside: &Outside, observe: &mut dyn FnMut(Event)) {
        let Some(leases) = &mut self.leases else {
            return;
        };
        let mut underway = self.pool.underway();
        underway.extend(outside.asked.iter().cloned());
        let released = leases.release(self.home, &self.target, &|what| {
            underway.iter().any(|it| it.what == *what)
        });
        if let Err(fault) = released {
            let fault = leases.unsaid(fault);
            say(fault, observe);
        }
    }

    /// Gives back all leases but those of what outside CIs were asked, which is not over.
    pub(super) fn give_all_back(&mut self) {
        let Some(leases) = &mut self.leases else {
            return;
        };
        let asked = ci::underway(self.home.repo(), &self.target.branch).unwrap_or_default();
        // Where that fails others wait until their time is over.
        drop(leases.release(self.home, &self.target, &|what| {
            asked.iter().any(|it| it.what == *what)
        }));
    }

    /// Returns the jobs that nobody else does.
    pub(super) fn take_leases(
        &mut self,
        jobs: Vec<(Work, Purpose)>,
        observe: &mut dyn FnMut(Event),
    ) -> Vec<(Work, Purpose)> {
        let Some(leases) = self.leases.as_mut().filter(|_| !jobs.is_empty()) else {
            return jobs;
        };
        let wanted: Vec<(Underway, Duration)> = jobs
            .iter()
            .map(|(job, _)| {
                let open = job.gates.iter().filter(|(_, it)| *it == Standing::Open);
                let time = open.map(|(gate, _)| match self.learned.duration(gate) {
                    Some(expected) => (expected * SPARE).min(limit(gate)),
                    None => limit(gate),
                });
                let underway = Underway {
                    what: job.what.clone(),
                    screens: job.screens,
                };
                (underway, total(time))
            })
            .collect();
        let (taken, fault) = leases.take(self.home, &self.target, &wanted);
        say(fault, observe);
        let jobs = jobs.into_iter().zip(taken);
        jobs.filter(|(_, taken)| *taken == Taken::Ours)
            .map(|(job, _)| job)
            .collect()
    }
}

/// Returns the longest time until a gate has its verdict.
fn limit(gate: &Gate) -> Duration {
    match gate.ci() {
        Some(_) => gate.deadline(),
        None => gate.timeout(),
    }
}

fn total(times: impl Iterator<Item = Duration>) -> Duration {
    times.fold(Duration::ZERO, Duration::saturating_add)
}

fn say(fault: Option<Fault>, observe: &mut dyn FnMut(Event)) {
    if let Some(fault) = fault {
        observe(Event::Note(format!(
            "others do not see what is tested here: {fault}"
        )));
    }
}
