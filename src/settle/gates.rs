//! Rules about gates of beads: those that open by themselves, and who is told of one that was opened.

use std::collections::BTreeMap;

use super::convoys::derived_id;
use super::letters::{as_subject, letter_once};
use super::rules::{Consequence, Facts};
use crate::bead::{self, GATE, Wait};
use crate::fault::Result;
use crate::ledger::Time;
use crate::mail::inboxes;
use crate::record::{Bead, Letter};

/// The gates that open by themselves, with the time when a timer's is over, in milliseconds since 1970; zero
/// where they wait for another bead.
pub(super) type Waiting = BTreeMap<String, u64>;

/// Takes note of gates that have changed.
pub(super) fn note(waiting: &mut Waiting, changed: &[Bead]) {
    for gate in changed.iter().filter(|it| it.issue_type() == GATE) {
        let end = match bead::wait(gate) {
            _ if gate.is_closed() => None,
            Wait::Timer(end) => end.map(|it| it.0),
            Wait::Bead(_) => Some(0),
            _ => None,
        };
        match end {
            Some(end) => waiting.insert(gate.id().to_owned(), end),
            None => waiting.remove(gate.id()),
        };
    }
}

/// Returns whether the time of a timer is over.
pub(super) fn is_due(waiting: &Waiting, now: Time) -> bool {
    waiting.values().any(|end| (1..=now.0).contains(end))
}

/// A timer opens when its time is over, and what waits for another bead when that is closed. Everything else
/// that gates wait for is not stored here: somebody looks for it (`gate check`).
pub(super) fn opened(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for (id, _) in facts.gates.iter().filter(|(_, end)| **end <= facts.now.0) {
        // One that cannot be read keeps nobody else from being settled.
        let Some(gate) = facts.view.bead(id).ok().flatten() else {
            continue;
        };
        if bead::opened(facts.view, gate.clone(), facts.now).is_some() {
            found.push(Consequence::Open { gate });
        }
    }
    Ok(found)
}

/// Whoever waits at a gate is told when it is opened, once for each time it is.
pub(super) fn waited(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    let gates = facts.changes.beads.iter();
    for gate in gates.filter(|it| it.issue_type() == GATE && it.is_closed() && !it.is_deleted()) {
        let stamp = gate.record().stamp_of("state");
        let id = gate.id();
        let prefix = id.rsplit_once('-').map_or("gt", |(front, _)| front);
        let subject = as_subject(&format!("{id} is open: {}", gate.title()));
        let body = format!("{}\n\ngate     git gt show {id}", gate.close_reason());
        for who in gate.waiters() {
            let to = inboxes(who).swap_remove(0);
            let life = gate.record().life().to_string();
            let mail = derived_id(prefix, "mail", "waited", &[id, &life, &to]);
            let letter = Letter {
                from: "mayor/",
                to: &to,
                subject: &subject,
                body: body.trim_start(),
                ..Letter::default()
            };
            found.extend(letter_once(facts, &mail, &letter, (&stamp, id, "mayor/"))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;

    #[test]
    fn gates_that_open_by_themselves_are_noted_until_they_do() {
        let stamp = Stamp::imported(Time(1000), "k");
        let gate = |id: &str, kind: &str| {
            let mut gate = Bead::new(id, "t", &stamp);
            let record = gate.record_mut();
            record.set("type", Some(GATE.into()), &stamp);
            record.set("await_type", Some(kind.into()), &stamp);
            record.set("timeout", Some(5_000_000_000_i64.into()), &stamp);
            gate
        };
        let mut all = [gate("a", "timer"), gate("b", "bead"), gate("c", "human")];
        let mut waiting = Waiting::new();
        note(&mut waiting, &all);
        let want = [("a".to_owned(), 6000), ("b".to_owned(), 0)];
        assert_eq!(waiting, want.into());
        assert!(!is_due(&waiting, Time(5999)) && is_due(&waiting, Time(6000)));
        all[0].close("", &stamp);
        note(&mut waiting, &all);
        assert_eq!(waiting.len(), 1);
        assert!(!is_due(&waiting, Time(9000)), "a bead has no time");
    }
}
