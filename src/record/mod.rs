//! What is stored: one file per kind, its fields and the transitions of one record.

mod agent;
mod bead;
mod convoy;
mod freeze;
mod gate;
mod handoff;
mod kv;
mod mail;
mod refer;
mod request;
mod result;
mod rig;

use crate::ledger::Name;
use crate::ledger::index::Shape;

pub use agent::AgentCommand;
pub use bead::{Bead, BeadRow, Claim, Comment, Edge, Outcome, RowEdge, Said};
pub use convoy::Convoy;
pub use freeze::Freeze;
pub use gate::{Gate, Scope, Variable};
pub use handoff::{Contents, Handoff};
pub use kv::Kv;
pub use mail::{Letter, Mail, MailRow};
pub use refer::refer;
pub use request::{Approval, Class, Delegation, Request, RequestStatus, Submission};
pub use result::{Attempt, RunResult, Verdict};
pub use rig::Rig;

/// A kind of record, and the ledger its records live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The `kind` of its records.
    pub name: &'static str,
    /// Where they live.
    pub ledger: Name,
}

/// Every kind this version knows; records of other kinds are kept as they are.
pub const KINDS: [Kind; 11] = [
    Kind {
        name: AgentCommand::KIND,
        ledger: Name::Config,
    },
    Kind {
        name: Bead::KIND,
        ledger: Name::Beads,
    },
    Kind {
        name: Convoy::KIND,
        ledger: Name::Convoys,
    },
    Kind {
        name: Freeze::KIND,
        ledger: Name::Queue,
    },
    Kind {
        name: Gate::KIND,
        ledger: Name::Config,
    },
    Kind {
        name: Handoff::KIND,
        ledger: Name::Handoffs,
    },
    Kind {
        name: Kv::KIND,
        ledger: Name::Handoffs,
    },
    Kind {
        name: Mail::KIND,
        ledger: Name::Mail,
    },
    Kind {
        name: Request::KIND,
        ledger: Name::Queue,
    },
    Kind {
        name: RunResult::KIND,
        ledger: Name::Results,
    },
    Kind {
        name: Rig::KIND,
        ledger: Name::Config,
    },
];

/// What indexes keep of records, for each ledger that has one.
pub const SHAPES: [&Shape; 5] = [
    &bead::SHAPE,
    &convoy::SHAPE,
    &mail::SHAPE,
    &request::SHAPE,
    &result::SHAPE,
];

/// Returns what the index keeps of the records of a ledger, nothing for one that is read as it is.
pub fn shape(ledger: Name) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| shape.ledger == ledger)
}
