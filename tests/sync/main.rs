//! Clones that work apart and meet again: nothing is lost, everybody ends with the same, and whoever lost a
//! race is told.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests start programs and write files, and fail or say so where they cannot"
)]

mod accidents;
mod claims;
mod crash;
mod crowd;
mod cut;
mod damage;
mod disk;
mod epochs;
mod fleet;
mod fresh;
mod hostile;
mod meet;
mod purge;
mod refineries;
mod repositories;
mod schedules;
mod seals;
#[path = "../support/server.rs"]
mod server;
mod transport;
mod upkeep;
