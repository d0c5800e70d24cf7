//! The project of the demo: a calendar tool in shell and awk, with tests that take about a second.

use std::path::Path;

use crate::fault::{Fault, Result};
use crate::world::process::Run;
use crate::world::{World, fs};

/// What the project is called.
pub(super) const NAME: &str = "almanac";

/// The scripted agent.
pub(super) const POLECAT: &str = include_str!("polecat.sh");

/// Its command that must pass.
pub(super) const TEST: &str = "sh test.sh";

const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("project/README.md")),
    ("bin/almanac", include_str!("project/bin/almanac")),
    ("lib/add.awk", include_str!("project/lib/add.awk")),
    ("lib/date.awk", include_str!("project/lib/date.awk")),
    ("lib/weekday.awk", include_str!("project/lib/weekday.awk")),
    ("test.sh", include_str!("project/test.sh")),
    ("tests/add.sh", include_str!("project/tests/add.sh")),
    ("tests/weekday.sh", include_str!("project/tests/weekday.sh")),
];

const BEADS: &str = include_str!("beads.tsv");

/// A piece of work of the demo.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// Which change of `polecat.sh` does it.
    pub(super) number: &'static str,
    pub(super) issue_type: &'static str,
    pub(super) priority: i64,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
}

/// Returns the eight pieces of work.
pub(super) fn backlog() -> Vec<Work> {
    let work = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut next = || {
            fields
                .next()
                .expect("a line of the backlog has five fields")
        };
        Work {
            number: next(),
            issue_type: next(),
            priority: next().parse().expect("a priority is a number"),
            title: next(),
            description: next(),
        }
    };
    BEADS
        .lines()
        .filter(|line| !line.is_empty())
        .map(work)
        .collect()
}

/// Makes the project as a repository with one commit, and a bare remote it is pushed to.
pub(super) fn make(world: &World, dir: &Path) -> Result<()> {
    let project = dir.join(NAME);
    for (path, content) in FILES {
        let path = project.join(path);
        fs::create_new(&path, content.as_bytes())
            .map_err(|error| Fault::io("write", &path, &error))?;
    }
    let remote = dir.join("remote.git").display().to_string();
    git(
        world,
        dir,
        &[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &remote,
        ],
    )?;
    git(
        world,
        &project,
        &["init", "--quiet", "--initial-branch=main"],
    )?;
    git(world, &project, &["remote", "add", "origin", &remote])?;
    git(world, &project, &["add", "--all"])?;
    git(
        world,
        &project,
        &["commit", "--quiet", "--message=A calendar in shell and awk"],
    )?;
    git(
        world,
        &project,
        &["push", "--quiet", "--set-upstream", "origin", "main"],
    )
}

/// Runs git for the demo.
pub(super) fn git(world: &World, dir: &Path, args: &[&str]) -> Result<()> {
    fs::count();
    let run = Run::new("git", dir).args(args.iter().copied());
    let output = run
        .output(world)
        .map_err(|error| Fault::unavailable(format!("cannot run git: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Fault::unavailable(format!(
        "'{}' failed: {said}",
        run.line()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_is_eight_pieces_of_work() {
        let numbers: Vec<&str> = backlog().iter().map(|work| work.number).collect();
        assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    }
}
