//! Single commands as whole processes against git itself, in turns in the same run: `cargo bench`.
//!
//! The figures are medians of wall time; what counts is the ratio to `git cat-file` and
//! `git hash-object -w` on the same repository.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time, starts programs and prints"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How many beads the repository holds.
const BEADS: usize = 1_000;
/// How often every command runs.
const ROUNDS: usize = 60;

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    prepare(dir.path())?;
    let mut rows: Vec<(&str, Vec<Duration>)> = Vec::new();
    let place = path_of(dir.path(), "bench-00008")?;
    let object = format!("refs/gt/beads:{place}");
    let mut made = Vec::new();
    for round in 0..ROUNDS {
        let title = format!("made in round {round}");
        let mut row = |name, took| match rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(took),
            None => rows.push((name, vec![took])),
        };
        let gt = |args: &[&str]| timed(dir.path(), env!("CARGO_BIN_EXE_git-gt"), args, "");
        let git = |args: &[&str], input: &str| timed(dir.path(), "git", args, input);
        row(
            "git cat-file blob REF:PATH",
            git(&["cat-file", "blob", &object], "")?.0,
        );
        row(
            "git hash-object -w --stdin",
            git(&["hash-object", "-w", "--stdin"], &title)?.0,
        );
        row("git gt show ID", gt(&["show", "bench-00008"])?.0);
        let (took, id) = gt(&["create", &title, "--silent"])?;
        row("git gt create", took);
        made.push(id.trim().to_owned());
        row(
            "git gt update ID -p 1",
            gt(&["update", &made[round], "-p", "1"])?.0,
        );
        row("git gt close ID", gt(&["close", &made[round]])?.0);
        row(
            "git gt ready --limit 20",
            gt(&["ready", "--limit", "20"])?.0,
        );
        row("git gt list --limit 20", gt(&["list", "--limit", "20"])?.0);
        row("git gt version", gt(&["version"])?.0);
    }
    print_table(&mut rows);
    Ok(())
}

/// Makes a repository with beads in it, as an import writes them.
fn prepare(dir: &Path) -> Result<()> {
    timed(
        dir,
        "git",
        &["init", "--quiet", "--initial-branch=main"],
        "",
    )?;
    timed(
        dir,
        env!("CARGO_BIN_EXE_git-gt"),
        &["init", "--prefix", "bench"],
        "",
    )?;
    let text = "All work and no play makes a dull bead. ".repeat(15);
    let line = |number: usize| {
        let status = if number.is_multiple_of(8) {
            "open"
        } else {
            "closed"
        };
        format!(
            "{{\"id\":\"bench-{number:05}\",\"title\":\"bead {number}\",\"description\":\"{text}\",\
             \"status\":\"{status}\",\"priority\":{},\"issue_type\":\"task\",\
             \"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-02T00:00:00Z\"}}\n",
            number % 5
        )
    };
    let all: String = (0..BEADS).map(line).collect();
    timed(dir, env!("CARGO_BIN_EXE_git-gt"), &["import", "-"], &all)?;
    Ok(())
}

fn path_of(dir: &Path, id: &str) -> Result<String> {
    let (_, listed) = timed(
        dir,
        "git",
        &["ls-tree", "-r", "--name-only", "refs/gt/beads"],
        "",
    )?;
    let found = listed
        .lines()
        .find(|line| line.ends_with(&format!("/{id}.json")));
    found
        .map(str::to_owned)
        .context("the bead is in the ledger")
}

/// Runs a program to its end and returns how long that took, and what it printed.
fn timed(dir: &Path, program: &str, args: &[&str], input: &str) -> Result<(Duration, String)> {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
        .env("BD_ACTOR", "bench")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut pipe = child.stdin.take().context("its input is a pipe")?;
    std::io::Write::write_all(&mut pipe, input.as_bytes())?;
    drop(pipe);
    let output = child.wait_with_output()?;
    let took = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {args:?}: {said}");
    Ok((took, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn print_table(rows: &mut [(&str, Vec<Duration>)]) {
    rows.iter_mut().for_each(|(_, all)| all.sort());
    let at = |all: &[Duration], percent: usize| {
        all[(all.len() * percent / 100).min(all.len() - 1)].as_secs_f64() * 1000.0
    };
    let (read, write) = (at(&rows[0].1, 50), at(&rows[1].1, 50));
    println!("{BEADS} beads, {ROUNDS} rounds, milliseconds of the whole process");
    println!(
        "{:28} {:>7} {:>7} {:>12} {:>16}",
        "", "p50", "p90", "/ cat-file", "/ hash-object"
    );
    for (name, all) in rows.iter() {
        let (p50, p90) = (at(all, 50), at(all, 90));
        println!(
            "{name:28} {p50:7.2} {p90:7.2} {:11.2}x {:15.2}x",
            p50 / read,
            p50 / write
        );
    }
}
