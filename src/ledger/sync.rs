//! Sync: push what changed here, fetch, join what changed elsewhere, push again (DESIGN 3.5).

mod claims;
mod exchange;
mod integrate;
mod machines;
mod overtaken;
#[cfg(test)]
pub(crate) mod replica;
mod seals;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Name, Pen, Record, Snapshot};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Remote, Repo};

pub use turn::{Asked, Turn};

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
    /// The history of a ledger was begun anew elsewhere; the ref that keeps here what came before.
    Archived(String, String),
    /// Others kept pushing a ledger before us: ours lies beside it on the remote, for the next one who
    /// syncs to join.
    HandedOver(String),
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
    /// Adds what a join has to tell. Where a ledger is joined again because a push was lost, the last
    /// join counts, and nothing is told twice.
    fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            if let Event::Joined(ledger, _) = &event {
                let again = |it: &Event| matches!(it, Event::Joined(other, _) if other == ledger);
                self.events.retain(|it| !again(it));
            }
            if !self.events.contains(&event) {
                self.events.push(event);
            }
        }
    }

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
    /// Returns why our settings and those of the remote, which have no history in common, are of two projects
    /// that are not to be mixed; nothing where they may be.
    pub stranger: &'a Stranger<'a>,
    /// Told of each step that may take a while, before it begins.
    pub tell: &'a dyn Fn(&Step),
    /// A branch of the remote whose tip is wanted as well, and the ref of ours that notes it; full names.
    pub branch: Option<(String, String)>,
    /// Lets what names our beads by ids that older ones have name them by those they get, given as
    /// `(old, new)`, before the two are joined; running it again changes nothing.
    pub follow: &'a Follow<'a>,
}

impl Rules<'static> {
    /// Returns the rules of who wants ledgers to travel and nothing besides.
    pub fn plain() -> Self {
        Self {
            obsolete: &|| Ok(Vec::new()),
            finished: &|| Ok(Vec::new()),
            give_way: &|_, _, _| Ok(Vec::new()),
            stranger: &|_, _| Ok(None),
            tell: &|_| {},
            branch: None,
            follow: &|_| Ok(()),
        }
    }
}

/// Lets references follow what gets another id.
pub type Follow<'a> = dyn Fn(&[(String, String)]) -> Result<()> + 'a;

/// Decides over our settings and the remote's which of ours give way.
pub type GiveWay = dyn Fn(&Snapshot<'_>, &Snapshot<'_>, &Pen<'_>) -> Result<Vec<Record>>;

/// A step of a sync that may take a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Looking what the remote has, and pushing so many refs meanwhile.
    Exchange(usize),
    /// Joining a ledger with what was fetched.
    Join(String),
    /// Pushing so many refs, after so many pushes that were lost.
    Push(usize, u32),
    /// Looking what the remote has, after a push that was lost.
    Fetch,
}

/// Decides over our settings and the remote's whether they are of two projects.
pub type Stranger<'a> = dyn Fn(&Snapshot<'_>, &Snapshot<'_>) -> Result<Option<Fault>> + 'a;

/// How often a push that lost against another clone is tried before the remote keeps ours beside theirs
/// (DESIGN 3.5). With more, those that keep losing take longer, and as many are lost.
const LOSSES_MAX: u32 = 3;

