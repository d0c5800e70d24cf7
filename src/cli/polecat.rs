//! `git gt polecat`

use serde_json::{Value, json};

use super::Context;
use super::beads::several;
use super::done::counted;
use super::reply::{Reply, columns};
use crate::agent::{self, Condition, Duty, Ground, Hook, Removed};
use crate::fault::{Fault, Result};
use crate::town::Home;

/// See polecats, stop them, put them away
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the polecats of this clone: what they do, what their worktrees hold
    List,
    /// Show one polecat with all that is known about it
    Status {
        /// The polecat, by its name or address
        #[arg(value_name = "POLECAT")]
        name: String,
    },
    /// End the session of a polecat; its bead stays on its hook
    Stop {
        /// The polecats, by their names or addresses
        #[arg(value_name = "POLECAT", required = true)]
        names: Vec<String>,
    },
    /// Remove polecats with their worktrees; what only they hold goes into the attic
    Remove {
        /// The polecats, by their names or addresses
        #[arg(value_name = "POLECAT", required = true)]
        names: Vec<String>,
        /// Stop its session, give up its bead, save what is not committed, then remove it
        #[arg(short, long)]
        force: bool,
    },
    /// Remove all polecats that have nothing to do, and branches of work that nobody has
    Gc {
        /// Say what would be done and do nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::List => list(cx),
        Verb::Status { name } => status(cx, name),
        Verb::Stop { names } => stop(cx, names),
        Verb::Remove { names, force } => remove(cx, names, *force),
        Verb::Gc { dry_run } => gc(cx, *dry_run),
    }
}

/// Returns what an agent is doing, in a word or two.
fn doing(it: &Condition) -> String {
    match (&it.duty, &it.standing.session) {
        _ if it.standing.alive => "running".to_owned(),
        (Duty::Over, _) => "idle".to_owned(),
        (Duty::Queued(_), _) => "queued".to_owned(),
        (Duty::Holds, None) => "by hand".to_owned(),
        (Duty::Holds, Some(session)) if session.ended.is_empty() => "lost".to_owned(),
        (Duty::Holds, Some(_)) => "stopped".to_owned(),
    }
}

fn ground(it: &Condition) -> &'static str {
    match it.ground {
        Ground::Clean => "clean",
        Ground::Dirty(_) => "dirty",
        Ground::Astray(_) => "astray",
        Ground::Moved(_) => "moved",
        Ground::Gone => "gone",
    }
}

fn as_json(home: &Home, it: &Condition) -> Result<Value> {
    let hook = &it.standing.hook;
    let bead = home.view().readable_bead(&hook.bead)?;
    let mut value = json!({
        "name": hook.name(),
        "address": hook.agent,
        "rig": home.rig().name(),
        "state": doing(it),
        "running": it.standing.alive,
        "bead": hook.bead,
        "title": bead.as_ref().map_or("", |it| it.title()),
        "bead_status": bead.as_ref().map_or("missing", |it| it.status()),
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "worktree": ground(it),
        "commits": it.ahead,
        "since": hook.since,
        "remark": it.remark(),
    });
    match &it.ground {
        Ground::Dirty(count) => value["changes"] = (*count).into(),
        Ground::Astray(there) => value["stands_on"] = there.as_str().into(),
        Ground::Moved(path) => value["moved_to"] = path.display().to_string().into(),
        Ground::Clean | Ground::Gone => {}
    }
    if let Duty::Queued(request) = &it.duty {
        value["request"] = request.as_str().into();
    }
    if let Some(session) = &it.standing.session {
        value["runtime"] = session.runtime.as_str().into();
        value["outcome"] = session.outcome.as_str().into();
        value["started_at"] = session.started.as_str().into();
        value["ended_at"] = session.ended.as_str().into();
        value["log"] = session.log.display().to_string().into();
    }
    Ok(value)
}

fn list(cx: &Context) -> Result<Reply> {
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for home in cx.homes()? {
        let all = agent::conditions(&home)?;
        for it in all.iter().filter(|it| it.standing.hook.is_polecat()) {
            let hook = &it.standing.hook;
            values.push(as_json(&home, it)?);
            rows.push(vec![
                hook.agent.replace("/polecats/", "/"),
                doing(it),
                ground(it).to_owned(),
                hook.bead.clone(),
                counted(it.ahead, "commit"),
                it.remark(),
            ]);
        }
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = "no polecats here yet: git gt sling <bead>\n".to_owned();
    }
    Ok(Reply::new(json!(values), text))
}

