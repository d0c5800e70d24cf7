//! `git gt graph`

mod chart;

use serde_json::{Map, Value, json};

use super::Context;
use super::beads::leaf;
use super::draw::{Cell, Drawing, FAINT, Look, STRONG, tree};
use super::reply::{Exit, Reply};
use crate::bead::{Beads, Filter, TownBeads, Web, forest, issue, resolve};
use crate::fault::{Fault, Result};
use crate::record::BeadRow;
use crate::town::{Home, View};

/// Draw what beads wait for
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The bead, with everything that is tied to it
    #[arg(value_name = "ID", conflicts_with = "all")]
    id: Option<String>,
    /// Draw all beads that are not closed
    #[arg(long)]
    all: bool,
    /// Draw one line for each bead, below its parent
    #[arg(long, group = "shape")]
    compact: bool,
    /// Draw a box for each bead
    #[arg(long = "box", group = "shape")]
    boxes: bool,
    /// Print a graph for Graphviz
    #[arg(long, group = "shape")]
    dot: bool,
    /// Print a page for a browser
    #[arg(long, group = "shape")]
    html: bool,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Look for beads that wait for themselves; exit code 1 where there are some
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    if let Some(Verb::Check(args)) = &args.verb {
        return check(cx, args);
    }
    let homes = match &args.id {
        Some(_) => cx.home()?.hq()?.all_here()?,
        None => cx.homes()?,
    };
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    let (root, webs) = match &args.id {
        Some(typed) => {
            let home = cx.home_of(typed)?;
            let root = resolve(&home.view(), home.rig().prefix(), typed)?;
            let web = Web::around(&beads, BeadRow::of_bead(&root))?;
            (Some(root.id().to_owned()), vec![web])
        }
        None if args.all => (None, live(&views)?.parts()),
        None => {
            return Err(Fault::invalid("which bead?").hint("git gt graph ID; git gt graph --all"));
        }
    };
    if args.dot || args.html {
        let text = match args.dot {
            true => chart::dot(&webs),
            false => chart::html(&webs),
        };
        return Ok(Reply::new(Value::from(text.as_str()), text).exact());
    }
    if cx.json {
        let shown = webs.iter().map(|web| as_json(&beads, web, root.as_deref()));
        let mut shown: Vec<Value> = shown.collect::<Result<_>>()?;
        return Ok(match (&root, shown.pop()) {
            (Some(_), Some(mut one)) => {
                one["schema_version"] = 1.into();
                Reply::new(one, "")
            }
            (_, last) => {
                shown.extend(last);
                Reply::new(shown.into(), "")
            }
        });
    }
    let mut drawing = Drawing::default();
    for web in &webs {
        if !drawing.is_empty() {
            drawing.add_text("─".repeat(60), FAINT);
        }
        draw(&mut drawing, web, args);
    }
    let is_empty = drawing.is_empty();
    let reply = Reply::new(Value::Null, "").drawn(drawing, args.look);
    Ok(match is_empty {
        true => reply.note("No open issues."),
        false => reply,
    })
}

/// Returns the beads that are not closed, of all homes.
fn live<'v>(views: &'v [View<'_>]) -> Result<Web<'v>> {
    let filter = Filter::default();
    let mut rows = Vec::new();
    for beads in views.iter().map(Beads::of) {
        for row in beads.rows(false)? {
            let row = row?;
            if filter.of_row(&row).unwrap_or(true) {
                rows.push(row);
            }
        }
    }
    Ok(Web::of(rows))
}

fn draw(drawing: &mut Drawing, web: &Web<'_>, args: &Args) {
    if args.compact {
        let rows: Vec<&BeadRow<'_>> = web.rows.iter().collect();
        let lines = forest(&rows).into_iter();
        drawing.add(tree(
            lines.map(|(depth, at)| (depth, line(web, at))).collect(),
        ));
        return;
    }
    for (number, layer) in web.layers().iter().enumerate() {
        let heading = match number {
            0 => "LAYER 0, which waits for nothing here".to_owned(),
            _ => format!("LAYER {number}"),
        };
        drawing.add_text(heading, STRONG);
        for at in layer {
            match args.boxes {
                true => drawing.add(chart::boxed(web, *at)),
                false => drawing.add_line([vec![" ".into()], line(web, *at)].concat()),
            }
        }
    }
    for circle in web.circles() {
        drawing.add_text(said(&circle), STRONG);
    }
}

/// Returns a bead as a line, with what it waits for.
fn line(web: &Web<'_>, at: usize) -> Vec<Cell> {
    let mut cells = leaf(&web.rows[at]);
    let others = &web.waits_for[at];
    if !others.is_empty() {
        let ids: Vec<&str> = others.iter().map(|it| web.rows[*it].id()).collect();
        cells.push(Cell::new(format!("← {}", ids.join(", ")), FAINT));
    }
    cells
}

fn said(circle: &[&str]) -> String {
    format!("CIRCLE {} → {}", circle.join(" → "), circle[0])
}

/// Returns a web with its layout.
fn as_json(beads: &TownBeads<'_, '_>, web: &Web<'_>, root: Option<&str>) -> Result<Value> {
    let layers = web.layers();
    let (mut issues, mut nodes) = (Vec::new(), Map::new());
    let mut place = vec![(-1_i64, 0); web.rows.len()];
    for (layer, places) in (0..).zip(&layers) {
        for (position, at) in places.iter().enumerate() {
            place[*at] = (layer, position);
        }
    }
    let root = root.or_else(|| web.rows.first().map(BeadRow::id));
    let mut whole_root = Value::Null;
    for (at, row) in web.rows.iter().enumerate() {
        let Some(bead) = beads.whole(row.id())? else {
            continue;
        };
        let bead = Value::Object(issue(&bead));
        let others = web.waits_for[at].iter().map(|it| web.rows[*it].id());
        let node = json!({
            "Issue": bead, "Layer": place[at].0, "Position": place[at].1,
            "DependsOn": others.collect::<Vec<_>>(),
        });
        nodes.insert(row.id().to_owned(), node);
        if root == Some(row.id()) {
            whole_root = bead.clone();
        }
        issues.push(bead);
    }
    let ids =
        |layer: &Vec<usize>| -> Vec<&str> { layer.iter().map(|at| web.rows[*at].id()).collect() };
    let layers: Vec<Vec<&str>> = layers.iter().map(ids).collect();
    Ok(json!({
        "root": whole_root, "issues": issues,
        "layout": {
            "Nodes": nodes, "MaxLayer": layers.len().saturating_sub(1), "Layers": layers, "RootID": root,
        },
    }))
}

/// `git gt graph check`
fn check(cx: &Context, args: &Check) -> Result<Reply> {
    let homes = cx.homes()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let mut rows = Vec::new();
    for beads in views.iter().map(Beads::of) {
        for row in beads.rows(true)? {
            rows.push(row?);
        }
    }
    let web = Web::of(rows);
    let circles = web.circles();
    let value = json!({
        "clean": circles.is_empty(), "cycles": circles, "summary": { "cycle_count": circles.len() },
        "schema_version": 1,
    });
    let mut drawing = Drawing::default();
    circles
        .iter()
        .for_each(|it| drawing.add_text(said(it), STRONG));
    if circles.is_empty() {
        drawing.add_text("The graph is clean.", anstyle::Style::new());
    }
    let exit = match circles.is_empty() {
        true => Exit::Done,
        false => Exit::No,
    };
    Ok(Reply::new(value, "").drawn(drawing, args.look).exit(exit))
}
