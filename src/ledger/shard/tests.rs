//! The tree against the one that git makes, and what is read of it against what was written.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::ledger::Stamp;
use crate::ledger::scratch::{Scratch, git};

#[test]
fn names_of_files_say_the_id_and_nothing_else() {
    let check = |id: &str, want: &str| {
        assert_eq!(file_name(id), want);
        assert_eq!(id_of(&place(id)).as_deref(), Some(id));
    };
    check("gt-4k2xa", "gt-4k2xa.json");
    check("gt-4k2xa.3", "gt-4k2xa.3.json");
    check("agent.api/polecats/nux", "agent.api%2Fpolecats%2Fnux.json");
    check("..", "...json");
    check("é %", "%C3%A9%20%25.json");
}

#[test]
fn a_shard_is_named_by_ten_bits_of_the_hash() {
    // BLAKE3 of nothing starts with af13, of the bytes 0 and 1 with 7b70 (its authors' vectors).
    let check = |id: &str, want: (&str, &str)| {
        let (x, y, _) = place(id);
        assert_eq!(
            (x.as_slice(), y.as_slice()),
            (want.0.as_bytes(), want.1.as_bytes())
        );
    };
    check("", ("v", "4"));
    check("\0\u{1}", ("p", "n"));
}

#[test]
fn an_entry_at_a_foreign_place_has_no_id() {
    let (x, y, name) = place("gt-4k2xa");
    let check = |at: Place| assert_eq!(id_of(&at), None);
    check((b"?".to_vec(), y.clone(), name.clone()));
    check((x.clone(), y.clone(), b"gt-4k2xa".to_vec()));
    check((x, y, b"%67t-4k2xa.json".to_vec()));
}

/// What a ledger should hold: by id the number in the record.
type Model = BTreeMap<String, u8>;

fn id() -> impl Strategy<Value = String> {
    let odd = [
        ".",
        "..",
        ".git",
        ".gitmodules",
        "%",
        "%2F",
        "/",
        "A",
        "a",
        "con",
        "git~1",
        "meta",
        "meta.json",
        "\u{200c}.git",
        "rig.api",
        "é",
    ];
    let long = Just("ü".repeat(100));
    let some = "[a-z0-9]{1,2}|gt-[a-z0-9]{5}|[ -~]{1,9}|\\PC{1,5}";
    prop_oneof![3 => some, 2 => select(odd.to_vec()).prop_map(str::to_owned), 1 => long]
}

fn record(id: &str, number: u8) -> Record {
    let mut record = Record::new(id, "bead", &Stamp::zero());
    record.set("number", Some(number.into()), &Stamp::zero());
    record
}

fn spliced<'a>(
    repo: &Repo,
    tree: Option<Oid>,
    batch: impl IntoIterator<Item = (&'a String, Option<u8>)>,
) -> Option<Oid> {
    let updates = batch.into_iter().map(|(id, number)| Update {
        place: place(id),
        blob: number.map(|n| repo.write_blob(&record(id, n).encode()).unwrap()),
    });
    let updates: Vec<Update> = updates.collect();
    let ledger = Snapshot::at_tree(repo, tree);
    Some(ledger.spliced(&updates).unwrap())
}

/// Returns the tree git makes of the same files, and their paths.
fn tree_of_git(repo: &Repo, model: &Model) -> (String, String) {
    let meta = repo
        .write_blob(b"{\n  \"fanout\": 2,\n  \"schema\": 1\n}\n")
        .unwrap();
    let mut files = vec![("meta.json".to_owned(), meta)];
    files.extend(model.iter().map(|(id, number)| {
        let (x, y, name) = place(id);
        let path = [x, y, name]
            .map(|part| String::from_utf8(part).unwrap())
            .join("/");
        (path, repo.blob_id(&record(id, *number).encode()))
    }));
    files.sort();
    let index = files
        .iter()
        .map(|(path, blob)| format!("100644 {blob}\t{path}\n"));
    git(repo, &["read-tree", "--empty"], "");
    git(
        repo,
        &["update-index", "--index-info"],
        &index.collect::<String>(),
    );
    let tree = git(repo, &["write-tree"], "").trim().to_owned();
    (
        tree,
        files.into_iter().map(|(path, _)| path + "\n").collect(),
    )
}

