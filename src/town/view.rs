//! The one view of what is stored; records are read when they are asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashSet};

use super::agents::accepted_machines;
use super::{HQ, Home};
use crate::fault::{Fault, Result};
use crate::git::{Oid, Repo};
use crate::ledger::index::{Index, Key, Row, Shape};
use crate::ledger::{Name, Record, Snapshot, Stamp, sealed_results};
use crate::record::{
    self, AgentCommand, Attempt, Bead, Convoy, Freeze, Gate, Handoff, Kv, Mail, MailRow, Request,
    RequestStatus, Rig, RunResult,
};

/// All ledgers of a home, each as it was when it was first looked at; what is another home's is found
/// there.
#[derive(Debug)]
pub struct View<'r> {
    repo: &'r Repo,
    home: Option<&'r Home>,
    tips: RefCell<BTreeMap<Name, Option<Oid>>>,
    ledgers: RefCell<BTreeMap<Name, Snapshot<'r>>>,
    indexes: [OnceCell<Index<'r>>; record::SHAPES.len()],
    /// Beads as a decision under way has changed them so far.
    pending: RefCell<BTreeMap<String, Bead>>,
    /// Results of gates that allowed signers ran, looked for once.
    sealed: OnceCell<Vec<Snapshot<'r>>>,
}

impl<'r> View<'r> {
    /// Returns a view of one repository as it is now, whatever town it is in.
    pub(crate) fn new(repo: &'r Repo) -> Self {
        Self {
            repo,
            home: None,
            tips: RefCell::default(),
            ledgers: RefCell::default(),
            indexes: Default::default(),
            pending: RefCell::default(),
            sealed: OnceCell::new(),
        }
    }

    /// Returns a view of everything as it is now.
    pub(super) fn of(home: &'r Home) -> Self {
        Self {
            home: Some(home),
            ..Self::new(home.repo())
        }
    }

    /// Returns a view in which one ledger is as a decision under way sees it.
    pub(super) fn with(home: &'r Home, name: Name, ledger: Snapshot<'r>) -> Self {
        Self {
            tips: RefCell::new(BTreeMap::from([(name, ledger.tip())])),
            ledgers: RefCell::new(BTreeMap::from([(name, ledger)])),
            ..Self::of(home)
        }
    }

