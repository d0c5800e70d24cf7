//! The map of the house; `ARCHITECTURE.md` describes the rooms.

pub mod agent;
pub mod bead;
pub mod cli;
pub mod convoy;
pub mod daemon;
pub mod fault;
pub mod git;
pub mod ledger;
pub mod mail;
pub mod mq;
pub mod record;
pub mod refinery;
pub mod settle;
pub mod text;
pub mod town;
pub mod world;
