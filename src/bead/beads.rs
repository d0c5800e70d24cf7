//! Many beads at once, with what leads to each: rows of the index.

use super::custom::{self, Category};
use super::filter::Filter;
use crate::fault::{Fault, Result};
use crate::ledger::index::Row;
use crate::record::{Bead, BeadRow};
use crate::town::View;

/// The type of the edge from a child to its parent.
pub const PARENT_CHILD: &str = "parent-child";

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
        found.retain(|row| is_child(row, id));
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

    /// Returns the first beads that fit, in the order of lists; `also` is asked about rows that do. Records are
    /// read only where a row does not say enough, many at once, and no further than is needed.
    pub fn fitting(
        &self,
        filter: &Filter,
        enough: usize,
        also: &dyn Fn(&BeadRow<'_>) -> Result<bool>,
    ) -> Result<Vec<BeadRow<'v>>> {
        let mut rows = self.candidates(filter)?;
        let (mut found, mut at_once) = (Vec::new(), AT_ONCE);
        while found.len() < enough {
            let (mut some, mut sure) = (Vec::new(), 0);
            while some.len() < at_once && found.len() + sure < enough {
                let Some(row) = rows.next() else { break };
                let row = row?;
                let answer = filter.of_row(&row);
                if answer != Some(false) && also(&row)? {
                    sure += usize::from(answer.is_some());
                    some.push((row, answer.is_some()));
                }
            }
            if some.is_empty() {
                break;
            }
            let unsure = some.iter().filter(|(_, is_sure)| !is_sure);
            let unsure: Vec<&BeadRow<'_>> = unsure.map(|(row, _)| row).collect();
            let fits = self.each(&unsure, |at, bead| filter.of_bead(unsure[at], bead))?;
            let mut fits = fits.into_iter();
            let fitting = some
                .into_iter()
                .filter(|(_, is_sure)| *is_sure || fits.next() == Some(true));
            found.extend(fitting.map(|(row, _)| row));
            // What is stored as a difference is read together with what it differs from: the fewer times, the
            // better.
            at_once *= 8;
        }
        found.truncate(enough);
        Ok(found)
    }

    /// Returns what may fit, in the order of lists.
    fn candidates(
        &self,
        filter: &Filter,
    ) -> Result<Box<dyn Iterator<Item = Result<BeadRow<'v>>> + 'v>>
    where
        'r: 'v,
    {
        let Some(parent) = &filter.parent else {
            return Ok(Box::new(self.rows(filter.wants_closed())?));
        };
        let mut children = self.with_edge_to(parent)?;
        children.sort_by(|a, b| a.place().cmp(&b.place()));
        Ok(Box::new(children.into_iter().map(Ok)))
    }

    /// Returns the beads with an edge to `id`, children too, in no order.
    fn with_edge_to(&self, id: &str) -> Result<Vec<BeadRow<'v>>> {
        let rows = self.0.bead_index()?.with_key(BeadRow::key_to(id))?;
        let rows = rows.into_iter().map(BeadRow::of);
        let pending = self.0.pending();
        let rows = rows.filter(|row| !pending.iter().any(|it| it.id() == row.id()));
        let live = pending.iter().filter(|it| !it.is_deleted());
        Ok(rows
            .chain(live.map(|it| -> BeadRow<'v> { BeadRow::of_bead(it) }))
            .filter(|row| targets(row).any(|(target, _)| target == id))
            .collect())
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
        if self.0.has_bead_index() && !self.0.has_pending() {
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
        let mut found = self.with_edge_to(id)?;
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

/// Returns whether a bead is a child of another one.
pub(super) fn is_child(row: &BeadRow<'_>, parent: &str) -> bool {
    targets(row).any(|it| it == (parent, PARENT_CHILD))
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
