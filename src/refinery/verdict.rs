//! Verdicts: recorded with their composition, and turned into the proof that landing demands.

use super::candidate::Candidate;
use super::facts::{self, Seen};
use super::own::Own;
use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::{Decision, Name, Stamp};
use crate::record::{Attempt, Gate, Verdict};
use crate::town::Town;

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
    seen: &Seen<'_>,
    gates: &[Gate],
    candidate: &Candidate,
    tip: &Oid,
) -> Result<Option<Green>> {
    let passed = facts::evidence_of(seen, gates, candidate)?.green;
    let proof = Green {
        commit: candidate.commit,
        tip: candidate.tip,
    };
    Ok((passed && candidate.tip == *tip).then_some(proof))
}

/// Records an attempt, before anything is decided from it.
pub(super) fn record(
    town: &Town,
    actor: &str,
    (gate, candidate): (&Gate, &Candidate),
    attempt: &Attempt,
    own: &mut Own,
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
        let id = result.record().id().to_owned();
        Ok(Decision::write(
            subject,
            vec![result.into_record()],
            (id, stamp),
        ))
    })?;
    let (id, stamp) = written.value;
    own.note(town, &id, &stamp)
}
