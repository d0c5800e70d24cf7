//! `git gt checkpoint`

use std::path::Path;

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::Reply;
use crate::agent::checkpoint;
use crate::agent::{Checkpoint, Saved, Site};
use crate::fault::{Fault, Result};
use crate::town::Home;

/// How many changed files are listed.
const LISTED_MAX: usize = 50;

/// Save uncommitted work, and bring it back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Save the uncommitted work of this worktree
    Write {
        /// Say what it is about
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        message: Option<String>,
    },
    /// Show what was saved last
    Read {
        /// Whose work; your own by default
        #[arg(value_name = "WHO")]
        agent: Option<String>,
    },
    /// Bring saved work back into this worktree
    Restore {
        /// Whose work, or the ref or commit that holds it; your own by default
        #[arg(value_name = "WHO")]
        what: Option<String>,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    match &args.verb {
        Verb::Write { message } => write(cx, &home, message.as_deref().unwrap_or_default()),
        Verb::Read { agent } => {
            let saved = meant(cx, &home, agent.as_deref())?;
            shown(&home, &saved)
        }
        Verb::Restore { what } => restore(cx, &home, what.as_deref()),
    }
}

fn write(cx: &Context, home: &Home, message: &str) -> Result<Reply> {
    let site = Site::here(home, &cx.actor(home.repo()))?;
    let (saved, new) = match checkpoint::write(home, &site, message)? {
        Saved::New(saved) => (saved, true),
        Saved::Same(saved) => (saved, false),
        Saved::Nothing(left_out) => {
            let value = json!({ "written": false, "left_out": left_out });
            let reply = Reply::new(value, "nothing to save: everything is committed and kept");
            return Ok(left_out
                .iter()
                .fold(reply, |reply, it| reply.note(left(it))));
        }
    };
    let mut value = as_json(home, &saved)?;
    value["written"] = new.into();
    let count = checkpoint::changes(home, &saved)?.len() as u64;
    let text = if new {
        format!("saved {} as {}", counted(count, "file"), short(&saved))
    } else {
        format!("saved before as {}", short(&saved))
    };
    let reply = Reply::new(value, text);
    Ok(saved
        .left_out
        .iter()
        .fold(reply, |reply, it| reply.note(left(it))))
}

fn left(what: &str) -> String {
    format!("not saved: {what}")
}

/// Returns the checkpoint that was named, else that of whoever asks.
fn meant(cx: &Context, home: &Home, typed: Option<&str>) -> Result<Checkpoint> {
    if let Some(typed) = typed {
        return checkpoint::resolve(home, typed);
    }
    let site = Site::here(home, &cx.actor(home.repo()))?;
    checkpoint::find_for(home, &site.agent, &site.bead)?.ok_or_else(|| {
        Fault::not_found(format!("nothing was saved for {}", site.agent))
            .hint("git gt checkpoint write saves what is here")
    })
}

fn restore(cx: &Context, home: &Home, typed: Option<&str>) -> Result<Reply> {
    let saved = meant(cx, home, typed)?;
    let here = home.repo().workdir().ok_or_else(|| {
        Fault::refused("there is no worktree here to restore into")
            .hint("run it in one: git worktree list shows them")
    })?;
    let files = checkpoint::restore(home, &saved, here)?;
    let mut value = as_json(home, &saved)?;
    let names = files.iter().map(|path| json!(path.display().to_string()));
    value["restored"] = names.collect();
    let text = match files.len() as u64 {
        0 => "everything that was saved is here".to_owned(),
        count => format!(
            "{} restored from the checkpoint of {}",
            counted(count, "file"),
            saved.time
        ),
    };
    Ok(Reply::new(value, text))
}

pub(crate) fn short(saved: &Checkpoint) -> String {
    saved.commit.to_hex_with_len(12).to_string()
}

pub(crate) fn as_json(home: &Home, saved: &Checkpoint) -> Result<Value> {
    let changes = checkpoint::changes(home, saved)?;
    let files: Vec<Value> = changes
        .iter()
        .map(|it| json!({ "how": it.how.to_string(), "path": display(&it.path) }))
        .collect();
    Ok(json!({
        "agent": saved.agent,
        "bead": saved.bead,
        "branch": saved.branch,
        "commit": saved.commit.to_string(),
        "files": files,
        "head": saved.head.to_string(),
        "left_out": saved.left_out,
        "message": saved.message,
        "ref": saved.name,
        "time": saved.time.to_string(),
    }))
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn shown(home: &Home, saved: &Checkpoint) -> Result<Reply> {
    let changes = checkpoint::changes(home, saved)?;
    let mut text = format!("{} {}\n", short(saved), saved.time);
    for (name, value) in [
        ("agent", saved.agent.as_str()),
        ("bead", &saved.bead),
        ("branch", &saved.branch),
        ("on", &saved.head.to_hex_with_len(12).to_string()),
        ("ref", &saved.name),
        ("said", &saved.message),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<8}{}\n", value.replace('\n', " ")));
        }
    }
    for it in changes.iter().take(LISTED_MAX) {
        text.push_str(&format!("  {}       {}\n", it.how, display(&it.path)));
    }
    if changes.len() > LISTED_MAX {
        text.push_str(&format!("  and {} more\n", changes.len() - LISTED_MAX));
    }
    for it in &saved.left_out {
        text.push_str(&format!("  {}\n", left(it)));
    }
    Ok(Reply::new(as_json(home, saved)?, text))
}
