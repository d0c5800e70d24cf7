//! Times that people compare with: a time, a day, or how long ago or ahead something is.

use jiff::{Span, Timestamp, tz::TimeZone};

use super::dates::{Instant, day};
use crate::fault::{Fault, Result};
use crate::ledger::Time;

/// A day, in milliseconds.
const DAY: u64 = 24 * 3600 * 1000;

/// Where an age without a sign leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into the past: `7d` is a week ago.
    Back,
    /// Into the future: `7d` is in a week.
    Ahead,
}

/// A time somebody compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    at: Time,
    is_day: bool,
}

impl Moment {
    /// Returns the time a text names: RFC 3339, a date, or an age of hours, days, weeks, months or years such
    /// as `7d`, with a sign where it is not to be understood by itself.
    pub fn parse(text: &str, way: Way, now: Time) -> Result<Self> {
        let text = text.trim();
        let at = match age(text, way, now)? {
            Some(at) => at,
            None => written(text)?,
        };
        Ok(Self {
            at,
            is_day: text.len() == 10 && Instant::parse(text).is_none(),
            text: text.to_owned(),
        })
    }

    /// Returns a point in time.
    pub fn at(at: Time) -> Self {
        Self {
            text: at.to_string(),
            at,
            is_day: false,
        }
    }

    /// Returns the text it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the time; of a day, when it begins.
    pub fn time(&self) -> Time {
        self.at
    }

    /// Returns whether a time is not later; a day lasts until it is over.
    pub fn is_reached_by(&self, time: Time) -> bool {
        match self.is_day {
            true => time.0 < self.at.0.saturating_add(DAY),
            false => time <= self.at,
        }
    }

    /// Returns whether a time is on the same day, in UTC.
    pub fn is_day_of(&self, time: Time) -> bool {
        self.at.0 / DAY == time.0 / DAY
    }
}

/// Returns the time a text names that is no age.
fn written(text: &str) -> Result<Time> {
    let known = day(text).ok().and_then(|it| Instant::parse(&it));
    known.map(Instant::time).ok_or_else(|| {
        Fault::invalid(format!("'{text}' is no time"))
            .hint("write a date, RFC 3339 or an age: 2026-03-01, 2026-03-01T12:00:00Z, 7d, 24h")
    })
}

/// Returns the time an age leads to; nothing where the text is none.
fn age(text: &str, way: Way, now: Time) -> Result<Option<Time>> {
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        _ if way == Way::Ahead => (1, text),
        _ => (-1, text),
    };
    let unit = rest.chars().next_back().unwrap_or_default();
    let digits = &rest[..rest.len() - unit.len_utf8().min(rest.len())];
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Ok(None);
    }
    let out_of_range =
        || Fault::invalid(format!("'{text}' is out of range")).hint("such as 7d, 24h, 2w, 3m, 1y");
    let count: i64 = digits.parse().map_err(|_| out_of_range())?;
    let count = sign * count;
    let span = match unit.to_ascii_lowercase() {
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        'm' => Span::new().try_months(count),
        'y' => Span::new().try_years(count),
        _ => return Ok(None),
    };
    let now = i64::try_from(now.0)
        .ok()
        .and_then(|now| Timestamp::from_millisecond(now).ok());
    let then = now.and_then(|now| {
        let zoned = now.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok()
    });
    then.map(|then| Some(Time(then))).ok_or_else(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-31T12:00:00Z";

    #[track_caller]
    fn check(text: &str, way: Way, want: Option<&str>) {
        let now = Time::parse(NOW).unwrap();
        let found = Moment::parse(text, way, now).ok();
        let found = found.map(|it| it.time());
        assert_eq!(found, want.map(|it| Time::parse(it).unwrap()), "{text}");
    }

    #[test]
    fn ages_lead_back_or_ahead() {
        check("7d", Way::Back, Some("2026-03-24T12:00:00Z"));
        check("7d", Way::Ahead, Some("2026-04-07T12:00:00Z"));
        check("+2h", Way::Back, Some("2026-03-31T14:00:00Z"));
        check("-2W", Way::Ahead, Some("2026-03-17T12:00:00Z"));
        check("1m", Way::Back, Some("2026-02-28T12:00:00Z"));
        check("1y", Way::Back, Some("2025-03-31T12:00:00Z"));
        check("2026-01-01", Way::Back, Some("2026-01-01T00:00:00Z"));
        check(
            "2026-01-01T01:00:00+01:00",
            Way::Back,
            Some("2026-01-01T00:00:00Z"),
        );
        for text in [
            "", "d", "7", "7é", "é", "soon", "7x", "-", "+", "--7d", "1e3d",
        ] {
            check(text, Way::Back, None);
        }
        for text in [
            "99999999999999999999d",
            "9999999999d",
            "-9000y",
            "99999999y",
        ] {
            check(text, Way::Ahead, None);
        }
    }

    #[test]
    fn a_day_lasts_until_it_is_over() {
        let now = Time::parse(NOW).unwrap();
        let day = Moment::parse("2026-03-31", Way::Back, now).unwrap();
        assert!(day.is_reached_by(now) && day.is_day_of(now));
        assert!(!day.is_reached_by(Time(now.0 + DAY)) && !day.is_day_of(Time(now.0 + DAY)));
        let hour = Moment::parse("1h", Way::Back, now).unwrap();
        assert!(!hour.is_reached_by(now) && hour.is_day_of(now));
    }
}
