//! Queries over an index that is missing, or older than the ledger, and the memory they take.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::commands::CAT_FILE;
use crate::fixture::{self, Fixture, lines};
use crate::table::Table;

/// How often each of them runs.
const ROUNDS: usize = 10;

const QUERY: [&str; 3] = ["ready", "--limit", "20"];

/// Measures queries with every state of the index that can be met.
pub(crate) fn run(fixture: &Fixture) -> Result<()> {
    let mut table = Table::default();
    let index = fixture.repo().join(".git/gt/index");
    let kept = fixture.path("index");
    for round in 0..ROUNDS {
        let cat = fixture.git(&["cat-file", "blob", &fixture.object], "")?;
        table.add(CAT_FILE, cat.took);
        remove(&index)?;
        table.add("ready, no index", fixture.gt(&QUERY)?.took);
        table.add("ready", fixture.gt(&QUERY)?.took);
        for changed in [1, 1_000] {
            // What is changed is written down in the index too; it is put back as it was before.
            copy(&index, &kept)?;
            let text = lines(0..changed.min(fixture.beads));
            fixture::run(&fixture.repo(), fixture::program(), &["import", "-"], &text)?;
            copy(&kept, &index)?;
            let name = format!("ready, first after {changed} changed elsewhere");
            table.add(&name, fixture.gt(&QUERY)?.took);
        }
        if round % 3 == 0 {
            table.add("list --json --all", listing(fixture)?);
        }
    }
    table.print("Queries", &[(CAT_FILE, "cat-file")]);
    let mib = |args: &[&str]| fixture::peak(&fixture.repo(), args);
    println!(
        "Memory at its peak: ready {:.1} MiB, with no index {:.1} MiB, list --json --all {:.1} MiB.\n",
        mib(&QUERY)?,
        remove(&index).and_then(|()| mib(&QUERY))?,
        mib(&["list", "--json", "--all"])?
    );
    Ok(())
}

fn listing(fixture: &Fixture) -> Result<Duration> {
    Ok(fixture
        .gt(&["list", "--json", "--all", "--limit", "0"])?
        .took)
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
