//! Taking over what was fetched: checked, joined with ours, written as one deterministic commit.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::claims::withdraw_lost;
use super::overtaken::overtaken;
use super::{Event, Step, Sync, Unmerged};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Entry, Guard, Mode, Oid};
use crate::ledger::codec::{READ_MAX, Record};
use crate::ledger::derived::derived;
use crate::ledger::epoch::{archives, put_aside};
use crate::ledger::purge::drop_purged;
use crate::ledger::shard::{
    Difference, Place, Snapshot, checked, differences, id_of, place, rebuilt,
};
use crate::ledger::{Decision, Name, digest, join, transact};

/// How far ahead of our clock a fetched stamp may be without being named.
const AHEAD_MAX: u64 = 60 * 60 * 1000;

/// How many entries of one ledger that are left out are named.
const LEFT_OUT_MAX: usize = 100;

/// What is said of the commit of two ledgers of one epoch.
const JOIN: &str = "join\n";

/// What is said of a commit after the later of two epochs, with what the earlier one had besides.
const LATE: &str = "join what came from before the history began anew\n";

/// What stands at one place of a ledger, as far as we believe it.
enum Side {
    /// Nothing, or what cannot be an entry of a ledger.
    Nothing,
    /// A file at the place of an id that is no record, or that need not be read.
    File(Oid),
    /// A record.
    Record(Record, Oid),
}

/// The ledger that holds two others.
struct Joined {
    tree: Oid,
    /// At how many places the two differed.
    differences: usize,
    events: Vec<Event>,
}

/// A join of two ledgers under way.
struct Joining<'a> {
    /// The last ledger both sides knew.
    base: Snapshot<'a>,
    /// What is to stand at each place where the two differ.
    places: BTreeMap<Place, Option<Oid>>,
    /// Records that get another id because an older one has theirs.
    renamed: Vec<Record>,
    events: Vec<Event>,
    /// Whether what is joined was only handed over: its claims count as not pushed (DESIGN 3.3).
    handed_over: bool,
}

impl Joining<'_> {
    /// Returns what is to stand where two records of one id meet.
    fn meet(&mut self, ours: &Record, theirs: &Record) -> Record {
        match meet(ours, theirs) {
            Met::One(joined) => {
                // A base that cannot be read tells nothing; the two sides are compared all the same.
                let base = self.base.get(ours.id()).ok().flatten();
                let lost = overtaken(base.as_ref(), ours, theirs, &joined);
                self.events.extend(lost.into_iter().map(Event::Overtaken));
                joined
            }
            Met::Two(first, second) => {
                let event = Event::Renamed(first.id().to_owned(), second.id().to_owned());
                self.events.push(event);
                self.renamed.push(second);
                first
            }
        }
    }
}

