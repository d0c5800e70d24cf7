//! `git gt show`

mod block;

use serde_json::{Map, Value};

pub(crate) use block::indented;

use super::Context;
use super::beads::{leaf, object, row, several};
use super::draw::{Cell, Drawing, FAINT, Look, STRONG};
use super::reply::Reply;
use crate::bead::{Beads, Graph as _, dependents_of, issue, resolve, shown, thread};
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Snapshot};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Show beads with everything that is known about them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Show this bead too, whatever its id looks like; may be repeated
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    id: Vec<String>,
    /// Show what you are at: what you hold, most urgent first
    #[arg(long, conflicts_with_all = ["ids", "id"])]
    current: bool,
    /// Put comments into JSON too; the text has them
    #[arg(long)]
    include_comments: bool,
    /// Show what depends on it too
    #[arg(long)]
    include_dependents: bool,
    /// Show one line for each
    #[arg(long)]
    short: bool,
    /// Show every field that is stored
    #[arg(long, conflicts_with = "short")]
    long: bool,
    /// Show what leads to it, and nothing else
    #[arg(long, group = "view")]
    refs: bool,
    /// Show its children, and nothing else
    #[arg(long, group = "view")]
    children: bool,
    /// Show everything that answers it, and what it answers, oldest first
    #[arg(long, group = "view")]
    thread: bool,
    /// Show it as it was at REF, a commit of the ledger's history, such as refs/gt/beads~3
    #[arg(long, value_name = "REF", conflicts_with = "view")]
    as_of: Option<String>,
    /// Show times as the clock on the wall does
    #[arg(long)]
    local_time: bool,
    /// Show it again whenever it changes, until interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if args.watch && !cx.json {
        return watch(cx, args);
    }
    let here = cx.home()?;
    let ids = asked(cx, &here, args)?;
    if args.thread {
        return conversation(&here, args, &ids);
    }
    if args.refs || args.children {
        return leading(&here, args, &ids);
    }
    let mut faults = Vec::new();
    let mut shown = Shown::default();
    let found = |home: &Home, view: &View<'_>, typed: &str| match &args.as_of {
        Some(reference) => at(home, view, reference, typed),
        None => resolve(view, home.rig().prefix(), typed),
    };
    each_of(&here, &ids, &mut faults, found, |view, bead| {
        shown.add(cx, args, view, bead)
    })?;
    let reply = several(shown.values, String::new(), faults);
    Ok(reply.drawn(shown.drawing, args.look))
}

/// What is shown of beads: as JSON or as text, whichever was asked for.
#[derive(Default)]
struct Shown {
    values: Vec<Value>,
    drawing: Drawing,
}

impl Shown {
    fn add(&mut self, cx: &Context, args: &Args, view: &View<'_>, bead: &Bead) -> Result<()> {
        if cx.json {
            self.values.push(match &args.as_of {
                Some(_) => Value::Object(issue(bead)),
                None => {
                    let (dependents, comments) = (args.include_dependents, args.include_comments);
                    shown(&Beads::of(view), bead, dependents, comments)?
                }
            });
            return Ok(());
        }
        if args.short {
            self.drawing.add_table([row(&BeadRow::of_bead(bead))]);
            return Ok(());
        }
        if !self.drawing.is_empty() {
            self.drawing.add_text("\n", FAINT);
        }
        let wanted = block::Wanted {
            dependents: args.include_dependents,
            everything: args.long,
            local_time: args.local_time,
            now: cx.world.now(),
        };
        self.drawing.add(block::block(view, bead, &wanted)?);
        Ok(())
    }
}

/// Returns the ids that are meant, as they were typed or as they are.
fn asked(cx: &Context, here: &Home, args: &Args) -> Result<Vec<String>> {
    let mut ids = [args.ids.clone(), args.id.clone()].concat();
    if args.current {
        ids.extend(current(cx, here)?);
    }
    if ids.is_empty() {
        return Err(Fault::invalid("which bead?").hint("git gt show ID; git gt list has ids"));
    }
    Ok(ids)
}

/// Returns the id of the most urgent bead that whoever asks is at.
fn current(cx: &Context, here: &Home) -> Result<Option<String>> {
    let actor = cx.actor(here.repo());
    let view = here.view();
    let mut held = Beads::of(&view).of_worker(&actor)?;
    held.retain(|row| ["in_progress", "hooked"].contains(&row.status()));
    held.sort_by(|a, b| a.place().cmp(&b.place()));
    match held.first() {
        Some(row) => Ok(Some(row.id().to_owned())),
        None => Err(Fault::not_found(format!("{actor} is at no bead here"))
            .hint("claim one: git gt update ID --claim")),
    }
}

