//! Moving a bead to another rig: a copy there, and the original closed with its new id.

use super::beads::{Beads, Graph, PARENT_CHILD, targets};
use super::edges::is_blocking;
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Pen, Record, digest};
use crate::record::Bead;
use crate::town::View;

/// What does not go along: who works on it, what became of that, and where it stands here.
const STAYS: [&str; 6] = [
    "args",
    "claims",
    "outcomes",
    "parent",
    "parent_edges",
    "state",
];

/// Returns the id a bead gets where ids have another prefix: the same whenever it is moved again after a crash,
/// another one once it was closed and opened again.
pub fn moved_id(bead: &Bead, prefix: &str) -> String {
    let life = bead.record().life().to_string();
    let parts = [b"moved", bead.id().as_bytes(), life.as_bytes()];
    format!("{prefix}-{}", &digest(&parts)[..8])
}

/// Refuses to move a bead that is closed, or that others here wait for, which would then wait for nothing.
pub fn check_movable(view: &View<'_>, bead: &Bead) -> Result<()> {
    let id = bead.id();
    if bead.is_closed() {
        return Err(Fault::refused(format!("{id} is closed"))
            .hint(format!("open it again: git gt reopen {id}")));
    }
    let beads = Beads::of(view);
    let mut waiting = beads.leading_to(id)?;
    let waits = |kind: &str| is_blocking(kind) || kind == PARENT_CHILD;
    waiting.retain(|row| !row.is_closed() && targets(row).any(|it| it.0 == id && waits(it.1)));
    if waiting.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = waiting.iter().map(|row| row.id()).collect();
    Err(Fault::refused(format!(
        "{} wait for {id} or are its children, and would wait for nothing",
        ids.join(", ")
    ))
    .hint(format!("git gt dep remove {} {id}", ids[0])))
}

/// Returns the copy of a bead of another rig under a new id, nothing where it is there already.
pub fn copy(view: &View<'_>, pen: &Pen<'_>, bead: &Bead, id: &str) -> Result<Option<Bead>> {
    match view.ledger(Name::Beads)?.get(id)? {
        Some(there) if there.entry("metadata", "moved_from") == Some(&bead.id().into()) => {
            if bead.record().newest() > there.created() {
                return Err(Fault::refused(format!(
                    "{} has changed since it was copied to {id}",
                    bead.id()
                ))
                .hint(format!(
                    "delete the copy and move it again: git gt delete {id}"
                )));
            }
            return Ok(None);
        }
        Some(_) => return Err(Fault::refused(format!("{id} is another bead already"))),
        None => {}
    }
    let stamp = pen.first_stamp();
    let mut record = Record::new(id, Bead::KIND, &stamp);
    for (field, value) in bead.record().fields().filter(|it| !STAYS.contains(&it.0)) {
        record.set(field, Some(value.clone()), &stamp);
    }
    record.set_entry("metadata", "moved_from", Some(bead.id().into()), &stamp);
    let copied = Bead::of(record);
    let copied = copied.ok_or_else(|| Fault::invalid(format!("'{id}' cannot be an id")))?;
    Ok(Some(copied))
}
