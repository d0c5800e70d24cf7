//! Settings of this machine, in git config: agents' commands, and which gates may run here.

use super::Town;
use crate::fault::{Fault, Result};
use crate::record::Gate;

/// How an agent is kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One detached turn with its output in a log.
    Headless,
    /// The user starts it by hand; git gt only keeps track.
    None,
}

/// An agent of the user's: the command that starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What it is called.
    pub name: String,
    /// The line that `sh -c` runs; `{prompt}` in it stands for the prompt, which otherwise comes on
    /// standard input.
    pub command: String,
}

impl Town {
    /// Returns the agents configured on this machine, sorted by name.
    pub fn agents(&self) -> Vec<Agent> {
        let found = self.repo.settings_of("agent", "command").into_iter();
        let mut agents: Vec<Agent> = found
            .map(|(name, command)| Agent { name, command })
            .collect();
        agents.sort_by(|a, b| a.name.cmp(&b.name));
        agents
    }

    /// Returns the agent of a name, the default one for no name.
    pub fn agent(&self, name: Option<&str>) -> Result<Agent> {
        let agents = self.agents();
        let known = || {
            agents
                .iter()
                .map(|it| it.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let wanted = name
            .map(str::to_owned)
            .or_else(|| self.repo.setting("gt.defaultAgent"));
        let found = match (&wanted, agents.as_slice()) {
            (Some(wanted), all) => all.iter().find(|agent| agent.name == *wanted),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found
            .cloned()
            .ok_or_else(|| match (wanted, agents.is_empty()) {
                (Some(wanted), false) => Fault::not_found(format!("there is no agent '{wanted}'"))
                    .hint(format!("configured here: {}", known())),
                (Some(wanted), true) => Fault::not_found(format!("there is no agent '{wanted}'"))
                    .hint("make it: git gt config agent set <name> '<command>'"),
                (None, true) => Fault::refused("no agent is configured on this machine")
                    .hint("say how yours is started: git gt config agent set <name> '<command>'"),
                (None, false) => {
                    Fault::refused(format!("which agent? configured here: {}", known()))
                        .hint("choose one: git gt config default-agent <name>")
                }
            })
    }

    /// Returns how agents are kept running: `gt.backend`, `headless` by default.
    pub fn backend(&self) -> Result<Backend> {
        match self.repo.setting("gt.backend").as_deref() {
            None | Some("headless") => Ok(Backend::Headless),
            Some("none") => Ok(Backend::None),
            Some(other) => Err(Fault::invalid(format!("gt.backend is '{other}'"))
                .hint("it can be headless or none")),
        }
    }

    /// Returns whether a gate may run on this machine: it was written here, or accepted (DESIGN 3.6).
    pub fn accepts(&self, gate: &Gate) -> bool {
        let accepted = self.repo.setting(&acceptance_key(gate.name()));
        accepted.as_deref() == Some(&gate.definition())
    }

    /// Allows a gate, as it is defined now, to run on this machine.
    pub fn accept(&self, gate: &Gate) -> Result<()> {
        self.repo
            .set_setting(&acceptance_key(gate.name()), &gate.definition())
    }
}

fn acceptance_key(gate: &str) -> String {
    format!("gt.gate.{gate}.accepted")
}
