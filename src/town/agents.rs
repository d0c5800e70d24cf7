//! Agents: the commands that start them, on this machine or offered to everybody, and what may run here.

use std::collections::BTreeMap;

use super::{Home, Place, refuse_worker};
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::ledger::{CloneId, Decision, Name, digest};
use crate::record::{AgentCommand, Gate};

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

/// A command that came with the ledgers, which runs here only after it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The record it is in: `gate.<name>`, `agent.<name>`.
    pub id: String,
    /// The command, or the check of an outside CI that would be believed.
    pub command: String,
    /// The setting that notes what was accepted.
    key: String,
    /// The hash of everything that decides what would run.
    definition: String,
}

/// Another clone, by the gates it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What it is accepted as: `machine.<clone>`.
    pub id: String,
    /// What it last called itself.
    pub host: String,
    /// Whether its verdicts count here.
    pub accepted: bool,
}

/// What ids of machines begin with.
const MACHINE: &str = "machine.";

/// Returns the clones whose verdicts count here.
pub(super) fn accepted_machines(repo: &Repo) -> Vec<String> {
    let all = repo.settings_of("machine", "accepted").into_iter();
    all.filter(|(_, said)| said == "true")
        .map(|(clone, _)| clone)
        .collect()
}

impl Offer {
    fn of_gate(gate: &Gate) -> Self {
        Self {
            id: Gate::id_of(gate.name()),
            command: gate.what(),
            key: format!("gt.gate.{}.accepted", gate.name()),
            definition: gate.definition(),
        }
    }

    fn of_agent(name: &str, command: &str) -> Self {
        Self {
            id: AgentCommand::id_of(name),
            command: command.to_owned(),
            key: format!("gt.agent.{name}.accepted"),
            definition: digest(&[b"agent", command.as_bytes()]),
        }
    }
}

