//! Ledgers as somebody hostile writes them, joined with ours.

use serde_json::{Value, json};

use super::in_repo;
use crate::git::{Mode, NewCommit, Oid, Remote, Repo, Signature};
use crate::ledger::codec::{READ_MAX, canonical};
use crate::ledger::shard::{META, Place, Snapshot, git_order, id_of, place};
use crate::ledger::sync::taken_in;
use crate::world::Time;

const IDS: [&str; 8] = ["gt-1", "gt-2", "gt-3", "a/b", "é", "..", "gate.x", "-rf"];
const NAMES: [&str; 12] = [
    ".git",
    "..",
    ".",
    "",
    "a/b",
    "GT-1.json",
    "%67t-1.json",
    "a%2fb.json",
    "README",
    "a",
    "\u{1b}[2J",
    META,
];
const CREATED: [&str; 5] = [
    "0000000000000000-0",
    "0199a3c1d4000001-a",
    "0199a3c1d4000001-b",
    "03bb2cc3d800ffff-b",
    "ffffffffffffffff-z",
];
const EPOCHS: [&str; 4] = ["000001", "000002", "7", "zzzzzz"];
const KINDS: [&str; 4] = ["bead", "gate", "what", ""];
const FIELDS: [&str; 6] = ["title", "state", "labels", "claims", "stamps", "alias"];

/// The bytes that decide; where they end everything is zero.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    fn some(&mut self, most: usize) -> &'a [u8] {
        let length = (self.next() % (most + 1)).min(self.0.len());
        let (some, rest) = self.0.split_at(length);
        self.0 = rest;
        some
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() % all.len()]
    }
}

/// What a tree is made of.
enum Node {
    Leaf(u32, Oid),
    Folder(Vec<(Vec<u8>, Self)>),
}

/// Whatever two ledgers hold, joining them gives one sound ledger, the same from both sides, to which
/// joining either again adds nothing.
pub fn tree(bytes: &[u8]) {
    in_repo(|repo, remote| meet((repo, remote), Bytes(bytes)));
}

fn meet((repo, remote): (&Repo, &Remote), mut bytes: Bytes<'_>) {
    let raw = [ledger(repo, &mut bytes), ledger(repo, &mut bytes)].map(|it| commit(repo, it));
    let join = |ours: Option<Oid>, theirs: Oid| {
        let joined = taken_in((repo, remote), ours, theirs).expect("every object is here");
        is_sound(repo, tree_of(repo, joined));
        joined
    };
    let [a, b] = raw.map(|theirs| {
        let ledger = Snapshot::fetched(repo, Some(theirs)).expect("it was written");
        ledger.records().expect("what is no record is passed over");
        for id in IDS {
            // It may be no record, and is refused then.
            drop(ledger.get(id));
        }
        join(None, theirs)
    });
    let both = join(Some(a), b);
    assert_eq!(join(Some(b), a), both, "the sides differ");
    for again in [a, b, raw[0], raw[1]] {
        let joined = join(Some(both), again);
        assert_eq!(
            tree_of(repo, joined),
            tree_of(repo, both),
            "it is there already"
        );
    }
}

fn tree_of(repo: &Repo, commit: Oid) -> Oid {
    repo.commit(&commit).expect("it was written").tree
}

fn commit(repo: &Repo, tree: Oid) -> Oid {
    let who = Signature::of("somebody");
    let commit = NewCommit {
        tree,
        parents: &[],
        author: &who,
        committer: &who,
        time: Time(0),
        message: "",
    };
    repo.write_commit(&commit).expect("memory takes it")
}

/// Asserts what `git fsck` would, and that a ledger holds nothing but files at the places of ids.
fn is_sound(repo: &Repo, root: Oid) {
    let check = |tree: Oid, is_leaf: bool| {
        let entries = repo.tree(&tree).expect("it was written");
        let order: Vec<Vec<u8>> = entries.iter().map(git_order).collect();
        assert!(order.is_sorted() && !entries.is_empty());
        for entry in &entries {
            let is_meta = tree == root && entry.name == META.as_bytes();
            let is_file = entry.mode == Mode::File;
            assert!(entry.mode != Mode::Other && is_file == (is_leaf || is_meta));
        }
        entries
            .into_iter()
            .filter(move |it| it.name != META.as_bytes() || is_leaf)
    };
    for x in check(root, false) {
        for y in check(x.id, false) {
            for file in check(y.id, true) {
                let at: Place = (x.name.clone(), y.name.clone(), file.name);
                assert!(id_of(&at).is_some(), "{at:?}");
                let size = repo.blob_size(&file.id).expect("it can be read");
                assert!(size.is_some_and(|it| it <= READ_MAX as u64));
            }
        }
    }
}

