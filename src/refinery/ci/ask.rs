//! Questions: asked with a branch on the remote, remembered in a ref of this clone, answered once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::board::{Composition, Underway};
use super::super::candidate::Candidate;
use super::super::{facts, key, verdict};
use super::{answer, answer_ref, answers_about, branch_of, branch_ref};
use crate::fault::{Fault, Result};
use crate::git::{Answer as Offered, Cas, NewCommit, Oid, PushedRef, Remote, Repo, Signature};
use crate::record::{Attempt, Gate, Verdict};
use crate::town::{Home, View};
use crate::world::Time;

/// Where this clone keeps what it asked.
const ASKED: &str = "refs/gt-local/ci/";
/// How often a question is asked again because what stands in the place of its answer is none.
const REFUSED_MAX: u32 = 3;

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
    /// What the candidate was merged onto; nothing in a question of an older version.
    base: Option<Oid>,
    /// Whether the candidate is tested apart from others that wait before it.
    screens: bool,
    /// When it was asked.
    at: Time,
    /// Whether the deadline passed, and that was said.
    is_overdue: bool,
    /// How often something stood in the place of the answer that was none, and was taken away.
    refused: u32,
    /// Why what stands in the place of the answer is none, and is not taken away any more.
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
                base: line("Gt-Base").and_then(|it| repo.parse_id(it)),
                screens: line("Gt-Screens").is_some(),
                at: Time(kept.seconds * 1000),
                is_overdue: line("Gt-Overdue").is_some(),
                refused: line("Gt-Refused")
                    .and_then(|it| it.parse().ok())
                    .unwrap_or(0),
                unusable: None,
            });
        }
        Ok(asks)
    }

    /// Writes it down, anew where it was asked before, and returns what keeps it. After a crash it stands as
    /// before or anew.
    fn keep(&self, home: &Home) -> Result<Oid> {
        let repo = home.repo();
        let (check, commit) = (&self.check, &self.commit);
        let mut message = format!("ask '{check}' about {commit}\n\nGt-Check: {check}\n");
        message.push_str(&format!("Gt-Target: {}\n", self.target));
        message.push_str(&format!("Gt-Requests: {}\n", self.requests.join(" ")));
        if let Some(base) = self.base {
            message.push_str(&format!("Gt-Base: {base}\n"));
        }
        if self.screens {
            message.push_str("Gt-Screens: yes\n");
        }
        if self.is_overdue {
            message.push_str("Gt-Overdue: yes\n");
        }
        if self.refused > 0 {
            message.push_str(&format!("Gt-Refused: {}\n", self.refused));
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
            Cas::Swapped => Ok(kept),
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
        let wait = u64::try_from(gate.deadline().as_millis()).unwrap_or(u64::MAX);
        Time(self.at.0.saturating_add(wait))
    }

    fn asked(&self, gate: &Gate) -> Asked {
        Asked {
            gate: gate.name().to_owned(),
            check: self.check.clone(),
            commit: self.commit.to_string(),
            branch: branch_of(&self.commit),
            requests: self.requests.clone(),
            since: self.at,
            until: self.until(gate),
        }
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
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
    let key = key::of(view.repo(), gate, candidate)?;
    let known = view.own_result(&key, &gate.definition())?;
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
/// The questions are written down here before the branch is pushed: after a crash between the two the next
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
    // A branch asks every check at once; whether it is new is what starts a CI again.
    let mut branches: BTreeMap<Oid, bool> = BTreeMap::new();
    for gate in open {
        let Some(check) = gate.ci() else { continue };
        super::remote_of(home, gate.name())?;
        let commit = question(&view, gate, candidate)?;
        let before = known
            .iter()
            .find(|it| it.commit == commit && it.check == check);
        if before.is_some_and(|it| !it.is_overdue) {
            continue;
        }
        let ask = Ask {
            name: Ask::ref_name(repo, &commit, check),
            id: commit,
            commit,
            check: check.to_owned(),
            target: target.to_owned(),
            requests: candidate.requests.clone(),
            base: Some(candidate.tip),
            screens: candidate.screens,
            at: home.world().now(),
            is_overdue: false,
            refused: 0,
            unusable: None,
        };
        ask.keep(home)?;
        *branches.entry(commit).or_default() |= before.is_some();
        asked.push(ask.asked(gate));
    }
    for (commit, is_again) in branches {
        let remote = super::remote_of(home, "")?;
        if is_again {
            repo.drop_from_remote(&remote, vec![(branch_ref(&commit), commit)])?;
        }
        push(repo, &remote, &commit)?;
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

/// Returns what outside CIs were asked for a target's sake, each candidate once.
pub(in super::super) fn underway(repo: &Repo, target: &str) -> Result<Vec<Underway>> {
    let mut found: Vec<Underway> = Vec::new();
    for ask in Ask::all(repo)? {
        let Some(base) = ask.base.filter(|_| ask.target == target) else {
            continue;
        };
        let what = Composition {
            base,
            requests: ask.requests,
        };
        if !found.iter().any(|it| it.what == what) {
            found.push(Underway {
                what,
                screens: ask.screens,
            });
        }
    }
    Ok(found)
}

/// What the remote's answers came to.
#[derive(Debug, Default)]
pub(in super::super) struct Collected {
    /// Answers recorded just now: the gate, and what it said.
    pub(in super::super) answers: Vec<(String, Attempt)>,
    /// Questions that still wait.
    pub(in super::super) open: Vec<Ask>,
    /// What stood in the place of an answer and was none, in words; the question is asked again.
    pub(in super::super) refused: Vec<String>,
}

/// What the queue is at: what could be asked about, and which targets are done with.
pub(in super::super) struct Wanted<'a> {
    /// Every candidate that somebody wants to know something about, whatever it is built on; the bare targets
    /// among them. Who needs an answer about another one no more leaves it out.
    pub(in super::super) candidates: Vec<&'a Candidate>,
    /// Returns whether a question for a target's sake is of no use when no candidate needs it.
    pub(in super::super) is_over: &'a dyn Fn(&str) -> bool,
}

/// Looks for answers to what was asked, records those about what is wanted, and takes back from the
/// remote what is answered or of no more use to anybody. Without an open question nobody is asked anything;
/// else the remote's refs are listed once, and the answers fetched at once.
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
    let (false, Some(name)) = (asks.is_empty(), home.default_remote()) else {
        return Ok(collected);
    };
    let remote = repo.remote(&name)?;
    let board = Board::read(repo, &remote)?;
    let view = home.view();
    let (mut needed, mut kept, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for ask in asks {
        match whose(&view, (gates, &wanted.candidates), &ask)? {
            Some(whose) => needed.push((ask, whose)),
            None if (wanted.is_over)(&ask.target) => done.push(ask),
            None => kept.push(ask),
        }
    }
    fetch_answers(repo, &remote, &board, needed.iter().map(|(ask, _)| ask))?;
    let mut again = BTreeSet::new();
    for (ask, (gate, candidate)) in needed {
        match found(repo, &board, &ask)? {
            Found::Nothing => {
                if board.0.get(&branch_ref(&ask.commit)) != Some(&ask.commit) {
                    push(repo, &remote, &ask.commit)?;
                }
                kept.push(ask);
            }
            Found::Answer(answer) => {
                let attempt = attempt(candidate, &ask, answer);
                verdict::record(home, actor, (gate, candidate), &attempt)?;
                collected.answers.push((gate.name().to_owned(), attempt));
                done.push(ask);
            }
            Found::None(_, why) if ask.refused >= REFUSED_MAX => kept.push(Ask {
                unusable: Some(why),
                ..ask
            }),
            Found::None(id, why) => {
                collected.refused.push(no_answer_at_all(&ask, &id, &why));
                again.insert(ask.commit);
                kept.push(refuse(home, &remote, ask, id)?);
            }
        }
    }
    for commit in again {
        repo.drop_from_remote(&remote, vec![(branch_ref(&commit), commit)])?;
        push(repo, &remote, &commit)?;
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

/// Returns the gate and the candidate about which a question is, nothing where nobody wants to know.
fn whose<'a>(
    view: &View<'_>,
    (gates, candidates): (&'a [Gate], &[&'a Candidate]),
    ask: &Ask,
) -> Result<Option<(&'a Gate, &'a Candidate)>> {
    // It is the candidate itself, or a commit on it.
    let below = view.repo().commit(&ask.commit)?.parents.first().copied();
    let near = |it: &&&Candidate| it.commit == ask.commit || Some(it.commit) == below;
    for candidate in candidates.iter().filter(near) {
        for gate in gates.iter().filter(|it| it.ci() == Some(&ask.check)) {
            if question(view, gate, candidate)? == ask.commit {
                return Ok(Some((gate, candidate)));
            }
        }
    }
    Ok(None)
}

/// What stands where the answer to a question belongs.
enum Found {
    /// Its answer.
    Answer(answer::Answer),
    /// Nothing yet.
    Nothing,
    /// Something that is no answer, and why.
    None(Oid, String),
}

/// Fetches what stands where answers to questions belong.
fn fetch_answers<'a>(
    repo: &Repo,
    remote: &Remote,
    board: &Board,
    asks: impl Iterator<Item = &'a Ask>,
) -> Result<()> {
    let answered = asks.filter(|it| board.answer(repo, &it.commit, &it.check).is_some());
    let commits: BTreeSet<Oid> = answered.map(|it| it.commit).collect();
    let refspec = |commit: &Oid| {
        let (from, to) = (answers_about(commit), tracking(repo, remote, commit));
        format!("+{from}*:{to}*")
    };
    let refspecs: Vec<String> = commits.iter().map(refspec).collect();
    match refspecs.is_empty() {
        true => Ok(()),
        false => repo.fetch(remote, &refspecs),
    }
}

fn found(repo: &Repo, board: &Board, ask: &Ask) -> Result<Found> {
    let Some(id) = board.answer(repo, &ask.commit, &ask.check) else {
        return Ok(Found::Nothing);
    };
    if !repo.has(&id) {
        // It was replaced or removed between the look and the fetch.
        return Ok(Found::Nothing);
    }
    Ok(match answer::read(repo, &id, (&ask.commit, &ask.check))? {
        Ok(answer) => Found::Answer(answer),
        Err(why) => Found::None(id, why),
    })
}

/// Takes away what is no answer, so that the place is free for one, and returns the question as it waits now,
/// with all its time before it.
///
/// After a crash it is counted and stands there still, and is counted again.
fn refuse(home: &Home, remote: &Remote, ask: Ask, id: Oid) -> Result<Ask> {
    let repo = home.repo();
    let ask = Ask {
        refused: ask.refused + 1,
        at: home.world().now(),
        is_overdue: false,
        ..ask
    };
    let id_now = ask.keep(home)?;
    let name = answer_ref(repo, &ask.commit, &ask.check);
    repo.drop_from_remote(remote, vec![(name, id)])?;
    Ok(Ask { id: id_now, ..ask })
}

fn no_answer_at_all(ask: &Ask, id: &Oid, why: &str) -> String {
    format!(
        "what answered for CI check '{}' about {} is no answer: {why}; it is taken away ({}) and asked again",
        ask.check,
        branch_of(&ask.commit),
        id.to_hex_with_len(12)
    )
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
        screens: candidate.screens,
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

/// How it stands with what a candidate waits for.
#[derive(Debug, Default)]
pub(in super::super) struct Standing {
    /// What it waits for.
    pub(in super::super) waits: Vec<Asked>,
    /// Why it waits no more: a deadline has passed, or what stands in the place of an answer is none however
    /// often it is asked for. Nobody is blamed; whoever runs the queue after that asks again.
    pub(in super::super) over: Vec<Fault>,
}

/// Returns how it stands with what a candidate waits for, and notes what it waits for no more.
///
/// After a crash that is noted or noted the next time.
pub(in super::super) fn expire(
    home: &Home,
    gates: &[Gate],
    candidate: &Candidate,
    open: &[Ask],
) -> Result<Standing> {
    let (view, now) = (home.view(), home.world().now());
    let mut standing = Standing::default();
    for gate in facts::to_run(&view, gates, candidate)? {
        for ask in asks_of(&view, gate, candidate, open)? {
            let remote = super::remote_of(home, gate.name())?.name;
            let over = match &ask.unusable {
                Some(why) => Some(unusable(home.repo(), &remote, ask, why)),
                None if now >= ask.until(gate) => Some(no_answer(&remote, ask, gate.deadline())),
                None => None,
            };
            if let Some(fault) = over {
                let overdue = Ask {
                    is_overdue: true,
                    ..ask.clone()
                };
                overdue.keep(home)?;
                standing.over.push(fault);
            }
            standing.waits.push(ask.asked(gate));
        }
    }
    Ok(standing)
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
