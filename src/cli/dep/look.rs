//! Looking at edges: lists, trees, circles.

use std::collections::HashMap;

use serde_json::Value;

use super::{Cycles, List, Tree};
use crate::bead::{
    self, Beads, Branch, Graph as _, TownBeads, blocking, circle, edges_of, issue, knots, resolve,
    targets, with_type,
};
use crate::cli::Context;
use crate::cli::beads::{leaf, row, status_sign};
use crate::cli::draw::{Cell, Drawing, FAINT, STRONG, tree as drawn};
use crate::cli::reply::Reply;
use crate::fault::Result;
use crate::record::{Bead, BeadRow};
use crate::text::printable;
use crate::town::{Home, View};

/// `git gt dep list`
pub(super) fn list(cx: &Context, args: &List) -> Result<Reply> {
    let homes = cx.home()?.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    let (mut values, mut drawing) = (Vec::new(), Drawing::default());
    let mut faults = Vec::new();
    for typed in &args.ids {
        let found = cx.home_of(typed).and_then(|home| {
            let bead = resolve(&home.view(), home.rig().prefix(), typed)?;
            Ok(bead)
        });
        let bead = match found {
            Ok(bead) => bead,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let mut edges = next_to(&beads, args, &bead)?;
        edges.sort_by_key(|(_, _, bead)| bead.is_none());
        if args.ids.len() > 1 {
            drawing.add_text(bead.id(), STRONG);
            values.extend(stored(&beads, args, &bead)?);
        } else {
            let whole = edges
                .iter()
                .filter_map(|(_, kind, it)| Some((it.as_ref()?, kind)));
            values.extend(whole.map(|(it, kind)| with_type(it, kind)));
        }
        drawing.add_table(edges.iter().map(|(id, kind, bead)| {
            let kind = vec![Cell::from(kind.as_str())];
            match bead {
                Some(it) => [kind, row(&BeadRow::of_bead(it))].concat(),
                None => [
                    kind,
                    vec![id.as_str().into(), Cell::new("(not here)", FAINT)],
                ]
                .concat(),
            }
        }));
    }
    let value = match values.is_empty() && faults.len() == args.ids.len() {
        true => Value::Null,
        false => values.into(),
    };
    let reply = Reply::new(value, "").with_faults(faults);
    Ok(reply.drawn(drawing, args.look))
}

/// Returns `(id, type of edge, bead)` of what is next to a bead; no bead where it is not here.
fn next_to(
    beads: &TownBeads<'_, '_>,
    args: &List,
    bead: &Bead,
) -> Result<Vec<(String, String, Option<Bead>)>> {
    let found: Vec<(String, String)> = if args.direction == "up" {
        let dependents = beads.dependents(bead.id())?.into_iter();
        dependents
            .map(|(it, kind)| (it.id().to_owned(), kind))
            .collect()
    } else {
        let targets = targets(bead);
        targets
            .map(|(id, kind)| (id.to_owned(), kind.to_owned()))
            .collect()
    };
    let wanted = |kind: &str| args.kind.as_deref().is_none_or(|it| it == kind);
    let found = found.into_iter().filter(|(_, kind)| wanted(kind));
    found
        .map(|(id, kind)| {
            let bead = beads.whole(&id)?;
            Ok((id, kind, bead))
        })
        .collect()
}

/// Returns the edges next to a bead as they are stored.
fn stored(beads: &TownBeads<'_, '_>, args: &List, bead: &Bead) -> Result<Vec<Value>> {
    let wanted = |edge: &Value| args.kind.as_deref().is_none_or(|it| edge["type"] == it);
    if args.direction == "down" {
        return Ok(edges_of(bead).into_iter().filter(wanted).collect());
    }
    let mut found = Vec::new();
    for row in beads.leading_to(bead.id())? {
        let edges = beads.whole(row.id())?.map(|it| edges_of(&it));
        let edges = edges.into_iter().flatten();
        found.extend(edges.filter(|it| it["depends_on_id"] == bead.id() && wanted(it)));
    }
    Ok(found)
}

/// `git gt dep tree`
pub(super) fn tree(cx: &Context, args: &Tree) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let root = resolve(&home.view(), home.rig().prefix(), &args.id)?;
    let homes = home.hq()?.all_here()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let beads = TownBeads::of(&views);
    let direction = if args.reverse { "up" } else { &args.direction };
    let mut trees = Vec::new();
    for up in [true, false] {
        if direction != "both" && up != (direction == "up") {
            continue;
        }
        let wanted = bead::Reach {
            up,
            depth_max: args.max_depth,
            all_paths: args.show_all_paths,
        };
        let branches = bead::tree(&beads, BeadRow::of_bead(&root), &wanted)?;
        let branches = match args.status.as_deref().filter(|it| *it != "all") {
            Some(status) => leading_to(branches, status),
            None => branches,
        };
        trees.push((up, branches));
    }
    if args.format.is_some() {
        let chart = mermaid(&trees);
        return Ok(Reply::new(Value::from(chart.as_str()), chart));
    }
    if cx.json {
        return Ok(Reply::new(as_json(&beads, &trees)?.into(), ""));
    }
    let mut drawing = Drawing::default();
    for (up, branches) in &trees {
        if trees.len() > 1 {
            let heading = if *up {
                "WHAT DEPENDS ON IT"
            } else {
                "WHAT IT DEPENDS ON"
            };
            drawing.add_text(heading, STRONG);
        }
        drawing.add(drawn(branches.iter().map(line).collect()));
    }
    Ok(Reply::new(Value::Null, "").drawn(drawing, args.look))
}

