//! Running a gate: one `sh -c` line at the root of a worktree that stands on the exact commit.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::candidate::Candidate;
use crate::fault::{Fault, Result};
use crate::git::{LOCAL_ENV, Oid, Repo};
use crate::record::{Attempt, Gate, Verdict};
use crate::town::Home;
use crate::world::World;
use crate::world::fs::{self, Lock};
use crate::world::process::{Ended, Left, Limits, Run};

/// How much of a gate's output its log keeps, in bytes.
pub(super) const LOG_MAX: u64 = 64 * 1024 * 1024;
/// How much of its end the record keeps, in bytes.
const TAIL_MAX: usize = 4 * 1024;
/// How many worktrees there may be, those among them that are held by children that a gate left behind.
const WORKTREES_MAX: usize = 64;

/// Variables that name the caller's identity and hook, which no gate should see.
pub(super) const IDENTITY: &[&str] = &[
    "GT_ROLE",
    "GT_RIG",
    "GT_BEAD",
    "GT_CREW",
    "GT_POLECAT",
    "GT_AGENT",
    "GT_PROMPT",
    "GT_SESSION",
    "BD_ACTOR",
    "BEADS_ACTOR",
    "BEADS_AGENT_NAME",
];

/// What came of running a gate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ran {
    /// It came to its end, or its time was up.
    Said(Box<Attempt>),
    /// Nobody wants to know any more, and it was stopped: no attempt.
    Cancelled,
    /// Somebody deleted the lock of its worktree, so that another run may have changed it meanwhile: what it
    /// said proves nothing.
    Disturbed,
}

/// Where gates run. A [`Home`] stays on the thread that opened it; of this each thread that runs gates takes a
/// clone along and opens the repository for itself.
#[derive(Debug, Clone)]
pub(super) struct Bench {
    world: World,
    git_dir: PathBuf,
    /// The folder of the worktrees, which are called 1, 2, …
    folder: PathBuf,
}

/// A worktree that is ours until this is dropped; what runs in it holds on to the lock for itself.
struct Place {
    dir: PathBuf,
    lock: Lock,
    lock_path: PathBuf,
}

/// Runs a gate on a candidate, on this thread and until it ends.
pub(super) fn run(home: &Home, gate: &Gate, candidate: &Candidate) -> Result<Option<Attempt>> {
    match Bench::of(home).run(gate, candidate, &AtomicBool::new(false))? {
        Ran::Said(attempt) => Ok(Some(*attempt)),
        Ran::Cancelled | Ran::Disturbed => Ok(None),
    }
}

impl Bench {
    /// Returns where the gates of a home run.
    pub(super) fn of(home: &Home) -> Self {
        let first = home.refinery_dir(1);
        Self {
            world: home.world().clone(),
            git_dir: home.repo().common_dir().to_owned(),
            folder: first.parent().unwrap_or(&first).to_owned(),
        }
    }

    /// Runs a gate on a candidate and returns the attempt; nothing is recorded yet. May be called on several
    /// threads at once, for the same candidate or another: each run has a worktree of its own.
    ///
    /// A gate that takes too long is red. One that was interrupted or cancelled, could not be started at all or
    /// failed on a full disk is no attempt. After a crash the gate may go on; it keeps its worktree until it
    /// ends, and the next run takes another one.
    pub(super) fn run(
        &self,
        gate: &Gate,
        candidate: &Candidate,
        cancel: &AtomicBool,
    ) -> Result<Ran> {
        let repo = Repo::open(&self.world, &self.git_dir)?;
        let place = self.place(&repo, gate, &candidate.commit)?;
        let log = log_path(&repo, gate, candidate)?;
        let limits = Limits {
            timeout: Some(gate.timeout()),
            cancel: Some(cancel),
            lock: Some(&place.lock),
            ..Limits::of_log(&log, LOG_MAX)
        };
        let started = self.world.now();
        let left = command(gate, &place.dir)
            .supervise(&self.world, &limits)
            .map_err(|error| match fs::is_out_of_room(&error) {
                true => no_room(gate, &log),
                false => {
                    Fault::unavailable(format!("gate '{}' cannot be started: {error}", gate.name()))
                }
            })?;
        let millis = self.world.now().0.saturating_sub(started.0);
        if !place.lock.is_at(&place.lock_path) {
            return Ok(Ran::Disturbed);
        }
        let Some((verdict, ended)) = verdict(gate, &left.ended)? else {
            return Ok(Ran::Cancelled);
        };
        if verdict == Verdict::Red {
            refuse_full(gate, &left, [&place.dir, &log])?;
        }
        Ok(Ran::Said(Box::new(Attempt {
            verdict,
            commit: candidate.commit.to_string(),
            tip: candidate.tip.to_string(),
            requests: candidate.requests.clone(),
            millis,
            host: self.world.host(),
            ended,
            tail: last_lines(&left.tail),
            asked: String::new(),
            url: String::new(),
            screens: candidate.screens,
        })))
    }

