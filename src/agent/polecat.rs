//! Polecats put away: their sessions stopped, their worktrees and branches removed, nothing lost.

use super::hook::{self, Hook};
use super::state::{Condition, Duty, Ground, Look};
use super::{Standing, agents, session, unhook};
use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::CloneId;
use crate::town::{Home, refuse_worker};

/// What became of a polecat that was removed.
#[derive(Debug)]
pub struct Removed {
    /// Its hook, as it was.
    pub hook: Hook,
    /// Whether its session was stopped.
    pub stopped: bool,
    /// Whether its bead was given up.
    pub released: bool,
    /// The commit in the attic that holds what was not committed.
    pub changes: Option<Oid>,
    /// How many commits of its branch are not on the target; they are in the attic.
    pub ahead: u64,
    /// Why its branch stays, empty where it is gone.
    pub kept: String,
}

/// What was cleared away besides polecats.
#[derive(Debug, Default)]
pub struct Cleared {
    /// Polecats that had nothing to do.
    pub removed: Vec<Removed>,
    /// Branches of polecats' work that nobody has on a hook or in the queue.
    pub branches: Vec<String>,
    /// What could not be done.
    pub faults: Vec<Fault>,
}

/// Stops the session of an agent; see [`session::stop`]. Returns whether one ran.
pub fn stop(home: &Home, hook: &Hook) -> Result<bool> {
    refuse_worker(home.world(), "stop sessions")?;
    session::stop(home, hook)
}

/// Returns the last lines of what an agent's last session wrote, with nothing in them that steers a
/// terminal.
pub fn peek(session: &super::Session, lines: usize) -> Result<Vec<String>> {
    session::tail(&session.log, lines)
}

/// Removes a polecat: its worktree, its branch, the record of its session, its name.
///
/// Refuses one whose session runs, that has work on its hook, or changes that are not committed, unless
/// `force`: then the session is stopped, the bead given up and the changes saved in the attic first. After
/// a crash in between removing it again removes the rest; the name goes last.
pub fn remove(home: &Home, actor: &str, hook: &Hook, force: bool) -> Result<Removed> {
    refuse_worker(home.world(), "remove polecats")?;
    let _names = hook::names_lock(home)?;
    let found = condition(home, hook)?;
    if !force {
        refuse_needed(&found)?;
    }
    put_away(home, actor, found)
}

fn condition(home: &Home, hook: &Hook) -> Result<Condition> {
    if !hook.is_polecat() {
        return Err(Fault::refused(format!("{} is no polecat", hook.agent))
            .hint("its worktree is its own; git gt unsling takes the bead off its hook"));
    }
    let hook = Hook::find(home, &hook.agent)?
        .ok_or_else(|| Fault::not_found(format!("{} was removed meanwhile", hook.agent)))?;
    let standing = Standing {
        session: session::Session::find(home, &hook.agent)?,
        alive: session::is_alive(home, &hook),
        hook,
    };
    Look::at(home)?.condition(standing)
}

fn refuse_needed(found: &Condition) -> Result<()> {
    let hook = &found.standing.hook;
    let (agent, name, bead) = (&hook.agent, hook.name(), &hook.bead);
    let path = hook.path.display();
    if found.standing.alive {
        return Err(Fault::refused(format!("the session of {agent} runs"))
            .hint(format!("git gt polecat stop {name}, or --force")));
    }
    match &found.duty {
        Duty::Holds => {
            return Err(
                Fault::refused(format!("{agent} has {bead} on its hook")).hint(format!(
                    "git gt unsling {bead} takes it off; --force does so and removes the polecat"
                )),
            );
        }
        Duty::Queued(request) => {
            return Err(Fault::refused(format!(
                "the work of {agent} on {bead} waits in the queue as {request}"
            ))
            .hint("git gt refinery run lands it; --force removes the polecat all the same"));
        }
        Duty::Over => {}
    }
    match &found.ground {
        Ground::Clean | Ground::Gone => Ok(()),
        Ground::Dirty(_) => Err(Fault::refused(format!(
            "there are uncommitted changes in '{path}'"
        ))
        .hint("commit them, or --force: they are saved in the attic first")),
        Ground::Astray(there) => Err(Fault::refused(format!(
            "'{path}' stands on {there}, not on the branch of {agent}"
        ))
        .hint("--force removes the worktree; the branch it stands on stays")),
        Ground::Moved(there) => Err(Fault::refused(format!(
            "the worktree of {agent} was moved to '{}'",
            there.display()
        ))
        .hint("--force removes it there")),
    }
}

