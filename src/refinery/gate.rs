//! Running a gate: one `sh -c` line at the root of a worktree that stands on the exact commit.

use std::path::{Path, PathBuf};

use super::candidate::Candidate;
use crate::fault::{Fault, Result};
use crate::git::LOCAL_ENV;
use crate::record::{Attempt, Gate, Verdict};
use crate::town::Home;
use crate::world::fs::{self, Lock};
use crate::world::process::{Ended, Limits, Run};

/// How much of a gate's output its log keeps, in bytes.
pub(super) const LOG_MAX: u64 = 64 * 1024 * 1024;
/// How much of its end the record keeps, in bytes.
const TAIL_MAX: usize = 4 * 1024;
/// How many worktrees may be held by children that a gate left behind.
const WORKTREES_MAX: usize = 16;

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

/// Runs a gate on a candidate and returns the attempt; nothing is recorded yet.
///
/// A gate that takes too long is red. One that was interrupted, or could not be started at all, is no
/// attempt. After a crash the gate may go on; it keeps its worktree until it ends, and the next run takes
/// another one. Returns nothing where somebody deleted the lock meanwhile: another run may have changed
/// the worktree under the gate then, so what it said proves nothing.
pub(super) fn run(home: &Home, gate: &Gate, candidate: &Candidate) -> Result<Option<Attempt>> {
    let (number, lock) = worktree(home, gate, candidate)?;
    let dir = home.refinery_dir(number);
    let log = log_path(home, gate, candidate)?;
    let limits = Limits {
        timeout: Some(gate.timeout()),
        log: &log,
        log_max: LOG_MAX,
    };
    let command = Run::new("sh", &dir)
        .args(["-c", gate.command()])
        .without(LOCAL_ENV)
        .without(IDENTITY);
    let started = home.world().now();
    let (ended, tail) = command.supervise(home.world(), &limits).map_err(|error| {
        Fault::unavailable(format!("gate '{}' cannot be started: {error}", gate.name()))
    })?;
    let millis = home.world().now().0.saturating_sub(started.0);
    if !lock.is_at(&lock_path(home, number)) {
        return Ok(None);
    }
    let (verdict, ended) = match ended {
        Ended::Exit(0) => (Verdict::Green, "exit 0".to_owned()),
        Ended::Exit(code) => (Verdict::Red, format!("exit {code}")),
        Ended::Signal(signal) => (Verdict::Red, format!("signal {signal}")),
        Ended::Timeout => (
            Verdict::Red,
            format!("timeout after {} s", gate.timeout().as_secs()),
        ),
        Ended::Interrupted => {
            return Err(
                Fault::unavailable("interrupted; the gate was stopped and nothing landed")
                    .hint("git gt refinery run carries on from here"),
            );
        }
    };
    Ok(Some(Attempt {
        verdict,
        commit: candidate.commit.to_string(),
        tip: candidate.tip.to_string(),
        requests: candidate.requests.clone(),
        millis,
        host: home.world().host(),
        ended,
        tail: last_lines(&tail),
        asked: String::new(),
        url: String::new(),
    }))
}

fn lock_path(home: &Home, number: usize) -> PathBuf {
    let name = format!("refinery-{number}.lock");
    home.repo().scratch_dir().join(name)
}

/// Returns the number of a worktree that stands on the candidate with nothing else in it, and its lock,
/// which programs started from now on hold, too.
fn worktree(home: &Home, gate: &Gate, candidate: &Candidate) -> Result<(usize, Lock)> {
    for number in 1..=WORKTREES_MAX {
        let path = lock_path(home, number);
        let lock = Lock::try_take(&path).map_err(|error| Fault::io("lock", &path, &error))?;
        let Some(lock) = lock else { continue };
        let dir = home.refinery_dir(number);
        lock.let_children_hold()
            .map_err(|error| Fault::io("share the lock of", &dir, &error))?;
        let ready = prepare(home, &dir, gate, candidate);
        if ready.is_err() {
            // A worktree that cannot be reset is damaged; nothing of value is ever in it.
            home.repo().discard_worktree(&dir)?;
            prepare(home, &dir, gate, candidate)?;
        }
        return Ok((number, lock));
    }
    Err(Fault::unavailable(format!(
        "all {WORKTREES_MAX} worktrees of the refinery are held by programs that gates left behind"
    ))
    .hint("end those programs: they run below the folder 'refinery' beside the repository"))
}

fn prepare(home: &Home, dir: &Path, gate: &Gate, candidate: &Candidate) -> Result<()> {
    let repo = home.repo();
    repo.mend_worktree(dir)?;
    if !dir.join(".git").exists() {
        repo.discard_worktree(dir)?;
        repo.add_detached_worktree(dir, &candidate.commit)?;
    }
    let keep = gate.keep();
    repo.reset_worktree(dir, &candidate.commit, &keep)?;
    let kept = |line: &String| {
        let path = line.get(3..).unwrap_or_default();
        keep.iter()
            .any(|keep| path.starts_with(keep.trim_end_matches('/')))
    };
    let changes: Vec<String> = repo
        .changes_in(dir)?
        .into_iter()
        .filter(|line| !kept(line))
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    Err(Fault::fatal(format!(
        "worktree '{}' differs from the commit to be tested: {}",
        dir.display(),
        changes.join(", ")
    )))
}

fn log_path(home: &Home, gate: &Gate, candidate: &Candidate) -> Result<PathBuf> {
    let dir = home.repo().scratch_dir().join("gates");
    fs::create_dir_all(&dir).map_err(|error| Fault::io("make folder", &dir, &error))?;
    let name = home.repo().name_hash(gate.name());
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
