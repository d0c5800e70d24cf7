//! The line: what may land on a branch, in order, and what has to wait for something first.
//!
//! What holds a request is never stored: it is derived from the records each time, so that nothing has to
//! be woken when the reason is gone.

mod arrange;
mod held;
mod needs;
#[cfg(test)]
mod tests;

use crate::fault::Result;
use crate::ledger::Time;
use crate::record::{Class, Freeze, Request, RequestStatus};
use crate::town::View;

use arrange::{Member, arrange};
pub use held::{Gone, Held};
use needs::Needs;

/// What waits to land on a branch.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// What may land, the next one first.
    pub items: Vec<Item>,
    /// What has to wait for something first, in the order it would have otherwise, and for what.
    pub held: Vec<(Request, Held)>,
    /// The freeze of the branch, while it holds.
    pub frozen: Option<Freeze>,
}

/// One request, or a group of them that land together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The requests, in the order in which they are merged; never none.
    pub requests: Vec<Request>,
    /// Which items of the line, all of them ahead of it, have to be landed before it or together with it.
    pub after: Vec<usize>,
}

impl Item {
    /// Returns how urgent it is: as its most urgent request.
    pub fn class(&self) -> Class {
        let classes = self.requests.iter().map(Request::class);
        classes.min().unwrap_or(Class::Priority(4))
    }

    /// Returns the group it is, nothing for a request of its own.
    pub fn group(&self) -> Option<&str> {
        let group = self.requests.first().map(Request::group);
        group.filter(|name| !name.is_empty())
    }
}

impl Line {
    /// Returns the requests that may land, in order.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.items.iter().flat_map(|item| &item.requests)
    }

    /// Returns what a request waits for before it may land, nothing where it may.
    pub fn held(&self, request: &str) -> Option<&Held> {
        let mut held = self.held.iter();
        held.find(|(it, _)| it.id() == request).map(|(_, why)| why)
    }
}

/// Returns whether a request stands in a line: it is live and nothing else was decided about it.
pub(super) fn stands(request: &Request) -> bool {
    let status = request.status();
    request.is_live() && [RequestStatus::Queued, RequestStatus::Held].contains(&status)
}

/// Returns the line of a rig's branch: hotfixes first, then by priority, longest queued first, and whatever
/// waits for others behind those, however urgent it is, which pulls them forward.
///
/// The order is total, so two Refineries that see the same records take the same request.
pub fn line(view: &View<'_>, rig: &str, target: &str, now: Time) -> Result<Line> {
    let mut here = view.live_requests()?;
    here.retain(|it| stands(it) && it.rig() == rig && it.target() == target);
    let frozen = view.freeze(target)?.filter(|it| it.holds_at(now));
    if here.is_empty() {
        return Ok(Line {
            frozen,
            ..Line::default()
        });
    }
    let mut needs = Needs::of(view, (rig, target), &here, frozen.as_ref())?;
    let mut members = Vec::with_capacity(here.len());
    for request in &here {
        let (own, after) = needs.of_request(request)?;
        members.push(Member { own, after });
    }
    let groups = needs.groups()?;
    let (items, held) = arrange(here, &members, &groups);
    Ok(Line {
        items,
        held,
        frozen,
    })
}
