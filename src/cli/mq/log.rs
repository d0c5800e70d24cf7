//! `git gt mq log`: what was decided about the queue, a fold over its ledger's history.

use serde_json::{Value, json};

use super::{Context, homes};
use crate::bead::{Moment, Way};
use crate::cli::reply::{Reply, columns};
use crate::fault::Result;
use crate::ledger::{Entry, Name, history_of};

/// What is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rig, instead of the one you stand in
    #[arg(value_name = "RIG")]
    of_rig: Option<String>,
    /// Show at most N decisions; 0 means all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Show only what was decided since TIME: a date, RFC 3339, or an age such as 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

/// The first words of decisions, and what each decision is called.
const DECISIONS: &[(&str, &str)] = &[
    ("approve", "approved"),
    ("cancel", "cancelled"),
    ("change", "changed"),
    ("conflict", "bounced"),
    ("ejected", "ejected"),
    ("freeze", "frozen"),
    ("land", "landed"),
    ("let", "delegated"),
    ("make", "prioritized"),
    ("queue", "queued"),
    ("reject", "rejected"),
    ("retry", "retried"),
    ("roll", "grouped"),
    ("take", "ungrouped"),
    ("thaw", "thawed"),
    ("unapprove", "unapproved"),
];

/// Returns what a decision is called; a subject that nobody here writes is one of its own.
fn decision(subject: &str) -> &str {
    let first = subject.split(' ').next().unwrap_or_default();
    let known = DECISIONS.iter().find(|(word, _)| *word == first);
    known.map_or("other", |(_, name)| *name)
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let now = cx.world.now();
    let since = args.since.as_deref();
    let since = since
        .map(|text| Moment::parse(text, Way::Back, now))
        .transpose()?;
    let since = since.map(|it| it.time());
    let mut entries: Vec<Entry> = Vec::new();
    for home in homes(cx, args.of_rig.as_deref())? {
        entries.extend(history_of(home.repo(), Name::Queue, args.limit)?);
    }
    entries.retain(|it| since.is_none_or(|since| it.time >= since));
    entries.sort_by_key(|it| std::cmp::Reverse(it.time));
    if args.limit > 0 {
        entries.truncate(args.limit);
    }
    let values = entries.iter().map(|it| {
        json!({
            "time": it.time.to_string(),
            "actor": it.actor,
            "decision": decision(&it.subject),
            "subject": it.subject,
            "commit": it.commit,
        })
    });
    let values: Value = values.collect();
    let rows = entries
        .iter()
        .map(|it| vec![it.time.to_string(), it.actor.clone(), it.subject.clone()]);
    let text = match entries.is_empty() {
        true => "nothing was decided\n".to_owned(),
        false => columns(rows),
    };
    Ok(Reply::new(values, text))
}