/// Writes the ledger that bytes decide on, however little git likes it.
fn ledger(repo: &Repo, bytes: &mut Bytes<'_>) -> Oid {
    let mut root = Vec::new();
    if !bytes.next().is_multiple_of(4) {
        let meta = repo
            .write_blob(meta(bytes).as_bytes())
            .expect("memory takes it");
        root.push((META.as_bytes().to_owned(), Node::Leaf(0o100_644, meta)));
    }
    for _ in 0..bytes.next() % 12 {
        let id = bytes.of(&IDS);
        let path = path(id, bytes);
        let leaf = leaf(repo, id, bytes);
        put(&mut root, &path, leaf, bytes);
    }
    write(repo, root, bytes.next() % 8 != 7)
}

fn meta(bytes: &mut Bytes<'_>) -> String {
    match bytes.next() % 4 {
        0 => String::from_utf8_lossy(bytes.some(40)).into_owned(),
        1 => "{\"schema\":1,\"purge_floor\":1e999}".to_owned(),
        2 => canonical(&json!({ "fanout": 2, "schema": 1, "purge_floor": bytes.of(&CREATED) })),
        _ => match bytes.next() {
            more if more.is_multiple_of(2) => {
                canonical(&json!({ "fanout": 2, "schema": 1, "more": more }))
            }
            more => {
                let epoch = EPOCHS[more / 2 % EPOCHS.len()];
                canonical(&json!({ "epoch": epoch, "fanout": 2, "schema": 1 }))
            }
        },
    }
}

/// Returns where an entry is put: mostly where it belongs.
fn path(id: &str, bytes: &mut Bytes<'_>) -> Vec<Vec<u8>> {
    let (x, y, name) = place(id);
    let other = match bytes.next() % 2 {
        0 => bytes.of(&NAMES).as_bytes().to_owned(),
        _ => bytes
            .some(8)
            .iter()
            .copied()
            .filter(|it| *it != 0)
            .collect(),
    };
    match bytes.next() % 12 {
        0 => vec![other, y, name],
        1 => vec![x, other, name],
        2 => vec![x, y, other],
        3 => vec![x, y, name, other],
        4 => vec![x, other],
        5 => vec![other],
        _ => vec![x, y, name],
    }
}

fn leaf(repo: &Repo, id: &str, bytes: &mut Bytes<'_>) -> Node {
    let mode = bytes.of(&[
        0o100_644, 0o100_644, 0o100_644, 0o100_644, 0o100_755, 0o100_664, 0o120_000, 0o160_000,
    ]);
    let object = match bytes.next() % 12 {
        0 => repo.empty_tree(),
        1 if mode == 0o160_000 => Ok(repo.blob_id(b"it is not here")),
        2 => repo.write_blob(bytes.some(60)),
        3 => repo.write_blob(record(bytes.of(&IDS), bytes).as_bytes()),
        _ => repo.write_blob(record(id, bytes).as_bytes()),
    };
    Node::Leaf(mode, object.expect("memory takes it"))
}

fn record(id: &str, bytes: &mut Bytes<'_>) -> String {
    let (created, kind) = (bytes.of(&CREATED[..4]), bytes.of(&KINDS));
    let mut record = json!({ "created": created, "id": id, "kind": kind });
    for _ in 0..bytes.next() % 4 {
        let (field, stamp) = (bytes.of(&FIELDS), bytes.of(&CREATED));
        let text: Value = String::from_utf8_lossy(bytes.some(6)).into();
        record[field] = match bytes.next() % 6 {
            0 => text,
            1 => json!({ stamp: text }),
            2 => json!({ "life": bytes.next(), "status": text }),
            3 => json!({ format!("000001-{stamp}"): { "by": text } }),
            4 => json!({ "*": stamp, bytes.of(&FIELDS): stamp }),
            _ => json!({ "title": stamp, "alias": stamp }),
        };
    }
    canonical(&record)
}

/// Puts a leaf into a tree, now and then into a second folder of the same name.
fn put(folder: &mut Vec<(Vec<u8>, Node)>, path: &[Vec<u8>], leaf: Node, bytes: &mut Bytes<'_>) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        folder.push((first.clone(), leaf));
        return;
    }
    let is_twin = bytes.next() % 16 == 15;
    let known = folder
        .iter()
        .position(|(name, node)| name == first && matches!(node, Node::Folder(_)) && !is_twin);
    let at = known.unwrap_or_else(|| {
        folder.push((first.clone(), Node::Folder(Vec::new())));
        folder.len() - 1
    });
    if let Node::Folder(inner) = &mut folder[at].1 {
        put(inner, rest, leaf, bytes);
    }
}

fn write(repo: &Repo, mut entries: Vec<(Vec<u8>, Node)>, in_order: bool) -> Oid {
    if in_order {
        entries.sort_by_key(|(name, node)| match node {
            Node::Leaf(..) => name.clone(),
            Node::Folder(_) => [name, b"/".as_slice()].concat(),
        });
    }
    let mut text = Vec::new();
    for (name, node) in entries {
        let (mode, id) = match node {
            Node::Leaf(mode, id) => (mode, id),
            Node::Folder(inner) => (0o40_000, write(repo, inner, in_order)),
        };
        text.extend(format!("{mode:o} ").bytes());
        text.extend(name);
        text.push(0);
        text.extend(id.as_slice());
    }
    repo.write_tree_text(&text).expect("memory takes it")
}
