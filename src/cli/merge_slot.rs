//! `git gt merge-slot`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Exit, Reply, printable};
use crate::bead::{acquire, free, new_slot, slot_holder, slot_id, slot_waiters, wait_for};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Bead;
use crate::town::View;

/// Let one at a time merge by hand
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make the merge slot of this rig
    Create {},
    /// Say who holds it
    Check {},
    /// Take it
    Acquire {
        /// Take it for WHO instead of the actor
        #[arg(long, value_name = "WHO")]
        holder: Option<String>,
        /// Wait in the row where somebody else holds it
        #[arg(long)]
        wait: bool,
    },
    /// Give it back
    Release {
        /// Refuse where somebody else than WHO holds it
        #[arg(long, value_name = "WHO")]
        holder: Option<String>,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Create {} => create(cx),
        Verb::Check {} => check(cx),
        Verb::Acquire { holder, wait } => take(cx, holder.as_deref(), *wait),
        Verb::Release { holder } => release(cx, holder.as_deref()),
    }
}

/// Returns the slot of a rig, nothing where it was never made.
fn find(view: &View<'_>, id: &str) -> Result<Option<Bead>> {
    Ok(view.bead(id)?.filter(|it| !it.is_deleted()))
}

fn missing(id: &str) -> Fault {
    Fault::not_found(format!("merge slot not found: {id}"))
        .hint("git gt merge-slot create makes it")
}

fn create(cx: &Context) -> Result<Reply> {
    let home = cx.home()?;
    let prefix = home.rig().prefix();
    let id = slot_id(prefix);
    let written = home.write(Name::Beads, &cx.actor(home.repo()), |view, pen| {
        let there = view.bead(&id)?;
        if let Some(slot) = there.as_ref().filter(|it| !it.is_deleted()) {
            return Ok(Decision::nothing(slot.status().to_owned()));
        }
        let slot = new_slot(prefix, pen, there);
        let status = slot.status().to_owned();
        let subject = format!("create {id}");
        Ok(Decision::write(subject, vec![slot.into_record()], status))
    })?;
    let said = match written.changed {
        true => format!("Created merge slot: {id}"),
        false => format!("Merge slot is there already: {id}"),
    };
    Ok(Reply::new(
        json!({ "id": id, "status": written.value }),
        said,
    ))
}

fn check(cx: &Context) -> Result<Reply> {
    let home = cx.home()?;
    let id = slot_id(home.rig().prefix());
    let Some(slot) = find(&home.view(), &id)? else {
        let value = json!({ "id": id, "available": false, "error": "not found" });
        let text = format!("Merge slot not found: {id}\ngit gt merge-slot create makes it");
        return Ok(Reply::new(value, text));
    };
    let (holder, waiters) = (slot_holder(&slot), slot_waiters(&slot));
    let mut text = match &holder {
        None => format!("Merge slot is free: {id}\n"),
        Some(holder) => format!("Merge slot is held by {}: {id}\n", printable(holder)),
    };
    for (at, who) in waiters.iter().enumerate() {
        text.push_str(&format!("  {}. {}\n", at + 1, printable(who)));
    }
    let value = json!({
        "id": id, "available": holder.is_none(), "holder": holder, "waiters": waiters,
    });
    Ok(Reply::new(value, text))
}

/// What came of taking a slot.
enum Taken {
    /// It was.
    By(String),
    /// Somebody else holds it; which in the row one waits, zero where one does not.
    Not(String, usize),
}

fn take(cx: &Context, holder: Option<&str>, wait: bool) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let who = holder.unwrap_or(&actor).to_owned();
    let id = slot_id(home.rig().prefix());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let mut slot = find(view, &id)?.ok_or_else(|| missing(&id))?;
        let before = slot.clone();
        let stamp = pen.stamp(slot.record());
        let (subject, taken) = match slot_holder(&slot).filter(|holder| *holder != who) {
            None => {
                acquire(&mut slot, &who, &stamp)?;
                (format!("acquire {id} for {who}"), Taken::By(who.clone()))
            }
            Some(holder) if wait => {
                let at = wait_for(&mut slot, &who, &stamp);
                (format!("{who} waits for {id}"), Taken::Not(holder, at))
            }
            Some(holder) => return Ok(Decision::nothing(Taken::Not(holder, 0))),
        };
        if slot == before {
            return Ok(Decision::nothing(taken));
        }
        Ok(Decision::write(subject, vec![slot.into_record()], taken))
    })?;
    cx.settle(&home);
    Ok(match written.value {
        Taken::By(who) => {
            let value = json!({ "id": id, "acquired": true, "holder": who });
            Reply::new(value, format!("Acquired {id} for {}", printable(&who)))
        }
        Taken::Not(holder, at) => {
            let mut value = json!({ "id": id, "acquired": false, "holder": holder });
            let holder = printable(&holder);
            let said = match at {
                0 => format!("{id} is held by {holder}; --wait puts you into the row"),
                at => {
                    value["waiting"] = Value::Bool(true);
                    value["position"] = at.into();
                    format!("{id} is held by {holder}; you are number {at} in the row")
                }
            };
            Reply::new(value, said).exit(Exit::No)
        }
    })
}

fn release(cx: &Context, holder: Option<&str>) -> Result<Reply> {
    let home = cx.home()?;
    let id = slot_id(home.rig().prefix());
    let written = home.write(Name::Beads, &cx.actor(home.repo()), |view, pen| {
        let mut slot = find(view, &id)?.ok_or_else(|| missing(&id))?;
        let stamp = pen.stamp(slot.record());
        free(&mut slot, holder, &stamp)?;
        let next = slot_waiters(&slot).into_iter().next();
        Ok(Decision::write(
            format!("release {id}"),
            vec![slot.into_record()],
            next,
        ))
    })?;
    cx.settle(&home);
    let next = written
        .value
        .map(|who| format!("; next is {}", printable(&who)));
    let said = format!("Released {id}{}", next.unwrap_or_default());
    Ok(Reply::new(json!({ "id": id, "released": true }), said))
}
