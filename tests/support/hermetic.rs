//! Commands that know nothing of the machine they run on but where its programs are.

use std::path::Path;
use std::process::{Command, Stdio};

/// Takes everything of the user's from a command: it is at home in a folder, and is told nothing.
pub(crate) fn hermetic(command: &mut Command, home: &Path) {
    let hash = std::env::var("GIT_DEFAULT_HASH").unwrap_or_else(|_| "sha1".to_owned());
    let path = std::env::var_os("PATH").expect("there is a PATH");
    command
        .env_clear()
        .env("GIT_DEFAULT_HASH", hash)
        .env("PATH", path)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
}
