//! What the commands over beads share: parsing of values, one line per bead, loops over ids.

use serde_json::{Map, Value};

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::{self, Edit, issue, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Pen};
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

/// Returns a bead as cells of a line: id, priority, type, status, title.
pub(crate) fn row(bead: &BeadRow<'_>) -> Vec<String> {
    vec![
        bead.id().to_owned(),
        format!("P{}", bead.priority()),
        bead.issue_type().to_owned(),
        bead.status().to_owned(),
        bead.title().to_owned(),
    ]
}

/// Returns a bead as a line of its own.
pub(crate) fn line(bead: &Bead) -> String {
    brief(&BeadRow::of_bead(bead))
}

/// Returns a bead in brief as a line of its own.
pub(crate) fn brief(bead: &BeadRow<'_>) -> String {
    columns([row(bead)])
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

/// Returns the reply of a command over several records; where all failed, there is only the fault to show.
pub(crate) fn several(done: Vec<Value>, text: String, faults: Vec<Fault>) -> Reply {
    let value = if done.is_empty() && !faults.is_empty() {
        Value::Null
    } else {
        done.into()
    };
    Reply::new(value, text).with_faults(faults)
}

/// Returns a fault for a command line that parses but asks for nothing.
pub(crate) fn nothing_asked(text: &str) -> Reply {
    Reply::new(Value::Array(Vec::new()), "").note(text.to_owned())
}

/// Fields that `create` and `update` set alike.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Fields {
    /// Set what kind of bead it is: task, bug, feature, epic, chore, …
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parsed(bead::issue_type))]
    kind: Option<String>,
    /// Set how urgent it is, from 0 to 4 or P0 to P4
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Describe what is to be done
    #[arg(short, long, visible_aliases = ["body", "message"], short_alias = 'm', value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// Assign it to WHO on paper; an empty name assigns it to nobody
    #[arg(short, long, value_name = "WHO")]
    assignee: Option<String>,
    /// Say how it is to be built
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    design: Option<String>,
    /// Say when it is done
    #[arg(
        long,
        alias = "acceptance-criteria",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    acceptance: Option<String>,
    /// Keep notes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    notes: Option<String>,
    /// Add a paragraph to the notes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append_notes: Option<String>,
    /// Name what it is elsewhere, as gh-9
    #[arg(long, value_name = "REF")]
    external_ref: Option<String>,
    /// Estimate it in minutes
    #[arg(short, long, value_name = "MINUTES", value_parser = clap::value_parser!(i64).range(0..))]
    estimate: Option<i64>,
    /// Say when it is due: RFC 3339, or a date, which means its start in UTC
    #[arg(long, value_name = "TIME", value_parser = parsed(bead::day))]
    due: Option<String>,
    /// Put it off until TIME; an empty TIME means now
    #[arg(long, value_name = "TIME", value_parser = parsed(bead::day))]
    defer: Option<String>,
}

impl Fields {
    /// Returns what was asked for as an edit.
    pub(crate) fn edit(&self) -> Edit {
        let texts = [
            ("description", &self.description),
            ("design", &self.design),
            ("acceptance_criteria", &self.acceptance),
            ("notes", &self.notes),
            ("external_ref", &self.external_ref),
            ("due_at", &self.due),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(field, text)| Some((field, text.clone()?)));
        Edit {
            priority: self.priority,
            issue_type: self.kind.clone(),
            assignee: self.assignee.clone(),
            texts: texts.collect(),
            append_notes: self.append_notes.clone(),
            estimate: self.estimate,
            defer: self.defer.clone(),
            ..Edit::default()
        }
    }
}
