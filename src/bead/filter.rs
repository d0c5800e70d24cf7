//! Which beads a list shows, and in which order.

use std::cmp::{Ordering, Reverse};

use super::ready::is_pinned;
use super::words::INFRASTRUCTURE;
use crate::ledger::Time;
use crate::record::Bead;

/// What `list` and `ready` are asked for; nothing set lets every bead pass.
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
    /// Returns whether a list shows a bead.
    pub fn lists(&self, bead: &Bead) -> bool {
        self.status_fits(bead) && self.kind_fits(bead) && self.fits(bead)
    }

    fn status_fits(&self, bead: &Bead) -> bool {
        if self.statuses.is_empty() {
            return self.everything || !(bead.is_closed() || is_pinned(bead));
        }
        self.statuses
            .iter()
            .any(|it| it == bead.status() || it == "all")
    }

    fn kind_fits(&self, bead: &Bead) -> bool {
        let kind = bead.issue_type();
        let hidden =
            kind == "gate" || INFRASTRUCTURE.contains(&kind) || bead.record().flag("is_template");
        self.everything || !hidden || self.issue_type.as_deref() == Some(kind)
    }

    /// Returns whether what people ask for by name fits: priority, type, assignee, labels.
    pub fn fits(&self, bead: &Bead) -> bool {
        let assignee = bead.assignee();
        self.priority.is_none_or(|it| it == bead.priority())
            && self
                .issue_type
                .as_deref()
                .is_none_or(|it| it == bead.issue_type())
            && self
                .assignee
                .as_deref()
                .is_none_or(|it| assignee.as_deref() == Some(it))
            && !(self.unassigned && assignee.is_some())
            && self
                .labels
                .iter()
                .all(|label| bead.labels().any(|it| it == label))
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

/// Sorts beads; the order is total.
pub fn order(beads: &mut [&Bead], by: Order, now: Time) {
    let age = |bead: &Bead| now.0.saturating_sub(bead.record().created().time().0);
    let urgent = |a: &Bead, b: &Bead| {
        let newest = |bead: &Bead| (bead.priority(), Reverse(bead.record().created().time()));
        newest(a).cmp(&newest(b))
    };
    let oldest = |a: &Bead, b: &Bead| {
        a.record()
            .created()
            .time()
            .cmp(&b.record().created().time())
    };
    let compare = |a: &Bead, b: &Bead| match by {
        Order::Priority => urgent(a, b),
        Order::Oldest => oldest(a, b),
        Order::Hybrid => match (age(a) > NEW, age(b) > NEW) {
            (false, false) => urgent(a, b),
            (true, true) => oldest(a, b),
            (false, true) => Ordering::Less,
            (true, false) => Ordering::Greater,
        },
    };
    beads.sort_by(|a, b| compare(a, b).then_with(|| a.id().cmp(b.id())));
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
        let mut sorted: Vec<&Bead> = beads.iter().collect();
        order(&mut sorted, by, now);
        let got: Vec<&str> = sorted.iter().map(|bead| bead.id()).collect();
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
