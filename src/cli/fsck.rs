//! `git gt fsck`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Exit, Reply};
use crate::fault::Result;
use crate::git::Repo;
use crate::ledger::{Checkup, Finding, fsck, mend};
use crate::record::Request;
use crate::settle::unlanded;
use crate::town::{Home, repositories};

/// Check that every ledger is whole, and mend what is not
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Mend what is damaged, from logs, backups and what was fetched
    #[arg(long)]
    repair: bool,
    /// Read every object of the history, too
    #[arg(long)]
    full: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let repos = repositories(&cx.world, cx.rig.as_deref())?;
    let (mut values, mut lines, mut is_clean) = (Vec::new(), Vec::new(), true);
    for repo in &repos {
        let checkup = match args.repair {
            true => mend(repo, args.full)?,
            false => fsck(repo, args.full)?,
        };
        is_clean &= checkup.is_clean();
        if repos.len() > 1 {
            lines.push(format!("{}:", repo.root().display()));
        }
        let mut value = as_json(repo, &checkup);
        // Where a ledger cannot be read, that is what is told.
        let home = Home::open(&cx.world.at(repo.root()));
        let unlanded = home.and_then(|home| unlanded(&home)).unwrap_or_default();
        let unlanded: Vec<Value> = unlanded.iter().map(|it| told(it, &mut lines)).collect();
        value["unlanded"] = unlanded.into();
        values.push(value);
        tell(&checkup, &mut lines);
    }
    let value = json!({ "ok": is_clean, "repositories": values });
    let reply = Reply::new(value, lines.join("\n"));
    Ok(match (is_clean, args.repair) {
        (true, _) => reply,
        (false, true) => reply.exit(Exit::No),
        (false, false) => {
            let hint = "hint: to mend it: git gt fsck --repair";
            reply.note(format!("  {hint}")).exit(Exit::No)
        }
    })
}

/// Tells of a request that has landed and is not on its target any more.
fn told(request: &Request, lines: &mut Vec<String>) -> Value {
    let (id, target) = (request.id(), request.target());
    let commit = request.evidence("commit").cloned().unwrap_or_default();
    lines.push(format!(
        "remark   refs/heads/{target}: {id} landed as {} and is not there any more",
        commit.as_str().unwrap_or_default()
    ));
    json!({ "id": id, "branch": request.branch(), "target": target, "commit": commit })
}

fn as_json(repo: &Repo, checkup: &Checkup) -> Value {
    let finding = |it: &Finding| {
        json!({
            "ref": it.name, "problem": it.trouble.as_str(), "where": it.place, "why": it.why,
            "remark": it.is_remark,
        })
    };
    let ledgers = checkup.ledgers.iter();
    let ledgers: Vec<Value> = ledgers
        .map(|it| json!({ "ref": it.name, "records": it.records }))
        .collect();
    json!({
        "path": repo.root().display().to_string(),
        "ledgers": ledgers,
        "refs": checkup.others,
        "problems": checkup.findings.iter().map(finding).collect::<Vec<_>>(),
        "mended": checkup.mended,
    })
}

fn tell(checkup: &Checkup, lines: &mut Vec<String>) {
    for it in &checkup.findings {
        let mark = if it.is_remark { "remark " } else { "damaged" };
        let place = match it.place.as_str() {
            "" => it.name.clone(),
            place => format!("{}: {place}", it.name),
        };
        lines.push(format!("{mark}  {place}: {}", it.why));
    }
    lines.extend(checkup.mended.iter().map(|it| format!("mended   {it}")));
    let records: usize = checkup.ledgers.iter().map(|it| it.records).sum();
    let state = if checkup.is_clean() {
        "whole"
    } else {
        "not whole"
    };
    lines.push(format!(
        "{state}: {records} records in {} ledgers and copies of ledgers, {} other refs",
        checkup.ledgers.len(),
        checkup.others
    ));
}
