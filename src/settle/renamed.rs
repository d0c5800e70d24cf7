//! What follows when two clones made one id for two beads: what was written about the younger one goes on
//! being about it.

use crate::fault::Result;
use crate::ledger::{Decision, Name};
use crate::record::refer;
use crate::town::Home;

/// The ledgers whose records name beads; the beads themselves come last.
const LEDGERS: [Name; 4] = [Name::Queue, Name::Convoys, Name::Handoffs, Name::Beads];

/// Lets everything here that names a bead by its old id name it by the new one, given as `(old, new)`: before
/// the two ledgers are joined, when the old id still means our bead alone.
///
/// After a crash some of it does; the next sync finds the same beads and does the rest.
pub fn follow(home: &Home, renamed: &[(String, String)]) -> Result<()> {
    let words = |(old, new): &(String, String)| format!("{old} is {new}");
    let subject = renamed.iter().map(words).collect::<Vec<_>>().join(", ");
    for name in LEDGERS {
        home.write(name, "git-gt", |view, pen| {
            let mut changed = Vec::new();
            for mut record in view.ledger(name)?.records()? {
                let stamp = pen.stamp(&record);
                if refer(&mut record, renamed, &stamp) {
                    changed.push(record);
                }
            }
            Ok(Decision::write(subject.clone(), changed, ()))
        })?;
    }
    Ok(())
}
