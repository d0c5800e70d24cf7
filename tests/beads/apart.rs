//! Two clones that hear nothing of one another change the same beads at random, and then sync: both show the
//! same, and it is what a model of each change says.
//!
//! `GT_TEST_EDITS=n` makes n commands in each clone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::line;
use crate::support::{Output, Place};

/// How many beads there are.
const BEADS: usize = 200;

/// How many commands each clone gives where nobody asks for more.
const EDITS: usize = 50;

/// How many beads one command is about, at most.
const AT_ONCE: usize = 8;

const LABELS: [&str; 4] = ["api", "cli", "docs", "ui"];
const TEXTS: [&str; 4] = ["title", "description", "design", "notes"];

/// What is known of a bead: each value with when it was set.
#[derive(Debug, Clone, Default)]
struct Known {
    comments: BTreeSet<String>,
    labels: BTreeMap<String, (u64, bool)>,
    edges: BTreeMap<String, (u64, bool)>,
    texts: BTreeMap<&'static str, (u64, String)>,
    /// How often it was closed or opened again, when last: closed where the number is odd.
    turns: (u64, u64),
}

impl Known {
    /// Returns what two clones know together: all that was said, and of what can be one thing only, the later.
    fn with(&self, other: &Self) -> Self {
        fn later<K: Ord + Clone, V: Ord + Clone>(
            a: &BTreeMap<K, V>,
            b: &BTreeMap<K, V>,
        ) -> BTreeMap<K, V> {
            let mut all = a.clone();
            for (key, value) in b {
                let held = all.entry(key.clone()).or_insert_with(|| value.clone());
                *held = held.clone().max(value.clone());
            }
            all
        }
        Self {
            comments: &self.comments | &other.comments,
            labels: later(&self.labels, &other.labels),
            edges: later(&self.edges, &other.edges),
            texts: later(&self.texts, &other.texts),
            turns: self.turns.max(other.turns),
        }
    }

    /// Returns the same as an issue of an export says it.
    fn shown(&self) -> Value {
        let held = |map: &BTreeMap<String, (u64, bool)>| -> Vec<String> {
            let held = map.iter().filter(|(_, (_, is_held))| *is_held);
            held.map(|(key, _)| key.clone()).collect()
        };
        let texts: BTreeMap<&str, &String> = self
            .texts
            .iter()
            .map(|(key, (_, text))| (*key, text))
            .collect();
        let status = if self.turns.0.is_multiple_of(2) {
            "open"
        } else {
            "closed"
        };
        json!({
            "status": status, "comments": self.comments, "labels": held(&self.labels),
            "edges": held(&self.edges), "texts": texts,
        })
    }
}

/// Returns what an export says of a bead, in the words of [`Known::shown`].
fn shown(issue: &Value) -> Value {
    let list = |key: &str, of: &dyn Fn(&Value) -> Value| -> BTreeSet<String> {
        let all = issue[key].as_array().into_iter().flatten();
        all.map(|it| of(it).as_str().expect("text").to_owned())
            .collect()
    };
    let texts = TEXTS
        .iter()
        .filter_map(|key| Some((*key, issue[*key].as_str()?)));
    json!({
        "status": issue["status"], "comments": list("comments", &|it| it["text"].clone()),
        "labels": list("labels", &Value::clone), "edges": list("dependencies", &|it| it["depends_on_id"].clone()),
        "texts": texts.collect::<BTreeMap<&str, &str>>(),
    })
}

/// A clone, and what was done in it.
struct Replica<'p> {
    place: &'p Place,
    dir: PathBuf,
    beads: Vec<Known>,
}

/// What both clones share: chance, and a clock that never stands still.
struct World {
    chance: u64,
    minutes: u64,
}

impl World {
    fn below(&mut self, end: usize) -> usize {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.chance >> 33).expect("31 bits") % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn now(&mut self) -> u64 {
        self.minutes += 1;
        self.minutes
    }
}

fn id(bead: usize) -> String {
    format!("gt-{bead:03}")
}

