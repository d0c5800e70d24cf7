//! Handing a bead to somebody who works in a worktree of their own: a crew member, or whoever stands in
//! one. Nothing is started and no branch is made; what hangs there is noted.

use std::path::PathBuf;

use super::hook::{self, Hook};
use super::names;
use super::sling::give;
use super::state::{Duty, Look};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen};
use crate::record::Bead;
use crate::town::{Home, View, guest, refuse_worker};

/// Somebody with a worktree of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// The address.
    pub agent: String,
    /// The worktree.
    pub path: PathBuf,
}

/// What is to be handed over.
#[derive(Debug, Clone, Default)]
pub struct Handing {
    /// What its keeper is to be told, empty for nothing.
    pub args: String,
    /// Hand it over although other beads block it, and in place of what hangs there.
    pub force: bool,
    /// Decide, and write nothing.
    pub dry_run: bool,
}

/// What was handed over.
#[derive(Debug)]
pub struct Handed {
    /// The bead.
    pub bead: Bead,
    /// Where it hangs.
    pub hook: Hook,
    /// Whether it hung there already.
    pub again: bool,
    /// The bead that hung there before and is open again.
    pub replaced: Option<String>,
}

/// Returns the crew member of a name.
pub fn crew(home: &Home, name: &str) -> Result<Keeper> {
    names::check(name)?;
    let path = home.crew_dir(name);
    let rig = home.rig().name();
    if home.repo().worktree_at(&path)?.is_none() {
        return Err(Fault::not_found(format!(
            "there is no crew member '{name}' in rig '{rig}': '{}' is no worktree",
            path.display()
        ))
        .hint(format!("git gt crew add {name}")));
    }
    let agent = guest(home, name).unwrap_or_else(|| format!("{rig}/crew/{name}"));
    Ok(Keeper { agent, path })
}

/// Returns whoever stands in the worktree we are in: the crew member it belongs to, else the actor.
pub fn own(home: &Home, actor: &str) -> Result<Keeper> {
    refuse_worker(home.world(), "sling")?;
    let Some(path) = home.repo().workdir().map(PathBuf::from) else {
        return Err(Fault::refused("here is no worktree to hang a bead in")
            .hint("go into one, or name a polecat or a rig"));
    };
    let folder = home.hooks_dir().join("crew");
    let folder = folder.canonicalize().unwrap_or(folder);
    if let Ok(name) = path.strip_prefix(&folder) {
        return crew(home, &name.to_string_lossy());
    }
    let polecats = Hook::all(home)?.into_iter().filter(Hook::is_polecat);
    for hook in polecats {
        if hook.path.canonicalize().is_ok_and(|it| it == path) {
            return Err(Fault::refused(format!(
                "this is the worktree of {}, not one of yours",
                hook.agent
            ))
            .hint(format!(
                "to give it to that polecat, name it: {}",
                hook.name()
            )));
        }
    }
    let agent = actor.to_owned();
    Ok(Keeper { agent, path })
}

/// Hands over a bead; `make` finds it, or makes it, over the newest view.
///
/// The claim, and the end of what hung there before, are one commit; the note of where it hangs follows.
/// After a crash between the two, handing it over again makes the note.
pub fn hand(
    home: &Home,
    actor: &str,
    (keeper, what): (&Keeper, &Handing),
    mut make: impl FnMut(&View<'_>, &Pen<'_>) -> Result<Bead>,
) -> Result<Handed> {
    refuse_worker(home.world(), "sling")?;
    let _names = hook::names_lock(home)?;
    let old = Hook::find(home, &keeper.agent)?;
    let look = Look::at(home)?;
    let held = match &old {
        // Work that waits in the queue is out of its author's hands.
        Some(old) if look.duty(old)? == Duty::Holds => Some(old.bead.clone()),
        _ => None,
    };
    let written = home.write(Name::Beads, actor, |view, pen| {
        let bead = make(view, pen)?;
        decide(view, pen, (keeper, what), (bead, held.as_deref()))
    })?;
    let given = written.value;
    let branch = hook::branch_at(home, &keeper.path)?.unwrap_or_default();
    let again = given.again && old.as_ref().is_some_and(|it| it.bead == given.bead.id());
    let hook = Hook {
        agent: keeper.agent.clone(),
        bead: given.bead.id().to_owned(),
        epoch: given.epoch,
        base: hook::target_tip(home)
            .map(|it| it.to_string())
            .unwrap_or_default(),
        branch,
        leaves: String::new(),
        path: keeper.path.clone(),
        since: match old.filter(|_| again) {
            Some(old) => old.since,
            None => home.world().now().to_string(),
        },
    };
    if !what.dry_run {
        hook.save(home)?;
    }
    Ok(Handed {
        bead: given.bead,
        hook,
        again,
        replaced: given.replaced,
    })
}

struct Given {
    bead: Bead,
    epoch: u64,
    again: bool,
    replaced: Option<String>,
}

fn decide(
    view: &View<'_>,
    pen: &Pen<'_>,
    (keeper, what): (&Keeper, &Handing),
    (mut bead, held): (Bead, Option<&str>),
) -> Result<Decision<Given>> {
    let agent = &keeper.agent;
    let mut records = Vec::new();
    let mut replaced = None;
    if let Some(other) = held.filter(|other| *other != bead.id()) {
        if !what.force {
            return Err(
                Fault::refused(format!("{agent} has {other} on its hook")).hint(format!(
                    "git gt release {other} gives it up; --force does so and hangs this one there"
                )),
            );
        }
        if let Some(mut old) = view
            .bead(other)?
            .filter(|it| it.holder().as_ref() == Some(agent))
        {
            let stamp = pen.stamp(old.record());
            bead::release(&mut old, &stamp)?;
            records.push(old.into_record());
            replaced = Some(other.to_owned());
        }
    }
    let before = view.bead(bead.id())?;
    let holder = bead.holder();
    let again = holder.as_ref() == Some(agent);
    if let Some(holder) = holder.filter(|it| it != agent) {
        let id = bead.id();
        return Err(Fault::refused(format!("bead {id} is claimed by {holder}"))
            .hint(format!("to take it away: git gt release {id}")));
    }
    if !again && !what.force {
        super::sling::refuse_blocked(view, &bead)?;
    }
    let stamp = pen.stamp(bead.record());
    let epoch = give(&mut bead, agent, &what.args, &stamp)?;
    let is_same = before.as_ref() == Some(&bead);
    let subject = match before {
        Some(_) => format!("sling {} to {agent}", bead.id()),
        None => format!("create {} for {agent}: {}", bead.id(), bead.title()),
    };
    records.push(bead.clone().into_record());
    let given = Given {
        bead,
        epoch,
        again,
        replaced,
    };
    if what.dry_run || is_same {
        return Ok(Decision::nothing(given));
    }
    Ok(Decision::write(subject, records, given))
}
