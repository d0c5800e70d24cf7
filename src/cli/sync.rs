//! `git gt sync`

use std::io::IsTerminal as _;

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::{Reply, of_rig, progress};
use crate::daemon::{Travel, sync_and_settle};
use crate::fault::{Fault, Result};
use crate::ledger::{Asked, Event, Report, Step, Turn};
use crate::text::one_line;
use crate::town::Home;

/// Push what changed here, take over what changed elsewhere
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The remote; by default gt.remote, else origin
    #[arg(value_name = "REMOTE")]
    remote: Option<String>,
    /// Join the ledgers even where they are those of another project
    #[arg(long)]
    allow_unrelated: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let here = cx.home()?;
    let homes = homes(cx, &here)?;
    if let [home] = &homes[..] {
        let name = args.remote.clone().or_else(|| home.default_remote());
        let name = name.ok_or_else(|| {
            Fault::refused("this repository has no remote to sync with")
                .hint("git remote add origin <url>, or name one: git gt sync <remote>")
        })?;
        return settled(home, &name, args.allow_unrelated);
    }
    let (mut values, mut text, mut faults, mut notes) =
        (Vec::new(), String::new(), Vec::new(), Vec::new());
    for home in &homes {
        let rig = home.rig().name();
        let name = args.remote.clone().or_else(|| home.default_remote());
        let Some(name) = name else {
            text.push_str(&format!("{rig:<10} stays here: it has no remote\n"));
            continue;
        };
        match settled(home, &name, args.allow_unrelated) {
            Ok(reply) => {
                let mut value = reply.value;
                value["rig"] = rig.into();
                values.push(value);
                text.push_str(&of_rig(rig, &reply.text));
                faults.extend(reply.faults);
                notes.extend(reply.notes);
            }
            Err(fault) => faults.push(fault.within(rig)),
        }
    }
    let reply = Reply::new(json!(values), text).with_faults(faults);
    Ok(notes.into_iter().fold(reply, Reply::note))
}

/// Returns what is synced: a rig and the HQ of its town; from HQ, the whole town; what was named, alone.
fn homes(cx: &Context, here: &Home) -> Result<Vec<Home>> {
    match cx.rig {
        Some(_) => Ok(vec![here.clone()]),
        None if here.stands_alone() || here.is_hq() => {
            // What follows from the rigs' news is written to HQ, which therefore comes last.
            let mut all = here.all_here()?;
            all.rotate_left(1);
            Ok(all)
        }
        None => Ok(vec![here.clone(), here.hq()?]),
    }
}

/// Syncs one repository with a remote until nothing more follows from it, or shares what another process
/// did that began after this one asked.
pub(crate) fn settled(home: &Home, name: &str, allow_unrelated: bool) -> Result<Reply> {
    let mut waits = || progress("waiting for another git gt sync of this clone to end");
    match Turn::ask(home.repo(), name, &mut waits)? {
        Asked::Shared(outcome) => shared(&outcome),
        Asked::Turn(mut turn) => {
            let reply = in_turn(&mut turn, home, name, allow_unrelated);
            turn.end(&outcome(&reply));
            reply
        }
    }
}

/// Returns a reply as others read it who asked for the same.
fn outcome(reply: &Result<Reply>) -> Value {
    match reply {
        Ok(reply) => json!({
            "value": reply.value,
            "text": reply.text,
            "notes": reply.notes,
            "faults": reply.faults.iter().map(Fault::to_json).collect::<Value>(),
        }),
        Err(fault) => json!({ "fault": fault.to_json() }),
    }
}

/// Returns what somebody else's sync came to as our own answer.
fn shared(outcome: &Value) -> Result<Reply> {
    if let Some(fault) = outcome.get("fault").and_then(Fault::from_json) {
        return Err(fault);
    }
    let list = |key: &str| outcome[key].as_array().cloned().unwrap_or_default();
    let mut value = outcome["value"].clone();
    value["shared"] = true.into();
    let text = outcome["text"].as_str().unwrap_or_default();
    let faults = list("faults").iter().filter_map(Fault::from_json).collect();
    let mut reply = Reply::new(value, text).with_faults(faults);
    for note in list("notes") {
        reply = reply.note(note.as_str().unwrap_or_default());
    }
    Ok(reply)
}

fn in_turn(turn: &mut Turn, home: &Home, name: &str, allow_unrelated: bool) -> Result<Reply> {
    let target = home.target(None).ok();
    let how = Travel {
        target: target.as_ref(),
        allow_unrelated,
        tell: &|step| {
            if std::io::stderr().is_terminal() {
                progress(&said(name, step));
            }
        },
    };
    let reply = told(name, sync_and_settle(turn, home, name, &how)?);
    let (before, now) = (home.rig(), Home::open(home.world())?);
    Ok(match now.rig() {
        rig if rig.name() == before.name() => reply,
        rig => reply.note(format!(
            "this repository is rig {} now, whose ids begin with {}-: it was pushed before {}",
            rig.name(),
            rig.prefix(),
            before.name()
        )),
    })
}

fn told(name: &str, report: Report) -> Reply {
    let Report { events, faults } = report;
    let text: String = events
        .iter()
        .map(|event| format!("{}\n", line(event)))
        .collect();
    let text = if text.is_empty() && faults.is_empty() {
        format!("{name} and this clone agree\n")
    } else {
        text
    };
    let values: Vec<Value> = events.iter().map(as_json).collect();
    let mut value = json!({ "remote": name, "events": values });
    if !faults.is_empty() {
        let errors = faults.iter().map(|fault| fault.text().message.as_str());
        value["errors"] = errors.collect();
    }
    Reply::new(value, text).with_faults(faults)
}

