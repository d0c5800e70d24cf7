//! Questions: asked with a branch on the remote, remembered in a ref of this clone, answered once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::candidate::Candidate;
use super::super::{facts, verdict};
use super::{answer, answer_ref, answers_about, branch_of, branch_ref};
use crate::fault::{Fault, Result};
use crate::git::{Answer as Offered, Cas, NewCommit, Oid, PushedRef, Remote, Repo, Signature};
use crate::record::{Attempt, Gate, Verdict};
use crate::town::{Home, View};
use crate::world::Time;

/// Where this clone keeps what it asked.
const ASKED: &str = "refs/gt-local/ci/";

/// A question of this clone that is not answered yet. It is kept as a commit whose parent is the commit
/// that was asked about, whose time is when, and whose message says the rest.
#[derive(Debug, Clone)]
pub(in super::super) struct Ask {
    /// The ref that keeps it.
    name: String,
    /// What that ref holds.
    id: Oid,
    /// The commit the CI was asked about.
    commit: Oid,
    /// The check that is to answer.
    check: String,
    /// The branch the candidate is to land on.
    target: String,
    /// The requests in the candidate.
    requests: Vec<String>,
    /// When it was asked.
    at: Time,
    /// Whether the deadline passed, and that was said.
    is_overdue: bool,
    /// Why what stands in the place of the answer is none.
    unusable: Option<String>,
}

/// A question that waits for its answer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The gate.
    pub gate: String,
    /// The check of the CI.
    pub check: String,
    /// The commit it was asked about.
    pub commit: String,
    /// The branch that asks.
    pub branch: String,
    /// What is in the candidate; nothing: the bare target.
    pub requests: Vec<String>,
    /// When the question was asked.
    pub since: Time,
    /// When it counts as not answered.
    pub until: Time,
}

impl Ask {
    fn ref_name(repo: &Repo, commit: &Oid, check: &str) -> String {
        format!("{ASKED}{}", repo.name_hash(&format!("{check} {commit}")))
    }

    /// Returns everything this clone has asked and not taken back.
    fn all(repo: &Repo) -> Result<Vec<Self>> {
        let mut asks = Vec::new();
        for (name, id) in repo.list_refs(ASKED)? {
            let kept = repo.commit(&id)?;
            let line = |key: &str| {
                let mut lines = kept.message.lines();
                lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
            };
            let (Some(commit), Some(check)) = (kept.parents.first(), line("Gt-Check")) else {
                continue;
            };
            asks.push(Self {
                name,
                id,
                commit: *commit,
                check: check.to_owned(),
                target: line("Gt-Target").unwrap_or_default().to_owned(),
                requests: line("Gt-Requests").map_or_else(Vec::new, words),
                at: Time(kept.seconds * 1000),
                is_overdue: line("Gt-Overdue").is_some(),
                unusable: None,
            });
        }
        Ok(asks)
    }

