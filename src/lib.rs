//! The map of the house; `ARCHITECTURE.md` describes the rooms.

pub mod cli;
pub mod fault;
pub mod git;
pub mod ledger;
pub mod record;
pub mod town;
pub mod world;
