//! A bead as a block of text: header, fields, sections.

use anstyle::Style;

use crate::bead::{Beads, Graph as _, fields};
use crate::cli::beads::{priority_cell, row, status_style};
use crate::cli::draw::{Cell, Drawing, FAINT, STRONG};
use crate::fault::Result;
use crate::ledger::{Stamp, Time};
use crate::record::{Bead, BeadRow};
use crate::text::printable;
use crate::town::View;

/// What a block has besides what every one has.
pub(super) struct Wanted {
    /// Whether it says what depends on the bead.
    pub(super) dependents: bool,
    /// Whether it has every field.
    pub(super) everything: bool,
    /// Whether times are the local clock's.
    pub(super) local_time: bool,
    /// How long ago something was is counted from here.
    pub(super) now: Time,
}

impl Wanted {
    fn time(&self, text: impl Into<String>) -> Cell {
        let text = text.into();
        if !self.local_time {
            return Cell::time(text, self.now);
        }
        let parsed: Option<jiff::Timestamp> = text.parse().ok();
        let local = parsed.map(|it| it.to_zoned(jiff::tz::TimeZone::system()));
        local
            .map_or(text, |it| it.strftime("%Y-%m-%d %H:%M:%S").to_string())
            .into()
    }
}

/// The sections of text, with the fields that hold them.
const SECTIONS: [(&str, &str); 4] = [
    ("DESCRIPTION", "description"),
    ("DESIGN", "design"),
    ("ACCEPTANCE", "acceptance_criteria"),
    ("NOTES", "notes"),
];

/// Fields that every block shows in a way of its own.
const ELSEWHERE: [&str; 16] = [
    "id",
    "title",
    "status",
    "priority",
    "issue_type",
    "assignee",
    "labels",
    "created_at",
    "updated_at",
    "closed_at",
    "close_reason",
    "defer_until",
    "due_at",
    "external_ref",
    "estimated_minutes",
    "created_by",
];

/// Returns a bead as a block.
pub(super) fn block(view: &View<'_>, bead: &Bead, wanted: &Wanted) -> Result<Drawing> {
    let mut drawing = Drawing::table([vec![bead.id().into(), Cell::new(bead.title(), STRONG)]]);
    drawing.add_table(facts(bead, wanted));
    for (heading, name) in SECTIONS {
        let body = bead.record().text(name);
        if !body.is_empty() {
            section(&mut drawing, heading);
            drawing.add_text(indented(body), Style::new());
        }
    }
    if bead.issue_type() == "epic" {
        let beads = Beads::of(view);
        let mut children = beads.children(bead.id())?;
        children.sort_by(|a, b| a.place().cmp(&b.place()));
        let closed = children.iter().filter(|child| child.is_closed()).count();
        if !children.is_empty() {
            section(
                &mut drawing,
                &format!("CHILDREN ({closed} of {} closed)", children.len()),
            );
            drawing.add_table(children.iter().map(|it| behind("", row(it))));
        }
    }
    let edges: Vec<_> = bead.edges().collect();
    if !edges.is_empty() {
        section(&mut drawing, "DEPENDS ON");
    }
    let mut rows = Vec::new();
    for edge in edges {
        let target = view.bead_anywhere(edge.target)?;
        rows.push(match target.filter(|it| !it.is_deleted()) {
            Some(target) => behind(edge.kind, row(&BeadRow::of_bead(&target))),
            None => behind(
                edge.kind,
                vec![edge.target.into(), Cell::new("(not here)", FAINT)],
            ),
        });
    }
    drawing.add_table(rows);
    if wanted.dependents {
        let beads = Beads::of(view);
        let found = beads.dependents(bead.id())?;
        if !found.is_empty() {
            section(&mut drawing, "DEPENDENTS");
        }
        drawing.add_table(found.iter().map(|(it, kind)| behind(kind, row(it))));
    }
    comments(&mut drawing, bead, wanted);
    Ok(drawing)
}

fn section(drawing: &mut Drawing, heading: &str) {
    drawing.add_text("\n", FAINT);
    drawing.add_text(heading, STRONG);
}

fn behind(kind: &str, cells: Vec<Cell>) -> Vec<Cell> {
    let kind = if kind.is_empty() {
        " ".into()
    } else {
        format!("  {kind}").into()
    };
    [vec![kind], cells].concat()
}

/// Returns names and values of a bead's fields, one a line.
fn facts(bead: &Bead, wanted: &Wanted) -> Vec<Vec<Cell>> {
    let record = bead.record();
    let text = |name: &str| record.text(name).to_owned();
    let brief = BeadRow::of_bead(bead);
    let estimate = record.integer("estimated_minutes");
    let lines: [(&str, Cell); 15] = [
        (
            "Status:",
            Cell::new(bead.status(), status_style(bead.status())),
        ),
        ("Priority:", priority_cell(&brief)),
        ("Type:", bead.issue_type().into()),
        ("Assignee:", bead.assignee().unwrap_or_default().into()),
        ("Parent:", bead.parent().unwrap_or_default().into()),
        (
            "Labels:",
            bead.labels().collect::<Vec<_>>().join(", ").into(),
        ),
        ("Created:", wanted.time(bead.created_at())),
        ("By:", text("created_by").into()),
        ("Updated:", wanted.time(bead.updated_at())),
        ("Closed:", wanted.time(bead.closed_at().unwrap_or_default())),
        ("Reason:", bead.close_reason().into()),
        ("Deferred:", wanted.time(text("defer_until"))),
        ("Due:", wanted.time(text("due_at"))),
        (
            "Estimate:",
            estimate.map(minutes).unwrap_or_default().into(),
        ),
        ("External:", text("external_ref").into()),
    ];
    let mut rows: Vec<Vec<Cell>> = lines
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![Cell::new(format!("  {name:<11}"), FAINT), value])
        .collect();
    if wanted.everything {
        let is_shown = |name: &str| {
            ELSEWHERE.contains(&name) || SECTIONS.iter().any(|(_, field)| *field == name)
        };
        let rest = fields(bead).into_iter().filter(|(name, _)| !is_shown(name));
        rows.extend(rest.map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            vec![Cell::new(format!("  {name}:"), FAINT), value.into()]
        }));
    }
    rows
}

/// Returns an estimate as people say it.
fn minutes(count: i64) -> String {
    match (count / 60, count % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn comments(drawing: &mut Drawing, bead: &Bead, wanted: &Wanted) {
    let comments = bead.comments();
    if comments.is_empty() {
        return;
    }
    section(drawing, "COMMENTS");
    for (at, comment) in comments.iter().enumerate() {
        let of_key = || Stamp::at_end_of(comment.key).map(|it| it.time().to_string());
        let time = comment.created_at.map(str::to_owned).or_else(of_key);
        if at > 0 {
            drawing.add_text("\n", FAINT);
        }
        let author = Cell::new(format!("  {}", comment.author), STRONG);
        drawing.add_table([vec![author, wanted.time(time.unwrap_or_default())]]);
        drawing.add_text(indented(&indented(comment.text)), Style::new());
    }
}

/// Returns text with two spaces before every line.
pub(crate) fn indented(text: &str) -> String {
    let lines: Vec<String> = printable(text)
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}
