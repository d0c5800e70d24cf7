//! Agents: their hooks, their sessions, work slung to them and done by them.

pub mod checkpoint;
mod crew;
mod deliver;
mod done;
mod env;
mod hand;
pub mod handoff;
mod hook;
mod names;
mod orphans;
mod polecat;
pub mod prime;
pub mod pulse;
pub mod runtime;
mod session;
mod sling;
mod state;
mod unhook;

pub use checkpoint::{Checkpoint, Saved, Site};
pub use crew::{Crew, add_crew, all_crew, remove_crew};
pub use done::{Done, Told, done, give_up, set_aside};
pub use hand::{Handed, Handing, Keeper, crew, hand, own};
pub use hook::{Hook, follow, mine, of_bead};
pub use orphans::{Lost, Orphans, Stray, Unhung, orphans};
pub use polecat::{Cleared, Removed, clear, peek, remove, stop};
pub use session::{Session, run as run_session};
pub use sling::{Order, Planned, Slung, Started, plan, sling};
pub use state::{Condition, Duty, Ground, Look, conditions};
pub use unhook::{Unhooked, unsling};

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

/// Returns the name of the crew member that a target means: `crew/joe`, `<rig>/crew/joe`.
pub fn crew_name<'a>(home: &Home, typed: &'a str) -> Option<&'a str> {
    let rest = typed.strip_prefix("crew/");
    rest.or_else(|| {
        let below = typed.strip_prefix(home.rig().name())?;
        below.strip_prefix("/crew/")
    })
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
