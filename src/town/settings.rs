//! Settings of this machine, in git config: agents' commands, and which gates may run here.

use super::Home;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Gate;

/// A setting of its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// What `git gt config` calls it.
    pub name: &'static str,
    /// What is used where it is not set, in words.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Where it is kept.
    scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// `gt.<name>` in git config: this machine's.
    Local,
    /// A field of the rig's record: everybody's.
    Rig,
    /// Not to be changed.
    Fixed,
}

const fn key(name: &'static str, scope: Scope, default: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        default,
        doc,
        scope,
    }
}

/// Every setting, sorted by name.
pub const KEYS: &[Key] = &[
    key(
        "backend",
        Scope::Local,
        "headless",
        "how agents are kept running: headless, none",
    ),
    key(
        "defaultAgent",
        Scope::Local,
        "the only one",
        "the agent that sling starts",
    ),
    key(
        "hooksDir",
        Scope::Local,
        "<main worktree>.gt",
        "where worktrees of agents stand",
    ),
    key(
        "machine",
        Scope::Local,
        "the host's name",
        "what tells agents of one name on several machines apart",
    ),
    key(
        "prefix",
        Scope::Fixed,
        "from the name",
        "what ids of beads begin with",
    ),
    key(
        "remote",
        Scope::Local,
        "origin",
        "the remote to sync and land with",
    ),
    key(
        "target",
        Scope::Rig,
        "chosen by init",
        "the branch that work lands on",
    ),
];

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

impl Home {
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

    /// Adds an agent, or changes the command that starts it.
    pub fn set_agent(&self, name: &str, command: &str) -> Result<Agent> {
        let formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(formed) {
            return Err(
                Fault::invalid(format!("'{name}' cannot be the name of an agent"))
                    .hint("use letters, digits, dash and underscore"),
            );
        }
        if command.trim().is_empty() {
            return Err(Fault::invalid("an agent needs a command that starts it")
                .hint("git gt config agent set claude 'claude -p {prompt}'"));
        }
        self.repo
            .set_setting(&format!("gt.agent.{name}.command"), command)?;
        Ok(Agent {
            name: name.to_owned(),
            command: command.to_owned(),
        })
    }

    /// Removes an agent.
    pub fn remove_agent(&self, name: &str) -> Result<()> {
        self.agent(Some(name))?;
        self.repo.unset_setting(&format!("gt.agent.{name}.command"))
    }

    /// Returns a setting, nothing where it is not set.
    pub fn config(&self, name: &str) -> Result<Option<String>> {
        let key = known(name)?;
        let record = self.rig.record();
        Ok(match key.scope {
            Scope::Local => self.repo.setting(&format!("gt.{}", key.name)),
            Scope::Rig | Scope::Fixed => {
                Some(record.text(key.name).to_owned()).filter(|value| !value.is_empty())
            }
        })
    }

    /// Changes a setting; an empty value removes it.
    pub fn set_config(&self, actor: &str, name: &str, value: &str) -> Result<()> {
        let key = known(name)?;
        check_value(key, value)?;
        if key.name == "target" && !value.is_empty() {
            self.target(Some(value))?;
        }
        match key.scope {
            Scope::Local if value.is_empty() => {
                self.repo.unset_setting(&format!("gt.{}", key.name))
            }
            Scope::Local => self.repo.set_setting(&format!("gt.{}", key.name), value),
            Scope::Fixed => Err(Fault::refused(format!("'{name}' is not changed any more"))
                .hint("ids that exist keep their prefix")),
            Scope::Rig => self
                .write(Name::Config, actor, |view, pen| {
                    let rig = view
                        .rig(self.rig.name())?
                        .unwrap_or_else(|| self.rig.clone());
                    let mut record = rig.into_record();
                    let stamp = pen.stamp(&record);
                    let new = (!value.is_empty()).then(|| value.into());
                    record.set(key.name, new, &stamp);
                    let subject = format!("set {name} to {value}");
                    Ok(Decision::write(subject, vec![record], ()))
                })
                .map(|written| written.value),
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

fn known(name: &str) -> Result<&'static Key> {
    let bare = name.strip_prefix("gt.").unwrap_or(name);
    KEYS.iter()
        .find(|key| key.name.eq_ignore_ascii_case(bare))
        .ok_or_else(|| {
            let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            Fault::not_found(format!("there is no setting '{name}'"))
                .hint(format!("settings: {}", names.join(", ")))
        })
}

fn check_value(key: &Key, value: &str) -> Result<()> {
    let bad = |hint: &str| {
        Err(Fault::invalid(format!("'{value}' cannot be the value of {}", key.name)).hint(hint))
    };
    match key.name {
        "backend" if !["", "headless", "none"].contains(&value) => bad("headless or none"),
        "remote" if value.starts_with('-') => bad("the name of a remote; git remote lists them"),
        _ => Ok(()),
    }
}

fn acceptance_key(gate: &str) -> String {
    format!("gt.gate.{gate}.accepted")
}
