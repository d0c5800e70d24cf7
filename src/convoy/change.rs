//! What people do to convoys: make them, add and remove beads, watch, close and land them.

use super::progress::{Stand, stands};
use super::resolve::{bead_id, resolve};
use crate::bead::TownBeads;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Bead, Convoy};
use crate::town::{Home, View, pick};

/// The greatest length of a title, in characters.
const TITLE_MAX: usize = 500;
/// How many beads travel together at most.
const BEADS_MAX: usize = 10_000;

/// A convoy that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its title.
    pub title: String,
    /// Its beads, as typed.
    pub beads: Vec<String>,
    /// Who is to be told of its end.
    pub notify: Vec<String>,
    /// Whether the human is to be told.
    pub human: bool,
    /// Whether it stays open until somebody lands it.
    pub owned: bool,
}

/// Makes a convoy, and returns it with the ids of those beads that are not here yet.
///
/// After a crash it is there as a whole or not at all.
pub fn create(home: &Home, owner: &str, draft: &Draft) -> Result<(Convoy, Vec<String>)> {
    let title = checked_title(home, &draft.title)?;
    let (beads, missing) = ids(home, &draft.beads)?;
    let prefix = format!("{}-cv", home.hq()?.rig().prefix());
    let written = home.write(Name::Convoys, owner, |view, pen| {
        let id = pen.new_id(&view.ledger(Name::Convoys)?, &prefix)?;
        let stamp = pen.first_stamp();
        let mut convoy = Convoy::new(&id, &title, &stamp);
        for bead in &beads {
            convoy.add(bead, &stamp);
        }
        let record = convoy.record_mut();
        record.set("owner", Some(owner.into()), &stamp);
        for address in &draft.notify {
            record.set_entry("notify", address, Some(true.into()), &stamp);
        }
        for (flag, on) in [("human", draft.human), ("owned", draft.owned)] {
            record.set(flag, on.then(|| true.into()), &stamp);
        }
        let subject = format!("create convoy {id}: {title}");
        let records = vec![convoy.record().clone()];
        Ok(Decision::write(subject, records, convoy))
    })?;
    Ok((written.value, missing))
}

/// Adds beads to a convoy, which is open again if it was closed; returns it with the ids of those that are
/// not here yet.
///
/// After a crash all are added or none.
pub fn add(
    home: &Home,
    actor: &str,
    typed: &str,
    beads: &[String],
) -> Result<(Convoy, Vec<String>)> {
    let (beads, missing) = ids(home, beads)?;
    let convoy = change(home, actor, typed, |convoy, pen| {
        let new: Vec<&String> = beads.iter().filter(|it| !convoy.tracks(it)).collect();
        if new.is_empty() {
            return Ok(String::new());
        }
        if convoy.beads().count() + new.len() > BEADS_MAX {
            return Err(too_many());
        }
        let stamp = pen.stamp(convoy.record());
        new.iter().for_each(|it| convoy.add(it, &stamp));
        if !convoy.is_live() {
            convoy.reopen(&stamp);
        }
        let what = match new[..] {
            [one] => one.clone(),
            _ => format!("{} beads", new.len()),
        };
        Ok(format!("add {what} to convoy {}", convoy.id()))
    })?;
    Ok((convoy, missing))
}

/// Takes beads out of a convoy, also such as are deleted or not here.
///
/// After a crash all are out or none.
pub fn remove(home: &Home, actor: &str, typed: &str, beads: &[String]) -> Result<Convoy> {
    change(home, actor, typed, |convoy, pen| {
        let prefix = home.rig().prefix();
        let mut out = Vec::new();
        for typed in beads {
            let whole = format!("{prefix}-{}", typed.trim());
            let found = match pick(convoy.beads(), typed)? {
                None => convoy.beads().find(|id| *id == whole),
                found => found,
            };
            let found = found.ok_or_else(|| {
                let id = convoy.id();
                Fault::not_found(format!("no bead '{typed}' travels in {id}"))
                    .hint(format!("git gt convoy show {id}"))
            })?;
            out.push(found.to_owned());
        }
        let stamp = pen.stamp(convoy.record());
        out.iter().for_each(|bead| convoy.remove(bead, &stamp));
        let what = match &out[..] {
            [one] => one.clone(),
            _ => format!("{} beads", out.len()),
        };
        Ok(format!("remove {what} from convoy {}", convoy.id()))
    })
}

/// Tells an address of a convoy's end, or (`on` is false) does so no more. An owner who was told for want of
/// anybody else is told together with the first who asks.
///
/// After a crash it is noted or it is not.
pub fn watch(home: &Home, actor: &str, typed: &str, address: &str, on: bool) -> Result<Convoy> {
    change(home, actor, typed, |convoy, pen| {
        let owner = convoy.owner().to_owned();
        let nobody_asked = convoy.notify().next().is_none() && !convoy.is_for_human();
        if !on && nobody_asked && owner == address {
            let id = convoy.id();
            return Err(Fault::refused(format!(
                "{address} is told of the end of {id} as its owner, because nobody else is"
            ))
            .hint(format!(
                "somebody else: git gt convoy watch {id} --addr ADDR"
            )));
        }
        if convoy.notify().any(|it| it == address) == on {
            return Ok(String::new());
        }
        let stamp = pen.stamp(convoy.record());
        if on && nobody_asked && !owner.is_empty() {
            convoy.tell(&owner, true, &stamp);
        }
        convoy.tell(address, on, &stamp);
        let what = if on { "watch" } else { "unwatch" };
        Ok(format!("{what} convoy {}: {address}", convoy.id()))
    })
}

