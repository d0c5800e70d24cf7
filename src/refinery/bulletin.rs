//! What a running Refinery says of itself to other commands of this clone, and how they ask it to stop: two files in
//! the scratch folder, which may be deleted at any moment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::event::Purpose;
use super::{is_running, lock_path};
use crate::fault::{Fault, Result};
use crate::ledger::Time;
use crate::town::Home;
use crate::world::fs;

/// How long we sleep at a stretch while somebody is to stop.
const NAP: Duration = Duration::from_millis(100);

/// Names a run: no two of a machine have both in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The process.
    pub pid: u32,
    /// When it began, in milliseconds since 1970.
    since: u64,
}

impl Run {
    /// Returns the run of this process.
    pub(super) fn own(since: Time) -> Self {
        Self {
            pid: std::process::id(),
            since: since.0,
        }
    }

    /// Returns when it began.
    pub fn since(&self) -> Time {
        Time(self.since)
    }
}

/// What a running Refinery does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bulletin {
    /// Who it is.
    pub run: Run,
    /// How many candidates it tests at the same time.
    pub workers: usize,
    /// How many gates it runs at the same time.
    pub jobs: usize,
    /// The branch whose line it works on.
    pub target: String,
    /// What it tests.
    pub probes: Vec<Probing>,
}

/// A candidate that is being tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probing {
    /// The commit it stands on.
    pub base: String,
    /// What is in it, in order; nothing: the bare target.
    pub requests: Vec<String>,
    /// Whether it is tested to acquit only.
    pub screens: bool,
    /// What for.
    pub purpose: Purpose,
    /// The gates that run now.
    pub gates: Vec<GateAtWork>,
    /// When it began, in milliseconds since 1970.
    pub(super) since: u64,
}

impl Probing {
    /// Returns when it began.
    pub fn since(&self) -> Time {
        Time(self.since)
    }
}

/// A gate that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAtWork {
    /// Its name.
    pub gate: String,
    /// When it began, in milliseconds since 1970.
    pub(super) since: u64,
}

impl GateAtWork {
    /// Returns when it began.
    pub fn since(&self) -> Time {
        Time(self.since)
    }
}

fn path(home: &Home) -> PathBuf {
    home.repo().scratch_dir().join("refinery.json")
}

fn wish_path(home: &Home) -> PathBuf {
    home.repo().scratch_dir().join("refinery.stop")
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Replaces a file as a whole.
fn place(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Fault::fatal(format!("cannot write a note of the refinery: {error}")))?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    fs::place(Path::new(&temporary), path, &text).map_err(|error| Fault::io("write", path, &error))
}

/// Returns what the Refinery that runs in this clone does; nothing where nobody runs, or it has not said.
///
/// What a run left behind that was killed is not believed: the lock names who holds it.
pub fn bulletin(home: &Home) -> Option<Bulletin> {
    let bulletin: Bulletin = read(&path(home)).filter(|_| is_running(home))?;
    let holder = std::fs::read_to_string(lock_path(home)).ok()?;
    (holder.trim() == bulletin.run.pid.to_string()).then_some(bulletin)
}

/// The place where a running Refinery says what it does.
#[derive(Debug)]
pub(super) struct Board {
    run: Run,
    /// What stands there.
    posted: Option<Bulletin>,
}

impl Board {
    /// Returns the place of a run that begins now. Who was to stop before it is gone.
    pub(super) fn of(home: &Home, run: Run) -> Self {
        if wish_path(home).exists() {
            // It names somebody else and stops nobody.
            drop(fs::remove_file(&wish_path(home)));
        }
        Self { run, posted: None }
    }

    pub(super) fn run(&self) -> Run {
        self.run
    }

    /// Says what is done now, unless that stands there. Nothing depends on it, so that it cannot be written is no
    /// reason to stop.
    pub(super) fn post(&mut self, home: &Home, bulletin: Bulletin) {
        if self.posted.as_ref() != Some(&bulletin) || !path(home).exists() {
            drop(place(&path(home), &bulletin));
            self.posted = Some(bulletin);
        }
    }

    /// Returns whether it stands there that something is being tested.
    pub(super) fn is_busy(&self) -> bool {
        self.posted.as_ref().is_some_and(|it| !it.probes.is_empty())
    }

    /// Returns whether somebody asked this run to stop.
    pub(super) fn is_asked_to_stop(&self, home: &Home) -> bool {
        read::<Run>(&wish_path(home)) == Some(self.run)
    }

    /// Takes everything away; called while the lock is still held.
    pub(super) fn clear(&self, home: &Home) {
        for path in [path(home), wish_path(home)] {
            if path.exists() {
                drop(fs::remove_file(&path));
            }
        }
    }
}

/// Asks the Refinery that runs in this clone to stop, and waits until it has, but not longer than `limit`. Returns
/// who it was; nothing where nobody runs.
///
/// A crash leaves the wish, which names one run and stops no other.
pub fn stop(home: &Home, limit: Duration) -> Result<Option<Run>> {
    let mut asked: Option<Run> = None;
    let mut left = limit;
    while is_running(home) {
        let run = bulletin(home).map(|it| it.run);
        if asked.is_some() && run.is_some() && run != asked {
            // Another one has begun since.
            break;
        }
        if let Some(run) = run
            && asked.is_none()
        {
            place(&wish_path(home), &run)?;
            asked = Some(run);
        }
        if left.is_zero() || home.world().interrupted() {
            let fault = match asked {
                Some(run) => Fault::unavailable(format!(
                    "the refinery was asked to stop, and process {} runs still",
                    run.pid
                ))
                .hint("it stops when what it does is done: git gt refinery status"),
                None => Fault::unavailable("the refinery that runs here does not say who it is")
                    .hint("it does when it begins to test: git gt refinery stop, once more"),
            };
            return Err(fault);
        }
        let nap = left.min(NAP);
        home.world().pause(nap);
        left -= nap;
    }
    Ok(asked)
}
