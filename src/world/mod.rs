//! What is outside: time, randomness, the environment, files written and processes started.
//!
//! Everything above takes a [`World`], so that a test decides what time it is and what chance says.

mod clock;
pub mod fs;
pub mod process;
mod random;
pub mod terminal;
pub mod tmux;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use clock::Time;

/// How long after a signal the same wish may arrive again: the terminal sends it to every process in the
/// foreground, and `git`, which started us as `git gt`, passes on what it gets.
const ECHO: Duration = Duration::from_millis(500);

/// The outside as one value, shared by reference counting.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    env: BTreeMap<String, String>,
    cwd: PathBuf,
    exe: PathBuf,
    clock: clock::Clock,
    random: random::Random,
    interrupted: Arc<AtomicBool>,
}

/// What only the start of the program knows.
#[derive(Debug)]
pub struct Start {
    /// The environment as it was given to the process.
    pub env: BTreeMap<String, String>,
    /// The folder commands are relative to.
    pub cwd: PathBuf,
    /// The path of the running program.
    pub exe: PathBuf,
}

impl Start {
    /// Returns how this process was started; variables that are not UTF-8 are left out.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment enters"
    )]
    pub fn of_process() -> std::io::Result<Self> {
        let env = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            env,
            cwd: std::env::current_dir()?,
            exe: std::env::current_exe()?,
        })
    }
}

impl World {
    /// Returns the world as `start` describes it.
    ///
    /// `GT_TEST_NOW` (milliseconds since 1970, or RFC 3339) stops the clock, `GT_TEST_SEED` (an
    /// integer) makes chance repeatable, `GT_TEST_CRASH_AT` aborts before the n-th counted write.
    pub fn new(start: Start) -> Self {
        let get = |key: &str| start.env.get(key).map(String::as_str);
        let clock = clock::Clock::new(get("GT_TEST_NOW"));
        let random = random::Random::new(get("GT_TEST_SEED"));
        fs::crash_at(get("GT_TEST_CRASH_AT").and_then(|n| n.parse().ok()));
        let Start { env, cwd, exe } = start;
        let interrupted = Arc::default();
        Self(Arc::new(Inner {
            env,
            cwd,
            exe,
            clock,
            random,
            interrupted,
        }))
    }

    /// Returns the same world seen from another folder.
    #[must_use]
    pub fn at(&self, cwd: &Path) -> Self {
        self.changed(self.0.env.clone(), self.0.cwd.join(cwd))
    }

    /// Returns the same world with `set` added to its environment and `unset` taken out of it.
    #[must_use]
    pub fn with_env(&self, set: &[(&str, &str)], unset: &[&str]) -> Self {
        let mut env = self.0.env.clone();
        env.retain(|key, _| !unset.contains(&key.as_str()));
        env.extend(
            set.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        self.changed(env, self.0.cwd.clone())
    }

    fn changed(&self, env: BTreeMap<String, String>, cwd: PathBuf) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            env,
            cwd,
            exe: inner.exe.clone(),
            clock: inner.clock,
            random: inner.random.fork(),
            interrupted: inner.interrupted.clone(),
        }))
    }

    /// Returns an environment variable that is set and not empty.
    pub fn env(&self, key: &str) -> Option<&str> {
        self.0
            .env
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the folder commands are relative to.
    pub fn cwd(&self) -> &Path {
        &self.0.cwd
    }

    /// Returns the path of the running program.
    pub fn exe(&self) -> &Path {
        &self.0.exe
    }

    /// Returns the time now.
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Returns `count` random characters of `0-9a-z`.
    pub fn random_base36(&self, count: usize) -> String {
        self.0.random.base36(count)
    }

    /// Returns a random number below `limit`, which must not be zero.
    pub fn random_below(&self, limit: u64) -> u64 {
        self.0.random.next() % limit
    }

    /// Waits for `duration`; the only place that does.
    #[expect(clippy::disallowed_methods, reason = "waiting is behind the world")]
    pub fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    /// Makes SIGINT and SIGTERM raise a flag instead of ending the process, so that what was started
    /// can be stopped with it. A second signal, unless it is an echo of the first, ends the process as
    /// usual.
    pub fn catch_interrupts(&self) -> std::io::Result<()> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let flag = self.0.interrupted.clone();
        std::thread::spawn(move || {
            let mut first = None;
            for signal in signals.forever() {
                flag.store(true, Ordering::Relaxed);
                let first = *first.get_or_insert_with(process::world_clock);
                if first.elapsed() >= ECHO {
                    // Only signals that have no default are refused here, and these two have one.
                    drop(signal_hook::low_level::emulate_default_handler(signal));
                }
            }
        });
        Ok(())
    }

    /// Returns whether somebody asked the process to stop.
    pub fn interrupted(&self) -> bool {
        self.0.interrupted.load(Ordering::Relaxed)
    }

    /// Returns the name of the machine.
    pub fn host(&self) -> String {
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        if name.is_empty() {
            "localhost".to_owned()
        } else {
            name
        }
    }

    pub(crate) fn vars(&self) -> &BTreeMap<String, String> {
        &self.0.env
    }
}
