//! What a Refinery says while it works, and what a step of it came to.

use serde::{Deserialize, Serialize};

use super::{Asked, Pull, Why};
use crate::record::Verdict;

/// What a candidate is tested for, and what that is expected to tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Purpose {
    /// Why this one.
    pub why: Why,
    /// How many requests waited when it was chosen.
    pub queued: usize,
    /// How likely it is to be red.
    pub red: f64,
    /// What its answer is expected to tell, in bits.
    pub bits: f64,
}

/// What happens, as it happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// A gate starts on a candidate.
    Run {
        /// The gate.
        gate: String,
        /// What is in the candidate, in order; nothing: the bare target.
        requests: Vec<String>,
        /// What for.
        purpose: Purpose,
    },
    /// An outside CI is asked about a candidate.
    Asked {
        /// What is asked.
        asked: Asked,
        /// What for.
        purpose: Purpose,
    },
    /// An outside CI has not answered yet; said once in a run.
    Waits(Asked),
    /// A pull request was opened, or waits to be merged; said once in a run.
    Pull(Pull),
    /// A gate ended.
    Ran {
        /// The gate.
        gate: String,
        /// What it said.
        verdict: Verdict,
        /// How it ended.
        ended: String,
        /// How long it took, in milliseconds.
        millis: u64,
        /// The end of what it wrote.
        tail: String,
    },
    /// Requests are on the target.
    Landed {
        /// The requests, in order.
        requests: Vec<String>,
        /// The target's commit now.
        commit: String,
    },
    /// A request was convicted.
    Ejected {
        /// The request.
        request: String,
        /// The gate it makes red.
        gate: String,
        /// How to see it fail.
        reproduce: String,
    },
    /// A request does not merge onto the target.
    Bounced {
        /// The request.
        request: String,
        /// The files that conflict.
        files: Vec<String>,
    },
    /// Something to know that stops nobody.
    Note(String),
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Something was done; there may be more.
    Worked,
    /// There is nothing to do.
    Idle,
    /// There is nothing to do until an outside CI answers, or another Refinery does.
    Waiting,
    /// It was asked to stop.
    Stopped,
    /// What others did is to be looked at before anything more is done.
    Listens,
}
