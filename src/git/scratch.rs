//! A repository of a test's own, in a temporary folder that goes with it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot begin may as well stop"
)]

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::git::Repo;
use crate::world::process::Run;
use crate::world::{Start, World};

/// An empty bare repository with nothing of the user's settings in sight; its clock stands still.
pub(crate) struct Scratch {
    dir: TempDir,
    path: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let asked = Start::of_process().unwrap().env.remove("GIT_DEFAULT_HASH");
        Self::of_format(asked.as_deref().unwrap_or("sha1"))
    }

    /// Returns a repository whose objects have ids of `format`.
    pub(crate) fn of_format(format: &str) -> Self {
        let format = format!("--object-format={format}");
        let dir = tempfile::tempdir().unwrap();
        let path = Start::of_process().unwrap().env.remove("PATH");
        let scratch = Self {
            dir,
            path: path.unwrap_or_default(),
        };
        let init = Run::new("git", scratch.dir()).args(["init", "--quiet", "--bare", &format]);
        let made = init.output(&scratch.world(0)).unwrap();
        assert!(made.status.success(), "{made:?}");
        scratch
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn world(&self, seed: u64) -> World {
        let dir = self.dir().display().to_string();
        let seed = seed.to_string();
        let vars = [
            ("PATH", self.path.as_str()),
            ("HOME", &dir),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GT_TEST_NOW", "2025-10-09T08:53:20Z"),
            ("GT_TEST_SEED", &seed),
        ];
        World::new(Start {
            env: BTreeMap::from(vars.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            cwd: self.dir().to_owned(),
            exe: self.dir().join("git-gt"),
        })
    }

    /// Opens the repository as a process of its own would, with its own sequence of chance.
    pub(crate) fn open(&self, seed: u64) -> Repo {
        Repo::open(&self.world(seed), self.dir()).unwrap()
    }
}

/// Runs git on a repository and returns what it printed.
#[cfg(test)]
#[track_caller]
pub(crate) fn git(repo: &Repo, args: &[&str], stdin: &str) -> String {
    let run = repo.git(args.iter().copied()).stdin(stdin);
    String::from_utf8(repo.query(&run).unwrap()).unwrap()
}