/// Returns what of a tree is of a status, and what leads there.
fn leading_to<'g>(branches: Vec<Branch<'g>>, status: &str) -> Vec<Branch<'g>> {
    let mut is_kept = vec![false; branches.len()];
    for (at, branch) in branches.iter().enumerate().rev() {
        is_kept[at] = is_kept[at] || branch.bead.status() == status || branch.depth == 0;
        if let Some(below) = branch.below.filter(|_| is_kept[at]) {
            is_kept[below] = true;
        }
    }
    // Places change where something is left out.
    let mut places = Vec::with_capacity(branches.len());
    let mut count = 0;
    for kept in &is_kept {
        places.push(count);
        count += usize::from(*kept);
    }
    let kept = branches.into_iter().zip(is_kept).filter(|(_, kept)| *kept);
    kept.map(|(branch, _)| Branch {
        below: branch.below.map(|at| places[at]),
        ..branch
    })
    .collect()
}

/// Returns a branch as a line of a tree.
fn line(branch: &Branch<'_>) -> (usize, Vec<Cell>) {
    let mut cells = leaf(&branch.bead);
    let mut say = |text: &str| {
        let place = cells.len() - 1;
        cells.insert(place, Cell::new(text, FAINT));
    };
    if !["", "blocks"].contains(&branch.kind.as_str()) {
        say(&format!("({})", branch.kind));
    }
    if branch.is_repeated {
        say("(shown above)");
    }
    if branch.is_cut {
        say("(and more: --max-depth)");
    }
    (branch.depth, cells)
}

/// Returns trees as one list of whole issues; the bead they begin with stands once.
fn as_json(beads: &TownBeads<'_, '_>, trees: &[(bool, Vec<Branch<'_>>)]) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for (number, (_, branches)) in trees.iter().enumerate() {
        for branch in branches.iter().skip(usize::from(number > 0)) {
            let Some(bead) = beads
                .whole(branch.bead.id())?
                .filter(|_| !branch.is_repeated)
            else {
                continue;
            };
            let mut value = issue(&bead);
            let parent = branch.below.map_or("", |at| branches[at].bead.id());
            value.insert("depth".to_owned(), branch.depth.into());
            value.insert("parent_id".to_owned(), parent.into());
            if !branch.kind.is_empty() {
                value.insert("edge_from_parent".to_owned(), branch.kind.as_str().into());
            }
            value.insert("truncated".to_owned(), branch.is_cut.into());
            values.push(Value::Object(value));
        }
    }
    Ok(values)
}

/// Returns trees as a flowchart, every bead and edge once.
fn mermaid(trees: &[(bool, Vec<Branch<'_>>)]) -> String {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut chart = "flowchart TD\n".to_owned();
    let mut edges = String::new();
    for (up, branches) in trees {
        for branch in branches {
            let count = names.len();
            let bead = &branch.bead;
            if !names.contains_key(bead.id()) {
                let name = format!("b{count}");
                let title = printable(bead.title()).replace(['\n', '\t'], " ");
                let title = title
                    .replace('&', "&amp;")
                    .replace('"', "&quot;")
                    .replace('<', "&lt;");
                let sign = status_sign(bead.status());
                chart.push_str(&format!("  {name}[\"{sign} {}: {title}\"]\n", bead.id()));
                names.insert(bead.id(), name);
            }
            let Some(at) = branch.below else { continue };
            let (here, there) = (&names[bead.id()], &names[branches[at].bead.id()]);
            let (from, to) = if *up { (here, there) } else { (there, here) };
            edges.push_str(&match branch.kind.as_str() {
                "blocks" => format!("  {from} --> {to}\n"),
                kind => format!("  {from} -->|{}| {to}\n", printable(kind).replace('|', "/")),
            });
        }
    }
    chart + &edges
}

/// `git gt dep cycles`
pub(super) fn cycles(cx: &Context, args: &Cycles) -> Result<Reply> {
    let homes = cx.homes()?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let (mut values, mut drawing) = (Vec::new(), Drawing::default());
    let graph = blocking(&all)?;
    for knot in knots(&graph.leads_to) {
        let circle = circle(&graph.leads_to, &knot);
        let rows: Vec<&BeadRow<'_>> = circle.iter().map(|at| &graph.rows[*at]).collect();
        if cx.json {
            let rows: Vec<BeadRow<'_>> = rows.into_iter().cloned().collect();
            let found = all[0].whole(&rows)?;
            let found = found.iter().map(|bead| Value::Object(issue(bead)));
            values.push(Value::Array(found.collect()));
            continue;
        }
        let first = rows[0].id().to_owned();
        let lines = rows.iter().map(|row| leaf(row));
        lines.for_each(|line| drawing.add_line(line));
        drawing.add_line([Cell::new(format!("  … which waits for {first}"), FAINT)]);
    }
    let is_clean = drawing.is_empty() && values.is_empty();
    let reply = Reply::new(values.into(), "").drawn(drawing, args.look);
    Ok(match is_clean && !cx.json {
        true => reply.note("No dependency cycles."),
        false => reply,
    })
}
