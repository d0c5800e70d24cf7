//! Which beads a list shows, and in which order.

use std::cmp::Ordering;

use super::words::INFRASTRUCTURE;
use crate::ledger::Time;
use crate::record::{Bead, BeadRow};

/// What commands over many beads are asked for; nothing set lets every bead pass.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only beads of one of these statuses; none: by [`Filter::everything`].
    pub statuses: Vec<String>,
    /// Also closed and pinned beads, gates, templates and the town's furniture.
    pub everything: bool,
    /// Only this priority.
    pub priority: Option<i64>,
    /// Only this type.
    pub issue_type: Option<String>,
    /// Only beads somebody holds or is assigned to.
    pub assignee: Option<String>,
    /// Only beads nobody holds or is assigned to.
    pub unassigned: bool,
    /// Only beads with all of these labels.
    pub labels: Vec<String>,
}

impl Filter {
    /// Returns whether a list may show closed beads.
    pub fn wants_closed(&self) -> bool {
        let is_live = |status: &String| Bead::LIVE.contains(&status.as_str());
        match self.statuses.is_empty() {
            true => self.everything,
            false => !self.statuses.iter().all(is_live),
        }
    }

    /// Returns whether a list shows a bead.
    pub fn lists(&self, bead: &BeadRow<'_>) -> bool {
        self.status_fits(bead) && self.kind_fits(bead) && self.fits(bead)
    }

    fn status_fits(&self, bead: &BeadRow<'_>) -> bool {
        if self.statuses.is_empty() {
            return self.everything || !(bead.is_closed() || bead.is_pinned());
        }
        let status = bead.status();
        self.statuses.iter().any(|it| it == status || it == "all")
    }

    fn kind_fits(&self, bead: &BeadRow<'_>) -> bool {
        let kind = bead.issue_type();
        let hidden = kind == "gate" || INFRASTRUCTURE.contains(&kind) || bead.is_template();
        self.everything || !hidden || self.issue_type.as_deref() == Some(kind)
    }

    /// Returns whether what people ask for by name fits: priority, type, assignee, labels.
    pub fn fits(&self, bead: &BeadRow<'_>) -> bool {
        self.priority.is_none_or(|it| it == bead.priority())
            && self
                .issue_type
                .as_deref()
                .is_none_or(|it| it == bead.issue_type())
            && self
                .assignee
                .as_deref()
                .is_none_or(|it| bead.assignee() == Some(it))
            && !(self.unassigned && bead.assignee().is_some())
            && self
                .labels
                .iter()
                .all(|label| bead.labels().any(|it| it == label))
    }
}

/// What is looked for in texts, in capitals or not.
#[derive(Debug)]
pub struct Words(String);

impl Words {
    /// Returns what is looked for.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Returns whether nothing is looked for, which is everywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a text holds it.
    pub fn are_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Most urgent first, then newest.
    #[default]
    Priority,
    /// What is younger than two days by priority, then the rest, oldest first.
    Hybrid,
    /// Oldest first.
    Oldest,
}

/// How long a bead counts as new, in milliseconds.
const NEW: u64 = 48 * 3600 * 1000;

/// Returns which of two beads comes first; the order is total.
pub fn compare(a: &BeadRow<'_>, b: &BeadRow<'_>, by: Order, now: Time) -> Ordering {
    let is_new = |bead: &BeadRow<'_>| now.0.saturating_sub(bead.created().0) <= NEW;
    let urgent = |a: &BeadRow<'_>, b: &BeadRow<'_>| a.place().cmp(&b.place());
    let oldest = |a: &BeadRow<'_>, b: &BeadRow<'_>| {
        let place = |bead: &BeadRow<'_>| (bead.created(), bead.id().to_owned());
        place(a).cmp(&place(b))
    };
    match by {
        Order::Priority => urgent(a, b),
        Order::Oldest => oldest(a, b),
        Order::Hybrid => match (is_new(a), is_new(b)) {
            (true, true) => urgent(a, b),
            (false, false) => oldest(a, b),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;

    const HOUR: u64 = 3_600_000;

    /// Beads are written `id:priority@age in hours`.
    #[track_caller]
    fn check(by: Order, text: &str, want: &str) {
        let now = Time(1000 * HOUR);
        let parse = |word: &str| {
            let (id, rest) = word.split_once(':').unwrap();
            let (priority, age) = rest.split_once('@').unwrap();
            let time = Time(now.0 - age.parse::<u64>().unwrap() * HOUR);
            let stamp = Stamp::imported(time, "k");
            let mut bead = Bead::new(id, "t", &stamp);
            let priority: i64 = priority.parse().unwrap();
            bead.record_mut()
                .set("priority", Some(priority.into()), &stamp);
            bead
        };
        let beads: Vec<Bead> = text.split(' ').map(parse).collect();
        let mut sorted: Vec<BeadRow<'_>> = beads.iter().map(BeadRow::of_bead).collect();
        sorted.sort_by(|a, b| compare(a, b, by, now));
        let got: Vec<&str> = sorted.iter().map(BeadRow::id).collect();
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn lists_are_sorted() {
        let beads = "a:2@100 b:1@90 c:3@5 d:1@5 e:1@5 f:0@60";
        check(Order::Priority, beads, "f d e b a c");
        check(Order::Oldest, beads, "a b f c d e");
        check(Order::Hybrid, beads, "d e c a b f");
    }
}
