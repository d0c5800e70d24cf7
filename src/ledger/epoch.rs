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
        let Some(planned) = plan(repo, name.ref_name(), before)? else {
            continue;
        };
        if is_dry || begin(repo, &planned)? {
            all.push(planned);
        }
    }
    Ok(all)
}

/// Returns what would be put aside of a ledger, nothing where its history does not go back so far.
fn plan(repo: &Repo, name: &str, before: Time) -> Result<Option<Begun>> {
    let Some(tip) = repo.find_ref(name)? else {
        return Ok(None);
    };
    if repo.commit(&tip)?.parents.is_empty() || repo.began(&tip)? > before.seconds() {
        return Ok(None);
    }
    let ledger = Snapshot::at(repo, Some(tip))?;
    ledger.check_schema(name)?;
    let epoch = ledger.epoch()?;
    Ok(Some(Begun {
        name: name.to_owned(),
        epoch: epoch + 1,
        commits: repo.count_commits(&tip)?,
        archive: archive_of(name, epoch),
    }))
}

/// Begins a ledger anew as it was planned, with what was written since; returns whether nobody else has.
fn begin(repo: &Repo, planned: &Begun) -> Result<bool> {
    let name = &planned.name;
    let guard = repo.guard()?;
    let Some(tip) = repo.find_ref(name)? else {
        return Ok(false);
    };
    // To walk a long history took a while, in which others went on.
    if Snapshot::at(repo, Some(tip))?.epoch()? + 1 != planned.epoch {
        return Ok(false);
    }
    let root = root(repo, name, tip)?;
    put_aside(repo, &guard, name, tip)?;
    match repo.swap_ref(&guard, name, Some(tip), root)? {
        Cas::Swapped => Ok(true),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::scratch::Scratch;
    use crate::ledger::{Decision, Record, transact};

    #[test]
    fn what_two_plan_begins_once() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let write = |id: &str| {
            let written = transact(&repo, (Name::Beads, None), "ada", |_, pen| {
                let record = Record::new(id, "bead", &pen.first_stamp());
                Ok(Decision::write(id, vec![record], ()))
            });
            assert!(written.unwrap().changed);
        };
        let name = Name::Beads.ref_name();
        let plan = || plan(&repo, name, repo.world().now()).unwrap();
        write("gt-1");
        assert_eq!(plan(), None, "one commit is no history");
        write("gt-2");
        let [ada, bob] = [plan(), plan()].map(Option::unwrap);
        write("gt-3");
        assert!(begin(&repo, &ada).unwrap());
        assert!(!begin(&repo, &bob).unwrap());
        let ledger = Snapshot::at(&repo, repo.find_ref(name).unwrap()).unwrap();
        assert_eq!(ledger.epoch().unwrap(), 1);
        assert_eq!(ledger.records().unwrap().len(), 3);
    }
}
