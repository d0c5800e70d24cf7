//! Who can be written to: the rigs, the agents that are hung here, and everybody who has left a trace.

use super::address::Known;
use crate::fault::{Fault, Result};
use crate::ledger::Cell;
use crate::town::Home;

/// The folder of `refs/gt-local` that notes this clone's hooks.
const HOOKS: &str = "hooks";

/// Returns the address that `typed` means.
///
/// The beads are read only where nobody else has the address.
pub fn find(home: &Home, actor: &str, typed: &str) -> Result<String> {
    let view = home.view();
    let mut known = Known {
        home: home.rig().name().to_owned(),
        rigs: view
            .rigs()?
            .iter()
            .map(|rig| rig.name().to_owned())
            .collect(),
        ..Known::default()
    };
    known.add(actor);
    if let Some(name) = home.repo().setting("user.name") {
        known.add(&name);
    }
    for cell in Cell::list(home.repo(), HOOKS)? {
        known.add(&cell.name);
    }
    for request in view.requests()? {
        known.add(request.worker());
    }
    match known.resolve(typed) {
        Err(Fault::NotFound(_)) => {}
        found => return found,
    }
    for bead in view.beads()? {
        let holder = bead.assignee();
        let names = [bead.record().text("created_by")].into_iter();
        names
            .chain(holder.as_deref())
            .for_each(|name| known.add(name));
    }
    for mail in view.mails()? {
        known.add(mail.from());
        known.add(mail.to());
    }
    known.resolve(typed)
}

/// Returns whether an agent's hook hangs in this clone.
pub fn is_here(home: &Home, address: &str) -> Result<bool> {
    Ok(Cell::find(home.repo(), HOOKS, address)?.is_some())
}
