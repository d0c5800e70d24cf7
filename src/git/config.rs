//! Git's own configuration, where machine-local settings live under `gt.*`.

use gix::config::Source;

use super::{Repo, reason};
use crate::fault::{Fault, Result};
use crate::world::World;

/// Adds what the user said with `git -c`, which git hands down in `GIT_CONFIG_PARAMETERS` and gix does
/// not read.
pub(super) fn apply_command_line(world: &World, gix: &mut gix::Repository) -> Result<()> {
    let Some(text) = world.env("GIT_CONFIG_PARAMETERS") else {
        return Ok(());
    };
    let failed = |error: &dyn std::error::Error| {
        Fault::invalid(format!("cannot take over 'git -c': {}", reason(error)))
    };
    let mut config = gix.config_snapshot_mut();
    config
        .append_config(parameters(text), Source::Cli)
        .map_err(|error| failed(&error))?;
    config.commit().map(drop).map_err(|error| failed(&error))
}

/// Reads `'key=value'`, as git before 2.31 wrote it, or `'key'='value'`, one after another; quotes are
/// doubled as a shell needs it (`sq_quote_buf` of git).
fn parameters(text: &str) -> Vec<String> {
    let (mut found, mut word) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\'' => quoted = !quoted,
            '\\' if !quoted => escaped = true,
            ' ' if !quoted => found.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    found
}

impl Repo {
    /// Returns a setting with all of git's rules (system, global, local, `-c`, includes) applied.
    pub fn setting(&self, key: &str) -> Option<String> {
        let config = self.gix.config_snapshot();
        let value = config
            .plumbing()
            .string_filter(key, |it| self.listens_to(it.source));
        value.map(|value| value.to_string())
    }

    /// Returns a setting as [`Repo::setting`] does, but what the repository's own configuration says as it says it
    /// now: another process may have changed it since this was opened.
    pub fn setting_now(&self, key: &str) -> Option<String> {
        let path = self.common_dir().join("config");
        let own = gix::config::File::from_path_no_includes(path.clone(), Source::Local).ok();
        if let Some(value) = own.as_ref().and_then(|own| own.string(key)) {
            return Some(value.to_string());
        }
        let config = self.gix.config_snapshot();
        let is_other = |it: &gix::config::file::Metadata| {
            self.listens_to(it.source) && it.path.as_ref() != Some(&path)
        };
        let value = config.plumbing().string_filter(key, is_other);
        value.map(|value| value.to_string())
    }

    /// Returns whether a setting says yes, as git reads it; no where it says nothing.
    pub fn flag(&self, key: &str) -> bool {
        let said = self.setting(key).map(|it| it.to_ascii_lowercase());
        said.is_some_and(|it| ["true", "yes", "on", "1"].contains(&it.as_str()))
    }

    /// Returns all values of a setting that may have several, in the order of their files.
    pub(super) fn settings(&self, key: &str) -> Vec<String> {
        let config = self.gix.config_snapshot();
        let values = config
            .plumbing()
            .strings_filter(key, |it| self.listens_to(it.source));
        let values = values.into_iter().flatten();
        values.map(|value| value.to_string()).collect()
    }

    /// Returns whether there is any section of this name.
    pub(super) fn has_settings_of(&self, section: &str) -> bool {
        let config = self.gix.config_snapshot();
        let found = config.plumbing().sections_by_name(section);
        found.into_iter().flatten().next().is_some()
    }

    /// Returns whether settings from a source count in the world of this repository. gix reads the
    /// environment of the process, which the world may have parted from, as the demo's does.
    fn listens_to(&self, source: Source) -> bool {
        let env = |key| self.world().env(key);
        match source {
            Source::GitInstallation | Source::System => env("GIT_CONFIG_NOSYSTEM") != Some("1"),
            Source::Git | Source::User => env("GIT_CONFIG_GLOBAL") != Some("/dev/null"),
            Source::Env => env("GIT_CONFIG_COUNT").is_some(),
            _ => true,
        }
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
            if !self.listens_to(section.meta().source) {
                continue;
            }
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

    /// Returns the filters that change files while they are checked out (gitattributes(5)): the setting of each,
    /// and its value.
    pub fn smudge_filters(&self) -> Vec<(String, String)> {
        let config = self.gix.config_snapshot();
        let sections = config.plumbing().sections_by_name("filter");
        let mut found: Vec<(String, String)> = Vec::new();
        for section in sections.into_iter().flatten() {
            let Some(name) = section.header().subsection_name() else {
                continue;
            };
            if !self.listens_to(section.meta().source) {
                continue;
            }
            for key in ["process", "smudge"] {
                if let Some(value) = section.body().value(key) {
                    let setting = format!("filter.{name}.{key}");
                    found.retain(|(known, _)| *known != setting);
                    found.push((setting, value.to_string()));
                }
            }
        }
        found.retain(|(_, value)| !value.is_empty());
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
        if self.setting_now(key).is_none() {
            return Ok(());
        }
        self.execute(&self.git(["config", "--local", "--unset-all", key]))
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_hands_down_is_read_as_it_was_typed() {
        let check = |text, want: &[&str]| assert_eq!(parameters(text), want);
        check("'gt.remote=usb'", &["gt.remote=usb"]);
        check(
            "'gt.remote'='usb'  'a.b'='c d'",
            &["gt.remote=usb", "a.b=c d"],
        );
        check(r"'a.b'='it'\''s'", &["a.b=it's"]);
        check(r"'a.b'='wow'\!''", &["a.b=wow!"]);
        check("'a.flag'=", &["a.flag="]);
        check("'a.flag'", &["a.flag"]);
        check("", &[]);
    }
}
