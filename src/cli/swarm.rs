//! `git gt swarm`

use serde_json::{Map, Value, json};

use super::Context;
use super::beads::{leaf, resolve_near};
use super::draw::{Cell, Drawing, FAINT, Look, STRONG};
use super::reply::{Exit, Reply};
use crate::bead::{
    Beads, Blockers, Draft, Edit, Graph, TITLE_MAX, Web, is_blocking, make, resolve, set_parent,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Plan an epic's work in waves, and follow it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a swarm for an epic; around what is no epic, make one first
    Create(Create),
    /// List the swarms
    List(List),
    /// Show which children of an epic are done, at work, ready and blocked
    Status(Status),
    /// Show in which waves an epic's children can be worked on; exit code 1 where they cannot
    Validate(Validate),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The epic, or a single bead
    #[arg(value_name = "ID")]
    id: String,
    /// Name who looks after it
    #[arg(long, value_name = "WHO")]
    coordinator: Option<String>,
    /// Make another one where the epic has a swarm
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Status {
    /// The epic, or its swarm
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Validate {
    /// The epic
    #[arg(value_name = "ID")]
    id: String,
    /// Put each child into JSON too
    #[arg(long)]
    verbose: bool,
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Create(args) => create(cx, args),
        Verb::List(args) => list(cx, args),
        Verb::Status(args) => status(cx, args),
        Verb::Validate(args) => validate(cx, args),
    }
}

fn is_epic(bead: &Bead) -> bool {
    ["epic", "molecule"].contains(&bead.issue_type())
}

fn is_swarm(bead: &Bead) -> bool {
    bead.issue_type() == "molecule" && bead.record().text("mol_type") == "swarm"
}

/// Returns the id of the epic that a swarm is for.
fn epic_of(swarm: &Bead) -> Option<&str> {
    let mut ties = swarm.edges().filter(|edge| edge.kind == "relates-to");
    ties.next().map(|edge| edge.target)
}

/// Returns the home and the epic that was typed, or whose swarm was.
fn find(cx: &Context, typed: &str) -> Result<(Home, Bead)> {
    let home = cx.home_of(typed)?;
    let view = home.view();
    let bead = resolve(&view, home.rig().prefix(), typed)?;
    let epic = match epic_of(&bead).filter(|_| is_swarm(&bead)) {
        Some(epic) => resolve_near(&home, &view, epic)?,
        None => bead,
    };
    if !is_epic(&epic) {
        return Err(
            Fault::refused(format!("{} is no epic", epic.id())).hint(format!(
                "make one around it: git gt swarm create {}",
                epic.id()
            )),
        );
    }
    let home = cx.home_of(epic.id())?;
    Ok((home, epic))
}

/// What an epic's children can be worked on in.
struct Plan<'g> {
    web: Web<'g>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

fn plan<'g>(graph: &'g dyn Graph, epic: &Bead) -> Result<Plan<'g>> {
    let web = Web::of(graph.children(epic.id())?);
    let mut warnings = Vec::new();
    if web.rows.is_empty() {
        warnings.push("Epic has no children".to_owned());
    }
    for (row, inside) in web.rows.iter().zip(&web.waits_for) {
        let is_inside = |id: &str| inside.iter().any(|at| web.rows[*at].id() == id);
        let edges = row.edges().filter(|it| is_blocking(it.kind));
        for edge in edges.filter(|it| !is_inside(it.target)) {
            warnings.push(match edge.target.starts_with("external:") {
                true => format!("{} has external dependency: {}", row.id(), edge.target),
                false => format!("{} depends on {} (outside epic)", row.id(), edge.target),
            });
        }
    }
    let circles = web.circles();
    let error = |it: &Vec<&str>| format!("Dependency cycle: {} → {}", it.join(" → "), it[0]);
    let errors = circles.iter().map(error).collect();
    Ok(Plan {
        web,
        warnings,
        errors,
    })
}

