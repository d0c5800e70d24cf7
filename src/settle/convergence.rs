//! Convergence: replicas that edit apart, sync in any order, lose messages, begin their history anew and meet
//! accidents end alike, and nothing that anybody did is missing.
//!
//! A schedule follows from its number. `GT_TEST_SCHEDULE=n` plays one, `GT_TEST_SCHEDULES=n` the first n;
//! every [`IN_TREES`]th is played in trees and commits as well.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::ledger::replica::{Store, given_way, met, placed};
use crate::ledger::{CloneId, Oid, Record, Stamp, Time};
use crate::record::Bead;

mod edits;
mod oracle;
mod small;

use edits::Edits;
use oracle::Oracle;

/// How many schedules are played.
const SCHEDULES: u64 = 10_000;
/// How many schedules one is taken of that is played in trees.
const IN_TREES: u64 = 20;
/// 2025-10-09.
const START: u64 = 1_760_000_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// The records of a ledger by their ids.
type Records = BTreeMap<Rc<str>, Rc<Record>>;

/// A ledger as it was at one commit.
#[derive(Clone)]
struct Version {
    records: Records,
    parents: Vec<usize>,
    /// Every version behind it, with itself.
    behind: BTreeSet<usize>,
    /// How often its history was begun anew.
    epoch: u32,
    /// Its commit, where the schedule is played in trees.
    commit: Option<Oid>,
}

/// One clone.
#[derive(Clone)]
struct Replica {
    clone: CloneId,
    /// How far its clock is ahead, in milliseconds.
    skew: i64,
    /// Versions that it has not got, because its clone is shallow.
    hidden: BTreeSet<usize>,
    tip: usize,
    /// What it has last seen of where it syncs.
    tracked: Option<usize>,
    /// Its last join and the tip that was joined.
    unmerged: Option<(usize, usize)>,
}

/// Where a replica syncs: the hub, or another replica.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Hub,
    Peer(usize),
}

#[derive(Clone)]
struct Schedule<'s> {
    dice: Dice,
    store: Option<&'s Store>,
    now: u64,
    versions: Vec<Version>,
    replicas: Vec<Replica>,
    hub: Option<usize>,
    /// Whether clones meet at the hub alone and the hub forgets nothing: then the push decides about claims.
    is_orderly: bool,
    /// Whether pushes and answers get lost.
    is_lossy: bool,
    edits: Edits,
    oracle: Oracle,
    /// What two tips were joined to.
    joins: BTreeMap<[usize; 2], usize>,
    /// Versions without their history.
    rooted: BTreeMap<usize, usize>,
    /// What the next epoch begins with after a version.
    begun: BTreeMap<usize, usize>,
}

impl<'s> Schedule<'s> {
    fn new(number: u64, store: Option<&'s Store>) -> Self {
        let mut dice = Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let is_orderly = dice.one_in(2);
        let empty = Version {
            records: Records::new(),
            parents: Vec::new(),
            behind: BTreeSet::from([0]),
            epoch: 0,
            commit: None,
        };
        let count = 2 + dice.below(5).min(dice.below(5));
        let skews = [0, 0, 0, 2, -2, 604_800_000, -31_536_000_000];
        let replica = |at: usize| Replica {
            clone: CloneId::parse(&format!("clone00{at}")).unwrap(),
            skew: dice.pick(&skews),
            hidden: BTreeSet::new(),
            tip: 0,
            tracked: None,
            unmerged: None,
        };
        let replicas = (0..count).map(replica).collect();
        Self {
            dice,
            store,
            now: START,
            versions: vec![empty],
            replicas,
            hub: None,
            is_orderly,
            is_lossy: true,
            edits: Edits::default(),
            oracle: Oracle::default(),
            joins: BTreeMap::new(),
            rooted: BTreeMap::new(),
            begun: BTreeMap::new(),
        }
    }

    /// Returns two clones that know one bead, of a hub that loses nothing.
    fn of_two() -> Self {
        let mut two = Self::new(0, None);
        two.replicas.truncate(2);
        two.replicas.iter_mut().for_each(|it| it.skew = 0);
        (two.is_orderly, two.is_lossy) = (true, false);
        let created = Stamp::next(Time(two.now), &two.replicas[0].clone, None);
        let bead = Bead::new("gt-1", "bead", &created).into_record();
        two.oracle.saw(None, &bead);
        let records = Records::from([("gt-1".into(), Rc::new(bead.clone()))]);
        two.write(0, records, vec![bead]);
        two.settle();
        two
    }

