//! Many edges at once: read from lines of JSON, checked as a whole, drawn together or not at all.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::beads::{Beads, Graph as _, PARENT_CHILD, targets};
use super::circles::{circle, knots};
use super::edges::{Circles, Link, is_blocking, is_new, put};
use super::words::any_edge_type;
use crate::fault::{Fault, Result};
use crate::ledger::{Pen, Stamp};
use crate::record::{Bead, BeadRow};
use crate::town::View;

/// An edge that a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// The number of the line.
    pub line: usize,
    /// The bead it begins at.
    pub from: String,
    /// The edge.
    pub link: Link,
}

/// How many lines that make no sense are named.
const NAMED_MAX: usize = 20;

/// Reads one edge a line: `{"from": …, "to": …, "type": …}`, or with the names that exported edges have,
/// `issue_id` and `depends_on_id`. What a line leaves out is of type `kind`.
pub fn read_wires(text: &str, kind: &str) -> Result<Vec<Wire>> {
    let (mut wires, mut wrong) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match read(line, text, kind) {
            Ok(wire) => wires.push(wire),
            Err(why) => wrong.push(format!("line {line}: {why}")),
        }
    }
    refuse_lines(wrong)?;
    if wires.is_empty() {
        return Err(Fault::invalid("there is no edge in it")
            .hint("one a line: {\"from\": \"gt-1\", \"to\": \"gt-2\", \"type\": \"blocks\"}"));
    }
    Ok(wires)
}

fn read(line: usize, text: &str, kind: &str) -> Result<Wire, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    if !value.is_object() {
        return Err("no JSON object".to_owned());
    }
    let word = |names: [&str; 2]| {
        let mut words = names.iter().filter_map(|name| value.get(*name)?.as_str());
        words.next().map(str::trim).filter(|word| !word.is_empty())
    };
    let from = word(["from", "issue_id"]).ok_or("\"from\" is missing")?;
    let to = word(["to", "depends_on_id"]).ok_or("\"to\" is missing")?;
    let kind = word(["type", "type"]).unwrap_or(kind);
    let kind =
        any_edge_type(kind).map_err(|fault| format!("\"type\": {}", fault.text().message))?;
    Ok(Wire {
        line,
        from: from.to_owned(),
        link: Link {
            kind,
            target: to.to_owned(),
        },
    })
}

/// Refuses lines that make no sense, all at once.
fn refuse_lines(mut wrong: Vec<String>) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    wrong.truncate(NAMED_MAX);
    if count > wrong.len() {
        wrong.push(format!("… and {} more", count - wrong.len()));
    }
    Err(Fault::invalid(format!(
        "nothing was drawn\n  {}",
        wrong.join("\n  ")
    )))
}

/// Draws edges between beads that are named by whole ids, and returns the beads that change; refuses all of
/// them where one makes no sense, or where they close a circle.
pub fn wire(view: &View<'_>, pen: &Pen<'_>, wires: &[Wire], circles: Circles) -> Result<Vec<Bead>> {
    let beads = Beads::of(view);
    let mut changed: BTreeMap<String, (Bead, Stamp, bool)> = BTreeMap::new();
    let mut known: HashMap<String, Option<BeadRow<'_>>> = HashMap::new();
    let (mut wrong, mut new) = (Vec::new(), Vec::new());
    for wire in wires {
        let Wire { line, from, link } = wire;
        if !changed.contains_key(from) {
            let Some(bead) = view.bead(from)?.filter(|it| !it.is_deleted()) else {
                wrong.push(format!("line {line}: no issue found matching \"{from}\""));
                continue;
            };
            let stamp = pen.stamp(bead.record());
            changed.insert(from.clone(), (bead, stamp, false));
        }
        let (bead, stamp, is_changed) = changed.get_mut(from).expect("it was put there");
        if !known.contains_key(&link.target) {
            known.insert(link.target.clone(), beads.find(&link.target)?);
        }
        match is_new(bead, link, known[&link.target].as_ref()) {
            Ok(true) => {
                put(bead, link, stamp);
                *is_changed = true;
                new.push(wire);
            }
            Ok(false) => {}
            Err(fault) => wrong.push(format!("line {line}: {}", fault.text().message)),
        }
    }
    refuse_lines(wrong)?;
    let changed = changed.into_values().filter(|it| it.2);
    let changed: Vec<Bead> = changed.map(|(bead, ..)| bead).collect();
    if circles == Circles::Refused {
        check(&beads, &changed, &new, &is_blocking)?;
        check(&beads, &changed, &new, &|kind| kind == PARENT_CHILD)?;
    }
    Ok(changed)
}

