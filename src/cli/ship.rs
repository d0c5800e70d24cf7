//! `git gt bead ship`

use serde_json::json;

use super::Context;
use super::beads::{Change, one};
use super::reply::{Reply, printable};
use crate::bead::{Beads, Edit, edit};
use crate::fault::{Fault, Result};
use crate::town::Home;

/// Say that a capability others wait for is there
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capability: the bead that is labelled export:WORD is what it is made by
    #[arg(value_name = "WORD")]
    capability: String,
    /// Ship it though its bead is open
    #[arg(long)]
    force: bool,
    /// Show what would be shipped and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A bead that exports a capability.
struct Exporter {
    id: String,
    is_closed: bool,
    is_shipped: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let exporter = exporter(&home, &args.capability)?;
    let label = format!("provides:{}", args.capability);
    let id = &exporter.id;
    let status = match (exporter.is_shipped, exporter.is_closed || args.force) {
        (true, _) => "already_shipped",
        (false, false) => {
            return Err(Fault::refused(format!("{id} is not closed yet"))
                .hint("close it, or insist with --force"));
        }
        (false, true) if args.dry_run => "dry_run",
        (false, true) => {
            ship(cx, &home, id, &label)?;
            "shipped"
        }
    };
    let value = json!({
        "status": status, "capability": args.capability, "issue_id": id, "label": label,
        "schema_version": 1,
    });
    let said = status.replace('_', " ");
    let text = format!("{}: {said} by {id}\n", printable(&args.capability));
    Ok(Reply::new(value, text))
}

fn exporter(home: &Home, capability: &str) -> Result<Exporter> {
    let (exports, provides) = (
        format!("export:{capability}"),
        format!("provides:{capability}"),
    );
    let view = home.view();
    let mut found = Vec::new();
    for row in Beads::of(&view).rows(true)? {
        let row = row?;
        if row.labels().any(|it| it == exports) {
            found.push(Exporter {
                id: row.id().to_owned(),
                is_closed: row.is_closed(),
                is_shipped: row.labels().any(|it| it == provides),
            });
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(
            Fault::not_found(format!("no issue found with the label {exports}"))
                .hint(format!("git gt label add ID {exports}")),
        ),
        _ => {
            let ids: Vec<String> = found.into_iter().map(|it| it.id).collect();
            Err(Fault::not_found(format!(
                "several beads have the label {exports}: {}",
                ids.join(", ")
            )))
        }
    }
}

/// Labels the bead; one commit.
fn ship(cx: &Context, home: &Home, id: &str, label: &str) -> Result<()> {
    let actor = cx.actor(home.repo());
    let asked = Edit {
        add_labels: vec![label.to_owned()],
        ..Edit::default()
    };
    one(cx, home, id, |view, pen, mut bead| {
        let stamp = pen.stamp(bead.record());
        edit(view, &mut bead, &asked, (&actor, &stamp))?;
        let subject = format!("ship {}: {label}", bead.id());
        Ok(Change {
            bead,
            subject,
            said: String::new(),
        })
    })?;
    cx.settle(home);
    Ok(())
}
