//! Gates as people define them: added, replaced, removed, or done without in so many words.

use std::time::Duration;

use serde_json::{Value, json};

use super::ci;
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Record, Stamp};
use crate::record::{Gate, Rig};
use crate::town::{Home, View, refuse_worker};

/// A gate to be added.
#[derive(Debug)]
pub struct NewGate<'a> {
    /// What it is called: letters, digits, `-`, `_`.
    pub name: &'a str,
    /// What decides.
    pub check: NewCheck<'a>,
}

/// What decides for a gate that is to be added.
#[derive(Debug)]
pub enum NewCheck<'a> {
    /// A command on this machine.
    Command {
        /// The line that `sh -c` runs.
        command: &'a str,
        /// How long it may run; nothing: an hour.
        timeout: Option<Duration>,
        /// Paths in the worktree that stay between two runs.
        keep: &'a [String],
    },
    /// An outside CI, which answers through refs of the rig's remote.
    Ci {
        /// What the CI calls the check.
        check: &'a str,
        /// How long it may take to answer; nothing: an hour.
        deadline: Option<Duration>,
    },
}

/// Adds a gate, or replaces the one of that name, and accepts it on this machine.
///
/// After a crash between the two the gate is there and has to be added again before it runs here.
pub fn add_gate(home: &Home, actor: &str, new: &NewGate<'_>) -> Result<Gate> {
    refuse_worker(home.world(), "change gates")?;
    check(home, new)?;
    let written = home.write(Name::Config, actor, |view, pen| {
        refuse_near(view, new.name)?;
        let old = view.gate_record(new.name)?;
        let mut record = old
            .clone()
            .unwrap_or_else(|| Gate::new(new.name).record().clone());
        let stamp = old
            .as_ref()
            .map_or_else(|| pen.first_stamp(), |old| pen.stamp(old));
        if record.life() % 2 != 0 {
            let state = json!({ "life": record.life() + 1 });
            record.set("state", Some(state), &stamp);
        }
        define(&mut record, new, &stamp);
        let gate = Gate::of(record.clone()).expect("a gate was just made of it");
        let subject = format!("gate {}: {}", new.name, gate.what());
        let mut records = vec![record];
        // Who removes this gate again has not said that nothing must pass.
        let rig = view.rig(home.rig().name())?;
        if let Some(mut rig) = rig.filter(Rig::lands_without_gates) {
            let stamp = pen.stamp(rig.record());
            rig.record_mut().set("gate", None, &stamp);
            records.push(rig.into_record());
        }
        Ok(Decision::write(subject, records, gate))
    })?;
    home.accept_gate(&written.value)?;
    Ok(written.value)
}

/// Refuses a name that differs from that of another gate in case only.
fn refuse_near(view: &View<'_>, name: &str) -> Result<()> {
    let gates = view.gates()?;
    if gates.iter().any(|it| it.name() == name) {
        return Ok(());
    }
    let mut near = gates.iter().map(Gate::name);
    match near.find(|known| known.eq_ignore_ascii_case(name)) {
        None => Ok(()),
        Some(known) => Err(Fault::refused(format!(
            "gate '{known}' is there already, and '{name}' differs in case only"
        ))
        .hint(format!(
            "to replace it: git gt refinery gate add {known} ..."
        ))),
    }
}

fn check(home: &Home, new: &NewGate<'_>) -> Result<()> {
    let formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if new.name.is_empty()
        || new.name.len() > 40
        || new.name.starts_with('-')
        || !new.name.chars().all(formed)
    {
        return Err(
            Fault::invalid(format!("'{}' cannot be the name of a gate", new.name)).hint(
                "use letters, digits, dash and underscore: git gt refinery gate add unit-tests …",
            ),
        );
    }
    match &new.check {
        NewCheck::Command { command, .. } if command.trim().is_empty() => {
            Err(Fault::invalid("a gate needs a command").hint("--command 'cargo test'"))
        }
        NewCheck::Command { keep, .. } if keep.iter().any(|path| leads_out(path)) => {
            Err(Fault::invalid("--keep takes a path inside the worktree"))
        }
        NewCheck::Command { .. } => Ok(()),
        NewCheck::Ci { check, .. } => {
            ci::check_name(check)?;
            ci::remote_of(home, new.name).map(drop)
        }
    }
}

fn leads_out(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|it| it == "..")
}

/// Sets only what differs, so that defining a gate again as it is writes nothing.
fn define(record: &mut Record, new: &NewGate<'_>, stamp: &Stamp) {
    let seconds = |time: Option<Duration>, default: Duration| {
        let time = time.filter(|it| *it != default);
        time.map(|it| Value::from(it.as_secs()))
    };
    let none: &[String] = &[];
    let (command, timeout, keep, check, deadline) = match new.check {
        NewCheck::Command {
            command,
            timeout,
            keep,
        } => (Some(command), timeout, keep, None, None),
        NewCheck::Ci { check, deadline } => (None, None, none, Some(check), deadline),
    };
    let fields = [
        ("ci", check.map(Value::from)),
        ("command", command.map(Value::from)),
        ("deadline", seconds(deadline, Gate::DEADLINE)),
        ("timeout", seconds(timeout, Gate::TIMEOUT)),
    ];
    for (field, value) in fields {
        if record.get(field) != value.as_ref() {
            record.set(field, value, stamp);
        }
    }
    let known: Vec<String> = record
        .entries("keep")
        .map(|(path, _)| path.to_owned())
        .collect();
    for path in known.iter().filter(|path| !keep.contains(path)) {
        record.set_entry("keep", path, None, stamp);
    }
    for path in keep.iter().filter(|path| !known.contains(path)) {
        record.set_entry("keep", path, Some(true.into()), stamp);
    }
}

/// Removes a gate; its results stay.
pub fn remove_gate(home: &Home, actor: &str, name: &str) -> Result<()> {
    refuse_worker(home.world(), "change gates")?;
    home.write(Name::Config, actor, |view, pen| {
        let record = view
            .gate_record(name)?
            .filter(|record| record.life() % 2 == 0);
        let mut record = record.ok_or_else(|| {
            Fault::not_found(format!("there is no gate '{name}'"))
                .hint("git gt refinery gate list shows them")
        })?;
        let state = json!({ "life": record.life() + 1, "status": "removed" });
        record.set("state", Some(state), &pen.stamp(&record));
        Ok(Decision::write(
            format!("remove gate {name}"),
            vec![record],
            (),
        ))
    })
    .map(|written| written.value)
}

/// Says in so many words that work lands in this rig without a gate; only gates that exist count then.
pub fn land_without_gates(home: &Home, actor: &str) -> Result<()> {
    refuse_worker(home.world(), "change gates")?;
    let name = home.rig().name().to_owned();
    home.write(Name::Config, actor, |view, pen| {
        let mut rig = view.rig(&name)?.unwrap_or_else(|| Rig::new(&name));
        let stamp = pen.stamp(rig.record());
        rig.record_mut().set("gate", Some("none".into()), &stamp);
        let subject = format!("rig {name} lands without gates");
        Ok(Decision::write(subject, vec![rig.into_record()], ()))
    })
    .map(|written| written.value)
}
