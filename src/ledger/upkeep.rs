//! Upkeep: what keeps a repository small and quick while thirty agents write into it, and its last whole
//! state at hand. Runs in the background after about a thousand writes.

use serde_json::{Value, json};

use super::epoch::archives;
use super::fsck::{backup_of, scan};
use super::{Name, Snapshot, index};
use crate::fault::{Fault, Result};
use crate::git::{Cas, LOCAL_ENV, Oid, Repo, Store};
use crate::world::fs::{self, Lock};
use crate::world::process::Run;

/// How many loose objects there are before upkeep begins by itself: a thousand writes, and fewer than the
/// 6,700 at which git packs in the middle of whatever command the user runs.
const LOOSE_MAX: u64 = 5_000;

/// Of how many writes one looks whether upkeep is due.
const LOOK_EVERY: u8 = 128;

/// From how many packs on they are rolled up: every reader opens every pack.
const MANY_PACKS: usize = 8;

/// The setting that says whether upkeep begins by itself.
const SETTING: &str = "gt.maintain";

/// What upkeep did.
#[derive(Debug, Default)]
pub struct Upkeep {
    /// Whether another one was at it, so that nothing was done.
    pub is_busy: bool,
    /// What the store of objects took before.
    pub before: Store,
    /// What it takes now.
    pub after: Store,
    /// How many files were removed that crashes or other versions had left behind.
    pub swept: usize,
    /// Ledgers whose backup was moved to their tip.
    pub backed_up: Vec<String>,
    /// What could not be done; the rest was.
    pub faults: Vec<Fault>,
}

/// Packs objects and refs, writes the commit-graph, removes what crashes left behind, and moves the backup
/// of every ledger that is whole to its tip. One at a time in a repository; nothing waits for it.
///
/// Nothing that could be read before cannot be read afterwards, whatever git runs beside it, and after a
/// crash at any point: the next one does the rest.
pub fn maintain(repo: &Repo) -> Result<Upkeep> {
    let path = lock_path(repo);
    let lock = Lock::try_take(&path).map_err(|error| Fault::io("lock", &path, &error))?;
    let Some(_alone) = lock else {
        let is_busy = true;
        return Ok(Upkeep {
            is_busy,
            ..Upkeep::default()
        });
    };
    let mut upkeep = Upkeep {
        before: repo.store(),
        ..Upkeep::default()
    };
    let leftovers = repo.guard().and_then(|guard| repo.sweep(&guard));
    for swept in [leftovers, index::sweep(repo)] {
        match swept {
            Ok(swept) => upkeep.swept += swept,
            Err(fault) => upkeep.faults.push(fault),
        }
    }
    // Before anything is packed: what is damaged stays as it is for whoever mends it.
    upkeep.back_up(repo);
    let tips = tips(repo);
    for done in [
        repo.pack_loose(),
        repo.roll_up_packs(MANY_PACKS).map(drop),
        tips.and_then(|tips| repo.write_commit_graph(&tips))
            .map(drop),
        repo.pack_many_refs().map(drop),
    ] {
        upkeep
            .faults
            .extend(done.err().map(|it| it.hint("what is damaged: git gt fsck")));
    }
    upkeep.after = repo.store();
    upkeep.faults.extend(note(repo).err());
    Ok(upkeep)
}

fn lock_path(repo: &Repo) -> std::path::PathBuf {
    repo.scratch_dir().join("maintain.lock")
}

/// Returns the tips of ledgers and of what was archived of them.
fn tips(repo: &Repo) -> Result<Vec<Oid>> {
    let mut tips = Vec::new();
    for name in Name::every().map(Name::ref_name) {
        tips.extend(repo.find_ref(name)?);
        tips.extend(archives(repo, name)?.into_iter().map(|(_, tip)| tip));
    }
    Ok(tips)
}

