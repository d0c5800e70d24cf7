//! `git gt sling`

use serde_json::{Value, json};

use super::Context;
use super::reply::Reply;
use crate::agent::{self, Order, Planned, Slung, Started};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::town::{Backend, Home};

/// Give beads to agents: claim, branch, worktree, and the agent started in it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads; then, at the end, the rig or one polecat they are for (a new polecat each by default)
    #[arg(value_name = "BEAD|TARGET", required = true)]
    what: Vec<String>,
    /// Start the agent NAME instead of the default one
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Sling beads that others block, too
    #[arg(long, short)]
    force: bool,
    /// Say what would be done and do nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let (beads, polecat) = split(&home, &args.what)?;
    let backend = home.backend()?;
    let agent = || match backend {
        Backend::Headless => home.agent(args.agent.as_deref()).map(Some),
        Backend::None => Ok(home.agent(args.agent.as_deref()).ok()),
    };
    let actor = cx.actor(home.repo());
    let (mut values, mut text, mut faults) = (Vec::new(), String::new(), Vec::new());
    for typed in beads {
        let one = || -> Result<(Value, String)> {
            let bead = bead::resolve(&home.view(), home.rig().prefix(), &typed)?;
            let order = Order {
                bead: bead.id().to_owned(),
                polecat: polecat.clone(),
                agent: agent()?,
                backend,
                force: args.force,
            };
            if args.dry_run {
                return agent::plan(&home, &order).map(|planned| told_plan(&planned));
            }
            agent::sling(&home, &actor, &order).map(|slung| told(&slung))
        };
        match one() {
            Ok((value, line)) => {
                values.push(value);
                text.push_str(&line);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if !args.dry_run {
        cx.settle(&home);
    }
    Ok(Reply::new(json!(values), text).with_faults(faults))
}

/// Tells the beads from the target: the last word is one when it names the rig, or somebody in it.
fn split(home: &Home, words: &[String]) -> Result<(Vec<String>, Option<String>)> {
    let (rig, prefix) = (home.rig().name(), home.rig().prefix());
    let Some((last, beads)) = words.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Ok((words.to_vec(), None));
    };
    // A name of a polecat may happen to be a part of some bead's id.
    let is_bead = last.starts_with(&format!("{prefix}-"))
        || !agent::is_polecat(home, last)? && bead::resolve(&home.view(), prefix, last).is_ok();
    if last == rig || last == "." {
        return Ok((beads.to_vec(), None));
    }
    if is_bead {
        return Ok((words.to_vec(), None));
    }
    let name = match last.split_once('/') {
        Some((of, name)) if of == rig => name.strip_prefix("polecats/").unwrap_or(name),
        Some((of, _)) => {
            return Err(Fault::not_found(format!("there is no rig '{of}' here"))
                .hint(format!("this repository is rig '{rig}'")));
        }
        None => last,
    };
    if beads.len() > 1 {
        return Err(Fault::refused(format!(
            "{} beads do not fit on the hook of {name}",
            beads.len()
        ))
        .hint("sling them without a name: each gets a polecat of its own"));
    }
    Ok((beads.to_vec(), Some(name.to_owned())))
}

fn told_plan(planned: &Planned) -> (Value, String) {
    let value = json!({
        "bead": planned.bead,
        "title": planned.title,
        "agent": planned.agent,
        "base": planned.base,
        "again": planned.again,
        "dry_run": true,
    });
    let how = if planned.again {
        "would take up again"
    } else {
        "would go"
    };
    let base = &planned.base[..12];
    (
        value,
        format!(
            "{} {how} to {} from {base}: {}\n",
            planned.bead, planned.agent, planned.title
        ),
    )
}

fn told(slung: &Slung) -> (Value, String) {
    let hook = &slung.hook;
    let mut value = json!({
        "bead": slung.bead,
        "title": slung.title,
        "agent": hook.agent,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "epoch": hook.epoch,
        "base": hook.base,
    });
    let mut text = format!(
        "{} is on the hook of {}: {}\n",
        slung.bead, hook.agent, slung.title
    );
    match &slung.carried_over {
        Ok(None) => {}
        Ok(Some(saved)) => {
            value["checkpoint"] = json!(saved.commit.to_string());
            text.push_str(&format!("  with the work saved at {}\n", saved.time));
        }
        Err(fault) => text.push_str(&format!(
            "  the saved work was not restored: {fault}\n    git gt checkpoint restore {}\n",
            hook.agent
        )),
    }
    match &slung.started {
        Started::Session(session) => {
            value["session"] = json!(session.id);
            value["runtime"] = json!(session.runtime);
            value["log"] = json!(session.log.display().to_string());
            text.push_str(&format!(
                "  {} runs, its log: {}\n",
                session.runtime,
                session.log.display()
            ));
        }
        Started::ByHand { command, prompt } => {
            value["prompt"] = json!(prompt);
            text.push_str(&format!(
                "  start it yourself:\n    cd {}\n",
                hook.path.display()
            ));
            if !command.is_empty() {
                text.push_str(&format!("    {command}\n"));
            }
            text.push_str(&format!("  and tell it:\n{}", indented(prompt)));
        }
    }
    (value, text)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
