//! Verdicts: recorded with their composition, and turned into the proof that landing demands.

use super::candidate::Candidate;
use super::facts;
use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::{Decision, Name, Stamp};
use crate::record::{Attempt, Gate, Verdict};
use crate::town::{Town, View};

/// Proof that every gate, as it is defined now, passed on exactly this commit's tree. Only this file makes
/// one, and only with it can anything land.
#[derive(Debug)]
pub(super) struct Green {
    commit: Oid,
    tip: Oid,
}

impl Green {
    /// Returns the commit that may land.
    pub(super) fn commit(&self) -> Oid {
        self.commit
    }

    /// Returns the target's commit it was built on, which it may replace.
    pub(super) fn tip(&self) -> Oid {
        self.tip
    }
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
        tip: candidate.tip,
    };
    Ok((passed && candidate.tip == *tip).then_some(proof))
}

/// Records an attempt, before anything is decided from it: for everybody, then as one of ours.
///
/// After a crash between the two the gate runs again.
pub(super) fn record(
    town: &Town,
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
    let written = town.write(Name::Results, actor, |view, pen| {
        let tree = candidate.tree.to_string();
        let mut result = view.result(&tree, &gate.definition())?;
        let mut stamp = pen.stamp(result.record());
        if let Some(since) = candidate.since.as_ref().filter(|since| **since >= stamp) {
            // Queued again by a clock ahead of ours: a run that comes after that must count.
            stamp = Stamp::next(pen.now(), pen.clone_id(), Some(since));
        }
        result.add(gate.name(), attempt, &stamp);
        let subject = format!(
            "gate {} is {said} on {}: {what}",
            gate.name(),
            candidate.short()
        );
        Ok(Decision::write(
            subject.clone(),
            vec![result.into_record()],
            (subject, stamp),
        ))
    })?;
    let (subject, stamp) = written.value;
    let written = town.write(Name::Attempts, actor, |view, _| {
        let mut own = view.own_result(&candidate.tree.to_string(), &gate.definition())?;
        own.add(gate.name(), attempt, &stamp);
        Ok(Decision::write(
            subject.clone(),
            vec![own.into_record()],
            (),
        ))
    })?;
    let () = written.value;
    Ok(())
}
