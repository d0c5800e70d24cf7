//! Ledgers: records as JSON blobs in a sharded tree under one ref, written by compare-and-swap and
//! joined without a base (DESIGN 3). Knows kinds only as data.

mod cell;
mod clone;
mod codec;
mod derived;
mod epoch;
mod fsck;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hash;
mod history;
pub mod index;
mod join;
mod purge;
mod repair;
#[cfg(any(test, fuzzing))]
pub(crate) use crate::git::scratch;
mod seal;
mod shard;
mod stamp;
mod sync;
mod transact;
mod upkeep;

pub use crate::git::Oid;
pub use crate::world::Time;
pub use cell::Cell;
pub use clone::CloneId;
pub use codec::{RECORD_MAX, Record, canonical, is_plain_id};
pub use epoch::{Begun, begin_anew};
pub use fsck::{Checked, Checkup, Finding, Trouble, fsck, mend};
pub use hash::digest;
pub use history::{Entry, decided_since, history, history_of, last_written};
pub use join::{join, revised};
pub use purge::{Purged, purge};
pub use seal::sealed_results;
pub use shard::{Snapshot, Update};
pub use stamp::Stamp;
#[cfg(test)]
pub(crate) use sync::replica;
pub use sync::{
    Asked, Event, Follow, GiveWay, Overtaken, Report, Rules, Step, Stranger, Turn, sync,
};
pub use transact::{Decision, Name, Pen, Written, transact};
pub use upkeep::{Upkeep, maintain};
