//! In which order the gates of one candidate run: pure.

use crate::record::Gate;

/// How a gate stands with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has said nothing that counts.
    Open,
    /// It runs.
    Running,
    /// It passed.
    Green,
    /// It did not, in this run.
    Red,
    /// It ran, and that proved nothing.
    Void,
}

/// Returns which gates of this machine may begin, as positions, in order: those that are open and whose needs
/// have passed; none once one is red, for the candidate cannot land any more.
///
/// A need is an order and no condition of landing, which is that every gate has passed. So one that is not
/// among the gates, because nobody has it or it is for another branch, holds nobody up, and neither do gates
/// that need each other: those begin in the order given.
pub(super) fn ready(gates: &[(&Gate, Standing)]) -> Vec<usize> {
    if gates.iter().any(|(_, standing)| *standing == Standing::Red) {
        return Vec::new();
    }
    let find = |name: &str| gates.iter().position(|(gate, _)| gate.name() == name);
    let is_met = |at: usize, need: &String| match find(need) {
        Some(other) => gates[other].1 == Standing::Green || leads_to(gates, other, at),
        None => true,
    };
    let may_begin = |at: &usize| {
        let (gate, standing) = gates[*at];
        let is_ours = standing == Standing::Open && gate.ci().is_none();
        is_ours && gate.needs().iter().all(|need| is_met(*at, need))
    };
    (0..gates.len()).filter(may_begin).collect()
}

/// Returns whether a gate needs another, itself or through others.
fn leads_to(gates: &[(&Gate, Standing)], from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (vec![false; gates.len()], vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let needs = gates[at].0.needs();
        let needed = gates.iter().enumerate();
        let needed = needed.filter(|(_, (gate, _))| needs.iter().any(|it| it == gate.name()));
        open.extend(needed.map(|(other, _)| other));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Standing::{Green, Open, Red, Running, Void};
    use super::*;
    use crate::ledger::Stamp;

    #[test]
    fn a_gate_begins_when_what_it_needs_has_passed() {
        let gate = |name: &str, needs: &str, ci: bool| {
            let mut record = Gate::new(name).record().clone();
            let field = if ci { "ci" } else { "command" };
            record.set(field, Some("true".into()), &Stamp::zero());
            for need in needs.split_whitespace() {
                record.set_entry("needs", need, Some(true.into()), &Stamp::zero());
            }
            Gate::of(record).expect("it is a gate")
        };
        let build = gate("build", "", false);
        let test = gate("test", "build", false);
        let late = gate("late", "test gone", false);
        let outside = gate("outside", "", true);
        let after = gate("after", "outside", false);
        let check = |gates: &[(&Gate, Standing)], want: &[usize]| {
            assert_eq!(ready(gates), want, "{gates:?}");
        };
        check(&[(&test, Open), (&build, Open), (&late, Open)], &[1]);
        check(&[(&test, Open), (&build, Running), (&late, Open)], &[]);
        check(&[(&test, Open), (&build, Green), (&late, Open)], &[0]);
        check(&[(&test, Green), (&build, Green), (&late, Open)], &[2]);
        check(&[(&test, Open), (&build, Void)], &[]);
        check(&[(&test, Red), (&build, Open)], &[]);
        // What others have to answer is not waited for here.
        check(&[(&outside, Open), (&after, Open), (&build, Open)], &[2]);
        check(&[(&outside, Green), (&after, Open)], &[1]);
        // A gate whose need is for another branch, and a circle that two clones have made.
        check(&[(&test, Open)], &[0]);
        let (one, two) = (gate("one", "two", false), gate("two", "one", false));
        let tail = gate("tail", "one", false);
        check(&[(&tail, Open), (&one, Open), (&two, Open)], &[1, 2]);
        let own = gate("own", "own", false);
        check(&[(&own, Open)], &[0]);
    }
}
