//! Writers that meet: many at once, one that was killed, one that takes no lock of ours.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ledger::scratch::{Scratch, git};
use crate::world::fs;

/// Adds a bead and counts it in a record that all writers change.
fn add(repo: &Repo, id: &str) -> Oid {
    let written = transact(repo, (Name::Beads, None), "api/crew/joe", |ledger, pen| {
        let known = ledger.get("tally")?;
        let mut tally = known.unwrap_or_else(|| Record::new("tally", "tally", &pen.first_stamp()));
        let stamp = pen.stamp(&tally);
        tally.set("count", Some((count(&tally) + 1).into()), &stamp);
        let bead = Record::new(id, "bead", &pen.first_stamp());
        Ok(Decision::write(
            format!("create {id}"),
            vec![tally, bead],
            (),
        ))
    });
    written.unwrap().tip.unwrap()
}

fn count(tally: &Record) -> i64 {
    tally.integer("count").unwrap_or_default()
}

fn ledger(repo: &Repo) -> Snapshot<'_> {
    Snapshot::at(repo, repo.find_ref("refs/gt/beads").unwrap()).unwrap()
}

#[test]
fn writers_at_once_lose_no_write() {
    const WRITERS: u64 = 10;
    const WRITES: u64 = 5;
    let scratch = Scratch::new();
    let left = AtomicU64::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (scratch, left) = (&scratch, &left);
            scope.spawn(move || {
                let repo = scratch.open(writer);
                for write in 0..WRITES {
                    add(&repo, &format!("gt-{writer}{write}"));
                }
                left.fetch_sub(1, Ordering::Relaxed);
            });
        }
        // What may be deleted at any moment is deleted all along.
        let folder = scratch.open(WRITERS).scratch_dir();
        while left.load(Ordering::Relaxed) > 0 {
            fs::remove_dir_all(&folder).unwrap_or_default();
            fs::create_dir_all(&folder).unwrap();
        }
    });
    let repo = scratch.open(0);
    let all = (WRITERS * WRITES).to_string();
    let tally = ledger(&repo).get("tally").unwrap().unwrap();
    assert_eq!(count(&tally).to_string(), all);
    let beads = ledger(&repo).records().unwrap().len() - 1;
    assert_eq!(beads.to_string(), all);
    // The clock stands still, and yet every change has a stamp of its own.
    let stamps = "--format=%(trailers:key=Gt-Stamp,valueonly,separator=)";
    let stamps = git(&repo, &["log", stamps, "refs/gt/beads"], "");
    assert!(
        stamps
            .lines()
            .is_sorted_by(|later, earlier| later > earlier),
        "{stamps}"
    );
    let commits = |filter: &str| git(&repo, &["rev-list", "--count", filter, "refs/gt/beads"], "");
    assert_eq!(commits("--max-parents=1").trim(), all);
    assert_eq!(commits("--min-parents=2").trim(), "0");
    assert_eq!(
        git(&repo, &["config", "--get-all", "gt.cloneId"], "")
            .lines()
            .count(),
        1
    );
    assert_eq!(git(&repo, &["fsck", "--strict"], ""), "");
    assert!(!repo.common_dir().join("refs/gt/beads.lock").exists());
}

#[test]
fn what_a_killed_writer_left_is_no_obstacle() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let lock = repo.common_dir().join("refs/gt/beads.lock");
    let mut want = 0;
    let mut check = || {
        want += 1;
        add(&repo, &format!("gt-{want}"));
        assert_eq!(ledger(&repo).records().unwrap().len(), want + 1);
        assert!(!lock.exists());
    };
    check();
    // Killed while it wrote the new value, and before it moved it.
    for content in ["", "0000\n"] {
        drop(fs::create_held(&lock, content.as_bytes()).unwrap());
        check();
    }
}

