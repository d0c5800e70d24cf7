//! Upkeep of the store of objects and refs: packing, the commit-graph, and what crashes left behind. Nothing
//! here removes an object that is not in a pack.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::command::Version;
use super::{Guard, Oid, Repo, refs};
use crate::fault::{Fault, Result};
use crate::world::{Time, fs};

/// How old what a crash left behind is before it goes: whoever still writes it is long done.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// From how many loose refs of ours on refs are packed.
const LOOSE_REFS_MAX: usize = 500;

/// The folders of loose objects that stand for all 256.
const SAMPLED: [&str; 4] = ["17", "55", "9c", "e3"];

/// What a store of objects takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Store {
    /// Loose objects.
    pub loose: u64,
    /// Packs.
    pub packs: usize,
    /// All of it, in bytes on disk.
    pub bytes: u64,
}

impl Repo {
    pub(super) fn objects_dir(&self) -> PathBuf {
        self.common_dir().join("objects")
    }

    /// Returns about how many loose objects there are; looks at four folders of 256.
    pub fn loose_estimate(&self) -> u64 {
        let count = |name: &&str| {
            let folder = std::fs::read_dir(self.objects_dir().join(name));
            folder.into_iter().flatten().count() as u64
        };
        SAMPLED.iter().map(count).sum::<u64>() * (256 / SAMPLED.len() as u64)
    }

    /// Returns how many packs there are.
    pub fn packs(&self) -> usize {
        let files = std::fs::read_dir(self.objects_dir().join("pack"));
        let names = files.into_iter().flatten().flatten();
        names
            .filter(|it| it.path().extension().is_some_and(|it| it == "pack"))
            .count()
    }

    /// Returns what the store of objects takes; looks at every file of it.
    pub fn store(&self) -> Store {
        use std::os::unix::fs::MetadataExt as _;
        let mut store = Store::default();
        for file in self.object_files() {
            let Ok(found) = std::fs::symlink_metadata(&file) else {
                continue;
            };
            store.bytes += found.blocks() * 512;
            let is_pack = file.extension().is_some_and(|it| it == "pack");
            store.packs += usize::from(is_pack);
            let folder = file.parent().and_then(Path::file_name);
            store.loose += u64::from(folder.is_some_and(|it| it.len() == 2));
        }
        store
    }

