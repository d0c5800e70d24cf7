//! The words of beads: statuses, types, edge types, priorities and labels, and which are understood.

use crate::fault::{Fault, Result};

/// Statuses a bead can be given; `deleted` is reached by deleting only.
const STATUSES: [&str; 9] = [
    "open",
    "in_progress",
    "blocked",
    "deferred",
    "closed",
    "pinned",
    "hooked",
    "staged_ready",
    "staged_warnings",
];

/// Types of beads that people and Gas Town's programs make.
const TYPES: [&str; 20] = [
    "task",
    "bug",
    "feature",
    "epic",
    "chore",
    "decision",
    "message",
    "molecule",
    "gate",
    "spike",
    "story",
    "milestone",
    "event",
    "agent",
    "role",
    "rig",
    "convoy",
    "slot",
    "queue",
    "merge-request",
];

/// Types of edges.
const EDGES: [&str; 19] = [
    "blocks",
    "parent-child",
    "conditional-blocks",
    "waits-for",
    "related",
    "relates-to",
    "discovered-from",
    "replies-to",
    "duplicates",
    "supersedes",
    "authored-by",
    "assigned-to",
    "approved-by",
    "attests",
    "tracks",
    "until",
    "caused-by",
    "validates",
    "delegated-from",
];

/// The greatest length of a label, in characters.
const LABEL_MAX: usize = 255;

/// The greatest length of a title, in characters.
pub const TITLE_MAX: usize = 500;

/// Types that stand for the town's own furniture and are kept out of lists and exports.
pub(super) const INFRASTRUCTURE: [&str; 4] = ["agent", "rig", "role", "message"];

/// Statuses of bd itself, which no project can mean something else by.
const CORE_STATUSES: usize = 7;

fn unknown(what: &str, word: &str, known: &[&str]) -> Fault {
    Fault::invalid(format!("'{word}' is no {what}")).hint(format!("one of: {}", known.join(", ")))
}

/// Returns the fault of a type that neither everybody nor the project has, whose `own` are given.
pub(super) fn unknown_type(word: &str, own: &[String]) -> Fault {
    let known: Vec<&str> = TYPES
        .into_iter()
        .chain(own.iter().map(String::as_str))
        .collect();
    unknown("type of bead", word, &known)
        .hint("a type of your own: git gt bead config set types.custom TYPE,...")
}

/// Returns the fault of a status that neither everybody nor the project has, whose `own` are given.
pub(super) fn unknown_status(word: &str, own: &[String]) -> Fault {
    let known: Vec<&str> = STATUSES
        .into_iter()
        .chain(own.iter().map(String::as_str))
        .collect();
    unknown("status", word, &known)
        .hint("a status of your own: git gt bead config set status.custom STATUS:CATEGORY,...")
}

/// Returns whether every project has a status.
pub fn is_status(word: &str) -> bool {
    STATUSES.contains(&word)
}

/// Returns whether a status is one that no project can mean something else by.
pub(super) fn is_core_status(word: &str) -> bool {
    STATUSES[..CORE_STATUSES].contains(&word)
}

/// Returns whether every project has a type.
pub(super) fn is_type(word: &str) -> bool {
    TYPES.contains(&word)
}

