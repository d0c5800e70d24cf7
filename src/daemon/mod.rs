//! The one loop: steps of the Refinery, and what follows from each; and a look at what gates of beads wait for.

mod gates;
mod integration;

use std::time::Duration;

use crate::agent;
use crate::fault::{Fault, Result};
use crate::mq;
use crate::refinery::{Checking, Event, Job, Options, Refinery, Stepped, run_checks};
use crate::settle;
use crate::town::Home;

pub use gates::{Look, Looked, Search, discover, gates, look};
pub use integration::{Created, Landing, Standing, Wish, create, land, standing};

/// How long the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One step.
    Once,
    /// Until there is nothing left to do here; what outside CIs were asked may be open then.
    Idle,
    /// Until there is nothing left to do, and those have answered or let their time pass.
    Answered,
}

/// The shortest and the longest pause between two looks for answers of outside CIs.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// How long we sleep at a stretch, so that an interrupt does not wait.
const NAP: Duration = Duration::from_millis(100);

/// Runs the queue of a rig and applies what follows; first what is to land on the rig's target,
/// then what is to land elsewhere.
///
/// A branch that lets nothing land does not keep the others waiting; the first such fault is returned at
/// the end. After a crash at any point the next run carries on.
pub fn run(
    home: &Home,
    (until, options): (Until, Options),
    observe: &mut dyn FnMut(Event),
) -> Result<()> {
    let mut refinery = Refinery::open(home, options)?;
    // What somebody landed by hand, or a run that was killed, is settled before anything is tested.
    settle(home, observe);
    let main = refinery.target().branch.clone();
    let mut pause = LOOKS.0;
    loop {
        let ended = every_target(home, &mut refinery, (&main, until), observe)?;
        if until != Until::Once && epics_carry_on(home, observe)? {
            refinery.turn_to(&main)?;
            continue;
        }
        if ended != Stepped::Waiting || until != Until::Answered {
            return Ok(());
        }
        wait(home, pause)?;
        pause = (pause * 2).min(LOOKS.1);
        refinery.turn_to(&main)?;
    }
}

/// Does what follows for integration branches of epics; returns whether something was queued.
fn epics_carry_on(home: &Home, observe: &mut dyn FnMut(Event)) -> Result<bool> {
    let actor = format!("{}/refinery", home.rig().name());
    let queued = integration::carry_on(home, &actor, &mut |fault| {
        observe(Event::Note(format!(
            "an integration branch is left as it is: {fault}"
        )));
    })?;
    for request in &queued {
        observe(Event::Note(format!(
            "{request} is queued: every bead of its epic is closed"
        )));
    }
    Ok(!queued.is_empty())
}

/// Runs the queue of each branch until there is nothing left to do there; then checkpoints of closed beads go.
fn every_target(
    home: &Home,
    refinery: &mut Refinery<'_>,
    (main, until): (&str, Until),
    observe: &mut dyn FnMut(Event),
) -> Result<Stepped> {
    let mut ended = until_idle(home, refinery, (until, observe));
    for branch in mq::targets(&home.view(), home.rig().name())? {
        if matches!(
            ended,
            Err(Fault::Unavailable(_) | Fault::Fatal(_)) | Ok(Stepped::Worked)
        ) {
            break;
        }
        if branch != main {
            let turned = refinery.turn_to(&branch);
            let other = turned.and_then(|()| until_idle(home, refinery, (until, observe)));
            ended = match (ended, other) {
                (Ok(Stepped::Waiting), Ok(Stepped::Idle)) => Ok(Stepped::Waiting),
                (ended, other) => ended.and(other),
            };
        }
    }
    if let Err(fault) = agent::checkpoint::tidy(home) {
        observe(Event::Note(format!(
            "checkpoints are not put away yet: {fault}"
        )));
    }
    ended
}

/// Runs a check on what is asked on the remote, again and again until we are asked to stop; a remote that
/// cannot be reached is said and tried again.
pub fn watch(
    home: &Home,
    job: &Job<'_>,
    observe: &mut dyn FnMut(Checking),
    note: &mut dyn FnMut(&Fault),
) -> Result<()> {
    let mut pause = LOOKS.0;
    loop {
        let mut worked = false;
        let done = run_checks(home, job, &mut |event| {
            worked = true;
            observe(event);
        });
        match done {
            _ if home.world().interrupted() => return Ok(()),
            Ok(()) => {}
            Err(fault @ Fault::Unavailable(_)) => note(&fault),
            Err(fault) => return Err(fault),
        }
        pause = if worked {
            LOOKS.0
        } else {
            (pause * 2).min(LOOKS.1)
        };
        if wait(home, pause).is_err() {
            return Ok(());
        }
    }
}

fn wait(home: &Home, pause: Duration) -> Result<()> {
    let mut left = pause;
    while !left.is_zero() {
        let nap = left.min(NAP);
        home.world().pause(nap);
        left -= nap;
        if home.world().interrupted() {
            return Err(
                Fault::unavailable("interrupted; nothing that waits has landed")
                    .hint("git gt refinery run carries on from here"),
            );
        }
    }
    Ok(())
}

/// Takes steps until there is nothing left to do, or one was taken and no more are wanted.
fn until_idle(
    home: &Home,
    refinery: &mut Refinery<'_>,
    (until, observe): (Until, &mut dyn FnMut(Event)),
) -> Result<Stepped> {
    loop {
        let stepped = refinery.step(observe);
        settle(home, observe);
        let stepped = stepped?;
        if stepped != Stepped::Worked || until == Until::Once {
            return Ok(stepped);
        }
    }
}

/// Applies what follows; what cannot be applied now is said and keeps nothing else waiting.
fn settle(home: &Home, observe: &mut dyn FnMut(Event)) {
    for fault in settle::after(home).faults {
        observe(Event::Note(format!("not settled yet: {fault}")));
    }
}
