//! Freezing a branch, so that nothing or only what is urgent lands on it, and thawing it.

use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Time};
use crate::record::{Class, Freeze};
use crate::town::{Home, refuse_worker};

/// How a branch is to be frozen.
#[derive(Debug, Clone)]
pub struct Freezing<'a> {
    /// The branch, by its short name.
    pub target: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When it ends by itself; nothing: when somebody thaws it.
    pub until: Option<Time>,
    /// The least urgent class that lands all the same.
    pub allow: Option<Class>,
}

/// Freezes a branch, for whoever runs the queue; one that is frozen already is frozen so from now on.
///
/// After a crash it is frozen as said or as before.
pub fn freeze(home: &Home, actor: &str, what: &Freezing<'_>) -> Result<Freeze> {
    refuse_worker(home.world(), "freeze branches")?;
    if what.reason.trim().is_empty() {
        return Err(
            Fault::invalid("a branch is frozen for a reason, and this one is empty")
                .hint("whoever waits reads it: -r 'the release is being made'"),
        );
    }
    let written = home.write(Name::Queue, actor, |view, pen| {
        let known = view.freeze(what.target)?;
        let mut freeze = known.unwrap_or_else(|| Freeze::new(what.target));
        let stamp = pen.stamp(freeze.record());
        freeze.freeze((actor, what.reason), what.until, what.allow, &stamp);
        let subject = format!("freeze {}: {}", what.target, what.reason);
        let records = vec![freeze.clone().into_record()];
        Ok(Decision::write(subject, records, freeze))
    })?;
    Ok(written.value)
}

/// Lets work land on a branch again; returns nothing where it was not frozen.
///
/// After a crash it is thawed or frozen.
pub fn thaw(home: &Home, actor: &str, target: &str) -> Result<Option<Freeze>> {
    refuse_worker(home.world(), "thaw branches")?;
    let written = home.write(Name::Queue, actor, |view, pen| {
        let Some(mut freeze) = view.freeze(target)?.filter(Freeze::is_live) else {
            return Ok(Decision::nothing(None));
        };
        let stamp = pen.stamp(freeze.record());
        freeze.thaw(actor, &stamp);
        let records = vec![freeze.clone().into_record()];
        Ok(Decision::write(
            format!("thaw {target}"),
            records,
            Some(freeze),
        ))
    })?;
    Ok(written.value)
}
