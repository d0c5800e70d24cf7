//! The base of an index: one string of bytes, mapped from a file and checked block by block as it is read.
//!
//! A header with the checksum of each block, then rows of one length, sorted (live ones first, then by their
//! order and id), their names, their bodies, and two tables from hashes to rows: of ids and of keys. All
//! numbers are little-endian. The same tree always gives the same bytes.

use std::cell::{Cell, OnceCell};
use std::cmp::Ordering;
use std::ops::{Deref, Range};

use memmap2::Mmap;

use super::{Key, ORDER, Row, Source};
use crate::fault::{Fault, Result};
use crate::git::Oid;

pub(super) const MAGIC: [u8; 8] = *b"gt-index";

/// The layout of this file and of the frames behind it.
pub(super) const FORMAT: u32 = 1;

/// How many bytes one checksum is over: to check one costs a microsecond or two.
pub(super) const BLOCK: usize = 16 * 1024;

/// How long the header is without the checksums of blocks.
pub(super) const FIXED: usize = 80;

/// How long an entry of a table is: a hash and a row.
const ENTRY: usize = 8;

/// Where the bytes are.
pub(super) enum Bytes {
    Mapped(Mmap),
    Made(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Made(bytes) => bytes,
        }
    }
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    hash_len: usize,
    rows: usize,
    live: usize,
    keys: usize,
    names: usize,
    bodies: usize,
}

impl Layout {
    /// Returns how long a row is: blob, order, place of the name, place and length of the body.
    fn stride(&self) -> usize {
        self.hash_len + ORDER + 12
    }

    /// Returns where the parts begin, behind the header, and where the last one ends; nothing for numbers
    /// that make no sense.
    fn parts(&self) -> Option<[usize; 6]> {
        let lengths = [
            self.rows.checked_mul(self.stride())?,
            self.names,
            self.bodies,
            self.rows.checked_mul(ENTRY)?,
            self.keys.checked_mul(ENTRY)?,
        ];
        let mut parts = [0_usize; 6];
        for (at, length) in lengths.into_iter().enumerate() {
            parts[at + 1] = parts[at].checked_add(length)?;
        }
        Some(parts)
    }
}

/// The base of an index.
pub(super) struct Base<'r> {
    source: Source<'r>,
    bytes: Bytes,
    tree: Option<Oid>,
    layout: Layout,
    parts: [usize; 6],
    /// Where the parts begin in the bytes.
    data: usize,
    checked: Vec<Cell<bool>>,
    /// The same bytes, made again because some of them were damaged.
    mended: OnceCell<Vec<u8>>,
}

impl<'r> Base<'r> {
    /// Returns the base of an empty ledger.
    pub(super) fn empty(source: Source<'r>) -> Self {
        let bytes = Builder::new(source.hash_len()).finish(&source, None);
        Self::made(source, bytes)
    }

    /// Returns a base that was just made.
    pub(super) fn made(source: Source<'r>, bytes: Vec<u8>) -> Self {
        let base = Self::open(source, Bytes::Made(bytes)).expect("what was just made is whole");
        base.checked.iter().for_each(|block| block.set(true));
        base
    }

    /// Returns the base at the beginning of `bytes`; nothing where there is none, or one of another version.
    pub(super) fn open(source: Source<'r>, bytes: Bytes) -> Option<Self> {
        let number = |at: usize| number(&bytes, at);
        let fits = bytes.get(..8)? == MAGIC
            && number(8)? == FORMAT
            && number(12)? == source.shape.version
            && number(16)? as usize == source.hash_len();
        if !fits {
            return None;
        }
        let long = |at: usize| {
            let bytes = bytes.get(at..at + 8)?.try_into().expect("eight bytes");
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        let layout = Layout {
            hash_len: source.hash_len(),
            rows: number(20)? as usize,
            live: number(24)? as usize,
            keys: number(28)? as usize,
            names: long(32)?,
            bodies: long(40)?,
        };
        let parts = layout.parts()?;
        let blocks = parts[5].div_ceil(BLOCK);
        let data = FIXED.checked_add(blocks.checked_mul(4)?)?.checked_add(4)?;
        let header = bytes.get(..data - 4)?;
        let is_whole = number(data - 4)? == crc32fast::hash(header)
            && data.checked_add(parts[5])? <= bytes.len()
            && layout.live <= layout.rows;
        if !is_whole {
            return None;
        }
        let tree = Oid::try_from(&bytes[48..48 + layout.hash_len]).ok()?;
        Some(Self {
            tree: Some(tree).filter(|tree| !tree.is_null()),
            source,
            layout,
            parts,
            data,
            checked: vec![Cell::new(false); blocks],
            mended: OnceCell::new(),
            bytes,
        })
    }

    /// Returns the tree it was made of.
    pub(super) fn tree(&self) -> Option<Oid> {
        self.tree
    }

    /// Returns how many rows there are.
    pub(super) fn len(&self) -> usize {
        self.layout.rows
    }

    /// Returns the numbers of live rows, or of finished ones.
    pub(super) fn numbers(&self, live: bool) -> Range<usize> {
        match live {
            true => 0..self.layout.live,
            false => self.layout.live..self.layout.rows,
        }
    }

    /// Returns what stands behind the base in its file.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.end()..]
    }

