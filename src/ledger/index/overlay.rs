//! What changed since the base was made: frames behind it in its file, each the step from one tree to the
//! next, and the rows they leave.
//!
//! A frame is its length, the changed rows, the commit it leads to, the two trees, how many rows all frames
//! have until here, its length once more and a checksum of all that: so it is read forwards, and its end says
//! what it leads to. Who stands at that commit need not even look what its tree is.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use super::base::{as_number, number};
use super::{Change, Draft, Goal, Key, ORDER, Row};
use crate::fault::Result;
use crate::git::Oid;

/// How long the end of a frame is without the trees: rows until here, length, checksum.
const TAIL: usize = 12;

/// From which tree to which a frame leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Step {
    /// The tree before.
    pub(in crate::ledger) from: Oid,
    /// The tree afterwards.
    pub(in crate::ledger) to: Oid,
    /// A commit that holds it.
    pub(in crate::ledger) commit: Oid,
}

/// The end of a frame: what whoever appends the next one has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    /// The tree the frame leads to.
    pub(super) tree: Oid,
    /// How many rows all frames have.
    pub(super) rows: usize,
}

/// Returns how many bytes at the end of a frame are its [`Tail`].
pub(super) fn tail_len(hash_len: usize) -> usize {
    hash_len + TAIL
}

impl Tail {
    /// Returns the end of the last frame of a file from its last bytes, unchecked.
    pub(super) fn read(bytes: &[u8], hash_len: usize) -> Option<Self> {
        let at = bytes.len().checked_sub(tail_len(hash_len))?;
        let (tree, rest) = bytes[at..].split_at(hash_len);
        Some(Self {
            tree: Oid::try_from(tree).ok()?,
            rows: number(rest, 0)? as usize,
        })
    }
}

