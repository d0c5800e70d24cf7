//! The one loop: steps of the Refinery, and what follows from each.

use crate::fault::{Fault, Result};
use crate::mq;
use crate::refinery::{Event, Refinery, Stepped};
use crate::settle;
use crate::town::Home;

/// How long the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One step.
    Once,
    /// Until there is nothing left to do.
    Idle,
}

/// Runs the queue of a town's rig and applies what follows; first what is to land on the rig's target,
/// then what is to land elsewhere.
///
/// A branch that lets nothing land does not keep the others waiting; the first such fault is returned at
/// the end. After a crash at any point the next run carries on.
pub fn run(home: &Home, until: Until, observe: &mut dyn FnMut(Event)) -> Result<()> {
    let mut refinery = Refinery::open(home)?;
    // What somebody landed by hand, or a run that was killed, is settled before anything is tested.
    settle(home, observe);
    let main = refinery.target().branch.clone();
    let mut ended = until_idle(home, &mut refinery, (until, observe));
    for branch in mq::targets(&home.view(), home.rig().name())? {
        if matches!(
            ended,
            Err(Fault::Unavailable(_) | Fault::Fatal(_)) | Ok(Stepped::Worked)
        ) {
            break;
        }
        if branch != main {
            let turned = refinery.turn_to(&branch);
            let other = turned.and_then(|()| until_idle(home, &mut refinery, (until, observe)));
            ended = ended.and(other);
        }
    }
    ended.map(drop)
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
        if stepped == Stepped::Idle || until == Until::Once {
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
