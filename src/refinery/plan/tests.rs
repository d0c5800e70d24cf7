//! Tests of the plan: single decisions, and whole queues worked off in worlds that are made up.

use proptest::prelude::*;

use super::*;

mod decisions;
mod world;

use world::{Tree, World};

fn any_params() -> impl Strategy<Value = Params> {
    (
        prop::sample::select(vec![0.001, 0.05, 0.2, 0.45]),
        prop::sample::select(vec![0.0, 0.005, 0.1]),
        1..=40_usize,
        1..=8_usize,
        prop::sample::select(vec![0.02, 0.35, 0.8]),
    )
        .prop_map(
            |(culprit_rate, flake_rate, batch_max, workers, theta)| Params {
                culprit_rate,
                flake_rate,
                batch_max,
                workers,
                theta,
                ..Params::default()
            },
        )
}

prop_compose! {
    /// Queues with culprits, with pairs and triples that break only together, with items that change nothing and
    /// items that need earlier ones, and workers that end in any order.
    fn any_world()(items in 1..26_u32, params in any_params())(
        culprits in prop::collection::btree_set(0..items, 0..5),
        together in prop::collection::vec(
            prop::collection::vec((0..items).prop_map(|it| 1 << it), 2..4), 0..4),
        empty in prop::collection::btree_set(0..items, 0..4),
        stacks in prop::collection::vec((0..items, 0..items), 0..5),
        turns in prop::collection::vec(0..8_usize, 1..20),
        mut world in Just(World::new(items, &[], params)),
        items in Just(items),
    ) -> World {
        let union = |sets: Vec<Tree>| sets.into_iter().fold(0, |all, it| all | it);
        world.breaking = culprits.into_iter().map(|it| 1 << it).collect();
        world.breaking.extend(together.into_iter().map(union));
        world.empty = union(empty.into_iter().map(|it| 1 << it).collect());
        // What is broken by nothing is broken by everything.
        let empty = world.empty;
        world.breaking.retain(|set| set & empty == 0);
        world.needs = vec![Vec::new(); items as usize];
        for (one, other) in stacks {
            if one != other {
                world.needs[one.max(other) as usize].push(one.min(other));
            }
        }
        world.turns = turns;
        world
    }
}

/// Whether nothing but what an item needs is missing.
fn is_held(world: &World, item: Item) -> bool {
    let gone = |need: &Item| {
        world.items[*need as usize] == Standing::Gone || world.waits(*need) && is_held(world, *need)
    };
    world
        .needs
        .get(item as usize)
        .is_some_and(|needs| needs.iter().any(gone))
}

/// Every item landed, was ejected with reason, was taken back, or needs one of those that did not land.
fn check_end(world: &World) -> Result<(), TestCaseError> {
    for (item, standing) in (0..).zip(&world.items) {
        match standing {
            Standing::Waits(_) => prop_assert!(is_held(world, item), "{item} is stuck"),
            Standing::Landed => prop_assert!(world.landed.contains(&item)),
            Standing::Gone => {}
        }
    }
    Ok(())
}

/// A quarter of the cases that are asked for (`PROPTEST_CASES`, else 256).
fn quarter() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: (config.cases / 4).max(1),
        ..config
    }
}

