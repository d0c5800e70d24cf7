//! `git gt export`

use serde_json::{Value, json};

use super::Context;
use super::reply::{self, Element, Lines, Reply};
use crate::bead::{Scope, export};
use crate::fault::{Fault, Result};
use crate::world::fs;

/// Write beads as a JSONL file that bd, br and git gt read
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write everything but deleted beads: ephemeral ones, templates, the town's own furniture, memories
    #[arg(long)]
    all: bool,
    /// Write the town's own furniture, too: agents, rigs, roles, messages
    #[arg(long)]
    include_infra: bool,
    /// Write memories, too
    #[arg(long)]
    include_memories: bool,
    /// Leave out what was made to try something: test-1, tmp_x, dummy issue
    #[arg(long)]
    scrub: bool,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let view = home.view();
    let scope = Scope {
        all: args.all,
        infrastructure: args.include_infra,
        memories: args.include_memories,
        scrubbed: args.scrub,
    };
    let Some(file) = args.output.as_deref().filter(|file| *file != "-") else {
        return print(cx, &mut |take| export(&view, scope, take));
    };
    let path = cx.world.cwd().join(file);
    if path.parent().is_some_and(|folder| !folder.is_dir()) {
        return Err(Fault::not_found(format!("there is no folder for '{file}'")));
    }
    let (mut count, mut failed) = (0, None);
    let written = fs::replace_by(&path, |out| {
        let exported = export(&view, scope, &mut |line| {
            count += 1;
            writeln!(out, "{line}").map_err(|error| Fault::io("write", &path, &error))
        });
        exported.map_err(|fault| {
            failed = Some(fault);
            std::io::ErrorKind::Other.into()
        })
    });
    if let Err(error) = written {
        return Err(failed.unwrap_or_else(|| Fault::io("write", &path, &error)));
    }
    let value = json!({ "file": file, "exported": count, "schema_version": 1 });
    Ok(Reply::new(value, format!("wrote {count} beads to {file}")))
}

/// Prints lines as they come, or with `--json` all of them as one list.
fn print(cx: &Context, lines: &mut Lines<'_>) -> Result<Reply> {
    if !cx.json {
        return reply::print_lines(lines).map(|()| Reply::new(Value::Null, ""));
    }
    let mut list = Vec::new();
    lines(&mut |line| {
        let value: Value = serde_json::from_str(&line).expect("it was written as JSON");
        list.push(Element::new(&value));
        Ok(())
    })?;
    Ok(Reply::list(list))
}
