//! Replicas that write, delete, purge and join in any order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};

use super::*;
use crate::ledger::sync::replica::Store;

/// What one replica does.
#[derive(Debug, Clone)]
enum Step {
    /// It makes a record.
    Make,
    /// It changes one it has.
    Change(Index),
    /// It deletes one it has.
    Delete(Index),
    /// It drops what was deleted so many steps ago.
    Purge(u64),
    /// It joins what another one has.
    Join(usize),
}

const REPLICAS: usize = 3;

struct Replica {
    clone: CloneId,
    tip: Option<Oid>,
}

fn record(stamp: &Stamp, number: usize) -> Record {
    Record::new(&format!("gt-{number}"), "bead", stamp)
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let any_index = any::<Index>();
    let step = prop_oneof![
        3 => Just(Step::Make),
        2 => any_index.clone().prop_map(Step::Change),
        3 => any_index.prop_map(Step::Delete),
        2 => (0_u64..20).prop_map(Step::Purge),
        5 => (0..REPLICAS).prop_map(Step::Join),
    ];
    (0..REPLICAS, step)
}

/// Runs a history and checks that all replicas come to one tree, which has whatever nobody deleted.
fn check(store: &Store, steps: &[(usize, Step)]) {
    let clone = |at: usize| CloneId::parse(&format!("k7f2m3q{at}")).unwrap();
    let mut replicas: Vec<Replica> = (0..REPLICAS)
        .map(|at| Replica {
            clone: clone(at),
            tip: None,
        })
        .collect();
    let (mut made, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    for (number, (at, step)) in steps.iter().enumerate() {
        let now = Time(1_000_000 + number as u64);
        let other = match step {
            Step::Join(other) => replicas[*other].tip,
            _ => None,
        };
        let replica = &mut replicas[*at];
        let ledger = store.at(replica.tip);
        let known = ledger.records().unwrap();
        let live: Vec<&Record> = known.iter().filter(|it| it.life() % 2 == 0).collect();
        let next = |record: &Record| Stamp::next(now, &replica.clone, Some(&record.newest()));
        let new = match step {
            Step::Make => {
                made.insert(format!("gt-{number}"));
                Some(record(&Stamp::next(now, &replica.clone, None), number))
            }
            Step::Change(which) if !live.is_empty() => {
                let mut record = (*which.get(&live)).clone();
                record.set("title", Some(number.into()), &next(&record));
                Some(record)
            }
            Step::Delete(which) if !live.is_empty() => {
                let mut record = (*which.get(&live)).clone();
                deleted.insert(record.id().to_owned());
                let state = [("status", Value::from("deleted")), ("life", 1.into())];
                let state = state.map(|(key, value)| (key.to_owned(), value));
                record.delete(Map::from_iter(state), &next(&record));
                Some(record)
            }
            _ => None,
        };
        replica.tip = match (new, step, replica.tip, other) {
            (Some(record), ..) => Some(store.written(replica.tip, &replica.clone, vec![record])),
            (None, Step::Purge(ago), Some(tip), _) => {
                let floor = Stamp::floor(Time(now.0 - ago));
                {
                    let gone = over(&ledger, &floor).unwrap();
                    let tree = without(&ledger, &gone, floor.clone()).unwrap();
                    Some(store.with_tree(tip, tree))
                }
            }
            (None, Step::Join(_), ours, Some(theirs)) => Some(store.joined(None, (ours, theirs)).0),
            (None, _, tip, _) => tip,
        };
    }
    let trees = agreed(store, &mut replicas);
    assert_eq!(trees.len(), 1, "they do not agree: {trees:?}");
    let Some(tip) = replicas[0].tip else { return };
    let left = store.at(Some(tip)).records().unwrap();
    let live = |it: &&Record| it.life() % 2 == 0;
    let live: BTreeSet<String> = left
        .iter()
        .filter(live)
        .map(|it| it.id().to_owned())
        .collect();
    assert!(made.difference(&deleted).all(|id| live.contains(id)));
}

/// Lets everybody join everybody until nothing changes, and returns the trees that are left.
fn agreed(store: &Store, replicas: &mut [Replica]) -> BTreeSet<Option<Oid>> {
    let tree = |tip: Option<Oid>| store.at(tip).tree();
    for _ in 0..4 * REPLICAS {
        for at in 0..REPLICAS {
            for other in 0..REPLICAS {
                let (ours, theirs) = (replicas[at].tip, replicas[other].tip);
                if let Some(theirs) = theirs
                    && tree(ours) != tree(Some(theirs))
                {
                    replicas[at].tip = Some(store.joined(None, (ours, theirs)).0);
                }
            }
        }
    }
    replicas.iter().map(|it| tree(it.tip)).collect()
}

#[test]
fn what_was_deleted_goes_and_nothing_else_does() {
    let store = Store::of_format("sha1");
    let config = Config {
        cases: 60,
        source_file: Some(file!()),
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&vec(step(), 0..30), |steps| {
        check(&store, &steps);
        store.clear();
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn only_what_is_over_and_old_may_be_missing() {
    let stamp = |number| Stamp::floor(Time(number));
    let check = |record: &Record, want: bool| {
        assert!(!is_over(record, &stamp(5)));
        assert_eq!(is_over(record, &stamp(50)), want);
    };
    let live = record(&stamp(10), 1);
    check(&live, false);
    let with = |status: &str, life: u64, at| {
        let mut record = live.clone();
        let state = serde_json::json!({ "status": status, "life": life });
        record.set("state", Some(state), &stamp(at));
        record
    };
    check(&with("deleted", 1, 20), true);
    check(&with("deleted", 1, 60), false);
    check(&with("closed", 1, 20), false);
    check(&with("deleted", 2, 20), false);
    let until = |time: u64| {
        let mut record = live.clone();
        record.set("expires", Some(Time(time).to_string().into()), &stamp(10));
        record
    };
    check(&until(20), true);
    check(&until(70), false);
}