    /// Returns every file in the store of objects, two levels deep; what goes meanwhile is left out.
    fn object_files(&self) -> Vec<PathBuf> {
        let list = |dir: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|it| it.path()).collect()
        };
        let (folders, mut files): (Vec<_>, Vec<_>) = list(&self.objects_dir())
            .into_iter()
            .partition(|it| it.is_dir());
        for folder in folders {
            files.extend(list(&folder).into_iter().filter(|it| it.is_file()));
        }
        files
    }

    /// Packs loose objects that something refers to, and removes those that are in a pack.
    ///
    /// After a crash there is a pack more, or a file that [`Repo::sweep`] removes; no object is lost.
    pub fn pack_loose(&self) -> Result<()> {
        // gix looks at every offset of a plain index when it opens it, and at none of a multi-pack-index.
        self.execute(&self.git(["repack", "-d", "-l", "-n", "-q", "--write-midx"]))
            .map(drop)
    }

    /// Rolls packs up into few, whose sizes grow by twos at least, where there are as many as `many`. Returns
    /// whether there were.
    ///
    /// After a crash the packs are as before, or the new one stands beside them.
    pub fn roll_up_packs(&self, many: usize) -> Result<bool> {
        if self.packs() < many || self.git_version()? < Version(2, 32) {
            return Ok(false);
        }
        let run = self.git([
            "repack",
            "--geometric=2",
            "-d",
            "-l",
            "-n",
            "-q",
            "--write-midx",
        ]);
        self.execute(&run).map(|_| true)
    }

    /// Writes what makes walks over the history of commits quick, of one path too, beside what the user's
    /// own upkeep wrote. Returns whether that is wanted here.
    ///
    /// After a crash it is as it was.
    pub fn write_commit_graph(&self, tips: &[Oid]) -> Result<bool> {
        let is_off = |key: &str| self.setting(key).is_some_and(|it| it == "false");
        if tips.is_empty() || is_off("core.commitGraph") || is_off("gc.writeCommitGraph") {
            return Ok(false);
        }
        let args = [
            "commit-graph",
            "write",
            "--stdin-commits",
            "--split",
            "--changed-paths",
        ];
        let input: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
        self.execute(&self.git(args).args(["--no-progress"]).stdin(input))
            .map(|_| true)
    }

    /// Packs refs where many of ours are loose. Returns whether they were.
    ///
    /// After a crash they are packed, loose or both, with the same values.
    pub fn pack_many_refs(&self) -> Result<bool> {
        if self.loose_ref_files().len() < LOOSE_REFS_MAX {
            return Ok(false);
        }
        self.execute(&self.git(["pack-refs", "--all"]))
            .map(|_| true)
    }

    /// Removes what crashes left behind and nobody can use any more: files of objects that were never
    /// finished and our own files a day after, locks of refs that a writer of ours held. Returns how many.
    ///
    /// After a crash some of it is gone.
    pub fn sweep(&self, guard: &Guard) -> Result<usize> {
        let now = self.world().now();
        let mut stale = self.object_files();
        stale.retain(|it| is_unfinished(it) && is_stale(it, now));
        let ours = self.scratch_dir();
        let ours = [ours.join("index"), ours];
        let ours = ours.iter().flat_map(std::fs::read_dir).flatten().flatten();
        let ours = ours.map(|it| it.path());
        stale.extend(ours.filter(|it| is_leftover(it) && is_stale(it, now)));
        let mut count = stale.len();
        for path in &stale {
            let removed = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.map_err(|error| Fault::io("remove", path, &error))?;
        }
        count += self.sweep_locks(guard)?;
        Ok(count)
    }

    /// Removes locks of refs that a crash of ours left behind: whoever holds the guard knows that nobody
    /// holds one.
    fn sweep_locks(&self, _: &Guard) -> Result<usize> {
        let mut count = 0;
        for file in self.loose_ref_files() {
            let is_lock = name_of(&file).ends_with(".lock");
            count += usize::from(is_lock && refs::remove_leftover(&file)?);
        }
        Ok(count)
    }

    /// Returns the files of refs of ours that are not packed, and their locks.
    fn loose_ref_files(&self) -> Vec<PathBuf> {
        let folders = ["refs/gt", "refs/gt-local", "refs/gt-remote"];
        let folders = folders.iter().map(|it| self.common_dir().join(it));
        folders.flat_map(|it| files_below(&it)).collect()
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|it| it.to_str())
        .unwrap_or_default()
}

/// Returns whether a file in the store of objects is one that gix or git was still writing.
fn is_unfinished(path: &Path) -> bool {
    [
        ".tmp",
        "tmp_obj_",
        "tmp_pack_",
        "tmp_idx_",
        "tmp_rev_",
        "tmp_mtimes_",
        "tmp_midx_",
    ]
    .iter()
    .any(|it| name_of(path).starts_with(it))
}

/// Returns whether something in our folder is what a crash leaves of a file or snapshot being written, or of a
/// signature.
fn is_leftover(path: &Path) -> bool {
    let name = name_of(path);
    name.ends_with(".new") || ["snapshot-", "ssh-"].iter().any(|it| name.starts_with(it))
}

fn is_stale(path: &Path, now: Time) -> bool {
    let changed = std::fs::symlink_metadata(path).and_then(|it| it.modified());
    let Ok(since) = changed.map(|it| it.duration_since(SystemTime::UNIX_EPOCH)) else {
        return false;
    };
    let age = Duration::from_millis(now.0).checked_sub(since.unwrap_or_default());
    age.is_some_and(|age| age > STALE)
}

/// Returns the files in a folder and below it; what goes meanwhile is left out.
pub(super) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
