//! `git gt attic`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::fault::{Fault, Result};
use crate::git::Saved;
use crate::ledger::{Oid, Time};
use crate::town::Home;

/// See and bring back what was saved before something was deleted
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List what is saved, newest first
    List {
        /// List what has landed since, too
        #[arg(long)]
        all: bool,
    },
    /// Make a branch of something that is saved; nothing is ever overwritten
    Restore {
        /// The commit, by some of its digits, or the branch that it was
        #[arg(value_name = "SAVED")]
        what: String,
        /// What the branch is to be called; as it was by default
        #[arg(value_name = "NEW")]
        branch: Option<String>,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    match &args.verb {
        Verb::List { all } => list(&home, *all),
        Verb::Restore { what, branch } => restore(&home, what, branch.as_deref()),
    }
}

fn when(saved: &Saved) -> String {
    Time(saved.seconds.saturating_mul(1000)).to_string()
}

pub(super) fn as_json(saved: &Saved) -> Value {
    json!({
        "commit": saved.tip.to_string(),
        "what": saved.why,
        "clone": saved.clone,
        "saved_at": when(saved),
    })
}

fn list(home: &Home, all: bool) -> Result<Reply> {
    let target = home.target(None).ok();
    let target = match target {
        Some(target) => home.known_tip(&target)?,
        None => None,
    };
    let saved = home.repo().attic()?;
    if let Some(target) = &target {
        let tips: Vec<Oid> = saved.iter().map(|it| it.tip).collect();
        home.repo().learn_ancestry(&tips, target)?;
    }
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for it in saved {
        let landed = match &target {
            Some(target) => home.repo().is_ancestor(&it.tip, target)?,
            None => false,
        };
        if landed && !all {
            continue;
        }
        let mut value = as_json(&it);
        value["landed"] = landed.into();
        values.push(value);
        rows.push(vec![
            it.tip.to_string()[..12].to_owned(),
            when(&it),
            if landed { "landed" } else { "" }.to_owned(),
            it.why,
        ]);
    }
    let mut text = columns(rows);
    if text.is_empty() {
        text = "the attic holds nothing that has not landed\n".to_owned();
    }
    Ok(Reply::new(json!(values), text))
}

fn restore(home: &Home, typed: &str, branch: Option<&str>) -> Result<Reply> {
    let all = home.repo().attic()?;
    let saved = find(&all, typed)?;
    let branch = match (branch, was_branch(saved)) {
        (Some(branch), _) => branch.to_owned(),
        (None, Some(branch)) => branch.to_owned(),
        (None, None) => {
            return Err(Fault::invalid(format!(
                "{} was no branch: {}",
                &saved.tip.to_string()[..12],
                saved.why
            ))
            .hint(format!("name one: git gt attic restore {typed} <branch>")));
        }
    };
    if !home.repo().has(&saved.tip) {
        return Err(
            Fault::not_found(format!("commit {} is not here", saved.tip))
                .hint("git gt sync fetches what other clones saved"),
        );
    }
    home.repo().restore_branch(&branch, saved.tip)?;
    let mut value = as_json(saved);
    value["branch"] = branch.as_str().into();
    let text = format!(
        "branch {branch} is at {}: {}\n",
        &saved.tip.to_string()[..12],
        saved.why
    );
    Ok(Reply::new(value, text))
}

/// Returns the branch a saved commit was.
fn was_branch(saved: &Saved) -> Option<&str> {
    saved.why.strip_prefix("branch ")
}

/// Returns what is meant: the newest of a branch's name, or the only commit with these digits.
fn find<'a>(all: &'a [Saved], typed: &str) -> Result<&'a Saved> {
    let short = typed.strip_prefix("refs/heads/").unwrap_or(typed);
    if let Some(named) = all.iter().find(|it| was_branch(it) == Some(short)) {
        return Ok(named);
    }
    let is_hex = typed.len() >= 4 && typed.chars().all(|c| c.is_ascii_hexdigit());
    let digits = typed.to_lowercase();
    let fits = |it: &&Saved| is_hex && it.tip.to_string().starts_with(&digits);
    let found: Vec<&Saved> = all.iter().filter(fits).collect();
    let tips: BTreeSet<Oid> = found.iter().map(|it| it.tip).collect();
    match (found.first(), tips.len()) {
        (Some(first), 1) => Ok(first),
        (Some(_), count) => Err(Fault::not_found(format!(
            "ambiguous: '{typed}' could be {count} commits"
        ))
        .hint("type more of its digits")),
        (None, _) => Err(
            Fault::not_found(format!("nothing in the attic is '{typed}'"))
                .hint("git gt attic list --all shows what there is"),
        ),
    }
}
