//! What the commands over beads share: parsing of values, one line per bead, loops over ids.

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};

use super::Context;
use super::draw::{Cell, Drawing, FAINT, STRONG, Screen, colour};
use super::reply::Reply;
use crate::bead::{self, issue, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen, last_written};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Returns a parser for clap that says our message where a value makes no sense.
pub(crate) fn parsed<T>(
    parse: fn(&str) -> Result<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        parse(text).map_err(|fault| {
            let text = fault.text();
            text.hints.iter().fold(text.message.clone(), |all, hint| {
                format!("{all}\n  hint: {hint}")
            })
        })
    }
}

/// Returns a status, `all` included, for filters.
pub(crate) fn status_filter(word: &str) -> Result<String> {
    if word.trim() == "all" {
        Ok("all".to_owned())
    } else {
        bead::status(word)
    }
}

/// Returns how a bead of some priority looks: what is urgent stands out.
fn priority_style(priority: i64) -> Style {
    match priority {
        ..=0 => colour(AnsiColor::Red).bold(),
        1 => colour(AnsiColor::Yellow),
        2 => Style::new(),
        3.. => FAINT,
    }
}

/// Returns how a status looks.
pub(crate) fn status_style(status: &str) -> Style {
    match status {
        "open" => colour(AnsiColor::Green),
        "in_progress" | "hooked" => colour(AnsiColor::Cyan),
        "blocked" => colour(AnsiColor::Red),
        "deferred" | "pinned" => colour(AnsiColor::Blue),
        "closed" => FAINT,
        _ => Style::new(),
    }
}

/// Returns the sign of a status.
pub(crate) fn status_sign(status: &str) -> &'static str {
    match status {
        "open" => "○",
        "in_progress" => "◐",
        "blocked" => "●",
        "closed" => "✓",
        "deferred" => "❄",
        "pinned" => "📌",
        _ => "◇",
    }
}

/// Returns a style of a bead's own, as far as it is not over.
fn unless_closed(bead: &BeadRow<'_>, style: Style) -> Style {
    if bead.is_closed() { FAINT } else { style }
}

/// Returns the priority as a cell.
pub(crate) fn priority_cell(bead: &BeadRow<'_>) -> Cell {
    let style = unless_closed(bead, priority_style(bead.priority()));
    Cell::new(format!("P{}", bead.priority()), style)
}

fn title_cell(bead: &BeadRow<'_>) -> Cell {
    let style = match bead.issue_type() {
        "epic" => STRONG,
        _ => Style::new(),
    };
    Cell::cut(bead.title(), unless_closed(bead, style))
}

fn type_cell(bead: &BeadRow<'_>) -> Cell {
    let style = match bead.issue_type() {
        "bug" => colour(AnsiColor::Red),
        "epic" => colour(AnsiColor::Magenta),
        _ => Style::new(),
    };
    Cell::new(bead.issue_type(), unless_closed(bead, style))
}

/// Returns a bead as cells of a line: id, priority, type, status, title.
pub(crate) fn row(bead: &BeadRow<'_>) -> Vec<Cell> {
    vec![
        Cell::new(bead.id(), unless_closed(bead, Style::new())),
        priority_cell(bead),
        type_cell(bead),
        Cell::new(bead.status(), status_style(bead.status())),
        title_cell(bead),
    ]
}

/// Returns a bead as words of a line of its own, as trees have them: the sign of its status, id, priority,
/// its type where that is no task, title.
pub(crate) fn leaf(bead: &BeadRow<'_>) -> Vec<Cell> {
    let mut cells = vec![
        Cell::new(status_sign(bead.status()), status_style(bead.status())),
        Cell::new(bead.id(), unless_closed(bead, Style::new())),
        priority_cell(bead),
    ];
    if bead.issue_type() != "task" {
        cells.push(type_cell(bead));
    }
    cells.push(title_cell(bead));
    cells
}

/// Returns a bead as a line of its own.
pub(crate) fn line(bead: &Bead) -> String {
    brief(&BeadRow::of_bead(bead))
}

/// Returns a bead in brief as a line of its own.
pub(crate) fn brief(bead: &BeadRow<'_>) -> String {
    Drawing::table([row(bead)]).on(&Screen::PLAIN)
}

/// Returns an object as bd prints one on its own.
pub(crate) fn object(mut fields: Map<String, Value>) -> Value {
    fields.insert("schema_version".to_owned(), 1.into());
    Value::Object(fields)
}

