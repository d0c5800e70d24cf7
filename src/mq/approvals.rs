//! Approvals: which of them count, giving one, taking it back, letting somebody else give it.

use std::collections::BTreeSet;

use super::transition::change;
use crate::fault::{Fault, Result};
use crate::record::Request;
use crate::town::{Home, Review, View};

/// How a request stands with those who approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Who has approved its commit and counts, sorted.
    pub by: Vec<String>,
    /// How many it needs on its branch, protected paths aside.
    pub need: usize,
}

/// Returns who has approved the commit of a request, and how many have to.
pub fn approved(view: &View<'_>, request: &Request) -> Result<Approved> {
    let review = view.review(request.rig())?;
    Ok(Approved {
        by: counted(&review, request),
        need: review.needs(request.target()),
    })
}

/// Returns who has approved the commit that is to land, each once, and was allowed to.
pub(super) fn counted(review: &Review, request: &Request) -> Vec<String> {
    let given = request.approvals().into_iter().map(|it| it.by);
    let counted: BTreeSet<String> = given.filter(|by| may(review, request, by)).collect();
    counted.into_iter().collect()
}

/// Returns whether somebody may approve a request: whoever the settings name, or an approver has let; who
/// did the work only where the settings say so.
fn may(review: &Review, request: &Request, who: &str) -> bool {
    let is_own = |who: &str| who == request.worker() && !review.by_itself();
    if who.is_empty() || is_own(who) {
        return false;
    }
    let stands_in = || {
        let mut all = request.delegations().into_iter();
        all.any(|it| it.to == who && !is_own(&it.by) && review.may_approve(&it.by))
    };
    review.may_approve(who) || stands_in()
}

fn check(view: &View<'_>, request: &Request, actor: &str) -> Result<()> {
    let review = view.review(request.rig())?;
    if may(&review, request, actor) {
        return Ok(());
    }
    let id = request.id();
    if actor == request.worker() && !review.by_itself() {
        let fault = format!("{actor} did the work of {id}, and somebody else approves it");
        return Err(Fault::refused(fault)
            .hint("where that is not wanted: git gt config set review.self true"));
    }
    let fault = Fault::refused(format!("{actor} is not among those who approve {id}"));
    Err(fault
        .hint(format!("who may: {}", review.approvers()))
        .hint(format!(
            "one of them can let you: git gt mq approve {id} --delegate '{actor}'"
        )))
}

/// Approves the commit of a waiting request; of one at another commit than `head`, nothing. A new commit
/// needs a new approval.
pub fn approve(home: &Home, actor: &str, typed: &str, head: Option<&str>) -> Result<Request> {
    change(home, actor, typed, |view, request, stamp| {
        check(view, request, actor)?;
        if let Some(head) = head.filter(|head| !request.head().starts_with(*head)) {
            return Err(Fault::stale(format!(
                "{} is about {}, not about {head}",
                request.id(),
                short(request.head())
            ))
            .hint("look at what is queued now: git gt mq status <request>"));
        }
        if request.approvals().iter().any(|it| it.by == actor) {
            return Ok(None);
        }
        request.approve(actor, stamp);
        let (id, head) = (request.id(), short(request.head()));
        Ok(Some(format!("approve {id} at {head}")))
    })
}

/// Takes back one's approvals of a waiting request.
pub fn unapprove(home: &Home, actor: &str, typed: &str) -> Result<Request> {
    change(home, actor, typed, |_, request, stamp| {
        if !request.unapprove(actor, stamp) {
            let fault = format!("{actor} has not approved {}", request.id());
            return Err(Fault::refused(fault));
        }
        Ok(Some(format!("unapprove {}", request.id())))
    })
}

/// Lets somebody approve a waiting request in one's stead. Whoever was let cannot let others.
pub fn delegate(home: &Home, actor: &str, typed: &str, to: &str) -> Result<Request> {
    if to.trim().is_empty() || to.chars().any(char::is_control) {
        return Err(Fault::invalid(format!("{to:?} can approve nothing"))
            .hint("name who is to: git gt mq approve <request> --delegate grace"));
    }
    change(home, actor, typed, |view, request, stamp| {
        let review = view.review(request.rig())?;
        if !review.may_approve(actor) {
            check(view, request, actor)?;
            let fault = format!("{actor} stands in for somebody and lets nobody else");
            return Err(Fault::refused(fault).hint(format!("who may: {}", review.approvers())));
        }
        if to == request.worker() && !review.by_itself() {
            let fault = format!("{to} did the work of {}", request.id());
            return Err(Fault::refused(fault).hint("somebody else approves it"));
        }
        let known = request.delegations();
        if known.iter().any(|it| it.to == to && it.by == actor) {
            return Ok(None);
        }
        request.delegate((actor, to), stamp);
        Ok(Some(format!("let {to} approve {}", request.id())))
    })
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Stamp, join};
    use crate::record::Submission;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().expect("it is a stamp")
    }

    fn request(head: &str) -> Request {
        let what = Submission {
            head,
            worker: "bob",
            ..Submission::SAMPLE
        };
        Request::new("gt-mr-1", &what, &stamp(1))
    }

    #[test]
    fn an_approval_is_about_one_commit_and_not_ones_own() {
        let review = Review::default();
        let check = |request: &Request, want: &[&str]| {
            assert_eq!(counted(&review, request), want);
        };
        let mut one = request("1111");
        one.approve("ada", &stamp(2));
        one.approve("bob", &stamp(3));
        one.approve("api/polecats/nux", &stamp(4));
        one.approve("ada", &stamp(5));
        check(&one, &["ada"]);
        one.delegate(("bob", "api/polecats/nux"), &stamp(6));
        check(&one, &["ada"]);
        one.delegate(("ada", "api/polecats/nux"), &stamp(7));
        check(&one, &["ada", "api/polecats/nux"]);
        // The approvals of another commit, whoever writes them there.
        let mut other = request("2222").into_record();
        for (key, value) in one.record().entries("approvals") {
            other.set_entry("approvals", key, Some(value.clone()), &stamp(8));
        }
        check(&Request::of(other).expect("it is one"), &[]);
    }

    #[test]
    fn clones_that_approve_apart_are_joined() {
        let base = request("1111");
        let (mut here, mut there) = (base.clone(), base);
        here.approve("ada", &stamp(2));
        there.approve("carl", &stamp(3));
        let joined = join(here.record(), there.record());
        let mut joined = Request::of(joined).expect("it is one");
        assert_eq!(counted(&Review::default(), &joined), ["ada", "carl"]);
        // Taken back in knowledge of one, given again without: the second one stays.
        assert!(joined.unapprove("ada", &stamp(4)));
        here.approve("ada", &stamp(5));
        let joined = join(joined.record(), here.record());
        let joined = Request::of(joined).expect("it is one");
        assert_eq!(joined.approvals().len(), 2);
    }
}
