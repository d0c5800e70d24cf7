//! Detached signatures with ssh keys, made and checked by ssh-keygen(1) as git does it where `gpg.format` is
//! `ssh` (git-config(1)).

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use gix::objs::Kind;

use super::command::one_line;
use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::{Output, Run};

/// What our signatures are for: a signature of git's says nothing about ours, and ours nothing about git's.
const NAMESPACE: &str = "git-gt";
/// What signatures of commits are for, as git makes them.
pub(super) const COMMITS: &str = "git";
/// The header of a commit that holds its signature, in repositories of SHA-1 and of SHA-256.
const HEADERS: [&str; 2] = ["gpgsig", "gpgsig-sha256"];

/// What there is to the signature of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// It has none.
    Not,
    /// None of the keys that were asked about made it for what is there.
    Otherwise,
    /// One of those keys did.
    Good,
}

impl Repo {
    /// Returns the signature of a text by the key that git signs with: `user.signingKey`, a file or the key
    /// itself.
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        self.sign_for(text, NAMESPACE).map_err(or_nothing)
    }

    /// Writes a commit once more, signed as `git commit-tree -S` does where `gpg.format` is `ssh`. After a crash
    /// nothing refers to it.
    pub fn sign_commit(&self, commit: &Oid) -> Result<Oid> {
        let raw = self.read(commit, Kind::Commit)?;
        let signature = self.sign_for(&raw, COMMITS).map_err(or_nothing)?;
        self.write_signed(&raw, &signature)
    }

    /// Writes a commit with a signature of it.
    pub(super) fn write_signed(&self, raw: &[u8], signature: &[u8]) -> Result<Oid> {
        let end = raw.windows(2).position(|it| it == b"\n\n");
        let end = end.ok_or_else(|| Fault::invalid("a commit to be signed has no message"))? + 1;
        let folded = String::from_utf8_lossy(signature)
            .trim_end()
            .replace('\n', "\n ");
        let header = format!("{} {folded}\n", self.signature_header());
        self.write(
            Kind::Commit,
            &[&raw[..end], header.as_bytes(), &raw[end..]].concat(),
        )
    }

    /// Returns whether a key of the file `allowed` that may speak for `principal` has signed a commit, and is
    /// good now.
    pub fn signed(&self, commit: &Oid, allowed: &Path, principal: &str) -> Result<Signed> {
        let raw = self.read(commit, Kind::Commit)?;
        let Some((text, signature)) = apart(&raw, self.signature_header()) else {
            return Ok(Signed::Not);
        };
        let scratch = self.ssh_scratch()?;
        let signature = write(&scratch.path().join("signature"), &signature)?;
        let good = self.verifies(&text, (&signature, allowed), (COMMITS, principal))?;
        Ok(if good {
            Signed::Good
        } else {
            Signed::Otherwise
        })
    }

    fn signature_header(&self) -> &'static str {
        let is_sha1 = self.null_id().kind() == gix::hash::Kind::Sha1;
        if is_sha1 { HEADERS[0] } else { HEADERS[1] }
    }

    /// Returns the signature of a text by the ssh key that git signs with.
    pub(super) fn sign_for(&self, text: &[u8], namespace: &str) -> Result<Vec<u8>> {
        let key = self.signing_key("~/.ssh/id_ed25519.pub")?;
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
            .args(["-Y", "sign", "-n", namespace, "-f"])
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
        let found = self.ask(&self.look_at("find-principals", &signature, allowed))?;
        if !found.status.success() {
            return Ok(None);
        }
        let names = String::from_utf8_lossy(&found.stdout).into_owned();
        for name in names.lines().filter(|name| !name.is_empty()) {
            if self.verifies(text, (&signature, allowed), (NAMESPACE, name))? {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    fn look_at(&self, verb: &str, signature: &Path, allowed: &Path) -> Run {
        let now = self.world().now().to_string();
        let now: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
        self.ssh_keygen()
            .args(["-Y", verb, "-f"])
            .args([allowed.display().to_string()])
            .args(["-s".to_owned(), signature.display().to_string()])
            .args([format!("-Overify-time={now}")])
            // The time is taken for one of this zone.
            .env("TZ", "UTC")
    }

    /// Returns whether a signature is one of a text, by a key of the file `allowed` that may speak for a name.
    fn verifies(
        &self,
        text: &[u8],
        (signature, allowed): (&Path, &Path),
        (namespace, name): (&str, &str),
    ) -> Result<bool> {
        let mut check = self
            .look_at("verify", signature, allowed)
            .args(["-n", namespace, "-I", name]);
        let revoked = self.setting("gpg.ssh.revocationFile");
        if let Some(file) = revoked.filter(|file| !file.is_empty()) {
            check = check.args(["-r".to_owned(), self.path_of(&file).display().to_string()]);
        }
        Ok(self.ask(&check.stdin(text))?.status.success())
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

/// Says how to do without: what is signed here is so because of the setting `sign`.
fn or_nothing(fault: Fault) -> Fault {
    match fault {
        Fault::Refused(_) => fault.hint("or sign nothing: git gt config set sign false"),
        other => other,
    }
}

fn write(path: &Path, content: &[u8]) -> Result<PathBuf> {
    fs::create_new(path, content).map_err(|error| Fault::io("write", path, &error))?;
    Ok(path.to_owned())
}

/// Takes the signature out of a commit: returns what was signed, and the signature; nothing where there is not
/// exactly one.
fn apart(raw: &[u8], wanted: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = raw.windows(2).position(|it| it == b"\n\n")? + 1;
    let (mut text, mut signature, mut count) = (Vec::new(), Vec::new(), 0);
    let (mut in_signature, mut in_wanted) = (false, false);
    for line in raw[..end].split_inclusive(|byte| *byte == b'\n') {
        let rest = match line.strip_prefix(b" ") {
            Some(rest) => rest,
            None => {
                let at = line.iter().position(|byte| *byte == b' ');
                let (name, rest) = line.split_at(at.map_or(line.len(), |at| at + 1));
                let is = |header: &str| name.strip_suffix(b" ") == Some(header.as_bytes());
                in_signature = HEADERS.iter().any(|header| is(header));
                in_wanted = is(wanted);
                count += usize::from(in_wanted);
                rest
            }
        };
        match (in_signature, in_wanted) {
            (_, true) => signature.extend_from_slice(rest),
            (true, false) => {}
            (false, false) => text.extend_from_slice(line),
        }
    }
    text.extend_from_slice(&raw[end..]);
    (count == 1).then_some((text, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_taken_out_of_a_commit() {
        let plain = "tree 1\nauthor a\ncommitter a\n\nsubject\n\ngpgsig no header\n";
        assert_eq!(apart(plain.as_bytes(), "gpgsig"), None);
        let with = |header: &str| {
            plain.replacen(
                "\n\n",
                &format!("\n{header} -BEGIN-\n abc\n \n -END-\n\n"),
                1,
            )
        };
        let signed = with("gpgsig");
        let (text, signature) = apart(signed.as_bytes(), "gpgsig").unwrap();
        assert_eq!(text, plain.as_bytes());
        assert_eq!(signature, b"-BEGIN-\nabc\n\n-END-\n");
        assert_eq!(apart(signed.as_bytes(), "gpgsig-sha256"), None);
        let both = signed.replacen("\ngpgsig", "\ngpgsig-sha256 x\n y\ngpgsig", 1);
        assert_eq!(
            apart(both.as_bytes(), "gpgsig").unwrap().0,
            plain.as_bytes()
        );
        let twice = signed.replacen("\ngpgsig", "\ngpgsig -OTHER-\ngpgsig", 1);
        assert_eq!(apart(twice.as_bytes(), "gpgsig"), None);
        assert_eq!(apart(b"tree 1\n", "gpgsig"), None);
    }
}
