//! Times that people and other programs write: compared as instants, kept as they are written.

use jiff::civil::{Date, Time as Clock, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

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

/// Returns the RFC 3339 text of a time that somebody typed at `now`, nothing typed being no time.
///
/// RFC 3339 stays as it is; a date means its start. `+2h`, `+1d`, `+1w`, `+3m` (months), `+1y` and `in 3 days`
/// count from now, `today`, `tomorrow`, `monday`, `next monday` and `next week` name a day, at which an hour may
/// follow: `tomorrow 9am`, `friday 14:30`. Days begin in UTC, so that they do everywhere at once.
pub fn when(text: &str, now: Time) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || Instant::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    let found = Timestamp::from_millisecond(i64::try_from(now.0).unwrap_or(i64::MAX)).ok();
    let found = found.and_then(|now| natural(&text.to_lowercase(), now.to_zoned(TimeZone::UTC)));
    found
        .filter(|it| (1..=9999).contains(&it.year()))
        .map(|it| it.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .ok_or_else(|| {
            Fault::invalid(format!("'{text}' is no time")).hint(
                "write RFC 3339, a date, +2h, +1d, +1w, tomorrow, friday, next week, tomorrow 9am",
            )
        })
}

fn natural(text: &str, now: Zoned) -> Option<Zoned> {
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        let sign = if text.starts_with('-') { -1 } else { 1 };
        return now.checked_add(span(rest)?.checked_mul(sign).ok()?).ok();
    }
    if let Some(rest) = text.strip_prefix("in ") {
        return now.checked_add(span(rest)?).ok();
    }
    if text == "now" {
        return Some(now);
    }
    let (day, hour) = match text.rsplit_once(' ') {
        Some((day, hour)) => match clock(hour) {
            Some(hour) => (day.trim_end_matches(" at"), Some(hour)),
            None => (text, None),
        },
        None => (text, None),
    };
    let date = date(day, now.date())?;
    date.to_datetime(hour.unwrap_or(Clock::midnight()))
        .to_zoned(TimeZone::UTC)
        .ok()
}

/// Returns how long a number with a unit is.
fn span(text: &str) -> Option<Span> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    let span = Span::new();
    match unit.trim() {
        "min" | "mins" | "minute" | "minutes" => span.try_minutes(number),
        "h" | "hour" | "hours" => span.try_hours(number),
        "d" | "day" | "days" => span.try_days(number),
        "w" | "week" | "weeks" => span.try_weeks(number),
        "m" | "mo" | "month" | "months" => span.try_months(number),
        "y" | "year" | "years" => span.try_years(number),
        _ => return None,
    }
    .ok()
}

/// Returns the day that words name, seen from `today`.
fn date(words: &str, today: Date) -> Option<Date> {
    let after = |span: Span| today.checked_add(span).ok();
    match words {
        "today" => Some(today),
        "tomorrow" => after(1.day()),
        "yesterday" => after((-1).day()),
        "next week" => after(1.week()),
        "next month" => after(1.month()),
        "next year" => after(1.year()),
        _ if words.starts_with(|c: char| c.is_ascii_digit()) => {
            words.parse().ok().filter(|_| words.len() == 10)
        }
        _ => {
            let day = words.trim_start_matches("next ").trim_start_matches("on ");
            today.nth_weekday(1, weekday(day)?).ok()
        }
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let is_short = |day: &str| word.len() >= 3 && day.starts_with(word);
    let at = DAYS.iter().position(|day| is_short(day))?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

/// Returns the hour that `9am`, `12:30pm` or `14:30` names.
fn clock(word: &str) -> Option<Clock> {
    let (digits, add) = match word.strip_suffix("am").or(word.strip_suffix("pm")) {
        Some(digits) => (digits, Some(if word.ends_with("pm") { 12 } else { 0 })),
        None if word.contains(':') => (word, None),
        None => return None,
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    let hour: i8 = hour.parse().ok()?;
    let hour = match add {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(add) => hour % 12 + add,
        None => hour,
    };
    Clock::new(hour, minute.parse().ok()?, 0, 0).ok()
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
    fn times_are_read_as_people_write_them() {
        // A Thursday.
        let now = Time::parse("2026-01-01T10:20:30Z").unwrap();
        let check = |text, want: Option<&str>| {
            assert_eq!(when(text, now).ok().as_deref(), want, "{text}");
        };
        check("2026-03-01", Some("2026-03-01T00:00:00Z"));
        check(
            "2026-03-01T12:00:00.123456789+02:00",
            Some("2026-03-01T12:00:00.123456789+02:00"),
        );
        check("", Some(""));
        check("+2h", Some("2026-01-01T12:20:30Z"));
        check("+1d", Some("2026-01-02T10:20:30Z"));
        check("+1w", Some("2026-01-08T10:20:30Z"));
        check("+2m", Some("2026-03-01T10:20:30Z"));
        check("-1d", Some("2025-12-31T10:20:30Z"));
        check("in 90 minutes", Some("2026-01-01T11:50:30Z"));
        check("today", Some("2026-01-01T00:00:00Z"));
        check("Tomorrow", Some("2026-01-02T00:00:00Z"));
        check("tomorrow at 9am", Some("2026-01-02T09:00:00Z"));
        check("monday", Some("2026-01-05T00:00:00Z"));
        check("thursday", Some("2026-01-08T00:00:00Z"));
        check("next fri 12:30pm", Some("2026-01-02T12:30:00Z"));
        check("2026-03-01 14:30", Some("2026-03-01T14:30:00Z"));
        check("next month", Some("2026-02-01T00:00:00Z"));
        for text in [
            "soon",
            "2026-02-30",
            "+1",
            "+d",
            "+1x",
            "+99999999999999999999d",
            "+99999999y",
            "13pm",
            "tomorrow 25:00",
            "m",
            "in",
            "next",
            "0am",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn offsets_and_fractions_compare_as_instants() {
        let at = |text| Instant::parse(text).unwrap();
        assert_eq!(at("2026-01-01T00:00:00-08:00"), at("2026-01-01T08:00:00Z"));
        assert!(at("2026-01-01T00:00:00.000000001Z") > at("2026-01-01T00:00:00Z"));
        assert_eq!(at("0001-01-01T00:00:00Z").time(), Time(0));
    }
}
