//! Verdicts: recorded with their composition, and turned into the proof that landing demands.

use super::candidate::Candidate;
use super::{facts, key};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Repo};
use crate::ledger::{Decision, Name, Stamp, join};
use crate::record::{Attempt, Gate, RunResult, Verdict};
use crate::town::{Home, View};

/// Proof that every gate, as it is defined now, passed on exactly this commit's tree. Only this file makes
/// one, and only with it can anything land.
#[derive(Debug)]
pub(super) struct Green {
    commit: Oid,
    /// The commit that was tested: `commit`, or what that is the signed form of.
    tested: Oid,
    tip: Oid,
    requests: Vec<String>,
}

impl Green {
    /// Returns the commit that may land.
    pub(super) fn commit(&self) -> Oid {
        self.commit
    }

    /// Returns the commit as it was tested, before it was signed.
    pub(super) fn tested(&self) -> Oid {
        self.tested
    }

    /// Returns the proof for commits that are signed: those between the tip and the tested one, made anew and
    /// alike but for that. It is their trees that were tested, and they are the same. Candidates stay as they
    /// are, for a signature may be another one each time. After a crash nothing refers to what was made.
    pub(super) fn signed(&self, repo: &Repo) -> Result<Self> {
        let (mut own, mut at) = (Vec::new(), self.tested);
        while at != self.tip {
            own.push(at);
            let parent = repo.commit(&at)?.parents.first().copied();
            at = parent.ok_or_else(|| Fault::fatal("a candidate does not stand on its tip"))?;
        }
        let mut commit = self.tip;
        for unsigned in own.iter().rev() {
            commit = repo.sign_onto(unsigned, &commit).map_err(not_signed)?;
        }
        if repo.commit(&commit)?.tree != repo.commit(&self.tested)?.tree {
            return Err(Fault::fatal("a signed commit has another tree"));
        }
        Ok(Self {
            commit,
            tested: self.tested,
            tip: self.tip,
            requests: self.requests.clone(),
        })
    }

    /// Returns the requests in it, in order.
    pub(super) fn requests(&self) -> &[String] {
        &self.requests
    }

    /// Returns the target's commit it was built on, which it may replace.
    pub(super) fn tip(&self) -> Oid {
        self.tip
    }
}

fn not_signed(fault: Fault) -> Fault {
    fault
        .within("what is green has to be signed before it lands (gt.refinery.sign)")
        .hint("nothing has landed; the green result is kept, git gt refinery run carries on from here")
        .hint("or land unsigned: git gt config set refinery.sign false")
}

/// Returns the proof for a candidate built on `tip`, nothing when a gate has not passed on its tree.
pub(super) fn green(
    view: &View<'_>,
    gates: &[Gate],
    candidate: &Candidate,
    tip: &Oid,
) -> Result<Option<Green>> {
    let passed = facts::evidence_of(view, gates, candidate)?.green;
    let proof = Green {
        commit: candidate.commit,
        tested: candidate.commit,
        tip: candidate.tip,
        requests: candidate.requests.clone(),
    };
    Ok((passed && candidate.tip == *tip).then_some(proof))
}

/// Records an attempt, before anything is decided from it: as one of ours, then for everybody.
///
/// What a crash keeps between the two, [`publish`] makes good before the next run decides anything.
pub(super) fn record(
    home: &Home,
    actor: &str,
    (gate, candidate): (&Gate, &Candidate),
    attempt: &Attempt,
) -> Result<()> {
    let said = if attempt.verdict == Verdict::Green {
        "green"
    } else {
        "red"
    };
    let what = match candidate.requests.as_slice() {
        [] => "the bare target".to_owned(),
        requests => requests.join(" "),
    };
    let key = key::of(home.repo(), gate, candidate)?;
    let definition = gate.definition();
    let subject = format!(
        "gate {} is {said} on {}: {what}",
        gate.name(),
        candidate.short()
    );
    let written = home.write(Name::Attempts, actor, |view, pen| {
        let mut own = view.own_result(&key, &definition)?;
        let shared = view.result(&key, &definition)?;
        let mut stamp = pen.stamp(own.record()).max(pen.stamp(shared.record()));
        if let Some(since) = candidate.since.as_ref().filter(|since| **since >= stamp) {
            // Queued again by a clock ahead of ours: a run that comes after that must count.
            stamp = Stamp::next(pen.now(), pen.clone_id(), Some(since));
        }
        own.add(gate.name(), attempt, &stamp);
        Ok(Decision::write(
            subject.clone(),
            vec![own.into_record()],
            stamp,
        ))
    })?;
    let stamp = written.value;
    let written = home.write(Name::Results, actor, |view, _| {
        let mut shared = view.result(&key, &definition)?;
        shared.add(gate.name(), attempt, &stamp);
        Ok(Decision::write(
            subject.clone(),
            vec![shared.into_record()],
            (),
        ))
    })?;
    let () = written.value;
    Ok(())
}

/// Records for everybody what a crash kept between the two writes of [`record`].
pub(super) fn publish(home: &Home, actor: &str) -> Result<()> {
    let view = home.view();
    let mut missing = Vec::new();
    for own in view.own_results()? {
        let known = view.ledger(Name::Results)?.get(own.record().id())?;
        let known = known.and_then(RunResult::of);
        let has = |stamp: &Stamp| {
            known
                .iter()
                .any(|it| it.attempts().any(|(at, _)| at == *stamp))
        };
        if own.attempts().any(|(stamp, _)| !has(&stamp)) {
            missing.push(own);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let written = home.write(Name::Results, actor, |view, _| {
        let ledger = view.ledger(Name::Results)?;
        let joined = missing.iter().map(|own| {
            let there = ledger.get(own.record().id())?;
            Ok(there.map_or_else(|| own.record().clone(), |there| join(&there, own.record())))
        });
        let records = joined.collect::<Result<Vec<_>>>()?;
        Ok(Decision::write(
            "record runs that a crash kept back",
            records,
            (),
        ))
    })?;
    let () = written.value;
    Ok(())
}
