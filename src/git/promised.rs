//! Partial clones: what a filter left on the remote is fetched when it is needed (git-clone(1), `--filter`).

use super::{Oid, Repo};
use crate::fault::Result;

impl Repo {
    /// Fetches those of `ids` that are missing here, and whatever else the ledgers name and a filter has left
    /// on the remote: one by one it would take a connection for each. Returns whether any were missing and
    /// this is a clone that leaves things there.
    pub(super) fn fetch_missing(&self, ids: &[Oid]) -> Result<bool> {
        let missing: Vec<&Oid> = ids.iter().filter(|id| !self.has(id)).collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let promises = |name: &String| {
            let said = self.setting(&format!("remote.{name}.promisor"));
            said.as_deref() == Some("true")
        };
        let Some(remote) = self.remote_names()?.into_iter().find(promises) else {
            return Ok(false);
        };
        let look = [
            "rev-list",
            "--objects",
            "--missing=print",
            "--no-walk",
            "--glob=refs/gt/*",
        ];
        let listed = self.start(&self.git(look))?;
        let mut wanted: String = missing.iter().map(|id| format!("{id}\n")).collect();
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            if let Some(missing) = line.strip_prefix('?') {
                wanted.push_str(&format!("{missing}\n"));
            }
        }
        // As git itself does it (`fetch_objects` in promisor-remote.c).
        let fetch = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            &remote,
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
        ];
        self.execute(&self.git(fetch).stdin(wanted))?;
        Ok(true)
    }
}
