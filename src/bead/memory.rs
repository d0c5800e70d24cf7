//! What is kept under keys: texts of scripts, and among them memories, which sessions to come are told.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::fault::{Fault, Result};
use crate::ledger::{Name, Pen, Record};
use crate::record::Kv;
use crate::town::View;

/// The types of memories, in the order in which they are told; what has none is [`GENERAL`].
pub const MEMORY_TYPES: [&str; 5] = ["feedback", "user", "project", "reference", GENERAL];

/// The type of memories that say none.
pub const GENERAL: &str = "general";

/// The longest key, in bytes.
const KEY_MAX: usize = 150;

/// How many words of a text become its key, and how many bytes.
const SLUG_WORDS: usize = 8;
const SLUG_MAX: usize = 60;

/// Returns a key that somebody typed, or a fault where it cannot be one.
pub fn kv_key(text: &str) -> Result<String> {
    let key = text.trim();
    if key.is_empty() || key.len() > KEY_MAX || key.chars().any(char::is_control) {
        return Err(Fault::invalid(format!("'{key}' cannot be a key"))
            .hint(format!("a key has 1 to {KEY_MAX} bytes and no line breaks")));
    }
    Ok(key.to_owned())
}

/// Returns a type of memories.
pub fn memory_type(text: &str) -> Result<String> {
    let known = MEMORY_TYPES.iter().find(|it| **it == text.trim());
    let known = known.ok_or_else(|| {
        Fault::invalid(format!("'{text}' is no type of memories"))
            .hint(format!("there are {}", MEMORY_TYPES.join(", ")))
    });
    known.map(|it| (*it).to_owned())
}

/// Returns the type of a memory and the rest of its key.
pub fn typed_memory(key: &str) -> (&str, &str) {
    match key.split_once('.') {
        Some((kind, rest)) if MEMORY_TYPES.contains(&kind) && !rest.is_empty() => (kind, rest),
        _ => (GENERAL, key),
    }
}

/// Returns a key made of the first words of a text, empty where it has no letters or digits.
pub fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|it| !it.is_empty()).take(SLUG_WORDS).collect();
    let all = words.join("-");
    let cut = all.get(..SLUG_MAX).unwrap_or(&all);
    cut.trim_end_matches('-').to_owned()
}

/// Returns the record of a key with `value` kept under it, and whether something was before; no record where
/// it says so already.
pub fn keep(
    view: &View<'_>,
    pen: &Pen<'_>,
    (key, value): (&str, &str),
) -> Result<(Option<Record>, bool)> {
    let there = view.ledger(Name::Handoffs)?.get(&Kv::id_of(key))?;
    let known = there.clone().and_then(Kv::of);
    if known.as_ref().is_some_and(|kv| kv.value() == value) {
        return Ok((None, true));
    }
    let record = there.unwrap_or_else(|| Kv::new(key).into_record());
    let stamp = pen.stamp(&record);
    let mut kv = Kv::revived(record, &stamp);
    kv.set(value, &stamp);
    Ok((Some(kv.into_record()), known.is_some()))
}

/// Returns the tombstone of what was kept under a key, and the text it had; nothing where nothing was.
pub fn clear(view: &View<'_>, pen: &Pen<'_>, key: &str) -> Result<Option<(Record, String)>> {
    let Some(mut kv) = view.kv(key)? else {
        return Ok(None);
    };
    let text = kv.value().to_owned();
    let stamp = pen.stamp(kv.record());
    kv.clear(&stamp);
    Ok(Some((kv.into_record(), text)))
}

/// Returns all memories by their keys.
pub fn memories(view: &View<'_>) -> Result<BTreeMap<String, String>> {
    let all = view.kvs()?.into_iter();
    let memories = all.filter_map(|kv| Some((kv.memory()?.to_owned(), kv.value().to_owned())));
    Ok(memories.collect())
}

/// Returns a memory as a line of bd's files.
pub fn memory_line(key: &str, value: &str) -> Value {
    json!({ "_type": "memory", "key": key, "value": value })
}

/// Returns the key and the text of the memory that a line of bd's files is, nothing where it is something
/// else.
pub fn read_memory(line: &Map<String, Value>) -> Result<Option<(String, String)>> {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    if text("_type") != Some("memory") {
        return Ok(None);
    }
    match (text("key"), text("value")) {
        (Some(key), Some(value)) if !value.is_empty() => Ok(Some((kv_key(key)?, value.to_owned()))),
        (Some(_), _) => Err(Fault::invalid("a memory without 'value'")),
        (None, _) => Err(Fault::invalid("a memory without 'key'")),
    }
}

/// Returns the key of [`keep`] and [`clear`] for a memory.
pub fn memory_key(key: &str) -> String {
    format!("{}{key}", Kv::MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gives_its_key() {
        let check = |text, want| assert_eq!(slug(text), want, "{text}");
        check(
            "always run tests with -race flag",
            "always-run-tests-with-race-flag",
        );
        check(
            "One two three, four five six seven eight nine",
            "one-two-three-four-five-six-seven-eight",
        );
        check("  Größe!  ", "gr-e");
        check("…", "");
        check(&"x".repeat(70), &"x".repeat(60));
    }

    #[test]
    fn a_key_says_its_type() {
        let check = |key, want| assert_eq!(typed_memory(key), want);
        check("feedback.tests", ("feedback", "tests"));
        check("tests", ("general", "tests"));
        check("docs.tests", ("general", "docs.tests"));
        check("user.", ("general", "user."));
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let read = |text: &str| {
            let line: Map<String, Value> = serde_json::from_str(text).expect("it is an object");
            read_memory(&line)
        };
        let line = memory_line("auth", "JWT").to_string();
        assert_eq!(
            read(&line).ok().flatten(),
            Some(("auth".to_owned(), "JWT".to_owned()))
        );
        assert_eq!(
            read(r#"{"_type":"issue","key":"a","value":"b"}"#).ok(),
            Some(None)
        );
        for bad in [
            r#"{"_type":"memory","key":"a"}"#,
            r#"{"_type":"memory","value":"a"}"#,
            r#"{"_type":"memory","key":"a\nb","value":"a"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
