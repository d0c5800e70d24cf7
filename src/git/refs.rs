//! Refs: read through gix, written by our own small writer in the protocol of git's files backend.
//!
//! gix takes the repository-wide `packed-refs.lock` on every conditional update and blocks on a stale
//! one for good; this writer takes only `<ref>.lock`, as `git update-ref` does (gitrepository-layout(5)).

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::durability::Durability;
use super::objects::mendable;
use super::upkeep::files_below;
use super::{Oid, Repo, reason};
use crate::fault::{Fault, Result};
use crate::world::fs::{self, Lock};
use crate::world::process;

/// The lock of ledgers, which is not among the files that anybody may delete while writers run: two of them
/// would hold one each. Nor is it called `.lock` as git's are, whose being there means that they are held.
const LOCK: &str = "gt-lock";

/// The lock of refs that keep commits.
const KEEPERS_LOCK: &str = "gt-keepers-lock";

/// Proof that this process holds the lock under which refs of ours are written.
#[derive(Debug)]
pub struct Guard(#[expect(dead_code, reason = "held until dropped")] Lock);

/// What became of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cas {
    /// The ref held what was expected and now holds the new value.
    Swapped,
    /// The ref holds something else, which stands here.
    Moved(Option<Oid>),
}

/// How often a lock that belongs to another program is looked at again, with growing pauses (5 s in all).
const LOCK_TRIES: u32 = 80;

/// How long our own lock is waited for: a decision takes milliseconds, a join of large ledgers seconds.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// How old the lock of another program is, unchanged, before it is one that a crash left behind.
const STALE_LOCK: Duration = Duration::from_secs(30);

/// How many tips are remembered of which something is known.
const ASKED_TIPS: usize = 4;

impl Repo {
    /// Waits for the lock that all writers of this repository's ledgers take.
    pub fn guard(&self) -> Result<Guard> {
        self.refuse_unwritable()?;
        let path = self.common_dir().join(LOCK);
        match Lock::take_within(&path, LOCK_WAIT) {
            Ok(Ok(lock)) => Ok(Guard(lock)),
            Err(error) => Err(cannot_lock(&path, &error)),
            Ok(Err(holder)) => {
                let holder = holder.unwrap_or_else(|| "somebody".to_owned());
                Err(Fault::unavailable(format!(
                    "{holder} has held '{}' for more than a minute",
                    path.display()
                ))
                .hint("nothing was written here; try again, or end that process if it hangs"))
            }
        }
    }

    /// Returns whether a text can be the full name of a ref (git-check-ref-format(1)).
    pub fn is_ref_name(&self, name: &str) -> bool {
        <&gix::refs::FullNameRef>::try_from(name).is_ok()
    }

    /// Waits until nobody makes or removes refs that keep commits of merge requests. Whoever holds this may
    /// wait for [`Repo::guard`], never the other way round.
    pub fn keepers_guard(&self) -> Result<Guard> {
        self.locked(KEEPERS_LOCK)
    }

    fn locked(&self, name: &str) -> Result<Guard> {
        self.refuse_unwritable()?;
        let path = self.common_dir().join(name);
        Lock::take(&path)
            .map(Guard)
            .map_err(|error| cannot_lock(&path, &error))
    }

    /// Returns the commit a ref names, nothing where it does not exist. Symbolic refs are followed.
    pub fn find_ref(&self, name: &str) -> Result<Option<Oid>> {
        let failed = |error: &dyn std::error::Error| {
            let why = format!("cannot read ref '{name}': {}", reason(error));
            mendable(Fault::fatal(why))
        };
        let full: &gix::refs::FullNameRef = name
            .try_into()
            .map_err(|error: gix::refs::name::Error| failed(&error))?;
        if let Loose::Id(found) = self.loose_ref(full) {
            return Ok(found);
        }
        let mut found = self
            .gix
            .refs
            .try_find(full)
            .map_err(|error| failed(&error))?;
        for _ in 0..5 {
            let Some(reference) = found else {
                return Ok(None);
            };
            match reference.target {
                gix::refs::Target::Object(id) => return Ok(Some(id)),
                gix::refs::Target::Symbolic(next) => {
                    found = self
                        .gix
                        .refs
                        .try_find(next.as_ref())
                        .map_err(|error| failed(&error))?;
                }
            }
        }
        Err(Fault::fatal(format!("ref '{name}' points in circles")))
    }

