//! Hooks: an agent's worktree and the bead that hangs on it, noted in `refs/gt-local/hooks`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Cell, CloneId};
use crate::record::Claim;
use crate::town::{HOOKS, Home, actor, guest};
use crate::world::fs::Lock;

use super::session;

/// What hangs where. The truth about who works on what is the bead's claim; this says where it hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The agent's address: `<rig>/polecats/<name>`.
    pub agent: String,
    /// The bead.
    pub bead: String,
    /// The epoch of the claim; 0 while the name is only reserved.
    pub epoch: u64,
    /// The commit the branch started from.
    pub base: String,
    /// The branch, by its short name; of a person the one that was checked out when it was hung.
    pub branch: String,
    /// The branch of earlier work, which is put into the attic once the worktree has left it; mostly empty.
    pub(super) leaves: String,
    /// The worktree.
    pub path: PathBuf,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Hook {
    /// Returns an agent's hook, nothing where it has none.
    pub fn find(home: &Home, agent: &str) -> Result<Option<Self>> {
        let value = Cell::find(home.repo(), HOOKS, agent)?;
        Ok(value.map(|value| Self::read(agent, &value)))
    }

    /// Returns all hooks of this clone, sorted by agent.
    pub fn all(home: &Home) -> Result<Vec<Self>> {
        let cells = Cell::list(home.repo(), HOOKS)?;
        Ok(cells
            .iter()
            .map(|cell| Self::read(&cell.name, &cell.value))
            .collect())
    }

    /// Returns whether a claim is the one it hangs under; `here` is this clone. Polecats of two clones may
    /// have the same address: names are given out without asking.
    pub fn is_under(&self, claim: &Claim, here: Option<&CloneId>) -> bool {
        let here = here.map(CloneId::as_str);
        let epoch = claim.epoch == self.epoch || self.epoch == 0;
        epoch && claim.by == self.agent && here == Some(claim.stamp.clone_part())
    }

    /// Returns whether it is a polecat's, whose worktree and branch are ours to make and to put away.
    pub fn is_polecat(&self) -> bool {
        self.agent.contains("/polecats/")
    }

    /// Returns the hook that a word means: a whole address, the end of one, a name.
    pub fn named(home: &Home, typed: &str) -> Result<Self> {
        let typed = typed.trim();
        let mut all = Self::all(home)?;
        if let Some(at) = all.iter().position(|it| it.agent == typed) {
            return Ok(all.swap_remove(at));
        }
        let rig = home.rig().name();
        let short = typed.strip_prefix(&format!("{rig}/")).unwrap_or(typed);
        let fits = |it: &Self| !short.is_empty() && it.agent.ends_with(&format!("/{short}"));
        let found: Vec<&Self> = all.iter().filter(|it| fits(it)).collect();
        let mut names = Vec::new();
        for home in home.all_here()?.iter().filter(|_| found.is_empty()) {
            names.extend(Self::all(home)?.into_iter().map(|it| it.agent));
        }
        match found[..] {
            [one] => Ok(one.clone()),
            [] if names.is_empty() => Err(Fault::not_found(format!("there is no agent '{typed}'"))
                .hint("there are none here yet: git gt sling <bead>")),
            [] => Err(Fault::not_found(format!("there is no agent '{typed}'"))
                .hint(format!("there are: {}", names.join(", ")))),
            _ => {
                let all: Vec<&str> = found.iter().map(|it| it.agent.as_str()).collect();
                Err(
                    Fault::not_found(format!("ambiguous: '{typed}' could be {}", all.join(", ")))
                        .hint("type the whole address"),
                )
            }
        }
    }

    /// Returns the last part of the agent's address.
    pub fn name(&self) -> &str {
        self.agent.rsplit('/').next().unwrap_or(&self.agent)
    }

    /// Notes the hook, replacing what the agent had.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        Cell::set(home.repo(), HOOKS, &self.agent, &self.value())
    }

    /// Notes the hook of an agent that has none; returns whether it had none.
    pub(super) fn reserve(&self, home: &Home) -> Result<bool> {
        Cell::create(home.repo(), HOOKS, &self.agent, &self.value())
    }

    /// Forgets the hook; worktree and branch stay.
    pub(super) fn forget(&self, home: &Home) -> Result<()> {
        Cell::remove(home.repo(), HOOKS, &self.agent)
    }

    fn value(&self) -> Value {
        let mut value = json!({
            "base": self.base,
            "bead": self.bead,
            "branch": self.branch,
            "epoch": self.epoch,
            "path": self.path.display().to_string(),
            "since": self.since,
        });
        if !self.leaves.is_empty() {
            value["leaves"] = self.leaves.as_str().into();
        }
        value
    }

    fn read(agent: &str, value: &Value) -> Self {
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            agent: agent.to_owned(),
            bead: text("bead"),
            epoch: value
                .get("epoch")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
            base: text("base"),
            branch: text("branch"),
            leaves: text("leaves"),
            path: PathBuf::from(text("path")),
            since: text("since"),
        }
    }
}