/// Returns a bead as it was at a commit of the ledger's history.
fn at(home: &Home, view: &View<'_>, reference: &str, typed: &str) -> Result<Bead> {
    let repo = home.repo_of(Name::Beads)?;
    let commit = repo.commit_named(reference)?.ok_or_else(|| {
        Fault::not_found(format!("there is no commit '{reference}'"))
            .hint("git log refs/gt/beads shows those of the ledger")
    })?;
    let then = Snapshot::at(repo, Some(commit))?;
    // Only what is there today is known by a part of its id.
    let now = resolve(view, home.rig().prefix(), typed);
    let id = now.map_or_else(|_| typed.to_owned(), |bead| bead.id().to_owned());
    let found = then.get(&id)?.and_then(Bead::of);
    found.filter(|bead| !bead.is_deleted()).ok_or_else(|| {
        Fault::not_found(format!(
            "no issue found matching \"{typed}\" at {reference}"
        ))
    })
}

/// Returns what was typed, in order, by runs of ids that have the same home.
fn by_home<'a>(
    here: &Home,
    ids: &'a [String],
    faults: &mut Vec<Fault>,
) -> Vec<(Home, Vec<&'a String>)> {
    let mut runs: Vec<(Home, Vec<&String>)> = Vec::new();
    for typed in ids {
        match (here.of_bead(typed), runs.last_mut()) {
            (Ok(home), Some((last, ids))) if last.rig().name() == home.rig().name() => {
                ids.push(typed);
            }
            (Ok(home), _) => runs.push((home, vec![typed])),
            (Err(fault), _) => faults.push(fault),
        }
    }
    runs
}

/// Returns the bead that was typed as it is now.
fn now(home: &Home, view: &View<'_>, typed: &str) -> Result<Bead> {
    resolve(view, home.rig().prefix(), typed)
}

/// Does something with each bead that was typed, in order; one that is not found is a fault of its own.
fn each_of(
    here: &Home,
    ids: &[String],
    faults: &mut Vec<Fault>,
    find: impl Fn(&Home, &View<'_>, &str) -> Result<Bead>,
    mut act: impl FnMut(&View<'_>, &Bead) -> Result<()>,
) -> Result<()> {
    for (home, ids) in by_home(here, ids, faults) {
        let view = home.view();
        for typed in ids {
            match find(&home, &view, typed) {
                Ok(bead) => act(&view, &bead)?,
                Err(fault) => faults.push(fault),
            }
        }
    }
    Ok(())
}

/// Shows what leads to beads: everything, or their children.
fn leading(here: &Home, args: &Args, ids: &[String]) -> Result<Reply> {
    let mut faults = Vec::new();
    let (mut value, mut drawing) = (Map::new(), Drawing::default());
    each_of(here, ids, &mut faults, now, |view, bead| {
        let beads = Beads::of(view);
        let mut found = beads.dependents(bead.id())?;
        found.retain(|(_, kind)| !args.children || kind == "parent-child");
        found.sort_by(|(a, x), (b, y)| x.cmp(y).then_with(|| a.place().cmp(&b.place())));
        let what = if args.children {
            "CHILDREN OF"
        } else {
            "WHAT LEADS TO"
        };
        drawing.add_text(format!("{what} {}", bead.id()), STRONG);
        drawing.add_table(found.iter().map(|(it, kind)| match args.children {
            true => [vec![" ".into()], row(it)].concat(),
            false => [vec![format!("  {kind}").into()], row(it)].concat(),
        }));
        if found.is_empty() {
            drawing.add_line([Cell::new("  nothing", FAINT)]);
        }
        value.insert(bead.id().to_owned(), dependents_of(&beads, &found)?.into());
        Ok(())
    })?;
    let value = match value.is_empty() && !faults.is_empty() {
        true => Value::Null,
        false => object(value),
    };
    let reply = Reply::new(value, "").with_faults(faults);
    Ok(reply.drawn(drawing, args.look))
}

/// Shows the conversations that messages are part of.
fn conversation(here: &Home, args: &Args, ids: &[String]) -> Result<Reply> {
    let mut faults = Vec::new();
    let (mut values, mut drawing) = (Vec::new(), Drawing::default());
    each_of(here, ids, &mut faults, now, |view, bead| {
        for (depth, bead) in thread(&Beads::of(view), bead.id())? {
            let margin = "  ".repeat(depth.min(8));
            let mut line = leaf(&BeadRow::of_bead(&bead));
            line.insert(0, margin.as_str().into());
            drawing.add_line(line);
            for text in bead.record().text("description").lines() {
                drawing.add_text(format!("{margin}    {text}"), FAINT);
            }
            values.push(Value::Object(issue(&bead)));
        }
        Ok(())
    })?;
    let reply = several(values, String::new(), faults);
    Ok(reply.drawn(drawing, args.look))
}

/// Shows beads whenever they change, until somebody interrupts.
fn watch(cx: &Context, args: &Args) -> Result<Reply> {
    let once = Args {
        watch: false,
        ids: args.ids.clone(),
        id: args.id.clone(),
        as_of: args.as_of.clone(),
        look: Look {
            no_pager: true,
            ..args.look
        },
        ..*args
    };
    super::watch::watch(cx, args.look, |cx| run(cx, &once))
}
