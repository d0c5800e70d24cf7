//! Slinging: a bead is claimed for an agent, hung on its hook, and the agent started.

use std::path::PathBuf;

use super::checkpoint::{self, Checkpoint};
use super::hook::{self, Hook};
use super::session::{self, Session};
use super::state::{self, Duty, Ground, Look};
use super::{Standing, agents, names};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::ledger::{CloneId, Decision, Name, Stamp};
use crate::record::Bead;
use crate::town::{Agent, Backend, Home, View, refuse_worker};
use crate::world::fs::Lock;

/// The label of a bead whose worker needs help.
pub(super) const ESCALATED: &str = "escalated";

/// What is to be slung.
#[derive(Debug, Clone)]
pub struct Order {
    /// The bead's id.
    pub bead: String,
    /// The polecat it is for; nothing: a new one.
    pub polecat: Option<String>,
    /// The agent to start.
    pub agent: Option<Agent>,
    /// How it is kept running.
    pub backend: Backend,
    /// Sling it although other beads block it.
    pub force: bool,
    /// What the agent is to be told about this piece of work, empty for nothing.
    pub args: String,
}

/// What slinging would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The bead.
    pub bead: String,
    /// Its title.
    pub title: String,
    /// The agent's address, without the name where a new one would be taken from the pool.
    pub agent: String,
    /// Whether work that was begun is taken up again, on its branch.
    pub again: bool,
    /// Whether the worktree of earlier work serves again.
    pub reuse: bool,
    /// The commit the branch starts from.
    pub base: String,
    /// Where the hook stands, empty where the name is not known yet.
    pub path: PathBuf,
}

/// What was slung.
#[derive(Debug)]
pub struct Slung {
    /// The bead's id.
    pub bead: String,
    /// Its title.
    pub title: String,
    /// What its agent is told about it, empty for nothing.
    pub args: String,
    /// The hook it hangs on.
    pub hook: Hook,
    /// The saved work that was brought back into it, or why it was not.
    pub carried_over: Result<Option<Checkpoint>>,
    /// How the agent was started.
    pub started: Started,
}

/// How an agent was started.
#[derive(Debug)]
pub enum Started {
    /// As a session of ours.
    Session(Session),
    /// Not at all: the user does it, in the hook, with this prompt.
    ByHand {
        /// The command that would have been run.
        command: String,
        /// What the agent is to be told.
        prompt: String,
    },
}

/// Returns what slinging would do, or why it cannot be done. Pure but for what it reads.
pub fn plan(home: &Home, order: &Order) -> Result<Planned> {
    refuse_worker(home.world(), "sling")?;
    let view = home.view();
    let bead = view
        .bead(&order.bead)?
        .filter(|bead| !bead.is_deleted())
        .ok_or_else(|| {
            Fault::not_found(format!("there is no bead '{}'", order.bead))
                .hint("git gt list shows what there is")
        })?;
    if bead.is_closed() {
        return Err(Fault::refused(format!(
            "bead {} is closed: {}",
            bead.id(),
            bead.close_reason()
        ))
        .hint(format!("to work on it again: git gt reopen {}", bead.id())));
    }
    let standing = agents(home)?;
    let holder = held_here(home, &bead, &standing)?;
    if holder.is_none() && !order.force {
        refuse_blocked(&view, &bead)?;
        refuse_queued(&view, &bead)?;
    }
    if let Some(name) = &order.polecat {
        names::check(name)?;
        refuse_busy(home, name, &bead, &standing)?;
    }
    let begun = goes_on(home, order, (&bead, holder), &standing)?;
    let name = begun.as_deref().map(last).or(order.polecat.as_deref());
    let name = name.map(str::to_owned);
    let target = bead::target_of(home, Some(bead.id()), None)?;
    let base = home.base(&target)?;
    let idle = match name {
        Some(_) => None,
        None => state::longest_idle(home)?,
    };
    let reuse = match (&name, &idle) {
        (_, Some(_)) => true,
        (Some(name), None) => begun.is_none() && Hook::find(home, &address(home, name))?.is_some(),
        (None, None) => false,
    };
    let name = name.or_else(|| idle.map(|hook| hook.name().to_owned()));
    Ok(Planned {
        bead: bead.id().to_owned(),
        title: bead.title().to_owned(),
        agent: address(home, name.as_deref().unwrap_or("(a new polecat)")),
        again: begun.is_some(),
        reuse,
        base: base.to_string(),
        path: name.map(|name| home.polecat_dir(&name)).unwrap_or_default(),
    })
}