    /// Writes it down, anew where it was asked before. After a crash it stands as before or anew.
    fn keep(&self, home: &Home) -> Result<()> {
        let repo = home.repo();
        let (check, commit) = (&self.check, &self.commit);
        let mut message = format!("ask '{check}' about {commit}\n\nGt-Check: {check}\n");
        message.push_str(&format!("Gt-Target: {}\n", self.target));
        message.push_str(&format!("Gt-Requests: {}\n", self.requests.join(" ")));
        if self.is_overdue {
            message.push_str("Gt-Overdue: yes\n");
        }
        let who = Signature::of(&format!("{}/refinery", home.rig().name()));
        let kept = repo.write_commit(&NewCommit {
            tree: repo.empty_tree()?,
            parents: &[self.commit],
            author: &who,
            committer: &who,
            time: self.at,
            message: &message,
        })?;
        let guard = repo.guard()?;
        let old = repo.find_ref(&self.name)?;
        match repo.swap_ref(&guard, &self.name, old, kept)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!(
                "'{}' was moved by somebody else",
                self.name
            ))),
        }
    }

    fn forget(&self, repo: &Repo) -> Result<()> {
        repo.delete_ref(&repo.guard()?, &self.name, self.id)
    }

    fn until(&self, gate: &Gate) -> Time {
        deadline(self.at, gate)
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn deadline(since: Time, gate: &Gate) -> Time {
    let wait = u64::try_from(gate.deadline().as_millis()).unwrap_or(u64::MAX);
    Time(since.0.saturating_add(wait))
}

/// Questions and answers as the remote has them.
#[derive(Debug)]
pub(in super::super) struct Board(BTreeMap<String, Oid>);

impl Board {
    pub(in super::super) fn read(repo: &Repo, remote: &Remote) -> Result<Self> {
        let patterns = ["refs/gt/ci/*", "refs/heads/gt-mq/*"];
        let refs = repo.refs_of(remote, &patterns)?;
        Ok(Self(refs.into_iter().collect()))
    }

    /// Returns the commits that branches ask about.
    pub(super) fn questions(&self) -> Vec<Oid> {
        let asks = self
            .0
            .iter()
            .filter(|(name, _)| name.starts_with("refs/heads/"));
        let asks = asks.filter(|(name, commit)| **name == branch_ref(commit));
        asks.map(|(_, commit)| *commit).collect()
    }

    /// Returns what stands where a check answers about a commit.
    pub(super) fn answer(&self, repo: &Repo, commit: &Oid, check: &str) -> Option<Oid> {
        self.0.get(&answer_ref(repo, commit, check)).copied()
    }

    /// Returns the refs of the question about a commit and of all answers to it.
    fn all_about(&self, commit: &Oid) -> Vec<(String, Oid)> {
        let (branch, answers) = (branch_ref(commit), answers_about(commit));
        let is_about =
            |name: &str, id: &Oid| name == branch && id == commit || name.starts_with(&answers);
        let found = self.0.iter().filter(|(name, id)| is_about(name, id));
        found.map(|(name, id)| (name.clone(), *id)).collect()
    }
}

/// Returns the commit to ask about when a gate is to say something about a candidate: the candidate, and
/// from the second time on a commit with its tree and of its own name, so that no answer counts twice and
/// no CI takes the question for one it knows.
fn question(view: &View<'_>, gate: &Gate, candidate: &Candidate) -> Result<Oid> {
    let known = view.own_result(&candidate.tree.to_string(), &gate.definition())?;
    let times = known.attempts().count();
    if times == 0 {
        return Ok(candidate.commit);
    }
    let repo = view.repo();
    let who = Signature::of("refinery");
    repo.write_commit(&NewCommit {
        tree: candidate.tree,
        parents: &[candidate.commit],
        author: &who,
        committer: &who,
        time: Time(repo.commit(&candidate.commit)?.seconds * 1000),
        message: &format!(
            "Test {} again\n\nGt-Check: {}\nGt-Attempt: {}\n",
            candidate.short(),
            gate.ci().unwrap_or_default(),
            times + 1
        ),
    })
}

/// Asks the outside gates among `open` about a candidate, those that have not been asked yet, and returns
/// what was asked.
///
/// The question is written down here before the branch is pushed: after a crash between the two the next
/// step pushes it.
pub(in super::super) fn ask(
    home: &Home,
    target: &str,
    open: &[&Gate],
    candidate: &Candidate,
) -> Result<Vec<Asked>> {
    let (repo, view) = (home.repo(), home.view());
    let known = Ask::all(repo)?;
    let mut asked = Vec::new();
    for gate in open {
        let Some(check) = gate.ci() else { continue };
        let remote = super::remote_of(home, gate.name())?;
        let commit = question(&view, gate, candidate)?;
        let before = known
            .iter()
            .find(|it| it.commit == commit && it.check == check);
        if before.is_some_and(|it| !it.is_overdue) {
            continue;
        }
        let now = home.world().now();
        let asks = Ask {
            name: Ask::ref_name(repo, &commit, check),
            id: commit,
            commit,
            check: check.to_owned(),
            target: target.to_owned(),
            requests: candidate.requests.clone(),
            at: now,
            is_overdue: false,
            unusable: None,
        };
        asks.keep(home)?;
        if before.is_some() {
            // Only a branch that is new starts a CI again.
            repo.drop_from_remote(&remote, vec![(branch_ref(&commit), commit)])?;
        }
        push(repo, &remote, &commit)?;
        asked.push(Asked {
            gate: gate.name().to_owned(),
            check: check.to_owned(),
            commit: commit.to_string(),
            branch: branch_of(&commit),
            requests: candidate.requests.clone(),
            since: now,
            until: deadline(now, gate),
        });
    }
    Ok(asked)
}

/// Pushes the branch that asks about a commit.
fn push(repo: &Repo, remote: &Remote, commit: &Oid) -> Result<()> {
    let update = PushedRef {
        name: branch_ref(commit),
        old: None,
        new: Some(*commit),
    };
    let branch = branch_of(commit);
    match repo.offer(remote, &[update])?.into_iter().next() {
        Some(Offered::Refused(why)) => Err(Fault::refused(format!(
            "'{}' does not take the branch '{branch}', which asks its CI: {why}",
            remote.name
        ))
        .hint("whoever runs the remote has to let you push gt-mq/*")),
        Some(Offered::Lost(_)) => {
            let there = repo.refs_of(remote, &[&branch_ref(commit)])?;
            match there.into_iter().next() {
                Some((_, id)) if id == *commit => Ok(()),
                _ => Err(Fault::refused(format!(
                    "the branch '{branch}' of '{}' does not hold the commit to be tested",
                    remote.name
                ))
                .hint(format!(
                    "look who pushed it, then remove it: git push {} --delete {branch}",
                    remote.name
                ))),
            }
        }
        Some(Offered::Taken | Offered::Known) | None => Ok(()),
    }
}

/// What the remote's answers came to.
#[derive(Debug, Default)]
pub(in super::super) struct Collected {
    /// Answers recorded just now: the gate, and what it said.
    pub(in super::super) answers: Vec<(String, Attempt)>,
    /// Questions that still wait.
    pub(in super::super) open: Vec<Ask>,
}

/// What the queue is at: what could be asked about, and which targets are done with.
pub(in super::super) struct Wanted<'a> {
    /// The candidates of this target, the bare one among them where there are others.
    pub(in super::super) candidates: Vec<&'a Candidate>,
    /// Returns whether a question for a target's sake is of no use when no candidate needs it.
    pub(in super::super) is_over: &'a dyn Fn(&str) -> bool,
}

