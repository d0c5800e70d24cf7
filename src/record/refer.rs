//! Where records name beads, and what becomes of that when a bead gets another id.

use crate::ledger::{Record, Stamp};

/// Fields that hold the id of a bead.
const FIELDS: [&str; 2] = ["bead", "parent"];

/// Maps whose keys are ids of beads.
const MAPS: [&str; 3] = ["beads", "deps", "parent_edges"];

/// Lets a record name beads by their new ids, given as `(old, new)`, and returns whether it named one.
pub fn refer(record: &mut Record, renamed: &[(String, String)], stamp: &Stamp) -> bool {
    let before = record.clone();
    for (old, new) in renamed {
        for field in FIELDS {
            if record.text(field) == old {
                record.set(field, Some(new.as_str().into()), stamp);
            }
        }
        for map in MAPS {
            if let Some(value) = record.entry(map, old).cloned() {
                record.set_entry(map, old, None, stamp);
                record.set_entry(map, new, Some(value), stamp);
            }
        }
    }
    *record != before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beads_are_named_by_their_new_ids() {
        let stamp = |n: u64| -> Stamp { format!("{n:016x}-k").parse().unwrap() };
        let mut record = Record::new("gt-1", "bead", &stamp(1));
        record.set("parent", Some("gt-p".into()), &stamp(1));
        record.set("title", Some("gt-p".into()), &stamp(1));
        record.set_entry("deps", "gt-2", Some("blocks".into()), &stamp(1));
        let renamed = |old: &str| [(old.to_owned(), format!("{old}-new"))];
        assert!(!refer(&mut record, &renamed("gt-9"), &stamp(2)));
        assert!(refer(&mut record, &renamed("gt-p"), &stamp(2)));
        assert!(refer(&mut record, &renamed("gt-2"), &stamp(2)));
        assert!(!refer(&mut record, &renamed("gt-2"), &stamp(3)));
        assert_eq!(record.text("parent"), "gt-p-new");
        assert_eq!(record.text("title"), "gt-p");
        let deps: Vec<_> = record.entries("deps").map(|(key, _)| key).collect();
        assert_eq!(deps, ["gt-2-new"]);
    }
}
