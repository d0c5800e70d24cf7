//! A town: HQ and the rigs beside each other, each opened when it is first asked for.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::home::{Home, Site};
use super::{HQ, View};
use crate::fault::{Fault, Result};
use crate::git::{self, LOCAL_ENV, Oid, Repo};
use crate::record::{Bead, Rig};
use crate::world::World;

/// The folder of a rig that holds its repository.
pub(super) const REPO: &str = ".repo";

/// The setting of a rig's clone that names its HQ, relative to the clone.
pub(super) const TOWN_KEY: &str = "gt.town";

/// Returns where the repository of a rig stands in a town.
pub(super) fn rig_repo(root: &Path, name: &str) -> PathBuf {
    root.join(name).join(REPO)
}

/// HQ, and the rigs it knows.
#[derive(Debug)]
pub(super) struct Town {
    world: World,
    root: PathBuf,
    hq: OnceCell<Rc<Site>>,
    rigs: OnceCell<Vec<Neighbour>>,
}

#[derive(Debug)]
struct Neighbour {
    /// What HQ's ledger says about it.
    rig: Rig,
    site: OnceCell<Rc<Site>>,
}

impl Town {
    /// Returns the town a repository belongs to; nothing for one that is its own.
    pub(super) fn around(site: &Rc<Site>) -> Option<Self> {
        let root = if site.rig.name() == HQ {
            site.repo.root().to_owned()
        } else {
            let path = site.repo.setting(TOWN_KEY)?;
            let path = site.repo.root().join(path);
            path.canonicalize().unwrap_or(path)
        };
        Some(Self {
            // What ties this process to one repository ties it to no other.
            world: site.repo.world().with_env(&[], LOCAL_ENV),
            root,
            hq: OnceCell::new(),
            rigs: OnceCell::new(),
        })
    }

    /// Returns HQ; `asking` is a site of this town, which may be it.
    pub(super) fn hq(&self, asking: &Rc<Site>) -> Result<&Rc<Site>> {
        if let Some(known) = self.hq.get() {
            return Ok(known);
        }
        let site = if asking.rig.name() == HQ {
            asking.clone()
        } else {
            Rc::new(self.open_hq()?)
        };
        Ok(self.hq.get_or_init(|| site))
    }

    /// Returns what a ref of HQ names, where HQ is not open yet and a look at one file tells.
    pub(super) fn peek(&self, name: &str) -> Option<Oid> {
        if self.hq.get().is_some() {
            return None;
        }
        git::peek(&self.root, name)
    }

    fn open_hq(&self) -> Result<Site> {
        let gone = |fault: Fault| {
            let said = fault.text().message.clone();
            Fault::unavailable(format!(
                "the town of this rig, '{}', is not there: {said}",
                self.root.display()
            ))
            .hint("where it was moved to: git config gt.town <folder>")
            .hint("to go on without it: git config --unset gt.town")
        };
        let site = Repo::open(&self.world, &self.root).and_then(Site::of);
        let site = site.map_err(gone)?;
        if site.rig.name() != HQ {
            let fault = Fault::invalid(format!("it is rig {}", site.rig.name()));
            return Err(gone(fault));
        }
        Ok(site)
    }

    fn rigs(&self, asking: &Rc<Site>) -> Result<&[Neighbour]> {
        if let Some(known) = self.rigs.get() {
            return Ok(known);
        }
        let hq = self.hq(asking)?;
        let rigs = View::new(&hq.repo).rigs()?.into_iter();
        let rigs = rigs
            .filter(|rig| rig.name() != HQ && super::rig::is_formed(rig))
            .map(|rig| {
                let site = OnceCell::new();
                if rig.name() == asking.rig.name() {
                    site.set(asking.clone()).expect("the cell is new");
                }
                Neighbour { rig, site }
            });
        let rigs = rigs.collect();
        Ok(self.rigs.get_or_init(|| rigs))
    }

