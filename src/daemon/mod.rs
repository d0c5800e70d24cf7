//! The one loop: steps of the Refinery, and what follows from each.

use crate::fault::Result;
use crate::refinery::{Event, Refinery, Stepped};
use crate::settle;
use crate::town::Town;

/// How long the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One step.
    Once,
    /// Until there is nothing left to do.
    Idle,
}

/// Runs the queue of a town's rig and applies what follows.
///
/// After a crash at any point the next run carries on.
pub fn run(town: &Town, until: Until, observe: &mut dyn FnMut(Event)) -> Result<()> {
    let mut refinery = Refinery::open(town)?;
    // What somebody landed by hand, or a run that was killed, is settled before anything is tested.
    settle::after(town)?;
    loop {
        let stepped = refinery.step(observe);
        settle::after(town)?;
        if stepped? == Stepped::Idle || until == Until::Once {
            return Ok(());
        }
    }
}
