//! `done`: what an agent has committed goes into the queue; or what it says instead.

use super::hook::{self, Hook};
use super::sling::ESCALATED;
use super::unhook;
use crate::bead;
use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Decision, Name};
use crate::mq::{self, Submit, Submitted, Wishes};
use crate::record::{Bead, Outcome, Said};
use crate::town::{Home, Target};

/// What `done` came to.
#[derive(Debug)]
pub struct Done {
    /// The hook it was said for.
    pub hook: Hook,
    /// The queued request.
    pub submitted: Submitted,
    /// How many commits it has.
    pub commits: u64,
}

/// What an agent said instead of queueing its work.
#[derive(Debug)]
pub struct Told {
    /// The hook it was said for.
    pub hook: Hook,
    /// The bead as it is now.
    pub bead: Bead,
    /// What was noted.
    pub outcome: Outcome,
    /// How many commits the branch has.
    pub commits: u64,
    /// Whether it was noted just now.
    pub new: bool,
}

/// Queues the work on a hook, for `target` or where the bead's work lands.
///
/// Refuses, and changes nothing, when the worktree is gone or holds uncommitted changes, when there is
/// nothing to land, or when the claim the work was done under is over. Saying it twice queues it once.
pub fn done(home: &Home, actor: &str, hook: &Hook, target: Option<&str>) -> Result<Done> {
    let work = finished(home, hook, target)?;
    let what = Submit {
        bead: Some(hook.bead.clone()),
        epoch: Some(hook.epoch),
        branch: work.branch,
        head: work.head,
        target: work.target.branch,
        tip: work.tip,
        worker: hook.agent.clone(),
        wishes: Wishes::default(),
    };
    let submitted = mq::submit(home, actor, &what)?;
    Ok(Done {
        hook: hook.clone(),
        submitted,
        commits: home.repo().count_ahead(&work.tip, &work.head)?,
    })
}

/// Work that can be handed in.
struct Work {
    branch: String,
    head: Oid,
    target: Target,
    tip: Oid,
}

/// Returns the finished work on a hook; refuses what is not.
fn finished(home: &Home, hook: &Hook, target: Option<&str>) -> Result<Work> {
    let target = bead::target_of(home, Some(&hook.bead), target)?;
    let branch = check_worktree(home, hook, &target)?;
    let name = format!("refs/heads/{branch}");
    let head = home.repo().find_ref(&name)?.ok_or_else(|| {
        Fault::not_found(format!("branch '{branch}' of {} is gone", hook.bead))
            .hint("git reflog may still show its commits")
    })?;
    let tip = home.base(&target)?;
    Ok(Work {
        branch,
        head,
        target,
        tip,
    })
}

/// Notes on the bead that the work is finished and waits for a person: nothing is queued, the claim
/// stands.
///
/// Refuses what cannot be queued either. After a crash it is noted or it is not.
pub fn set_aside(
    home: &Home,
    actor: &str,
    hook: &Hook,
    (target, reason): (Option<&str>, &str),
) -> Result<Told> {
    let work = finished(home, hook, target)?;
    let commits = home.repo().count_ahead(&work.tip, &work.head)?;
    if commits == 0 {
        return Err(Fault::refused(format!(
            "branch '{}' has no commits that '{}' has not: there is nothing to look at",
            work.branch, work.target.branch
        ))
        .hint("commit the work first"));
    }
    let outcome = Outcome {
        said: Said::Finished,
        by: hook.agent.clone(),
        branch: work.branch,
        head: work.head.to_string(),
        reason: reason.trim().to_owned(),
    };
    let written = home.write(Name::Beads, actor, |view, pen| {
        let mut bead = unhook::held(view, hook)?;
        let known = bead.outcomes().pop().filter(|(_, it)| *it == outcome);
        if known.is_some() {
            return Ok(Decision::nothing((bead, false)));
        }
        let stamp = pen.stamp(bead.record());
        let epoch = bead.epoch();
        bead.add_outcome(epoch, &outcome, &stamp);
        bead.add_comment(&hook.agent, &comment(&outcome, hook, commits), &stamp);
        let subject = format!("finish {} without queueing it", bead.id());
        let record = bead.clone().into_record();
        Ok(Decision::write(subject, vec![record], (bead, true)))
    })?;
    let (bead, new) = written.value;
    Ok(Told {
        hook: hook.clone(),
        bead,
        outcome,
        commits,
        new,
    })
}

