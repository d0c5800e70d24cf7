//! One decision, one ledger, one commit: lock, read the tip, decide, encode, splice, commit, swap.

use std::cell::RefCell;

use super::codec::{RECORD_MAX, Record};
use super::index::{self, Shape, Step};
use super::shard::{Snapshot, Update};
use super::{CloneId, Stamp, upkeep};
use crate::fault::{Fault, Result};
use crate::git::{Cas, MANY, NewCommit, Oid, Repo, Signature};
use crate::text::steers;
use crate::world::Time;

/// A ledger, by what it holds (DESIGN 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// Work items.
    Beads,
    /// Messages and who has read them.
    Mail,
    /// Work that is followed together.
    Convoys,
    /// What agents leave to whoever carries on.
    Handoffs,
    /// Merge requests and the Refinery's decisions.
    Queue,
    /// Gate results.
    Results,
    /// Shared settings, gates, rigs.
    Config,
    /// Messages that stay in this clone and are of no use after a while.
    Wisps,
    /// Gate results of runs that were made here, never pushed: only those are evidence (DESIGN 3.6).
    Attempts,
}

impl Name {
    /// Every ledger this version writes that travels.
    pub const ALL: [Self; 7] = [
        Self::Beads,
        Self::Mail,
        Self::Convoys,
        Self::Handoffs,
        Self::Queue,
        Self::Results,
        Self::Config,
    ];

    /// Every ledger this version writes that stays in this clone.
    pub const LOCAL: [Self; 2] = [Self::Wisps, Self::Attempts];

    /// Returns every ledger this version writes.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::LOCAL)
    }

    /// Returns whether the ledger is this clone's own.
    pub fn is_local(self) -> bool {
        self.ref_name().starts_with("refs/gt-local/")
    }

    /// Returns the ledger's ref.
    pub fn ref_name(self) -> &'static str {
        match self {
            Self::Beads => "refs/gt/beads",
            Self::Mail => "refs/gt/mail",
            Self::Convoys => "refs/gt/convoys",
            Self::Handoffs => "refs/gt/handoffs",
            Self::Queue => "refs/gt/queue",
            Self::Results => "refs/gt/results",
            Self::Config => "refs/gt/config",
            Self::Wisps => "refs/gt-local/wisps",
            Self::Attempts => "refs/gt-local/attempts",
        }
    }
}

/// What a decision writes, and what it tells its caller.
#[derive(Debug)]
pub struct Decision<T> {
    /// The records as they are to be, each as a whole; one that is as before is left alone.
    pub records: Vec<Record>,
    /// The commit's subject, in plain words.
    pub subject: String,
    /// Ids of records that go without a trace, history included; only in a ledger that never travels,
    /// and only together with records that are written.
    pub forgotten: Vec<String>,
    /// Why, where something else caused it: the `Because:` trailer.
    pub because: Option<String>,
    /// The answer for the caller.
    pub value: T,
}

impl<T> Decision<T> {
    /// Returns a decision that writes `records`.
    pub fn write(subject: impl Into<String>, records: Vec<Record>, value: T) -> Self {
        Self {
            records,
            subject: subject.into(),
            forgotten: Vec::new(),
            because: None,
            value,
        }
    }

    /// Returns a decision that changes nothing.
    pub fn nothing(value: T) -> Self {
        Self::write("", Vec::new(), value)
    }
}

/// A decision that was written.
#[derive(Debug)]
pub struct Written<T> {
    /// The ledger's commit before.
    pub before: Option<Oid>,
    /// The ledger's commit afterwards.
    pub tip: Option<Oid>,
    /// The records that were written, each as a whole.
    pub records: Vec<Record>,
    /// Whether it was moved.
    pub changed: bool,
    /// The answer of the decision.
    pub value: T,
}

/// What a decision stamps its changes with.
#[derive(Debug)]
pub struct Pen<'a> {
    clone: &'a CloneId,
    now: Time,
    repo: &'a Repo,
    /// The stamp of the last new record: two new records of one decision differ in theirs, so that
    /// their order is known.
    last: RefCell<Option<Stamp>>,
}

impl Pen<'_> {
    /// Returns a stamp for changes to `record`: at least now and greater than every stamp in it.
    pub fn stamp(&self, record: &Record) -> Stamp {
        Stamp::next(self.now, self.clone, Some(&record.newest()))
    }

    /// Returns a stamp for a new record.
    pub fn first_stamp(&self) -> Stamp {
        let stamp = Stamp::next(self.now, self.clone, self.last.borrow().as_ref());
        *self.last.borrow_mut() = Some(stamp.clone());
        stamp
    }

    /// Returns the time of the decision.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Returns the clone that decides.
    pub fn clone_id(&self) -> &CloneId {
        self.clone
    }

    /// Returns a random id that `ledger` does not hold yet: `prefix-` and five base36 characters, six
    /// from 25,000 records on, seven from a million (DESIGN 8).
    pub fn new_id(&self, ledger: &Snapshot<'_>, prefix: &str) -> Result<String> {
        let world = self.repo.world();
        loop {
            // The length of most ledgers that are large: what is estimated from is then looked at again.
            let mut id = format!("{prefix}-{}", world.random_base36(6));
            match ledger.estimate(&id)? {
                1_000_000.. => id.push_str(&world.random_base36(1)),
                25_000.. => {}
                _ => id.truncate(id.len() - 1),
            }
            if ledger.get(&id)?.is_none() {
                return Ok(id);
            }
        }
    }
}

