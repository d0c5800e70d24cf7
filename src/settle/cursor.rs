//! How far settling has come: the ledgers and targets it has seen. Losing it costs one full look.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Result};
use crate::git::Oid;
use crate::ledger::Name;
use crate::town::Town;
use crate::world::fs;

/// What was there when the rules last found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    queue: String,
    target: String,
    version: String,
}

impl Cursor {
    /// Returns what the rules would look at now.
    pub(super) fn now(town: &Town) -> Result<Self> {
        let queue = town.repo().find_ref(Name::Queue.ref_name())?;
        let text = |id: Option<Oid>| id.map(|id| id.to_string()).unwrap_or_default();
        let refs = town
            .target(None)
            .map(|target| town.tip_refs(&target))
            .unwrap_or_default();
        let tips = refs
            .iter()
            .map(|name| Ok(text(town.repo().find_ref(name)?)));
        let target = tips.collect::<Result<Vec<_>>>()?.join(" ");
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self {
            queue: text(queue),
            target,
            version,
        })
    }

    /// Returns what was saved, nothing where it is missing or damaged.
    pub(super) fn load(town: &Town) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(town)).ok()?).ok()
    }

    pub(super) fn save(&self, town: &Town) -> Result<()> {
        let path = Self::path(town);
        let text = serde_json::to_vec(self).expect("three texts are JSON");
        let failed = |error: std::io::Error| Fault::io("write", &path, &error);
        fs::create_dir_all(&town.repo().scratch_dir()).map_err(failed)?;
        fs::replace(&path, &text).map_err(failed)
    }

    fn path(town: &Town) -> PathBuf {
        town.repo().scratch_dir().join("settled")
    }
}