/// Returns the polecat that takes up again what it has begun, nothing where the bead is begun anew.
fn goes_on(
    home: &Home,
    order: &Order,
    (bead, holder): (&Bead, Option<String>),
    standing: &[Standing],
) -> Result<Option<String>> {
    let is_wanted = |agent: &String| {
        let name = last(agent);
        order.polecat.as_deref().is_none_or(|wanted| name == wanted)
    };
    let begun = match holder {
        Some(holder) if !is_wanted(&holder) => return Err(on_hook(bead, &holder)),
        Some(holder) => Some(holder),
        None => begun(home, bead, standing)?.filter(is_wanted),
    };
    let is_begun = |it: &&Standing| begun.as_ref() == Some(&it.hook.agent);
    if let Some(it) = standing.iter().find(is_begun) {
        session::refuse_unwatched(home, &it.hook)?;
    }
    Ok(begun)
}

/// Returns the name in an address.
fn last(agent: &str) -> &str {
    agent.rsplit('/').next().unwrap_or(agent)
}

/// Returns the polecat that worked on a bead until its claim was given up, without ever queueing that
/// work: it goes on where it stopped.
fn begun(home: &Home, bead: &Bead, standing: &[Standing]) -> Result<Option<String>> {
    let mut on_it = standing
        .iter()
        .filter(|it| it.hook.bead == bead.id() && it.hook.is_polecat() && it.hook.epoch > 0)
        .peekable();
    if on_it.peek().is_none() {
        return Ok(None);
    }
    let look = Look::at(home)?;
    for it in on_it.filter(|it| !it.alive) {
        if look.was_queued(&it.hook.branch)? {
            continue;
        }
        let stands = match look.ground(&it.hook)? {
            Ground::Clean | Ground::Dirty(_) | Ground::Moved(_) => true,
            Ground::Gone => home
                .repo()
                .find_ref(&format!("refs/heads/{}", it.hook.branch))?
                .is_some(),
            Ground::Astray(_) => false,
        };
        if stands && look.duty(&it.hook)? == Duty::Over {
            return Ok(Some(it.hook.agent.clone()));
        }
    }
    Ok(None)
}

fn address(home: &Home, name: &str) -> String {
    format!("{}/polecats/{name}", home.rig().name())
}

/// Returns the polecat of this clone that holds the bead and does not run, so that its work is taken up
/// again; refuses a bead that somebody else holds, or whose agent runs.
fn held_here(home: &Home, bead: &Bead, standing: &[Standing]) -> Result<Option<String>> {
    let Some(claim) = bead.claim() else {
        return Ok(None);
    };
    let ours = CloneId::known(home.repo());
    let is_ours = ours.is_some_and(|clone| clone.as_str() == claim.stamp.clone_part());
    if !is_ours || !claim.by.starts_with(&address(home, "")) {
        return Err(
            Fault::refused(format!("bead {} is claimed by {}", bead.id(), claim.by))
                .hint(format!("to take it away: git gt release {}", bead.id())),
        );
    }
    let hook = standing.iter().find(|it| it.hook.agent == claim.by);
    if hook.is_some_and(|it| it.alive || it.hook.bead != bead.id()) {
        return Err(on_hook(bead, &claim.by));
    }
    let queued = home.view().requests_of(bead.id())?;
    if let Some(request) = queued
        .iter()
        .find(|it| it.is_live() && it.bead() == bead.id())
    {
        return Err(Fault::refused(format!(
            "the work of {} on {} waits in the queue as {}",
            claim.by,
            bead.id(),
            request.id()
        ))
        .hint("git gt refinery run lands it"));
    }
    Ok(Some(claim.by))
}

fn on_hook(bead: &Bead, agent: &str) -> Fault {
    Fault::refused(format!(
        "bead {} is on the hook of {agent} already",
        bead.id()
    ))
    .hint("git gt agents shows whether it runs and where its log is")
}

pub(super) fn refuse_blocked(view: &View<'_>, bead: &Bead) -> Result<()> {
    let blockers = bead::blockers(view, bead)?;
    if blockers.is_empty() {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "bead {} waits for {}",
        bead.id(),
        blockers.join(", ")
    ))
    .hint("git gt ready shows what can be worked on now; --force slings it all the same"))
}

/// Refuses a bead whose work waits in the queue, though nobody holds it.
fn refuse_queued(view: &View<'_>, bead: &Bead) -> Result<()> {
    let queued = view.requests_of(bead.id())?;
    let mut waiting = queued
        .iter()
        .filter(|it| it.is_live() && it.bead() == bead.id());
    let Some(request) = waiting.next() else {
        return Ok(());
    };
    Err(Fault::refused(format!(
        "work on {} waits in the queue as {}",
        bead.id(),
        request.id()
    ))
    .hint("git gt refinery run lands it; --force slings the bead all the same"))
}

