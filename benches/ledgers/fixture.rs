//! A repository with beads in it, and programs run in it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// The word that makes the benchmark run a program and print how much memory it took.
pub(crate) const PEAK: &str = "--peak";

/// A repository of its own, in a temporary folder that goes with it.
pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) beads: usize,
    /// Where the first bead stands, as git names it.
    pub(crate) object: String,
    took: [Duration; 2],
}

/// What a program did.
pub(crate) struct Done {
    pub(crate) took: Duration,
    pub(crate) text: String,
}

impl Fixture {
    /// Makes a repository with `beads` beads: an import, then what `git gt maintain` does.
    pub(crate) fn new(beads: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let at = dir.path().join("repo");
        init(&at)?;
        let imported = run(&at, program(), &["import", "-"], &lines(0..beads))?.took;
        let maintained = gt(&at, &["maintain"])?.took;
        let listing = ["ls-tree", "-r", "--name-only", "refs/gt/beads"];
        let files = run(&at, "git", &listing, "")?.text;
        let path = files
            .lines()
            .find(|path| path.ends_with("/bench-0000000.json"))
            .context("the import made no bench-0000000")?;
        Ok(Self {
            object: format!("refs/gt/beads:{path}"),
            dir,
            beads,
            took: [imported, maintained],
        })
    }

    /// Returns the repository's worktree.
    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// Returns a path beside the repository.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns how long making it took, in words.
    pub(crate) fn made_in(&self) -> String {
        let [imported, maintained] = self.took.map(|it| it.as_secs_f64());
        format!("imported in {imported:.1} s, maintained in {maintained:.1} s")
    }

    /// Runs `git gt`.
    pub(crate) fn gt(&self, args: &[&str]) -> Result<Done> {
        gt(&self.repo(), args)
    }

    /// Runs git.
    pub(crate) fn git(&self, args: &[&str], input: &str) -> Result<Done> {
        run(&self.repo(), "git", args, input)
    }
}

/// Makes a repository without beads.
pub(crate) fn init(at: &Path) -> Result<()> {
    std::fs::create_dir(at)?;
    let git = ["init", "--quiet", "--initial-branch=main"];
    run(at, "git", &git, "")?;
    gt(at, &["init", "--prefix", "bench"])?;
    // Nothing else is to run beside what is measured.
    run(at, "git", &["config", "gt.maintain", "off"], "")?;
    run(at, "git", &["config", "gc.auto", "0"], "")?;
    Ok(())
}

static PROGRAM: OnceLock<String> = OnceLock::new();

/// Returns the program that is measured.
pub(crate) fn program() -> &'static str {
    PROGRAM.get().expect("it is installed first")
}

/// Copies the program, as `cargo install` does, into a folder that is there as long as what is returned.
///
/// What a linker has written lies in the page cache in pieces of 4 KiB, and starting it takes half a
/// millisecond longer than starting a copy, as everything that was installed is one.
pub(crate) fn install() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("git-gt");
    std::fs::copy(env!("CARGO_BIN_EXE_git-gt"), &program)?;
    let program = program.to_str().context("a temporary path is text")?;
    PROGRAM.get_or_init(|| program.to_owned());
    Ok(folder)
}

/// How many files of beads were made.
static VERSIONS: AtomicUsize = AtomicUsize::new(1);

/// Returns beads as lines of a file that is imported, newer than those made before; one in eight is open.
pub(crate) fn lines(numbers: std::ops::Range<usize>) -> String {
    let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
    let (day, hour) = (version / 24 + 1, version % 24);
    let story = "All work and no play makes a dull bead. ".repeat(15);
    let mut text = String::new();
    for number in numbers {
        let (status, closed) = match number % 8 {
            0 => ("open", ""),
            _ => ("closed", r#","closed_at":"2026-01-03T00:00:00Z""#),
        };
        let (priority, label) = (number * 7 % 5, ["api", "ui", "docs", "db"][number * 3 % 4]);
        // Some wait for an earlier one.
        let edges = match number % 3 {
            0 if number > 100 => format!(
                r#","dependencies":[{{"issue_id":"bench-{number:07}","depends_on_id":"bench-{:07}","type":"blocks"}}]"#,
                number * 31 % number
            ),
            _ => String::new(),
        };
        writeln!(
            text,
            r#"{{"id":"bench-{number:07}","title":"Bead {number} of the benchmark","description":"{story}{version}","status":"{status}","priority":{priority},"issue_type":"task","labels":["{label}"],"created_at":"2026-01-01T{:02}:{:02}:{:02}Z","updated_at":"2026-02-{day:02}T{hour:02}:00:00Z"{closed}{edges}}}"#,
            number / 3600 % 24,
            number / 60 % 60,
            number % 60,
        )
        .expect("a text takes everything");
    }
    text
}

/// Runs `git gt` in a folder.
pub(crate) fn gt(dir: &Path, args: &[&str]) -> Result<Done> {
    run(dir, program(), args, "")
}

/// Returns a program with none of the user's settings in sight.
pub(crate) fn command(dir: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("BD_ACTOR", "ada")
        .env("GIT_AUTHOR_NAME", "ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a program and measures it from its start to its end; fails where it does.
pub(crate) fn run(dir: &Path, program: &str, args: &[&str], input: &str) -> Result<Done> {
    let mut command = command(dir, program, args);
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("start {program}"))?;
    let mut stdin = child.stdin.take().context("its input is a pipe")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let took = start.elapsed();
    ensure!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    Ok(Done { took, text })
}

/// Returns the greatest memory that `git gt` took in a folder, in MiB.
pub(crate) fn peak(dir: &Path, args: &[&str]) -> Result<f64> {
    let own = std::env::current_exe()?;
    let own = own.to_str().context("a path of this benchmark is text")?;
    let said = run(dir, own, &[&[PEAK, program()], args].concat(), "")?.text;
    let kilobytes: f64 = said.trim().parse()?;
    Ok(kilobytes / 1024.0)
}

/// Runs a program and prints the greatest memory it took, in KiB.
#[expect(unsafe_code, reason = "the standard library does not ask this")]
pub(crate) fn print_peak(argv: &[String]) -> Result<()> {
    let (program, args) = argv.split_first().context("a program")?;
    let status = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "{argv:?} failed");
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes a whole `rusage` where it succeeds, and zeroes are one too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    println!("{}", usage.ru_maxrss);
    Ok(())
}
