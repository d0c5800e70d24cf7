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

/// Ends whoever's claim there is and returns it: the bead is open again, in a new epoch.
///
/// A bead that is closed, or that nobody has, is refused.
pub fn release(bead: &mut Bead, stamp: &Stamp) -> Result<Option<Claim>> {
    let id = bead.id().to_owned();
    if bead.is_closed() {
        return Err(Fault::invalid(format!("{id} is closed"))
            .hint(format!("open it again: git gt reopen {id}")));
    }
    let claim = bead.claim();
    let begun = ["in_progress", "hooked"].contains(&bead.status());
    if claim.is_none() && !begun {
        return Err(
            Fault::invalid(format!("nobody works on {id}: it is {}", bead.status()))
                .hint(format!("git gt show {id} shows what is known about it")),
        );
    }
    bead.release(stamp);
    if begun {
        bead.set_status("open", stamp);
    }
    Ok(claim)
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
    fn a_release_leaves_an_open_bead_in_a_new_epoch() {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        let refused = |bead: &mut Bead| release(bead, &stamp(9)).unwrap_err().to_string();
        assert_eq!(refused(&mut bead), "nobody works on gt-1: it is open");
        claim(&mut bead, "a", &stamp(2)).unwrap();
        let ended = release(&mut bead, &stamp(3)).unwrap();
        assert_eq!(ended.unwrap().by, "a");
        assert_eq!((bead.status(), bead.epoch()), ("open", 2));
        bead.set_status("in_progress", &stamp(4));
        assert_eq!(release(&mut bead, &stamp(5)).unwrap(), None);
        bead.close("", &stamp(6));
        assert_eq!(refused(&mut bead), "gt-1 is closed");
    }

    #[test]
    fn a_claim_puts_a_bead_that_waited_to_work() {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        bead.set_status("deferred", &stamp(2));
        claim(&mut bead, "a", &stamp(3)).unwrap();
        assert_eq!(bead.status(), "in_progress");
    }
}