#[test]
fn a_lock_that_is_held_is_nobodys_to_remove() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let lock = repo.common_dir().join("refs/gt/beads.lock");
    let unlock = || {
        let guard = repo.guard().unwrap();
        repo.unlock_ref(&guard, Name::Beads.ref_name()).unwrap();
    };
    // Whoever holds it may have lost the guard, with the folder that it was in.
    let held = fs::create_held(&lock, b"").unwrap();
    unlock();
    assert!(lock.exists());
    drop(held);
    unlock();
    assert!(!lock.exists());
}

#[test]
fn a_decision_is_made_anew_when_the_ref_moved_without_our_lock() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let set = |tip: Oid| {
        git(
            &repo,
            &["update-ref", "refs/gt/beads", &tip.to_string()],
            "",
        )
    };
    let before = add(&repo, "gt-1");
    let after = add(&repo, "gt-2");
    set(before);
    let mut seen = Vec::new();
    let written = transact(&repo, (Name::Beads, None), "api/crew/joe", |ledger, pen| {
        seen.push(ledger.records()?.len());
        if seen.len() == 1 {
            set(after);
        }
        let bead = Record::new("gt-3", "bead", &pen.first_stamp());
        Ok(Decision::write("create gt-3", vec![bead], ()))
    });
    assert!(written.unwrap().changed);
    assert_eq!(seen, [2, 3]);
    assert_eq!(ledger(&repo).records().unwrap().len(), 4);
}

/// Writes a record and forgets another.
fn replace(repo: &Repo, ledger: Name, new: &str, old: &str) -> Result<Written<()>> {
    transact(repo, (ledger, None), "ada", |_, pen| {
        let record = Record::new(new, "mail", &pen.first_stamp());
        let mut decision = Decision::write("nudge", vec![record], ());
        decision.forgotten = vec![old.to_owned()];
        Ok(decision)
    })
}

#[test]
fn what_is_forgotten_goes_with_its_history() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    for (new, old) in [("gt-1", "gt-0"), ("gt-2", "gt-1")] {
        replace(&repo, Name::Wisps, new, old).unwrap();
    }
    let tip = repo.find_ref(Name::Wisps.ref_name()).unwrap().unwrap();
    assert!(repo.commit(&tip).unwrap().parents.is_empty());
    let ledger = Snapshot::at(&repo, Some(tip)).unwrap();
    assert!(ledger.get("gt-1").unwrap().is_none());
    assert!(ledger.get("gt-2").unwrap().is_some());
}

#[test]
fn what_travels_is_never_forgotten() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    let fault = replace(&repo, Name::Mail, "gt-2", "gt-1").unwrap_err();
    assert!(matches!(fault, Fault::Invalid(_)), "{fault}");
    assert_eq!(repo.find_ref(Name::Mail.ref_name()).unwrap(), None);
}

/// Somebody who moves the ref of beads in three steps: reads it, writes a commit upon what was read, swaps.
struct Mover<'r> {
    repo: &'r Repo,
    /// Whether it is git, which does not take our lock.
    is_git: bool,
    name: &'static str,
    read: Option<Oid>,
    made: Option<Oid>,
    done: bool,
}

impl Mover<'_> {
    fn step(&mut self, step: usize) {
        let name = Name::Beads.ref_name();
        match step {
            0 => self.read = self.repo.find_ref(name).unwrap(),
            1 => {
                let parents: Vec<Oid> = self.read.into_iter().collect();
                let who = Signature::of(self.name);
                let made = self.repo.write_commit(&NewCommit {
                    tree: self.repo.empty_tree().unwrap(),
                    parents: &parents,
                    author: &who,
                    committer: &who,
                    time: self.repo.world().now(),
                    message: "move\n",
                });
                self.made = Some(made.unwrap());
            }
            _ => {
                let (made, before) = (self.made.unwrap(), self.repo.find_ref(name).unwrap());
                self.done = match self.is_git {
                    true => self
                        .repo
                        .update_branch(name, self.read, made, "move")
                        .unwrap(),
                    false => {
                        let guard = self.repo.guard().unwrap();
                        let swapped = self.repo.swap_ref(&guard, name, self.read, made);
                        swapped.unwrap() == Cas::Swapped
                    }
                };
                assert_eq!(self.done, before == self.read, "it swaps what it has read");
            }
        }
    }
}