impl Plan<'_> {
    fn as_json(&self, epic: &Bead, verbose: bool) -> Value {
        let id = |at: &usize| self.web.rows[*at].id();
        // Where some wait for themselves there is no order.
        let layers = match self.errors.is_empty() {
            true => self.web.layers(),
            false => Vec::new(),
        };
        let fronts = (0..).zip(&layers).map(|(wave, layer): (usize, &Vec<usize>)| {
            json!({ "wave": wave, "issues": layer.iter().map(id).collect::<Vec<_>>() })
        });
        let count = self.web.rows.len();
        let closed = self.web.rows.iter().filter(|row| row.is_closed()).count();
        let widest = layers.iter().map(Vec::len).max().unwrap_or_default();
        let mut value = json!({
            "epic_id": epic.id(), "epic_title": epic.title(), "total_issues": count,
            "closed_issues": closed, "ready_fronts": fronts.collect::<Vec<_>>(),
            "max_parallelism": widest, "estimated_sessions": count, "warnings": self.warnings,
            "errors": self.errors, "swarmable": self.errors.is_empty(),
        });
        if verbose {
            value["issues"] = Value::Object(self.nodes());
        }
        value
    }

    fn nodes(&self) -> Map<String, Value> {
        let rows = &self.web.rows;
        let mut waited_for: Vec<Vec<&str>> = vec![Vec::new(); rows.len()];
        for (row, others) in rows.iter().zip(&self.web.waits_for) {
            others.iter().for_each(|at| waited_for[*at].push(row.id()));
        }
        let waves = self.web.waves();
        let node = |at: usize, row: &BeadRow<'_>| {
            let others = self.web.waits_for[at].iter().map(|it| rows[*it].id());
            let wave = waves[at]
                .and_then(|it| i64::try_from(it).ok())
                .unwrap_or(-1);
            json!({
                "id": row.id(), "title": row.title(), "status": row.status(),
                "priority": row.priority(), "depends_on": others.collect::<Vec<_>>(),
                "depended_on_by": waited_for[at], "wave": wave,
            })
        };
        let nodes = rows.iter().enumerate();
        nodes
            .map(|(at, row)| (row.id().to_owned(), node(at, row)))
            .collect()
    }

    fn draw(&self, drawing: &mut Drawing, epic: &Bead) {
        drawing.add_line(leaf(&BeadRow::of_bead(epic)));
        for (wave, layer) in self.web.layers().iter().enumerate() {
            drawing.add_text(format!("WAVE {wave}"), STRONG);
            for at in layer {
                drawing.add_line([vec![" ".into()], leaf(&self.web.rows[*at])].concat());
            }
        }
        for text in &self.warnings {
            drawing.add_line([Cell::new("warning:", FAINT), text.as_str().into()]);
        }
        for text in &self.errors {
            drawing.add_line([Cell::new("error:", STRONG), text.as_str().into()]);
        }
    }
}

fn validate(cx: &Context, args: &Validate) -> Result<Reply> {
    let (home, epic) = find(cx, &args.id)?;
    let view = home.view();
    let beads = Beads::of(&view);
    let plan = plan(&beads, &epic)?;
    let mut value = plan.as_json(&epic, args.verbose);
    value["schema_version"] = 1.into();
    let mut drawing = Drawing::default();
    plan.draw(&mut drawing, &epic);
    let exit = match plan.errors.is_empty() {
        true => Exit::Done,
        false => Exit::No,
    };
    Ok(Reply::new(value, "").drawn(drawing, args.look).exit(exit))
}

/// How far an epic's children are.
#[derive(Default)]
struct Progress {
    completed: Vec<Value>,
    active: Vec<Value>,
    ready: Vec<Value>,
    blocked: Vec<Value>,
}