/// Returns whether a text could be a type or a status.
pub(super) fn is_word(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with('-')
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// Returns the status a word stands for, which may be one of a project's own.
pub fn status(word: &str) -> Result<String> {
    let word = word.trim().to_lowercase();
    let known = word.replace('-', "_");
    match is_status(&known) {
        true => Ok(known),
        false if is_word(&word) => Ok(word),
        false => Err(unknown_status(&word, &[])),
    }
}

/// Returns the type of bead a word or one of its aliases stands for, which may be one of a project's own.
pub fn issue_type(word: &str) -> Result<String> {
    let word = word.trim().to_lowercase();
    let word = match word.as_str() {
        "enhancement" | "feat" => "feature",
        "dec" | "adr" => "decision",
        "investigation" | "timebox" => "spike",
        "user-story" => "story",
        "ms" => "milestone",
        "mr" => "merge-request",
        "mol" => "molecule",
        word => word,
    };
    match is_word(word) {
        true => Ok(word.to_owned()),
        false => Err(unknown_type(word, &[])),
    }
}

/// Returns the type of edge a word names.
pub fn edge_type(word: &str) -> Result<String> {
    let word = word.trim().to_lowercase();
    if EDGES.contains(&word.as_str()) {
        Ok(word)
    } else {
        Err(unknown("type of edge", &word, &EDGES))
    }
}

/// The greatest length of a type of edge that somebody made up, in characters.
const EDGE_MAX: usize = 50;

/// Returns the type of edge a word names, or the word itself: edges may be of types that nobody knows.
pub fn any_edge_type(word: &str) -> Result<String> {
    let word = word.trim();
    if let Ok(known) = edge_type(word) {
        return Ok(known);
    }
    let is_word = !word.is_empty() && !word.chars().any(char::is_control);
    if is_word && word.chars().count() <= EDGE_MAX {
        return Ok(word.to_owned());
    }
    Err(Fault::invalid(format!(
        "a type of edge is a word of at most {EDGE_MAX} characters"
    )))
}

/// Returns the priority that `0` to `4` or `P0` to `P4` stand for.
pub fn priority(word: &str) -> Result<i64> {
    let digits = word.trim().trim_start_matches(['p', 'P']);
    match digits.parse() {
        Ok(number @ 0..=4) if digits.len() == 1 => Ok(number),
        _ => Err(Fault::invalid(format!("'{word}' is no priority"))
            .hint("0 (most urgent) to 4, or P0 to P4")),
    }
}

/// Returns a label without the space around it.
pub fn label(word: &str) -> Result<String> {
    let word = word.trim();
    if word.is_empty() || word.chars().any(char::is_control) {
        return Err(Fault::invalid(
            "a label is a word without control characters",
        ));
    }
    let length = word.chars().count();
    if length > LABEL_MAX {
        return Err(Fault::invalid(format!(
            "the label has {length} characters, more than the {LABEL_MAX} a label may have"
        )));
    }
    Ok(word.to_owned())
}

/// Returns a title without the space around it.
pub(super) fn title(text: &str) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    if text.is_empty() {
        return Err(
            Fault::invalid("the title is empty").hint("a title says in a line what is to be done")
        );
    }
    if length > TITLE_MAX {
        return Err(Fault::invalid(format!(
            "the title has {length} characters, more than the {TITLE_MAX} a title may have"
        ))
        .hint("say the rest in the description: -d TEXT"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_digits_with_or_without_a_p() {
        let check = |word: &str, want: Option<i64>| assert_eq!(priority(word).ok(), want, "{word}");
        check("0", Some(0));
        check("P3", Some(3));
        check("p4", Some(4));
        check("5", None);
        check("-1", None);
        check("high", None);
        check("", None);
        check("+1", None);
    }

    #[test]
    fn edges_may_be_of_any_type() {
        let check = |word: &str, want: Option<&str>| {
            assert_eq!(any_edge_type(word).ok().as_deref(), want, "{word}");
        };
        check(" Blocks ", Some("blocks"));
        check("Pairs-with", Some("Pairs-with"));
        check(&"é".repeat(50), Some(&"é".repeat(50)));
        check(&"e".repeat(51), None);
        check(" ", None);
        check("a\nb", None);
    }

    #[test]
    fn aliases_of_types_are_understood() {
        let check = |word, want: Option<&str>| assert_eq!(issue_type(word).ok().as_deref(), want);
        check("Bug", Some("bug"));
        check("feat", Some("feature"));
        check("mr", Some("merge-request"));
        check("Our-Own", Some("our-own"));
        check("two words", None);
    }
}
