//! Making repositories: git-init(1), git-clone(1) without a checkout, `info/exclude`.

use std::path::Path;

use super::command::{LOCAL_ENV, one_line};
use super::{Oid, Repo, without_password};
use crate::fault::{Fault, Result};
use crate::world::process::Run;
use crate::world::{World, fs};

impl Repo {
    /// Makes a repository at `path`, or opens the one that is there.
    ///
    /// After a crash the folder holds a repository or what git-init(1) completes.
    pub fn init(world: &World, path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Fault::io("make folder", path, &error))?;
        let path_text = path.display().to_string();
        let run = Run::new("git", path).without(LOCAL_ENV).args([
            "init",
            "--quiet",
            "--initial-branch=main",
            "--",
            &path_text,
        ]);
        started(world, &run).map_err(|said| {
            Fault::fatal(format!(
                "cannot make a repository in '{}': {said}",
                path.display()
            ))
        })?;
        Self::open(world, path)
    }

    /// Clones `url` to `path` without a checkout and with `HEAD` detached, so that each branch can be
    /// checked out in a worktree. Refuses a repository without commits.
    ///
    /// After a crash `path` holds half a clone.
    pub fn clone_bare_of_files(world: &World, url: &str, path: &Path) -> Result<Self> {
        let parent = path.parent().unwrap_or(path);
        fs::create_dir_all(parent).map_err(|error| Fault::io("make folder", parent, &error))?;
        let path_text = path.display().to_string();
        let run = Run::new("git", parent)
            .without(LOCAL_ENV)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .args([
                "clone",
                "--quiet",
                "--no-checkout",
                "--origin=origin",
                "--",
                url,
                &path_text,
            ]);
        let shown = without_password(url);
        started(world, &run).map_err(|said| {
            Fault::unavailable(format!("cannot clone '{shown}': {said}"))
                .hint("see whether git can read it: git ls-remote <url>")
        })?;
        let repo = Self::open(world, path)?;
        let Some(tip) = repo.find_ref("HEAD")? else {
            return Err(repo.without_tip(&shown)?);
        };
        repo.detach_head(&tip)?;
        Ok(repo)
    }

    /// Returns why nothing is checked out of a clone of `url`.
    fn without_tip(&self, url: &str) -> Result<Fault> {
        let prefix = "refs/remotes/origin/";
        let branches = self.list_refs(prefix)?.into_iter();
        let mut branches =
            branches.filter_map(|(name, _)| name.strip_prefix(prefix).map(str::to_owned));
        let Some(branch) = branches.next() else {
            return Ok(Fault::refused(format!("'{url}' has no commit yet"))
                .hint("make a first commit there: agents' branches start from it"));
        };
        let head = self.symbolic_ref("HEAD").unwrap_or_default();
        let head = head.strip_prefix("refs/heads/").unwrap_or(&head);
        Ok(Fault::refused(format!(
            "the default branch of '{url}', '{head}', does not exist"
        ))
        .hint(format!(
            "choose one that does, there: git symbolic-ref HEAD refs/heads/{branch}"
        )))
    }

    fn detach_head(&self, commit: &Oid) -> Result<()> {
        let commit = commit.to_string();
        let args = ["update-ref", "--no-deref", "HEAD", &commit];
        self.execute(&self.git(args)).map(drop)
    }

    /// Adds a pattern to `info/exclude`, which is this machine's alone (gitignore(5)); one that is there
    /// stays.
    ///
    /// The file is replaced as a whole.
    pub fn exclude(&self, pattern: &str) -> Result<()> {
        let path = self.common_dir().join("info").join("exclude");
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old.lines().any(|line| line == pattern) {
            return Ok(());
        }
        let gap = if old.is_empty() || old.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let parent = path.parent().unwrap_or(&path);
        fs::create_dir_all(parent)
            .and_then(|()| fs::replace(&path, format!("{old}{gap}{pattern}\n").as_bytes()))
            .map_err(|error| Fault::io("write", &path, &error))
    }

    /// Commits one file by `name` on the branch checked out, and nothing else that is there or staged.
    ///
    /// After a crash the file is staged and not committed, or both.
    pub fn commit_file(&self, file: &str, (name, message): (&str, &str)) -> Result<()> {
        let root = self.root().to_owned();
        let email = super::Signature::of(name).email().to_owned();
        let add = ["add", "--force", "--", file];
        self.execute(&self.git_in(&root).args(add))?;
        let commit = [
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "commit.gpgSign=false",
            "commit",
            "--quiet",
            "-m",
            message,
            "--",
            file,
        ];
        let run = self.git_in(&root).args(commit);
        let run = ["AUTHOR", "COMMITTER"].iter().fold(run, |run, who| {
            run.env(&format!("GIT_{who}_NAME"), name)
                .env(&format!("GIT_{who}_EMAIL"), &email)
        });
        self.execute(&run).map(drop)
    }
}

/// Runs git where no repository is open yet; what it complained about is the error.
fn started(world: &World, run: &Run) -> std::result::Result<(), String> {
    fs::count();
    let output = run.output(world).map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(one_line(&String::from_utf8_lossy(&output.stderr)))
    }
}
