//! Candidates: the queue merged cumulatively onto the target's tip, in memory.

use std::collections::HashMap;

use crate::fault::{Fault, Result};
use crate::git::{Merged, NewCommit, Oid, Repo, Signature};
use crate::record::Request;
use crate::text::steers;

/// The most requests that are merged into one candidate.
const LENGTH_MAX: usize = 64;

/// A commit that could be the target's next one.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The commit; for the bare target the tip itself.
    pub(super) commit: Oid,
    /// Its tree: what is tested.
    pub(super) tree: Oid,
    /// The tip it was merged onto.
    pub(super) tip: Oid,
    /// The requests in it, in order.
    pub(super) requests: Vec<String>,
    /// The greatest stamp at which one of them was queued again: red runs before that do not count.
    pub(super) since: Option<crate::ledger::Stamp>,
}

impl Candidate {
    /// Returns the first digits of its commit.
    pub(super) fn short(&self) -> String {
        self.commit.to_hex_with_len(12).to_string()
    }
}

/// The queue on a tip.
#[derive(Debug)]
pub(super) struct Built {
    /// The bare target.
    pub(super) tip: Candidate,
    /// Candidates of one, two, … requests. Who conflicts only with requests ahead of it is left out and
    /// keeps its place.
    pub(super) chain: Vec<Candidate>,
    /// Requests that do not merge onto the tip itself, with the files.
    pub(super) bounced: Vec<(Request, Vec<String>)>,
}

impl Built {
    /// Returns the candidate of the first `length` requests; of none: the bare target.
    pub(super) fn prefix(&self, length: usize) -> &Candidate {
        length
            .checked_sub(1)
            .map_or(&self.tip, |at| &self.chain[at])
    }
}

/// Merges that were made before; making them again would give the same.
#[derive(Debug, Default)]
pub(super) struct Chains {
    merges: HashMap<(Oid, Oid), Merge>,
}

#[derive(Debug, Clone)]
enum Merge {
    Clean(Oid, Oid),
    Conflict(Vec<String>),
}

impl Chains {
    /// Merges `queue` in order onto `tip`.
    pub(super) fn build(&mut self, repo: &Repo, tip: Oid, queue: &[Request]) -> Result<Built> {
        let bare = Candidate {
            commit: tip,
            tree: repo.commit(&tip)?.tree,
            tip,
            requests: Vec::new(),
            since: None,
        };
        let mut built = Built {
            tip: bare.clone(),
            chain: Vec::new(),
            bounced: Vec::new(),
        };
        let mut last = bare;
        for request in queue {
            if built.chain.len() == LENGTH_MAX {
                break;
            }
            match self.merge(repo, &last.commit, request)? {
                Merge::Clean(commit, tree) => {
                    last = extended(&last, commit, tree, request);
                    built.chain.push(last.clone());
                }
                Merge::Conflict(files) if last.commit == tip => {
                    built.bounced.push((request.clone(), files));
                }
                Merge::Conflict(_) => {
                    if let Merge::Conflict(files) = self.merge(repo, &tip, request)? {
                        built.bounced.push((request.clone(), files));
                    }
                }
            }
        }
        Ok(built)
    }

    fn merge(&mut self, repo: &Repo, onto: &Oid, request: &Request) -> Result<Merge> {
        let head = repo
            .parse_id(request.head())
            .ok_or_else(|| Fault::invalid(format!("{} names no commit", request.id())))?;
        if let Some(known) = self.merges.get(&(*onto, head)) {
            return Ok(known.clone());
        }
        let merge = match repo.merge_trees(onto, &head)? {
            Merged::Clean(tree) => Merge::Clean(commit(repo, (*onto, head), tree, request)?, tree),
            Merged::Conflict(files) => Merge::Conflict(files),
        };
        self.merges.insert((*onto, head), merge.clone());
        Ok(merge)
    }
}

fn extended(last: &Candidate, commit: Oid, tree: Oid, request: &Request) -> Candidate {
    let mut requests = last.requests.clone();
    requests.push(request.id().to_owned());
    let requeued = (request.record().life() > 0).then(|| request.record().stamp_of("state"));
    let since = last.since.clone().max(requeued);
    Candidate {
        commit,
        tree,
        tip: last.tip,
        requests,
        since,
    }
}

/// Writes the merge commit of a request. Nothing in it depends on who merges or when: the same request on
/// the same commit gives the same commit, so a run after a crash finds what it tested.
fn commit(repo: &Repo, (onto, head): (Oid, Oid), tree: Oid, request: &Request) -> Result<Oid> {
    let title = repo.commit(&head)?.subject().to_owned();
    // What was fetched must not become a trailer of its own.
    let line = |text: &str| text.replace(steers, " ");
    let mut message = format!("Merge {}: {}\n\n", line(request.branch()), line(&title));
    if !request.bead().is_empty() {
        message.push_str(&format!("Gt-Bead: {}\n", line(request.bead())));
    }
    message.push_str(&format!(
        "Gt-Mr: {}\nGt-Worker: {}\n",
        line(request.id()),
        line(request.worker())
    ));
    let who = Signature::of(&format!("{}/refinery", request.rig()));
    repo.write_commit(&NewCommit {
        tree,
        parents: &[onto, head],
        author: &who,
        committer: &who,
        time: request.record().created().time(),
        message: &message,
    })
}
