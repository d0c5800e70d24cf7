//! The order of lists.

use crate::fault::{Fault, Result};
use crate::ledger::Time;
use crate::record::BeadRow;

/// What a list is sorted by. Among equals the most urgent comes first, then the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Most urgent first, then newest.
    #[default]
    Priority,
    /// What is younger than two days by priority, then the rest, oldest first.
    Hybrid,
    /// Oldest first.
    Oldest,
    /// Newest first.
    Created,
    /// What changed last first.
    Updated,
    /// What was closed last first; what is not closed at the end.
    Closed,
    /// By the word of the status.
    Status,
    /// By id, numbers in it by their size.
    Id,
    /// By title, in capitals or not.
    Title,
    /// By the word of the type.
    Type,
    /// By who holds it or is assigned to it, nobody first.
    Assignee,
}

/// What people can sort by, and the word for it.
const WORDS: [(&str, Order); 9] = [
    ("priority", Order::Priority),
    ("created", Order::Created),
    ("updated", Order::Updated),
    ("closed", Order::Closed),
    ("status", Order::Status),
    ("id", Order::Id),
    ("title", Order::Title),
    ("type", Order::Type),
    ("assignee", Order::Assignee),
];

/// How long a bead counts as new, in milliseconds.
const NEW: u64 = 48 * 3600 * 1000;

/// What a bead is sorted by: what decides first, in numbers or in text, and what decides among equals.
type Key = (u64, Vec<(u64, String)>, Vec<u8>, String);

impl Order {
    /// Returns the order a word stands for.
    pub fn of(word: &str) -> Result<Self> {
        let found = WORDS.iter().find(|(known, _)| *known == word);
        found.map(|(_, order)| *order).ok_or_else(|| {
            let known = WORDS.map(|(known, _)| known).join(", ");
            Fault::invalid(format!("'{word}' is nothing to sort by"))
                .hint(format!("one of: {known}"))
        })
    }

    /// Sorts what stands for beads; the order is total.
    pub fn sort<'a, T>(
        self,
        all: &mut [T],
        reverse: bool,
        now: Time,
        row: impl Fn(&T) -> &BeadRow<'a>,
    ) {
        all.sort_by_cached_key(|it| self.key(row(it), now));
        if reverse {
            all.reverse();
        }
    }

    fn key(self, bead: &BeadRow<'_>, now: Time) -> Key {
        let (order, id) = bead.place();
        let (order, id) = (order.to_vec(), id.to_owned());
        let number = |number: u64| (number, Vec::new(), order.clone(), id.clone());
        let text = |text: &str| (0, vec![(0, text.to_owned())], order.clone(), id.clone());
        let by_age = |first| (first, Vec::new(), Vec::new(), id.clone());
        let newest = |time: Time| number(!time.0);
        match self {
            Self::Priority => number(0),
            Self::Oldest => by_age(bead.created().0),
            Self::Hybrid if now.0.saturating_sub(bead.created().0) <= NEW => number(0),
            Self::Hybrid => by_age(bead.created().0.saturating_add(1)),
            Self::Created => newest(bead.created()),
            Self::Updated => newest(bead.updated()),
            Self::Closed => bead.closed().map_or_else(|| number(u64::MAX), newest),
            Self::Status => text(bead.status()),
            Self::Id => (0, natural(bead.id()), order.clone(), id.clone()),
            Self::Title => text(&bead.title().to_lowercase()),
            Self::Type => text(bead.issue_type()),
            Self::Assignee => text(bead.assignee().unwrap_or_default()),
        }
    }
}

/// Returns a text in parts, each a number and what stands behind it: so `a.10` comes behind `a.9`.
fn natural(text: &str) -> Vec<(u64, String)> {
    let mut parts = vec![(0_u64, String::new())];
    let mut is_number = false;
    for c in text.chars() {
        let last = parts.last_mut().expect("there is always one");
        match c.to_digit(10) {
            Some(digit) if is_number => {
                last.0 = last.0.saturating_mul(10).saturating_add(digit.into());
            }
            Some(digit) => parts.push((digit.into(), String::new())),
            None => last.1.push(c),
        }
        is_number = c.is_ascii_digit();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use crate::record::Bead;
    use serde_json::json;

    const HOUR: u64 = 3_600_000;

    /// Beads are written `id:priority@age in hours`, and `!hours` where they were closed.
    #[track_caller]
    fn check(by: Order, reverse: bool, text: &str, want: &str) {
        let now = Time(1000 * HOUR);
        let parse = |word: &str| {
            let (id, rest) = word.split_once(':').unwrap();
            let (priority, age) = rest.split_once('@').unwrap();
            let (age, closed) = age.split_once('!').unwrap_or((age, ""));
            let ago = |hours: &str| Time(now.0 - hours.parse::<u64>().unwrap() * HOUR);
            let stamp = Stamp::imported(ago(age), "k");
            let mut bead = Bead::new(id, &id.to_uppercase(), &stamp);
            let priority: i64 = priority.parse().unwrap();
            let record = bead.record_mut();
            record.set("priority", Some(priority.into()), &stamp);
            if !closed.is_empty() {
                let closed = ago(closed).to_string();
                let state = json!({ "closed_at": closed, "life": 1, "status": "closed" });
                record.set("state", Some(state), &Stamp::imported(now, "k"));
            }
            bead
        };
        let beads: Vec<Bead> = text.split(' ').map(parse).collect();
        let mut sorted: Vec<BeadRow<'_>> = beads.iter().map(BeadRow::of_bead).collect();
        by.sort(&mut sorted, reverse, now, |it| it);
        let got: Vec<&str> = sorted.iter().map(BeadRow::id).collect();
        assert_eq!(got.join(" "), want, "{by:?}");
    }

    #[test]
    fn lists_are_sorted() {
        let beads = "a:2@100 b:1@90 c:3@5 d:1@5 e:1@5 f:0@60";
        check(Order::Priority, false, beads, "f d e b a c");
        check(Order::Priority, true, beads, "c a b e d f");
        check(Order::Oldest, false, beads, "a b f c d e");
        check(Order::Hybrid, false, beads, "d e c a b f");
        check(Order::Created, false, beads, "d e c f b a");
        check(Order::Title, true, beads, "f e d c b a");
        let beads = "a.2:2@9 a.10:2@9!3 a.9:2@8!2 a:1@7 b1:0@1";
        check(Order::Id, false, beads, "a a.2 a.9 a.10 b1");
        check(Order::Closed, false, beads, "a.9 a.10 b1 a a.2");
        check(Order::Updated, false, beads, "a.9 a.10 b1 a a.2");
        check(Order::Status, false, beads, "a.9 a.10 b1 a a.2");
        check(Order::Assignee, false, beads, "b1 a a.9 a.10 a.2");
    }

    #[test]
    fn orders_have_words() {
        assert_eq!(Order::of("updated").unwrap(), Order::Updated);
        let fault = Order::of("age").unwrap_err().to_string();
        assert_eq!(fault, "'age' is nothing to sort by");
    }
}
