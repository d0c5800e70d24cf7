//! `git gt import`

mod files;
mod report;

use std::collections::HashSet;

use super::Context;
use super::reply::Reply;
use crate::bead::{
    Beads, Form, Imported, Input, Pile, Plan, Refused, Target, What, by_reference, keep, memory_key,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Oid};
use crate::record::BeadRow;
use crate::town::{Home, View};

/// Take over beads from files: of bd or br, checklists, issues of GitHub; again and again, if you like
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files or folders .beads, - for standard input; by default what is fed there, else .beads/issues.jsonl
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// The same
    #[arg(short, long, value_name = "FILE")]
    input: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// How files are imported.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct How {
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave out new beads with the title of an open one that is here
    #[arg(long)]
    dedup: bool,
    /// Leave out what cannot be taken, instead of taking nothing
    #[arg(long)]
    skip_invalid: bool,
}

/// How many records one commit takes, or more: the packs that they are written as are not to be too many until
/// upkeep makes one of them.
const BATCH: usize = 4096;

/// How many commits there are at most.
const BATCHES: usize = 16;

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let typed: Vec<String> = args.files.iter().chain(&args.input).cloned().collect();
    let inputs = files::typed_or_usual(cx, &home, &typed)?;
    take(cx, &home, inputs, &args.how)
}

/// Imports a file, as `import` does with no options.
pub(crate) fn file(cx: &Context, file: &str) -> Result<Reply> {
    let home = cx.home()?;
    let inputs = files::typed_or_usual(cx, &home, &[file.to_owned()])?;
    take(cx, &home, inputs, &How::default())
}

/// Imports what was read, all of it or nothing.
///
/// It is looked at as a whole before anything is written, and then written in a few commits. After a crash
/// some of them are there: importing again finds those beads unchanged and writes the rest.
fn take(cx: &Context, home: &Home, inputs: Vec<Input>, how: &How) -> Result<Reply> {
    let names: Vec<String> = inputs.iter().map(|it| it.name.clone()).collect();
    let view = home.view();
    let target = target(home, &view, &inputs)?;
    let mut pile = Pile::read(inputs, target, cx.world.now())?;
    let titles = how.dedup.then(|| titles(&view)).transpose()?;
    let ledger = view.ledger(Name::Beads)?;
    let mut plan = pile.plan(&ledger, titles.as_ref())?;
    let mut refused = std::mem::take(&mut pile.refused);
    refused.extend(unfit(home, &pile, &mut plan));
    let is_taken = refused.is_empty() || how.skip_invalid;
    if is_taken && !how.dry_run {
        let is_written = write(cx, home, &pile, &mut plan, ledger.tip())?;
        if remember(cx, home, &pile)? || is_written {
            cx.settle(home);
        }
    }
    Ok(report::reply(&names, (&pile, &plan), &refused, how))
}

/// Returns what beads of files become part of.
fn target(home: &Home, view: &View<'_>, inputs: &[Input]) -> Result<Target> {
    let is_github = |it: &Input| matches!(Form::of(&it.text), Ok(Form::GitHub));
    let known = if inputs.iter().any(is_github) {
        by_reference(&view.ledger(Name::Beads)?)?
    } else {
        Default::default()
    };
    let prefix = home.rig().prefix().to_owned();
    Ok(Target { prefix, known })
}

/// Returns the titles of open beads.
fn titles(view: &View<'_>) -> Result<HashSet<String>> {
    let title = |row: Result<BeadRow<'_>>| row.map(|row| row.title().to_owned());
    Beads::of(view).rows(false)?.map(title).collect()
}

/// Returns what of a pile cannot be written here: what does not fit what is here, or is another rig's.
fn unfit(home: &Home, pile: &Pile, plan: &mut Plan) -> Vec<Refused> {
    let mut refused = Vec::new();
    for (bead, what) in plan.iter_mut().enumerate() {
        if !home.stands_alone()
            && let Err(fault) = home.refuse_foreign(pile.place(bead).0)
        {
            *what = What::Refused(fault);
        }
        if let What::Refused(fault) = what {
            let fault = std::mem::replace(fault, Fault::refused(""));
            refused.push(pile.refuse(bead, fault));
        }
    }
    refused
}

/// Writes what a plan says is to be written; returns whether it wrote anything. What has changed since the
/// plan was made is looked at again.
fn write(
    cx: &Context,
    home: &Home,
    pile: &Pile,
    plan: &mut Plan,
    mut tip: Option<Oid>,
) -> Result<bool> {
    let actor = cx.actor(home.repo());
    let is_due = |bead: &usize| matches!(plan[*bead], What::Created | What::Updated | What::Merged);
    let due: Vec<usize> = (0..pile.len()).filter(is_due).collect();
    let size = due.len().div_ceil(BATCHES).max(BATCH);
    for (nth, batch) in due.chunks(size).enumerate() {
        let written = home.write(Name::Beads, &actor, |view, _| {
            let ledger = view.ledger(Name::Beads)?;
            let is_as_planned = ledger.tip() == tip;
            let (mut records, mut done) = (Vec::new(), Vec::new());
            for &bead in batch {
                let (id, _) = pile.place(bead);
                let here = match plan[bead] {
                    What::Created if is_as_planned => None,
                    _ => ledger.get(id)?,
                };
                let (what, record) = match pile.merged(bead, here)? {
                    Imported::Created(record) => (What::Created, Some(record)),
                    Imported::Updated(record) => (What::Updated, Some(record)),
                    Imported::Merged(record) => (What::Merged, Some(record)),
                    Imported::Unchanged => (What::Unchanged, None),
                };
                done.push(what);
                records.extend(record);
            }
            let subject = format!("import {} beads", records.len());
            Ok(Decision::write(subject, records, done))
        });
        let written = written.map_err(|fault| match nth {
            0 => fault,
            _ => fault.hint("what was written before that stays: import again"),
        })?;
        tip = written.tip;
        for (bead, what) in batch.iter().zip(written.value) {
            plan[*bead] = what;
        }
    }
    Ok(!due.is_empty())
}

/// Keeps what is to be remembered, in one commit; returns whether anything is new.
fn remember(cx: &Context, home: &Home, pile: &Pile) -> Result<bool> {
    if pile.memories.is_empty() {
        return Ok(false);
    }
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Handoffs, &actor, |view, pen| {
        let mut records = Vec::new();
        for (key, text) in &pile.memories {
            let (record, _) = keep(view, pen, (&memory_key(key), text))?;
            records.extend(record);
        }
        let subject = format!("import {} memories", records.len());
        Ok(Decision::write(subject, records, ()))
    })?;
    Ok(written.changed)
}
