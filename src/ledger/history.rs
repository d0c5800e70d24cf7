//! History: what happened is a fold over the ledgers' commits; there is no second log.

use super::epoch::archives;
use super::shard::{id_of, place};
use super::{CloneId, Name, Stamp};
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::world::Time;

/// One decision, as its commit tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was decided.
    pub time: Time,
    /// Whose decision it was.
    pub actor: String,
    /// The ledger, by its short name.
    pub ledger: String,
    /// What was decided.
    pub subject: String,
    /// The commit.
    pub commit: String,
}

/// Commit, time, stamp, actor and subject of each entry (git-log(1), PRETTY FORMATS).
const FORMAT: &str =
    "--format=%H%x00%ct%x00%(trailers:key=Gt-Stamp,valueonly,unfold,separator=%x2C)%x00%an%x00%s";

/// How many fields an entry has.
const FIELDS: usize = 5;

/// Returns the newest decisions first, `limit` at most (0: all), only those on the record `id` where one
/// is named; joins are left out. What is kept here of earlier epochs is looked at, too.
pub fn history(repo: &Repo, limit: usize, id: Option<&str>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for ledger in Name::ALL {
        entries.extend(told(repo, ledger, limit, id)?);
    }
    Ok(newest(entries, limit))
}

/// Returns the newest decisions on one ledger first, `limit` at most (0: all), as [`history`] does.
pub fn history_of(repo: &Repo, ledger: Name, limit: usize) -> Result<Vec<Entry>> {
    Ok(newest(told(repo, ledger, limit, None)?, limit))
}

/// Returns decisions on a ledger in git's order, each with its stamp.
fn told(repo: &Repo, ledger: Name, limit: usize, id: Option<&str>) -> Result<Vec<(String, Entry)>> {
    if repo.find_ref(ledger.ref_name())?.is_none() {
        return Ok(Vec::new());
    }
    let mut run = repo
        .git([
            "log",
            "-z",
            "--full-history",
            "--no-merges",
            "--no-color",
            "--no-show-signature",
        ])
        .args([FORMAT]);
    if limit > 0 {
        run = run.args([format!("--max-count={limit}")]);
    }
    let before = archives(repo, ledger.ref_name())?;
    let before = before.into_iter().map(|(name, _)| name);
    run = run.args([ledger.ref_name()]).args(before).args(["--"]);
    if let Some(id) = id {
        let (x, y, name) = place(id);
        let path = [x, y, name]
            .map(|part| String::from_utf8_lossy(&part).into_owned())
            .join("/");
        run = run.args([path]);
    }
    let text = repo.query(&run)?;
    let text = String::from_utf8_lossy(&text);
    let fields: Vec<&str> = text.split_terminator('\0').collect();
    let entries = fields.chunks(FIELDS).map(|fields| {
        let said = || Fault::fatal(format!("git log said {fields:?}, which is no entry"));
        entry(ledger, fields).ok_or_else(said)
    });
    entries.collect()
}

fn newest(mut entries: Vec<(String, Entry)>, limit: usize) -> Vec<Entry> {
    // Stamps tell the order within a second, and across ledgers.
    entries.sort_by(|(a, one), (b, other)| (other.time, b).cmp(&(one.time, a)));
    let mut entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
    if limit > 0 {
        entries.truncate(limit);
    }
    entries
}

/// How many decisions are looked through for the last one of somebody.
const LOOKED_BACK: usize = 500;

/// Returns the id of the record that the newest decision of somebody in this clone has changed, consequences
/// aside; nothing where it changed several, or where there is none among the newest.
pub fn last_written(repo: &Repo, ledger: Name, actor: &str) -> Result<Option<String>> {
    let Some(clone) = CloneId::known(repo) else {
        return Ok(None);
    };
    if repo.find_ref(ledger.ref_name())?.is_none() {
        return Ok(None);
    }
    let run = repo
        .git([
            "log",
            "-z",
            "--no-merges",
            "--no-color",
            "--no-show-signature",
            "--no-renames",
            "--format=%x01%an%x02%cn%x02%(trailers:key=Because)%x02",
            "--name-only",
        ])
        .args([format!("--max-count={LOOKED_BACK}")])
        .args([ledger.ref_name(), "--"]);
    let text = repo.query(&run)?;
    let mut decisions = text.split(|byte| *byte == 1).filter_map(|decision| {
        let mut parts = decision.splitn(4, |byte| *byte == 2);
        let [by, at, because, paths] = [(); 4].map(|()| parts.next().unwrap_or_default());
        let is_theirs = by == actor.as_bytes() && at == clone.as_str().as_bytes();
        (is_theirs && because.trim_ascii().is_empty()).then_some(paths)
    });
    let paths = decisions
        .next()
        .unwrap_or_default()
        .split(|byte| *byte == 0);
    let mut ids = paths.map(<[u8]>::trim_ascii).filter_map(|path| {
        let mut parts = path.splitn(3, |byte| *byte == b'/').map(<[u8]>::to_vec);
        id_of(&(parts.next()?, parts.next()?, parts.next()?))
    });
    Ok(ids.next().filter(|_| ids.next().is_none()))
}

/// Returns what was decided on a ledger after a time, in no order; joins are left out.
pub fn decided_since(repo: &Repo, ledger: Name, since: Time) -> Result<Vec<String>> {
    if repo.find_ref(ledger.ref_name())?.is_none() {
        return Ok(Vec::new());
    }
    // Git takes smaller numbers for something else.
    let since = since.seconds().max(100_000_000);
    let run = repo
        .git(["log", "-z", "--no-merges", "--no-color", "--format=%s"])
        .args(["--no-show-signature".to_owned(), format!("--since={since}")])
        .args([ledger.ref_name(), "--"]);
    let text = repo.query(&run)?;
    let subjects = text.split(|byte| *byte == 0);
    let subjects = subjects.filter(|subject| !subject.is_empty());
    Ok(subjects
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect())
}

fn entry(ledger: Name, fields: &[&str]) -> Option<(String, Entry)> {
    let [commit, seconds, stamp, actor, subject] = *fields else {
        return None;
    };
    // Git takes commits whose date makes no sense.
    let seconds: u64 = seconds.parse().unwrap_or_default();
    let entry = Entry {
        time: Time(seconds.min(Stamp::LAST.seconds()) * 1000),
        actor: actor.to_owned(),
        ledger: ledger.ref_name().trim_start_matches("refs/gt/").to_owned(),
        subject: subject.to_owned(),
        commit: commit.to_owned(),
    };
    // What was written without one follows from what came before, be it in the same second.
    let stamp = if stamp.is_empty() { "~" } else { stamp };
    Some((stamp.to_owned(), entry))
}
