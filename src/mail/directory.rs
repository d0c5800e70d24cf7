//! Who can be written to: the rigs, the agents that are there, and everybody who has left a trace. A value
//! that is gathered home by home, so that a town is several homes added to one directory.

use std::collections::{BTreeMap, BTreeSet};

use super::address::{self, DEACON, MAYOR, OVERSEER};
use crate::fault::{Fault, Result};
use crate::ledger::Cell;
use crate::record::BeadRow;
use crate::town::{HOOKS, HQ, Home, machine};

/// Names of roles, which are no people.
const ROLES: [&str; 4] = ["mayor", "deacon", OVERSEER, "human"];

/// Everybody who can be written to.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The rig that a short address is completed with.
    pub(super) home: String,
    /// The name of this machine.
    pub(super) machine: String,
    /// The names of all rigs.
    pub(super) rigs: BTreeSet<String>,
    /// `<rig>/polecats/<name>` and `<rig>/crew/<name>`.
    pub(super) agents: BTreeMap<String, Agent>,
    /// People, by the names they act under.
    pub(super) persons: BTreeSet<String>,
}

/// What is known of an agent besides its address.
#[derive(Debug, Clone, Default)]
pub(super) struct Agent {
    /// Whether it works here or holds something; else it has left a trace and may have gone.
    pub(super) is_present: bool,
    /// The machines it is known to be on.
    pub(super) machines: BTreeSet<String>,
}

/// A line of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub address: String,
    /// `role`, `rig`, `crew`, `polecat` or `person`.
    pub kind: &'static str,
    /// Whether a group or pattern reaches it: it is no agent that has gone.
    pub is_present: bool,
    /// The machines it is known to be on.
    pub machines: Vec<String>,
}

impl Directory {
    /// Returns an empty directory in which short addresses are those of the rig `home`.
    pub fn new(home: &str, machine: &str) -> Self {
        Self {
            home: home.to_owned(),
            machine: machine.to_owned(),
            ..Self::default()
        }
    }

    /// Returns everybody a home knows of, and `actor`.
    pub fn of(home: &Home, actor: &str) -> Result<Self> {
        let mut directory = Self::near(home, actor)?;
        directory.gather_all_traces(home)?;
        Ok(directory)
    }

    /// Returns whom a home knows of without looking at beads and mail, and `actor`.
    fn near(home: &Home, actor: &str) -> Result<Self> {
        let mut directory = Self::new(home.rig().name(), &machine(home.repo()));
        directory.add_present(actor);
        for home in home.hq()?.all_here()? {
            directory.gather(&home)?;
        }
        Ok(directory)
    }

    /// Adds the traces in every home of the town.
    fn gather_all_traces(&mut self, home: &Home) -> Result<()> {
        let homes = home.hq()?.all_here()?;
        homes.iter().try_for_each(|home| self.gather_traces(home))
    }

    /// Adds the rigs, the hooks, the crew and the queue of a home: what is quick to find.
    pub fn gather(&mut self, home: &Home) -> Result<()> {
        let view = home.view();
        for rig in view.rigs()?.iter().filter(|rig| rig.name() != HQ) {
            self.add_rig(rig.name());
        }
        if let Some(name) = home.repo().setting("user.name") {
            self.add(&name);
        }
        let machine = self.machine.clone();
        for cell in Cell::list(home.repo(), HOOKS)? {
            self.add_on(&cell.name, &machine);
        }
        for name in crew(home) {
            self.add_on(&format!("{}/crew/{name}", home.rig().name()), &machine);
        }
        for request in view.requests()? {
            if request.is_live() {
                self.add_present(request.worker());
            } else {
                self.add(request.worker());
            }
        }
        Ok(())
    }

    /// Adds whoever holds a bead of a home, made one, or wrote or got a mail.
    pub fn gather_traces(&mut self, home: &Home) -> Result<()> {
        let view = home.view();
        for row in view.bead_index()?.all() {
            let bead = BeadRow::of(row?);
            self.add(bead.created_by());
            if let Some(holder) = bead.holder() {
                self.add_present(holder);
            }
            if let Some(assignee) = bead.assignee() {
                self.add(assignee);
            }
        }
        view.each_mail(&mut |mail| {
            self.add(mail.from);
            self.add(mail.to);
            if !mail.machine.is_empty() {
                self.note_machine(mail.from, mail.machine);
            }
        })
    }

    /// Adds a rig.
    pub fn add_rig(&mut self, name: &str) {
        self.rigs.insert(name.to_owned());
    }

