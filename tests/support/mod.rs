//! A hermetic place to run the real program in: its own home, no settings but its own, a clock and chance
//! that repeat.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs and write files"
)]

mod hermetic;

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::assert::OutputAssertExt as _;
use hermetic::hermetic;
use serde_json::Value;
use tempfile::TempDir;

/// A repository with ledgers, in a folder that goes with it.
pub(crate) struct Place {
    dir: TempDir,
    count: Cell<u64>,
}

/// How a command ended.
#[must_use]
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a command said whose exit code was checked.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// 2026-01-01, in milliseconds since 1970; every command is a minute later than the one before.
const START: u64 = 1_767_225_600_000;

impl Place {
    /// Returns a rig whose ids begin with `gt-`.
    pub(crate) fn new() -> Self {
        let place = Self {
            dir: folder().expect("temporary folders can be made"),
            count: Cell::new(0),
        };
        let mut git = place.hermetic(Command::new("git"));
        git.args(["init", "--quiet", "--initial-branch=main", "."])
            .assert()
            .success();
        place.gt(&["init", "--prefix", "gt"]).done();
        place
    }

    fn hermetic(&self, mut command: Command) -> Command {
        hermetic(&mut command, &self.dir.path().join("home"));
        command.env("BD_ACTOR", "ada").current_dir(self.dir.path());
        command
    }

    /// Returns the program with `args`, with the system's clock and chance.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_git-gt").as_ref());
        command.args(args);
        command
    }

    /// Returns a program, to be run here.
    pub(crate) fn command_of(&self, program: &Path) -> Command {
        self.hermetic(Command::new(program))
    }

    /// Returns the path of a file or folder here.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs the program a minute after the last time.
    pub(crate) fn gt(&self, args: &[&str]) -> Output {
        let count = self.count.get() + 1;
        self.count.set(count);
        let mut command = self.command(args);
        command
            .env("GT_TEST_NOW", (START + count * 60_000).to_string())
            .env("GT_TEST_SEED", count.to_string());
        Output::of(&command.stdin(Stdio::null()).output().expect("it starts"))
    }

    /// Runs git.
    pub(crate) fn git(&self, args: &[&str]) -> Output {
        let mut command = self.hermetic(Command::new("git"));
        Output::of(&command.args(args).output().expect("git starts"))
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path.display().to_string()
    }

    /// Writes a program, which `sh` runs, and returns its path.
    pub(crate) fn program(&self, name: &str, script: &str) -> String {
        let path = self.file(name, &format!("#!/bin/sh\n{script}"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("it was just written");
        path
    }

    /// Makes a folder.
    pub(crate) fn folder(&self, name: &str) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path).expect("the folder can be written");
    }

    /// Notes a hook of an agent, as hanging one does: a ref named by the hash of the name.
    pub(crate) fn hook(&self, agent: &str) {
        let script = format!(
            "blob=$(printf '{{}}' | git hash-object -w --stdin) &&
            tree=$(printf '100644 blob %s\\tvalue.json\\n' $blob | git mktree) &&
            commit=$(git -c user.name=a -c user.email=a commit-tree -m '{agent}' $tree) &&
            name=$(printf %s '{agent}' | git hash-object --stdin | cut -c 1-32) &&
            git update-ref refs/gt-local/hooks/$name $commit"
        );
        let mut shell = self.hermetic(Command::new("sh"));
        shell.args(["-c", &script]).assert().success();
    }

    /// Removes what git gt may lose at any moment.
    pub(crate) fn forget(&self) {
        let scratch = self.dir.path().join(".git/gt");
        std::fs::remove_dir_all(scratch).expect("it is there and may go");
    }

    /// Makes a bead and returns its id.
    pub(crate) fn create(&self, args: &[&str]) -> String {
        let all: Vec<&str> = ["create", "--silent"].iter().chain(args).copied().collect();
        self.gt(&all).done().stdout.trim().to_owned()
    }

    /// Runs the program with `--json` and returns what it printed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
        serde_json::from_str(&self.gt(&all).done().stdout).expect("it is JSON")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Worktrees stand beside the repository; most tests make none.
        let mut beside = self.dir.path().as_os_str().to_owned();
        beside.push(".gt");
        drop(std::fs::remove_dir_all(beside));
    }
}

impl Output {
    pub(crate) fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Checks that it was done, and returns what it said.
    #[track_caller]
    pub(crate) fn done(self) -> Said {
        assert_eq!(self.code, 0, "{self:?}");
        self.said()
    }

    /// Checks that it failed with `code` and said `words` on standard error.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Said {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(words), "{self:?}");
        self.said()
    }

    fn said(self) -> Said {
        Said {
            stdout: self.stdout,
            stderr: self.stderr,
        }
    }
}

/// Returns a new folder, in memory where the system has a place for that: many small files are slow
/// elsewhere.
fn folder() -> std::io::Result<TempDir> {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new())
}

/// Returns the real files of issues that lie beside the repository, none where they do not.
pub(crate) fn real_files() -> Vec<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    files
}
