//! Words of a project's own: types and statuses of beads besides those everybody has, and the other settings
//! of beads that mean something here.

use super::words::{self, is_core_status, is_status, is_type};
use crate::fault::{Fault, Result};
use crate::town::View;

/// What a status of a project's own means for a bead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// It can be begun, as an open one.
    Active,
    /// Somebody is at it, as at one in progress.
    Wip,
    /// It is finished, as a closed one: nothing waits for it.
    Done,
    /// It rests, as a deferred one.
    Frozen,
}

/// Every category and its word.
const CATEGORIES: [(Category, &str); 4] = [
    (Category::Active, "active"),
    (Category::Wip, "wip"),
    (Category::Done, "done"),
    (Category::Frozen, "frozen"),
];

impl Category {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        let known = CATEGORIES.iter().find(|(category, _)| *category == self);
        known.expect("each has a word").1
    }
}

/// A status of a project's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomStatus {
    /// The status.
    pub name: String,
    /// What it means; nothing, where nobody said, is that it is neither to be begun nor finished.
    pub category: Option<Category>,
}

/// How many statuses a project can have of its own.
const STATUSES_MAX: usize = 50;

/// The greatest length of a word, in characters.
const WORD_MAX: usize = 50;

/// The setting that lists types.
const TYPES: &str = "types.custom";

/// The setting that lists statuses.
const STATUSES: &str = "status.custom";

/// Returns the types of the rig's own and of its town's.
pub fn custom_types(view: &View<'_>) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for list in view.shared_in_town(TYPES)? {
        let new: Vec<String> = words_of(&list).filter(|word| !all.contains(word)).collect();
        all.extend(new);
    }
    Ok(all)
}

/// Returns the statuses of the rig's own and of its town's; of one name the rig's.
pub fn custom_statuses(view: &View<'_>) -> Result<Vec<CustomStatus>> {
    let mut all: Vec<CustomStatus> = Vec::new();
    for list in view.shared_in_town(STATUSES)? {
        for word in words_of(&list) {
            // What somebody else has written may be of a later version.
            let Ok(status) = read_status(&word) else {
                continue;
            };
            if !all.iter().any(|it| it.name == status.name) {
                all.push(status);
            }
        }
    }
    Ok(all)
}

fn words_of(list: &str) -> impl Iterator<Item = String> + '_ {
    let words = list.split(',').map(|word| word.trim().to_lowercase());
    words.filter(|word| !word.is_empty())
}

fn read_status(word: &str) -> Result<CustomStatus> {
    let (name, category) = match word.split_once(':') {
        Some((name, category)) => (name.trim(), Some(category.trim())),
        None => (word, None),
    };
    let category = category.map(|word| {
        let known = CATEGORIES.iter().find(|(_, it)| *it == word);
        known.map(|(category, _)| *category).ok_or_else(|| {
            Fault::invalid(format!("'{word}' is no category of a status"))
                .hint("name:category, where the category is active, wip, done or frozen")
        })
    });
    Ok(CustomStatus {
        name: name.to_owned(),
        category: category.transpose()?,
    })
}

/// Refuses a type that neither everybody nor the project has. Settings are looked at only where the word is not
/// everybody's.
pub fn check_type(view: &View<'_>, word: &str) -> Result<()> {
    if is_type(word) {
        return Ok(());
    }
    let own = custom_types(view)?;
    match own.iter().any(|it| it == word) {
        true => Ok(()),
        false => Err(words::unknown_type(word, &own)),
    }
}

/// Returns what a status of the project's own means, nothing for everybody's; refuses what is neither. Settings
/// are looked at only where the word is not everybody's.
pub fn check_status(view: &View<'_>, word: &str) -> Result<Option<Category>> {
    if is_status(word) {
        return Ok(None);
    }
    let own = custom_statuses(view)?;
    match own.iter().find(|it| it.name == word) {
        Some(found) => Ok(found.category),
        None => {
            let own: Vec<String> = own.into_iter().map(|it| it.name).collect();
            Err(words::unknown_status(word, &own))
        }
    }
}

