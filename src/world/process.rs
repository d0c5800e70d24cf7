//! Programs we start: run to the end, supervised with a time limit, or detached.
//!
//! Only process groups whose leader we started and have not reaped yet are signalled, and processes whose
//! [`Mark`] was taken when they started, so a number that was given to another process meanwhile is never
//! hit.

mod mark;
mod others;

pub use mark::{Asked, Mark};
pub use others::git_runs;
pub(super) use others::holder_of;

use std::fs::File;
use std::io::{self, BufRead as _, Read, Write};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::World;
use super::fs::Lock;

/// How long a program that was asked to end has until it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// Half of the shortest pause between two looks at a running program.
const SHORT: Duration = Duration::from_micros(250);
/// The longest pause between two looks at a running program.
const LOOK: Duration = Duration::from_millis(20);
/// How much of a program's output is kept in memory, counted from its end.
const TAIL: usize = 64 * 1024;

/// A program to start; the environment is the world's, changed by `env`.
#[derive(Debug, Clone)]
pub struct Run {
    program: PathBuf,
    args: Vec<String>,
    dir: PathBuf,
    env: Vec<(String, Option<String>)>,
    /// The only variables of the world's that it sees, where not all.
    only: Option<Vec<String>>,
    stdin: Option<Arc<Vec<u8>>>,
}

/// What a program that ran to its end left.
#[derive(Debug)]
pub struct Output {
    /// Its exit status.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: Vec<u8>,
    /// All it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// How a supervised program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It exited by itself.
    Exit(i32),
    /// A signal ended it, not one of ours.
    Signal(i32),
    /// It was ended with its process group because its time was up.
    Timeout,
    /// It was ended with its process group because we were asked to stop.
    Interrupted,
    /// It was ended with its process group because whoever started it does not need it any more.
    Cancelled,
}

/// What a supervised program left.
#[derive(Debug)]
pub struct Left {
    /// How it ended.
    pub ended: Ended,
    /// The last 64 KiB of what it wrote.
    pub tail: Vec<u8>,
    /// Whether there was no room on the disk for its log.
    pub disk_was_full: bool,
}

/// What a supervised program may use.
#[derive(Debug)]
pub struct Limits<'a> {
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// The file its output goes to; what is longer than `log_max` is dropped there.
    pub log: &'a Path,
    /// The greatest size of the log in bytes.
    pub log_max: u64,
    /// Set by another thread, it ends the program.
    pub cancel: Option<&'a AtomicBool>,
    /// A lock that the program and its children hold as long as any of them lives.
    pub lock: Option<&'a Lock>,
    /// What the system lets each of its processes have.
    pub caps: Caps,
}

/// What the system lets a process and each of its children have, see setrlimit(2) and nice(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Address space in bytes; macOS takes no notice.
    pub memory: Option<u64>,
    /// The greatest file it may write, in bytes.
    pub file_size: Option<u64>,
    /// By how much it stands back behind others.
    pub nice: Option<i32>,
}

impl<'a> Limits<'a> {
    /// Returns limits that bound nothing but the log.
    pub fn of_log(log: &'a Path, log_max: u64) -> Self {
        Self {
            timeout: None,
            log,
            log_max,
            cancel: None,
            lock: None,
            caps: Caps::default(),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|it| it.load(Ordering::Relaxed))
    }
}

impl Caps {
    /// Takes them on; for a process that has just been made.
    fn take_on(self) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, nice, setrlimit};
        let caps = [
            (Resource::As, self.memory),
            (Resource::Fsize, self.file_size),
        ];
        for (resource, most) in caps {
            if most.is_some() {
                let limit = Rlimit {
                    current: most,
                    maximum: most,
                };
                setrlimit(resource, limit)?;
            }
        }
        if let Some(by) = self.nice {
            nice(by)?;
        }
        Ok(())
    }
}

