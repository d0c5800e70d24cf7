//! `git gt config`

use serde_json::{Map, Value, json};

use super::Context;
use super::reply::{Exit, Reply, columns};
use crate::fault::Result;
use crate::town::{Home, KEYS};

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
    },
    /// Show all settings
    Show {},
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
        Verb::Agent { verb } => agent(&home, verb),
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
        Verb::Set { key, value } => {
            home.set_config(&cx.actor(home.repo()), key, value)?;
            Ok(Reply::new(
                json!({ "key": key, "value": value }),
                format!("{key} is {value}"),
            ))
        }
        Verb::Show {} => show(&home),
    }
}

fn agent(home: &Home, verb: &AgentVerb) -> Result<Reply> {
    match verb {
        AgentVerb::Set { name, command } => {
            let agent = home.set_agent(name, command)?;
            let text = format!("agent {} is started with: {}", agent.name, agent.command);
            Ok(Reply::new(
                json!({ "name": agent.name, "command": agent.command }),
                text,
            ))
        }
        AgentVerb::List {} => {
            let agents = home.agents();
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
            home.remove_agent(name)?;
            Ok(Reply::new(
                json!({ "removed": name }),
                format!("agent {name} is removed"),
            ))
        }
    }
}

fn show(home: &Home) -> Result<Reply> {
    let (mut value, mut rows) = (Map::new(), Vec::new());
    for key in KEYS {
        let found = home.config(key.name)?;
        value.insert(key.name.to_owned(), json!(found));
        let shown = found.unwrap_or_else(|| format!("({})", key.default));
        rows.push(vec![key.name.to_owned(), shown, key.doc.to_owned()]);
    }
    for agent in home.agents() {
        value.insert(format!("agent.{}", agent.name), json!(agent.command));
        rows.push(vec![
            format!("agent.{}", agent.name),
            agent.command,
            String::new(),
        ]);
    }
    Ok(Reply::new(Value::Object(value), columns(rows)))
}
