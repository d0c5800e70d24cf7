//! Beads that real projects changed on both sides of a merge: what one side alone changed is in the result.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use git_gt::bead::{Imported, Instant, Says, merge, raw, read};
use git_gt::git::Repo;
use git_gt::ledger::{Record, Snapshot, join};
use git_gt::record::Bead;
use git_gt::world::{Start, World};
use serde_json::{Map, Value};

use crate::skipped;
use crate::support::{Output, Place};

/// What of an issue is changed on its own, by what it is and what it is called: a field, a label, an edge,
/// a comment.
type Leaves = BTreeMap<(&'static str, String), Value>;

/// What is one value with the status.
const STATE: [&str; 8] = [
    "close_reason",
    "closed_by_session",
    "delete_reason",
    "deleted_at",
    "deleted_by",
    "original_type",
    "status",
    "deleted_by_session",
];

/// What of an issue is long text.
const TEXTS: [&str; 5] = [
    "acceptance_criteria",
    "description",
    "design",
    "notes",
    "title",
];

fn leaves(issue: Option<&Map<String, Value>>) -> Leaves {
    let mut found = Leaves::new();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    for (key, value) in issue.into_iter().flatten() {
        let is_default = [Value::Null, "".into(), 0.into(), false.into()].contains(value);
        // When it was made, changed and closed is nothing that anybody changes.
        if is_default || ["created_at", "updated_at", "closed_at"].contains(&key.as_str()) {
            continue;
        }
        if STATE.contains(&key.as_str()) {
            let state = found.entry(("field", "state".to_owned())).or_default();
            *state = format!("{}{key} {value} ", state.as_str().unwrap_or_default()).into();
            continue;
        }
        let kind = if TEXTS.contains(&key.as_str()) {
            "text"
        } else {
            "field"
        };
        let Some(list) = value.as_array() else {
            // What was called a wisp once.
            let key = if key == "wisp" { "ephemeral" } else { key };
            found.insert((kind, key.to_owned()), value.clone());
            continue;
        };
        for it in list {
            // A bead has one parent.
            if text(it, "type") == "parent-child" {
                found.insert(("edge", "parent".to_owned()), it["depends_on_id"].clone());
                continue;
            }
            let leaf = match key.as_str() {
                "dependencies" => ("edge", text(it, "depends_on_id") + " " + &text(it, "type")),
                "comments" => ("comment", text(it, "author") + ": " + &text(it, "text")),
                _ => ("label", it.as_str().unwrap_or_default().to_owned()),
            };
            found.insert(leaf, Value::Bool(true));
        }
    }
    found
}

/// One issue as it was before a merge and on its two sides, and as the project kept it.
struct Conflict(Value);

impl Conflict {
    fn side(&self, side: &str) -> Option<&Map<String, Value>> {
        self.0[side].as_object()
    }

    fn updated(&self, side: &str) -> Option<Instant> {
        Instant::parse(self.0[side]["updated_at"].as_str()?)
    }

    /// Returns what one side alone changed and is not so in a result. A line that is older than the one both
    /// began with is a stale copy, and one of the same moment can only have more to say.
    fn lost(&self, result: &Leaves) -> Vec<(&'static str, String)> {
        let [base, left, right] = ["base", "left", "right"].map(|it| leaves(self.side(it)));
        let changed = |side: &str, leaves: &Leaves| {
            let mut changed = Leaves::new();
            let order = self.updated(side).cmp(&self.updated("base"));
            for key in base.keys().chain(leaves.keys()) {
                let is_more = order.is_eq() && !base.contains_key(key);
                // Nobody takes comments away.
                let is_gone = !leaves.contains_key(key) && key.0 == "comment";
                if base.get(key) != leaves.get(key) && (order.is_gt() || is_more) && !is_gone {
                    let now = leaves.get(key).cloned().unwrap_or_default();
                    changed.insert(key.clone(), now);
                }
            }
            changed
        };
        let [l, r] = [changed("left", &left), changed("right", &right)];
        let keys: BTreeSet<_> = l.keys().chain(r.keys()).collect();
        let is_lost = |key: &&&(&'static str, String)| {
            let one = match (l.get(**key), r.get(**key)) {
                (Some(one), None) | (None, Some(one)) => one,
                _ => return false,
            };
            result.get(**key).unwrap_or(&Value::Null) != one
        };
        keys.iter()
            .filter(is_lost)
            .map(|it| (**it).clone())
            .collect()
    }

    /// Checks that among beads are one or two of this id that have all of the two sides; of what each has
    /// otherwise, one.
    #[track_caller]
    fn is_held(&self, beads: &BTreeMap<String, Leaves>) {
        let id = self.0["id"].as_str().expect("an id");
        let is_it = |it: &str| it == id || it.rsplit_once('-').is_some_and(|(of, _)| of == id);
        let held: Vec<&Leaves> = beads
            .iter()
            .filter_map(|(it, leaves)| is_it(it).then_some(leaves))
            .collect();
        let [left, right] = ["left", "right"].map(|it| leaves(self.side(it)));
        let is_two = self.0["left"]["created_at"] != self.0["right"]["created_at"];
        assert_eq!(held.len(), 1 + usize::from(is_two), "{id}");
        for key in left.keys().chain(right.keys()) {
            let wanted = [&left, &right].map(|it| it.get(key));
            let kept = |value: &Value| held.iter().any(|it| it.get(key) == Some(value));
            let wanted: Vec<&Value> = wanted.into_iter().flatten().collect();
            let is_kept = match is_two {
                true => wanted.iter().all(|it| kept(it)),
                false => wanted.iter().any(|it| kept(it)) || self.took_away(key, [&left, &right]),
            };
            assert!(is_kept, "{id}: {key:?} is none of {wanted:?}: {held:?}");
        }
    }

    /// Returns whether the later side is without what the other one has: whoever wrote it knew the other.
    fn took_away(&self, key: &(&'static str, String), [left, right]: [&Leaves; 2]) -> bool {
        match self.updated("left").cmp(&self.updated("right")) {
            Ordering::Less => !right.contains_key(key),
            Ordering::Equal => false,
            Ordering::Greater => !left.contains_key(key),
        }
    }

    /// Returns what two machines hold that have both imported the base, each its side, and then meet.
    fn joined(&self) -> Bead {
        let base = imported(None, &self.0["base"]);
        let sides = ["left", "right"].map(|it| imported(base.clone(), &self.0[it]));
        let joined = match sides {
            [Some(left), Some(right)] => join(&left, &right),
            [left, right] => left.or(right).expect("one side has it"),
        };
        Bead::of(joined).expect("it was one")
    }
}

fn imported(here: Option<Record>, issue: &Value) -> Option<Record> {
    let fields = issue.as_object().cloned();
    let Some(Ok(bead)) = fields.map(|fields| read(fields, None)) else {
        return here;
    };
    match merge(here.clone(), &bead, Says::All).expect("both are beads") {
        Imported::Created(it) | Imported::Updated(it) | Imported::Merged(it) => Some(it),
        Imported::Unchanged => here,
    }
}

/// Returns the conflicts of real merges, none where the file is not beside the repository.
#[expect(clippy::disallowed_methods, reason = "a test unpacks")]
fn conflicts() -> Option<Vec<Conflict>> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = data.join("merge-conflicts.jsonl.gz");
    if !path.exists() {
        skipped("there is no ../shared/data");
        return None;
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(&path).output();
    let text = String::from_utf8(unpacked.expect("there is gzip").stdout).expect("it is text");
    let conflict = |line| Conflict(serde_json::from_str(line).expect("it is JSON"));
    Some(text.lines().map(conflict).collect())
}

/// Two machines import what both began with, each imports its side, and they meet. What the projects' own merge
/// kept is counted, too (`--nocapture` shows it).
#[test]
#[expect(
    clippy::print_stdout,
    reason = "it tells counts to whoever asks for them"
)]
fn what_one_side_of_a_real_merge_changed_is_kept() {
    let Some(conflicts) = conflicts() else {
        return;
    };
    let (mut count, mut lost_there, mut dropped) = (0, BTreeMap::<&str, [usize; 2]>::new(), 0);
    for conflict in conflicts.iter().filter(|it| it.side("base").is_some()) {
        count += 1;
        let lost = conflict.lost(&leaves(Some(&raw(&conflict.joined()))));
        assert_eq!(lost, [], "{}", conflict.0["id"]);
        let recorded = conflict.side("recorded");
        let lost = conflict.lost(&leaves(recorded));
        if recorded.is_none() {
            dropped += usize::from(!lost.is_empty());
            continue;
        }
        let kinds: BTreeSet<&str> = lost.iter().map(|it| it.0).collect();
        for kind in kinds {
            let lost = lost.iter().filter(|it| it.0 == kind).count();
            let [issues, values] = lost_there.entry(kind).or_default();
            (*issues, *values) = (*issues + 1, *values + lost);
        }
    }
    assert!(count > 1000, "only {count} conflicts");
    // That the comparison can find losses is seen in what the projects kept.
    assert!(dropped > 100 && lost_there.len() == 5, "{lost_there:?}");
    println!("{count} conflicts; kept there: {dropped} changed issues not at all, and without");
    for (kind, [issues, values]) in lost_there {
        println!("{values:5} {kind} of {issues} issues");
    }
}

