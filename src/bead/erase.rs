//! Deleting beads: what else changes where they are gone, and what is left of them.

use super::beads::{Beads, Graph as _};
use super::close::delete;
use super::edges::unlink;
use crate::fault::Result;
use crate::ledger::Pen;
use crate::record::{Bead, BeadRow};
use crate::town::View;

/// What deleting beads comes to.
#[derive(Debug, Default)]
pub struct Erased {
    /// The beads that go, as they are before.
    pub gone: Vec<Bead>,
    /// Everything that is to be written: their tombstones, and others that lose edges and mentions.
    pub changed: Vec<Bead>,
    /// How many edges go.
    pub edges: usize,
    /// How many labels go.
    pub labels: usize,
    /// How many beads no longer mention them by their ids.
    pub mentions: usize,
    /// Ids of beads that stay and had an edge to one that goes.
    pub orphaned: Vec<String>,
}

/// Texts in which ids are mentioned.
const TEXTS: [&str; 4] = ["description", "design", "acceptance_criteria", "notes"];

/// Returns what deleting some beads comes to; with `cascade`, whatever has an edge to them goes as well.
pub fn erase(
    view: &View<'_>,
    pen: &Pen<'_>,
    (ids, cascade, actor): (&[String], bool, &str),
) -> Result<Erased> {
    let beads = Beads::of(view);
    let mut all: Vec<String> = Vec::new();
    let mut next: Vec<String> = ids.iter().rev().cloned().collect();
    while let Some(id) = next.pop() {
        if all.contains(&id) {
            continue;
        }
        if cascade {
            let leading = beads.leading_to(&id)?;
            next.extend(leading.iter().map(|row| row.id().to_owned()));
        }
        all.push(id);
    }
    let mut erased = Erased::default();
    for id in &all {
        let Some(mut bead) = view.bead(id)?.filter(|it| !it.is_deleted()) else {
            continue;
        };
        erased.gone.push(bead.clone());
        erased.labels += bead.labels().count();
        erased.edges += bead.edges().count() + usize::from(bead.parent().is_some());
        for row in beads.leading_to(id)? {
            if !all.iter().any(|it| it == row.id()) {
                let known = erased.orphaned.iter().any(|it| it == row.id());
                erased.edges += 1;
                if !known {
                    erased.orphaned.push(row.id().to_owned());
                }
            }
        }
        let stamp = pen.stamp(bead.record());
        delete(&mut bead, actor, &stamp);
        view.put(bead);
    }
    for id in &erased.orphaned {
        let Some(mut bead) = view.bead(id)? else {
            continue;
        };
        let stamp = pen.stamp(bead.record());
        for gone in &erased.gone {
            unlink(&mut bead, gone.id(), &stamp);
        }
        view.put(bead);
    }
    erased.mentions = forget(view, pen, &erased.gone)?;
    erased.changed = view.pending();
    erased.orphaned.sort_unstable();
    Ok(erased)
}

/// Rewrites mentions of beads that go in the texts of all that stay, and returns in how many of these there were
/// some.
fn forget(view: &View<'_>, pen: &Pen<'_>, gone: &[Bead]) -> Result<usize> {
    let beads = Beads::of(view);
    let rows: Vec<BeadRow<'_>> = beads.rows(true)?.collect::<Result<_>>()?;
    let stay: Vec<&BeadRow<'_>> = rows
        .iter()
        .filter(|row| !gone.iter().any(|it| it.id() == row.id()))
        .collect();
    let says = |bead: &Bead| {
        let texts = TEXTS.map(|field| bead.record().text(field));
        let has = |id: &str| texts.iter().any(|text| unmentioned(text, id).is_some());
        gone.iter().any(|it| has(it.id()))
    };
    let found = beads.each(&stay, |_, bead| says(bead))?;
    let found = stay.iter().zip(found).filter(|(_, says)| *says);
    let mut count = 0;
    for (row, _) in found {
        let Some(mut bead) = view.bead(row.id())? else {
            continue;
        };
        let stamp = pen.stamp(bead.record());
        for field in TEXTS {
            let mut text = bead.record().text(field).to_owned();
            for it in gone {
                text = unmentioned(&text, it.id()).unwrap_or(text);
            }
            if text != bead.record().text(field) {
                bead.record_mut().set(field, Some(text.into()), &stamp);
            }
        }
        view.put(bead);
        count += 1;
    }
    Ok(count)
}

/// Returns a text in which an id is marked as deleted wherever it stands by itself; nothing where it does not.
fn unmentioned(text: &str, id: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut marked = String::new();
    let mut from = 0;
    for (at, _) in text.match_indices(id) {
        let (before, after) = (&text[..at], &text[at + id.len()..]);
        let mut rest = after.chars();
        let is_child = |next: Option<char>, rest: &mut std::str::Chars<'_>| {
            next == Some('.') && rest.next().is_some_and(|c| c.is_ascii_digit())
        };
        let next = rest.next();
        let alone = !before.ends_with(is_part)
            && !next.is_some_and(is_part)
            && !is_child(next, &mut rest)
            && !before.ends_with("[deleted:");
        if alone && at >= from {
            marked.push_str(&text[from..at]);
            marked.push_str(&format!("[deleted:{id}]"));
            from = at + id.len();
        }
    }
    (from > 0).then(|| marked + &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_marked_where_they_stand_by_themselves() {
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(unmentioned(text, "gt-1").as_deref(), want, "{text}");
        };
        check("see gt-1.", Some("see [deleted:gt-1]."));
        check("gt-1, gt-1", Some("[deleted:gt-1], [deleted:gt-1]"));
        check("(gt-1)\ngt-12", Some("([deleted:gt-1])\ngt-12"));
        check("gt-1.2 agt-1 gt-1-x gt-1é gt-10", None);
        check("[deleted:gt-1]", None);
        check("", None);
    }
}
