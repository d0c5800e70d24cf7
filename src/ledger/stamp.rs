//! Stamps: wall milliseconds, a counter and a clone id, so that byte order is the total order.

use std::fmt;
use std::str::FromStr;

use super::CloneId;
use crate::fault::{Fault, Result};
use crate::world::Time;

/// A point in the total order of changes: 16 hex digits (48 bits of milliseconds since 1970, 16 bits of
/// counter), a dash, the clone that made it (DESIGN 3.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(String);

impl Stamp {
    /// 2100-01-01: a stamp beyond it is a mistake or an attack.
    pub(super) const LAST: Time = Time(4_102_444_800_000);

    /// Returns the least stamp, which records known by name have as `created`.
    pub fn zero() -> Self {
        Self(format!("{:016x}-0", 0))
    }

    /// Returns a stamp of `clone` that is at least `now` and greater than `after`.
    pub fn next(now: Time, clone: &CloneId, after: Option<&Self>) -> Self {
        let least = after.map_or(0, |it| it.number().saturating_add(1));
        Self(format!("{:016x}-{clone}", (now.0 << 16).max(least)))
    }

    /// Returns the least stamp that exceeds `other`, with a clone part of its own: what a derived change
    /// carries, so that every clone derives the same.
    pub fn just_after(other: &Self) -> Self {
        Self(format!(
            "{:016x}-{}",
            other.number().saturating_add(1),
            other.clone_part()
        ))
    }

    /// Returns a stamp of an imported value: its time and a clone part that is a hash of what it is of.
    pub fn imported(time: Time, hash: &str) -> Self {
        Self(format!("{:016x}-{}", time.0 << 16, hash))
    }

    /// Returns the least stamp of a time.
    pub(super) fn floor(time: Time) -> Self {
        Self(format!("{:016x}-0", time.0 << 16))
    }

    /// Returns the wall clock's part.
    pub fn time(&self) -> Time {
        Time(self.number() >> 16)
    }

    /// Returns the id of the clone that made it.
    pub fn clone_part(&self) -> &str {
        &self.0[17..]
    }

    /// Returns the stamp as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the stamp of what nobody created first.
    pub fn is_zero(&self) -> bool {
        self.number() == 0
    }

    fn number(&self) -> u64 {
        u64::from_str_radix(&self.0[..16], 16).expect("a stamp starts with 16 hex digits")
    }

    /// Returns the stamp a key ends in, as `<epoch>-<stamp>` or a bare stamp does.
    ///
    /// What would be beyond the year 2100 is a word of somebody's (`deadbeefdeadbeef-x`) and no stamp:
    /// the next stamp of the record would have to exceed it, and no reader takes that.
    pub fn at_end_of(key: &str) -> Option<Self> {
        let dash = key.rfind('-')?;
        let start = dash.checked_sub(16)?;
        let stamp: Self = key.get(start..)?.parse().ok()?;
        stamp.check().is_ok().then_some(stamp)
    }
}

impl FromStr for Stamp {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Fault::invalid(format!("'{text}' is not a stamp"));
        let (digits, clone) = text.split_once('-').ok_or_else(bad)?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let base36 = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
        let formed = digits.len() == 16
            && digits.chars().all(hex)
            && !clone.is_empty()
            && clone.chars().all(base36);
        if formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(bad())
        }
    }
}

impl Stamp {
    /// Refuses a stamp beyond the year 2100.
    pub fn check(&self) -> Result<()> {
        if self.time() > Self::LAST {
            return Err(Fault::invalid(format!(
                "stamp '{self}' is beyond the year 2100"
            )));
        }
        Ok(())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_stamp_exceeds_the_clock_and_what_it_replaces() {
        let clone = CloneId::parse("k7f2m3qa").unwrap();
        let check = |now, after: Option<&str>, want: &str| {
            let after = after.map(stamp);
            assert_eq!(
                Stamp::next(Time(now), &clone, after.as_ref()).as_str(),
                want
            );
        };
        check(1, None, "0000000000010000-k7f2m3qa");
        check(1, Some("0000000000000005-a"), "0000000000010000-k7f2m3qa");
        check(1, Some("0000000000020000-zz"), "0000000000020001-k7f2m3qa");
    }

    #[test]
    fn only_a_whole_stamp_at_the_end_of_a_key_counts() {
        let check = |key, want: Option<&str>| {
            assert_eq!(
                Stamp::at_end_of(key).map(|it| it.to_string()).as_deref(),
                want,
                "{key}"
            );
        };
        check(
            "000001-0199a3c1e2000000-k7f2m3qa",
            Some("0199a3c1e2000000-k7f2m3qa"),
        );
        check("0199a3c1e2000000-k7", Some("0199a3c1e2000000-k7"));
        check("0199A3c1e2000000-k7", None);
        check("0199a3c1e2000000-K7", None);
        check("0199a3c1e2000000-", None);
        check("é99a3c1e2000000-k7", None);
        check("backend", None);
        check("0199a3c1e2000000-k\n", None);
        check("03bb2cc3d800ffff-k", Some("03bb2cc3d800ffff-k"));
        check("03bb2cc3d8010000-k", None);
        check("deadbeefdeadbeef-k", None);
    }
}
