//! Writes to files, counted, so that a test can end the program before any one of them.
#![expect(clippy::disallowed_methods, reason = "this is where files are written")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::process;

static WRITES: AtomicU64 = AtomicU64::new(0);
static CRASH_AT: AtomicU64 = AtomicU64::new(u64::MAX);

pub(crate) fn crash_at(write: Option<u64>) {
    CRASH_AT.store(write.unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Counts one write that is about to happen, here or in a program we start; aborts the process when a
/// test asked for the crash to be before this one (`GT_TEST_CRASH_AT`).
pub fn count() {
    if WRITES.fetch_add(1, Ordering::Relaxed) + 1 == CRASH_AT.load(Ordering::Relaxed) {
        std::process::abort();
    }
}

/// What a test sees happen, in order: what was done and the name of the file.
#[cfg(test)]
pub(crate) mod trace {
    use std::cell::RefCell;
    use std::path::Path;

    thread_local! {
        static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    }

    pub(crate) fn note(what: &str, path: &Path) {
        SEEN.with_borrow_mut(|seen| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            seen.iter_mut()
                .for_each(|it| it.push(format!("{what} {name}")));
        });
    }

    /// Returns what this thread does to files while `run` runs.
    pub(crate) fn of(run: impl FnOnce()) -> Vec<String> {
        SEEN.set(Some(Vec::new()));
        run();
        SEEN.take().unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) use trace::note;

/// Tells a test what happens next.
#[cfg(not(test))]
pub(crate) fn note(_: &str, _: &Path) {}

/// Waits until a file, or the entries of a folder, are on the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    note("sync", path);
    File::open(path)?.sync_all()
}

/// Waits until everything written to the file system of a folder is on the disk. Returns whether this
/// system can do that.
pub fn sync_file_system(folder: &Path) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        note("sync file system of", folder);
        rustix::fs::syncfs(File::open(folder)?)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        Ok(false)
    }
}

/// Returns whether something could not be written for want of room.
pub fn is_out_of_room(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Returns whether next to nothing can be written any more where a path is; where the system does not tell,
/// there is room.
pub fn is_full(path: &Path) -> bool {
    const LEAST: u64 = 256 * 1024;
    rustix::fs::statvfs(path).is_ok_and(|it| {
        let no_files = it.f_files > 0 && it.f_favail == 0;
        no_files || it.f_bavail.saturating_mul(it.f_frsize) < LEAST
    })
}

/// Creates a folder and those above it.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    count();
    fs::create_dir_all(path)
}

/// Creates a file that must not exist yet, together with the folders above it.
pub fn create_new(path: &Path, content: &[u8]) -> io::Result<()> {
    count();
    note("create", path);
    let file = open_in_folder(OpenOptions::new().write(true).create_new(true), path)?;
    filled(file, path, content).map(drop)
}

/// Writes to a file that was just created, which goes where that fails.
fn filled(mut file: File, path: &Path, content: &[u8]) -> io::Result<File> {
    let written = file.write_all(content);
    if written.is_err() {
        fs::remove_file(path)?;
    }
    written.map(|()| file)
}

/// Creates a file that must not exist yet and that nobody may write to, together with the folders above it. It
/// is locked as long as what is returned lives, and this process: so [`remove_unheld`] can tell it from what
/// a crash left.
pub fn create_held(path: &Path, content: &[u8]) -> io::Result<Lock> {
    count();
    note("create", path);
    let file = open_in_folder(&read_only(), path)?;
    // Before it is locked somebody may take it for what a crash left.
    if let Err(fs::TryLockError::Error(error)) = file.try_lock() {
        fs::remove_file(path)?;
        return Err(error);
    }
    if !same_file(&file, path) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    filled(file, path, content).map(Lock)
}

/// Removes a file that [`create_held`] made and nobody holds any more; returns whether it is gone.
pub fn remove_unheld(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    // Whoever makes it looks, once it is locked, whether it is still there. A file system on which only what
    // can be written to is locked tells nothing.
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        return Ok(false);
    }
    if same_file(&file, path) {
        remove_file(path)?;
    }
    Ok(true)
}

fn read_only() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o444);
    options
}

/// Replaces a file as a whole: after a crash it holds the old content or the new one.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = Path::new(&temporary);
    match create_new(temporary, content) {
        // A crash left it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(temporary)?;
            create_new(temporary, content)?;
        }
        made => made?,
    }
    count();
    fs::rename(temporary, path)
}

