//! Plan of the merge queue: what its one worker does next, as a pure function of evidence.
//!
//! `merge-queue.md` sections 3.1 to 3.5 give the reasons; rules are named here as they are there
//! (I1 landing, I2 ejection, I3 purity, I4 progress, red tip). The requests are merged
//! cumulatively onto the tip, so "prefix `k`" is one exact tree: the tip and the first `k`
//! requests. Whatever a change of queue or tip leaves unchanged is found again by its tree, so
//! nothing is remembered between two calls.

use std::ops::RangeInclusive;

/// Largest number of requests the tables are computed for. Larger batches gain nothing at
/// culprit rates above 1 % (the best first probe holds about `ln 2 / p` requests), and the time
/// for the tables grows with its third power: 44,000 entries are weighed at 64.
const BATCH_LIMIT: usize = 64;

/// Rates the tables are computed for. Below, batches are at their limit anyway; above, requests
/// are tested one by one anyway (Ungar 1960: from 38.2 % on that is optimal). At 0 and 1 the
/// recurrences would divide by zero.
const RATES: RangeInclusive<f64> = 0.001..=0.5;

/// Largest number of red attempts a verdict can need, for gates so flaky that no number would
/// do. Such a gate says nothing; the limit only keeps the queue from asking it for ever.
const CONFIRMATIONS_LIMIT: u32 = 64;

/// Prior of the culprit rate, Beta(1, 19): as if one of twenty requests had been ejected.
const PRIOR_EJECTED: f64 = 1.0;
const PRIOR_LANDED: f64 = 19.0;

/// What is known about one tree, summed up over all required gates at their current definition.
///
/// Equal trees have equal evidence: where a request changes nothing, so do its neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Whether every required gate has a green attempt on exactly this tree.
    ///
    /// A green attempt outweighs any number of red ones: broken trees do not pass, good ones
    /// fail now and then.
    pub green: bool,
    /// Red attempts of the gate that is red most often and was never green here; 0 when none.
    pub red: u32,
}

/// What the plan takes for granted about requests and gates. Rates are probabilities, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Params {
    /// How likely a request is to break every tree it is in; see [`culprit_rate`].
    pub culprit_rate: f64,
    /// How likely a gate is to be red on a good tree. The caller keeps it at the floor of the
    /// default or above, unless a gate is declared deterministic.
    pub flake_rate: f64,
    /// How likely a verdict of red may be to come from flakes alone.
    pub alpha: f64,
    /// How many requests one candidate may hold; at least 1 and at most 64 are used.
    pub batch_max: usize,
}

impl Default for Params {
    /// Returns what holds for a queue without history.
    fn default() -> Self {
        Self {
            culprit_rate: culprit_rate(0, 0),
            flake_rate: 0.005,
            alpha: 0.0025,
            batch_max: BATCH_LIMIT,
        }
    }
}

/// All that [`plan`] looks at: the tip, the queue on top of it, and the parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts<'a> {
    /// Evidence for the target's tip.
    pub tip: Evidence,
    /// Evidence for the prefixes of the queue: `chain[i]` is tip + requests `0..=i`. Requests
    /// that conflict are not in it.
    pub chain: &'a [Evidence],
    /// How many requests those candidates hold (0: the bare tip) about which gates outside were
    /// asked and have not answered.
    pub asked: &'a [usize],
    /// The parameters of this queue.
    pub params: &'a Params,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is queued.
    Idle,
    /// Run the required gates on a prefix.
    Probe {
        /// How many requests the candidate holds; 0 is the bare tip.
        length: usize,
        /// What the run is for.
        why: Why,
    },
    /// Wait for the gates outside to answer about a prefix.
    Wait {
        /// How many requests the candidate holds; 0 is the bare tip.
        length: usize,
    },
    /// Move the target to a prefix, which is green.
    Land {
        /// How many requests land, at least 1.
        length: usize,
    },
    /// Eject the first request, `chain[0]`: it is the culprit.
    Eject,
    /// Stop and report, the tip itself is red. Nobody in the queue is to blame.
    Freeze,
}

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing is red: a batch from the front of the queue.
    Batch {
        /// How many requests are queued.
        queued: usize,
    },
    /// A prefix is red: a shorter one, to find where green turns red.
    Bisect {
        /// Length of the longest prefix known green: 0, as a longer one lands first.
        green: usize,
        /// Length of the shortest prefix known red.
        red: usize,
    },
    /// The first request is red on the tip: once more, in case that was a flake.
    Confirm {
        /// Which red attempt this would be, counted from 1.
        attempt: u32,
        /// How many red attempts convict.
        of: u32,
    },
    /// Something is red and the tip was never seen green: the bare tip.
    Control,
}

