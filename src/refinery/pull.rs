//! Landing by pull request: where a branch takes nothing but those, the green commit is pushed as a branch of
//! its own, a request is opened with the forge's command line, and what the target holds then is looked at.
//!
//! What the forge says is not asked: a change has landed when the target holds it. A target has one open
//! request of this clone; a newer green commit takes the place of the older.

use std::path::PathBuf;
use std::time::Duration;

use super::candidate::Candidate;
use super::decided::{self, Stand};
use super::gate::{IDENTITY, LOG_MAX, last_lines};
use super::land::Landing;
use super::verdict::Green;
use crate::fault::{Fault, Result};
use crate::git::{Answer, Cas, LOCAL_ENV, NewCommit, Oid, PushedRef, Remote, Repo, Signature};
use crate::text::{matches, steers};
use crate::town::{Home, Target};
use crate::world::Time;
use crate::world::process::{Ended, Limits, Run};

/// Where this clone keeps what it opened, by the target.
const OPENED: &str = "refs/gt-local/land/";
/// How long the forge's command line may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How far a target may have moved for what became of a request to be looked for.
const STEPS_MAX: usize = 1000;
/// The longest title of a request.
const TITLE_MAX: usize = 120;

/// A pull request that waits to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The branch that is to be merged.
    pub branch: String,
    /// Its commit, which is green.
    pub commit: String,
    /// The branch it is to be merged into.
    pub target: String,
    /// The requests in it, in order.
    pub requests: Vec<String>,
    /// Where the forge shows it; empty where its command did not say.
    pub url: String,
    /// When it was opened.
    pub since: Time,
}

/// A pull request as it is kept: a commit whose parents are the green commit and the target's then, whose time
/// is when, and whose message says the rest.
#[derive(Debug, Clone)]
struct Opened {
    /// The ref that keeps it.
    name: String,
    /// What that ref holds; nothing: not written yet.
    id: Option<Oid>,
    commit: Oid,
    /// The commit that was tested: `commit`, or what that is the signed form of.
    tested: Oid,
    tip: Oid,
    /// Whether the forge's command has said that it is open.
    is_open: bool,
    pull: Pull,
}

/// What became of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It waits.
    Waits(Pull),
    /// The target holds its commit, or another one with its tree, and that is proven green.
    Landed {
        /// The request.
        pull: Pull,
        /// The target's commit that brought it.
        commit: Oid,
        /// Whether that is another commit with the same tree, from which nobody can tell what landed.
        is_rewritten: bool,
        /// Whether the forge merged it onto something else: the target's tree was tested by nobody.
        is_untested: bool,
    },
    /// It is taken back; why.
    Withdrawn(Pull, String),
    /// Somebody removed its branch, or put something else there, and did not merge it; it is forgotten.
    Removed(Pull),
}

impl Opened {
    fn ref_name(repo: &Repo, target: &str) -> String {
        format!("{OPENED}{}", repo.name_hash(target))
    }

    fn read(repo: &Repo, name: &str, id: Oid) -> Result<Option<Self>> {
        let kept = repo.commit(&id)?;
        let line = |key: &str| {
            let mut lines = kept.message.lines();
            let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            found.unwrap_or_default().to_owned()
        };
        let [commit, tip] = kept.parents[..] else {
            return Ok(None);
        };
        let requests = line("Gt-Requests");
        Ok(Some(Self {
            name: name.to_owned(),
            id: Some(id),
            commit,
            tested: repo.parse_id(&line("Gt-Tested")).unwrap_or(commit),
            tip,
            is_open: line("Gt-Open") == "yes",
            pull: Pull {
                branch: branch_of(&commit),
                commit: commit.to_string(),
                target: line("Gt-Target"),
                requests: requests.split_whitespace().map(str::to_owned).collect(),
                url: line("Gt-Url"),
                since: Time(kept.seconds * 1000),
            },
        }))
    }

    fn of(home: &Home, target: &Target) -> Result<Option<Self>> {
        let repo = home.repo();
        let name = Self::ref_name(repo, &target.branch);
        match repo.find_ref(&name)? {
            Some(id) => Self::read(repo, &name, id),
            None => Ok(None),
        }
    }