fn status(cx: &Context, name: &str) -> Result<Reply> {
    let home = cx.home_of_agent(name)?;
    let hook = polecat(&home, name)?;
    let all = agent::conditions(&home)?.into_iter();
    let it = all
        .into_iter()
        .find(|it| it.standing.hook.agent == hook.agent)
        .ok_or_else(|| Fault::not_found(format!("{} was removed meanwhile", hook.agent)))?;
    let value = as_json(&home, &it)?;
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let session = match &it.standing.session {
        None => "none that git gt started".to_owned(),
        Some(_) if it.standing.alive => format!("runs since {}", text("started_at")),
        Some(session) if session.ended.is_empty() => {
            "lost: what kept it was killed, and nobody saw its end".to_owned()
        }
        Some(session) => format!("{} at {}", session.outcome, session.ended),
    };
    let rows = [
        (
            "bead",
            format!("{} ({}): {}", hook.bead, text("bead_status"), text("title")),
        ),
        ("session", session),
        (
            "branch",
            format!("{}, {}", hook.branch, counted(it.ahead, "commit")),
        ),
        (
            "worktree",
            format!("{} ({})", hook.path.display(), ground(&it)),
        ),
        ("log", text("log")),
        ("remark", it.remark()),
    ];
    let mut said = format!("{}: {}\n", hook.agent, doing(&it));
    for (name, row) in rows.iter().filter(|(_, row)| !row.is_empty()) {
        said.push_str(&format!("  {name:<9} {row}\n"));
    }
    Ok(Reply::new(value, said))
}

/// Returns the polecat that a word means.
fn polecat(home: &Home, typed: &str) -> Result<Hook> {
    let hook = Hook::named(home, typed)?;
    if hook.is_polecat() {
        return Ok(hook);
    }
    Err(Fault::refused(format!("{} is no polecat", hook.agent))
        .hint("git gt agents shows everybody; git gt unsling takes the bead off its hook"))
}

fn stop(cx: &Context, names: &[String]) -> Result<Reply> {
    let (mut values, mut text, mut faults) = (Vec::new(), String::new(), Vec::new());
    for typed in names {
        let stopped = cx.home_of_agent(typed).and_then(|home| {
            let hook = Hook::named(&home, typed)?;
            agent::stop(&home, &hook).map(|stopped| (hook, stopped))
        });
        match stopped {
            Ok((hook, stopped)) => {
                values.push(json!({
                    "name": hook.name(), "address": hook.agent, "bead": hook.bead, "stopped": stopped,
                }));
                text.push_str(&match stopped {
                    true => format!(
                        "{} is stopped; {} stays on its hook: git gt sling {} goes on\n",
                        hook.agent, hook.bead, hook.bead
                    ),
                    false => format!("{} does not run\n", hook.agent),
                });
            }
            Err(fault) => faults.push(fault),
        }
    }
    Ok(several(values, text, faults))
}

fn told(it: &Removed) -> (Value, String) {
    let hook = &it.hook;
    let value = json!({
        "name": hook.name(),
        "address": hook.agent,
        "bead": hook.bead,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "commits": it.ahead,
        "saved": it.changes.map(|it| it.to_string()),
        "stopped": it.stopped,
        "released": it.released,
    });
    let mut text = format!("{} is removed\n", hook.agent);
    if it.stopped {
        text.push_str("  its session is stopped\n");
    }
    if it.released {
        text.push_str(&format!("  {} is open again\n", hook.bead));
    }
    if let Some(saved) = &it.changes {
        text.push_str(&format!(
            "  what was not committed: git gt attic restore {} <branch>\n",
            &saved.to_string()[..12]
        ));
    }
    match it.kept.as_str() {
        "" if it.ahead > 0 => text.push_str(&format!(
            "  {} not on the target: git gt attic restore {}\n",
            counted(it.ahead, "commit"),
            hook.branch
        )),
        "" => {}
        kept => text.push_str(&format!("  {kept}\n")),
    }
    (value, text)
}

fn remove(cx: &Context, names: &[String], force: bool) -> Result<Reply> {
    let actor = cx.actor(cx.home()?.repo());
    let mut touched = Vec::new();
    let (mut values, mut text, mut faults) = (Vec::new(), String::new(), Vec::new());
    for typed in names {
        let removed = cx.home_of_agent(typed).and_then(|home| {
            touched.push(home.clone());
            agent::remove(&home, &actor, &polecat(&home, typed)?, force)
        });
        match removed {
            Ok(removed) => {
                let (value, said) = told(&removed);
                values.push(value);
                text.push_str(&said);
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle_all(touched);
    Ok(several(values, text, faults))
}

fn gc(cx: &Context, dry_run: bool) -> Result<Reply> {
    let home = cx.home()?.one_rig()?;
    let actor = cx.actor(home.repo());
    let cleared = agent::clear(&home, &actor, dry_run)?;
    let (mut values, mut text) = (Vec::new(), String::new());
    for removed in &cleared.removed {
        let (value, said) = told(removed);
        values.push(value);
        match dry_run {
            true => text.push_str(&format!("{} would be removed\n", removed.hook.agent)),
            false => text.push_str(&said),
        }
    }
    for branch in &cleared.branches {
        let what = if dry_run { "would go" } else { "is gone" };
        text.push_str(&format!("branch {branch} {what}\n"));
    }
    if text.is_empty() {
        text = "nothing to remove\n".to_owned();
    }
    let mut value = json!({ "polecats": values, "branches": cleared.branches });
    if dry_run {
        value["dry_run"] = true.into();
    }
    Ok(Reply::new(value, text).with_faults(cleared.faults))
}
