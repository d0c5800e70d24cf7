//! Indexes against scans: after whatever happened to a ledger and to the file, each query answers what the
//! records say.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index as Pick;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::*;
use crate::ledger::scratch::{Scratch, git};
use crate::ledger::shard::{Snapshot, Update};
use crate::ledger::{Decision, Pen, Stamp, transact};

/// Rows by rank, found by their words; what has no rank has no row.
const SHAPE: Shape = Shape {
    ledger: Name::Beads,
    version: 7,
    row: |record| {
        let mut order = [0; ORDER];
        order[0] = u8::try_from(record.integer("rank")?).ok()?;
        let words: Vec<&str> = record.entries("words").map(|(word, _)| word).collect();
        let mut body = Body::default();
        body.text(record.text("title")).number(words.len() as u64);
        for word in &words {
            body.text(word);
        }
        Some(Draft {
            is_live: record.life() % 2 == 0,
            order,
            body: body.into_bytes(),
            keys: words.iter().map(|word| Key::of("word", word)).collect(),
        })
    },
};

const WORDS: [&str; 4] = ["one", "two", "three", "four"];

/// What a record is to say: rank (none: it has no row), whether it is live, which words, how long its title is.
type Say = (Option<u8>, bool, u8, u8);

fn record(id: &str, (rank, live, words, title): &Say) -> Record {
    let stamp = Stamp::zero();
    let mut record = Record::new(id, "bead", &stamp);
    let title = "t".repeat(usize::from(*title) * 40);
    record.set("title", Some(title.into()), &stamp);
    record.set("rank", rank.map(Into::into), &stamp);
    if !live {
        record.set("state", Some(json!({ "life": 1 })), &stamp);
    }
    for (bit, word) in WORDS.iter().enumerate() {
        if words >> bit & 1 == 1 {
            record.set_entry("words", word, Some(true.into()), &stamp);
        }
    }
    record
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    /// Records are written or, where nothing is said, go; the writer tells the index or does not.
    Write(Vec<(u8, Option<Say>)>, bool),
    /// Something that is no record stands where one should.
    Spoil(u8),
    /// The ledger goes to where it was before.
    Back(Pick),
    /// Somebody asks.
    Ask,
    /// Somebody asks whose view is of before.
    AskOld(Pick),
    /// Bits of the file flip.
    Flip(Vec<(Pick, u8)>),
    /// The file is cut off.
    Cut(Pick),
    /// Something is behind the last frame.
    Tear(Vec<u8>),
    /// The file is gone.
    Remove,
}

fn event() -> impl Strategy<Value = Event> {
    let say = proptest::option::weighted(
        0.8,
        (
            proptest::option::weighted(0.9, 0_u8..4),
            any::<bool>(),
            0_u8..16,
            0_u8..30,
        ),
    );
    let writes = |sizes| vec((0_u8..40, say.clone()), sizes);
    prop_oneof![
        6 => (writes(1..4), any::<bool>()).prop_map(|(writes, told)| Event::Write(writes, told)),
        2 => (writes(10..40), any::<bool>()).prop_map(|(writes, told)| Event::Write(writes, told)),
        1 => (0_u8..40).prop_map(Event::Spoil),
        1 => any::<Pick>().prop_map(Event::Back),
        6 => Just(Event::Ask),
        1 => any::<Pick>().prop_map(Event::AskOld),
        2 => vec((any::<Pick>(), 0_u8..8), 1..4).prop_map(Event::Flip),
        1 => any::<Pick>().prop_map(Event::Cut),
        1 => vec(any::<u8>(), 1..60).prop_map(Event::Tear),
        1 => Just(Event::Remove),
    ]
}

fn id(number: u8) -> String {
    format!("gt-{number}")
}

fn at(repo: &Repo, tree: Option<Oid>) -> Snapshot<'_> {
    Snapshot::at_tree(repo, tree)
}

/// Returns the tree with other records.
fn written(repo: &Repo, tree: Option<Oid>, writes: &[(u8, Option<Say>)]) -> Oid {
    let updates: Vec<Update> = writes
        .iter()
        .map(|(number, say)| match say {
            Some(say) => {
                let bytes = record(&id(*number), say).encode();
                Update::of(&id(*number), repo.write_blob(&bytes).unwrap())
            }
            None => Update::gone(&id(*number)),
        })
        .collect();
    at(repo, tree).spliced(&updates).unwrap()
}