    /// Plays it to its end and returns how many steps it had, and how many epochs began.
    fn play(&mut self) -> (u64, u64) {
        let steps = 4 + self.dice.below(24);
        for _ in 0..steps {
            self.now += self.dice.pick(&[0, 0, 1, 5]);
            let at = self.dice.below(self.replicas.len());
            match self.dice.below(25) {
                0..=10 => self.edit(at),
                11..=18 => {
                    let place = self.place(at);
                    self.sync(at, place);
                }
                19 => self.fetch(at, Place::Hub),
                20 => self.integrate(at),
                21 => self.push(at, Place::Hub),
                22 => self.begin_anew(at),
                _ if !self.is_orderly => self.accident(at),
                _ => self.forget_history(at),
            }
        }
        self.settle();
        self.check();
        (steps as u64, self.begun.len() as u64)
    }

    fn place(&mut self, at: usize) -> Place {
        let other = self.dice.below(self.replicas.len());
        match !self.is_orderly && other != at && self.dice.one_in(3) {
            true => Place::Peer(other),
            false => Place::Hub,
        }
    }

    /// Adds a version after others and returns its number.
    fn version(&mut self, records: Records, parents: Vec<usize>, commit: Option<Oid>) -> usize {
        let epochs: BTreeSet<u32> = parents.iter().map(|it| self.versions[*it].epoch).collect();
        assert!(epochs.len() <= 1, "what was put aside came back");
        let epoch = epochs.first().copied().unwrap_or_default();
        self.version_of(epoch, records, parents, commit)
    }

    fn version_of(
        &mut self,
        epoch: u32,
        records: Records,
        parents: Vec<usize>,
        commit: Option<Oid>,
    ) -> usize {
        let number = self.versions.len();
        if let (Some(store), Some(commit)) = (self.store, commit) {
            assert_eq!(store.epoch(commit), epoch);
        }
        let behind = parents
            .iter()
            .flat_map(|it| self.versions[*it].behind.iter());
        let behind = behind.copied().chain([number]).collect();
        self.versions.push(Version {
            records,
            parents,
            behind,
            epoch,
            commit,
        });
        number
    }

    fn edit(&mut self, at: usize) {
        let replica = &self.replicas[at];
        let (tip, clone) = (replica.tip, replica.clone.clone());
        let now = Time(self.now.saturating_add_signed(replica.skew));
        let mut records = self.versions[tip].records.clone();
        let mut written: Vec<Record> = Vec::new();
        for _ in 0..1 + self.dice.below(2) {
            let made = self.edits.make(&mut self.dice, (&clone, now), &records);
            let Some((old, new)) = made.filter(|(old, new)| old.as_deref() != Some(new)) else {
                continue;
            };
            if self.dice.one_in(8)
                && let Some(old) = &old
            {
                assert_eq!(met(old, &new).0, new, "what was known is overtaken");
            }
            self.oracle.saw(old.as_deref(), &new);
            written.retain(|it| it.id() != new.id());
            written.push(new.clone());
            records.insert(new.id().into(), Rc::new(new));
        }
        if !written.is_empty() {
            self.write(at, records, written);
        }
    }

    /// Moves a replica to what it has written.
    fn write(&mut self, at: usize, records: Records, written: Vec<Record>) {
        let Replica { tip, clone, .. } = &self.replicas[at];
        let (tip, before) = (*tip, self.versions[*tip].commit);
        let commit = self.store.map(|it| it.written(before, clone, written));
        self.replicas[at].tip = self.version(records, vec![tip], commit);
    }

    /// A whole sync, unless something goes wrong on the way.
    fn sync(&mut self, at: usize, place: Place) {
        self.replicas[at].unmerged = None;
        self.push(at, place);
        self.fetch(at, place);
        if !self.dice.one_in(12) {
            self.integrate(at);
            self.push(at, place);
        }
    }

    fn fetch(&mut self, at: usize, place: Place) {
        let there = match place {
            Place::Hub => self.hub,
            Place::Peer(peer) => Some(self.replicas[peer].tip).filter(|it| *it != 0),
        };
        self.replicas[at].tracked = there;
    }

    /// Pushes by compare-and-swap; the push may get lost, and the answer too.
    fn push(&mut self, at: usize, place: Place) {
        let (tip, tracked) = (self.replicas[at].tip, self.replicas[at].tracked);
        let there = match place {
            Place::Hub => self.hub,
            Place::Peer(peer) => Some(self.replicas[peer].tip).filter(|it| *it != 0),
        };
        let is_behind = |it: usize| self.versions[tip].behind.contains(&it);
        let forward = there.is_none_or(|it| is_behind(it) || self.has_more(tip, it));
        if tip == 0 || there != tracked || !forward || self.is_lost() {
            return;
        }
        match place {
            Place::Hub => {
                self.hub = Some(tip);
                if self.is_orderly {
                    self.oracle.pushed(&self.versions[tip].records);
                }
            }
            Place::Peer(peer) => self.replicas[peer].tip = tip,
        }
        if !self.is_lost() {
            self.replicas[at].tracked = Some(tip);
        }
    }

