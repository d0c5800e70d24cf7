//! Circles among things that lead to each other: what waits for itself through others.

use std::collections::HashMap;

use super::beads::Beads;
use super::edges::is_blocking;
use crate::fault::Result;
use crate::record::BeadRow;

/// Returns the knots of a graph, each sorted: things that all lead to each other, two at least or one that
/// leads to itself. `leads_to[n]` is where thing n leads. Takes time in proportion to things and edges, and no
/// stack.
pub fn knots(leads_to: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let count = leads_to.len();
    let (mut order, mut low) = (vec![UNSEEN; count], vec![0; count]);
    let mut is_open = vec![false; count];
    let (mut open, mut found, mut next) = (Vec::new(), Vec::new(), 0);
    for start in 0..count {
        // What is being looked at, each with how many of its edges were followed.
        let mut path = if order[start] == UNSEEN {
            vec![(start, 0)]
        } else {
            Vec::new()
        };
        while let Some((at, followed)) = path.pop() {
            if followed == 0 {
                (order[at], low[at]) = (next, next);
                next += 1;
                open.push(at);
                is_open[at] = true;
            } else {
                low[at] = low[at].min(low[leads_to[at][followed - 1]]);
            }
            let unseen = |it: &usize| {
                let to = leads_to[at][*it];
                if order[to] != UNSEEN && is_open[to] {
                    low[at] = low[at].min(order[to]);
                }
                order[to] == UNSEEN
            };
            let child = (followed..leads_to[at].len()).find(unseen);
            if let Some(child) = child {
                path.push((at, child + 1));
                path.push((leads_to[at][child], 0));
                continue;
            }
            if low[at] != order[at] {
                continue;
            }
            let from = open.iter().rposition(|it| *it == at);
            let mut knot = open.split_off(from.expect("it is open until its knot is done"));
            knot.iter().for_each(|it| is_open[*it] = false);
            if knot.len() > 1 || leads_to[at].contains(&at) {
                knot.sort_unstable();
                found.push(knot);
            }
        }
    }
    found.sort_unstable();
    found
}

/// Returns a shortest circle through the first thing of a knot, in the order in which they lead to each other.
pub fn circle(leads_to: &[Vec<usize>], knot: &[usize]) -> Vec<usize> {
    let first = knot[0];
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut next = vec![first];
    for step in 0.. {
        let Some(at) = next.get(step).copied() else {
            break;
        };
        for to in &leads_to[at] {
            if *to == first {
                let mut circle = vec![at];
                while let Some(before) = circle.last().and_then(|it| came_from.get(it)) {
                    circle.push(*before);
                }
                circle.reverse();
                return circle;
            }
            if knot.binary_search(to).is_ok() && !came_from.contains_key(to) {
                came_from.insert(*to, at);
                next.push(*to);
            }
        }
    }
    knot.to_vec()
}

/// Beads as numbers, and which of them wait for which.
#[derive(Debug)]
pub struct Waiting<'v> {
    /// The beads.
    pub rows: Vec<BeadRow<'v>>,
    /// For each, the numbers of those that it waits for by itself.
    pub leads_to: Vec<Vec<usize>>,
}

/// Returns all beads of homes, with their edges that block.
pub fn blocking<'v>(all: &[Beads<'v, '_>]) -> Result<Waiting<'v>> {
    let mut rows: Vec<BeadRow<'v>> = Vec::new();
    for beads in all {
        for row in beads.rows(true)? {
            rows.push(row?);
        }
    }
    let numbers: HashMap<&str, usize> = rows.iter().map(BeadRow::id).zip(0..).collect();
    let number = |row: &BeadRow<'_>| -> Vec<usize> {
        let blocking = row.edges().filter(|edge| is_blocking(edge.kind));
        blocking
            .filter_map(|edge| numbers.get(edge.target).copied())
            .collect()
    };
    let leads_to = rows.iter().map(number).collect();
    Ok(Waiting { rows, leads_to })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges are written `a>b`; things are single letters, in their order.
    fn check(edges: &str, want: &str) {
        let number = |c: Option<char>| c.map(|c| c as usize - 'a' as usize).unwrap();
        let mut leads_to = vec![Vec::new(); 26];
        for edge in edges.split(' ') {
            let mut letters = edge.chars();
            leads_to[number(letters.next())].push(number(letters.nth(1)));
        }
        let letter = |at: &usize| char::from(b'a' + u8::try_from(*at).unwrap());
        let circles = knots(&leads_to);
        let circles = circles.iter().map(|knot| circle(&leads_to, knot));
        let circles = circles.map(|circle| circle.iter().map(letter).collect::<String>());
        assert_eq!(circles.collect::<Vec<_>>().join(" "), want, "{edges}");
    }

    #[test]
    fn circles_are_found() {
        check("a>b b>c c>d", "");
        check("a>b b>a", "ab");
        check("a>a b>a", "a");
        check("a>b b>c c>a c>d d>e e>d f>a", "abc de");
        check("a>b a>c b>d c>d d>b", "bd");
        check("a>b b>c c>d d>a b>a", "ab");
    }

    #[test]
    fn a_million_edges_take_no_stack() {
        let count = 1_000_000;
        let mut leads_to: Vec<Vec<usize>> = (1..=count).map(|at| vec![at]).collect();
        leads_to.push(Vec::new());
        assert!(knots(&leads_to).is_empty());
        leads_to[count].push(0);
        let found = knots(&leads_to);
        assert_eq!((found.len(), found[0].len()), (1, count + 1));
        assert_eq!(circle(&leads_to, &found[0]).len(), count + 1);
    }
}