#[test]
fn a_ledger_is_the_tree_git_would_make() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let check = |batches: Vec<Vec<(String, Option<u8>)>>, since: Index| {
        let (mut model, mut tree) = (Model::new(), None);
        let mut stages = vec![(model.clone(), tree)];
        for batch in &batches {
            tree = spliced(&repo, tree, batch.iter().map(|(id, number)| (id, *number)));
            for (id, number) in batch {
                match number {
                    Some(number) => model.insert(id.clone(), *number),
                    None => model.remove(id),
                };
            }
            stages.push((model.clone(), tree));
        }
        let root = tree.unwrap();
        let (want, paths) = tree_of_git(&repo, &model);
        assert_eq!(root.to_string(), want);
        assert_eq!(
            git(&repo, &["ls-tree", "-r", "--name-only", &want], ""),
            paths
        );
        let puts = || model.iter().map(|(id, number)| (id, Some(*number)));
        assert_eq!(spliced(&repo, None, puts()), tree);
        let one_by_one = puts()
            .rev()
            .fold(None, |tree, put| spliced(&repo, tree, [put]));
        assert_eq!(one_by_one.unwrap_or(root), root);
        check_changes(&repo, since.get(&stages), (&model, root));
    };
    let put = (id(), proptest::option::weighted(0.8, 0_u8..3));
    let input = (vec(vec(put, 0..9), 1..5), any::<Index>());
    let config = Config {
        cases: 30,
        source_file: Some(file!()),
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&input, |(batches, since)| {
        check(batches, since);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(git(&repo, &["fsck", "--strict", "--no-dangling"], ""), "");
}

fn check_changes(repo: &Repo, (old, older): &(Model, Option<Oid>), (new, root): (&Model, Oid)) {
    let ids: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = ids.into_iter().filter(|id| old.get(*id) != new.get(*id));
    let want: BTreeMap<String, Option<Record>> = differ
        .map(|id| (id.clone(), new.get(id).map(|number| record(id, *number))))
        .collect();
    let ledger = Snapshot::at_tree(repo, Some(root));
    let changes = ledger.changed_since(*older).unwrap();
    assert_eq!(changes.len(), want.len());
    assert_eq!(BTreeMap::from_iter(changes), want);
    let there = differences(repo, *older, Some(root)).unwrap();
    let back = differences(repo, Some(root), *older).unwrap();
    assert_eq!((there.len(), back.len()), (want.len(), want.len()));
    for (there, back) in there.iter().zip(&back) {
        assert_eq!((&there.ours, &there.theirs), (&back.theirs, &back.ours));
    }
    for (id, number) in new {
        assert_eq!(ledger.get(id).unwrap(), Some(record(id, *number)));
    }
    assert_eq!(ledger.records().unwrap().len(), new.len());
}

#[test]
fn a_folder_of_too_many_is_not_looked_at() {
    let scratch = Scratch::new();
    let repo = scratch.open(1).in_memory();
    let blob = repo.write_blob(b"x").unwrap();
    let mut text = Vec::new();
    for number in 0..=ENTRIES_MAX {
        text.extend(format!("100644 {number:06}\0").bytes());
        text.extend(blob.as_slice());
    }
    let tree = repo.write_tree_text(&text).unwrap();
    let fault = differences(&repo, None, Some(tree)).unwrap_err();
    let words = format!("a folder of {} entries", ENTRIES_MAX + 1);
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
    assert!(fault.text().message.contains(&words), "{fault}");
}

#[test]
fn what_is_neither_file_nor_folder_is_left_out() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let id = "gt-4k2xa".to_owned();
    let (x, ..) = place(&id);
    let x = String::from_utf8(x).unwrap();
    let blob = repo.write_blob(b"x").unwrap();
    let absent = repo.blob_id(b"nowhere");
    let entries = format!(
        "100644 blob {blob}\tREADME\n120000 blob {blob}\tlink\n\
         160000 commit {absent}\tmodule\n100755 blob {blob}\trun\n100644 blob {blob}\t{x}\n"
    );
    let tree = git(&repo, &["mktree", "--missing"], &entries);
    let tree = repo.parse_id(tree.trim());
    let ledger = Snapshot::at_tree(&repo, tree);
    assert_eq!(ledger.get(&id).unwrap(), None);
    assert_eq!(ledger.records().unwrap(), []);
    let written = spliced(&repo, tree, [(&id, Some(1))]).unwrap().to_string();
    let names = git(
        &repo,
        &["ls-tree", "--format=%(objecttype) %(path)", &written],
        "",
    );
    assert_eq!(names, format!("blob README\ntree {x}\nblob meta.json\n"));
}