    fn is_lost(&mut self) -> bool {
        self.is_lossy && self.dice.one_in(12)
    }

    /// Makes a clone shallow: it has what it stands on, nothing behind that, and what comes later.
    fn forget_history(&mut self, at: usize) {
        let tip = self.replicas[at].tip;
        self.replicas[at].hidden = self.versions[tip].behind.clone();
        self.replicas[at].hidden.remove(&tip);
    }

    /// Puts the history of a replica aside.
    fn begin_anew(&mut self, at: usize) {
        let tip = self.replicas[at].tip;
        if self.versions[tip].parents.is_empty() {
            return;
        }
        let Version {
            records,
            epoch,
            commit,
            ..
        } = self.versions[tip].clone();
        let commit = commit.zip(self.store);
        let commit = commit.map(|(commit, store)| store.begun_anew(commit));
        // Whoever does it makes the same commit.
        let known = self.begun.get(&tip).copied();
        let begun =
            known.unwrap_or_else(|| self.version_of(epoch + 1, records, Vec::new(), commit));
        self.replicas[at].tip = *self.begun.entry(tip).or_insert(begun);
    }

    /// Returns the one of two versions that is of a later epoch, nothing where they are of one.
    fn later(&self, a: usize, b: usize) -> Option<usize> {
        match self.versions[a].epoch.cmp(&self.versions[b].epoch) {
            Ordering::Less => Some(b),
            Ordering::Equal => None,
            Ordering::Greater => Some(a),
        }
    }

    /// Returns whether a version of a later epoch holds whatever an earlier one does.
    fn has_more(&self, tip: usize, earlier: usize) -> bool {
        let all = &self.versions[tip].records;
        let has_more =
            self.later(tip, earlier) == Some(tip) && self.records_of_both(tip, earlier) == *all;
        let commits = [tip, earlier].map(|it| self.versions[it].commit);
        if let (Some(store), [Some(ours), Some(theirs)]) = (self.store, commits)
            && self.later(tip, earlier).is_some()
        {
            assert_eq!(store.holds(ours, theirs), has_more);
        }
        has_more
    }

    /// Returns whether a clone finds one version behind another.
    fn reaches(&self, at: usize, tip: usize, ancestor: usize) -> bool {
        let hidden = self.replicas[at].hidden.contains(&ancestor);
        !hidden && self.versions[tip].behind.contains(&ancestor)
    }

    fn integrate(&mut self, at: usize) {
        let tip = self.replicas[at].tip;
        let Some(theirs) = self.replicas[at].tracked else {
            return;
        };
        if self.reaches(at, tip, theirs) || self.has_more(tip, theirs) {
            return;
        }
        if tip != 0 {
            self.withdraw(at, theirs);
        }
        // As `Sync::start_of_join`: a join that lost its push is made anew from what it was made of.
        let here = self.replicas[at].tip;
        let before = self.replicas[at].unmerged.filter(|(merge, before)| {
            let parents = &self.versions[*merge].parents;
            let other = parents.iter().find(|it| *it != before);
            let is_on = |other: &usize| self.later(*other, theirs).is_none();
            here == *merge
                && self.later(*before, theirs) != Some(*before)
                && other.is_some_and(|it| is_on(it) && self.reaches(at, theirs, *it))
        });
        let ours = before.map_or(here, |(_, before)| before);
        let joined = self.join(at, ours, theirs);
        if ours != 0 && joined != theirs {
            self.replicas[at].unmerged = Some((joined, ours));
        }
        self.replicas[at].tip = joined;
    }