    /// Writes it down. After a crash it stands as before or anew.
    fn keep(&mut self, home: &Home) -> Result<()> {
        let repo = home.repo();
        let (commit, pull) = (&self.commit, &self.pull);
        let mut message = format!("land {commit} on {}\n\n", pull.target);
        message.push_str(&format!("Gt-Target: {}\n", pull.target));
        message.push_str(&format!("Gt-Requests: {}\n", pull.requests.join(" ")));
        if self.tested != self.commit {
            message.push_str(&format!("Gt-Tested: {}\n", self.tested));
        }
        if self.is_open {
            message.push_str("Gt-Open: yes\n");
        }
        if !pull.url.is_empty() {
            message.push_str(&format!("Gt-Url: {}\n", pull.url));
        }
        let who = Signature::of(&format!("{}/refinery", home.rig().name()));
        let kept = repo.write_commit(&NewCommit {
            tree: repo.empty_tree()?,
            parents: &[self.commit, self.tip],
            author: &who,
            committer: &who,
            time: pull.since,
            message: &message,
        })?;
        match repo.swap_ref(&repo.guard()?, &self.name, self.id, kept)? {
            Cas::Swapped => self.id = Some(kept),
            Cas::Moved(_) => {
                return Err(Fault::stale(format!(
                    "'{}' was moved by somebody else",
                    self.name
                )));
            }
        }
        Ok(())
    }

    /// Returns what is to be merged.
    fn candidate(&self, repo: &Repo) -> Result<Candidate> {
        Ok(Candidate {
            tip: self.tip,
            requests: self.pull.requests.clone(),
            ..Candidate::bare(repo, self.commit)?
        })
    }

    /// Removes the branch where it is as it was pushed, and forgets it. After a crash the branch is gone and
    /// it is looked at once more.
    fn close(&self, repo: &Repo, remote: &Remote) -> Result<()> {
        let name = format!("refs/heads/{}", self.pull.branch);
        repo.drop_from_remote(remote, vec![(name, self.commit)])?;
        match self.id {
            Some(id) => repo.delete_ref(&repo.guard()?, &self.name, id),
            None => Ok(()),
        }
    }
}

/// Returns the branch that a green commit is offered as. A CI that answers the queue does not run for it.
fn branch_of(commit: &Oid) -> String {
    format!("gt-land/{}", commit.to_hex_with_len(12))
}

/// Returns the pull requests that this clone has opened, as far as it knows nothing became of them.
pub fn pulls(home: &Home) -> Result<Vec<Pull>> {
    let repo = home.repo();
    let mut all = Vec::new();
    for (name, id) in repo.list_refs(OPENED)? {
        all.extend(Opened::read(repo, &name, id)?.map(|it| it.pull));
    }
    Ok(all)
}

/// Returns whether a target takes nothing but pull requests: it fits one of the patterns in
/// `gt.pullRequests`.
pub(super) fn is_wanted(home: &Home, target: &Target) -> Result<bool> {
    let names = match home.repo().setting("gt.pullRequests") {
        Some(own) => own,
        // As it is now: a run may last for days.
        None => {
            let rig = home.view().rig(home.rig().name())?;
            rig.map(|rig| rig.record().text("pullRequests").to_owned())
                .unwrap_or_default()
        }
    };
    let mut names = names.split(',').map(str::trim);
    Ok(names.any(|name| matches(name, &target.branch)))
}