/// Returns a frame that makes a step; `rows` is how many there are in the frames before.
pub(super) fn frame(step: &Step, rows: usize, changes: &[Change]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(as_number(changes.len()).to_le_bytes());
    for change in changes {
        write(&mut bytes, change);
    }
    for id in [&step.commit, &step.from, &step.to] {
        bytes.extend_from_slice(id.as_slice());
    }
    bytes.extend(as_number(rows + changes.len()).to_le_bytes());
    let length = as_number(bytes.len() + 8).to_le_bytes();
    bytes[..4].copy_from_slice(&length);
    bytes.extend(length);
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn write(bytes: &mut Vec<u8>, change: &Change) {
    let length = u8::try_from(change.id.len()).expect("an id has at most 200 bytes");
    bytes.push(length);
    bytes.extend_from_slice(change.id.as_bytes());
    let Some((blob, draft)) = &change.row else {
        bytes.push(0);
        return;
    };
    bytes.push(if draft.is_live { 2 } else { 1 });
    bytes.extend_from_slice(blob.as_slice());
    bytes.extend_from_slice(&draft.order);
    bytes.extend(as_number(draft.body.len()).to_le_bytes());
    bytes.extend_from_slice(&draft.body);
    bytes.extend(as_number(draft.keys.len()).to_le_bytes());
    bytes.extend(draft.keys.iter().flat_map(|key| key.0.to_le_bytes()));
}

/// A row of a frame: where in the frames its parts stand.
#[derive(Debug, Clone)]
struct Loose {
    id: Range<usize>,
    /// Blob, order and body; nothing where the record is gone.
    row: Option<[Range<usize>; 3]>,
    is_live: bool,
    keys: Range<usize>,
}

/// The rows that changed since the base was made.
#[derive(Debug)]
pub(super) struct Overlay {
    hash_len: usize,
    frames: Vec<u8>,
    /// How many rows the frames have, one that changed twice counted twice.
    count: usize,
    rows: Vec<Loose>,
    by_id: HashMap<String, usize>,
    by_key: OnceCell<HashMap<Key, Vec<usize>>>,
    sorted: OnceCell<Sorted>,
}

/// The rows that are there, in order.
#[derive(Debug)]
struct Sorted {
    live: Vec<usize>,
    finished: Vec<usize>,
}

impl Overlay {
    pub(super) fn new(hash_len: usize) -> Self {
        Self {
            hash_len,
            frames: Vec::new(),
            count: 0,
            rows: Vec::new(),
            by_id: HashMap::new(),
            by_key: OnceCell::new(),
            sorted: OnceCell::new(),
        }
    }

    /// Returns how many rows the frames have.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns whether nothing has changed.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns whether an id is that of a row that changed, or went.
    pub(super) fn hides(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes the frames of a file that lead on from `tree`, up to the goal where one leads there; returns the
    /// tree they lead to, whether that is the goal, and how many bytes all frames are. What does not fit
    /// together any more is left out.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        tree: Option<Oid>,
        goal: &Goal<'_>,
    ) -> Result<(Option<Oid>, bool, usize)> {
        let mut steps: Vec<(Step, usize)> = Vec::new();
        let (mut now, mut end) = (tree, 0);
        while let Some((step, length)) = self.step(&bytes[end..]) {
            if Some(step.from) != now {
                break;
            }
            end += length;
            now = Some(step.to);
            steps.push((step, end));
        }
        let is_known = |(step, _): &(Step, usize)| Some(step.commit) == goal.commit;
        let mut wanted = steps.iter().rposition(is_known);
        if wanted.is_none() {
            let tree = goal.tree()?;
            wanted = steps.iter().rposition(|(step, _)| step.to == tree);
        }
        let taken = wanted.or(steps.len().checked_sub(1));
        let Some((last, until)) = taken.map(|at| steps[at]) else {
            return Ok((tree, false, end));
        };
        match self.push(&bytes[..until]) {
            Some(()) => Ok((Some(last.to), wanted.is_some(), end)),
            // Their checksums are right, and what they say is not: it is read anew.
            None => {
                *self = Self::new(self.hash_len);
                Ok((tree, false, 0))
            }
        }
    }

    /// Returns the step that the frame at the beginning of `bytes` makes, and its length.
    fn step(&self, bytes: &[u8]) -> Option<(Step, usize)> {
        let length = number(bytes, 0)? as usize;
        let frame = bytes.get(..length)?;
        let sum = length.checked_sub(4)?;
        if number(frame, sum)? != crc32fast::hash(&frame[..sum]) {
            return None;
        }
        let ids = length.checked_sub(TAIL + 3 * self.hash_len)?;
        let id = |number: usize| {
            let at = ids + number * self.hash_len;
            Oid::try_from(&frame[at..at + self.hash_len]).ok()
        };
        let step = Step {
            commit: id(0)?,
            from: id(1)?,
            to: id(2)?,
        };
        Some((step, length))
    }

    /// Adds frames; nothing where their rows make no sense, and then it is good for nothing.
    pub(super) fn push(&mut self, frames: &[u8]) -> Option<()> {
        let mut at = self.frames.len();
        self.frames.extend_from_slice(frames);
        while let Some(length) = number(&self.frames, at) {
            self.push_frame(at + 4)?;
            at += length as usize;
        }
        (self.sorted, self.by_key) = (OnceCell::new(), OnceCell::new());
        Some(())
    }

    fn push_frame(&mut self, mut at: usize) -> Option<()> {
        let count = self.number(&mut at)?;
        for _ in 0..count {
            let loose = self.read(&mut at)?;
            let id = std::str::from_utf8(&self.frames[loose.id.clone()]).ok()?;
            match self.by_id.get(id) {
                Some(known) => self.rows[*known] = loose,
                None => {
                    self.by_id.insert(id.to_owned(), self.rows.len());
                    self.rows.push(loose);
                }
            }
        }
        self.count += count;
        Some(())
    }

    fn number(&self, at: &mut usize) -> Option<usize> {
        let found = number(&self.frames, *at)?;
        *at += 4;
        Some(found as usize)
    }

    fn read(&self, at: &mut usize) -> Option<Loose> {
        let mut next = |length: usize| {
            let range = *at..*at + length;
            *at = range.end;
            self.frames.get(range.clone()).map(|_| range)
        };
        let length = next(1)?;
        let id = next(usize::from(self.frames[length.start]))?;
        let tag = self.frames[next(1)?.start];
        if tag == 0 {
            return Some(Loose {
                id,
                row: None,
                is_live: false,
                keys: 0..0,
            });
        }
        let (blob, order) = (next(self.hash_len)?, next(ORDER)?);
        let length = number(&self.frames, next(4)?.start)?;
        let body = next(length as usize)?;
        let count = number(&self.frames, next(4)?.start)?;
        Some(Loose {
            id,
            row: Some([blob, order, body]),
            is_live: tag == 2,
            keys: next(count as usize * 4)?,
        })
    }

    fn there(&self) -> impl Iterator<Item = usize> {
        (0..self.rows.len()).filter(|row| self.rows[*row].row.is_some())
    }

    /// Returns the rows in order, which most queries do not ask for.
    fn sorted(&self) -> &Sorted {
        self.sorted.get_or_init(|| {
            // A row is found by its place in the frames once, and not with each comparison.
            let mut sorted: Vec<(Row<'_>, usize)> =
                self.there().map(|at| (self.row(at), at)).collect();
            sorted.sort_unstable_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
            let sorted = sorted.iter().map(|(_, at)| *at);
            let (live, finished) = sorted.partition(|row| self.rows[*row].is_live);
            Sorted { live, finished }
        })
    }

    /// Returns the rows of each key, which few queries ask for.
    fn by_key(&self) -> &HashMap<Key, Vec<usize>> {
        self.by_key.get_or_init(|| {
            let mut by_key: HashMap<Key, Vec<usize>> = HashMap::new();
            for row in self.there() {
                for key in keys(&self.frames[self.rows[row].keys.clone()]) {
                    by_key.entry(key).or_default().push(row);
                }
            }
            by_key
        })
    }

    /// Returns a row that is there.
    fn row(&self, at: usize) -> Row<'_> {
        let loose = &self.rows[at];
        let [blob, order, body] = loose
            .row
            .clone()
            .expect("only rows that are there are listed");
        Row {
            id: std::str::from_utf8(&self.frames[loose.id.clone()]).expect("an id is UTF-8"),
            blob: &self.frames[blob],
            order: &self.frames[order],
            is_live: loose.is_live,
            body: &self.frames[body],
        }
    }

    /// Returns the row of an id, where it is not hidden.
    pub(super) fn find(&self, id: &str) -> Option<Row<'_>> {
        let at = *self.by_id.get(id)?;
        self.rows[at].row.as_ref().map(|_| self.row(at))
    }

    /// Returns the rows that are live, or finished, in order.
    pub(super) fn rows(&self, live: bool) -> impl Iterator<Item = Row<'_>> {
        let sorted = self.sorted();
        let list = if live { &sorted.live } else { &sorted.finished };
        list.iter().map(|at| self.row(*at))
    }

    /// Returns the rows with a key, and perhaps some with another of the same hash.
    pub(super) fn with_key(&self, key: Key) -> impl Iterator<Item = Row<'_>> {
        let found = self.by_key().get(&key).into_iter().flatten();
        found.map(|at| self.row(*at))
    }

    /// Returns the keys of the row of an id.
    pub(super) fn keys_of(&self, id: &str) -> impl Iterator<Item = Key> {
        let loose = self.by_id.get(id).map(|at| self.rows[*at].keys.clone());
        keys(&self.frames[loose.unwrap_or_default()])
    }
}

fn keys(bytes: &[u8]) -> impl Iterator<Item = Key> {
    bytes
        .chunks_exact(4)
        .map(|it| Key(u32::from_le_bytes(it.try_into().expect("four bytes"))))
}

impl Draft {
    /// Returns the row of a record with an id.
    pub(super) fn row<'i>(&'i self, id: &'i str, blob: &'i Oid) -> Row<'i> {
        Row {
            id,
            blob: blob.as_slice(),
            order: &self.order,
            is_live: self.is_live,
            body: &self.body,
        }
    }
}
