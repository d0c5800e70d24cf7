//! How far a convoy has come: its beads' to say, and never stored.

use crate::bead::{Graph, is_ready};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::{BeadRow, Convoy};
use crate::town::View;

/// Where a bead of a convoy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Closed or deleted.
    Closed,
    /// Somebody works on it.
    InProgress,
    /// It could be begun now.
    Ready,
    /// It waits for something.
    Blocked,
    /// It is not in this clone yet.
    Missing,
}

impl Stand {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::InProgress => "in_progress",
            Self::Ready => "ready",
            Self::Blocked => "blocked",
            Self::Missing => "not here yet",
        }
    }
}

/// A bead of a convoy.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub stand: Stand,
    /// The bead, where it is here.
    pub bead: Option<BeadRow<'static>>,
}

/// How far a convoy has come.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Its beads, sorted by id.
    pub parts: Vec<Part>,
}

impl Progress {
    /// Returns how many beads stand there.
    pub fn count(&self, stand: Stand) -> usize {
        self.parts.iter().filter(|it| it.stand == stand).count()
    }

    /// Returns how many beads it has.
    pub fn total(&self) -> usize {
        self.parts.len()
    }

    /// Returns whether nothing is left to do; a convoy of nothing is never done.
    pub fn is_complete(&self) -> bool {
        !self.parts.is_empty() && self.count(Stand::Closed) == self.total()
    }
}

/// Returns how far a convoy has come over a view; `beads` are those of the town.
pub fn stands(view: &View<'_>, convoy: &Convoy, beads: &dyn Graph) -> Result<Progress> {
    let is_deleted = |id: &str| {
        let found = view.bead_anywhere(id).ok().flatten();
        found.is_some_and(|bead| bead.is_deleted())
    };
    progress(convoy, beads, is_deleted, view.repo().world().now())
}

/// Returns how far a convoy has come; `beads` are all there are, without deleted ones, which `is_deleted`
/// tells from those that are not here yet.
fn progress(
    convoy: &Convoy,
    beads: &dyn Graph,
    is_deleted: impl Fn(&str) -> bool,
    now: Time,
) -> Result<Progress> {
    let stand = |bead: &BeadRow<'_>| {
        Ok(match bead.status() {
            _ if bead.is_closed() => Stand::Closed,
            "in_progress" | "hooked" => Stand::InProgress,
            _ if is_ready(beads, bead, now)? => Stand::Ready,
            _ => Stand::Blocked,
        })
    };
    let part = |id: &str| {
        let bead = beads.find(id)?;
        let stand = match &bead {
            Some(bead) => stand(bead)?,
            None if is_deleted(id) => Stand::Closed,
            None => Stand::Missing,
        };
        Ok(Part {
            id: id.to_owned(),
            stand,
            bead: bead.map(BeadRow::into_owned),
        })
    };
    let parts = convoy.beads().map(part).collect::<Result<_>>()?;
    Ok(Progress { parts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bead::Given;
    use crate::ledger::Stamp;
    use crate::record::Bead;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    /// Beads are written `id` for an open one, `id=closed`, `id@holder` or `id<other` for one that waits.
    #[track_caller]
    fn check(convoy: &str, beads: &str, want: &str) {
        let bead = |text: &str| {
            let id = text.split(['=', '@', '<']).next().unwrap();
            let mut bead = Bead::new(id, "t", &stamp(1));
            if text.contains('=') {
                bead.close("", &stamp(2));
            }
            if let Some((_, by)) = text.split_once('@') {
                bead.set_claim(1, by, &stamp(2));
            }
            if let Some((_, other)) = text.split_once('<') {
                let record = bead.record_mut();
                record.set_entry("deps", other, Some("blocks".into()), &stamp(2));
            }
            bead
        };
        let beads = Given(beads.split_whitespace().map(bead).collect());
        let mut record = Convoy::new("gt-cv-1", "c", &stamp(1));
        for id in convoy.split_whitespace() {
            record.add(id, &stamp(1));
        }
        let progress = progress(&record, &beads, |id| id == "gone", Time(0)).unwrap();
        let parts = progress
            .parts
            .iter()
            .map(|it| format!("{} {}", it.id, it.stand.word()));
        let mut got: Vec<String> = parts.collect();
        if progress.is_complete() {
            got.push("complete".to_owned());
        }
        assert_eq!(got.join(", "), want);
    }

    #[test]
    fn every_bead_stands_somewhere() {
        check(
            "a b c d e",
            "a=closed b@nux c d<c x",
            "a closed, b in_progress, c ready, d blocked, e not here yet",
        );
    }

    #[test]
    fn a_convoy_is_complete_when_nothing_is_left() {
        check("a b", "a=closed b=closed", "a closed, b closed, complete");
        check("a gone", "a=closed", "a closed, gone closed, complete");
        check("a b", "a=closed", "a closed, b not here yet");
        check("", "a=closed", "");
    }
}
