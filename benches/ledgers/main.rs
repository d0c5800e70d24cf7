//! What ledgers cost, measured against git itself in turns in the same run: `cargo bench`.
//!
//! `cargo bench -- PART... [--beads=N,N...]` measures some parts (`commands`, `queries`, `writers`, `sync`; `queue`,
//! which has no beads) or other sizes. Figures are wall times of whole processes; what counts is the ratio.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time, starts programs and prints"
)]

mod commands;
mod fixture;
mod queries;
mod queue;
#[expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "it serves tests too, which say what they skip"
)]
#[path = "../../tests/support/server.rs"]
mod server;
mod sync;
mod table;
mod writers;

use anyhow::{Result, bail};

use fixture::Fixture;

type Part = fn(&Fixture) -> Result<()>;

/// What can be measured over one ledger, in the order in which it is.
const PARTS: [(&str, Part); 4] = [
    ("commands", commands::run),
    ("queries", queries::run),
    ("writers", writers::run),
    ("sync", sync::run_all),
];

/// What is measured once, in repositories of its own.
const QUEUE: &str = "queue";

fn main() -> Result<()> {
    let mut sizes = vec![1_000, 10_000, 100_000];
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo adds it.
            "--bench" => {}
            // What the benchmark calls itself for.
            fixture::PEAK => return fixture::print_peak(&words.collect::<Vec<_>>()),
            word => match word.strip_prefix("--beads=") {
                Some(list) => sizes = list.split(',').map(str::parse).collect::<Result<_, _>>()?,
                None if word == QUEUE || PARTS.iter().any(|(name, _)| *name == word) => {
                    wanted.push(word.to_owned());
                }
                None => bail!("there is no part '{word}'"),
            },
        }
    }
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|it| it == part);
    let _installed = fixture::install()?;
    if is_wanted(QUEUE) {
        queue::run_all()?;
    }
    if !PARTS.iter().any(|(name, _)| is_wanted(name)) {
        return Ok(());
    }
    for beads in sizes {
        let fixture = Fixture::new(beads)?;
        println!("\n# {beads} beads ({})\n", fixture.made_in());
        for (name, run) in PARTS {
            if is_wanted(name) {
                run(&fixture)?;
            }
        }
    }
    Ok(())
}
