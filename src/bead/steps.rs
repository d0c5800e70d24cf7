//! The steps of a molecule: which can be begun, which wait for which, and which go on beside each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::beads::Graph;
use super::ready::{Blockers, is_ready};
use crate::fault::Result;
use crate::ledger::Time;
use crate::record::BeadRow;

/// The steps of a molecule, sorted by id.
#[derive(Debug, Default)]
pub struct StepPlan<'v> {
    /// The steps.
    pub steps: Vec<Step<'v>>,
    /// Steps of which none waits for another, by a name of theirs.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// A step of a molecule.
#[derive(Debug)]
pub struct Step<'v> {
    /// What is to be done.
    pub row: BeadRow<'v>,
    /// The ids of what it waits for.
    pub blocked_by: Vec<String>,
    /// The ids of the steps that wait for it.
    pub blocks: Vec<String>,
    /// The group it is in.
    pub group: Option<String>,
}

impl Step<'_> {
    /// Returns whether it can be done now, or is being done.
    pub fn is_ready(&self) -> bool {
        ["open", "in_progress"].contains(&self.row.status()) && self.blocked_by.is_empty()
    }
}

/// Returns everything below a bead, sorted by id.
fn below<'v>(graph: &'v dyn Graph, root: &str) -> Result<Vec<BeadRow<'v>>> {
    let mut found: BTreeMap<String, BeadRow<'v>> = BTreeMap::new();
    let mut next = vec![root.to_owned()];
    while let Some(parent) = next.pop() {
        for child in graph.children(&parent)? {
            if child.id() != root && !found.contains_key(child.id()) {
                next.push(child.id().to_owned());
                found.insert(child.id().to_owned(), child);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Returns the steps of a molecule: everything below it.
pub fn steps<'v>(graph: &'v dyn Graph, root: &str) -> Result<StepPlan<'v>> {
    let mut steps = Vec::new();
    for row in below(graph, root)? {
        let blocked_by = Blockers::new(graph).of(&row)?;
        steps.push(Step {
            row,
            blocked_by,
            blocks: Vec::new(),
            group: None,
        });
    }
    let numbers: HashMap<String, usize> = steps
        .iter()
        .map(|it| it.row.id().to_owned())
        .zip(0..)
        .collect();
    let waits_for: Vec<Vec<usize>> = steps
        .iter()
        .map(|step| {
            step.blocked_by
                .iter()
                .filter_map(|id| numbers.get(id).copied())
                .collect()
        })
        .collect();
    for (at, all) in waits_for.iter().enumerate() {
        for other in all {
            let id = steps[at].row.id().to_owned();
            steps[*other].blocks.push(id);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, depth) in depths(&waits_for).into_iter().enumerate() {
        if let Some(depth) = depth.filter(|_| !steps[at].row.is_closed()) {
            groups.entry(depth).or_default().push(at);
        }
    }
    let several = groups.into_values().filter(|group| group.len() > 1);
    let mut named = BTreeMap::new();
    for (number, group) in several.enumerate() {
        let name = format!("group-{}", number + 1);
        let ids = group.iter().map(|at| steps[*at].row.id().to_owned());
        named.insert(name.clone(), ids.collect());
        for at in group {
            steps[at].group = Some(name.clone());
        }
    }
    Ok(StepPlan {
        steps,
        groups: named,
    })
}

/// Returns for each thing how many stand one behind the other before it; nothing for what waits for itself.
fn depths(waits_for: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut leads_to = vec![Vec::new(); waits_for.len()];
    for (at, all) in waits_for.iter().enumerate() {
        all.iter().for_each(|before| leads_to[*before].push(at));
    }
    let mut missing: Vec<usize> = waits_for.iter().map(Vec::len).collect();
    let mut depths = vec![None; waits_for.len()];
    let mut next: Vec<usize> = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
    while let Some(at) = next.pop() {
        let before = waits_for[at].iter().filter_map(|before| depths[*before]);
        depths[at] = Some(before.max().map_or(0, |depth: usize| depth + 1));
        for behind in &leads_to[at] {
            missing[*behind] -= 1;
            if missing[*behind] == 0 {
                next.push(*behind);
            }
        }
    }
    depths
}

/// A molecule that can go on because a gate has opened.
#[derive(Debug)]
pub struct Resumable<'v> {
    /// The molecule: what stands above the step and has nothing above it.
    pub molecule: BeadRow<'v>,
    /// The gate.
    pub gate: BeadRow<'v>,
    /// The step that waited for it.
    pub step: BeadRow<'v>,
}

/// Returns the molecules that can go on because one of some closed gates has opened, sorted by id; those that
/// hang on somebody's hook are left out.
pub fn resumable<'v>(
    graph: &'v dyn Graph,
    gates: &[BeadRow<'v>],
    now: Time,
) -> Result<Vec<Resumable<'v>>> {
    let mut found: BTreeMap<String, Resumable<'v>> = BTreeMap::new();
    let mut hooked = BTreeSet::new();
    for gate in gates {
        for step in graph.leading_to(gate.id())? {
            let waited = step.edges().any(|edge| edge.target == gate.id());
            if !waited || !is_ready(graph, &step, now)? {
                continue;
            }
            let Some(molecule) = top(graph, &step)? else {
                continue;
            };
            let id = molecule.id().to_owned();
            if found.contains_key(&id) || hooked.contains(&id) {
                continue;
            }
            let steps = below(graph, &id)?;
            if steps
                .iter()
                .chain([&molecule])
                .any(|it| it.status() == "hooked")
            {
                hooked.insert(id);
                continue;
            }
            let gate = gate.clone();
            found.insert(
                id,
                Resumable {
                    molecule,
                    gate,
                    step,
                },
            );
        }
    }
    Ok(found.into_values().collect())
}