/// Lets beads that get another id, given as `(old, new)`, hang where they hung.
///
/// After a crash some hooks name the old id; asked again, the rest follows.
pub fn follow(home: &Home, renamed: &[(String, String)]) -> Result<()> {
    for mut hook in Hook::all(home)? {
        if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == hook.bead) {
            hook.bead.clone_from(new);
            hook.save(home)?;
        }
    }
    Ok(())
}

/// Returns the hook of whoever asks: of the worktree we are in, else of `GT_ROLE`.
pub fn mine(home: &Home) -> Result<Hook> {
    let hooks = Hook::all(home)?;
    let role = home.world().env("GT_ROLE");
    let found = match here(home, &hooks)? {
        Some(hook) => Some(hook),
        None => hooks
            .into_iter()
            .find(|hook| Some(hook.agent.as_str()) == role),
    };
    found.ok_or_else(|| {
        let crew = home.repo().workdir().and_then(|it| crew_at(home, it));
        let fault = match crew {
            Some(who) => Fault::not_found(format!("nothing hangs on the hook of {who}")),
            None => Fault::not_found("nothing hangs here: this is no agent's worktree"),
        };
        fault.hint("git gt agents shows where each agent works")
    })
}

/// Returns whose of the crew a worktree is.
fn crew_at(home: &Home, path: &Path) -> Option<String> {
    let folder = home.hooks_dir().join("crew").canonicalize().ok()?;
    let name = path.strip_prefix(folder).ok()?.to_str()?;
    let address = format!("{}/crew/{name}", home.rig().name());
    Some(guest(home, name).unwrap_or(address))
}

/// Returns the hook of this clone that a bead hangs on; an agent is told of no other one than its own.
pub fn of_bead(home: &Home, bead: &str) -> Result<Hook> {
    let own = mine(home).ok();
    let role = home.world().env("GT_ROLE");
    if let Some(own) = own {
        if own.bead == bead {
            return Ok(own);
        }
        if Some(own.agent.as_str()) == role {
            return Err(Fault::refused(format!(
                "{bead} is not on the hook of {}: that is {}",
                own.agent, own.bead
            ))
            .hint("leave the bead out to mean the one on your hook"));
        }
    }
    let found = Hook::all(home)?.into_iter().find(|it| it.bead == bead);
    found.ok_or_else(|| {
        Fault::not_found(format!("{bead} hangs on no hook of this clone"))
            .hint("git gt agents shows what hangs where")
    })
}

/// Returns the hook of the worktree we are in; of several people in one worktree, that of whoever asks.
fn here(home: &Home, hooks: &[Hook]) -> Result<Option<Hook>> {
    let Some(here) = home.repo().workdir() else {
        return Ok(None);
    };
    let stands = |hook: &&Hook| hook.path.canonicalize().ok().as_deref() == Some(here);
    let mut all: Vec<&Hook> = hooks.iter().filter(stands).collect();
    let who = actor(home.repo(), None);
    all.sort_by_key(|hook| hook.agent != who);
    if let Some(hook) = all.first() {
        return Ok(Some((*hook).clone()));
    }
    // A worktree that was moved is known by its branch.
    let Some(branch) = branch_at(home, here)? else {
        return Ok(None);
    };
    let moved = |hook: &&Hook| hook.is_polecat() && hook.branch == branch && !hook.path.exists();
    Ok(hooks.iter().find(moved).map(|hook| Hook {
        path: here.to_owned(),
        ..hook.clone()
    }))
}

/// Returns the branch a worktree stands on, by its short name; nothing for none, and for no worktree.
pub(super) fn branch_at(home: &Home, path: &Path) -> Result<Option<String>> {
    let there = home.repo().worktree_at(path)?;
    Ok(there.and_then(|it| it.short_branch().map(str::to_owned)))
}

/// Waits until nobody else gives out a name, or takes one back.
pub(super) fn names_lock(home: &Home) -> Result<Lock> {
    let path = home.repo().scratch_dir().join("names.lock");
    Lock::take(&path).map_err(|error| Fault::io("lock", &path, &error))
}

