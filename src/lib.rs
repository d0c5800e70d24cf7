//! The map of the house; `ARCHITECTURE.md` describes the rooms.

pub mod fault;
pub mod git;
pub mod ledger;
pub mod world;
