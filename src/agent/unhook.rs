//! Taking a bead off a hook: the claim ends in its epoch, branch and worktree stay.

use super::hook::Hook;
use super::session;
use super::state::{Duty, Look};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::ledger::{CloneId, Decision, Name, Stamp};
use crate::record::{Bead, Claim};
use crate::town::{Home, View};

/// What was taken off a hook.
#[derive(Debug)]
pub struct Unhooked {
    /// The bead, which is open again.
    pub bead: Bead,
    /// Where it hung.
    pub hook: Hook,
    /// Whether its agent's session still runs and will find that the claim is over.
    pub running: bool,
}

/// Takes the bead off a hook. Refuses while the agent's session runs, and where the work waits in the
/// queue, unless `force`.
///
/// After a crash the claim is over or it is not; a person's hook may still be noted, and shows as over.
pub fn unsling(home: &Home, actor: &str, hook: &Hook, force: bool) -> Result<Unhooked> {
    let running = session::is_alive(home, hook);
    if running && !force {
        return Err(
            Fault::refused(format!("the session of {} runs", hook.agent)).hint(format!(
                "git gt polecat stop {} ends it; --force takes the bead away all the same",
                hook.name()
            )),
        );
    }
    if let Duty::Queued(request) = Look::at(home)?.duty(hook)?
        && !force
    {
        return Err(Fault::refused(format!(
            "the work on {} waits in the queue as {request}",
            hook.bead
        ))
        .hint(format!(
            "to take it out of the queue: git gt mq reject {request}"
        )));
    }
    let bead = release(home, actor, hook, |_, _, _| {}, "open")?;
    if !hook.is_polecat() {
        hook.forget(home)?;
    }
    Ok(Unhooked {
        bead,
        hook: hook.clone(),
        running,
    })
}

/// Ends the claim that a hook hangs on and returns the bead, whose status is then `status`; `more` is given
/// the bead, the epoch and the stamp, and may add to the decision.
pub(super) fn release(
    home: &Home,
    actor: &str,
    hook: &Hook,
    more: impl Fn(&mut Bead, u64, &Stamp),
    status: &str,
) -> Result<Bead> {
    let written = home.write(Name::Beads, actor, |view, pen| {
        let mut bead = held(view, hook)?;
        let (epoch, stamp) = (bead.epoch(), pen.stamp(bead.record()));
        more(&mut bead, epoch, &stamp);
        bead::release(&mut bead, &stamp)?;
        if bead.status() != status {
            bead.set_status(status, &stamp);
        }
        let subject = format!("release {} from {}", bead.id(), hook.agent);
        let record = bead.clone().into_record();
        Ok(Decision::write(subject, vec![record], bead))
    })?;
    Ok(written.value)
}

/// Returns the bead on a hook, if the hook's claim still stands.
pub(super) fn held(view: &View<'_>, hook: &Hook) -> Result<Bead> {
    let bead = view.bead(&hook.bead)?.filter(|it| !it.is_deleted());
    let bead = bead.ok_or_else(|| Fault::not_found(format!("there is no bead '{}'", hook.bead)))?;
    let here = CloneId::known(view.repo());
    let is_ours = |claim: &Claim| hook.is_under(claim, here.as_ref());
    let claim = bead.claim();
    if !bead.is_closed() && claim.as_ref().is_some_and(is_ours) {
        return Ok(bead);
    }
    let why = match claim {
        _ if bead.is_closed() => "it is closed".to_owned(),
        None => "nobody holds it now".to_owned(),
        Some(claim) if claim.by == hook.agent => "it was claimed anew since".to_owned(),
        Some(claim) => format!("{} holds it now", claim.by),
    };
    Err(Fault::stale(format!(
        "the claim of {} on {} is over: {why}",
        hook.agent, hook.bead
    ))
    .hint("nothing is lost: the branch and its commits stay"))
}
