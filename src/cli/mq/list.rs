//! `git gt mq list` and `next`: what waits to land, in order.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Context, as_json, freeze, homes, title};
use crate::cli::reply::{Reply, columns};
use crate::fault::{Fault, Result};
use crate::mq::{self, Held, Line};
use crate::record::{Request, RequestStatus};
use crate::town::{Home, View};

/// How many folders of beads are looked through for an epic.
const DEPTH_MAX: usize = 10;

/// What is listed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rig, instead of the one you stand in
    #[arg(value_name = "RIG")]
    of_rig: Option<String>,
    /// List what is finished, too
    #[arg(long)]
    all: bool,
    /// List only what may land now
    #[arg(long, conflicts_with_all = ["all", "status"])]
    ready: bool,
    /// List only what is STATUS: queued, held, landed, ejected, conflict, rejected, cancelled
    #[arg(long, short, value_name = "STATUS")]
    status: Option<String>,
    /// List only WHO's
    #[arg(long, value_name = "WHO")]
    worker: Option<String>,
    /// List only what is for beads below EPIC
    #[arg(long, value_name = "ID")]
    epic: Option<String>,
}

/// Which line is asked about.
#[derive(Debug, clap::Args)]
pub(super) struct Next {
    /// The rig, instead of the one you stand in
    #[arg(value_name = "RIG")]
    of_rig: Option<String>,
    /// The branch it lands on, instead of the rig's target
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// Print only ids
    #[arg(long, short)]
    quiet: bool,
}

/// Returns the lines of a home, by their branches.
fn lines(cx: &Context, home: &Home, view: &View<'_>) -> Result<BTreeMap<String, Line>> {
    let (rig, now) = (home.rig().name(), cx.world.now());
    let mut lines = BTreeMap::new();
    for target in mq::targets(view, rig)? {
        let line = mq::line(view, rig, &target, now)?;
        lines.insert(target, line);
    }
    Ok(lines)
}

/// Returns requests in the order in which they land: line by line what may, then what is held, then the rest.
fn ordered(lines: &BTreeMap<String, Line>, all: Vec<Request>) -> Vec<Request> {
    let free = lines.values().flat_map(Line::requests);
    let held = lines.values().flat_map(|line| &line.held);
    let places: BTreeMap<&str, usize> = free
        .chain(held.map(|(request, _)| request))
        .map(Request::id)
        .zip(0..)
        .collect();
    let mut all = mq::sorted(all);
    all.sort_by_key(|it| places.get(it.id()).copied().unwrap_or(usize::MAX));
    all
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let wanted = match args.status.as_deref() {
        None => None,
        Some(word) => Some(RequestStatus::parse(word).ok_or_else(|| {
            Fault::invalid(format!("'{word}' is no status of a merge request"))
                .hint("queued, held, landed, ejected, conflict, rejected, cancelled")
        })?),
    };
    let (mut values, mut rows, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for home in homes(cx, args.of_rig.as_deref())? {
        let view = home.view();
        let lines = lines(cx, &home, &view)?;
        let requests = match args.all || wanted.is_some() {
            true => view.requests(),
            false => view.live_requests(),
        };
        for request in ordered(&lines, requests?) {
            let line = lines.get(request.target()).filter(|_| request.is_live());
            let held = line.and_then(|line| line.held(request.id()));
            let status = match held {
                Some(_) => RequestStatus::Held,
                None => request.status(),
            };
            let shown = match wanted {
                Some(wanted) => status == wanted,
                None => args.all || request.is_live() && !(args.ready && held.is_some()),
            };
            let worker = args.worker.as_deref();
            let is_theirs = worker.is_none_or(|who| is_of(request.worker(), who));
            if !shown || !is_theirs || !is_below(&view, &home, args, &request)? {
                continue;
            }
            values.push(as_json(&view, &request, held)?);
            let mut row = row(&view, &request, status)?;
            row.push(how(&request, held));
            rows.push(row);
        }
        let frozen = lines.values().filter_map(|line| line.frozen.as_ref());
        notes.extend(frozen.map(freeze::as_text));
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = match (args.all, args.status.is_some() || args.ready) {
            (true, _) => "nothing was ever queued\n",
            (false, true) => "nothing in the queue is so\n",
            (false, false) => "nothing waits to land\n",
        }
        .to_owned();
    }
    let reply = Reply::new(json!(values), text);
    Ok(notes.into_iter().fold(reply, Reply::note))
}

fn row(view: &View<'_>, request: &Request, status: RequestStatus) -> Result<Vec<String>> {
    let title = match request.bead() {
        "" => request.branch().to_owned(),
        bead => title(view, bead)?,
    };
    Ok(vec![
        request.id().to_owned(),
        status.to_string(),
        request.bead().to_owned(),
        request.worker().to_owned(),
        title,
    ])
}

/// Returns with what and behind what a request lands, and what it waits for; empty where it is as usual.
fn how(request: &Request, held: Option<&Held>) -> String {
    let after: Vec<&str> = request.after().collect();
    let parts = [
        Some(request.group())
            .filter(|it| !it.is_empty())
            .map(|it| format!("group {it}")),
        (!after.is_empty()).then(|| format!("after {}", after.join(" "))),
        held.map(ToString::to_string),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns whether a worker is the one that was typed: an address, or the name at its end.
fn is_of(worker: &str, typed: &str) -> bool {
    worker == typed || worker.rsplit('/').next() == Some(typed)
}

fn is_below(view: &View<'_>, home: &Home, args: &Args, request: &Request) -> Result<bool> {
    let Some(typed) = &args.epic else {
        return Ok(true);
    };
    let epic = crate::bead::resolve(view, home.rig().prefix(), typed)?;
    let mut at = request.bead().to_owned();
    for _ in 0..DEPTH_MAX {
        if at == epic.id() {
            return Ok(true);
        }
        let bead = view.readable_bead(&at)?;
        match bead.as_ref().and_then(|it| it.parent()) {
            Some(parent) => at = parent.to_owned(),
            None => return Ok(false),
        }
    }
    Ok(false)
}

pub(super) fn next(cx: &Context, args: &Next) -> Result<Reply> {
    let home = match args.of_rig.as_deref() {
        Some(rig) => cx.home()?.at_rig(rig)?,
        None => cx.home()?.one_rig()?,
    };
    let target = home.target(args.target.as_deref())?.branch;
    let view = home.view();
    let line = mq::line(&view, home.rig().name(), &target, cx.world.now())?;
    let Some(item) = line.items.first() else {
        let text = match (args.quiet, line.held.len()) {
            (true, _) => String::new(),
            (false, 0) => format!("nothing waits to land on {target}"),
            (false, held) => {
                format!("nothing may land on {target} now; {held} held: git gt mq list")
            }
        };
        return Ok(Reply::new(json!({ "together": [] }), text));
    };
    let ids: Vec<&str> = item.requests.iter().map(Request::id).collect();
    let mut value = as_json(&view, &item.requests[0], None)?;
    value["together"] = json!(ids);
    let text = match args.quiet {
        true => ids.iter().map(|id| format!("{id}\n")).collect(),
        false => {
            let rows = item.requests.iter();
            let rows = rows.map(|it| row(&view, it, it.status()));
            columns(rows.collect::<Result<Vec<_>>>()?)
        }
    };
    Ok(Reply::new(value, text))
}
