//! The language in which beads are asked for: comparisons of fields, joined with AND, OR and NOT.

mod parse;

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::json::started;
use super::moment::Moment;
use crate::ledger::Time;
use crate::record::{Bead, BeadRow};

pub use parse::{metadata_key, query};

/// A question that every bead answers with yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A field compared with a value.
    Is(Comparison),
    /// The opposite.
    Not(Box<Self>),
    /// All of them.
    All(Vec<Self>),
    /// At least one of them.
    Any(Vec<Self>),
}

/// A field compared with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    field: Field,
    op: Op,
    operand: Operand,
}

/// What of a bead is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `id`
    Id,
    /// `title`
    Title,
    /// `description`
    Description,
    /// `notes`
    Notes,
    /// `status`
    Status,
    /// `priority`
    Priority,
    /// `type`
    Type,
    /// `assignee`: who holds it or is assigned to it.
    Assignee,
    /// `owner`
    Owner,
    /// `label`: any of its labels.
    Label,
    /// `parent`
    Parent,
    /// `spec`
    Spec,
    /// `external_ref`
    ExternalRef,
    /// `created`
    Created,
    /// `updated`
    Updated,
    /// `closed`
    Closed,
    /// `started`
    Started,
    /// `due`
    Due,
    /// `defer`
    Defer,
    /// `pinned`
    Pinned,
    /// `ephemeral`
    Ephemeral,
    /// `template`
    Template,
    /// `mol_type`
    MolType,
    /// `wisp_type`
    WispType,
    /// `has_metadata_key`
    HasMetadataKey,
    /// `metadata.KEY`
    Metadata(String),
}

/// The names of fields, of each the one that is printed first.
static NAMES: [(&str, Field); 36] = [
    ("id", Field::Id),
    ("title", Field::Title),
    ("description", Field::Description),
    ("desc", Field::Description),
    ("notes", Field::Notes),
    ("status", Field::Status),
    ("priority", Field::Priority),
    ("type", Field::Type),
    ("issue_type", Field::Type),
    ("assignee", Field::Assignee),
    ("owner", Field::Owner),
    ("label", Field::Label),
    ("labels", Field::Label),
    ("parent", Field::Parent),
    ("spec", Field::Spec),
    ("spec_id", Field::Spec),
    ("external_ref", Field::ExternalRef),
    ("created", Field::Created),
    ("created_at", Field::Created),
    ("updated", Field::Updated),
    ("updated_at", Field::Updated),
    ("closed", Field::Closed),
    ("closed_at", Field::Closed),
    ("started", Field::Started),
    ("started_at", Field::Started),
    ("due", Field::Due),
    ("due_at", Field::Due),
    ("defer", Field::Defer),
    ("defer_until", Field::Defer),
    ("pinned", Field::Pinned),
    ("ephemeral", Field::Ephemeral),
    ("template", Field::Template),
    ("is_template", Field::Template),
    ("mol_type", Field::MolType),
    ("wisp_type", Field::WispType),
    ("has_metadata_key", Field::HasMetadataKey),
];

/// What stands before the name of a key of metadata.
const METADATA: &str = "metadata.";

impl Field {
    fn name(&self) -> &'static str {
        let known = NAMES.iter().find(|(_, field)| field == self);
        known.map_or(METADATA, |(name, _)| name)
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Op {
    fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    /// That there is nothing.
    Nothing,
    /// A text as it was written, and in small letters.
    Text(String, String),
    Number(i64),
    Flag(bool),
    Time(Moment),
}

impl Query {
    /// Returns what a bead answers, which is known of its row, or nothing where its record has to be asked.
    pub fn of_row(&self, row: &BeadRow<'_>) -> Option<bool> {
        self.answer(row, None)
    }

    /// Returns what a bead answers.
    pub fn of_bead(&self, row: &BeadRow<'_>, bead: &Bead) -> bool {
        let answer = self.answer(row, Some(bead));
        answer.expect("a record has every field")
    }

