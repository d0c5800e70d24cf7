//! Convoys: making and changing them, and how far their beads have come.

mod change;
mod json;
mod progress;
mod resolve;

pub use change::{Draft, add, close, create, land, remove, watch};
pub use json::as_json;
pub use progress::{Part, Progress, Stand, stands};
pub use resolve::{bead_id, open, resolve, resolve_numbered, sort};
