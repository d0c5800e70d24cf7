//! Runtimes of agents that call us at the boundaries of their turns, each with its own words.

pub mod claude;
pub mod install;
