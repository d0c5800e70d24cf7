//! Entries of packs, many at once: each is unpacked once, right behind what it is stored as a difference from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::path::Path;

use gix::hash::Kind;
use gix::odb::pack::data::entry::Header;
use gix::odb::pack::{data, index};
use gix::zlib::Inflate;

use super::Oid;

/// A pack with its index.
pub(super) struct Pack {
    index: index::File,
    data: data::File,
}

impl Pack {
    /// Returns the packs of a folder; one that cannot be opened is passed over.
    pub(super) fn all(folder: &Path, kind: Kind) -> Vec<Self> {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = files.map(|it| it.path());
        let indexes = paths.filter(|it| it.extension().is_some_and(|it| it == "idx"));
        let open = |path: std::path::PathBuf| {
            Some(Self {
                index: index::File::at(&path, kind).ok()?,
                data: data::File::at(path.with_extension("pack"), kind).ok()?,
            })
        };
        indexes.filter_map(open).collect()
    }

    /// Returns where an object begins.
    pub(super) fn find(&self, id: &Oid) -> Option<u64> {
        let at = self.index.lookup(id)?;
        Some(self.index.pack_offset_at_index(at))
    }

    /// Returns where that begins which an entry differs from, nothing for what is stored as a whole or makes no
    /// sense.
    fn base_of(&self, offset: u64) -> Option<u64> {
        let entry = self.data.entry(offset).ok()?;
        match entry.header {
            Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance),
            Header::RefDelta { base_id } => self.find(&base_id),
            Header::Blob | Header::Tree | Header::Commit | Header::Tag => None,
        }
    }
}

/// An entry that is unpacked.
struct Node {
    offset: u64,
    /// The one it differs from.
    base: Option<usize>,
    /// Which of the blobs that are asked for it is; nothing: others differ from it.
    wanted: Option<usize>,
}

/// Blobs of a pack and what they differ from, in an order in which each stands behind its base and everything
/// that differs from one thing stands together.
pub(super) struct Walk<'p> {
    pack: &'p Pack,
    nodes: Vec<Node>,
    order: Vec<usize>,
}

impl<'p> Walk<'p> {
    /// Returns the walk to blobs of which is known where they begin.
    pub(super) fn new(pack: &'p Pack, wanted: impl Iterator<Item = (u64, usize)>) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (offset, at) in wanted {
            let (mut next, mut above) = (Some(offset), None::<usize>);
            while let Some(offset) = next.take() {
                let node = match known.entry(offset) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(free) => {
                        next = pack.base_of(offset);
                        nodes.push(Node {
                            offset,
                            base: None,
                            wanted: None,
                        });
                        *free.insert(nodes.len() - 1)
                    }
                };
                match above {
                    Some(above) => nodes[above].base = Some(node),
                    None => nodes[node].wanted = Some(at),
                }
                above = Some(node);
            }
        }
        let order = in_depth(&nodes);
        Self { pack, nodes, order }
    }

    /// Returns how many entries are unpacked.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns what `of` makes of the blobs on a stretch of the walk, up to the first that cannot be unpacked.
    pub(super) fn unpack<T>(
        &self,
        stretch: Range<usize>,
        of: &impl Fn(usize, &[u8]) -> T,
    ) -> Vec<(usize, T)> {
        let mut found = Vec::with_capacity(stretch.len());
        let mut hand = Hand::default();
        let first = self.order[stretch.start];
        let bases = std::iter::successors(self.nodes[first].base, |at| self.nodes[*at].base);
        let mut before: Vec<usize> = bases.collect();
        before.reverse();
        for (at, is_before) in before
            .iter()
            .map(|at| (*at, true))
            .chain(self.order[stretch].iter().map(|at| (*at, false)))
        {
            let node = &self.nodes[at];
            let Some(bytes) = hand.unpack(&self.pack.data, at, node) else {
                break;
            };
            if let (Some(wanted), false) = (node.wanted, is_before) {
                found.push((wanted, of(wanted, bytes)));
            }
        }
        found
    }
}

