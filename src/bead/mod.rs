//! Rules and queries over many beads.

use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::{Bead, Claim};
use crate::town::View;

/// temporary
pub fn blockers(_view: &View<'_>, _bead: &Bead) -> Result<Vec<String>> {
    Ok(Vec::new())
}

/// temporary
pub fn claim(bead: &mut Bead, by: &str, stamp: &Stamp) -> Result<Claim> {
    if let Some(claim) = bead.claim() {
        if claim.by == by {
            return Ok(claim);
        }
        return Err(Fault::refused(format!("already claimed by {}", claim.by)));
    }
    let epoch = bead.epoch().max(1);
    bead.set_claim(epoch, by, stamp);
    Ok(bead.claim().expect("just claimed"))
}

/// temporary
pub fn resolve(view: &View<'_>, _prefix: &str, typed: &str) -> Result<Bead> {
    view.bead(typed)?
        .ok_or_else(|| Fault::not_found(format!("no issue found matching \"{typed}\"")))
}
