//! `git gt help`, `git gt COMMAND --help`: the manual, which is embedded in the program.

use std::ffi::OsString;

use serde_json::json;

use super::reply::Reply;
use super::{command, manual};
use crate::fault::{Fault, Result};

/// How wide the manual is set.
const WIDTH: usize = 80;

/// Show the manual, or the part about one command
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command, in as many words as it has, or a guide, such as concepts
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Returns the words of the command whose manual `--help` asks for, nothing where it is not asked for.
pub(crate) fn asked_for(argv: &[OsString]) -> Option<Vec<String>> {
    let end = argv.iter().position(|word| word == "--");
    let typed = &argv[..end.unwrap_or(argv.len())];
    let asked = typed.iter().any(|word| word == "--help");
    asked.then(|| command::words::<command::Global>(typed).collect())
}

/// What people call commands that have another name, with that name.
const ALSO: &[(&str, &str)] = &[("merge-queue", "mq"), ("queue", "mq")];

/// Returns what `git gt help` shows; every word has to be one of a command, or the one of a guide.
pub(crate) fn run(root: &clap::Command, args: &Args) -> Result<Reply> {
    let mut words = args.command.clone();
    if let Some(first) = words.first_mut() {
        let known = ALSO.iter().find(|(word, _)| word == first);
        *first = known.map_or(std::mem::take(first), |(_, name)| (*name).to_owned());
    }
    let is_guide = words.len() == 1 && manual::lookup(root, &words).is_none();
    if !is_guide && manual::lookup(root, &words).is_none() {
        return Err(unknown(&words));
    }
    show(root, &words)
}

fn unknown(words: &[String]) -> Fault {
    Fault::not_found(format!("there is no command '{}'", words.join(" ")))
        .hint("git gt help lists all commands")
}

/// Returns the manual, or the part of it about a command, or a guide.
pub(crate) fn show(root: &clap::Command, words: &[String]) -> Result<Reply> {
    let known = (0..=words.len())
        .rev()
        .find_map(|count| manual::lookup(root, &words[..count]))
        .unwrap_or_default();
    let path: Vec<&str> = known.iter().map(|it| it.get_name()).collect();
    let (said, roff) = if !path.is_empty() {
        (path.join(" "), manual::about(&path))
    } else if let Some(word) = words.first() {
        let guide = guide(word);
        let roff = manual::page(&format!("gitgt-{guide}.7"));
        if roff.is_none() {
            return Err(unknown(words));
        }
        (guide.to_owned(), roff.map(str::to_owned))
    } else {
        (String::new(), None)
    };
    let whole = || manual::page("git-gt.1").expect("it is in the table");
    let text = manual::render(&roff.unwrap_or_else(|| whole().to_owned()), WIDTH);
    Ok(Reply::new(json!({ "command": said, "text": text }), text))
}

/// Returns the name of a guide, which may be typed as git and man want it.
fn guide(word: &str) -> &str {
    let prefixes = ["gitgt-", "gt-"];
    let mut short = prefixes.iter().filter_map(|it| word.strip_prefix(it));
    short.next().unwrap_or(word)
}
