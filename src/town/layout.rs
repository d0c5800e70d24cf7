//! Folders: where hooks and the Refinery's worktrees stand.

use std::path::PathBuf;

use super::Home;
use super::neighbours::REPO;
use crate::git::Repo;

impl Home {
    /// Returns the folder that holds the worktrees of this home: in a town, the rig's folder; else
    /// `<main worktree>.gt` beside the repository, or what `gt.hooksDir` says (relative to the main
    /// worktree).
    pub fn hooks_dir(&self) -> PathBuf {
        hooks_dir(self.repo())
    }

    /// Returns where a polecat's hook stands.
    pub fn polecat_dir(&self, name: &str) -> PathBuf {
        self.hooks_dir().join("polecats").join(name)
    }

    /// Returns where a crew member's worktree stands.
    pub fn crew_dir(&self, name: &str) -> PathBuf {
        self.hooks_dir().join("crew").join(name)
    }

    /// Returns where the Refinery's n-th worktree stands.
    pub fn refinery_dir(&self, number: usize) -> PathBuf {
        self.hooks_dir().join("refinery").join(number.to_string())
    }

    /// Returns the name of the remote this rig syncs and lands with: `gt.remote`, else `origin` where it
    /// exists; nothing for a repository that stands alone.
    pub fn default_remote(&self) -> Option<String> {
        match self.repo().setting("gt.remote") {
            Some(name) => Some(name).filter(|name| !name.is_empty()),
            None => self
                .repo()
                .setting("remote.origin.url")
                .map(|_| "origin".to_owned()),
        }
    }
}

/// Returns the folder that holds the worktrees of a repository.
pub(super) fn hooks_dir(repo: &Repo) -> PathBuf {
    let root = repo.root();
    match repo.setting("gt.hooksDir") {
        Some(dir) => root.join(dir),
        None if root.file_name().is_some_and(|name| name == REPO) => {
            root.parent().unwrap_or(root).to_owned()
        }
        None => {
            let mut name = root.as_os_str().to_owned();
            name.push(".gt");
            PathBuf::from(name)
        }
    }
}
