//! The index of a ledger: of each record a row with what queries need of it, in order, so that they read no
//! records. It is derived from one tree and advanced to another by what differs between the two; its file in
//! `.git/gt` may be missing, old or damaged, which costs time and nothing else (DESIGN 3.4).
//!
//! Knows kinds only as data: a [`Shape`] says what the rows of a ledger are.

mod base;
mod body;
mod file;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod overlay;
mod rows;

use std::cell::OnceCell;

use crate::fault::Result;
use crate::git::{Mode, Oid, Repo};

use super::codec::Record;
use super::shard::{decoded, decoded_again, differences, id_of};
use super::transact::Name;
use base::{Base, Builder};
use overlay::Overlay;

pub(super) use file::sweep;
pub(super) use overlay::Step;

pub use body::{Body, Packed};
pub use rows::Rows;

/// How many bytes say where a row stands among others.
pub const ORDER: usize = 16;

/// What an index keeps of the records of a ledger.
#[derive(Debug)]
pub struct Shape {
    /// The ledger.
    pub ledger: Name,
    /// Raised whenever `row` makes something else of a record: programs of different versions keep apart.
    pub version: u32,
    /// Returns the row of a record, nothing where queries do not see it. A function of the record alone.
    pub row: fn(Record) -> Option<Draft>,
}

impl Shape {
    fn draft(&self, record: Record) -> Option<Draft> {
        let mut draft = (self.row)(record)?;
        draft.keys.sort_unstable();
        draft.keys.dedup();
        Some(draft)
    }
}

/// What becomes a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whether the record is live: those stand before the finished ones.
    pub is_live: bool,
    /// Where it stands among the others, by the order of bytes; ids decide between equals.
    pub order: [u8; ORDER],
    /// What queries need of it.
    pub body: Vec<u8>,
    /// What it is found by.
    pub keys: Vec<Key>,
}

/// The hash of a word by which rows are found; rarely that of another one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u32);

impl Key {
    /// Returns the key of a word of some kind.
    pub fn of(kind: &str, word: &str) -> Self {
        // FNV-1a, folded: quick for short words and the same everywhere.
        let bytes = kind.bytes().chain([0]).chain(word.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
        Self(u32::from_be_bytes([a ^ e, b ^ f, c ^ g, d ^ h]))
    }

    fn of_id(id: &str) -> Self {
        Self::of("", id)
    }
}

/// A row of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'i> {
    /// The record's id.
    pub id: &'i str,
    blob: &'i [u8],
    order: &'i [u8],
    /// Whether the record is live.
    pub is_live: bool,
    /// What its shape made of it.
    pub body: &'i [u8],
}

impl Row<'_> {
    /// Returns the blob that holds the record.
    pub fn blob(&self) -> Oid {
        Oid::try_from(self.blob).expect("it was written from the id of an object")
    }

    /// Returns what rows are sorted by.
    fn place(&self) -> (&[u8], &str) {
        (self.order, self.id)
    }
}

/// A record that is not as it was.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) id: String,
    /// Its blob and its row now; nothing where there is none any more.
    pub(super) row: Option<(Oid, Draft)>,
}

/// Tells the index of a ledger what a writer made of one tree: so the next query need not find out. Whoever
/// calls this holds the lock of the ledger; what fails here the next query does.
///
/// After a crash the index knows, or finds out.
pub(super) fn note<'r>(
    repo: &Repo,
    shape: &'static Shape,
    step: &Step,
    records: impl Iterator<Item = (&'r Record, Option<Oid>)>,
    forgotten: &[String],
) {
    let source = Source { repo, shape };
    if !source.is_stored() {
        return;
    }
    let changed = records.map(|(record, blob)| Change {
        id: record.id().to_owned(),
        row: blob.and_then(|blob| Some((blob, shape.draft(record.clone())?))),
    });
    let gone = forgotten.iter().map(|id| Change {
        id: id.clone(),
        row: None,
    });
    let changes: Vec<Change> = changed.chain(gone).collect();
    drop(source.append(step, &changes));
}

