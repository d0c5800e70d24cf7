//! `git gt help`, `git gt COMMAND --help`: the manual, which is embedded in the program.

use std::ffi::OsString;

use serde_json::json;

use super::manual;
use super::reply::Reply;
use crate::fault::{Fault, Result};

/// git-gt(1).
pub(crate) const PAGE: &str = include_str!("../../man/git-gt.1");

/// How wide the manual is set.
const WIDTH: usize = 80;

/// Show the manual, or the part about one command
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command, in as many words as it has
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Returns the words of the command whose manual `--help` asks for, nothing where it is not asked for.
pub(crate) fn asked_for(argv: &[OsString]) -> Option<Vec<String>> {
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let typed = words.split(|word| word == "--").next().unwrap_or_default();
    let asked = typed.iter().any(|word| word == "--help");
    asked.then(|| {
        let mut words = Vec::new();
        let mut rest = typed.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                // Their values stand apart from them, and may stand before the command.
                "-C" | "--actor" => drop(rest.next()),
                word if word.starts_with('-') => {}
                word => words.push(word.to_owned()),
            }
        }
        words
    })
}

/// Returns what `git gt help` shows; every word has to be one of a command.
pub(crate) fn run(root: &clap::Command, args: &Args) -> Result<Reply> {
    if manual::lookup(root, &args.command).is_none() {
        return Err(unknown(&args.command));
    }
    show(root, &args.command)
}

fn unknown(words: &[String]) -> Fault {
    Fault::not_found(format!("there is no command '{}'", words.join(" ")))
        .hint("git gt help lists all commands")
}

/// Returns the manual, or the part of it about the command that `words` begin with.
pub(crate) fn show(root: &clap::Command, words: &[String]) -> Result<Reply> {
    let mut known = Vec::new();
    for count in (0..=words.len()).rev() {
        if let Some(path) = manual::lookup(root, &words[..count]) {
            known = path
                .iter()
                .map(|command| command.get_name().to_owned())
                .collect();
            break;
        }
    }
    if known.is_empty() && !words.is_empty() {
        return Err(unknown(words));
    }
    let path: Vec<&str> = known.iter().map(String::as_str).collect();
    let roff = if path.is_empty() {
        PAGE.to_owned()
    } else {
        manual::section(PAGE, &path).unwrap_or_else(|| PAGE.to_owned())
    };
    let text = manual::render(&roff, WIDTH);
    Ok(Reply::new(
        json!({ "command": path.join(" "), "text": text }),
        text,
    ))
}