    fn withdraw(&mut self, at: usize, theirs: usize) {
        let replica = &self.replicas[at];
        let (clone, tip) = (replica.clone.clone(), replica.tip);
        let now = Time(self.now.saturating_add_signed(replica.skew));
        let mut records = self.versions[tip].records.clone();
        let mut written = Vec::new();
        let there = &self.versions[theirs].records;
        for (id, other) in there {
            let Some(mine) = records.get(id).filter(|it| *it != other).cloned() else {
                continue;
            };
            let look = |id: &str, of: &Records| of.get(id).map(|it| Record::clone(it));
            let stamp = |record: &Record| Stamp::next(now, &clone, Some(&record.newest()));
            let pair = (&*mine, &**other);
            let (ours, remotes) = (|id: &str| look(id, &records), |id: &str| look(id, there));
            let Some(way) = given_way(pair, &ours, &remotes, &stamp) else {
                continue;
            };
            if way.before != way.after {
                self.oracle.saw(Some(&way.before), &way.after);
                let id = way.after.id();
                written.retain(|it: &Record| it.id() != id);
                written.push(way.after.clone());
                records.insert(id.into(), Rc::new(way.after.clone()));
            }
            let holds = |record: &Record| Bead::of(record.clone()).and_then(|it| it.holder());
            let is_lost = holds(&way.before).is_some() && holds(&way.before) != holds(&way.after);
            assert!(way.is_told || !is_lost, "nobody was told of a lost claim");
        }
        if !written.is_empty() {
            self.write(at, records, written);
        }
    }

    fn join(&mut self, at: usize, ours: usize, theirs: usize) -> usize {
        let base = self.base(at, ours, theirs);
        let records = self.records_of_both(ours, theirs);
        let later = (ours != 0).then(|| self.later(ours, theirs)).flatten();
        let is_all = |tip: usize| self.versions[tip].records == records;
        let has_none_of_its_own = ours == 0 || base == Some(ours);
        let is_theirs = match later {
            Some(later) => later == theirs && is_all(theirs),
            None => has_none_of_its_own && is_all(theirs),
        };
        let is_ours = later == Some(ours) && is_all(ours);
        let commit_of = |it: usize| self.versions[it].commit;
        let commit = self.store.map(|store| {
            let tips = (commit_of(ours), commit_of(theirs).unwrap());
            let joined = store.joined(base.and_then(commit_of), tips).0;
            if let Some(ours) = tips.0
                && joined != tips.1
            {
                // Whoever knows less, and whoever stands on the other side, makes the same commit.
                assert_eq!(store.joined(None, (Some(tips.1), ours)).0, joined);
            }
            joined
        });
        let mut pair = [ours, theirs];
        pair.sort_unstable();
        if let Some(known) = self.joins.get(&pair) {
            let same = is_theirs || is_ours || self.versions[*known].records == records;
            assert!(same, "two joins of the same tips differ");
        }
        if commit.is_some() {
            assert_eq!(
                commit == commit_of(theirs),
                is_theirs,
                "theirs is not all, or is all"
            );
        }
        if is_theirs {
            return theirs;
        }
        if is_ours {
            assert_eq!(commit, commit_of(ours), "ours is all");
            return ours;
        }
        let parents = match later {
            Some(later) => vec![later],
            None => pair.into_iter().filter(|it| *it != 0).collect(),
        };
        let joined = self.version(records, parents, commit);
        *self.joins.entry(pair).or_insert(joined)
    }

    /// Returns a version that both have and that nothing stands behind which both have too.
    fn base(&self, at: usize, ours: usize, theirs: usize) -> Option<usize> {
        let (here, there) = (&self.versions[ours].behind, &self.versions[theirs].behind);
        let hidden = &self.replicas[at].hidden;
        let both = here.intersection(there).filter(|it| **it != 0);
        both.filter(|it| !hidden.contains(it)).max().copied()
    }

    fn records_of_both(&self, ours: usize, theirs: usize) -> Records {
        let mut all = self.versions[ours].records.clone();
        let mut renamed = Vec::new();
        for (id, other) in &self.versions[theirs].records {
            let Some(mine) = all.get(id) else {
                all.insert(id.clone(), other.clone());
                continue;
            };
            if Rc::ptr_eq(mine, other) || mine == other {
                continue;
            }
            let (stands, second) = met(mine, other);
            renamed.extend(second);
            all.insert(id.clone(), Rc::new(stands));
        }
        for record in renamed {
            let there = all.get(record.id()).map(Rc::as_ref);
            let record = placed(there, record);
            all.insert(record.id().into(), Rc::new(record));
        }
        all
    }

