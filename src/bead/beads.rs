//! Many beads at once, with what leads to each: rows of the index.

use super::custom::{self, Category};
use crate::fault::{Fault, Result};
use crate::ledger::index::Row;
use crate::record::{Bead, BeadRow};
use crate::town::View;

/// The type of the edge from a child to its parent.
pub(super) const PARENT_CHILD: &str = "parent-child";

/// How many records are read at once where nobody knows how many are needed.
const AT_ONCE: usize = 2000;

/// What leads where among beads.
pub trait Graph {
    /// Returns the bead of an id, nothing where it is not there or deleted.
    fn find(&self, id: &str) -> Result<Option<BeadRow<'_>>>;

    /// Returns the beads with an edge to `id`, children too, sorted by id.
    fn leading_to(&self, id: &str) -> Result<Vec<BeadRow<'_>>>;

    /// Returns what a status means that not every project has, where somebody said.
    fn category(&self, status: &str) -> Result<Option<Category>>;

    /// Returns the children of a bead, sorted by id.
    fn children(&self, id: &str) -> Result<Vec<BeadRow<'_>>> {
        let mut found = self.leading_to(id)?;
        found.retain(|row| targets(row).any(|it| it == (id, PARENT_CHILD)));
        Ok(found)
    }

    /// Returns `(bead, type of edge)` of everything that has an edge to `id`, children too.
    fn dependents(&self, id: &str) -> Result<Vec<(BeadRow<'_>, String)>> {
        let mut found = Vec::new();
        for row in self.leading_to(id)? {
            let kinds = targets(&row).filter(|(target, _)| *target == id);
            let kinds: Vec<String> = kinds.map(|(_, kind)| kind.to_owned()).collect();
            found.extend(kinds.into_iter().map(|kind| (row.clone(), kind)));
        }
        Ok(found)
    }
}

/// The beads of a home, without deleted ones.
#[derive(Debug, Clone, Copy)]
pub struct Beads<'v, 'r>(&'v View<'r>);

impl<'v, 'r> Beads<'v, 'r> {
    /// Returns the beads of a view.
    pub fn of(view: &'v View<'r>) -> Self {
        Self(view)
    }

    /// Returns those that are not closed, or all, in the order of lists: the most urgent first, then the
    /// newest.
    pub fn rows(
        &self,
        everything: bool,
    ) -> Result<impl Iterator<Item = Result<BeadRow<'v>>> + use<'v, 'r>> {
        let index = self.0.bead_index()?;
        let rows = if everything {
            index.all()
        } else {
            index.live()
        };
        Ok(rows.map(|row| row.map(BeadRow::of)))
    }

    /// Returns what somebody holds or is assigned to, in no order.
    pub fn of_worker(&self, who: &str) -> Result<Vec<BeadRow<'v>>> {
        let rows = self.0.bead_index()?.with_key(BeadRow::key_of(who))?;
        let rows = rows.into_iter().map(BeadRow::of);
        Ok(rows.filter(|row| row.assignee() == Some(who)).collect())
    }

    /// Returns the ids of all beads, in no order.
    pub fn ids(&self) -> Result<Vec<&'v str>> {
        self.0.bead_index()?.ids()
    }

    /// Returns the first of some beads whose records say what is asked for, in their order. Records are read
    /// many at once, and no further than is needed.
    pub fn whose(
        &self,
        rows: &mut dyn Iterator<Item = Result<BeadRow<'v>>>,
        enough: usize,
        says: &(dyn Fn(&Bead) -> bool + Sync),
    ) -> Result<Vec<BeadRow<'v>>> {
        let (mut found, mut at_once) = (Vec::new(), AT_ONCE);
        while found.len() < enough {
            let some: Vec<BeadRow<'v>> = rows.take(at_once).collect::<Result<_>>()?;
            if some.is_empty() {
                break;
            }
            let says = self.each(&some.iter().collect::<Vec<_>>(), |_, bead| says(bead))?;
            let pairs = some.into_iter().zip(says);
            found.extend(pairs.filter(|(_, says)| *says).map(|(row, _)| row));
            // What is stored as a difference is read together with what it differs from: the fewer times, the
            // better.
            at_once *= 8;
        }
        found.truncate(enough);
        Ok(found)
    }

    /// Returns what `of` makes of beads of this home themselves, in their order; many are read on all cores,
    /// and none is kept.
    pub fn each<T: Send>(
        &self,
        rows: &[&BeadRow<'_>],
        of: impl Fn(usize, &Bead) -> T + Sync,
    ) -> Result<Vec<T>> {
        let index = self.0.bead_index()?;
        let stored = rows
            .iter()
            .map(|row| index.get(row.id())?.ok_or_else(|| gone(row)));
        let stored: Vec<Row<'_>> = stored.collect::<Result<_>>()?;
        let of = |at: usize, record| Bead::of(record).map(|bead| of(at, &bead));
        let found = index.map_records(&stored, of)?.into_iter().zip(rows);
        found.map(|(it, row)| it.ok_or_else(|| gone(row))).collect()
    }

    /// Returns the beads themselves, those of other rigs too.
    pub fn whole(&self, rows: &[BeadRow<'_>]) -> Result<Vec<Bead>> {
        let index = self.0.bead_index()?;
        let here = rows.iter().map(|row| index.get(row.id()));
        let here: Vec<Option<Row<'_>>> = here.collect::<Result<_>>()?;
        let stored: Vec<Row<'_>> = here.iter().copied().flatten().collect();
        let mut records = index.records(&stored)?.into_iter();
        let whole = |(row, here): (&BeadRow<'_>, Option<Row<'_>>)| {
            let bead = match here {
                Some(_) => records.next().and_then(Bead::of),
                None => self.0.bead_anywhere(row.id())?,
            };
            bead.ok_or_else(|| gone(row))
        };
        rows.iter().zip(here).map(whole).collect()
    }
}

fn gone(row: &BeadRow<'_>) -> Fault {
    Fault::stale(format!("'{}' is not there any more", row.id()))
}

impl Graph for Beads<'_, '_> {
    fn category(&self, status: &str) -> Result<Option<Category>> {
        custom::category(self.0, status)
    }

    /// Also finds what edges lead to in other rigs of the town. Reads the record where nobody has asked for
    /// the index yet.
    fn find(&self, id: &str) -> Result<Option<BeadRow<'_>>> {
        let brief = |bead: Bead| (!bead.is_deleted()).then(|| BeadRow::of_bead(&bead));
        if self.0.has_bead_index() {
            let found = self.0.bead_index()?.get(id)?.map(BeadRow::of);
            if found.is_some() || !self.0.is_in_town() {
                return Ok(found);
            }
        }
        match self.0.bead_anywhere(id) {
            // What cannot be read is in nobody's way.
            Err(Fault::Invalid(_)) => Ok(None),
            found => Ok(found?.and_then(brief)),
        }
    }

    fn leading_to(&self, id: &str) -> Result<Vec<BeadRow<'_>>> {
        let rows = self.0.bead_index()?.with_key(BeadRow::key_to(id))?;
        let rows = rows.into_iter().map(BeadRow::of);
        let mut found: Vec<_> = rows
            .filter(|row| targets(row).any(|(target, _)| target == id))
            .collect();
        found.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        Ok(found)
    }
}