    /// Returns a worktree that stands on a commit with nothing else in it, and its lock.
    fn place(&self, repo: &Repo, gate: &Gate, commit: &Oid) -> Result<Place> {
        for number in 1..=WORKTREES_MAX {
            let lock_path = lock_path(repo, number);
            let lock = Lock::try_take(&lock_path)
                .map_err(|error| Fault::io("lock", &lock_path, &error))?;
            let Some(lock) = lock else { continue };
            let dir = self.folder.join(number.to_string());
            let place = Place {
                dir,
                lock,
                lock_path,
            };
            let prepared = prepare(repo, &place.dir, gate, commit);
            return match prepared {
                Err(_) if fs::is_full(&self.folder) => Err(no_room(gate, &place.dir)),
                prepared => prepared.map(|()| place),
            };
        }
        Err(Fault::unavailable(format!(
            "all {WORKTREES_MAX} worktrees of the refinery are held by programs that gates left behind"
        ))
        .hint("end those programs: they run below the folder 'refinery' beside the repository"))
    }
}

/// Makes a worktree stand on a commit; one that cannot be brought there is damaged, and nothing of value is
/// ever in it.
fn prepare(repo: &Repo, dir: &Path, gate: &Gate, commit: &Oid) -> Result<()> {
    repo.mend_worktree(dir)?;
    let keep = gate.keep();
    let ready = dir.join(".git").exists() && repo.make_pristine(dir, commit, &keep).is_ok();
    if ready {
        return Ok(());
    }
    repo.renew_worktree(dir, commit)?;
    repo.make_pristine(dir, commit, &keep)
}

fn command(gate: &Gate, dir: &Path) -> Run {
    Run::new("sh", dir)
        .args(["-c", gate.command()])
        .without(LOCAL_ENV)
        .without(IDENTITY)
}

/// Returns what the end of a gate means, nothing where it was cancelled.
fn verdict(gate: &Gate, ended: &Ended) -> Result<Option<(Verdict, String)>> {
    let red = |ended: String| Ok(Some((Verdict::Red, ended)));
    match ended {
        Ended::Exit(0) => Ok(Some((Verdict::Green, "exit 0".to_owned()))),
        Ended::Exit(code) => red(format!("exit {code}")),
        Ended::Signal(signal) => red(format!("signal {signal}")),
        Ended::Timeout => red(format!("timeout after {} s", gate.timeout().as_secs())),
        Ended::Cancelled => Ok(None),
        Ended::Interrupted => Err(Fault::unavailable(
            "interrupted; the gate was stopped and nothing landed",
        )
        .hint("git gt refinery run carries on from here")),
    }
}

/// Refuses to believe a gate that failed while there was no room on a disk it writes to.
fn refuse_full(gate: &Gate, left: &Left, used: [&PathBuf; 2]) -> Result<()> {
    match used.into_iter().find(|path| fs::is_full(path)) {
        Some(full) => Err(no_room(gate, full)),
        None if left.disk_was_full => Err(no_room(gate, used[1])),
        None => Ok(()),
    }
}

fn no_room(gate: &Gate, full: &Path) -> Fault {
    Fault::unavailable(format!(
        "gate '{}' failed on a full disk, which says nothing about the change: '{}'",
        gate.name(),
        full.display()
    ))
    .hint("make room there; git gt refinery run carries on from here")
}

fn lock_path(repo: &Repo, number: usize) -> PathBuf {
    repo.scratch_dir().join(format!("refinery-{number}.lock"))
}

fn log_path(repo: &Repo, gate: &Gate, candidate: &Candidate) -> Result<PathBuf> {
    let dir = repo.scratch_dir().join("gates");
    fs::create_dir_all(&dir).map_err(|error| Fault::io("make folder", &dir, &error))?;
    let name = repo.name_hash(gate.name());
    Ok(dir.join(format!("{}-{}.log", candidate.short(), &name[..8])))
}

