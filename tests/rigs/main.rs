//! Towns with the real program: several rigs beside each other, found by name and prefix, and what goes
//! across them.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, write files and look at the clock"
)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod across;
#[cfg(target_os = "linux")]
mod day;
mod founding;
mod from_hq;
#[path = "../support/hermetic.rs"]
mod hermetic;
mod hints;
#[path = "../support/watch.rs"]
mod watch;
mod yard;
