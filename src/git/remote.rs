//! Fetch and push with the git program, whose credentials, proxies and transports are the user's.
//!
//! By URL and with explicit refspecs, so that `remote.<name>.fetch`, mirror settings, tags, githooks
//! and push options of the user neither matter nor change.

use std::time::Duration;

use super::command::started;
use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::{Output, Run};

/// A repository elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// How the user calls it: the name of a remote, or the URL itself.
    pub name: String,
    fetch_url: String,
    push_url: String,
    /// The folder of branches that `refs/gt` travels as, where the host takes nothing but branches.
    branches: Option<String>,
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

/// What a remote made of a ref that was offered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It holds now what was pushed.
    Taken,
    /// It held that before.
    Known,
    /// Somebody else was first: it does not hold what was expected; in git's words.
    Lost(String),
    /// It will not have it; in git's words.
    Refused(String),
}

/// How often a fetch that met another one is tried.
const FETCH_TRIES: u32 = 6;

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

/// What makes a transport end that has stopped answering, where the user has not said otherwise: the setting
/// and the variables that would.
const PATIENCE: &[(&str, &str, &[&str])] = &[
    ("http.lowSpeedLimit", "1", &["GIT_HTTP_LOW_SPEED_LIMIT"]),
    ("http.lowSpeedTime", "300", &["GIT_HTTP_LOW_SPEED_TIME"]),
    (
        "core.sshCommand",
        "ssh -o ConnectTimeout=60 -o ServerAliveInterval=60",
        &["GIT_SSH_COMMAND", "GIT_SSH"],
    ),
];

/// Where refs are that have another name on a host which takes only branches.
const OURS: &str = "refs/gt/";

/// What git says where a remote has no ref of a name.
const NO_REF: &str = "couldn't find remote ref";

impl Remote {
    /// Returns the name that a ref of ours has there.
    pub fn name_there(&self, name: &str) -> String {
        let below = name.strip_prefix(OURS);
        match (&self.branches, below) {
            (Some(folder), Some(rest)) => format!("refs/heads/{folder}/{rest}"),
            _ => name.to_owned(),
        }
    }

    /// Returns the addresses as one text.
    pub fn address(&self) -> String {
        format!("{} {}", self.fetch_url, self.push_url)
    }

    /// Returns a refspec of ours, `+from:to`, as it is for that host.
    fn refspec_there(&self, refspec: &str) -> String {
        let plain = refspec.trim_start_matches('+');
        let (from, to) = plain.split_once(':').unwrap_or((plain, plain));
        format!("+{}:{to}", self.name_there(from))
    }

    /// Returns the name that we give to a ref there.
    fn name_here(&self, name: &str) -> String {
        let rest = self.branches.as_ref().and_then(|folder| {
            let rest = name.strip_prefix("refs/heads/")?.strip_prefix(folder)?;
            rest.strip_prefix('/')
        });
        rest.map_or_else(|| name.to_owned(), |rest| format!("{OURS}{rest}"))
    }

    /// Returns the folder that is pushed to, where that is on this machine.
    pub fn push_folder(&self) -> Option<&str> {
        let path = self.push_url.strip_prefix("file://");
        let path = path.unwrap_or(&self.push_url);
        Some(path).filter(|it| it.starts_with('/'))
    }
}

impl Repo {
    /// Returns the remote a name or URL stands for.
    pub fn remote(&self, name: &str) -> Result<Remote> {
        let urls = match self.plain_urls(name) {
            Some(urls) => Some(urls),
            None => self.asked_urls(name)?,
        };
        let typed = || (name.contains('/') || name.contains(':')).then(|| name.to_owned());
        if let Some((fetch_url, push_url)) = urls.or_else(|| typed().map(|it| (it.clone(), it))) {
            return Ok(Remote {
                name: name.to_owned(),
                fetch_url: self.absolute_url(fetch_url),
                push_url: self.absolute_url(push_url),
                branches: self.branches()?,
            });
        }
        Err(Fault::not_found(format!("there is no remote '{name}'"))
            .hint("git remote -v lists them; git remote add makes one"))
    }

    /// Returns `gt.remotePrefix`, which may be no folder that agents and CIs have their branches in.
    fn branches(&self) -> Result<Option<String>> {
        let Some(folder) = self.setting("gt.remotePrefix") else {
            return Ok(None);
        };
        let folder = folder.trim_end_matches('/').to_owned();
        let taken =
            ["gt", "gt-land", "gt-mq"].contains(&folder.split('/').next().unwrap_or_default());
        if taken || !self.is_ref_name(&format!("refs/heads/{folder}/beads")) {
            return Err(Fault::invalid(format!(
                "gt.remotePrefix is '{folder}', which cannot hold the ledgers"
            ))
            .hint("choose another: git gt config set remotePrefix gt-ledgers"));
        }
        Ok(Some(folder))
    }

