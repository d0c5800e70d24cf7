//! The laws of the join, on random histories of several replicas and on records nobody would write.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use serde_json::json;

use super::*;
use crate::ledger::CloneId;
use crate::ledger::codec::parse;
use crate::world::Time;

/// As many cases as proptest is asked for (`PROPTEST_CASES`, else 256), divided by what one costs.
fn cases(cost: u32) -> Config {
    let config = Config::default();
    Config {
        cases: (config.cases / cost).max(1),
        ..config
    }
}

fn text(record: &Record) -> String {
    String::from_utf8(record.encode()).unwrap()
}

/// `fixtures/join/cases.json` was written by `reference/join.py` of the design, text and joins alike.
#[test]
fn joins_are_those_of_the_reference() {
    let file = include_str!("../../../fixtures/join/cases.json");
    let cases = parse(file).unwrap();
    assert_eq!(canonical(&cases), file);
    for case in cases.as_array().unwrap() {
        let [a, b] = ["a", "b"].map(|side| Record::decode(canonical(&case[side]).as_bytes()));
        let joined = join(&a.unwrap(), &b.unwrap());
        assert_eq!(
            text(&joined),
            canonical(&case["joined"]),
            "{}",
            case["what"]
        );
    }
}

/// What was stored once is read and joined for ever, whatever becomes of the kinds.
#[test]
fn stored_records_keep_every_byte() {
    let versions = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/records");
    let files = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    for file in files(Path::new(versions)).iter().flat_map(|it| files(it)) {
        let stored = std::fs::read_to_string(&file).unwrap();
        let record = Record::decode(stored.as_bytes()).unwrap();
        assert_eq!(text(&record), stored, "{}", file.display());
        assert_eq!(text(&join(&record, &record)), stored, "{}", file.display());
    }
}

fn stamp(n: u64, clone: &str) -> Stamp {
    format!("{n:016x}-{clone}").parse().unwrap()
}

// ---- values ----------------------------------------------------------------------------------------

