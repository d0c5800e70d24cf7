//! Arranging a line: who is held by others, and the order of the rest. Pure, and linear in what is declared.

use std::collections::BTreeMap;

use super::held::{Gone, Held};
use super::{Item, Request};
use crate::ledger::Stamp;
use crate::record::Class;

/// The most requests of a group: more are never merged into one candidate.
const GROUP_MAX: usize = 50;

/// What is known of one request of a line by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    /// What holds it.
    pub(super) own: Option<Held>,
    /// The requests it is to be behind, by their places.
    pub(super) after: Vec<usize>,
}

/// Requests that land together.
#[derive(Debug, Clone)]
struct Unit {
    /// By their places, in the order of their keys.
    members: Vec<usize>,
    /// The units it is behind, sorted.
    after: Vec<usize>,
}

/// Returns the items of a line in order, and who is held in the order they would have.
pub(super) fn arrange(
    requests: Vec<Request>,
    members: &[Member],
    groups: &BTreeMap<String, Held>,
) -> (Vec<Item>, Vec<(Request, Held)>) {
    let order = by_turn(&requests);
    let mut held: Vec<Option<Held>> = members.iter().map(|it| it.own.clone()).collect();
    let name = |at: usize| requests[at].id().to_owned();
    let after: Vec<&[usize]> = members.iter().map(|it| it.after.as_slice()).collect();
    for circle in circles(&after) {
        mark(&mut held, &circle, &named(&circle, &name));
    }
    let (units, unit_of) = united(&requests, &order, members);
    for unit in &units {
        let group = requests[unit.members[0]].group().to_owned();
        let size = unit.members.len();
        let why = match groups.get(&group) {
            Some(why) => Some(why.clone()),
            None => (size > GROUP_MAX).then_some(Held::Crowd { group, size }),
        };
        if let Some(why) = why {
            mark(&mut held, &unit.members, &why);
        }
    }
    let after: Vec<&[usize]> = units.iter().map(|it| it.after.as_slice()).collect();
    for circle in circles(&after) {
        let inside: Vec<usize> = circle
            .iter()
            .flat_map(|at| units[*at].members.iter().copied())
            .collect();
        mark(&mut held, &inside, &named(&inside, &name));
    }
    spread(&requests, (&units, &unit_of), members, &mut held);
    let free: Vec<bool> = units
        .iter()
        .map(|it| held[it.members[0]].is_none())
        .collect();
    let items = items(&requests, &units, members, &free);
    let mut requests: Vec<Option<Request>> = requests.into_iter().map(Some).collect();
    let held = order.into_iter().filter_map(|at| {
        let why = held[at].take()?;
        Some((requests[at].take()?, why))
    });
    let held = held.collect();
    (items, held)
}

/// Returns the places of requests in the order of the queue: by class, longest queued first, so that
/// nothing starves and a retry goes to the end; then by id, because clocks of two machines may agree.
fn by_turn(requests: &[Request]) -> Vec<usize> {
    let key = |at: &usize| -> (Class, Stamp, &str) {
        let request = &requests[*at];
        (
            request.class(),
            request.record().stamp_of("state"),
            request.id(),
        )
    };
    let mut order: Vec<(_, usize)> = (0..requests.len()).map(|at| (key(&at), at)).collect();
    order.sort();
    order.into_iter().map(|(_, at)| at).collect()
}

/// Returns the units in order, the first member of each deciding, and the unit of each request.
fn united(requests: &[Request], order: &[usize], members: &[Member]) -> (Vec<Unit>, Vec<usize>) {
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of = vec![0; requests.len()];
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for at in order {
        let group = requests[*at].group();
        let unit = match groups.get(group).filter(|_| !group.is_empty()) {
            Some(unit) => *unit,
            None => {
                units.push(Unit {
                    members: Vec::new(),
                    after: Vec::new(),
                });
                groups.insert(group, units.len() - 1);
                units.len() - 1
            }
        };
        units[unit].members.push(*at);
        unit_of[*at] = unit;
    }
    for (at, unit) in units.iter_mut().enumerate() {
        let all = unit.members.iter().flat_map(|it| &members[*it].after);
        let others = all.map(|it| unit_of[*it]).filter(|other| *other != at);
        unit.after = others.collect();
        unit.after.sort_unstable();
        unit.after.dedup();
    }
    (units, unit_of)
}

/// Holds requests that nothing holds yet.
fn mark(held: &mut [Option<Held>], places: &[usize], why: &Held) {
    for at in places {
        held[*at].get_or_insert_with(|| why.clone());
    }
}

