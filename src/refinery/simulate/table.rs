//! The scenarios the queue is measured by, beside what others need and what nobody can do without.

use super::{Figures, Other, Scenario, compare, simulate};

/// A scenario and what each queue makes of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// What is simulated.
    pub scenario: Scenario,
    /// Gate runs and gate durations per landed change that the queue is to reach.
    pub anchor: (f64, f64),
    /// Gate runs per landed change that no queue can do without, on average.
    pub bound: f64,
    /// What this queue makes of it.
    pub ours: Figures,
    /// What the others make of it.
    pub others: Vec<(Other, Figures)>,
}

/// Changes, culprits, flakes, workers, and the anchors: runs and gate durations per landed change (`merge-queue.md`
/// 4.8, a model of this plan in 40,000 replications).
#[expect(clippy::approx_constant, reason = "0.318 is measured, not 1 / pi")]
const SCENARIOS: [(usize, f64, f64, usize, f64, f64); 15] = [
    (8, 0.05, 0.01, 1, 0.387, 0.387),
    (32, 0.02, 0.0, 1, 0.149, 0.149),
    (32, 0.05, 0.01, 1, 0.368, 0.368),
    (128, 0.02, 0.01, 1, 0.171, 0.171),
    (128, 0.05, 0.0, 1, 0.304, 0.304),
    (128, 0.10, 0.05, 1, 0.691, 0.691),
    (16, 0.05, 0.01, 4, 0.546, 0.220),
    (32, 0.05, 0.01, 2, 0.407, 0.217),
    (32, 0.05, 0.01, 4, 0.475, 0.151),
    (64, 0.02, 0.01, 4, 0.235, 0.073),
    (128, 0.005, 0.01, 4, 0.076, 0.027),
    (128, 0.05, 0.01, 4, 0.389, 0.104),
    (128, 0.05, 0.05, 4, 0.424, 0.114),
    (128, 0.10, 0.01, 4, 0.675, 0.176),
    (128, 0.20, 0.01, 4, 1.235, 0.318),
];

/// Plays every scenario so many times under every queue.
pub fn table(replications: u32, seed: u64) -> Vec<Row> {
    let row = |(changes, culprits, flakes, workers, runs, rounds)| {
        let scenario = Scenario::backlog(changes, culprits, flakes, workers);
        let other = |it: Other| (it, compare(it, &scenario, replications, seed));
        Row {
            anchor: (runs, rounds),
            bound: bound(culprits, flakes),
            ours: simulate(&scenario, replications, seed),
            others: Other::ALL.map(other).to_vec(),
            scenario,
        }
    };
    SCENARIOS.into_iter().map(row).collect()
}

/// Returns the entropy bound: bits that tell good changes from culprits, by the bits that a run of the gates can tell
/// where good trees are red now and then (`merge-queue.md` 3.1).
fn bound(culprits: f64, flakes: f64) -> f64 {
    let term = |chance: f64| -chance * libm::log2(chance);
    let entropy = term(culprits) + term(1.0 - culprits);
    let capacity = match flakes > 0.0 {
        true => libm::log2(1.0 + (1.0 - flakes) * libm::pow(flakes, flakes / (1.0 - flakes))),
        false => 1.0,
    };
    entropy / capacity / (1.0 - culprits)
}

#[cfg(test)]
mod tests {
    use super::super::Price;
    use super::*;

    /// The table of `merge-queue.md` 3.1.
    #[test]
    fn the_bound_is_that_of_a_noisy_gate() {
        for (culprits, flakes, want) in [
            (0.005, 0.0, 0.0456),
            (0.05, 0.0, 0.3015),
            (0.05, 0.01, 0.3141),
            (0.2, 0.05, 1.0528),
        ] {
            let got = bound(culprits, flakes);
            assert!((got - want).abs() < 6e-5, "{culprits} {flakes}: {got}");
        }
    }

    /// Every anchor is reached, as far as few replications can tell: no broken tree, and 12 % for chance.
    #[test]
    fn anchors_are_reached() {
        for (changes, culprits, flakes, workers, runs, rounds) in SCENARIOS {
            let scenario = Scenario::backlog(changes, culprits, flakes, workers);
            let replications = u32::try_from(2000 / changes).unwrap_or(1);
            let figures = simulate(&scenario, replications, 3);
            assert_eq!((figures.broken, figures.stuck), (0, 0), "{scenario:?}");
            assert!(figures.false_ejections_per_100() <= 0.5, "{figures:?}");
            let got = (figures.runs_per_landed(), figures.rounds_per_landed());
            let is_near = got.0 <= 1.12 * runs && got.1 <= 1.12 * rounds;
            // Where culprits are rare their number is a matter of chance.
            assert!(is_near || culprits < 0.03, "{scenario:?}: {got:?}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_figures_whatever_the_threads() {
        let scenario = Scenario {
            changes: 20,
            culprits: 0.1,
            flakes: 0.05,
            workers: 3,
            interactions: 0.1,
            arrivals: Some(2.0),
            cold: true,
            price: Price::Time,
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.expect("threads can be started");
            pool.install(|| simulate(&scenario, 200, 5))
        };
        let figures = on(1);
        assert_eq!(figures, on(3));
        assert_ne!(figures, simulate(&scenario, 200, 6));
        assert_eq!((figures.broken, figures.stuck), (0, 0));
    }

    /// Figures of `merge-queue.md` 4.1 and 4.2 for 32 changes, 5 %.
    #[test]
    fn others_need_what_is_known_of_them() {
        let scenario = |flakes, workers| Scenario::backlog(32, 0.05, flakes, workers);
        let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 0.08, "{got} {want}");
        for (other, runs) in [
            (Other::Serial, 1.051),
            (Other::Bors, 0.447),
            (Other::Gastown, 0.489),
            (Other::Mergify, 0.348),
        ] {
            near(
                compare(other, &scenario(0.0, 1), 400, 1).runs_per_landed(),
                runs,
            );
        }
        for (other, rounds) in [
            (Other::GitHub, 0.3),
            (Other::Zuul, 0.3),
            (Other::Mergify, 0.228),
        ] {
            near(
                compare(other, &scenario(0.01, 4), 400, 1).rounds_per_landed(),
                rounds,
            );
        }
    }
}
