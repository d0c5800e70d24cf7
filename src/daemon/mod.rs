//! The one loop: steps of the Refinery, and what follows from each; and a look at what gates of beads wait for.

mod gates;
mod integration;
mod share;

use std::time::Duration;

use crate::agent;
use crate::fault::{Fault, Result};
use crate::mq;
use crate::refinery::{Checking, Event, Job, Options, Refinery, Stepped, run_checks};
use crate::settle;
use crate::town::Home;

pub use gates::{Look, Looked, Search, discover, gates, look};
pub use integration::{Created, Landing, Standing, Wish, create, land, standing};
use share::Share;
pub use share::{Travel, sync_and_settle};

/// How long the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One step.
    Once,
    /// Until there is nothing left to do here; what outside CIs were asked may be open then.
    Idle,
    /// Until there is nothing left to do, and those have answered or let their time pass.
    Answered,
    /// For ever: until it is interrupted or asked to stop.
    Stopped,
}

/// Why the loop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It ran as long as it was to.
    Done,
    /// It was interrupted.
    Interrupted,
    /// It was asked to stop.
    Stopped,
}

/// The shortest and the longest pause between two looks for something to do, or for answers of outside CIs.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// The longest pause between two looks what others do who run the same queue.
const MEETS: Duration = Duration::from_secs(5);
/// How long we sleep at a stretch, so that an interrupt does not wait.
const NAP: Duration = Duration::from_millis(100);

/// Runs the queue of a rig and applies what follows; first what is to land on the rig's target,
/// then what is to land elsewhere.
///
/// A branch that lets nothing land does not keep the others waiting; the first such fault is returned at
/// the end, or said where the loop goes on for ever. After a crash at any point the next run carries on.
pub fn run(
    home: &Home,
    (until, options): (Until, Options),
    observe: &mut dyn FnMut(Event),
) -> Result<Ended> {
    let mut refinery = Refinery::open(home, options)?;
    let mut share = options.shared.then(Share::default);
    let ended = run_shared(home, (&mut refinery, &mut share), until, observe);
    // Others see what was tested here before they see that nobody tests it any more.
    let met = match home.world().interrupted() {
        true => Ok(()),
        false => meet(home, (&refinery, &mut share), observe),
    };
    ended.and_then(|ended| met.map(|()| ended))
}

