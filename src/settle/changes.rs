//! What has changed since the rules last found nothing to do: the rules over many records look at no more.

use super::cursor::Cursor;
use crate::fault::Result;
use crate::ledger::{Name, Record};
use crate::record::{Bead, Convoy, Request};
use crate::town::View;

/// Records that are not as they were, each kind sorted by id; all there are where nobody knows how they
/// were.
#[derive(Debug, Default)]
pub struct Changes {
    /// Beads, deleted ones too.
    pub beads: Vec<Bead>,
    /// Convoys.
    pub convoys: Vec<Convoy>,
    /// Merge requests.
    pub requests: Vec<Request>,
}

impl Changes {
    /// Returns what differs from what a cursor has seen; reads what changed and nothing else.
    pub(super) fn since(view: &View<'_>, cursor: Option<&Cursor>) -> Result<Self> {
        let then = |of: fn(&Cursor) -> &str| cursor.map(of).unwrap_or_default();
        Ok(Self {
            beads: changed(view, Name::Beads, then(|it| &it.beads), Bead::of)?,
            convoys: changed(view, Name::Convoys, then(|it| &it.convoys), Convoy::of)?,
            requests: changed(view, Name::Queue, then(|it| &it.queue), Request::of)?,
        })
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.beads.len() + self.convoys.len() + self.requests.len()
    }
}

fn changed<T>(
    view: &View<'_>,
    name: Name,
    then: &str,
    of: fn(Record) -> Option<T>,
) -> Result<Vec<T>> {
    let (repo, now) = (view.repo_of(name)?, view.ledger(name)?);
    // A tip that is gone was of another history: everything may have changed then.
    let then = repo.parse_id(then).filter(|tip| repo.has(tip));
    if then.is_some() && then == now.tip() {
        return Ok(Vec::new());
    }
    let older = then.map(|tip| repo.commit(&tip)).transpose()?;
    let mut records: Vec<Record> = now
        .changed_since(older.map(|commit| commit.tree))?
        .into_iter()
        .filter_map(|(_, record)| record)
        .collect();
    records.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(records.into_iter().filter_map(of).collect())
}
