//! Where things are and who asks: the rig of a repository, its folders, its settings, the one view all
//! decisions read and the one way they are written.

mod layout;
mod partial;
mod rig;
mod settings;
mod target;
mod view;
mod whoami;

use crate::fault::{Fault, Result};
use crate::git::{Cas, Oid, Repo};
use crate::ledger::{Decision, Name, Pen, Written, transact};
use crate::record::Rig;
use crate::world::World;

pub use partial::pick;
pub use rig::{Founded, NewRig, found, rigs_that_give_way};
pub use settings::{Agent, Backend, KEYS, Key};
pub use target::Target;
pub use view::View;
pub use whoami::{actor, machine, refuse_worker};

/// A home of records: a repository with ledgers (DESIGN 3.1).
#[derive(Debug)]
pub struct Home {
    repo: Repo,
    rig: Rig,
}

impl Home {
    /// Returns the repository the world's folder is in.
    pub fn open(world: &World) -> Result<Self> {
        Self::of(Repo::discover(world)?)
    }

    /// Returns a repository as a home; refuses one that has no ledgers yet.
    pub fn of(repo: Repo) -> Result<Self> {
        let Some(rig) = rig::find(&repo)? else {
            return Err(Fault::refused("this repository has no beads yet").hint(
                "git gt init makes its ledgers, or takes over those of the remote; it adds no file",
            ));
        };
        Ok(Self { repo, rig })
    }

    /// Returns the repository.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Returns the world.
    pub fn world(&self) -> &World {
        self.repo.world()
    }

    /// Returns the rig.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// Returns everything that is stored, as it is now.
    pub fn view(&self) -> View<'_> {
        View::new(&self.repo)
    }

    /// Makes a ref of ours that keeps a commit; one that keeps it already stays.
    pub fn keep(&self, name: &str, commit: Oid) -> Result<()> {
        let guard = self.repo.guard()?;
        match self.repo.swap_ref(&guard, name, None, commit)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(there) if there == Some(commit) => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!("'{name}' keeps another commit"))),
        }
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
        transact(&self.repo, ledger, actor, |snapshot, pen| {
            decide(&View::with(&self.repo, ledger, *snapshot), pen)
        })
    }
}
