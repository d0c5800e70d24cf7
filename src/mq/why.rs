//! Why a request stands where it does: the trees that a landing or an ejection rests on, with every run on
//! them, and how to see it oneself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fault::{Fault, Result};
use crate::ledger::{Name, Stamp};
use crate::record::{Attempt, Gate, Request, RequestStatus, RunResult, Verdict};
use crate::town::View;

/// What a tree is to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is what landed.
    Landed,
    /// It was the target, without the request.
    Tip,
    /// It was the target with the request.
    With,
}

impl Role {
    /// Returns it in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Tip => "tip",
            Self::With => "with",
        }
    }
}

/// A run of a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct GateRun {
    /// The gate's name.
    pub gate: String,
    /// When it was recorded, and in which clone.
    pub stamp: Stamp,
    /// What it said.
    pub attempt: Attempt,
    /// Whether this clone counts it as evidence: it was made here, sealed, or on an accepted machine.
    pub counts: bool,
}

/// A tree that a decision rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// What it is to the decision.
    pub role: Role,
    /// The commit that holds it.
    pub commit: String,
    /// Its id, empty where the commit is not here.
    pub tree: String,
    /// The target's commit it was built on, where a run says so.
    pub tip: String,
    /// The requests in it, in order, where a run says so.
    pub requests: Vec<String>,
    /// Every run on it, oldest first.
    pub runs: Vec<GateRun>,
}

/// What a decision about a request rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proof {
    /// The trees.
    pub trees: Vec<Tested>,
    /// Command lines that show it, from the top of the repository.
    pub reproduce: Vec<String>,
}

/// Returns the ids of results of today's gates on a commit.
pub type ResultIds<'a> = dyn Fn(&str) -> Result<Vec<String>> + 'a;

/// Returns what the decision about a request rests on; nothing for one that waits, or that people ended.
pub fn proof(view: &View<'_>, request: &Request, ids: &ResultIds<'_>) -> Result<Proof> {
    let said = |key: &str| request.evidence(key).and_then(Value::as_str);
    let parts = match request.status() {
        RequestStatus::Landed => vec![(Role::Landed, said("commit"))],
        RequestStatus::Ejected => vec![(Role::Tip, said("green")), (Role::With, said("red"))],
        RequestStatus::Conflict => vec![(Role::Tip, said("green"))],
        _ => Vec::new(),
    };
    let mut proof = Proof::default();
    for (role, commit) in parts {
        if let Some(commit) = commit {
            proof
                .trees
                .push(tested(view, request, (role, commit), ids)?);
        }
    }
    proof.reproduce = match (said("reproduce"), said("commit")) {
        (Some(line), _) => vec![line.to_owned()],
        (None, Some(commit)) => {
            let names: Vec<&str> = proof
                .trees
                .iter()
                .flat_map(|it| it.runs.iter().map(|run| run.gate.as_str()))
                .collect();
            let gates = view.gates()?.into_iter();
            let gates = gates.filter(|it| names.contains(&it.name()));
            gates.map(|gate| reproduce(&gate, commit)).collect()
        }
        (None, None) => Vec::new(),
    };
    Ok(proof)
}

fn tested(
    view: &View<'_>,
    request: &Request,
    (role, commit): (Role, &str),
    ids: &ResultIds<'_>,
) -> Result<Tested> {
    let repo = view.repo();
    let known = repo.parse_id(commit).filter(|id| repo.has(id));
    let tree = known.map(|id| repo.commit(&id)).transpose()?;
    let tree = tree.map(|it| it.tree.to_string()).unwrap_or_default();
    let ids = match known {
        Some(_) => ids(commit)?,
        None => Vec::new(),
    };
    let is_on_it = |result: &RunResult| {
        let id = result.record().id();
        ids.iter().any(|it| it == id) || is_of(id, &tree)
    };
    let mut runs = BTreeMap::new();
    for result in results(view, request, (&tree, &ids))? {
        let id = result.record().id();
        let (key, definition) = id.rsplit_once('.').unwrap_or_default();
        let counted = view.evidence(key, definition)?;
        for (stamp, attempt) in result.attempts() {
            if attempt.commit != commit && !is_on_it(&result) {
                continue;
            }
            let run = GateRun {
                gate: result.gate().to_owned(),
                counts: counted.contains_key(&stamp),
                stamp: stamp.clone(),
                attempt,
            };
            runs.insert((stamp, id.to_owned()), run);
        }
    }
    let runs: Vec<GateRun> = runs.into_values().collect();
    let own = runs.iter().find(|run| run.attempt.commit == commit);
    Ok(Tested {
        role,
        commit: commit.to_owned(),
        tree,
        tip: own.map(|run| run.attempt.tip.clone()).unwrap_or_default(),
        requests: own
            .map(|run| run.attempt.requests.clone())
            .unwrap_or_default(),
        runs,
    })
}

