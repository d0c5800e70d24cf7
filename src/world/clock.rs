//! Time: milliseconds since 1970, from the system or from a test.

use std::fmt;

/// A point in time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// Returns whole seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Returns the time an RFC 3339 text names, or nothing where it names none after 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(stamp.as_millisecond()).ok().map(Self)
    }
}

/// Writes RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        let stamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{stamp}")
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    System,
    Stopped(Time),
}

impl Clock {
    pub(crate) fn new(fixed: Option<&str>) -> Self {
        let fixed =
            fixed.and_then(|text| text.parse().ok().map(Time).or_else(|| Time::parse(text)));
        fixed.map_or(Self::System, Self::Stopped)
    }

    #[expect(clippy::disallowed_methods, reason = "this is where time enters")]
    pub(crate) fn now(self) -> Time {
        match self {
            Self::Stopped(time) => time,
            Self::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Time(since.map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)))
            }
        }
    }
}
