//! `git gt comments`, `git gt comment`

use serde_json::Value;

use super::Context;
use super::beads::{Change, object, one};
use super::input;
use super::reply::{Reply, printable};
use super::show::indented;
use crate::bead::{comment, comments, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::Stamp;
use crate::record::Bead;

/// Show the comments on a bead
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// The bead
    #[arg(value_name = "ID", required = true)]
    id: Option<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Comment on a bead
    Add(Add),
}

/// Comment on a bead
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// What to say
    #[arg(
        value_name = "TEXT",
        allow_hyphen_values = true,
        required_unless_present_any = ["file", "stdin"]
    )]
    text: Option<String>,
    /// Say it as WHO instead of the actor
    #[arg(short, long, value_name = "WHO")]
    author: Option<String>,
    /// Read what to say from FILE, - for standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<String>,
    /// Read what to say from standard input
    #[arg(long, conflicts_with_all = ["text", "file"])]
    stdin: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match (&args.verb, &args.id) {
        (Some(Verb::Add(args)), _) => add(cx, args),
        (None, Some(id)) => list(cx, id),
        (None, None) => Err(Fault::invalid("which bead?").hint("git gt comments ID")),
    }
}

fn list(cx: &Context, typed: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
    let reply = Reply::new(Value::Array(comments(&bead)), thread(&bead));
    Ok(if bead.comments().is_empty() {
        reply.note("no comments")
    } else {
        reply
    })
}

/// Returns the comments of a bead as text.
pub(crate) fn thread(bead: &Bead) -> String {
    let comments = bead.comments();
    let said = comments.iter().map(|comment| {
        let of_key = || Stamp::at_end_of(comment.key).map(|it| it.time().to_string());
        let at = comment
            .created_at
            .map(str::to_owned)
            .or_else(of_key)
            .unwrap_or_default();
        format!(
            "\n{}  {}\n{}\n",
            printable(comment.author),
            printable(&at),
            indented(comment.text)
        )
    });
    said.collect::<String>().trim_start_matches('\n').to_owned()
}

/// Adds a comment.
pub(crate) fn add(cx: &Context, args: &Add) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let text = match &args.file {
        Some(file) => input::text(cx, file)?,
        None if args.stdin => input::text(cx, "-")?,
        None => args.text.clone().unwrap_or_default(),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::invalid("the comment is empty"));
    }
    let actor = cx.actor(home.repo());
    let author = args.author.as_deref().unwrap_or(&actor);
    let done = one(cx, &home, &args.id, |_, pen, mut bead| {
        let stamp = pen.stamp(bead.record());
        bead.add_comment(author, text, &stamp);
        let subject = format!("comment on {}", bead.id());
        let said = format!("Comment added to {}\n", bead.id());
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    cx.settle(&home);
    let newest = done
        .bead
        .comments()
        .last()
        .map(|it| comment(&done.bead, it));
    let Some(Value::Object(newest)) = newest else {
        return Err(Fault::fatal("the comment that was written is not there"));
    };
    Ok(Reply::new(object(newest), done.said))
}