/// Returns results that may be about a commit: those of runs the request was in, those of today's gates, and
/// those of gates of before on the same tree.
fn results(
    view: &View<'_>,
    request: &Request,
    (tree, ids): (&str, &[String]),
) -> Result<Vec<RunResult>> {
    let mut found = view.results_of(request.id())?;
    let ledger = view.ledger(Name::Results)?;
    let mut wanted: BTreeSet<String> = ids.iter().cloned().collect();
    if !tree.is_empty() {
        wanted.extend(ledger.ids()?.into_iter().filter(|id| is_of(id, tree)));
    }
    for id in wanted {
        if found.iter().any(|it| it.record().id() == id) {
            continue;
        }
        let record = match ledger.get(&id) {
            // What is no record proves nothing.
            Err(Fault::Invalid(_)) => None,
            found => found?,
        };
        found.extend(record.and_then(RunResult::of));
    }
    Ok(found)
}

/// Returns whether the id of a result is one of a whole tree.
fn is_of(id: &str, tree: &str) -> bool {
    let rest = id.strip_prefix(tree).filter(|_| !tree.is_empty());
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

/// Returns the command line that shows what a gate says about a commit. It can be pasted as it is, whatever the
/// lines of the gate are.
pub fn reproduce(gate: &Gate, commit: &str) -> String {
    let folder = format!("../gt-{}", commit.get(..12).unwrap_or(commit));
    let run = match gate.ci() {
        None => {
            let lines = [gate.setup(), gate.command()].into_iter();
            let lines = lines.filter(|it| !it.trim().is_empty());
            lines
                .map(|it| format!("&& {}", as_one(it)))
                .collect::<Vec<_>>()
                .join(" ")
        }
        Some(check) => format!("# and run what CI check '{check}' runs"),
    };
    format!("git worktree add --detach {folder} {commit} && cd {folder} {run}")
}

/// Returns a line for `sh` as one command of a longer line: what holds more than words would bind to its
/// neighbours, or end the shell that it is pasted into.
fn as_one(line: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || " -_./:=,+@%".contains(c);
    let first = line.split(' ').next().unwrap_or_default();
    match line.chars().all(is_word) && !["exit", "exec", "cd"].contains(&first) {
        true => line.to_owned(),
        false => format!("sh -c '{}'", line.replace('\'', r"'\''")),
    }
}

impl Tested {
    /// Returns whether a gate has passed on it and none that ran has not.
    pub fn is_green(&self) -> bool {
        let passed = |gate: &str| {
            let mut all = self.runs.iter();
            all.any(|it| it.gate == gate && it.attempt.verdict == Verdict::Green)
        };
        !self.runs.is_empty() && self.runs.iter().all(|it| passed(&it.gate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_gate_can_be_pasted() {
        let check = |setup: &str, command: &str, want: &str| {
            let mut record = Gate::new("test").record().clone();
            for (field, line) in [("setup", setup), ("command", command)] {
                let line = Some(line.into()).filter(|_| !line.is_empty());
                record.set(field, line, &Stamp::zero());
            }
            let gate = Gate::of(record).expect("it is a gate");
            let line = reproduce(&gate, "0123456789abcdef");
            let want = format!(
                "git worktree add --detach ../gt-0123456789ab 0123456789abcdef && cd ../gt-0123456789ab {want}"
            );
            assert_eq!(line, want);
        };
        check("", "cargo test --lib", "&& cargo test --lib");
        check("", "make; ls", "&& sh -c 'make; ls'");
        check("", "a && b || exit 3", "&& sh -c 'a && b || exit 3'");
        check("", "exit 1", "&& sh -c 'exit 1'");
        check("", "grep 'it' x", r"&& sh -c 'grep '\''it'\'' x'");
        check("npm ci", "npm test", "&& npm ci && npm test");
        check("a | b", "c &", "&& sh -c 'a | b' && sh -c 'c &'");
    }
}