impl Home {
    /// Returns the agents that can be started on this machine, sorted by name: those configured here,
    /// those configured in HQ, and shared ones that were accepted; of one name the first of these.
    pub fn agents(&self) -> Result<Vec<Agent>> {
        let hq = self.hq()?;
        let mut all: Vec<Agent> = Vec::new();
        let homes: &[&Self] = if self.is_hq() || self.stands_alone() {
            &[self]
        } else {
            &[self, &hq]
        };
        let mut add = |name: String, command: String| {
            if !all.iter().any(|it| it.name == name) {
                all.push(Agent { name, command });
            }
        };
        for home in homes {
            for (name, command) in home.repo().settings_of("agent", "command") {
                add(name, command);
            }
        }
        for home in homes {
            for agent in home.view().agent_commands()? {
                if home.has_accepted(&Offer::of_agent(agent.name(), agent.command())) {
                    add(agent.name().to_owned(), agent.command().to_owned());
                }
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Returns the agent of a name, the default one for no name.
    pub fn agent(&self, name: Option<&str>) -> Result<Agent> {
        let agents = self.agents()?;
        let wanted = match name {
            Some(name) => Some(name.to_owned()),
            None => self.config("defaultAgent")?,
        };
        let found = match (&wanted, agents.as_slice()) {
            (Some(wanted), all) => all.iter().find(|agent| agent.name == *wanted),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        match found {
            Some(found) => Ok(found.clone()),
            None => Err(self.no_agent(wanted.as_deref(), &agents)?),
        }
    }

    fn no_agent(&self, wanted: Option<&str>, agents: &[Agent]) -> Result<Fault> {
        let offered = self.hq()?.offers()?.into_iter().chain(self.offers()?);
        let mut offered = offered.filter(|it| it.id.starts_with("agent."));
        let offered = match wanted {
            Some(name) => offered.find(|it| it.id == AgentCommand::id_of(name)),
            None => offered.next(),
        };
        if let Some(offer) = offered {
            return Ok(Fault::refused(format!(
                "{} came from elsewhere and is not accepted on this machine: {}",
                offer.id, offer.command
            ))
            .hint(format!("git gt config accept {}", offer.id)));
        }
        let known: Vec<&str> = agents.iter().map(|it| it.name.as_str()).collect();
        let known = known.join(", ");
        Ok(match (wanted, agents.is_empty()) {
            (Some(wanted), false) => Fault::not_found(format!("there is no agent '{wanted}'"))
                .hint(format!("configured here: {known}")),
            (Some(wanted), true) => Fault::not_found(format!("there is no agent '{wanted}'"))
                .hint("make it: git gt config agent set <name> '<command>'"),
            (None, true) => Fault::refused("no agent is configured on this machine")
                .hint("say how yours is started: git gt config agent set <name> '<command>'"),
            (None, false) => Fault::refused(format!("which agent? configured here: {known}"))
                .hint("choose one: git gt config default-agent <name>"),
        })
    }

    /// Returns how agents are kept running: `backend`, `headless` by default.
    pub fn backend(&self) -> Result<Backend> {
        match self.config("backend")?.as_deref() {
            None | Some("headless") => Ok(Backend::Headless),
            Some("none") => Ok(Backend::None),
            Some(other) => Err(Fault::invalid(format!("gt.backend is '{other}'"))
                .hint("it can be headless or none")),
        }
    }

    /// Adds an agent, or changes the command that starts it; one that is shared is accepted by whoever
    /// writes it.
    ///
    /// After a crash it is started as before or by the new command.
    pub fn set_agent(&self, actor: &str, agent: &Agent, place: Place) -> Result<()> {
        refuse_worker(self.world(), "change how agents are started")?;
        let Agent { name, command } = agent;
        let formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(formed) {
            return Err(
                Fault::invalid(format!("'{name}' cannot be the name of an agent"))
                    .hint("use letters, digits, dash and underscore"),
            );
        }
        self.refuse_near(name)?;
        if command.trim().is_empty() {
            return Err(Fault::invalid("an agent needs a command that starts it")
                .hint("git gt config agent set claude 'claude -p {prompt}'"));
        }
        if place == Place::Local {
            return self
                .repo()
                .set_setting(&format!("gt.agent.{name}.command"), command);
        }
        self.write_accepted(&Offer::of_agent(name, command), || {
            let written = self.write(Name::Config, actor, |view, pen| {
                let old = view.ledger(Name::Config)?.get(&AgentCommand::id_of(name))?;
                let stamp = old
                    .as_ref()
                    .map_or_else(|| pen.first_stamp(), |old| pen.stamp(old));
                let mut agent = AgentCommand::revived(old, name, &stamp);
                agent.set_command(command, &stamp);
                let subject = format!("offer agent {name}: {command}");
                Ok(Decision::write(subject, vec![agent.record().clone()], ()))
            })?;
            Ok((Offer::of_agent(name, command), written.value))
        })
    }

    /// Refuses a name that differs from that of another agent in case only.
    fn refuse_near(&self, name: &str) -> Result<()> {
        let agents = self.agents()?;
        if agents.iter().any(|it| it.name == name) {
            return Ok(());
        }
        let mut near = agents.iter().map(|it| it.name.as_str());
        match near.find(|known| known.eq_ignore_ascii_case(name)) {
            None => Ok(()),
            Some(known) => Err(Fault::refused(format!(
                "agent '{known}' is there already, and '{name}' differs in case only"
            ))
            .hint(format!(
                "to change it: git gt config agent set {known} '<command>'"
            ))),
        }
    }

    /// Removes an agent from this machine's settings, or where it is not there, from what is offered to
    /// everybody.
    ///
    /// After a crash it is there or it is not.
    pub fn remove_agent(&self, actor: &str, name: &str) -> Result<()> {
        refuse_worker(self.world(), "change how agents are started")?;
        let key = format!("gt.agent.{name}.command");
        if self.repo().setting(&key).is_some() {
            return self.repo().unset_setting(&key);
        }
        self.write(Name::Config, actor, |view, pen| {
            let all = view.agent_commands()?;
            let Some(mut agent) = all.into_iter().find(|it| it.name() == name) else {
                return Err(
                    Fault::not_found(format!("there is no agent '{name}' to remove here"))
                        .hint("git gt config agent list; those of HQ are removed there"),
                );
            };
            let stamp = pen.stamp(agent.record());
            agent.withdraw(&stamp);
            let records = vec![agent.record().clone()];
            Ok(Decision::write(
                format!("withdraw agent {name}"),
                records,
                (),
            ))
        })
        .map(drop)
    }

    /// Returns every command in this home's config ledger, those of gates first.
    fn commands(&self) -> Result<Vec<Offer>> {
        let view = self.view();
        let mut all: Vec<Offer> = view.gates()?.iter().map(Offer::of_gate).collect();
        let agents = view.agent_commands()?;
        let agents = agents.iter();
        all.extend(agents.map(|it| Offer::of_agent(it.name(), it.command())));
        Ok(all)
    }

    /// Returns the commands of this home's config ledger that do not run on this machine until they are
    /// accepted.
    pub fn offers(&self) -> Result<Vec<Offer>> {
        let mut all = self.commands()?;
        all.retain(|offer| !self.has_accepted(offer));
        Ok(all)
    }

    /// Returns the machines whose verdicts are stored here and that did not come from this clone, with whether
    /// they count, sorted by id.
    pub fn machines(&self) -> Result<Vec<Machine>> {
        let (accepted, own) = (accepted_machines(self.repo()), CloneId::known(self.repo()));
        let mut all: BTreeMap<String, Machine> = BTreeMap::new();
        for result in self.view().results()? {
            for (stamp, attempt) in result.attempts() {
                let clone = stamp.clone_part();
                if own.as_ref().is_some_and(|own| own.as_str() == clone) {
                    continue;
                }
                let machine = all.entry(clone.to_owned()).or_insert_with(|| Machine {
                    id: format!("{MACHINE}{clone}"),
                    host: String::new(),
                    accepted: accepted.iter().any(|it| it == clone),
                });
                machine.host = attempt.host;
            }
        }
        Ok(all.into_values().collect())
    }

    /// Lets the verdicts of a machine count here: whoever can push can write as that machine.
    ///
    /// After a crash they count or they do not.
    pub fn accept_machine(&self, machine: &Machine) -> Result<()> {
        refuse_worker(self.world(), "decide what runs here")?;
        self.repo()
            .set_setting(&format!("gt.{}.accepted", machine.id), "true")
    }

    fn has_accepted(&self, offer: &Offer) -> bool {
        let said = self.repo().setting_now(&offer.key).unwrap_or_default();
        said.split(' ').any(|it| it == offer.definition)
    }

    /// Writes a command for everybody, which whoever writes it accepts; `write` returns it as it was written.
    ///
    /// There is no moment at which it is written and not accepted, or at which what it replaces still stands and
    /// is not: the new one is accepted beside the old one first, and alone in the end. After a crash it is written
    /// or not, and in both cases runs here.
    fn write_accepted<T>(
        &self,
        new: &Offer,
        write: impl FnOnce() -> Result<(Offer, T)>,
    ) -> Result<T> {
        refuse_worker(self.world(), "decide what runs here")?;
        let before = self.repo().setting_now(&new.key).unwrap_or_default();
        let mut all: Vec<&str> = before.split_whitespace().collect();
        if !all.contains(&new.definition.as_str()) {
            all.push(&new.definition);
            self.repo().set_setting(&new.key, &all.join(" "))?;
        }
        match write() {
            Ok((written, value)) => self.accept(&written).map(|()| value),
            Err(fault) => {
                // What was said before stands; where that cannot be written, more is accepted than there is.
                drop(match before.as_str() {
                    "" => self.repo().unset_setting(&new.key),
                    before => self.repo().set_setting(&new.key, before),
                });
                Err(fault)
            }
        }
    }

    /// Allows a command, as it is now, to run on this machine; a change asks again.
    ///
    /// After a crash it is allowed or it is not.
    pub fn accept(&self, offer: &Offer) -> Result<()> {
        refuse_worker(self.world(), "decide what runs here")?;
        self.repo().set_setting(&offer.key, &offer.definition)
    }

    /// Returns whether a gate may run on this machine: it was written here, or accepted (DESIGN 3.6).
    pub fn accepts(&self, gate: &Gate) -> bool {
        self.has_accepted(&Offer::of_gate(gate))
    }

    /// Writes a gate, which whoever writes it accepts: `new` as it is to be, `write` as it is in the end.
    ///
    /// After a crash it is written or not, and counts here as it stands.
    pub fn write_gate(&self, new: &Gate, write: impl FnOnce() -> Result<Gate>) -> Result<Gate> {
        self.write_accepted(&Offer::of_gate(new), || {
            write().map(|gate| (Offer::of_gate(&gate), gate))
        })
    }
}