/// Runs the queue, and looks before each step what others did, where it is shared.
fn run_shared(
    home: &Home,
    (refinery, share): (&mut Refinery<'_>, &mut Option<Share>),
    until: Until,
    observe: &mut dyn FnMut(Event),
) -> Result<Ended> {
    // What somebody landed by hand, or a run that was killed, is settled before anything is tested.
    settle(home, observe);
    let main = refinery.target().branch.clone();
    let (mut pause, mut said) = (LOOKS.0, None);
    loop {
        let mut is_busy = false;
        let ended = every_target(home, (refinery, share), (&main, until), &mut |event| {
            is_busy |= !matches!(event, Event::Note(_) | Event::Waits(_) | Event::Pull(_));
            observe(event);
        });
        let ended = match ended {
            Err(_) if until == Until::Stopped && home.world().interrupted() => {
                return Ok(Ended::Interrupted);
            }
            // A branch that is not there may be made again.
            Err(fault @ (Fault::Refused(_) | Fault::Unavailable(_) | Fault::NotFound(_)))
                if until == Until::Stopped =>
            {
                say_once(&mut said, &fault, observe);
                Stepped::Waiting
            }
            ended => ended?,
        };
        if ended == Stepped::Stopped {
            return Ok(Ended::Stopped);
        }
        if until != Until::Once && epics_carry_on(home, observe)? {
            refinery.turn_to(&main)?;
            continue;
        }
        match (until, ended) {
            (Until::Stopped, _) | (Until::Answered, Stepped::Waiting) => {}
            _ => return Ok(Ended::Done),
        }
        if is_busy {
            pause = LOOKS.0;
            refinery.learn()?;
        }
        match wait(home, refinery, pause) {
            Waited::Interrupted if until == Until::Stopped => return Ok(Ended::Interrupted),
            Waited::Interrupted => return Err(interrupted()),
            Waited::Stopped => return Ok(Ended::Stopped),
            Waited::Over => {}
        }
        pause = (pause * 2).min(if share.is_some() { MEETS } else { LOOKS.1 });
        match refinery.turn_to(&main) {
            // The next look finds it out again.
            Err(fault @ Fault::Unavailable(_)) if until == Until::Stopped => {
                say_once(&mut said, &fault, observe);
            }
            turned => turned?,
        }
        share.iter_mut().for_each(Share::look_again);
    }
}

/// Says what keeps the queue from going on, unless that was the last thing said of this kind.
fn say_once(said: &mut Option<String>, fault: &Fault, observe: &mut dyn FnMut(Event)) {
    let text = fault.to_string();
    if said.as_ref() != Some(&text) {
        observe(Event::Note(text.clone()));
        *said = Some(text);
    }
}

/// Looks what others did, where the queue is shared.
fn meet(
    home: &Home,
    (refinery, share): (&Refinery<'_>, &mut Option<Share>),
    observe: &mut dyn FnMut(Event),
) -> Result<()> {
    match share {
        Some(share) => share.meet(home, refinery.target(), observe),
        None => Ok(()),
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
    (refinery, share): (&mut Refinery<'_>, &mut Option<Share>),
    (main, until): (&str, Until),
    observe: &mut dyn FnMut(Event),
) -> Result<Stepped> {
    let mut ended = until_idle(home, (refinery, share), (until, observe));
    for branch in mq::targets(&home.view(), home.rig().name())? {
        if matches!(
            ended,
            Err(Fault::Unavailable(_) | Fault::Fatal(_)) | Ok(Stepped::Worked | Stepped::Stopped)
        ) {
            break;
        }
        if branch != main {
            let turned = refinery.turn_to(&branch);
            let other = turned.and_then(|()| until_idle(home, (refinery, share), (until, observe)));
            ended = match (ended, other) {
                (Ok(Stepped::Waiting), Ok(Stepped::Idle)) => Ok(Stepped::Waiting),
                (_, Ok(Stepped::Stopped)) => Ok(Stepped::Stopped),
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
        if nap(home, pause, &mut || false) != Waited::Over {
            return Ok(());
        }
    }
}

/// How a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    Over,
    Interrupted,
    Stopped,
}

fn wait(home: &Home, refinery: &Refinery<'_>, pause: Duration) -> Waited {
    nap(home, pause, &mut || refinery.is_asked_to_stop())
}

fn nap(home: &Home, pause: Duration, is_asked_to_stop: &mut dyn FnMut() -> bool) -> Waited {
    let mut left = pause;
    while !left.is_zero() {
        let nap = left.min(NAP);
        home.world().pause(nap);
        left -= nap;
        if home.world().interrupted() {
            return Waited::Interrupted;
        }
        if is_asked_to_stop() {
            return Waited::Stopped;
        }
    }
    Waited::Over
}

fn interrupted() -> Fault {
    Fault::unavailable("interrupted; nothing that waits has landed")
        .hint("git gt refinery run carries on from here")
}

/// Takes steps until there is nothing left to do, or one was taken and no more are wanted.
fn until_idle(
    home: &Home,
    (refinery, share): (&mut Refinery<'_>, &mut Option<Share>),
    (until, observe): (Until, &mut dyn FnMut(Event)),
) -> Result<Stepped> {
    loop {
        meet(home, (refinery, share), observe)?;
        let stepped = refinery.step(observe);
        settle(home, observe);
        let stepped = stepped?;
        if stepped == Stepped::Listens {
            share.iter_mut().for_each(Share::look_again);
            continue;
        }
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
