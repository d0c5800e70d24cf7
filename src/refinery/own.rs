//! Which recorded runs are this Refinery's own: only those count as evidence (DESIGN 3.6).
//!
//! Whoever can push results can write this clone's id into them, so the id proves nothing; this list never
//! leaves the machine. Losing it costs gate runs, nothing else.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::RunResult;
use crate::town::Town;
use crate::world::fs;

/// The runs that were made here.
#[derive(Debug, Default)]
pub(super) struct Own(HashSet<String>);

impl Own {
    /// Returns what was noted; nothing where the list is gone.
    pub(super) fn load(town: &Town) -> Self {
        let text = std::fs::read_to_string(path(town)).unwrap_or_default();
        Self(text.lines().map(str::to_owned).collect())
    }

    /// Notes a run that was recorded.
    ///
    /// After a crash between record and note the run is made again.
    pub(super) fn note(&mut self, town: &Town, result: &str, stamp: &Stamp) -> Result<()> {
        let line = format!("{result} {stamp}");
        let path = path(town);
        fs::append(&path, format!("{line}\n").as_bytes())
            .map_err(|error| Fault::io("write", &path, &error))?;
        self.0.insert(line);
        Ok(())
    }

    /// Returns whether a recorded run was made here.
    pub(super) fn holds(&self, result: &RunResult, stamp: &Stamp) -> bool {
        self.0
            .contains(&format!("{} {stamp}", result.record().id()))
    }
}

fn path(town: &Town) -> PathBuf {
    town.repo().scratch_dir().join("attempts")
}
