//! Times that people and other programs write: compared as instants, kept as they are written.

use crate::fault::{Fault, Result};
use crate::ledger::Time;

/// A point in time to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(jiff::Timestamp);

impl Instant {
    /// Returns the instant an RFC 3339 text names.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Returns the instant in milliseconds since 1970, zero for what was before.
    pub fn time(self) -> Time {
        Time(u64::try_from(self.0.as_millisecond()).unwrap_or_default())
    }
}

/// Returns the RFC 3339 text of a time that somebody typed: RFC 3339, or a date, which means its start in
/// UTC.
pub fn day(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || Instant::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let date: Option<jiff::civil::Date> = text.parse().ok().filter(|_| text.len() == 10);
    date.map(|date| format!("{date}T00:00:00Z")).ok_or_else(|| {
        Fault::invalid(format!("'{text}' is no time"))
            .hint("write a date or RFC 3339: 2026-03-01, 2026-03-01T12:00:00Z")
    })
}

/// Returns whether a time somebody wrote is after `now`; what names no time is not.
pub(super) fn is_after(text: &str, now: Time) -> bool {
    Instant::parse(text).is_some_and(|it| it.time() > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_start() {
        let check =
            |text, want: Option<&str>| assert_eq!(day(text).ok().as_deref(), want, "{text}");
        check("2026-03-01", Some("2026-03-01T00:00:00Z"));
        check(
            "2026-03-01T12:00:00.123456789+02:00",
            Some("2026-03-01T12:00:00.123456789+02:00"),
        );
        check("", Some(""));
        check("soon", None);
        check("2026-02-30", None);
    }

    #[test]
    fn offsets_and_fractions_compare_as_instants() {
        let at = |text| Instant::parse(text).unwrap();
        assert_eq!(at("2026-01-01T00:00:00-08:00"), at("2026-01-01T08:00:00Z"));
        assert!(at("2026-01-01T00:00:00.000000001Z") > at("2026-01-01T00:00:00Z"));
        assert_eq!(at("0001-01-01T00:00:00Z").time(), Time(0));
    }
}