/// What a query answers of a row.
fn seen(row: &Row<'_>) -> (bool, Vec<u8>, String, Vec<u8>) {
    (
        row.is_live,
        row.order.to_vec(),
        row.id.to_owned(),
        row.body.to_vec(),
    )
}

fn index(repo: &Repo, tree: Option<Oid>) -> Index<'_> {
    let Some(tree) = tree else {
        return Index::at(repo, None, &SHAPE).unwrap();
    };
    let find = || Ok(tree);
    let goal = Goal::new(None, &find);
    Source {
        repo,
        shape: &SHAPE,
    }
    .reach(&goal)
    .unwrap()
}

/// Compares all queries at a tree with its records.
fn check(repo: &Repo, tree: Option<Oid>) {
    let ledger = at(repo, tree);
    let mut records: BTreeMap<String, Record> = BTreeMap::new();
    let mut want = Vec::new();
    for record in ledger.records().unwrap() {
        if let Some(draft) = SHAPE.draft(record.clone()) {
            let id = record.id().to_owned();
            want.push((draft.is_live, draft.order.to_vec(), id.clone(), draft.body));
            records.insert(id, record);
        }
    }
    want.sort_by(|a, b| (&a.1, &a.2).cmp(&(&b.1, &b.2)));
    let index = index(repo, tree);
    let all: Vec<Row<'_>> = index.all().collect::<Result<_>>().unwrap();
    assert_eq!(all.iter().map(seen).collect::<Vec<_>>(), want);
    let live: Vec<_> = index.live().map(|row| seen(&row.unwrap())).collect();
    let want_live = want.iter().filter(|row| row.0).cloned();
    assert_eq!(live, want_live.collect::<Vec<_>>());
    for number in 0..41 {
        let found = index.get(&id(number)).unwrap();
        let want = want.iter().find(|row| row.2 == id(number));
        assert_eq!(found.as_ref().map(seen).as_ref(), want);
    }
    for word in WORDS.iter().chain(&["five"]) {
        let found = index.with_key(Key::of("word", word)).unwrap();
        let mut found: Vec<&str> = found.iter().map(|row| row.id).collect();
        found.sort_unstable();
        let has = |record: &Record| record.entry("words", word).is_some();
        let want = records.values().filter(|record| has(record));
        assert_eq!(found, want.map(Record::id).collect::<Vec<_>>());
    }
    let mut ids = index.ids().unwrap();
    ids.sort_unstable();
    assert_eq!(ids, records.keys().collect::<Vec<_>>());
    let read = index.records(&all).unwrap();
    assert!(read.iter().all(|record| records[record.id()] == *record));
    // However it came about, its base is the one that a new index would have.
    let source = Source {
        repo,
        shape: &SHAPE,
    };
    if let Some(tree) = tree {
        assert!(index.compacted(tree).unwrap() == source.build(Some(tree)).unwrap());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test damages what the program has written"
)]
fn damage(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    if let Ok(mut bytes) = std::fs::read(path) {
        change(&mut bytes);
        // Another file: nobody may change one that is mapped.
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn happen(repo: &Repo, trees: &mut Vec<Option<Oid>>, event: &Event) {
    let source = Source {
        repo,
        shape: &SHAPE,
    };
    let path = source.path();
    let tree = *trees.last().unwrap();
    let mut now = |tree: Oid| trees.push(Some(tree));
    match event {
        Event::Write(writes, told) => {
            let next = written(repo, tree, writes);
            if let (true, Some(before)) = (*told, tree) {
                let last: BTreeMap<u8, &Option<Say>> =
                    writes.iter().map(|(number, say)| (*number, say)).collect();
                let mut forgotten = Vec::new();
                let mut records = Vec::new();
                for (number, say) in last {
                    let record = say.as_ref().map(|say| record(&id(number), say));
                    match record {
                        Some(record) => {
                            let blob = repo.blob_id(&record.encode());
                            records.push((record, Some(blob)));
                        }
                        None => forgotten.push(id(number)),
                    }
                }
                let told = records.iter().map(|(record, blob)| (record, *blob));
                let step = Step {
                    from: before,
                    to: next,
                    commit: next,
                };
                note(repo, &SHAPE, &step, told, &forgotten);
            }
            now(next);
        }
        Event::Spoil(number) => {
            let blob = repo.write_blob(b"no record\n").unwrap();
            let update = Update::of(&id(*number), blob);
            now(at(repo, tree).spliced(&[update]).unwrap());
        }
        Event::Back(pick) => {
            let before = *pick.get(trees);
            trees.push(before);
        }
        Event::Ask => check(repo, tree),
        Event::AskOld(pick) => check(repo, *pick.get(trees)),
        Event::Flip(flips) => damage(&path, |bytes| {
            let length = bytes.len();
            for (place, bit) in flips.iter().filter(|_| length > 0) {
                bytes[place.index(length)] ^= 1 << bit;
            }
        }),
        Event::Cut(place) => damage(&path, |bytes| bytes.truncate(place.index(bytes.len() + 1))),
        Event::Tear(more) => damage(&path, |bytes| bytes.extend(more)),
        Event::Remove => source.discard(),
    }
}

#[test]
fn whatever_happened_a_query_answers_what_a_scan_does() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let config = Config {
        cases: 60,
        source_file: Some(file!()),
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&vec(event(), 1..25), |events| {
        let mut trees = vec![None];
        for event in &events {
            happen(&repo, &mut trees, event);
        }
        check(&repo, *trees.last().unwrap());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

fn beads(count: u16) -> Vec<Record> {
    let say = |number: u16| {
        (
            Some(number.to_le_bytes()[0]),
            number.is_multiple_of(8),
            1,
            3,
        )
    };
    (0..count)
        .map(|number| record(&format!("gt-{number}"), &say(number)))
        .collect()
}

fn write(repo: &Repo, records: &[Record]) {
    let indexed = (Name::Beads, Some(&SHAPE));
    let decide = |_: &Snapshot<'_>, _: &Pen<'_>| Ok(Decision::write("write", records.to_vec(), ()));
    assert!(transact(repo, indexed, "ada", decide).unwrap().changed);
}

fn now(repo: &Repo) -> Option<Oid> {
    repo.find_ref(Name::Beads.ref_name()).unwrap()
}

/// However many records there are: what was indexed is read from the index, what a writer told it too, and
/// what it was not told is found without reading the rest.
#[test]
fn a_query_reads_what_changed_and_nothing_else() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    write(&repo, &beads(600));
    let reads = |repo: &Repo, want: usize| {
        let before = repo.reads();
        let index = Index::at(repo, now(repo), &SHAPE).unwrap();
        let first: Vec<_> = index.live().take(20).collect::<Result<_>>().unwrap();
        assert_eq!(first.len(), 20);
        assert!(index.get("gt-7").unwrap().is_some());
        assert_eq!(index.with_key(Key::of("word", "one")).unwrap().len(), 600);
        assert_eq!(repo.reads() - before, want);
    };
    drop(Index::at(&repo, now(&repo), &SHAPE).unwrap());
    reads(&repo, 0);
    write(&repo, &[record("gt-7", &(Some(9), true, 1, 2))]);
    reads(&repo, 0);
    // Somebody who tells nothing: the commit, three trees before and after, and the blob.
    let changed = record("gt-8", &(Some(9), true, 1, 2));
    let decide =
        |_: &Snapshot<'_>, _: &Pen<'_>| Ok(Decision::write("write", vec![changed.clone()], ()));
    transact(&repo, (Name::Beads, None), "ada", decide).unwrap();
    reads(&repo, 8);
    reads(&repo, 0);
}

/// Packed or not, asked for twice, damaged in one pack: many blobs at once are what they are one by one.
#[test]
fn many_blobs_are_read_as_each_of_them() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let texts: Vec<Vec<u8>> = (0..700_usize)
        .map(|at| format!("{at}\n{}", "All work and no play\n".repeat(at % 90)).into_bytes())
        .collect();
    let write = |texts: &[Vec<u8>]| -> Vec<Oid> {
        let ids = texts.iter().map(|text| repo.write_blob(text).unwrap());
        ids.collect()
    };
    let pack = |ids: &[Oid], base: &str| {
        let names: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let pack = [
            "pack-objects",
            "-q",
            "--window=20",
            base,
            "objects/pack/pack",
        ];
        git(&repo, &pack, &names);
        git(&repo, &["prune-packed", "-q"], "");
    };
    let mut ids = write(&texts[..400]);
    pack(&ids, "--delta-base-offset");
    ids.extend(write(&texts[400..600]));
    pack(&ids[100..], "--no-delta-base-offset");
    ids.extend(write(&texts[600..]));
    ids.extend_from_within(..20);
    let check = || {
        let read = repo.map_blobs(&ids, |at, bytes| (at, bytes.to_vec()));
        for (at, (said, bytes)) in read.unwrap().into_iter().enumerate() {
            assert!(at == said && bytes == texts[at % 700], "{at}");
        }
    };
    check();
    let packs = scratch.dir().join("objects/pack");
    let packs = std::fs::read_dir(packs)
        .unwrap()
        .map(|it| it.unwrap().path());
    for path in packs.filter(|it| it.extension().is_some_and(|it| it == "pack")) {
        let whole = std::fs::read(&path).unwrap();
        damage(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 40].fill(0);
        });
        let fresh = scratch.open(2);
        // What is damaged in the pack that is looked at is an error or read from the other one, and never wrong.
        let whole_ones = [100..400, 0..400, 400..700].into_iter().filter(|range| {
            let many = fresh.map_blobs(&ids[range.clone()], |_, bytes| bytes.to_vec());
            many.is_ok_and(|many| {
                assert!(many == texts[range.clone()], "{range:?}");
                true
            })
        });
        assert_ne!(whole_ones.count(), 0);
        damage(&path, |bytes| whole.clone_into(bytes));
    }
    check();
}