proptest! {
    #![proptest_config(quarter())]

    /// Without flakes only culprits are ejected: everybody of them breaks the target.
    #[test]
    fn culprits_and_only_culprits_are_ejected(mut world in any_world(), fresh: bool) {
        if fresh {
            world.trials.clear();
        }
        world.drain();
        check_end(&world)?;
        prop_assert!(!world.frozen);
        for item in &world.ejected {
            let now = world.landed.len() as u32;
            prop_assert!(world.is_broken(world.tree(now, &[*item])), "{item} is innocent");
        }
    }

    /// However the flakes fall: it ends, and what [`World::step`] checks holds, so that no red tree lands and nobody
    /// is ejected without the attempts that I2 demands.
    #[test]
    fn flakes_only_cost_runs(
        mut world in any_world(),
        flakes in prop::collection::vec(prop::bool::weighted(0.2), 1..60),
    ) {
        world.flakes = flakes;
        world.drain();
        prop_assume!(!world.frozen);
        check_end(&world)?;
    }

    /// A push past the queue; a red one freezes it and ejects nobody.
    #[test]
    fn push_past_the_queue(mut world in any_world(), steps in 0..30_usize, breaks: bool) {
        const PUSHED: Item = 127;
        if breaks {
            world.breaking.push(1 << PUSHED);
        }
        let waiting = (0..steps).all(|_| world.step()) && !world.is_drained();
        let ejected = world.ejected.len();
        world.stop_all();
        world.push(PUSHED);
        world.drain();
        if waiting && breaks && !(0..).zip(&world.items).all(|(item, _)| !world.waits(item) || is_held(&world, item)) {
            prop_assert!(world.frozen, "a red tip freezes");
            prop_assert_eq!(world.ejected.len(), ejected, "and ejects nobody");
        }
        if !breaks {
            check_end(&world)?;
        }
    }

    /// Items are taken back, put in front and tried again while others are tested.
    #[test]
    fn people_change_the_queue(
        mut world in any_world(),
        steps in prop::collection::vec((0..4_u8, 0..26_u32, 0..6_usize), 1..20),
    ) {
        world.runs_max += steps.len() * 40;
        for (what, item, steps) in steps {
            let item = item % world.items.len() as u32;
            match what {
                0 => world.take_back(item),
                1 => world.put_first(item),
                2 => {
                    world.stop_all();
                    world.retry(item);
                }
                _ => {}
            }
            for _ in 0..steps {
                world.step();
            }
        }
        world.drain();
        prop_assert!(!world.frozen);
        check_end(&world)?;
    }

    /// Whoever dies forgets what runs and nothing else: one worker goes on as if nothing had been, and several come to
    /// an end that is as good.
    #[test]
    fn a_crash_costs_what_was_running(
        mut world in any_world(),
        crashes in prop::collection::vec(0..6_usize, 1..30),
    ) {
        let mut undisturbed = world.clone();
        undisturbed.drain();
        world.runs_max += crashes.len() * world.params.workers;
        for steps in crashes {
            for _ in 0..steps {
                world.step();
            }
            world.crash();
        }
        world.drain();
        check_end(&world)?;
        prop_assert!(!world.frozen);
        for item in &world.ejected {
            let now = world.landed.len() as u32;
            prop_assert!(world.is_broken(world.tree(now, &[*item])), "{item} is innocent");
        }
        // Where equal trees go by several names, it is met anew which of them is known.
        if world.params.workers == 1 && world.empty == 0 {
            prop_assert_eq!(&world.log, &undisturbed.log);
            prop_assert_eq!(&world.landed, &undisturbed.landed);
            prop_assert_eq!(&world.ejected, &undisturbed.ejected);
        }
    }

    /// Forget everything and derive it again: the order in which evidence lies and what is of no use change nothing.
    #[test]
    fn nothing_is_remembered(
        mut world in any_world(),
        steps in 0..30_usize,
        flakes in prop::collection::vec(prop::bool::weighted(0.1), 1..20),
        seed: u64,
    ) {
        world.flakes = flakes;
        for _ in 0..steps {
            world.step();
        }
        let want = world.next();
        let mut again = world.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut again.trials);
        prop_assert_eq!(&want, &again.next(), "order matters");
        again.items.push(Standing::Gone);
        let gone = again.items.len() as Item - 1;
        again.needs.push(Vec::new());
        let useless = Trial {
            base: None,
            context: 1 << 20,
            tree: 1 << 60,
            items: vec![gone, 0],
            screens: false,
            outcome: Outcome::Red(1),
            first: 1,
            last: 1,
        };
        again.trials.insert(0, useless);
        prop_assert_eq!(&want, &again.next(), "what is of no use matters");
    }
}