/// Returns the bead that was typed, of this home over `view`, or of another one of the town.
pub(crate) fn resolve_near(home: &Home, view: &View<'_>, typed: &str) -> Result<Bead> {
    let there = home.of_bead(typed)?;
    if there.rig().name() == home.rig().name() {
        return resolve(view, home.rig().prefix(), typed);
    }
    resolve(&there.view(), there.rig().prefix(), typed)
}

/// What a change of one bead comes to.
pub(crate) struct Change {
    /// The bead as it is to be.
    pub(crate) bead: Bead,
    /// The commit's subject.
    pub(crate) subject: String,
    /// The line for people.
    pub(crate) said: String,
}

/// Returns the ids that were typed; where there are none, that of the bead that was last changed here.
pub(crate) fn meant(cx: &Context, ids: &[String]) -> Result<Vec<String>> {
    if !ids.is_empty() {
        return Ok(ids.to_vec());
    }
    let home = cx.home()?;
    let last = last_written(home.repo(), Name::Beads, &cx.actor(home.repo()))?;
    let last = last.ok_or_else(|| {
        Fault::invalid("which bead? yours was not the last change, or it was of several")
            .hint("type its id")
    })?;
    Ok(vec![last])
}

/// Changes beads one by one and returns those that could be; `change` decides under the lock over the
/// bead that was typed.
pub(crate) fn each(
    cx: &Context,
    ids: &[String],
    change: impl Fn(&View<'_>, &Pen<'_>, Bead) -> Result<Change>,
) -> Result<Reply> {
    let here = cx.home()?;
    let mut touched = Vec::new();
    let mut done = Vec::new();
    let mut text = String::new();
    let mut faults = Vec::new();
    for typed in ids {
        let changed = here.of_bead(typed).and_then(|home| {
            let changed = one(cx, &home, typed, &change)?;
            Ok((home, changed))
        });
        match changed {
            Ok((home, changed)) => {
                text.push_str(&changed.said);
                touched.push(home);
                done.push(Value::Object(issue(&changed.bead)));
            }
            Err(fault) => faults.push(fault),
        }
    }
    cx.settle_all(touched);
    Ok(several(done, text, faults))
}

/// Changes the bead that was typed, in a commit of its own; one that stays as it is is not written.
pub(crate) fn one(
    cx: &Context,
    home: &Home,
    typed: &str,
    change: impl Fn(&View<'_>, &Pen<'_>, Bead) -> Result<Change>,
) -> Result<Change> {
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let bead = resolve(view, home.rig().prefix(), typed)?;
        let before = bead.clone();
        let changed = change(view, pen, bead)?;
        if changed.bead == before {
            return Ok(Decision::nothing(changed));
        }
        let record = changed.bead.record().clone();
        Ok(Decision::write(
            changed.subject.clone(),
            vec![record],
            changed,
        ))
    })?;
    Ok(written.value)
}

/// Changes the bead that was typed, in a commit of its own, and returns it as bd prints one on its own.
pub(crate) fn single(
    cx: &Context,
    home: &Home,
    typed: &str,
    change: impl Fn(&View<'_>, &Pen<'_>, Bead) -> Result<Change>,
) -> Result<Reply> {
    let changed = one(cx, home, typed, change)?;
    cx.settle(home);
    Ok(Reply::new(object(issue(&changed.bead)), changed.said))
}

/// Returns the decision of an agent to claim a bead.
pub(crate) fn claiming(
    pen: &Pen<'_>,
    mut bead: Bead,
    actor: &str,
) -> Result<Decision<Option<Bead>>> {
    let stamp = pen.stamp(bead.record());
    bead::claim(&mut bead, actor, &stamp)?;
    let subject = format!("claim {} for {actor}", bead.id());
    let record = bead.record().clone();
    Ok(Decision::write(subject, vec![record], Some(bead)))
}

/// Returns the reply of a command over several records; where all failed, there is only the fault to show.
pub(crate) fn several(done: Vec<Value>, text: String, faults: Vec<Fault>) -> Reply {
    let value = if done.is_empty() && !faults.is_empty() {
        Value::Null
    } else {
        done.into()
    };
    Reply::new(value, text).with_faults(faults)
}

/// Returns the reply to a command line that asks for nothing.
pub(crate) fn nothing_asked(text: &str) -> Reply {
    Reply::new(Value::Array(Vec::new()), text)
}