fn named(circle: &[usize], name: &dyn Fn(usize) -> String) -> Held {
    let mut ids: Vec<String> = circle.iter().map(|at| name(*at)).collect();
    let least = (0..ids.len())
        .min_by_key(|at| &ids[*at])
        .unwrap_or_default();
    ids.rotate_left(least);
    Held::Circle(ids)
}

/// Returns circles of whoever is behind each other. Where circles share something not all are found; whoever
/// is in none of those found is behind one.
fn circles(after: &[&[usize]]) -> Vec<Vec<usize>> {
    let mut open: Vec<usize> = after.iter().map(|it| it.len()).collect();
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); after.len()];
    for (at, first) in after.iter().enumerate() {
        first.iter().for_each(|it| behind[*it].push(at));
    }
    let mut free: Vec<usize> = (0..after.len()).filter(|at| open[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for next in &behind[at] {
            open[*next] -= 1;
            if open[*next] == 0 {
                free.push(*next);
            }
        }
    }
    // Whoever is left is behind somebody who is left: following the first of those ends in a circle.
    let next = |at: usize| after[at].iter().copied().find(|it| open[*it] > 0);
    let mut seen = vec![0; after.len()];
    let mut found = Vec::new();
    for (start, round) in (0..after.len()).zip(1..) {
        let (mut at, mut path) = (start, Vec::new());
        while open[at] > 0 && seen[at] == 0 {
            seen[at] = round;
            path.push(at);
            at = next(at).unwrap_or(at);
        }
        if open[at] > 0 && seen[at] == round {
            let begin = path.iter().position(|it| *it == at).unwrap_or_default();
            found.push(path.split_off(begin));
        }
    }
    found
}

/// Holds whoever lands with, or is behind, somebody who is held.
fn spread(
    requests: &[Request],
    (units, unit_of): (&[Unit], &[usize]),
    members: &[Member],
    held: &mut [Option<Held>],
) {
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); requests.len()];
    for (at, member) in members.iter().enumerate() {
        member.after.iter().for_each(|it| behind[*it].push(at));
    }
    let mut todo: Vec<usize> = (0..requests.len())
        .filter(|at| held[*at].is_some())
        .collect();
    let id = |at: usize| requests[at].id().to_owned();
    while let Some(at) = todo.pop() {
        for other in &units[unit_of[at]].members {
            if held[*other].is_none() {
                held[*other] = Some(Held::Group {
                    group: requests[at].group().to_owned(),
                    request: id(at),
                    why: Gone::Held,
                });
                todo.push(*other);
            }
        }
        for other in &behind[at] {
            if held[*other].is_none() {
                held[*other] = Some(Held::After {
                    request: id(at),
                    why: Gone::Held,
                });
                todo.push(*other);
            }
        }
    }
}

/// Returns the items that nothing holds: in order, but what one needs right before it. There are no circles
/// among them.
fn items(requests: &[Request], units: &[Unit], members: &[Member], free: &[bool]) -> Vec<Item> {
    let mut places: Vec<Option<usize>> = vec![None; units.len()];
    let after: Vec<&[usize]> = units.iter().map(|it| it.after.as_slice()).collect();
    let order = depth_first((0..units.len()).filter(|at| free[*at]), &after);
    let mut items: Vec<Item> = Vec::with_capacity(order.len());
    for unit in order {
        let inside = &units[unit].members;
        let place: BTreeMap<usize, usize> = inside.iter().copied().zip(0..).collect();
        let after: Vec<Vec<usize>> = inside
            .iter()
            .map(|at| {
                members[*at]
                    .after
                    .iter()
                    .filter_map(|it| place.get(it).copied())
                    .collect()
            })
            .collect();
        let after: Vec<&[usize]> = after.iter().map(Vec::as_slice).collect();
        let merged = depth_first(0..inside.len(), &after);
        places[unit] = Some(items.len());
        items.push(Item {
            requests: merged
                .into_iter()
                .map(|it| requests[inside[it]].clone())
                .collect(),
            after: units[unit]
                .after
                .iter()
                .filter_map(|it| places[*it])
                .collect(),
        });
    }
    items
}

/// Returns each of `order` once, after whatever it needs.
fn depth_first(order: impl Iterator<Item = usize>, after: &[&[usize]]) -> Vec<usize> {
    let mut seen = vec![false; after.len()];
    let mut found = Vec::new();
    for start in order {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        // With each, how many of those it needs were looked at.
        let mut path = vec![(start, 0)];
        while let Some((at, done)) = path.last_mut() {
            match after[*at].get(*done) {
                Some(first) => {
                    *done += 1;
                    if !seen[*first] {
                        seen[*first] = true;
                        path.push((*first, 0));
                    }
                }
                None => {
                    found.push(*at);
                    path.pop();
                }
            }
        }
    }
    found
}
