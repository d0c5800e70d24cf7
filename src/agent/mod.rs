//! Agents: their hooks, their sessions, work slung to them and done by them.

pub mod checkpoint;
mod crew;
mod deliver;
mod done;
mod env;
pub mod handoff;
mod hook;
mod names;
pub mod prime;
pub mod pulse;
pub mod runtime;
mod session;
mod sling;

pub use checkpoint::{Checkpoint, Saved, Site};
pub use crew::{Crew, add_crew, all_crew};
pub use done::{Done, done};
pub use hook::{Hook, mine};
pub use session::{Session, run as run_session};
pub use sling::{Order, Planned, Slung, Started, plan, sling};

use crate::fault::Result;
use crate::town::Home;

/// An agent as `agents` shows it.
#[derive(Debug)]
pub struct Standing {
    /// Its hook.
    pub hook: Hook,
    /// The last session on it, if there was one.
    pub session: Option<Session>,
    /// Whether that session runs now.
    pub alive: bool,
}

/// Returns whether a word names a polecat: one that has a hook here, or one of the pool.
pub fn is_polecat(home: &Home, name: &str) -> Result<bool> {
    let hooks = Hook::all(home)?;
    Ok(names::is_of_pool(name) || hooks.iter().any(|hook| hook.name() == name))
}

/// Waits until no session of an agent runs.
pub fn wait(home: &Home, hook: &Hook) -> Result<()> {
    session::wait(home, hook)
}

/// Returns all agents of this clone, sorted by name.
pub fn agents(home: &Home) -> Result<Vec<Standing>> {
    let stand = |hook: Hook| {
        let session = Session::find(home, &hook.agent)?;
        let alive = session::is_alive(home, &hook);
        Ok(Standing {
            hook,
            session,
            alive,
        })
    };
    Hook::all(home)?.into_iter().map(stand).collect()
}
