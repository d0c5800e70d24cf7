//! What people do to convoys: make them, add beads, close and land them.

use super::progress::{Stand, progress};
use super::resolve::{bead_id, resolve};
use crate::bead::Beads;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Bead, Convoy};
use crate::town::Home;

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

/// Closes a convoy, whatever its beads do; one that is closed stays as it is.
///
/// After a crash it is closed or it is not.
pub fn close(home: &Home, actor: &str, typed: &str, reason: &str) -> Result<Convoy> {
    change(home, actor, typed, |convoy, pen| {
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
    let view = home.view();
    let convoy = resolve(&view, home.hq()?.rig().prefix(), typed)?;
    let is_deleted = |id: &str| {
        view.bead(id)
            .is_ok_and(|it| it.is_some_and(|it| it.is_deleted()))
    };
    let stands = progress(
        &convoy,
        &Beads::of_town(home)?,
        is_deleted,
        home.world().now(),
    );
    let open = stands.parts.iter().filter(|it| it.stand != Stand::Closed);
    let open: Vec<&str> = open.map(|it| it.id.as_str()).collect();
    if convoy.is_live() && !open.is_empty() && !force {
        let shown: Vec<&str> = open.iter().take(10).copied().collect();
        let more = if open.len() > shown.len() {
            ", …"
        } else {
            ""
        };
        return Err(Fault::refused(format!(
            "{} has open work: {}{more}",
            convoy.id(),
            shown.join(", ")
        ))
        .hint(format!(
            "close it all the same: git gt convoy land {} --force",
            convoy.id()
        )));
    }
    let reason = if open.is_empty() {
        "landed"
    } else {
        "landed with open work"
    };
    close(home, actor, convoy.id(), reason)
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