    /// Returns the repository.
    pub fn repo(&self) -> &'r Repo {
        self.repo
    }

    /// Returns the home that is looked at, nothing where it is a repository on its own.
    pub(super) fn home(&self) -> Option<&'r Home> {
        self.home
    }

    /// Returns whether other repositories of a town may have what is not here.
    pub fn is_in_town(&self) -> bool {
        self.home.is_some_and(|home| !home.stands_alone())
    }

    /// Returns the repository that holds a ledger.
    pub fn repo_of(&self, name: Name) -> Result<&'r Repo> {
        match self.home {
            Some(home) => home.repo_of(name),
            None => Ok(self.repo),
        }
    }

    /// Returns whether HQ of a town, here or on another machine, keeps the convoys of this home.
    pub fn is_of_town(&self) -> Result<bool> {
        let Some(home) = self.home else {
            return Ok(false);
        };
        let rig = self.rig(home.rig().name())?;
        Ok(self.is_in_town() || rig.is_some_and(|rig| rig.is_of_town()))
    }

    /// Returns the prefix of ids of what goes across rigs: HQ's, or of a repository that is its own town, its
    /// own.
    pub fn town_prefix(&self) -> Result<String> {
        let hq = self.home.map(Home::hq).transpose()?;
        Ok(hq.map_or_else(|| HQ.to_owned(), |hq| hq.rig().prefix().to_owned()))
    }

    /// Returns a ledger.
    pub fn ledger(&self, name: Name) -> Result<Snapshot<'r>> {
        if let Some(known) = self.ledgers.borrow().get(&name) {
            return Ok(*known);
        }
        let snapshot = Snapshot::at(self.repo_of(name)?, self.tip(name)?)?;
        self.ledgers.borrow_mut().insert(name, snapshot);
        Ok(snapshot)
    }

    /// Returns the commit of a ledger.
    fn tip(&self, name: Name) -> Result<Option<Oid>> {
        if let Some(known) = self.tips.borrow().get(&name) {
            return Ok(*known);
        }
        let tip = self.repo_of(name)?.find_ref(name.ref_name())?;
        self.tips.borrow_mut().insert(name, tip);
        Ok(tip)
    }

    fn records<T>(&self, name: Name, of: impl Fn(Record) -> Option<T>) -> Result<Vec<T>> {
        let mut records = self.ledger(name)?.records()?;
        records.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(records.into_iter().filter_map(of).collect())
    }

    /// Returns the index of a ledger that has one.
    fn index(&self, name: Name) -> Result<&Index<'r>> {
        let (cell, shape) = self.cell(name);
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let index = Index::at(self.repo_of(name)?, self.tip(name)?, shape)?;
        Ok(cell.get_or_init(|| index))
    }

    fn cell(&self, name: Name) -> (&OnceCell<Index<'r>>, &'static Shape) {
        let mut cells = self.indexes.iter().zip(record::SHAPES);
        let found = cells.find(|(_, shape)| shape.ledger == name);
        found.expect("the ledger has an index")
    }

    /// Returns the records of rows of an index, sorted by id.
    fn of_rows<T>(
        &self,
        name: Name,
        mut rows: Vec<Row<'_>>,
        of: impl Fn(Record) -> Option<T>,
    ) -> Result<Vec<T>> {
        rows.sort_unstable_by_key(|row| row.id);
        let records = self.index(name)?.records(&rows)?;
        Ok(records.into_iter().filter_map(of).collect())
    }

    /// Returns the live records of a ledger with an index, sorted by id.
    fn live<T>(&self, name: Name, of: impl Fn(Record) -> Option<T>) -> Result<Vec<T>> {
        let rows = self.index(name)?.live().collect::<Result<_>>()?;
        self.of_rows(name, rows, of)
    }

    /// Returns the records of a ledger with a key, sorted by id, and perhaps others.
    fn with_key<T>(
        &self,
        name: Name,
        key: Key,
        of: impl Fn(Record) -> Option<T>,
    ) -> Result<Vec<T>> {
        let rows = self.index(name)?.with_key(key)?;
        self.of_rows(name, rows, of)
    }

    /// Returns the index of beads, which has no deleted ones.
    pub fn bead_index(&self) -> Result<&Index<'r>> {
        self.index(Name::Beads)
    }

    /// Returns whether the index of beads was looked at already.
    pub fn has_bead_index(&self) -> bool {
        self.cell(Name::Beads).0.get().is_some()
    }

    /// Returns the bead of an id, also a closed or deleted one.
    pub fn bead(&self, id: &str) -> Result<Option<Bead>> {
        if let Some(pending) = self.pending.borrow().get(id) {
            return Ok(Some(pending.clone()));
        }
        Ok(self.ledger(Name::Beads)?.get(id)?.and_then(Bead::of))
    }

    /// Lets the rest of a decision under way see a bead as it is to be.
    pub fn put(&self, bead: Bead) {
        self.pending.borrow_mut().insert(bead.id().to_owned(), bead);
    }

    /// Returns the beads that a decision under way has changed so far, sorted by id.
    pub fn pending(&self) -> Vec<Bead> {
        self.pending.borrow().values().cloned().collect()
    }

    /// Returns whether a decision under way has changed beads.
    pub fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// Returns the bead of an id as [`View::bead`] does, also one of another rig of the town: to be looked at
    /// and not to be written, which only its own home does.
    pub fn bead_anywhere(&self, id: &str) -> Result<Option<Bead>> {
        match (self.bead(id)?, self.home) {
            (None, Some(home)) => home.bead_elsewhere(id),
            (found, _) => Ok(found),
        }
    }

    /// Returns the home of the town that keeps the beads whose ids begin as `typed` does.
    pub fn home_of(&self, typed: &str) -> Option<Result<Home>> {
        self.home.map(|home| home.of_bead(typed))
    }

    /// Returns the bead of an id where it can be read; one that cannot keeps a list from nothing else.
    pub fn readable_bead(&self, id: &str) -> Result<Option<Bead>> {
        match self.bead(id) {
            Err(Fault::Invalid(_)) => Ok(None),
            found => found,
        }
    }

    /// Returns all beads but deleted ones, sorted by id.
    pub fn beads(&self) -> Result<Vec<Bead>> {
        self.records(Name::Beads, |record| {
            Bead::of(record).filter(|bead| !bead.is_deleted())
        })
    }

    /// Returns the mail of an id, also one of this clone's own; none where it was deleted.
    pub fn mail(&self, id: &str) -> Result<Option<Mail>> {
        for name in [Name::Mail, Name::Wisps] {
            if let Some(mail) = self.ledger(name)?.get(id)?.and_then(Mail::of) {
                return Ok(Some(mail).filter(|mail| !mail.is_deleted()));
            }
        }
        Ok(None)
    }

    /// Returns whether a mail that follows from something was sent to an address, wherever in the town its
    /// mail is kept, or may have been purged since.
    pub fn was_sent(&self, id: &str, to: &str, cause: &Stamp) -> Result<bool> {
        let known = |view: &View<'_>| -> Result<bool> {
            let is_there = view.ledger(Name::Mail)?.get(id)?.is_some();
            Ok(is_there || view.was_purged(Name::Mail, cause)?)
        };
        let Some(home) = self.home.filter(|_| self.is_in_town()) else {
            return known(self);
        };
        let there = home.of_address(to)?;
        Ok(known(&there.view())? || !there.is_hq() && known(&there.hq()?.view())?)
    }

    /// Returns whether a ledger was purged of what is as old as `stamp`: what is not there may have been.
    pub fn was_purged(&self, name: Name, stamp: &Stamp) -> Result<bool> {
        let floor = self.ledger(name)?.purge_floor()?;
        Ok(floor.is_some_and(|floor| *stamp < floor))
    }

    /// Returns the mail to addresses, this clone's own and what waits in HQ too, because whoever sent it had
    /// no clone of the rig; of each, `wanted` looks at it in brief.
    pub fn mails_to(
        &self,
        addresses: &[String],
        wanted: &dyn Fn(&MailRow<'_>) -> bool,
    ) -> Result<Vec<Mail>> {
        let mut rows = Vec::new();
        for address in addresses {
            let found = self.index(Name::Mail)?.with_key(Mail::key_to(address))?;
            rows.extend(found.into_iter().filter(|row| {
                let brief = MailRow::of(row);
                brief.to == address && wanted(&brief)
            }));
        }
        let mut all = self.of_rows(Name::Mail, rows, Mail::of)?;
        let is_own = |mail: &Mail| addresses.iter().any(|it| it == mail.to());
        let own = self.records(Name::Wisps, Mail::of)?.into_iter();
        all.extend(own.filter(is_own));
        if let Some(home) = self.home.filter(|it| self.is_in_town() && !it.is_hq()) {
            all.extend(home.hq()?.view().mails_to(addresses, wanted)?);
        }
        Ok(all)
    }

    /// Returns the mail of a conversation, sorted by id, this clone's own last.
    pub fn mails_in(&self, thread: &str) -> Result<Vec<Mail>> {
        let mut all = self.with_key(Name::Mail, Mail::key_in(thread), Mail::of)?;
        all.extend(self.records(Name::Wisps, Mail::of)?);
        all.retain(|mail| mail.thread() == thread);
        Ok(all)
    }

    /// Shows all mail but what was deleted in brief, in no order.
    pub fn each_mail(&self, see: &mut dyn FnMut(&MailRow<'_>)) -> Result<()> {
        for row in self.index(Name::Mail)?.all() {
            see(&MailRow::of(&row?));
        }
        for mail in self.records(Name::Wisps, Mail::of)? {
            see(&MailRow::of_mail(&mail));
        }
        Ok(())
    }

    /// Returns the ids of all mail but what was deleted, this clone's own last.
    pub fn mail_ids(&self) -> Result<Vec<String>> {
        let shared = self.index(Name::Mail)?.ids()?.into_iter();
        let own = self.records(Name::Wisps, Mail::of)?.into_iter();
        let own = own.map(|mail| mail.id().to_owned());
        Ok(shared.map(str::to_owned).chain(own).collect())
    }

    /// Returns the convoy of an id.
    pub fn convoy(&self, id: &str) -> Result<Option<Convoy>> {
        Ok(self.ledger(Name::Convoys)?.get(id)?.and_then(Convoy::of))
    }

    /// Returns the ids of all convoys, in no order.
    pub fn convoy_ids(&self) -> Result<Vec<&str>> {
        self.index(Name::Convoys)?.ids()
    }

    /// Returns all convoys, sorted by id.
    pub fn convoys(&self) -> Result<Vec<Convoy>> {
        self.records(Name::Convoys, Convoy::of)
    }

    /// Returns the open convoys, sorted by id.
    pub fn open_convoys(&self) -> Result<Vec<Convoy>> {
        self.live(Name::Convoys, Convoy::of)
    }

    /// Returns the convoys that have a bead, sorted by id.
    pub fn convoys_of(&self, bead: &str) -> Result<Vec<Convoy>> {
        let mut found = self.with_key(Name::Convoys, Convoy::key_of(bead), Convoy::of)?;
        found.retain(|convoy| convoy.tracks(bead));
        Ok(found)
    }

    /// Returns the handoff of an id.
    pub fn handoff(&self, id: &str) -> Result<Option<Handoff>> {
        Ok(self.ledger(Name::Handoffs)?.get(id)?.and_then(Handoff::of))
    }

    /// Returns all handoffs, oldest first.
    pub fn handoffs(&self) -> Result<Vec<Handoff>> {
        let mut all = self.records(Name::Handoffs, Handoff::of)?;
        all.sort_by_cached_key(Handoff::written);
        Ok(all)
    }

    /// Returns what is kept under a key.
    pub fn kv(&self, key: &str) -> Result<Option<Kv>> {
        Ok(self
            .ledger(Name::Handoffs)?
            .get(&Kv::id_of(key))?
            .and_then(Kv::of))
    }

    /// Returns what is kept under all keys, sorted by them.
    pub fn kvs(&self) -> Result<Vec<Kv>> {
        self.records(Name::Handoffs, Kv::of)
    }

    /// Returns the merge request of an id.
    pub fn request(&self, id: &str) -> Result<Option<Request>> {
        Ok(self.ledger(Name::Queue)?.get(id)?.and_then(Request::of))
    }

    /// Returns all merge requests, sorted by id.
    pub fn requests(&self) -> Result<Vec<Request>> {
        self.records(Name::Queue, Request::of)
    }

    /// Returns the merge requests that are not finished, sorted by id.
    pub fn live_requests(&self) -> Result<Vec<Request>> {
        let Some(home) = self.home else {
            return self.live(Name::Queue, Request::of);
        };
        let mut rows: Vec<Row<'_>> = self.index(Name::Queue)?.live().collect::<Result<_>>()?;
        rows.sort_unstable_by_key(|row| row.id);
        let mut known = home.site.waiting.borrow_mut();
        let is_read = |row: &Row<'_>| known.get(row.id).is_some_and(|it| it.0 == row.blob());
        let unread: Vec<Row<'_>> = rows.iter().filter(|row| !is_read(row)).copied().collect();
        let records = self.index(Name::Queue)?.records(&unread)?;
        let read = unread.iter().zip(records);
        let read = read.map(|(row, it)| (row.id.to_owned(), (row.blob(), Request::of(it))));
        known.extend(read);
        if known.len() > rows.len() {
            let live: HashSet<&str> = rows.iter().map(|row| row.id).collect();
            known.retain(|id, _| live.contains(id.as_str()));
        }
        let requests = rows.iter().filter_map(|row| known.get(row.id)?.1.clone());
        Ok(requests.collect())
    }

    /// Returns the ids of merge requests that are finished, in no order.
    pub fn finished_request_ids(&self) -> Result<Vec<&str>> {
        let rows = self.index(Name::Queue)?.all();
        let finished = rows.filter(|row| row.as_ref().map_or(true, |it| !it.is_live));
        finished.map(|row| Ok(row?.id)).collect()
    }

    /// Returns the merge requests of a bead, of a branch, or with a head, sorted by id.
    pub fn requests_of(&self, name: &str) -> Result<Vec<Request>> {
        let mut found = self.with_key(Name::Queue, Request::key_of(name), Request::of)?;
        found.retain(|it| [it.bead(), it.branch(), it.head()].contains(&name));
        Ok(found)
    }

    /// Returns the merge requests of a group, finished ones too, sorted by id.
    pub fn requests_in(&self, group: &str) -> Result<Vec<Request>> {
        let mut found = self.with_key(Name::Queue, Request::key_in(group), Request::of)?;
        found.retain(|it| it.group() == group);
        Ok(found)
    }

    /// Returns whether and how a target is frozen, thawed ones too; nothing where it never was.
    pub fn freeze(&self, target: &str) -> Result<Option<Freeze>> {
        let found = self.ledger(Name::Queue)?.get(&Freeze::id_of(target))?;
        Ok(found.and_then(Freeze::of))
    }

    /// Returns how many merge requests have ended, or stand, so.
    pub fn count_requests(&self, status: RequestStatus) -> Result<u64> {
        let mut count = 0;
        for row in self.index(Name::Queue)?.all() {
            count += u64::from(row?.body == status.word().as_bytes());
        }
        Ok(count)
    }

    /// Returns the requests that have ended so, in no order.
    pub fn ended(&self, status: RequestStatus) -> Result<Vec<Request>> {
        let mut ids = Vec::new();
        for row in self.index(Name::Queue)?.all() {
            let row = row?;
            if row.body == status.word().as_bytes() && !row.is_live {
                ids.push(row.id.to_owned());
            }
        }
        let requests = ids.iter().map(|id| self.request(id));
        let requests: Vec<Option<Request>> = requests.collect::<Result<_>>()?;
        Ok(requests.into_iter().flatten().collect())
    }

    /// Returns the gates that landing needs, sorted by name.
    pub fn gates(&self) -> Result<Vec<Gate>> {
        self.records(Name::Config, Gate::of)
    }

    /// Returns the agents' commands that are offered to everybody, sorted by name.
    pub fn agent_commands(&self) -> Result<Vec<AgentCommand>> {
        self.records(Name::Config, AgentCommand::of)
    }

    /// Returns the record of a gate of a name, also a removed one.
    pub fn gate_record(&self, name: &str) -> Result<Option<Record>> {
        self.ledger(Name::Config)?.get(&Gate::id_of(name))
    }

    /// Returns the rig of a name.
    pub fn rig(&self, name: &str) -> Result<Option<Rig>> {
        Ok(self
            .ledger(Name::Config)?
            .get(&Rig::id_of(name))?
            .and_then(Rig::of))
    }

    /// Returns all rigs, sorted by name.
    pub fn rigs(&self) -> Result<Vec<Rig>> {
        self.records(Name::Config, Rig::of)
    }

    /// Returns the results of a gate definition under a key; none yet is an empty one.
    pub fn result(&self, key: &str, definition: &str) -> Result<RunResult> {
        self.result_in(Name::Results, key, definition)
    }

    /// Returns the results of runs that were made here. Whoever can push results can write this clone's
    /// id into them, so those prove nothing; these never leave the machine.
    pub fn own_result(&self, key: &str, definition: &str) -> Result<RunResult> {
        self.result_in(Name::Attempts, key, definition)
    }

    /// Returns the runs of a gate definition under a key that count as evidence, oldest first: those that were
    /// made here, those in the seals of allowed signers, and those of machines accepted here, which are
    /// believed on the word of whoever can push (DESIGN 3.6).
    pub fn evidence(&self, key: &str, definition: &str) -> Result<BTreeMap<Stamp, Attempt>> {
        let mut counted: BTreeMap<Stamp, Attempt> = BTreeMap::new();
        let id = RunResult::id_of(key, definition);
        for ledger in self.sealed()? {
            // What is no record proves nothing.
            let found = ledger.get(&id).or_else(|fault| match fault {
                Fault::Invalid(_) => Ok(None),
                fault => Err(fault),
            })?;
            let found = found.and_then(RunResult::of);
            counted.extend(found.iter().flat_map(RunResult::attempts));
        }
        let accepted = accepted_machines(self.repo);
        if !accepted.is_empty() {
            let shared = self.result(key, definition)?;
            let theirs = shared
                .attempts()
                .filter(|(stamp, _)| accepted.iter().any(|clone| clone == stamp.clone_part()));
            counted.extend(theirs);
        }
        counted.extend(self.own_result(key, definition)?.attempts());
        Ok(counted)
    }

    fn sealed(&self) -> Result<&[Snapshot<'r>]> {
        if let Some(known) = self.sealed.get() {
            return Ok(known);
        }
        let found = sealed_results(self.repo_of(Name::Results)?)?;
        Ok(self.sealed.get_or_init(|| found))
    }

    /// Returns the results of all runs that were made here, sorted by id.
    pub fn own_results(&self) -> Result<Vec<RunResult>> {
        self.records(Name::Attempts, RunResult::of)
    }

    fn result_in(&self, ledger: Name, key: &str, definition: &str) -> Result<RunResult> {
        let found = self
            .ledger(ledger)?
            .get(&RunResult::id_of(key, definition))?;
        let known = found.and_then(RunResult::of);
        Ok(known.unwrap_or_else(|| RunResult::new(key, definition)))
    }

    /// Returns the results of runs a merge request was in, sorted by id.
    pub fn results_of(&self, request: &str) -> Result<Vec<RunResult>> {
        self.with_key(Name::Results, RunResult::key_of(request), RunResult::of)
    }

    /// Returns all results, sorted by id.
    pub fn results(&self) -> Result<Vec<RunResult>> {
        self.records(Name::Results, RunResult::of)
    }
}
