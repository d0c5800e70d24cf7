//! How far settling has come: the ledgers and targets it has seen. Losing it costs one full look.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gates::Waiting;
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::ledger::Name;
use crate::record::Request;
use crate::town::Home;
use crate::world::fs;

/// What was there when the rules last found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) queue: String,
    pub(super) beads: String,
    pub(super) convoys: String,
    /// Where the branches stood that requests wait to land on.
    targets: BTreeMap<String, String>,
    version: String,
    /// The gates that open by themselves.
    pub(super) gates: Waiting,
}

impl Cursor {
    /// Returns where the ledgers stand. To be asked before what they hold: what changes after that is looked
    /// at the next time.
    pub(super) fn now(home: &Home) -> Result<Self> {
        Ok(Self {
            queue: of_ledger(home, Name::Queue)?,
            beads: of_ledger(home, Name::Beads)?,
            convoys: of_ledger(home, Name::Convoys)?,
            targets: BTreeMap::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            gates: Waiting::new(),
        })
    }

    /// Returns the same with where the branches stand that live requests wait to land on.
    pub(super) fn with_targets_of(self, home: &Home, requests: &[Request]) -> Result<Self> {
        let branches: BTreeSet<&str> = requests.iter().map(Request::target).collect();
        Ok(Self {
            targets: stand(home, branches)?,
            ..self
        })
    }

    /// Returns the same with the gates that `earlier` knows of.
    pub(super) fn with_gates_of(self, earlier: Option<&Self>) -> Self {
        let gates = earlier.map(|it| it.gates.clone()).unwrap_or_default();
        Self { gates, ..self }
    }

    /// Returns the same where neither the queue nor a target has moved since `earlier`.
    pub(super) fn with_queue_of(self, earlier: &Self) -> Self {
        Self {
            queue: earlier.queue.clone(),
            targets: earlier.targets.clone(),
            ..self
        }
    }

    /// Returns whether it was left by a program that drew the same consequences.
    pub(super) fn is_of(&self, now: &Self) -> bool {
        self.version == now.version
    }

    /// Returns whether neither the queue nor a target has moved when the ledgers stand as in `now`.
    pub(super) fn has_queue_of(&self, now: &Self, home: &Home) -> Result<bool> {
        let branches = self.targets.keys().map(String::as_str);
        Ok(self.is_of(now) && self.queue == now.queue && self.targets == stand(home, branches)?)
    }

    /// Returns what was saved, nothing where it is missing or damaged.
    pub(super) fn load(home: &Home) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(home)).ok()?).ok()
    }

    /// Saves it in place. Who reads meanwhile, or after a power cut, may find parts of two of them: each part
    /// was settled, and what is no longer a commit costs one full look.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        let path = Self::path(home);
        let text = serde_json::to_vec(self).expect("texts are JSON");
        let failed = |error: std::io::Error| Fault::io("write", &path, &error);
        fs::overwrite(&path, &text).map_err(failed)
    }

    fn path(home: &Home) -> PathBuf {
        home.repo().scratch_dir().join("settled")
    }
}

/// Returns where branches stand, by every ref that says something about it.
fn stand<'a>(
    home: &Home,
    branches: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>> {
    let stand = |branch: &str| -> Result<(String, String)> {
        // What cannot be a branch came from outside; nothing lands there, and it is in nobody's way.
        let tips = home.target(Some(branch)).map(|it| home.tip_refs(&it));
        let tips = tips.unwrap_or_default();
        let tips = tips.iter().map(|name| tip(home.repo(), name));
        Ok((
            branch.to_owned(),
            tips.collect::<Result<Vec<_>>>()?.join(" "),
        ))
    };
    branches.into_iter().map(stand).collect()
}

fn of_ledger(home: &Home, name: Name) -> Result<String> {
    let tip = home.tip_of(name)?;
    Ok(tip.map(|id| id.to_string()).unwrap_or_default())
}

fn tip(repo: &Repo, name: &str) -> Result<String> {
    let found = repo.find_ref(name)?;
    Ok(found.map(|id| id.to_string()).unwrap_or_default())
}
