//! `git gt convoy`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns, printable};
use crate::bead::TownBeads;
use crate::convoy::{self, Draft, Progress, Stand, as_json};
use crate::fault::Result;
use crate::mail;
use crate::record::{BeadRow, Convoy};
use crate::settle;
use crate::town::{Home, View};

/// Follow beads together, and tell somebody when all of them are done
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a convoy
    Create {
        /// What it is for, in a line
        #[arg(value_name = "NAME")]
        name: String,
        /// Its beads; the whole id of one that is not here yet will do
        #[arg(value_name = "BEAD")]
        beads: Vec<String>,
        /// Tell ADDR of its end; the option may be given several times
        #[arg(long, value_name = "ADDR")]
        notify: Vec<String>,
        /// Tell the human of its end
        #[arg(long)]
        human: bool,
        /// Keep it open when all is done, until somebody lands it
        #[arg(long)]
        owned: bool,
    },
    /// Add beads to a convoy; one that is closed is open again
    Add {
        /// The convoy, by its id or a part of it
        #[arg(value_name = "CONVOY")]
        id: String,
        /// The beads
        #[arg(value_name = "BEAD", required = true)]
        beads: Vec<String>,
    },
    /// Take beads out of a convoy
    Remove {
        /// The convoy, by its id or a part of it
        #[arg(value_name = "CONVOY")]
        id: String,
        /// The beads
        #[arg(value_name = "BEAD", required = true)]
        beads: Vec<String>,
    },
    /// List open convoys and how far they are
    List {
        /// List closed ones, too
        #[arg(long)]
        all: bool,
    },
    /// Show a convoy with its beads
    #[command(visible_alias = "status")]
    Show {
        /// The convoy, by its id, a part of it or its number in the list; all open ones by default
        #[arg(value_name = "CONVOY")]
        id: Option<String>,
    },
    /// List open convoys that nobody moves: with work that is ready and not begun, or without beads
    Stranded,
    /// Be told of the end of a convoy
    Watch(Watch),
    /// Be told of the end of a convoy no more
    Unwatch(Watch),
    /// Close convoys whose beads are all closed; which also happens by itself
    Check {
        /// The convoy, by its id or a part of it; every one by default
        #[arg(value_name = "CONVOY")]
        id: Option<String>,
        /// Only say which would be closed
        #[arg(long, short = 'n')]
        dry_run: bool,
    },
    /// Close a convoy by hand
    Close {
        /// The convoy, by its id or a part of it
        #[arg(value_name = "CONVOY")]
        id: String,
        /// Why
        #[arg(
            long,
            short,
            value_name = "TEXT",
            default_value = "closed by hand",
            allow_hyphen_values = true
        )]
        reason: String,
        /// Close it with open work, too; its beads stay as they are
        #[arg(long, short)]
        force: bool,
    },
    /// Land a convoy: close one that is kept open until somebody does
    Land {
        /// The convoy, by its id or a part of it
        #[arg(value_name = "CONVOY")]
        id: String,
        /// Land it with open work, too
        #[arg(long, short)]
        force: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Watch {
    /// The convoy, by its id or a part of it
    #[arg(value_name = "CONVOY")]
    id: String,
    /// Who is told; you by default
    #[arg(long, value_name = "ADDR")]
    addr: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    match &args.verb {
        Verb::Create {
            name,
            beads,
            notify,
            human,
            owned,
        } => {
            let address = |typed: &String| mail::find(&home, &actor, typed);
            let draft = Draft {
                title: name.clone(),
                beads: beads.clone(),
                notify: notify.iter().map(address).collect::<Result<_>>()?,
                human: *human,
                owned: *owned,
            };
            let owner = mail::inboxes(&actor).swap_remove(0);
            let made = convoy::create(&home, &owner, &draft)?;
            changed(cx, &home, "is made", made)
        }
        Verb::Add { id, beads } => {
            let grown = convoy::add(&home, &actor, id, beads)?;
            changed(cx, &home, "is changed", grown)
        }
        Verb::Remove { id, beads } => {
            let shrunk = convoy::remove(&home, &actor, id, beads)?;
            changed(cx, &home, "is changed", (shrunk, Vec::new()))
        }
        Verb::List { all } => list(&home, *all),
        Verb::Stranded => stranded(&home),
        Verb::Watch(args) => watch(cx, &home, args, true),
        Verb::Unwatch(args) => watch(cx, &home, args, false),
        Verb::Check { id, dry_run } => check(&home, id.as_deref(), *dry_run),
        Verb::Show { id } => show(&home, id.as_deref()),
        Verb::Close { id, reason, force } => {
            let closed = convoy::close(&home, &actor, id, (reason, *force))?;
            changed(cx, &home, "is closed", (closed, Vec::new()))
        }
        Verb::Land { id, force } => {
            let closed = convoy::land(&home, &actor, id, *force)?;
            changed(cx, &home, "is closed", (closed, Vec::new()))
        }
    }
}

/// Returns what somebody is told who changed a convoy, after what follows from it.
fn changed(
    cx: &Context,
    home: &Home,
    what: &str,
    (convoy, missing): (Convoy, Vec<String>),
) -> Result<Reply> {
    cx.settle(home);
    let view = home.view();
    // Complete from the start, it is closed by now.
    let convoy = view.convoy(convoy.id())?.unwrap_or(convoy);
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let stands = convoy::stands(&view, &convoy, &TownBeads::of(&views))?;
    let text = format!(
        "{} {what}: {} ({}/{} closed)",
        convoy.id(),
        printable(convoy.title()),
        stands.count(Stand::Closed),
        stands.total()
    );
    let mut reply = Reply::new(as_json(&convoy, &stands), text);
    if !missing.is_empty() {
        reply = reply.note(format!("not here yet: {}", missing.join(", ")));
    }
    if stands.total() == 0 && convoy.is_live() {
        let hint = format!(
            "it has no beads yet: git gt convoy add {} <bead>...",
            convoy.id()
        );
        reply = reply.note(hint);
    }
    Ok(reply)
}

fn watch(cx: &Context, home: &Home, args: &Watch, on: bool) -> Result<Reply> {
    let actor = cx.actor(home.repo());
    let address = match &args.addr {
        Some(typed) => mail::find(home, &actor, typed)?,
        None => mail::inboxes(&actor).swap_remove(0),
    };
    let watched = convoy::watch(home, &actor, &args.id, &address, on)?;
    let what = if on { "tells" } else { "does not tell" };
    let what = format!("{what} {}", printable(&address));
    changed(cx, home, &what, (watched, Vec::new()))
}

/// Returns convoys with how far they are, the newest first.
fn with_progress(
    home: &Home,
    view: &View<'_>,
    mut convoys: Vec<Convoy>,
) -> Result<Vec<(Convoy, Progress)>> {
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    convoy::sort(&mut convoys);
    let all = convoys.into_iter().map(|convoy| {
        let stands = convoy::stands(view, &convoy, &beads)?;
        Ok((convoy, stands))
    });
    all.collect()
}

fn values(all: &[(Convoy, Progress)]) -> Value {
    let values: Vec<Value> = all.iter().map(|(it, stands)| as_json(it, stands)).collect();
    json!(values)
}

fn list(home: &Home, all: bool) -> Result<Reply> {
    let view = home.view();
    let convoys = if all {
        view.convoys()?
    } else {
        view.open_convoys()?
    };
    let found = with_progress(home, &view, convoys)?;
    let none = if all { "no convoys" } else { "no open convoys" };
    Ok(listed(&found, none))
}

fn listed(found: &[(Convoy, Progress)], none: &str) -> Reply {
    // Only open ones are numbered, wherever they stand in the list.
    let mut number = 0;
    let row = |(convoy, stands): &(Convoy, Progress)| {
        number += usize::from(convoy.is_live());
        let shown = if convoy.is_live() {
            number.to_string()
        } else {
            "-".to_owned()
        };
        vec![
            shown,
            convoy.id().to_owned(),
            convoy.status().to_owned(),
            format!("{}/{}", stands.count(Stand::Closed), stands.total()),
            counts(stands),
            convoy.title().to_owned(),
        ]
    };
    let mut text = columns(found.iter().map(row));
    if text.is_empty() {
        text = none.to_owned();
    }
    Reply::new(values(found), text)
}

fn stranded(home: &Home) -> Result<Reply> {
    let view = home.view();
    let mut found = with_progress(home, &view, convoy::open(&view)?)?;
    found.retain(|(_, stands)| stands.total() == 0 || stands.count(Stand::Ready) > 0);
    let text: String = if found.is_empty() {
        "no convoy is stranded\n".to_owned()
    } else {
        columns(found.iter().map(|(convoy, stands)| {
            let ready = stands.parts.iter().filter(|it| it.stand == Stand::Ready);
            let ready: Vec<&str> = ready.map(|it| it.id.as_str()).take(10).collect();
            let why = match stands.total() {
                0 => "has no beads".to_owned(),
                _ => format!("ready: {}", ready.join(", ")),
            };
            vec![convoy.id().to_owned(), why, convoy.title().to_owned()]
        }))
    };
    Ok(Reply::new(values(&found), text))
}

/// Closes what is complete: what settling does after every write, asked for, without trusting what was
/// settled before.
fn check(home: &Home, typed: Option<&str>, dry_run: bool) -> Result<Reply> {
    let view = home.view();
    let convoys = match typed {
        Some(typed) => vec![convoy::resolve(&view, home.hq()?.rig().prefix(), typed)?],
        None => convoy::open(&view)?,
    };
    let mut found = with_progress(home, &view, convoys)?;
    found.retain(|(convoy, stands)| convoy.is_live() && stands.is_complete());
    let mut faults = Vec::new();
    if !dry_run {
        faults = settle::anew(home).faults;
        let now = home.view();
        for (convoy, _) in &mut found {
            if let Some(settled) = now.convoy(convoy.id())? {
                *convoy = settled;
            }
        }
    }
    let said = |(convoy, _): &(Convoy, Progress)| {
        let what = match () {
            () if !convoy.is_live() => "is closed",
            () if convoy.is_owned() => "is complete and waits to be landed",
            () => "is complete",
        };
        format!("{} {what}: {}\n", convoy.id(), printable(convoy.title()))
    };
    let mut text: String = found.iter().map(said).collect();
    if text.is_empty() {
        text = match typed {
            Some(_) => "it is not complete, or closed already".to_owned(),
            None => "no open convoy is complete".to_owned(),
        };
    }
    Ok(Reply::new(values(&found), text).with_faults(faults))
}

/// Returns what is not closed, in words.
fn counts(stands: &Progress) -> String {
    let open = [
        Stand::InProgress,
        Stand::Ready,
        Stand::Blocked,
        Stand::Missing,
    ];
    let said: Vec<String> = open
        .into_iter()
        .map(|stand| (stands.count(stand), stand))
        .filter(|(count, _)| *count > 0)
        .map(|(count, stand)| format!("{count} {}", stand.word()))
        .collect();
    if said.is_empty() {
        "-".to_owned()
    } else {
        said.join(", ")
    }
}

fn show(home: &Home, typed: Option<&str>) -> Result<Reply> {
    let view = home.view();
    let convoys = match typed {
        Some(typed) => vec![convoy::resolve_numbered(
            &view,
            home.hq()?.rig().prefix(),
            typed,
        )?],
        None => convoy::open(&view)?,
    };
    let found = with_progress(home, &view, convoys)?;
    let blocks: Vec<String> = found.iter().map(|(it, stands)| block(it, stands)).collect();
    let text = if blocks.is_empty() {
        "no open convoys\n".to_owned()
    } else {
        blocks.join("\n")
    };
    Ok(Reply::new(values(&found), text))
}

/// Returns a convoy as a block of text.
fn block(convoy: &Convoy, stands: &Progress) -> String {
    let mut text = format!("{}  {}\n", convoy.id(), printable(convoy.title()));
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<12} {}\n", printable(value)));
        }
    };
    let human = convoy.is_for_human().then_some(mail::OVERSEER);
    let notify: BTreeSet<&str> = convoy.notify().chain(human).collect();
    let notify: Vec<&str> = notify.into_iter().collect();
    field("Status:", convoy.status());
    field("Reason:", convoy.reason());
    let (closed, total) = (stands.count(Stand::Closed), stands.total());
    field("Progress:", &format!("{closed}/{total} closed"));
    field("Owner:", convoy.owner());
    field("Notify:", &notify.join(", "));
    field("Created:", &convoy.made().time().to_string());
    if !convoy.is_live() {
        field("Closed:", &convoy.turned().time().to_string());
    }
    let rows = stands.parts.iter().map(|part| {
        let bead = part.bead.as_ref();
        vec![
            format!("  {}", part.id),
            part.stand.word().to_owned(),
            bead.and_then(BeadRow::holder)
                .unwrap_or_default()
                .to_owned(),
            bead.map(BeadRow::title).unwrap_or_default().to_owned(),
        ]
    });
    text.push_str(&columns(rows));
    text
}
