//! Gates that an outside CI answers through refs of the rig's remote (DESIGN 3.1, 6): the question is a
//! branch `gt-mq/<first 12 digits of the commit>`, the answer a commit at `refs/gt/ci/<commit>/<h>`.
//!
//! A question stands as long as its branch does. What was asked is kept in refs of this clone; an answer
//! is recorded like a run of our own before anything is taken from the remote.

mod answer;
mod ask;
mod runner;

use crate::fault::{Fault, Result};
use crate::git::{Oid, Remote, Repo};
use crate::ledger::Stamp;
use crate::record::Verdict;
use crate::town::Home;

pub(super) use ask::{Ask, Board, Wanted, ask, collect, expire, is_asked, underway};
pub use ask::{Asked, Question, questions};
pub use runner::{Answered, Checking, Job, report, run_checks};

/// The longest name of a check, in bytes.
const NAME_MAX: usize = 100;

/// Refuses what cannot be the name of a check. The reporter has the same rule: the name goes through
/// shells, files of forges and JSON unquoted.
pub fn check_name(check: &str) -> Result<()> {
    let formed = |c: char| c.is_ascii_alphanumeric() || " ._/()+:@,=-".contains(c);
    let begins = check.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && check.len() <= NAME_MAX && check.chars().all(formed) && !check.ends_with(' ') {
        return Ok(());
    }
    Err(
        Fault::invalid(format!("'{check}' cannot be the name of a CI check"))
            .hint("begin with a letter or digit; go on with those, spaces and ._/()+:@,=-")
            .hint("it is the name the CI reports under: git gt refinery gate add unit --ci unit"),
    )
}

/// Returns the remote whose CI answers; refuses where there is none.
pub(super) fn remote_of(home: &Home, gate: &str) -> Result<Remote> {
    let name = home.default_remote().ok_or_else(|| {
        Fault::refused(format!(
            "gate '{gate}' is answered by an outside CI, which needs a remote; this repository has none"
        ))
        .hint("make one: git remote add origin <url>")
        .hint("or use a command instead: git gt refinery gate add <name> --command '<command>'")
    })?;
    home.repo().remote(&name)
}

/// Returns what a check said about a commit, nothing while it has said nothing: here or on the remote, or in
/// the results of gates that it answers.
///
/// Whoever may push can say so. That is enough for what people wait for, and never for what lands.
pub fn verdict_of(home: &Home, commit: &str, check: &str) -> Result<Option<bool>> {
    let repo = home.repo();
    let id = repo.parse_id(commit).ok_or_else(|| {
        Fault::invalid(format!("'{commit}' is no commit"))
            .hint("git rev-parse REV prints the whole id of one")
    })?;
    let name = answer_ref(repo, &id, check);
    let mut found = repo.find_ref(&name)?;
    if found.is_none() {
        let known = verdict_in_results(home, commit, check)?;
        if known.is_some() {
            return Ok(known);
        }
        if let Some(remote) = home.default_remote() {
            let remote = repo.remote(&remote)?;
            let folder = format!("refs/gt-remote/{}/", repo.name_hash(&remote.name));
            found = repo.fetch_one(&remote, &name, &name.replacen("refs/gt/", &folder, 1))?;
        }
    }
    match found {
        Some(answer) => Ok(answer::read(repo, &answer, (&id, check))?
            .ok()
            .map(|it| it.pass)),
        None => Ok(None),
    }
}

/// Returns the last answer of a check about a commit that a run of the queue has recorded.
fn verdict_in_results(home: &Home, commit: &str, check: &str) -> Result<Option<bool>> {
    let view = home.view();
    let gates = view.gates()?;
    let answers = |name: &str| {
        gates
            .iter()
            .any(|it| it.name() == name && it.ci() == Some(check))
    };
    let mut last: Option<(Stamp, bool)> = None;
    for result in view.results()?.iter().filter(|it| answers(it.gate())) {
        for (stamp, attempt) in result.attempts() {
            let is_about = [&attempt.commit, &attempt.asked]
                .iter()
                .any(|it| *it == commit);
            if is_about && last.as_ref().is_none_or(|(known, _)| *known < stamp) {
                last = Some((stamp, attempt.verdict == Verdict::Green));
            }
        }
    }
    Ok(last.map(|(_, passed)| passed))
}

/// Returns the branch that asks about a commit.
fn branch_of(commit: &Oid) -> String {
    format!("gt-mq/{}", commit.to_hex_with_len(12))
}

fn branch_ref(commit: &Oid) -> String {
    format!("refs/heads/{}", branch_of(commit))
}

/// Returns the ref where a check answers about a commit.
fn answer_ref(repo: &Repo, commit: &Oid, check: &str) -> String {
    format!("{}{}", answers_about(commit), repo.name_hash(check))
}

/// Returns the folder of all answers about a commit.
fn answers_about(commit: &Oid) -> String {
    format!("refs/gt/ci/{commit}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_checks_pass_through_shells_and_forges() {
        let check = |name: &str, want: bool| {
            assert_eq!(check_name(name).is_ok(), want, "{name:?}");
        };
        for good in ["unit", "test (ubuntu-latest, 1.91)", "ci/build", "0"] {
            check(good, true);
        }
        for bad in [
            "", " ", "unit ", "-x", "../x", "a\"b", "a'b", "a\\b", "a\nb", "a$b", "a*b", "\u{e4}",
        ] {
            check(bad, false);
        }
        check(&"x".repeat(100), true);
        check(&"x".repeat(101), false);
    }
}
