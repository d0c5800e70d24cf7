//! Refs that keep commits of requests: made while they are needed, put into the attic afterwards.

use crate::fault::{Fault, Result};
use crate::git::{Cas, Oid};
use crate::ledger::CloneId;
use crate::mq;
use crate::record::{Request, RequestStatus};
use crate::town::Home;

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

/// Removes what is no longer needed: candidates, and the commits of finished requests and of such as
/// were never made, which are on the target or go into the attic.
pub(super) fn tidy(home: &Home, tip: &Oid) -> Result<()> {
    let repo = home.repo();
    let keepers = repo.keepers_guard()?;
    let view = home.view();
    let clone = CloneId::of(repo)?;
    let requests = view.requests()?;
    let put_away = |name: &str, why: &str| -> Result<()> {
        let guard = repo.guard()?;
        if !repo.drop_reachable_ref(&guard, name, tip)? {
            repo.retire_ref(&guard, clone.as_str(), name, why)?;
        }
        Ok(())
    };
    for request in requests.iter().filter(|it| !it.is_live()) {
        let name = mq::ref_of(&view, request.id());
        if repo.find_ref(&name)?.is_some() {
            let why = format!("head of {}: {}", request.id(), request.status());
            put_away(&name, &why)?;
        }
    }
    for name in mq::forgotten_refs(&view)? {
        put_away(&name, "head of a request that was never made")?;
    }
    drop(keepers);
    if any_queued(&requests) {
        return Ok(());
    }
    for (name, commit) in repo.list_refs("refs/gt/proof/")? {
        // A candidate is made again from its requests, byte for byte; whatever it proved is elsewhere.
        repo.delete_ref(&repo.guard()?, &name, commit)?;
    }
    Ok(())
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
    let requests = view.requests()?;
    let keepers = keepers(home)?;
    let mut names = Vec::new();
    for (name, head) in heads {
        let is_of = |it: &Request| mq::ref_of(&view, it.id()) == local(&name);
        let over = requests.iter().any(|it| !it.is_live() && is_of(it));
        if over
            && keepers.iter().try_fold(false, |kept, keeper| {
                Ok::<_, Fault>(kept || repo.is_ancestor(&head, keeper)?)
            })?
        {
            names.push(local(&name));
        }
    }
    if !any_queued(&requests) {
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

fn any_queued(requests: &[Request]) -> bool {
    requests
        .iter()
        .any(|it| it.is_live() && it.status() == RequestStatus::Queued)
}
