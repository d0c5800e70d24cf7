//! Git's own configuration, where machine-local settings live under `gt.*`.

use super::Repo;
use crate::fault::Result;

impl Repo {
    /// Returns a setting with all of git's rules (system, global, local, `-c`, includes) applied.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.gix
            .config_snapshot()
            .string(key)
            .map(|value| value.to_string())
    }

    /// Returns `(name, value)` of every `gt.<group>.<name>.<key>`, in the order of their files; of several
    /// values the last one counts.
    pub fn settings_of(&self, group: &str, key: &str) -> Vec<(String, String)> {
        let config = self.gix.config_snapshot();
        let prefix = format!("{group}.");
        let mut found: Vec<(String, String)> = Vec::new();
        for section in config
            .plumbing()
            .sections_by_name("gt")
            .into_iter()
            .flatten()
        {
            let Some(name) = section.header().subsection_name() else {
                continue;
            };
            let Some(name) = name.to_string().strip_prefix(&prefix).map(str::to_owned) else {
                continue;
            };
            if let Some(value) = section.body().value(key) {
                found.retain(|(known, _)| *known != name);
                found.push((name, value.to_string()));
            }
        }
        found
    }

    /// Writes a setting into the repository's own configuration, which all its worktrees share.
    ///
    /// Git writes the file as a whole: after a crash it holds the old setting or the new one. The value
    /// is seen by repositories opened from now on.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<()> {
        self.execute(&self.git(["config", "--local", "--replace-all", key, value]))
            .map(drop)
    }

    /// Removes a setting from the repository's own configuration; one that is not there is no error.
    pub fn unset_setting(&self, key: &str) -> Result<()> {
        if self.setting(key).is_none() {
            return Ok(());
        }
        self.execute(&self.git(["config", "--local", "--unset-all", key]))
            .map(drop)
    }
}
