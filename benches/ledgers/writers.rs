//! Many processes that write at once, as fast as they can and at the pace of agents.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::commands::CAT_FILE;
use crate::fixture::{self, Done, Fixture};
use crate::table::{ms, part};

/// How often a program runs in all.
const WRITES: usize = 1_500;

/// How many writes an agent makes in a second, and for how many seconds.
const PACE: u32 = 4;
const SECONDS: u32 = 5;

/// What the writers run.
const CREATE: &str = "git gt create";

/// Measures 1, 10 and 30 writers in a closed loop, beside programs that write less and one that does nothing,
/// then 30 writers at the pace of agents.
pub(crate) fn run(fixture: &Fixture) -> Result<()> {
    let repo = fixture.repo();
    let create = |title: &str| fixture.gt(&["create", title, "--silent"]);
    let hash = |title: &str| fixture.git(&["hash-object", "-w", "--stdin"], title);
    let cat = |_: &str| fixture.git(&["cat-file", "blob", &fixture.object], "");
    let nothing = |_: &str| fixture::run(&repo, "true", &[], "");
    println!("## Many processes at once\n");
    println!("| | processes | op/s | p50 ms | p99 ms | lost |\n|---|---|---|---|---|---|");
    for processes in [1, 10, 30] {
        print(fixture, CREATE, (processes, None), &create)?;
    }
    print(fixture, "git hash-object -w --stdin", (30, None), &hash)?;
    print(fixture, CAT_FILE, (30, None), &cat)?;
    print(fixture, "an empty program (true)", (30, None), &nothing)?;
    let what = format!("{CREATE}, {PACE} times a second each");
    let pause = Duration::from_secs(1) / PACE;
    print(fixture, &what, (30, Some(pause)), &create)?;
    println!();
    Ok(())
}

/// Runs a program once, with the title of a bead that it may make.
type Program<'a> = dyn Fn(&str) -> Result<Done> + Sync + 'a;

/// Runs so many processes at once, one after the other without a pause or at a pace, and sees that no bead is
/// lost.
fn print(
    fixture: &Fixture,
    what: &str,
    (processes, pause): (usize, Option<Duration>),
    program: &Program<'_>,
) -> Result<()> {
    let before = beads(fixture)?;
    let each = match pause {
        None => WRITES / processes,
        Some(_) => (PACE * SECONDS) as usize,
    };
    let start = Instant::now();
    let mut all = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let threads: Vec<_> = (0..processes)
            .map(|number| scope.spawn(move || run_each((number, processes), each, pause, program)))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("a writer does not panic")?);
        }
        Ok(all)
    })?;
    let took = start.elapsed();
    all.sort();
    let made = if what.starts_with(CREATE) {
        all.len()
    } else {
        0
    };
    let lost = before + made - beads(fixture)?;
    println!(
        "| {what} | {processes} | {:.0} | {} | {} | {lost} |",
        all.len() as f64 / took.as_secs_f64(),
        ms(part(&all, 50)),
        ms(part(&all, 99)),
    );
    ensure!(lost == 0, "{lost} beads are lost");
    Ok(())
}

fn run_each(
    (number, processes): (usize, usize),
    each: usize,
    pause: Option<Duration>,
    program: &Program<'_>,
) -> Result<Vec<Duration>> {
    let mut all = Vec::with_capacity(each);
    // Agents do not all move in the same moment.
    let start = Instant::now() + pause.unwrap_or_default() * number as u32 / processes as u32;
    for round in 0..each {
        if let Some(pause) = pause {
            let next = start + pause * round as u32;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        all.push(program(&format!("bead {round} of writer {number}"))?.took);
    }
    Ok(all)
}

fn beads(fixture: &Fixture) -> Result<usize> {
    let files = fixture.git(&["ls-tree", "-r", "--name-only", "refs/gt/beads"], "")?;
    Ok(files.text.lines().count())
}
