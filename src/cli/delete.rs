//! `git gt delete`

use serde_json::{Value, json};

use super::beads::line;
use super::reply::Reply;
use super::{Context, input};
use crate::bead::{Erased, erase, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Bead;
use crate::town::Home;

/// Delete beads; without --force, show what would go
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID", required_unless_present = "from_file")]
    ids: Vec<String>,
    /// Delete those in FILE too, an id on each line
    #[arg(long, value_name = "FILE")]
    from_file: Option<String>,
    /// Delete them
    #[arg(short, long)]
    force: bool,
    /// Delete whatever has an edge to them, too, children among it
    #[arg(long)]
    cascade: bool,
    /// Show what would go, also with --force
    #[arg(long)]
    dry_run: bool,
    /// Taken as it is: what is deleted leaves a tombstone
    #[arg(long, hide = true)]
    hard: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let here = cx.home()?;
    let deletes = args.force && !args.dry_run;
    let ids = args.all(cx)?;
    let (mut by_home, mut faults): (Vec<(Home, Vec<String>)>, Vec<Fault>) = Default::default();
    for typed in &ids {
        let found = here.of_bead(typed).and_then(|home| {
            let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
            Ok((home, bead.id().to_owned()))
        });
        match found {
            Err(fault) => faults.push(fault),
            Ok((home, id)) => {
                let known = by_home
                    .iter_mut()
                    .find(|(it, _)| it.rig().name() == home.rig().name());
                match known {
                    Some((_, ids)) => ids.push(id),
                    None => by_home.push((home, vec![id])),
                }
            }
        }
    }
    let mut all = Erased::default();
    let mut touched = Vec::new();
    for (home, ids) in by_home {
        let erased = one(cx, &home, (&ids, args.cascade, deletes))?;
        all.gone.extend(erased.gone);
        all.edges += erased.edges;
        all.labels += erased.labels;
        all.mentions += erased.mentions;
        all.orphaned.extend(erased.orphaned);
        touched.push(home);
    }
    if deletes {
        cx.settle_all(touched);
    }
    let many = ids.len() > 1 || all.gone.len() > 1;
    Ok(reply(&all, deletes, many).with_faults(faults))
}

impl Args {
    /// Returns every id that was typed or stands in the file.
    fn all(&self, cx: &Context) -> Result<Vec<String>> {
        let mut ids = self.ids.clone();
        if let Some(file) = &self.from_file {
            let text = input::file(cx, file)?;
            let lines = text.lines().map(str::trim);
            let named = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
            ids.extend(named.map(str::to_owned));
        }
        match ids.is_empty() {
            true => Err(Fault::invalid("there is nothing to delete").hint("git gt delete ID")),
            false => Ok(ids),
        }
    }
}

/// Deletes beads of one home, or looks what that would come to.
///
/// After a crash all of it is done or nothing.
fn one(
    cx: &Context,
    home: &Home,
    (ids, cascade, deletes): (&[String], bool, bool),
) -> Result<Erased> {
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let erased = erase(view, pen, (ids, cascade, &actor))?;
        if !deletes {
            return Ok(Decision::nothing(erased));
        }
        let subject = match &erased.gone[..] {
            [bead] => format!("delete {}: {}", bead.id(), bead.title()),
            all => format!("delete {} beads", all.len()),
        };
        let records = erased.changed.iter().map(|it| it.record().clone());
        Ok(Decision::write(subject, records.collect(), erased))
    })?;
    Ok(written.value)
}

fn reply(all: &Erased, deleted: bool, many: bool) -> Reply {
    let Some(first) = all.gone.first() else {
        return Reply::new(Value::Null, "");
    };
    let ids: Vec<&str> = all.gone.iter().map(Bead::id).collect();
    let mut value = json!({
        "dependencies_removed": all.edges, "references_updated": all.mentions, "schema_version": 1,
    });
    if many {
        value["deleted"] = json!(ids);
        value["deleted_count"] = ids.len().into();
        value["labels_removed"] = all.labels.into();
        value["events_removed"] = 0.into();
        value["orphaned_issues"] = json!(all.orphaned);
    } else {
        value["deleted"] = first.id().into();
    }
    if !deleted {
        value["dry_run"] = true.into();
        let lines: String = all.gone.iter().map(line).collect();
        return Reply::new(value, format!("would delete:\n{lines}"))
            .note("nothing was deleted; --force does it");
    }
    let text: String = ids.iter().map(|id| format!("Deleted {id}\n")).collect();
    Reply::new(value, text)
}