/// Returns the end of an output as text, from the start of a line.
pub(super) fn last_lines(tail: &[u8]) -> String {
    let cut = tail.len().saturating_sub(TAIL_MAX);
    let text = String::from_utf8_lossy(&tail[cut..]).into_owned();
    match text.split_once('\n') {
        Some((_, rest)) if cut > 0 => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use serde_json::Value;

    use super::*;
    use crate::ledger::Stamp;
    use crate::ledger::scratch::{Scratch, git};

    /// A repository with two commits, the first of which is the target's tip, and a bench.
    struct Site {
        scratch: Scratch,
        bench: Bench,
        candidate: Candidate,
    }

    fn site() -> Site {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let commit = |name: &str, parent: &[&str]| {
            let blob = git(&repo, &["hash-object", "-w", "--stdin"], name);
            let listed = format!("100644 blob {}\t{name}\n", blob.trim());
            let tree = git(&repo, &["mktree"], &listed).trim().to_owned();
            let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let args = [&who[..], &["commit-tree", "-m", name, &tree], parent].concat();
            let commit = git(&repo, &args, "").trim().to_owned();
            (commit, repo.parse_id(&tree).unwrap())
        };
        let (tip, _) = commit("base", &[]);
        let (change, tree) = commit("change", &["-p", &tip]);
        let candidate = Candidate {
            commit: repo.parse_id(&change).unwrap(),
            tree,
            tip: repo.parse_id(&tip).unwrap(),
            requests: vec!["gt-mr-1".to_owned()],
            since: None,
            screens: false,
        };
        let bench = Bench {
            world: repo.world().clone(),
            git_dir: repo.common_dir().to_owned(),
            folder: scratch.dir().join("trees"),
        };
        Site {
            scratch,
            bench,
            candidate,
        }
    }

    fn gate(command: &str, fields: &[(&str, Value)]) -> Gate {
        let mut record = Gate::new("test").record().clone();
        record.set("command", Some(command.into()), &Stamp::zero());
        for (field, value) in fields {
            record.set(field, Some(value.clone()), &Stamp::zero());
        }
        Gate::of(record).expect("it is a gate")
    }

    impl Site {
        fn run(&self, gate: &Gate) -> Result<Ran> {
            let never = AtomicBool::new(false);
            self.bench.run(gate, &self.candidate, &never)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.scratch.dir().join(name)
        }
    }

    fn said(ran: Result<Ran>) -> (bool, String, String) {
        match ran.unwrap() {
            Ran::Said(it) => (it.verdict == Verdict::Green, it.ended, it.tail),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gates_run_at_once_and_one_can_be_cancelled() {
        let site = site();
        // Each waits for the other; the first waits for ever then, and with it a child.
        let meet = |mine: &str, theirs: &str| {
            let dir = site.scratch.dir().display();
            format!("pwd; : >{dir}/{mine}; while ! test -e {dir}/{theirs}; do :; done")
        };
        let first = gate(&format!("{}; sleep 1000 & wait", meet("one", "two")), &[]);
        let second = gate(&meet("two", "one"), &[]);
        let cancel = AtomicBool::new(false);
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| site.bench.run(&first, &site.candidate, &cancel));
            let second = said(site.run(&second));
            cancel.store(true, Ordering::Relaxed);
            (first.join().expect("it does not panic"), second)
        });
        assert_eq!(first.unwrap(), Ran::Cancelled);
        assert!(second.0, "{second:?}");
        // Neither worktree is held: not by what was cancelled, nor by what ran beside it.
        for number in [1, 2] {
            let lock = site.path(&format!("gt/refinery-{number}.lock"));
            assert!(lock.exists(), "{number}");
            // What was killed may take a moment to be gone.
            let minute = std::time::Duration::from_secs(60);
            let taken = Lock::take_within(&lock, minute).unwrap();
            assert!(taken.is_ok(), "{number}");
        }
        assert!(!site.path("trees/3").exists());
    }

    #[test]
    fn what_a_gate_leaves_behind_holds_its_worktree_alone() {
        let site = site();
        let sh = |line: &str| {
            let run = Run::new("sh", site.scratch.dir()).args(["-c", line]);
            assert!(run.output(&site.bench.world).unwrap().status.success());
        };
        sh("mkfifo go");
        let daemon = "setsid sh -c ': >../../lives; read line <../../go' >/dev/null 2>&1 &
            while ! test -e ../../lives; do :; done";
        assert!(said(site.run(&gate(daemon, &[]))).0);
        assert!(said(site.run(&gate("test \"${PWD##*/}\" = 2", &[]))).0);
        assert!(Lock::is_held(&site.path("gt/refinery-1.lock")));
        assert!(!Lock::is_held(&site.path("gt/refinery-2.lock")));
        sh("echo go >go");
    }
}