/// Refuses new edges that, with beads as they are to be, are part of a circle along edges of some types.
/// Circles that were there before are not theirs who draw other edges.
fn check(
    beads: &Beads<'_, '_>,
    changed: &[Bead],
    new: &[&Wire],
    along: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let rows = changed.iter().map(BeadRow::of_bead);
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut things: Vec<BeadRow<'_>> = Vec::new();
    for row in rows {
        numbers.insert(row.id().to_owned(), things.len());
        things.push(row);
    }
    let mut leads_to: Vec<Vec<usize>> = Vec::new();
    while let Some(row) = things.get(leads_to.len()).cloned() {
        let mut to = Vec::new();
        for (target, _) in targets(&row).filter(|(_, kind)| along(kind)) {
            if let Some(known) = numbers.get(target) {
                to.push(*known);
            } else if let Some(row) = beads.find(target)? {
                to.push(things.len());
                numbers.insert(target.to_owned(), things.len());
                things.push(row);
            }
        }
        leads_to.push(to);
    }
    let knots = knots(&leads_to);
    let mut knot_of: HashMap<usize, usize> = HashMap::new();
    for (at, knot) in knots.iter().enumerate() {
        knot_of.extend(knot.iter().map(|thing| (*thing, at)));
    }
    let knot = |id: &str| numbers.get(id).and_then(|it| knot_of.get(it)).copied();
    for wire in new.iter().filter(|wire| along(&wire.link.kind)) {
        let Some(of_from) = knot(&wire.from).filter(|it| knot(&wire.link.target) == Some(*it))
        else {
            continue;
        };
        let circle = circle(&leads_to, &knots[of_from]).into_iter();
        let mut ids: Vec<&str> = circle.map(|at| things[at].id()).take(NAMED_MAX).collect();
        ids.push("…");
        return Err(
            Fault::refused(format!("line {}: a cycle: {}", wire.line, ids.join(" → ")))
                .hint("nothing was drawn; --no-cycle-check draws them all the same"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_edges() {
        let check = |text: &str, want: &[(usize, &str, &str, &str)]| {
            let wires = read_wires(text, "blocks").unwrap();
            let got = wires.iter().map(|it| {
                (
                    it.line,
                    it.from.as_str(),
                    it.link.target.as_str(),
                    it.link.kind.as_str(),
                )
            });
            assert_eq!(got.collect::<Vec<_>>(), want);
        };
        check(
            "{\"from\":\"a\",\"to\":\"b\"}\n\n{\"issue_id\":\"c\",\"depends_on_id\":\"d\",\"type\":\"x\",\"more\":1}\n",
            &[(1, "a", "b", "blocks"), (3, "c", "d", "x")],
        );
    }

    #[test]
    fn lines_that_make_no_sense_are_named() {
        let check = |text: &str, want: &str| {
            let fault = read_wires(text, "blocks").unwrap_err();
            assert!(fault.text().message.contains(want), "{fault}");
        };
        check(
            "{\"from\":\"a\",\"to\":\"b\"}\n{\"from\":1}\n[]",
            "line 2: \"from\" is missing\n  line 3: no JSON object",
        );
        check("{\"from\":\"a\",\"to\":\" \"}", "line 1: \"to\" is missing");
        check("nonsense", "line 1: no JSON");
        check("\n", "no edge");
    }
}