    fn accident(&mut self, at: usize) {
        match self.dice.below(7) {
            0 => self.forget_history(at),
            1 => self.hub = None,
            2 => {
                // The hub goes back to an older state.
                let older: Vec<usize> = match self.hub {
                    Some(hub) => self.versions[hub].behind.iter().copied().collect(),
                    None => return,
                };
                self.hub = Some(self.dice.pick(&older)).filter(|it| *it != 0);
            }
            3 => self.hub = self.hub.map(|it| self.rooted(it)),
            4 => self.replicas[at].tip = self.rooted(self.replicas[at].tip),
            5 if self.replicas.len() < 7 => {
                // A copy, which goes by the same id until it writes, or for good.
                let mut copy = self.replicas[at].clone();
                if !self.dice.one_in(4) {
                    let id = format!("copied0{}", self.replicas.len());
                    copy.clone = CloneId::parse(&id).unwrap();
                }
                self.replicas.push(copy);
            }
            // It crashed in a sync: what only that knew is gone.
            _ => {
                self.replicas[at].unmerged = None;
                self.replicas[at].tracked = None;
            }
        }
    }

    /// Returns a version like another one, without history.
    fn rooted(&mut self, of: usize) -> usize {
        let Version {
            records,
            parents,
            epoch,
            commit,
            ..
        } = &self.versions[of];
        if parents.is_empty() {
            return of;
        }
        let (records, epoch, commit) = (records.clone(), *epoch, *commit);
        let commit = commit
            .zip(self.store)
            .map(|(commit, store)| store.rooted(commit));
        // Whoever does it makes the same commit.
        let known = self.rooted.get(&of).copied();
        let rooted = known.unwrap_or_else(|| self.version_of(epoch, records, Vec::new(), commit));
        *self.rooted.entry(of).or_insert(rooted)
    }

    /// Everybody syncs with the hub until nobody has anything to do.
    fn settle(&mut self) {
        for _ in 0..self.replicas.len() + 3 {
            let before = self.tips();
            for at in 0..self.replicas.len() {
                self.replicas[at].unmerged = None;
                for _ in 0..9 {
                    self.fetch(at, Place::Hub);
                    self.integrate(at);
                    self.push(at, Place::Hub);
                    if self.replicas[at].tip == 0 || self.hub == Some(self.replicas[at].tip) {
                        break;
                    }
                }
            }
            if self.tips() == before {
                return;
            }
        }
        panic!("they do not come to an end");
    }

    fn tips(&self) -> Vec<Option<usize>> {
        let replicas = self.replicas.iter().map(|it| Some(it.tip));
        replicas.chain([self.hub]).collect()
    }

    fn check(&mut self) {
        let Some(hub) = self.hub else {
            let nobody = self.replicas.iter().all(|it| it.tip == 0);
            assert!(nobody, "somebody has something, and the hub has nothing");
            return;
        };
        let end = &self.versions[hub];
        for replica in &self.replicas {
            let version = &self.versions[replica.tip];
            assert!(version.records == end.records, "replicas differ");
            assert_eq!(version.epoch, end.epoch, "epochs differ");
            if let (Some(store), Some(commit)) = (self.store, version.commit) {
                let trees = [Some(commit), end.commit].map(|it| store.at(it).tree());
                assert_eq!(trees[0], trees[1], "trees differ");
            }
        }
        self.oracle.check(&end.records, self.is_orderly);
        if let (Some(store), Some(commit)) = (self.store, end.commit) {
            let stored = store.at(Some(commit)).records().unwrap();
            let stored: BTreeMap<&str, &Record> = stored.iter().map(|it| (it.id(), it)).collect();
            let known = end.records.iter().map(|(id, it)| (&**id, &**it)).collect();
            assert_eq!(stored, known, "what is stored is something else");
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a test runs is asked of whoever runs it"
    )]
    std::env::var(name).ok()?.parse().ok()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "it tells the count to whoever asks for it"
)]
fn replicas_end_alike_after_any_schedule() {
    let store = Store::of_format("sha256");
    let only = variable("GT_TEST_SCHEDULE");
    let last = variable("GT_TEST_SCHEDULES").unwrap_or(SCHEDULES);
    let in_trees = variable("GT_TEST_IN_TREES").unwrap_or(IN_TREES);
    let (mut steps, mut epochs) = (0, 0);
    for number in only.map_or(0..last, |only| only..only + 1) {
        let is_in_trees = only.is_some() || number % in_trees == 0;
        let play = || Schedule::new(number, is_in_trees.then_some(&store)).play();
        let played = catch_unwind(AssertUnwindSafe(play));
        let (more, begun) = played.unwrap_or_else(|_| {
            panic!("play it again: GT_TEST_SCHEDULE={number} cargo test --lib convergence")
        });
        (steps, epochs) = (steps + more, epochs + begun);
        store.clear();
    }
    println!("{last} schedules, {steps} steps");
    assert!(only.is_some() || steps > 10 * last, "only {steps} steps");
    assert!(only.is_some() || epochs > last / 5, "only {epochs} epochs");
}