    fn answer(&self, row: &BeadRow<'_>, bead: Option<&Bead>) -> Option<bool> {
        match self {
            Self::Is(comparison) => comparison.answer(row, bead),
            Self::Not(query) => Some(!query.answer(row, bead)?),
            Self::All(all) => joined(all, row, bead, false),
            Self::Any(any) => joined(any, row, bead, true),
        }
    }

    /// Returns whether it says itself whether closed beads are meant.
    pub fn asks_for_closed(&self) -> bool {
        match self {
            Self::Is(comparison) => matches!(comparison.field, Field::Status | Field::Closed),
            Self::Not(query) => query.asks_for_closed(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_for_closed),
        }
    }
}

/// Returns `decisive` where one of several says that, else what cannot be known, else the opposite.
fn joined(all: &[Query], row: &BeadRow<'_>, bead: Option<&Bead>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for query in all {
        match query.answer(row, bead) {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

impl Comparison {
    /// Returns `field=text`, or for an empty text that there is nothing.
    pub fn is(field: Field, text: &str) -> Self {
        Self {
            field,
            op: Op::Is,
            operand: Operand::text(text),
        }
    }

    /// Returns a comparison with a time.
    pub fn time(field: Field, op: Op, moment: Moment) -> Self {
        Self {
            field,
            op,
            operand: Operand::Time(moment),
        }
    }

    fn answer(&self, row: &BeadRow<'_>, bead: Option<&Bead>) -> Option<bool> {
        let record = || bead.map(Bead::record);
        let of_text = |text: &str| self.equal(text);
        let answer = match &self.field {
            Field::Id => self.begins(row.id()),
            Field::Title => self.is_in(row.title()),
            Field::Description => self.is_in(record()?.text("description")),
            Field::Notes => self.is_in(record()?.text("notes")),
            Field::ExternalRef => self.is_in(record()?.text("external_ref")),
            Field::Status => of_text(row.status()),
            Field::Priority => self.of_number(row.priority()),
            Field::Type => of_text(row.issue_type()),
            Field::Assignee => of_text(row.assignee().unwrap_or_default()),
            Field::Owner => of_text(record()?.text("owner")),
            Field::Label => self.any_label(row),
            Field::Parent => self.begins(row.parent().unwrap_or_default()),
            Field::Spec => self.begins(record()?.text("spec_id")),
            Field::Created => self.of_time(Some(row.created())),
            Field::Updated => self.of_time(Some(row.updated())),
            Field::Closed => self.of_time(row.closed()),
            Field::Started => self.of_time(started(bead?).and_then(|it| Time::parse(&it))),
            Field::Due => self.of_time(row.due()),
            Field::Defer => self.of_time(row.defer_until().and_then(Time::parse)),
            Field::Pinned => self.of_flag(row.is_pinned()),
            Field::Ephemeral => self.of_flag(row.is_ephemeral()),
            Field::Template => self.of_flag(row.is_template()),
            Field::MolType => of_text(record()?.text("mol_type")),
            Field::WispType => of_text(record()?.text("wisp_type")),
            Field::HasMetadataKey => {
                let key = self.operand.written();
                record()?.entry("metadata", key).is_some() == (self.op == Op::Is)
            }
            Field::Metadata(key) => self.of_value(record()?.entry("metadata", key)),
        };
        Some(answer)
    }

    /// Returns whether `=` and `!=` say so of a value, given what `=` says.
    fn agrees(&self, is: bool) -> bool {
        is == (self.op == Op::Is)
    }

    fn equal(&self, text: &str) -> bool {
        self.agrees(match &self.operand {
            Operand::Text(_, folded) => text.to_lowercase() == *folded,
            _ => text.is_empty(),
        })
    }

    fn is_in(&self, text: &str) -> bool {
        self.agrees(match &self.operand {
            Operand::Text(_, folded) => text.to_lowercase().contains(folded),
            _ => text.is_empty(),
        })
    }

    fn begins(&self, text: &str) -> bool {
        self.agrees(match &self.operand {
            Operand::Text(written, _) => match written.strip_suffix('*') {
                Some(begin) => text.starts_with(begin),
                None => text == written,
            },
            _ => text.is_empty(),
        })
    }

    fn any_label(&self, row: &BeadRow<'_>) -> bool {
        let mut labels = row.labels();
        self.agrees(match &self.operand {
            Operand::Text(_, folded) => labels.any(|it| it.to_lowercase() == *folded),
            _ => labels.next().is_none(),
        })
    }

    fn of_number(&self, number: i64) -> bool {
        let Operand::Number(other) = self.operand else {
            return false;
        };
        match self.op {
            Op::Is => number == other,
            Op::IsNot => number != other,
            Op::Less => number < other,
            Op::AtMost => number <= other,
            Op::More => number > other,
            Op::AtLeast => number >= other,
        }
    }

    fn of_flag(&self, flag: bool) -> bool {
        self.agrees(self.operand == Operand::Flag(flag))
    }

    /// Returns what a time says; what was never is neither before nor after anything.
    fn of_time(&self, time: Option<Time>) -> bool {
        let Operand::Time(moment) = &self.operand else {
            return self.agrees(time.is_none());
        };
        time.is_some_and(|time| match self.op {
            Op::Is => moment.is_day_of(time),
            Op::IsNot => !moment.is_day_of(time),
            Op::Less => time < moment.time(),
            Op::AtMost => moment.is_reached_by(time),
            Op::More => time > moment.time(),
            Op::AtLeast => time >= moment.time(),
        })
    }

    /// Returns what a value of metadata says; what is no text is compared as its JSON.
    fn of_value(&self, value: Option<&Value>) -> bool {
        self.agrees(match (&self.operand, value) {
            (Operand::Text(written, _), Some(Value::String(text))) => text == written,
            (Operand::Text(written, _), Some(value)) => *value.to_string() == **written,
            (Operand::Text(..), None) => false,
            (_, value) => value.is_none(),
        })
    }
}

impl Operand {
    fn text(text: &str) -> Self {
        match text {
            "" => Self::Nothing,
            text => Self::Text(text.to_owned(), text.to_lowercase()),
        }
    }

    fn written(&self) -> &str {
        match self {
            Self::Text(written, _) => written,
            _ => "",
        }
    }
}

impl fmt::Display for Query {
    /// Writes what [`query`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                match (part, word) {
                    (Self::Is(_) | Self::Not(_), _) | (Self::All(_), "OR") => write!(f, "{part}")?,
                    (Self::All(_) | Self::Any(_), _) => write!(f, "({part})")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Is(comparison) => write!(f, "{comparison}"),
            Self::Not(query) => match query.as_ref() {
                Self::Is(_) | Self::Not(_) => write!(f, "NOT {query}"),
                Self::All(_) | Self::Any(_) => write!(f, "NOT ({query})"),
            },
            Self::All(parts) => list(f, parts, "AND"),
            Self::Any(parts) => list(f, parts, "OR"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.name())?;
        if let Field::Metadata(key) = &self.field {
            f.write_str(key)?;
        }
        f.write_str(self.op.sign())?;
        match &self.operand {
            Operand::Nothing => f.write_str(parse::NOTHING),
            Operand::Text(text, _) => quoted(f, text),
            Operand::Number(number) => write!(f, "{number}"),
            Operand::Flag(flag) => write!(f, "{flag}"),
            Operand::Time(moment) => quoted(f, moment.text()),
        }
    }
}

/// Writes a text as it is, or between quotes where it would be understood otherwise.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if parse::is_bare(text) {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '"' | '\\' => write!(f, "\\{c}")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests;
