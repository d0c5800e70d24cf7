//! What blocks a bead, and which beads can be worked on now.

use std::collections::BTreeSet;

use super::beads::{Beads, Graph};
use super::custom::Category;
use super::dates::is_after;
use super::edges::is_blocking;
use super::words::is_status;
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::{Bead, BeadRow, RowEdge};
use crate::town::View;

/// Types that are never offered as work.
const NO_WORK: [&str; 7] = [
    "merge-request",
    "gate",
    "molecule",
    "message",
    "agent",
    "role",
    "rig",
];

/// What blocks which of many beads.
pub struct Blockers<'g>(&'g dyn Graph);

impl<'g> Blockers<'g> {
    /// Returns the blockers in a graph.
    pub fn new(graph: &'g dyn Graph) -> Self {
        Self(graph)
    }

    /// Returns the ids of the beads that a bead waits for, its own and its parents', sorted. Closed and
    /// pinned beads wait for nothing; what is not there blocks nobody.
    pub fn of(&self, bead: &BeadRow<'_>) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        self.visit(bead, &mut |id| {
            found.insert(id.to_owned());
            true
        })?;
        Ok(found.into_iter().collect())
    }

    /// Returns whether a bead waits for anything; see [`Blockers::of`].
    pub fn block(&self, bead: &BeadRow<'_>) -> Result<bool> {
        let mut blocked = false;
        self.visit(bead, &mut |_| {
            blocked = true;
            false
        })?;
        Ok(blocked)
    }

    /// Shows what a bead waits for, as long as `go_on` says so.
    fn visit(&self, bead: &BeadRow<'_>, go_on: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let mut seen = vec![bead.id().to_owned()];
        let mut next = Some(bead.clone());
        while let Some(bead) = next.filter(|bead| !is_done(bead)) {
            for edge in bead.edges() {
                if !self.across(&edge, go_on)? {
                    return Ok(());
                }
            }
            let parent = bead.parent().filter(|id| !seen.iter().any(|it| it == id));
            next = parent.map(|id| self.0.find(id)).transpose()?.flatten();
            seen.extend(parent.map(str::to_owned));
        }
        Ok(())
    }

    /// Shows who blocks through one edge; returns whether to go on.
    fn across(&self, edge: &RowEdge<'_>, go_on: &mut dyn FnMut(&str) -> bool) -> Result<bool> {
        match edge.kind {
            kind if is_blocking(kind) => {
                let target = self.0.find(edge.target)?;
                Ok(target.is_none_or(|it| is_done(&it) || go_on(it.id())))
            }
            "waits-for" if self.0.find(edge.target)?.is_some() => {
                let children = self.0.children(edge.target)?;
                if edge.any && children.iter().any(BeadRow::is_closed) {
                    return Ok(true);
                }
                let mut open = children.iter().filter(|child| !child.is_closed());
                Ok(open.all(|child| go_on(child.id())))
            }
            _ => Ok(true),
        }
    }
}

/// Returns the ids of the beads that `bead` waits for; see [`Blockers::of`].
pub fn blockers(view: &View<'_>, bead: &Bead) -> Result<Vec<String>> {
    Blockers::new(&Beads::of(view)).of(&BeadRow::of_bead(bead))
}

/// Returns whether a bead is a child of another one, or of a child of that, and so on.
pub fn is_below(graph: &dyn Graph, bead: &BeadRow<'_>, above: &str) -> Result<bool> {
    let mut seen = vec![bead.id().to_owned()];
    let mut next = bead.parent().map(str::to_owned);
    while let Some(id) = next.filter(|id| !seen.contains(id)) {
        if id == above {
            return Ok(true);
        }
        let parent = graph.find(&id)?;
        next = parent.and_then(|it| it.parent().map(str::to_owned));
        seen.push(id);
    }
    Ok(false)
}

/// Returns whether a bead blocks nobody any more.
fn is_done(bead: &BeadRow<'_>) -> bool {
    bead.is_closed() || bead.is_pinned()
}