/// Looks for answers to what was asked, records those about what is wanted, and takes back from the
/// remote what is answered or of no more use to anybody.
///
/// After a crash an answer is recorded or not. Once it is, the next question about the candidate is another
/// one, so the old one is of no use to anybody and goes from the remote without being read again.
pub(in super::super) fn collect(
    home: &Home,
    actor: &str,
    gates: &[Gate],
    wanted: &Wanted<'_>,
) -> Result<Collected> {
    let repo = home.repo();
    let asks = Ask::all(repo)?;
    let mut collected = Collected::default();
    if asks.is_empty() {
        return Ok(collected);
    }
    let Some(name) = home.default_remote() else {
        return Ok(collected);
    };
    let remote = repo.remote(&name)?;
    let board = Board::read(repo, &remote)?;
    let (mut kept, mut done) = (Vec::new(), Vec::new());
    for mut ask in asks {
        match found(
            home,
            &remote,
            (gates, &wanted.candidates),
            (&board, &mut ask),
        )? {
            Found::Answer(gate, candidate, attempt) => {
                verdict::record(home, actor, (gate, candidate), &attempt)?;
                collected.answers.push((gate.name().to_owned(), *attempt));
                done.push(ask);
            }
            Found::Nothing => kept.push(ask),
            Found::Useless if (wanted.is_over)(&ask.target) => done.push(ask),
            Found::Useless => kept.push(ask),
        }
    }
    for ask in done {
        if !kept.iter().any(|other| other.commit == ask.commit) {
            take_back(repo, &remote, &board, &ask.commit)?;
        }
        ask.forget(repo)?;
    }
    collected.open = kept;
    Ok(collected)
}

