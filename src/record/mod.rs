//! What is stored: one file per kind, its fields and the transitions of one record.

mod bead;
mod gate;
mod request;
mod result;
mod rig;

use crate::ledger::Name;

pub use bead::{Bead, Claim, Comment, Edge};
pub use gate::Gate;
pub use request::{Request, RequestStatus, Submission};
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
pub const KINDS: [Kind; 5] = [
    Kind {
        name: Bead::KIND,
        ledger: Name::Beads,
    },
    Kind {
        name: Gate::KIND,
        ledger: Name::Config,
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
