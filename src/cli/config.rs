//! `git gt config`

use serde_json::{Map, Value, json};

use super::Context;
use super::reply::{Exit, Reply, columns};
use crate::fault::{Fault, Result};
use crate::mail::distance;
use crate::town::{Agent, Home, KEYS, Machine, Offer, Place};

/// Say how agents are started here, and other settings
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say how agents are started on this machine
    Agent {
        #[command(subcommand)]
        verb: AgentVerb,
    },
    /// Show or choose the agent that sling starts by default
    DefaultAgent {
        /// The agent
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Print one setting
    Get {
        /// The setting
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Change one setting
    Set {
        /// The setting
        #[arg(value_name = "KEY")]
        key: String,
        /// Its new value; an empty one removes it
        #[arg(value_name = "VALUE")]
        value: String,
        #[command(flatten)]
        at: At,
    },
    /// Show all settings
    Show {},
    /// Let commands that came with the ledgers run on this machine, and verdicts of another machine count
    /// here; without a name, show them
    Accept {
        /// What is accepted, as gate.test, agent.claude or machine.k7f2m3qa
        #[arg(value_name = "OFFER")]
        offers: Vec<String>,
        /// Accept every command that is shown
        #[arg(long, conflicts_with = "offers")]
        all: bool,
    },
}

/// Where something is written.
#[derive(Debug, Clone, Copy, clap::Args)]
struct At {
    /// Write it for this machine, to git config
    #[arg(long, conflicts_with = "shared")]
    local: bool,
    /// Write it for everybody, to the config ledger
    #[arg(long)]
    shared: bool,
}

impl At {
    fn place(self) -> Option<Place> {
        match self {
            Self { local: true, .. } => Some(Place::Local),
            Self { shared: true, .. } => Some(Place::Shared),
            _ => None,
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum AgentVerb {
    /// Add an agent, or change how it is started
    Set {
        /// What the agent is called
        #[arg(value_name = "NAME")]
        name: String,
        /// The line that sh runs in the agent's worktree; {prompt} in it is replaced by the prompt, which
        /// otherwise comes on standard input
        #[arg(value_name = "COMMAND")]
        command: String,
        #[command(flatten)]
        at: At,
    },
    /// List the agents
    List {},
    /// Remove an agent
    Remove {
        /// What the agent is called
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    match &args.verb {
        Verb::Agent { verb } => agent(cx, &home, verb),
        Verb::DefaultAgent { name: None } => {
            let agent = home.agent(None)?;
            Ok(Reply::new(
                json!({ "name": agent.name, "command": agent.command }),
                agent.name,
            ))
        }
        Verb::DefaultAgent { name: Some(name) } => {
            let agent = home.agent(Some(name))?;
            home.repo().set_setting("gt.defaultAgent", &agent.name)?;
            let value = json!({ "name": agent.name, "command": agent.command });
            Ok(Reply::new(
                value,
                format!("sling starts {} by default", agent.name),
            ))
        }
        Verb::Get { key } => match home.config(key)? {
            Some(value) => Ok(Reply::new(json!({ "key": key, "value": value }), value)),
            None => Ok(Reply::new(json!({ "key": key, "value": null }), "").exit(Exit::No)),
        },
        Verb::Set { key, value, at } => {
            let actor = cx.actor(home.repo());
            let place = home.set_config(&actor, (key, value), at.place())?;
            let shared = place == Place::Shared;
            let whose = if shared {
                "for everybody"
            } else {
                "on this machine"
            };
            Ok(Reply::new(
                json!({ "key": key, "value": value, "shared": shared }),
                format!("{key} is {value} {whose}"),
            ))
        }
        Verb::Accept { offers, all } => accept(cx, offers, *all),
        Verb::Show {} => show(&home),
    }
}

fn agent(cx: &Context, home: &Home, verb: &AgentVerb) -> Result<Reply> {
    let actor = cx.actor(home.repo());
    match verb {
        AgentVerb::Set { name, command, at } => {
            let agent = Agent {
                name: name.clone(),
                command: command.clone(),
            };
            let place = at.place().unwrap_or(Place::Local);
            home.set_agent(&actor, &agent, place)?;
            let text = format!("agent {name} is started with: {command}");
            let shared = place == Place::Shared;
            let value = json!({ "name": name, "command": command, "shared": shared });
            let reply = Reply::new(value, text);
            Ok(match misspelt(command) {
                None => reply,
                Some(word) => reply.note(format!(
                    "{{prompt}} stands for the prompt, not {word}; without it the prompt comes on \
                     standard input"
                )),
            })
        }
        AgentVerb::List {} => {
            let agents = home.agents()?;
            let value: Vec<Value> = agents
                .iter()
                .map(|it| json!({ "name": it.name, "command": it.command }))
                .collect();
            let mut text = columns(agents.into_iter().map(|it| vec![it.name, it.command]));
            if text.is_empty() {
                text = "none yet: git gt config agent set <name> '<command>'\n".to_owned();
            }
            Ok(Reply::new(json!(value), text))
        }
        AgentVerb::Remove { name } => {
            home.remove_agent(&actor, name)?;
            Ok(Reply::new(
                json!({ "removed": name }),
                format!("agent {name} is removed"),
            ))
        }
    }
}

/// Returns what in the command of an agent is meant for `{prompt}` and is not; nothing where that is there.
fn misspelt(command: &str) -> Option<&str> {
    let mut words = command.match_indices('{').filter_map(|(start, _)| {
        let rest = &command[start..];
        let end = rest.find('}')?;
        let inner = rest[..end].trim_matches(['{', ' ']).to_lowercase();
        let ends = rest[end..].bytes().take_while(|it| *it == b'}').count();
        (distance(&inner, "prompt") <= 2).then(|| &rest[..end + ends])
    });
    let is_known = command.replace("{{prompt}}", "").contains("{prompt}");
    words.next().filter(|_| !is_known)
}

fn show(home: &Home) -> Result<Reply> {
    let (mut value, mut rows) = (Map::new(), Vec::new());
    for key in KEYS {
        let found = home.config(key.name)?;
        value.insert(key.name.to_owned(), json!(found));
        let shown = found.unwrap_or_else(|| format!("({})", key.default));
        rows.push(vec![key.name.to_owned(), shown, key.doc.to_owned()]);
    }
    for agent in home.agents()? {
        value.insert(format!("agent.{}", agent.name), json!(agent.command));
        rows.push(vec![
            format!("agent.{}", agent.name),
            agent.command,
            String::new(),
        ]);
    }
    Ok(Reply::new(Value::Object(value), columns(rows)))
}

/// Accepts what waits in the rig one stands in and in HQ, or shows it; from HQ, in the whole town. A machine is
/// accepted by its name only.
///
/// After a crash some of it is accepted.
fn accept(cx: &Context, names: &[String], all: bool) -> Result<Reply> {
    let mut homes = cx.homes()?;
    if let [home] = &homes[..]
        && cx.rig.is_none()
        && !home.is_hq()
        && !home.stands_alone()
    {
        homes.push(home.hq()?);
    }
    let mut offers: Vec<(&Home, Offer)> = Vec::new();
    for home in &homes {
        offers.extend(home.offers()?.into_iter().map(|offer| (home, offer)));
    }
    let machines = machines(&homes, names)?;
    let mut chosen: Vec<bool> = vec![all; offers.len()];
    for name in names {
        if !machines.iter().any(|(_, machine)| machine.id == *name) {
            chosen[named(&offers, name)?] = true;
        }
    }
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for ((home, offer), accepted) in offers.iter().zip(chosen) {
        if accepted {
            home.accept(offer)?;
        }
        let rig = home.rig().name();
        values.push(json!({
            "id": offer.id, "command": offer.command, "accepted": accepted, "rig": rig
        }));
        let word = if accepted { "accepted" } else { "waits" };
        let mut row = vec![offer.id.clone(), word.to_owned(), offer.command.clone()];
        if homes.len() > 1 {
            row.insert(0, rig.to_owned());
        }
        rows.push(row);
    }
    for (home, machine) in machines {
        let rig = home.rig().name();
        values.push(json!({
            "id": machine.id, "host": machine.host, "accepted": machine.accepted, "rig": rig
        }));
        let mut row = row_of(machine);
        if homes.len() > 1 {
            row.insert(0, rig.to_owned());
        }
        rows.push(row);
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = "nothing waits to be accepted\n".to_owned();
    }
    let reply = Reply::new(json!(values), text);
    Ok(if names.is_empty() && !all && !offers.is_empty() {
        reply.note("what you have read and want to run here: git gt config accept <name>, or --all")
    } else {
        reply
    })
}

/// Returns the other machines whose verdicts are here; those that are named are accepted.
fn machines<'h>(homes: &'h [Home], names: &[String]) -> Result<Vec<(&'h Home, Machine)>> {
    let mut all = Vec::new();
    for home in homes {
        for mut machine in home.machines()? {
            if names.contains(&machine.id) {
                home.accept_machine(&machine)?;
                machine.accepted = true;
            }
            all.push((home, machine));
        }
    }
    Ok(all)
}

fn row_of(machine: Machine) -> Vec<String> {
    let (word, what) = match machine.accepted {
        true => ("accepted", "count here"),
        false => ("waits", "count here only where they are sealed"),
    };
    let what = format!("verdicts of {} {what}", machine.host);
    vec![machine.id, word.to_owned(), what]
}

/// Returns which of the offers a name means: `gate.test`, or `test` where there is one of that name.
fn named(offers: &[(&Home, Offer)], name: &str) -> Result<usize> {
    let fits = |it: &Offer| it.id == name || it.id.ends_with(&format!(".{name}"));
    let found: Vec<usize> = (0..offers.len())
        .filter(|index| fits(&offers[*index].1))
        .collect();
    let rig = |index: usize| offers[index].0.rig().name();
    match found[..] {
        [one] => Ok(one),
        [] => Err(
            Fault::not_found(format!("no '{name}' waits to be accepted"))
                .hint("git gt config accept shows what does"),
        ),
        [one, two, ..] if rig(one) != rig(two) => Err(Fault::not_found(format!(
            "'{name}' waits in several rigs: {}",
            found
                .iter()
                .map(|it| rig(*it))
                .collect::<Vec<_>>()
                .join(", ")
        ))
        .hint(format!("git gt config accept --rig {} {name}", rig(one)))),
        _ => Err(Fault::not_found(format!("'{name}' is a gate and an agent"))
            .hint(format!("git gt config accept gate.{name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_the_prompt_is_seen() {
        let check = |command, want| assert_eq!(misspelt(command), want, "{command}");
        check("x -p {prompt}", None);
        check("x -p {promt}", Some("{promt}"));
        check("x -p \"{PROMPT}\"", Some("{PROMPT}"));
        check("x -p {{prompt}}", Some("{{prompt}}"));
        check("x -p { prompt }", Some("{ prompt }"));
        check("x ${HOME} {a,b} {} '{", None);
        check("f() { echo; }; f {prompt} ${prompt}", None);
    }
}
