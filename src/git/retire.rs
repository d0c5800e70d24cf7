//! The only place that deletes a branch or a ref that keeps commits; it saves them in the attic first.

use std::path::Path;

use super::{Cas, Guard, NewCommit, Oid, PushedRef, Remote, Repo, Signature};
use crate::fault::{Fault, Result};
use crate::world::{Time, fs};

impl Repo {
    /// Saves a commit in this clone's attic: a chain of commits for each month, each of which has the
    /// previous one and the commit it saves as parents (DESIGN 3.1). A commit the chain reaches already
    /// is not saved again.
    ///
    /// After a crash the commit is saved or nothing has changed.
    pub fn save_in_attic(&self, guard: &Guard, clone: &str, tip: &Oid, why: &str) -> Result<()> {
        let now = self.world().now();
        let name = format!("refs/gt/attic/{clone}/{}", month(now));
        let previous = self.find_ref(&name)?;
        if let Some(previous) = &previous
            && self.is_ancestor(tip, previous)?
        {
            return Ok(());
        }
        let parents: Vec<Oid> = previous.iter().copied().chain([*tip]).collect();
        let who = Signature::of(clone);
        let saved = self.write_commit(&NewCommit {
            tree: self.empty_tree()?,
            parents: &parents,
            author: &who,
            committer: &who,
            time: now,
            message: &format!("{why}\n"),
        })?;
        match self.swap_ref(guard, &name, previous, saved)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!("'{name}' was moved by somebody else"))),
        }
    }

    /// Saves what a ref names in the attic, then deletes the ref; one that is gone is no error.
    ///
    /// After a crash between the two the commit is saved and the ref still there.
    pub fn retire_ref(&self, guard: &Guard, clone: &str, name: &str, why: &str) -> Result<()> {
        let Some(tip) = self.find_ref(name)? else {
            return Ok(());
        };
        self.save_in_attic(guard, clone, &tip, why)?;
        self.delete_ref(guard, name, tip)
    }

    /// Deletes a ref whose commit `keeper` reaches, so that nothing is lost; else leaves it alone.
    /// Returns whether it is gone.
    pub fn drop_reachable_ref(&self, guard: &Guard, name: &str, keeper: &Oid) -> Result<bool> {
        let Some(tip) = self.find_ref(name)? else {
            return Ok(true);
        };
        if !self.is_ancestor(&tip, keeper)? {
            return Ok(false);
        }
        self.delete_ref(guard, name, tip)?;
        Ok(true)
    }

    /// Deletes refs of a remote that hold what the caller has kept elsewhere or can make again; one that
    /// holds something else by now stays.
    ///
    /// After a crash some of them are gone; the caller still knows the others.
    pub fn drop_from_remote(&self, remote: &Remote, refs: Vec<(String, Oid)>) -> Result<()> {
        let gone = |(name, old)| PushedRef {
            name,
            old: Some(old),
            new: None,
        };
        let refs: Vec<PushedRef> = refs.into_iter().map(gone).collect();
        self.offer(remote, &refs).map(drop)
    }

    /// Removes a detached worktree and whatever is in it; one that has a branch checked out is refused.
    pub fn discard_worktree(&self, path: &Path) -> Result<()> {
        let known = self.worktrees()?;
        let here = known.iter().find(|it| it.path == path);
        if let Some(branch) = here.and_then(|it| it.branch.as_ref()) {
            return Err(Fault::refused(format!(
                "worktree '{}' has '{branch}' checked out and is not ours to remove",
                path.display()
            )));
        }
        if here.is_some() {
            let path = path.display().to_string();
            let remove = ["worktree", "remove", "--force", "--force", "--", &path];
            // What is too damaged for git to remove goes below.
            drop(self.execute(&self.git(remove)));
        }
        fs::remove_dir_all(path).map_err(|error| Fault::io("remove", path, &error))
    }
}

fn month(now: Time) -> String {
    now.to_string().chars().take(7).collect()
}
