//! Fetch and push with the git program, whose credentials, proxies and transports are the user's.
//!
//! By URL and with explicit refspecs, so that `remote.<name>.fetch`, mirror settings, tags, githooks
//! and push options of the user neither matter nor change.

use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;

/// A repository elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// How the user calls it: the name of a remote, or the URL itself.
    pub name: String,
    fetch_url: String,
    push_url: String,
}

/// Which way refs travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    Fetch,
    /// From us.
    Push,
}

/// One ref to be pushed, by compare-and-swap on the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRef {
    /// Its full name on the remote.
    pub name: String,
    /// What the remote must hold for the push to count; nothing: the ref must not exist there.
    pub old: Option<Oid>,
    /// What it is to hold; nothing: it is to be deleted.
    pub new: Option<Oid>,
}

const NEUTRAL: &[&str] = &[
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "push.followTags=false",
    "-c",
    "push.gpgSign=false",
    "-c",
    "push.pushOption=",
    "-c",
    "push.recurseSubmodules=no",
    "-c",
    "push.negotiate=false",
    "-c",
    "fetch.recurseSubmodules=no",
    "-c",
    "fetch.prune=false",
    "-c",
    "fetch.pruneTags=false",
    "-c",
    "fetch.writeCommitGraph=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
];

impl Repo {
    /// Returns the remote a name or URL stands for.
    pub fn remote(&self, name: &str) -> Result<Remote> {
        let url = |direction: Direction| {
            let push = if direction == Direction::Push {
                &["--push"][..]
            } else {
                &[]
            };
            let run = self
                .git(["remote", "get-url"])
                .args(push.iter().copied())
                .args(["--", name]);
            let output = self.start(&run)?;
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(output
                .status
                .success()
                .then(|| text.lines().next().unwrap_or_default().to_owned()))
        };
        if let (Some(fetch_url), Some(push_url)) = (url(Direction::Fetch)?, url(Direction::Push)?) {
            let absolute = |url: String| self.absolute_url(url);
            return Ok(Remote {
                name: name.to_owned(),
                fetch_url: absolute(fetch_url),
                push_url: absolute(push_url),
            });
        }
        if name.contains('/') || name.contains(':') {
            let url = self.absolute_url(name.to_owned());
            return Ok(Remote {
                name: name.to_owned(),
                fetch_url: url.clone(),
                push_url: url,
            });
        }
        Err(Fault::not_found(format!("there is no remote '{name}'"))
            .hint("git remote -v lists them; git remote add makes one"))
    }

    /// Git takes a relative path of a remote from the top of the worktree; our commands run elsewhere.
    fn absolute_url(&self, url: String) -> String {
        let local = !url.contains(':') && !url.starts_with('/');
        if local {
            self.home().join(url).display().to_string()
        } else {
            url
        }
    }

    /// Returns the names of the configured remotes.
    pub fn remote_names(&self) -> Result<Vec<String>> {
        let out = self.query(&self.git(["remote"]))?;
        Ok(String::from_utf8_lossy(&out)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Returns the refspecs of a remote whose plain `git fetch` writes over refs of ours, and with
    /// `--prune` deletes them: a mirror's `+refs/*:refs/*` (git-fetch(1)).
    pub fn fetches_over(&self, remote: &str, prefix: &str) -> Result<Vec<String>> {
        let key = format!("remote.{remote}.fetch");
        let output = self.start(&self.git(["config", "--get-all", &key]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let covers = |refspec: &&str| {
            let target = refspec.rsplit(':').next().unwrap_or_default();
            target
                .strip_suffix('*')
                .is_some_and(|folder| prefix.starts_with(folder))
        };
        Ok(text.lines().filter(covers).map(str::to_owned).collect())
    }

    /// Fetches `refspecs` (full names on both sides); tracking refs on the right-hand side that the
    /// remote no longer has are removed.
    pub fn fetch(&self, remote: &Remote, refspecs: &[String]) -> Result<()> {
        let options = [
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
        ];
        let run = self
            .git(NEUTRAL.iter().copied())
            .args(options)
            .args([
                "--no-auto-maintenance",
                "--end-of-options",
                &remote.fetch_url,
            ])
            .args(refspecs.iter().map(String::as_str));
        fs::count();
        let output = self.start(&run)?;
        if output.status.success() {
            Ok(())
        } else {
            Err(unreachable_remote(remote, &output.stderr))
        }
    }

    /// Pushes refs, each by compare-and-swap on its own, and returns for each whether it was taken.
    pub fn push(&self, remote: &Remote, refs: &[PushedRef]) -> Result<Vec<bool>> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        let mut run =
            self.git(NEUTRAL.iter().copied())
                .args(["push", "--porcelain", "--no-verify"]);
        for it in refs {
            let old = it.old.map(|id| id.to_string()).unwrap_or_default();
            run = run.args([format!("--force-with-lease={}:{old}", it.name)]);
        }
        run = run.args(["--end-of-options", &remote.push_url]);
        for it in refs {
            let new = it.new.map(|id| id.to_string()).unwrap_or_default();
            run = run.args([format!("{new}:{}", it.name)]);
        }
        fs::count();
        let output = self.start(&run)?;
        let answers = parse_push(&String::from_utf8_lossy(&output.stdout));
        if answers.is_empty() {
            return Err(unreachable_remote(remote, &output.stderr));
        }
        let taken = |name: &str| answers.iter().any(|(told, taken)| told == name && *taken);
        Ok(refs.iter().map(|it| taken(&it.name)).collect())
    }
}

fn unreachable_remote(remote: &Remote, stderr: &[u8]) -> Fault {
    let said = super::command::one_line(&String::from_utf8_lossy(stderr));
    Fault::unavailable(format!("cannot reach '{}': {said}", remote.name))
        .hint("what was done here is kept and travels with the next git gt sync")
}

/// Reads `git push --porcelain`: one line `<flag> TAB <from>:<to> TAB <summary>` for each ref.
fn parse_push(text: &str) -> Vec<(String, bool)> {
    let answer = |line: &str| {
        let mut fields = line.split('\t');
        let (flag, pair) = (fields.next()?, fields.next()?);
        let (_, to) = pair.split_once(':')?;
        Some((to.to_owned(), flag != "!"))
    };
    text.lines().filter_map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn porcelain_of_a_push_is_read_line_by_line() {
        let text = "To /tmp/r\n*\tabc:refs/gt/beads\t[new reference]\n\
                    !\tabc:refs/gt/mail\t[rejected] (stale info)\n=\tx:refs/gt/q\t[up to date]\nDone\n";
        let want = [
            ("refs/gt/beads", true),
            ("refs/gt/mail", false),
            ("refs/gt/q", true),
        ];
        let want: Vec<_> = want.map(|(name, taken)| (name.to_owned(), taken)).into();
        assert_eq!(parse_push(text), want);
    }
}