    /// Returns the site of a neighbour; refuses one that has no clone on this machine.
    fn site<'a>(&self, neighbour: &'a Neighbour) -> Result<&'a Rc<Site>> {
        if let Some(known) = neighbour.site.get() {
            return Ok(known);
        }
        let name = neighbour.rig.name();
        let path = rig_repo(&self.root, name);
        if !path.is_dir() {
            return Err(Fault::not_found(format!(
                "rig {name} of this town is not on this machine"
            ))
            .hint(format!("to clone it here: git gt rig add {name}")));
        }
        let site = Rc::new(Repo::open(&self.world, &path).and_then(Site::of)?);
        let (there, known) = (site.rig.prefix(), neighbour.rig.prefix());
        if site.rig.name() == name && there != known {
            return Err(Fault::not_found(format!(
                "rig {name} of this town, whose ids begin with {known}-, is not on this machine: \
                 those of '{}' begin with {there}-",
                path.display()
            ))
            .hint(format!(
                "move that out of the way, and clone the other one: git gt rig add {name}"
            ))
            .hint(format!(
                "or have this one instead: git gt rig remove {name}, git gt rig add {name}"
            )));
        }
        Ok(neighbour.site.get_or_init(|| site))
    }

    /// Returns a bead of another repository of the town, found by the prefix of its id; nothing where no
    /// rig has the prefix, or the rig is not on this machine.
    pub(super) fn bead(&self, asking: &Rc<Site>, id: &str) -> Result<Option<Bead>> {
        let hq = self.hq(asking)?;
        let site = match of_prefix(self.rigs(asking)?, id) {
            Some(neighbour) => match self.site(neighbour) {
                Ok(site) => site,
                Err(Fault::NotFound(_)) => return Ok(None),
                Err(fault) => return Err(fault),
            },
            None => hq,
        };
        if Rc::ptr_eq(site, asking) {
            return Ok(None);
        }
        View::new(&site.repo).bead(id)
    }
}

/// Returns the repositories a command is about that looks at them as a whole: the one one stands in, or of
/// the rig that was asked for; in HQ, HQ and every rig that is on this machine.
///
/// They are found by their folders: their ledgers may be what is damaged.
pub fn repositories(world: &World, rig: Option<&str>) -> Result<Vec<Repo>> {
    let repo = Repo::discover(world)?;
    let plain = world.with_env(&[], LOCAL_ENV);
    let root = match repo.setting(TOWN_KEY) {
        Some(path) => repo.root().join(path),
        None => repo.root().to_owned(),
    };
    if let Some(name) = rig {
        let path = if name == HQ {
            root
        } else {
            rig_repo(&root, name)
        };
        if !path.is_dir() {
            return Err(Fault::not_found(format!(
                "there is no rig '{name}' on this machine"
            )));
        }
        return Ok(vec![Repo::open(&plain, &path)?]);
    }
    let mut all = vec![repo];
    let folders = std::fs::read_dir(all[0].root())
        .into_iter()
        .flatten()
        .flatten();
    let mut clones: Vec<PathBuf> = folders.map(|it| it.path().join(REPO)).collect();
    clones.retain(|path| path.is_dir());
    clones.sort();
    for path in clones {
        all.push(Repo::open(&plain, &path)?);
    }
    Ok(all)
}

fn is_clone(root: &Path, name: &str) -> bool {
    super::rig::checked_name(name).is_ok() && rig_repo(root, name).is_dir()
}

/// Returns the rig whose prefix an id begins with; of several, which only rigs that were added apart can have,
/// the one with the longest.
fn of_prefix<'a>(rigs: &'a [Neighbour], id: &str) -> Option<&'a Neighbour> {
    let fits = rigs.iter().filter(|it| has_prefix(id, it.rig.prefix()));
    fits.max_by_key(|it| it.rig.prefix().len())
}

fn has_prefix(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix);
    !prefix.is_empty() && rest.is_some_and(|rest| rest.starts_with('-'))
}

impl Home {
    /// Returns a bead that another repository of the town has.
    pub(super) fn bead_elsewhere(&self, id: &str) -> Result<Option<Bead>> {
        match &self.town {
            Some(town) => town.bead(&self.site, id),
            None => Ok(None),
        }
    }

    /// Returns HQ of the town; a repository that is its own town is its own HQ.
    pub fn hq(&self) -> Result<Self> {
        let Some(town) = &self.town else {
            return Ok(self.clone());
        };
        Ok(Self {
            site: town.hq(&self.site)?.clone(),
            town: Some(town.clone()),
        })
    }

    /// Returns whether this repository is its own town.
    pub fn stands_alone(&self) -> bool {
        self.town.is_none()
    }

    /// Returns what a hint adds to a command so that it means this rig wherever in the town it is typed.
    pub fn rig_option(&self) -> String {
        if self.stands_alone() {
            return String::new();
        }
        format!(" --rig {}", self.rig().name())
    }

    /// Returns the top folder of the town: HQ's, or this repository's own.
    pub fn town_root(&self) -> &Path {
        match &self.town {
            Some(town) => &town.root,
            None => self.repo().root(),
        }
    }