/// Removes a polecat whatever it has; what only it has is saved first.
fn put_away(home: &Home, actor: &str, found: Condition) -> Result<Removed> {
    let hook = found.standing.hook;
    let stopped = session::stop(home, &hook)?;
    session::refuse_occupied(home, &hook)?;
    let mut removed = Removed {
        stopped,
        released: false,
        changes: None,
        ahead: found.ahead,
        kept: String::new(),
        hook,
    };
    let hook = &removed.hook;
    if found.duty != Duty::Over {
        let released = unhook::release(home, actor, hook, |_, _, _| {}, "open");
        removed.released = match released {
            // Closed or taken away meanwhile: nothing of ours to give up.
            Err(Fault::Stale(_) | Fault::NotFound(_)) => false,
            released => released.map(|_| true)?,
        };
    }
    let path = match &found.ground {
        Ground::Gone => None,
        Ground::Moved(path) => Some(path),
        Ground::Clean | Ground::Dirty(_) | Ground::Astray(_) => Some(&hook.path),
    };
    if let Some(path) = path {
        let (clone, tip) = (CloneId::of(home.repo())?, hook::target_tip(home));
        let why = format!("worktree of {} on {}", hook.agent, hook.bead);
        let retired = home
            .repo()
            .retire_worktree(clone.as_str(), path, tip.as_ref(), &why)?;
        removed.changes = retired.changes;
    }
    for branch in [&hook.leaves, &hook.branch] {
        if !branch.is_empty() && !hook::retire_branch(home, branch)? {
            removed.kept = format!("{branch} is checked out in another worktree");
        }
    }
    session::forget(home, &hook.agent)?;
    hook.forget(home)?;
    Ok(removed)
}

/// Removes every polecat that has nothing to do and nothing that is not committed, and the branches of
/// polecats' work that are on no hook and not in the queue. What is not on the target is in the attic
/// then. With `dry_run` nothing is done.
///
/// After a crash in between doing it again does the rest.
pub fn clear(home: &Home, actor: &str, dry_run: bool) -> Result<Cleared> {
    refuse_worker(home.world(), "remove polecats")?;
    let _names = hook::names_lock(home)?;
    let mut cleared = Cleared::default();
    let look = Look::at(home)?;
    for standing in agents(home)? {
        if !standing.hook.is_polecat() || standing.alive {
            continue;
        }
        let found = look.condition(standing)?;
        let is_empty = matches!(found.ground, Ground::Clean | Ground::Gone);
        if !found.is_idle() || !is_empty {
            continue;
        }
        if dry_run {
            cleared.removed.push(Removed {
                ahead: found.ahead,
                hook: found.standing.hook,
                stopped: false,
                released: false,
                changes: None,
                kept: String::new(),
            });
            continue;
        }
        match put_away(home, actor, found) {
            Ok(removed) => cleared.removed.push(removed),
            Err(fault) => cleared.faults.push(fault),
        }
    }
    let going: Vec<&str> = cleared
        .removed
        .iter()
        .map(|it| it.hook.branch.as_str())
        .collect();
    let stray = stray_branches(home)?;
    for (branch, _) in stray
        .into_iter()
        .filter(|it| !going.contains(&it.0.as_str()))
    {
        if dry_run || hook::retire_branch(home, &branch)? {
            cleared.branches.push(branch);
        }
    }
    Ok(cleared)
}

/// Returns the branches of polecats' work, with their commits, that are on nobody's hook, checked out
/// nowhere and not in the queue. Whoever made a branch of another shape keeps it.
pub(super) fn stray_branches(home: &Home) -> Result<Vec<(String, Oid)>> {
    let hooks = Hook::all(home)?;
    let requests = home.view().live_requests()?;
    let worktrees = home.repo().worktrees()?;
    let Some(clone) = CloneId::known(home.repo()) else {
        return Ok(Vec::new());
    };
    let ending = format!("-{clone}");
    let mut found = Vec::new();
    for (name, tip) in home.repo().list_refs("refs/heads/gt/")? {
        let short = name.trim_start_matches("refs/heads/").to_owned();
        let hangs = hooks
            .iter()
            .any(|it| it.branch == short || it.leaves == short);
        let waits = requests.iter().any(|it| it.branch() == short);
        let stands = worktrees
            .iter()
            .any(|it| it.branch.as_deref() == Some(&name));
        if short.ends_with(&ending) && !hangs && !waits && !stands {
            found.push((short, tip));
        }
    }
    Ok(found)
}
