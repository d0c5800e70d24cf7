//! Sync: push what changed here, fetch, join what changed elsewhere, push again (DESIGN 3.5).

mod claims;
mod integrate;
mod overtaken;
#[cfg(test)]
pub(crate) mod replica;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Name, Pen, Record, Snapshot, seal};
use crate::fault::{Fault, Result};
use crate::git::{Answer, Oid, PushedRef, Remote, Repo};

/// What a sync did, in the order it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A ledger or another ref of ours is now on the remote as it is here.
    Pushed(String),
    /// A ref of ours that is finished is gone from the remote.
    Removed(String),
    /// A ledger took over what the remote had; with how many records.
    Took(String, usize),
    /// A ledger that changed on both sides was joined; with how many records.
    Joined(String, usize),
    /// A ledger vanished from the remote or went back there; ours is put back.
    PutBack(String),
    /// An entry of a ledger was left out or kept aside, or a ref left as it is, with the reason.
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
    /// No signer that is allowed here has sealed what the remote has of a ledger.
    Unsealed(String),
}

/// A change that another one overtook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overtaken {
    /// The record.
    pub id: String,
    /// The field, with its key where it is a map.
    pub field: String,
    /// What was overtaken, as JSON; `null`: that it was removed.
    pub lost: String,
    /// What prevailed, as JSON; `null`: that it is gone.
    pub kept: String,
    /// Whether what was overtaken had been written here.
    pub ours: bool,
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Report {
    /// Everything worth telling, in order.
    pub events: Vec<Event>,
    /// What could not be done. The rest was, and its events are told all the same: nobody is told twice
    /// that a claim was lost.
    pub faults: Vec<Fault>,
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

/// What the caller knows about what travels; asked anew whenever something was fetched.
pub struct Rules<'a> {
    /// Returns refs of ours (below `refs/gt/`) that are finished and may go from the remote.
    pub obsolete: &'a dyn Fn() -> Result<Vec<String>>,
    /// Returns refs of ours that nobody needs any more: they are not pushed, so that one that went from
    /// the remote does not come back.
    pub finished: &'a dyn Fn() -> Result<Vec<String>>,
    /// Returns records of our shared settings as they give way to those of the remote, before the two
    /// are joined.
    pub give_way: &'a GiveWay,
}

/// Decides over our settings and the remote's which of ours give way.
pub type GiveWay = dyn Fn(&Snapshot<'_>, &Snapshot<'_>, &Pen<'_>) -> Result<Vec<Record>>;

/// How often a push that lost against another clone is tried again.
const TRIES: u32 = 12;

/// The folders below `refs/gt/` whose refs travel (DESIGN 3.1); what else stands there is not ours.
const TRAVELLING: [&str; 8] = [
    "attic",
    "checkpoints",
    "ci",
    "lease",
    "machines",
    "mr",
    "proof",
    "seals",
];

/// Brings this clone's ledgers and the remote's together.
///
/// Push comes first and only for what changed here; a push that lost is followed by fetch, join and
/// another push. After a crash at any point every ledger, here and there, is as before or as after one of
/// those steps; the next sync goes on.
pub fn sync(repo: &Repo, remote: &Remote, rules: &Rules<'_>) -> Result<Report> {
    // Two syncs of one clone would only lose races against each other.
    let _alone = repo.sync_guard()?;
    let mut run = Sync::new(repo, remote, rules);
    match run.until_agreed() {
        Ok(()) => {}
        Err(fault) if run.report.events.is_empty() => return Err(fault),
        Err(fault) => run.report.faults.push(fault),
    }
    Ok(run.report)
}

/// The refs of a remote as we know them, by the names they have there.
type Tracked = BTreeMap<String, Oid>;

struct Sync<'a> {
    repo: &'a Repo,
    remote: &'a Remote,
    rules: &'a Rules<'a>,
    tracking: String,
    /// By ledger: the last join we made and the tip of ours it was made from, so that a push that lost
    /// is followed by a join from the same tip and a sync leaves one join however often it loses.
    unmerged: BTreeMap<String, (Oid, Oid)>,
    /// Refs that nothing more is tried with in this sync: refused there, or not understood here.
    settled: BTreeSet<String>,
    /// Ledgers that vanished from the remote or went back there.
    went_back: BTreeSet<String>,
    /// Refs whose value on the remote this sync has seen for the first time.
    news: BTreeSet<String>,
    /// Why the last push was lost, in git's words.
    last_loss: String,
    /// Whether a seal could not be made.
    is_sealed_in_vain: bool,
    report: Report,
}

impl<'a> Sync<'a> {
    fn new(repo: &'a Repo, remote: &'a Remote, rules: &'a Rules<'a>) -> Self {
        Self {
            repo,
            remote,
            rules,
            tracking: format!("refs/gt-remote/{}/", repo.name_hash(&remote.name)),
            unmerged: BTreeMap::new(),
            settled: BTreeSet::new(),
            went_back: BTreeSet::new(),
            news: BTreeSet::new(),
            last_loss: String::new(),
            is_sealed_in_vain: false,
            report: Report::default(),
        }
    }

