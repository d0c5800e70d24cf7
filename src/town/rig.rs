//! Founding a rig: its name, its prefix, the branch its work lands on.

use std::path::Path;

use serde_json::{Value, json};

use super::{HQ, View};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Repo};
use crate::ledger::{CloneId, Decision, Name, Pen, Record, Snapshot, transact};
use crate::record::Rig;
use crate::world::fs;

/// Words that mean somebody or something else in an address or a path of a town.
const RESERVED: &[&str] = &[
    HQ, "all", "crew", "deacon", "dogs", "human", "mayor", "overseer", "polecats", "refinery",
    "rig", "town", "witness",
];

/// What `init` was asked for.
#[derive(Debug, Default)]
pub struct NewRig<'a> {
    /// The name; by default made from that of the repository's folder.
    pub name: Option<&'a str>,
    /// The prefix of beads' ids; by default made from the name of the repository.
    pub prefix: Option<&'a str>,
}

/// What `init` found or made.
#[derive(Debug)]
pub struct Founded {
    /// The rig.
    pub rig: Rig,
    /// Whether it was made just now.
    pub new: bool,
}

/// Returns the rig of a repository: the one `gt.rig` names, else the one that was founded first among
/// those whose name and prefix can be such.
///
/// Every command asks this, so the answer is kept in a file of `.git/gt` under the tip it was found at.
pub(super) fn find(repo: &Repo) -> Result<Option<Rig>> {
    if let Some(name) = repo.setting("gt.rig") {
        return View::new(repo).rig(&name);
    }
    let Some(tip) = repo.find_ref(Name::Config.ref_name())? else {
        return Ok(None);
    };
    let path = repo.scratch_dir().join("rig");
    if let Some(rig) = remembered(&path, &tip) {
        return Ok(Some(rig));
    }
    let found = look_up(&View::new(repo))?;
    if let Some(rig) = &found {
        let text = [tip.to_string().as_bytes(), b"\n", &rig.record().encode()].concat();
        // Where nothing can be written, the next command looks again.
        drop(fs::replace(&path, &text));
    }
    Ok(found)
}

/// Returns the rig a file names for a tip; nothing where it is of another tip, or damaged.
fn remembered(path: &Path, tip: &Oid) -> Option<Rig> {
    let bytes = std::fs::read(path).ok()?;
    let (of, record) = bytes.split_at_checked(tip.to_string().len())?;
    if of != tip.to_string().as_bytes() {
        return None;
    }
    Record::decode(record.strip_prefix(b"\n")?)
        .ok()
        .and_then(Rig::of)
}

fn look_up(view: &View<'_>) -> Result<Option<Rig>> {
    // HQ's ledger names all rigs of its town besides itself.
    if let Some(hq) = view.rig(HQ)? {
        return Ok(Some(hq));
    }
    let founded = |rig: &Rig| (rig.record().stamp_of("prefix"), rig.name().to_owned());
    let rigs = view.rigs()?.into_iter().filter(is_formed);
    Ok(rigs.min_by_key(founded))
}

/// Returns whether what was fetched as a rig can be one: its name and its prefix become parts of other
/// names.
pub(super) fn is_formed(rig: &Rig) -> bool {
    let formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let named = rig.name().starts_with(|c: char| formed(c) && c != '-');
    named && rig.name().chars().all(formed) && checked_prefix(rig.prefix()).is_ok()
}

/// Returns the rigs of a ledger whose names and prefixes can be such.
pub(super) fn formed_rigs(ledger: &Snapshot<'_>) -> Result<Vec<Rig>> {
    let records = ledger.records()?.into_iter();
    Ok(records.filter_map(Rig::of).filter(is_formed).collect())
}

/// Returns our rigs as they give way where two clones founded a rig each before they met: whose rig was
/// pushed first keeps it, as with claims, so that a clone that comes late turns nobody's town over. Beads
/// with the other prefix stay what they are.
pub fn rigs_that_give_way(
    ours: &Snapshot<'_>,
    theirs: &Snapshot<'_>,
    pen: &Pen<'_>,
) -> Result<Vec<Record>> {
    let (here, there) = (formed_rigs(ours)?, formed_rigs(theirs)?);
    let known = |rig: &Rig, among: &[Rig]| among.iter().any(|it| it.name() == rig.name());
    if there.is_empty() || there.iter().any(|rig| known(rig, &here)) {
        return Ok(Vec::new());
    }
    let retired = here.into_iter().map(|rig| {
        let stamp = pen.stamp(rig.record());
        let mut record = rig.into_record();
        let state = json!({ "life": record.life() + 1, "status": "gave way" });
        record.set("state", Some(state), &stamp);
        record
    });
    Ok(retired.collect())
}