/// Returns the next step of the queue.
///
/// Equal facts give equal steps on every machine (I3): there is no state, no clock and no chance,
/// and the tables use nothing but IEEE 754 addition, multiplication and division.
///
/// Followed step by step it terminates (I4): the result of every probe lands something, shortens
/// the shortest red prefix, settles whether the tip is green, or adds a red attempt to a tree
/// that has fewer than [`confirmations`] of them. A red prefix is never probed again unless it is
/// the first request alone, and nothing is ever probed beyond one: both were livelocks in drafts
/// of `merge-queue.md` (3.5, Termination).
///
/// Nothing else is asked while an answer is under way that could spare the question: whoever asks
/// for a longer batch with each request that joins would never have an answer.
pub(super) fn plan(facts: &Facts<'_>) -> Step {
    let step = act(facts);
    let Step::Probe { length, .. } = step else {
        return step;
    };
    let red = shortest_red(facts.chain).unwrap_or(usize::MAX);
    let spares = |asked: &usize| *asked == length || length > 0 && (1..red).contains(asked);
    match facts.asked.iter().copied().find(spares) {
        Some(length) => Step::Wait { length },
        None => step,
    }
}

/// Returns the next step where no answer is under way.
fn act(facts: &Facts<'_>) -> Step {
    let needed = confirmations(facts.params);
    let red = shortest_red(facts.chain);
    if let Some(length) = longest_green(facts.chain) {
        // I1. Comes first also where the tip is red: then this is its repair, and it is proven.
        Step::Land { length }
    } else if facts.tip.is_red() && facts.tip.red >= needed {
        // Red tip.
        Step::Freeze
    } else if facts.chain.is_empty() {
        Step::Idle
    } else if wants_control(facts.tip, red) {
        Step::Probe {
            length: 0,
            why: Why::Control,
        }
    } else if red == Some(1) {
        judge_first(facts.chain[0].red, needed)
    } else {
        search(facts, red)
    }
}

/// Returns how many red attempts on one tree make a verdict: the smallest `c` of at least 1 with
/// `flake_rate^c <= alpha` (I2), at most 64.
pub(super) fn confirmations(params: &Params) -> u32 {
    // On paper 0.05^2 is 0.0025; in binary it is a little more, which must not cost a run.
    let bound = params.alpha * (1.0 + 1e-9);
    let mut all_flakes = 1.0;
    (1..CONFIRMATIONS_LIMIT)
        .find(|_| {
            all_flakes *= params.flake_rate;
            all_flakes <= bound
        })
        .unwrap_or(CONFIRMATIONS_LIMIT)
}

/// Returns the expected rate of culprits after so many requests landed and were ejected: the
/// posterior mean of Beta(1, 19), which is 5 % without history.
#[expect(clippy::cast_precision_loss, reason = "no queue lands 2^53 requests")]
pub(super) fn culprit_rate(landed: u64, ejected: u64) -> f64 {
    let ejected = PRIOR_EJECTED + ejected as f64;
    ejected / (ejected + PRIOR_LANDED + landed as f64)
}

impl Evidence {
    fn is_red(self) -> bool {
        !self.green && self.red > 0
    }
}

fn longest_green(chain: &[Evidence]) -> Option<usize> {
    chain.iter().rposition(|it| it.green).map(|last| last + 1)
}

fn shortest_red(chain: &[Evidence]) -> Option<usize> {
    chain.iter().position(|it| it.is_red()).map(|last| last + 1)
}