/// Returns every order of three steps of one and three of another, by who is next.
fn orders() -> Vec<Vec<usize>> {
    let all = (0_u8..64).filter(|bits| bits.count_ones() == 3);
    all.map(|bits| (0..6).map(|at| usize::from(bits >> at & 1)).collect())
        .collect()
}

#[test]
fn two_that_move_one_ref_lose_nothing_in_any_order_of_their_steps() {
    assert_eq!(orders().len(), 20);
    for is_git in [[false, false], [false, true], [true, true]] {
        let scratch = Scratch::new();
        for order in orders() {
            let repo = scratch.open(1);
            let mover = |at: usize| Mover {
                repo: &repo,
                is_git: is_git[at],
                name: ["ada", "bob"][at],
                read: None,
                made: None,
                done: false,
            };
            let (mut movers, mut steps) = ([mover(0), mover(1)], [0, 0]);
            for at in order {
                movers[at].step(steps[at]);
                steps[at] += 1;
            }
            assert!(movers.iter().any(|it| it.done), "one was first");
            // Whoever was too late does it again upon what is there.
            for mover in movers.iter_mut().filter(|it| !it.done) {
                (0..3).for_each(|step| mover.step(step));
            }
            let tip = repo.find_ref(Name::Beads.ref_name()).unwrap().unwrap();
            for mover in &movers {
                assert!(mover.done && repo.is_ancestor(&mover.made.unwrap(), &tip).unwrap());
            }
        }
    }
}

#[test]
fn objects_are_on_the_disk_before_the_ref_that_names_them() {
    let scratch = Scratch::new();
    // A first write, so that no folder is new.
    add(&scratch.open(1), "gt-1");
    let check = |durability: &str, want: &[&str]| {
        git(
            &scratch.open(1),
            &["config", "gt.durability", durability],
            "",
        );
        let repo = scratch.open(2);
        let seen = fs::trace::of(|| {
            add(&repo, &format!("gt-{durability}"));
        });
        let mut seen: Vec<&str> = seen.iter().map(|it| kind_of(it)).collect();
        seen.dedup();
        assert_eq!(seen, want, "{durability}");
    };
    let moved = ["create lock", "append to log", "rename to ref"];
    let (locked, last) = moved.split_at(2);
    check("none", &[&["write object"], locked, last].concat());
    let lasting = ["sync lock", "rename to ref", "sync folder"];
    let batch = [&["write object", "sync all"], locked, &lasting].concat();
    check("batch", &batch);
    // Two blobs, six folders at most, a root and a commit, each of which is synced before the next.
    git(&scratch.open(1), &["config", "gt.durability", "full"], "");
    let repo = scratch.open(2);
    let seen = fs::trace::of(|| {
        add(&repo, "gt-full");
    });
    let mut seen = seen.iter().map(|it| kind_of(it)).peekable();
    let mut objects = 0;
    while seen.next_if_eq(&"write object").is_some() {
        assert_eq!(seen.next(), Some("sync object"));
        while seen.next_if_eq(&"sync folder").is_some() {}
        objects += 1;
    }
    assert!((6..=10).contains(&objects), "{objects}");
    assert_eq!(seen.next(), Some("create lock"));
    assert_eq!(seen.last(), Some("sync folder"));
}