/// Returns the branch of a bead's work: `gt/<agent>/<bead>.<epoch>-<clone>` (DESIGN 4).
pub(super) fn branch_of(name: &str, bead: &str, epoch: u64, clone: &CloneId) -> String {
    format!("gt/{name}/{}.{epoch}-{clone}", escaped(bead))
}

/// Returns an id as part of a branch name that git accepts (git-check-ref-format(1)).
fn escaped(id: &str) -> String {
    let mut out = String::new();
    for c in id.chars() {
        let dot = c == '.' && !out.is_empty() && !out.ends_with('.');
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' || dot {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        }
    }
    // Another dot follows, before the epoch.
    match out.strip_suffix('.') {
        Some(rest) => format!("{rest}%2E"),
        None => out,
    }
}

/// Makes the hook's worktree where it is missing, on its branch, which starts at its base; one that stands
/// on the branch of earlier work changes over, and that branch goes into the attic.
///
/// After a crash the next call makes what is missing.
pub(super) fn hang(home: &Home, hook: &mut Hook) -> Result<()> {
    let repo = home.repo();
    let full = format!("refs/heads/{}", hook.branch);
    let base = || -> Result<Oid> {
        repo.parse_id(&hook.base)
            .ok_or_else(|| Fault::fatal(format!("the hook of {} has no base", hook.agent)))
    };
    repo.mend_worktree(&hook.path)?;
    if hook.path.join(".git").exists() {
        let there = branch_at(home, &hook.path)?;
        let leaves = Some(&hook.leaves).filter(|it| !it.is_empty());
        if there.as_ref() != Some(&hook.branch) {
            if leaves.is_none() || there.as_ref() != leaves {
                return Err(not_its_hook(hook));
            }
            refuse_dirty(home, hook)?;
            repo.switch_worktree(&hook.path, &hook.branch, &base()?)?;
        }
    } else if repo.find_ref(&full)?.is_some() {
        repo.add_worktree_on(&hook.path, &hook.branch)?;
    } else {
        repo.add_worktree(&hook.path, &hook.branch, &base()?)?;
    }
    retire_left(home, hook)
}

/// Puts the branch of earlier work away, with the record of its session.
///
/// After a crash in between the hook still says what is to be put away.
fn retire_left(home: &Home, hook: &mut Hook) -> Result<()> {
    if hook.leaves.is_empty() {
        return Ok(());
    }
    retire_branch(home, &hook.leaves)?;
    session::forget(home, &hook.agent)?;
    hook.leaves.clear();
    hook.save(home)
}

/// Deletes a branch of ours that nobody stands on: it is on the target, or goes into the attic. Returns
/// whether it is gone.
pub(super) fn retire_branch(home: &Home, branch: &str) -> Result<bool> {
    let clone = CloneId::of(home.repo())?;
    let tip = target_tip(home);
    let why = format!("branch {branch}");
    home.repo()
        .retire_branch(clone.as_str(), branch, tip.as_ref(), &why)
}

/// Returns where the target stands as far as is known here, nothing where there is none.
pub(super) fn target_tip(home: &Home) -> Option<Oid> {
    let target = home.target(None).ok()?;
    home.known_tip(&target).ok().flatten()
}

fn not_its_hook(hook: &Hook) -> Fault {
    Fault::refused(format!(
        "'{}' exists and is not the hook of {}",
        hook.path.display(),
        hook.agent
    ))
    .hint("move it out of the way; nothing in it was touched")
}

fn refuse_dirty(home: &Home, hook: &Hook) -> Result<()> {
    if home.repo().changes_in(&hook.path)?.is_empty() {
        return Ok(());
    }
    Err(Fault::refused(format!(
        "there are uncommitted changes in '{}'",
        hook.path.display()
    ))
    .hint(format!(
        "commit them there, or save them and take the worktree away: git gt polecat remove --force {}",
        hook.name()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_names_git_accepts() {
        let clone = CloneId::parse("k7f2m3qa").unwrap();
        let check = |bead, want| assert_eq!(branch_of("nux", bead, 1, &clone), want);
        check("gt-4k2xa", "gt/nux/gt-4k2xa.1-k7f2m3qa");
        check("gt-4k2xa.3", "gt/nux/gt-4k2xa.3.1-k7f2m3qa");
        check("UI 1..~x", "gt/nux/UI%201.%2E%7Ex.1-k7f2m3qa");
        check(".lock", "gt/nux/%2Elock.1-k7f2m3qa");
        check("..", "gt/nux/%2E%2E.1-k7f2m3qa");
        check("a.", "gt/nux/a%2E.1-k7f2m3qa");
    }
}
