//! Slinging: a bead is claimed for an agent, hung on its hook, and the agent started.

use std::path::PathBuf;

use super::checkpoint::{self, Checkpoint};
use super::hook::{self, Hook};
use super::session::{self, Session};
use super::{Standing, agents, names};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::ledger::{CloneId, Decision, Name};
use crate::record::Bead;
use crate::town::{Agent, Backend, Home, refuse_worker};
use crate::world::fs::Lock;

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
    /// Whether work that was begun is taken up again.
    pub again: bool,
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
        refuse_blocked(home, &bead)?;
    }
    if let Some(name) = &order.polecat {
        names::check(name)?;
        refuse_busy(home, name, &bead, &standing)?;
    }
    let name = match (&holder, &order.polecat) {
        (Some(holder), Some(wanted)) if holder.rsplit('/').next() != Some(wanted) => {
            return Err(on_hook(&bead, holder));
        }
        (Some(holder), _) => holder.rsplit('/').next().map(str::to_owned),
        (None, wanted) => wanted.clone(),
    };
    let target = home.target(None)?;
    let base = home.known_tip(&target)?.ok_or_else(|| {
        Fault::not_found(format!(
            "the target branch '{}' does not exist yet",
            target.branch
        ))
        .hint("make a first commit, or fetch the remote's: git fetch")
    })?;
    Ok(Planned {
        bead: bead.id().to_owned(),
        title: bead.title().to_owned(),
        agent: address(home, name.as_deref().unwrap_or("(a new polecat)")),
        again: holder.is_some(),
        base: base.to_string(),
        path: name.map(|name| home.polecat_dir(&name)).unwrap_or_default(),
    })
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
            Fault::refused(format!("bead {} is claimed by {}", bead.id(), claim.by)).hint(format!(
                "to take it away: git gt update {} --assignee ''",
                bead.id()
            )),
        );
    }
    let hook = standing.iter().find(|it| it.hook.agent == claim.by);
    if hook.is_some_and(|it| it.alive || it.hook.bead != bead.id()) {
        return Err(on_hook(bead, &claim.by));
    }
    let queued = home.view().requests()?;
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

fn refuse_blocked(home: &Home, bead: &Bead) -> Result<()> {
    let blockers = bead::blockers(&home.view(), bead)?;
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

fn refuse_busy(home: &Home, name: &str, bead: &Bead, standing: &[Standing]) -> Result<()> {
    let agent = address(home, name);
    let busy = standing
        .iter()
        .find(|it| it.hook.agent == agent && it.hook.bead != bead.id());
    match busy {
        Some(it) => Err(
            Fault::refused(format!("{agent} has {} on its hook", it.hook.bead))
                .hint("leave the name away to give the bead to a new polecat"),
        ),
        None => Ok(()),
    }
}

/// Slings a bead: claims it, hangs it on a hook, starts the agent.
///
/// The name is reserved first, then the bead claimed, then branch and worktree made, then the agent
/// started. After a crash at any point slinging the bead again carries on where it stopped.
pub fn sling(home: &Home, actor: &str, order: &Order) -> Result<Slung> {
    let _lock = one_at_a_time(home, order)?;
    let planned = plan(home, order)?;
    let mut hook = reserve(home, order, &planned)?;
    let clone = CloneId::of(home.repo())?;
    let agent = hook.agent.clone();
    let claimed = home.write(Name::Beads, actor, |view, pen| {
        let missing = || Fault::not_found(format!("there is no bead '{}'", order.bead));
        let mut bead = view.bead(&order.bead)?.ok_or_else(missing)?;
        let before = bead.clone();
        let stamp = pen.stamp(bead.record());
        let epoch = bead::claim(&mut bead, &agent, &stamp)?.epoch;
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
    let (bead, epoch) = match claimed {
        Ok(written) => written.value,
        Err(fault) => {
            if hook.epoch == 0 {
                hook.forget(home)?;
            }
            return Err(fault);
        }
    };
    let path = place(home, &hook);
    if hook.epoch != epoch || hook.path != path {
        hook.epoch = epoch;
        hook.branch = hook::branch_of(hook.name(), bead.id(), epoch, &clone);
        hook.path = path;
        hook.save(home)?;
    }
    hook::hang(home, &hook)?;
    let carried_over = checkpoint::carry_over(home, &hook);
    let started = start(home, order, &hook, &bead)?;
    Ok(Slung {
        bead: bead.id().to_owned(),
        title: bead.title().to_owned(),
        hook,
        carried_over,
        started,
    })
}

/// Returns where a hook stands: where its worktree is, else where worktrees are made now.
fn place(home: &Home, hook: &Hook) -> PathBuf {
    if hook.path.join(".git").exists() {
        hook.path.clone()
    } else {
        home.polecat_dir(hook.name())
    }
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

/// Returns the hook that is begun already, or reserves a name for a new one.
fn reserve(home: &Home, order: &Order, planned: &Planned) -> Result<Hook> {
    let named = planned
        .path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let begun = Hook::all(home)?
        .into_iter()
        .find(|hook| hook.bead == order.bead && (hook.epoch == 0 || planned.again));
    if let Some(hook) = begun {
        if named.as_deref().is_none_or(|name| name == hook.name()) {
            return Ok(hook);
        }
        // A crash left no more than the name of somebody else, who is not wanted any more.
        hook.forget(home)?;
    }
    let one = named.clone().into_iter();
    let pool = names::candidates().filter(|_| named.is_none()).take(10_000);
    for name in one.chain(pool) {
        let path = home.polecat_dir(&name);
        if path.exists() && named.is_none() {
            continue;
        }
        let hook = Hook {
            agent: address(home, &name),
            bead: order.bead.clone(),
            epoch: 0,
            base: planned.base.clone(),
            branch: String::new(),
            path,
            since: home.world().now().to_string(),
        };
        if hook.reserve(home)? {
            return Ok(hook);
        }
    }
    Err(Fault::stale(format!("no name is free for {}", order.bead)))
}