/// Offers a green commit to be merged into the target, signed where that is wanted: pushes it as a branch and
/// opens a request, once.
///
/// What is to be opened is written down first, then the branch is pushed, then the forge's command runs: after
/// a crash whatever of this was done is done again, and a command that says there is one already has opened it.
pub(super) fn open(home: &Home, target: &Target, green: &Green, signs: bool) -> Result<Landing> {
    let remote = remote_of(home, target)?;
    if home.fresh_tip(target)? != green.tip() {
        return Ok(Landing::Moved);
    }
    let known = Opened::of(home, target)?;
    let is_of = |it: &Opened| it.tested == green.tested() && (it.commit != it.tested) == signs;
    let mut opened = match known {
        Some(known) if is_of(&known) => known,
        other => {
            let signed = signs.then(|| green.signed(home.repo())).transpose()?;
            let green = signed.as_ref().unwrap_or(green);
            if let Some(other) = &other {
                other.close(home.repo(), &remote)?;
            }
            let mut new = Opened {
                name: Opened::ref_name(home.repo(), &target.branch),
                id: None,
                commit: green.commit(),
                tested: green.tested(),
                tip: green.tip(),
                is_open: false,
                pull: Pull {
                    branch: branch_of(&green.commit()),
                    commit: green.commit().to_string(),
                    target: target.branch.clone(),
                    requests: green.requests().to_vec(),
                    url: String::new(),
                    since: home.world().now(),
                },
            };
            new.keep(home)?;
            new
        }
    };
    if !opened.is_open {
        push(home.repo(), &remote, &opened)?;
        opened.pull.url = run(home, &opened)?;
        opened.is_open = true;
        opened.keep(home)?;
    }
    Ok(Landing::Waits(opened.pull))
}

fn remote_of(home: &Home, target: &Target) -> Result<Remote> {
    let name = target.remote.as_ref().ok_or_else(|| {
        Fault::refused(format!(
            "'{}' lands by pull request, which needs a remote; this repository has none",
            target.branch
        ))
        .hint("make one: git remote add origin <url>")
        .hint("or land without: git gt config set pullRequests ''")
    })?;
    home.repo().remote(name)
}

fn push(repo: &Repo, remote: &Remote, opened: &Opened) -> Result<()> {
    let branch = &opened.pull.branch;
    let update = PushedRef {
        name: format!("refs/heads/{branch}"),
        old: None,
        new: Some(opened.commit),
    };
    match repo
        .offer(remote, std::slice::from_ref(&update))?
        .into_iter()
        .next()
    {
        Some(Answer::Refused(why)) => Err(Fault::refused(format!(
            "'{}' does not take the branch '{branch}', which is to be merged: {why}",
            remote.name
        ))
        .hint("whoever runs the remote has to let you push gt-land/*")),
        Some(Answer::Lost(_)) => {
            let there = repo.refs_of(remote, &[&update.name])?;
            match there.first() {
                Some((_, id)) if *id == opened.commit => Ok(()),
                _ => Err(Fault::refused(format!(
                    "the branch '{branch}' of '{}' holds something else",
                    remote.name
                ))
                .hint(format!(
                    "look who pushed it, then remove it: git push {} --delete {branch}",
                    remote.name
                ))),
            }
        }
        Some(Answer::Taken | Answer::Known) | None => Ok(()),
    }
}

/// Runs the forge's command, and returns where it says that the request is shown.
fn run(home: &Home, opened: &Opened) -> Result<String> {
    let (title, body) = words(home, opened)?;
    let command = command(home, &opened.pull, (&title, &body))?;
    let scratch = home.repo().scratch_dir();
    crate::world::fs::create_dir_all(&scratch)
        .map_err(|error| Fault::io("make folder", &scratch, &error))?;
    let log: PathBuf = scratch.join("pull.log");
    let limits = Limits {
        timeout: Some(TIMEOUT),
        ..Limits::of_log(&log, LOG_MAX)
    };
    let line = command.line();
    let failed = |why: String| {
        Fault::unavailable(format!(
            "cannot open a pull request for '{}' into '{}': {why}",
            opened.pull.branch, opened.pull.target
        ))
        .hint(format!("it was tried with: {line}"))
        .hint("it has not landed; git gt refinery run tries again")
    };
    let left = command
        .supervise(home.world(), &limits)
        .map_err(|error| failed(format!("it does not start: {error}")))?;
    let said = last_lines(&left.tail);
    match left.ended {
        Ended::Exit(0) => Ok(link(&said)),
        Ended::Exit(_) if said.contains("already exists") => Ok(link(&said)),
        Ended::Exit(code) => Err(failed(format!("exit {code}: {}", last_line(&said)))),
        Ended::Signal(signal) => Err(failed(format!("signal {signal}"))),
        Ended::Timeout => Err(failed(format!("timeout after {} s", TIMEOUT.as_secs()))),
        Ended::Interrupted | Ended::Cancelled => Err(Fault::unavailable(
            "interrupted; whether the pull request is open is not known",
        )
        .hint("git gt refinery run carries on from here")),
    }
}