/// Where an index comes from.
#[derive(Debug, Clone, Copy)]
struct Source<'r> {
    repo: &'r Repo,
    shape: &'static Shape,
}

impl Source<'_> {
    fn hash_len(&self) -> usize {
        self.repo.null_id().as_slice().len()
    }

    /// Returns the rows that differ between two trees; the blobs of many are read on all cores.
    fn changes(&self, from: Option<Oid>, to: Option<Oid>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut blobs = Vec::new();
        for difference in differences(self.repo, from, to)? {
            let Some(id) = id_of(&difference.place) else {
                continue;
            };
            let now = difference.theirs.filter(|it| it.mode == Mode::File);
            match now {
                Some(entry) => {
                    blobs.push(entry.id);
                    changes.push((id, Some(entry.id)));
                }
                None => changes.push((id, None)),
            }
        }
        let ids: Vec<&str> = changes
            .iter()
            .filter(|(_, blob)| blob.is_some())
            .map(|(id, _)| id.as_str())
            .collect();
        let shape = self.shape;
        // What cannot be read blocks nobody.
        let draft = |at: usize, bytes: &[u8]| shape.draft(decoded(bytes, ids[at]).ok()?);
        let mut drafts = self.repo.map_blobs(&blobs, draft)?.into_iter();
        let change = |(id, blob): (String, Option<Oid>)| {
            let row = blob.and_then(|blob| Some((blob, drafts.next().flatten()?)));
            Change { id, row }
        };
        Ok(changes.into_iter().map(change).collect())
    }

    /// Returns the base of a tree.
    fn build(&self, tree: Option<Oid>) -> Result<Vec<u8>> {
        let changes = self.changes(None, tree)?;
        let mut rows: Vec<(&str, &Oid, &Draft)> = changes
            .iter()
            .filter_map(|it| {
                it.row
                    .as_ref()
                    .map(|(blob, draft)| (it.id.as_str(), blob, draft))
            })
            .collect();
        rows.sort_unstable_by(|(a, _, x), (b, _, y)| {
            (!x.is_live, x.order, a).cmp(&(!y.is_live, y.order, b))
        });
        let mut builder = Builder::new(self.hash_len());
        for (id, blob, draft) in rows {
            let number = builder.push(&draft.row(id, blob));
            draft
                .keys
                .iter()
                .for_each(|key| builder.add_key(*key, number));
        }
        Ok(builder.finish(self, tree))
    }
}

/// Where an index is to be.
struct Goal<'g> {
    /// The commit, where it is that of one.
    commit: Option<Oid>,
    /// Returns its tree, which takes longer.
    find: &'g dyn Fn() -> Result<Oid>,
    tree: OnceCell<Oid>,
}

impl<'g> Goal<'g> {
    fn new(commit: Option<Oid>, find: &'g dyn Fn() -> Result<Oid>) -> Self {
        let tree = OnceCell::new();
        Self { commit, find, tree }
    }

    fn tree(&self) -> Result<Oid> {
        if let Some(known) = self.tree.get() {
            return Ok(*known);
        }
        let tree = (self.find)()?;
        Ok(*self.tree.get_or_init(|| tree))
    }
}

impl<'r> Source<'r> {
    /// Returns the index at a goal.
    fn reach(self, goal: &Goal<'_>) -> Result<Index<'r>> {
        if let Some(stored) = self.open(goal)? {
            return stored.advanced(goal);
        }
        // Of those who find none one makes it, and the others wait for that.
        let lock = self.lock();
        if lock.is_some()
            && let Some(stored) = self.open(goal)?
        {
            drop(lock);
            return stored.advanced(goal);
        }
        let tree = goal.tree()?;
        let bytes = self.build(Some(tree))?;
        if lock.is_some() {
            self.replace((goal.commit.unwrap_or(tree), tree), &bytes);
        }
        Ok(Index::new(self, Base::made(self, bytes)))
    }
}

/// The index of a ledger as it is at one tree.
pub struct Index<'r> {
    base: Base<'r>,
    overlay: Overlay,
    source: Source<'r>,
}

