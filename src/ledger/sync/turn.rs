//! Taking turns: one sync at a time runs in a clone, and whoever asks while one runs shares the next one.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::world::fs::{self, Lock};

/// How long somebody waits for another sync before it is said what for.
const SILENT: Duration = Duration::from_secs(1);

/// How long a wait is until the next look.
const LOOK: Duration = Duration::from_millis(10);

/// The right to sync this clone: nobody else does until it is dropped.
#[derive(Debug)]
pub struct Turn {
    lock: Lock,
    path: PathBuf,
    note: Note,
    /// Nothing where the note cannot be written: then nobody shares this sync.
    number: Option<u64>,
    /// What the remote's name stood for when it was last synced with.
    met: Option<String>,
}

/// What a wish to sync came to.
#[derive(Debug)]
pub enum Asked {
    /// It is our turn.
    Turn(Turn),
    /// Somebody else has begun and ended a sync since we asked: what was to travel did. This is what they
    /// said it came to.
    Shared(Value),
}

impl Turn {
    /// Waits for the turn to sync with the remote of a name; `waits` is called where that takes a moment.
    ///
    /// Syncs are numbered. One whose number was not given yet when we asked began after we asked, so it
    /// has seen whatever was here then.
    pub fn ask(repo: &Repo, remote: &str, waits: &mut dyn FnMut()) -> Result<Asked> {
        let note = Note::of(repo, remote);
        let asked_at = note.read().number;
        let (lock, path) = lock(repo, waits)?;
        let last = note.read();
        if let (Some(outcome), true) = (last.outcome, last.number > asked_at) {
            return Ok(Asked::Shared(outcome));
        }
        Ok(Asked::Turn(Self::begin(lock, path, note)))
    }

    /// Waits for the turn of whoever shares nothing with anybody.
    pub fn alone(repo: &Repo, remote: &str) -> Result<Self> {
        let (lock, path) = lock(repo, &mut || {})?;
        Ok(Self::begin(lock, path, Note::of(repo, remote)))
    }

    fn begin(lock: Lock, path: PathBuf, note: Note) -> Self {
        let Last { number, met, .. } = note.read();
        let begun = Last {
            number: number + 1,
            outcome: None,
            met: met.clone(),
        };
        let number = note.write(&begun).is_ok().then_some(begun.number);
        Self {
            lock,
            path,
            note,
            number,
            met,
        }
    }

    /// Returns whether the remote of that name is, as far as is known, the one of the last sync.
    pub(super) fn has_met(&self, remote: &str) -> bool {
        self.met.as_deref() == Some(remote)
    }

    /// Notes which remote it was synced with.
    pub(super) fn met(&mut self, remote: String) {
        self.met = Some(remote);
    }

    /// Ends the turn and tells those who wait what the sync came to.
    ///
    /// Without that, after a crash or where somebody has deleted the folder, the next one in line syncs.
    pub fn end(self, outcome: &Value) {
        if let Some(number) = self.number.filter(|_| self.lock.is_at(&self.path)) {
            // Where it cannot be written, those who wait sync by themselves.
            drop(self.note.write(&Last {
                number,
                outcome: Some(outcome.clone()),
                met: self.met,
            }));
        }
    }
}

fn lock(repo: &Repo, waits: &mut dyn FnMut()) -> Result<(Lock, PathBuf)> {
    repo.refuse_unwritable()?;
    let path = repo.scratch_dir().join("sync.lock");
    let failed = |error: std::io::Error| {
        Fault::io("lock", &path, &error).hint("is the disk full, or the repository read-only?")
    };
    let mut waited = Duration::ZERO;
    while waited < SILENT {
        if let Some(lock) = Lock::try_take(&path).map_err(failed)? {
            return Ok((lock, path));
        }
        repo.world().pause(LOOK);
        waited += LOOK;
    }
    waits();
    Ok((Lock::take(&path).map_err(failed)?, path))
}

/// Where the last sync with a remote is noted.
#[derive(Debug)]
struct Note(PathBuf);

/// The last sync with a remote.
#[derive(Debug, Default)]
struct Last {
    number: u64,
    /// What it came to, nothing while it runs or where it was cut off.
    outcome: Option<Value>,
    /// A hash of the address.
    met: Option<String>,
}

impl Note {
    fn of(repo: &Repo, remote: &str) -> Self {
        let file = format!("sync.{}.json", repo.name_hash(remote));
        Self(repo.scratch_dir().join(file))
    }

    /// Returns the last sync; where that is not to be read there was none.
    fn read(&self) -> Last {
        let bytes = std::fs::read(&self.0).unwrap_or_default();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Last {
            number: value["number"].as_u64().unwrap_or_default(),
            outcome: value.get("outcome").cloned(),
            met: value["met"].as_str().map(str::to_owned),
        }
    }

    /// Notes a sync that begins, or one that has ended.
    ///
    /// After a crash the note is as before; whoever waits syncs by itself.
    fn write(&self, last: &Last) -> std::io::Result<()> {
        let mut value = json!({ "number": last.number, "met": last.met });
        if let Some(outcome) = &last.outcome {
            value["outcome"] = outcome.clone();
        }
        fs::replace(&self.0, value.to_string().as_bytes())
    }
}
