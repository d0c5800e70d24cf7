//! Export: beads as lines of bd's JSONL files.

use serde_json::Value;

use super::json::raw;
use super::memory::{memories, memory_line};
use super::words::INFRASTRUCTURE;
use crate::fault::Result;
use crate::ledger::{Name, Record};
use crate::record::Bead;
use crate::town::View;

/// The key of a line under which the stamp of a bead's creation travels.
pub(super) const CREATED_STAMP: &str = "created_stamp";

/// What titles of beads begin with that somebody made to try something.
const TRIALS: [&str; 7] = [
    "benchmark",
    "debug",
    "dummy",
    "sample",
    "temp",
    "test",
    "tmp",
];

/// What is written besides what everybody can use: that is no ephemeral bead, no template and none of the town's
/// own furniture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// Everything but deleted beads, also what stays in this clone.
    pub all: bool,
    /// The town's own furniture.
    pub infrastructure: bool,
    /// Memories.
    pub memories: bool,
    /// Nothing that was made to try something.
    pub scrubbed: bool,
}

impl Scope {
    fn holds(self, bead: &Bead) -> bool {
        let record = bead.record();
        let is_private = record.flag("ephemeral") || record.flag("is_template");
        let is_furniture = INFRASTRUCTURE.contains(&bead.issue_type());
        !bead.is_deleted()
            && (self.all || !is_private)
            && (self.all || self.infrastructure || !is_furniture)
            && !(self.scrubbed && is_trial(bead.title()))
    }

    /// Returns the line of a record without its end, nothing where it is not written.
    pub fn line(self, record: Record) -> Option<String> {
        let bead = Bead::of(record).filter(|bead| self.holds(bead))?;
        Some(line(&bead))
    }
}

/// Hands lines of beads to `take`, without their ends: those that travel in the order of their ids, then those
/// of this clone, then memories.
pub fn export(
    view: &View<'_>,
    scope: Scope,
    take: &mut dyn FnMut(String) -> Result<()>,
) -> Result<()> {
    let shared = view.ledger(Name::Beads)?;
    shared.in_order(|record| scope.line(record), &mut *take)?;
    if scope.all {
        let own = view.ledger(Name::Wisps)?;
        own.in_order(|record| scope.line(record), &mut *take)?;
    }
    if scope.all || scope.memories {
        for (key, text) in memories(view)? {
            take(memory_line(&key, &text).to_string())?;
        }
    }
    Ok(())
}

/// Returns a bead as a line, its id first. One that was made here says under which stamp, so that an import
/// elsewhere makes the same record and not a second one of its id.
fn line(bead: &Bead) -> String {
    let mut fields = raw(bead);
    let id = fields.remove("id").unwrap_or_default();
    if bead.record().entry("times", "created").is_none() {
        let stamp = bead.record().created().as_str().into();
        fields.insert(CREATED_STAMP.to_owned(), stamp);
    }
    let rest = Value::Object(fields).to_string();
    format!("{{\"id\":{id},{}", rest.trim_start_matches('{'))
}

/// Returns whether a title is one that somebody gave to try something: `test-1`, `tmp_x`, `dummy issue 3`.
fn is_trial(title: &str) -> bool {
    let title = title.trim().to_lowercase();
    let rest = TRIALS.iter().find_map(|word| title.strip_prefix(word));
    let is_number = |text: &str| text.trim().bytes().all(|byte| byte.is_ascii_digit());
    rest.is_some_and(|rest| {
        let thing = ["issue", "bead", "task"]
            .iter()
            .find_map(|it| rest.trim_start().strip_prefix(it));
        rest.starts_with(['-', '_']) || is_number(rest) || thing.is_some_and(is_number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_trials_are_told_from_titles_of_work() {
        let check = |title: &str, want| assert_eq!(is_trial(title), want, "{title}");
        check("test", true);
        check("Test-1", true);
        check("tmp_x", true);
        check("dummy issue 3", true);
        check("test 12", true);
        check("test the parser", false);
        check("testing", false);
        check("Sample rates are wrong", false);
        check("debug issue with dates", false);
        check("Fix test-1", false);
    }
}
