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
use crate::town::Home;

pub(super) use ask::{Ask, Board, Collected, Wanted, ask, collect, expire, is_asked};
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