/// What there is to a question.
enum Found<'a> {
    /// Its answer, about a candidate.
    Answer(&'a Gate, &'a Candidate, Box<Attempt>),
    /// None yet.
    Nothing,
    /// No gate or candidate of this target needs it.
    Useless,
}

fn found<'a>(
    home: &Home,
    remote: &Remote,
    (gates, candidates): (&'a [Gate], &[&'a Candidate]),
    (board, ask): (&Board, &mut Ask),
) -> Result<Found<'a>> {
    let (repo, view) = (home.repo(), home.view());
    for gate in gates.iter().filter(|it| it.ci() == Some(&ask.check)) {
        for candidate in candidates {
            if question(&view, gate, candidate)? != ask.commit {
                continue;
            }
            let Some(id) = board.answer(repo, &ask.commit, &ask.check) else {
                if board.0.get(&branch_ref(&ask.commit)) != Some(&ask.commit) {
                    push(repo, remote, &ask.commit)?;
                }
                return Ok(Found::Nothing);
            };
            return match fetched(repo, remote, &id, ask)? {
                Ok(answer) => Ok(Found::Answer(
                    gate,
                    candidate,
                    Box::new(attempt(candidate, ask, answer)),
                )),
                Err(why) => {
                    ask.unusable = Some(why);
                    Ok(Found::Nothing)
                }
            };
        }
    }
    Ok(Found::Useless)
}

/// Fetches an answer and reads it; returns in words why what is there is none.
fn fetched(
    repo: &Repo,
    remote: &Remote,
    id: &Oid,
    ask: &Ask,
) -> Result<Result<answer::Answer, String>> {
    let (from, to) = (
        answers_about(&ask.commit),
        tracking(repo, remote, &ask.commit),
    );
    repo.fetch(remote, &[format!("+{from}*:{to}*")])?;
    if !repo.has(id) {
        return Ok(Err("it was replaced while it was read".to_owned()));
    }
    answer::read(repo, id, (&ask.commit, &ask.check))
}

fn tracking(repo: &Repo, remote: &Remote, commit: &Oid) -> String {
    answers_about(commit).replacen(
        "refs/gt/",
        &format!("refs/gt-remote/{}/", repo.name_hash(&remote.name)),
        1,
    )
}

fn attempt(candidate: &Candidate, ask: &Ask, answer: answer::Answer) -> Attempt {
    Attempt {
        verdict: match answer.pass {
            true => Verdict::Green,
            false => Verdict::Red,
        },
        commit: candidate.commit.to_string(),
        tip: candidate.tip.to_string(),
        requests: candidate.requests.clone(),
        millis: answer.seconds.saturating_mul(1000),
        host: Attempt::CI.to_owned(),
        ended: answer.ended,
        tail: answer.tail,
        asked: ask.commit.to_string(),
        url: answer.url,
    }
}

/// Removes a question from the remote with all answers to it: what counts is recorded, and the commit is
/// made again from its requests whenever it is needed.
fn take_back(repo: &Repo, remote: &Remote, board: &Board, commit: &Oid) -> Result<()> {
    repo.drop_from_remote(remote, board.all_about(commit))?;
    let guard = repo.guard()?;
    for (name, id) in repo.list_refs(&tracking(repo, remote, commit))? {
        repo.delete_ref(&guard, &name, id)?;
    }
    Ok(())
}

/// A question of this clone as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The check of the CI.
    pub check: String,
    /// The branch that asks.
    pub branch: String,
    /// What is in the candidate; nothing: the bare target.
    pub requests: Vec<String>,
    /// When it was asked.
    pub since: Time,
    /// Whether it was said that the answer did not come in time; the next run asks again.
    pub is_overdue: bool,
}

