//! `git gt worktree`

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::agent;
use crate::fault::{Fault, Result};
use crate::town::Home;

/// Work in another rig of the town as who you are in yours
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// The other rig
    #[arg(value_name = "RIG", required = true)]
    rig: Option<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List your worktrees in other rigs
    List {},
    /// Remove your worktree in another rig; the branch stays
    Remove {
        /// The other rig
        #[arg(value_name = "RIG")]
        rig: String,
        /// Remove it although not everything in it is committed; that is saved in the attic
        #[arg(long, short)]
        force: bool,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    match (&args.verb, &args.rig) {
        (None, Some(rig)) => make(&home, &actor, rig),
        (Some(Verb::List {}), _) | (None, None) => {
            let mut all = Vec::new();
            for rig in home.rigs()? {
                if let Ok(other) = home.at_rig(rig.name()) {
                    let guests = agent::all_crew(&other)?.into_iter();
                    let away = format!("{}/", rig.name());
                    all.extend(
                        guests.filter(|it| it.address == actor && !actor.starts_with(&away)),
                    );
                }
            }
            Ok(super::crew::listed(&all))
        }
        (Some(Verb::Remove { rig, force }), _) => {
            let other = home.at_rig(rig)?;
            let gone = agent::remove_crew(&other, (&guest_name(&actor)?, Some(&actor)), *force)?;
            let text = format!(
                "your worktree in {rig} is removed; its branch {} stays",
                gone.branch
            );
            let value = json!({ "removed": super::crew::value(&gone) });
            Ok(Reply::new(value, text))
        }
    }
}

/// Returns the name of the folder that somebody of a rig gets in others: `<rig>-<name>`.
fn guest_name(actor: &str) -> Result<String> {
    match actor.split('/').collect::<Vec<_>>()[..] {
        [rig, "crew", name] => Ok(format!("{rig}-{name}")),
        _ => Err(Fault::refused(format!(
            "{actor} is nobody's crew, and only crew works in several rigs"
        ))
        .hint("make a worktree of your own first: git gt crew add <name> --rig <rig>")),
    }
}

fn make(home: &Home, actor: &str, rig: &str) -> Result<Reply> {
    let name = guest_name(actor)?;
    if actor.starts_with(&format!("{rig}/")) {
        return Err(Fault::refused(format!("{rig} is your own rig"))
            .hint("git gt rig list shows the others"));
    }
    let other = home.at_rig(rig)?;
    let (crew, new) = agent::add_crew(&other, &name, Some(actor))?;
    let path = crew.path.display().to_string();
    let mut value = super::crew::value(&crew);
    value["created"] = new.into();
    let what = if new { "made" } else { "found" };
    let text = format!("{what} your worktree in {rig}: {path}\n");
    Ok(Reply::new(value, text).note(format!("you are {actor} there, too: cd '{path}'")))
}
