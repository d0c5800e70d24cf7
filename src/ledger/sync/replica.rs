//! What replicas of a ledger do to each other, for tests: the real rules, trees and commits. Objects are in
//! memory, refs are the test's, and what travels is the id of a commit.

use super::claims::{lost_claims, of_one_thing};
use super::integrate::{Met, meet};
use super::{Rules, Sync};
use crate::git::{NewCommit, Oid, Remote, Repo, Signature};
use crate::ledger::epoch::root;
use crate::ledger::scratch::Scratch;
use crate::ledger::transact::commit;
use crate::ledger::{CloneId, Decision, Event, Name, Record, Snapshot, Stamp, join};
use crate::world::Time;

/// The objects of all replicas.
pub(crate) struct Store {
    _scratch: Scratch,
    repo: Repo,
    remote: Remote,
}

/// The ledger that replicas share.
const LEDGER: Name = Name::Beads;

impl Store {
    pub(crate) fn of_format(format: &str) -> Self {
        let scratch = Scratch::of_format(format);
        let repo = scratch.open(1).in_memory();
        let remote = repo.remote("/hub").unwrap();
        Self {
            _scratch: scratch,
            repo,
            remote,
        }
    }

    /// Drops all objects.
    pub(crate) fn clear(&self) {
        self.repo.forget_memory();
    }

    /// Returns the ledger at a commit.
    pub(crate) fn at(&self, tip: Option<Oid>) -> Snapshot<'_> {
        Snapshot::at(&self.repo, tip).unwrap()
    }

    /// Returns the commit of a decision that writes `records`.
    pub(crate) fn written(&self, tip: Option<Oid>, clone: &CloneId, records: Vec<Record>) -> Oid {
        let decision = Decision::write("decide", records, ());
        let made = commit(&self.repo, &self.at(tip), clone, ("ada", &decision));
        made.unwrap().expect("it writes something").commit
    }

    /// Returns the commit that a clone which has `base` in common with another one makes of both.
    pub(crate) fn joined(&self, base: Option<Oid>, tips: (Option<Oid>, Oid)) -> (Oid, Vec<Event>) {
        let rules = Rules::plain();
        let sync = Sync::new(&self.repo, &self.remote, &rules);
        sync.joined_from(LEDGER.ref_name(), base, tips, false)
            .unwrap()
    }

    /// Returns the commit that a new epoch begins with after another one.
    pub(crate) fn begun_anew(&self, tip: Oid) -> Oid {
        root(&self.repo, LEDGER.ref_name(), tip).unwrap()
    }

    /// Returns the epoch of the ledger at a commit.
    pub(crate) fn epoch(&self, tip: Oid) -> u32 {
        self.at(Some(tip)).epoch().unwrap()
    }

    /// Returns whether a clone that stands at the first commit takes the second one for known.
    pub(crate) fn holds(&self, ours: Oid, theirs: Oid) -> bool {
        let rules = Rules::plain();
        let sync = Sync::new(&self.repo, &self.remote, &rules);
        sync.holds(LEDGER.ref_name(), (ours, theirs), false)
            .unwrap()
    }

    /// Returns a commit with the ledger of another one and without its history.
    pub(crate) fn rooted(&self, tip: Oid) -> Oid {
        self.commit(self.at(Some(tip)).tree().unwrap(), &[], tip)
    }

    /// Returns a commit after another one, with another tree.
    pub(crate) fn with_tree(&self, tip: Oid, tree: Oid) -> Oid {
        self.commit(tree, &[tip], tip)
    }

    fn commit(&self, tree: Oid, parents: &[Oid], like: Oid) -> Oid {
        let who = Signature::of("ada");
        let written = self.repo.write_commit(&NewCommit {
            tree,
            parents,
            author: &who,
            committer: &who,
            time: Time(self.repo.commit(&like).unwrap().seconds * 1000),
            message: "begin anew\n",
        });
        written.unwrap()
    }
}

/// Returns what becomes of two records of one id, as the ledgers that hold them are joined: what stands at
/// their place, and what gets a place of its own.
pub(crate) fn met(ours: &Record, theirs: &Record) -> (Record, Option<Record>) {
    match meet(ours, theirs) {
        Met::One(joined) => (joined, None),
        Met::Two(first, second) => (first, Some(second)),
    }
}

/// Returns what is to stand where a record that gets a place of its own meets another one there.
pub(crate) fn placed(there: Option<&Record>, record: Record) -> Record {
    match there {
        Some(there) => join(there, &record),
        None => record,
    }
}

/// What a record of ours and one of the remote's, of one id, come to before they are joined.
pub(crate) struct GivenWay {
    /// Our version of what lost a claim, which may stand under another id.
    pub(crate) before: Record,
    /// The same without the claims that the remote's make void.
    pub(crate) after: Record,
    /// Whether somebody here is told that a claim was lost.
    pub(crate) is_told: bool,
}

/// Returns our record without the claims that the remote's makes void, nothing where it makes none void;
/// `here` and `there` look up other records.
pub(crate) fn given_way(
    (ours, theirs): (&Record, &Record),
    here: &dyn Fn(&str) -> Option<Record>,
    there: &dyn Fn(&str) -> Option<Record>,
    stamp: &dyn Fn(&Record) -> Stamp,
) -> Option<GivenWay> {
    let (before, theirs) = of_one_thing(ours.clone(), theirs.clone(), here, there)?;
    let lost = lost_claims(&before, &theirs);
    let (mut after, stamp) = (before.clone(), stamp(&before));
    for key in &lost.keys {
        after.set_entry("claims", key, None, &stamp);
    }
    Some(GivenWay {
        before,
        after,
        is_told: lost.holders.is_some(),
    })
}
