//! The file of an index as no program of ours has written it, read from end to end.

use super::base::{BLOCK, Base, Bytes, FIXED, FORMAT, MAGIC, number};
use super::overlay::Overlay;
use super::{Goal, Index, Key, Shape, Source};
use crate::git::Repo;
use crate::ledger::Name;

const SHAPE: Shape = Shape {
    ledger: Name::Beads,
    version: 1,
    row: |_| None,
};

/// Reads bytes as the file of an index, as they are and with checksums that fit: whatever they hold, reading
/// ends, in rows or in a fault.
pub(in crate::ledger) fn read(repo: &Repo, bytes: &[u8]) {
    let source = Source {
        repo,
        shape: &SHAPE,
    };
    read_file(source, bytes.to_vec());
    read_file(source, sealed(bytes, source.hash_len()));
}

fn read_file(source: Source<'_>, bytes: Vec<u8>) {
    let Some(base) = Base::open(source, Bytes::Made(bytes)) else {
        return;
    };
    let mut overlay = Overlay::new(source.hash_len());
    let nowhere = || Ok(source.repo.null_id());
    let goal = Goal::new(None, &nowhere);
    let taken = overlay.take(base.rest(), base.tree(), &goal);
    let (tree, _, _) = taken.expect("the goal is known");
    let index = Index {
        base,
        overlay,
        source,
    };
    for id in ["", "gt-1", "gt-4k2xa"] {
        // A fault is an answer.
        drop(index.get(id));
        drop(index.with_key(Key::of("to", id)));
    }
    drop(index.ids());
    for live in [true, false] {
        for row in index.overlay.rows(live) {
            assert_eq!(index.overlay.find(row.id), Some(row));
        }
    }
    for rows in [index.live(), index.all()] {
        drop(rows.collect::<Result<Vec<_>, _>>());
    }
    drop(index.compacted(tree.unwrap_or_else(|| source.repo.null_id())));
}

/// Returns bytes that pass for the file of an index: with its beginning, lengths that fit into them, and
/// checksums; what stands behind them passes for frames.
fn sealed(bytes: &[u8], hash_len: usize) -> Vec<u8> {
    let small = |at: usize| bytes.get(at).copied().map_or(0, u32::from) % 8;
    let [rows, live, keys] = [small(0), small(1), small(2)];
    let [names, bodies] = [small(3) * 8, small(4) * 8].map(u64::from);
    let mut file = MAGIC.to_vec();
    let length = u32::try_from(hash_len).expect("a hash is short");
    for number in [FORMAT, SHAPE.version, length, rows, live, keys] {
        file.extend(number.to_le_bytes());
    }
    file.extend([names, bodies].into_iter().flat_map(u64::to_le_bytes));
    let mut from = vec![1; hash_len];
    file.extend(&from);
    file.resize(FIXED, 0);
    let rest = bytes.get(5..).unwrap_or_default();
    let stride = hash_len + super::ORDER + 12;
    let entries = rows as usize * (stride + 8) + keys as usize * 8;
    let length = entries + usize::try_from(names + bodies).expect("it is small");
    let (parts, frames) = rest.split_at(length.min(rest.len()));
    let mut parts = parts.to_vec();
    parts.resize(length, 0);
    for block in parts.chunks(BLOCK) {
        file.extend(crc32fast::hash(block).to_le_bytes());
    }
    file.extend(crc32fast::hash(&file).to_le_bytes());
    file.extend(parts);
    for body in frames.chunks(200) {
        let to = vec![body[0]; hash_len];
        file.extend(frame(body, &from, &to));
        from = to;
    }
    file
}

/// Returns a frame whose rows are `body`.
fn frame(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend(body);
    frame.extend([to, from, to].concat());
    frame.extend(number(body, 0).unwrap_or_default().to_le_bytes());
    let length = u32::try_from(frame.len() + 8).expect("it is short");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame.extend(length.to_le_bytes());
    frame.extend(crc32fast::hash(&frame).to_le_bytes());
    frame
}