/// Returns whether somebody could begin a bead now: open, not blocked, not put off.
///
/// A bead that was deferred until a time is ready again once that time has passed.
pub fn is_ready(graph: &dyn Graph, bead: &BeadRow<'_>, now: Time) -> Result<bool> {
    Offer::default().has(graph, bead, now)
}

/// What is offered besides what is ready.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// What is put off.
    pub deferred: bool,
    /// What is of no use for long.
    pub ephemeral: bool,
    /// What is no work by its type.
    pub any_type: bool,
}

impl Offer {
    /// Returns whether a bead is offered.
    pub fn has(self, graph: &dyn Graph, bead: &BeadRow<'_>, now: Time) -> Result<bool> {
        let put_off = |bead: &BeadRow<'_>| {
            !self.deferred && bead.defer_until().is_some_and(|time| is_after(time, now))
        };
        let open = match bead.status() {
            "open" => true,
            "deferred" => self.deferred || bead.defer_until().is_some(),
            known if is_status(known) => false,
            own => graph.category(own)? == Some(Category::Active),
        };
        let may_be = open
            && !bead.is_pinned()
            && (self.ephemeral || !bead.is_ephemeral())
            && !bead.is_template()
            && (self.any_type || !NO_WORK.contains(&bead.issue_type()))
            && !put_off(bead);
        if !may_be {
            return Ok(false);
        }
        if let Some(parent) = bead.parent()
            && graph.find(parent)?.is_some_and(|it| put_off(&it))
        {
            return Ok(false);
        }
        Ok(!Blockers::new(graph).block(bead)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bead::Given;
    use crate::ledger::Stamp;
    use serde_json::json;

    /// Beads are written `id`, `id!` (closed), `id^parent`, `id>target`, `id?spawner` (waits for all its
    /// children) and `id*spawner` (for any).
    fn beads(text: &str) -> Given {
        let stamp = Stamp::zero();
        let bead = |word: &str| {
            let name: String = word
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            let mut bead = Bead::new(&name, "t", &stamp);
            let mut rest = &word[name.len()..];
            while let Some(sign) = rest.chars().next() {
                let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric());
                let (target, after) = rest[1..].split_at(end.unwrap_or(rest.len() - 1));
                let record = bead.record_mut();
                let any = json!({ "type": "waits-for", "metadata": "{\"gate\":\"any-children\"}" });
                match sign {
                    '!' => bead.close("", &stamp),
                    '^' => record.set("parent", Some(target.into()), &stamp),
                    '>' => record.set_entry("deps", target, Some("blocks".into()), &stamp),
                    '?' => record.set_entry("deps", target, Some("waits-for".into()), &stamp),
                    _ => record.set_entry("deps", target, Some(any), &stamp),
                }
                rest = after;
            }
            bead
        };
        Given(text.split(' ').map(bead).collect())
    }

    #[track_caller]
    fn check(text: &str, id: &str, want: &str) {
        let beads = beads(text);
        let bead = beads.find(id).unwrap().unwrap();
        let blockers = Blockers::new(&beads).of(&bead).unwrap();
        assert_eq!(blockers.join(" "), want, "{text}");
    }

    #[test]
    fn live_targets_block() {
        check("a>b b", "a", "b");
        check("a>b b!", "a", "");
        check("a>gone", "a", "");
        check("a!>b b", "a", "");
        check("a>b>c b c", "a", "b c");
        check("a>b b>a", "a", "b");
    }

    #[test]
    fn a_blocked_parent_blocks_its_children() {
        check("a^p p", "a", "");
        check("a^p p>b b", "a", "b");
        check("a^p p^q q>b b", "a", "b");
        check("a^p p^a>b b", "a", "b");
        check("a^a", "a", "");
        check("a^p p!>b b", "a", "");
    }

    #[test]
    fn waiting_for_children_ends_with_the_last_or_the_first() {
        check("a?s s c^s d^s!", "a", "c");
        check("a?s s c^s! d^s!", "a", "");
        check("a?s s", "a", "");
        check("a*s s c^s d^s!", "a", "");
        check("a*s s c^s d^s", "a", "c d");
    }
}