impl Progress {
    fn of(graph: &dyn Graph, epic: &str, drawing: &mut Drawing) -> Result<Self> {
        let mut found = Self::default();
        let mut lines: [Vec<Vec<Cell>>; 4] = Default::default();
        let mut children = graph.children(epic)?;
        children.sort_by(|a, b| a.place().cmp(&b.place()));
        for row in children {
            let mut value = json!({ "id": row.id(), "title": row.title() });
            if let Some(who) = row.assignee() {
                value["assignee"] = who.into();
            }
            let blockers = Blockers::new(graph).of(&row)?;
            let (at, list) = if row.is_closed() {
                let closed = row.closed().map(|it| it.to_string());
                value["closed_at"] = closed.into();
                (0, &mut found.completed)
            } else if ["in_progress", "hooked"].contains(&row.status()) {
                (1, &mut found.active)
            } else if blockers.is_empty() {
                (2, &mut found.ready)
            } else {
                value["blocked_by"] = blockers.into();
                (3, &mut found.blocked)
            };
            list.push(value);
            lines[at].push([vec![" ".into()], leaf(&row)].concat());
        }
        let headings = ["COMPLETED", "ACTIVE", "READY", "BLOCKED"]
            .iter()
            .zip(lines);
        for (heading, lines) in headings.filter(|(_, lines)| !lines.is_empty()) {
            drawing.add_text(*heading, STRONG);
            lines.into_iter().for_each(|line| drawing.add_line(line));
        }
        Ok(found)
    }

    fn total(&self) -> usize {
        self.completed.len() + self.active.len() + self.ready.len() + self.blocked.len()
    }

    fn percent(&self) -> f64 {
        match self.total() {
            0 => 0.0,
            total => self.completed.len() as f64 * 100.0 / total as f64,
        }
    }
}

fn status(cx: &Context, args: &Status) -> Result<Reply> {
    let (home, epic) = find(cx, &args.id)?;
    let view = home.view();
    let mut drawing = Drawing::default();
    drawing.add_line(leaf(&BeadRow::of_bead(&epic)));
    let progress = Progress::of(&Beads::of(&view), epic.id(), &mut drawing)?;
    drawing.add_text(
        format!(
            "{} of {} closed, {:.0} %",
            progress.completed.len(),
            progress.total(),
            progress.percent()
        ),
        STRONG,
    );
    let value = json!({
        "epic_id": epic.id(), "epic_title": epic.title(), "total_issues": progress.total(),
        "progress_percent": progress.percent(), "active_count": progress.active.len(),
        "ready_count": progress.ready.len(), "blocked_count": progress.blocked.len(),
        "completed": progress.completed, "active": progress.active, "ready": progress.ready,
        "blocked": progress.blocked, "schema_version": 1,
    });
    Ok(Reply::new(value, "").drawn(drawing, args.look))
}

fn list(cx: &Context, args: &List) -> Result<Reply> {
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for home in cx.homes()? {
        let view = home.view();
        let beads = Beads::of(&view);
        let mut molecules = Vec::new();
        for row in beads.rows(true)? {
            let row = row?;
            if row.issue_type() == "molecule" {
                molecules.push(row);
            }
        }
        for swarm in beads.whole(&molecules)?.into_iter().filter(is_swarm) {
            let epic = epic_of(&swarm).unwrap_or_default();
            let title = beads.find(epic)?.map(|it| it.title().to_owned());
            let progress = Progress::of(&beads, epic, &mut Drawing::default())?;
            rows.push(vec![
                Cell::from(swarm.id()),
                swarm.status().into(),
                format!("{} of {}", progress.completed.len(), progress.total()).into(),
                Cell::cut(swarm.title(), anstyle::Style::new()),
            ]);
            values.push(json!({
                "id": swarm.id(), "title": swarm.title(), "epic_id": epic,
                "epic_title": title.unwrap_or_default(), "status": swarm.status(),
                "coordinator": swarm.assignee().unwrap_or_default(),
                "total_issues": progress.total(), "completed_issues": progress.completed.len(),
                "active_issues": progress.active.len(), "progress_percent": progress.percent(),
            }));
        }
    }
    let is_empty = values.is_empty();
    let value = json!({ "swarms": values, "schema_version": 1 });
    let reply = Reply::new(value, "").drawn(Drawing::table(rows), args.look);
    Ok(match is_empty && !cx.json {
        true => reply.note("No swarms."),
        false => reply,
    })
}

/// A swarm that was made.
struct Made {
    swarm: Bead,
    epic: Bead,
    analysis: Value,
}