/// The beads of all rigs of a town that are on this machine.
#[derive(Debug)]
pub struct TownBeads<'v, 'r>(Vec<Beads<'v, 'r>>);

impl<'v, 'r> TownBeads<'v, 'r> {
    /// Returns the beads of the views of a town's homes.
    pub fn of(views: &'v [View<'r>]) -> Self {
        Self(views.iter().map(Beads::of).collect())
    }

    /// Returns the bead of an id itself.
    pub fn whole(&self, id: &str) -> Result<Option<Bead>> {
        for beads in &self.0 {
            if beads.0.bead_index()?.get(id)?.is_some() {
                return beads.0.bead(id);
            }
        }
        Ok(None)
    }
}

impl Graph for TownBeads<'_, '_> {
    fn category(&self, status: &str) -> Result<Option<Category>> {
        for beads in &self.0 {
            if let Some(found) = beads.category(status)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn find(&self, id: &str) -> Result<Option<BeadRow<'_>>> {
        for beads in &self.0 {
            if let Some(row) = beads.0.bead_index()?.get(id)? {
                return Ok(Some(BeadRow::of(row)));
            }
        }
        Ok(None)
    }

    fn leading_to(&self, id: &str) -> Result<Vec<BeadRow<'_>>> {
        let mut found = Vec::new();
        for beads in &self.0 {
            found.extend(beads.leading_to(id)?);
        }
        found.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(found)
    }
}

/// Returns `(target, type)` of every edge of a bead, the one to its parent first.
pub(super) fn targets<'a>(row: &'a BeadRow<'_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let parent = row.parent().map(|parent| (parent, PARENT_CHILD));
    let edges = row.edges().map(|edge| (edge.target, edge.kind));
    parent.into_iter().chain(edges)
}

/// Beads that a test has made.
#[cfg(test)]
pub(crate) struct Given(pub(crate) Vec<Bead>);

#[cfg(test)]
impl Graph for Given {
    fn category(&self, status: &str) -> Result<Option<Category>> {
        Ok((status == "triage").then_some(Category::Active))
    }

    fn find(&self, id: &str) -> Result<Option<BeadRow<'_>>> {
        let found = self.0.iter().find(|bead| bead.id() == id);
        Ok(found.map(BeadRow::of_bead))
    }

    fn leading_to(&self, id: &str) -> Result<Vec<BeadRow<'_>>> {
        let rows = self.0.iter().map(BeadRow::of_bead);
        let mut found: Vec<_> = rows
            .filter(|row| targets(row).any(|(target, _)| target == id))
            .collect();
        found.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        Ok(found)
    }
}
