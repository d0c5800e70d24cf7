//! `git gt export`

use serde_json::{Value, json};

use super::Context;
use super::reply::Reply;
use crate::bead::{Scope, export};
use crate::fault::{Fault, Result};
use crate::ledger::Name;
use crate::record::Bead;
use crate::world::fs;

/// Write beads as a JSONL file that bd, br and git gt read
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write ephemeral beads, templates and the town's own furniture, too
    #[arg(long)]
    all: bool,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let mut records = home.view().ledger(Name::Beads)?.records()?;
    records.sort_by(|a, b| a.id().cmp(b.id()));
    let beads: Vec<Bead> = records.into_iter().filter_map(Bead::of).collect();
    let scope = if args.all { Scope::All } else { Scope::Shared };
    let lines = export(&beads, scope);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let Some(file) = args.output.as_deref().filter(|file| *file != "-") else {
        let value = if cx.json {
            Value::Array(lines)
        } else {
            Value::Null
        };
        return Ok(Reply::new(value, text).exact());
    };
    let path = cx.world.cwd().join(file);
    fs::replace(&path, text.as_bytes()).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Fault::not_found(format!("there is no folder for '{file}'"))
        }
        _ => Fault::io("write", &path, &error),
    })?;
    let value = json!({ "file": file, "exported": lines.len(), "schema_version": 1 });
    Ok(Reply::new(
        value,
        format!("wrote {} beads to {file}", lines.len()),
    ))
}
