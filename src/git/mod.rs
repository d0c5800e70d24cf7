//! Git: objects, refs, worktrees, merges, remotes, through gix and the git binary. Knows no bead.

mod ahead;
mod attic;
mod bulk;
mod changed;
mod command;
mod config;
mod durability;
mod founding;
mod ignore;
mod integrity;
mod loose;
mod many;
mod merge;
mod objects;
mod packs;
mod past;
mod pristine;
mod promised;
mod refs;
mod remote;
mod retire;
#[cfg(any(test, fuzzing))]
pub(crate) mod scratch;
mod sign;
mod snapshot;
mod ssh;
mod upkeep;
mod worktree;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gix::ThreadSafeRepository;
use gix::odb::store::init::Slots;
use gix::sec::trust::Mapping;

use crate::fault::{Fault, Result};
use crate::world::World;

pub use ahead::Ahead;
pub use attic::Saved;
pub use bulk::MANY;
pub use changed::{name_fits, path_fits, pattern_flaw};
pub use command::{LOCAL_ENV, Version};
pub use merge::Merged;
pub use objects::{Change, Commit, Entry, Mode, NewCommit, Signature};
pub use past::Named;
pub use refs::{Cas, Guard, peek};
pub use remote::{Answer, Direction, PushedRef, Remote, without_password};
pub use retire::Retired;
pub use snapshot::{Bounds, Difference, Snapshot};
pub use ssh::Signed;
pub use upkeep::Store;
pub use worktree::Worktree;

/// Room for twice as many packs as there are and for 64 at least: gix has it once and for all when it opens a
/// repository, and writing [`Repo::at_once`] makes packs.
const PACKS: Slots = Slots::AsNeededByDiskState {
    multiplier: 2.0,
    minimum: 64,
};

fn opened(path: &Path) -> gix::Result<gix::Repository> {
    let options = gix::open::Options::default().object_store_slots(PACKS);
    gix::open_opts(path, options)
}

fn discovered(path: &Path) -> gix::Result<gix::Repository> {
    let mut options = Mapping::<gix::open::Options>::default();
    options.full = options.full.object_store_slots(PACKS);
    options.reduced = options.reduced.object_store_slots(PACKS);
    let found = ThreadSafeRepository::discover_opts(path, Default::default(), options)?;
    Ok(found.into())
}

/// The id of an object, SHA-1 or SHA-256.
pub type Oid = gix::ObjectId;

/// An open repository, seen from one of its worktrees or from its git directory.
#[derive(Debug)]
pub struct Repo {
    world: World,
    gix: gix::Repository,
    common_dir: PathBuf,
    git_dir: PathBuf,
    workdir: Option<PathBuf>,
    /// Whether the first commit can be reached from the second: it never changes.
    ancestry: RefCell<HashMap<(Oid, Oid), bool>>,
    /// The tips that many commits were last compared with, the latest first.
    asked_tips: RefCell<Vec<Oid>>,
    /// Whether what is written stays in memory.
    #[cfg(any(test, fuzzing))]
    is_in_memory: bool,
    /// What is wanted of writes, read when the first one asks.
    durability: OnceCell<durability::Durability>,
    /// Objects that were written and may not have reached the disk, where that is wanted.
    unsynced: RefCell<Vec<Oid>>,
    /// Objects that are to be written together.
    bulk: RefCell<Option<bulk::Bulk>>,
    /// How many objects were read.
    reads: Cell<usize>,
}

impl Repo {
    /// Returns the repository that git itself would use from the world's folder and environment:
    /// `GIT_DIR` when set, else the nearest one upwards (git(1), gitrepository-layout(5)).
    pub fn discover(world: &World) -> Result<Self> {
        let gix = match world.env("GIT_DIR") {
            Some(dir) => opened(&world.cwd().join(dir)),
            None => discovered(world.cwd()),
        };
        let gix = gix.map_err(|error| {
            let fault = Fault::fatal("not a git repository (or any of the parent directories)")
                .hint("run it inside a repository, or make one: git init")
                .hint("in a town: cd to it; to make one: git gt install <folder>");
            let found = reason(&error);
            // What gix says where there is none says nothing more.
            match found.starts_with("Could not find a git repository") && !found.contains("within")
            {
                true => fault,
                false => fault.hint(format!("what was found: {found}")),
            }
        })?;
        Self::checked(world, gix)
    }

    /// Returns the repository whose worktree or git directory is `path`.
    pub fn open(world: &World, path: &Path) -> Result<Self> {
        let gix = opened(path).map_err(|error| {
            Fault::fatal(format!(
                "cannot open repository '{}': {}",
                path.display(),
                reason(&error)
            ))
        })?;
        Self::checked(&world.at(path), gix)
    }

    fn checked(world: &World, mut gix: gix::Repository) -> Result<Self> {
        let storage = gix.config_snapshot().string("extensions.refStorage");
        if storage.is_some_and(|it| it != "files") {
            return Err(Fault::refused(
                "this repository keeps its refs in a reftable, which git gt cannot read yet",
            )
            .hint("convert it: git refs migrate --ref-format=files"));
        }
        config::apply_command_line(world, &mut gix)?;
        gix.object_cache_size_if_unset(4 * 1024 * 1024);
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let common_dir = canonical(&absolute(gix.common_dir()));
        let git_dir = canonical(&absolute(gix.git_dir()));
        let workdir = world
            .env("GIT_WORK_TREE")
            .filter(|_| world.env("GIT_DIR").is_some())
            .map(|dir| world.cwd().join(dir))
            .or_else(|| gix.workdir().map(absolute))
            .map(|dir| canonical(&dir));
        Ok(Self {
            world: world.clone(),
            gix,
            common_dir,
            git_dir,
            workdir,
            ancestry: RefCell::default(),
            asked_tips: RefCell::default(),
            reads: Cell::default(),
            #[cfg(any(test, fuzzing))]
            is_in_memory: false,
            durability: OnceCell::new(),
            unsynced: RefCell::default(),
            bulk: RefCell::default(),
        })
    }

    /// Returns how many objects were read so far: what a command costs.
    pub fn reads(&self) -> usize {
        self.reads.get()
    }

    /// Returns the world this repository was opened in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Refuses to write from a githook that runs while a push is received: what it writes would vanish
    /// with the push, or outlive it; and where nothing is to be written, which `GT_READ_ONLY` says.
    pub(crate) fn refuse_unwritable(&self) -> Result<()> {
        if self.world().env("GIT_QUARANTINE_PATH").is_some() {
            return Err(
                Fault::refused("git gt does not write from a githook on a receiving side")
                    .hint("objects written there vanish when the push is refused"),
            );
        }
        if self.world().env("GT_READ_ONLY").is_some() {
            return Err(
                Fault::refused("nothing is written: it was asked to only read")
                    .hint("unset GT_READ_ONLY; as bd, leave out --readonly"),
            );
        }
        Ok(())
    }

    /// Returns the git directory all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Returns the git directory of this worktree.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Returns the top of this worktree, nothing for a bare repository.
    pub fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// Returns the folder of files that may be deleted at any moment and cost time only.
    pub fn scratch_dir(&self) -> PathBuf {
        self.common_dir.join("gt")
    }

    /// Returns the top of the main worktree, or the git directory of a bare repository: what the
    /// repository is called after and what stands beside it.
    pub fn root(&self) -> &Path {
        let is_dot_git = self
            .common_dir
            .file_name()
            .is_some_and(|name| name == ".git");
        match self.common_dir.parent() {
            Some(parent) if is_dot_git => parent,
            _ => &self.common_dir,
        }
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Returns an error with its causes in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}
