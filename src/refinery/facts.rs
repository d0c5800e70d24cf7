//! Facts: what the gates said about a tree, as far as this clone may believe it.

use super::candidate::Candidate;
use super::key;
use super::order::Standing;
use crate::fault::Result;
use crate::ledger::Stamp;
use crate::record::{Gate, Verdict};
use crate::town::View;

/// What is known about one tree, summed up over all required gates as they are defined now.
///
/// Equal trees have equal evidence: where a request changes nothing, so do its neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Whether every required gate has a green attempt on exactly this tree.
    ///
    /// A green attempt outweighs any number of red ones: broken trees do not pass, good ones fail now and then.
    pub(super) green: bool,
    /// Red attempts of the gate that is red most often and was never green here; 0 when none.
    pub(super) red: u32,
}

/// When one gate said what about one tree, oldest first.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// It passed.
    pub(super) greens: Vec<Stamp>,
    /// It did not.
    pub(super) reds: Vec<Stamp>,
}

impl Said {
    /// Returns whether it passed at least once.
    pub(super) fn is_green(&self) -> bool {
        !self.greens.is_empty()
    }

    /// Returns how often it did not.
    pub(super) fn red(&self) -> u32 {
        count(self.reds.len())
    }

    /// Returns how often it did not since it passed for the last time.
    pub(super) fn red_since(&self) -> u32 {
        let since = |at: &&Stamp| self.greens.last().is_none_or(|green| green < *at);
        count(self.reds.iter().filter(since).count())
    }
}

fn count(runs: usize) -> u32 {
    u32::try_from(runs).unwrap_or(u32::MAX)
}

impl Evidence {
    /// Sums up what the required gates said.
    pub(super) fn of(said: &[Said]) -> Self {
        let open = said.iter().filter(|it| !it.is_green());
        Self {
            green: said.iter().all(Said::is_green),
            red: open.map(Said::red).max().unwrap_or(0),
        }
    }
}

/// Returns the evidence on a candidate, summed up over `gates`.
pub(super) fn evidence_of(
    view: &View<'_>,
    gates: &[Gate],
    candidate: &Candidate,
) -> Result<Evidence> {
    let said: Result<Vec<Said>> = gates.iter().map(|it| said(view, it, candidate)).collect();
    Ok(Evidence::of(&said?))
}

/// Returns the gates that have not passed on a candidate's tree: those of this machine before those that
/// an outside CI answers, and of each those that were red before first: a confirmation runs only what is
/// in doubt. Of a bare target that has passed them all it is all of them: that it was green says nothing of the
/// machine as it is now, and nobody looks at it for anything else.
pub(super) fn to_run<'g>(
    view: &View<'_>,
    gates: &'g [Gate],
    candidate: &Candidate,
) -> Result<Vec<&'g Gate>> {
    let mut open = Vec::new();
    for gate in gates {
        let said = said(view, gate, candidate)?;
        if !said.is_green() {
            open.push(((gate.ci().is_some(), std::cmp::Reverse(said.red())), gate));
        }
    }
    if open.is_empty() && candidate.requests.is_empty() {
        let order = |gate: &Gate| (gate.ci().is_some(), std::cmp::Reverse(0));
        open.extend(gates.iter().map(|gate| (order(gate), gate)));
    }
    open.sort_by_key(|(order, _)| *order);
    Ok(open.into_iter().map(|(_, gate)| gate).collect())
}

/// Returns how each gate stands with a candidate, those that were red before first; a red one counts as open,
/// for it is to be run again.
pub(super) fn standing<'g>(
    view: &View<'_>,
    gates: &'g [Gate],
    candidate: &Candidate,
) -> Result<Vec<(&'g Gate, Standing)>> {
    let open = to_run(view, gates, candidate)?;
    let is_open = |gate: &Gate| open.iter().any(|it| it.name() == gate.name());
    let passed = gates.iter().filter(|gate| !is_open(gate));
    let passed = passed.map(|gate| (gate, Standing::Green));
    let open = open.iter().map(|gate| (*gate, Standing::Open));
    Ok(open.chain(passed).collect())
}

/// Returns the gate that was red most often on a candidate's tree and never passed.
pub(super) fn reddest<'g>(
    view: &View<'_>,
    gates: &'g [Gate],
    candidate: &Candidate,
) -> Result<Option<&'g Gate>> {
    let mut reddest: Option<(u32, &Gate)> = None;
    for gate in gates {
        let said = said(view, gate, candidate)?;
        let more = said.red() > reddest.map_or(0, |(red, _)| red);
        if !said.is_green() && more {
            reddest = Some((said.red(), gate));
        }
    }
    Ok(reddest.map(|(_, gate)| gate))
}

/// How much of what a red gate wrote goes with a verdict: lines, and characters.
const LAST_WORDS: (usize, usize) = (20, 2000);

/// Returns the end of what a gate wrote when it was red on a candidate's tree for the last time.
pub(super) fn last_words(view: &View<'_>, gate: &Gate, candidate: &Candidate) -> Result<String> {
    let key = key::of(view.repo(), gate, candidate)?;
    let counted = view.evidence(&key, &gate.definition())?;
    let mut reds = counted.into_values().rev();
    let last = reds.find(|it| it.verdict == Verdict::Red);
    let tail = last.map(|it| it.tail).unwrap_or_default();
    let lines: Vec<&str> = tail.trim_end().lines().collect();
    let end = lines[lines.len().saturating_sub(LAST_WORDS.0)..].join("\n");
    let skipped = end.chars().count().saturating_sub(LAST_WORDS.1);
    Ok(end.chars().skip(skipped).collect())
}

/// Returns what a gate said about a candidate's tree: runs that were made here, or that this machine believes,
/// and red ones only when nobody has asked for another try since.
pub(super) fn said(view: &View<'_>, gate: &Gate, candidate: &Candidate) -> Result<Said> {
    let key = key::of(view.repo(), gate, candidate)?;
    let mut said = Said::default();
    for (stamp, attempt) in view.evidence(&key, &gate.definition())? {
        match attempt.verdict {
            Verdict::Green => said.greens.push(stamp),
            Verdict::Red if Some(&stamp) > candidate.since.as_ref() => said.reds.push(stamp),
            Verdict::Red => {}
        }
    }
    Ok(said)
}
