//! Who acts: the name that decisions are signed with.

use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::world::World;

/// Returns the actor: what was given, `BD_ACTOR`, `BEADS_ACTOR`, `GT_ROLE`, git's `user.name`, `USER`, in
/// this order; `unknown` where none of them is set.
pub fn actor(repo: &Repo, given: Option<&str>) -> String {
    let env = |key| repo.world().env(key).map(str::to_owned);
    let given = given
        .map(str::to_owned)
        .filter(|name| !name.trim().is_empty());
    let actor = given
        .or_else(|| env("BD_ACTOR"))
        .or_else(|| env("BEADS_ACTOR"))
        .or_else(|| env("GT_ROLE"))
        .or_else(|| repo.setting("user.name").filter(|name| !name.is_empty()))
        .or_else(|| env("USER"))
        .unwrap_or_else(|| "unknown".to_owned());
    actor
        .trim()
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect()
}

/// Returns what this machine is called where agents of one name are told apart: `gt.machine`, else the host's
/// name. What cannot stand in an address becomes a dash.
pub fn machine(repo: &Repo) -> String {
    let set = repo.setting("gt.machine").filter(|name| !name.is_empty());
    let name = set.unwrap_or_else(|| repo.world().host());
    let usable = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let clean = |c| if usable(c) { c } else { '-' };
    name.trim().chars().take(100).map(clean).collect()
}

/// Refuses what a worker must not decide for the others; `what` completes "a polecat does not …".
pub fn refuse_worker(world: &World, what: &str) -> Result<()> {
    match world.env("GT_ROLE") {
        Some(role) if role.contains("/polecats/") => Err(Fault::refused(format!(
            "{role} is a polecat, and a polecat does not {what}"
        ))
        .hint("say what you need in a comment: git gt comment <bead> \"...\"")),
        _ => Ok(()),
    }
}
