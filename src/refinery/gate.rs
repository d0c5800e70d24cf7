//! Running a gate: one `sh -c` line at the root of a worktree that stands on the exact commit.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::candidate::Candidate;
use crate::fault::{Fault, Result};
use crate::git::{LOCAL_ENV, Oid, Repo};
use crate::ledger::digest;
use crate::record::{Attempt, Gate, Variable, Verdict};
use crate::text::as_shown;
use crate::town::Home;
use crate::world::World;
use crate::world::fs::{self, Lock};
use crate::world::process::{Caps, Ended, Left, Limits, Run};

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

/// Variables that a gate sees also where its definition names those it is to see.
const BASIC: &[&str] = &[
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
    "USER",
];

/// Returns whether no gate is ever given a variable, whatever its definition says.
pub(super) fn is_hidden(variable: &str) -> bool {
    LOCAL_ENV.contains(&variable) || IDENTITY.contains(&variable)
}

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

/// What a gate said on a commit.
struct Said {
    verdict: Verdict,
    ended: String,
    tail: Vec<u8>,
    /// The shell did not find what it was to run, or may not: exit 127 and 126.
    found_nothing: bool,
}

/// Runs a gate on a commit that nobody has merged here, on this thread and until it ends. There is no tip to
/// compare it with, so a command that is not found is red.
pub(super) fn run(home: &Home, gate: &Gate, candidate: &Candidate) -> Result<Option<Attempt>> {
    let never = AtomicBool::new(false);
    match Bench::of(home).attempt(gate, candidate, &never, false)? {
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

    /// Returns the world it stands in.
    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// Runs a gate on a candidate and returns the attempt; nothing is recorded yet. May be called on several
    /// threads at once, for the same candidate or another: each run has a worktree of its own.
    ///
    /// A gate that takes too long is red. One that was interrupted or cancelled, could not be started at all or
    /// failed on a full disk is no attempt. Neither is one whose command is not found, unless it is found on the
    /// tip: then the change took it away, and else this machine lacks it, or the definition is wrong. After a
    /// crash the gate may go on; it keeps its worktree until it ends, and the next run takes another one.
    pub(super) fn run(
        &self,
        gate: &Gate,
        candidate: &Candidate,
        cancel: &AtomicBool,
    ) -> Result<Ran> {
        self.attempt(gate, candidate, cancel, true)
    }

    fn attempt(
        &self,
        gate: &Gate,
        candidate: &Candidate,
        cancel: &AtomicBool,
        has_tip: bool,
    ) -> Result<Ran> {
        let repo = Repo::open(&self.world, &self.git_dir)?;
        let place = self.place(&repo, gate, &candidate.commit)?;
        let started = self.world.now();
        let said = self.once((&repo, &place), gate, &candidate.commit, cancel)?;
        let millis = self.world.now().0.saturating_sub(started.0);
        if !place.lock.is_at(&place.lock_path) {
            return Ok(Ran::Disturbed);
        }
        let Some(said) = said else {
            return Ok(Ran::Cancelled);
        };
        if said.found_nothing && has_tip {
            let control = match candidate.tip == candidate.commit {
                true => None,
                false => {
                    prepare(&repo, &place.dir, gate, &candidate.tip)?;
                    let control = self.once((&repo, &place), gate, &candidate.tip, cancel)?;
                    let Some(control) = control else {
                        return Ok(Ran::Cancelled);
                    };
                    Some(control)
                }
            };
            if control.is_none_or(|it| it.found_nothing) {
                return Err(cannot_run(gate, &said));
            }
        }
        Ok(Ran::Said(Box::new(Attempt {
            verdict: said.verdict,
            commit: candidate.commit.to_string(),
            tip: candidate.tip.to_string(),
            requests: candidate.requests.clone(),
            millis,
            host: self.world.host(),
            ended: said.ended,
            tail: last_lines(&said.tail),
            asked: String::new(),
            url: String::new(),
            screens: candidate.screens,
        })))
    }

    /// Runs setup and command in a worktree that stands on a commit; returns nothing where that was cancelled.
    fn once(
        &self,
        (repo, place): (&Repo, &Place),
        gate: &Gate,
        commit: &Oid,
        cancel: &AtomicBool,
    ) -> Result<Option<Said>> {
        let started = self.world.now();
        for (step, line) in [("setup", gate.setup()), ("", gate.command())] {
            if step == "setup" && line.is_empty() {
                continue;
            }
            let log = log_path(repo, gate, commit, step)?;
            let spent = self.world.now().0.saturating_sub(started.0);
            let left = gate.timeout().as_millis().saturating_sub(spent.into());
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            let limits = Limits {
                timeout: Some(Duration::from_millis(left)),
                cancel: Some(cancel),
                lock: Some(&place.lock),
                caps: Caps {
                    memory: gate.memory(),
                    file_size: gate.file_size(),
                    nice: gate.nice(),
                },
                ..Limits::of_log(&log, LOG_MAX)
            };
            let ran = command(gate, line, &place.dir).supervise(&self.world, &limits);
            let left = ran.map_err(|error| match fs::is_out_of_room(&error) {
                true => no_room(gate, &log),
                false => {
                    Fault::unavailable(format!("gate '{}' cannot be started: {error}", gate.name()))
                }
            })?;
            let Some((verdict, ended)) = verdict(gate, &left.ended)? else {
                return Ok(None);
            };
            if verdict == Verdict::Red {
                refuse_full(gate, &left, [&place.dir, &log])?;
            } else if step == "setup" {
                continue;
            }
            let ended = match step {
                "setup" => format!("setup: {ended}"),
                _ => ended,
            };
            return Ok(Some(Said {
                verdict,
                ended,
                tail: left.tail,
                found_nothing: matches!(left.ended, Ended::Exit(126 | 127)),
            }));
        }
        Err(Fault::fatal("a gate without a command ran"))
    }

    /// Returns a worktree that stands on a commit with nothing else in it, and its lock: rather one that was
    /// last used with the same paths to keep.
    fn place(&self, repo: &Repo, gate: &Gate, commit: &Oid) -> Result<Place> {
        let kept = match gate.keep().as_slice() {
            [] => String::new(),
            keep => {
                let keep: Vec<&[u8]> = keep.iter().map(String::as_bytes).collect();
                digest(&keep)
            }
        };
        let note = |number| {
            let note = std::fs::read_to_string(lock_path(repo, number));
            note.ok().map(|it| it.trim_end().to_owned())
        };
        let notes: Vec<Option<String>> = (1..=WORKTREES_MAX).map(note).collect();
        for number in in_order(&notes, &kept) {
            let lock_path = lock_path(repo, number);
            let lock = Lock::try_take(&lock_path)
                .map_err(|error| Fault::io("lock", &lock_path, &error))?;
            let Some(mut lock) = lock else { continue };
            // Whoever cannot read it takes another one, and loses no more than time.
            drop(lock.note(&format!("{kept}\n")));
            let place = Place {
                dir: self.folder.join(number.to_string()),
                lock,
                lock_path,
            };
            return match prepare(repo, &place.dir, gate, commit) {
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

/// Returns the numbers of worktrees in the order in which a gate asks for them, given what is noted about each
/// (nothing: it is not there yet): what it keeps may be there, nothing is kept there, it is new, and last those
/// where what others keep is lost.
fn in_order(notes: &[Option<String>], kept: &str) -> Vec<usize> {
    let rank = |note: &Option<String>| match note.as_deref() {
        Some(note) if note == kept => 0,
        Some("") => 1,
        None => 2,
        Some(_) => 3,
    };
    let mut numbers: Vec<usize> = (1..=notes.len()).collect();
    numbers.sort_by_key(|number| rank(&notes[number - 1]));
    numbers
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
    let renewed = repo.renew_worktree(dir, commit);
    let made = renewed.and_then(|()| repo.make_pristine(dir, commit, &keep));
    made.map_err(|fault| without_filter(repo, commit, fault))
}

/// Says of a commit that cannot be checked out that a filter may be to blame, where any are set: what they run
/// may be missing on this machine, or what they would fetch.
fn without_filter(repo: &Repo, commit: &Oid, fault: Fault) -> Fault {
    let filters = repo.smudge_filters();
    let Some((setting, _)) = filters.first() else {
        return fault;
    };
    let name = setting
        .trim_end_matches(".process")
        .trim_end_matches(".smudge");
    let shown: Vec<String> = filters
        .iter()
        .map(|(setting, value)| format!("{setting}={}", as_shown(value)))
        .collect();
    Fault::unavailable(format!(
        "{} cannot be checked out to be tested, which says nothing about any change: {fault}",
        commit.to_hex_with_len(12)
    ))
    .hint(format!(
        "git has filters (gitattributes(5)); install what they run, or mend what it says: {}",
        shown.join(", ")
    ))
    .hint(format!(
        "or test files as they are stored, LFS pointers for one: \
         git config {name}.process '' && git config {name}.smudge '' && git config {name}.required false"
    ))
}

fn command(gate: &Gate, line: &str, dir: &Path) -> Run {
    let run = Run::new("sh", dir).args(["-c", line]);
    let named = gate.environment();
    let run = match named.as_slice() {
        [] => run,
        named => {
            let names = named.iter().map(|(name, _)| name.as_str());
            run.only(BASIC.iter().copied().chain(names))
        }
    };
    let set = named
        .into_iter()
        .filter_map(|(name, variable)| match variable {
            Variable::Set(value) if !is_hidden(&name) => Some((name, value)),
            _ => None,
        });
    let run = run.without(LOCAL_ENV).without(IDENTITY);
    set.fold(run, |run, (name, value)| run.env(&name, value))
}

fn cannot_run(gate: &Gate, said: &Said) -> Fault {
    let tail = last_lines(&said.tail);
    let last = tail.lines().last().unwrap_or_default();
    Fault::unavailable(format!(
        "gate '{}' cannot be run here, so nothing is said about any change: {}: {}",
        gate.name(),
        said.ended,
        as_shown(last)
    ))
    .hint("install what it needs on this machine, or mend its command: git gt refinery gate list")
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
            "interrupted; the gate was stopped, and what it ran on has not landed",
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

fn log_path(repo: &Repo, gate: &Gate, commit: &Oid, step: &str) -> Result<PathBuf> {
    let dir = repo.scratch_dir().join("gates");
    fs::create_dir_all(&dir).map_err(|error| Fault::io("make folder", &dir, &error))?;
    let (commit, name) = (commit.to_hex_with_len(12), repo.name_hash(gate.name()));
    let step = if step.is_empty() { "" } else { "-setup" };
    Ok(dir.join(format!("{commit}-{}{step}.log", &name[..8])))
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
pub(super) mod tests {
    use std::sync::atomic::Ordering;

    use serde_json::{Value, json};

    use super::*;
    use crate::ledger::Stamp;
    use crate::ledger::scratch::{Scratch, git};

    /// A repository with two commits, the first of which is the target's tip, and a bench.
    pub(in super::super) struct Site {
        scratch: Scratch,
        pub(in super::super) bench: Bench,
        pub(in super::super) candidate: Candidate,
    }

    pub(in super::super) fn site() -> Site {
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

    pub(in super::super) fn gate(name: &str, command: &str, fields: &[(&str, Value)]) -> Gate {
        let mut record = Gate::new(name).record().clone();
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

        pub(in super::super) fn dir(&self) -> &Path {
            self.scratch.dir()
        }

        fn path(&self, name: &str) -> PathBuf {
            self.scratch.dir().join(name)
        }
    }

    /// Waits for whoever was being started by another test just now to let go of a lock that nobody means to hold.
    fn let_go(lock: &Path) {
        let mut looks = 0;
        while Lock::is_held(lock) {
            looks += 1;
            assert!(looks < 1_000_000, "{} is held", lock.display());
            std::thread::yield_now();
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
        let first = gate(
            "test",
            &format!("{}; sleep 1000 & wait", meet("one", "two")),
            &[],
        );
        let second = gate("test", &meet("two", "one"), &[]);
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
        assert!(said(site.run(&gate("test", daemon, &[]))).0);
        assert!(said(site.run(&gate("test", "test \"${PWD##*/}\" = 2", &[]))).0);
        assert!(Lock::is_held(&site.path("gt/refinery-1.lock")));
        let_go(&site.path("gt/refinery-2.lock"));
        sh("echo go >go");
    }

    #[test]
    fn a_command_that_is_not_found_is_red_only_where_the_change_took_it_away() {
        let site = site();
        let check = |line: &str, setup: &str, want: std::result::Result<&str, &str>| {
            let ran = site.run(&gate("test", line, &[("setup", setup.into())]));
            match want {
                Ok(ended) => assert_eq!(said(ran).1, ended, "{line}"),
                Err(part) => {
                    let fault = ran.unwrap_err().to_string();
                    assert!(fault.starts_with(part), "{fault}");
                }
            }
        };
        // The tip has a file 'base', the change only 'change'.
        check("test -e base || exit 127", "", Ok("exit 127"));
        check("test -e base || exit 126", "", Ok("exit 126"));
        check("true", "test -e base || exit 127", Ok("setup: exit 127"));
        let nowhere = Err("gate 'test' cannot be run here, so nothing is said");
        check("gone-from-this-machine --check", "", nowhere);
        check("./change", "", nowhere);
        check("exit 126", "", nowhere);
        check("true", "gone-from-this-machine", nowhere);
        let tip = Candidate {
            commit: site.candidate.tip,
            ..site.candidate.clone()
        };
        let never = AtomicBool::new(false);
        let line = gate("test", "exit 127", &[]);
        assert!(site.bench.run(&line, &tip, &never).is_err());
        // Where nobody knows a tip, the one who asks is told.
        let ran = site.bench.attempt(&line, &tip, &never, false);
        assert_eq!(said(ran).1, "exit 127");
    }

    #[test]
    fn a_setup_runs_first_and_a_gate_sees_what_it_is_to_see() {
        let site = site();
        let check = |line: &str, fields: &[(&str, Value)], want: (bool, &str)| {
            let (passed, ended, _) = said(site.run(&gate("test", line, fields)));
            assert_eq!((passed, ended.as_str()), want, "{line} {fields:?}");
        };
        let red = |ended| (false, ended);
        let green = (true, "exit 0");
        check("test -e made", &[("setup", "touch made".into())], green);
        check("true", &[("setup", "exit 3".into())], red("setup: exit 3"));
        check(
            "true",
            &[("setup", "kill -9 $$".into())],
            red("setup: signal 9"),
        );
        let env = json!({ "GT_TEST_SEED": true, "GT_ROLE": { "value": "x" }, "GIT_DIR": true,
            "V": { "value": "a b" } });
        let env = [("env", env)];
        let seen = "test \"$V\" = 'a b' && test -n \"$GT_TEST_SEED\" && test -n \"$PATH$HOME\"";
        check(seen, &env, green);
        let hidden = "test -z \"$GT_TEST_NOW$GIT_CONFIG_GLOBAL$GT_ROLE$GIT_DIR\"";
        check(hidden, &env, green);
        check("test -n \"$GT_TEST_NOW\"", &[], green);
        let limits = json!({ "file_size": 4096 });
        check(
            "head -c 4096 /dev/zero >ok",
            &[("limits", limits.clone())],
            green,
        );
        check(
            "head -c 4097 /dev/zero >much || exit 9",
            &[("limits", limits)],
            red("exit 9"),
        );
        let memory = [("limits", json!({ "memory": 512 << 20 }))];
        check("test $(ulimit -v) -eq 524288", &memory, green);
        check("test $(nice) -ge 5", &[("nice", 5.into())], green);
    }

    #[test]
    fn a_gate_that_takes_too_long_is_red_with_its_setup() {
        let site = site();
        let check = |line: &str, setup: &str, want: &str| {
            let fields = [("timeout", Value::from(0)), ("setup", setup.into())];
            assert_eq!(said(site.run(&gate("test", line, &fields))).1, want);
        };
        check("sleep 1000 & wait", "", "timeout after 0 s");
        check("true", "sleep 1000 & wait", "setup: timeout after 0 s");
    }

    #[test]
    fn what_others_keep_is_lost_last() {
        let check = |notes: &[Option<&str>], kept: &str, want: &[usize]| {
            let notes: Vec<Option<String>> = notes.iter().map(|it| it.map(str::to_owned)).collect();
            assert_eq!(in_order(&notes, kept), want);
        };
        check(&[None, None], "", &[1, 2]);
        check(&[Some("x"), Some(""), None], "", &[2, 3, 1]);
        check(&[Some("x"), Some(""), None], "x", &[1, 2, 3]);
        check(&[Some("y"), None, Some("x")], "x", &[3, 2, 1]);
        let site = site();
        let keep = |path: &str| json!({ path: true });
        let a = gate(
            "a",
            "test -e one/x || { mkdir one; : >one/x; false; }",
            &[("keep", keep("one"))],
        );
        let b = gate("b", "test ! -e one", &[("keep", keep("two"))]);
        let c = gate("c", "test ! -e one", &[]);
        let ran = [&a, &b, &c, &a].map(|it| said(site.run(it)).0);
        assert_eq!(ran, [false, true, true, true]);
    }

    #[test]
    fn a_full_disk_says_nothing_about_the_change() {
        let left = |disk_was_full| Left {
            ended: Ended::Exit(1),
            tail: Vec::new(),
            disk_was_full,
        };
        let (gate, here) = (gate("test", "false", &[]), std::env::temp_dir());
        assert!(refuse_full(&gate, &left(false), [&here, &here]).is_ok());
        let fault = refuse_full(&gate, &left(true), [&here, &here]).unwrap_err();
        assert!(
            fault.to_string().contains("failed on a full disk"),
            "{fault}"
        );
    }
}
