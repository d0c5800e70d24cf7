//! `git gt remember`, `recall`, `forget`, `memories` and `kv`

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Context;
use super::beads::{object, parsed};
use super::reply::{Reply, printable};
use crate::bead::{
    self, MEMORY_TYPES, clear, keep, kv_key, memories as all_memories, memory_key, slug,
    typed_memory,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::text::one_line;
use crate::town::View;

/// Keep a text for the sessions to come
#[derive(Debug, clap::Args)]
pub(crate) struct Remember {
    /// What is to be remembered
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,
    /// Keep it under this key, instead of what is there; without, its first words are the key
    #[arg(long, value_name = "KEY", value_parser = parsed(kv_key))]
    key: Option<String>,
    /// Say what it is: feedback, user, project, reference, general
    #[arg(long = "type", value_name = "TYPE", value_parser = parsed(bead::memory_type))]
    kind: Option<String>,
}

/// Print one memory
#[derive(Debug, clap::Args)]
pub(crate) struct Recall {
    /// Its key
    #[arg(value_name = "KEY")]
    key: String,
}

/// Forget one memory
#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    /// Its key
    #[arg(value_name = "KEY")]
    key: String,
}

/// List what is remembered
#[derive(Debug, clap::Args)]
pub(crate) struct Memories {
    /// List those whose key or text holds WORD
    #[arg(value_name = "WORD")]
    term: Option<String>,
    /// List those of one type: feedback, user, project, reference, general
    #[arg(long = "type", value_name = "TYPE", value_parser = parsed(bead::memory_type))]
    kind: Option<String>,
}

/// Keep texts under keys, for scripts
#[derive(Debug, clap::Args)]
pub(crate) struct Kv {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Keep a text under a key
    Set {
        /// The key
        #[arg(value_name = "KEY", value_parser = parsed(kv_key))]
        key: String,
        /// The text
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
    },
    /// Print the text under a key
    Get {
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// List all keys with their texts
    List {},
    /// Forget a key and its text
    #[command(visible_alias = "delete")]
    Clear {
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// How many characters of a text stand in a line about it.
const SHOWN_MAX: usize = 120;

pub(crate) fn remember(cx: &Context, args: &Remember) -> Result<Reply> {
    if args.text.trim().is_empty() {
        return Err(Fault::invalid("there is nothing to remember")
            .hint("git gt remember \"run the tests with -race\""));
    }
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Handoffs, &actor, |view, pen| {
        let key = key_of(view, args)?;
        let (record, was_there) = keep(view, pen, (&memory_key(&key), &args.text))?;
        let subject = format!("remember {key}: {}", one_line(&args.text));
        Ok(Decision::write(
            subject,
            record.into_iter().collect(),
            (key, was_there),
        ))
    })?;
    cx.settle(&home);
    let (key, was_there) = written.value;
    let action = if was_there { "updated" } else { "remembered" };
    let fields = [
        ("key", key.as_str()),
        ("value", &args.text),
        ("action", action),
    ];
    let said = if was_there { "Updated" } else { "Remembered" };
    Ok(Reply::new(
        texts(&fields),
        format!("{said} [{}]: {}", printable(&key), brief(&args.text)),
    ))
}

/// Returns the key of what is to be remembered: the one that was typed, else one that nothing else has.
fn key_of(view: &View<'_>, args: &Remember) -> Result<String> {
    let typed = |key: &str| match &args.kind {
        Some(kind) => format!("{kind}.{key}"),
        None => key.to_owned(),
    };
    if let Some(key) = &args.key {
        return Ok(typed(key));
    }
    let slug = slug(&args.text);
    if slug.is_empty() {
        return Err(
            Fault::invalid("the text has no words that a key could be made of")
                .hint("name one: git gt remember --key KEY \"...\""),
        );
    }
    let mut number = 1_u64;
    let mut key = typed(&slug);
    while let Some(known) = view.kv(&memory_key(&key))? {
        if known.value() == args.text {
            break;
        }
        number += 1;
        key = typed(&format!("{slug}-{number}"));
    }
    Ok(key)
}

pub(crate) fn recall(cx: &Context, args: &Recall) -> Result<Reply> {
    let home = cx.home()?;
    let view = home.view();
    let key = find(&view, &args.key)?;
    let value = view.kv(&memory_key(&key))?.map(|kv| kv.value().to_owned());
    Ok(got(&key, value, "memory"))
}

/// Returns the reply that a text is, or that there is none.
fn got(key: &str, value: Option<String>, what: &str) -> Reply {
    let found = value.is_some();
    let value = value.unwrap_or_default();
    let fields = json!({ "key": key, "value": value, "found": found, "schema_version": 1 });
    if found {
        return Reply::new(fields, value);
    }
    let shown = if what == "memory" {
        "git gt memories lists the keys"
    } else {
        "git gt kv list shows all"
    };
    let fault = Fault::not_found(format!("no {what} found under '{key}'")).hint(shown);
    Reply::new(fields, "").with_faults(vec![fault])
}

/// Returns the key that was typed, or of a memory of a type the rest of whose key that is.
fn find(view: &View<'_>, typed: &str) -> Result<String> {
    if view.kv(&memory_key(typed))?.is_some() {
        return Ok(typed.to_owned());
    }
    let mut found = Vec::new();
    for kind in MEMORY_TYPES {
        let key = format!("{kind}.{typed}");
        if view.kv(&memory_key(&key))?.is_some() {
            found.push(key);
        }
    }
    match found.len() {
        0 => Ok(typed.to_owned()),
        1 => Ok(found.remove(0)),
        _ => Err(Fault::invalid(format!("'{typed}' is ambiguous"))
            .hint(format!("there are {}", found.join(", ")))),
    }
}

pub(crate) fn forget(cx: &Context, args: &Forget) -> Result<Reply> {
    let key = {
        let home = cx.home()?;
        find(&home.view(), &args.key)?
    };
    let Some(text) = cleared(cx, &memory_key(&key), &format!("forget {key}"))? else {
        let fault = Fault::not_found(format!("no memory found under '{key}'"));
        return Err(fault.hint("git gt memories lists the keys"));
    };
    let said = format!("Forgot [{}]: {}", printable(&key), brief(&text));
    Ok(Reply::new(
        texts(&[("key", &key), ("deleted", "true")]),
        said,
    ))
}

/// Clears a key and returns the text that was under it, nothing where nothing was.
fn cleared(cx: &Context, key: &str, subject: &str) -> Result<Option<String>> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Handoffs, &actor, |view, pen| {
        Ok(match clear(view, pen, key)? {
            Some((record, text)) => Decision::write(subject, vec![record], Some(text)),
            None => Decision::nothing(None),
        })
    })?;
    cx.settle(&home);
    Ok(written.value)
}

