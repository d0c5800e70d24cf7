//! The file of an index: opened, advanced by a frame at its end, replaced as a whole. Nothing in it is ever
//! changed in place, so that whoever has it mapped reads on. Where it cannot be written, there is no file,
//! and every query makes its own index.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use memmap2::Mmap;

use super::base::{Base, Bytes, FORMAT, number};
use super::overlay::{Overlay, Step, Tail, frame, tail_len};
use super::{Change, Goal, Index, Source};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Repo};
use crate::world::Time;
use crate::world::fs::{self, Lock};

/// How many rows frames may have before the base is made anew.
const ROWS_MAX: usize = if cfg!(test) { 20 } else { 1000 };

/// How long somebody else may take to make an index before we make our own, in steps of [`PAUSE`].
const WAITS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// How many bytes at the end of a file are read to append to it: most frames are shorter.
const END: u64 = 4096;

/// An index as it was stored, before it is advanced.
pub(super) struct Stored<'r> {
    index: Index<'r>,
    /// The tree it is at.
    tree: Option<Oid>,
    /// Whether that is the one that is asked for.
    is_there: bool,
    /// Whether something behind its last frame makes no sense.
    is_torn: bool,
    /// The file, as (device, number, length).
    file: (u64, u64, u64),
}

/// How long nobody has changed an index of a version that is not used any more, in milliseconds.
const FORGOTTEN: u64 = 7 * 24 * 3600 * 1000;