    /// Looks a ref up under its one name: gix would look for a missing one under five more.
    fn loose_ref(&self, name: &gix::refs::FullNameRef) -> Loose {
        let text = name.as_bstr().to_string();
        if !text.starts_with("refs/") || OF_A_WORKTREE.iter().any(|it| text.starts_with(it)) {
            return Loose::Other;
        }
        match std::fs::read(self.common_dir().join(&text)) {
            Ok(bytes) => match Oid::from_hex(bytes.trim_ascii_end()) {
                Ok(id) if id.kind() == self.gix.object_hash() => Loose::Id(Some(id)),
                _ => Loose::Other,
            },
            // Whoever packs refs writes the packed ones before deleting the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.gix.refs.cached_packed_buffer() {
                    Ok(None) => Loose::Id(None),
                    Ok(Some(packed)) => match packed.try_find(name) {
                        Ok(found) => Loose::Id(found.map(|it| it.target())),
                        Err(_) => Loose::Other,
                    },
                    Err(_) => Loose::Other,
                }
            }
            Err(_) => Loose::Other,
        }
    }

    /// Returns the name a symbolic ref points to, nothing where it is not symbolic or missing.
    pub fn symbolic_ref(&self, name: &str) -> Option<String> {
        let full: &gix::refs::FullNameRef = name.try_into().ok()?;
        match self.gix.refs.try_find(full).ok()??.target {
            gix::refs::Target::Symbolic(target) => Some(target.as_bstr().to_string()),
            gix::refs::Target::Object(_) => None,
        }
    }

    /// Returns all refs below `prefix` (which ends in a slash) with what they name, sorted by name.
    pub fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>> {
        let failed = |error: String| Fault::fatal(format!("cannot list '{prefix}': {error}"));
        let platform = self
            .gix
            .references()
            .map_err(|error| failed(reason(&error)))?;
        let found = platform
            .prefixed(prefix)
            .map_err(|error| failed(error.to_string()))?;
        let mut refs = Vec::new();
        for reference in found {
            let reference = reference.map_err(|error| failed(error.to_string()))?;
            if let gix::refs::TargetRef::Object(id) = reference.target() {
                refs.push((reference.name().as_bstr().to_string(), id.to_owned()));
            }
        }
        refs.sort();
        Ok(refs)
    }

    /// Sets a ref to `new` when it holds `old` (nothing: when it does not exist).
    ///
    /// Objects must have been written before. After a crash the ref holds `old` or `new`; a lock file
    /// that stayed behind is recognised and removed by the next writer.
    pub fn swap_ref(&self, _: &Guard, name: &str, old: Option<Oid>, new: Oid) -> Result<Cas> {
        self.sync_written()?;
        let path = self.common_dir().join(name);
        let failed = |error: &io::Error| Fault::io("update ref", &path, error);
        let (lock, _held) = self.locked_ref((name, &path), new)?;
        let swapped = self.swap_locked((name, &path, &lock), old, new);
        if !matches!(swapped, Ok(Cas::Swapped)) {
            fs::remove_file(&lock).map_err(|error| failed(&error))?;
        }
        swapped
    }

    /// Sets a ref whose lock we hold and which moves into its place.
    fn swap_locked(
        &self,
        (name, path, lock): (&str, &Path, &Path),
        old: Option<Oid>,
        new: Oid,
    ) -> Result<Cas> {
        let there = self.find_ref(name)?;
        if there != old {
            return Ok(Cas::Moved(there));
        }
        self.log_ref(name, old, new)
            .and_then(|()| self.move_lock(lock, path))
            .map_err(|error| Fault::io("update ref", path, &error))?;
        Ok(Cas::Swapped)
    }

    /// Sets a ref whatever it holds.
    pub(super) fn force_ref(&self, _: &Guard, name: &str, new: Oid) -> Result<()> {
        self.sync_written()?;
        let path = self.common_dir().join(name);
        let (lock, _held) = self.locked_ref((name, &path), new)?;
        self.log_ref(name, None, new)
            .and_then(|()| self.move_lock(&lock, &path))
            .map_err(|error| Fault::io("update ref", &path, &error))
    }

    fn locked_ref(&self, (name, path): (&str, &Path), new: Oid) -> Result<(PathBuf, Lock)> {
        let lock = self.lock_file(name);
        let held = self.lock_ref(&lock, new).map_err(|error| match error {
            Locking::Io(error) => Fault::io("update ref", path, &error),
            Locking::Foreign => {
                Fault::unavailable(format!("another git process holds '{}'", lock.display()))
                    .hint("if none is running, remove that file")
                    .hint("it goes by itself when it is half a minute old and no git runs")
            }
        })?;
        Ok((lock, held))
    }

    /// Moves a lock, with the value in it, into the place of its ref, and both to the disk where that is
    /// wanted.
    fn move_lock(&self, lock: &Path, path: &Path) -> io::Result<()> {
        if matches!(self.durability(), Ok(Durability::None)) {
            return fs::rename(lock, path);
        }
        fs::sync(lock)?;
        fs::rename(lock, path)?;
        // The folder may be new, too.
        let folders = path.ancestors().skip(1).take(2);
        folders.into_iter().try_for_each(fs::sync)
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        suffixed(&self.common_dir().join(name), ".lock")
    }

    /// Removes the lock of a ref that a crash of ours left behind, before git is to write that ref: git
    /// does not know whose it is and would refuse for good.
    pub fn unlock_ref(&self, _: &Guard, name: &str) -> Result<()> {
        remove_leftover(&self.lock_file(name)).map(drop)
    }

    /// Returns the locks of refs on the right-hand side of `refspecs`, each with the number of its file.
    pub(super) fn locks_of(&self, refspecs: &[String]) -> Vec<(PathBuf, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        let targets = refspecs.iter().filter_map(|it| it.rsplit(':').next());
        let folders = targets.map(|name| name.rsplit_once('/').map_or(name, |(folder, _)| folder));
        let files = folders.flat_map(|it| files_below(&self.common_dir().join(it)));
        let locks = files.filter(|it| it.extension().is_some_and(|it| it == "lock"));
        let number = |lock: PathBuf| {
            let inode = std::fs::symlink_metadata(&lock).ok()?.ino();
            Some((lock, inode))
        };
        locks.filter_map(number).collect()
    }

    /// Removes those of the locks that a crash of ours left behind; returns whether there were any.
    pub(super) fn break_own_locks(&self, locks: &[(PathBuf, u64)]) -> Result<bool> {
        let guard = self.guard()?;
        for (path, _) in locks {
            let name = path.strip_prefix(self.common_dir()).ok();
            let name = name.and_then(|it| it.to_str()?.strip_suffix(".lock"));
            if let Some(name) = name {
                self.unlock_ref(&guard, name)?;
            }
        }
        Ok(locks.iter().any(|(path, _)| !path.exists()))
    }

    /// Removes locks of tracking refs that a git which was killed left behind. What tracks a remote is
    /// fetched again whenever it is wrong, so nothing is lost where the git still runs after all.
    pub(super) fn break_locks(&self, locks: &[(PathBuf, u64)]) -> Result<()> {
        for (path, _) in locks {
            fs::remove_file(path).map_err(|error| Fault::io("remove", path, &error))?;
        }
        Ok(())
    }

    /// Makes `<ref>.lock`, read-only, so that our own leftover lock can be told from one of a running git. It is
    /// held besides, so that it is not taken for one even where somebody deleted the file of the guard.
    fn lock_ref(&self, lock: &Path, new: Oid) -> Result<Lock, Locking> {
        let mut pause = Duration::from_millis(1);
        for tried in 0..LOCK_TRIES {
            match fs::create_held(lock, format!("{new}\n").as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return Ok(made?),
            }
            if is_ours(lock) {
                if fs::remove_unheld(lock)? {
                    continue;
                }
            } else if tried == 0 && self.is_stale(lock)? {
                fs::remove_file(lock)?;
                continue;
            }
            self.world().pause(pause);
            pause = (pause * 2).min(Duration::from_millis(64));
        }
        Err(Locking::Foreign)
    }

    /// Returns whether a lock is one that a crash of another program left behind.
    fn is_stale(&self, lock: &Path) -> io::Result<bool> {
        // What the file system takes for now.
        let fresh = self.scratch_dir().join("now");
        fs::replace(&fresh, b"")?;
        let is_stale = is_stale(lock, &fresh, process::git_runs);
        fs::remove_file(&fresh)?;
        Ok(is_stale)
    }

    /// Appends to the ref's log, which is the way back when a tip is lost.
    fn log_ref(&self, name: &str, old: Option<Oid>, new: Oid) -> io::Result<()> {
        if !name.starts_with("refs/gt/") {
            return Ok(());
        }
        let old = old.unwrap_or_else(|| self.null_id());
        let seconds = self.world().now().seconds();
        let line = format!("{old} {new} git-gt <git-gt@gt.invalid> {seconds} +0000\tgit gt\n");
        fs::append(&self.common_dir().join("logs").join(name), line.as_bytes())
    }

    /// Deletes a ref when it holds `old`; one that is gone already is no error.
    pub fn delete_ref(&self, guard: &Guard, name: &str, old: Oid) -> Result<()> {
        if self.find_ref(name)?.is_none() {
            return Ok(());
        }
        self.unlock_ref(guard, name)?;
        let run = self.git(["update-ref", "--no-deref", "-d", name, &old.to_string()]);
        self.execute(&run).map(drop)
    }

    /// Deletes refs that hold what stands beside them.
    ///
    /// After a crash all of them are gone or none is.
    pub fn delete_refs(&self, guard: &Guard, refs: &[(String, Oid)]) -> Result<()> {
        if refs.is_empty() {
            return Ok(());
        }
        let mut input = String::new();
        for (name, old) in refs {
            self.unlock_ref(guard, name)?;
            input.push_str(&format!("delete {name} {old}\n"));
        }
        let run = self.git(["update-ref", "--no-deref", "--stdin"]);
        self.execute(&run.stdin(input)).map(drop)
    }

    /// Sets a ref through `git update-ref`, with git's own reflog and hooks: for branches, which are
    /// not ours alone. Returns whether the ref held `old` (nothing: did not exist).
    pub fn update_branch(&self, name: &str, old: Option<Oid>, new: Oid, why: &str) -> Result<bool> {
        self.sync_written()?;
        let expected = old.unwrap_or_else(|| self.null_id()).to_string();
        let run = self.git(["update-ref", "-m", why, name, &new.to_string(), &expected]);
        match self.execute(&run) {
            Ok(_) => Ok(true),
            Err(_) if self.find_ref(name)? != old => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Returns whether `ancestor` can be reached from `descendant`; a commit reaches itself.
    pub fn is_ancestor(&self, ancestor: &Oid, descendant: &Oid) -> Result<bool> {
        if ancestor == descendant {
            return Ok(true);
        }
        let pair = (*ancestor, *descendant);
        if let Some(known) = self.ancestry.borrow().get(&pair) {
            return Ok(*known);
        }
        if !self.has(ancestor) || !self.has(descendant) {
            return Ok(false);
        }
        let answer = self.merge_base(ancestor, descendant)? == Some(*ancestor);
        self.ancestry.borrow_mut().insert(pair, answer);
        Ok(answer)
    }

    /// Finds out at once which of many commits `tip` reaches, so that [`Repo::is_ancestor`] knows; returns those
    /// that are not here.
    ///
    /// What was found out of an older tip is not asked again: only what came since then is looked at.
    pub fn learn_ancestry(&self, commits: &[Oid], tip: &Oid) -> Result<HashSet<Oid>> {
        if !self.has(tip) {
            let missing = commits.iter().filter(|it| !self.has(it));
            return Ok(missing.copied().collect());
        }
        self.inherit_ancestry(commits, tip)?;
        let unknown = |commit: &&Oid| !self.ancestry.borrow().contains_key(&(**commit, *tip));
        let unknown = commits.iter().filter(unknown);
        let (here, missing): (Vec<Oid>, Vec<Oid>) = unknown.partition(|it| self.has(it));
        if here.len() > 1 {
            let mut input = format!("^{tip}\n");
            here.iter()
                .for_each(|commit| input.push_str(&format!("{commit}\n")));
            let out = self.query(&self.git(["rev-list", "--stdin"]).stdin(input))?;
            let ahead: HashSet<Oid> = String::from_utf8_lossy(&out)
                .lines()
                .filter_map(|hex| self.parse_id(hex))
                .collect();
            let answers = here.iter().map(|it| ((*it, *tip), !ahead.contains(it)));
            self.ancestry.borrow_mut().extend(answers);
        }
        let mut asked = self.asked_tips.borrow_mut();
        asked.retain(|it| it != tip);
        asked.insert(0, *tip);
        asked.truncate(ASKED_TIPS);
        Ok(missing.into_iter().collect())
    }

    /// Takes over what is known of an older tip that is in `tip`.
    fn inherit_ancestry(&self, commits: &[Oid], tip: &Oid) -> Result<()> {
        let asked = self.asked_tips.borrow().clone();
        for older in asked.iter().filter(|it| *it != tip) {
            let known: Vec<(Oid, bool)> = {
                let ancestry = self.ancestry.borrow();
                let open = commits
                    .iter()
                    .filter(|it| !ancestry.contains_key(&(**it, *tip)));
                open.filter_map(|it| Some((*it, *ancestry.get(&(*it, *older))?)))
                    .collect()
            };
            if known.is_empty() {
                continue;
            }
            let since = self.ahead(tip, older)?;
            if since.base == Some(*older) {
                let came: HashSet<Oid> = since.commits.into_iter().collect();
                let answers = known.into_iter();
                let answers = answers.map(|(it, was)| ((it, *tip), was || came.contains(&it)));
                self.ancestry.borrow_mut().extend(answers);
            }
        }
        Ok(())
    }

    /// Returns a best common ancestor of two commits, nothing where they have none.
    pub fn merge_base(&self, a: &Oid, b: &Oid) -> Result<Option<Oid>> {
        match self.gix.merge_base(*a, *b) {
            Ok(found) => Ok(found.map(gix::Id::detach)),
            // It stops at commits that git takes, such as those without a proper author.
            Err(_) => self.merge_base_by_git(a, b),
        }
    }

    fn merge_base_by_git(&self, a: &Oid, b: &Oid) -> Result<Option<Oid>> {
        let run = self.git(["merge-base", &a.to_string(), &b.to_string()]);
        let output = self.start(&run)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0) => Ok(self.parse_id(text.trim())),
            Some(1) => Ok(None),
            _ => Err(Fault::fatal(format!("cannot compare commits {a} and {b}"))),
        }
    }

    /// Returns commits of several parents that `tip` has and `base` has not, with their parents, the newest
    /// first and at most `max`.
    pub fn joins(&self, base: &Oid, tip: &Oid, max: usize) -> Result<Vec<(Oid, Vec<Oid>)>> {
        let (range, max) = (format!("{base}..{tip}"), format!("--max-count={max}"));
        let out = self.query(&self.git(["rev-list", "--merges", "--parents", &max, &range]))?;
        let joins = String::from_utf8_lossy(&out);
        let parsed = joins.lines().filter_map(|line| {
            let mut ids = line.split(' ').filter_map(|hex| self.parse_id(hex));
            Some((ids.next()?, ids.collect()))
        });
        Ok(parsed.collect())
    }

    /// Returns when the history of a commit began, in seconds since 1970.
    pub fn began(&self, tip: &Oid) -> Result<u64> {
        let run = self.git([
            "log",
            "--max-parents=0",
            "--no-show-signature",
            "--format=%ct",
        ]);
        let out = self.query(&run.args([tip.to_string()]))?;
        let text = String::from_utf8_lossy(&out);
        // Git takes commits whose date makes no sense.
        let times = text.lines().filter_map(|line| line.parse().ok());
        Ok(times.min().unwrap_or_default())
    }

    /// Returns how many commits the history of one holds, with itself.
    pub fn count_commits(&self, tip: &Oid) -> Result<u64> {
        self.count(&tip.to_string())
    }

    /// Returns how many commits `tip` has that `base` has not.
    pub fn count_ahead(&self, base: &Oid, tip: &Oid) -> Result<u64> {
        self.count(&format!("{base}..{tip}"))
    }

    fn count(&self, range: &str) -> Result<u64> {
        let out = self.query(&self.git(["rev-list", "--count", range]))?;
        let text = String::from_utf8_lossy(&out);
        text.trim()
            .parse()
            .map_err(|_| Fault::fatal(format!("git rev-list said '{text}'")))
    }
}