/// Returns a step in words, for whoever waits.
fn said(remote: &str, step: &Step) -> String {
    let refs = |count: usize| counted(count as u64, "ref");
    match step {
        Step::Exchange(0) => format!("looking what {remote} has"),
        Step::Exchange(count) => {
            format!("pushing {}, looking what {remote} has", refs(*count))
        }
        Step::Join(name) => format!("joining {}", ledger(name)),
        Step::Push(count, 0) => format!("pushing {}", refs(*count)),
        Step::Push(count, losses) => {
            format!("pushing {}; others were first {losses} times", refs(*count))
        }
        Step::Fetch => format!("others were first; looking what {remote} has"),
    }
}

fn ledger(name: &str) -> &str {
    name.trim_start_matches("refs/gt/")
}

fn line(event: &Event) -> String {
    match event {
        Event::Pushed(name) => format!("pushed    {}", ledger(name)),
        Event::Removed(name) => format!("removed   {}", ledger(name)),
        Event::Took(name, count) => {
            format!(
                "took      {}: {}",
                ledger(name),
                counted(*count as u64, "record")
            )
        }
        Event::Joined(name, count) => {
            format!(
                "joined    {}: {}",
                ledger(name),
                counted(*count as u64, "record")
            )
        }
        Event::PutBack(name) => {
            format!(
                "put back  {}: it had vanished from the remote, or gone back there",
                ledger(name)
            )
        }
        Event::Archived(name, archive) => {
            let name = ledger(name);
            format!("archived  {name}: its history began anew; what came before is {archive} here")
        }
        Event::HandedOver(name) => {
            format!(
                "put by    {}: others kept pushing first; whoever syncs next joins it",
                ledger(name)
            )
        }
        Event::LeftOut(id, why) => format!("left out  {id}: {why}"),
        Event::Overtaken(it) => {
            let whose = if it.ours { "ours" } else { "theirs" };
            let [lost, kept] = [&it.lost, &it.kept].map(|json| match json.as_str() {
                "null" => "nothing".to_owned(),
                json if it.field == "state" => status(json),
                json => one_line(json),
            });
            format!(
                "overtaken {} {}: {whose} was {lost}, now {kept}",
                it.id, it.field
            )
        }
        Event::ClaimLost { bead, ours, theirs } => {
            format!("lost      the claim of {ours} on {bead}: {theirs} was first; the branch stays")
        }
        Event::Renamed(old, new) => {
            format!("renamed   two machines made {old}; the later one is {new}")
        }
        Event::FromTheFuture(id) => {
            format!("future    {id} is stamped more than an hour ahead of here")
        }
        Event::Unsealed(name) => {
            let name = ledger(name);
            format!("unsealed  {name}: no signer allowed here has sealed what the remote has of it")
        }
    }
}

/// Returns the status in a stored state, and all of it where there is none.
fn status(json: &str) -> String {
    let state: Option<Value> = serde_json::from_str(json).ok();
    let word = state.as_ref().and_then(|it| it["status"].as_str());
    word.map_or_else(|| one_line(json), str::to_owned)
}

fn as_json(event: &Event) -> Value {
    match event {
        Event::Pushed(name) => json!({ "event": "pushed", "ledger": ledger(name) }),
        Event::Removed(name) => json!({ "event": "removed", "ledger": ledger(name) }),
        Event::Took(name, count) => {
            json!({ "event": "took", "ledger": ledger(name), "records": count })
        }
        Event::Joined(name, count) => {
            json!({ "event": "joined", "ledger": ledger(name), "records": count })
        }
        Event::PutBack(name) => json!({ "event": "put_back", "ledger": ledger(name) }),
        Event::Archived(name, archive) => {
            json!({ "event": "archived", "ledger": ledger(name), "ref": archive })
        }
        Event::HandedOver(name) => json!({ "event": "handed_over", "ledger": ledger(name) }),
        Event::LeftOut(id, why) => json!({ "event": "left_out", "id": id, "reason": why }),
        Event::Overtaken(it) => json!({
            "event": "overtaken", "id": it.id, "field": it.field,
            "lost": it.lost, "kept": it.kept, "ours": it.ours,
        }),
        Event::ClaimLost { bead, ours, theirs } => {
            json!({ "event": "claim_lost", "bead": bead, "ours": ours, "theirs": theirs })
        }
        Event::Renamed(old, new) => json!({ "event": "renamed", "id": old, "new_id": new }),
        Event::FromTheFuture(id) => json!({ "event": "from_the_future", "id": id }),
        Event::Unsealed(name) => json!({ "event": "unsealed", "ledger": ledger(name) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_said_in_words() {
        let check = |step: Step, want| assert_eq!(said("origin", &step), want);
        check(Step::Exchange(0), "looking what origin has");
        check(Step::Exchange(1), "pushing 1 ref, looking what origin has");
        check(Step::Join("refs/gt/beads".to_owned()), "joining beads");
        check(Step::Push(2, 0), "pushing 2 refs");
        check(
            Step::Push(2, 3),
            "pushing 2 refs; others were first 3 times",
        );
        check(Step::Fetch, "others were first; looking what origin has");
    }
}
