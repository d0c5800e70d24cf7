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

    /// Returns whether git ignores each of some paths below a worktree.
    pub fn are_ignored(&self, worktree: &Path, paths: &[&str]) -> Result<bool> {
        let run = self.git_in(worktree).args(["check-ignore", "--"]);
        let said = self.start(&run.args(paths.iter().copied()))?;
        match said.status.code() {
            Some(0 | 1) => Ok(said.stdout.split(|byte| *byte == b'\n').count() > paths.len()),
            _ => Err(Fault::fatal(format!(
                "git cannot say whether it ignores '{}' in '{}'",
                paths.join("', '"),
                worktree.display()
            ))),
        }
    }
}
