//! The projects of the demo: a small library in shell and awk, and a small tool with a copy of a part of it.

use std::path::Path;

use crate::fault::{Fault, Result};
use crate::world::process::Run;
use crate::world::{World, fs};

/// The scripted agent.
pub(super) const POLECAT: &str = include_str!("polecat.sh");

/// What must pass in both projects.
pub(super) const TEST: &str = "sh test.sh";

/// A repository of the demo.
pub(super) struct Project {
    /// What it is called.
    pub(super) name: &'static str,
    /// How the ids of its beads begin.
    pub(super) prefix: &'static str,
    subject: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// The library, then the tool.
pub(super) const PROJECTS: [Project; 2] = [
    Project {
        name: "almanac",
        prefix: "al",
        subject: "A calendar in shell and awk",
        files: &[
            ("README.md", include_str!("almanac/README.md")),
            ("bin/almanac", include_str!("almanac/bin/almanac")),
            ("lib/add.awk", include_str!("almanac/lib/add.awk")),
            ("lib/date.awk", DATE),
            ("lib/weekday.awk", include_str!("almanac/lib/weekday.awk")),
            ("test.sh", TESTS),
            ("tests/add.sh", include_str!("almanac/tests/add.sh")),
            ("tests/weekday.sh", include_str!("almanac/tests/weekday.sh")),
        ],
    },
    Project {
        name: "agenda",
        prefix: "ag",
        subject: "Appointments, with almanac's dates",
        files: &[
            ("README.md", include_str!("agenda/README.md")),
            ("agenda", include_str!("agenda/agenda")),
            ("bin/agenda", include_str!("agenda/bin/agenda")),
            ("lib/all.awk", include_str!("agenda/lib/all.awk")),
            ("lib/date.awk", DATE),
            ("lib/read.awk", include_str!("agenda/lib/read.awk")),
            ("test.sh", TESTS),
            ("tests/all.sh", include_str!("agenda/tests/all.sh")),
        ],
    },
];

const DATE: &str = include_str!("almanac/lib/date.awk");
const TESTS: &str = include_str!("almanac/test.sh");

const BEADS: &str = include_str!("beads.tsv");

/// A piece of work of the demo.
#[derive(Debug, Clone)]
pub(super) struct Work {
    /// Which change of `polecat.sh` does it.
    pub(super) number: u32,
    /// The project it is for.
    pub(super) rig: &'static str,
    /// Whether it is among the eight that are begun at once.
    pub(super) is_first: bool,
    pub(super) issue_type: &'static str,
    pub(super) priority: i64,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
}

/// Returns the twelve pieces of work, in the order in which they are slung.
pub(super) fn backlog() -> Vec<Work> {
    let work = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut next = || {
            fields
                .next()
                .expect("a line of the backlog has seven fields")
        };
        Work {
            number: next().parse().expect("a change is known by a number"),
            rig: next(),
            is_first: next() == "1",
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

/// Returns the path of a remote of the demo.
pub(super) fn remote(dir: &Path, name: &str) -> String {
    let path = dir.join("remotes").join(format!("{name}.git"));
    path.display().to_string()
}

/// Makes the remotes: of each project with one commit, of HQ an empty one.
pub(super) fn make(world: &World, dir: &Path) -> Result<()> {
    let bare = ["init", "--quiet", "--bare", "--initial-branch=main"];
    let hq = remote(dir, "hq");
    git(world, dir, &[&bare[..], &[&hq]].concat())?;
    for project in &PROJECTS {
        let seed = dir.join("seed").join(project.name);
        for (path, content) in project.files {
            let path = seed.join(path);
            fs::create_new(&path, content.as_bytes())
                .map_err(|error| Fault::io("write", &path, &error))?;
        }
        let (seed, remote) = (seed.as_path(), remote(dir, project.name));
        git(world, seed, &["init", "--quiet", "--initial-branch=main"])?;
        git(world, seed, &["add", "--all"])?;
        git(world, seed, &["commit", "--quiet", "-m", project.subject])?;
        git(world, seed, &["clone", "--quiet", "--bare", ".", &remote])?;
    }
    let seed = dir.join("seed");
    fs::remove_dir_all(&seed).map_err(|error| Fault::io("remove", &seed, &error))
}

/// Runs git for the demo and returns what it printed.
pub(super) fn git(world: &World, dir: &Path, args: &[&str]) -> Result<String> {
    fs::count();
    let run = Run::new("git", dir).args(args.iter().copied());
    let output = run
        .output(world)
        .map_err(|error| Fault::unavailable(format!("cannot run git: {error}")))?;
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return Ok(said.trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Fault::unavailable(format!(
        "'{}' failed: {said}",
        run.line()
    )))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_backlog_is_twelve_pieces_of_work_eight_of_which_come_first() {
        let all = backlog();
        let numbers: BTreeSet<u32> = all.iter().map(|work| work.number).collect();
        assert_eq!(numbers, (1..=12).collect());
        assert_eq!(all.iter().filter(|work| work.is_first).count(), 8);
        // The order of the first queue must not hang on who is done first; 8 is killed and comes last.
        let first = all
            .iter()
            .filter(|it| it.is_first && it.number != 8)
            .map(|it| (it.rig, it.priority))
            .collect::<Vec<_>>();
        let different: BTreeSet<_> = first.iter().collect();
        assert_eq!(different.len(), first.len());
    }
}