#[test]
fn indexes_of_other_versions_go_when_nobody_uses_them() {
    const DAY: u64 = 24 * 3600;
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let folder = repo.scratch_dir().join("index");
    let now = repo.world().now().seconds();
    for (name, days) in [
        ("beads.1-1", 30),
        ("beads.1-2", 6),
        ("beads.2-1", 8),
        ("beads.2-2", 1),
        ("mail.1-1", 90),
        ("beads.lock", 90),
        ("notes", 90),
    ] {
        let path = folder.join(name);
        crate::world::fs::replace(&path, b"").unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(now - days * DAY);
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(at).unwrap();
    }
    assert_eq!(sweep(&repo).unwrap(), 2);
    let left = std::fs::read_dir(&folder).unwrap();
    let mut left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    left.sort();
    let want = ["beads.1-2", "beads.2-2", "beads.lock", "mail.1-1", "notes"];
    assert_eq!(left, want);
    assert_eq!(sweep(&repo).unwrap(), 0);
}

#[test]
fn who_reads_while_others_write_sees_one_tree() {
    const WRITERS: u16 = 3;
    const WRITES: u16 = 12;
    let scratch = Scratch::new();
    write(&scratch.open(0), &beads(30));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let scratch = &scratch;
            scope.spawn(move || {
                let repo = scratch.open(u64::from(writer));
                for number in 0..WRITES {
                    let id = format!("gt-{writer}.{number}");
                    write(&repo, &[record(&id, &(Some(3), true, 2, 1))]);
                }
            });
            scope.spawn(move || {
                let repo = scratch.open(u64::from(100 + writer));
                for _ in 0..WRITES {
                    let tree = repo.commit(&now(&repo).unwrap()).unwrap().tree;
                    check(&repo, Some(tree));
                }
            });
        }
    });
    let repo = scratch.open(0);
    let index = Index::at(&repo, now(&repo), &SHAPE).unwrap();
    assert_eq!(index.all().count(), usize::from(30 + WRITERS * WRITES));
}

#[test]
fn bodies_are_read_as_they_were_written() {
    let check = |numbers: [u64; 2], text: &str| {
        let mut body = Body::default();
        body.number(numbers[0])
            .text(text)
            .text("")
            .number(numbers[1]);
        let bytes = body.into_bytes();
        let mut packed = Packed::of(&bytes);
        assert_eq!((packed.number(), packed.text()), (numbers[0], text));
        packed.skip_text();
        assert_eq!(packed.number(), numbers[1]);
        // Behind the end there is nothing, and no panic.
        assert_eq!((packed.number(), packed.text()), (0, ""));
        for end in 0..bytes.len() {
            let mut cut = Packed::of(&bytes[..end]);
            cut.number();
            assert!(cut.text().len() <= text.len());
            cut.text();
            cut.number();
        }
    };
    check([0, 127], "");
    check([128, u64::MAX], "é");
    check([1 << 63, 1], &"long ".repeat(100));
}
