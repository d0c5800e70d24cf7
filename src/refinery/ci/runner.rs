//! The CI of a project that has none: tests what is asked on the remote and answers, with the same refs as
//! any other CI.

use std::time::Duration;

use super::answer::{self, Answer};
use super::{Board, answer_ref, branch_of, branch_ref, check_name};
use crate::fault::{Fault, Result};
use crate::git::{Answer as Offered, Oid, PushedRef, Remote, Repo};
use crate::record::{Gate, Verdict};
use crate::town::Home;

use super::super::candidate::Candidate;
use super::super::gate;

/// A check that this machine runs for others.
#[derive(Debug)]
pub struct Job<'a> {
    /// The name of the remote where questions stand.
    pub remote: &'a str,
    /// What the gate calls the check.
    pub check: &'a str,
    /// The line that `sh -c` runs at the top of a clean worktree; exit 0 passes.
    pub command: &'a str,
    /// How long it may run.
    pub timeout: Duration,
}

/// A question that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The commit that was asked about.
    pub commit: String,
    /// The branch that asks.
    pub branch: String,
    /// Whether the check passed.
    pub pass: bool,
    /// How the command ended.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Whether this is the answer; else somebody was faster, or nobody asks any more.
    pub counts: bool,
}

/// What happens while checks run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checking {
    /// The check begins on what a branch asks about.
    Begins(String),
    /// It has ended.
    Ended(Answered),
}

/// Tests every commit that a branch of the remote asks about and that the check has not answered.
///
/// After a crash what is not answered is tested again; the first answer counts.
pub fn run_checks(home: &Home, job: &Job<'_>, observe: &mut dyn FnMut(Checking)) -> Result<()> {
    check_name(job.check)?;
    if job.command.trim().is_empty() {
        return Err(
            Fault::invalid("there is nothing to run").hint("git gt ci run unit -- ./test.sh")
        );
    }
    let repo = home.repo();
    let remote = repo.remote(job.remote)?;
    let gate = gate_of(job);
    let board = Board::read(repo, &remote)?;
    for commit in board.questions() {
        if board.answer(repo, &commit, job.check).is_some() {
            continue;
        }
        // Another check may run on the same commit beside this one.
        let run = repo.name_hash(&format!("{} {commit}", job.check));
        let kept = format!("refs/gt-local/ci-run/{run}");
        // Somebody may have answered, and the question be gone.
        if repo.fetch_one(&remote, &branch_ref(&commit), &kept)? == Some(commit) {
            let tested = test(home, &remote, (&gate, &commit), observe);
            repo.delete_ref(&repo.guard()?, &kept, commit)?;
            tested?;
        }
    }
    Ok(())
}

/// Runs the check on a commit that is here, and answers.
fn test(
    home: &Home,
    remote: &Remote,
    (gate, commit): (&Gate, &Oid),
    observe: &mut dyn FnMut(Checking),
) -> Result<()> {
    let candidate = Candidate::bare(home.repo(), *commit)?;
    observe(Checking::Begins(branch_of(commit)));
    let attempt = match gate::run(home, gate, &candidate) {
        Err(_) if home.world().interrupted() => {
            return Err(Fault::unavailable("interrupted; the check was stopped")
                .hint("what has no answer is tested when git gt ci run runs again"));
        }
        ran => ran?,
    };
    let Some(attempt) = attempt else {
        return Ok(());
    };
    let answer = Answer {
        pass: attempt.verdict == Verdict::Green,
        ended: attempt.ended,
        seconds: attempt.millis.div_ceil(1000),
        url: String::new(),
        tail: attempt.tail,
    };
    let counts = send(home.repo(), remote, &answer, (commit, gate.name()))?;
    observe(Checking::Ended(Answered {
        commit: commit.to_string(),
        branch: branch_of(commit),
        pass: answer.pass,
        ended: answer.ended,
        millis: attempt.millis,
        counts,
    }));
    Ok(())
}

/// Returns a gate that nobody stores, so that the command runs as the Refinery's own do.
fn gate_of(job: &Job<'_>) -> Gate {
    let mut record = Gate::new(job.check).record().clone();
    let stamp = record.created();
    record.set("command", Some(job.command.into()), &stamp);
    record.set("timeout", Some(job.timeout.as_secs().into()), &stamp);
    Gate::of(record).expect("a gate was just made of it")
}

/// Answers for a check about a commit; returns whether this answer counts. The first one does, and none
/// where nobody asks any more.
fn send(
    repo: &Repo,
    remote: &Remote,
    answer: &Answer,
    (commit, check): (&Oid, &str),
) -> Result<bool> {
    if !Board::read(repo, remote)?.questions().contains(commit) {
        return Ok(false);
    }
    let update = PushedRef {
        name: answer_ref(repo, commit, check),
        old: None,
        new: Some(answer::write(repo, answer, (commit, check))?),
    };
    match repo.offer(remote, &[update])?.into_iter().next() {
        Some(Offered::Taken | Offered::Known) => Ok(true),
        Some(Offered::Refused(why)) => Err(Fault::refused(format!(
            "'{}' does not take the answer: {why}",
            remote.name
        ))
        .hint("whoever runs the remote has to let you push refs/gt/ci/*")),
        Some(Offered::Lost(_)) | None => Ok(false),
    }
}

/// Answers for a check that somebody else ran on the commit this worktree stands on; refuses where it has
/// answered already, or nobody asks.
///
/// After a crash the answer is on the remote or it is not.
pub fn report(
    repo: &Repo,
    remote: &str,
    check: &str,
    (pass, log, url): (bool, &[u8], &str),
) -> Result<Answered> {
    check_name(check)?;
    let remote = repo.remote(remote)?;
    let commit = repo.head()?.ok_or_else(|| {
        Fault::not_found("there is no commit here that could be answered for")
            .hint("run it in the checkout that was tested")
    })?;
    let answer = Answer {
        pass,
        ended: "reported".to_owned(),
        seconds: 0,
        url: url.to_owned(),
        tail: gate::last_lines(log),
    };
    if !send(repo, &remote, &answer, (&commit, check))? {
        let there = Board::read(repo, &remote)?;
        let why = match there.answer(repo, &commit, check) {
            Some(_) => {
                format!("'{check}' has answered about {commit} already; the first answer counts")
            }
            None => format!("no branch of '{}' asks about {commit}", remote.name),
        };
        return Err(Fault::refused(why)
            .hint("git gt refinery run asks again where it needs another answer"));
    }
    Ok(Answered {
        commit: commit.to_string(),
        branch: branch_of(&commit),
        pass,
        ended: answer.ended,
        millis: 0,
        counts: true,
    })
}
