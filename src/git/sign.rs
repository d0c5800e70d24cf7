//! Commits signed as git signs them: with OpenPGP, X.509 or an ssh key, as `gpg.format` says (git-config(1)).

use gix::objs::Kind;

use super::command::one_line;
use super::ssh::COMMITS;
use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::process::Run;

/// What gpg(1) says when it has signed.
const SIGNED: &str = "[GNUPG:] SIG_CREATED ";

impl Repo {
    /// Writes a commit once more with another first parent, signed as `git commit-tree -S` would; nothing else of
    /// it changes. After a crash nothing refers to it.
    pub fn sign_onto(&self, commit: &Oid, onto: &Oid) -> Result<Oid> {
        let raw = self.read(commit, Kind::Commit)?;
        let moved = moved(&raw, &onto.to_string())
            .ok_or_else(|| Fault::invalid(format!("'{commit}' has no parent")))?;
        let signature = match self.setting("gpg.format").unwrap_or_default().as_str() {
            "ssh" => self.sign_for(&moved, COMMITS),
            "x509" => self.sign_by_gpg(&moved, &["gpg.x509.program"], "gpgsm"),
            "" | "openpgp" => {
                self.sign_by_gpg(&moved, &["gpg.openpgp.program", "gpg.program"], "gpg")
            }
            other => Err(Fault::refused(format!("gpg.format is '{other}'"))
                .hint("openpgp, ssh or x509: git config gpg.format ssh")),
        };
        self.write_signed(&moved, &signature?)
    }

    /// Returns the key that git signs with; refuses where nothing says which, `such` as an example.
    pub(super) fn signing_key(&self, such: &str) -> Result<String> {
        match self.setting("user.signingKey") {
            Some(key) if !key.is_empty() => Ok(key),
            _ => Err(Fault::refused("git does not know the key to sign with")
                .hint(format!("git config user.signingKey {such}"))),
        }
    }

    fn sign_by_gpg(&self, text: &[u8], settings: &[&str], usual: &str) -> Result<Vec<u8>> {
        let key = self.signing_key("<key>, or sign with ssh: git config gpg.format ssh")?;
        let set = settings.iter().find_map(|it| self.setting(it));
        let program = self.path_of(set.as_deref().filter(|it| !it.is_empty()).unwrap_or(usual));
        let shown = program.display().to_string();
        let run = Run::new(program, self.common_dir())
            .args(["--status-fd=2", "-bsau", &key])
            .stdin(text);
        let output = run.output(self.world()).map_err(|error| {
            Fault::unavailable(format!("cannot run '{shown}' to sign: {error}"))
                .hint(format!("install it, or name another one: {}", settings[0]))
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_signed = said.lines().any(|line| line.starts_with(SIGNED));
        if output.status.success() && is_signed && !output.stdout.is_empty() {
            let text = output.stdout.into_iter();
            return Ok(text.filter(|byte| *byte != b'\r').collect());
        }
        Err(Fault::unavailable(format!(
            "cannot sign with '{key}': {}",
            one_line(&said)
        )))
    }
}

/// Returns a commit with another first parent, nothing where it has none.
fn moved(raw: &[u8], onto: &str) -> Option<Vec<u8>> {
    let find = |within: &[u8], what: &[u8]| within.windows(what.len()).position(|it| it == what);
    let headers = &raw[..find(raw, b"\n\n")?];
    let first = find(headers, b"\nparent ")? + b"\nparent ".len();
    let rest = first + raw[first..].iter().position(|byte| *byte == b'\n')?;
    Some([&raw[..first], onto.as_bytes(), &raw[rest..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_parent_is_another() {
        let check = |raw: &str, want: Option<&str>| {
            let got = moved(raw.as_bytes(), "new").map(|it| String::from_utf8(it).unwrap());
            assert_eq!(got.as_deref(), want, "{raw:?}");
        };
        check(
            "tree 1\nparent 2\nparent 3\nauthor a\n\nx\nparent 4\n",
            Some("tree 1\nparent new\nparent 3\nauthor a\n\nx\nparent 4\n"),
        );
        check("tree 1\nauthor a\n\nx\nparent 4\n", None);
        check("tree 1\nparent 2", None);
    }
}