    /// Returns the URLs to fetch from and to push to as they stand in the configuration, nothing where git
    /// has to be asked: where it may rewrite them, or knows the remote from elsewhere.
    fn plain_urls(&self, name: &str) -> Option<(String, String)> {
        if self.has_settings_of("url") {
            return None;
        }
        let first = |key: &str| {
            let all = self.settings(&format!("remote.{name}.{key}"));
            // An empty one takes back those before it.
            let is_plain = all.iter().all(|url| !url.is_empty());
            is_plain.then(|| all.into_iter().next())
        };
        let fetch = first("url")??;
        let push = first("pushurl")?.unwrap_or_else(|| fetch.clone());
        Some((fetch, push))
    }

    /// Asks git for the URLs to fetch from and to push to, nothing where it knows no remote of that name.
    fn asked_urls(&self, name: &str) -> Result<Option<(String, String)>> {
        let ask = |option: &[&str]| {
            let run = self.git(["remote", "get-url"]);
            let run = run.args(option.iter().copied()).args(["--", name]);
            let output = self.start(&run)?;
            let text = String::from_utf8_lossy(&output.stdout);
            let url = text.lines().next().unwrap_or_default().to_owned();
            Ok::<_, Fault>(output.status.success().then_some(url))
        };
        Ok(match ask(&[])? {
            None => None,
            Some(fetch) => ask(&["--push"])?.map(|push| (fetch, push)),
        })
    }

