//! `git gt history` and `git gt diff`: beads as they were

use serde_json::{Map, Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::bead::{Moment, Way, issue, resolve};
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Oid, Snapshot, history as decisions};
use crate::record::Bead;
use crate::town::Home;

/// Show every version of a bead
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// The bead
    #[arg(value_name = "ID")]
    id: String,
    /// Show the newest N versions; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    limit: usize,
}

/// Show what became of beads between two times
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// Before: a commit of the ledger (HEAD is the last one), a time, or an age such as 7d
    #[arg(value_name = "REV")]
    from: String,
    /// After; now by default
    #[arg(value_name = "REV", default_value = "HEAD")]
    to: String,
}

pub(crate) fn history(cx: &Context, args: &History) -> Result<Reply> {
    let home = cx.home_of(&args.id)?;
    let repo = home.repo_of(Name::Beads)?;
    let known = resolve(&home.view(), home.rig().prefix(), &args.id);
    let id = known.as_ref().map_or(args.id.as_str(), Bead::id).to_owned();
    let mut entries = decisions(repo, 0, Some(&id))?;
    entries.retain(|it| it.ledger == "beads");
    if entries.is_empty() {
        // What was deleted has its history still, under its whole id.
        known?;
    }
    if args.limit > 0 {
        entries.truncate(args.limit);
    }
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for entry in entries {
        let then = Snapshot::at(repo, repo.parse_id(&entry.commit))?;
        let bead = then.get(&id)?.and_then(Bead::of);
        rows.push(vec![
            entry.commit[..12].to_owned(),
            entry.time.to_string(),
            entry.actor.clone(),
            bead.as_ref()
                .map_or_else(String::new, |it| it.status().to_owned()),
            entry.subject,
        ]);
        values.push(json!({
            "CommitHash": entry.commit,
            "Committer": entry.actor,
            "CommitDate": entry.time.to_string(),
            "Issue": bead.as_ref().map(issue),
        }));
    }
    Ok(Reply::new(values.into(), columns(rows)))
}

/// What became of a bead.
struct Difference {
    id: String,
    old: Option<Bead>,
    new: Option<Bead>,
}

impl Difference {
    fn word(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "modified",
        }
    }

    /// Returns the fields that are not as they were, in bd's words.
    fn fields(&self) -> Vec<String> {
        let fields = |bead: &Option<Bead>| bead.as_ref().map(crate::bead::raw).unwrap_or_default();
        let (old, new): (Map<String, Value>, Map<String, Value>) =
            (fields(&self.old), fields(&self.new));
        let mut names: Vec<String> = old
            .keys()
            .chain(new.keys())
            .filter(|key| *key != "updated_at" && old.get(*key) != new.get(*key))
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

pub(crate) fn diff(cx: &Context, args: &Diff) -> Result<Reply> {
    let home = cx.home()?;
    let repo = home.repo_of(Name::Beads)?;
    let [from, to] = [&args.from, &args.to].map(|it| commit(cx, &home, it));
    let (from, to) = (from?, to?);
    let older = Snapshot::at(repo, from)?;
    let newer = Snapshot::at(repo, to)?;
    let live = |bead: Option<Bead>| bead.filter(|it| !it.is_deleted());
    let mut found = Vec::new();
    for (id, record) in newer.changed_since(older.tree())? {
        let old = live(older.get(&id)?.and_then(Bead::of));
        let new = live(record.and_then(Bead::of));
        if old.is_some() || new.is_some() {
            found.push(Difference { id, old, new });
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let values = found.iter().map(|it| {
        json!({
            "IssueID": it.id,
            "DiffType": it.word(),
            "OldValue": it.old.as_ref().map(issue),
            "NewValue": it.new.as_ref().map(issue),
        })
    });
    let rows = found.iter().map(|it| {
        let title = it.new.as_ref().or(it.old.as_ref()).map_or("", Bead::title);
        let what = match it.word() {
            "modified" => it.fields().join(", "),
            _ => String::new(),
        };
        vec![it.word().to_owned(), it.id.clone(), title.to_owned(), what]
    });
    let text = match found.is_empty() {
        true => "nothing differs\n".to_owned(),
        false => columns(rows),
    };
    Ok(Reply::new(values.collect(), text))
}

/// Returns the commit of the ledger of beads that somebody means, nothing where there was none yet.
fn commit(cx: &Context, home: &Home, typed: &str) -> Result<Option<Oid>> {
    let repo = home.repo_of(Name::Beads)?;
    let ledger = Name::Beads.ref_name();
    if let Ok(moment) = Moment::parse(typed, Way::Back, cx.world.now()) {
        return repo.commit_before(ledger, moment.time());
    }
    let named = match typed.strip_prefix("HEAD") {
        Some(rest) => format!("{ledger}{rest}"),
        None => typed.to_owned(),
    };
    let found = repo.commit_named(&named)?;
    let is_state = |it: &Oid| -> Result<bool> {
        Ok(repo.entry(&repo.commit(it)?.tree, b"meta.json")?.is_some())
    };
    match found {
        Some(id) if is_state(&id)? => Ok(Some(id)),
        Some(_) => Err(Fault::invalid(format!(
            "'{typed}' is no state of the beads, but a commit of code"
        ))
        .hint("git log refs/gt/beads shows those of the beads; a time does as well: 7d")),
        None => Err(Fault::not_found(format!("there is no commit '{typed}'"))
            .hint("git log refs/gt/beads shows those of the ledger; a time does as well: 7d")),
    }
}
