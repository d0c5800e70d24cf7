//! `git gt install`

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::fault::Result;
use crate::town;

/// Make a town: a folder for several repositories and what goes across them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, which is made where it is missing
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// Make a first commit too, so that the town can be pushed and cloned like any project
    #[arg(long)]
    git: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let installed = town::install(&cx.world, &args.path, cx.actor.as_deref(), args.git)?;
    let hq = &installed.hq;
    let root = hq.repo().root().display().to_string();
    let value = json!({
        "root": root, "prefix": hq.rig().prefix(), "created": installed.new,
    });
    let what = if installed.new { "made" } else { "found" };
    let mut reply = Reply::new(value, format!("{what} the town in {root}"));
    if let Some(said) = installed.offline {
        reply = reply.note(format!("begun without the remote: {said}"));
    }
    let rigs = hq.rigs()?;
    let missing = rigs.iter().filter(|rig| hq.at_rig(rig.name()).is_err());
    for rig in missing {
        reply = reply.note(format!(
            "rig {} is not on this machine yet: git gt rig add {}",
            rig.name(),
            rig.name()
        ));
    }
    Ok(if rigs.is_empty() {
        reply.note(format!(
            "next, in {root}: git gt rig add <name> <url of a repository>"
        ))
    } else {
        reply
    })
}