/// Refuses a polecat that has something else to do, or whose worktree is not to be touched.
fn refuse_busy(home: &Home, name: &str, bead: &Bead, standing: &[Standing]) -> Result<()> {
    let agent = address(home, name);
    let named = standing.iter().find(|it| it.hook.agent == agent);
    let Some(it) = named.filter(|it| it.hook.bead != bead.id()) else {
        return Ok(());
    };
    let look = Look::at(home)?;
    if it.alive || look.duty(&it.hook)? != Duty::Over {
        return Err(
            Fault::refused(format!("{agent} has {} on its hook", it.hook.bead))
                .hint("leave the name out to give the bead to another polecat"),
        );
    }
    session::refuse_occupied(home, &it.hook)?;
    let path = it.hook.path.display();
    let why = match look.ground(&it.hook)? {
        Ground::Clean | Ground::Gone => return Ok(()),
        Ground::Dirty(_) => format!("has uncommitted changes in '{path}'"),
        Ground::Astray(there) => format!("left its worktree '{path}' on {there}"),
        Ground::Moved(there) => format!("has its worktree elsewhere now: '{}'", there.display()),
    };
    Err(Fault::refused(format!("{agent} {why}")).hint(format!(
        "nothing there is touched; leave the name out, or take its worktree away: git gt polecat remove {name}"
    )))
}

/// Slings a bead: claims it, hangs it on a hook, starts the agent.
///
/// The name is reserved first, then the bead claimed, then branch and worktree made, then the agent
/// started. After a crash at any point slinging the bead again carries on where it stopped.
pub fn sling(home: &Home, actor: &str, order: &Order) -> Result<Slung> {
    let _lock = one_at_a_time(home, order)?;
    let names = hook::names_lock(home)?;
    let planned = plan(home, order)?;
    let (mut hook, before) = reserve(home, order, &planned)?;
    let (bead, epoch) = match claim(home, actor, order, &hook.agent) {
        Ok(claimed) => claimed,
        Err(fault) => {
            match before {
                Some(before) => before.save(home)?,
                None if hook.epoch == 0 => hook.forget(home)?,
                None => {}
            }
            return Err(fault);
        }
    };
    let path = place(home, &hook)?;
    if hook.epoch != epoch || hook.path != path {
        hook.epoch = epoch;
        hook.path = path;
        if hook.branch.is_empty() {
            let clone = CloneId::of(home.repo())?;
            hook.branch = hook::branch_of(hook.name(), bead.id(), epoch, &clone);
        }
        hook.save(home)?;
    }
    drop(names);
    hook::hang(home, &mut hook)?;
    let carried_over = checkpoint::carry_over(home, &hook);
    let started = start(home, order, &hook, &bead)?;
    Ok(Slung {
        bead: bead.id().to_owned(),
        title: bead.title().to_owned(),
        args: bead.args().to_owned(),
        hook,
        carried_over,
        started,
    })
}

/// Claims the bead for an agent and notes what the agent is to be told; returns the bead and the epoch.
fn claim(home: &Home, actor: &str, order: &Order, agent: &str) -> Result<(Bead, u64)> {
    let written = home.write(Name::Beads, actor, |view, pen| {
        let missing = || Fault::not_found(format!("there is no bead '{}'", order.bead));
        let mut bead = view.bead(&order.bead)?.ok_or_else(missing)?;
        let before = bead.clone();
        let epoch = give(&mut bead, agent, &order.args, &pen.stamp(before.record()))?;
        if bead == before {
            return Ok(Decision::nothing((bead, epoch)));
        }
        let subject = format!("sling {} to {agent}", bead.id());
        Ok(Decision::write(
            subject,
            vec![bead.clone().into_record()],
            (bead, epoch),
        ))
    });
    written.map(|it| it.value)
}

/// Makes an agent hold a bead and tells it something about it, nothing where `args` is empty; returns the
/// epoch. Whoever gives a bead out has dealt with what it was escalated for.
pub(super) fn give(bead: &mut Bead, agent: &str, args: &str, stamp: &Stamp) -> Result<u64> {
    let held = bead.holder().is_some();
    let epoch = bead::claim(bead, agent, stamp)?.epoch;
    if !args.is_empty() {
        bead.set_args(args, stamp);
    }
    if !held && bead.labels().any(|label| label == ESCALATED) {
        bead.record_mut()
            .set_entry("labels", ESCALATED, None, stamp);
    }
    Ok(epoch)
}

