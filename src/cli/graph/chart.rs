//! Graphs for other eyes than a terminal's: boxes, Graphviz, a page for a browser.

use std::collections::HashSet;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::bead::Web;
use crate::cli::beads::{status_sign, status_style};
use crate::cli::draw::{Cell, Drawing, FAINT};
use crate::record::BeadRow;
use crate::text::printable;

/// How long a title in a picture is, in characters.
const TITLE: usize = 40;

fn title(row: &BeadRow<'_>) -> String {
    let title = printable(row.title()).replace(['\n', '\t'], " ");
    match title.char_indices().nth(TITLE) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title,
    }
}

/// How many ids of beads that are waited for a box names.
const NAMED_MAX: usize = 4;

/// Returns a bead with a box around it.
pub(super) fn boxed(web: &Web<'_>, at: usize) -> Drawing {
    let row = &web.rows[at];
    let sign = status_sign(row.status());
    let mut lines = vec![
        format!("{sign} {} P{}", row.id(), row.priority()),
        title(row),
    ];
    let others = &web.waits_for[at];
    if !others.is_empty() {
        let ids = others.iter().take(NAMED_MAX).map(|it| web.rows[*it].id());
        let more = if others.len() > NAMED_MAX {
            ", …"
        } else {
            ""
        };
        lines.push(format!("← {}{more}", ids.collect::<Vec<_>>().join(", ")));
    }
    let width = lines
        .iter()
        .map(|line| line.width())
        .max()
        .unwrap_or_default();
    let edge = "─".repeat(width + 2);
    let mut drawing = Drawing::default();
    drawing.add_line([Cell::new(format!("  ┌{edge}┐"), FAINT)]);
    for (number, line) in lines.iter().enumerate() {
        let style = match number {
            0 => status_style(row.status()),
            _ => Style::new(),
        };
        let rest = " ".repeat(width - line.width());
        drawing.add_line([
            Cell::new("  │", FAINT),
            Cell::new(format!("{line}{rest}"), style),
            Cell::new("│", FAINT),
        ]);
    }
    drawing.add_line([Cell::new(format!("  └{edge}┘"), FAINT)]);
    drawing
}

/// Returns the colour of a bead in a picture.
fn colour(row: &BeadRow<'_>) -> &'static str {
    match row.status() {
        "closed" => "gray",
        "in_progress" | "hooked" => "darkcyan",
        "blocked" => "firebrick",
        "deferred" | "pinned" => "royalblue",
        _ => "forestgreen",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns webs as a graph in Graphviz' language: edges lead from what is waited for to what waits, dashed ones
/// from parents to children.
pub(super) fn dot(webs: &[Web<'_>]) -> String {
    let mut text =
        "digraph beads {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_owned();
    for web in webs {
        let known: HashSet<&str> = web.rows.iter().map(BeadRow::id).collect();
        for (at, row) in web.rows.iter().enumerate() {
            let id = quoted(row.id());
            let label = format!("{} P{}\n{}", row.id(), row.priority(), title(row));
            let label = quoted(&label).replace('\n', "\\n");
            text.push_str(&format!("  {id} [label={label}, color={}];\n", colour(row)));
            for other in &web.waits_for[at] {
                let other = quoted(web.rows[*other].id());
                text.push_str(&format!("  {other} -> {id};\n"));
            }
            if let Some(parent) = row.parent().filter(|id| known.contains(id)) {
                let parent = quoted(parent);
                text.push_str(&format!("  {parent} -> {id} [style=dashed];\n"));
            }
        }
    }
    text + "}\n"
}

/// Measures of a picture in pixels: a bead, and from one to the next.
const BOX: (usize, usize) = (300, 44);
const STEP: (usize, usize) = (360, 60);

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns webs as a page with one picture, below each other; waves stand in columns.
pub(super) fn html(webs: &[Web<'_>]) -> String {
    let (mut picture, mut top, mut wide) = (String::new(), 0, 0);
    for web in webs {
        let mut layers = web.layers();
        let placed: HashSet<usize> = layers.iter().flatten().copied().collect();
        // What stands in a circle has no wave and comes last.
        layers.push(
            (0..web.rows.len())
                .filter(|at| !placed.contains(at))
                .collect(),
        );
        let mut corner = vec![(0, 0); web.rows.len()];
        for (column, layer) in layers.iter().enumerate() {
            for (line, at) in layer.iter().enumerate() {
                corner[*at] = (20 + column * STEP.0, 20 + (top + line) * STEP.1);
            }
        }
        for (at, others) in web.waits_for.iter().enumerate() {
            let (x, y) = (corner[at].0, corner[at].1 + BOX.1 / 2);
            for (from, up) in others.iter().map(|other| corner[*other]) {
                let (from, up) = (from + BOX.0, up + BOX.1 / 2);
                let line = format!(
                    "<path d='M{from},{up} C{},{up} {},{y} {x},{y}'/>\n",
                    from + 30,
                    x.saturating_sub(30)
                );
                picture.push_str(&line);
            }
        }
        for (row, (x, y)) in web.rows.iter().zip(&corner) {
            let head = escaped(&format!(
                "{} P{} {}",
                row.id(),
                row.priority(),
                row.status()
            ));
            let (title, whole) = (escaped(&title(row)), escaped(&printable(row.title())));
            picture.push_str(&format!(
                "<g><title>{whole}</title><rect x='{x}' y='{y}' width='{}' height='{}' rx='6' stroke='{}'/>\
                 <text x='{}' y='{}' class='id'>{head}</text><text x='{}' y='{}'>{title}</text></g>\n",
                BOX.0, BOX.1, colour(row), x + 10, y + 17, x + 10, y + 35
            ));
        }
        top += layers.iter().map(Vec::len).max().unwrap_or_default();
        wide = wide.max(layers.len());
    }
    let (width, height) = (40 + wide * STEP.0, 40 + top * STEP.1);
    format!(
        "<!doctype html>\n<meta charset='utf-8'>\n<title>Beads</title>\n<style>\n\
         text {{ font: 13px sans-serif }}\n.id {{ font-weight: bold }}\n\
         rect {{ fill: white; stroke-width: 2 }}\npath {{ fill: none; stroke: gray }}\n</style>\n\
         <svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>\n{picture}</svg>\n"
    )
}