/// Runs the program in a clone that lies in a place.
fn in_clone(place: &Place, clone: &Path, args: &[&str]) -> Output {
    let mut command = place.command(args);
    Output::of(&command.current_dir(clone).output().expect("it starts"))
}

/// Two clones import each its side of conflicts, and sync; returns what the one that synced holds, by id.
fn met(conflicts: &[&Conflict]) -> BTreeMap<String, Leaves> {
    let place = Place::new();
    place.git(&["clone", "--quiet", ".", "clone"]).done();
    let file = |side: &str| {
        let lines = conflicts.iter().map(|it| format!("{}\n", it.0[side]));
        place.file(side, &lines.collect::<String>())
    };
    let [left, right] = ["left", "right"].map(file);
    let clone = Path::new(&left).with_file_name("clone");
    let there = |args: &[&str]| in_clone(&place, &clone, args).done();
    there(&["init"]);
    place.gt(&["import", &left]).done();
    there(&["import", &right]);
    there(&["sync"]);
    let world = World::new(Start::of_process().expect("it has one"));
    let repo = Repo::open(&world, &clone).expect("it was cloned");
    let tip = repo.find_ref("refs/gt/beads").expect("it was synced");
    let ledger = Snapshot::at(&repo, tip).expect("it is whole");
    let beads = ledger.records().expect("it is whole").into_iter();
    let leaves = |bead: Bead| (bead.id().to_owned(), leaves(Some(&raw(&bead))));
    beads.filter_map(Bead::of).map(leaves).collect()
}

/// Where two machines have a bead that was never one, nothing says who changed what: both sides are there then,
/// in one bead, or in two where they were made at two times.
#[test]
fn beads_without_a_common_past_lose_nothing_that_one_of_them_has() {
    let Some(conflicts) = conflicts() else {
        return;
    };
    let mut left: Vec<&Conflict> = conflicts
        .iter()
        .filter(|it| it.side("base").is_none())
        .collect();
    assert!(left.len() > 100, "only {}", left.len());
    while !left.is_empty() {
        // A bead may have been in several merges.
        let (mut ids, mut round, mut later) = (BTreeSet::new(), Vec::new(), Vec::new());
        for conflict in left {
            let is_first = ids.insert(conflict.0["id"].to_string());
            if is_first { &mut round } else { &mut later }.push(conflict);
        }
        let held = met(&round);
        for conflict in round {
            conflict.is_held(&held);
        }
        left = later;
    }
}
