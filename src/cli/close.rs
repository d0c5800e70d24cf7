//! `git gt close`

use serde_json::{Map, Value, json};

use super::beads::{claiming, meant, several};
use super::reply::{Reply, printable};
use super::{Context, input};
use crate::bead::{
    Beads, Blockers, Filter, Graph, Order, check_closable, is_blocking, is_ready, issue,
    missing_sections, resolve,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Close beads: the work is done, or will not be
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// The beads, by their ids or a part of them; without one, the bead that was last changed here
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Say why; several times for several beads
    #[arg(short, long, visible_alias = "message", short_alias = 'm', aliases = ["comment", "resolution"], value_name = "TEXT", allow_hyphen_values = true)]
    reason: Vec<String>,
    /// Read why from FILE, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "reason")]
    reason_file: Option<String>,
    /// Close what is blocked, pinned, a template or an epic with open children too
    #[arg(short, long)]
    force: bool,
    /// Close what is below it first
    #[arg(long)]
    cascade: bool,
    /// Name the session that worked on it
    #[arg(long, value_name = "WORD")]
    session: Option<String>,
    #[command(flatten)]
    next: Next,
}

/// What comes after.
#[derive(Debug, Default, clap::Args)]
struct Next {
    /// Show what can be begun now because of it
    #[arg(long)]
    suggest_next: bool,
    /// Claim the most urgent bead that can be begun
    #[arg(long, conflicts_with = "suggest_next")]
    claim_next: bool,
    /// Claim the next step below the same parent
    #[arg(long = "continue", id = "continue", conflicts_with_all = ["suggest_next", "claim_next"])]
    go_on: bool,
    /// Show the next step without claiming it
    #[arg(long, requires = "continue")]
    no_auto: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let ids = meant(cx, &args.ids)?;
    let reasons = args.reasons(cx, ids.len())?;
    let here = cx.home()?;
    let (mut touched, mut done, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    let mut notes = Vec::new();
    for (typed, reason) in ids.iter().zip(&reasons) {
        let closed = here.of_bead(typed).and_then(|home| {
            let closed = one(cx, args, &home, (typed, reason))?;
            Ok((home, closed))
        });
        match closed {
            Ok((home, closed)) => {
                if home.own_shared("validation.on-close") == Some("warn") {
                    notes.extend(closed.iter().filter_map(unsaid));
                }
                touched.push(home);
                done.extend(closed);
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle_all(touched);
    let values: Vec<Value> = done.iter().map(|it| Value::Object(issue(it))).collect();
    let text: String = done.iter().map(told).collect();
    let mut reply = match values.is_empty() {
        true => several(values, text, faults),
        // They are closed, whatever comes of what is next.
        false => match args.next.after(cx, &done, (values.clone(), text.clone())) {
            Ok(reply) => reply.with_faults(faults),
            Err(fault) => {
                faults.push(fault);
                several(values, text, faults)
            }
        },
    };
    reply.notes.extend(notes);
    Ok(reply)
}

fn told(bead: &Bead) -> String {
    format!("Closed {}{}\n", bead.id(), printable(&why(bead)))
}

fn why(bead: &Bead) -> String {
    match bead.close_reason() {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}

/// Returns what is said of a bead whose text has not the sections that its type asks for.
fn unsaid(bead: &Bead) -> Option<String> {
    let missing = missing_sections(bead);
    let said = format!("{} has no section: {}", bead.id(), missing.join(", "));
    (!missing.is_empty()).then_some(said)
}

impl Args {
    /// Returns what closes some beads for a reason.
    pub(super) fn of(ids: &[String], reason: Option<&str>) -> Self {
        Self {
            ids: ids.to_vec(),
            reason: reason.map(str::to_owned).into_iter().collect(),
            ..Self::default()
        }
    }

    /// Returns the reason for each of the beads.
    fn reasons(&self, cx: &Context, count: usize) -> Result<Vec<String>> {
        let said = match &self.reason_file {
            Some(file) => vec![input::text(cx, file)?],
            None => self.reason.clone(),
        };
        let said: Vec<String> = said.iter().map(|it| it.trim().to_owned()).collect();
        match said.len() {
            0 => Ok(vec![String::new(); count]),
            1 => Ok(vec![said[0].clone(); count]),
            many if many == count => Ok(said),
            many => Err(Fault::invalid(format!("{many} reasons for {count} beads"))
                .hint("give one reason for all of them, or one for each")),
        }
    }
}

/// Closes the bead that was typed, with what is below it where that is asked for; returns those that were, the
/// one that was typed last.
///
/// After a crash all of it is closed or nothing.
fn one(cx: &Context, args: &Args, home: &Home, (typed, reason): (&str, &str)) -> Result<Vec<Bead>> {
    let actor = cx.actor(home.repo());
    let session = args.session.as_deref();
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let bead = resolve(view, home.rig().prefix(), typed)?;
        let mut all = match args.cascade {
            true => below(view, &bead)?,
            false => Vec::new(),
        };
        if !bead.is_closed() && !args.force {
            check(view, &bead, args.cascade)?;
        }
        all.push(bead);
        let mut changed = Vec::new();
        for bead in &mut all {
            if !bead.is_closed() {
                close(pen, bead, reason, session);
                changed.push(bead.record().clone());
            }
        }
        let bead = all.last().expect("it was put there");
        let subject = format!("close {}{}", bead.id(), why(bead));
        Ok(Decision::write(subject, changed, all))
    })?;
    Ok(written.value)
}

fn close(pen: &Pen<'_>, bead: &mut Bead, reason: &str, session: Option<&str>) {
    let stamp = pen.stamp(bead.record());
    bead.close(reason, &stamp);
    if let Some(session) = session {
        bead.set_session(session, &stamp);
    }
}

fn check(view: &View<'_>, bead: &Bead, cascade: bool) -> Result<()> {
    // Its children are closed together with it.
    if !(cascade && bead.issue_type() == "epic") {
        check_closable(&Beads::of(view), bead)?;
    }
    match (view.own_shared("validation.on-close"), unsaid(bead)) {
        (Some("error"), Some(said)) => Err(Fault::refused(said).hint(format!(
            "close it all the same: git gt close {} --force",
            bead.id()
        ))),
        _ => Ok(()),
    }
}

/// Returns the open beads below one, the deepest first.
fn below(view: &View<'_>, bead: &Bead) -> Result<Vec<Bead>> {
    let beads = Beads::of(view);
    let (mut found, mut next) = (Vec::new(), vec![bead.id().to_owned()]);
    while let Some(parent) = next.pop() {
        for child in beads.children(&parent)? {
            let known = found.iter().any(|it: &Bead| it.id() == child.id());
            if known || child.id() == bead.id() {
                continue;
            }
            next.push(child.id().to_owned());
            found.extend(view.bead(child.id())?);
        }
    }
    found.retain(|it| !it.is_closed());
    found.reverse();
    Ok(found)
}

impl Next {
    /// Returns the reply with what comes after the beads that were closed.
    fn after(
        &self,
        cx: &Context,
        closed: &[Bead],
        (values, mut text): (Vec<Value>, String),
    ) -> Result<Reply> {
        let last = closed.last().expect("something was closed");
        let home = cx.home_of(last.id())?;
        let with = |key: &str, value: Value| {
            let fields = [
                ("closed".to_owned(), values.clone().into()),
                (key.to_owned(), value),
            ];
            super::beads::object(Map::from_iter(fields))
        };
        let value = if self.suggest_next {
            let unblocked = unblocked(&home, closed)?;
            let lines = unblocked
                .iter()
                .map(|it| format!("now ready: {}  {}\n", it.id(), it.title()));
            text.extend(lines);
            let unblocked = unblocked.iter().map(|it| Value::Object(issue(it)));
            with("unblocked", unblocked.collect())
        } else if self.claim_next {
            let claimed = claim_first(cx, &home, None)?;
            let said = claimed
                .as_ref()
                .map(|it| format!("claimed {}  {}\n", it.id(), it.title()));
            text.push_str(&said.unwrap_or_else(|| "nothing can be begun now\n".to_owned()));
            with(
                "claimed",
                claimed.map_or(Value::Null, |it| issue(&it).into()),
            )
        } else if self.go_on {
            let (value, said) = self.step(cx, &home, closed)?;
            text.push_str(&said);
            with("continue", value)
        } else {
            values.into()
        };
        Ok(Reply::new(value, text))
    }

    /// Goes on with the next step below the parent of the last bead that was closed.
    fn step(&self, cx: &Context, home: &Home, closed: &[Bead]) -> Result<(Value, String)> {
        let last = closed.last().expect("something was closed");
        let Some(parent) = last.parent() else {
            return Ok((
                Value::Null,
                format!("{} is no step of anything\n", last.id()),
            ));
        };
        let view = home.view();
        let beads = Beads::of(&view);
        let children = beads.children(parent)?;
        let complete = !children.is_empty() && children.iter().all(BeadRow::is_closed);
        let next = match self.no_auto {
            true => first(cx, &view, Some(parent))?,
            false => claim_first(cx, home, Some(parent))?,
        };
        let said = match &next {
            Some(it) if self.no_auto => format!("next: {}  {}\n", it.id(), it.title()),
            Some(it) => format!("claimed {}  {}\n", it.id(), it.title()),
            None if complete => format!("{parent} is complete\n"),
            None => format!("nothing below {parent} can be begun now\n"),
        };
        let value = json!({
            "closed_step": issue(last),
            "next_step": next.as_ref().map(issue),
            "auto_advanced": next.is_some() && !self.no_auto,
            "molecule_complete": complete,
            "molecule_id": parent,
        });
        Ok((value, said))
    }
}

/// Returns what waited for beads that are closed now, and waits for nothing any more.
fn unblocked(home: &Home, closed: &[Bead]) -> Result<Vec<Bead>> {
    let view = home.view();
    let beads = Beads::of(&view);
    let mut found = Vec::new();
    for bead in closed {
        for row in beads.leading_to(bead.id())? {
            let waited = row
                .edges()
                .any(|it| it.target == bead.id() && is_blocking(it.kind));
            let known = found.iter().any(|it: &Bead| it.id() == row.id());
            if waited && !known && !row.is_closed() && !Blockers::new(&beads).block(&row)? {
                found.extend(view.bead(row.id())?);
            }
        }
    }
    Ok(found)
}

/// Returns the most urgent bead that can be begun, below a parent where one is named.
fn first(cx: &Context, view: &View<'_>, parent: Option<&str>) -> Result<Option<Bead>> {
    let beads = Beads::of(view);
    let now = cx.world.now();
    let mut rows: Box<dyn Iterator<Item = Result<BeadRow<'_>>>> = match parent {
        Some(parent) => {
            let mut children = beads.children(parent)?;
            Order::Priority.sort(&mut children, false, now, |row| row);
            Box::new(children.into_iter().map(Ok))
        }
        None => Box::new(beads.rows(false)?),
    };
    let free = Filter {
        unassigned: true,
        ..Filter::default()
    };
    let found = rows.find_map(|row| {
        let found = row.and_then(|row| {
            let fits = free.of_row(&row).unwrap_or(true) && is_ready(&beads, &row, now)?;
            Ok(fits.then(|| row.id().to_owned()))
        });
        found.transpose()
    });
    found.map_or(Ok(None), |id| view.bead(&id?))
}

/// Claims the most urgent bead that can be begun, below a parent where one is named.
///
/// After a crash it is claimed or it is not.
fn claim_first(cx: &Context, home: &Home, parent: Option<&str>) -> Result<Option<Bead>> {
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        match first(cx, view, parent)? {
            Some(bead) => claiming(pen, bead, &actor),
            None => Ok(Decision::nothing(None)),
        }
    })?;
    cx.settle(home);
    Ok(written.value)
}
