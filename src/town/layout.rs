//! Folders: where hooks and the Refinery's worktrees stand.

use std::path::PathBuf;

use super::Home;

impl Home {
    /// Returns the folder beside the repository that holds its worktrees: `<main worktree>.gt`, or what
    /// `gt.hooksDir` says (relative to the main worktree).
    pub fn hooks_dir(&self) -> PathBuf {
        let root = self.repo.root();
        match self.repo.setting("gt.hooksDir") {
            Some(dir) => root.join(dir),
            None => {
                let mut name = root.as_os_str().to_owned();
                name.push(".gt");
                PathBuf::from(name)
            }
        }
    }

    /// Returns where a polecat's hook stands.
    pub fn polecat_dir(&self, name: &str) -> PathBuf {
        self.hooks_dir().join("polecats").join(name)
    }

    /// Returns where the Refinery's n-th worktree stands.
    pub fn refinery_dir(&self, number: usize) -> PathBuf {
        self.hooks_dir().join("refinery").join(number.to_string())
    }

    /// Returns the name of the remote this rig syncs and lands with: `gt.remote`, else `origin` where it
    /// exists; nothing for a repository that stands alone.
    pub fn default_remote(&self) -> Option<String> {
        match self.repo.setting("gt.remote") {
            Some(name) => Some(name).filter(|name| !name.is_empty()),
            None => self
                .repo
                .setting("remote.origin.url")
                .map(|_| "origin".to_owned()),
        }
    }
}