/// Returns the last line of what a command wrote that is not empty.
fn last_line(said: &str) -> String {
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").replace(steers, " ")
}

/// Returns the last link in what a command wrote, nothing where there is none.
fn link(said: &str) -> String {
    let is_link = |it: &&str| {
        let plain = it.len() <= 1000 && it.chars().all(|c| c.is_ascii_graphic());
        plain && (it.starts_with("https://") || it.starts_with("http://"))
    };
    let last = said.split_whitespace().rev().find(is_link);
    last.unwrap_or_default().to_owned()
}

/// Returns what opens a pull request: `gh`, `glab`, or a line of the user's for `sh`.
fn command(home: &Home, pull: &Pull, (title, body): (&str, &str)) -> Result<Run> {
    let setting = home.config("pullRequestCommand")?.unwrap_or_default();
    let (branch, target) = (&pull.branch, &pull.target);
    let options = match setting.as_str() {
        "" => {
            return Err(Fault::refused(format!(
                "'{target}' takes nothing but pull requests, and nothing says how one is opened"
            ))
            .hint("on GitHub: git gt config set pullRequestCommand gh")
            .hint("on GitLab: git gt config set pullRequestCommand glab")
            .hint("else a line for sh, which finds GT_PR_BRANCH, GT_PR_TARGET, GT_PR_TITLE, GT_PR_BODY"));
        }
        "gh" => vec![
            "pr".to_owned(),
            "create".to_owned(),
            format!("--base={target}"),
            format!("--head={branch}"),
            format!("--title={title}"),
            format!("--body={body}"),
        ],
        "glab" => vec![
            "mr".to_owned(),
            "create".to_owned(),
            format!("--target-branch={target}"),
            format!("--source-branch={branch}"),
            format!("--title={title}"),
            format!("--description={body}"),
            "--yes".to_owned(),
        ],
        line => vec!["-c".to_owned(), line.to_owned()],
    };
    let program = match setting.as_str() {
        "gh" | "glab" => setting.as_str(),
        _ => "sh",
    };
    Ok(Run::new(program, home.repo().root())
        .args(options)
        .without(LOCAL_ENV)
        .without(IDENTITY)
        .env("GH_PROMPT_DISABLED", "1")
        .env("GT_PR_BRANCH", branch)
        .env("GT_PR_COMMIT", &pull.commit)
        .env("GT_PR_TARGET", target)
        .env("GT_PR_TITLE", title)
        .env("GT_PR_BODY", body))
}

/// Returns title and text of a pull request. What was fetched must not become a trailer of its own.
fn words(home: &Home, opened: &Opened) -> Result<(String, String)> {
    let (repo, view) = (home.repo(), home.view());
    let line = |text: &str| text.replace(steers, " ");
    let (mut items, mut trailers, mut subjects) = (String::new(), String::new(), Vec::new());
    for id in &opened.pull.requests {
        trailers.push_str(&format!("Gt-Mr: {}\n", line(id)));
        let Some(request) = view.request(id)? else {
            continue;
        };
        let head = repo.parse_id(request.head());
        let head = head.filter(|head| repo.has(head));
        let subject = match head {
            Some(head) => line(repo.commit(&head)?.subject()),
            None => line(request.branch()),
        };
        let bead = match request.bead() {
            "" => String::new(),
            bead => format!(", {}", line(bead)),
        };
        let worker = line(request.worker());
        items.push_str(&format!("- {id}{bead}, by {worker}: {subject}\n"));
        subjects.push(subject);
    }
    let title = match &subjects[..] {
        [only] => only.clone(),
        all => format!("Land {} changes: {}", all.len(), all.join("; ")),
    };
    let body = format!(
        "{items}\nCommit {} is green. Merge it as it is: what lands must have its tree.\n\n{trailers}",
        opened.commit
    );
    Ok((title.chars().take(TITLE_MAX).collect(), body))
}

