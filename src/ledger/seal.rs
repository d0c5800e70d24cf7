//! Seals: what a clone says under its ssh key of the ledgers it pushes, and of the gates it ran itself
//! (DESIGN 3.6). A seal is a commit of `refs/gt/seals/<clone>`; its parent is the one before.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::shard::Snapshot;
use super::sync::is_single;
use super::{CloneId, Name};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Entry, Mode, NewCommit, Oid, PushedRef, Repo, Signature};

/// The first line of what is signed.
const TITLE: &str = "git-gt seal 1";

/// How long text and signature may be, in bytes.
const LENGTH_MAX: u64 = 64 * 1024;

const TEXT: &[u8] = b"seal";
const SIGNATURE: &[u8] = b"seal.sig";
const RESULTS: &[u8] = b"results";

/// What a clone signs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal {
    /// The clone.
    clone: String,
    /// When, for people; whether a key is good is decided by the clock of who checks.
    time: String,
    /// Every ledger with its tip, by the names of the refs.
    tips: BTreeMap<String, String>,
    /// The tree of the results of gates that ran there.
    results: Option<String>,
}

impl Seal {
    fn text(&self) -> String {
        let mut text = format!("{TITLE}\nclone {}\ntime {}\n", self.clone, self.time);
        if let Some(results) = &self.results {
            text.push_str(&format!("results {results}\n"));
        }
        for (name, tip) in &self.tips {
            text.push_str(&format!("ledger {tip} {name}\n"));
        }
        text
    }

    /// Returns whether another seal says the same of the ledgers.
    fn says_of_ledgers(&self, other: &Self) -> bool {
        self.tips == other.tips && self.results == other.results
    }

    /// Reads what was signed; lines that a newer version adds say nothing here.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return None;
        }
        let mut seal = Self {
            clone: String::new(),
            time: String::new(),
            tips: BTreeMap::new(),
            results: None,
        };
        for line in lines {
            match line.split_once(' ')? {
                ("clone", clone) => clone.clone_into(&mut seal.clone),
                ("time", time) => time.clone_into(&mut seal.time),
                ("results", tree) => seal.results = Some(tree.to_owned()),
                ("ledger", rest) => {
                    let (tip, name) = rest.split_once(' ')?;
                    seal.tips.insert(name.to_owned(), tip.to_owned());
                }
                _ => {}
            }
        }
        Some(seal)
    }
}

/// A seal as it was found, whoever made it.
struct Found {
    seal: Seal,
    text: Vec<u8>,
    signature: Vec<u8>,
    /// The tree of results that lies beside it.
    results: Option<Oid>,
}

/// Seals our ledgers where `gt.sign` says so and one of them is about to be pushed. The seal is a ref of ours
/// that travels like others. Returns whether there is a new one.
///
/// A crash leaves the seal before, or one that is pushed next time.
pub(super) fn seal(repo: &Repo, pushed: &[PushedRef]) -> Result<bool> {
    let is_ledger = |it: &PushedRef| is_single(&it.name) && it.new.is_some();
    if !repo.flag("gt.sign") || !pushed.iter().any(is_ledger) {
        return Ok(false);
    }
    let clone = CloneId::of(repo)?;
    let name = format!("refs/gt/seals/{clone}");
    let tips = repo.list_refs("refs/gt/")?.into_iter();
    let tips = tips.filter(|(name, _)| is_single(name));
    let own = repo.find_ref(Name::Attempts.ref_name())?;
    let results = Snapshot::at(repo, own)?.tree();
    let seal = Seal {
        clone: clone.to_string(),
        time: repo.world().now().to_string(),
        tips: tips.map(|(name, tip)| (name, tip.to_string())).collect(),
        results: results.map(|tree| tree.to_string()),
    };
    let before = repo.find_ref(&name)?;
    let last = before.map(|tip| find(repo, tip)).transpose()?.flatten();
    if last.is_some_and(|it| it.seal.says_of_ledgers(&seal)) {
        return Ok(false);
    }
    let text = seal.text();
    let signature = repo.sign(text.as_bytes())?;
    let entry = |mode, name: &[u8], id| Entry {
        mode,
        name: name.to_owned(),
        id,
    };
    let mut entries: Vec<Entry> = results
        .map(|tree| entry(Mode::Tree, RESULTS, tree))
        .into_iter()
        .collect();
    entries.push(entry(Mode::File, TEXT, repo.write_blob(text.as_bytes())?));
    entries.push(entry(Mode::File, SIGNATURE, repo.write_blob(&signature)?));
    let who = Signature::of(clone.as_str());
    let parents: Vec<Oid> = before.into_iter().collect();
    let commit = repo.write_commit(&NewCommit {
        tree: repo.write_tree(&entries)?,
        parents: &parents,
        author: &who,
        committer: &who,
        time: repo.world().now(),
        message: "seal\n",
    })?;
    let guard = repo.guard()?;
    // Where another sync of this clone was faster, its seal will do.
    let (Cas::Swapped | Cas::Moved(_)) = repo.swap_ref(&guard, &name, before, commit)?;
    Ok(true)
}

