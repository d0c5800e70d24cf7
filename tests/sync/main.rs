//! Clones that work apart and meet again: nothing is lost, everybody ends with the same, and whoever lost a
//! race is told.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests start programs and write files, and fail where they cannot"
)]

mod claims;
mod fleet;
mod fresh;
mod hostile;
mod meet;
