//! `done`: what an agent has committed goes into the queue.

use super::hook::Hook;
use crate::fault::{Fault, Result};
use crate::mq::{self, Submit, Submitted};
use crate::town::Home;

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

/// Queues the work on a hook.
///
/// Refuses, and changes nothing, when the worktree is gone or holds uncommitted changes, when there is
/// nothing to land, or when the claim the work was done under is over. Saying it twice queues it once.
pub fn done(home: &Home, actor: &str, hook: &Hook) -> Result<Done> {
    check_worktree(home, hook)?;
    let repo = home.repo();
    let name = format!("refs/heads/{}", hook.branch);
    let head = repo.find_ref(&name)?.ok_or_else(|| {
        Fault::not_found(format!("branch '{}' of {} is gone", hook.branch, hook.bead))
            .hint("git reflog may still show its commits")
    })?;
    let target = home.target(None)?;
    let tip = home.known_tip(&target)?.ok_or_else(|| {
        Fault::not_found(format!(
            "the target branch '{}' does not exist",
            target.branch
        ))
        .hint("git gt config set target <branch>")
    })?;
    let what = Submit {
        bead: Some(hook.bead.clone()),
        epoch: Some(hook.epoch),
        branch: hook.branch.clone(),
        head,
        target: target.branch,
        tip,
        worker: hook.agent.clone(),
    };
    let submitted = mq::submit(home, actor, &what)?;
    Ok(Done {
        hook: hook.clone(),
        submitted,
        commits: repo.count_ahead(&tip, &head)?,
    })
}

fn check_worktree(home: &Home, hook: &Hook) -> Result<()> {
    let branch = &hook.branch;
    let worktrees = home.repo().worktrees()?;
    let path = hook
        .path
        .canonicalize()
        .unwrap_or_else(|_| hook.path.clone());
    let Some(worktree) = worktrees.iter().find(|it| it.path == path) else {
        return Err(Fault::refused(format!(
            "the worktree of {} is gone: '{}'",
            hook.agent,
            hook.path.display()
        ))
        .hint(format!(
            "its commits are on branch {branch}: git gt mq submit --branch {branch}"
        )));
    };
    if worktree.branch.as_deref() != Some(&format!("refs/heads/{branch}")) {
        let there = worktree.branch.as_deref().unwrap_or("no branch");
        return Err(Fault::refused(format!(
            "the hook of {} stands on {there}, not on its branch {branch}",
            hook.agent
        ))
        .hint(format!(
            "bring the commits over: git switch {branch}, then git merge or git cherry-pick"
        )));
    }
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