    /// Git takes a relative path of a remote from the top of the worktree; our commands run elsewhere.
    fn absolute_url(&self, url: String) -> String {
        let local = !url.contains(':') && !url.starts_with('/');
        if local {
            self.root().join(url).display().to_string()
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
    /// remote no longer has are removed. Where it lacks a ref that is named without a `*`, that is not
    /// found and nothing is fetched.
    pub fn fetch(&self, remote: &Remote, refspecs: &[String]) -> Result<()> {
        self.refuse_unwritable()?;
        fs::count();
        self.fetched(remote, refspecs)
    }

    /// Returns a git command that talks to another repository, with nothing of the user's in the way.
    fn far(&self) -> Run {
        let world = self.world();
        let unsaid = PATIENCE.iter().filter(|(key, _, variables)| {
            self.setting(key).is_none() && variables.iter().all(|it| world.env(it).is_none())
        });
        let patience =
            unsaid.flat_map(|(key, value, _)| ["-c".to_owned(), format!("{key}={value}")]);
        self.git(NEUTRAL.iter().copied()).args(patience)
    }

    fn fetched(&self, remote: &Remote, refspecs: &[String]) -> Result<()> {
        let options = [
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            // Else git leaves out, and says nothing, what a shallow repository does not have to its end.
            "--update-shallow",
            "--end-of-options",
        ];
        let run = self
            .far()
            .args(options)
            .args([&remote.fetch_url])
            .args(refspecs.iter().map(|it| remote.refspec_there(it)));
        let mut in_the_way = None;
        for attempt in 0..FETCH_TRIES {
            let output = self.start(&run)?;
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.success() {
                return Ok(());
            }
            if said.contains(NO_REF) {
                let said = super::command::one_line(&said);
                return Err(Fault::not_found(format!("'{}': {said}", remote.name)));
            }
            if !said.contains("cannot lock ref") || attempt + 1 == FETCH_TRIES {
                return Err(unreachable_remote(remote, &output.stderr));
            }
            // Another fetch of this clone writes the same tracking refs, or one has ended in the middle.
            let locks = self.locks_of(refspecs);
            if in_the_way.is_none() && self.break_own_locks(&locks)? {
                continue;
            }
            let in_the_way = in_the_way.get_or_insert_with(|| locks.clone());
            if attempt + 2 == FETCH_TRIES {
                in_the_way.retain(|lock| locks.contains(lock));
                self.break_locks(in_the_way)?;
            }
            let pause = self.world().random_below(20 << attempt);
            self.world().pause(Duration::from_millis(pause));
        }
        Ok(())
    }

    /// Pushes and fetches at the same time, and returns what the remote made of each ref that was offered,
    /// and whether the fetch was done: what it has seen may be as before the push or as after it.
    pub fn exchange(
        &self,
        remote: &Remote,
        refs: &[PushedRef],
        refspecs: &[String],
    ) -> Result<(Result<Vec<Answer>>, Result<()>)> {
        self.refuse_unwritable()?;
        let push = self.push_run(remote, refs);
        fs::count();
        if refs.is_empty() {
            return Ok((Ok(Vec::new()), self.fetched(remote, refspecs)));
        }
        fs::count();
        let world = self.world();
        let (pushed, fetched) = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| push.output(world));
            let fetched = self.fetched(remote, refspecs);
            (pushing.join().expect("running git panics nowhere"), fetched)
        });
        let pushed = started(pushed).and_then(|output| answers(remote, refs, &output));
        Ok((pushed, fetched))
    }

    /// Fetches one ref of a remote (full names on both sides) and returns what it holds; nothing where the
    /// remote has none of that name. What was kept of it before stays then.
    pub fn fetch_one(&self, remote: &Remote, from: &str, to: &str) -> Result<Option<Oid>> {
        self.unlock_ref(&self.guard()?, to)?;
        match self.fetch(remote, &[format!("+{from}:{to}")]) {
            Ok(()) => self.find_ref(to),
            Err(Fault::NotFound(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Returns the refs of a remote that match `patterns` (full names, `*` for the rest), sorted by name;
    /// nothing is fetched.
    pub fn refs_of(&self, remote: &Remote, patterns: &[&str]) -> Result<Vec<(String, Oid)>> {
        let run = self
            .far()
            .args(["ls-remote", "--refs", "--end-of-options", &remote.fetch_url])
            .args(patterns.iter().map(|it| remote.name_there(it)));
        let output = self.start(&run)?;
        if !output.status.success() {
            return Err(unreachable_remote(remote, &output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        // git matches a pattern with the end of a name.
        let begins = |name: &str| {
            let mut heads = patterns.iter().map(|it| it.trim_end_matches('*'));
            heads.any(|head| name.starts_with(head))
        };
        let line = |line: &str| {
            let (id, name) = line.split_once('\t')?;
            let name = remote.name_here(name);
            let id = self.parse_id(id)?;
            begins(&name).then_some((name, id))
        };
        let mut refs: Vec<(String, Oid)> = text.lines().filter_map(line).collect();
        refs.sort();
        Ok(refs)
    }

    /// Pushes refs, each by compare-and-swap on its own, and returns for each whether it was taken.
    pub fn push(&self, remote: &Remote, refs: &[PushedRef]) -> Result<Vec<bool>> {
        let answers = self.offer(remote, refs)?;
        let holds = |it: &Answer| matches!(it, Answer::Taken | Answer::Known);
        Ok(answers.iter().map(holds).collect())
    }

    /// Pushes refs, each by compare-and-swap on its own, and returns what the remote made of each.
    pub fn offer(&self, remote: &Remote, refs: &[PushedRef]) -> Result<Vec<Answer>> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        self.refuse_unwritable()?;
        fs::count();
        let output = self.start(&self.push_run(remote, refs))?;
        answers(remote, refs, &output)
    }

    fn push_run(&self, remote: &Remote, refs: &[PushedRef]) -> Run {
        let mut run = self.far();
        // Git leaves out what the tips over there reach that are known here. Where those are news, and no ref
        // of that name says what is there, it would send all of the history.
        if refs.iter().any(|it| it.old.is_none() && it.new.is_some()) {
            run = run.args(["-c", "push.negotiate=true"]);
        }
        run = run.args(["push", "--porcelain", "--no-verify"]);
        for it in refs {
            let old = it.old.map(|id| id.to_string()).unwrap_or_default();
            let name = remote.name_there(&it.name);
            run = run.args([format!("--force-with-lease={name}:{old}")]);
        }
        run = run.args(["--end-of-options", &remote.push_url]);
        for it in refs {
            let new = it.new.map(|id| id.to_string()).unwrap_or_default();
            run = run.args([format!("{new}:{}", remote.name_there(&it.name))]);
        }
        run
    }
}

/// Reads what a push said, and returns what the remote made of each ref.
fn answers(remote: &Remote, refs: &[PushedRef], output: &Output) -> Result<Vec<Answer>> {
    let told = parse_push(&String::from_utf8_lossy(&output.stdout));
    if told.is_empty() {
        return Err(unreachable_remote(remote, &output.stderr));
    }
    if told.iter().any(|(_, summary)| is_broken(summary)) {
        let said = super::command::one_line(&String::from_utf8_lossy(&output.stderr));
        let broken = format!("the push to '{}' broke off: {said}", remote.name);
        return Err(Fault::unavailable(broken)
            .hint("what was done here is kept and travels with the next git gt sync"));
    }
    let said = remarks(&String::from_utf8_lossy(&output.stderr));
    let answer = |it: &PushedRef| {
        let there = remote.name_there(&it.name);
        let found = told.iter().find(|(name, _)| *name == there);
        found.map_or_else(
            || Answer::Lost("it was not answered".to_owned()),
            |(_, summary)| understood(summary, &said),
        )
    };
    Ok(refs.iter().map(answer).collect())
}

/// Returns a URL without the password in it, and of HTTP without the user, who may be a token.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    let name = user.split(':').next().unwrap_or_default();
    if name.is_empty() || scheme.to_ascii_lowercase().starts_with("http") {
        return format!("{scheme}://{host}{path}");
    }
    format!("{scheme}://{name}@{host}{path}")
}

/// Returns whether the push broke off on the other side: a full disk, a program that ended.
fn is_broken(summary: &str) -> bool {
    let words = ["unpacker error", "[remote failure]", "unable to migrate"];
    words.iter().any(|words| summary.contains(words))
}

/// Returns what the summary of a push means; `said` is what the remote's githooks wrote.
fn understood(summary: &str, said: &str) -> Answer {
    if summary.starts_with('=') {
        return Answer::Known;
    }
    let Some(rejection) = summary.strip_prefix('!') else {
        return Answer::Taken;
    };
    let rejection = rejection.trim().to_owned();
    // What git says on either side when the ref is not where we expected it (git-push(1), and
    // `update` in builtin/receive-pack.c).
    let races = [
        "cannot lock ref",
        "failed to lock",
        "failed to update ref",
        "incorrect old value",
        "reference already exists",
        "fetch first",
        "stale info",
    ];
    let lost =
        rejection.starts_with("[rejected]") || races.iter().any(|words| rejection.contains(words));
    if lost {
        return Answer::Lost(rejection);
    }
    let why = match said {
        "" => rejection,
        said => format!("{rejection}: {said}"),
    };
    Answer::Refused(why)
}

/// Returns what the remote wrote for people, as one line.
fn remarks(stderr: &str) -> String {
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"));
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

fn unreachable_remote(remote: &Remote, stderr: &[u8]) -> Fault {
    let said = super::command::one_line(&String::from_utf8_lossy(stderr));
    Fault::unavailable(format!("cannot reach '{}': {said}", remote.name))
        .hint("what was done here is kept and travels with the next git gt sync")
}

/// Reads `git push --porcelain`: one line `<flag> TAB <from>:<to> TAB <summary>` for each ref. Returns
/// the name and the summary after its flag: `!` not taken, `=` known, a space else.
fn parse_push(text: &str) -> Vec<(String, String)> {
    let answer = |line: &str| {
        let mut fields = line.split('\t');
        let (flag, pair) = (fields.next()?, fields.next()?);
        let (_, to) = pair.split_once(':')?;
        let summary = fields.next().unwrap_or_default();
        let mark = if ["!", "="].contains(&flag) {
            flag
        } else {
            " "
        };
        Some((to.to_owned(), format!("{mark}{summary}")))
    };
    text.lines().filter_map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_left_out_of_a_url() {
        let check = |url: &str, want| assert_eq!(without_password(url), want);
        check("https://ada:pw@host:1/x.git", "https://host:1/x.git");
        check("https://token@host/x@y.git", "https://host/x@y.git");
        check("HTTP://a:p@w@host", "HTTP://host");
        check("ssh://git:pw@host/x", "ssh://git@host/x");
        check("ssh://git@host/x", "ssh://git@host/x");
        check("git@host:x.git", "git@host:x.git");
        check("file:///a@b/c.git", "file:///a@b/c.git");
        check("/a/b@c", "/a/b@c");
    }

    #[test]
    fn porcelain_of_a_push_is_read_line_by_line() {
        let check = |line: &str, want: &str| {
            let told = parse_push(&format!("To /tmp/r\n{line}\nDone\n"));
            assert_eq!(told.len(), 1, "{line}");
            assert_eq!(told[0].0, "refs/gt/q");
            let got = match understood(&told[0].1, "no entry") {
                Answer::Taken => "taken".to_owned(),
                Answer::Known => "known".to_owned(),
                Answer::Lost(_) => "lost".to_owned(),
                Answer::Refused(why) => why,
            };
            assert_eq!(got, want, "{line}");
        };
        check("*\tabc:refs/gt/q\t[new reference]", "taken");
        check("=\tabc:refs/gt/q\t[up to date]", "known");
        check("-\t:refs/gt/q\t[deleted]", "taken");
        check("!\tabc:refs/gt/q\t[rejected] (stale info)", "lost");
        check(
            "!\tabc:refs/gt/q\t[remote rejected] (cannot lock ref 'x')",
            "lost",
        );
        check(
            "!\tabc:refs/gt/q\t[remote rejected] (pre-receive hook declined)",
            "[remote rejected] (pre-receive hook declined): no entry",
        );
    }
}