    /// Adds whoever acts under a name, who may have gone.
    pub fn add(&mut self, actor: &str) {
        let usable =
            actor.len() <= 100 && !actor.is_empty() && !actor.chars().any(char::is_control);
        // A pattern would write to others, and a machine is no part of a name.
        if !usable || actor.contains('*') || actor.starts_with('@') {
            return;
        }
        if address::is_agent(actor) {
            let whole = actor.split_once('@').map_or(actor, |(name, _)| name);
            self.agents.entry(whole.to_owned()).or_default();
        } else if !actor.contains('/') && !ROLES.contains(&actor) {
            self.persons.insert(actor.to_owned());
        }
    }

    /// Adds whoever acts under a name and is there.
    pub fn add_present(&mut self, actor: &str) {
        self.add(actor);
        if let Some(agent) = self.agents.get_mut(actor) {
            agent.is_present = true;
        }
    }

    /// Adds an agent that is there, on a machine.
    pub fn add_on(&mut self, actor: &str, machine: &str) {
        self.add_present(actor);
        self.note_machine(actor, machine);
    }

    fn note_machine(&mut self, actor: &str, machine: &str) {
        let usable = !machine.is_empty()
            && machine.len() <= 100
            && !machine.chars().any(|c| c.is_control() || "@*/".contains(c));
        if let Some(agent) = self.agents.get_mut(actor)
            && usable
        {
            agent.machines.insert(machine.to_owned());
        }
    }

    /// Returns every address of one reader, roles first, then rigs, agents and people.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |address: &str, kind| Entry {
            address: address.to_owned(),
            kind,
            is_present: true,
            machines: Vec::new(),
        };
        let mut all: Vec<Entry> = [MAYOR, DEACON, OVERSEER].map(|it| entry(it, "role")).into();
        for rig in &self.rigs {
            all.push(entry(rig, "rig"));
            for role in ["refinery", "witness"] {
                all.push(entry(&format!("{rig}/{role}"), "role"));
            }
        }
        all.extend(self.agents.iter().map(|(address, agent)| {
            let kind = if address.contains("/crew/") {
                "crew"
            } else {
                "polecat"
            };
            Entry {
                is_present: agent.is_present,
                machines: agent.machines.iter().cloned().collect(),
                ..entry(address, kind)
            }
        }));
        // What was written to a rig's inbox looks as if a person had that name.
        let persons = self.persons.iter().filter(|it| !self.rigs.contains(*it));
        all.extend(persons.map(|it| entry(it, "person")));
        all
    }
}

/// Returns the names of a rig's crew, whose worktrees stand beside the polecats'.
fn crew(home: &Home) -> Vec<String> {
    let folder = home.hooks_dir().join("crew");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect()
}

/// Returns the one address that `typed` means.
///
/// Beads and mail are read only where nobody else has the address.
pub fn find(home: &Home, actor: &str, typed: &str) -> Result<String> {
    look(home, actor, typed, |known| known.resolve(typed))
}

/// Returns the addresses that `typed` means: one, or those of a group or pattern without the sender's.
pub(super) fn find_all(home: &Home, actor: &str, typed: &str) -> Result<Vec<String>> {
    let sender = address::sender(actor);
    look(home, actor, typed, |known| known.recipients(typed, &sender))
}

fn look<T>(
    home: &Home,
    actor: &str,
    typed: &str,
    ask: impl Fn(&Directory) -> Result<T>,
) -> Result<T> {
    let mut known = Directory::near(home, actor)?;
    if !address::is_many(typed) {
        match ask(&known) {
            Err(Fault::NotFound(_)) => {}
            found => return found,
        }
    }
    known.gather_all_traces(home)?;
    ask(&known)
}

/// Returns whether an agent's hook hangs on this machine.
pub(super) fn is_here(home: &Home, address: &str) -> Result<bool> {
    let here = machine(home.repo());
    let plain = match address.rsplit_once('@') {
        Some((name, there)) if there == here => name,
        _ => address,
    };
    let home = home.of_address(plain)?;
    Ok(Cell::find(home.repo(), HOOKS, plain)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_listed_once_and_for_what_they_are() {
        let mut known = Directory::new("api", "box");
        known.add_rig("api");
        for actor in [
            "ada",
            "mayor",
            "overseer",
            "api",
            "api/refinery",
            "@crew",
            "a*",
            "a\nb",
            "",
        ] {
            known.add_present(actor);
        }
        known.add("api/crew/joe@box");
        known.add_on("api/polecats/nux", "box");
        known.add_on("api/polecats/nux", "b@x");
        let all = known.entries().into_iter();
        let all: Vec<String> = all
            .map(|it| {
                format!(
                    "{} {} {} {}",
                    it.address,
                    it.kind,
                    it.is_present,
                    it.machines.join(",")
                )
            })
            .collect();
        let want = [
            "mayor/ role true ",
            "deacon/ role true ",
            "overseer role true ",
            "api rig true ",
            "api/refinery role true ",
            "api/witness role true ",
            "api/crew/joe crew false ",
            "api/polecats/nux polecat true box",
            "ada person true ",
        ];
        assert_eq!(all, want);
    }
}
