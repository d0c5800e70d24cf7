//! `git gt bead orphans`: beads that commits name and that are open all the same

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, one};
use super::reply::{Reply, columns};
use crate::bead::{Beads, check_closable};
use crate::fault::{Fault, Result};
use crate::git::Named;
use crate::record::BeadRow;
use crate::town::Home;

/// Show open beads that commits on the target name, whose work may be done
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Close them
    #[arg(short, long)]
    fix: bool,
    /// Show the commits, too
    #[arg(long)]
    details: bool,
    /// Take only beads with all of these labels
    #[arg(short, long, value_name = "LABEL", value_delimiter = ',')]
    label: Vec<String>,
    /// Take only beads with one of these labels
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    label_any: Vec<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let (mut values, mut rows, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    let mut homes = cx.homes()?;
    homes.retain(|home| !home.is_hq() || home.stands_alone());
    for home in &homes {
        for (bead, commit) in found(home, args)? {
            let id = bead.id();
            let mut value = json!({
                "issue_id": id, "title": bead.title(), "status": bead.status(),
                "latest_commit": commit.id.to_string()[..12], "latest_commit_message": commit.subject,
            });
            let mut row = vec![
                id.to_owned(),
                bead.status().to_owned(),
                bead.title().to_owned(),
            ];
            if args.details {
                row.push(commit.id.to_string()[..12].to_owned());
                row.push(commit.subject.clone());
            }
            if args.fix {
                match close(cx, home, id, &commit) {
                    Ok(()) => value["status"] = Value::from("closed"),
                    Err(fault) => faults.push(fault),
                }
            }
            rows.push(row);
            values.push(value);
        }
    }
    if args.fix {
        cx.settle_all(homes);
    }
    let text = match rows.is_empty() {
        true => "no open bead is named in a commit\n".to_owned(),
        false => columns(rows),
    };
    Ok(Reply::new(values.into(), text).with_faults(faults))
}

/// Returns the open beads that commits on the target name, each with the newest of these.
fn found(home: &Home, args: &Args) -> Result<Vec<(BeadRow<'static>, Named)>> {
    let Some(tip) = home.known_tip(&home.target(None)?)? else {
        return Ok(Vec::new());
    };
    let view = home.view();
    let mut open = BTreeMap::new();
    for row in Beads::of(&view).rows(false)? {
        let row = row?;
        let labels: BTreeSet<&str> = row.labels().collect();
        let has = |label: &String| labels.contains(label.as_str());
        let wanted = args.label.iter().all(has)
            && (args.label_any.is_empty() || args.label_any.iter().any(has));
        if wanted && ["open", "in_progress", "hooked"].contains(&row.status()) {
            open.insert(row.id().to_owned(), row.into_owned());
        }
    }
    let mut found = Vec::new();
    let prefix = format!("{}-", home.rig().prefix());
    for commit in home.repo().commits_that_say(&tip, &prefix)? {
        for word in words(&commit.message) {
            if let Some(row) = open.remove(word) {
                found.push((row, commit.clone()));
            }
        }
    }
    found.sort_by(|a, b| a.0.id().cmp(b.0.id()));
    Ok(found)
}

/// Returns the words of a message that could be ids.
fn words(message: &str) -> impl Iterator<Item = &str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let words = message.split(move |c| !plain(c));
    words.map(|word| word.trim_matches(|c| ".-_".contains(c)))
}

fn close(cx: &Context, home: &Home, id: &str, commit: &Named) -> Result<()> {
    let reason = format!(
        "done in {}: {}",
        &commit.id.to_string()[..12],
        commit.subject
    );
    one(cx, home, id, |view, pen, mut bead| {
        if let Some(holder) = bead.holder().filter(|_| !bead.is_closed()) {
            return Err(Fault::refused(format!("{holder} is at {}", bead.id())));
        }
        if !bead.is_closed() {
            check_closable(&Beads::of(view), &bead)?;
            let stamp = pen.stamp(bead.record());
            bead.close(&reason, &stamp);
        }
        Ok(Change {
            subject: format!("close {}: {reason}", bead.id()),
            said: String::new(),
            bead,
        })
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_wherever_they_stand_in_a_message() {
        let check = |message, want: &[&str]| {
            let found: Vec<&str> = words(message).filter(|it| it.starts_with("gt-")).collect();
            assert_eq!(found, want, "{message}");
        };
        check("parse dates (gt-1a2b3)", &["gt-1a2b3"]);
        check(
            "Fixes gt-1.\nSee gt-2.1, gt-3: yes",
            &["gt-1", "gt-2.1", "gt-3"],
        );
        check("gtx-1 and agt-2", &[]);
    }
}
