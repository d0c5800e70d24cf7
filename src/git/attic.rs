//! The attic read back: the commits that `retire` has saved, newest first.

use super::{Oid, Repo};
use crate::fault::{Fault, Result};

const ATTIC: &str = "refs/gt/attic/";

/// A commit in the attic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The commit that was saved.
    pub tip: Oid,
    /// What it was: `branch gt/nux/gt-4k2xa.1-k7f2m3qa`.
    pub why: String,
    /// The clone that saved it.
    pub clone: String,
    /// When, in seconds since 1970.
    pub seconds: u64,
}

impl Repo {
    /// Returns what all attics known here hold, newest first.
    pub fn attic(&self) -> Result<Vec<Saved>> {
        let mut all = Vec::new();
        for (name, newest) in self.list_refs(ATTIC)? {
            let clone = name.trim_start_matches(ATTIC).split('/').next();
            let clone = clone.unwrap_or_default().to_owned();
            let mut next = Some(newest);
            while let Some(id) = next.filter(|id| self.has(id)) {
                let entry = self.commit(&id)?;
                // The previous entry comes first; the first of a chain has none.
                let (previous, tip) = match entry.parents[..] {
                    [tip] => (None, tip),
                    [previous, tip] => (Some(previous), tip),
                    _ => break,
                };
                all.push(Saved {
                    tip,
                    why: entry.subject().to_owned(),
                    clone: clone.clone(),
                    seconds: entry.seconds,
                });
                next = previous;
            }
        }
        all.sort_by(|a, b| b.seconds.cmp(&a.seconds).then(a.why.cmp(&b.why)));
        Ok(all)
    }

    /// Returns the commits that no ref reaches, whatever a reflog remembers; of each line the last.
    pub fn unreachable(&self) -> Result<Vec<Oid>> {
        let look = [
            "fsck",
            "--no-reflogs",
            "--connectivity-only",
            "--no-progress",
        ];
        let output = self.start(&self.git(look))?;
        // What is damaged makes it fail after it has said what it found.
        let said = String::from_utf8_lossy(&output.stdout);
        let found = said
            .lines()
            .filter_map(|line| self.parse_id(line.strip_prefix("dangling commit ")?));
        Ok(found.collect())
    }

    /// Makes a branch on a commit that was saved; never moves one that exists.
    ///
    /// After a crash the branch is there or it is not.
    pub fn restore_branch(&self, branch: &str, tip: Oid) -> Result<()> {
        let name = format!("refs/heads/{branch}");
        if branch.starts_with('-') || branch == "HEAD" || !self.is_ref_name(&name) {
            return Err(Fault::invalid(format!("'{branch}' cannot be a branch"))
                .hint("choose another name: git gt attic restore <commit> <branch>"));
        }
        let exists = || {
            Fault::refused(format!("branch '{branch}' exists already"))
                .hint("choose another name: git gt attic restore <commit> <branch>")
        };
        if self.find_ref(&name)?.is_some() {
            return Err(exists());
        }
        match self.update_branch(&name, None, tip, "git gt attic restore")? {
            true => Ok(()),
            false => Err(exists()),
        }
    }
}