/// Removes the indexes that programs of other versions have left: of each ledger the one that was changed last
/// stays, and of the others those that were changed within a week. Returns how many went.
///
/// After a crash the next one removes the rest; whoever still uses one makes it anew.
pub(in crate::ledger) fn sweep(repo: &Repo) -> Result<usize> {
    let files = std::fs::read_dir(repo.scratch_dir().join("index"));
    let files = files.into_iter().flatten().flatten().map(|it| it.path());
    let changed = |path: &Path| {
        let changed = path.metadata().and_then(|it| it.modified()).ok()?;
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().map(Time)
    };
    let mut versions: BTreeMap<PathBuf, Vec<(Time, PathBuf)>> = BTreeMap::new();
    for path in files.filter(|path| is_index(path)) {
        if let Some(changed) = changed(&path) {
            let of = versions.entry(path.with_extension("")).or_default();
            of.push((changed, path));
        }
    }
    let now = repo.world().now();
    let mut count = 0;
    for mut of in versions.into_values() {
        of.sort();
        of.pop();
        for (_, path) in of.iter().filter(|(at, _)| at.0 + FORGOTTEN < now.0) {
            fs::remove_file(path).map_err(|error| Fault::io("remove", path, &error))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Returns whether a file is called as an index is: `<ledger>.<format>-<version>`.
fn is_index(path: &Path) -> bool {
    let version = path.extension().and_then(|it| it.to_str());
    let parts = version.and_then(|it| it.split_once('-'));
    parts.is_some_and(|(format, version)| {
        [format, version].iter().all(|it| it.parse::<u32>().is_ok())
    })
}

impl<'r> Source<'r> {
    pub(super) fn path(&self) -> PathBuf {
        let name = self.shape.ledger.ref_name().rsplit('/').next();
        let name = name.expect("a ref has a name");
        let folder = self.repo.scratch_dir().join("index");
        // Programs of different versions keep apart.
        folder.join(format!("{name}.{FORMAT}-{}", self.shape.version))
    }

    fn lock_path(&self) -> PathBuf {
        self.path().with_extension("lock")
    }

    /// Returns whether there is a file.
    pub(super) fn is_stored(&self) -> bool {
        self.path().exists()
    }

    /// Waits for the lock of the file; nothing where it cannot be had.
    pub(super) fn lock(&self) -> Option<Lock> {
        for _ in 0..WAITS {
            match Lock::try_take(&self.lock_path()) {
                Ok(Some(lock)) => return Some(lock),
                Ok(None) => self.repo.world().pause(PAUSE),
                Err(_) => return None,
            }
        }
        None
    }

    /// Returns what is stored, as far as it leads to a tree.
    pub(super) fn open(&self, goal: &Goal<'_>) -> Result<Option<Stored<'r>>> {
        let Some((base, known)) = self.base() else {
            return Ok(None);
        };
        let mut overlay = Overlay::new(self.hash_len());
        let (tree, is_there, end) = overlay.take(base.rest(), base.tree(), goal)?;
        Ok(Some(Stored {
            is_torn: base.end() + end != base.file_len(),
            tree,
            is_there,
            file: (known.dev(), known.ino(), known.len()),
            index: Index {
                base,
                overlay,
                source: *self,
            },
        }))
    }

    /// Returns the base that is stored, and what its file is.
    fn base(&self) -> Option<(Base<'r>, std::fs::Metadata)> {
        let file = File::open(self.path()).ok()?;
        let known = file.metadata().ok()?;
        let base = Base::open(*self, Bytes::Mapped(map(&file).ok()?))?;
        Some((base, known))
    }

    /// Replaces the file with a base. After a crash the old file is there, or the new one; where it fails,
    /// the next query is slow.
    pub(super) fn replace(&self, (commit, tree): (Oid, Oid), base: &[u8]) {
        let (from, to) = (tree, tree);
        let end = frame(&Step { from, to, commit }, 0, &[]);
        drop(fs::replace(&self.path(), &[base, &end].concat()));
    }

    /// Removes the file.
    pub(super) fn discard(&self) {
        drop(fs::remove_file(&self.path()));
    }

    /// Adds a step that a writer made to the file, where it is at the tree the writer began with, and nobody
    /// else is at it; else the next query finds out. Whoever calls this holds the lock of the ledger.
    ///
    /// After a crash the step is there, or is left out because it is torn.
    pub(super) fn append(&self, step: &Step, changes: &[Change]) -> io::Result<()> {
        let path = self.path();
        let Some(_lock) = Lock::try_take(&self.lock_path())? else {
            return Ok(());
        };
        let file = OpenOptions::new().read(true).append(true).open(&path)?;
        match self.tail(&file)? {
            Some(tail) if tail.tree == step.from && tail.rows < 2 * ROWS_MAX => {
                fs::extend(&file, &frame(step, tail.rows, changes))
            }
            _ => Ok(()),
        }
    }

    /// Returns what the last frame of a file leads to; nothing for a long one, and for one that is torn.
    fn tail(&self, file: &File) -> io::Result<Option<Tail>> {
        let length = file.metadata()?.len();
        let mut end = vec![0; usize::try_from(length.min(END)).expect("a few thousand")];
        file.read_exact_at(&mut end, length.saturating_sub(END))?;
        let frame = |end: &[u8]| {
            let length = number(end, end.len().checked_sub(8)?)? as usize;
            let frame = &end[end.len().checked_sub(length)?..];
            let sum = frame.len().checked_sub(4)?;
            let is_whole = number(frame, sum)? == crc32fast::hash(&frame[..sum]);
            Tail::read(frame, self.hash_len()).filter(|_| is_whole)
        };
        Ok(Some(end)
            .filter(|it| it.len() > tail_len(self.hash_len()))
            .and_then(|it| frame(&it)))
    }
}

impl<'r> Stored<'r> {
    /// Returns the index at a tree.
    pub(super) fn advanced(mut self, goal: &Goal<'_>) -> Result<Index<'r>> {
        if self.is_there {
            return Ok(self.index);
        }
        let source = self.index.source;
        let tree = goal.tree()?;
        let changes = match source.changes(self.tree, Some(tree)) {
            Ok(changes) => changes,
            // The tree it stood at may be gone: of a history that is no more.
            Err(Fault::Fatal(_)) => return self.anew(goal),
            Err(fault) => return Err(fault),
        };
        let Some(from) = self
            .tree
            .filter(|_| changes.len() <= self.index.base.len() + ROWS_MAX)
        else {
            return self.anew(goal);
        };
        let before = self.index.overlay.count();
        let commit = goal.commit.unwrap_or(tree);
        let to = tree;
        let frame = frame(&Step { from, to, commit }, before, &changes);
        let pushed = self.index.overlay.push(&frame);
        pushed.expect("a frame that was just made is whole");
        if self.is_torn || before > ROWS_MAX || changes.len() > 4 * ROWS_MAX {
            let bytes = self.index.compacted(tree)?;
            self.store(|source| source.replace((commit, tree), &bytes));
            return Ok(Index::new(source, Base::made(source, bytes)));
        }
        self.store(|source| {
            let file = OpenOptions::new().append(true).open(source.path());
            drop(file.and_then(|file| fs::extend(&file, &frame)));
        });
        Ok(self.index)
    }

    fn anew(self, goal: &Goal<'_>) -> Result<Index<'r>> {
        let (source, tree) = (self.index.source, goal.tree()?);
        let bytes = source.build(Some(tree))?;
        self.store(|source| source.replace((goal.commit.unwrap_or(tree), tree), &bytes));
        Ok(Index::new(source, Base::made(source, bytes)))
    }

    /// Writes where nobody else does just now or did since this was read.
    fn store(&self, write: impl Fn(&Source<'r>)) {
        let source = &self.index.source;
        if let Ok(Some(_lock)) = Lock::try_take(&source.lock_path())
            && let Ok(now) = std::fs::metadata(source.path())
            && (now.dev(), now.ino(), now.len()) == self.file
        {
            write(source);
        }
    }
}

#[expect(
    unsafe_code,
    reason = "a file of an index is replaced or appended to, never changed or cut"
)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: what is mapped does not change as long as nobody but this module writes to the file.
    unsafe { Mmap::map(file) }
}
