//! Approvals: which of them count, giving one, taking it back, letting somebody else give it.

use std::collections::BTreeSet;

use crate::record::Request;
use crate::town::Review;

/// Returns who has approved the commit that is to land, each once, and was allowed to.
pub(super) fn counted(review: &Review, request: &Request) -> Vec<String> {
    let given = request.approvals().into_iter().map(|it| it.by);
    let counted: BTreeSet<String> = given.filter(|by| may(review, request, by)).collect();
    counted.into_iter().collect()
}

/// Returns whether somebody may approve a request: whoever the settings name, or an approver has let; who
/// did the work only where the settings say so.
pub(super) fn may(review: &Review, request: &Request, who: &str) -> bool {
    let is_own = who == request.worker();
    if who.is_empty() || is_own && !review.by_itself() {
        return false;
    }
    let stands_in = || {
        let mut all = request.delegations().into_iter();
        all.any(|it| {
            let is_worker = it.by == request.worker() && !review.by_itself();
            it.to == who && !is_worker && review.may_approve(&it.by)
        })
    };
    review.may_approve(who) || stands_in()
}
