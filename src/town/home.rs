//! A home of records: one repository with ledgers, and where it stands in its town (DESIGN 3.1, 4).

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use super::journal::Journal;
use super::neighbours::Town;
use super::{HQ, View, rig};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Oid, Repo};
use crate::ledger::{Decision, Name, Pen, Record, Snapshot, Written, transact};
use crate::record::{Request, Rig, shape};
use crate::world::World;

/// A repository with ledgers, without what stands around it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) repo: Repo,
    pub(super) rig: Rig,
    pub(super) journal: Journal,
    /// The merge requests that waited when they were last looked at, with their blobs: the same blob is not read
    /// again.
    pub(super) waiting: RefCell<HashMap<String, (Oid, Option<Request>)>>,
}

impl Site {
    /// Returns a repository as a site; refuses one that has no ledgers yet.
    pub(super) fn of(repo: Repo) -> Result<Self> {
        let Some(rig) = rig::find(&repo)? else {
            return Err(Fault::refused("this repository has no beads yet").hint(
                "git gt init makes its ledgers, or takes over those of the remote; it adds no file",
            ));
        };
        Ok(Self {
            repo,
            rig,
            journal: Journal::default(),
            waiting: RefCell::default(),
        })
    }
}

/// A home of records: a rig's repository, or HQ's. Cheap to clone; clones are the same home.
#[derive(Debug, Clone)]
pub struct Home {
    pub(super) site: Rc<Site>,
    pub(super) town: Option<Rc<Town>>,
}

impl Home {
    /// Returns the home that the world's folder is in: the repository git would use, and in a folder of a
    /// rig that is no worktree (`~/gt/api`), the rig.
    pub fn open(world: &World) -> Result<Self> {
        let home = Self::of(Repo::discover(world)?)?;
        match home.folder_of_rig(world.cwd())? {
            Some(name) => home.at_rig(&name),
            None => Ok(home),
        }
    }

    /// Returns a repository as a home; refuses one that has no ledgers yet.
    pub fn of(repo: Repo) -> Result<Self> {
        let site = Rc::new(Site::of(repo)?);
        let town = Town::around(&site).map(Rc::new);
        Ok(Self { site, town })
    }

    /// Returns the name of the rig whose folder in this HQ a path is in, also of one whose clone is gone.
    fn folder_of_rig(&self, path: &Path) -> Result<Option<String>> {
        let root = self.repo().root();
        let path = path.canonicalize().ok().filter(|_| self.is_hq());
        let inside = path.as_ref().and_then(|path| path.strip_prefix(root).ok());
        let first = inside.and_then(|it| it.components().next());
        let Some(name) = first.and_then(|it| it.as_os_str().to_str()) else {
            return Ok(None);
        };
        let is_rig = super::rig_repo(root, name).is_dir()
            || self.rigs()?.iter().any(|rig| rig.name() == name);
        Ok(is_rig.then(|| name.to_owned()))
    }

    /// Returns the repository.
    pub fn repo(&self) -> &Repo {
        &self.site.repo
    }

    /// Returns the world.
    pub fn world(&self) -> &World {
        self.repo().world()
    }

    /// Returns the rig; for HQ, the record that says it is one.
    pub fn rig(&self) -> &Rig {
        &self.site.rig
    }

    /// Returns whether this is HQ of a town.
    pub fn is_hq(&self) -> bool {
        self.rig().name() == HQ
    }

    /// Returns everything that is stored, as it is now.
    pub fn view(&self) -> View<'_> {
        View::of(self)
    }

    /// Makes a ref of ours that keeps a commit; one that keeps it already stays.
    pub fn keep(&self, name: &str, commit: Oid) -> Result<()> {
        let guard = self.repo().guard()?;
        match self.repo().swap_ref(&guard, name, None, commit)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(there) if there == Some(commit) => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!("'{name}' keeps another commit"))),
        }
    }

    /// Returns the repository that holds a ledger of this home: what goes across rigs is HQ's.
    pub fn repo_of(&self, ledger: Name) -> Result<&Repo> {
        Ok(&self.site_of(ledger)?.repo)
    }

    fn site_of(&self, ledger: Name) -> Result<&Rc<Site>> {
        match (&self.town, ledger) {
            (Some(town), Name::Convoys) => town.hq(&self.site),
            _ => Ok(&self.site),
        }
    }

    /// Returns the tip of a ledger of this home as it is now; HQ is not opened for it.
    pub fn tip_of(&self, ledger: Name) -> Result<Option<Oid>> {
        if let (Some(town), Name::Convoys) = (&self.town, ledger)
            && let Some(tip) = town.peek(ledger.ref_name())
        {
            return Ok(Some(tip));
        }
        self.repo_of(ledger)?.find_ref(ledger.ref_name())
    }

    /// Returns what `of` makes of the records of a ledger that are not as they were at an older tip of it,
    /// sorted by id; without one that is known, of every record there is.
    pub fn changed_since<T: Send>(
        &self,
        ledger: Name,
        then: Option<&str>,
        of: impl Fn(Record) -> Option<T> + Sync,
    ) -> Result<Vec<T>> {
        let now = self.tip_of(ledger)?;
        let site = self.site_of(ledger)?;
        // A tip that is gone was of another history: everything may have changed then.
        let then = then.and_then(|hex| site.repo.parse_id(hex));
        let then = then.filter(|tip| site.repo.has(tip));
        if let (Some(then), Some(now)) = (then, now)
            && let Some(records) = site.journal.between(ledger, then, now)
        {
            return Ok(records.into_iter().filter_map(of).collect());
        }
        let older = then.and_then(|tip| site.repo.commit(&tip).ok());
        let older = older.map(|it| it.tree);
        let ledger = Snapshot::at(&site.repo, now)?;
        // So was one that can no longer be read as a whole.
        let mut changes = match ledger.map_changed(older, &of) {
            Err(_) if older.is_some() => ledger.map_changed(None, &of)?,
            found => found?,
        };
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(changes
            .into_iter()
            .filter_map(|(_, it)| it.flatten())
            .collect())
    }

    /// Decides over the newest view and writes the decision as one commit by `actor` (DESIGN 3.2).
    ///
    /// `decide` may run several times; it must do nothing but decide. After a crash the decision is
    /// written as a whole or not at all.
    pub fn write<T>(
        &self,
        ledger: Name,
        actor: &str,
        mut decide: impl FnMut(&View<'_>, &Pen<'_>) -> Result<Decision<T>>,
    ) -> Result<Written<T>> {
        let site = self.site_of(ledger)?;
        let indexed = (ledger, shape(ledger));
        let mut written = transact(&site.repo, indexed, actor, |snapshot, pen| {
            decide(&View::with(self, ledger, *snapshot), pen)
        })?;
        if written.changed {
            site.journal.note(ledger, &mut written);
        }
        Ok(written)
    }
}