const PLAIN: [&str; 4] = ["priority", "title", "größe", ""];
const MAPS: [&str; 3] = ["deps", "labels", "meta data"];
const KEYS: [&str; 11] = [
    "",
    "*",
    "/",
    "a/b",
    "x",
    "y",
    "é/ü\u{1F600}",
    "0199a3c1e2000000-k7f2m3qa",
    "000002-0000000000000005-q",
    "deadbeefdeadbeef-x",
    "ffffffffffffffff-zz",
];
const NUMBERS: [&str; 8] = [
    "0",
    "-0",
    "1.50",
    "1e400",
    "1E-7",
    "-9223372036854775808",
    "18446744073709551615",
    "123456789012345678901234567890",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(&NUMBERS[..]).prop_map(|text| parse(text).unwrap()),
        "[a-c]".prop_map(Value::from),
        "\\PC{0,5}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn nested() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-d/é]{0,2}", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

/// What a field can hold that is joined as a whole.
fn whole() -> impl Strategy<Value = Value> {
    prop_oneof![leaf(), vec(nested(), 0..3).prop_map(Value::from)]
}

// ---- histories -------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Edit {
    Plain(&'static str, Option<Value>),
    Again(&'static str),
    Entry(&'static str, &'static str, Option<Value>),
    Map(&'static str, Option<Value>),
    Comment(Value),
    DropComment(Index),
    Status(Option<String>),
    Finish,
    Reopen,
    Claim {
        next: bool,
        by: Option<String>,
    },
    /// Withdraws a claim, or changes it where it stands.
    Reclaim(Index, Option<&'static str>),
    Delete,
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, Edit),
    /// The first takes over what the second has.
    Sync(usize, usize),
}

#[derive(Debug, Clone)]
struct History {
    named: bool,
    kind: String,
    skews: [u64; REPLICAS],
    steps: Vec<Step>,
    last: Vec<(usize, usize)>,
}

const REPLICAS: usize = 4;

fn edit() -> impl Strategy<Value = Edit> {
    let optional = proptest::option::weighted(0.8, nested());
    let map = btree_map(select(&KEYS[..]).prop_map(str::to_owned), nested(), 0..3);
    prop_oneof![
        4 => (select(&PLAIN[..]), proptest::option::weighted(0.8, whole()))
            .prop_map(|(field, value)| Edit::Plain(field, value)),
        1 => select(&PLAIN[..]).prop_map(Edit::Again),
        4 => (select(&MAPS[..]), select(&KEYS[..]), optional)
            .prop_map(|(field, key, value)| Edit::Entry(field, key, value)),
        1 => (select(&MAPS[..]), proptest::option::of(map.prop_map(Value::from_iter)))
            .prop_map(|(field, value)| Edit::Map(field, value)),
        2 => nested().prop_map(Edit::Comment),
        1 => any::<Index>().prop_map(Edit::DropComment),
        2 => proptest::option::weighted(0.8, "[ab]").prop_map(Edit::Status),
        1 => Just(Edit::Finish),
        1 => Just(Edit::Reopen),
        2 => (any::<bool>(), proptest::option::weighted(0.7, "[a-c]"))
            .prop_map(|(next, by)| Edit::Claim { next, by }),
        2 => (any::<Index>(), proptest::option::of(select(&["a", "b"][..])))
            .prop_map(|(index, by)| Edit::Reclaim(index, by)),
        1 => prop_oneof![4 => Just(Edit::Finish), 1 => Just(Edit::Delete)],
    ]
}

fn history() -> impl Strategy<Value = History> {
    let pair = || (0..REPLICAS, 0..REPLICAS);
    let step = prop_oneof![
        3 => (0..REPLICAS, edit()).prop_map(|(at, edit)| Step::Edit(at, edit)),
        1 => pair().prop_map(|(to, from)| Step::Sync(to, from)),
    ];
    let skew = select(&[1_000_000, 1_000_000, 1_000_050, 999_950, 605_800_000][..]);
    (
        any::<bool>(),
        "[a-z]{1,6}",
        proptest::array::uniform(skew),
        vec(step, 4..40),
        vec(pair(), 0..12),
    )
        .prop_map(|(named, kind, skews, steps, last)| History {
            named,
            kind,
            skews,
            steps,
            last,
        })
}

/// What became of a history.
struct Played {
    replicas: Vec<Record>,
    /// Every version there ever was.
    versions: Vec<Record>,
    comments: BTreeSet<String>,
    dropped: BTreeSet<String>,
    deleted: bool,
}

fn play(history: &History) -> Played {
    let start = start(history);
    let mut played = Played {
        replicas: vec![start.clone(); REPLICAS],
        versions: vec![start],
        comments: BTreeSet::new(),
        dropped: BTreeSet::new(),
        deleted: false,
    };
    for (now, step) in (0..).zip(&history.steps) {
        let (at, new) = match step {
            Step::Edit(at, edit) => {
                let clone = CloneId::parse(&"klmn"[*at..=*at].repeat(8)).unwrap();
                let old = &played.replicas[*at];
                let time = Time(history.skews[*at] + now);
                let stamp = Stamp::next(time, &clone, Some(&old.newest()));
                (*at, edited(old.clone(), edit, &stamp, &mut played))
            }
            Step::Sync(to, from) => (*to, join(&played.replicas[*to], &played.replicas[*from])),
        };
        // A change made in knowledge of another wins over it, and leaves a record as a join would.
        assert_eq!(text(&join(&played.replicas[at], &new)), text(&new));
        played.versions.push(new.clone());
        played.replicas[at] = new;
    }
    played
}

fn start(history: &History) -> Record {
    if history.named {
        return Record::new(
            &format!("{}.test", history.kind),
            &history.kind,
            &Stamp::zero(),
        );
    }
    let created = Stamp::next(Time(999_000), &CloneId::parse("kkkkkkkk").unwrap(), None);
    let mut record = Record::new("gt-4k2xa", &history.kind, &created);
    record.set("title", Some("t".into()), &created);
    record
}

fn edited(mut record: Record, edit: &Edit, stamp: &Stamp, played: &mut Played) -> Record {
    let life = record.life();
    let key_of = |record: &Record, field: &str, index: &Index| {
        let keys: Vec<String> = record.entries(field).map(|it| it.0.to_owned()).collect();
        (!keys.is_empty()).then(|| keys[index.index(keys.len())].clone())
    };
    match edit {
        Edit::Plain(field, value) | Edit::Map(field, value) => {
            record.set(field, value.clone(), stamp);
        }
        Edit::Again(field) => record.set(field, record.get(field).cloned(), stamp),
        Edit::Entry(field, key, value) => record.set_entry(field, key, value.clone(), stamp),
        Edit::Comment(value) => {
            played.comments.insert(stamp.to_string());
            record.set_entry("comments", stamp.as_str(), Some(value.clone()), stamp);
        }
        Edit::DropComment(index) => {
            if let Some(key) = key_of(&record, "comments", index) {
                record.set_entry("comments", &key, None, stamp);
                played.dropped.insert(key);
            }
        }
        Edit::Reclaim(index, by) => {
            if let Some(key) = key_of(&record, "claims", index) {
                let claim = by.map(|by| json!({ "by": by }));
                record.set_entry("claims", &key, claim, stamp);
            }
        }
        Edit::Claim { next, by } => {
            let last = record.entries("claims").next_back();
            let epoch: u32 = last.map_or(0, |(key, _)| key[..6].parse().unwrap());
            let key = format!("{:06}-{stamp}", epoch + u32::from(*next));
            record.set_entry("claims", &key, Some(json!({ "by": by })), stamp);
        }
        Edit::Status(None) => record.set("state", None, stamp),
        Edit::Status(Some(status)) => set_state(&mut record, life, status, stamp),
        Edit::Finish => set_state(&mut record, life | 1, "closed", stamp),
        Edit::Reopen => set_state(&mut record, life + life % 2, "open", stamp),
        Edit::Delete => {
            let life = life + 1 + life % 2;
            let Value::Object(state) = json!({ "life": life, "status": "deleted" }) else {
                unreachable!("an object was written");
            };
            record.delete(state, stamp);
            played.deleted = true;
        }
    }
    record
}

fn set_state(record: &mut Record, life: i64, status: &str, stamp: &Stamp) {
    let state = json!({ "life": life, "status": status });
    record.set("state", Some(state), stamp);
}

proptest! {
    #![proptest_config(cases(2))]

    #[test]
    fn random_histories_obey_the_laws(history in history(), picks in any::<[Index; 3]>()) {
        let played = play(&history);
        let [a, b, c] = picks.map(|pick| pick.get(&played.versions));
        let (ab, bc) = (join(a, b), join(b, c));
        prop_assert_eq!(text(&join(a, a)), text(a));
        prop_assert_eq!(text(&ab), text(&join(b, a)));
        prop_assert_eq!(text(&join(&ab, c)), text(&join(a, &bc)));
        prop_assert_eq!(text(&join(a, &ab)), text(&ab));
        let told = revised(a, b);
        prop_assert_eq!(text(&revised(&told, b)), text(&told));
        prop_assert_eq!(text(&join(a, &told)), text(&told));
        prop_assert_eq!(Record::decode(&told.encode()).unwrap(), told);
        prop_assert_eq!(Record::decode(&ab.encode()).unwrap(), ab);
    }

    #[test]
    fn replicas_that_have_seen_the_same_are_the_same(history in history()) {
        let mut played = play(&history);
        // Whatever was exchanged before, these two rounds bring everything everywhere.
        let round = (0..REPLICAS).map(|at| ((at + 1) % REPLICAS, at));
        for (to, from) in history.last.iter().copied().chain(round.clone()).chain(round) {
            played.replicas[to] = join(&played.replicas[to], &played.replicas[from]);
        }
        let [one, others @ ..] = &played.replicas[..] else { unreachable!("there are four") };
        for other in others {
            prop_assert_eq!(text(one), text(other));
        }
        let all = played.versions.iter().cloned().reduce(|a, b| join(&a, &b)).unwrap();
        prop_assert_eq!(text(one), text(&all));
        let life = played.versions.iter().map(Record::life).max();
        prop_assert_eq!(Some(one.life()), life);
        for key in played.comments.difference(&played.dropped) {
            prop_assert!(played.deleted || one.entry("comments", key).is_some(), "{} was lost", key);
        }
    }
}

#[test]
fn state_goes_by_life_before_time() {
    type Change = (i64, &'static str, u64);
    let check = |ours: &[Change], theirs: &[Change], want: &str| {
        let made = |clone: &str, changes: &[Change]| {
            let mut record = Record::new("gt-1", "bead", &stamp(1, "k"));
            for (life, status, at) in changes {
                set_state(&mut record, *life, status, &stamp(*at, clone));
            }
            record
        };
        let (a, b) = (made("k", ours), made("l", theirs));
        assert_eq!(join(&a, &b).status(), want);
        assert_eq!(text(&join(&a, &b)), text(&join(&b, &a)));
    };
    let close = (1, "closed", 5);
    check(&[close], &[(0, "blocked", 900)], "closed");
    check(&[close], &[(0, "a", 7), (0, "b", 8)], "closed");
    check(
        &[close, (2, "open", 6)],
        &[close, (1, "later", 900)],
        "open",
    );
    check(&[close, (2, "open", 6)], &[(1, "closed", 900)], "open");
    check(&[(0, "a", 7)], &[(0, "b", 8)], "b");
    check(&[(0, "a", 7)], &[], "a");
}

/// Fields and records as text: `title=5:x labels/a=6:- *=9` sets, removes, and raises the floor.
#[test]
fn what_is_absent_was_removed_when_it_is_later() {
    let made = |changes: &str| {
        let mut record = Record::new("gt-1", "bead", &stamp(1, "k"));
        for change in changes.split_whitespace() {
            let (path, rest) = change.split_once('=').unwrap();
            let (at, value) = rest.split_once(':').unwrap();
            let value = (value != "-").then(|| value.into());
            let at = stamp(at.parse().unwrap(), "k");
            match path.split_once('/') {
                Some((field, key)) => record.set_entry(field, key, value, &at),
                None if path == "DELETE" => record.delete(Map::new(), &at),
                None => record.set(path, value, &at),
            }
        }
        record.fields.remove("state");
        record
    };
    let check = |a: &str, b: &str, want: &str| {
        let joined = join(&made(a), &made(b));
        let mut found = Vec::new();
        for (field, value) in joined.fields() {
            match value.as_object() {
                Some(map) => found.extend(map.iter().map(|(key, v)| format!("{field}/{key}={v}"))),
                None => found.push(format!("{field}={value}")),
            }
        }
        assert_eq!(found.join(" ").replace('"', ""), want, "{a} with {b}");
    };
    check("title=5:x", "", "title=x");
    check("title=5:x", "title=4:y title=6:-", "");
    check("title=5:x", "title=5:-", "title=x");
    check("title=5:x", "title=5:y", "title=y");
    check(
        "labels/a=5:1 labels/b=5:1",
        "labels=6:-",
        "labels/a=1 labels/b=1",
    );
    check(
        "labels/a=5:1 labels/b=5:1",
        "labels/a=2:1 labels=6:-",
        "labels/b=1",
    );
    check("title=5:x labels/a=9:1", "DELETE=7:-", "labels/a=1");
    check("claims/k=5:a claims/k=6:b", "", "claims/k=b");
    let claim = "claims/0000000000000005-k";
    check(
        &format!("{claim}=5:a {claim}=6:b DELETE=7:-"),
        &format!("{claim}=5:c"),
        &format!("{claim}=b"),
    );
}

// ---- what nobody would write -----------------------------------------------------------------------

const ROWS: [&str; 20] = [
    "",
    "*",
    "/",
    "*/x",
    "a//b",
    "claims/x",
    "created",
    "deps",
    "id",
    "kind/x",
    "labels",
    "labels/",
    "labels/x",
    "nowhere",
    "stamps",
    "stamps/x",
    "state",
    "state/life",
    "title",
    "title/x",
];

fn garbage() -> impl Strategy<Value = Record> {
    let keys = select(
        &[
            "",
            "*",
            "x",
            "/",
            "0000000000000003-k",
            "ffffffffffffffff-z",
        ][..],
    );
    let fields = select(&["", "*", "claims", "comments", "labels", "state", "title"][..]);
    let map = btree_map(keys.prop_map(str::to_owned), nested(), 0..3).prop_map(Value::from_iter);
    let life = prop_oneof![
        (-2_i64..3).prop_map(Value::from),
        select(&NUMBERS[..]).prop_map(|text| parse(text).unwrap()),
        leaf(),
    ];
    let state = life.prop_map(|life| json!({ "life": life }));
    let value = prop_oneof![2 => whole(), 3 => map, 1 => state];
    let time = || (0_u64..5, "[kl]").prop_map(|(n, clone)| stamp(n, &clone));
    let rows = btree_map(select(&ROWS[..]), time(), 0..6);
    ("[ab]", time(), btree_map(fields, value, 0..5), rows).prop_map(
        |(kind, created, fields, rows)| {
            let mut record = Record::new("gt-1", &kind, &created);
            let rows = rows.into_iter().map(|(row, at)| (row, at.to_string()));
            record
                .fields
                .extend(fields.into_iter().map(|(k, v)| (k.to_owned(), v)));
            record
                .fields
                .insert("stamps".to_owned(), Value::from_iter(rows));
            Record::decode(&record.encode()).expect("the codec takes it")
        },
    )
}

/// Returns whether a field is a map with entries in one record and something else in another.
fn shapes_clash(records: &[&Record]) -> bool {
    let shapes = |want_map: bool| -> BTreeSet<&str> {
        let all = records.iter().flat_map(|record| record.fields());
        let known = all.filter(|(field, value)| {
            let map = value.as_object().filter(|_| *field != "state");
            map.map_or(!want_map, |map| want_map && !map.is_empty())
        });
        known.map(|(field, _)| field).collect()
    };
    !shapes(true).is_disjoint(&shapes(false))
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn whatever_the_codec_takes_is_joined(a in garbage(), b in garbage(), c in garbage()) {
        let ab = join(&a, &b);
        prop_assert_eq!(text(&ab), text(&join(&b, &a)));
        prop_assert_eq!(text(&join(&ab, &ab)), text(&ab));
        prop_assert_eq!(text(&join(&ab, &b)), text(&ab));
        prop_assert_eq!(Record::decode(&ab.encode()).unwrap(), ab.clone());
        let clean = join(&a, &a);
        prop_assert_eq!(text(&join(&clean, &clean)), text(&clean));
        prop_assert_eq!(text(&join(&clean, &b)), text(&ab));
        if !shapes_clash(&[&a, &b, &c]) {
            prop_assert_eq!(text(&join(&ab, &c)), text(&join(&a, &join(&b, &c))));
        }
    }
}

#[test]
fn what_a_map_says_of_itself_outlives_what_is_none() {
    let record = |title: &str| {
        let text = format!(
            "{{\n  \"created\": \"0199a3c1d4000001-b\",\n  \"id\": \"gt-1\",\n  \"kind\": \"bead\",\n  \
             \"stamps\": {{\n    \"title\": \"03bb2cc3d800ffff-b\"\n  }},\n  \"title\": {title}\n}}\n"
        );
        Record::decode(text.as_bytes()).unwrap()
    };
    let (plain, map) = (record("\"plain\""), record("{\n    \"a\": 1\n  }"));
    let both = join(&plain, &map);
    assert_eq!(text(&both), text(&map));
    assert_eq!(text(&join(&map, &plain)), text(&map));
    for again in [&plain, &map] {
        assert_eq!(text(&join(&both, again)), text(&both));
    }
}
