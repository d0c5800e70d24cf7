//! Founding a town, and adding rigs to it: HQ is a repository, rigs are clones beside each other in it
//! (DESIGN 4).

use std::path::{Path, PathBuf};

use serde_json::json;

use super::neighbours::{REPO, TOWN_KEY, rig_repo};
use super::origin::{Origin, origin, refuse_stranger};
use super::rig::{checked_name, checked_prefix, default_prefix, find};
use super::{Founded, HQ, Home, NewRig, found, rigs_that_give_way};
use crate::fault::{Fault, Result};
use crate::git::{Repo, without_password};
use crate::ledger::{Decision, Name, Rules, Turn, sync};
use crate::record::Rig;
use crate::world::World;
use crate::world::fs::{self, Lock};

/// A clone that is being made.
const PART: &str = ".repo.part";

/// The first commit of a town that was asked to have one: its rigs are repositories of their own.
const IGNORED: &str =
    "# The rigs of this town are repositories of their own: git gt rig list\n/*/\n";

/// Takes the ledgers of a clone's remote over, where it has any; a remote that cannot be reached is
/// returned in words, and no reason not to begin.
///
/// After a crash some ledgers are taken over; taking over again does the rest.
pub fn adopt(repo: &Repo) -> Result<Option<String>> {
    let name = repo
        .setting("gt.remote")
        .unwrap_or_else(|| "origin".to_owned());
    let Ok(remote) = repo.remote(&name) else {
        return Ok(None);
    };
    // What has no ledgers yet is nobody's, and what was made before those of the remote were known is too
    // young to be named anywhere.
    let rules = Rules {
        give_way: &rigs_that_give_way,
        ..Rules::plain()
    };
    let mut turn = Turn::alone(repo, &name)?;
    let fault = match sync(&mut turn, repo, &remote, &rules) {
        Ok(report) => report.faults.into_iter().next(),
        Err(fault) => Some(fault),
    };
    match fault {
        None => Ok(None),
        Some(Fault::Unavailable(said)) => Ok(Some(said.message)),
        Some(fault) => Err(fault),
    }
}

/// What `install` made or found.
#[derive(Debug)]
pub struct Installed {
    /// HQ.
    pub hq: Home,
    /// Whether it was founded just now.
    pub new: bool,
    /// Why its remote's ledgers are not here, where that is so.
    pub offline: Option<String>,
}

/// Makes a town of a folder: a repository with HQ's ledgers. A clone of another HQ takes that one's over.
///
/// Refuses a folder that holds something else. After a crash installing again does what is missing.
pub fn install(world: &World, path: &Path, actor: Option<&str>, commit: bool) -> Result<Installed> {
    let path = world.cwd().join(path);
    refuse_other(world, &path)?;
    let repo = Repo::init(world, &path)?;
    let offline = adopt(&repo)?;
    let repo = Repo::open(world, &path)?;
    let actor = super::actor(&repo, actor);
    let wanted = NewRig {
        name: Some(HQ),
        prefix: Some(HQ),
    };
    let Founded { new, .. } = found(&repo, &actor, &wanted)?;
    if commit && repo.find_ref("HEAD")?.is_none() {
        let file = path.join(".gitignore");
        if !file.exists() {
            fs::create_new(&file, IGNORED.as_bytes())
                .map_err(|error| Fault::io("write", &file, &error))?;
        }
        repo.commit_file(".gitignore", (&actor, "Begin a town"))?;
    }
    let hq = Home::of(Repo::open(world, &path)?)?;
    Ok(Installed { hq, new, offline })
}