/// Makes a swarm, and the epic where there is none, in one commit.
fn create(cx: &Context, args: &Create) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let mut records = Vec::new();
        let bead = resolve(view, home.rig().prefix(), &args.id)?;
        let by = (home.rig().prefix(), actor.as_str());
        let (epic, plan_value) = if is_epic(&bead) {
            let beads = Beads::of(view);
            refuse_second(&beads, &bead, args.force)?;
            let plan = plan(&beads, &bead)?;
            if !plan.errors.is_empty() {
                return Err(Fault::refused(format!(
                    "{} cannot be worked on in waves: {}",
                    bead.id(),
                    plan.errors.join("; ")
                ))
                .hint(format!("see git gt swarm validate {}", bead.id())));
            }
            let value = plan.as_json(&bead, false);
            (bead, value)
        } else {
            let epic = wrapper(view, pen, by, &bead)?;
            let mut child = bead.clone();
            let stamp = pen.stamp(child.record());
            set_parent(view, &mut child, "", &stamp)?;
            child
                .record_mut()
                .set("parent", Some(epic.id().into()), &stamp);
            let web = Web::of(vec![BeadRow::of_bead(&child)]);
            let plan = Plan {
                web,
                warnings: Vec::new(),
                errors: Vec::new(),
            };
            let value = plan.as_json(&epic, false);
            records.extend([epic.record().clone(), child.into_record()]);
            (epic, value)
        };
        let swarm = molecule(view, pen, by, (&epic, args.coordinator.as_deref()))?;
        records.push(swarm.record().clone());
        let subject = format!("create {}: {}", swarm.id(), swarm.title());
        let made = Made {
            swarm,
            epic,
            analysis: plan_value,
        };
        Ok(Decision::write(subject, records, made))
    })?;
    cx.settle(&home);
    let Made {
        swarm,
        epic,
        analysis,
    } = written.value;
    let text = format!("Created swarm {} for {}", swarm.id(), epic.id());
    let value = json!({
        "swarm_id": swarm.id(), "epic_id": epic.id(),
        "coordinator": args.coordinator.as_deref().unwrap_or_default(), "analysis": analysis,
        "schema_version": 1,
    });
    Ok(Reply::new(value, text))
}

/// Refuses a second swarm for an epic that has one.
fn refuse_second(beads: &Beads<'_, '_>, epic: &Bead, force: bool) -> Result<()> {
    let mut tied: Vec<BeadRow<'_>> = beads.leading_to(epic.id())?;
    tied.retain(|row| row.issue_type() == "molecule" && !row.is_closed());
    let whole = beads.whole(&tied)?;
    let known = whole
        .iter()
        .find(|it| is_swarm(it) && epic_of(it) == Some(epic.id()));
    match known.filter(|_| !force) {
        None => Ok(()),
        Some(known) => Err(
            Fault::refused(format!("swarm already exists: {}", known.id()))
                .hint("make another one all the same: --force"),
        ),
    }
}

/// Returns an epic for a single bead.
fn wrapper(view: &View<'_>, pen: &Pen<'_>, by: (&str, &str), bead: &Bead) -> Result<Bead> {
    let draft = Draft {
        title: cut_title(&format!("Swarm Epic: {}", bead.title())),
        fields: Edit {
            issue_type: Some("epic".to_owned()),
            priority: Some(bead.priority()),
            ..Edit::default()
        },
        ..Draft::default()
    };
    Ok(make(view, pen, by, &draft)?.0)
}

/// Returns the swarm of an epic, which may not be written yet.
fn molecule(
    view: &View<'_>,
    pen: &Pen<'_>,
    by: (&str, &str),
    (epic, coordinator): (&Bead, Option<&str>),
) -> Result<Bead> {
    let draft = Draft {
        title: cut_title(&format!("Swarm: {}", epic.title())),
        fields: Edit {
            issue_type: Some("molecule".to_owned()),
            priority: Some(epic.priority()),
            assignee: coordinator.map(str::to_owned),
            texts: vec![("mol_type", "swarm".to_owned())],
            ..Edit::default()
        },
        ..Draft::default()
    };
    let (mut swarm, _) = make(view, pen, by, &draft)?;
    let stamp = pen.stamp(swarm.record());
    let kind = Some("relates-to".into());
    swarm
        .record_mut()
        .set_entry("deps", epic.id(), kind, &stamp);
    Ok(swarm)
}

/// Returns as much of a title as a title may have.
fn cut_title(title: &str) -> String {
    title.chars().take(TITLE_MAX).collect()
}