/// Returns what became of the pull request for a target, nothing where none was opened; what is over is put
/// away, but for one that the target holds: call [`done`] once that is written down.
///
/// After a crash it is looked at again.
pub(super) fn look(home: &Home, target: &Target) -> Result<Option<Seen>> {
    let Some(opened) = Opened::of(home, target)? else {
        return Ok(None);
    };
    let (repo, remote) = (home.repo(), remote_of(home, target)?);
    // A forge that removes a branch once it is merged has moved the target before.
    let there = repo.refs_of(&remote, &[&format!("refs/heads/{}", opened.pull.branch)])?;
    let tip = home.fresh_tip(target)?;
    let withdraw = |why: String| {
        opened.close(repo, &remote)?;
        Ok(Some(Seen::Withdrawn(opened.pull.clone(), why)))
    };
    if tip != opened.tip {
        return match fate(repo, &opened, tip)? {
            Some((commit, is_rewritten, is_untested)) => Ok(Some(Seen::Landed {
                pull: opened.pull,
                commit,
                is_rewritten,
                is_untested,
            })),
            None => withdraw(format!("'{}' was moved meanwhile", target.branch)),
        };
    }
    // Whoever merges it asks nobody here.
    if let Stand::Not(why) = decided::stand_now(home, target, &opened.candidate(repo)?)? {
        return withdraw(why);
    }
    if !opened.is_open {
        return Ok(None);
    }
    if there.first().is_none_or(|(_, id)| *id != opened.commit) {
        opened.close(repo, &remote)?;
        return Ok(Some(Seen::Removed(opened.pull)));
    }
    Ok(Some(Seen::Waits(opened.pull)))
}

/// Takes back the pull request for a target that nothing can land on now, and returns it; one that may be merged
/// already is left to [`look`]. After a crash it is done again.
pub(super) fn take_back(home: &Home, target: &Target) -> Result<Option<Pull>> {
    let Some(opened) = Opened::of(home, target)? else {
        return Ok(None);
    };
    if home.fresh_tip(target)? != opened.tip {
        return Ok(None);
    }
    opened.close(home.repo(), &remote_of(home, target)?)?;
    Ok(Some(opened.pull))
}

/// Puts away the pull request for a target, which holds it. After a crash that is done again.
pub(super) fn done(home: &Home, target: &Target) -> Result<()> {
    match Opened::of(home, target)? {
        Some(opened) => opened.close(home.repo(), &remote_of(home, target)?),
        None => Ok(()),
    }
}

/// Returns the commit that brought a green commit onto its target, whether it is another one with the same
/// tree, and whether its tree is one that nobody has tested; nothing where the target does not hold it as far
/// as can be seen.
fn fate(repo: &Repo, opened: &Opened, tip: Oid) -> Result<Option<(Oid, bool, bool)>> {
    let mut steps = Vec::new();
    let mut at = tip;
    while at != opened.tip && steps.len() < STEPS_MAX {
        let commit = repo.commit(&at)?;
        steps.push((at, commit.tree));
        let Some(parent) = commit.parents.first() else {
            break;
        };
        if at == opened.commit {
            // A fast-forward: what is below was tested together.
            break;
        }
        at = *parent;
    }
    let tested = repo.commit(&opened.commit)?.tree;
    if repo.is_ancestor(&opened.commit, &tip)? {
        for (id, tree) in steps.iter().rev() {
            if repo.is_ancestor(&opened.commit, id)? {
                return Ok(Some((*id, false, *tree != tested)));
            }
        }
    }
    // Where the change is empty, the tree says nothing.
    if tested == repo.commit(&opened.tip)?.tree {
        return Ok(None);
    }
    let same = steps.iter().rev().find(|(_, tree)| *tree == tested);
    Ok(same.map(|(id, _)| (*id, true, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_link_is_where_it_is_shown() {
        let check = |said: &str, want: &str| assert_eq!(link(said), want, "{said}");
        check(
            "https://forge.example/a/pull/7\n",
            "https://forge.example/a/pull/7",
        );
        check(
            "a pull request for branch \"x\" already exists:\nhttps://forge.example/1\n",
            "https://forge.example/1",
        );
        check(
            "see https://a.example then http://b.example",
            "http://b.example",
        );
        check("javascript:alert(1)", "");
        check("https://a.example/\u{1b}[31m", "");
    }
}