/// Closes a convoy by hand; one with open work only where `force` says so. One that is closed stays.
///
/// After a crash it is closed or it is not.
pub fn close(
    home: &Home,
    actor: &str,
    typed: &str,
    (reason, force): (&str, bool),
) -> Result<Convoy> {
    let (convoy, open) = open_work(home, typed)?;
    if convoy.is_live() && !open.is_empty() && !force {
        return Err(has_open_work(&convoy, &open, "close"));
    }
    end(home, actor, convoy.id(), reason)
}

fn end(home: &Home, actor: &str, id: &str, reason: &str) -> Result<Convoy> {
    change(home, actor, id, |convoy, pen| {
        if !convoy.is_live() {
            return Ok(String::new());
        }
        let stamp = pen.stamp(convoy.record());
        convoy.close(reason, actor, &stamp);
        Ok(format!("close convoy {}: {reason}", convoy.id()))
    })
}

/// Closes a convoy whose beads are all closed; others only where `force` says so.
///
/// After a crash it is closed or it is not.
pub fn land(home: &Home, actor: &str, typed: &str, force: bool) -> Result<Convoy> {
    let (convoy, open) = open_work(home, typed)?;
    if convoy.is_live() && !open.is_empty() && !force {
        return Err(has_open_work(&convoy, &open, "land"));
    }
    let reason = if open.is_empty() {
        "landed"
    } else {
        "landed with open work"
    };
    end(home, actor, convoy.id(), reason)
}

/// Returns the convoy that was meant, and the ids of its beads that are not closed.
fn open_work(home: &Home, typed: &str) -> Result<(Convoy, Vec<String>)> {
    let view = home.view();
    let convoy = resolve(&view, home.hq()?.rig().prefix(), typed)?;
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let stands = stands(&view, &convoy, &TownBeads::of(&views))?;
    let open = stands.parts.into_iter();
    let open = open.filter(|it| it.stand != Stand::Closed).map(|it| it.id);
    Ok((convoy, open.collect()))
}

fn has_open_work(convoy: &Convoy, open: &[String], verb: &str) -> Fault {
    let shown = &open[..open.len().min(10)];
    let more = if open.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    let id = convoy.id();
    let work = shown.join(", ");
    Fault::refused(format!("{id} has open work: {work}{more}"))
        .hint(format!("all the same: git gt convoy {verb} {id} --force"))
}

fn change(
    home: &Home,
    actor: &str,
    typed: &str,
    change: impl Fn(&mut Convoy, &crate::ledger::Pen<'_>) -> Result<String>,
) -> Result<Convoy> {
    let prefix = home.hq()?.rig().prefix().to_owned();
    let written = home.write(Name::Convoys, actor, |view, pen| {
        let mut convoy = resolve(view, &prefix, typed)?;
        let subject = change(&mut convoy, pen)?;
        if subject.is_empty() {
            return Ok(Decision::nothing(convoy));
        }
        let records = vec![convoy.record().clone()];
        Ok(Decision::write(subject, records, convoy))
    })?;
    Ok(written.value)
}

/// Returns the ids of what was typed, and of those the ones that are not here yet.
fn ids(home: &Home, typed: &[String]) -> Result<(Vec<String>, Vec<String>)> {
    if typed.len() > BEADS_MAX {
        return Err(too_many());
    }
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for word in typed {
        let home = match home.of_bead(word) {
            // Of a rig that is not on this machine.
            Err(Fault::NotFound(_)) => home.clone(),
            found => found?,
        };
        let (id, here) = bead_id(&home.view(), home.rig().prefix(), word)?;
        if !here {
            missing.push(id.clone());
        }
        all.push(id);
    }
    Ok((all, missing))
}

fn too_many() -> Fault {
    Fault::invalid(format!("more than {BEADS_MAX} beads in one convoy"))
        .hint("make several convoys")
}

fn checked_title(home: &Home, text: &str) -> Result<String> {
    let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = title.chars().count();
    if title.is_empty() {
        return Err(Fault::invalid("the name of the convoy is empty")
            .hint("git gt convoy create \"what it is for\" <bead>..."));
    }
    if length > TITLE_MAX {
        return Err(Fault::invalid(format!(
            "the name has {length} characters, more than the {TITLE_MAX} it may have"
        )));
    }
    if home.view().bead(&title)?.as_ref().map(Bead::id) == Some(title.as_str()) {
        return Err(
            Fault::invalid(format!("{title} is a bead, and the first word is the name"))
                .hint(format!("git gt convoy create \"what it is for\" {title}")),
        );
    }
    Ok(title)
}
