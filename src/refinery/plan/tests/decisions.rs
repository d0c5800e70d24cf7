//! Single decisions: what is known, and what is to be done about it.

use super::*;

/// Parameters of a queue with so many workers.
fn workers(workers: usize) -> Params {
    Params {
        workers,
        ..Params::default()
    }
}

/// Facts are written as `landed|waiting` and trials: the items merged, `-` for none, on what has landed or, behind
/// `n@`, on the first n of it, `>` where it only screens; then `:` and what came of it: `g` green, so many times red,
/// `?` running, `2?` running after two times red. Without a trial of the bare tip it was green.
#[track_caller]
fn check(params: &Params, queue: &str, trials: &[&str], want: &str) {
    check_needs(params, queue, &[], trials, want);
}

/// The same with needs: `ba` says that b needs a.
#[track_caller]
fn check_needs(params: &Params, queue: &str, needs: &[&str], trials: &[&str], want: &str) {
    let (landed, waiting) = queue.split_once('|').unwrap();
    let (landed, waiting) = (parse_items(landed), parse_items(waiting));
    let mut items = vec![Standing::Gone; 26];
    for item in &landed {
        items[*item as usize] = Standing::Landed;
    }
    for (place, item) in (0..).zip(&waiting) {
        items[*item as usize] = Standing::Waits(place);
    }
    let mut all_needs = vec![Vec::new(); 26];
    for pair in needs {
        let pair = parse_items(pair);
        all_needs[pair[0] as usize].extend(&pair[1..]);
    }
    let tip = landed.len() as u32;
    let mut trials: Vec<Trial> = trials.iter().map(|text| parse_trial(text, tip)).collect();
    let bare = |it: &&Trial| it.context == tip && it.items.is_empty();
    if !trials.iter().any(|it| bare(&it)) {
        trials.push(parse_trial("-:g", tip));
    }
    for (at, trial) in trials.iter_mut().enumerate() {
        trial.tree = at as u64;
        (trial.first, trial.last) = (at as u32 + 1, at as u32 + 1);
    }
    let facts = Facts {
        items: &items,
        landed: &landed,
        needs: &all_needs,
        risk: None,
        trials: &trials,
        streak: 0,
        now: trials.len() as u32,
        params,
    };
    let got = show(&plan(&facts, &Tables::default()));
    assert_eq!(got, want, "{queue} {trials:?}");
}

fn parse_items(text: &str) -> Vec<Item> {
    text.bytes().map(|it| Item::from(it - b'a')).collect()
}

fn parse_trial(text: &str, tip: u32) -> Trial {
    let (tree, outcome) = text.split_once(':').unwrap();
    let (base, items) = match tree.split_once('@') {
        Some((base, items)) => (base.parse().unwrap(), items),
        None => (tip, tree),
    };
    let (items, screens) = match items.strip_prefix('>') {
        Some(items) => (items, true),
        None => (items, false),
    };
    let red = |text: &str| {
        if text.is_empty() {
            0
        } else {
            text.parse().unwrap()
        }
    };
    let outcome = match (outcome, outcome.strip_suffix('?')) {
        ("g", _) => Outcome::Green,
        (_, Some(before)) => Outcome::Running(red(before)),
        (count, None) => Outcome::Red(red(count)),
    };
    Trial {
        base: Some(base),
        context: base,
        tree: 0,
        items: parse_items(items.trim_matches('-')),
        screens,
        outcome,
        first: 1,
        last: 1,
    }
}

fn show_items(items: &[Item]) -> String {
    items
        .iter()
        .map(|it| char::from(b'a' + u8::try_from(*it).unwrap()))
        .collect()
}

fn show(step: &Move) -> String {
    match step {
        Move::Idle => "idle".into(),
        Move::Land(items) => format!("land {}", show_items(items)),
        Move::Eject(item) => format!("eject {}", show_items(&[*item])),
        Move::Freeze => "freeze".into(),
        Move::Probe(probes) if probes.is_empty() => "wait".into(),
        Move::Probe(probes) => {
            let probes: Vec<String> = probes.iter().map(show_probe).collect();
            probes.join(", ")
        }
    }
}

fn show_probe(probe: &Probe) -> String {
    let base = probe.context.map_or(String::new(), |at| format!("{at}@"));
    let items = format!(
        "{base}{}{}",
        if probe.screens { ">" } else { "" },
        show_items(&probe.items)
    );
    match probe.why {
        Why::Batch => format!("batch {items}"),
        Why::Bisect { .. } => format!("bisect {items}"),
        Why::Cut => format!("cut {items}"),
        Why::Screen => format!("screen {items}"),
        Why::Confirm { red, of } => format!("confirm {items} {red}/{of}"),
        Why::Control => "control".into(),
    }
}

#[test]
fn an_empty_queue_is_idle() {
    let one = workers(1);
    check(&one, "|", &[], "idle");
    check(&one, "ab|", &[], "idle");
    check(&one, "|", &["-:1"], "idle");
}