/// Gives the bead on a hook up: the claim ends, and the bead says why. One that is put off is open again;
/// one that needs help is labelled, and waits as blocked until somebody gives it out again.
///
/// Branch and worktree stay as they are. After a crash it is noted or it is not.
pub fn give_up(
    home: &Home,
    actor: &str,
    hook: &Hook,
    (said, reason): (Said, &str),
) -> Result<Told> {
    let branch = match hook::branch_at(home, &hook.path)? {
        Some(branch) => branch,
        None => hook.branch.clone(),
    };
    let head = home.repo().find_ref(&format!("refs/heads/{branch}"))?;
    let commits = match (hook::target_tip(home), &head) {
        (Some(tip), Some(head)) => home.repo().count_ahead(&tip, head)?,
        _ => 0,
    };
    let outcome = Outcome {
        said,
        by: hook.agent.clone(),
        branch,
        head: head.map(|it| it.to_string()).unwrap_or_default(),
        reason: reason.trim().to_owned(),
    };
    let note = |bead: &mut Bead, epoch, stamp: &_| {
        bead.add_outcome(epoch, &outcome, stamp);
        bead.add_comment(&hook.agent, &comment(&outcome, hook, commits), stamp);
        if said == Said::Escalated {
            bead.record_mut()
                .set_entry("labels", ESCALATED, Some(true.into()), stamp);
        }
    };
    let bead = unhook::release(
        home,
        actor,
        hook,
        note,
        match said {
            Said::Escalated => "blocked",
            Said::Finished | Said::Deferred => "open",
        },
    )?;
    if !hook.is_polecat() {
        hook.forget(home)?;
    }
    Ok(Told {
        hook: hook.clone(),
        bead,
        outcome,
        commits,
        new: true,
    })
}

/// Returns what the bead says about an outcome, for whoever takes it up.
fn comment(outcome: &Outcome, hook: &Hook, commits: u64) -> String {
    let mut text = match outcome.said {
        Said::Finished => "finished, not queued".to_owned(),
        Said::Escalated => "needs help".to_owned(),
        Said::Deferred => "put off".to_owned(),
    };
    if !outcome.reason.is_empty() {
        text.push_str(&format!(": {}", outcome.reason));
    }
    if commits > 0 {
        let (branch, head) = (&outcome.branch, &outcome.head[..12]);
        let plural = if commits == 1 { "" } else { "s" };
        text.push_str(&format!("\n{commits} commit{plural} on {branch} at {head}"));
    }
    if outcome.said == Said::Finished {
        let (branch, bead) = (&outcome.branch, &hook.bead);
        text.push_str(&format!(
            "\nto queue it: git gt mq submit --branch {branch} --bead {bead}"
        ));
    }
    text
}

/// Returns the branch that a hook's worktree stands on; refuses where that cannot be handed in.
fn check_worktree(home: &Home, hook: &Hook, target: &Target) -> Result<String> {
    let branch = &hook.branch;
    let Some(worktree) = home.repo().worktree_at(&hook.path)? else {
        return Err(Fault::refused(format!(
            "the worktree of {} is gone: '{}'",
            hook.agent,
            hook.path.display()
        ))
        .hint(format!(
            "its commits are on branch {branch}: git gt mq submit --branch {branch}"
        )));
    };
    let here = worktree.short_branch().map(str::to_owned);
    if !hook.is_polecat() {
        let here = here.ok_or_else(|| {
            Fault::refused(format!(
                "the worktree of {} stands on no branch",
                hook.agent
            ))
            .hint("make one for the work: git switch --create <branch>")
        })?;
        if here == target.branch {
            return Err(Fault::refused(format!(
                "the worktree of {} stands on '{here}', where the work is to land",
                hook.agent
            ))
            .hint("put the commits on a branch of their own: git switch --create <branch>"));
        }
        refuse_changes(home, hook)?;
        return Ok(here);
    }
    if here.as_ref() != Some(branch) {
        let there = here.as_deref().unwrap_or("no branch");
        return Err(Fault::refused(format!(
            "the hook of {} stands on {there}, not on its branch {branch}",
            hook.agent
        ))
        .hint(format!(
            "bring the commits over: git switch {branch}, then git merge or git cherry-pick"
        )));
    }
    refuse_changes(home, hook)?;
    Ok(branch.clone())
}

fn refuse_changes(home: &Home, hook: &Hook) -> Result<()> {
    let changes = home.repo().changes_in(&hook.path)?;
    if changes.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = changes.iter().take(10).map(|line| line.trim()).collect();
    Err(Fault::refused(format!(
        "there are uncommitted changes: {}",
        shown.join(", ")
    ))
    .hint("commit them, or put what does not belong there into .gitignore, then run git gt done"))
}
