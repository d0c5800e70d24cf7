//! Beads in waves: what can be worked on at once, and what only after that.

use std::collections::{HashMap, HashSet};

use super::beads::{Graph, PARENT_CHILD, targets};
use super::circles::{circle, knots};
use super::edges::is_blocking;
use crate::fault::Result;
use crate::record::BeadRow;

/// Some beads, and which of them wait for which.
#[derive(Debug)]
pub struct Web<'g> {
    /// The beads, in the order of lists.
    pub rows: Vec<BeadRow<'g>>,
    /// For each, the places of those that it waits for by itself.
    pub waits_for: Vec<Vec<usize>>,
}

impl<'g> Web<'g> {
    /// Returns some beads with the edges between them.
    pub fn of(mut rows: Vec<BeadRow<'g>>) -> Self {
        rows.sort_by(|a, b| a.place().cmp(&b.place()));
        rows.dedup_by(|a, b| a.id() == b.id());
        let places: HashMap<&str, usize> = rows.iter().map(BeadRow::id).zip(0..).collect();
        let waits_for = |row: &BeadRow<'_>| -> Vec<usize> {
            let edges = row.edges().filter(|edge| is_blocking(edge.kind));
            edges
                .filter_map(|edge| places.get(edge.target).copied())
                .collect()
        };
        let waits_for = rows.iter().map(waits_for).collect();
        Self { rows, waits_for }
    }

    /// Returns everything that is tied to a bead: what it waits for, what waits for it, what is below it, and
    /// so on from there.
    pub fn around(graph: &'g dyn Graph, root: BeadRow<'g>) -> Result<Self> {
        let mut seen = HashSet::from([root.id().to_owned()]);
        let mut rows = vec![root];
        let mut next = 0;
        while let Some(row) = rows.get(next).cloned() {
            next += 1;
            for (other, kind) in graph.dependents(row.id())? {
                let ties = is_blocking(&kind) || kind == PARENT_CHILD;
                if ties && seen.insert(other.id().to_owned()) {
                    rows.push(other);
                }
            }
            for (target, _) in targets(&row).filter(|(_, kind)| is_blocking(kind)) {
                if !seen.contains(target)
                    && let Some(other) = graph.find(target)?
                {
                    seen.insert(target.to_owned());
                    rows.push(other);
                }
            }
        }
        Ok(Self::of(rows))
    }

    /// Returns the beads in parts that have nothing to do with each other, the larger ones first.
    pub fn parts(self) -> Vec<Self> {
        let places: HashMap<&str, usize> = self.rows.iter().map(BeadRow::id).zip(0..).collect();
        let mut tied: Vec<Vec<usize>> = self.waits_for.clone();
        for (at, others) in self.waits_for.iter().enumerate() {
            others.iter().for_each(|other| tied[*other].push(at));
        }
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(parent) = row.parent().and_then(|id| places.get(id)) {
                tied[at].push(*parent);
                tied[*parent].push(at);
            }
        }
        let mut part_of = vec![usize::MAX; tied.len()];
        let mut count = 0;
        for start in 0..tied.len() {
            let mut next = vec![start];
            let is_new = part_of[start] == usize::MAX;
            while let Some(at) = next.pop() {
                if part_of[at] == usize::MAX {
                    part_of[at] = count;
                    next.extend(&tied[at]);
                }
            }
            count += usize::from(is_new);
        }
        let mut parts: Vec<Vec<BeadRow<'g>>> = vec![Vec::new(); count];
        for (row, part) in self.rows.into_iter().zip(part_of) {
            parts[part].push(row);
        }
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.into_iter().map(Self::of).collect()
    }

    /// Returns the wave of each bead: after how many others it comes at least; nothing where it waits for
    /// itself through others, or for what does.
    pub fn waves(&self) -> Vec<Option<usize>> {
        let mut waited_for: Vec<Vec<usize>> = vec![Vec::new(); self.rows.len()];
        for (at, others) in self.waits_for.iter().enumerate() {
            others.iter().for_each(|other| waited_for[*other].push(at));
        }
        let mut missing: Vec<usize> = self.waits_for.iter().map(Vec::len).collect();
        let mut wave = vec![0; self.rows.len()];
        let mut next: Vec<usize> = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
        let mut is_placed = vec![false; missing.len()];
        while let Some(at) = next.pop() {
            is_placed[at] = true;
            for waiting in &waited_for[at] {
                wave[*waiting] = wave[*waiting].max(wave[at] + 1);
                missing[*waiting] -= 1;
                if missing[*waiting] == 0 {
                    next.push(*waiting);
                }
            }
        }
        let placed = wave.into_iter().zip(is_placed);
        placed.map(|(wave, is)| is.then_some(wave)).collect()
    }

    /// Returns the places of the beads of each wave, in the order of lists.
    pub fn layers(&self) -> Vec<Vec<usize>> {
        let mut layers: Vec<Vec<usize>> = Vec::new();
        for (at, wave) in self.waves().into_iter().enumerate() {
            let Some(wave) = wave else { continue };
            if layers.len() <= wave {
                layers.resize(wave + 1, Vec::new());
            }
            layers[wave].push(at);
        }
        layers
    }

    /// Returns the ids of a shortest circle of each knot of beads that wait for themselves.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let knots = knots(&self.waits_for);
        let circle = |knot: &Vec<usize>| {
            let circle = circle(&self.waits_for, knot).into_iter();
            circle.map(|at| self.rows[at].id()).collect()
        };
        knots.iter().map(circle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;
    use crate::record::Bead;

    /// Beads are written `a>b,c`.
    fn web(text: &str) -> Web<'static> {
        let stamp = Stamp::zero();
        let bead = |word: &str| {
            let (id, to) = word.split_once('>').unwrap_or((word, ""));
            let mut bead = Bead::new(id, "t", &stamp);
            for target in to.split(',').filter(|it| !it.is_empty()) {
                let value = Some("blocks".into());
                bead.record_mut().set_entry("deps", target, value, &stamp);
            }
            BeadRow::of_bead(&bead)
        };
        Web::of(text.split_whitespace().map(bead).collect())
    }

    #[track_caller]
    fn check(text: &str, layers: &str, circles: &str) {
        let web = web(text);
        let ids = |layer: Vec<usize>| {
            let ids: Vec<&str> = layer.into_iter().map(|at| web.rows[at].id()).collect();
            ids.join(",")
        };
        let got: Vec<String> = web.layers().into_iter().map(ids).collect();
        assert_eq!(got.join(" "), layers, "{text}");
        let got: Vec<String> = web.circles().iter().map(|it| it.join(",")).collect();
        assert_eq!(got.join(" "), circles, "{text}");
    }

    #[test]
    fn who_waits_comes_later() {
        check("a b>a c>a d>b,c e", "a,e b,c d", "");
        check("a>gone b>a", "a b", "");
        check("a>b b>a c>a d", "d", "a,b");
        check("", "", "");
    }

    #[test]
    fn parts_have_nothing_to_do_with_each_other() {
        let parts = web("a b c>a d>c e>b").parts();
        let ids = |part: &Web<'_>| {
            part.rows
                .iter()
                .map(|row| row.id().to_owned())
                .collect::<String>()
        };
        assert_eq!(parts.iter().map(ids).collect::<Vec<_>>(), ["acd", "be"]);
    }
}