/// Returns all nodes that a base at the bottom of the pile can be found for, each behind its own.
fn in_depth(nodes: &[Node]) -> Vec<usize> {
    let mut first_above: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut next_beside: Vec<Option<usize>> = vec![None; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        if let Some(base) = node.base {
            next_beside[at] = first_above[base].replace(at);
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    let mut pile = Vec::new();
    for (bottom, _) in nodes.iter().enumerate().filter(|(_, it)| it.base.is_none()) {
        pile.push(bottom);
        while let Some(at) = pile.pop() {
            order.push(at);
            pile.extend(next_beside[at]);
            pile.extend(first_above[at]);
        }
    }
    order
}

/// What is unpacked: an entry, what it differs from, and so on.
#[derive(Default)]
struct Hand {
    inflate: Inflate,
    held: Vec<(usize, Vec<u8>)>,
    free: Vec<Vec<u8>>,
    difference: Vec<u8>,
}

impl Hand {
    /// Returns the bytes of a blob whose base is held.
    fn unpack(&mut self, pack: &data::File, at: usize, node: &Node) -> Option<&[u8]> {
        while let Some((_, bytes)) = self.held.pop_if(|(held, _)| Some(*held) != node.base) {
            self.free.push(bytes);
        }
        let entry = pack.entry(node.offset).ok()?;
        let mut bytes = self.free.pop().unwrap_or_default();
        match (self.held.last(), entry.header) {
            (None, Header::Blob) => self.whole(pack, &entry, &mut bytes)?,
            (Some(_), Header::OfsDelta { .. } | Header::RefDelta { .. }) => {
                let mut difference = std::mem::take(&mut self.difference);
                self.whole(pack, &entry, &mut difference)?;
                let (_, base) = self.held.last()?;
                apply(base, &difference, &mut bytes)?;
                self.difference = difference;
            }
            _ => return None,
        }
        self.held.push((at, bytes));
        self.held.last().map(|(_, bytes)| bytes.as_slice())
    }

    /// Unpacks what is stored of an entry.
    fn whole(&mut self, pack: &data::File, entry: &data::Entry, bytes: &mut Vec<u8>) -> Option<()> {
        let length = usize::try_from(entry.decompressed_size).ok()?;
        bytes.clear();
        bytes.try_reserve_exact(length).ok()?;
        bytes.resize(length, 0);
        pack.decompress_entry(entry, &mut self.inflate, bytes)
            .ok()?;
        Some(())
    }
}

/// Makes of a base what a difference says; nothing where that makes no sense (gitformat-pack(5)).
fn apply(base: &[u8], difference: &[u8], made: &mut Vec<u8>) -> Option<()> {
    let mut rest = difference;
    let (before, after) = (length(&mut rest)?, length(&mut rest)?);
    made.clear();
    made.try_reserve_exact(after).ok()?;
    while let Some((&order, more)) = rest.split_first() {
        rest = more;
        let piece = match order {
            0 => return None,
            1..0x80 => {
                let (piece, more) = rest.split_at_checked(order.into())?;
                rest = more;
                piece
            }
            _ => {
                let from = sparse(order, 0..4, &mut rest)?;
                let length = match sparse(order, 4..7, &mut rest)? {
                    0 => 0x10000,
                    length => length,
                };
                base.get(from..from.checked_add(length)?)?
            }
        };
        if piece.len() > after - made.len() {
            return None;
        }
        made.extend_from_slice(piece);
    }
    (before == base.len() && made.len() == after).then_some(())
}

/// Reads a length, seven bits to a byte, the lowest first.
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let (&byte, more) = rest.split_first()?;
        *rest = more;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(length);
        }
        shift += 7;
    }
}

/// Reads a number of whose bytes those are there whose bits are set.
fn sparse(order: u8, bits: Range<u32>, rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for bit in bits.clone().filter(|bit| order >> bit & 1 == 1) {
        let (&byte, more) = rest.split_first()?;
        *rest = more;
        number |= usize::from(byte) << (8 * (bit - bits.start));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_make_what_they_say_or_nothing() {
        let check = |difference: &[u8], want: Option<&str>| {
            let mut made = b"left over".to_vec();
            let applied = apply(b"0123456789", difference, &mut made);
            let made = applied.map(|()| String::from_utf8(made).unwrap());
            assert_eq!(made.as_deref(), want, "{difference:?}");
        };
        check(&[10, 0], Some(""));
        check(&[10, 2, 2, b'a', b'b'], Some("ab"));
        check(&[10, 5, 0x91, 7, 3, 2, b'a', b'b'], Some("789ab"));
        check(&[10, 3, 0x90, 3], Some("012"));
        // Of another base, too long, too short, beyond the base, cut off, and what is no order.
        check(&[9, 0], None);
        check(&[10, 1, 2, b'a', b'b'], None);
        check(&[10, 3, 2, b'a', b'b'], None);
        check(&[10, 3, 0x91, 8, 3], None);
        check(&[10, 3, 0x91, 8], None);
        check(&[10, 3, 3, b'a'], None);
        check(&[10, 1, 0], None);
        check(&[0x80, 0x80], None);
        check(
            &[
                10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
            None,
        );
        check(&[], None);
    }

    #[test]
    fn what_differs_from_one_thing_stands_together() {
        let check = |bases: &[Option<usize>], want: &[usize]| {
            let node = |base: &Option<usize>| Node {
                offset: 0,
                base: *base,
                wanted: None,
            };
            let nodes: Vec<Node> = bases.iter().map(node).collect();
            assert_eq!(in_depth(&nodes), want, "{bases:?}");
        };
        check(&[None, Some(0), Some(0), Some(1), None], &[0, 1, 3, 2, 4]);
        check(&[Some(1), Some(2), None, Some(1)], &[2, 1, 0, 3]);
        // What differs from itself in the end is not there.
        check(&[Some(1), Some(0), None], &[2]);
    }
}