/// Returns what happened, with what it happened to in place of its name.
fn kind_of(seen: &str) -> &'static str {
    let object = |name: &str| [38, 62].contains(&name.len());
    match seen.rsplit_once(' ').unwrap() {
        ("write", _) => "write object",
        ("sync file system of", "objects") => "sync all",
        ("create", "beads.lock") => "create lock",
        ("append to", "beads") => "append to log",
        ("sync", "beads.lock") => "sync lock",
        ("rename to", "beads") => "rename to ref",
        ("sync", name) if object(name) => "sync object",
        ("sync", _) => "sync folder",
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_ref_names_is_on_the_disk_however_it_is_set() {
    let scratch = Scratch::new();
    git(&scratch.open(1), &["config", "gt.durability", "batch"], "");
    let repo = scratch.open(2);
    let check = |name: &str, set: &dyn Fn(Oid)| {
        let seen = fs::trace::of(|| set(repo.write_blob(name.as_bytes()).unwrap()));
        let synced = "sync file system of objects";
        assert!(seen.iter().any(|it| it == synced), "{name}: {seen:?}");
    };
    check(Name::Beads.ref_name(), &|id| {
        repo.swap_ref(&repo.guard().unwrap(), Name::Beads.ref_name(), None, id)
            .map(drop)
            .unwrap();
    });
    fs::overwrite(&repo.common_dir().join("refs/gt/mail"), b"nothing").unwrap();
    check("refs/gt/mail", &|id| {
        let guard = repo.guard().unwrap();
        repo.replace_unreadable_ref(&guard, "refs/gt/mail", id)
            .unwrap();
    });
    check("refs/tags/x", &|id| {
        assert!(repo.update_branch("refs/tags/x", None, id, "test").unwrap());
    });
}

#[test]
fn a_wish_that_is_not_understood_writes_nothing() {
    let scratch = Scratch::new();
    git(&scratch.open(1), &["config", "gt.durability", "always"], "");
    let repo = scratch.open(2);
    let fault = transact(&repo, (Name::Beads, None), "ada", |_, pen| {
        let record = Record::new("gt-1", "bead", &pen.first_stamp());
        Ok(Decision::write("create", vec![record], ()))
    });
    assert_eq!(
        fault.unwrap_err().text().message,
        "gt.durability is 'always'"
    );
    assert_eq!(repo.find_ref("refs/gt/beads").unwrap(), None);
}

#[test]
fn many_records_are_written_as_one_pack() {
    let scratch = Scratch::new();
    let repo = scratch.open(1);
    add(&repo, "gt-1");
    let files = || {
        let said = git(&repo, &["count-objects", "-v"], "");
        let number = |name: &str| -> usize {
            let line = said.lines().find_map(|it| it.strip_prefix(name));
            line.unwrap().trim_start_matches(": ").parse().unwrap()
        };
        (number("count"), number("packs"), number("in-pack"))
    };
    let (loose, packs, _) = files();
    let ids: Vec<String> = (0..MANY).map(|it| format!("gt-many{it}")).collect();
    let write = || {
        transact(&repo, (Name::Beads, None), "ada", |_, pen| {
            let stamp = pen.first_stamp();
            // Half of them say the same under two ids, and one does not become smaller.
            let records = ids.iter().enumerate().map(|(number, id)| {
                let mut record = Record::new(id, "bead", &stamp);
                let text = match number {
                    0 => repo.world().random_base36(100_000),
                    _ => format!("number {}", number / 2),
                };
                record.set("title", Some(text.into()), &stamp);
                record
            });
            Ok(Decision::write("many", records.collect(), ()))
        })
        .unwrap()
    };
    let written = write();
    assert_eq!(ledger(&repo).records().unwrap().len(), MANY + 2);
    let (now, packed, objects) = files();
    assert_eq!((now, packed), (loose, packs + 1));
    assert!(objects > MANY);
    assert_eq!(git(&repo, &["fsck", "--strict"], ""), "");
    assert_eq!(
        git(&repo, &["rev-parse", "refs/gt/beads"], "").trim(),
        written.tip.unwrap().to_string()
    );
}
