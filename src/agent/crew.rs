//! Crew: people with a worktree of their own, which stays.

use std::path::PathBuf;

use super::hook::names_lock;
use super::{Hook, names};
use crate::fault::{Fault, Result};
use crate::ledger::CloneId;
use crate::town::{Home, guest, set_guest};

/// A crew member's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crew {
    /// The address: `<rig>/crew/<name>`, or that of whoever is a guest from another rig.
    pub address: String,
    /// The name of the folder.
    pub name: String,
    /// The worktree.
    pub path: PathBuf,
    /// The branch it stands on, by its short name; empty where it stands on none.
    pub branch: String,
    /// How many files differ from what is committed.
    pub changes: usize,
}

/// Makes a worktree for a person, on a branch of its own that starts at the target; one that is there stays
/// as it is. Returns it and whether it was made just now.
///
/// `identity` is who works in it where that is somebody of another rig; a worktree of that name that is
/// somebody else's is refused. After a crash it may be noted whose it is, and the branch be there, without
/// the worktree; adding it again makes the rest.
pub fn add_crew(home: &Home, name: &str, identity: Option<&str>) -> Result<(Crew, bool)> {
    names::check(name)?;
    let _lock = names_lock(home)?;
    home.repo().mend_worktree(&home.crew_dir(name))?;
    let own = format!("{}/crew/{name}", home.rig().name());
    if let Some(known) = all_crew(home)?.into_iter().find(|it| it.name == name) {
        if known.address != identity.unwrap_or(&own) {
            return Err(Fault::refused(format!(
                "'{}' is the worktree of {}",
                known.path.display(),
                known.address
            ))
            .hint("git gt crew list shows whose is whose; nothing in it was touched"));
        }
        return Ok((known, false));
    }
    let path = home.crew_dir(name);
    if path.exists() {
        return Err(Fault::refused(format!(
            "'{}' is there and is no worktree of this rig",
            path.display()
        ))
        .hint("move it out of the way; nothing in it was touched"));
    }
    let target = home.target(None)?;
    let base = home.base(&target)?;
    let branch = format!("crew/{name}");
    // Whose it is has to be known before anybody can work in it.
    set_guest(home, name, identity)?;
    if home
        .repo()
        .find_ref(&format!("refs/heads/{branch}"))?
        .is_some()
    {
        home.repo().add_worktree_on(&path, &branch)?;
    } else {
        home.repo().add_worktree(&path, &branch, &base)?;
    }
    let made = all_crew(home)?.into_iter().find(|it| it.name == name);
    let made =
        made.ok_or_else(|| Fault::fatal(format!("git made no worktree at '{}'", path.display())))?;
    Ok((made, true))
}

/// Returns the crew of a rig on this machine, sorted by name.
pub fn all_crew(home: &Home) -> Result<Vec<Crew>> {
    let folder = home.hooks_dir().join("crew");
    let folder = folder.canonicalize().unwrap_or(folder);
    let mut found = Vec::new();
    for worktree in home.repo().worktrees()? {
        let Ok(name) = worktree.path.strip_prefix(&folder) else {
            continue;
        };
        let name = name.display().to_string();
        let branch = worktree.branch.unwrap_or_default();
        let own = || format!("{}/crew/{name}", home.rig().name());
        found.push(Crew {
            address: guest(home, &name).unwrap_or_else(own),
            branch: branch.trim_start_matches("refs/heads/").to_owned(),
            changes: home.repo().changes_in(&worktree.path)?.len(),
            path: worktree.path,
            name,
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Removes a crew member's worktree; the branch stays. With `identity` only one in which they work.
///
/// Refuses one with changes that are not committed, unless `force`: they are then saved in the attic. After
/// a crash the worktree is there or partly there; removing it again removes the rest.
pub fn remove_crew(
    home: &Home,
    (name, identity): (&str, Option<&str>),
    force: bool,
) -> Result<Crew> {
    let _lock = names_lock(home)?;
    let is_meant = |it: &Crew| it.name == name && identity.is_none_or(|who| who == it.address);
    let Some(crew) = all_crew(home)?.into_iter().find(is_meant) else {
        return Err(Fault::not_found(format!(
            "rig {} has no crew member '{name}' on this machine",
            home.rig().name()
        ))
        .hint("git gt crew list shows who there is"));
    };
    let hook = Hook::find(home, &crew.address)?;
    if let Some(hook) = &hook
        && let Some(bead) = home.view().readable_bead(&hook.bead)?
        && bead.holder().as_deref() == Some(&crew.address)
    {
        return Err(
            Fault::refused(format!("{} has {} on its hook", crew.address, bead.id()))
                .hint(format!("git gt unsling {}", bead.id())),
        );
    }
    if crew.changes > 0 && !force {
        return Err(Fault::refused(format!(
            "{} has {} uncommitted changes in '{}'",
            crew.address,
            crew.changes,
            crew.path.display()
        ))
        .hint("commit them, or save them in the attic and remove it all the same: --force"));
    }
    let clone = CloneId::of(home.repo())?;
    let target = home.target(None)?;
    let keeper = home.known_tip(&target)?;
    let why = format!("crew {name} of {} removed", home.rig().name());
    home.repo()
        .retire_worktree(clone.as_str(), &crew.path, keeper.as_ref(), &why)?;
    set_guest(home, name, None)?;
    if let Some(hook) = hook {
        hook.forget(home)?;
    }
    Ok(crew)
}
