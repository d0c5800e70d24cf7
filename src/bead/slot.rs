//! The merge slot: a bead that one at a time holds, for whoever merges by hand. Holding it is claiming it, so
//! that between clones the push decides and whoever was slower is told.

use super::claim::{claim, release};
use crate::fault::{Fault, Result};
use crate::ledger::{Pen, Stamp};
use crate::record::Bead;

/// The label of slots.
pub const SLOT: &str = "gt:slot";

const TITLE: &str = "Merge slot";

/// Returns the id of the merge slot of a rig.
pub fn slot_id(prefix: &str) -> String {
    format!("{prefix}-merge-slot")
}

/// Returns the merge slot of a rig, new, or made again of its tombstone. It is known by its name: whoever
/// makes it makes the same, but for the time.
pub fn new_slot(prefix: &str, pen: &Pen<'_>, tombstone: Option<Bead>) -> Bead {
    let zero = Stamp::zero();
    let (mut slot, stamp, now) = match tombstone {
        Some(mut slot) => {
            let stamp = pen.stamp(slot.record());
            slot.reopen(&stamp);
            slot.record_mut().set("title", Some(TITLE.into()), &stamp);
            (slot, stamp.clone(), stamp)
        }
        None => (
            Bead::new(&slot_id(prefix), TITLE, &zero),
            zero,
            pen.first_stamp(),
        ),
    };
    let record = slot.record_mut();
    record.set_entry("labels", SLOT, Some(true.into()), &stamp);
    // It is no work that somebody could begin.
    record.set("pinned", Some(true.into()), &stamp);
    let created = now.time().to_string();
    record.set_entry("times", "created", Some(created.into()), &now);
    slot
}

/// Returns who holds a slot: whoever claimed it, else whom an imported one names.
pub fn slot_holder(slot: &Bead) -> Option<String> {
    let imported = slot.record().entry("metadata", "holder");
    let imported = imported
        .and_then(|it| it.as_str())
        .filter(|who| !who.is_empty());
    slot.holder().or_else(|| imported.map(str::to_owned))
}

/// Returns who waits for a slot, the first one first; those of an imported one before all others.
pub fn slot_waiters(slot: &Bead) -> Vec<String> {
    let imported = slot.record().entry("metadata", "waiters");
    let imported = imported.and_then(|it| it.as_array()).into_iter().flatten();
    let mut all: Vec<String> = imported
        .filter_map(|it| Some(it.as_str()?.to_owned()))
        .collect();
    let mut added: Vec<&str> = slot.record().entries("waiters").map(|it| it.0).collect();
    added.sort_by_key(|who| slot.record().stamp_of_entry("waiters", who));
    for who in added {
        if !all.iter().any(|it| it == who) {
            all.push(who.to_owned());
        }
    }
    all
}

/// Lets somebody hold a slot, who then waits no more; refuses while somebody else does.
pub fn acquire(slot: &mut Bead, who: &str, stamp: &Stamp) -> Result<()> {
    match slot_holder(slot) {
        Some(holder) if holder != who => {
            return Err(Fault::refused(format!("{} is held by {holder}", slot.id())));
        }
        _ => claim(slot, who, stamp)?,
    };
    drop_waiter(slot, who, stamp);
    Ok(())
}

/// Lets somebody wait for a slot, and returns which in the row that is, from 1.
pub fn wait_for(slot: &mut Bead, who: &str, stamp: &Stamp) -> usize {
    if !slot_waiters(slot).iter().any(|it| it == who) {
        slot.record_mut()
            .set_entry("waiters", who, Some(true.into()), stamp);
    }
    let row = slot_waiters(slot);
    row.iter().position(|it| it == who).map_or(0, |at| at + 1)
}

fn drop_waiter(slot: &mut Bead, who: &str, stamp: &Stamp) {
    let record = slot.record_mut();
    if record.entry("waiters", who).is_some() {
        record.set_entry("waiters", who, None, stamp);
    }
    let imported = record.entry("metadata", "waiters").cloned();
    if let Some(serde_json::Value::Array(mut row)) = imported {
        row.retain(|it| it != who);
        let row = (!row.is_empty()).then(|| row.into());
        record.set_entry("metadata", "waiters", row, stamp);
    }
}

/// Frees a slot; refuses where nobody holds it, or somebody else than is said.
pub fn free(slot: &mut Bead, who: Option<&str>, stamp: &Stamp) -> Result<()> {
    let id = slot.id().to_owned();
    let Some(holder) = slot_holder(slot) else {
        return Err(Fault::refused(format!("nobody holds {id}")));
    };
    if let Some(who) = who.filter(|who| *who != holder) {
        return Err(
            Fault::refused(format!("{id} is held by {holder}, not by {who}"))
                .hint("without --holder whoever holds it loses it"),
        );
    }
    if slot.holder().is_some() {
        release(slot, stamp)?;
    }
    if slot.record().entry("metadata", "holder").is_some() {
        slot.record_mut()
            .set_entry("metadata", "holder", None, stamp);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().expect("it is a stamp")
    }

    #[test]
    fn one_holds_a_slot_and_the_others_wait_in_a_row() {
        let mut slot = Bead::new("gt-merge-slot", "Merge slot", &stamp(1));
        acquire(&mut slot, "ada", &stamp(2)).expect("it is free");
        acquire(&mut slot, "ada", &stamp(3)).expect("it is hers");
        assert!(acquire(&mut slot, "bob", &stamp(4)).is_err());
        assert_eq!(wait_for(&mut slot, "zoe", &stamp(5)), 1);
        assert_eq!(wait_for(&mut slot, "bob", &stamp(6)), 2);
        assert_eq!(wait_for(&mut slot, "zoe", &stamp(7)), 1);
        assert!(free(&mut slot, Some("bob"), &stamp(8)).is_err());
        free(&mut slot, Some("ada"), &stamp(9)).expect("she holds it");
        assert!(free(&mut slot, None, &stamp(10)).is_err());
        acquire(&mut slot, "zoe", &stamp(11)).expect("it is free");
        assert_eq!(slot_waiters(&slot), ["bob"]);
    }

    #[test]
    fn an_imported_slot_says_who_holds_it_in_its_metadata() {
        let mut slot = Bead::new("gt-merge-slot", "Merge slot", &stamp(1));
        let record = slot.record_mut();
        record.set_entry("metadata", "holder", Some("ada".into()), &stamp(1));
        record.set_entry("metadata", "waiters", Some(json!(["bob"])), &stamp(1));
        assert_eq!(slot_holder(&slot).as_deref(), Some("ada"));
        assert!(acquire(&mut slot, "bob", &stamp(2)).is_err());
        free(&mut slot, None, &stamp(3)).expect("it is held");
        acquire(&mut slot, "bob", &stamp(4)).expect("it is free");
        assert_eq!(slot_holder(&slot).as_deref(), Some("bob"));
        assert_eq!(slot_waiters(&slot), [""; 0]);
    }
}