/// Replaces a file as a whole by what `write` writes, which needs not be in memory: after a crash it holds the old
/// content or the new one, and so does it where `write` fails.
///
/// What a symbolic link leads to is replaced, with the mode it has; what is no file, a pipe or a device, is
/// written to.
pub fn replace_by(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    let known = fs::metadata(path).ok();
    if known
        .as_ref()
        .is_some_and(|it| !it.is_file() && !it.is_dir())
    {
        count();
        let mut out = io::BufWriter::new(OpenOptions::new().write(true).open(path)?);
        return write(&mut out).and_then(|()| out.flush());
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = Path::new(&temporary);
    count();
    let mut options = OpenOptions::new();
    let file = open_in_folder(options.write(true).create(true).truncate(true), temporary)?;
    if let Some(known) = known {
        file.set_permissions(known.permissions())?;
    }
    let mut out = io::BufWriter::with_capacity(1 << 16, file);
    let written = write(&mut out).and_then(|()| out.flush());
    drop(out);
    if let Err(error) = written {
        fs::remove_file(temporary)?;
        return Err(error);
    }
    count();
    fs::rename(temporary, path)
}

/// Writes a file where it is, in one call and without making it shorter: spaces take the place of what was
/// longer. For notes that are checked when they are read, because a power cut may leave half of one.
pub fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    count();
    note("overwrite", path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = open_in_folder(&options, path)?;
    let before = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut content = content.to_vec();
    content.resize(content.len().max(before), b' ');
    file.write_all_at(&content, 0)
}

/// Writes a file that nobody can change under another name and moves it into its place, one write in all:
/// after a crash it is there as a whole or not at all, and what has the other name may be deleted.
pub fn place(temporary: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    count();
    let mut file = open_in_folder(&read_only(), temporary)?;
    let placed = file
        .write_all(content)
        .and_then(|()| fs::rename(temporary, path));
    if placed.is_err() {
        fs::remove_file(temporary)?;
    }
    placed
}

/// Makes a symbolic link at a path, in place of what is there.
pub fn link(target: &Path, path: &Path) -> io::Result<()> {
    count();
    note("link", path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = tempfile::Builder::new()
        .prefix(".gt-")
        .make_in(folder, |temporary| {
            std::os::unix::fs::symlink(target, temporary)
        })?;
    made.into_temp_path().persist(path).map_err(|it| it.error)
}

/// Appends to a file, which is made where it is missing.
pub fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    count();
    note("append to", path);
    let mut file = open_in_folder(OpenOptions::new().append(true).create(true), path)?;
    // One call: it is appended as a whole, or not at all where the disk is full.
    let written = file.write(content)?;
    if written < content.len() {
        // Half a line would spoil the next one.
        let half = file.metadata()?.len();
        file.set_len(half - written as u64)?;
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// Adds to the end of an open file. What a failure leaves there stays: somebody may have it mapped.
pub fn extend(mut file: &File, content: &[u8]) -> io::Result<()> {
    count();
    file.write_all(content)
}

/// Moves a file over another.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    count();
    note("rename to", to);
    fs::rename(from, to)
}

/// Removes a file; one that is not there is no error.
pub fn remove_file(path: &Path) -> io::Result<()> {
    count();
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a folder with what is in it; one that is not there is no error.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    count();
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// An exclusive `flock` on a file; released when dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock(File);

impl std::os::fd::AsFd for Lock {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Lock {
    /// Waits for the lock at `path`, which is created where it is missing.
    ///
    /// Checks after locking that the file is still the one at that path, because somebody may delete
    /// the folder while we wait.
    pub fn take(path: &Path) -> io::Result<Self> {
        loop {
            let file = open_lock(path)?;
            file.lock()?;
            if same_file(&file, path) {
                return Ok(Self(file));
            }
        }
    }

    /// Waits for the lock at `path` as [`Lock::take`] does, but not longer than `limit`: then returns who
    /// holds it, in words, where the system tells.
    pub fn take_within(path: &Path, limit: Duration) -> io::Result<Result<Self, Option<String>>> {
        use fs::TryLockError::{Error, WouldBlock};
        loop {
            let file = open_lock(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(Error(error)) => return Err(error),
                Err(WouldBlock) => match wait_for(&file, limit)? {
                    true => {}
                    false => return Ok(Err(process::holder_of(&file))),
                },
            }
            if same_file(&file, path) {
                return Ok(Ok(Self(file)));
            }
        }
    }

    /// Returns the lock when nobody holds it.
    ///
    /// Whoever only asks whether it is held ([`Lock::is_held`]) shares it for that moment and does not
    /// count as somebody who holds it.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        use fs::TryLockError::{Error, WouldBlock};
        loop {
            let file = open_lock(path)?;
            match file.try_lock() {
                Ok(()) if same_file(&file, path) => return Ok(Some(Self(file))),
                Ok(()) => {}
                Err(WouldBlock) => match file.try_lock_shared() {
                    Ok(()) => std::thread::yield_now(),
                    Err(WouldBlock) => return Ok(None),
                    Err(Error(error)) => return Err(error),
                },
                Err(Error(error)) => return Err(error),
            }
        }
    }

    /// Returns whether this is still the lock at `path`: the folder may have been deleted since, and then
    /// somebody else may hold another one.
    pub fn is_at(&self, path: &Path) -> bool {
        same_file(&self.0, path)
    }

    /// Returns whether somebody holds the lock at `path`; makes no file.
    pub fn is_held(path: &Path) -> bool {
        let Ok(file) = File::open(path) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
    }

    /// Lets programs started from now on inherit the lock, so that it is held as long as any of them
    /// or of their children lives.
    pub fn let_children_hold(&self) -> io::Result<()> {
        rustix::io::fcntl_setfd(&self.0, rustix::io::FdFlags::empty())?;
        Ok(())
    }

    /// Writes who holds the lock into its file, for people who look.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.write_all(text.as_bytes())
    }
}

/// Waits in the system's queue, which is fair, until the lock of an open file is ours; returns whether it
/// is before the time is up.
fn wait_for(file: &File, limit: Duration) -> io::Result<bool> {
    // The same open file: what the thread locks is locked here.
    let same = file.try_clone()?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let locked = same.lock();
        // Where nobody waits any more the file is closed here, and the lock is gone with it.
        let _gone = send.send(locked);
    });
    match receive.recv_timeout(limit) {
        Ok(locked) => locked.map(|()| true),
        Err(_) => Ok(false),
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_in_folder(&options, path)
}

/// How often a folder is made anew that somebody removes before a file is in it.
const FOLDER_TRIES: u32 = 20;

/// Opens a file, whose folder is made where it is missing. `git pack-refs` removes folders of refs that it
/// finds empty, at any moment.
fn open_in_folder(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let mut opened = options.open(path);
    for _ in 0..FOLDER_TRIES {
        match (&opened, path.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                // Another process made it, and it went before it was looked at.
                let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
                fs::create_dir_all(parent)
                    .or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })?;
                opened = options.open(path);
            }
            _ => break,
        }
    }
    opened
}

fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(ours), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_lock_that_is_held_for_long_is_not_waited_for_and_then_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let take = |limit| Lock::take_within(&path, Duration::from_millis(limit)).unwrap();
        let held = take(0).unwrap();
        let holder = take(0).unwrap_err();
        if cfg!(target_os = "linux") {
            let ours = format!("process {} (", std::process::id());
            assert!(holder.unwrap().starts_with(&ours));
        }
        drop(held);
        // Whoever gave up does not get it later: there is none who would let it go.
        drop(take(60_000).unwrap());
        drop(Lock::take(&path).unwrap());
    }

    #[test]
    fn a_file_is_made_while_somebody_removes_its_empty_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("refs/gt");
        let is_done = AtomicBool::new(false);
        // Removed at any moment, but less often than a file is tried: how two threads are scheduled decides
        // nothing.
        let removals = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    if removals.load(Ordering::SeqCst) > 0 && fs::remove_dir(&folder).is_ok() {
                        removals.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            });
            let path = folder.join("beads.lock");
            let make = |_| {
                removals.store(FOLDER_TRIES - 2, Ordering::SeqCst);
                create_new(&path, b"x").and_then(|()| remove_file(&path))
            };
            let made: Vec<_> = (0..2000).map(make).collect();
            is_done.store(true, Ordering::SeqCst);
            made.into_iter().for_each(|it| it.unwrap());
        });
    }
}
