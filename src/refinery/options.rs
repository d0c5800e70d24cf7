//! How a queue is run on a machine.

use super::plan::Params;
use crate::fault::Result;
use crate::town::Home;

/// How a queue is run on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How many candidates may be tested at the same time, at least 1.
    pub workers: usize,
    /// How many gates may run at the same time, at least 1.
    pub jobs: usize,
    /// What is dear.
    pub price: Price,
    /// Whether others run the same queue on other machines.
    pub shared: bool,
}

/// What is dear where the queue is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// Runs: spend few of them, and more time.
    Runs,
    /// Both, as much as most people think.
    Both,
    /// Time: spend every worker there is.
    Time,
}

impl Price {
    /// Returns parameters that hold to it.
    pub(super) fn params(self) -> Params {
        let (theta, endgame) = match self {
            Self::Runs => (0.8, 1.0),
            Self::Both => (Params::default().theta, Params::default().endgame),
            Self::Time => (0.02, 0.02),
        };
        Params {
            theta,
            endgame,
            ..Params::default()
        }
    }
}

impl Options {
    /// Returns how a home's queue is run: with so many workers, or as `refinery.workers` says, else one.
    pub fn of(
        home: &Home,
        (workers, jobs): (Option<usize>, Option<usize>),
        price: Price,
    ) -> Result<Self> {
        let set = match workers {
            None => home
                .config("refinery.workers")?
                .and_then(|it| it.parse().ok()),
            workers => workers,
        };
        let workers = set.unwrap_or(1).max(1);
        Ok(Self {
            workers,
            jobs: jobs.unwrap_or(workers),
            price,
            shared: home.repo().flag("gt.refinery.shared"),
        })
    }
}