    /// Returns how long the base is.
    pub(super) fn end(&self) -> usize {
        self.data + self.parts[5]
    }

    /// Returns how long the file is that it was read from.
    pub(super) fn file_len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns a row.
    pub(super) fn row(&self, at: usize) -> Result<Row<'_>> {
        let stride = self.layout.stride();
        let fixed = self.part(0, at * stride, stride)?;
        let (blob, rest) = fixed.split_at(self.layout.hash_len);
        let (order, rest) = rest.split_at(ORDER);
        let place = |at: usize| number(rest, at).expect("a row is long enough") as usize;
        Ok(Row {
            id: self.name(place(0))?,
            blob,
            order,
            is_live: at < self.layout.live,
            body: self.part(2, place(4), place(8))?,
        })
    }

    /// Returns the name at a place, which begins with its length.
    fn name(&self, at: usize) -> Result<&str> {
        let length = usize::from(self.part(1, at, 1)?[0]);
        let name = self.part(1, at + 1, length)?;
        std::str::from_utf8(name).map_err(|_| self.confused())
    }

    /// Returns the ids of live rows, or of finished ones, with the numbers of their rows.
    pub(super) fn names(&self, live: bool) -> Result<Vec<(&str, usize)>> {
        let rows = self.numbers(live);
        let Some(first) = rows.clone().next() else {
            return Ok(Vec::new());
        };
        let fixed = self.part(0, first * self.layout.stride(), self.layout.stride())?;
        let mut at =
            number(fixed, self.layout.hash_len + ORDER).expect("a row is long enough") as usize;
        let mut names = Vec::with_capacity(rows.len());
        for row in rows {
            let name = self.name(at)?;
            names.push((name, row));
            at += 1 + name.len();
        }
        Ok(names)
    }

    /// Returns the row of an id.
    pub(super) fn find(&self, id: &str) -> Result<Option<Row<'_>>> {
        for number in self.table(3, self.layout.rows, Key::of_id(id))? {
            let row = self.row(number)?;
            if row.id == id {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Returns the numbers of rows with a key, and perhaps of some with another of the same hash.
    pub(super) fn with_key(&self, key: Key) -> Result<Vec<usize>> {
        self.table(4, self.layout.keys, key)
    }

    /// Returns the rows of a hash in a table.
    fn table(&self, part: usize, count: usize, key: Key) -> Result<Vec<usize>> {
        let entry = |at: usize| -> Result<(u32, usize)> {
            let entry = self.part(part, at * ENTRY, ENTRY)?;
            let number = |at: usize| number(entry, at).expect("an entry is long enough");
            Ok((number(0), number(4) as usize))
        };
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            match entry(middle)?.0.cmp(&key.0) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal | Ordering::Greater => high = middle,
            }
        }
        let mut found = Vec::new();
        for at in low..count {
            match entry(at)? {
                (hash, row) if hash == key.0 => found.push(row),
                _ => break,
            }
        }
        Ok(found)
    }

    /// Returns all keys with the rows that have them.
    pub(super) fn keys(&self) -> Result<impl Iterator<Item = (Key, usize)>> {
        let table = self.part(4, 0, self.layout.keys * ENTRY)?;
        let entries = table.chunks_exact(ENTRY).map(|entry| {
            let number = |at: usize| number(entry, at).expect("an entry is long enough");
            (Key(number(0)), number(4) as usize)
        });
        Ok(entries)
    }

    /// Returns bytes of a part, which are checked when they are first read.
    fn part(&self, part: usize, at: usize, length: usize) -> Result<&[u8]> {
        let begin = self.parts[part].checked_add(at);
        let end = begin.and_then(|begin| begin.checked_add(length));
        let (Some(begin), Some(end)) = (begin, end.filter(|end| *end <= self.parts[part + 1]))
        else {
            return Err(self.confused());
        };
        let range = self.data + begin..self.data + end;
        if let Some(mended) = self.mended.get() {
            return Ok(&mended[range]);
        }
        if begin == end || (begin / BLOCK..=(end - 1) / BLOCK).all(|block| self.is_sound(block)) {
            return Ok(&self.bytes[range]);
        }
        let mended = self.mend()?;
        Ok(&self.mended.get_or_init(|| mended)[range])
    }

    fn is_sound(&self, block: usize) -> bool {
        if self.checked[block].get() {
            return true;
        }
        let end = ((block + 1) * BLOCK).min(self.parts[5]);
        let bytes = &self.bytes[self.data + block * BLOCK..self.data + end];
        let is_sound = number(&self.bytes, FIXED + block * 4) == Some(crc32fast::hash(bytes));
        self.checked[block].set(is_sound);
        is_sound
    }

    /// Makes the base again from the tree it was made of: the same tree gives the same bytes. The damaged file
    /// goes, so that the next query makes a new one.
    fn mend(&self) -> Result<Vec<u8>> {
        self.source.discard();
        let made = self.source.build(self.tree)?;
        match made.get(..self.data) == self.bytes.get(..self.data) {
            true => Ok(made),
            false => Err(self.confused()),
        }
    }

    /// Returns the fault of an index that is whole and makes no sense all the same, which goes.
    fn confused(&self) -> Fault {
        self.source.discard();
        Fault::fatal("the index of a ledger was damaged and is removed").hint("try it again")
    }
}

