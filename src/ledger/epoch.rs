//! Epochs: what a ledger was is put aside and its history begun anew, so that nobody has to carry all of it for
//! ever. The next epoch begins with a commit without parents that holds the same records; clones that stand on
//! the old history join what they have as ever, because no join needs a common base (DESIGN 3.3).

use std::cmp::Reverse;

use super::derived::derived;
use super::{Name, Snapshot};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Guard, Oid, Repo};
use crate::world::Time;

/// Where the history of earlier epochs stands, each at `<ledger>/<epoch>`; never pushed.
const ARCHIVE: &str = "refs/gt-local/archive/";

/// A ledger whose history was begun anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The ledger's ref.
    pub name: String,
    /// The epoch that begins.
    pub epoch: u32,
    /// How many commits were put aside.
    pub commits: u64,
    /// The ref that keeps them.
    pub archive: String,
}

/// Puts the history of every ledger aside that goes back to before a time, and begins it anew. Only looks when
/// `is_dry`.
///
/// What was put aside is kept first: a crash between leaves a ref that names what the ledger's own history still
/// holds. After a crash some ledgers are begun anew; doing it again does the rest. Two clones that begin at the
/// same tip make the same commit.
pub fn begin_anew(repo: &Repo, before: Time, is_dry: bool) -> Result<Vec<Begun>> {
    let mut all = Vec::new();
    // Wisps have no history that anybody wants kept.
    for name in Name::every().filter(|it| *it != Name::Wisps) {
        all.extend(one(repo, name.ref_name(), before, is_dry)?);
    }
    Ok(all)
}

fn one(repo: &Repo, name: &str, before: Time, is_dry: bool) -> Result<Option<Begun>> {
    let Some(tip) = repo.find_ref(name)? else {
        return Ok(None);
    };
    if repo.commit(&tip)?.parents.is_empty() || repo.began(&tip)? > before.seconds() {
        return Ok(None);
    }
    let commits = repo.count_commits(&tip)?;
    let begun = |tip| -> Result<Begun> {
        let ledger = Snapshot::at(repo, Some(tip))?;
        ledger.check_schema(name)?;
        let epoch = ledger.epoch()?;
        Ok(Begun {
            name: name.to_owned(),
            epoch: epoch + 1,
            commits,
            archive: archive_of(name, epoch),
        })
    };
    if is_dry {
        return begun(tip).map(Some);
    }
    // To walk a long history takes a while, in which writers go on.
    let guard = repo.guard()?;
    let Some(tip) = repo.find_ref(name)? else {
        return Ok(None);
    };
    let begun = begun(tip)?;
    let root = root(repo, name, tip)?;
    put_aside(repo, &guard, name, tip)?;
    match repo.swap_ref(&guard, name, Some(tip), root)? {
        Cas::Swapped => Ok(Some(begun)),
        Cas::Moved(_) => Err(Fault::stale(format!("'{name}' was moved meanwhile"))
            .hint("its history is as it was; try again")),
    }
}

/// Writes the commit that the next epoch of a ledger begins with: whoever writes it after the same tip writes
/// the same.
pub(super) fn root(repo: &Repo, name: &str, tip: Oid) -> Result<Oid> {
    let ledger = Snapshot::at(repo, Some(tip))?;
    let Some(tree) = ledger.with_next_epoch()? else {
        return Err(Fault::refused(format!(
            "'{name}' was begun anew {} times, and there is no number for one more",
            ledger.epoch()?
        )));
    };
    let message = format!("begin the history anew\n\nBefore: {tip}\n");
    derived(repo, tree, (&[], &[tip]), &message)
}

/// Keeps a tip of a ledger, and with it the history of its epoch; returns the ref that does.
///
/// After a crash it is kept or not, and nothing else has changed.
pub(super) fn put_aside(repo: &Repo, guard: &Guard, name: &str, tip: Oid) -> Result<String> {
    let ledger = Snapshot::at(repo, Some(tip))?;
    let archive = archive_of(name, ledger.epoch()?);
    let there = repo.find_ref(&archive)?;
    let new = match there {
        Some(there) if repo.is_ancestor(&tip, &there)? => return Ok(archive),
        Some(there) if repo.has(&there) && !repo.is_ancestor(&there, &tip)? => {
            let mut both = [there, tip];
            both.sort();
            let tree = repo.commit(&tip)?.tree;
            derived(repo, tree, (&both, &both), "keep both\n")?
        }
        _ => tip,
    };
    match repo.swap_ref(guard, &archive, there, new)? {
        Cas::Swapped => Ok(archive),
        Cas::Moved(_) => Err(Fault::stale(format!("'{archive}' was moved meanwhile"))),
    }
}

fn archive_of(name: &str, epoch: u32) -> String {
    format!("{}{epoch}", folder_of(name))
}

fn folder_of(name: &str) -> String {
    format!("{ARCHIVE}{}/", name.rsplit('/').next().unwrap_or(name))
}

/// Returns the refs that keep earlier epochs of a ledger, with what they name, the latest first.
pub(super) fn archives(repo: &Repo, name: &str) -> Result<Vec<(String, Oid)>> {
    let mut all = repo.list_refs(&folder_of(name))?;
    all.sort_by_key(|(name, _)| {
        Reverse(
            name.rsplit('/')
                .next()
                .and_then(|it| it.parse::<u32>().ok()),
        )
    });
    Ok(all)
}

/// Returns whether a ref keeps an earlier epoch of a ledger.
pub(super) fn is_archive(name: &str) -> bool {
    name.starts_with(ARCHIVE)
}

/// Returns the tips that the log of a ledger names of the epoch that a ref keeps, the newest first: what is left
/// of it where that ref is damaged.
pub(super) fn logged(repo: &Repo, archive: &str) -> Vec<Oid> {
    let mut all = Name::every();
    let Some(name) = all.find(|it| archive.starts_with(&folder_of(it.ref_name()))) else {
        return Vec::new();
    };
    let is_of = |tip: &Oid| {
        let ledger = Snapshot::at(repo, Some(*tip)).and_then(|it| it.epoch());
        ledger.is_ok_and(|epoch| archive_of(name.ref_name(), epoch) == archive)
    };
    let mut logged = repo.ref_log(name.ref_name());
    logged.retain(is_of);
    logged
}
