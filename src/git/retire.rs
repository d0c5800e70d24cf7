//! The only place that deletes a branch, a worktree or a ref that keeps commits; what only they hold is
//! saved in the attic first.

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

    /// Deletes those of the refs whose commit `keeper` reaches, so that nothing is lost, with two processes for all;
    /// returns the others.
    ///
    /// After a crash all of them are gone or none is.
    pub fn drop_reachable_refs(
        &self,
        guard: &Guard,
        refs: Vec<(String, Oid)>,
        keeper: &Oid,
    ) -> Result<Vec<(String, Oid)>> {
        let tips: Vec<Oid> = refs.iter().map(|(_, tip)| *tip).collect();
        self.learn_ancestry(&tips, keeper)?;
        let (mut gone, mut others) = (Vec::new(), Vec::new());
        for (name, tip) in refs {
            let is_kept = self.is_ancestor(&tip, keeper)?;
            if is_kept { &mut gone } else { &mut others }.push((name, tip));
        }
        self.delete_refs(guard, &gone)?;
        Ok(others)
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
    ///
    /// After a crash it may be partly there; doing it again removes the rest.
    pub fn discard_worktree(&self, path: &Path) -> Result<()> {
        let known = self.worktrees()?;
        let here = known.iter().find(|it| it.path == path);
        if let Some(branch) = here.and_then(|it| it.branch.as_ref()) {
            return Err(Fault::refused(format!(
                "worktree '{}' has '{branch}' checked out and is not ours to remove",
                path.display()
            ))
            .hint("move it out of the way; nothing in it was touched"));
        }
        if here.is_some() {
            return self.remove_worktree(path);
        }
        fs::remove_dir_all(path).map_err(|error| Fault::io("remove", path, &error))
    }
}

/// What is left of a worktree that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// The commit that saves what was not committed, nothing where everything was.
    pub changes: Option<Oid>,
}

impl Repo {
    /// Deletes a branch that is checked out nowhere: one that `keeper` reaches holds nothing of its own,
    /// any other is saved in the attic first. Returns whether it is gone; one that a worktree stands on
    /// stays.
    ///
    /// After a crash the branch is there, or saved, or both.
    pub fn retire_branch(
        &self,
        clone: &str,
        branch: &str,
        keeper: Option<&Oid>,
        why: &str,
    ) -> Result<bool> {
        let name = format!("refs/heads/{branch}");
        let Some(tip) = self.find_ref(&name)? else {
            return Ok(true);
        };
        let stands = |it: &super::Worktree| it.branch.as_deref() == Some(&name);
        if self.worktrees()?.iter().any(stands) {
            return Ok(false);
        }
        let guard = self.guard()?;
        if let Some(keeper) = keeper {
            let refs = vec![(name.clone(), tip)];
            if self.drop_reachable_refs(&guard, refs, keeper)?.is_empty() {
                return Ok(true);
            }
        }
        self.retire_ref(&guard, clone, &name, why)?;
        Ok(true)
    }

    /// Removes a worktree with the branch it stands on left behind. What only the worktree holds, a
    /// commit without a branch or changes that were not committed, goes into the attic first; files that
    /// git ignores go for good.
    ///
    /// Refuses a worktree that holds repositories of its own: their commits could not be saved. After a
    /// crash everything is saved and the worktree there or partly there; doing it again removes the rest.
    pub fn retire_worktree(
        &self,
        clone: &str,
        path: &Path,
        keeper: Option<&Oid>,
        why: &str,
    ) -> Result<Retired> {
        let mut retired = Retired::default();
        let Some(here) = self.worktree_at(path)? else {
            return Err(Fault::refused(format!(
                "'{}' is no worktree of this repository",
                path.display()
            ))
            .hint("nothing in it was touched; move it away by hand"));
        };
        let real = here.path;
        let Some(private) = self.private_dir(&real) else {
            return Err(
                Fault::refused(format!("'{}' is the main worktree", path.display()))
                    .hint("nothing in it was touched; switch it to another branch by hand"),
            );
        };
        if private.join("modules").is_dir() {
            return Err(holds_repositories(&real, "submodules"));
        }
        if let Some(inside) = self.repository_in(&real)? {
            return Err(holds_repositories(&real, &inside));
        }
        if let Some(head) = here.head {
            let kept = match keeper {
                Some(keeper) => self.is_ancestor(&head, keeper)?,
                None => false,
            };
            if here.branch.is_none() && !kept {
                self.save_in_attic(&self.guard()?, clone, &head, why)?;
            }
        }
        if !self.changes_in(&real)?.is_empty() {
            let saved = self.commit_changes(clone, &real, here.head, why)?;
            self.save_in_attic(&self.guard()?, clone, &saved, why)?;
            retired.changes = Some(saved);
        }
        self.remove_worktree(&real)?;
        Ok(retired)
    }