impl Upkeep {
    /// Moves the backup of every ledger to its tip that is whole; what the backup has been found to be is
    /// not looked at again.
    fn back_up(&mut self, repo: &Repo) {
        for name in Name::every().map(Name::ref_name) {
            let backup = backup_of(name);
            let (tip, kept) = match (repo.find_ref(name), repo.find_ref(&backup)) {
                (Ok(Some(tip)), Ok(kept)) if kept != Some(tip) => (tip, kept),
                (Ok(_), Ok(_)) => continue,
                (Err(fault), _) | (_, Err(fault)) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            match moved(repo, name, (tip, kept)) {
                Ok(true) => self.backed_up.push(name.to_owned()),
                Ok(false) => {}
                Err(fault) => self.faults.push(fault),
            }
        }
    }
}

/// Moves the backup of a ledger that is whole to its tip; returns whether it did.
fn moved(repo: &Repo, name: &str, (tip, kept): (Oid, Option<Oid>)) -> Result<bool> {
    if !is_whole(repo, name, (tip, kept))? {
        let fault = Fault::fatal(format!("'{name}' is not whole; its backup stays as it is"));
        return Err(fault.hint("what is damaged: git gt fsck"));
    }
    Ok(repo.swap_ref(&repo.guard()?, &backup_of(name), kept, tip)? == Cas::Swapped)
}

fn is_whole(repo: &Repo, name: &str, (tip, kept): (Oid, Option<Oid>)) -> Result<bool> {
    let kept = kept.filter(|it| repo.has(it));
    let known = kept
        .and_then(|it| Snapshot::at(repo, Some(it)).ok())
        .and_then(|it| it.tree());
    let reached = kept.map(|it| it.to_string());
    Ok(scan(repo, name, tip, known).is_readable()
        && repo
            .broken_link(&[tip], &reached.as_deref().into_iter().collect::<Vec<_>>())?
            .is_none())
}

/// Begins upkeep in the background when it is due; called after each write, of which only one in so many
/// looks, and each one of many records. That it cannot begin is no failure of the write.
pub(super) fn after_write(repo: &Repo, commit: &Oid, is_large: bool) {
    // The id of a commit is as good as a die, and costs nothing.
    if commit.as_slice()[0] > u8::MAX / LOOK_EVERY && !is_large {
        return;
    }
    let wanted = repo.setting(SETTING);
    let wanted = wanted.as_deref().unwrap_or("auto");
    if wanted == "off" || !is_due(repo) {
        return;
    }
    if wanted == "foreground" {
        drop(maintain(repo));
    } else if !Lock::is_held(&lock_path(repo)) {
        let dir = repo.common_dir().display().to_string();
        let start = Run::new(repo.world().exe(), repo.common_dir())
            .args(["maintain", "--auto"])
            .without(LOCAL_ENV)
            .env("GIT_DIR", dir);
        drop(start.detach(repo.world()));
    }
}

fn note_path(repo: &Repo) -> std::path::PathBuf {
    repo.scratch_dir().join("maintained")
}

/// Returns whether more has come together since the last time than upkeep is to leave.
fn is_due(repo: &Repo) -> bool {
    let text = std::fs::read(note_path(repo)).unwrap_or_default();
    let noted: Value = serde_json::from_slice(&text).unwrap_or_default();
    let left = |what: &str| noted[what].as_u64().unwrap_or_default();
    repo.loose_estimate() >= LOOSE_MAX + left("loose")
        || repo.packs() as u64 >= MANY_PACKS as u64 + left("packs")
}

/// Notes what is left: loose objects that nothing refers to, packs that make no larger one. They are no reason
/// to begin again.
fn note(repo: &Repo) -> Result<()> {
    let path = note_path(repo);
    let left = json!({ "loose": repo.loose_estimate(), "packs": repo.packs() }).to_string();
    fs::replace(&path, left.as_bytes()).map_err(|error| Fault::io("write", &path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::scratch::{Scratch, git};
    use crate::ledger::{Decision, Record, transact};

    fn write(repo: &Repo, id: &str) -> Oid {
        let written = transact(repo, (Name::Beads, None), "ada", |_, pen| {
            let record = Record::new(id, "bead", &pen.first_stamp());
            Ok(Decision::write(id, vec![record], ()))
        });
        written.unwrap().tip.unwrap()
    }

    fn records(repo: &Repo) -> Vec<Record> {
        let tip = repo.find_ref(Name::Beads.ref_name()).unwrap();
        Snapshot::at(repo, tip).unwrap().records().unwrap()
    }

    /// Fills the folders that are looked at with so many files that there seem to be `count` objects.
    fn pretend(repo: &Repo, count: u64) {
        for folder in ["17", "55", "9c", "e3"] {
            for number in 0..count / 256 {
                let path = repo.common_dir().join("objects").join(folder);
                fs::create_dir_all(&path).unwrap();
                fs::replace(&path.join(format!("{number:038}")), b"").unwrap();
            }
        }
    }

    #[test]
    fn packs_are_rolled_up_with_all_that_is_in_them() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        // Whoever began to read before it goes on reading.
        let reader = scratch.open(2);
        let mut forgotten = Vec::new();
        for number in 1..=3 {
            write(&repo, &format!("gt-{number}"));
            assert_eq!(records(&reader).len(), number);
            let blob = repo.write_blob(format!("{number}").as_bytes()).unwrap();
            forgotten.push(blob);
            let tag = format!("refs/tags/{number}");
            git(&repo, &["update-ref", &tag, &blob.to_string()], "");
            repo.pack_loose().unwrap();
            git(&repo, &["update-ref", "-d", &tag], "");
        }
        assert_eq!(repo.store().packs, 3);
        assert!(!repo.roll_up_packs(4).unwrap());
        assert_eq!(repo.store().packs, 3);
        assert!(repo.roll_up_packs(3).unwrap());
        let after = repo.store();
        assert_eq!((after.packs, after.loose), (1, 0));
        for repo in [&repo, &reader, &scratch.open(3)] {
            assert_eq!(records(repo).len(), 3);
            // What nothing refers to any more stays, too.
            assert!(forgotten.iter().all(|it| repo.has(it)));
        }
        git(&repo, &["multi-pack-index", "verify"], "");
        git(&repo, &["fsck", "--strict"], "");
        assert!(!repo.roll_up_packs(2).unwrap());
        write(&reader, "gt-4");
        assert_eq!(records(&repo).len(), 4);
    }

    #[test]
    fn upkeep_begins_when_much_was_written_and_not_again_for_the_same() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let tip = write(&repo, "gt-1");
        git(&repo, &["config", "gt.maintain", "foreground"], "");
        let repo = scratch.open(2);
        let mut begins = tip.as_slice().to_owned();
        begins[0] = 0;
        let look = Oid::from_bytes_or_panic(&begins);
        begins[0] = 2;
        let pass = Oid::from_bytes_or_panic(&begins);
        let backup = || repo.find_ref("refs/gt-local/backup/beads").unwrap();
        let check = |seen: &Oid, want: Option<Oid>| {
            after_write(&repo, seen, false);
            assert_eq!(backup(), want);
        };
        check(&look, None);
        pretend(&repo, 2 * LOOSE_MAX);
        check(&pass, None);
        check(&look, Some(tip));
        // What nothing refers to is still there, and is no reason to do it again.
        let next = write(&repo, "gt-2");
        check(&look, Some(tip));
        pretend(&repo, 4 * LOOSE_MAX);
        check(&look, Some(next));
        git(&repo, &["config", "gt.maintain", "off"], "");
        let repo = scratch.open(3);
        write(&repo, "gt-3");
        pretend(&repo, 8 * LOOSE_MAX);
        after_write(&repo, &look, false);
        assert_eq!(backup(), Some(next));
    }
}