/// Brings this clone's ledgers and the remote's together.
///
/// What changed here is pushed and what changed there is fetched at the same time: where only one side
/// changed, that is all. A push that lost is followed by join and another push. After a crash at any point
/// every ledger, here and there, is as before or as after one of those steps; the next sync goes on.
///
/// It takes a turn, because two syncs of one clone would only lose races against each other.
pub fn sync(turn: &mut Turn, repo: &Repo, remote: &Remote, rules: &Rules<'_>) -> Result<Report> {
    let mut run = Sync::new(repo, remote, rules);
    let address = repo.name_hash(&remote.address());
    match run.until_agreed(turn.has_met(&address)) {
        Ok(()) => turn.met(address),
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
    /// By ledger: the last join we made, so that a push that lost is followed by a join from the same tip
    /// and a sync leaves one join however often it loses.
    unmerged: BTreeMap<String, Unmerged>,
    /// What the remote held as we knew it before this sync.
    known: Tracked,
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

/// A join that is not pushed yet.
#[derive(Debug, Clone, Copy)]
struct Unmerged {
    merge: Oid,
    /// Our tip before it.
    ours: Oid,
    /// The remote's tip in it.
    theirs: Oid,
}

impl<'a> Sync<'a> {
    fn new(repo: &'a Repo, remote: &'a Remote, rules: &'a Rules<'a>) -> Self {
        Self {
            repo,
            remote,
            rules,
            tracking: format!("refs/gt-remote/{}/", repo.name_hash(&remote.name)),
            unmerged: BTreeMap::new(),
            known: Tracked::new(),
            settled: BTreeSet::new(),
            went_back: BTreeSet::new(),
            news: BTreeSet::new(),
            last_loss: String::new(),
            is_sealed_in_vain: false,
            report: Report::default(),
        }
    }

    /// `has_met` is whether this remote was synced with before; of one that was not we look at the ledgers
    /// before ours go there.
    fn until_agreed(&mut self, has_met: bool) -> Result<()> {
        self.known = self.all_tracked()?;
        let updates = match has_met {
            true => self.sealed_updates()?,
            false => Vec::new(),
        };
        (self.rules.tell)(&Step::Exchange(updates.len()));
        if self.exchange(&updates)? == Round::Agreed && has_met {
            return Ok(());
        }
        self.refuse_stranger()?;
        for losses in 1..=LOSSES_MAX {
            self.take_over_all()?;
            let updates = self.sealed_updates()?;
            if updates.is_empty() {
                return Ok(());
            }
            if losses == LOSSES_MAX {
                return self.hand_over(&updates);
            }
            (self.rules.tell)(&Step::Push(updates.len(), losses - 1));
            if self.push(&updates)? == Round::Agreed {
                return Ok(());
            }
            let world = self.repo.world();
            let limit = (50_u64 << losses).min(2000);
            world.pause(Duration::from_millis(world.random_below(limit)));
            (self.rules.tell)(&Step::Fetch);
            self.fetch()?;
        }
        Ok(())
    }

    fn tracked(&self, name: &str) -> Result<Option<Oid>> {
        self.repo.find_ref(&self.tracking_of(name))
    }

    /// Returns the ref that tracks one of the remote's.
    fn tracking_of(&self, name: &str) -> String {
        name.replacen("refs/gt/", &self.tracking, 1)
    }

    /// Returns what the remote holds as we last knew it, by the names it has there.
    fn all_tracked(&self) -> Result<BTreeMap<String, Oid>> {
        let refs = self.repo.list_refs(&self.tracking)?.into_iter();
        Ok(refs
            .map(|(name, id)| (name.replacen(&self.tracking, "refs/gt/", 1), id))
            .collect())
    }

    /// Refuses a remote that keeps the ledgers of another project.
    fn refuse_stranger(&self) -> Result<()> {
        let name = Name::Config.ref_name();
        let (Some(ours), Some(theirs)) = (self.repo.find_ref(name)?, self.tracked(name)?) else {
            return Ok(());
        };
        let Some(theirs) = self.repo.commit_at(&theirs)? else {
            return Ok(());
        };
        if self.repo.merge_base(&ours, &theirs)?.is_some() {
            return Ok(());
        }
        let ours = Snapshot::at(self.repo, Some(ours))?;
        let theirs = Snapshot::fetched(self.repo, Some(theirs))?;
        match (self.rules.stranger)(&ours, &theirs)? {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Integrates every ledger here or there, also those of kinds this version has never heard of, and what
    /// other clones have handed over.
    fn take_over_all(&mut self) -> Result<()> {
        let there = self.all_tracked()?;
        let ours = self.repo.list_refs("refs/gt/")?.into_iter();
        let names = ours
            .map(|(name, _)| name)
            .chain(there.keys().cloned())
            .filter(|name| is_single(name));
        for ledger in names.collect::<BTreeSet<String>>() {
            self.take_over(&ledger, &there)?;
        }
        self.take_over_machines(&there)
    }

    /// Integrates one ledger; what keeps it from that keeps no other one.
    fn take_over(&mut self, ledger: &str, there: &BTreeMap<String, Oid>) -> Result<()> {
        if self.settled.contains(ledger) {
            return Ok(());
        }
        let done = self
            .refuse_folder(ledger, there)
            .and_then(|()| self.integrate(ledger));
        self.unless_refused(ledger, done)
    }

    /// Notes a refusal, after which nothing more is tried with that ref in this sync.
    fn unless_refused(&mut self, name: &str, done: Result<()>) -> Result<()> {
        match done {
            Err(fault @ Fault::Refused(_)) => {
                self.settled.insert(name.to_owned());
                self.report.faults.push(fault);
                Ok(())
            }
            done => done,
        }
    }

    /// Refuses a ledger of ours whose name is a folder of refs on the remote: it cannot be put there.
    fn refuse_folder(&self, ledger: &str, there: &BTreeMap<String, Oid>) -> Result<()> {
        let folder = format!("{ledger}/");
        let inside = there.keys().find(|name| name.starts_with(&folder));
        match (inside, self.repo.find_ref(ledger)?) {
            (Some(inside), Some(_)) => Err(Fault::refused(format!(
                "'{}' holds '{inside}', so '{ledger}' cannot be there",
                self.remote.name
            ))
            .hint(format!(
                "look at it, then remove it: git push {} --delete {}",
                self.remote.name,
                self.remote.name_there(inside)
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
}

/// What pushing, or pushing and fetching, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// The remote holds what we have, and nothing else that we know of.
    Agreed,
    /// Somebody else pushed first, or has pushed something.
    Behind,
}

/// Returns whether a ref has one component below `refs/gt/`, as every ledger has.
pub(super) fn is_single(name: &str) -> bool {
    name.strip_prefix("refs/gt/")
        .is_some_and(|rest| !rest.contains('/'))
}

/// Returns the commit that holds our ledger and what was fetched, with nothing known that both had.
#[cfg(any(test, fuzzing))]
pub(super) fn taken_in(
    (repo, remote): (&Repo, &Remote),
    ours: Option<Oid>,
    theirs: Oid,
) -> Result<Oid> {
    let rules = Rules::plain();
    let sync = Sync::new(repo, remote, &rules);
    let (commit, _) = sync.joined_from("refs/gt/beads", None, (ours, theirs), false)?;
    Ok(commit)
}