#[test]
fn the_longest_green_sequence_lands_first() {
    let one = workers(1);
    check(&one, "|ab", &["a:g"], "land a");
    check(&one, "|abcd", &["ab:g", "abc:g"], "land abc");
    // The first item is repaired by the second one.
    check(&one, "|ab", &["a:2", "ab:g"], "land ab");
    check(&one, "|ab", &["a:g", "ab:1"], "land a");
    // Tested before what it stands on had landed.
    check(&one, "a|bc", &["0@ab:g"], "land b");
    // On another base it is no evidence.
    check(&one, "a|b", &["0@b:g"], "batch b");
}

#[test]
fn green_on_a_red_tip_is_its_repair() {
    check(&workers(1), "|ab", &["-:2", "ab:g"], "land ab");
}

#[test]
fn a_red_tip_ejects_nobody() {
    let one = workers(1);
    check(&one, "|a", &["-:2", "a:2"], "freeze");
    check(&one, "|abc", &["-:9"], "freeze");
    check(&one, "|a", &["-:1", "a:2"], "control");
    check(&one, "|ab", &["-:1"], "control");
    check(&workers(4), "|ab", &["-:1"], "control");
    check(&workers(4), "|ab", &["-:1?", "a:2"], "wait");
}

#[test]
fn a_culprit_is_confirmed_and_then_ejected() {
    let one = workers(1);
    check(&one, "|a", &["a:1"], "confirm a 1/2");
    check(&one, "|a", &["a:2"], "eject a");
    check(&one, "|ab", &["a:2", "ab:1"], "eject a");
    let sure = Params {
        flake_rate: 0.0,
        ..one
    };
    check(&sure, "|a", &["a:1"], "eject a");
    // What is behind it comes first: its answer may convict as well.
    check(&workers(1), "|abc", &["a:1"], "batch bc");
    check(&workers(1), "bc|a", &["0@a:1", "0@abc:1"], "eject a");
}

#[test]
fn screening_never_convicts() {
    // Red on what was the tip, but the rest of the evidence is not on a tip: once more, on it.
    let sure = Params {
        flake_rate: 0.0,
        ..workers(1)
    };
    check(&sure, "a|b", &["0@>b:1"], "eject b");
    check(&workers(1), "a|bcd", &["0@>cb:1", "0@>c:g"], "batch cd");
}

#[test]
fn red_is_bisected_and_never_exceeded() {
    let one = workers(1);
    check(&one, "|ab", &["ab:1"], "bisect a");
    check(&one, "|abcdefgh", &["abcd:1"], "bisect ab");
    check(&one, "|abcdefgh", &["abcd:5", "abcdefg:1"], "bisect ab");
    check(&one, "ab|cdefgh", &["0@abcd:1"], "bisect c");
}

#[test]
fn what_passed_elsewhere_never_stands_before_something_red() {
    let four = workers(4);
    check(
        &four,
        "|abcdef",
        &["abcd:1", ">ef:g"],
        "bisect ab, cut a, cut abc",
    );
}

#[test]
fn who_needs_another_comes_behind_it() {
    let two = workers(2);
    let few = Params {
        batch_max: 2,
        ..workers(1)
    };
    check_needs(&few, "|abc", &["ac"], &[], "batch bc");
    check_needs(&few, "|cab", &["ac"], &[], "batch ca");
    // Those that need a suspect wait for its verdict.
    check_needs(&workers(1), "|abcd", &["ba", "cb"], &["a:1"], "batch d");
    check_needs(&workers(1), "|ab", &["ba"], &["a:1"], "confirm a 1/2");
    check_needs(&two, "|ab", &["ba"], &["a:1?"], "wait");
    // What needs somebody who is gone is not tested.
    check_needs(&two, "|b", &["ba"], &[], "idle");
}

#[test]
fn a_probe_says_how_likely_it_is_to_be_red_and_what_that_tells() {
    let params = Params {
        culprit_rate: 0.05,
        flake_rate: 0.0,
        ..Params::default()
    };
    let mut world = World::new(2, &[1], params);
    let Move::Probe(probes) = plan(&world.facts(), &Tables::default()) else {
        panic!("two wait and nothing is known");
    };
    let both = 1.0 - 0.95 * 0.95;
    assert!((probes[0].red - both).abs() < 1e-12, "{probes:?}");
    let bits = -both * libm::log2(both) - (1.0 - both) * libm::log2(1.0 - both);
    assert!((probes[0].bits - bits).abs() < 1e-12, "{probes:?}");
    while world.ejected.is_empty() {
        world.step();
        if let Move::Probe(probes) = plan(&world.facts(), &Tables::default()) {
            assert!(
                probes.iter().all(|it| (0.0..=1.0).contains(&it.red)),
                "{probes:?}"
            );
            assert!(probes.iter().all(|it| it.bits >= 0.0), "{probes:?}");
        }
    }
}