/// Returns whether the bare tip is to be run now ("any red when the tip has no green attempt").
///
/// Right before a conviction there is no choice, I2 demands a green tip. Before a bisection
/// there is: under a red tip all its answers, about `log2 m`, would be red and worthless; under a
/// good tip the control is a run that the first green answer would have saved. For a batch of 13,
/// red with an even chance, that breaks even where one unknown tip in eight is red, so in mere
/// runs waiting may well be a little cheaper. The control goes first all the same: it is paid once
/// per push past the queue, since what the queue lands is green, and a broken target is known
/// after `c` runs instead of at the end of a search. A red attempt of the tip itself counts
/// as "any red": a batch on top of it would most likely be red for its sake.
///
/// The other trigger of 3.4, three suspects in a row, has no place here: suspects are judged one
/// at a time on a tip with green evidence, which another run of it could not take away.
fn wants_control(tip: Evidence, shortest_red: Option<usize>) -> bool {
    !tip.green && (tip.is_red() || shortest_red.is_some())
}

/// Returns the verdict on the first request, which is red on exactly tip + request, the tip being
/// green: the culprit (I2), or suspect until there are `needed` red attempts.
fn judge_first(red: u32, needed: u32) -> Step {
    if red >= needed {
        Step::Eject
    } else {
        Step::Probe {
            length: 1,
            why: Why::Confirm {
                attempt: red + 1,
                of: needed,
            },
        }
    }
}

/// Returns the probe that finds the next prefix to land, or the next culprit, in the fewest runs.
///
/// The shortest red prefix, if any, is longer than 1 and no prefix is green; so all that can be
/// chosen here was never run. Confirmations are not part of the reckoning: each culprit costs the
/// same number of them whatever the order of probes.
fn search(facts: &Facts<'_>, shortest_red: Option<usize>) -> Step {
    let queued = facts.chain.len();
    let u = queued.min(facts.params.batch_max.clamp(1, BATCH_LIMIT));
    let rate = facts
        .params
        .culprit_rate
        .clamp(*RATES.start(), *RATES.end());
    let R1 { g, f } = r1(rate, u);
    let (choice, why) = match shortest_red {
        None => (g[u], Why::Batch { queued }),
        Some(m) if m <= u => (f[m][u], Why::Bisect { green: 0, red: m }),
        // Requests put in front, or a smaller `batch_max`, can leave a red prefix longer than a
        // batch. To know that so many hold a culprit is to know next to nothing.
        Some(m) => (g[u], Why::Bisect { green: 0, red: m }),
    };
    Step::Probe {
        length: choice.length,
        why,
    }
}

/// Procedure R1 of Sobel and Groll (1959), the best of all nested ones, which go on inside the
/// group that was red: `g[u]` for `u` requests of which nothing is known, `f[m][u]` for `u`
/// requests of which the first `m` are known to hold a culprit.
struct R1 {
    g: Vec<Choice>,
    f: Vec<Vec<Choice>>,
}

/// The best next probe and how many runs are left when it is taken, itself included.
#[derive(Debug, Clone, Copy, Default)]
struct Choice {
    runs: f64,
    length: usize,
}

/// Returns R1's tables for up to `limit` requests, each a culprit with probability `rate`: the
/// recurrences of `merge-queue.md` 3.1, in its names.
fn r1(rate: f64, limit: usize) -> R1 {
    // q[x] is q^x, the chance that x requests hold no culprit.
    let q: Vec<f64> = std::iter::successors(Some(1.0), |it| Some(it * (1.0 - rate)))
        .take(limit + 1)
        .collect();
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
    R1 { g, f }
}

