//! The id of this clone: the part of every stamp that tells two machines' changes apart.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;

use crate::fault::{Fault, Result};
use crate::git::Repo;

/// Eight base36 characters that name one clone of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloneId(String);

impl CloneId {
    /// Returns the id a text is, where it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let base36 = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
        (text.len() == 8 && text.chars().all(base36)).then(|| Self(text.to_owned()))
    }

    /// Returns this clone's id, minted where there is none.
    ///
    /// It stands in git config with the inode of the common git directory: a copied clone has another
    /// inode and gets an id of its own; a moved one keeps it (DESIGN 3.2). After a crash the id is
    /// written or will be minted anew; none has been used by then.
    pub fn of(repo: &Repo) -> Result<Self> {
        let inode = inode(repo)?;
        let known = repo.setting("gt.cloneId").and_then(|id| Self::parse(&id));
        match known {
            Some(id) if repo.setting("gt.cloneInode").as_deref() == Some(&inode) => Ok(id),
            _ => Self::mint(repo, &inode),
        }
    }

    /// Returns this clone's id where it has one already; writes nothing.
    pub fn known(repo: &Repo) -> Option<Self> {
        let id = repo.setting("gt.cloneId").and_then(|id| Self::parse(&id))?;
        let inode = inode(repo).ok()?;
        (repo.setting("gt.cloneInode")? == inode).then_some(id)
    }

    fn mint(repo: &Repo, inode: &str) -> Result<Self> {
        let _guard = repo.guard()?;
        // Somebody may have minted it while we waited for the lock.
        let fresh = Repo::open(repo.world(), repo.common_dir())?;
        if let Some(id) = Self::known(&fresh) {
            return Ok(id);
        }
        let id = Self(repo.world().random_base36(8));
        repo.set_setting("gt.cloneId", &id.0)?;
        repo.set_setting("gt.cloneInode", inode)?;
        Ok(id)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CloneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn inode(repo: &Repo) -> Result<String> {
    let dir = repo.common_dir();
    let found = std::fs::metadata(dir).map_err(|error| Fault::io("look at", dir, &error))?;
    Ok(found.ino().to_string())
}
