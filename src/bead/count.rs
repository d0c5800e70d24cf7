//! How many beads there are, by what they are and how they stand.

use std::collections::BTreeMap;

use super::beads::Graph;
use super::filter::Filter;
use super::ready::{Blockers, is_ready};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::BeadRow;

/// What beads are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait {
    /// The status as it is shown.
    Status,
    /// The priority, as P0 to P4.
    Priority,
    /// The type.
    Type,
    /// Who holds it or is assigned to it.
    Assignee,
    /// Each of its labels.
    Label,
}

/// Beads counted by what they are.
#[derive(Debug)]
pub struct Groups {
    by: Option<Trait>,
    total: usize,
    counts: BTreeMap<String, usize>,
}

impl Groups {
    /// Returns an empty count by a trait, or of all together.
    pub fn by(by: Option<Trait>) -> Self {
        Self {
            by,
            total: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Counts a bead.
    pub fn add(&mut self, bead: &BeadRow<'_>) {
        self.total += 1;
        match self.by {
            None => {}
            Some(Trait::Status) => self.count(bead.status()),
            Some(Trait::Priority) => self.count(&format!("P{}", bead.priority())),
            Some(Trait::Type) => self.count(bead.issue_type()),
            Some(Trait::Assignee) => self.count(bead.assignee().unwrap_or("(unassigned)")),
            Some(Trait::Label) => {
                let mut labels = bead.labels().peekable();
                if labels.peek().is_none() {
                    self.count("(no labels)");
                }
                labels.for_each(|label| self.count(label));
            }
        }
    }

    fn count(&mut self, group: &str) {
        match self.counts.get_mut(group) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(group.to_owned(), 1);
            }
        }
    }

    /// Returns how many beads were counted.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns the groups and how many are in each, nothing where all were counted together.
    pub fn counts(&self) -> Option<&BTreeMap<String, usize>> {
        self.by.map(|_| &self.counts)
    }
}

/// How many beads something happened to of late; to one can several things.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Those that were made.
    pub created: usize,
    /// Those that were closed, and are.
    pub closed: usize,
    /// Those of before that changed.
    pub updated: usize,
}

impl Activity {
    /// Counts a bead by what happened to it after a time.
    pub fn add(&mut self, bead: &BeadRow<'_>, since: Time) {
        let is_new = bead.created() > since;
        self.created += usize::from(is_new);
        self.closed += usize::from(bead.closed().is_some_and(|closed| closed > since));
        self.updated += usize::from(!is_new && bead.updated() > since);
    }
}

/// How many beads stand how; one can stand in several ways.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stats {
    /// All that are not deleted.
    pub total: usize,
    /// Those whose status is `open`.
    pub open: usize,
    /// Those whose status is `in_progress`.
    pub in_progress: usize,
    /// Those that are closed.
    pub closed: usize,
    /// Those that wait for others, as the list of these has them.
    pub blocked: usize,
    /// Those whose status is `deferred`.
    pub deferred: usize,
    /// Those that can be begun now.
    pub ready: usize,
    /// Those that are pinned and not closed.
    pub pinned: usize,
    /// Epics that are not closed while all their children are, of which there are some.
    pub epics: usize,
    /// The milliseconds from making to closing, of all closed ones together.
    lead: u64,
}

impl Stats {
    /// Counts a bead of a graph.
    pub fn add(&mut self, graph: &dyn Graph, bead: &BeadRow<'_>, now: Time) -> Result<()> {
        self.total += 1;
        if let Some(closed) = bead.closed() {
            self.closed += 1;
            let lead = closed.0.saturating_sub(bead.created().0);
            self.lead = self.lead.saturating_add(lead);
            return Ok(());
        }
        match bead.status() {
            "open" => self.open += 1,
            "in_progress" => self.in_progress += 1,
            "deferred" => self.deferred += 1,
            _ => {}
        }
        self.pinned += usize::from(bead.is_pinned());
        let listed = Filter::default().of_row(bead) == Some(true);
        self.blocked += usize::from(listed && Blockers::new(graph).block(bead)?);
        self.ready += usize::from(is_ready(graph, bead, now)?);
        if bead.issue_type() == "epic" {
            let children = graph.children(bead.id())?;
            let over = !children.is_empty() && children.iter().all(BeadRow::is_closed);
            self.epics += usize::from(over);
        }
        Ok(())
    }

    /// Returns how many hours it took from making to closing, on average and to the hundredth; 0 where
    /// nothing is closed.
    pub fn lead_time_hours(&self) -> f64 {
        if self.closed == 0 {
            return 0.0;
        }
        let hours = self.lead as f64 / self.closed as f64 / 3_600_000.0;
        (hours * 100.0).round() / 100.0
    }
}
