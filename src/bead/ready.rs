//! What blocks a bead, and which beads can be worked on now.

use std::collections::BTreeSet;

use serde_json::Value;

use super::beads::Beads;
use super::dates::is_after;
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::{Bead, Edge};
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
#[derive(Debug)]
pub struct Blockers<'b>(&'b Beads);

impl<'b> Blockers<'b> {
    /// Returns the blockers among `beads`.
    pub fn new(beads: &'b Beads) -> Self {
        Self(beads)
    }

    /// Returns the ids of the beads that `id` waits for, its own and its parents', sorted. Closed and
    /// pinned beads wait for nothing; what is not there blocks nobody.
    pub fn of(&self, id: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut next = self.0.get(id);
        while let Some(bead) = next.filter(|bead| !is_done(bead) && seen.insert(bead.id())) {
            found.extend(bead.edges().flat_map(|edge| self.across(&edge)));
            next = bead.parent().and_then(|parent| self.0.get(parent));
        }
        found.into_iter().collect()
    }

    /// Returns who blocks through one edge.
    fn across(&self, edge: &Edge<'_>) -> Vec<String> {
        let Some(target) = self.0.get(edge.target) else {
            return Vec::new();
        };
        match edge.kind {
            "blocks" | "conditional-blocks" if !is_done(target) => vec![target.id().to_owned()],
            "waits-for" => self.unfinished(target, waits_for_any(edge)),
            _ => Vec::new(),
        }
    }

    fn unfinished(&self, spawner: &Bead, any: bool) -> Vec<String> {
        let children: Vec<&Bead> = self.0.children(spawner.id()).collect();
        if any && children.iter().any(|child| child.is_closed()) {
            return Vec::new();
        }
        let open = children.iter().filter(|child| !child.is_closed());
        open.map(|child| child.id().to_owned()).collect()
    }
}

/// Returns the ids of the beads that `bead` waits for; see [`Blockers::of`]. Reads the whole ledger only
/// where children matter.
pub fn blockers(view: &View<'_>, bead: &Bead) -> Result<Vec<String>> {
    Ok(Blockers::new(&Beads::around(view, bead)?).of(bead.id()))
}

/// Returns whether a bead blocks nobody any more.
fn is_done(bead: &Bead) -> bool {
    bead.is_closed() || is_pinned(bead)
}

pub(super) fn is_pinned(bead: &Bead) -> bool {
    bead.status() == "pinned" || bead.record().flag("pinned")
}

/// Returns whether one finished child is enough; the metadata of an edge is JSON, often as text.
fn waits_for_any(edge: &Edge<'_>) -> bool {
    let Some(metadata) = edge.more.and_then(|more| more.get("metadata")) else {
        return false;
    };
    let parsed = metadata
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    let metadata: &Value = parsed.as_ref().unwrap_or(metadata);
    metadata
        .get("gate")
        .and_then(Value::as_str)
        .is_some_and(|gate| gate.starts_with("any"))
}

/// Returns whether somebody could begin a bead now: open, not blocked, not put off.
///
/// A bead that was deferred until a time is ready again once that time has passed.
pub fn is_ready(blockers: &Blockers<'_>, bead: &Bead, now: Time) -> bool {
    let put_off = |bead: &Bead| is_after(bead.record().text("defer_until"), now);
    let open = match bead.status() {
        "open" => true,
        "deferred" => bead.record().get("defer_until").is_some(),
        _ => false,
    };
    let parent = bead.parent().and_then(|parent| blockers.0.get(parent));
    open && !is_pinned(bead)
        && !bead.record().flag("ephemeral")
        && !bead.record().flag("is_template")
        && !NO_WORK.contains(&bead.issue_type())
        && !put_off(bead)
        && !parent.is_some_and(put_off)
        && blockers.of(bead.id()).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use serde_json::json;

    /// Beads are written `id`, `id!` (closed), `id^parent`, `id>target`, `id?spawner` (waits for all its
    /// children) and `id*spawner` (for any).
    fn beads(text: &str) -> Beads {
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
        Beads::new(text.split(' ').map(bead).collect())
    }

    #[track_caller]
    fn check(text: &str, id: &str, want: &str) {
        assert_eq!(Blockers::new(&beads(text)).of(id).join(" "), want, "{text}");
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
