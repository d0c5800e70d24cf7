//! A hermetic yard: bare remotes, and room for towns that clone them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::hermetic::hermetic;
use crate::watch;

/// Remotes, each with one commit on `main`, in a folder that goes with it.
pub(crate) struct Yard {
    dir: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Yard {
    /// Returns a yard with the remotes `api.git` and `web.git`.
    pub(crate) fn new() -> Self {
        // In memory where the system has a place for that: many small files are slow elsewhere.
        let dir = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
        let yard = Self {
            dir: dir.expect("temporary folders can be made"),
        };
        fs::create_dir(yard.path("home")).unwrap();
        for rig in ["api", "web"] {
            yard.remote(rig);
        }
        yard
    }

    /// Makes a remote with one commit on `main`.
    pub(crate) fn remote(&self, name: &str) {
        let bare = format!("{name}.git");
        self.git(".", &["init", "--quiet", "--bare", "-b", "main", &bare]);
        let first = format!(
            "commit refs/heads/main\ncommitter T <t@x> 1767225600 +0000\ndata 5\nfirst\n\
             M 100644 inline file\ndata {}\n{name}\n\n",
            name.len() + 1
        );
        self.file("first", &first);
        let mut import = self.hermetic(Command::new("git"));
        let input = fs::File::open(self.path("first")).unwrap();
        import
            .args(["fast-import", "--quiet"])
            .current_dir(self.path(&bare))
            .stdin(input);
        Output::of(&mut import).done();
    }

    /// Returns a yard with a town `gt` that has both rigs, and an agent that runs `script` in its hook.
    pub(crate) fn with_town(script: &str) -> Self {
        let yard = Self::new();
        yard.gt(".", &["install", "gt"]).done();
        for rig in ["api", "web"] {
            let url = format!("../{rig}.git");
            yard.gt("gt", &["rig", "add", rig, &url]).done();
            let gate = [
                "refinery",
                "gate",
                "add",
                "test",
                "--command",
                "test -e file",
            ];
            yard.gt("gt", &[&["--rig", rig], &gate[..]].concat()).done();
        }
        yard.file("agent.sh", script);
        let line = format!("sh '{}'", yard.path("agent.sh").display());
        yard.gt("gt", &["config", "agent", "set", "scripted", &line])
            .done();
        yard
    }

    /// Returns a path in the yard.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Makes a command know nothing but this yard.
    pub(crate) fn hermetic(&self, mut command: Command) -> Command {
        hermetic(&mut command, &self.path("home"));
        command
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@x")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@x")
            .env("USER", "ada")
            .current_dir(self.dir.path());
        command
    }

    /// Returns the program with `args`, in a folder of the yard.
    pub(crate) fn command(&self, folder: &str, args: &[&str]) -> Command {
        let mut command = self.hermetic(Command::new(env!("CARGO_BIN_EXE_git-gt")));
        command.args(args).current_dir(self.path(folder));
        command
    }

    /// Runs the program in a folder of the yard.
    pub(crate) fn gt(&self, folder: &str, args: &[&str]) -> Output {
        Output::of(&mut self.command(folder, args))
    }

    /// Runs the program with `--json` and returns what it printed.
    #[track_caller]
    pub(crate) fn json(&self, folder: &str, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
        let said = self.gt(folder, &all).done();
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("it is JSON: {said}"))
    }

    /// Makes a bead and returns its id.
    #[track_caller]
    pub(crate) fn create(&self, folder: &str, title: &str) -> String {
        let said = self.gt(folder, &["create", "--silent", title]).done();
        said.trim().to_owned()
    }

    /// Waits until no agent of a town runs.
    #[track_caller]
    pub(crate) fn ended(&self, town: &str) {
        let start = std::time::Instant::now();
        loop {
            let agents = self.json(town, &["agents"]);
            let mut agents = agents.as_array().unwrap().iter();
            if agents.all(|it| it["running"] == false) {
                return;
            }
            assert!(start.elapsed().as_secs() < 60, "agents run for ever");
        }
    }

    /// Runs git in a folder of the yard and returns what it printed.
    #[track_caller]
    pub(crate) fn git(&self, folder: &str, args: &[&str]) -> String {
        let mut command = self.hermetic(Command::new("git"));
        Output::of(command.args(args).current_dir(self.path(folder))).done()
    }

    /// Returns the records of a ledger, in no order that means anything.
    #[track_caller]
    pub(crate) fn records(&self, folder: &str, ledger: &str) -> Vec<Value> {
        let name = format!("refs/gt/{ledger}");
        let listed = self.git(
            folder,
            &["ls-tree", "-r", "--format=%(objectname) %(path)", &name],
        );
        let wanted: String = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, path)| *path != "meta.json")
            .map(|(id, _)| format!("{id}\n"))
            .collect();
        self.file("ids", &wanted);
        let mut batch = self.hermetic(Command::new("git"));
        batch
            .args(["cat-file", "--batch=%(objectsize)"])
            .current_dir(self.path(folder))
            .stdin(fs::File::open(self.path("ids")).unwrap());
        let text = Output::of(&mut batch).done();
        watch::objects(&text)
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        watch::until(what, &self.mark(), look)
    }

    /// Returns the processes that were started in this yard and still run, with their arguments.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        watch::processes(&self.mark())
    }

    /// Returns what tells a process that was started here.
    fn mark(&self) -> String {
        format!("HOME={}", self.path("home").display())
    }

    /// Returns every file and folder below one, and all refs of every repository in it.
    pub(crate) fn everything(&self, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let is_scratch = path.ends_with(".git/gt");
                let is_folder = path.is_dir() && !path.is_symlink() && !is_scratch;
                let is_object = path.components().any(|it| it.as_os_str() == "objects");
                if is_object || is_scratch {
                    continue;
                }
                found.push(described(&path));
                if is_folder {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        watch::end(&self.mark());
    }
}

fn described(path: &Path) -> String {
    let content = if path.is_file() {
        fs::read(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    format!("{} {}", path.display(), String::from_utf8_lossy(&content))
}

impl Output {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Checks that it was done, and returns what it printed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Checks that it failed with `code` and said `words`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains(words), "{self:?}");
    }
}