/// Refuses to make a town where something else stands.
fn refuse_other(world: &World, path: &Path) -> Result<()> {
    let refuse =
        |what: String| Err(Fault::refused(what).hint("choose a new folder: git gt install ~/gt"));
    let shown = path.display();
    if path.exists() && !path.is_dir() {
        return refuse(format!("'{shown}' is no folder"));
    }
    let mut above = path.ancestors().filter(|it| it.is_dir());
    let nearest = above.next().unwrap_or(path);
    if let Ok(repo) = Repo::discover(&world.with_env(&[], crate::git::LOCAL_ENV).at(nearest)) {
        let here = path.canonicalize().ok();
        if here.as_deref() != Some(repo.root()) {
            return refuse(format!(
                "'{shown}' is inside the repository '{}'",
                repo.root().display()
            ));
        }
        return match find(&repo)? {
            Some(rig) if rig.name() != HQ => {
                refuse(format!("'{shown}' is rig '{}' already", rig.name()))
            }
            Some(_) => Ok(()),
            None if is_fresh(&repo)? => Ok(()),
            None => refuse(format!(
                "'{shown}' is a repository with commits of its own; git gt init makes it a rig"
            )),
        };
    }
    let filled = path.is_dir() && path.read_dir().is_ok_and(|mut it| it.next().is_some());
    if filled {
        return refuse(format!("'{shown}' is not empty"));
    }
    Ok(())
}

/// Returns whether nothing was committed in a repository, or what was can only be a clone of an HQ.
fn is_fresh(repo: &Repo) -> Result<bool> {
    let own = std::fs::read_to_string(repo.root().join(".gitignore"));
    let is_town = own.is_ok_and(|text| text == IGNORED);
    Ok(is_town || repo.find_ref("HEAD")?.is_none())
}

/// A rig that is to be added.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is cloned from; nothing: from where HQ knows it is.
    pub url: Option<&'a str>,
    /// The prefix of its beads' ids; by default its ledgers', else made from the name.
    pub prefix: Option<&'a str>,
}