/// Returns what stands above a bead and has nothing above it.
fn top<'v>(graph: &'v dyn Graph, bead: &BeadRow<'_>) -> Result<Option<BeadRow<'v>>> {
    let mut seen = BTreeSet::from([bead.id().to_owned()]);
    let mut next = bead.parent().map(str::to_owned);
    let mut found = None;
    while let Some(id) = next.take() {
        if !seen.insert(id.clone()) {
            break;
        }
        if let Some(row) = graph.find(&id)? {
            next = row.parent().map(str::to_owned);
            found = Some(row);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bead::Given;
    use crate::ledger::Stamp;
    use crate::record::Bead;

    /// Beads are written `id`, `id!` (closed), `id@` (hooked), `id>target`, and are children of `m`.
    fn given(text: &str) -> Given {
        let stamp = Stamp::zero();
        let mut beads = vec![Bead::new("m", "m", &stamp)];
        for word in text.split(' ') {
            let (name, rest) = word.split_at(1);
            let mut bead = Bead::new(name, name, &stamp);
            let record = bead.record_mut();
            record.set("parent", Some("m".into()), &stamp);
            for target in rest.split('>').skip(1) {
                record.set_entry("deps", target, Some("blocks".into()), &stamp);
            }
            match rest.chars().next() {
                Some('!') => bead.close("", &stamp),
                Some('@') => bead.set_status("hooked", &stamp),
                _ => {}
            }
            beads.push(bead);
        }
        Given(beads)
    }

    #[test]
    fn steps_that_wait_for_as_many_go_on_beside_each_other() {
        let check = |text: &str, ready: &str, groups: &str| {
            let graph = given(text);
            let plan = steps(&graph, "m").unwrap();
            let found = plan.steps.iter().filter(|it| it.is_ready());
            let found: Vec<&str> = found.map(|it| it.row.id()).collect();
            assert_eq!(found.join(""), ready, "{text}");
            let found: Vec<String> = plan.groups.values().map(|it| it.join("")).collect();
            assert_eq!(found.join(" "), groups, "{text}");
        };
        check("a b>a c>a d>b>c", "a", "bc");
        check("a! b>a c>a d>b>c", "bc", "bc");
        check("a b c>a d>b", "ab", "ab cd");
        check("a>b b>a c", "c", "");
        check("a!", "", "");
        check("a>x", "a", "");
    }

    #[test]
    fn a_molecule_goes_on_where_a_gate_has_opened() {
        let check = |text: &str, want: &str| {
            let graph = given(text);
            let gate = graph.find("g").unwrap().unwrap();
            let found = resumable(&graph, &[gate], Time(0)).unwrap();
            let found = found
                .iter()
                .map(|it| format!("{} {}", it.molecule.id(), it.step.id()));
            assert_eq!(found.collect::<Vec<_>>().join(", "), want, "{text}");
        };
        check("g! a>g b", "m a");
        check("g! a>g>b b", "");
        check("g! a>g c>g", "m a");
        check("g! a>g b@", "");
        check("g! a", "");
    }
}