/// Returns where a hook stands: where its worktree is, or was moved to, else where worktrees are made now.
fn place(home: &Home, hook: &Hook) -> Result<PathBuf> {
    if hook.path.join(".git").exists() {
        return Ok(hook.path.clone());
    }
    if !hook.branch.is_empty()
        && let Ground::Moved(path) = Look::at(home)?.ground(hook)?
    {
        return Ok(path);
    }
    Ok(home.polecat_dir(hook.name()))
}

/// Waits until nobody else slings the bead: the second one is to find it on its hook, not to start another
/// agent there.
fn one_at_a_time(home: &Home, order: &Order) -> Result<Lock> {
    // Beads share a few locks, so that no files pile up.
    let name = format!("sling-{}.lock", &home.repo().name_hash(&order.bead)[..1]);
    let path = home.repo().scratch_dir().join(name);
    Lock::take(&path).map_err(|error| Fault::io("lock", &path, &error))
}

fn start(home: &Home, order: &Order, hook: &Hook, bead: &Bead) -> Result<Started> {
    match (&order.agent, order.backend) {
        (Some(agent), Backend::Headless) => session::start(home, hook, agent)
            .map(Started::Session)
            .map_err(|fault| {
                fault.hint(format!(
                    "the bead is claimed; to try again: git gt sling {}",
                    hook.bead
                ))
            }),
        (agent, _) => Ok(Started::ByHand {
            command: agent
                .as_ref()
                .map(|agent| agent.command.clone())
                .unwrap_or_default(),
            prompt: session::prompt(home, hook, bead),
        }),
    }
}

/// Returns the hook that is begun already, or takes a name for a new one: of a polecat that has nothing to
/// do, with its worktree, else one that nobody has. What stood there before comes with it.
fn reserve(home: &Home, order: &Order, planned: &Planned) -> Result<(Hook, Option<Hook>)> {
    let named = planned
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let is_named = |hook: &Hook| named.as_deref().is_none_or(|name| name == hook.name());
    let is_wanted = |hook: &Hook| match (planned.again, &order.polecat) {
        (true, _) => is_named(hook),
        (false, Some(name)) => hook.epoch == 0 && hook.name() == name,
        (false, None) => hook.epoch == 0,
    };
    for hook in Hook::all(home)? {
        if hook.bead != order.bead || !hook.is_polecat() {
            continue;
        }
        if is_wanted(&hook) {
            return Ok((hook, None));
        }
        if is_remnant(home, &hook)? {
            // A crash left no more than the name of somebody else, who is not wanted any more.
            hook.forget(home)?;
        }
    }
    let one = named.clone().into_iter();
    let pool = names::candidates().filter(|_| named.is_none()).take(10_000);
    for name in one.chain(pool) {
        let hook = Hook {
            agent: address(home, &name),
            bead: order.bead.clone(),
            epoch: 0,
            base: planned.base.clone(),
            branch: String::new(),
            leaves: String::new(),
            path: home.polecat_dir(&name),
            since: home.world().now().to_string(),
        };
        if named.is_none() && hook.path.exists() {
            continue;
        }
        if hook.reserve(home)? {
            return Ok((hook, None));
        }
        if let Some(before) = Hook::find(home, &hook.agent)?
            && (named.is_some() || is_remnant(home, &before)?)
        {
            let hook = take_over(home, hook, &before)?;
            return Ok((hook, Some(before)));
        }
    }
    Err(Fault::stale(format!("no name is free for {}", order.bead)))
}

/// Returns whether a hook is what a crash left of one: a name and nothing else. Whoever reserves a name
/// holds the lock until more is there.
fn is_remnant(home: &Home, hook: &Hook) -> Result<bool> {
    let is_bare = hook.epoch == 0 && hook.leaves.is_empty() && !hook.path.exists();
    Ok(is_bare && Look::at(home)?.duty(hook)? == Duty::Over)
}

/// Gives the hook of a polecat that has nothing to do to other work. Its branch is put away once the
/// worktree has left it.
fn take_over(home: &Home, hook: Hook, before: &Hook) -> Result<Hook> {
    let there = hook::branch_at(home, &before.path)?;
    let old = [&before.branch, &before.leaves];
    let left = old.into_iter().find(|it| Some(*it) == there.as_ref());
    let hook = Hook {
        leaves: left.unwrap_or(&before.branch).clone(),
        path: before.path.clone(),
        ..hook
    };
    hook.save(home)?;
    Ok(hook)
}
