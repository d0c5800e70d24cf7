//! `git gt dep`

use serde_json::json;

use super::Context;
use super::beads::{Change, line, one, parsed, resolve_near};
use super::reply::{Reply, printable};
use crate::bead::{self, Graph as _, Link, TownBeads, link, resolve, targets, unlink, with_type};
use crate::fault::{Fault, Result};
use crate::town::{Home, View};

/// Say which bead waits for which
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a bead depend on another one
    Add(Add),
    /// Remove every edge from a bead to another one
    #[command(visible_alias = "rm")]
    Remove(Ends),
    /// List what a bead depends on
    List(List),
}

#[derive(Debug, clap::Args)]
struct Ends {
    /// The bead that depends
    #[arg(value_name = "ID")]
    from: String,
    /// The bead it depends on
    #[arg(value_name = "TARGET")]
    to: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    ends: Ends,
    /// Say how it depends: blocks, parent-child, related, discovered-from, …
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "blocks", value_parser = parsed(bead::edge_type))]
    kind: String,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// List what it depends on (down) or what depends on it (up)
    #[arg(long, value_name = "DIRECTION", default_value = "down", value_parser = ["down", "up"])]
    direction: String,
    /// List edges of this type only
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Add(args) => add(cx, args),
        Verb::Remove(args) => remove(cx, args),
        Verb::List(args) => list(cx, args),
    }
}

fn add(cx: &Context, args: &Add) -> Result<Reply> {
    let home = cx.home_of(&args.ends.from)?;
    let target = std::cell::RefCell::new(args.ends.to.clone());
    let done = one(cx, &home, &args.ends.from, |view, pen, mut bead| {
        if !args.ends.to.starts_with("external:") {
            let found = resolve_near(&home, view, &args.ends.to)?;
            target.replace(found.id().to_owned());
        }
        let target = target.borrow().clone();
        let stamp = pen.stamp(bead.record());
        let said = format!("{} depends on {target} ({})\n", bead.id(), args.kind);
        let subject = format!("link {} to {target}: {}", bead.id(), args.kind);
        link(
            view,
            &mut bead,
            &Link {
                kind: args.kind.clone(),
                target,
            },
            &stamp,
        )?;
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    cx.settle(&home);
    let value = json!({
        "status": "added", "issue_id": done.bead.id(), "depends_on_id": *target.borrow(),
        "type": args.kind, "schema_version": 1,
    });
    Ok(Reply::new(value, done.said))
}

fn remove(cx: &Context, args: &Ends) -> Result<Reply> {
    let home = cx.home_of(&args.from)?;
    let target = std::cell::RefCell::new(args.to.clone());
    let done = one(cx, &home, &args.from, |view, pen, mut bead| {
        let stamp = pen.stamp(bead.record());
        // What it leads to may be gone by now, so the text as typed counts first.
        let mut to = args.to.clone();
        if !unlink(&mut bead, &to, &stamp) {
            to = resolve_near(&home, view, &to)?.id().to_owned();
            if !unlink(&mut bead, &to, &stamp) {
                return Err(Fault::not_found(format!(
                    "{} does not depend on {to}",
                    bead.id()
                )));
            }
        }
        let said = format!("{} no longer depends on {}\n", bead.id(), printable(&to));
        let subject = format!("unlink {} from {to}", bead.id());
        target.replace(to);
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    cx.settle(&home);
    let value = json!({
        "status": "removed", "issue_id": done.bead.id(), "depends_on_id": *target.borrow(),
        "schema_version": 1,
    });
    Ok(Reply::new(value, done.said))
}

fn list(cx: &Context, args: &List) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let view = home.view();
    let bead = resolve(&view, home.rig().prefix(), &args.id)?;
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    let wanted = |kind: &str| args.kind.as_deref().is_none_or(|it| it == kind);
    let (mut values, mut text) = (Vec::new(), String::new());
    let mut found = Vec::new();
    if args.direction == "up" {
        let dependents = beads.dependents(bead.id())?;
        found.extend(
            dependents
                .iter()
                .map(|(it, kind)| (it.id().to_owned(), kind.clone())),
        );
    } else {
        found.extend(targets(&bead).map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    }
    let mut missing = String::new();
    for (id, kind) in &found {
        match beads.whole(id)? {
            Some(it) if wanted(kind) => {
                values.push(with_type(&it, kind));
                text.push_str(&format!("{:<16} {}", printable(kind), line(&it)));
            }
            Some(_) => {}
            None => missing.push_str(&format!(
                "{:<16} {} (not here)\n",
                printable(kind),
                printable(id)
            )),
        }
    }
    Ok(Reply::new(values.into(), text + &missing))
}
