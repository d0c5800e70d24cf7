//! What a branch has that another has not.

use super::{Oid, Repo};
use crate::fault::{Fault, Result};

/// How a commit stands to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Their best common ancestor, nothing where there is none, or several.
    pub base: Option<Oid>,
    /// The commits that only the first one has.
    pub commits: Vec<Oid>,
}

impl Repo {
    /// Returns what `head` has that `onto` has not.
    pub fn ahead(&self, head: &Oid, onto: &Oid) -> Result<Ahead> {
        let base = match self.gix.merge_bases_many(*head, &[*onto]) {
            Ok(bases) => match bases.as_slice() {
                [base] => Some(base.detach()),
                _ => None,
            },
            // It stops at commits that git takes, such as those without a proper author.
            Err(_) => None,
        };
        Ok(Ahead {
            base,
            commits: self.commits_ahead(head, onto)?,
        })
    }

    fn commits_ahead(&self, head: &Oid, onto: &Oid) -> Result<Vec<Oid>> {
        let walk = self.gix.rev_walk([*head]).with_hidden([*onto]).all();
        let walked = walk.map(|commits| {
            let ids = commits.map(|it| it.ok().map(|it| it.id));
            ids.collect::<Option<Vec<Oid>>>()
        });
        if let Ok(Some(commits)) = walked {
            return Ok(commits);
        }
        let run = self.git(["rev-list", &head.to_string(), &format!("^{onto}")]);
        let listed = String::from_utf8_lossy(&self.query(&run)?).into_owned();
        let ids = listed.lines().map(|hex| self.parse_id(hex));
        ids.collect::<Option<_>>()
            .ok_or_else(|| Fault::fatal("git rev-list printed what is no commit"))
    }
}
