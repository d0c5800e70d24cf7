//! Order of the merge queue: the one comparator everything else sorts with.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::fault::Result;
use crate::record::Request;
use crate::town::View;

/// Returns the branches that requests of a rig wait to land on, sorted.
pub fn targets(view: &View<'_>, rig: &str) -> Result<BTreeSet<String>> {
    let waiting = view.live_requests()?.into_iter();
    let waiting = waiting.filter(|it| super::line::stands(it) && it.rig() == rig);
    Ok(waiting.map(|it| it.target().to_owned()).collect())
}

/// Returns requests in the order of the queue.
///
/// The order is total, so two Refineries that see the same records pick the same request.
pub fn sorted(mut requests: Vec<Request>) -> Vec<Request> {
    requests.sort_by(compare);
    requests
}

fn compare(a: &Request, b: &Request) -> Ordering {
    // 1. What people marked urgent.
    a.class()
        .cmp(&b.class())
        // 2. Longest queued first, so that nothing starves; a retry goes to the end.
        .then_with(|| {
            a.record()
                .stamp_of("state")
                .cmp(&b.record().stamp_of("state"))
        })
        // 3. Clocks of two machines may agree; ids never do.
        .then_with(|| a.id().cmp(b.id()))
}