/// The bytes of a base, made row by row.
pub(super) struct Builder {
    hash_len: usize,
    live: usize,
    rows: Vec<u8>,
    names: Vec<u8>,
    bodies: Vec<u8>,
    ids: Vec<(Key, u32)>,
    keys: Vec<(Key, u32)>,
}

impl Builder {
    pub(super) fn new(hash_len: usize) -> Self {
        Self {
            hash_len,
            live: 0,
            rows: Vec::new(),
            names: Vec::new(),
            bodies: Vec::new(),
            ids: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Adds the next row in order, live ones first, and returns its number.
    pub(super) fn push(&mut self, row: &Row<'_>) -> u32 {
        let number = as_number(self.ids.len());
        self.live += usize::from(row.is_live);
        self.rows.extend_from_slice(row.blob);
        self.rows.extend_from_slice(row.order);
        for place in [self.names.len(), self.bodies.len(), row.body.len()] {
            self.rows.extend_from_slice(&as_number(place).to_le_bytes());
        }
        let length = u8::try_from(row.id.len()).expect("an id has at most 200 bytes");
        self.names.push(length);
        self.names.extend_from_slice(row.id.as_bytes());
        self.bodies.extend_from_slice(row.body);
        self.ids.push((Key::of_id(row.id), number));
        number
    }

    /// Adds a key of a row.
    pub(super) fn add_key(&mut self, key: Key, row: u32) {
        self.keys.push((key, row));
    }

    /// Returns the bytes of the base.
    pub(super) fn finish(mut self, source: &Source<'_>, tree: Option<Oid>) -> Vec<u8> {
        self.ids.sort_unstable();
        self.keys.sort_unstable();
        self.keys.dedup();
        let layout = Layout {
            hash_len: self.hash_len,
            rows: self.ids.len(),
            live: self.live,
            keys: self.keys.len(),
            names: self.names.len(),
            bodies: self.bodies.len(),
        };
        let length = layout.parts().expect("it fits into memory")[5];
        let data = FIXED + length.div_ceil(BLOCK) * 4 + 4;
        let mut bytes = Vec::with_capacity(data + length);
        bytes.resize(data, 0);
        for part in [&self.rows, &self.names, &self.bodies] {
            bytes.extend_from_slice(part);
        }
        for (key, row) in self.ids.iter().chain(&self.keys) {
            bytes.extend_from_slice(&key.0.to_le_bytes());
            bytes.extend_from_slice(&row.to_le_bytes());
        }
        let mut header = Vec::with_capacity(data);
        header.extend_from_slice(&MAGIC);
        let counts = [layout.hash_len, layout.rows, layout.live, layout.keys];
        let numbers = [FORMAT, source.shape.version]
            .into_iter()
            .chain(counts.map(as_number));
        header.extend(numbers.flat_map(u32::to_le_bytes));
        let lengths = [layout.names, layout.bodies].map(|it| it as u64);
        header.extend(lengths.into_iter().flat_map(u64::to_le_bytes));
        header.extend_from_slice(tree.as_ref().map_or(&[][..], Oid::as_slice));
        header.resize(FIXED, 0);
        for block in bytes[data..].chunks(BLOCK) {
            header.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
        }
        let sum = crc32fast::hash(&header);
        header.extend_from_slice(&sum.to_le_bytes());
        bytes[..data].copy_from_slice(&header);
        bytes
    }
}

/// Returns the number at a place.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(found.try_into().expect("four bytes")))
}

/// Returns a length as it is stored.
pub(super) fn as_number(length: usize) -> u32 {
    u32::try_from(length).expect("an index is smaller than 4 GiB")
}