/// A rig that was added.
#[derive(Debug)]
pub struct Added {
    /// Its home.
    pub home: Home,
    /// Whether it was not there before.
    pub new: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Clones a repository into the town and notes it in HQ's ledger.
///
/// Refuses, and leaves nothing behind, a name that is taken, a repository that is another rig already, or
/// a prefix that is another rig's. After a crash adding it again carries on.
pub fn add_rig(hq: &Home, actor: &str, wanted: &Wanted<'_>) -> Result<Added> {
    let hq = hq.hq()?;
    if !hq.is_hq() {
        return Err(
            Fault::refused("this repository stands alone and has no other rigs")
                .hint("a town has them: git gt install ~/gt, then git gt rig add there"),
        );
    }
    let name = checked_name(wanted.name)?;
    let lock = hq.repo().scratch_dir().join("rigs.lock");
    let _lock = Lock::take(&lock).map_err(|error| Fault::io("lock", &lock, &error))?;
    let known = hq.rigs()?.into_iter().find(|rig| rig.name() == name);
    let folder = hq.repo().root().join(name);
    let path = rig_repo(hq.repo().root(), name);
    let was_there = path.is_dir();
    let here = was_there.then(|| Repo::open(&plain(&hq), &path));
    let here = here.transpose()?;
    let origin = origin(&hq, wanted, known.as_ref(), here.as_ref())?;
    if !was_there && folder.exists() && !folder.join(PART).exists() && is_filled(&folder) {
        return Err(
            Fault::refused(format!("'{}' is there already", folder.display()))
                .hint("choose another name, or move it out of the way; nothing in it was touched"),
        );
    }
    let repo = match here {
        Some(repo) => {
            refuse_stranger(known.as_ref(), &repo, find(&repo)?.as_ref())?;
            hq.repo().exclude(&format!("/{name}/"))?;
            repo
        }
        None => {
            let known = known.as_ref().filter(|_| origin.is_mirror);
            let made = clone(&hq, (wanted, actor), (&origin, known), &folder);
            made.inspect_err(|_| clear(&folder))?
        }
    };
    let home = Home::of(repo)?;
    join_town(&home, actor)?;
    enlist(&hq, actor, home.rig(), &origin.noted)?;
    let mut notes = Vec::from_iter(checked_out_there(&origin.url, home.rig()));
    if without_password(&origin.url) != origin.url {
        notes.push(format!(
            "the password stays in this clone's configuration; the town notes '{}'",
            origin.noted
        ));
    }
    Ok(Added {
        home: Home::of(Repo::open(&plain(&hq), &path)?)?,
        new: !was_there || known.is_none(),
        notes,
    })
}

/// Returns the world without what ties the process to the repository it was started in.
fn plain(hq: &Home) -> World {
    hq.world().with_env(&[], crate::git::LOCAL_ENV)
}

fn is_filled(folder: &Path) -> bool {
    folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
}

/// Removes what a failed clone left; a folder that holds anything else stays.
fn clear(folder: &Path) {
    drop(fs::remove_dir_all(&folder.join(PART)));
    drop(std::fs::remove_dir(folder));
}

/// Clones into a folder of another name, founds the rig there and moves it into place as a whole.
fn clone(
    hq: &Home,
    (wanted, actor): (&Wanted<'_>, &str),
    (origin, known): (&Origin, Option<&Rig>),
    folder: &Path,
) -> Result<Repo> {
    let part = folder.join(PART);
    fs::remove_dir_all(&part).map_err(|error| Fault::io("remove", &part, &error))?;
    let world = plain(hq);
    let repo = Repo::clone_bare_of_files(&world, &origin.url, &part)?;
    repo.set_setting(TOWN_KEY, "../..")?;
    if let Some(said) = adopt(&repo)? {
        return Err(Fault::unavailable(said).hint("the rig's ledgers may be there; try again"));
    }
    let repo = Repo::open(&world, &part)?;
    let rig = find(&repo)?;
    refuse_stranger(known, &repo, rig.as_ref())?;
    match rig {
        None => refuse_taken(hq, wanted)?,
        Some(rig) if rig.name() == HQ => {
            let said = format!("'{}' is HQ of a town, and HQ holds no code", origin.noted);
            return Err(Fault::refused(said).hint(
                "to have that town on this machine: git clone it, then git gt install there",
            ));
        }
        Some(_) => {}
    }
    let new = NewRig {
        name: Some(wanted.name),
        prefix: wanted.prefix,
    };
    let founded = found(&repo, actor, &new).map_err(|fault| renamed(&repo, wanted, fault))?;
    refuse_prefix(hq, wanted.name, founded.rig.prefix())?;
    hq.repo().exclude(&format!("/{}/", wanted.name))?;
    let path = folder.join(REPO);
    fs::rename(&part, &path).map_err(|error| Fault::io("move into place", &path, &error))?;
    Repo::open(&world, &path)
}

/// Says how a repository is added that is a rig already, under another name than the one wanted.
fn renamed(repo: &Repo, wanted: &Wanted<'_>, fault: Fault) -> Fault {
    match find(repo) {
        Ok(Some(rig)) => fault.hint(format!(
            "add it as what it is: git gt rig add {} {}",
            rig.name(),
            without_password(wanted.url.unwrap_or_default())
        )),
        _ => fault,
    }
}

/// Refuses a prefix that is another rig's, before anything is founded with it.
fn refuse_taken(hq: &Home, wanted: &Wanted<'_>) -> Result<()> {
    let prefix = match wanted.prefix {
        Some(prefix) => checked_prefix(prefix)?.to_owned(),
        None => default_prefix(wanted.name),
    };
    refuse_prefix(hq, wanted.name, &prefix)
}

/// Returns whether an id can begin with both prefixes.
fn overlap(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| {
        let rest = long.strip_prefix(short);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    begins(one, other) || begins(other, one)
}

fn refuse_prefix(hq: &Home, name: &str, prefix: &str) -> Result<()> {
    let rigs = hq.rigs()?;
    let others = rigs.iter().filter(|rig| rig.name() != name);
    let owner = if overlap(prefix, HQ) {
        Some(HQ)
    } else {
        let mut others = others.filter(|rig| overlap(rig.prefix(), prefix));
        others.next().map(Rig::name)
    };
    match owner {
        None => Ok(()),
        Some(owner) => Err(Fault::refused(format!(
            "the prefix '{prefix}' is that of {owner}, or begins as it does: an id would have two homes"
        ))
        .hint(format!(
            "choose another: git gt rig add {name} <url> --prefix <letters>"
        ))),
    }
}

/// Notes in a rig's own ledger that a town has it, for clones that know no town.
fn join_town(home: &Home, actor: &str) -> Result<()> {
    home.write(Name::Config, actor, |view, pen| {
        let rig = view.rig(home.rig().name())?;
        let rig = rig.filter(|rig| !rig.is_of_town());
        let Some(mut record) = rig.map(Rig::into_record) else {
            return Ok(Decision::nothing(()));
        };
        let stamp = pen.stamp(&record);
        record.set("town", Some(true.into()), &stamp);
        let subject = format!("rig {} is of a town", home.rig().name());
        Ok(Decision::write(subject, vec![record], ()))
    })
    .map(drop)
}

/// Notes a rig in HQ's ledger.
fn enlist(hq: &Home, actor: &str, rig: &Rig, url: &str) -> Result<()> {
    let id = Rig::id_of(rig.name());
    hq.write(Name::Config, actor, |view, pen| {
        let old = view.ledger(Name::Config)?.get(&id)?;
        let live = old.clone().and_then(Rig::of);
        if live.is_some_and(|it| it.prefix() == rig.prefix() && it.url() == url) {
            return Ok(Decision::nothing(()));
        }
        let stamp = old
            .as_ref()
            .map_or_else(|| pen.first_stamp(), |old| pen.stamp(old));
        let new = || Rig::new(rig.name()).into_record();
        let mut entry = Rig::revived(old.unwrap_or_else(new), &stamp);
        let record = entry.record_mut();
        record.set("prefix", Some(rig.prefix().into()), &stamp);
        record.set("url", Some(url.into()), &stamp);
        let subject = format!("add rig {} with prefix {}", rig.name(), rig.prefix());
        Ok(Decision::write(subject, vec![entry.into_record()], ()))
    })
    .map(drop)
}

/// Returns what is to be known of a source that is a repository with the target checked out: git refuses
/// pushes to it, and landing is one.
fn checked_out_there(url: &str, rig: &Rig) -> Option<String> {
    let head = std::fs::read_to_string(Path::new(url).join(".git").join("HEAD")).ok()?;
    let branch = head.trim().strip_prefix("ref: refs/heads/")?;
    (Some(branch) == rig.target()).then(|| {
        format!(
            "'{url}' has {branch} checked out, so git refuses to land there unless you say: \
             git -C '{url}' config receive.denyCurrentBranch updateInstead"
        )
    })
}

/// Takes a rig out of the town's list; its folder stays where it is, which is returned.
///
/// After a crash it is in the list or it is not.
pub fn remove_rig(hq: &Home, actor: &str, name: &str) -> Result<PathBuf> {
    let hq = hq.hq()?;
    hq.write(Name::Config, actor, |view, pen| {
        let rig = view.rig(name)?.filter(|rig| rig.name() != HQ && hq.is_hq());
        let Some(rig) = rig else {
            return Err(Fault::not_found(format!("this town has no rig '{name}'"))
                .hint("git gt rig list shows them"));
        };
        let stamp = pen.stamp(rig.record());
        let mut record = rig.into_record();
        let state = json!({ "life": record.life() + 1, "status": "removed" });
        record.set("state", Some(state), &stamp);
        Ok(Decision::write(
            format!("remove rig {name}"),
            vec![record],
            (),
        ))
    })?;
    Ok(hq.repo().root().join(name))
}
