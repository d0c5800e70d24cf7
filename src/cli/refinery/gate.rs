//! `git gt refinery gate`

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Context;
use super::super::done::counted;
use super::super::reply::{Reply, columns};
use super::duration;
use crate::fault::{Fault, Result};
use crate::record::Gate;
use crate::refinery::{NewCheck, NewGate, add_gate, land_without_gates, remove_gate};
use crate::town::Home;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Add a gate, or replace the one of that name, and let it run on this machine
    Add {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
        /// Run CMD with sh at the top of a clean worktree; exit 0 passes
        #[arg(
            long,
            short,
            value_name = "CMD",
            required_unless_present = "ci",
            conflicts_with = "ci"
        )]
        command: Option<String>,
        /// Ask the CI of the remote instead, with a branch gt-mq/*, and let its check CHECK answer
        #[arg(long, value_name = "CHECK")]
        ci: Option<String>,
        /// Give the CI T to answer, such as 30m or 2h; later is no answer, and nothing lands
        #[arg(long, value_name = "T", default_value = "1h", value_parser = duration, conflicts_with = "command")]
        deadline: Duration,
        /// Stop the command after T, such as 90s, 10m or 2h, and count it as failed
        #[arg(long, value_name = "T", default_value = "1h", value_parser = duration, conflicts_with = "ci")]
        timeout: Duration,
        /// Leave PATH in the worktree between two runs, such as target or node_modules
        #[arg(long, value_name = "PATH", conflicts_with = "ci")]
        keep: Vec<String>,
    },
    /// List the gates
    List {},
    /// Remove a gate
    Remove {
        /// What the gate is called
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Say that work lands in this rig without any gate
    None {},
}

pub(super) fn run(cx: &Context, verb: &Verb) -> Result<Reply> {
    match verb {
        Verb::List {} => list(cx),
        verb => change(cx, &cx.home()?.one_rig()?, verb),
    }
}

fn change(cx: &Context, home: &Home, verb: &Verb) -> Result<Reply> {
    let actor = cx.actor(home.repo());
    match verb {
        Verb::Add {
            name,
            command,
            ci,
            deadline,
            timeout,
            keep,
        } => {
            let check = match ci {
                Some(check) => NewCheck::Ci {
                    check,
                    deadline: Some(*deadline),
                },
                None => NewCheck::Command {
                    command: command.as_deref().unwrap_or_default(),
                    timeout: Some(*timeout),
                    keep,
                },
            };
            let gate = add_gate(home, &actor, &NewGate { name, check })?;
            let text = format!("gate {name} must pass: {}", gate.what());
            let reply = Reply::new(shown(home, &gate), text);
            Ok(match gate.ci() {
                Some(_) => reply.note(
                    "its CI must run for branches gt-mq/** and answer: git gt ci template <kind>",
                ),
                None => reply,
            })
        }
        Verb::List {} => listed(home),
        Verb::Remove { name } => {
            remove_gate(home, &actor, name)?;
            Ok(Reply::new(
                json!({ "removed": name }),
                format!("gate {name} is removed"),
            ))
        }
        Verb::None {} => {
            let gates = home.view().gates()?;
            if !gates.is_empty() {
                return Err(Fault::refused(format!(
                    "this rig has {}",
                    counted(gates.len() as u64, "gate")
                ))
                .hint("remove them first: git gt refinery gate remove <name>"));
            }
            land_without_gates(home, &actor)?;
            let text = format!("rig {} lands without gates", home.rig().name());
            Ok(Reply::new(
                json!({ "rig": home.rig().name(), "gate": "none" }),
                text,
            ))
        }
    }
}

/// Returns the gates of the rig one stands in; in HQ, those of every rig that is here.
fn list(cx: &Context) -> Result<Reply> {
    let mut rigs = cx.homes()?;
    rigs.retain(|home| !home.is_hq());
    if rigs.is_empty() {
        cx.home()?.one_rig()?;
    }
    if let [rig] = &rigs[..] {
        return listed(rig);
    }
    let (mut values, mut all) = (Vec::new(), Reply::new(json!([]), ""));
    for home in &rigs {
        let (rig, reply) = (home.rig().name(), listed(home)?);
        for mut gate in reply.value.as_array().into_iter().flatten().cloned() {
            gate["rig"] = rig.into();
            values.push(gate);
        }
        let lines = reply.text.lines();
        all.text
            .extend(lines.map(|line| format!("{rig:<10} {line}\n")));
        all.notes.extend(reply.notes);
    }
    all.notes.dedup();
    all.value = json!(values);
    Ok(all)
}

/// Returns the gates, and what to do about those that do not run here.
fn listed(home: &Home) -> Result<Reply> {
    let gates = home.view().gates()?;
    let row = |gate: &Gate| {
        let here = if home.accepts(gate) {
            ""
        } else {
            "(not accepted on this machine)"
        };
        vec![gate.name().to_owned(), gate.what(), here.to_owned()]
    };
    let mut text = columns(gates.iter().map(row));
    if gates.is_empty() {
        text = match home.rig().lands_without_gates() {
            true => "none: this rig lands without gates\n".to_owned(),
            false => "none yet, so nothing can land\n".to_owned(),
        };
    }
    let values: Vec<Value> = gates.iter().map(|gate| shown(home, gate)).collect();
    let reply = Reply::new(json!(values), text);
    Ok(if gates.iter().all(|gate| home.accepts(gate)) {
        reply
    } else {
        reply.note("look at it; to let it count here: git gt config accept gate.<name>")
    })
}

fn shown(home: &Home, gate: &Gate) -> Value {
    if let Some(check) = gate.ci() {
        return json!({
            "name": gate.name(),
            "ci": check,
            "deadline_seconds": gate.deadline().as_secs(),
            "definition": gate.definition(),
            "accepted": home.accepts(gate),
        });
    }
    json!({
        "name": gate.name(),
        "command": gate.command(),
        "timeout_seconds": gate.timeout().as_secs(),
        "keep": gate.keep(),
        "definition": gate.definition(),
        "accepted": home.accepts(gate),
    })
}
