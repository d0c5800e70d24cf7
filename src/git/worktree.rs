//! Worktrees: made, listed and looked at through git-worktree(1) and git-status(1).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::Run;

/// A worktree of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its top folder.
    pub path: PathBuf,
    /// The commit it stands on, nothing on an unborn branch.
    pub head: Option<Oid>,
    /// The full name of the branch it has checked out, nothing when detached.
    pub branch: Option<String>,
}

impl Worktree {
    /// Returns the branch it has checked out, by its short name; nothing when detached.
    pub fn short_branch(&self) -> Option<&str> {
        let branch = self.branch.as_deref()?;
        Some(branch.strip_prefix("refs/heads/").unwrap_or(branch))
    }
}

/// How long git is asked again where it comes upon a worktree that somebody is making.
const PATIENCE: Duration = Duration::from_millis(512);

/// Why git locks a worktree while it makes it (`add_worktree` in builtin/worktree.c).
const BEING_MADE: &str = "initializing";

impl Repo {
    /// Completes a worktree that git was killed in the middle of making, with some of its files and a lock:
    /// all are checked out, or, where there is too little to go on, it can be added anew. Any other stays
    /// as it is.
    ///
    /// Nobody else may be making it now. After a crash the lock is still there, and the next call completes
    /// it.
    pub fn mend_worktree(&self, path: &Path) -> Result<()> {
        let Some(dir) = self.half_made(path) else {
            return Ok(());
        };
        let remove =
            |file: &Path| fs::remove_file(file).map_err(|error| Fault::io("remove", file, &error));
        let shared = dir.join("commondir");
        if std::fs::read(&shared).is_ok_and(|it| it.is_empty()) {
            // Git reads it of every worktree, whatever it is asked.
            let filled = fs::replace(&shared, b"../..\n");
            filled.map_err(|error| Fault::io("write", &shared, &error))?;
        }
        let link = path.join(".git");
        let head = std::fs::read_to_string(dir.join("HEAD")).unwrap_or_default();
        let stands = !head.trim_start_matches(['0', '\n']).is_empty();
        if link.exists() && stands {
            remove(&dir.join("index.lock"))?;
            let neutral = ["-c", "core.hooksPath=/dev/null"];
            let reset = ["reset", "--quiet", "--hard"];
            self.execute(&self.git_in(path).args(neutral).args(reset))?;
        } else {
            remove(&link)?;
        }
        remove(&dir.join("locked"))
    }

    /// Returns the private folder of a worktree that git did not finish making.
    fn half_made(&self, path: &Path) -> Option<PathBuf> {
        let parent = path.parent().and_then(|it| it.canonicalize().ok());
        let link = match (parent, path.file_name()) {
            (Some(parent), Some(name)) => parent.join(name).join(".git"),
            _ => path.join(".git"),
        };
        let is_its = |dir: &PathBuf| {
            let text = std::fs::read_to_string(dir.join("gitdir"));
            text.is_ok_and(|text| Path::new(text.trim_end()) == link)
        };
        let dir = self.private_dir(path).or_else(|| {
            let all = self.common_dir().join("worktrees").read_dir().ok()?;
            all.filter_map(|entry| Some(entry.ok()?.path()))
                .find(is_its)
        });
        let is_locked = |dir: &PathBuf| {
            let why = std::fs::read_to_string(dir.join("locked"));
            why.is_ok_and(|why| why.trim_end() == BEING_MADE)
        };
        dir.filter(is_locked)
    }

    /// Returns all worktrees that are there, the main one first; bare repositories are left out.
    pub fn worktrees(&self) -> Result<Vec<Worktree>> {
        let list = self.git(["worktree", "list", "--porcelain"]);
        let listed = self.past_half_made(|| self.query(&list))?;
        let listed = String::from_utf8_lossy(&listed);
        let blocks = listed
            .split("\n\n")
            .filter(|block| !block.lines().any(|it| it == "bare"));
        let all = blocks.filter_map(|block| self.parse_worktree(block));
        // The git directory of the main one may be anywhere.
        let is_there = |(at, it): &(usize, Worktree)| *at == 0 || it.path.join(".git").exists();
        let there = all.enumerate().filter(is_there);
        Ok(there.map(|(_, it)| it).collect())
    }