/// Makes the ledgers of a repository where there are none, and returns its rig.
///
/// Writes nothing into the work tree. After a crash the rig is there or it is not; running it again does
/// what is missing.
pub fn found(repo: &Repo, actor: &str, wanted: &NewRig<'_>) -> Result<Founded> {
    CloneId::of(repo)?;
    if let Some(rig) = find(repo)? {
        let other_name = wanted.name.is_some_and(|name| name != rig.name());
        let other_prefix = wanted.prefix.is_some_and(|prefix| prefix != rig.prefix());
        if other_name || other_prefix {
            return Err(Fault::refused(format!(
                "this repository is rig '{}' with the prefix '{}' already",
                rig.name(),
                rig.prefix()
            ))
            .hint(
                "ids and addresses that exist keep their prefix and name, so they are not changed",
            ));
        }
        return Ok(Founded { rig, new: false });
    }
    let name = match wanted.name {
        Some(name) => name.to_owned(),
        None => name_of(repo),
    };
    let prefix = match wanted.prefix {
        Some(prefix) => checked_prefix(prefix)?.to_owned(),
        None => default_prefix(&name),
    };
    let target = default_target(repo)?;
    let written = transact(repo, (Name::Config, None), actor, |ledger, pen| {
        let old = ledger.get(&Rig::id_of(&name))?;
        if let Some(known) = old.clone().and_then(Rig::of) {
            return Ok(Decision::nothing(known));
        }
        let stamp = old
            .as_ref()
            .map_or_else(|| pen.first_stamp(), |old| pen.stamp(old));
        let mut rig = Rig::revived(old.unwrap_or_else(|| Rig::new(&name).into_record()), &stamp);
        rig.record_mut()
            .set("prefix", Some(prefix.as_str().into()), &stamp);
        rig.record_mut()
            .set("target", target.as_deref().map(Value::from), &stamp);
        let subject = format!("found rig {name} with prefix {prefix}");
        Ok(Decision::write(
            subject,
            vec![rig.clone().into_record()],
            rig,
        ))
    })?;
    Ok(Founded {
        rig: written.value,
        new: true,
    })
}

/// Returns a name for the rig, from the folder of the repository: `[a-z0-9][a-z0-9-]*`.
fn name_of(repo: &Repo) -> String {
    let folder = repo
        .root()
        .file_name()
        .map(|it| it.to_string_lossy().to_lowercase());
    let folder = folder.unwrap_or_default();
    let name = folder.trim_end_matches(".git");
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    match name.trim_matches('-') {
        "" => "rig".to_owned(),
        name if RESERVED.contains(&name) => format!("{name}-rig"),
        name => name.chars().take(40).collect(),
    }
}

/// Returns the initials of a name of several words, else its first letters.
pub(super) fn default_prefix(name: &str) -> String {
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let prefix: String = match words.as_slice() {
        [word] if word.len() <= 4 => (*word).to_owned(),
        [word] => word.chars().take(2).collect(),
        words => words
            .iter()
            .filter_map(|word| word.chars().next())
            .take(4)
            .collect(),
    };
    let letter = prefix
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase());
    if letter {
        prefix
    } else {
        format!("g{prefix}").chars().take(5).collect()
    }
}

/// Returns the name of a rig that was typed; refuses what cannot be one: `[a-z0-9][a-z0-9-]*`, so that names
/// differ in more than case and are part of a path and of an address.
pub(super) fn checked_name(name: &str) -> Result<&str> {
    let formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let bad = |hint: &str| {
        Err(Fault::invalid(format!("'{name}' cannot be the name of a rig")).hint(hint))
    };
    if RESERVED.contains(&name) {
        return bad("the word means somebody else in an address: choose another name");
    }
    if name.is_empty() || name.len() > 40 || name.starts_with('-') || !name.chars().all(formed) {
        return bad(
            "use lower-case letters, digits and dashes, 40 at most: git gt rig add api <url>",
        );
    }
    Ok(name)
}

/// The longest prefix of ids.
const PREFIX_MAX: usize = 40;

/// Returns the prefix that was typed; refuses what cannot be one: `[A-Za-z][A-Za-z0-9_-]*`, so that it is part
/// of an id and of names made of ids. Projects that kept beads before have prefixes of several words.
pub fn checked_prefix(prefix: &str) -> Result<&str> {
    let prefix = prefix.trim_end_matches('-');
    let formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts = prefix.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || prefix.len() > PREFIX_MAX || !prefix.chars().all(formed) {
        return Err(
            Fault::invalid(format!("'{prefix}' cannot be a prefix")).hint(format!(
                "a prefix is a letter, then letters, digits, dashes and underscores, {PREFIX_MAX} at most: \
                 --prefix gt"
            )),
        );
    }
    Ok(prefix)
}

/// Returns the branch work is to land on: `origin/HEAD`'s, else the one checked out now, else the
/// remote's `main`.
fn default_target(repo: &Repo) -> Result<Option<String>> {
    let remote = repo
        .setting("gt.remote")
        .unwrap_or_else(|| "origin".to_owned());
    let of_remote = repo.symbolic_ref(&format!("refs/remotes/{remote}/HEAD"));
    let of_remote = of_remote.and_then(|name| {
        name.strip_prefix(&format!("refs/remotes/{remote}/"))
            .map(str::to_owned)
    });
    let head = std::fs::read_to_string(repo.git_dir().join("HEAD")).unwrap_or_default();
    let here = head
        .strip_prefix("ref: refs/heads/")
        .map(|name| name.trim().to_owned());
    let main = || -> Result<Option<String>> {
        let there = repo.find_ref(&format!("refs/remotes/{remote}/main"))?;
        Ok(there.map(|_| "main".to_owned()))
    };
    match of_remote.or(here) {
        Some(name) => Ok(Some(name)),
        None => main(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_made_from_the_name() {
        let check = |name, want| assert_eq!(default_prefix(name), want);
        check("api", "api");
        check("gastown", "ga");
        check("git-gt", "gg");
        check("3d-printer", "g3p");
        check("my-very-long-project-name", "mvlp");
    }
}