impl Run {
    /// Returns a program to be started in `dir` without arguments and with nothing on its input.
    pub fn new(program: impl Into<PathBuf>, dir: &Path) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            dir: dir.to_owned(),
            env: Vec::new(),
            only: None,
            stdin: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((key.to_owned(), Some(value.into())));
        self
    }

    /// Removes environment variables.
    #[must_use]
    pub fn without(mut self, keys: &[&str]) -> Self {
        self.env
            .extend(keys.iter().map(|key| ((*key).to_owned(), None)));
        self
    }

    /// Leaves only these of the world's environment variables, and what `env` sets afterwards.
    #[must_use]
    pub fn only<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.only = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Gives the program something to read.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(Arc::new(bytes.into()));
        self
    }

    /// Returns program and arguments as one line for messages.
    pub fn line(&self) -> String {
        let mut line = self.program.display().to_string();
        for arg in &self.args {
            line.push(' ');
            line.push_str(arg);
        }
        line
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where programs are started"
    )]
    fn command(&self, world: &World) -> Command {
        let mut command = Command::new(self.found(world));
        command
            .arg0(&self.program)
            .args(&self.args)
            .current_dir(&self.dir);
        let is_seen = |key: &String| self.only.as_ref().is_none_or(|only| only.contains(key));
        command
            .env_clear()
            .envs(world.vars().iter().filter(|(key, _)| is_seen(key)));
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command.stdin(if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command
    }

    /// Returns where the program is, looked for as execvp(3) would; its name where it is nowhere.
    ///
    /// Where that were left to the child, it would be made with fork(2), which copies all our page tables.
    fn found(&self, world: &World) -> PathBuf {
        let is_seen = self
            .only
            .as_ref()
            .is_none_or(|only| only.iter().any(|it| it == "PATH"));
        let own = self.env.iter().rev().find(|(key, _)| key == "PATH");
        let path = match own {
            Some((_, value)) => value.as_deref(),
            None => world
                .vars()
                .get("PATH")
                .map(String::as_str)
                .filter(|_| is_seen),
        };
        let is_program = |path: &PathBuf| {
            let there = path.metadata();
            there.is_ok_and(|it| it.is_file() && it.mode() & 0o111 != 0)
        };
        let mut places = path.into_iter().flat_map(std::env::split_paths);
        let found = match self.program.components().count() {
            1 => places.find_map(|dir| {
                let path = self.dir.join(dir).join(&self.program);
                is_program(&path).then_some(path)
            }),
            _ => None,
        };
        found.unwrap_or_else(|| self.program.clone())
    }

    /// Runs the program to its end and returns what it wrote.
    pub fn output(&self, world: &World) -> io::Result<Output> {
        let mut command = self.command(world);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        feed(&mut child, self.stdin.clone());
        let out = child.wait_with_output()?;
        Ok(Output {
            status: out.status,
            stdout: out.stdout,
            stderr: out.stderr,
        })
    }

    /// Runs the program to its end with our own standard output and error, and our input.
    pub fn attached(&self, world: &World) -> io::Result<ExitStatus> {
        self.command(world).stdin(Stdio::inherit()).status()
    }

    /// Runs the program to its end with our own standard output and error, and its input from us: a pager.
    /// What the terminal sends to everybody at once is its business meanwhile.
    pub fn shown(&self, world: &World) -> io::Result<ExitStatus> {
        use signal_hook::consts::{SIGINT, SIGQUIT};
        let mut child = self.command(world).spawn()?;
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::default())?;
        }
        feed(&mut child, self.stdin.clone());
        child.wait()
    }

    /// Runs the program in a process group of its own, its output in a log, until it ends, its time
    /// is up, it is cancelled or we are interrupted; then ends whatever is left of the group.
    pub fn supervise(&self, world: &World, limits: &Limits<'_>) -> io::Result<Left> {
        let log = File::create(limits.log)?;
        let (reader, writer) = io::pipe()?;
        let mut command = self.command(world);
        command
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        confine(&mut command, limits);
        let mut child = command.spawn()?;
        drop(command);
        feed(&mut child, self.stdin.clone());
        let heard = Arc::default();
        let drained = drain(reader, log, limits.log_max, &heard);
        let ended = watch(world, &mut child, limits, &drained)?;
        // Who left the group and keeps the pipe open does not keep us: a second is enough to empty it.
        let _either = drained.recv_timeout(Duration::from_secs(1));
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = heard.tail.len().saturating_sub(TAIL);
        Ok(Left {
            ended,
            tail: heard.tail[surplus..].to_vec(),
            disk_was_full: heard.disk_was_full,
        })
    }

    /// Starts the program, waits for the first line it writes, returns that line and lets the program go
    /// on by itself. Nothing it writes afterwards is read.
    ///
    /// The program is expected to leave our session ([`leave_session`]) before it writes the line.
    pub fn detach(&self, world: &World) -> io::Result<String> {
        let mut command = self.command(world);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        feed(&mut child, self.stdin.clone());
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            io::BufReader::new(stdout).read_line(&mut line)?;
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Makes this process the leader of a session of its own, so that a closed terminal does not end it.
pub fn leave_session() {
    // Fails only for a process that already leads its group, which then has what it wanted.
    let _ = rustix::process::setsid();
}

/// Closes whatever this process was handed down but standard input, output and error: somebody may wait for
/// the end of everybody who holds a lock or a pipe, and does not know of us. To be called first.
#[expect(unsafe_code, reason = "what was handed down has no owner to drop")]
pub fn let_go_of_inherited() {
    let open: Vec<i32> = std::fs::read_dir("/dev/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    // The listing itself is closed by now.
    let is_open = |number: &i32| {
        Path::new(&format!("/dev/fd/{number}"))
            .symlink_metadata()
            .is_ok()
    };
    for number in open.into_iter().filter(is_open) {
        // SAFETY: nothing in this process has opened a file yet that is still open.
        unsafe { rustix::io::close(number) };
    }
}

/// Lets everybody else go first.
pub fn stand_back() {
    // Where the system does not want that, it is as it was.
    let _nice = rustix::process::nice(10);
}

/// Feeds a child from a thread, so that a child that writes before it reads cannot block us.
fn feed(child: &mut Child, input: Option<Arc<Vec<u8>>>) {
    let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) else {
        return;
    };
    std::thread::spawn(move || {
        // A program that does not read its input is no error.
        drop(pipe.write_all(&input));
    });
}

/// Hands the lock down to the program alone, not to others that are started meanwhile, and puts it under its
/// caps.
#[expect(
    unsafe_code,
    reason = "between fork and exec is the only moment that belongs to one child alone"
)]
fn confine(command: &mut Command, limits: &Limits<'_>) {
    let caps = limits.caps;
    let lock = limits.lock.map(|lock| lock.as_fd().as_raw_fd());
    if lock.is_none() && caps == Caps::default() {
        return;
    }
    // SAFETY: only system calls are made, which is what may be done after fork(2), and the lock is open as
    // long as the limits are borrowed: longer than it takes to start the program.
    unsafe {
        command.pre_exec(move || {
            if let Some(lock) = lock {
                let lock = std::os::fd::BorrowedFd::borrow_raw(lock);
                rustix::io::fcntl_setfd(lock, rustix::io::FdFlags::empty())?;
            }
            caps.take_on()
        });
    }
}