/// Returns the length with the fewest runs, of equal ones the shortest.
fn cheapest(lengths: RangeInclusive<usize>, runs: impl Fn(usize) -> f64) -> Choice {
    let first = *lengths.start();
    let start = Choice {
        runs: runs(first),
        length: first,
    };
    lengths.skip(1).fold(start, |best, length| {
        let runs = runs(length);
        if runs < best.runs {
            Choice { runs, length }
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    const GREEN: Evidence = Evidence {
        green: true,
        red: 0,
    };

    /// Facts are written `tip|chain`, one mark per tree: `.` unknown, `?` asked outside, `g` green, a
    /// digit for so many red attempts.
    #[track_caller]
    fn check(facts: &str, want: &str) {
        check_with(&Params::default(), facts, want);
    }

    #[track_caller]
    fn check_with(params: &Params, facts: &str, want: &str) {
        let trees: Vec<char> = facts.chars().filter(|it| *it != '|').collect();
        let marks: Vec<Evidence> = trees.iter().copied().map(parse).collect();
        let asked: Vec<usize> = (0..trees.len()).filter(|at| trees[*at] == '?').collect();
        let step = plan(&Facts {
            tip: marks[0],
            chain: &marks[1..],
            asked: &asked,
            params,
        });
        assert_eq!(show(step), want, "{facts}");
    }

    fn parse(mark: char) -> Evidence {
        match mark {
            '.' | '?' => Evidence::default(),
            'g' => GREEN,
            digit => Evidence {
                green: false,
                red: digit.to_digit(10).unwrap(),
            },
        }
    }

    fn show(step: Step) -> String {
        match step {
            Step::Idle => "idle".into(),
            Step::Land { length } => format!("land {length}"),
            Step::Eject => "eject".into(),
            Step::Freeze => "freeze".into(),
            Step::Wait { length } => format!("wait {length}"),
            Step::Probe {
                length,
                why: Why::Batch { queued },
            } => {
                format!("batch {length} of {queued}")
            }
            Step::Probe {
                length,
                why: Why::Bisect { green, red },
            } => {
                format!("bisect {length} in {green}..{red}")
            }
            Step::Probe {
                length,
                why: Why::Confirm { attempt, of },
            } => {
                format!("confirm {length}, {attempt} of {of}")
            }
            Step::Probe {
                length,
                why: Why::Control,
            } => format!("control {length}"),
        }
    }

    fn deterministic() -> Params {
        Params {
            flake_rate: 0.0,
            ..Params::default()
        }
    }

    #[test]
    fn empty_queue_is_idle() {
        check("g|", "idle");
        check(".|", "idle");
        check("1|", "idle");
    }

    #[test]
    fn longest_green_prefix_lands_first() {
        check("g|g", "land 1");
        check("g|.gg.", "land 3");
        // The first request is repaired by the second one.
        check("g|2g", "land 2");
        check("g|g1", "land 1");
        // Green on a red tip is a repair.
        check("2|.g", "land 2");
    }

    #[test]
    fn answers_under_way_are_waited_for() {
        check(".|?", "wait 1");
        // Requests that join meanwhile change nothing, nor do longer prefixes that must be red too.
        check("g|..?..", "wait 3");
        check("g|.2?.", "bisect 1 in 0..2");
        check("g|?2..", "wait 1");
        check("?|1.", "wait 0");
        check("?|..", "batch 2 of 2");
        check(".|?1", "control 0");
        check("g|g?", "land 1");
        check("?|g", "land 1");
    }

    #[test]
    fn green_outweighs_red() {
        let both = Evidence {
            green: true,
            red: 3,
        };
        let params = Params::default();
        let land = plan(&Facts {
            tip: both,
            chain: &[both],
            asked: &[],
            params: &params,
        });
        assert_eq!(land, Step::Land { length: 1 });
        let eject = plan(&Facts {
            tip: both,
            chain: &[parse('2')],
            asked: &[],
            params: &params,
        });
        assert_eq!(eject, Step::Eject);
    }

    #[test]
    fn red_tip_freezes() {
        check("2|2", "freeze");
        check("2|...", "freeze");
        check("9|.2", "freeze");
        check("2|", "freeze");
    }

    #[test]
    fn red_needs_a_green_tip() {
        check(".|1", "control 0");
        check(".|2", "control 0");
        check(".|...1", "control 0");
        check("1|2", "control 0");
        check("1|..", "control 0");
        check(".|..", "batch 2 of 2");
    }

    #[test]
    fn red_first_request_is_confirmed_then_ejected() {
        check("g|1", "confirm 1, 2 of 2");
        check("g|1..1", "confirm 1, 2 of 2");
        check("g|2", "eject");
        check("g|3.", "eject");
        check_with(&deterministic(), "g|1", "eject");
    }

    #[test]
    fn red_prefix_is_bisected() {
        check("g|.1", "bisect 1 in 0..2");
        check("g|...1....", "bisect 2 in 0..4");
        check("g|...5..1.", "bisect 2 in 0..4");
    }

    #[test]
    fn batch_follows_the_culprit_rate() {
        let sized = |culprit_rate| Params {
            culprit_rate,
            ..Params::default()
        };
        let fresh = format!("g|{}", ".".repeat(200));
        check_with(&sized(0.0), &fresh, "batch 64 of 200");
        check_with(&sized(0.005), &fresh, "batch 64 of 200");
        check_with(&sized(0.4), &fresh, "batch 1 of 200");
        check_with(&sized(1.0), &fresh, "batch 1 of 200");
        check_with(&sized(f64::NAN), &fresh, "batch 1 of 200");
    }

    #[test]
    fn batch_max_bounds_every_probe() {
        let small = |batch_max| Params {
            batch_max,
            ..Params::default()
        };
        check_with(&small(4), "g|.........", "batch 4 of 9");
        check_with(&small(4), "g|........1", "bisect 4 in 0..9");
        let cautious = Params {
            culprit_rate: 0.0,
            batch_max: 1000,
            ..Params::default()
        };
        check_with(
            &cautious,
            &format!("g|{}", ".".repeat(200)),
            "batch 64 of 200",
        );
        check_with(&small(0), "g|..", "batch 1 of 2");
    }

    #[test]
    fn confirmations_follow_the_flake_rate() {
        let needed = |flake_rate| {
            confirmations(&Params {
                flake_rate,
                ..Params::default()
            })
        };
        let table = [
            (0.0, 1),
            (0.0025, 1),
            (0.005, 2),
            (0.01, 2),
            (0.05, 2),
            (0.051, 3),
            (0.5, 9),
        ];
        for (flake_rate, want) in table {
            assert_eq!(needed(flake_rate), want, "{flake_rate}");
        }
        assert_eq!(needed(1.0), CONFIRMATIONS_LIMIT);
        assert_eq!(needed(f64::NAN), CONFIRMATIONS_LIMIT);
    }

    #[test]
    fn culprit_rate_learns() {
        let table = [
            ((0, 0), 0.05),
            ((20, 0), 0.025),
            ((80, 0), 0.01),
            ((15, 5), 0.15),
        ];
        for ((landed, ejected), want) in table {
            assert!(
                (culprit_rate(landed, ejected) - want).abs() < 1e-12,
                "{landed} {ejected}"
            );
        }
        assert!((Params::default().culprit_rate - 0.05).abs() < 1e-12);
    }

    /// Columns "R1 optimum" of `merge-queue.md`: 4.1 for 8 and 64 requests, 3.1 for 128. Runs per
    /// landed request, so divided by the share that lands.
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
            let g = r1(rate, 128).g;
            let got = [(8, 8.0), (64, 64.0), (128, 128.0)]
                .map(|(u, requests): (usize, f64)| g[u].runs / requests / (1.0 - rate));
            for ((got, want), tolerance) in got.iter().zip(want).zip([5e-4, 5e-4, 5e-5]) {
                assert!(
                    (got - want).abs() <= tolerance * 1.001,
                    "{rate}: {got} {want}"
                );
            }
        }
    }

    /// The plan, followed through all 2^n queues of n requests, takes exactly the expected number
    /// of runs that R1 promises. Nothing nested can take fewer.
    #[test]
    fn plan_is_optimal() {
        let requests: u32 = 9;
        for rate in [0.01, 0.05, 0.2, 0.45] {
            let expected: f64 = (0..1 << requests)
                .map(|culprits: Tree| {
                    let params = Params {
                        culprit_rate: rate,
                        ..deterministic()
                    };
                    let mut world = World::new(requests, singles(culprits), params);
                    world.drain();
                    let bad = culprits.count_ones();
                    (0..bad).fold(f64::from(world.runs), |it, _| it * rate)
                        * (bad..requests).fold(1.0, |it, _| it * (1.0 - rate))
                })
                .sum();
            let promised = r1(rate, 9).g[9].runs;
            assert!(
                (expected - promised).abs() < 1e-9,
                "{rate}: {expected} {promised}"
            );
        }
    }

    #[test]
    fn later_of_a_pair_is_ejected() {
        let mut world = World::new(8, vec![1 << 2 | 1 << 5], Params::default());
        world.drain();
        assert_eq!(world.ejected, [5]);
        assert_eq!(world.landed, [0, 1, 2, 3, 4, 6, 7]);
    }

    #[test]
    fn red_tip_ejects_nobody() {
        let mut world = World::new(20, vec![ALWAYS], Params::default());
        world.drain();
        assert!(world.frozen && world.ejected.is_empty() && world.landed.is_empty());
        // One batch, then the tip until its verdict.
        assert_eq!(world.runs, 3);
    }

    #[test]
    fn red_push_past_the_queue_ejects_nobody() {
        let mut world = World::new(20, vec![1 << 3, PUSHED], Params::default());
        while world.ejected.is_empty() {
            assert!(world.step());
        }
        world.tip |= PUSHED;
        world.drain();
        assert!(world.frozen);
        assert_eq!(world.ejected, [3]);
    }

    /// Set of changes; the tree that holds exactly these.
    type Tree = u128;

    /// Change pushed past the queue.
    const PUSHED: Tree = 1 << 127;

    /// Breaking set that is part of every tree.
    const ALWAYS: Tree = 0;

    fn singles(changes: Tree) -> Vec<Tree> {
        (0..128)
            .map(|it| 1 << it)
            .filter(|it| changes & it != 0)
            .collect()
    }

    /// A target, its queue, and the verdict of every run.
    #[derive(Debug, Clone)]
    struct World {
        params: Params,
        /// Sets of changes that break every tree that holds all of them: one change for a
        /// culprit, two for a pair that only breaks together.
        breaking: Vec<Tree>,
        /// Changes of requests that change nothing.
        empty: Tree,
        /// Which runs fail on a good tree, over and over.
        flakes: Vec<bool>,
        tip: Tree,
        queue: VecDeque<u32>,
        verdicts: Vec<(Tree, bool)>,
        runs: u32,
        /// What I4 allows, and one push past the queue: between two of the requests settled each
        /// run shortens the red prefix or brings the tip or the first request nearer its verdict.
        runs_max: u32,
        landed: Vec<u32>,
        ejected: Vec<u32>,
        frozen: bool,
    }

    impl World {
        /// Returns a queue of requests that each make one change, on a tip known to be green
        /// where it is.
        fn new(requests: u32, breaking: Vec<Tree>, params: Params) -> Self {
            let verdicts = if breaking.contains(&ALWAYS) {
                vec![]
            } else {
                vec![(0, true)]
            };
            Self {
                runs_max: (requests + 2) * (requests + 2 * confirmations(&params)),
                params,
                breaking,
                verdicts,
                queue: (0..requests).collect(),
                empty: 0,
                flakes: vec![false],
                tip: 0,
                runs: 0,
                landed: vec![],
                ejected: vec![],
                frozen: false,
            }
        }

        fn is_broken(&self, tree: Tree) -> bool {
            self.breaking.iter().any(|set| tree & set == *set)
        }

        fn change(&self, request: u32) -> Tree {
            (1 << request) & !self.empty
        }

        /// Trees of all prefixes, the bare tip first.
        fn prefixes(&self) -> Vec<Tree> {
            let merged = self.queue.iter().scan(self.tip, |tree, request| {
                *tree |= self.change(*request);
                Some(*tree)
            });
            std::iter::once(self.tip).chain(merged).collect()
        }

        /// What landing one by one, each request tested on its own, would eject.
        fn culprits(&self) -> Vec<u32> {
            let mut tip = self.tip;
            let mut culprits = self.queue.clone();
            culprits.retain(|request| {
                let tree = tip | self.change(*request);
                let broken = self.is_broken(tree);
                tip = if broken { tip } else { tree };
                broken
            });
            culprits.into()
        }

        /// Carries out steps until nothing is left to do.
        fn drain(&mut self) {
            while self.step() {}
        }

        /// Carries out one step and returns whether there are more; checks all that can be
        /// checked on the spot.
        fn step(&mut self) -> bool {
            let prefixes = self.prefixes();
            let known: Vec<Evidence> = evidence(&prefixes, self.verdicts.iter());
            let step = plan(&Facts {
                tip: known[0],
                chain: &known[1..],
                asked: &[],
                params: &self.params,
            });
            let again = evidence(&prefixes, self.verdicts.iter().rev());
            let facts = Facts {
                tip: again[0],
                chain: &again[1..],
                asked: &[],
                params: &self.params,
            };
            assert_eq!(step, plan(&facts), "the plan remembers something");
            let needed = confirmations(&self.params);
            match step {
                Step::Idle => assert!(self.queue.is_empty()),
                Step::Freeze => {
                    assert!(!known[0].green && known[0].red >= needed);
                    self.frozen = true;
                }
                Step::Land { length } => {
                    assert!(known[length].green && !self.is_broken(prefixes[length]));
                    self.tip = prefixes[length];
                    self.landed.extend(self.queue.drain(..length));
                }
                Step::Wait { .. } => unreachable!("nobody was asked"),
                Step::Eject => {
                    assert!(known[0].green && !known[1].green && known[1].red >= needed);
                    self.ejected.extend(self.queue.pop_front());
                }
                Step::Probe { length, why } => {
                    check_probe(&known, length, why, &self.params);
                    self.run(prefixes[length]);
                }
            }
            !matches!(step, Step::Idle | Step::Freeze)
        }

        fn run(&mut self, tree: Tree) {
            let flake = self.flakes[self.verdicts.len() % self.flakes.len()];
            self.verdicts.push((tree, !flake && !self.is_broken(tree)));
            self.runs += 1;
            assert!(self.runs <= self.runs_max, "livelock");
        }
    }

    /// Returns the evidence for `trees`; the order of the verdicts does not matter.
    fn evidence<'a>(
        trees: &[Tree],
        verdicts: impl Iterator<Item = &'a (Tree, bool)>,
    ) -> Vec<Evidence> {
        let mut known: BTreeMap<Tree, Evidence> = BTreeMap::new();
        for (tree, green) in verdicts {
            let it = known.entry(*tree).or_default();
            it.green |= green;
            it.red += u32::from(!green);
        }
        trees
            .iter()
            .map(|tree| known.get(tree).copied().unwrap_or_default())
            .collect()
    }

    /// Checks a probe against what is known about the tip and all prefixes.
    fn check_probe(known: &[Evidence], length: usize, why: Why, params: &Params) {
        let (tip, probed) = (known[0], known[length]);
        let red = shortest_red(&known[1..]);
        assert!(!probed.green, "green trees land, they are not probed");
        assert!(
            probed.red < confirmations(params),
            "a verdict is not asked for again"
        );
        match why {
            Why::Control => assert!(length == 0 && (red.is_some() || tip.red > 0)),
            Why::Confirm { attempt, of } => {
                assert!(length == 1 && tip.green && probed.red > 0);
                assert_eq!((attempt, of), (probed.red + 1, confirmations(params)));
            }
            Why::Batch { queued } => assert!(red.is_none() && queued == known.len() - 1),
            Why::Bisect { green, red: end } => {
                assert!(tip.green && red == Some(end));
                assert!(green < length && length < end, "beyond a red prefix");
            }
        }
        if matches!(why, Why::Batch { .. } | Why::Bisect { .. }) {
            assert_eq!(probed.red, 0, "run twice");
            assert!(1 <= length && length <= params.batch_max);
        }
    }

    fn any_params() -> impl Strategy<Value = Params> {
        (
            0.001..0.45,
            prop::sample::select(vec![0.0, 0.005, 0.1]),
            1..=70_usize,
        )
            .prop_map(|(culprit_rate, flake_rate, batch_max)| Params {
                culprit_rate,
                flake_rate,
                batch_max,
                ..Params::default()
            })
    }

    prop_compose! {
        /// Queues with culprits, with pairs and triples that break only together, and with
        /// requests that change nothing.
        fn any_world()(requests in 1..30_u32, params in any_params())(
            culprits in prop::collection::btree_set(0..requests, 0..5),
            together in prop::collection::vec(
                prop::collection::vec((0..requests).prop_map(|it| 1 << it), 2..4), 0..4),
            empty in prop::collection::btree_set(0..requests, 0..4),
            mut world in Just(World::new(requests, vec![], params)),
        ) -> World {
            let union = |sets: Vec<Tree>| sets.into_iter().fold(0, |all, it| all | it);
            world.breaking = culprits.into_iter().map(|it| 1 << it).collect();
            world.breaking.extend(together.into_iter().map(union));
            world.empty = union(empty.into_iter().map(|it| 1 << it).collect());
            world
        }
    }

    proptest! {
        #[test]
        fn culprits_and_only_culprits_are_ejected(mut world in any_world(), fresh: bool) {
            if fresh {
                world.verdicts.clear();
            }
            let (culprits, queued) = (world.culprits(), world.queue.len());
            world.drain();
            prop_assert_eq!(&world.ejected, &culprits);
            prop_assert_eq!(world.landed.len() + culprits.len(), queued);
            prop_assert!(!world.frozen);
        }

        /// However the flakes fall: it ends, and what [`World::step`] checks holds, so that no
        /// red tree lands and nobody is ejected without the attempts that I2 demands.
        #[test]
        fn flakes_only_cost_runs(
            mut world in any_world(),
            flakes in prop::collection::vec(prop::bool::weighted(0.2), 1..60),
        ) {
            world.flakes = flakes;
            world.drain();
            prop_assert!(world.queue.is_empty() && !world.frozen);
        }

        #[test]
        fn push_past_the_queue(
            mut world in any_world(),
            steps in 0..20_usize,
            breaks: bool,
            flakes in prop::collection::vec(prop::bool::weighted(0.05), 1..60),
        ) {
            world.flakes = flakes;
            if breaks {
                world.breaking.push(PUSHED);
            }
            let waiting = (0..steps).all(|_| world.step()) && !world.queue.is_empty();
            let ejected = world.ejected.len();
            if waiting {
                world.tip |= PUSHED;
                world.drain();
            }
            if waiting && breaks {
                prop_assert!(world.frozen, "a red tip freezes");
                prop_assert_eq!(world.ejected.len(), ejected, "and ejects nobody");
            }
        }

        /// Facts no queue would come to on its own: verdicts from outside, requests put in front.
        #[test]
        fn any_facts_have_a_sound_step(
            marks in prop::collection::vec(
                prop::sample::select(vec!['.', '.', '.', 'g', '1', '3']), 1..40),
            params in any_params(),
        ) {
            let known: Vec<Evidence> = marks.into_iter().map(parse).collect();
            let (tip, chain) = (known[0], &known[1..]);
            let needed = confirmations(&params);
            match plan(&Facts { tip, chain, asked: &[], params: &params }) {
                Step::Idle => prop_assert!(chain.is_empty()),
                Step::Wait { .. } => unreachable!("nobody was asked"),
                Step::Freeze => prop_assert!(!tip.green && tip.red >= needed),
                Step::Eject => {
                    prop_assert!(tip.green && chain[0].is_red() && chain[0].red >= needed);
                }
                Step::Land { length } => {
                    prop_assert!(known[length].green);
                    prop_assert!(known[length + 1..].iter().all(|it| !it.green));
                }
                Step::Probe { length, why } => check_probe(&known, length, why, &params),
            }
        }
    }
}