impl std::fmt::Debug for Index<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({:?})", self.source.shape.ledger)
    }
}

impl<'r> Index<'r> {
    /// Returns the index of a ledger: the stored one, advanced by what has changed since, or a new one.
    ///
    /// What was found out is kept for the next one where that can be done without waiting. After a crash the
    /// file holds some of it, or all.
    pub fn at(repo: &'r Repo, tip: Option<Oid>, shape: &'static Shape) -> Result<Self> {
        let source = Source { repo, shape };
        let Some(tip) = tip else {
            return Ok(Self::new(source, Base::empty(source)));
        };
        let tree = || Ok(repo.commit(&tip)?.tree);
        source.reach(&Goal::new(Some(tip), &tree))
    }

    fn new(source: Source<'r>, base: Base<'r>) -> Self {
        Self {
            base,
            overlay: Overlay::new(source.hash_len()),
            source,
        }
    }

    /// Returns the row of an id.
    pub fn get(&self, id: &str) -> Result<Option<Row<'_>>> {
        if self.overlay.hides(id) {
            return Ok(self.overlay.find(id));
        }
        self.base.find(id)
    }

    /// Returns the rows with a key, and perhaps some with another of the same hash: live ones and finished
    /// ones, in no order.
    pub fn with_key(&self, key: Key) -> Result<Vec<Row<'_>>> {
        let mut found = Vec::new();
        for at in self.base.with_key(key)? {
            let row = self.base.row(at)?;
            if !self.overlay.hides(row.id) {
                found.push(row);
            }
        }
        found.extend(self.overlay.with_key(key));
        Ok(found)
    }

    /// Returns live rows in order.
    pub fn live(&self) -> Rows<'_, 'r> {
        Rows::new(self, &[true])
    }

    /// Returns all rows in order.
    pub fn all(&self) -> Rows<'_, 'r> {
        Rows::new(self, &[true, false])
    }

    /// Returns the ids of all rows, in no order.
    pub fn ids(&self) -> Result<Vec<&str>> {
        let mut ids = Vec::with_capacity(self.base.len());
        for live in [true, false] {
            let names = self.base.names(live)?.into_iter().map(|(name, _)| name);
            ids.extend(names.filter(|name| !self.overlay.hides(name)));
            ids.extend(self.overlay.rows(live).map(|row| row.id));
        }
        Ok(ids)
    }

    /// Returns the records of rows; many are read on all cores.
    pub fn records(&self, rows: &[Row<'_>]) -> Result<Vec<Record>> {
        self.map_records(rows, |_, record| record)
    }

    /// Returns what `of` makes of the records of rows, in their order; many are read on all cores, and none is
    /// kept.
    pub fn map_records<T: Send>(
        &self,
        rows: &[Row<'_>],
        of: impl Fn(usize, Record) -> T + Sync,
    ) -> Result<Vec<T>> {
        let blobs: Vec<Oid> = rows.iter().map(Row::blob).collect();
        let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
        // There are rows of what was decoded alone.
        let one = |at: usize, bytes: &[u8]| Ok(of(at, decoded_again(bytes, ids[at])?));
        let found = self.source.repo.map_blobs(&blobs, one)?;
        found.into_iter().collect()
    }

    /// Returns the bytes of a base that has what this index has.
    fn compacted(&self, tree: Oid) -> Result<Vec<u8>> {
        let mut builder = Builder::new(self.source.hash_len());
        let mut numbers = vec![None; self.base.len()];
        for live in [true, false] {
            let mut rows = Rows::new(self, &[live]);
            while let Some((row, at)) = rows.step()? {
                let number = builder.push(&row);
                match at {
                    Some(at) => numbers[at] = Some(number),
                    None => {
                        let keys = self.overlay.keys_of(row.id);
                        keys.for_each(|key| builder.add_key(key, number));
                    }
                }
            }
        }
        for (key, at) in self.base.keys()? {
            if let Some(number) = numbers.get(at).copied().flatten() {
                builder.add_key(key, number);
            }
        }
        Ok(builder.finish(&self.source, Some(tree)))
    }
}

#[cfg(test)]
mod tests;
