//! Requests that are on their target as other commits than their own: squashed or rebased.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Result;
use crate::ledger::Oid;
use crate::record::Request;
use crate::town::View;

/// How many commits of a target are looked at.
const COMMITS_MAX: usize = 1000;

/// Returns the request that the trailers of a commit's message name.
pub fn request_of(message: &str) -> Option<&str> {
    let trailers = message.trim_end().rsplit("\n\n").next()?;
    let named = trailers.lines().find_map(|it| it.strip_prefix("Gt-Mr: "))?;
    Some(named.trim())
}

/// Returns which of the requests for a branch the Refinery has put there as commits that are not their own,
/// with the last of these.
///
/// Such a commit stands among the first parents of the branch since the request was submitted, is of the
/// Refinery, which moves a target to green trees alone, and names the request in its trailers, which the
/// Refinery takes out of the messages of others. Whoever may push to the branch can write one by hand, as
/// they can merge the request by hand.
pub fn landed(view: &View<'_>, tip: &Oid, requests: &[&Request]) -> Result<BTreeMap<String, Oid>> {
    let repo = view.repo();
    let mut open: BTreeMap<&str, &Request> = requests.iter().map(|it| (it.id(), *it)).collect();
    let mut starts: BTreeSet<&str> = requests.iter().map(|it| it.record().text("tip")).collect();
    let (mut found, mut at) = (BTreeMap::new(), *tip);
    if !repo.has(tip) {
        return Ok(found);
    }
    for _ in 0..COMMITS_MAX {
        if starts.is_empty() || open.is_empty() {
            break;
        }
        let commit = repo.commit(&at)?;
        let named = request_of(&commit.message).and_then(|id| open.get(id).copied());
        if let Some(request) = named.filter(|it| is_of_refinery(&commit.committer, it)) {
            open.remove(request.id());
            found.insert(request.id().to_owned(), at);
        }
        starts.remove(at.to_string().as_str());
        match commit.parents.first().filter(|it| repo.has(it)) {
            Some(parent) => at = *parent,
            None => break,
        }
    }
    Ok(found)
}

fn is_of_refinery(committer: &str, request: &Request) -> bool {
    let name = format!("{}/refinery <", request.rig());
    committer.starts_with(&name)
}
