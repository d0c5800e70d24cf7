//! Who acts: the name that decisions are signed with, and the role it plays.

use super::layout::hooks_dir;
use super::{Home, rig};
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::world::World;

/// Where the answer to "who am I" comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `--actor`.
    Given,
    /// The variable of this name.
    Variable(&'static str),
    /// The worktree one stands in.
    Place,
    /// `user.name` of git.
    Git,
    /// Nothing says who.
    Nobody,
}

/// Returns the actor and where that comes from: what was given, `BD_ACTOR`, `BEADS_ACTOR`, `GT_ROLE`, the
/// worktree of a polecat or a crew member, git's `user.name`, `USER`, in this order; `unknown` where none
/// of them says.
pub fn who(repo: &Repo, given: Option<&str>) -> (String, Source) {
    let variable = |key: &'static str| {
        let value = repo.world().env(key)?.to_owned();
        Some((value, Source::Variable(key)))
    };
    let given = given
        .map(str::to_owned)
        .filter(|name| !name.trim().is_empty());
    let git = || repo.setting("user.name").filter(|name| !name.is_empty());
    let (actor, source) = given
        .map(|name| (name, Source::Given))
        .or_else(|| variable("BD_ACTOR"))
        .or_else(|| variable("BEADS_ACTOR"))
        .or_else(|| variable("GT_ROLE"))
        .or_else(|| place(repo).map(|name| (name, Source::Place)))
        .or_else(|| git().map(|name| (name, Source::Git)))
        .or_else(|| variable("USER"))
        .unwrap_or_else(|| ("unknown".to_owned(), Source::Nobody));
    let actor = actor
        .trim()
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect();
    (actor, source)
}

/// Returns the actor, as [`who`] finds it.
pub fn actor(repo: &Repo, given: Option<&str>) -> String {
    who(repo, given).0
}

/// Returns the address of whoever works in the worktree one stands in: `<rig>/polecats/<name>`,
/// `<rig>/crew/<name>`, or what that worktree was made for in another rig.
fn place(repo: &Repo) -> Option<String> {
    if repo.git_dir() == repo.common_dir() {
        return None;
    }
    let inside = repo.workdir()?.strip_prefix(hooks_dir(repo)).ok()?;
    let mut parts = inside.components().map(|it| it.as_os_str().to_str());
    let (Some(Some(role)), Some(Some(name)), None) = (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if !["crew", "polecats"].contains(&role) {
        return None;
    }
    if let Some(identity) = repo.setting(&guest_key(name)) {
        return Some(identity);
    }
    let rig = rig::find(repo).ok()??;
    Some(format!("{}/{role}/{name}", rig.name()))
}

/// Returns who works in a crew worktree of a home where that is somebody of another rig.
pub fn guest(home: &Home, name: &str) -> Option<String> {
    home.repo().setting(&guest_key(name))
}

/// Notes who works in a crew worktree of a home, or that nobody from elsewhere does any more.
///
/// After a crash it is noted or it is not.
pub fn set_guest(home: &Home, name: &str, identity: Option<&str>) -> Result<()> {
    match identity {
        Some(identity) => home.repo().set_setting(&guest_key(name), identity),
        None => home.repo().unset_setting(&guest_key(name)),
    }
}

fn guest_key(name: &str) -> String {
    format!("gt.guest.{name}.identity")
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

/// Returns the role that whoever acts under a name plays, in a word.
pub fn role_of(actor: &str) -> &'static str {
    match actor.split('/').collect::<Vec<_>>()[..] {
        ["mayor"] | ["mayor", ""] => "mayor",
        ["deacon", ..] => "deacon",
        [_, "polecats", _] => "polecat",
        [_, "crew", _] => "crew",
        [_, "refinery"] => "refinery",
        [_, "witness"] => "witness",
        _ => "overseer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_off_the_address() {
        let check = |actor, want| assert_eq!(role_of(actor), want, "{actor}");
        check("mayor/", "mayor");
        check("mayor", "mayor");
        check("api/polecats/nux", "polecat");
        check("api/crew/max", "crew");
        check("api/refinery", "refinery");
        check("Ada Lovelace", "overseer");
        check("a/b/c/d", "overseer");
    }
}
