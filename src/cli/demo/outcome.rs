//! What the demo came to: as it is said in the end, and as JSON.

use serde_json::{Value, json};

use crate::cli::reply::columns;
use crate::fault::{Fault, Result};
use crate::record::{Mail, Request};
use crate::refinery::Event;

/// How the demo ended.
#[derive(Default)]
pub(super) struct Outcome {
    /// Beads that landed, in that order.
    pub(super) landed: Vec<String>,
    /// Beads that were ejected once.
    pub(super) ejected: Vec<String>,
    /// Beads that were in conflict once.
    pub(super) bounced: Vec<String>,
    /// What the workers of both were told.
    pub(super) mail: Vec<Mail>,
    /// The agent that was killed.
    pub(super) crash: Option<Crash>,
    /// The convoy, which is closed.
    pub(super) convoy: String,
    /// The mail that says so.
    pub(super) notice: String,
    /// How many polecats did it all.
    pub(super) polecats: usize,
    /// How often a bead was slung.
    pub(super) slings: usize,
    /// How many branches were queued.
    pub(super) requests: usize,
    /// How often a gate ran.
    pub(super) gate_runs: usize,
    /// The search for the culprits, drawn.
    pub(super) search: Vec<String>,
    /// What became of each bead.
    pub(super) rows: Vec<Vec<String>>,
    /// Whether the second town knows the same.
    pub(super) agrees: bool,
    pub(super) seconds: f64,
}

/// An agent that was killed, and what its successor made of its work.
pub(super) struct Crash {
    pub(super) bead: String,
    /// The commit that kept the work.
    pub(super) checkpoint: String,
    /// The commit that was queued in the end.
    pub(super) commit: String,
}

/// Checks that what is told came true.
pub(super) fn claim(holds: bool, what: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Fault::fatal(format!("this should have come true: {what}"))),
    }
}

/// Returns a bead with the ends of all that was queued for it.
pub(super) fn row(bead: &str, title: &str, tries: &[Request]) -> Vec<String> {
    let mut tries: Vec<&Request> = tries.iter().collect();
    tries.sort_by_key(|it| it.record().created());
    let ends: Vec<&str> = tries.iter().map(|it| it.status().word()).collect();
    vec![bead.to_owned(), title.to_owned(), ends.join(", then ")]
}

impl Outcome {
    /// Counts what the Refinery did; `bead` says whose a request is.
    pub(super) fn count(&mut self, events: &[Event], bead: &dyn Fn(&str) -> String) {
        for event in events {
            match event {
                Event::Run { .. } => self.gate_runs += 1,
                Event::Landed { requests, .. } => {
                    self.landed.extend(requests.iter().map(|id| bead(id)));
                }
                Event::Ejected { request, .. } => self.ejected.push(bead(request)),
                Event::Bounced { request, .. } => self.bounced.push(bead(request)),
                _ => {}
            }
        }
    }

    /// Returns it for people.
    pub(super) fn table(&self) -> String {
        format!(
            "\n{}\n{} beads landed in {:.1} s: {} polecats, {} branches, {} gate runs;\n\
             {} ejected, {} in conflict, 1 killed, nothing lost\n",
            columns(self.rows.clone()),
            self.landed.len(),
            self.seconds,
            self.polecats,
            self.requests,
            self.gate_runs,
            self.ejected.len(),
            self.bounced.len(),
        )
    }

    /// Returns it as JSON.
    pub(super) fn value(&self) -> Value {
        let mail = self.mail.iter();
        let mail = mail.map(|it| json!({ "id": it.id(), "to": it.to(), "subject": it.subject() }));
        let crash = self
            .crash
            .as_ref()
            .map(|it| json!({ "bead": it.bead, "checkpoint": it.checkpoint, "commit": it.commit }));
        json!({
            "landed": self.landed,
            "ejected": self.ejected,
            "bounced": self.bounced,
            "mail": mail.collect::<Vec<_>>(),
            "killed": crash,
            "convoy": self.convoy,
            "notice": self.notice,
            "polecats": self.polecats,
            "slings": self.slings,
            "requests": self.requests,
            "gate_runs": self.gate_runs,
            "search": self.search,
            "second_clone_agrees": self.agrees,
            "seconds": self.seconds,
        })
    }
}