pub(crate) fn memories(cx: &Context, args: &Memories) -> Result<Reply> {
    let home = cx.home()?;
    let mut all = all_memories(&home.view())?;
    if let Some(kind) = &args.kind {
        all.retain(|key, _| typed_memory(key).0 == kind);
    }
    if let Some(term) = args.term.as_ref().map(|it| it.to_lowercase()) {
        all.retain(|key, text| {
            [key, text]
                .iter()
                .any(|it| it.to_lowercase().contains(&term))
        });
    }
    let mut text = String::new();
    for kind in MEMORY_TYPES {
        let of_kind = all.iter().filter(|(key, _)| typed_memory(key).0 == kind);
        let lines: Vec<String> = of_kind
            .map(|(key, value)| format!("  {}\n    {}\n", printable(key), brief(value)))
            .collect();
        if !lines.is_empty() {
            text.push_str(&format!("{kind} ({})\n{}", lines.len(), lines.concat()));
        }
    }
    if text.is_empty() {
        text = "nothing is remembered; git gt remember \"...\" keeps a text\n".to_owned();
    }
    Ok(Reply::new(map(all), text))
}

pub(crate) fn kv(cx: &Context, args: &Kv) -> Result<Reply> {
    match &args.verb {
        Verb::Set { key, value } => {
            let home = cx.home()?;
            let actor = cx.actor(home.repo());
            home.write(Name::Handoffs, &actor, |view, pen| {
                let (record, _) = keep(view, pen, (key, value))?;
                let subject = format!("set {key}");
                Ok(Decision::write(subject, record.into_iter().collect(), ()))
            })?;
            cx.settle(&home);
            let said = format!("Set {} = {}", printable(key), brief(value));
            Ok(Reply::new(texts(&[("key", key), ("value", value)]), said))
        }
        Verb::Get { key } => {
            let home = cx.home()?;
            let value = home.view().kv(key)?.map(|kv| kv.value().to_owned());
            Ok(got(key, value, "key"))
        }
        Verb::List {} => {
            let all = cx.home()?.view().kvs()?;
            let all = all
                .iter()
                .map(|kv| (kv.key().to_owned(), kv.value().to_owned()));
            let all: BTreeMap<String, String> = all.collect();
            let lines = all
                .iter()
                .map(|(key, value)| format!("{} = {}\n", printable(key), brief(value)));
            let text: String = lines.collect();
            Ok(Reply::new(map(all), text))
        }
        Verb::Clear { key } => {
            cleared(cx, key, &format!("clear {key}"))?;
            let value = texts(&[("key", key), ("deleted", "true")]);
            Ok(Reply::new(value, format!("Cleared {}", printable(key))))
        }
    }
}

fn texts(fields: &[(&str, &str)]) -> Value {
    let fields = fields
        .iter()
        .map(|(key, text)| ((*key).to_owned(), Value::from(*text)));
    object(fields.collect())
}

fn map(all: BTreeMap<String, String>) -> Value {
    let fields: Map<String, Value> = all
        .into_iter()
        .map(|(key, text)| (key, Value::from(text)))
        .collect();
    object(fields)
}

/// Returns the beginning of a text in one line.
fn brief(text: &str) -> String {
    let line = one_line(text);
    let mut cut: String = line.chars().take(SHOWN_MAX).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    printable(&cut)
}
