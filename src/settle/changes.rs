//! What has changed since the rules last found nothing to do: the rules over many records look at no more.

use super::cursor::Cursor;
use crate::fault::Result;
use crate::ledger::{Name, Record};
use crate::record::{Bead, Convoy, Request};
use crate::town::Home;

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
    pub(super) fn since(home: &Home, cursor: Option<&Cursor>) -> Result<Self> {
        fn changed<T>(
            home: &Home,
            name: Name,
            then: Option<&str>,
            of: fn(Record) -> Option<T>,
        ) -> Result<Vec<T>> {
            let records = home.changed_since(name, then)?;
            Ok(records.into_iter().filter_map(of).collect())
        }
        let then = |of: fn(&Cursor) -> &str| cursor.map(of);
        Ok(Self {
            beads: changed(home, Name::Beads, then(|it| &it.beads), Bead::of)?,
            convoys: changed(home, Name::Convoys, then(|it| &it.convoys), Convoy::of)?,
            requests: changed(home, Name::Queue, then(|it| &it.queue), Request::of)?,
        })
    }

    /// Returns whether nothing is.
    pub(super) fn is_empty(&self) -> bool {
        self.beads.is_empty() && self.convoys.is_empty() && self.requests.is_empty()
    }
}