impl Replica<'_> {
    #[track_caller]
    fn gt(&self, at: u64, args: &[&str]) {
        let mut command = self.place.command(args);
        let now = 1_767_225_600_000 + at * 60_000;
        command
            .current_dir(&self.dir)
            .env("GT_TEST_NOW", now.to_string())
            .env("GT_TEST_SEED", at.to_string())
            .stdin(Stdio::null());
        Output::of(&command.output().expect("it starts")).done();
    }

    /// Gives a command about some beads at random.
    fn edit(&mut self, world: &mut World) {
        let at = world.now();
        let count = 1 + world.below(AT_ONCE);
        let mut some: Vec<usize> = (0..count).map(|_| world.below(BEADS)).collect();
        some.sort_unstable();
        some.dedup();
        let kind = world.below(6);
        if kind == 0 {
            let text = format!("said at {at}");
            self.gt(at, &["comment", &id(some[0]), &text]);
            self.beads[some[0]].comments.insert(text);
            return;
        }
        if kind == 1 {
            let (from, to) = (some[0], (some[0] + 1 + world.below(BEADS - 1)) % BEADS);
            let edge = self.beads[from].edges.entry(id(to)).or_default();
            *edge = (at, !edge.1);
            let args = match edge.1 {
                true => vec!["dep", "add", "-t", "related"],
                false => vec!["dep", "remove"],
            };
            let ids = [id(from), id(to)];
            let args: Vec<&str> = args
                .into_iter()
                .chain(ids.iter().map(String::as_str))
                .collect();
            self.gt(at, &args);
            return;
        }
        let label = world.one(&LABELS);
        let field = world.one(&TEXTS);
        let text = format!("{field} of {at}");
        let is_added = world.below(3) > 0;
        let is_closed = |known: &Known| !known.turns.0.is_multiple_of(2);
        let first = is_closed(&self.beads[some[0]]);
        if kind == 2 {
            some.retain(|bead| is_closed(&self.beads[*bead]) == first);
        }
        let ids: Vec<String> = some.iter().map(|bead| id(*bead)).collect();
        let ids = ids.iter().map(String::as_str);
        let option = format!("--{field}={text}");
        let args: Vec<&str> = match (kind, first, is_added) {
            (2, true, _) => ["reopen"].into_iter().chain(ids).collect(),
            (2, false, _) => ["close"].into_iter().chain(ids).collect(),
            (3 | 4, _, true) => ["label", "add"]
                .into_iter()
                .chain(ids)
                .chain([label])
                .collect(),
            (3 | 4, _, false) => ["update", "--remove-label", label]
                .into_iter()
                .chain(ids)
                .collect(),
            _ => ["update", &option].into_iter().chain(ids).collect(),
        };
        self.gt(at, &args);
        for bead in some {
            let known = &mut self.beads[bead];
            match kind {
                2 => known.turns = (known.turns.0 + 1, at),
                // What is as it was asked for is not changed.
                3 | 4 if known.labels.get(label).is_some_and(|it| it.1) == is_added => {}
                3 | 4 => drop(known.labels.insert(label.to_owned(), (at, is_added))),
                _ => drop(known.texts.insert(field, (at, text.clone()))),
            }
        }
    }
}

#[test]
fn clones_that_were_apart_show_the_same_and_miss_nothing() {
    let edits = std::env::var("GT_TEST_EDITS")
        .ok()
        .and_then(|it| it.parse().ok());
    let edits = edits.unwrap_or(EDITS);
    let place = Place::new();
    let lines = (0..BEADS)
        .map(|bead| line(&json!({ "id": id(bead), "title": format!("bead {bead}") })) + "\n");
    let file = place.file("in.jsonl", &lines.collect::<String>());
    place.gt(&["import", &file]).done();
    place.git(&["clone", "--quiet", ".", "clone"]).done();
    let here = Path::new(&file).with_file_name("");
    let there = here.join("clone");
    let known = |bead| Known {
        texts: BTreeMap::from([("title", (0, format!("bead {bead}")))]),
        ..Known::default()
    };
    let beads: Vec<Known> = (0..BEADS).map(known).collect();
    let clone = |dir| Replica {
        place: &place,
        dir,
        beads: beads.clone(),
    };
    let mut clones = [here, there].map(clone);
    let mut world = World {
        chance: 11,
        minutes: 1000,
    };
    clones[1].gt(world.now(), &["init"]);
    for _ in 0..2 {
        for _ in 0..edits / 2 {
            clones.iter_mut().for_each(|clone| clone.edit(&mut world));
        }
        clones[1].gt(world.now(), &["sync"]);
        let both = clones[0].beads.iter().zip(&clones[1].beads);
        let both: Vec<Known> = both.map(|(ours, theirs)| ours.with(theirs)).collect();
        clones
            .iter_mut()
            .for_each(|clone| clone.beads.clone_from(&both));
    }
    let texts = clones.each_ref().map(|clone| {
        let mut command = place.command(&["export", "--all"]);
        let output = command.current_dir(&clone.dir).output().expect("it starts");
        Output::of(&output).done().stdout
    });
    assert!(texts[0] == texts[1], "both show the same");
    let issues = texts[0]
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
    let found: BTreeMap<String, Value> = issues
        .map(|it| (it["id"].as_str().expect("an id").to_owned(), shown(&it)))
        .collect();
    let wanted: BTreeMap<String, Value> = clones[0]
        .beads
        .iter()
        .enumerate()
        .map(|(at, known)| (id(at), known.shown()))
        .collect();
    for (id, wanted) in &wanted {
        assert_eq!(found.get(id), Some(wanted), "{id}");
    }
    assert_eq!(found.len(), wanted.len());
}
