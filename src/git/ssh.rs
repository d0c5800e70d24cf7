//! Detached signatures with ssh keys, made and checked by ssh-keygen(1) as git does it where `gpg.format` is
//! `ssh` (git-config(1)).

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Repo;
use super::command::one_line;
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::{Output, Run};

/// What our signatures are for: a signature of git's says nothing about ours, and ours nothing about git's.
const NAMESPACE: &str = "git-gt";

impl Repo {
    /// Returns the signature of a text by the key that git signs with: `user.signingKey`, a file or the key
    /// itself.
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        let key = self.setting("user.signingKey").unwrap_or_default();
        if key.is_empty() {
            return Err(Fault::refused("git does not know the key to sign with")
                .hint("git config user.signingKey ~/.ssh/id_ed25519.pub")
                .hint("or sign nothing: git gt config set sign false"));
        }
        let scratch = self.ssh_scratch()?;
        let literal = key
            .strip_prefix("key::")
            .or_else(|| key.starts_with("ssh-").then_some(key.as_str()));
        let file = match literal {
            // Its other half is with ssh-agent.
            Some(key) => write(&scratch.path().join("key.pub"), key.as_bytes())?,
            None => self.path_of(&key),
        };
        let agent = literal.map(|_| "-U");
        let run = self
            .ssh_keygen()
            .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
            .args([file.display().to_string()])
            .args(agent)
            .stdin(text);
        let output = self.ask(&run)?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        let said = one_line(&String::from_utf8_lossy(&output.stderr));
        Err(Fault::unavailable(format!(
            "cannot sign with '{key}': {said}"
        )))
    }

    /// Returns who signed a text, where a key of the file `allowed` did and is good now; that of
    /// `gpg.ssh.revocationFile` are not.
    pub fn signer(&self, text: &[u8], signature: &[u8], allowed: &Path) -> Result<Option<String>> {
        let scratch = self.ssh_scratch()?;
        let signature = write(&scratch.path().join("signature"), signature)?;
        let run = |verb: &str| {
            let now = self.world().now().to_string();
            let now: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
            self.ssh_keygen()
                .args(["-Y", verb, "-f"])
                .args([allowed.display().to_string()])
                .args(["-s".to_owned(), signature.display().to_string()])
                .args([format!("-Overify-time={now}")])
                // The time is taken for one of this zone.
                .env("TZ", "UTC")
        };
        let found = self.ask(&run("find-principals"))?;
        if !found.status.success() {
            return Ok(None);
        }
        let revoked = self.setting("gpg.ssh.revocationFile");
        let revoked = revoked.filter(|file| !file.is_empty());
        let revoked = revoked.map(|file| self.path_of(&file).display().to_string());
        let names = String::from_utf8_lossy(&found.stdout).into_owned();
        for name in names.lines().filter(|name| !name.is_empty()) {
            let mut check = run("verify").args(["-n", NAMESPACE, "-I", name]);
            if let Some(file) = &revoked {
                check = check.args(["-r", file]);
            }
            if self.ask(&check.stdin(text))?.status.success() {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    fn ssh_keygen(&self) -> Run {
        let program = self.setting("gpg.ssh.program").unwrap_or_default();
        let program = match program.as_str() {
            "" => PathBuf::from("ssh-keygen"),
            program => self.path_of(program),
        };
        Run::new(program, self.common_dir()).env("LC_ALL", "C")
    }

    fn ask(&self, run: &Run) -> Result<Output> {
        run.output(self.world()).map_err(|error| {
            Fault::unavailable(format!("cannot run ssh-keygen: {error}"))
                .hint("it comes with OpenSSH; gpg.ssh.program names another one")
        })
    }

    /// Returns the file a setting names: `~` is the user's home, and what is relative stands below the top.
    pub fn path_of(&self, setting: &str) -> PathBuf {
        let home = || self.world().env("HOME").unwrap_or_default();
        match setting.strip_prefix("~/") {
            Some(rest) => Path::new(home()).join(rest),
            // The name of a program is looked up.
            None if !setting.contains('/') && !self.root().join(setting).exists() => setting.into(),
            None => self.root().join(setting),
        }
    }

    /// Returns a folder for files that ssh-keygen reads. After a crash it stays, with nothing secret in it.
    fn ssh_scratch(&self) -> Result<TempDir> {
        let scratch = self.scratch_dir();
        fs::create_dir_all(&scratch).map_err(|error| Fault::io("make folder", &scratch, &error))?;
        let made = tempfile::Builder::new().prefix("ssh-").tempdir_in(&scratch);
        made.map_err(|error| Fault::io("make a folder in", &scratch, &error))
    }
}

fn write(path: &Path, content: &[u8]) -> Result<PathBuf> {
    fs::create_new(path, content).map_err(|error| Fault::io("write", path, &error))?;
    Ok(path.to_owned())
}
