//! `git gt agents`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::agent::pulse::Pulse;
use crate::agent::{self, Look, Standing};
use crate::fault::Result;
use crate::town::{Home, role_of};

/// Show every agent: on what, since when, alive or not, where its log is
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for home in cx.homes()? {
        let (found, lines) = of_home(&home)?;
        values.extend(found);
        rows.extend(lines);
    }

    let mut text = String::new();
    for (line, row) in columns(rows.iter().map(|row| row[..5].to_vec()))
        .lines()
        .zip(&rows)
    {
        text.push_str(&format!("{line}\n"));
        for more in row[5..].iter().filter(|it| !it.is_empty()) {
            text.push_str(&format!("    {more}\n"));
        }
    }
    if text.is_empty() {
        text = "no agents here yet: git gt sling <bead>\n".to_owned();
    }
    Ok(Reply::new(json!(values), text))
}

/// Returns the agents of a home as JSON and as cells: five of a line, and what stands below it.
fn of_home(home: &Home) -> Result<(Vec<Value>, Vec<[String; 8]>)> {
    let view = home.view();
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    let look = Look::at(home)?;
    for standing in agent::agents(home)? {
        let condition = look.condition(standing)?;
        let (standing, remark) = (&condition.standing, condition.remark());
        let hook = &standing.hook;
        let bead = view.readable_bead(&hook.bead)?;
        let title = bead
            .as_ref()
            .map(|it| it.title().to_owned())
            .unwrap_or_default();
        let status = bead.as_ref().map_or("missing", |bead| bead.status());
        let state = state(standing);
        let session = standing.session.as_ref();
        let log = session
            .map(|it| it.log.display().to_string())
            .unwrap_or_default();
        let pulse = Pulse::find(home, &hook.agent)?;
        let heartbeat = pulse.as_ref().map(Pulse::value);
        values.push(json!({
            "heartbeat": heartbeat,
            "name": hook.name(),
            "address": hook.agent,
            "role": role_of(&hook.agent),
            "rig": home.rig().name(),
            "running": standing.alive,
            "state": state,
            "hook_bead": hook.bead,
            "work_title": title,
            "bead_status": status,
            "since": session.map_or(&hook.since, |it| &it.started),
            "runtime": session.map(|it| it.runtime.clone()).unwrap_or_default(),
            "branch": hook.branch,
            "path": hook.path.display().to_string(),
            "log": log,
            "remark": remark,
        }));
        let since = session.map_or(&hook.since, |it| &it.started).clone();
        rows.push([
            hook.agent.clone(),
            state,
            hook.bead.clone(),
            since,
            title,
            log,
            pulse.as_ref().map(said).unwrap_or_default(),
            remark,
        ]);
    }
    Ok((values, rows))
}

/// Returns what an agent said of itself, where that is worth a line.
fn said(pulse: &Pulse) -> String {
    if pulse.message.is_empty() && pulse.state != "stuck" {
        return String::new();
    }
    format!("{} at {}: {}", pulse.state, pulse.at, pulse.message)
}

fn state(standing: &Standing) -> String {
    match &standing.session {
        _ if standing.alive => "running".to_owned(),
        None => "by hand".to_owned(),
        Some(session) if session.ended.is_empty() => "lost".to_owned(),
        Some(session) => session.outcome.clone(),
    }
}
