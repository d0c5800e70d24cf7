//! What this process wrote, so that nobody has to read it again.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::ledger::{Name, Oid, Record, Written};

/// How many records are remembered; who writes more has them read again.
const REMEMBERED: usize = 64;

/// The writes of this process to one repository.
#[derive(Debug, Default)]
pub(super) struct Journal(RefCell<Vec<Step>>);

#[derive(Debug)]
struct Step {
    ledger: Name,
    before: Option<Oid>,
    after: Option<Oid>,
    records: Vec<Record>,
}

impl Journal {
    /// Remembers a write.
    pub(super) fn note<T>(&self, ledger: Name, written: &mut Written<T>) {
        let step = Step {
            ledger,
            before: written.before,
            after: written.tip,
            records: std::mem::take(&mut written.records),
        };
        let mut steps = self.0.borrow_mut();
        steps.push(step);
        if steps.iter().map(|step| step.records.len()).sum::<usize>() > REMEMBERED {
            steps.clear();
        }
    }

    /// Returns the records that differ between two tips of a ledger, as they are at the later one, where all
    /// that lies between them was written here and is remembered.
    pub(super) fn between(&self, ledger: Name, then: Oid, now: Oid) -> Option<Vec<Record>> {
        let steps = self.0.borrow();
        let mut at = Some(then);
        let mut changed = BTreeMap::new();
        for step in steps.iter().filter(|step| step.ledger == ledger) {
            if step.before == at {
                let records = step.records.iter();
                changed.extend(records.map(|it| (it.id().to_owned(), it.clone())));
                at = step.after;
            }
        }
        (at == Some(now)).then(|| changed.into_values().collect())
    }
}
