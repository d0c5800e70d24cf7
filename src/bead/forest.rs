//! Beads below their parents.

use std::collections::HashMap;

use crate::record::BeadRow;

/// Returns some beads as trees: `(how many others it is below, its place among the beads)`, in the order in
/// which lines stand. Children stand in the order of the beads; whose parent is not among them stands on its
/// own, and of parents that go in a circle the first does.
pub fn forest(beads: &[&BeadRow<'_>]) -> Vec<(usize, usize)> {
    let places: HashMap<&str, usize> = beads.iter().map(|it| it.id()).zip(0..).collect();
    let parent = |at: usize| {
        let parent = beads[at].parent().and_then(|id| places.get(id).copied());
        parent.filter(|parent| *parent != at)
    };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); beads.len()];
    let mut roots = Vec::new();
    for at in 0..beads.len() {
        match parent(at) {
            Some(parent) => children[parent].push(at),
            None => roots.push(at),
        }
    }
    let (mut lines, mut is_drawn) = (Vec::with_capacity(beads.len()), vec![false; beads.len()]);
    // What no root leads to stands in a circle.
    for root in roots.into_iter().chain(0..beads.len()) {
        let mut next = vec![(0, root)];
        while let Some((depth, at)) = next.pop() {
            if std::mem::replace(&mut is_drawn[at], true) {
                continue;
            }
            lines.push((depth, at));
            next.extend(children[at].iter().rev().map(|child| (depth + 1, *child)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use crate::record::Bead;

    /// Beads are written `id` or `id^parent`.
    #[track_caller]
    fn check(beads: &str, want: &str) {
        let stamp = Stamp::zero();
        let bead = |word: &str| {
            let (id, parent) = word.split_once('^').unwrap_or((word, ""));
            let mut bead = Bead::new(id, "t", &stamp);
            bead.record_mut().set("parent", Some(parent.into()), &stamp);
            BeadRow::of_bead(&bead)
        };
        let beads: Vec<BeadRow<'_>> = beads.split(' ').map(bead).collect();
        let lines = forest(&beads.iter().collect::<Vec<_>>());
        let line = |(depth, at): (usize, usize)| format!("{depth}{}", beads[at].id());
        let got: Vec<String> = lines.into_iter().map(line).collect();
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn children_stand_below_their_parents() {
        check("c^a b a d^c e^a", "0b 0a 1c 2d 1e");
        check("a^gone b^a", "0a 1b");
    }

    #[test]
    fn circles_are_cut() {
        check("a^b b^a c^a d^d", "0d 0a 1b 1c");
    }

    #[test]
    fn a_long_chain_is_no_trouble() {
        let chain: Vec<String> = (1..10_000).map(|at| format!("b{at}^b{}", at - 1)).collect();
        let chain = format!("b0 {}", chain.join(" "));
        let want: Vec<String> = (0..10_000).map(|at| format!("{at}b{at}")).collect();
        check(&chain, &want.join(" "));
    }
}
