//! One small JSON value under a ref of its own: what belongs to this clone (`refs/gt-local/…`).

use serde_json::Value;

use super::CloneId;
use super::codec::{canonical, parse};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Entry, Mode, NewCommit, Oid, Repo, Signature};

/// A named value under `refs/gt-local/<folder>/<h>`; the name itself is the commit's subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What the value is about.
    pub name: String,
    /// The value.
    pub value: Value,
}

const FILE: &[u8] = b"value.json";

impl Cell {
    /// Returns the ref of a name.
    fn ref_name(repo: &Repo, folder: &str, name: &str) -> String {
        format!("refs/gt-local/{folder}/{}", repo.name_hash(name))
    }

    /// Returns the value of a name, nothing where there is none.
    pub fn find(repo: &Repo, folder: &str, name: &str) -> Result<Option<Value>> {
        let Some(tip) = repo.find_ref(&Self::ref_name(repo, folder, name))? else {
            return Ok(None);
        };
        Ok(Some(Self::read(repo, &tip)?.value))
    }

    /// Returns all values of a folder, sorted by name; what cannot be read is left out.
    pub fn list(repo: &Repo, folder: &str) -> Result<Vec<Self>> {
        let refs = repo.list_refs(&format!("refs/gt-local/{folder}/"))?;
        let mut cells: Vec<Self> = refs
            .iter()
            .filter_map(|(_, tip)| Self::read(repo, tip).ok())
            .collect();
        cells.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(cells)
    }

    fn read(repo: &Repo, tip: &Oid) -> Result<Self> {
        let commit = repo.commit(tip)?;
        let entry = repo
            .tree(&commit.tree)?
            .into_iter()
            .find(|entry| entry.name == FILE);
        let entry = entry.ok_or_else(|| Fault::invalid(format!("{tip} holds no value")))?;
        let text = String::from_utf8_lossy(&repo.blob(&entry.id)?).into_owned();
        Ok(Self {
            name: commit.subject().to_owned(),
            value: parse(&text)?,
        })
    }

    /// Sets the value of a name.
    ///
    /// After a crash the name has its old value or the new one.
    pub fn set(repo: &Repo, folder: &str, name: &str, value: &Value) -> Result<()> {
        let written = Self::write(repo, (folder, name), value, |_| true)?;
        debug_assert!(written, "nothing stood in the way");
        Ok(())
    }

    /// Sets the value of a name that has none yet; returns whether it had none.
    pub fn create(repo: &Repo, folder: &str, name: &str, value: &Value) -> Result<bool> {
        Self::write(repo, (folder, name), value, |old| old.is_none())
    }

    fn write(
        repo: &Repo,
        (folder, name): (&str, &str),
        value: &Value,
        may_replace: impl Fn(Option<Oid>) -> bool,
    ) -> Result<bool> {
        let ref_name = Self::ref_name(repo, folder, name);
        let clone = CloneId::of(repo)?;
        let blob = repo.write_blob(canonical(value).as_bytes())?;
        let entry = Entry {
            mode: Mode::File,
            name: FILE.to_owned(),
            id: blob,
        };
        let tree = repo.write_tree(&[entry])?;
        let guard = repo.guard()?;
        let old = repo.find_ref(&ref_name)?;
        if !may_replace(old) {
            return Ok(false);
        }
        let who = Signature::of(clone.as_str());
        let commit = repo.write_commit(&NewCommit {
            tree,
            parents: &[],
            author: &who,
            committer: &who,
            time: repo.world().now(),
            message: &format!("{name}\n"),
        })?;
        match repo.swap_ref(&guard, &ref_name, old, commit)? {
            Cas::Swapped => Ok(true),
            Cas::Moved(_) => Err(Fault::stale(format!(
                "'{name}' was changed by somebody else"
            ))),
        }
    }

    /// Removes the value of a name; one that is not there is no error.
    pub fn remove(repo: &Repo, folder: &str, name: &str) -> Result<()> {
        let ref_name = Self::ref_name(repo, folder, name);
        match repo.find_ref(&ref_name)? {
            Some(tip) => repo.delete_ref(&repo.guard()?, &ref_name, tip),
            None => Ok(()),
        }
    }
}