/// The folders of refs that each worktree has for itself (gitrepository-layout(5)).
const OF_A_WORKTREE: [&str; 3] = ["refs/bisect/", "refs/rewritten/", "refs/worktree/"];

/// What a look at a ref's own file and at the packed refs finds.
enum Loose {
    /// What it names; nothing: it does not exist.
    Id(Option<Oid>),
    /// Something that gix has to say more about: a symbolic ref, a damaged one.
    Other,
}

/// Returns what a ref of the repository at a main worktree names, read from its own file and without opening
/// the repository; nothing where that does not tell, or nothing is there.
pub fn peek(root: &Path, name: &str) -> Option<Oid> {
    let bytes = std::fs::read(root.join(".git").join(name)).ok()?;
    Oid::from_hex(bytes.trim_ascii_end()).ok()
}

enum Locking {
    Foreign,
    Io(io::Error),
}

impl From<io::Error> for Locking {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a lock of a ref where a crash of ours left it; returns whether it did.
pub(super) fn remove_leftover(lock: &Path) -> Result<bool> {
    if !is_ours(lock) {
        return Ok(false);
    }
    fs::remove_unheld(lock).map_err(|error| Fault::io("remove", lock, &error))
}

/// Returns whether a lock of a ref is one that we made: git's can be written to.
fn is_ours(lock: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::symlink_metadata(lock)
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o222 == 0)
}

