//! `git gt status`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Context;
use super::done::counted;
use super::reply::{Reply, columns, printable};
use crate::agent::{self, Duty};
use crate::bead::{Beads, Graph as _, TownBeads, is_ready};
use crate::convoy::{Stand, stands};
use crate::fault::{Fault, Result};
use crate::mail::{self, Inbox};
use crate::record::Convoy;
use crate::town::{Home, View, machine};

/// Show the town, or the rig, at a glance: who works, what waits, what is done
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// What goes on in a rig.
struct Glance {
    home: Home,
    agents: Vec<agent::Standing>,
    /// Who ended without `git gt done`, each with a remark.
    left: Vec<(String, String)>,
    ready: usize,
    in_progress: usize,
    blocked: usize,
    queued: usize,
    /// The titles of what the agents have on their hooks.
    titles: BTreeMap<String, String>,
}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let mut rigs = Vec::new();
    for rig in cx.homes()? {
        if !rig.is_hq() {
            rigs.push(look(rig)?);
        }
    }
    let actor = cx.actor(home.repo());
    let unread = unread(&home, &actor)?;
    let convoys = convoys(&home)?;
    let away = away(cx, &home)?;
    let value = as_json(&home, (&actor, unread), &rigs, &convoys, &away);
    let mut text = format!("{}\n", home.town_root().display());
    text.push_str(&format!("  {actor}: {unread} unread\n"));
    for rig in &rigs {
        text.push_str(&said(rig));
    }
    for name in &away {
        text.push_str(&format!(
            "\n{name}  not on this machine: git gt rig add {name}\n"
        ));
    }
    if !convoys.is_empty() {
        let rows = convoys.iter().map(|(convoy, done, total)| {
            vec![
                format!("  {}", convoy.id()),
                format!("{done}/{total}"),
                convoy.title().to_owned(),
            ]
        });
        text.push_str(&format!("\nconvoys\n{}", columns(rows)));
    }
    Ok(Reply::new(value, printable(&text)))
}

/// Returns the names of rigs of the town that have no clone here.
fn away(cx: &Context, home: &Home) -> Result<Vec<String>> {
    if cx.rig.is_some() || !home.is_hq() {
        return Ok(Vec::new());
    }
    let mut away = Vec::new();
    for rig in home.rigs()? {
        match home.at_rig(rig.name()) {
            Ok(_) => {}
            Err(Fault::NotFound(_)) => away.push(rig.name().to_owned()),
            Err(fault) => return Err(fault),
        }
    }
    Ok(away)
}

fn unread(home: &Home, actor: &str) -> Result<usize> {
    let inbox = Inbox::of(actor, &machine(home.repo()));
    let kept = mail::mailbox(home, actor)?;
    let now = home.world().now();
    Ok(mail::new_mail(&kept.view(), &inbox, now)?.len())
}

fn look(home: Home) -> Result<Glance> {
    let now = home.world().now();
    let view = home.view();
    let beads = Beads::of(&view);
    let (mut ready, mut in_progress, mut blocked) = (0, 0, 0);
    for bead in beads.rows(false)? {
        let bead = bead?;
        match bead.holder() {
            Some(_) => in_progress += 1,
            None if is_ready(&beads, &bead, now)? => ready += 1,
            None => blocked += 1,
        }
    }
    let agents = agent::agents(&home)?;
    let mut titles = BTreeMap::new();
    for agent in &agents {
        if let Some(bead) = beads.find(&agent.hook.bead)? {
            titles.insert(agent.hook.bead.clone(), bead.title().to_owned());
        }
    }
    let queued = view.live_requests()?.len();
    drop(view);
    Ok(Glance {
        agents,
        left: left(&home)?,
        queued,
        ready,
        in_progress,
        blocked,
        titles,
        home,
    })
}

/// Returns open convoys with how many of their beads are closed, and how many there are.
fn convoys(home: &Home) -> Result<Vec<(Convoy, usize, usize)>> {
    let view = home.view();
    let all = view.open_convoys()?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    let part = |convoy: Convoy| {
        let stands = stands(&view, &convoy, &beads)?;
        Ok((convoy, stands.count(Stand::Closed), stands.total()))
    };
    all.into_iter().map(part).collect()
}

fn said(rig: &Glance) -> String {
    let running = rig.agents.iter().filter(|it| it.alive).count();
    let mut text = format!(
        "\n{}  {} ready, {} under way, {} waiting, {} in the queue; {}, {running} running\n",
        rig.home.rig().name(),
        rig.ready,
        rig.in_progress,
        rig.blocked,
        rig.queued,
        counted(rig.agents.len() as u64, "agent"),
    );
    let rows = rig.agents.iter().filter(|it| it.alive).map(|it| {
        let title = rig.titles.get(&it.hook.bead).cloned();
        vec![
            format!("  {}", it.hook.agent),
            it.hook.bead.clone(),
            title.unwrap_or_default(),
        ]
    });
    text.push_str(&columns(rows));
    let rows = rig
        .left
        .iter()
        .map(|(agent, remark)| vec![format!("  {agent}"), remark.clone()]);
    text.push_str(&columns(rows));
    text
}

/// Returns the agents whose session ended and whose bead is still theirs, with what to do about each.
fn left(home: &Home) -> Result<Vec<(String, String)>> {
    let mut all = agent::conditions(home)?;
    all.retain(|it| it.duty == Duty::Holds && it.standing.session.is_some());
    let told = all.into_iter().map(|it| (it.remark(), it));
    let told = told.filter(|(remark, _)| !remark.is_empty());
    Ok(told
        .map(|(remark, it)| (it.standing.hook.agent, remark))
        .collect())
}

fn as_json(
    home: &Home,
    (actor, unread): (&str, usize),
    rigs: &[Glance],
    convoys: &[(Convoy, usize, usize)],
    away: &[String],
) -> Value {
    let agent = |it: &agent::Standing| json!({ "address": it.hook.agent, "hook_bead": it.hook.bead, "running": it.alive });
    let rig = |it: &Glance| {
        json!({
            "name": it.home.rig().name(),
            "prefix": it.home.rig().prefix(),
            "path": it.home.hooks_dir().display().to_string(),
            "agents": it.agents.iter().map(agent).collect::<Vec<_>>(),
            "ready": it.ready,
            "in_progress": it.in_progress,
            "blocked": it.blocked,
            "queued": it.queued,
        })
    };
    let convoy = |(convoy, done, total): &(Convoy, usize, usize)| json!({ "id": convoy.id(), "title": convoy.title(), "completed": done, "total": total });
    json!({
        "root": home.town_root().display().to_string(),
        "actor": actor,
        "unread": unread,
        "rigs": rigs.iter().map(rig).collect::<Vec<_>>(),
        "away": away,
        "convoys": convoys.iter().map(convoy).collect::<Vec<_>>(),
    })
}