    fn until_agreed(&mut self) -> Result<()> {
        for attempt in 0..TRIES {
            self.push()?;
            self.fetch()?;
            for ledger in self.ledgers()? {
                self.take_over(&ledger)?;
            }
            if self.updates()?.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                let world = self.repo.world();
                let limit = (50_u64 << attempt).min(2000);
                world.pause(Duration::from_millis(world.random_below(limit)));
            }
        }
        Err(Fault::stale(format!(
            "other clones kept pushing to '{}' before us: {}",
            self.remote.name, self.last_loss
        ))
        .hint("what was done here is kept; run git gt sync again"))
    }

    fn tracked(&self, name: &str) -> Result<Option<Oid>> {
        self.repo
            .find_ref(&name.replacen("refs/gt/", &self.tracking, 1))
    }

    /// Returns what the remote holds as we last knew it, by the names it has there.
    fn all_tracked(&self) -> Result<BTreeMap<String, Oid>> {
        let refs = self.repo.list_refs(&self.tracking)?.into_iter();
        Ok(refs
            .map(|(name, id)| (name.replacen(&self.tracking, "refs/gt/", 1), id))
            .collect())
    }

    /// Fetches everything below `refs/gt/` and notes what is new there and what went back.
    fn fetch(&mut self) -> Result<()> {
        let before = self.all_tracked()?;
        self.repo
            .fetch(self.remote, &[format!("+refs/gt/*:{}*", self.tracking)])?;
        let after = self.all_tracked()?;
        for (name, old) in before.iter().filter(|(name, _)| is_single(name)) {
            let forward = match after.get(name) {
                Some(new) if new == old => true,
                Some(new) => self.is_forward(old, new)?,
                None => false,
            };
            if !forward && self.repo.find_ref(name)?.is_some() {
                self.went_back.insert(name.clone());
            }
        }
        let news = after
            .iter()
            .filter(|(name, id)| before.get(*name) != Some(id));
        self.news.extend(news.map(|(name, _)| name.clone()));
        self.name_unsealed(&before, &after)
    }

    /// Returns whether a ref that was at `old` has only gained by being at `new`.
    fn is_forward(&self, old: &Oid, new: &Oid) -> Result<bool> {
        match (self.repo.commit_at(old)?, self.repo.commit_at(new)?) {
            (Some(old), Some(new)) => self.repo.is_ancestor(&old, &new),
            (None, _) => Ok(true),
            (Some(_), None) => Ok(false),
        }
    }

    /// Returns the names of all ledgers here or there: refs with one component below `refs/gt/`, also
    /// those of kinds this version has never heard of.
    fn ledgers(&self) -> Result<Vec<String>> {
        let ours = self.repo.list_refs("refs/gt/")?.into_iter();
        let all = ours.chain(self.all_tracked()?).map(|(name, _)| name);
        let names: BTreeSet<String> = all.filter(|name| is_single(name)).collect();
        Ok(names.into_iter().collect())
    }

    /// Integrates one ledger; what keeps it from that keeps no other one.
    fn take_over(&mut self, ledger: &str) -> Result<()> {
        if self.settled.contains(ledger) {
            return Ok(());
        }
        match self
            .refuse_folder(ledger)
            .and_then(|()| self.integrate(ledger))
        {
            Err(fault @ Fault::Refused(_)) => {
                self.settled.insert(ledger.to_owned());
                self.report.faults.push(fault);
                Ok(())
            }
            done => done,
        }
    }

    /// Refuses a ledger of ours whose name is a folder of refs on the remote: it cannot be put there.
    fn refuse_folder(&self, ledger: &str) -> Result<()> {
        let folder = format!("{ledger}/");
        let there = self.all_tracked()?;
        let inside = there.keys().find(|name| name.starts_with(&folder));
        match (inside, self.repo.find_ref(ledger)?) {
            (Some(inside), Some(_)) => Err(Fault::refused(format!(
                "'{}' holds '{inside}', so '{ledger}' cannot be there",
                self.remote.name
            ))
            .hint(format!(
                "look at it, then remove it: git push {} --delete {inside}",
                self.remote.name
            ))),
            _ => Ok(()),
        }
    }

    /// Returns whether a ref of that name with that tip is a ledger: one of ours, or one of a kind that
    /// only a newer version knows. What else somebody keeps below `refs/gt/` is left alone.
    fn is_ledger(&self, name: &str, tip: Oid) -> Result<bool> {
        Ok(is_single(name)
            && (Name::ALL.iter().any(|known| known.ref_name() == name)
                || Snapshot::at(self.repo, Some(tip))?.is_ledger()?))
    }

    /// Returns what the remote has not got as we last knew it.
    fn updates(&self) -> Result<Vec<PushedRef>> {
        let finished = (self.rules.finished)()?;
        let mut updates = Vec::new();
        for (name, tip) in self.repo.list_refs("refs/gt/")? {
            if self.settled.contains(&name) || finished.contains(&name) {
                continue;
            }
            let old = self.tracked(&name)?;
            if old != Some(tip) && self.may_push(&name, old, tip)? {
                updates.push(PushedRef {
                    name,
                    old,
                    new: Some(tip),
                });
            }
        }
        for name in (self.rules.obsolete)()? {
            let there = self.tracked(&name)?;
            let here = self.repo.find_ref(&name)?;
            if there.is_some() && here.is_none() && !self.settled.contains(&name) {
                updates.push(PushedRef {
                    name,
                    old: there,
                    new: None,
                });
            }
        }
        Ok(updates)
    }

    /// Returns whether nothing of the remote's is lost when its ref `name` moves from `old` to our `tip`.
    fn may_push(&self, name: &str, old: Option<Oid>, tip: Oid) -> Result<bool> {
        let Some(commit) = self.repo.commit_at(&tip)? else {
            return Ok(false);
        };
        let ours = match is_single(name) {
            true => self.is_ledger(name, commit)?,
            false => is_travelling(name),
        };
        let Some(old) = old.filter(|_| ours) else {
            return Ok(ours);
        };
        match self.repo.commit_at(&old)? {
            Some(old) => self.repo.is_ancestor(&old, &commit),
            // What is no commit cannot be a ledger: ours is put back.
            None => Ok(is_single(name)),
        }
    }

    fn push(&mut self) -> Result<()> {
        self.seal()?;
        let updates = self.updates()?;
        let answers = self.repo.offer(self.remote, &updates)?;
        let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (update, answer) in updates.into_iter().zip(answers) {
            let name = update.name;
            match answer {
                Answer::Taken => {
                    self.report.events.push(match update.new {
                        Some(_) => Event::Pushed(name.clone()),
                        None => Event::Removed(name.clone()),
                    });
                    if self.went_back.remove(&name) {
                        self.report.events.push(Event::PutBack(name));
                    }
                }
                Answer::Known => {}
                Answer::Lost(why) => self.last_loss = why,
                Answer::Refused(why) => {
                    self.settled.insert(name.clone());
                    // A remote that deletes nothing keeps what nobody needs.
                    if update.new.is_some() {
                        refused.entry(why).or_default().push(name);
                    }
                }
            }
        }
        for (why, names) in refused {
            self.report.faults.push(self.refusal(&names, &why));
        }
        Ok(())
    }

    /// Seals what is about to be pushed. What keeps it from that keeps nothing from travelling.
    fn seal(&mut self) -> Result<()> {
        let sealed = match self.is_sealed_in_vain {
            true => Ok(()),
            false => seal::seal(self.repo, &self.updates()?),
        };
        sealed.or_else(|fault| {
            self.is_sealed_in_vain = true;
            self.report.faults.push(fault);
            Ok(())
        })
    }

    /// Names the ledgers that are new to us and that nobody whose seal counts has sealed.
    fn name_unsealed(&mut self, before: &Tracked, after: &Tracked) -> Result<()> {
        let mut fetched = Vec::new();
        for (name, tip) in after.iter().filter(|(name, _)| is_single(name)) {
            let is_ours = self.repo.find_ref(name)? == Some(*tip);
            if before.get(name) != Some(tip) && !is_ours {
                fetched.push((name.clone(), *tip));
            }
        }
        match seal::unsealed(self.repo, &fetched) {
            Ok(unsealed) => {
                let events = unsealed.into_iter().map(Event::Unsealed);
                self.report.events.extend(events);
            }
            Err(fault) => self.report.faults.push(fault),
        }
        Ok(())
    }

    fn refusal(&self, names: &[String], why: &str) -> Fault {
        Fault::refused(format!(
            "'{}' does not take {}: {why}",
            self.remote.name,
            names.join(", ")
        ))
        .hint("what was done here is kept; whoever runs the remote has to allow refs/gt/*")
    }
}

/// Returns whether a ref has one component below `refs/gt/`, as every ledger has.
pub(super) fn is_single(name: &str) -> bool {
    name.strip_prefix("refs/gt/")
        .is_some_and(|rest| !rest.contains('/'))
}

/// Returns whether a ref below a folder is one that git gt makes and pushes.
fn is_travelling(name: &str) -> bool {
    let rest = name.strip_prefix("refs/gt/").unwrap_or_default();
    rest.split_once('/')
        .is_some_and(|(folder, _)| TRAVELLING.contains(&folder))
}

/// Returns the commit that holds our ledger and what was fetched, with nothing known that both had.
#[cfg(any(test, fuzzing))]
pub(super) fn taken_in(
    (repo, remote): (&Repo, &Remote),
    ours: Option<Oid>,
    theirs: Oid,
) -> Result<Oid> {
    let rules = Rules {
        obsolete: &|| Ok(Vec::new()),
        finished: &|| Ok(Vec::new()),
        give_way: &|_, _, _| Ok(Vec::new()),
    };
    let sync = Sync::new(repo, remote, &rules);
    let (commit, _) = sync.joined_from("refs/gt/beads", None, (ours, theirs))?;
    Ok(commit)
}
