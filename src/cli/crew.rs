//! `git gt crew`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::agent::{self, Crew};
use crate::fault::Result;
use crate::town::{Home, refuse_worker};

/// Give people worktrees of their own
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a worktree for somebody, on a branch crew/NAME
    Add {
        /// Who works in it
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// List the crew on this machine
    #[command(visible_alias = "status")]
    List {},
    /// Remove somebody's worktree; the branch stays
    Remove {
        /// Whose
        #[arg(value_name = "NAME")]
        name: String,
        /// Remove it although not everything in it is committed; that is saved in the attic
        #[arg(long, short)]
        force: bool,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Add { names } => {
            refuse_worker(&cx.world, "make worktrees for others")?;
            add(&cx.home()?.one_rig()?, names)
        }
        Verb::List {} => {
            let mut all = Vec::new();
            for home in cx.homes()? {
                all.extend(agent::all_crew(&home)?);
            }
            Ok(listed(&all))
        }
        Verb::Remove { name, force } => {
            refuse_worker(&cx.world, "remove worktrees of others")?;
            let gone = agent::remove_crew(&cx.home()?.one_rig()?, (name, None), *force)?;
            let text = format!("the worktree of {} is removed", gone.address);
            let reply = Reply::new(json!({ "removed": value(&gone) }), text);
            Ok(if gone.branch.is_empty() {
                reply
            } else {
                reply.note(format!("its branch {} stays", gone.branch))
            })
        }
    }
}

fn add(home: &Home, names: &[String]) -> Result<Reply> {
    let (mut made, mut text, mut faults, mut notes) =
        (Vec::new(), String::new(), Vec::new(), Vec::new());
    for name in names {
        match agent::add_crew(home, name, None) {
            Ok((crew, new)) => {
                let what = if new { "made" } else { "found" };
                text.push_str(&format!(
                    "{what} {}: {}\n",
                    crew.address,
                    crew.path.display()
                ));
                made.push(value(&crew));
                notes.extend(elsewhere(home, name)?);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let reply = Reply::new(json!(made), text).with_faults(faults);
    Ok(notes.into_iter().fold(reply, Reply::note))
}

/// Returns a remark where somebody of this name is crew of another rig, too.
fn elsewhere(home: &Home, name: &str) -> Result<Option<String>> {
    for rig in home.rigs()? {
        let Ok(other) = home.at_rig(rig.name()) else {
            continue;
        };
        if other.rig().name() == home.rig().name() || !other.crew_dir(name).is_dir() {
            continue;
        }
        return Ok(Some(format!(
            "{name} is crew of {}, too: mail goes to {}/crew/{name} or {}/crew/{name}; \
             one person works in another rig with: git gt worktree {}",
            rig.name(),
            home.rig().name(),
            rig.name(),
            home.rig().name()
        )));
    }
    Ok(None)
}

pub(super) fn value(crew: &Crew) -> Value {
    json!({
        "address": crew.address,
        "name": crew.name,
        "path": crew.path.display().to_string(),
        "branch": crew.branch,
        "changes": crew.changes,
    })
}

pub(super) fn listed(all: &[Crew]) -> Reply {
    let row = |crew: &Crew| {
        let changes = match crew.changes {
            0 => "clean".to_owned(),
            count => super::done::counted(count as u64, "change"),
        };
        vec![
            crew.address.clone(),
            crew.branch.clone(),
            changes,
            crew.path.display().to_string(),
        ]
    };
    let mut text = columns(all.iter().map(row));
    if text.is_empty() {
        text = "no crew on this machine: git gt crew add <name>\n".to_owned();
    }
    Reply::new(all.iter().map(value).collect(), text)
}
