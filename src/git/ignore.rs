//! What git knows of a file: tracked or ignored (gitignore(5)).

use std::path::Path;

use super::Repo;
use crate::fault::{Fault, Result};

impl Repo {
    /// Returns whether a path below a worktree is part of its index.
    pub fn is_tracked(&self, worktree: &Path, path: &str) -> Result<bool> {
        let args = [
            "--literal-pathspecs",
            "ls-files",
            "--cached",
            "-z",
            "--",
            path,
        ];
        let out = self.query(&self.git_in(worktree).args(args))?;
        Ok(!out.is_empty())
    }

    /// Returns whether git ignores a path below a worktree.
    pub fn is_ignored(&self, worktree: &Path, path: &str) -> Result<bool> {
        let run = self
            .git_in(worktree)
            .args(["check-ignore", "--quiet", "--", path]);
        match self.start(&run)?.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(Fault::fatal(format!(
                "git cannot say whether it ignores '{path}' in '{}'",
                worktree.display()
            ))),
        }
    }
}
