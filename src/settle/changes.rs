//! What has changed since the rules last found nothing to do: the rules over many records look at no more.

use super::cursor::Cursor;
use crate::bead::{GATE, is_blocking};
use crate::fault::Result;
use crate::ledger::Name;
use crate::record::{Bead, Convoy, Request};
use crate::town::Home;

/// Records that are not as they were, each kind sorted by id; all there are where nobody knows how they
/// were.
#[derive(Debug, Default)]
pub struct Changes {
    /// The ids of beads, deleted ones too.
    pub ids: Vec<String>,
    /// Those of closed ones.
    pub closed: Vec<String>,
    /// Those of what closed ones waited for; none where nobody knows how the beads were.
    pub awaited: Vec<String>,
    /// Beads from which something may follow by themselves: live ones that somebody holds, those whose work
    /// ended, or waits, without a merge request, and gates. These are few, however many have changed.
    pub beads: Vec<Bead>,
    /// Convoys.
    pub convoys: Vec<Convoy>,
    /// Merge requests.
    pub requests: Vec<Request>,
}

impl Changes {
    /// Returns what differs between what a cursor has seen and where the ledgers stand now; reads what changed
    /// and nothing else.
    pub(super) fn since(home: &Home, cursor: Option<&Cursor>, now: &Cursor) -> Result<Self> {
        // Of a ledger that stands where it stood nothing is asked.
        let then = |tip: fn(&Cursor) -> &str| match cursor.map(tip) {
            Some(then) if then == tip(now) => None,
            then => Some(then),
        };
        let mut changes = Self::default();
        if let Some(then) = then(|it| &it.beads) {
            let is_known = then.is_some();
            for (id, (is_closed, awaited), bead) in
                home.changed_since(Name::Beads, then, |record| {
                    let bead = Bead::of(record)?;
                    let (id, is_closed) = (bead.id().to_owned(), bead.is_closed());
                    let edges = bead.edges().filter(|_| is_closed && is_known);
                    let edges = edges.filter(|it| is_blocking(it.kind));
                    let awaited: Vec<String> = edges.map(|it| it.target.to_owned()).collect();
                    let matters = !is_closed && bead.claim().is_some()
                        || !bead.outcomes().is_empty()
                        || bead.issue_type() == GATE;
                    Some((id, (is_closed, awaited), matters.then_some(bead)))
                })?
            {
                changes.closed.extend(is_closed.then(|| id.clone()));
                changes.awaited.extend(awaited);
                changes.ids.push(id);
                changes.beads.extend(bead);
            }
        }
        if let Some(then) = then(|it| &it.convoys) {
            changes.convoys = home.changed_since(Name::Convoys, then, Convoy::of)?;
        }
        if let Some(then) = then(|it| &it.queue) {
            changes.requests = home.changed_since(Name::Queue, then, Request::of)?;
        }
        Ok(changes)
    }
}
