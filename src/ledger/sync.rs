//! Sync: push what changed here, fetch, join what changed elsewhere, push again (DESIGN 3.5).

mod integrate;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::{Fault, Result};
use crate::git::{Oid, PushedRef, Remote, Repo};

/// What a sync did, in the order it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A ledger or another ref of ours is now on the remote as it is here.
    Pushed(String),
    /// A ledger took over what the remote had; with how many records.
    Took(String, usize),
    /// A ledger that changed on both sides was joined; with how many records.
    Joined(String, usize),
    /// A ledger vanished from the remote or went back there; ours is put back.
    PutBack(String),
    /// An entry of the remote's ledger was left out or kept aside, with the reason.
    LeftOut(String, String),
    /// Two sides changed one value; this is what did not prevail.
    Overtaken(Overtaken),
    /// Another machine's claim of a bead reached the remote first; ours was withdrawn.
    ClaimLost {
        /// The bead.
        bead: String,
        /// Who had claimed it here.
        ours: String,
        /// Who holds it.
        theirs: String,
    },
    /// Two machines made the same id for two things; the later one got a new id.
    Renamed(String, String),
    /// A record carries a stamp more than an hour ahead of this machine's clock.
    FromTheFuture(String),
}

/// A change that another one overtook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overtaken {
    /// The record.
    pub id: String,
    /// The field, with its key where it is a map.
    pub field: String,
    /// What was overtaken, as JSON.
    pub lost: String,
    /// What prevailed, as JSON.
    pub kept: String,
    /// Whether what was overtaken had been written here.
    pub ours: bool,
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Report {
    /// Everything worth telling, in order.
    pub events: Vec<Event>,
}

impl Report {
    /// Returns whether a ledger of ours was changed by what was fetched.
    pub fn changed_here(&self) -> bool {
        self.events.iter().any(|event| {
            matches!(
                event,
                Event::Took(..) | Event::Joined(..) | Event::ClaimLost { .. }
            )
        })
    }
}

/// How often a push that lost against another clone is tried again.
const TRIES: u32 = 12;

/// Brings this clone's ledgers and the remote's together.
///
/// `obsolete` are refs of ours (below `refs/gt/`) that are finished and may go from the remote. Push comes
/// first and only for what changed here; a push that lost is followed by fetch, join and another push. After a crash at any
/// point every ledger, here and there, is as before or as after one of those steps; the next sync goes on.
pub fn sync(repo: &Repo, remote: &Remote, obsolete: &[String]) -> Result<Report> {
    let mut run = Sync {
        repo,
        remote,
        tracking: format!("refs/gt-remote/{}/", repo.name_hash(&remote.name)),
        unmerged: BTreeMap::new(),
        report: Report::default(),
    };
    for attempt in 0..TRIES {
        run.push(obsolete)?;
        run.fetch()?;
        for ledger in run.ledgers()? {
            run.integrate(&ledger)?;
        }
        if run.updates(obsolete)?.is_empty() {
            return Ok(run.report);
        }
        if attempt > 0 {
            let limit = (50_u64 << attempt).min(2000);
            repo.world()
                .pause(Duration::from_millis(repo.world().random_below(limit)));
        }
    }
    Err(Fault::stale(format!(
        "other clones kept pushing to '{}' before us",
        remote.name
    ))
    .hint("what was done here is kept; run git gt sync again"))
}

struct Sync<'a> {
    repo: &'a Repo,
    remote: &'a Remote,
    tracking: String,
    /// By ledger: the last join we made and the tip of ours it was made from, so that a push that lost
    /// is followed by a join from the same tip and a sync leaves one join however often it loses.
    unmerged: BTreeMap<String, (Oid, Oid)>,
    report: Report,
}

impl Sync<'_> {
    fn tracked(&self, name: &str) -> Result<Option<Oid>> {
        self.repo
            .find_ref(&name.replacen("refs/gt/", &self.tracking, 1))
    }

    fn fetch(&self) -> Result<()> {
        self.repo
            .fetch(self.remote, &[format!("+refs/gt/*:{}*", self.tracking)])
    }

    /// Returns the names of all ledgers here or there: refs with one component below `refs/gt/`, also
    /// those of kinds this version has never heard of.
    fn ledgers(&self) -> Result<Vec<String>> {
        let ours = self.repo.list_refs("refs/gt/")?;
        let theirs = self.repo.list_refs(&self.tracking)?;
        let theirs = theirs
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(&self.tracking));
        let ours = ours
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("refs/gt/"));
        let names = ours.chain(theirs).filter(|name| !name.contains('/'));
        let mut names: Vec<String> = names.map(|name| format!("refs/gt/{name}")).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Returns what the remote has not got as we last knew it.
    fn updates(&self, obsolete: &[String]) -> Result<Vec<PushedRef>> {
        let mut updates = Vec::new();
        for (name, tip) in self.repo.list_refs("refs/gt/")? {
            let old = self.tracked(&name)?;
            let behind = match old {
                Some(old) if is_ledger(&name) => old != tip && self.repo.is_ancestor(&old, &tip)?,
                old => old != Some(tip),
            };
            if behind {
                updates.push(PushedRef {
                    name,
                    old,
                    new: Some(tip),
                });
            }
        }
        for name in obsolete {
            if let (Some(old), None) = (self.tracked(name)?, self.repo.find_ref(name)?) {
                updates.push(PushedRef {
                    name: name.clone(),
                    old: Some(old),
                    new: None,
                });
            }
        }
        Ok(updates)
    }

    fn push(&mut self, obsolete: &[String]) -> Result<()> {
        let updates = self.updates(obsolete)?;
        let taken = self.repo.push(self.remote, &updates)?;
        let pushed = updates.into_iter().zip(taken).filter(|(_, taken)| *taken);
        self.report
            .events
            .extend(pushed.map(|(update, _)| Event::Pushed(update.name)));
        Ok(())
    }
}

fn is_ledger(name: &str) -> bool {
    name.strip_prefix("refs/gt/")
        .is_some_and(|rest| !rest.contains('/'))
}
