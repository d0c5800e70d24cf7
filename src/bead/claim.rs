//! Claiming: one holder per epoch (DESIGN 3.3).

use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::{Bead, Claim};

/// Claims a bead for `by` and returns the claim that stands; the same holder again changes nothing.
///
/// The first claim is of epoch 1; one after a release is of the epoch the release opened. A closed bead and
/// one that somebody else holds are refused.
pub fn claim(bead: &mut Bead, by: &str, stamp: &Stamp) -> Result<Claim> {
    if bead.is_closed() {
        return Err(Fault::refused(format!("{} is closed", bead.id()))
            .hint(format!("open it again: git gt reopen {}", bead.id())));
    }
    match bead.claim() {
        Some(claim) if claim.by == by => return Ok(claim),
        Some(claim) => {
            return Err(Fault::refused(format!(
                "{} is already claimed by {}",
                bead.id(),
                claim.by
            )));
        }
        None => {}
    }
    let epoch = bead.epoch().max(1);
    bead.set_claim(epoch, by, stamp);
    if !["in_progress", "hooked"].contains(&bead.status()) {
        bead.set_status("in_progress", stamp);
    }
    Ok(Claim {
        epoch,
        stamp: stamp.clone(),
        by: by.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    #[test]
    fn a_claim_goes_into_the_epoch_nobody_holds() {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        let first = claim(&mut bead, "a", &stamp(2)).unwrap();
        assert_eq!((first.epoch, first.by.as_str()), (1, "a"));
        assert_eq!(claim(&mut bead, "a", &stamp(3)).unwrap(), first);
        let fault = claim(&mut bead, "b", &stamp(4)).unwrap_err();
        assert_eq!(fault.to_string(), "gt-1 is already claimed by a");
        bead.release(&stamp(5));
        assert_eq!(claim(&mut bead, "b", &stamp(6)).unwrap().epoch, 2);
        assert_eq!(bead.holder().as_deref(), Some("b"));
    }

    #[test]
    fn a_closed_bead_is_claimed_by_nobody() {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        bead.close("", &stamp(2));
        assert!(matches!(
            claim(&mut bead, "a", &stamp(3)),
            Err(Fault::Refused(_))
        ));
    }

    #[test]
    fn a_claim_puts_a_bead_that_waited_to_work() {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        bead.set_status("deferred", &stamp(2));
        claim(&mut bead, "a", &stamp(3)).unwrap();
        assert_eq!(bead.status(), "in_progress");
    }
}
