//! Hooks: an agent's worktree and the bead that hangs on it, noted in `refs/gt-local/hooks`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::{Cell, CloneId};
use crate::town::Home;

const FOLDER: &str = "hooks";

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
    /// The branch, by its short name.
    pub branch: String,
    /// The worktree.
    pub path: PathBuf,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Hook {
    /// Returns an agent's hook, nothing where it has none.
    pub fn find(home: &Home, agent: &str) -> Result<Option<Self>> {
        let value = Cell::find(home.repo(), FOLDER, agent)?;
        Ok(value.map(|value| Self::read(agent, &value)))
    }

    /// Returns all hooks of this clone, sorted by agent.
    pub fn all(home: &Home) -> Result<Vec<Self>> {
        let cells = Cell::list(home.repo(), FOLDER)?;
        Ok(cells
            .iter()
            .map(|cell| Self::read(&cell.name, &cell.value))
            .collect())
    }

    /// Returns the last part of the agent's address.
    pub fn name(&self) -> &str {
        self.agent.rsplit('/').next().unwrap_or(&self.agent)
    }

    /// Notes the hook, replacing what the agent had.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        Cell::set(home.repo(), FOLDER, &self.agent, &self.value())
    }

    /// Notes the hook of an agent that has none; returns whether it had none.
    pub(super) fn reserve(&self, home: &Home) -> Result<bool> {
        Cell::create(home.repo(), FOLDER, &self.agent, &self.value())
    }

    /// Forgets the hook; worktree and branch stay.
    pub(super) fn forget(&self, home: &Home) -> Result<()> {
        Cell::remove(home.repo(), FOLDER, &self.agent)
    }

    fn value(&self) -> Value {
        json!({
            "base": self.base,
            "bead": self.bead,
            "branch": self.branch,
            "epoch": self.epoch,
            "path": self.path.display().to_string(),
            "since": self.since,
        })
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
            path: PathBuf::from(text("path")),
            since: text("since"),
        }
    }
}

/// Returns the hook of whoever asks: of the worktree we are in, else of `GT_ROLE`.
pub fn mine(home: &Home) -> Result<Hook> {
    let here = home.repo().workdir();
    let hooks = Hook::all(home)?;
    let role = home.world().env("GT_ROLE");
    let stands = |hook: &&Hook| hook.path.canonicalize().ok().as_deref() == here;
    let by_place = hooks.iter().find(stands).filter(|_| here.is_some());
    let found = by_place.or_else(|| hooks.iter().find(|hook| Some(hook.agent.as_str()) == role));
    found.cloned().ok_or_else(|| {
        Fault::not_found("nothing hangs here: this is no agent's worktree")
            .hint("git gt agents shows where each agent works")
    })
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

/// Makes the hook's worktree where it is missing, on its branch, which starts at its base.
///
/// After a crash the next call makes what is missing.
pub(super) fn hang(home: &Home, hook: &Hook) -> Result<()> {
    let repo = home.repo();
    let full = format!("refs/heads/{}", hook.branch);
    if hook.path.join(".git").exists() {
        let known = repo.worktrees()?;
        let path = hook
            .path
            .canonicalize()
            .unwrap_or_else(|_| hook.path.clone());
        return match known.iter().find(|it| it.path == path) {
            Some(worktree) if worktree.branch.as_deref() == Some(&full) => Ok(()),
            _ => Err(Fault::refused(format!(
                "'{}' exists and is not the hook of {}",
                hook.path.display(),
                hook.agent
            ))
            .hint("move it out of the way; nothing in it was touched")),
        };
    }
    if repo.find_ref(&full)?.is_some() {
        return repo.add_worktree_on(&hook.path, &hook.branch);
    }
    let base: Oid = repo
        .parse_id(&hook.base)
        .ok_or_else(|| Fault::fatal(format!("the hook of {} has no base", hook.agent)))?;
    repo.add_worktree(&hook.path, &hook.branch, &base)
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
