//! Tables of the plan: best probes for short or clean queues, by dynamic programming; they depend on rates only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Largest queue R1 is computed for; the time grows with its third power.
pub(super) const R1_MAX: usize = 128;

/// Largest queue whose probe sets are computed.
pub(super) const ENDGAME_MAX: usize = 8;

/// Most probes of one round that are weighed against each other.
const CUTS_MAX: usize = 8;

/// Tables that were computed; computing them again gives the same.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    nested: RefCell<HashMap<(i32, usize), Rc<Nested>>>,
    endgame: RefCell<HashMap<(i32, usize, u64), Rc<Endgame>>>,
}

/// The best first probe of one worker.
#[derive(Debug)]
pub(super) struct Nested {
    /// `clean[u]`: of `u` items of which nothing is known.
    pub(super) clean: Vec<Choice>,
    /// `red[m][u]`: of `u` items of which the first `m` hold a culprit.
    pub(super) red: Vec<Vec<Choice>>,
}

/// The best probe and what is left to do when it is taken, itself included, in runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Choice {
    pub(super) runs: f64,
    pub(super) length: usize,
}

/// The best sets of cumulative probes of a round, by how many items wait and how many of them are red.
#[derive(Debug)]
pub(super) struct Endgame {
    pub(super) clean: Vec<Cuts>,
    pub(super) red: Vec<Vec<Cuts>>,
}

/// Lengths to be probed in one round, rising, and what is left to do in rounds and runs at their price.
#[derive(Debug, Clone, Default)]
pub(super) struct Cuts {
    cost: f64,
    pub(super) lengths: Vec<usize>,
}

impl Tables {
    /// Returns the table of R1 for a culprit rate and queues of at least that many items, at most [`R1_MAX`].
    pub(super) fn nested(&self, rate: f64, waiting: usize) -> Rc<Nested> {
        let limit = waiting.next_power_of_two().clamp(16, R1_MAX);
        // Rates a twelfth of a factor `e` apart have nearly the same best probes.
        let key = libm::round(libm::log(rate.clamp(0.001, 0.5)) * 12.0) as i32;
        let mut known = self.nested.borrow_mut();
        let table = known
            .entry((key, limit))
            .or_insert_with(|| Rc::new(r1(libm::exp(f64::from(key) / 12.0), limit)));
        Rc::clone(table)
    }

    /// Returns the table for queues of at most [`ENDGAME_MAX`] items, for that many workers; `price` is that of a
    /// run, in rounds.
    pub(super) fn endgame(&self, rate: f64, workers: usize, price: f64) -> Rc<Endgame> {
        let key = libm::round(libm::log(rate.clamp(0.002, 0.5)) * 6.0) as i32;
        let workers = workers.min(CUTS_MAX);
        let mut known = self.endgame.borrow_mut();
        let compute = || Rc::new(endgame(libm::exp(f64::from(key) / 6.0), workers, price));
        Rc::clone(
            known
                .entry((key, workers, price.to_bits()))
                .or_insert_with(compute),
        )
    }
}

/// Returns, for each number of items up to `limit`, the chance that so many hold no culprit.
fn innocence(rate: f64, limit: usize) -> Vec<f64> {
    let powers = std::iter::successors(Some(1.0), |it| Some(it * (1.0 - rate)));
    powers.take(limit + 1).collect()
}

/// Procedure R1 of Sobel and Groll (1959), the best of all nested ones, which go on inside the group that was red,
/// for up to `limit` items that are each a culprit with probability `rate`: the recurrences of `merge-queue.md` 3.1.
fn r1(rate: f64, limit: usize) -> Nested {
    let q = innocence(rate, limit);
    let mut g = vec![Choice::default(); limit + 1];
    let mut f = vec![g.clone(); limit + 1];
    for u in 1..=limit {
        // F(1,u) = G(u-1): the only member of a red group is the culprit, no run is needed.
        f[1][u] = Choice {
            runs: g[u - 1].runs,
            length: 0,
        };
        for m in 2..=u {
            f[m][u] = cheapest(1..=m - 1, |x| {
                let green = (q[x] - q[m]) / (1.0 - q[m]);
                1.0 + green * f[m - x][u - x].runs + (1.0 - green) * f[x][u].runs
            });
        }
        g[u] = cheapest(1..=u, |x| {
            1.0 + q[x] * g[u - x].runs + (1.0 - q[x]) * f[x][u].runs
        });
    }
    Nested { clean: g, red: f }
}

