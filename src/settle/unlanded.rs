//! What has landed and is not on its target any more: somebody has moved the branch back.

use std::collections::BTreeMap;

use crate::fault::Result;
use crate::git::Oid;
use crate::record::{Request, RequestStatus};
use crate::town::Home;

/// Returns the requests that have landed on a branch which is here and does not hold them now, sorted by id.
///
/// They stay as they are: what was decided was decided, and whoever moved the branch knows why.
pub fn unlanded(home: &Home) -> Result<Vec<Request>> {
    let mut by_target: BTreeMap<String, Vec<(Oid, Request)>> = BTreeMap::new();
    for request in home.view().requests()? {
        let commit = request.evidence("commit").and_then(|it| it.as_str());
        let commit = commit.and_then(|it| home.repo().parse_id(it));
        if let (RequestStatus::Landed, Some(commit)) = (request.status(), commit) {
            let all = by_target.entry(request.target().to_owned()).or_default();
            all.push((commit, request));
        }
    }
    let mut found = Vec::new();
    for (branch, landed) in by_target {
        let Ok(target) = home.target(Some(&branch)) else {
            continue;
        };
        let Some(tip) = home.known_tip(&target)? else {
            continue;
        };
        let commits: Vec<Oid> = landed.iter().map(|(commit, _)| *commit).collect();
        home.repo().learn_ancestry(&commits, &tip)?;
        for (commit, request) in landed {
            if !home.repo().is_ancestor(&commit, &tip)? {
                found.push(request);
            }
        }
    }
    found.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(found)
}
