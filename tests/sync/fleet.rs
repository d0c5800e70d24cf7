//! Clones of one bare remote, in a temporary folder of their own: the real program over `file://`, with no
//! settings but the test's and with a clock and chance that repeat.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// 2026-01-01, in milliseconds since 1970; every command is a second later than the one before.
const START: u64 = 1_767_225_600_000;

/// A bare remote `hub.git` with one commit on `main`, and room for clones of it.
pub(crate) struct Fleet {
    dir: TempDir,
    ticks: AtomicU64,
}

/// One repository of a fleet.
pub(crate) struct Member<'f> {
    pub(crate) fleet: &'f Fleet,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    env: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The exit code, -1 where a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What somebody was told by a sync.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) who: String,
    pub(crate) event: Value,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self::of_format(&format())
    }

    /// Returns a fleet whose objects have ids of `format`.
    pub(crate) fn of_format(format: &str) -> Self {
        let fleet = Self::bare();
        let format = format!("--object-format={format}");
        fleet.git(
            ".",
            &["init", "-q", "--bare", "-b", "main", &format, "hub.git"],
        );
        let first = "commit refs/heads/main\ncommitter T <t@x> 1767225600 +0000\ndata 5\nfirst\n\
                     M 100644 inline file\ndata 2\n1\n\n";
        fleet.feed("hub.git", &["fast-import", "--quiet"], first.as_bytes());
        fleet
    }

    /// Returns a folder with nothing in it.
    pub(crate) fn bare() -> Self {
        // In memory where the system has a place for that: many small files are slow elsewhere.
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        Self {
            dir: dir.expect("temporary folders can be made"),
            ticks: AtomicU64::new(0),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the remote's address.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path("hub.git").display())
    }

    /// Makes a program of a shell script, alone in a folder, and returns its path.
    pub(crate) fn script(&self, name: &str, script: &str) -> String {
        let path = self.path(&format!("bin-{name}")).join(name);
        self.executable(&path, script);
        path.display().to_string()
    }

    /// Makes a githook of the remote.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        self.executable(&self.path("hub.git/hooks").join(name), script);
    }

    fn executable(&self, path: &Path, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the number of the next command.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns a program with nothing of the user's in its environment.
    pub(crate) fn command(&self, program: &str, dir: &Path) -> Command {
        let path = std::env::var("PATH").expect("there is a PATH");
        let bin = Path::new(env!("CARGO_BIN_EXE_git-gt")).parent();
        let bin = bin.expect("a program stands in a folder").display();
        let tick = self.tick();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{bin}:{path}"))
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "T")
            .env("GIT_AUTHOR_EMAIL", "t@x")
            .env("GIT_COMMITTER_NAME", "T")
            .env("GIT_COMMITTER_EMAIL", "t@x")
            .env("GIT_DEFAULT_HASH", format())
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .env("GT_TEST_NOW", (START + tick * 1000).to_string())
            .env("GT_TEST_SEED", tick.to_string())
            .stdin(Stdio::null())
            .current_dir(dir);
        command
    }

    /// Runs git in a folder of the fleet, expects it to succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> String {
        let mut command = self.command("git", &self.path(dir));
        Output::of(command.args(args)).done().stdout
    }

    /// Runs git with something to read.
    #[track_caller]
    pub(crate) fn feed(&self, dir: &str, args: &[&str], input: &[u8]) -> String {
        let mut command = self.command("git", &self.path(dir));
        command.args(args).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        stdin.write_all(input).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Output::from(&output).done().stdout
    }

    /// Clones the remote into a folder and takes over its ledgers, or makes them.
    #[track_caller]
    pub(crate) fn member(&self, name: &str) -> Member<'_> {
        let member = self.clone_only(name);
        member.gt(&["init"]).done();
        member
    }

    /// Clones the remote into a folder.
    #[track_caller]
    pub(crate) fn clone_only(&self, name: &str) -> Member<'_> {
        self.git(".", &["clone", "-q", &self.url(), name]);
        self.at(name)
    }

    /// Returns a repository that exists already.
    pub(crate) fn at(&self, name: &str) -> Member<'_> {
        Member {
            fleet: self,
            name: name.to_owned(),
            path: self.path(name),
            env: vec![("BD_ACTOR".to_owned(), name.to_owned())],
        }
    }

    /// Copies a repository of another fleet, or of this one.
    pub(crate) fn copy(&self, from: &Path, to: &str) {
        let mut cp = Command::new("cp");
        let copied = cp.arg("-r").arg(from).arg(self.path(to)).status();
        assert!(copied.expect("there is cp").success());
    }

    /// Returns two clones that know the same ledgers, with a bead for each title.
    #[track_caller]
    pub(crate) fn two(&self, titles: &[&str]) -> (Member<'_>, Member<'_>, Vec<String>) {
        let ada = self.clone_only("ada");
        ada.gt(&["init", "--prefix", "gt"]).done();
        let ids = titles.iter().map(|title| ada.create(title)).collect();
        ada.sync();
        let bob = self.member("bob");
        (ada, bob, ids)
    }
}