/// Returns the seal a commit is, nothing where it is none; it may be anybody's.
fn find(repo: &Repo, commit: Oid) -> Result<Option<Found>> {
    let Some(commit) = repo.commit_at(&commit)? else {
        return Ok(None);
    };
    let entries = repo.tree(&repo.commit(&commit)?.tree)?;
    let id = |mode: Mode, name: &[u8]| {
        let mut all = entries.iter();
        let found = all.find(|entry| entry.mode == mode && entry.name == name);
        found.map(|entry| entry.id)
    };
    let read = |name: &[u8]| match id(Mode::File, name) {
        Some(id) => repo.blob_up_to(&id, LENGTH_MAX),
        None => Ok(None),
    };
    let (Some(text), Some(signature)) = (read(TEXT)?, read(SIGNATURE)?) else {
        return Ok(None);
    };
    let seal = std::str::from_utf8(&text).ok().and_then(Seal::parse);
    Ok(seal.map(|seal| Found {
        seal,
        results: id(Mode::Tree, RESULTS),
        text,
        signature,
    }))
}

/// Returns the file of the keys whose seals are good here, nothing where none is set.
fn allowed(repo: &Repo) -> Result<Option<PathBuf>> {
    let said = repo.setting("gt.allowedSigners").unwrap_or_default();
    if said.is_empty() {
        return Ok(None);
    }
    let file = repo.path_of(&said);
    if file.is_file() {
        return Ok(Some(file));
    }
    let file = file.display();
    Err(Fault::refused(format!("there is no file '{file}' of allowed signers"))
        .hint("git gt config set allowedSigners <file>; ssh-keygen(1), ALLOWED SIGNERS, says what is in it"))
}

/// Returns the newest seal of each clone that was fetched from whatever remote, where a key of
/// `gt.allowedSigners` made it and is good now; nothing where that is not set.
fn good(repo: &Repo) -> Result<Option<Vec<Found>>> {
    let Some(allowed) = allowed(repo)? else {
        return Ok(None);
    };
    let mut good = Vec::new();
    for (name, commit) in repo.list_refs("refs/gt-remote/")? {
        let Some((_, clone)) = name.split_once("/seals/") else {
            continue;
        };
        // A seal of somebody's proves nothing where it is put in another one's place.
        let Some(found) = find(repo, commit)?.filter(|it| it.seal.clone == clone) else {
            continue;
        };
        let signer = repo.signer(&found.text, &found.signature, &allowed)?;
        good.extend(signer.map(|_| found));
    }
    Ok(Some(good))
}

/// Returns those of `fetched`, ledgers with their tips, that no good seal speaks for: no clone whose key is
/// allowed has pushed that tip, or one that has taken it in, as `knows` says of a ledger, the one and the other.
/// None where `gt.allowedSigners` is not set.
pub(super) fn unsealed(
    repo: &Repo,
    fetched: &[(String, Oid)],
    knows: &dyn Fn(&str, Oid, Oid) -> Result<bool>,
) -> Result<Vec<String>> {
    if fetched.is_empty() {
        return Ok(Vec::new());
    }
    let Some(seals) = good(repo)? else {
        return Ok(Vec::new());
    };
    let mut unsealed = Vec::new();
    for (name, tip) in fetched {
        let mut sealed = false;
        for named in seals.iter().filter_map(|it| it.seal.tips.get(name)) {
            let named = repo.parse_id(named);
            sealed |= match named {
                Some(named) => knows(name, named, *tip)?,
                None => false,
            };
        }
        if !sealed {
            unsealed.push(name.clone());
        }
    }
    Ok(unsealed)
}

/// Returns the results of gates that clones ran whose seals are good, a ledger for each clone.
pub fn sealed_results(repo: &Repo) -> Result<Vec<Snapshot<'_>>> {
    let found = good(repo)?.unwrap_or_default().into_iter();
    let trees = found.filter_map(|it| {
        let signed = it.seal.results.as_deref();
        it.results
            .filter(|tree| Some(tree.to_string().as_str()) == signed)
    });
    Ok(trees
        .map(|tree| Snapshot::of_stranger(repo, tree))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Time;

    #[test]
    fn what_is_signed_is_read_again() {
        let seal = Seal {
            clone: "k7f2m3qa".to_owned(),
            time: Time(0).to_string(),
            tips: BTreeMap::from([("refs/gt/beads".to_owned(), "0123".to_owned())]),
            results: Some("4567".to_owned()),
        };
        let text = seal.text();
        assert_eq!(
            text,
            "git-gt seal 1\nclone k7f2m3qa\ntime 1970-01-01T00:00:00Z\nresults 4567\n\
             ledger 0123 refs/gt/beads\n"
        );
        assert_eq!(Seal::parse(&text), Some(seal.clone()));
        assert_eq!(Seal::parse(&format!("{text}more of it\n")), Some(seal));
        assert_eq!(Seal::parse("git-gt seal 2\n"), None);
        assert_eq!(Seal::parse("git-gt seal 1\nclone\n"), None);
    }
}