    /// Returns the path of a repository that stands in a worktree: where a commit of another repository is
    /// tracked and was checked out by hand, or where git sees one that is not tracked.
    fn repository_in(&self, worktree: &Path) -> Result<Option<String>> {
        let list = |args: &[&str]| -> Result<String> {
            let run = self.git_in(worktree).args(["ls-files", "-z"]);
            let listed = self.query(&run.args(args.iter().copied()))?;
            Ok(String::from_utf8_lossy(&listed).into_owned())
        };
        let tracked = list(&["--stage"])?;
        let links = tracked
            .split('\0')
            .filter(|it| it.starts_with("160000 "))
            .filter_map(|it| it.split_once('\t').map(|(_, path)| path));
        let others = list(&["--others", "--exclude-standard"])?;
        let others = others.split('\0').filter_map(|it| it.strip_suffix('/'));
        let mut all = links.chain(others);
        let is_repository = |path: &&str| worktree.join(path).join(".git").exists();
        Ok(all.find(is_repository).map(str::to_owned))
    }

    /// Commits what a worktree holds, untracked files too and ignored ones not, through an index of its
    /// own: neither the worktree nor its branch nor its index changes.
    fn commit_changes(
        &self,
        clone: &str,
        worktree: &Path,
        head: Option<Oid>,
        why: &str,
    ) -> Result<Oid> {
        let name = format!("snapshot.{}", self.world().random_base36(12));
        let index = self.scratch_dir().join(name);
        let folder = self.scratch_dir();
        fs::create_dir_all(&folder).map_err(|error| Fault::io("make folder", &folder, &error))?;
        let git = || {
            self.git_in(worktree)
                .env("GIT_INDEX_FILE", index.display().to_string())
        };
        let commit = || -> Result<Oid> {
            if let Some(head) = head {
                self.execute(&git().args(["read-tree".to_owned(), head.to_string()]))?;
            }
            self.execute(&git().args(["add", "--all", "--", "."]))?;
            let tree = self.execute(&git().args(["write-tree"]))?;
            let tree = String::from_utf8_lossy(&tree).trim().to_owned();
            let tree = self
                .parse_id(&tree)
                .ok_or_else(|| Fault::fatal(format!("git write-tree said '{tree}'")))?;
            let who = Signature::of(clone);
            let parents: Vec<Oid> = head.into_iter().collect();
            self.write_commit(&NewCommit {
                tree,
                parents: &parents,
                author: &who,
                committer: &who,
                time: self.world().now(),
                message: &format!("what was not committed of {why}\n"),
            })
        };
        let committed = commit();
        fs::remove_file(&index).map_err(|error| Fault::io("remove", &index, &error))?;
        committed
    }

    fn remove_worktree(&self, path: &Path) -> Result<()> {
        let shown = path.display().to_string();
        let remove = ["worktree", "remove", "--force", "--force", "--", &shown];
        // What is too damaged for git to remove goes below.
        drop(self.execute(&self.git(remove)));
        fs::remove_dir_all(path).map_err(|error| Fault::io("remove", path, &error))
    }
}

fn holds_repositories(worktree: &Path, what: &str) -> Fault {
    Fault::refused(format!(
        "'{}' holds a repository of its own: {what}",
        worktree.display()
    ))
    .hint("move it out of there first; its commits could not be saved with the worktree")
}

fn month(now: Time) -> String {
    now.to_string().chars().take(7).collect()
}
