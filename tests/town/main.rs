//! The way of a piece of work from outside, with the real program in real repositories: slung, done,
//! tested, landed, and what a crash at any moment leaves of it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, write files and look at the clock"
)]
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod checkpoint;
mod ci;
mod claude;
mod crash;
mod demo;
mod handoff;
#[path = "../support/hermetic.rs"]
mod hermetic;
mod hooks;
mod landing;
mod meanwhile;
mod place;
mod polecats;
mod pull;
mod refinery;
mod sling;
#[path = "../support/watch.rs"]
mod watch;
