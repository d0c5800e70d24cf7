//! `git gt delete`

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, line, one};
use super::reply::Reply;
use crate::bead::{delete, resolve};
use crate::fault::{Fault, Result};
use crate::record::Bead;

/// Delete beads; without --force, show what would go
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Delete them
    #[arg(short, long)]
    force: bool,
    /// Show what would go, also with --force
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let here = cx.home()?;
    let actor = cx.actor(here.repo());
    let mut touched = Vec::new();
    let deletes = args.force && !args.dry_run;
    let (mut gone, mut faults): (Vec<Bead>, Vec<Fault>) = (Vec::new(), Vec::new());
    for typed in &args.ids {
        let done = here.of_bead(typed).and_then(|home| {
            let before = resolve(&home.view(), home.rig().prefix(), typed)?;
            if deletes {
                one(cx, &home, before.id(), |_, pen, mut bead| {
                    let stamp = pen.stamp(bead.record());
                    delete(&mut bead, &actor, &stamp);
                    let subject = format!("delete {}: {}", before.id(), before.title());
                    Ok(Change {
                        bead,
                        subject,
                        said: String::new(),
                    })
                })?;
                touched.push(home);
            }
            Ok(before)
        });
        match done {
            Ok(bead) => gone.push(bead),
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle_all(touched);
    Ok(reply(&gone, deletes, args.ids.len() > 1).with_faults(faults))
}

fn reply(gone: &[Bead], deleted: bool, many: bool) -> Reply {
    if gone.is_empty() {
        return Reply::new(Value::Null, "");
    }
    let edges: usize = gone
        .iter()
        .map(|bead| bead.edges().count() + usize::from(bead.parent().is_some()))
        .sum();
    let labels: usize = gone.iter().map(|bead| bead.labels().count()).sum();
    let ids: Vec<&str> = gone.iter().map(Bead::id).collect();
    let mut value =
        json!({ "dependencies_removed": edges, "references_updated": 0, "schema_version": 1 });
    if many {
        value["deleted"] = json!(ids);
        value["deleted_count"] = ids.len().into();
        value["labels_removed"] = labels.into();
        value["events_removed"] = 0.into();
        value["orphaned_issues"] = json!([]);
    } else {
        value["deleted"] = ids[0].into();
    }
    if !deleted {
        value["dry_run"] = true.into();
        let lines: String = gone.iter().map(line).collect();
        return Reply::new(value, format!("would delete:\n{lines}"))
            .note("nothing was deleted; --force does it");
    }
    let text: String = ids.iter().map(|id| format!("Deleted {id}\n")).collect();
    Reply::new(value, text)
}
