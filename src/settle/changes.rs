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
    /// Returns what differs between what a cursor has seen and where the ledgers stand now; reads what changed
    /// and nothing else.
    pub(super) fn since(home: &Home, cursor: Option<&Cursor>, now: &Cursor) -> Result<Self> {
        let changed = |name: Name, tip: fn(&Cursor) -> &str| -> Result<Vec<Record>> {
            match cursor.map(tip) {
                Some(then) if then == tip(now) => Ok(Vec::new()),
                then => home.changed_since(name, then),
            }
        };
        let beads = changed(Name::Beads, |it| &it.beads)?.into_iter();
        let convoys = changed(Name::Convoys, |it| &it.convoys)?.into_iter();
        let requests = changed(Name::Queue, |it| &it.queue)?.into_iter();
        Ok(Self {
            beads: beads.filter_map(Bead::of).collect(),
            convoys: convoys.filter_map(Convoy::of).collect(),
            requests: requests.filter_map(Request::of).collect(),
        })
    }
}
