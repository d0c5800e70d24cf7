//! Refs that keep commits of requests: made while they are needed, put into the attic afterwards.

use std::collections::BTreeMap;

use crate::fault::{Fault, Result};
use crate::git::{Cas, Oid};
use crate::ledger::CloneId;
use crate::mq;
use crate::record::RequestStatus;
use crate::town::{Home, View};

use super::candidate::Candidate;

fn proof_ref(home: &Home, commit: &Oid) -> String {
    format!(
        "refs/gt/proof/{}",
        home.repo().name_hash(&format!("candidate {commit}"))
    )
}

/// Keeps a candidate that is about to be tested.
pub(super) fn keep_candidate(home: &Home, candidate: &Candidate) -> Result<()> {
    if candidate.requests.is_empty() {
        return Ok(());
    }
    let name = proof_ref(home, &candidate.commit);
    let repo = home.repo();
    let guard = repo.guard()?;
    match repo.swap_ref(&guard, &name, None, candidate.commit)? {
        Cas::Swapped | Cas::Moved(_) => Ok(()),
    }
}

/// A ref of ours that keeps a commit for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The ref.
    pub name: String,
    /// The commit.
    pub commit: Oid,
    /// What it was kept for.
    pub why: String,
    /// Whether it is a candidate, which is made again from its requests, byte for byte.
    is_candidate: bool,
}

/// Returns what is no longer needed: commits of finished requests and of such as were never made, and tested
/// candidates where nothing waits.
pub fn leftovers(home: &Home) -> Result<Vec<Leftover>> {
    let (repo, view) = (home.repo(), home.view());
    let idle = mq::finished_refs(&view)?;
    let finished = match idle.is_empty() {
        true => BTreeMap::new(),
        false => mq::finished(&view)?,
    };
    let mut found = Vec::new();
    for name in idle {
        let request = finished.get(&name).map(|id| view.request(id)).transpose()?;
        let why = match request.flatten() {
            Some(request) => format!("head of {}: {}", request.id(), request.status()),
            None => "head of a request that was never made".to_owned(),
        };
        found.extend(repo.find_ref(&name)?.map(|commit| Leftover {
            name,
            commit,
            why,
            is_candidate: false,
        }));
    }
    if any_queued(&view)? {
        return Ok(found);
    }
    for (name, commit) in repo.list_refs("refs/gt/proof/")? {
        let why = "tested candidate".to_owned();
        found.push(Leftover {
            name,
            commit,
            why,
            is_candidate: true,
        });
    }
    Ok(found)
}

/// Puts away what is no longer needed and returns it: commits are on the target, which is known to stand at
/// `tip`, or go into the attic first; candidates go.
///
/// After a crash the rest is there still, and goes the next time.
pub fn tidy(home: &Home, tip: &Oid) -> Result<Vec<Leftover>> {
    let repo = home.repo();
    let _keepers = repo.keepers_guard()?;
    let clone = CloneId::of(repo)?;
    let found = leftovers(home)?;
    let (candidates, heads): (Vec<&Leftover>, Vec<&Leftover>) =
        found.iter().partition(|it| it.is_candidate);
    let refs = |of: Vec<&Leftover>| {
        let pairs = of.into_iter().map(|it| (it.name.clone(), it.commit));
        pairs.collect::<Vec<_>>()
    };
    let guard = repo.guard()?;
    repo.delete_refs(&guard, &refs(candidates))?;
    for (name, _) in repo.drop_reachable_refs(&guard, refs(heads), tip)? {
        let why = found
            .iter()
            .find(|it| it.name == name)
            .map_or("", |it| it.why.as_str());
        repo.retire_ref(&guard, clone.as_str(), &name, why)?;
    }
    Ok(found)
}

/// Returns the refs of finished requests and tested candidates that may go from the remote: their commits
/// are on the target, in an attic of this clone, or made again whenever they are needed.
pub fn obsolete(home: &Home, remote: &str) -> Result<Vec<String>> {
    let (repo, view) = (home.repo(), home.view());
    let tracking = format!("refs/gt-remote/{}/", repo.name_hash(remote));
    let local = |name: &str| name.replacen(&tracking, "refs/gt/", 1);
    let heads = repo.list_refs(&format!("{tracking}mr/"))?;
    let proofs = repo.list_refs(&format!("{tracking}proof/"))?;
    if heads.is_empty() && proofs.is_empty() {
        return Ok(Vec::new());
    }
    let finished = mq::finished(&view)?;
    let keepers = keepers(home)?;
    let mut names = Vec::new();
    for (name, head) in heads {
        if finished.contains_key(&local(&name))
            && keepers.iter().try_fold(false, |kept, keeper| {
                Ok::<_, Fault>(kept || repo.is_ancestor(&head, keeper)?)
            })?
        {
            names.push(local(&name));
        }
    }
    if !any_queued(&view)? {
        names.extend(proofs.iter().map(|(name, _)| local(name)));
    }
    Ok(names)
}

/// Returns the commits that keep what is finished: this clone's attic, and the target.
fn keepers(home: &Home) -> Result<Vec<Oid>> {
    let repo = home.repo();
    let mut keepers = Vec::new();
    if let Some(clone) = CloneId::known(repo) {
        let attic = repo.list_refs(&format!("refs/gt/attic/{clone}/"))?;
        keepers.extend(attic.into_iter().map(|(_, tip)| tip));
    }
    if let Ok(target) = home.target(None) {
        keepers.extend(home.known_tip(&target)?);
    }
    Ok(keepers)
}

fn any_queued(view: &View<'_>) -> Result<bool> {
    let live = view.live_requests()?;
    Ok(live.iter().any(|it| it.status() == RequestStatus::Queued))
}