    /// Returns the worktree at a path, whatever links lead to it; nothing where there is none.
    pub fn worktree_at(&self, path: &Path) -> Result<Option<Worktree>> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(self.worktrees()?.into_iter().find(|it| it.path == path))
    }

    fn parse_worktree(&self, block: &str) -> Option<Worktree> {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key));
        let path = PathBuf::from(value("worktree ")?);
        let head = value("HEAD ")
            .and_then(|hex| self.parse_id(hex))
            .filter(|id| !id.is_null());
        let branch = value("branch ").map(str::to_owned);
        path.is_dir().then_some(Worktree { path, head, branch })
    }

    /// Makes a worktree at `path` on a new branch that starts at `start`; one that git remembers there and
    /// whose folder is gone is replaced. Others that are missing are not our business (no `prune`): they
    /// may be on a disk that comes back.
    ///
    /// After a crash the branch may exist without the worktree; the branch then holds nothing of its own.
    pub fn add_worktree(&self, path: &Path, branch: &str, start: &Oid) -> Result<()> {
        self.make_parent(path)?;
        let (path, start) = (path.display().to_string(), start.to_string());
        let args = [
            "worktree",
            "add",
            "--quiet",
            "--no-track",
            "--force",
            "-b",
            branch,
            "--",
            &path,
            &start,
        ];
        self.execute(&self.git(args)).map(drop)
    }

    /// Makes a worktree at `path` on a branch that exists; refuses one that another worktree stands on.
    ///
    /// After a crash the worktree is there, partly there or not; making it again replaces one whose folder
    /// is gone.
    pub fn add_worktree_on(&self, path: &Path, branch: &str) -> Result<()> {
        let stands = |it: &Worktree| it.short_branch() == Some(branch);
        if let Some(other) = self.worktrees()?.into_iter().find(stands) {
            return Err(Fault::refused(format!(
                "branch {branch} is checked out in '{}'",
                other.path.display()
            ))
            .hint("switch to another branch there first; nothing in it was touched"));
        }
        self.make_parent(path)?;
        let path = path.display().to_string();
        self.execute(&self.git(["worktree", "add", "--quiet", "--force", "--", &path, branch]))
            .map(drop)
    }

    /// Makes a worktree stand on another branch, which is made at `start` where it does not exist; git
    /// refuses where changes are in the way.
    ///
    /// After a crash the worktree stands on the old branch or the new one.
    pub fn switch_worktree(&self, path: &Path, branch: &str, start: &Oid) -> Result<()> {
        let start = start.to_string();
        let quiet = ["-c", "advice.detachedHead=false", "switch", "--quiet"];
        let run = self.git_in(path).args(quiet);
        let run = if self.find_ref(&format!("refs/heads/{branch}"))?.is_some() {
            run.args(["--no-guess", branch])
        } else {
            run.args(["--no-track", "--create", branch, &start])
        };
        self.execute(&run).map(drop)
    }

    /// Makes a worktree at `path` that stands on `start` without a branch; one that git remembers there and
    /// whose folder is gone is replaced, also where it was locked.
    pub fn add_detached_worktree(&self, path: &Path, start: &Oid) -> Result<()> {
        self.make_parent(path)?;
        let (path, start) = (path.display().to_string(), start.to_string());
        let add = [
            "worktree", "add", "--quiet", "--detach", "--force", "--force", "--", &path, &start,
        ];
        let alone = super::pristine::ALONE.iter().chain(&add);
        let add = self.git(alone.copied());
        self.past_half_made(|| self.execute(&add)).map(drop)
    }

    /// Asks git again where it gave up at a worktree that somebody is making at this moment: it looks at all of them,
    /// and a file that is there and still empty is an error to it.
    fn past_half_made<T>(&self, ask: impl Fn() -> Result<T>) -> Result<T> {
        let mut pause = Duration::from_millis(1);
        loop {
            match ask() {
                Err(fault) if pause <= PATIENCE && fault.to_string().contains("/commondir") => {
                    self.world().pause(pause);
                    pause *= 2;
                }
                said => return said,
            }
        }
    }

    /// Returns the folder in the git directory that belongs to one worktree alone, nothing for what is no
    /// linked worktree (gitrepository-layout(5)).
    pub fn private_dir(&self, worktree: &Path) -> Option<PathBuf> {
        let text = std::fs::read_to_string(worktree.join(".git")).ok()?;
        let dir = worktree.join(text.strip_prefix("gitdir: ")?.trim_end());
        dir.is_dir().then_some(dir)
    }

    fn make_parent(&self, path: &Path) -> Result<()> {
        let parent = path.parent().unwrap_or(path);
        fs::create_dir_all(parent).map_err(|error| {
            Fault::io("make folder", parent, &error)
                .hint("choose another place: git config gt.hooksDir <folder>")
        })
    }

    /// Returns the commit that this worktree stands on, nothing on an unborn branch.
    pub fn head(&self) -> Result<Option<Oid>> {
        self.commit_named("HEAD")
    }

    /// Returns the commit that a revision names as git reads it, nothing where it names none.
    pub fn commit_named(&self, revision: &str) -> Result<Option<Oid>> {
        if revision.starts_with('-') {
            return Ok(None);
        }
        let run = Run::new("git", self.git_dir())
            .without(&["GIT_DIR"])
            .args([format!("--git-dir={}", self.git_dir().display())])
            .args(["rev-parse", "--verify", "--quiet"])
            .args([format!("{revision}^{{commit}}")]);
        let output = self.start(&run)?;
        Ok(self.parse_id(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Returns what differs from the commit a worktree stands on, one line of `git status` each,
    /// untracked files included, ignored ones not.
    pub fn changes_in(&self, worktree: &Path) -> Result<Vec<String>> {
        let args = [
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--ignore-submodules=none",
        ];
        let out = self.query(&self.git_in(worktree).args(args))?;
        Ok(String::from_utf8_lossy(&out)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Moves the branch that is checked out in `worktree` forward to `commit`, files included, as
    /// `git merge --ff-only` does; refuses, with git's words, where local changes are in the way. The upkeep that
    /// git would begin by itself is left to the user's own commands and to ours.
    pub fn fast_forward(&self, worktree: &Path, commit: &Oid) -> Result<()> {
        let commit = commit.to_string();
        let quiet = [
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "merge.verifySignatures=false",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
        ];
        let merge = [
            "merge",
            "--quiet",
            "--ff-only",
            "--no-stat",
            "--no-autostash",
            &commit,
        ];
        let run = self.git_in(worktree).args(quiet).args(merge);
        fs::count();
        let output = self.start(&run)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Fault::refused(format!(
            "cannot move the branch checked out in '{}': {}",
            worktree.display(),
            super::command::one_line(&said)
        ))
        .hint("commit or put aside the changes named, then run it again"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::git::scratch::{Scratch, git};

    fn base(repo: &Repo) -> Oid {
        let tree = git(repo, &["mktree"], "");
        let who = ["-c", "user.name=a", "-c", "user.email=a@b", "commit-tree"];
        let commit = git(repo, &[&who[..], &["-m", "base", tree.trim()]].concat(), "");
        repo.parse_id(commit.trim()).unwrap()
    }

    /// Git is killed after it has made a file of the worktree and before it has filled it.
    #[test]
    fn a_worktree_whose_making_was_cut_short_is_mended() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let (commit, path) = (base(&repo), scratch.dir().join("trees/1"));
        for has_head in [true, false] {
            repo.renew_worktree(&path, &commit).unwrap();
            let dir = repo.private_dir(&path).unwrap();
            fs::replace(&dir.join("locked"), b"initializing\n").unwrap();
            fs::replace(&dir.join("commondir"), b"").unwrap();
            if !has_head {
                fs::remove_file(&dir.join("HEAD")).unwrap();
            }
            let list = repo.git(["worktree", "list", "--porcelain"]);
            assert!(repo.query(&list).is_err());
            repo.mend_worktree(&path).unwrap();
            repo.renew_worktree(&path, &commit).unwrap();
            assert_eq!(repo.worktrees().unwrap().len(), 1);
        }
    }

    #[test]
    fn a_worktree_that_is_being_made_is_waited_for() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let commit = base(&repo);
        let path = scratch.dir().join("trees/1");
        repo.add_detached_worktree(&path, &commit).unwrap();
        let made = repo.private_dir(&path).unwrap().join("commondir");
        let rest = std::fs::read(&made).unwrap();
        fs::replace(&made, b"").unwrap();
        let asked = Cell::new(0);
        let found = repo.past_half_made(|| {
            asked.set(asked.get() + 1);
            if asked.get() == 3 {
                fs::replace(&made, &rest).unwrap();
            }
            repo.query(&repo.git(["worktree", "list", "--porcelain"]))
        });
        assert!(
            String::from_utf8(found.unwrap())
                .unwrap()
                .contains("trees/1")
        );
        assert_eq!(asked.get(), 3);
    }
}
