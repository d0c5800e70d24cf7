//! `git gt hooks`

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::agent::runtime::install;
use crate::fault::{Fault, Result};

/// Let the runtime of your agents call git gt at the boundaries of their turns
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Install the hooks of a runtime in a worktree
    Install {
        /// The runtime
        #[arg(value_name = "RUNTIME", value_parser = ["claude"])]
        runtime: String,
        /// The worktree; this one by default
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Take them out again
        #[arg(long)]
        remove: bool,
        /// Say what would be written and write nothing
        #[arg(long, short = 'n')]
        dry_run: bool,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let Verb::Install {
        runtime,
        dir,
        remove,
        dry_run,
    } = &args.verb;
    let home = cx.home()?;
    let dir = match dir {
        Some(dir) => cx.world.cwd().join(dir),
        None => home.repo().workdir().map(PathBuf::from).ok_or_else(|| {
            Fault::refused("there is no worktree here").hint("name one: --dir DIR")
        })?,
    };
    let change = install::plan(&home, &dir, *remove)?;
    if !dry_run {
        install::apply(&home, &change)?;
    }
    let file = change.file.display();
    let value = json!({
        "changed": change.is_new,
        "content": change.content,
        "dry_run": dry_run,
        "file": file.to_string(),
        "runtime": runtime,
    });
    let text = match (change.is_new, dry_run, remove) {
        (false, _, false) => format!("they are there already: {file}"),
        (false, _, true) => format!("they are not there: {file}"),
        (true, true, _) => format!(
            "{file} would {}\n{}",
            if change.content.is_some() { "be" } else { "go" },
            change.content.as_deref().unwrap_or_default()
        ),
        (true, false, false) => format!("installed in {file}, which git ignores"),
        (true, false, true) => format!("taken out of {file}"),
    };
    Ok(Reply::new(value, text))
}
