//! A hermetic rig in a folder of its own: repository, worktrees, remotes, home and temporary files; and a
//! look at what a run left behind.

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::hermetic::hermetic;
use crate::watch;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_git-gt");

/// 2026-01-01, in milliseconds since 1970.
const START: u64 = 1_767_225_600_000;

/// A rig with one commit on `main`, which is checked out; its ids begin with `gt-`.
pub(crate) struct Place {
    dir: TempDir,
    count: Cell<u64>,
    /// Whether time and chance repeat.
    pub(crate) repeats: bool,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self::bare(false);
        place.found();
        place
    }

    /// Returns a rig in which every command finds the same time and chance in every run of the test.
    pub(crate) fn repeating() -> Self {
        let place = Self::bare(true);
        place.found();
        place
    }

    /// Returns a place without a repository.
    pub(crate) fn bare(repeats: bool) -> Self {
        // In memory where the system has a place for that: many small files are slow elsewhere.
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        let dir = dir.expect("temporary folders can be made");
        for folder in ["home", "tmp"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let count = Cell::new(0);
        Self {
            dir,
            count,
            repeats,
        }
    }

    /// Returns a copy of the place, which has no worktrees but the main one, with the same clone id.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::bare(self.repeats);
        copy.count.set(self.count.get());
        let from = format!("{}/.", self.dir.path().display());
        let mut cp = Command::new("cp");
        Output::of(cp.args(["-a", &from]).arg(copy.dir.path())).done();
        let inode = fs::metadata(copy.path("repo/.git")).unwrap().ino();
        let config = copy.path("repo/.git/config");
        let text = fs::read_to_string(&config).unwrap();
        let inode_line = |line: &str| line.trim().starts_with("cloneInode = ");
        let [old, new] = [self, &copy].map(|it| it.dir.path().display().to_string());
        let lines = text.lines().map(|line| match inode_line(line) {
            true => format!("cloneInode = {inode}\n"),
            false => format!("{}\n", line.replace(&old, &new)),
        });
        fs::write(config, lines.collect::<String>()).unwrap();
        copy
    }

    fn found(&self) {
        fs::create_dir(self.repo()).unwrap();
        self.git(&["init", "--quiet", "--initial-branch=main", "."])
            .done();
        self.import("main", None, &[("base", "base\n")]);
        self.git(&["reset", "--quiet", "--hard"]).done();
        self.gt(&["init", "--prefix", "gt"]).done();
    }

    /// Returns a path in the folder of the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// Makes `command` know nothing but this place.
    pub(crate) fn hermetic(&self, mut command: Command) -> Command {
        hermetic(&mut command, &self.path("home"));
        command
            .env("TMPDIR", self.path("tmp"))
            .env("PLACE", self.dir.path())
            .current_dir(self.repo());
        command
    }

    /// Returns the program with `args`, in the repository, without anybody's identity.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.hermetic(Command::new(PROGRAM));
        command.args(args);
        if self.repeats {
            let count = self.count.get() + 1;
            self.count.set(count);
            command
                .env("GT_TEST_NOW", (START + count * 60_000).to_string())
                .env("GT_TEST_SEED", count.to_string());
        }
        command
    }

    pub(crate) fn gt(&self, args: &[&str]) -> Output {
        Output::of(&mut self.command(args))
    }

    /// Runs the program in another folder of the place.
    pub(crate) fn gt_in(&self, dir: &Path, args: &[&str]) -> Output {
        Output::of(self.command(args).current_dir(dir))
    }

    /// Runs the program with `--json` and returns what it printed.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.json_in(&self.repo(), args)
    }

    #[track_caller]
    pub(crate) fn json_in(&self, dir: &Path, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
        self.gt_in(dir, &all).done().json()
    }

    /// Runs git in the repository, as somebody who may commit.
    pub(crate) fn git(&self, args: &[&str]) -> Output {
        self.git_in(&self.repo(), args)
    }

    pub(crate) fn git_in(&self, dir: &Path, args: &[&str]) -> Output {
        Output::of(&mut self.git_command(dir, args))
    }

    fn git_command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = self.hermetic(Command::new("git"));
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@example.com")
                .env(format!("GIT_{role}_DATE"), "1767225600 +0000");
        }
        command.args(args).current_dir(dir);
        command
    }

    /// Commits files on a branch that begins at `from`, without touching the work tree.
    pub(crate) fn import(&self, branch: &str, from: Option<&str>, files: &[(&str, &str)]) {
        self.import_in(&self.repo(), branch, from, files);
    }

    pub(crate) fn import_in(
        &self,
        dir: &Path,
        branch: &str,
        from: Option<&str>,
        files: &[(&str, &str)],
    ) {
        let who = "committer Ada <ada@example.com> 1767225600 +0000";
        let subject = format!("change {}", files[0].0);
        let mut stream = format!(
            "commit refs/heads/{branch}\n{who}\ndata {}\n{subject}\n",
            subject.len()
        );
        if let Some(from) = from {
            stream.push_str(&format!("from {from}^0\n"));
        }
        for (path, content) in files {
            let length = content.len();
            stream.push_str(&format!(
                "M 100644 inline {path}\ndata {length}\n{content}\n"
            ));
        }
        let mut command = self.git_command(dir, &["fast-import", "--quiet"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(stream.as_bytes()).unwrap();
        drop(pipe);
        assert!(child.wait().unwrap().success());
    }

    /// Makes a branch off `main` that adds files.
    pub(crate) fn branch(&self, name: &str, files: &[(&str, &str)]) {
        self.import(name, Some("refs/heads/main"), files);
    }

    /// Makes a branch off `main` that adds one file of its own name, and queues it; returns the request.
    pub(crate) fn queue(&self, name: &str) -> String {
        self.branch(name, &[(name, name)]);
        self.submit(name)
    }

    #[track_caller]
    pub(crate) fn submit(&self, branch: &str) -> String {
        let request = self.json(&["mq", "submit", "--branch", branch]);
        request["id"].as_str().unwrap().to_owned()
    }

    /// Makes a script the agent.
    #[track_caller]
    pub(crate) fn agent(&self, script: &str) {
        self.write("agent.sh", script);
        let line = "sh \"$PLACE/agent.sh\"";
        self.gt(&["config", "agent", "set", "scripted", line])
            .done();
    }

    /// Returns a rig whose agent is a script.
    pub(crate) fn with_agent(script: &str) -> Self {
        let place = Self::new();
        place.agent(script);
        place
    }

    /// Hangs a bead on a hook without starting anybody and returns the hook's folder.
    #[track_caller]
    pub(crate) fn hang(&self, bead: &str) -> PathBuf {
        self.gt(&["config", "set", "backend", "none"]).done();
        let slung = self.json(&["sling", bead]);
        PathBuf::from(slung[0]["path"].as_str().unwrap())
    }

    /// Adds the gate `test`.
    pub(crate) fn gate(&self, command: &str) {
        self.gate_with("test", command, &[]);
    }

    pub(crate) fn gate_with(&self, name: &str, command: &str, options: &[&str]) {
        let add = ["refinery", "gate", "add", name, "--command", command];
        self.gt(&[&add[..], options].concat()).done();
    }

    /// Makes a bare remote that holds `main`.
    pub(crate) fn remote(&self) -> PathBuf {
        let remote = self.path("remote.git");
        let path = remote.display().to_string();
        self.git(&["init", "--quiet", "--bare", "--initial-branch=main", &path])
            .done();
        self.git(&["remote", "add", "origin", &path]).done();
        self.git(&["push", "--quiet", "--set-upstream", "origin", "main"])
            .done();
        remote
    }

    /// Makes another clone of the remote, with the remote's ledgers.
    pub(crate) fn another(&self, name: &str) -> PathBuf {
        let dir = self.path(name);
        let remote = self.path("remote.git").display().to_string();
        self.git(&["clone", "--quiet", &remote, &dir.display().to_string()])
            .done();
        self.gt_in(&dir, &["init"]).done();
        dir
    }

    /// Runs the queue until it is idle.
    #[track_caller]
    pub(crate) fn run(&self) -> Value {
        self.json(&["refinery", "run"])
    }

    /// Returns the status of a request.
    #[track_caller]
    pub(crate) fn status(&self, request: &str) -> String {
        let shown = self.json(&["mq", "status", request]);
        shown["status"].as_str().unwrap().to_owned()
    }

    /// Returns a bead as `show` prints it.
    #[track_caller]
    pub(crate) fn bead(&self, id: &str) -> Value {
        self.json(&["show", id])[0].take()
    }

    /// Makes a bead and returns its id.
    pub(crate) fn create(&self, title: &str) -> String {
        let created = self.gt(&["create", "--silent", title]).done();
        created.stdout.trim().to_owned()
    }

    /// Returns what a name means to git.
    #[track_caller]
    pub(crate) fn rev(&self, name: &str) -> String {
        self.rev_in(&self.repo(), name)
    }

    #[track_caller]
    pub(crate) fn rev_in(&self, dir: &Path, name: &str) -> String {
        let said = self
            .git_in(dir, &["rev-parse", "--verify", "--quiet", name])
            .done();
        said.stdout.trim().to_owned()
    }

    /// Returns the names of the files in a tree.
    #[track_caller]
    pub(crate) fn files(&self, tree: &str) -> Vec<String> {
        let said = self.git(&["ls-tree", "-r", "--name-only", tree]).done();
        said.stdout.lines().map(str::to_owned).collect()
    }

    /// Writes a file into the place, with the folders above it, and returns its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Returns the content of a file of the place, empty where there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Makes a named pipe, and holds it open so that neither side ever waits for the other to open it.
    pub(crate) fn pipe(&self, name: &str) -> fs::File {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).open(path).unwrap()
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        watch::until(what, &self.mark(), look)
    }

    /// Waits until a file of the place exists.
    #[track_caller]
    pub(crate) fn until_file(&self, name: &str) {
        let path = self.path(name);
        self.until(name, || path.exists().then_some(()));
    }

    /// Returns the processes that were started in this place and still run, with their arguments.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        watch::processes(&self.mark())
    }

    /// Returns what tells a process that was started here.
    fn mark(&self) -> String {
        format!("PLACE={}", self.dir.path().display())
    }

    /// Checks that nothing that was started here runs on; what has just been killed may take a moment.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        self.until("nothing runs", || self.processes().is_empty().then_some(()));
    }

    /// Checks what must hold whatever happened, and that no gate ran more often than one worker has to.
    #[track_caller]
    pub(crate) fn is_sound(&self, base: &str) {
        self.is_proven(base);
        for result in &self.records("results") {
            let verdicts = verdicts(result);
            let green = verdicts.iter().filter(|it| **it == "green").count();
            assert!(green <= 1 && verdicts.len() <= 2, "ran too often: {result}");
        }
    }

    /// Checks what must hold whatever happened: nothing is damaged, and the target only ever moved forward, from
    /// `base` on only to what was proven green.
    #[track_caller]
    pub(crate) fn is_proven(&self, base: &str) {
        let said = self.git(&["fsck", "--strict", "--no-dangling"]).done();
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
        let gates = self.json(&["refinery", "gate", "list"]);
        let results = self.records("results");
        let moves = self.read("repo/.git/logs/refs/heads/main");
        let moves = moves.lines().map(|line| {
            let (old, rest) = line.split_once(' ').unwrap();
            (old, rest.split_once(' ').unwrap().0)
        });
        for (old, new) in moves.skip_while(|(old, _)| *old != base) {
            self.git(&["merge-base", "--is-ancestor", old, new]).done();
            let tree = self.rev(&format!("{new}^{{tree}}"));
            for gate in gates.as_array().unwrap() {
                let id = format!("{tree}.{}", gate["definition"].as_str().unwrap());
                let result = results.iter().find(|it| it["id"] == *id);
                let result = result.unwrap_or_else(|| panic!("{tree} landed and was never tested"));
                assert!(verdicts(result).contains(&"green"), "{result}");
            }
        }
    }

    /// Returns the records of a ledger, in no order that means anything.
    pub(crate) fn records(&self, ledger: &str) -> Vec<Value> {
        self.records_in(&self.repo(), ledger)
    }

    pub(crate) fn records_in(&self, dir: &Path, ledger: &str) -> Vec<Value> {
        let name = format!("refs/gt/{ledger}");
        let format = "--format=%(objectname)%x09%(path)";
        let listed = self.git_in(dir, &["ls-tree", "-r", format, &name]);
        let lines = listed
            .stdout
            .lines()
            .filter_map(|line| line.split_once('\t'));
        let wanted: String = lines
            .filter(|(_, path)| *path != "meta.json")
            .map(|(id, _)| format!("{id}\n"))
            .collect();
        let ids = self.write("ids", &wanted);
        let mut batch = self.git_command(dir, &["cat-file", "--batch=%(objectsize)"]);
        let text = Output::of(batch.stdin(fs::File::open(&ids).unwrap()))
            .done()
            .stdout;
        fs::remove_file(ids).unwrap();
        watch::objects(&text)
    }

    /// Starts a command and lets it run; whoever drops it ends it.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Self::running(self.command(args))
    }

    pub(crate) fn running(mut command: Command) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(Some(child.spawn().unwrap()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        watch::end(&self.mark());
    }
}

/// Returns what a gate said about a tree, oldest first.
fn verdicts(result: &Value) -> Vec<&str> {
    let attempts = result["attempts"].as_object().into_iter().flatten();
    attempts
        .filter_map(|(_, it)| it["verdict"].as_str())
        .collect()
}

/// A command that runs beside the test.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.0.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let child = self.0.take().unwrap();
        Output::from(child.wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Output {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("it starts"))
    }

    /// Checks that it was done.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Checks that it failed with `code` and said each of `words` on standard error.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no '{word}': {self:?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