/// What was heard of a program, shared with the thread that listens.
#[derive(Debug, Default)]
struct Heard {
    /// The end of what it wrote.
    tail: Vec<u8>,
    disk_was_full: bool,
}

/// Copies `from` into the log and its end into `heard`, from a thread; the channel tells that all is read.
fn drain(
    mut from: impl Read + Send + 'static,
    mut log: File,
    max: u64,
    heard: &Arc<Mutex<Heard>>,
) -> mpsc::Receiver<()> {
    let (send, receive) = mpsc::channel();
    let heard = heard.clone();
    std::thread::spawn(move || {
        let mut logged = 0_u64;
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let room = usize::try_from(max.saturating_sub(logged)).unwrap_or(usize::MAX);
            // A full disk must not end the program that is being watched.
            let written = log.write_all(&buffer[..count.min(room)]);
            logged += count as u64;
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.disk_was_full |= written.is_err_and(|it| super::fs::is_out_of_room(&it));
            heard.tail.extend_from_slice(&buffer[..count]);
            if heard.tail.len() > 2 * TAIL {
                let surplus = heard.tail.len() - TAIL;
                heard.tail.drain(..surplus);
            }
        }
        // Nobody waits any more where the program kept the pipe for too long.
        let _gone = send.send(());
    });
    receive
}

