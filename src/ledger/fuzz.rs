//! What must hold for any bytes that come from elsewhere. The targets in `fuzz/` call this with bytes they
//! make up, and a test with those they kept in `fixtures/fuzz`.

mod tree;

use std::cell::OnceCell;

use serde_json::Value;

use super::codec::{self, Record};
use super::scratch::Scratch;
use super::shard::{id_of, place};
use super::{index as rows, join};
use crate::git::{Remote, Repo};

pub use tree::tree;

/// Bytes that are read as a record are its canonical text; JSON that says what a record says is one once
/// it is written in our way.
pub fn record(bytes: &[u8]) {
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(record.encode(), bytes);
        record.newest().check().expect("every stamp was checked");
    }
    if let Some(record) = said(bytes) {
        let text = record.encode();
        let again = Record::decode(&text).expect("what we write we read");
        assert_eq!(again.encode(), text);
    }
}

/// Up to three records, divided by NUL, join in any order and any number of times to the same bytes.
pub fn joins(bytes: &[u8]) {
    let mut records: Vec<Record> = bytes
        .split(|it| *it == 0)
        .take(3)
        .filter_map(said)
        .collect();
    let Some(id) = records.first().map(|it| it.id().to_owned()) else {
        return;
    };
    for record in &mut records {
        record.fields.insert("id".to_owned(), id.clone().into());
    }
    let [a, b, c] = [0, 1, 2].map(|n| &records[n % records.len()]);
    let ab = join(a, b);
    assert_eq!(join(b, a).encode(), ab.encode(), "commutative");
    assert_eq!(join(&ab, &ab).encode(), ab.encode(), "idempotent");
    assert_eq!(join(&ab, a).encode(), ab.encode(), "absorbing");
    let (left, right) = (join(&ab, c), join(a, &join(b, c)));
    assert_eq!(left.encode(), right.encode(), "associative");
    Record::decode(&left.encode()).expect("a join is a record");
}

/// Returns the record that JSON stands for, however it is spelled.
fn said(bytes: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(bytes).ok()?;
    match codec::parse(text).ok()? {
        Value::Object(fields) => Record::of(fields).ok(),
        _ => None,
    }
}

/// An id has one place, whose name is a file's on every system and leads back to the id; a place leads to
/// an id only where it is that id's.
pub fn names(bytes: &[u8]) {
    let id = String::from_utf8_lossy(bytes);
    let at = place(&id);
    let (x, y, name) = &at;
    assert_eq!(id_of(&at).as_deref(), Some(&*id));
    assert_eq!((x.len(), y.len()), (1, 1));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%._-".contains(byte);
    assert!(name.iter().all(plain) && name.ends_with(b".json"));
    let mut parts = bytes.splitn(3, |byte| *byte == b'/').map(<[u8]>::to_vec);
    let mut part = || parts.next().unwrap_or_default();
    let at = (part(), part(), part());
    if let Some(id) = id_of(&at) {
        assert_eq!(place(&id), at);
    }
}

/// Whatever stands in the file of an index, reading it ends in rows or in a fault.
pub fn index(bytes: &[u8]) {
    in_repo(|repo, _| rows::fuzz::read(repo, bytes));
}

thread_local! {
    static REPO: OnceCell<(Scratch, Repo, Remote)> = const { OnceCell::new() };
}

/// Calls a function with an empty repository, made once, that writes to memory.
fn in_repo(run: impl Fn(&Repo, &Remote)) {
    REPO.with(|made| {
        let (_, repo, remote) = made.get_or_init(|| {
            let scratch = Scratch::new();
            let repo = scratch.open(1).in_memory();
            let remote = repo.remote("/nowhere").expect("a path is one");
            (scratch, repo, remote)
        });
        run(repo, remote);
        repo.forget_memory();
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    type Target = fn(&[u8]);

    #[test]
    fn what_fuzzing_kept_holds() {
        let targets: [(&str, Target); 5] = [
            ("index", index),
            ("record", record),
            ("joins", joins),
            ("names", names),
            ("tree", tree),
        ];
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
        for (name, target) in targets {
            let kept = std::fs::read_dir(fixtures.join(name)).unwrap();
            let files: Vec<_> = kept.map(|it| it.unwrap().path()).collect();
            assert!(!files.is_empty(), "fixtures/fuzz/{name} is empty");
            for file in files {
                target(&std::fs::read(file).unwrap());
            }
        }
    }
}