/// Returns what a status means where it is of the project's own and somebody said.
pub(super) fn category(view: &View<'_>, word: &str) -> Result<Option<Category>> {
    let own = custom_statuses(view)?;
    let found = own.into_iter().find(|it| it.name == word);
    Ok(found.and_then(|it| it.category))
}

/// Refuses a value that a setting of beads cannot have.
pub fn check_setting(key: &str, value: &str) -> Result<()> {
    let bad = |hint: &str| {
        Err(Fault::invalid(format!("'{value}' cannot be the value of {key}")).hint(hint))
    };
    let number = |from: u64, to: u64| {
        let known = value.parse().is_ok_and(|it: u64| from <= it && it <= to);
        match known {
            true => Ok(()),
            false => bad(&format!("a number from {from} to {to}")),
        }
    };
    match key {
        TYPES => words_of(value).try_for_each(|word| check_word(&word)),
        STATUSES => check_statuses(value),
        "allowed_prefixes" => words_of(value).try_for_each(|word| check_word(&word)),
        "min_hash_length" | "max_hash_length" => number(3, 8),
        "hierarchy.max-depth" => number(1, 10),
        "validation.on-create" | "validation.on-close" | "validation.on-sync"
            if !["none", "warn", "error"].contains(&value) =>
        {
            bad("none, warn or error")
        }
        "issue_id_mode" if value == "counter" => Err(Fault::refused(
            "ids are not counted: two clones would give the same number to different beads",
        )
        .hint("ids stay random; import keeps the numbers of beads that have some")),
        "issue_id_mode" if value != "hash" => bad("hash"),
        _ => Ok(()),
    }
}

fn check_statuses(list: &str) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    for word in words_of(list) {
        let status = read_status(&word)?;
        check_word(&status.name)?;
        if is_core_status(&status.name) {
            return Err(Fault::invalid(format!(
                "'{}' is a status that every project has",
                status.name
            ))
            .hint("choose another word, or leave it out"));
        }
        if names.contains(&status.name) {
            return Err(Fault::invalid(format!(
                "'{}' stands there twice",
                status.name
            )));
        }
        names.push(status.name);
    }
    if names.len() > STATUSES_MAX {
        return Err(Fault::invalid(format!(
            "{} statuses, more than the {STATUSES_MAX} a project can have of its own",
            names.len()
        )));
    }
    Ok(())
}

fn check_word(word: &str) -> Result<()> {
    match words::is_word(word) && word.chars().count() <= WORD_MAX {
        true => Ok(()),
        false => Err(
            Fault::invalid(format!("'{word}' cannot be such a word")).hint(format!(
                "letters, digits, dashes and underscores, {WORD_MAX} at most"
            )),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_by_what_they_are_for() {
        let check = |key, value: &str, good| {
            assert_eq!(check_setting(key, value).is_ok(), good, "{key}={value}");
        };
        let town = "agent,role,rig,convoy,slot,queue,event,message,molecule,gate,merge-request";
        check("types.custom", town, true);
        check("types.custom", "two words", false);
        check("status.custom", "staged_ready,staged_warnings", true);
        check(
            "status.custom",
            "triage:active, qa:wip,verified:done,parked:frozen",
            true,
        );
        check("status.custom", "qa:soon", false);
        check("status.custom", "qa,qa:wip", false);
        check("status.custom", "closed:done", false);
        let names = |count| {
            (0..count)
                .map(|it| format!("s{it}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        check("status.custom", &names(50), true);
        check("status.custom", &names(51), false);
        check("hierarchy.max-depth", "5", true);
        check("hierarchy.max-depth", "0", false);
        check("issue_id_mode", "hash", true);
        check("issue_id_mode", "counter", false);
        check("validation.on-create", "warn", true);
        check("validation.on-create", "yes", false);
        check("jira.url", "https://example.org", true);
    }
}
