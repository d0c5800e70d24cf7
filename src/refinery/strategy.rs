//! Strategies: the commits that a request becomes on what stands before it.
//!
//! Nothing in them depends on who makes them or when: the same request on the same commit gives the same
//! commits, so a run after a crash finds what it tested, and so does another machine. Where what lands is signed,
//! that is done to a copy of them (see `verdict`).

use std::collections::{BTreeSet, HashSet};

use super::message::message;
use crate::fault::Result;
use crate::git::{Ahead, Commit, Merged, NewCommit, Oid, Repo, Signature};
use crate::record::Request;
use crate::town::{Strategy, Style};

/// The most authors that a squashed commit names.
const AUTHORS_MAX: usize = 50;

/// What a request became on a commit.
#[derive(Debug, Clone)]
pub(super) enum Merge {
    /// The last of its commits, and the tree.
    Clean(Oid, Oid),
    /// The files that conflict.
    Conflict(Vec<String>),
}

/// A request that is to be put onto a commit.
pub(super) struct Work<'w> {
    pub(super) repo: &'w Repo,
    pub(super) style: &'w Style,
    pub(super) request: &'w Request,
    pub(super) onto: Oid,
    pub(super) head: Oid,
    /// What the request has that the candidate's base has not.
    pub(super) own: &'w Ahead,
    /// Where it forks off from `onto`, where that is one commit.
    pub(super) fork: Option<Oid>,
}

impl Work<'_> {
    /// Makes the commits.
    pub(super) fn apply(&self) -> Result<Merge> {
        match self.style.strategy {
            Strategy::Merge => self.merge(),
            Strategy::Squash => self.squash(),
            Strategy::Rebase => self.rebase(),
        }
    }

    fn merge(&self) -> Result<Merge> {
        let tree = match self
            .repo
            .merge_trees(self.fork.as_ref(), (&self.onto, &self.head))?
        {
            Merged::Clean(tree) => tree,
            Merged::Conflict(files) => return Ok(Merge::Conflict(files)),
        };
        let said = self.repo.commit(&self.head)?;
        self.commit((tree, &[self.onto, self.head]), (&said, None), &[])
    }

    /// One commit, of the author of the last one; who wrote others is named in it.
    fn squash(&self) -> Result<Merge> {
        // None of the commits before it are the request's own.
        let fork = self.own.base.as_ref();
        let tree = match self.repo.merge_trees(fork, (&self.onto, &self.head))? {
            Merged::Clean(tree) => tree,
            Merged::Conflict(files) => return Ok(Merge::Conflict(files)),
        };
        let said = self.repo.commit(&self.head)?;
        let mut others = BTreeSet::new();
        for id in &self.own.commits {
            let commit = self.repo.commit(id)?;
            if commit.parents.len() < 2 && commit.author != said.author {
                others.insert(commit.author);
            }
        }
        let others: Vec<String> = others.into_iter().take(AUTHORS_MAX).collect();
        let by = self.repo.authorship(&self.head)?;
        self.commit((tree, &[self.onto]), (&said, by.as_deref()), &others)
    }

    /// Its commits one by one, along first parents: a merge among them is one commit with what it brought to
    /// the branch. One that changes nothing any more is left out; where all are, one that is empty says that
    /// the request was here.
    fn rebase(&self) -> Result<Merge> {
        let (mut onto, start) = (self.onto, self.repo.commit(&self.onto)?.tree);
        let mut tree = start;
        for id in self.mainline()? {
            let said = self.repo.commit(&id)?;
            let merged = match said.parents.first() {
                Some(parent) => self.repo.pick_trees(parent, (&onto, &id))?,
                None => self.repo.merge_trees(None, (&onto, &id))?,
            };
            match merged {
                Merged::Conflict(files) => return Ok(Merge::Conflict(files)),
                Merged::Clean(same) if same == tree => {}
                Merged::Clean(new) => {
                    let by = self.repo.authorship(&id)?;
                    onto = self.write((new, &[onto]), (&said, by.as_deref()), &[])?;
                    tree = new;
                }
            }
        }
        if onto != self.onto {
            return Ok(Merge::Clean(onto, tree));
        }
        let said = self.repo.commit(&self.head)?;
        let by = self.repo.authorship(&self.head)?;
        self.commit((start, &[self.onto]), (&said, by.as_deref()), &[])
    }

    /// Returns the request's own commits along first parents, the oldest first.
    fn mainline(&self) -> Result<Vec<Oid>> {
        let own: HashSet<Oid> = self.own.commits.iter().copied().collect();
        let mut line = Vec::new();
        let mut at = Some(self.head);
        while let Some(id) = at.filter(|it| own.contains(it)) {
            line.push(id);
            at = self.repo.commit(&id)?.parents.first().copied();
        }
        line.reverse();
        Ok(line)
    }

    fn commit(
        &self,
        (tree, parents): (Oid, &[Oid]),
        said: (&Commit, Option<&str>),
        others: &[String],
    ) -> Result<Merge> {
        let commit = self.write((tree, parents), said, others)?;
        Ok(Merge::Clean(commit, tree))
    }

    fn write(
        &self,
        (tree, parents): (Oid, &[Oid]),
        (said, by): (&Commit, Option<&str>),
        others: &[String],
    ) -> Result<Oid> {
        let who = Signature::of(&format!("{}/refinery", self.request.rig()));
        let new = NewCommit {
            tree,
            parents,
            author: &who,
            committer: &who,
            time: self.request.record().created().time(),
            message: &message(self.style, self.request, said, others),
        };
        self.repo.write_commit_by(&new, by)
    }
}