/// Returns the length with the fewest runs, of equal ones the shortest.
fn cheapest(mut lengths: std::ops::RangeInclusive<usize>, runs: impl Fn(usize) -> f64) -> Choice {
    let choice = |length| Choice {
        runs: runs(length),
        length,
    };
    let first = lengths.next().map(choice).unwrap_or_default();
    lengths.map(choice).fold(first, |best, it| {
        if it.runs < best.runs - 1e-12 {
            it
        } else {
            best
        }
    })
}

/// Returns the sets of up to `workers` cumulative probes that minimise rounds and `price` times runs.
fn endgame(rate: f64, workers: usize, price: f64) -> Endgame {
    let limit = ENDGAME_MAX;
    let q = innocence(rate, limit);
    let mut g = vec![Cuts::default(); limit + 1];
    let mut f = vec![g.clone(); limit + 1];
    for u in 1..=limit {
        f[1][u].cost = g[u - 1].cost;
        for m in 2..=u {
            let den = 1.0 - q[m];
            f[m][u] = best_cuts(m - 1, workers, |cuts| {
                let mut cost = 1.0 + price * cuts.len() as f64;
                let mut from = 0;
                for to in cuts.iter().copied().chain([m]) {
                    cost += (q[from] - q[to]) / den * f[to - from][u - from].cost;
                    from = to;
                }
                cost
            });
        }
        g[u] = best_cuts(u, workers, |cuts| {
            let mut cost = 1.0 + price * cuts.len() as f64;
            let mut from = 0;
            for to in cuts.iter().copied() {
                cost += (q[from] - q[to]) * f[to - from][u - from].cost;
                from = to;
            }
            cost + q[from] * g[u - from].cost
        });
    }
    Endgame { clean: g, red: f }
}

/// Returns the cheapest set of one to `most` lengths up to `limit`; of equal ones that with the fewest and shortest.
fn best_cuts(limit: usize, most: usize, cost: impl Fn(&[usize]) -> f64) -> Cuts {
    let mut sets: Vec<Vec<usize>> = (1_u32..1 << limit)
        .filter(|set| set.count_ones() as usize <= most)
        .map(|set| {
            (1..=limit)
                .filter(|length| set >> (length - 1) & 1 == 1)
                .collect()
        })
        .collect();
    sets.sort_by_key(|set| (set.len(), set.clone()));
    let mut best = Cuts {
        cost: f64::INFINITY,
        lengths: Vec::new(),
    };
    for lengths in sets {
        let cost = cost(&lengths);
        if cost < best.cost - 1e-12 {
            best = Cuts { cost, lengths };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns "R1 optimum" of `merge-queue.md`: 4.1 for 8 and 64 items, 3.1 for 128. Runs per landed item, so divided
    /// by the share that lands.
    #[test]
    fn tables_are_those_of_sobel_and_groll() {
        let table = [
            (0.005, [0.145, 0.050, 0.0470]),
            (0.02, [0.206, 0.147, 0.1462]),
            (0.05, [0.329, 0.306, 0.3045]),
            (0.1, [0.542, 0.527, 0.5261]),
            (0.2, [0.924, 0.912, 0.9107]),
        ];
        for (rate, want) in table {
            let g = r1(rate, 128).clean;
            let got = [(8, 8.0), (64, 64.0), (128, 128.0)]
                .map(|(u, items): (usize, f64)| g[u].runs / items / (1.0 - rate));
            for ((got, want), tolerance) in got.iter().zip(want).zip([5e-4, 5e-4, 5e-5]) {
                assert!(
                    (got - want).abs() <= tolerance * 1.001,
                    "{rate}: {got} {want}"
                );
            }
        }
    }

    /// A table is computed once for all rates that are about the same, and only as large as the queue.
    #[test]
    fn tables_are_kept() {
        let tables = Tables::default();
        let first = tables.nested(0.05, 20);
        assert_eq!(first.clean.len(), 33);
        assert!(Rc::ptr_eq(&first, &tables.nested(0.051, 32)));
        assert!(Rc::ptr_eq(
            &tables.endgame(0.05, 4, 0.12),
            &tables.endgame(0.05, 4, 0.12)
        ));
    }
}
