//! What the text of a bead says by its type: sections that are asked for.

use crate::fault::{Fault, Result};
use crate::record::Bead;

/// The section that the field of acceptance criteria stands for.
const ACCEPTANCE: &str = "Acceptance Criteria";

/// Returns the sections that the text of a type of bead must have.
pub fn required_sections(issue_type: &str) -> &'static [&'static str] {
    match issue_type {
        "bug" => &["Steps to Reproduce", ACCEPTANCE],
        "task" | "feature" => &[ACCEPTANCE],
        "epic" => &["Success Criteria"],
        _ => &[],
    }
}

/// Returns the sections that the text of a bead must have and has not; each is a heading of the description, in
/// capitals or not, or the field that is made for it.
pub fn missing_sections(bead: &Bead) -> Vec<&'static str> {
    let record = bead.record();
    let description = record.text("description").to_lowercase();
    let headings: Vec<&str> = description.lines().filter_map(heading).collect();
    let has = |section: &str| {
        let wanted = section.to_lowercase();
        headings.iter().any(|heading| *heading == wanted)
            || section == ACCEPTANCE && !record.text("acceptance_criteria").trim().is_empty()
    };
    let required = required_sections(bead.issue_type()).iter().copied();
    required.filter(|section| !has(section)).collect()
}

/// Returns what a line names as a heading of markdown: `## Heading`, `**Heading**`, `Heading:`.
fn heading(line: &str) -> Option<&str> {
    let line = line.trim();
    let found = line
        .strip_prefix('#')
        .map(|rest| rest.trim_start_matches('#'))
        .or_else(|| line.strip_prefix("**"))
        .or_else(|| line.strip_suffix(':'))?;
    Some(found.trim_end_matches([':', '*', '#']).trim())
}

/// Refuses a bead whose text has not the sections that its type asks for.
pub(super) fn check_sections(bead: &Bead) -> Result<()> {
    let missing = missing_sections(bead);
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = missing.iter().map(|it| format!("## {it}")).collect();
    Err(Fault::invalid(format!(
        "the text of a {} has no section: {}",
        bead.issue_type(),
        missing.join(", ")
    ))
    .hint(format!(
        "put a heading into the description: {}",
        lines.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;

    #[test]
    fn sections_are_headings_or_fields() {
        let check = |kind: &str, description: &str, acceptance: &str, want: &str| {
            let stamp = Stamp::zero();
            let mut bead = Bead::new("gt-1", "t", &stamp);
            let fields = [
                ("type", kind),
                ("description", description),
                ("acceptance_criteria", acceptance),
            ];
            for (field, text) in fields {
                bead.record_mut().set(field, Some(text.into()), &stamp);
            }
            assert_eq!(missing_sections(&bead).join(", "), want, "{description}");
        };
        check("task", "", "", "Acceptance Criteria");
        check("task", "", "tests pass", "");
        check("task", "so\n## acceptance criteria\nit works", "", "");
        check("task", "**Acceptance Criteria**", "", "");
        check(
            "task",
            "Acceptance criteria: none",
            "",
            "Acceptance Criteria",
        );
        check("bug", "# Steps to reproduce:\n", "", "Acceptance Criteria");
        check("epic", "Success Criteria:\n- it flies", "", "");
        check("chore", "", "", "");
    }
}
