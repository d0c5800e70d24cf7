//! Single commands as whole processes, each in turn.

use anyhow::Result;

use crate::fixture::{self, Fixture};
use crate::table::Table;

/// How often every command runs.
const ROUNDS: usize = 100;

/// What git takes to read one file of a commit: what all commands are compared with.
pub(crate) const CAT_FILE: &str = "git cat-file blob REF:PATH";

/// Runs every command as often as it is to run.
pub(crate) fn run(fixture: &Fixture) -> Result<()> {
    let mut table = Table::default();
    for round in 0..ROUNDS {
        let title = format!("made in round {round}");
        table.add(
            "an empty program (true)",
            fixture::run(&fixture.repo(), "true", &[], "")?.took,
        );
        let cat = fixture.git(&["cat-file", "blob", &fixture.object], "")?;
        table.add(CAT_FILE, cat.took);
        let hash = fixture.git(&["hash-object", "-w", "--stdin"], &title)?;
        table.add("git hash-object -w --stdin", hash.took);
        table.add("git gt version", fixture.gt(&["version"])?.took);
        table.add(
            "git gt show ID",
            fixture.gt(&["show", "bench-0000008"])?.took,
        );
        let made = fixture.gt(&["create", &title, "--silent"])?;
        table.add("git gt create TITLE", made.took);
        let id = made.text.trim();
        let changed = fixture.gt(&["update", id, "--priority", "1"])?;
        table.add("git gt update ID --priority 1", changed.took);
        table.add("git gt close ID", fixture.gt(&["close", id])?.took);
        let ready = fixture.gt(&["ready", "--limit", "20"])?;
        table.add("git gt ready --limit 20", ready.took);
        let filters = ["list", "--limit", "20", "--priority", "2", "--label", "api"];
        let listed = fixture.gt(&filters)?;
        table.add(
            "git gt list --limit 20 --priority 2 --label api",
            listed.took,
        );
    }
    let to = [
        (CAT_FILE, "cat-file"),
        ("git hash-object -w --stdin", "hash-object"),
    ];
    table.print("Single commands", &to);
    Ok(())
}