impl Member<'_> {
    /// Returns the same repository with one more environment variable for everything that runs in it.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Returns where its programs are looked for.
    pub(crate) fn programs(&self) -> String {
        let command = self.command("git");
        let path = command.get_envs().find(|(key, _)| *key == "PATH");
        let path = path.and_then(|(_, value)| value).unwrap_or_default();
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.fleet.command(program, &self.path);
        for (key, value) in &self.env {
            command.env(key, value);
        }
        command
    }

    /// Runs the program.
    #[must_use]
    pub(crate) fn gt(&self, args: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-gt"));
        Output::of(command.args(args))
    }

    /// Runs the program with one more environment variable.
    #[must_use]
    pub(crate) fn gt_with(&self, (key, value): (&str, &str), args: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_git-gt"));
        Output::of(command.args(args).env(key, value))
    }

    /// Runs git, expects it to succeed, and returns what it printed without the last newline.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let said = self.try_git(args).done().stdout;
        said.trim_end().to_owned()
    }

    #[must_use]
    pub(crate) fn try_git(&self, args: &[&str]) -> Output {
        Output::of(self.command("git").args(args))
    }

    /// Makes a bead and returns its id.
    #[track_caller]
    pub(crate) fn create(&self, title: &str) -> String {
        let said = self.gt(&["create", "--silent", "--", title]).done();
        said.stdout.trim().to_owned()
    }

    /// Runs the program with `--json` and returns what it printed.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
        self.gt(&all).done().json()
    }

    /// Adds the gate `test`, which everything passes.
    #[track_caller]
    pub(crate) fn gate(&self) {
        self.gt(&["refinery", "gate", "add", "test", "--command", "true"])
            .done();
    }

    /// Commits a file named after a new branch, which is checked out then.
    #[track_caller]
    pub(crate) fn commit(&self, branch: &str) {
        self.git(&["switch", "-q", "-c", branch, "origin/main"]);
        std::fs::write(self.path.join(branch), "x\n").unwrap();
        self.git(&["add", branch]);
        self.git(&["commit", "-q", "-m", branch]);
    }

    /// Commits on a branch and queues it.
    #[track_caller]
    pub(crate) fn queue(&self, branch: &str) {
        self.commit(branch);
        self.gt(&["mq", "submit", "--branch", branch]).done();
        self.git(&["switch", "-q", "main"]);
    }

    /// Returns a bead as `show --json` prints it.
    #[track_caller]
    pub(crate) fn show(&self, id: &str) -> Value {
        self.json(&["show", id])[0].take()
    }

    /// Returns all records of a ledger by their ids, as git holds them.
    #[track_caller]
    pub(crate) fn records(&self, ledger: &str) -> BTreeMap<String, Value> {
        let tree = format!("refs/gt/{ledger}");
        let listed = self.git(&["ls-tree", "-r", "--format=%(objectname)", &tree]);
        let text = self.feed(&["cat-file", "--batch=="], listed.as_bytes());
        let whole = text.split("\n=\n").filter(|it| !it.trim().is_empty());
        let record = |text: &str| {
            let text = text.trim_start_matches("=\n");
            let value: Value = serde_json::from_str(text).ok()?;
            Some((value["id"].as_str()?.to_owned(), value))
        };
        whole.filter_map(record).collect()
    }

    /// Runs git with something to read.
    #[track_caller]
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> String {
        self.fleet.feed(&self.name, args, input)
    }

    /// Syncs, and returns what was told.
    #[track_caller]
    pub(crate) fn sync(&self) -> Vec<Told> {
        let said = self.gt(&["sync", "--json"]).done();
        self.told(&said)
    }

    /// Returns the events that `sync --json` printed.
    #[track_caller]
    pub(crate) fn told(&self, said: &Output) -> Vec<Told> {
        let events = said.json()["events"].take();
        let events = events.as_array().cloned().unwrap_or_default();
        let told = |event| Told {
            who: self.name.clone(),
            event,
        };
        events.into_iter().map(told).collect()
    }

    /// Returns the tree of a ledger, empty where it does not exist.
    pub(crate) fn tree(&self, ledger: &str) -> String {
        let name = format!("refs/gt/{ledger}^{{tree}}");
        let found = self.try_git(&["rev-parse", "--verify", "--quiet", &name]);
        found.stdout.trim().to_owned()
    }

    /// Returns the commit of a ledger, empty where it does not exist.
    pub(crate) fn tip(&self, ledger: &str) -> String {
        let name = format!("refs/gt/{ledger}");
        let found = self.try_git(&["rev-parse", "--verify", "--quiet", &name]);
        found.stdout.trim().to_owned()
    }

    /// Returns the names of all ledgers that exist here.
    pub(crate) fn ledgers(&self) -> Vec<String> {
        let listed = self.git(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/gt/*"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Checks that nothing is damaged or missing.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let checked = self.try_git(&["fsck", "--strict", "--no-dangling"]);
        assert_eq!(checked.code, 0, "{}: {checked:?}", self.name);
        let said = format!("{}{}", checked.stdout, checked.stderr);
        let bad = said.lines().filter(|line| !line.starts_with("notice: "));
        assert_eq!(bad.count(), 0, "git fsck in {}: {said}", self.name);
    }
}

/// Returns the kind of ids that objects have where nothing else is asked for.
pub(crate) fn format() -> String {
    std::env::var("GIT_DEFAULT_HASH").unwrap_or_else(|_| "sha1".to_owned())
}

/// The remote, or whatever stands where clones meet, as a member.
pub(crate) fn hub(fleet: &Fleet) -> Member<'_> {
    fleet.at("hub.git")
}

/// Syncs in turn until nobody has anything to do, checks that this takes few rounds and that everybody then
/// holds the same, and returns what was told.
#[track_caller]
pub(crate) fn agree(members: &[&Member<'_>]) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..=members.len() + 2 {
        let mut round: Vec<Told> = Vec::new();
        for member in members {
            round.extend(member.sync());
        }
        if round.is_empty() {
            hold_the_same(members);
            return told;
        }
        told.extend(round);
    }
    panic!("they do not come to an end: {told:#?}");
}

/// Checks that all members and the remote have the same ledgers with the same trees, and are sound.
#[track_caller]
pub(crate) fn hold_the_same(members: &[&Member<'_>]) {
    let hub = hub(members[0].fleet);
    for member in members {
        assert_eq!(
            member.ledgers(),
            hub.ledgers(),
            "ledgers of {}",
            member.name
        );
        for ledger in hub.ledgers() {
            let (here, there) = (member.tree(&ledger), hub.tree(&ledger));
            assert_eq!(here, there, "{ledger} of {}", member.name);
        }
        member.is_sound();
    }
    hub.is_sound();
}

/// Returns what was told of a kind of event, to whom, as `who: id`.
pub(crate) fn told_of(told: &[Told], event: &str) -> Vec<String> {
    let of = told.iter().filter(|it| it.event["event"] == event);
    let id = |it: &Told| {
        let keys = ["id", "bead", "ledger"];
        let found = keys.iter().find_map(|key| it.event[*key].as_str());
        format!("{}: {}", it.who, found.unwrap_or_default())
    };
    of.map(id).collect()
}

impl Output {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(&command.output().expect("the program starts"))
    }

    pub(crate) fn from(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Checks that it was done.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Checks that it failed with `code` and said `words` on standard error.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(words), "no '{words}': {self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Returns what it printed as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
