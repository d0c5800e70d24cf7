//! `git gt batch`

use serde_json::{Map, Value, json};

use super::beads::object;
use super::reply::{Reply, printable};
use super::{Context, input};
use crate::bead::{
    BatchStep, Beads, Draft, Edit, Link, batch_steps, check_closable, edit, link, make, resolve,
    unlink,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen};
use crate::record::Bead;
use crate::town::{Home, View};

/// Change many beads in one commit, or none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the lines from FILE instead of standard input
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    file: String,
    /// Say in the commit what it is for
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Look whether it could be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of a line: its number, what it asked for, the bead.
type Done = (usize, &'static str, String);

/// Does what the lines say, over what those before have changed.
///
/// After a crash all of it is done or nothing.
pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let steps = batch_steps(&input::file(cx, &args.file)?)?;
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let mut done: Vec<Done> = Vec::new();
        for (line, step) in &steps {
            let changed = apply(&home, (view, pen), &actor, step);
            let changed = changed.map_err(|fault| at_line(*line, fault))?;
            done.push((*line, step.word(), changed));
        }
        if args.dry_run {
            return Ok(Decision::nothing(done));
        }
        let records = view.pending().into_iter().map(Bead::into_record);
        let subject = args.message.clone();
        let subject = subject.unwrap_or_else(|| format!("batch of {} changes", done.len()));
        Ok(Decision::write(subject, records.collect(), done))
    })?;
    cx.settle(&home);
    let done = written.value;
    let results = done
        .iter()
        .map(|(line, step, id)| json!({ "line": line, "op": step, "id": id }));
    let value = object(Map::from_iter([
        ("operations".to_owned(), done.len().into()),
        ("dry_run".to_owned(), args.dry_run.into()),
        ("results".to_owned(), results.collect::<Vec<Value>>().into()),
    ]));
    let lines = done
        .iter()
        .map(|(line, step, id)| format!("{line}: {step} {}\n", printable(id)));
    Ok(Reply::new(value, lines.collect::<String>()))
}

/// Does what one line says and returns the id of the bead.
fn apply(
    home: &Home,
    (view, pen): (&View<'_>, &Pen<'_>),
    actor: &str,
    step: &BatchStep,
) -> Result<String> {
    let prefix = home.rig().prefix();
    let found = |typed: &str| resolve(view, prefix, typed);
    let bead = match step {
        BatchStep::Create(title, fields) => {
            let draft = Draft {
                title: title.clone(),
                fields: Edit::clone(fields),
                ..Draft::default()
            };
            make(view, pen, (prefix, actor), &draft)?.0
        }
        BatchStep::Close(typed, reason) => {
            let mut bead = found(typed)?;
            if !bead.is_closed() {
                check_closable(&Beads::of(view), &bead)?;
                let stamp = pen.stamp(bead.record());
                bead.close(reason, &stamp);
            }
            bead
        }
        BatchStep::Update(typed, asked) => {
            let mut bead = found(typed)?;
            let stamp = pen.stamp(bead.record());
            edit(view, &mut bead, asked, (actor, &stamp))?;
            bead
        }
        BatchStep::Link(typed, wanted) => {
            let mut bead = found(typed)?;
            let wanted = Link {
                kind: wanted.kind.clone(),
                target: found(&wanted.target)?.id().to_owned(),
            };
            let stamp = pen.stamp(bead.record());
            link(view, &mut bead, &wanted, &stamp)?;
            bead
        }
        BatchStep::Unlink(typed, target) => {
            let mut bead = found(typed)?;
            let target = found(target)?.id().to_owned();
            let stamp = pen.stamp(bead.record());
            if !unlink(&mut bead, &target, &stamp) {
                return Err(Fault::not_found(format!(
                    "{} has no edge to {target}",
                    bead.id()
                )));
            }
            bead
        }
    };
    let id = bead.id().to_owned();
    view.put(bead);
    Ok(id)
}

/// Says in which line something failed, and that nothing was done.
fn at_line(line: usize, fault: Fault) -> Fault {
    let said = format!("line {line}: {}", fault.text().message);
    let hints = fault.text().hints.clone();
    let said = match fault {
        Fault::NotFound(_) => Fault::not_found(said),
        Fault::Refused(_) => Fault::refused(said),
        Fault::Invalid(_) => Fault::invalid(said),
        // What has nothing to do with the line stays what it is.
        other => return other,
    };
    hints.into_iter().fold(said, Fault::hint)
}
