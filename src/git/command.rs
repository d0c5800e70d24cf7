//! Running the git binary: its environment, its version, its failures.

use std::path::Path;
use std::sync::OnceLock;

use super::Repo;
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::{Output, Run};

/// The variables that tie a process to one repository, as `git rev-parse --local-env-vars` prints them.
pub const LOCAL_ENV: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_QUARANTINE_PATH",
];

/// Of those, the ones that do not name another repository but carry the user's `git -c`.
const USER_CONFIG: &[&str] = &["GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"];

/// A version of git, major and minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Repo {
    /// Returns a git command on this repository as a whole, without a worktree.
    pub(crate) fn git<S: Into<String>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let dir = format!("--git-dir={}", self.common_dir().display());
        self.git_in(self.common_dir()).args([dir]).args(args)
    }

    /// Returns a git command in one worktree.
    pub(crate) fn git_in(&self, dir: &Path) -> Run {
        let cleared: Vec<&str> = LOCAL_ENV
            .iter()
            .copied()
            .filter(|key| !USER_CONFIG.contains(key))
            .collect();
        Run::new("git", dir)
            .without(&cleared)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
    }

    /// Runs a git command that only reads, and returns its standard output.
    pub(crate) fn query(&self, run: &Run) -> Result<Vec<u8>> {
        let output = self.start(run)?;
        succeeded(run, output)
    }

    /// Runs a git command that writes, and returns its standard output.
    pub(crate) fn execute(&self, run: &Run) -> Result<Vec<u8>> {
        self.refuse_unwritable()?;
        fs::count();
        self.query(run)
    }

    /// Runs a git command and returns what it left, whatever its exit code.
    pub(crate) fn start(&self, run: &Run) -> Result<Output> {
        started(run.output(self.world()))
    }

    /// Returns the version of the git program, asked once.
    pub fn git_version(&self) -> Result<Version> {
        static VERSION: OnceLock<Option<Version>> = OnceLock::new();
        let known = VERSION.get_or_init(|| {
            let output = self
                .start(&Run::new("git", self.common_dir()).args(["--version"]))
                .ok()?;
            parse_version(&String::from_utf8_lossy(&output.stdout))
        });
        known.ok_or_else(|| Fault::unavailable("cannot find out the version of git"))
    }

    /// Refuses when git is older than what `purpose` needs.
    pub(crate) fn need_git(&self, least: Version, purpose: &str) -> Result<()> {
        let found = self.git_version()?;
        if found < least {
            let Version(major, minor) = least;
            return Err(Fault::unavailable(format!(
                "{purpose} needs git {major}.{minor} or later, this is git {}.{}",
                found.0, found.1
            ))
            .hint("everything else works with the git you have"));
        }
        Ok(())
    }
}

fn parse_version(text: &str) -> Option<Version> {
    let number = text.split_whitespace().nth(2)?;
    let mut parts = number.split('.').map(str::parse);
    Some(Version(parts.next()?.ok()?, parts.next()?.ok()?))
}

/// Returns what a run of git left; refuses in words where there is no git.
pub(super) fn started(output: std::io::Result<Output>) -> Result<Output> {
    output.map_err(|error| {
        Fault::unavailable(format!("cannot run git: {error}"))
            .hint("git gt needs the git program on PATH")
    })
}

fn succeeded(run: &Run, output: Output) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Fault::fatal(format!(
        "'{}' failed: {}",
        run.line(),
        one_line(&said)
    )))
}

/// Returns what git complained about as one line, without its prefixes.
pub(super) fn one_line(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let kept: Vec<&str> = lines
        .map(|line| line.trim_start_matches("fatal: "))
        .collect();
    if kept.is_empty() {
        "it said nothing".to_owned()
    } else {
        kept.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_vendors_are_understood() {
        let check = |text, want| assert_eq!(parse_version(text), want);
        check("git version 2.39.5", Some(Version(2, 39)));
        check("git version 2.39.5 (Apple Git-154)", Some(Version(2, 39)));
        check("git version 2.47.1.windows.1", Some(Version(2, 47)));
        check("nonsense", None);
    }
}
