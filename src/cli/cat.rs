//! `git gt cat`

use serde_json::Value;

use super::Context;
use super::reply::Reply;
use crate::bead::{issue, resolve};
use crate::fault::Result;

/// Print what a bead says: its description and nothing else
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let bead = resolve(&home.view(), home.rig().prefix(), &args.id)?;
    let text = bead.record().text("description");
    let value = Value::Array(vec![Value::Object(issue(&bead))]);
    let reply = Reply::new(value, text);
    Ok(match text.is_empty() {
        true => reply.note(format!("{} has no description", bead.id())),
        false => reply,
    })
}
