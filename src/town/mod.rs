//! Where things are and who asks: homes of records and the town they form, folders, settings, the one view
//! all decisions read and the one way they are written.

mod agents;
mod home;
mod install;
mod journal;
mod layout;
mod neighbours;
mod origin;
mod partial;
mod review;
mod rig;
mod settings;
mod shared;
mod stranger;
mod style;
mod target;
mod view;
mod whoami;

pub use agents::{Agent, Backend, Machine, Offer};
pub use home::Home;
pub use install::{Added, Installed, Wanted, add_rig, adopt, install, remove_rig};
pub use neighbours::repositories;
use neighbours::rig_repo;
pub use partial::pick;
pub use review::Review;
pub use rig::{Founded, NewRig, checked_prefix, found, rigs_that_give_way};
pub use settings::{KEYS, Key, Place};
pub use stranger::stranger;
pub use style::{Strategy, Style, Template};
pub use target::Target;
pub use view::View;
pub use whoami::{Source, actor, guest, machine, refuse_worker, role_of, set_guest, who};

/// The folder of `refs/gt-local` that notes this clone's hooks.
pub const HOOKS: &str = "hooks";

/// The name and the prefix of the repository that a town stands in.
pub const HQ: &str = "hq";
