//! What of the line is here: requests whose commits have been fetched and are not on the target yet.

use crate::fault::Result;
use crate::git::{Oid, Repo};
use crate::mq::Item as Entry;
use crate::record::Request;

/// Leaves out requests whose commits have not been fetched, and what needs them; they keep their place. Who they
/// are is told to `absent`.
pub(super) fn present(
    repo: &Repo,
    tip: &Oid,
    waiting: Vec<Entry>,
    absent: &mut dyn FnMut(&str),
) -> Result<Vec<Entry>> {
    let of = |request: &Request| repo.parse_id(request.head());
    let requests = waiting.iter().flat_map(|it| &it.requests);
    let heads: Vec<Oid> = requests.filter_map(of).collect();
    let missing = repo.learn_ancestry(&heads, tip)?;
    let mut present: Vec<Entry> = Vec::new();
    // Where each one stands now, nothing for what is left out.
    let mut places: Vec<Option<usize>> = Vec::new();
    for mut entry in waiting {
        let after: Option<Vec<usize>> = entry.after.iter().map(|at| places[*at]).collect();
        let is_absent = |it: &&Request| of(it).is_none_or(|head| missing.contains(&head));
        let mut is_here = true;
        for request in entry.requests.iter().filter(is_absent) {
            is_here = false;
            absent(request.id());
        }
        let mut left = Vec::new();
        for request in std::mem::take(&mut entry.requests) {
            // What is on the target already is settled after this step.
            let landed = of(&request)
                .map(|head| repo.is_ancestor(&head, tip))
                .transpose()?;
            if landed != Some(true) {
                left.push(request);
            }
        }
        match after.filter(|_| is_here && !left.is_empty()) {
            Some(after) => {
                places.push(Some(present.len()));
                (entry.requests, entry.after) = (left, after);
                present.push(entry);
            }
            None => places.push(None),
        }
    }
    Ok(present)
}