/// How often a decision is made anew because git or another tool moved the ref without our lock.
const TRIES: u32 = 20;

/// Decides over the ledger's newest state and writes the decision as one commit by `actor`.
///
/// `decide` runs under the lock that all our writers take, so what it checks still holds when it is
/// written; it runs again when something that takes no lock moved the ref. After a crash the decision is
/// written as a whole or not at all. The index, where the ledger has one of that shape, is told.
pub fn transact<T>(
    repo: &Repo,
    (ledger, shape): (Name, Option<&'static Shape>),
    actor: &str,
    mut decide: impl FnMut(&Snapshot<'_>, &Pen<'_>) -> Result<Decision<T>>,
) -> Result<Written<T>> {
    let clone = CloneId::of(repo)?;
    let guard = repo.guard()?;
    for _ in 0..TRIES {
        let tip = repo.find_ref(ledger.ref_name())?;
        let snapshot = Snapshot::at(repo, tip)?;
        snapshot.check_schema(ledger.ref_name())?;
        let now = repo.world().now();
        let pen = Pen {
            clone: &clone,
            now,
            repo,
            last: RefCell::default(),
        };
        let decision = decide(&snapshot, &pen)?;
        if !decision.forgotten.is_empty() && !ledger.is_local() {
            return Err(Fault::invalid(format!(
                "'{}' travels: other clones would bring back what was forgotten here",
                ledger.ref_name()
            )));
        }
        let count = decision.records.len();
        let write = || commit(repo, &snapshot, &clone, (actor, &decision));
        let written = repo.at_once(count, write)?;
        let Some(made) = written.filter(|it| Some(it.commit) != tip) else {
            return Ok(Written {
                before: tip,
                tip,
                records: Vec::new(),
                changed: false,
                value: decision.value,
            });
        };
        if repo.swap_ref(&guard, ledger.ref_name(), tip, made.commit)? == Cas::Swapped {
            if let (Some(shape), Some(before)) = (shape, snapshot.tree()) {
                let blobs = made.updates.iter().map(|update| update.blob);
                let records = decision.records.iter().zip(blobs);
                let step = Step {
                    from: before,
                    to: made.tree,
                    commit: made.commit,
                };
                index::note(repo, shape, &step, records, &decision.forgotten);
            }
            drop(guard);
            upkeep::after_write(repo, &made.commit, count >= MANY);
            return Ok(Written {
                before: tip,
                tip: Some(made.commit),
                records: decision.records,
                changed: true,
                value: decision.value,
            });
        }
    }
    Err(Fault::stale(format!(
        "'{}' is moved by another program all the time",
        ledger.ref_name()
    )))
}

/// What was written of a decision, before the ref is set to it.
pub(super) struct Made {
    pub(super) commit: Oid,
    tree: Oid,
    /// The records' first, in their order.
    updates: Vec<Update>,
}

/// Writes the commit of a decision; nothing when it holds no records, the tip when they are as before.
pub(super) fn commit<T>(
    repo: &Repo,
    ledger: &Snapshot<'_>,
    clone: &CloneId,
    (actor, decision): (&str, &Decision<T>),
) -> Result<Option<Made>> {
    let Some(stamp) = decision.records.iter().map(Record::newest).max() else {
        return Ok(None);
    };
    let mut updates = updates(repo, &decision.records)?;
    updates.extend(decision.forgotten.iter().map(|id| Update::gone(id)));
    let tree = ledger.spliced(&updates)?;
    if let (Some(tip), true) = (ledger.tip(), Some(tree) == ledger.tree()) {
        return Ok(Some(Made {
            commit: tip,
            tree,
            updates,
        }));
    }
    // The commits before would keep what is forgotten.
    let before = ledger.tip().filter(|_| decision.forgotten.is_empty());
    let parents: Vec<Oid> = before.into_iter().collect();
    let commit = repo.write_commit(&NewCommit {
        tree,
        parents: &parents,
        author: &Signature::of(actor),
        committer: &Signature::of(clone.as_str()),
        time: stamp.time(),
        message: &message(repo, decision, &stamp),
    })?;
    Ok(Some(Made {
        commit,
        tree,
        updates,
    }))
}

fn updates(repo: &Repo, records: &[Record]) -> Result<Vec<Update>> {
    let update = |record: &Record| {
        let bytes = record.encode();
        if bytes.len() > RECORD_MAX {
            return Err(Fault::invalid(format!(
                "'{}' would be {} bytes, more than the {RECORD_MAX} a record may have",
                record.id(),
                bytes.len()
            )));
        }
        // What could not be read again is not written.
        Record::decode(&bytes).map_err(|fault| {
            Fault::invalid(format!("'{}' cannot be stored: {fault}", record.id()))
        })?;
        Ok(Update::of(record.id(), repo.write_blob(&bytes)?))
    };
    records.iter().map(update).collect()
}

fn message<T>(repo: &Repo, decision: &Decision<T>, stamp: &Stamp) -> String {
    let subject: String = decision
        .subject
        .chars()
        .map(|c| if steers(c) { ' ' } else { c })
        .take(500)
        .collect();
    let mut message = format!("{}\n\nGt-Stamp: {stamp}\n", subject.trim());
    if let Some(session) = repo.world().env("GT_SESSION") {
        let session: String = session.chars().filter(|c| !steers(*c)).take(100).collect();
        message.push_str(&format!("Gt-Session: {session}\n"));
    }
    if let Some(cause) = &decision.because {
        message.push_str(&format!("Because: {cause}\n"));
    }
    message
}

#[cfg(test)]
mod tests;