    /// Returns what HQ knows of the rigs of the town, sorted by name; of a repository that is its own town,
    /// its one rig.
    pub fn rigs(&self) -> Result<Vec<Rig>> {
        match &self.town {
            None => Ok(vec![self.rig().clone()]),
            Some(town) => {
                let all = town.rigs(&self.site)?.iter();
                Ok(all.map(|it| it.rig.clone()).collect())
            }
        }
    }

    /// Returns the home of the rig of a name; refuses one that this town does not know, or that has no
    /// clone on this machine.
    pub fn at_rig(&self, name: &str) -> Result<Self> {
        if name == self.rig().name() {
            return Ok(self.clone());
        }
        if name == HQ && !self.stands_alone() {
            return self.hq();
        }
        if let Some(town) = &self.town
            && let Some(found) = town
                .rigs(&self.site)?
                .iter()
                .find(|it| it.rig.name() == name)
        {
            let (site, town) = (town.site(found)?.clone(), Some(town.clone()));
            return Ok(Self { site, town });
        }
        let rigs = self.rigs()?;
        let names: Vec<&str> = rigs.iter().map(Rig::name).collect();
        let mut fault = Fault::not_found(format!("there is no rig '{name}' here"));
        let known = |rig: &Rig| rig.name() == name;
        if !self.stands_alone() && !rigs.iter().any(known) && is_clone(self.town_root(), name) {
            fault = fault.hint(format!(
                "it is not in the town's list; to take it in as it is: git gt rig add {name}"
            ));
        }
        Err(match (self.stands_alone(), names.is_empty()) {
            (true, _) => fault.hint(format!("this repository is rig '{}'", self.rig().name())),
            (false, true) => fault.hint("this town has no rigs yet: git gt rig add <name> <url>"),
            (false, false) => fault.hint(format!("rigs of this town: {}", names.join(", "))),
        })
    }

    /// Returns the home of a bead that was typed, wherever in the town one stands: this one where it has
    /// the bead or the prefix is its own or nobody's, else that of the rig with the prefix.
    pub fn of_bead(&self, typed: &str) -> Result<Self> {
        let Some(town) = &self.town else {
            return Ok(self.clone());
        };
        let typed = typed.trim();
        // No prefix is the beginning of another one, so that an id has one rig at most.
        if !typed.contains('-') || has_prefix(typed, self.rig().prefix()) {
            return Ok(self.clone());
        }
        match of_prefix(town.rigs(&self.site)?, typed) {
            Some(_) if View::new(self.repo()).bead(typed)?.is_some() => Ok(self.clone()),
            Some(it) => self.at_rig(it.rig.name()),
            None if has_prefix(typed, HQ) => self.hq(),
            None => Ok(self.clone()),
        }
    }

    /// Refuses the id of a new bead that is another rig's: nobody would look for it here.
    pub fn refuse_foreign(&self, id: &str) -> Result<()> {
        let there = self.of_bead(id)?;
        if there.rig().name() == self.rig().name() {
            return Ok(());
        }
        let (name, prefix) = (there.rig().name(), there.rig().prefix());
        Err(Fault::refused(format!(
            "'{id}' would be a bead of {name}: ids that begin with {prefix}- are there"
        ))
        .hint(format!("do it there: git gt --rig {name} ...")))
    }

    /// Returns the home of what is addressed to somebody: a rig's where the address begins with its name,
    /// else HQ's.
    pub fn of_address(&self, address: &str) -> Result<Self> {
        let rig = address.split('/').next().unwrap_or_default();
        match self.at_rig(rig) {
            // What is for a person, or for a rig that has no clone here, waits in HQ.
            Err(Fault::NotFound(_)) => self.hq(),
            found => found,
        }
    }

    /// Returns this home, which is to be a rig: HQ holds no code.
    pub fn one_rig(self) -> Result<Self> {
        if !self.is_hq() {
            return Ok(self);
        }
        let rigs = self.rigs()?;
        let names: Vec<&str> = rigs.iter().map(Rig::name).collect();
        let fault = Fault::refused("HQ holds no code, so this needs a rig");
        Err(if names.is_empty() {
            fault.hint("this town has no rigs yet: git gt rig add <name> <url>")
        } else {
            fault.hint(format!("say which: --rig {}", names.join(", --rig ")))
        })
    }

    /// Returns the homes a command is about that names none: in HQ, HQ and every rig that is on this
    /// machine; elsewhere, this one.
    pub fn all_here(&self) -> Result<Vec<Self>> {
        let mut all = vec![self.clone()];
        if self.is_hq() {
            for rig in self.rigs()? {
                match self.at_rig(rig.name()) {
                    Ok(home) => all.push(home),
                    Err(Fault::NotFound(_)) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(all)
    }
}