/// Returns what this clone has asked outside CIs, as far as it knows no answer.
pub fn questions(home: &Home) -> Result<Vec<Question>> {
    let asks = Ask::all(home.repo())?.into_iter();
    let question = |ask: Ask| Question {
        branch: branch_of(&ask.commit),
        check: ask.check,
        requests: ask.requests,
        since: ask.at,
        is_overdue: ask.is_overdue,
    };
    Ok(asks.map(question).collect())
}

/// Returns whether nothing is left to do for a candidate but to wait: every gate that has not passed was
/// asked outside.
pub(in super::super) fn is_asked(
    view: &View<'_>,
    gates: &[Gate],
    candidate: &Candidate,
    open: &[Ask],
) -> Result<bool> {
    if open.is_empty() {
        return Ok(false);
    }
    let waiting = facts::to_run(view, gates, candidate)?;
    for gate in &waiting {
        if !asks_of(view, gate, candidate, open)?.any(|it| !it.is_overdue) {
            return Ok(false);
        }
    }
    Ok(!waiting.is_empty())
}

fn asks_of<'a>(
    view: &View<'_>,
    gate: &Gate,
    candidate: &Candidate,
    open: &'a [Ask],
) -> Result<impl Iterator<Item = &'a Ask>> {
    let commit = question(view, gate, candidate)?;
    let check = gate.ci().unwrap_or_default().to_owned();
    Ok(open
        .iter()
        .filter(move |it| it.commit == commit && it.check == check))
}

/// Returns what a candidate waits for; refuses where what stands in the place of an answer is none, or the
/// deadline has passed. Whoever runs the queue after that asks again.
pub(in super::super) fn expire(
    home: &Home,
    gates: &[Gate],
    candidate: &Candidate,
    open: &[Ask],
) -> Result<Vec<Asked>> {
    let (view, now) = (home.view(), home.world().now());
    let (mut waits, mut faults) = (Vec::new(), Vec::new());
    for gate in facts::to_run(&view, gates, candidate)? {
        for ask in asks_of(&view, gate, candidate, open)? {
            let remote = super::remote_of(home, gate.name())?.name;
            if let Some(why) = &ask.unusable {
                faults.push(unusable(home.repo(), &remote, ask, why));
            } else if now >= ask.until(gate) {
                let overdue = Ask {
                    is_overdue: true,
                    ..ask.clone()
                };
                overdue.keep(home)?;
                faults.push(no_answer(&remote, ask, gate.deadline()));
            }
            waits.push(Asked {
                gate: gate.name().to_owned(),
                check: ask.check.clone(),
                commit: ask.commit.to_string(),
                branch: branch_of(&ask.commit),
                requests: candidate.requests.clone(),
                since: ask.at,
                until: ask.until(gate),
            });
        }
    }
    faults.into_iter().next().map_or(Ok(waits), Err)
}

fn unusable(repo: &Repo, remote: &str, ask: &Ask, why: &str) -> Fault {
    let (branch, name) = (
        branch_of(&ask.commit),
        answer_ref(repo, &ask.commit, &ask.check),
    );
    Fault::refused(format!(
        "what answers for CI check '{}' about {branch} is no answer: {why}; nothing lands and nobody is blamed",
        ask.check
    ))
    .hint(format!("look at it: git fetch {remote} {name} && git show FETCH_HEAD"))
    .hint(format!(
        "then remove it with its question, which is asked again: git push {remote} --delete {name} {}",
        branch_ref(&ask.commit)
    ))
}

fn no_answer(remote: &str, ask: &Ask, deadline: Duration) -> Fault {
    Fault::unavailable(format!(
        "CI check '{}' has not answered about {} of '{remote}' within {}: nothing lands and nobody is blamed",
        ask.check,
        branch_of(&ask.commit),
        spelled(deadline)
    ))
    .hint("does the CI run for branches gt-mq/**, and end with gt-ci-report under that name?")
    .hint("git gt refinery run asks again; a longer time: git gt refinery gate add <name> --ci <check> --deadline 3h")
}

fn spelled(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