fn cannot_lock(path: &Path, error: &io::Error) -> Fault {
    Fault::io("lock", path, error).hint("is the disk full, or the repository read-only?")
}

/// Returns whether a lock has been there unchanged for so long that whoever made it is gone: by the clock of
/// the file system, which `fresh` was just written to, and while no git runs that could be it.
fn is_stale(lock: &Path, fresh: &Path, git_runs: impl FnOnce() -> Option<bool>) -> bool {
    let changed = |path| {
        std::fs::symlink_metadata(path)
            .and_then(|it| it.modified())
            .ok()
    };
    let (Some(then), Some(now)) = (changed(lock), changed(fresh)) else {
        return false;
    };
    let age = now.duration_since(then).unwrap_or_default();
    age > STALE_LOCK && git_runs() == Some(false)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_lock_is_stale_when_it_is_old_and_no_git_runs() {
        let dir = tempfile::tempdir().unwrap();
        let [lock, fresh] = ["lock", "fresh"].map(|name| dir.path().join(name));
        let made = |path: &Path, age: u64| {
            let file = File::create(path).unwrap();
            let made = file.metadata().unwrap().modified().unwrap();
            file.set_modified(made - Duration::from_secs(age)).unwrap();
        };
        made(&fresh, 0);
        let check = |age, git_runs, want| {
            made(&lock, age);
            assert_eq!(
                is_stale(&lock, &fresh, || git_runs),
                want,
                "{age} {git_runs:?}"
            );
        };
        check(40, Some(false), true);
        check(20, Some(false), false);
        check(40, Some(true), false);
        check(40, None, false);
        fs::remove_file(&lock).unwrap();
        assert!(!is_stale(&lock, &fresh, || Some(false)));
    }
}