/// Waits for the end of a program; it is looked at when it has closed its output, and now and then before.
fn watch(
    world: &World,
    child: &mut Child,
    limits: &Limits<'_>,
    drained: &mpsc::Receiver<()>,
) -> io::Result<Ended> {
    let group = rustix::process::Pid::from_child(child);
    let started = world_clock();
    let (mut is_open, mut pause) = (true, SHORT);
    let is_late = || {
        limits
            .timeout
            .is_some_and(|limit| started.elapsed() >= limit)
    };
    let why = loop {
        if has_exited(group)? {
            break None;
        }
        if world.interrupted() {
            break Some(Ended::Interrupted);
        }
        if limits.is_cancelled() {
            break Some(Ended::Cancelled);
        }
        if is_late() {
            break Some(Ended::Timeout);
        }
        pause = (pause * 2).min(LOOK);
        if !is_open {
            world.pause(pause);
        } else if drained.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
            // As a rule it ends with that.
            (is_open, pause) = (false, SHORT);
        }
    };
    end_group(world, group, why.is_some())?;
    let status = child.wait()?;
    Ok(why.unwrap_or_else(|| match status.code() {
        Some(code) => Ended::Exit(code),
        None => Ended::Signal(status.signal().unwrap_or_default()),
    }))
}

/// Durations of programs are measured with the machine's clock even where a test stops time.
#[expect(
    clippy::disallowed_methods,
    reason = "only durations of programs are measured with it"
)]
pub(super) fn world_clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// Returns whether the child ended, without reaping it: until then its number stays its own.
fn has_exited(child: rustix::process::Pid) -> io::Result<bool> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::Pid(child), options)?.is_some())
}

fn end_group(world: &World, group: rustix::process::Pid, politely: bool) -> io::Result<()> {
    use rustix::process::{Signal, kill_process_group};
    let gone = |error: rustix::io::Errno| {
        if error == rustix::io::Errno::SRCH || error == rustix::io::Errno::PERM {
            Ok(())
        } else {
            Err(error)
        }
    };
    if politely {
        kill_process_group(group, Signal::TERM).or_else(gone)?;
        let asked = world_clock();
        while asked.elapsed() < GRACE && !has_exited(group)? {
            world.pause(LOOK);
        }
    }
    kill_process_group(group, Signal::KILL).or_else(gone)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Start;

    #[test]
    fn a_log_without_room_ends_no_program_and_is_told() {
        let world = World::new(Start::of_process().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let (full, log) = (Path::new("/dev/full"), dir.path().join("log"));
        let check = |line: &str, log: &Path, want: (&[u8], bool)| {
            let run = Run::new("sh", dir.path()).args(["-c", line]);
            let left = run.supervise(&world, &Limits::of_log(log, 3)).unwrap();
            assert_eq!(left.ended, Ended::Exit(0));
            assert_eq!((left.tail.as_slice(), left.disk_was_full), want);
        };
        check("printf 'a\\0\\377b'", &log, (b"a\0\xffb", false));
        assert_eq!(std::fs::read(&log).unwrap(), b"a\0\xff");
        if full.exists() {
            check("echo said; echo more", full, (b"said\nmore\n", true));
            check("true", full, (b"", false));
        }
    }
}