/// The plan of one worker, followed through all 2^n queues of n items, takes exactly the runs that R1 promises. Nothing
/// nested can take fewer.
#[test]
fn one_worker_is_optimal() {
    let items: u32 = 8;
    for rate in [0.05, 0.2] {
        // Rates of tables are rounded: one that is exact.
        let rate = libm::exp(libm::round(libm::log(rate) * 12.0) / 12.0);
        let params = Params {
            culprit_rate: rate,
            flake_rate: 0.0,
            ..Params::default()
        };
        let runs = |culprits: Tree| {
            let singles: Vec<Tree> = (0..items)
                .map(|it| 1 << it)
                .filter(|it| culprits & it != 0)
                .collect();
            let mut world = World::new(items, &singles, params.clone());
            world.drain();
            let bad = culprits.count_ones();
            let chance = lanes::powi(rate, bad) * lanes::powi(1.0 - rate, items - bad);
            // What doubts of the tip cost is no part of the search.
            let controls = world
                .log
                .iter()
                .filter(|it| world.landed.is_empty() && it.0 == 0)
                .count();
            chance * (world.log.len() - controls) as f64
        };
        let expected: f64 = (0..1 << items).map(runs).sum();
        let promised = Tables::default().nested(rate, 16).clean[items as usize].runs;
        assert!(
            (expected / promised - 1.0).abs() < 2e-3,
            "{rate}: {expected} {promised}"
        );
    }
}

#[test]
fn the_later_of_a_pair_is_ejected() {
    let mut world = World::new(8, &[1 << 2 | 1 << 5], Params::default());
    world.drain();
    assert_eq!(world.ejected, [5]);
    assert_eq!(world.landed, [0, 1, 2, 3, 4, 6, 7]);
}

#[test]
fn a_red_tip_ejects_nobody() {
    for workers in [1, 4] {
        let params = Params {
            workers,
            ..Params::default()
        };
        let mut world = World::new(20, &[world::ALWAYS], params);
        world.drain();
        assert!(world.frozen && world.ejected.is_empty() && world.landed.is_empty());
        // What was started together, then the tip until its verdict.
        assert!(world.runs <= 2 + workers, "{}", world.runs);
    }
}

/// The machine breaks while the queue is at work: three culprits in a row are too many.
#[test]
fn a_tip_that_rots_is_found_out() {
    let mut world = World::new(40, &[1 << 39], Params::default());
    while world.landed.is_empty() {
        assert!(world.step());
    }
    world.breaking.push(world::ALWAYS);
    world.drain();
    assert!(world.frozen);
    assert!(world.ejected.len() <= 3, "{:?}", world.ejected);
}

/// Two changes change nothing, so what holds them passed long before, under another name.
#[test]
fn what_passed_under_another_name_is_not_asked_again() {
    let params = Params {
        culprit_rate: 0.001,
        flake_rate: 0.0,
        theta: 0.02,
        workers: 6,
        ..Params::default()
    };
    let mut world = World::new(8, &[1 << 0, 1 << 5], params);
    world.empty = 1 << 2 | 1 << 4;
    world.turns = vec![3, 2];
    world.drain();
    assert_eq!(world.ejected, [0, 5]);
    assert!(world.is_drained());
}

/// A screening lane goes to the tip while a worker has other things to do.
#[test]
fn what_is_tested_on_the_tip_is_not_screened_as_well() {
    let params = Params {
        theta: 0.8,
        workers: 2,
        ..Params::default()
    };
    let mut world = World::new(8, &[1 << 0, 1 << 2], params);
    world.turns = vec![6];
    world.flakes = vec![false, false, false, false, false, true];
    world.drain();
    assert_eq!(world.ejected, [0, 2]);
    assert!(world.is_drained());
}

/// The one suspect has waited long enough and needs what passed and has not landed.
#[test]
fn a_suspect_that_cannot_be_tested_keeps_nobody_waiting() {
    let params = Params {
        culprit_rate: 0.001,
        flake_rate: 0.1,
        batch_max: 4,
        ..Params::default()
    };
    let mut world = World::new(4, &[1 << 0, 1 << 3], params);
    world.empty = 1 << 1;
    world.needs = vec![vec![], vec![], vec![], vec![2]];
    while world.landed.is_empty() || world.next() != Move::Land(vec![2]) {
        assert!(world.step());
    }
    // The target moves before it lands.
    world.push(127);
    world.drain();
    assert_eq!(world.landed, [1, 127, 2]);
    assert_eq!(world.ejected, [0, 3]);
}