impl Sync<'_> {
    /// Brings one ledger of ours up to what was fetched. The local ref moves only forward.
    pub(super) fn integrate(&mut self, ledger: &str) -> Result<()> {
        let Some(theirs) = self.fetched(ledger, ledger)? else {
            return Ok(());
        };
        let (guard, here) = loop {
            let seen = self.give_way(ledger, theirs)?;
            let guard = self.repo.guard()?;
            let here = self.repo.find_ref(ledger)?;
            if here == seen {
                break (guard, here);
            }
        };
        if let Some(here) = here
            && self.holds(ledger, (here, theirs), false)?
        {
            return Ok(());
        }
        (self.rules.tell)(&Step::Join(ledger.to_owned()));
        let ours = self.start_of_join(ledger, here, theirs)?;
        let (commit, mut events) = self.joined(ledger, (ours, theirs), false)?;
        let tips = [here, Some(theirs)];
        events.extend(self.put_aside(&guard, ledger, tips, commit)?);
        if let Cas::Moved(_) = self.repo.swap_ref(&guard, ledger, here, commit)? {
            // A tool without our lock was faster; the next round starts from what it left.
            return Ok(());
        }
        if let (Some(ours), true) = (ours, commit != theirs) {
            let merge = commit;
            let unmerged = Unmerged {
                merge,
                ours,
                theirs,
            };
            self.unmerged.insert(ledger.to_owned(), unmerged);
        }
        self.report.tell(events);
        Ok(())
    }

    /// Joins what another clone has handed over as the ref `name` into one ledger of ours.
    pub(super) fn integrate_machine(&mut self, name: &str, ledger: &str) -> Result<()> {
        let Some(theirs) = self.fetched(name, ledger)? else {
            return Ok(());
        };
        let guard = self.repo.guard()?;
        let here = self.repo.find_ref(ledger)?;
        if let Some(here) = here
            && self.holds(ledger, (here, theirs), true)?
        {
            return Ok(());
        }
        let (commit, mut events) = self.joined(ledger, (here, theirs), true)?;
        let tips = [here, Some(theirs)];
        events.extend(self.put_aside(&guard, ledger, tips, commit)?);
        if let Cas::Moved(_) = self.repo.swap_ref(&guard, ledger, here, commit)? {
            return Ok(());
        }
        if let Some(here) = here {
            let shared = self.tracked(ledger)?.unwrap_or(here);
            let unmerged = self.unmerged.get(ledger).copied();
            let before = unmerged.filter(|it| it.merge == here);
            let unmerged = Unmerged {
                merge: commit,
                ours: before.map_or(here, |it| it.ours),
                theirs: before.map_or(shared, |it| it.theirs),
            };
            self.unmerged.insert(ledger.to_owned(), unmerged);
        }
        self.report.tell(events);
        Ok(())
    }

    /// Writes what of ours gives way to what was fetched, and returns the tip of ours that was looked at:
    /// where it moves before the join, something may have come that has to give way, too.
    fn give_way(&mut self, ledger: &str, theirs: Oid) -> Result<Option<Oid>> {
        let Some(here) = self.repo.find_ref(ledger)? else {
            return Ok(None);
        };
        if self.holds(ledger, (here, theirs), false)? {
            return Ok(Some(here));
        }
        let remote = Snapshot::fetched(self.repo, Some(theirs))?;
        if ledger == Name::Beads.ref_name() {
            return self.withdraw_lost_claims(&remote);
        }
        if ledger != Name::Config.ref_name() {
            return Ok(Some(here));
        }
        let written = transact(self.repo, (Name::Config, None), "git-gt", |ours, pen| {
            let records = (self.rules.give_way)(ours, &remote, pen)?;
            Ok(Decision::write(
                "give way to the remote's settings",
                records,
                (),
            ))
        })?;
        Ok(written.tip)
    }

    /// Returns the commit of a ledger that was fetched as the ref `name`, nothing where there is none, ours
    /// is the same, or what is there is not to be taken over, which is said once.
    fn fetched(&mut self, name: &str, ledger: &str) -> Result<Option<Oid>> {
        let Some(found) = self.tracked(name)? else {
            return Ok(None);
        };
        if self.repo.find_ref(ledger)? == Some(found) {
            return Ok(None);
        }
        let commit = self.repo.commit_at(&found)?;
        let why = match commit {
            None => "its ref names no commit",
            Some(commit) if !self.is_ledger(ledger, commit)? => "not a ledger",
            Some(commit) => {
                Snapshot::at(self.repo, Some(commit))?.check_schema(ledger)?;
                return Ok(Some(commit));
            }
        };
        if self.news.remove(name) {
            let event = Event::LeftOut(name.to_owned(), why.to_owned());
            self.report.events.push(event);
        }
        Ok(None)
    }

    /// Returns the tip a join starts from: ours, or what ours was before the join that lost its push.
    fn start_of_join(&self, ledger: &str, here: Option<Oid>, theirs: Oid) -> Result<Option<Oid>> {
        let last = self.unmerged.get(ledger).copied();
        match last.filter(|last| here == Some(last.merge)) {
            Some(last)
                if self.epoch(last.theirs)? == self.epoch(theirs)?
                    && self.epoch(last.ours)? <= self.epoch(theirs)?
                    && self.repo.is_ancestor(&last.theirs, &theirs)? =>
            {
                Ok(Some(last.ours))
            }
            _ => Ok(here),
        }
    }

    /// Returns the epoch of a ledger, whoever wrote it.
    pub(super) fn epoch(&self, tip: Oid) -> Result<u32> {
        Snapshot::fetched(self.repo, Some(tip))?.epoch()
    }

    /// Returns whether a tip of ours has taken in another one: it descends from it, or it is of a later epoch
    /// and joining the two changes nothing.
    pub(super) fn holds(
        &self,
        ledger: &str,
        (ours, theirs): (Oid, Oid),
        handed_over: bool,
    ) -> Result<bool> {
        let (here, there) = (self.epoch(ours)?, self.epoch(theirs)?);
        if here < there {
            return Ok(false);
        }
        if here > there {
            let joined = self.ledger_of_both(ledger, None, (Some(ours), theirs), handed_over)?;
            if Some(joined.tree) == Snapshot::at(self.repo, Some(ours))?.tree() {
                return Ok(true);
            }
        }
        self.repo.is_ancestor(&theirs, &ours)
    }

    /// Keeps in this clone what a ledger's tip of a later epoch leaves behind; returns what is to be told.
    fn put_aside(
        &self,
        guard: &Guard,
        ledger: &str,
        tips: [Option<Oid>; 2],
        new: Oid,
    ) -> Result<Option<Event>> {
        let (epoch, mut told) = (self.epoch(new)?, None);
        for tip in tips.into_iter().flatten() {
            if self.epoch(tip)? < epoch {
                let archive = put_aside(self.repo, guard, ledger, tip)?;
                told = Some(Event::Archived(ledger.to_owned(), archive));
            }
        }
        Ok(told)
    }

    fn joined(
        &self,
        ledger: &str,
        (ours, theirs): (Option<Oid>, Oid),
        handed_over: bool,
    ) -> Result<(Oid, Vec<Event>)> {
        let (mut base, mut known, mut is_one_epoch) = (None, None, true);
        if let Some(ours) = ours {
            is_one_epoch = self.epoch(ours)? == self.epoch(theirs)?;
            if is_one_epoch {
                base = self.repo.merge_base(&ours, &theirs)?;
            }
            known = match base {
                None => self.last_known(ledger, ours, is_one_epoch)?,
                base => base,
            };
        }
        let (commit, mut events) = self.joined_from(ledger, known, (ours, theirs), handed_over)?;
        if known.is_none() && !is_one_epoch {
            // Nearly all that differs was changed by others in knowledge of what is here.
            let ours = Snapshot::at(self.repo, ours)?;
            events.retain(|event| match event {
                Event::Overtaken(lost) => self.is_of_this_clone(&ours, lost),
                _ => true,
            });
        }
        if let (Some(base), false) = (base, handed_over) {
            // History that cannot be read tells nothing, and the join stands all the same.
            let lost = self.overtaken_since(base, theirs).unwrap_or_default();
            events.extend(lost.into_iter().map(Event::Overtaken));
        }
        Ok((commit, events))
    }

    /// Returns what this or another remote held of a ledger before this sync, where ours or what came before it
    /// has taken that in. It stands in for what both sides knew where the history was begun anew between.
    fn last_known(&self, ledger: &str, ours: Oid, is_one_epoch: bool) -> Result<Option<Oid>> {
        let mut tips = vec![ours];
        tips.extend(archives(self.repo, ledger)?.into_iter().map(|(_, tip)| tip));
        let short = ledger.trim_start_matches("refs/gt/");
        let others = self.repo.list_refs("refs/gt-remote/")?.into_iter();
        let others = others.filter(|(name, _)| {
            !name.starts_with(&self.tracking) && name.splitn(4, '/').nth(3) == Some(short)
        });
        let known = self.known.get(ledger).copied();
        for found in known.into_iter().chain(others.map(|(_, tip)| tip)) {
            let found = self.repo.commit_at(&found)?;
            // In one epoch theirs would have to descend from it to stand for ours.
            let Some(found) = found.filter(|it| !is_one_epoch || *it != ours) else {
                continue;
            };
            let epoch = self.epoch(found)?;
            for tip in &tips {
                if self.epoch(*tip)? == epoch && self.repo.is_ancestor(&found, tip)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Returns the commit that holds our ledger and theirs. `base`, which both sides know, decides what is
    /// told and whether theirs can stand as it is; what the ledger holds does not depend on it.
    ///
    /// Where one of the two is of a later epoch, the commit goes on from that one alone, and is that one where
    /// the other has nothing besides: the history that was put aside does not come back.
    pub(super) fn joined_from(
        &self,
        ledger: &str,
        base: Option<Oid>,
        (ours, theirs): (Option<Oid>, Oid),
        handed_over: bool,
    ) -> Result<(Oid, Vec<Event>)> {
        let joined = self.ledger_of_both(ledger, base, (ours, theirs), handed_over)?;
        let (tree, count) = (joined.tree, joined.differences);
        let holds_all = |tip: Oid| Ok::<_, Fault>(self.repo.commit(&tip)?.tree == tree);
        let mut events = joined.events;
        let later = match ours {
            Some(ours) => self.later(ours, theirs)?,
            None => None,
        };
        if let Some(later) = later
            && holds_all(later)?
        {
            let is_news = later == theirs && count > 0;
            events.extend(is_news.then(|| Event::Took(ledger.to_owned(), count)));
            return Ok((later, events));
        }
        if later.is_none() && base == ours && holds_all(theirs)? {
            events.push(Event::Took(ledger.to_owned(), count));
            return Ok((theirs, events));
        }
        events.push(Event::Joined(ledger.to_owned(), count));
        let mut tips: Vec<Oid> = ours.into_iter().chain([theirs]).collect();
        tips.sort();
        let commit = match later {
            Some(later) => derived(self.repo, tree, (&[later], &tips), LATE)?,
            None => derived(self.repo, tree, (&tips, &tips), JOIN)?,
        };
        Ok((commit, events))
    }

    /// Returns the one of two tips that is of a later epoch, nothing where they are of one.
    fn later(&self, a: Oid, b: Oid) -> Result<Option<Oid>> {
        let order = self.epoch(a)?.cmp(&self.epoch(b)?);
        Ok(match order {
            Ordering::Less => Some(b),
            Ordering::Equal => None,
            Ordering::Greater => Some(a),
        })
    }

    /// Writes the tree that holds our ledger and theirs.
    fn ledger_of_both(
        &self,
        ledger: &str,
        base: Option<Oid>,
        (ours, theirs): (Option<Oid>, Oid),
        handed_over: bool,
    ) -> Result<Joined> {
        let our_ledger = Snapshot::at(self.repo, ours)?;
        let their_ledger = Snapshot::fetched(self.repo, Some(theirs))?;
        our_ledger.check_schema(ledger)?;
        let changes = differences(self.repo, our_ledger.tree(), their_ledger.tree())?;
        let mut joining = Joining {
            base: Snapshot::fetched(self.repo, base)?,
            places: BTreeMap::new(),
            renamed: Vec::new(),
            events: Vec::new(),
            handed_over,
        };
        for change in &changes {
            self.decide(change, &mut joining)?;
        }
        self.place_renamed(&our_ledger, &mut joining)?;
        drop_purged(self.repo, (&our_ledger, &their_ledger), &mut joining.places)?;
        let rebuild = || rebuilt(&our_ledger, &their_ledger, &joining.places);
        let tree = self.repo.at_once(changes.len(), rebuild)?;
        Ok(Joined {
            tree,
            differences: changes.len(),
            events: fewer(ledger, joining.events),
        })
    }

    /// Decides what stands at one place: whatever one side alone has; of two records their join; a
    /// record rather than what is none. Both sides decide alike, so that they end with the same tree.
    fn decide(&self, change: &Difference, joining: &mut Joining<'_>) -> Result<()> {
        let id = id_of(&change.place);
        let events = &mut joining.events;
        let ours = self.side(change, id.as_deref(), change.ours.as_ref(), events)?;
        let theirs = self.side(change, id.as_deref(), change.theirs.as_ref(), events)?;
        let blob = match (ours, theirs) {
            (Side::Nothing, Side::Nothing) => None,
            (Side::Record(_, blob), Side::Nothing | Side::File(_))
            | (Side::Nothing | Side::File(_), Side::Record(_, blob))
            | (Side::File(blob), Side::Nothing)
            | (Side::Nothing, Side::File(blob)) => Some(blob),
            (Side::File(a), Side::File(b)) => Some(a.max(b)),
            (Side::Record(ours, _), Side::Record(mut theirs, _)) => {
                if joining.handed_over && is_one(&ours, &theirs) {
                    withdraw_lost(&mut theirs, &ours);
                }
                let record = joining.meet(&ours, &theirs);
                Some(self.repo.write_blob(&record.encode())?)
            }
        };
        joining.places.insert(change.place.clone(), blob);
        Ok(())
    }

    /// Returns what one side has at a place where the two differ, and tells what is wrong with it.
    ///
    /// What stands here alone is believed without being read: it was checked when it came or was written.
    fn side(
        &self,
        change: &Difference,
        id: Option<&str>,
        entry: Option<&Entry>,
        events: &mut Vec<Event>,
    ) -> Result<Side> {
        let Some(entry) = entry else {
            return Ok(Side::Nothing);
        };
        let mut left_out =
            |what: &str, why: String| events.push(Event::LeftOut(what.to_owned(), why));
        let Some(id) = id.filter(|_| entry.mode == Mode::File) else {
            left_out(
                &change.path(),
                "not a regular file at the place of its id".to_owned(),
            );
            return Ok(Side::Nothing);
        };
        match self.repo.blob_size(&entry.id)? {
            Some(size) if size <= READ_MAX as u64 => {}
            Some(size) => {
                left_out(id, format!("{size} bytes, more than a record may have"));
                return Ok(Side::Nothing);
            }
            // What is not here is no reason to take it for nothing: others have it.
            None if !self.repo.has(&entry.id) => self.repo.blob(&entry.id).map(drop)?,
            None => {
                left_out(id, "not a file".to_owned());
                return Ok(Side::Nothing);
            }
        }
        let is_ours = change.ours.as_ref() == Some(entry);
        if is_ours && change.theirs.is_none() {
            return Ok(Side::File(entry.id));
        }
        match checked(&self.repo.blob(&entry.id)?, id) {
            Ok(record) => {
                let ahead = record.newest().time().0 > self.repo.world().now().0 + AHEAD_MAX;
                if ahead && !is_ours {
                    events.push(Event::FromTheFuture(id.to_owned()));
                }
                Ok(Side::Record(record, entry.id))
            }
            Err(why) => {
                left_out(id, why.text().message.clone());
                Ok(Side::File(entry.id))
            }
        }
    }

    /// Returns the record an entry holds, nothing where it holds none.
    pub(super) fn record(&self, id: &str, entry: Option<&Entry>) -> Result<Option<Record>> {
        let Some(entry) = entry.filter(|entry| entry.mode == Mode::File) else {
            return Ok(None);
        };
        let bytes = self.repo.blob_up_to(&entry.id, READ_MAX as u64)?;
        Ok(bytes.and_then(|bytes| checked(&bytes, id).ok()))
    }

    /// Puts renamed records at their new places, joined with what stands there already: somebody else
    /// may have renamed the same record before and changed it since.
    fn place_renamed(&self, ours: &Snapshot<'_>, joining: &mut Joining<'_>) -> Result<()> {
        for record in std::mem::take(&mut joining.renamed) {
            let place = place(record.id());
            let there = match joining.places.get(&place) {
                Some(Some(blob)) => checked(&self.repo.blob(blob)?, record.id()).ok(),
                Some(None) => None,
                None => ours.get(record.id())?,
            };
            let record = there.map_or_else(|| record.clone(), |there| join(&there, &record));
            let blob = self.repo.write_blob(&record.encode())?;
            joining.places.insert(place, Some(blob));
        }
        Ok(())
    }
}

/// Returns the events without most of what was left out, where that is very much.
fn fewer(ledger: &str, events: Vec<Event>) -> Vec<Event> {
    let (left_out, mut kept): (Vec<Event>, Vec<Event>) = events
        .into_iter()
        .partition(|event| matches!(event, Event::LeftOut(..)));
    let more = left_out.len().saturating_sub(LEFT_OUT_MAX);
    kept.extend(left_out.into_iter().take(LEFT_OUT_MAX));
    if more > 0 {
        let why = format!("{more} more entries that make no sense");
        kept.push(Event::LeftOut(ledger.to_owned(), why));
    }
    kept
}

/// What two records of one id are.
pub(super) enum Met {
    /// Two versions of one thing; their join.
    One(Record),
    /// Two things, for which two clones made the same id: the older, and the younger under another id.
    Two(Record, Record),
}

/// Returns what is to become of two records of one id; both sides find the same.
pub(super) fn meet(ours: &Record, theirs: &Record) -> Met {
    match is_one(ours, theirs) {
        true => Met::One(join(ours, theirs)),
        false if ours.created() < theirs.created() => Met::Two(ours.clone(), renamed(theirs)),
        false => Met::Two(theirs.clone(), renamed(ours)),
    }
}

/// Returns whether two records of one id are versions of one thing. What is known by its name was created by
/// nobody first.
pub(super) fn is_one(ours: &Record, theirs: &Record) -> bool {
    let (a, b) = (ours.created(), theirs.created());
    a == b || a.is_zero() || b.is_zero()
}

/// Returns the record under the id it gets where an older one has its id: everybody derives the same.
pub(super) fn renamed(record: &Record) -> Record {
    let suffix = &digest(&[record.created().as_str().as_bytes()])[..4];
    let mut renamed = record.clone();
    renamed
        .fields
        .insert("id".to_owned(), format!("{}-{suffix}", record.id()).into());
    renamed.set("alias", Some(record.id().into()), &record.created());
    // Some programs write rows that say what is so without them. A join leaves those out, and whoever has
    // renamed it once more joins it with this one.
    join(&renamed, &renamed)
}
