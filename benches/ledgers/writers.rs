//! Many processes that write at once, as fast as they can and at the pace of agents.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::fixture::Fixture;
use crate::table::{ms, part};

/// How many beads each run makes.
const WRITES: usize = 1_500;

/// How many writes an agent makes in a second, and for how many seconds.
const PACE: u32 = 4;
const SECONDS: u32 = 5;

/// Measures 1, 10 and 30 writers in a closed loop, then 30 at the pace of agents.
pub(crate) fn run(fixture: &Fixture) -> Result<()> {
    println!("## Writers: git gt create\n");
    println!("| writers | op/s | p50 ms | p99 ms | lost |\n|---|---|---|---|---|");
    for writers in [1, 10, 30] {
        print(
            fixture,
            &format!("{writers}, in a closed loop"),
            writers,
            None,
        )?;
    }
    let pause = Duration::from_secs(1) / PACE;
    print(
        fixture,
        &format!("30, {PACE} times a second each"),
        30,
        Some(pause),
    )?;
    println!();
    Ok(())
}

fn print(fixture: &Fixture, what: &str, writers: usize, pause: Option<Duration>) -> Result<()> {
    let before = beads(fixture)?;
    let each = match pause {
        None => WRITES / writers,
        Some(_) => (PACE * SECONDS) as usize,
    };
    let start = Instant::now();
    let mut all = std::thread::scope(|scope| -> Result<Vec<Duration>> {
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || write(fixture, (writer, writers), each, pause)))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().expect("a writer does not panic")?);
        }
        Ok(all)
    })?;
    let took = start.elapsed();
    all.sort();
    let lost = before + all.len() - beads(fixture)?;
    println!(
        "| {what} | {:.0} | {} | {} | {lost} |",
        all.len() as f64 / took.as_secs_f64(),
        ms(part(&all, 50)),
        ms(part(&all, 99)),
    );
    ensure!(lost == 0, "{lost} beads are lost");
    Ok(())
}

fn write(
    fixture: &Fixture,
    (writer, writers): (usize, usize),
    each: usize,
    pause: Option<Duration>,
) -> Result<Vec<Duration>> {
    let mut all = Vec::with_capacity(each);
    // Agents do not all move in the same moment.
    let start = Instant::now() + pause.unwrap_or_default() * writer as u32 / writers as u32;
    for round in 0..each {
        if let Some(pause) = pause {
            let next = start + pause * round as u32;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let title = format!("bead {round} of writer {writer}");
        all.push(fixture.gt(&["create", &title, "--silent"])?.took);
    }
    Ok(all)
}

fn beads(fixture: &Fixture) -> Result<usize> {
    let files = fixture.git(&["ls-tree", "-r", "--name-only", "refs/gt/beads"], "")?;
    Ok(files.text.lines().count())
}
