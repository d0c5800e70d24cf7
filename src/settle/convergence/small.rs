//! Two clones that do three things each with one bead, in every order there is.

use std::rc::Rc;

use super::{Bead, Place, Record, Schedule, Stamp, Time};
use crate::bead;

/// What a clone does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    /// Claims the bead, or gives it up where it holds it.
    Claim,
    /// Closes it, or opens it again.
    Turn,
    /// Fetches and joins.
    Join,
    /// Pushes, which may lose.
    Push,
}

const DEEDS: [Deed; 4] = [Deed::Claim, Deed::Turn, Deed::Join, Deed::Push];

/// The orders of six steps, three of them of each of two clones; the other three of each begin with the other
/// clone, which is nothing new.
const ORDERS: [[usize; 6]; 10] = [
    [0, 0, 0, 1, 1, 1],
    [0, 0, 1, 0, 1, 1],
    [0, 0, 1, 1, 0, 1],
    [0, 0, 1, 1, 1, 0],
    [0, 1, 0, 0, 1, 1],
    [0, 1, 0, 1, 0, 1],
    [0, 1, 0, 1, 1, 0],
    [0, 1, 1, 0, 0, 1],
    [0, 1, 1, 0, 1, 0],
    [0, 1, 1, 1, 0, 0],
];

/// Returns every three deeds that come to something: one of them is a change, and the first is no push, which
/// has nothing to say.
fn programs() -> Vec<[Deed; 3]> {
    let pairs = DEEDS
        .iter()
        .flat_map(|a| DEEDS.iter().map(move |b| (*a, *b)));
    let all = pairs.flat_map(|(a, b)| DEEDS.iter().map(move |c| [a, b, *c]));
    let changes = |deed: &Deed| [Deed::Claim, Deed::Turn].contains(deed);
    all.filter(|it| it[0] != Deed::Push && it.iter().any(changes))
        .collect()
}

impl Schedule<'_> {
    /// Lets a replica change the bead, by a function that answers whether it did.
    fn change(&mut self, at: usize, change: impl Fn(&mut Bead, &str, &Stamp) -> bool) {
        let replica = &self.replicas[at];
        let mut records = self.versions[replica.tip].records.clone();
        let old = records["gt-1"].clone();
        let mut bead = Bead::of(Record::clone(&old)).expect("it is one");
        let stamp = Stamp::next(Time(self.now), &replica.clone, Some(&old.newest()));
        let actor = replica.clone.to_string();
        if change(&mut bead, &actor, &stamp) {
            let new = bead.into_record();
            self.oracle.saw(Some(&old), &new);
            records.insert("gt-1".into(), Rc::new(new.clone()));
            self.write(at, records, vec![new]);
        }
    }

    fn act(&mut self, at: usize, deed: Deed) {
        match deed {
            Deed::Claim => self.change(at, |bead, actor, stamp| match bead.holder() {
                Some(holder) if holder == actor => bead::release(bead, stamp).is_ok(),
                Some(_) => false,
                None => bead::claim(bead, actor, stamp).is_ok(),
            }),
            Deed::Turn => self.change(at, |bead, _, stamp| {
                match bead.is_closed() {
                    true => bead.reopen(stamp),
                    false => bead.close("", stamp),
                }
                true
            }),
            Deed::Join => {
                self.fetch(at, Place::Hub);
                self.integrate(at);
            }
            Deed::Push => self.push(at, Place::Hub),
        }
    }
}

/// When the first clone begins its history anew, of which order: in most never.
const BEGINNINGS: [(usize, usize); 2] = [(4, 1), (6, 3)];

#[test]
fn two_clones_end_alike_whatever_they_do_in_whatever_order() {
    let mut played = 0;
    let two = Schedule::of_two();
    for first in programs() {
        for second in programs() {
            let never = ORDERS.iter().map(|order| (order, None));
            let some = BEGINNINGS.map(|(order, at)| (&ORDERS[order], Some(at)));
            for (order, begins) in never.chain(some) {
                let mut schedule = two.clone();
                let mut left = [first.iter(), second.iter()];
                for (step, at) in order.iter().copied().enumerate() {
                    if begins == Some(step) {
                        schedule.begin_anew(0);
                    }
                    let deed = *left[at].next().expect("there are three of each");
                    schedule.act(at, deed);
                }
                schedule.settle();
                schedule.check();
                played += 1;
            }
        }
    }
    assert_eq!(played, 44 * 44 * (10 + 2));
}
