//! `git gt rig`

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::{Reply, columns};
use crate::agent;
use crate::fault::Result;
use crate::git::without_password;
use crate::record::Rig;
use crate::town::{self, Home, Wanted, refuse_worker};

/// Add repositories to the town, and see them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Clone a repository into the town
    Add {
        /// What it is called here, and in every address
        #[arg(value_name = "NAME")]
        name: String,
        /// Where it is: a URL or a path; of a rig the town knows already it need not be said
        #[arg(value_name = "URL")]
        url: Option<String>,
        /// Begin the ids of its beads with P and a dash
        #[arg(long, short, value_name = "P")]
        prefix: Option<String>,
    },
    /// List the rigs of the town
    List {},
    /// Show a rig: where it is, what waits in it
    #[command(visible_alias = "status")]
    Show {
        /// The rig; the one you stand in by default
        #[arg(value_name = "RIG")]
        name: Option<String>,
    },
    /// Take a rig out of the town's list; its folder stays
    Remove {
        /// The rig
        #[arg(value_name = "RIG")]
        name: String,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    match &args.verb {
        Verb::Add { name, url, prefix } => {
            refuse_worker(&cx.world, "add rigs")?;
            let wanted = Wanted {
                name,
                url: url.as_deref(),
                prefix: prefix.as_deref(),
            };
            add(cx, &home, &wanted)
        }
        Verb::List {} => list(&home),
        Verb::Show { name } => {
            let home = match name {
                Some(name) => home.at_rig(name)?,
                None => home,
            };
            show(&home)
        }
        Verb::Remove { name } => {
            refuse_worker(&cx.world, "remove rigs")?;
            refuse_running(&home, name)?;
            let folder = town::remove_rig(&home, &cx.actor(home.repo()), name)?;
            let folder = folder.display().to_string();
            let value = json!({ "removed": name, "path": folder });
            let text = format!("rig {name} is out of the list; its folder stays: {folder}");
            Ok(Reply::new(value, text))
        }
    }
}

fn add(cx: &Context, home: &Home, wanted: &Wanted<'_>) -> Result<Reply> {
    let added = town::add_rig(home, &cx.actor(home.repo()), wanted)?;
    let rig = added.home.rig();
    let path = added.home.hooks_dir().display().to_string();
    let target = rig.target().unwrap_or_default();
    let value = json!({
        "name": rig.name(), "prefix": rig.prefix(), "target": target, "path": path,
        "created": added.new,
    });
    let what = if added.new { "added" } else { "found" };
    let text = format!(
        "{what} rig {}: ids begin with {}-, work lands on {target}, in {path}",
        rig.name(),
        rig.prefix()
    );
    let mut reply = Reply::new(value, text);
    for note in added.notes {
        reply = reply.note(note);
    }
    for offer in added.home.offers()? {
        reply = reply.note(format!(
            "{} came from elsewhere and does not run here until it is accepted: \
             git gt config accept --rig {}",
            offer.id,
            rig.name()
        ));
    }
    Ok(reply)
}

/// Refuses to take a rig away whose agents run.
fn refuse_running(home: &Home, name: &str) -> Result<()> {
    let Ok(rig) = home.at_rig(name) else {
        return Ok(());
    };
    let alive = agent::agents(&rig)?.into_iter().find(|it| it.alive);
    match alive {
        None => Ok(()),
        Some(it) => Err(crate::fault::Fault::refused(format!(
            "{} runs in rig {name}",
            it.hook.agent
        ))
        .hint("wait until it is done: git gt agents")),
    }
}

/// What is in a rig, in numbers.
struct Counts {
    agents: usize,
    alive: usize,
    queued: usize,
}

fn counts(home: &Home) -> Result<Counts> {
    let agents = agent::agents(home)?;
    Ok(Counts {
        alive: agents.iter().filter(|it| it.alive).count(),
        agents: agents.len(),
        queued: home.view().live_requests()?.len(),
    })
}

fn list(home: &Home) -> Result<Reply> {
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for rig in home.rigs()? {
        let here = home.at_rig(rig.name()).ok();
        let counts = here.as_ref().map(counts).transpose()?;
        values.push(value(&rig, here.as_ref(), counts.as_ref()));
        rows.push(vec![
            rig.name().to_owned(),
            format!("{}-", rig.prefix()),
            match &counts {
                Some(it) => format!(
                    "{}, {} running, {} queued",
                    counted(it.agents as u64, "agent"),
                    it.alive,
                    it.queued
                ),
                None => "not on this machine".to_owned(),
            },
            rig.url().to_owned(),
        ]);
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = "no rigs yet: git gt rig add <name> <url>\n".to_owned();
    }
    Ok(Reply::new(json!(values), text))
}

fn value(rig: &Rig, here: Option<&Home>, counts: Option<&Counts>) -> Value {
    json!({
        "name": rig.name(),
        "prefix": rig.prefix(),
        "url": rig.url(),
        "target": here.and_then(|home| home.rig().target()),
        "path": here.map(|home| home.hooks_dir().display().to_string()),
        "agents": counts.map(|it| it.agents),
        "running": counts.map(|it| it.alive),
        "queued": counts.map(|it| it.queued),
    })
}

fn show(home: &Home) -> Result<Reply> {
    let counts = counts(home)?;
    let rig = home.rig();
    let url = home.repo().setting("remote.origin.url").unwrap_or_default();
    let url = without_password(&url);
    let gates = home.view().gates()?;
    let gates: Vec<&str> = gates.iter().map(|gate| gate.name()).collect();
    let mut value = value(rig, Some(home), Some(&counts));
    value["url"] = url.clone().into();
    value["gates"] = json!(gates);
    let path = home.hooks_dir().display().to_string();
    let running = format!("{}, {} of them running", counts.agents, counts.alive);
    let rows = [
        ("rig", rig.name()),
        ("prefix", rig.prefix()),
        ("lands on", rig.target().unwrap_or("(no branch yet)")),
        ("from", &url),
        ("worktrees", &path),
        ("gates", &gates.join(", ")),
        ("agents", &running),
        ("queued", &counts.queued.to_string()),
    ]
    .map(|(name, value)| vec![name.to_owned(), value.to_owned()]);
    Ok(Reply::new(value, columns(rows)))
}
