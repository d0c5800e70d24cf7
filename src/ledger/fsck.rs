//! Whether ledgers are whole: every shard, every record, everything their history needs; and the other refs
//! of ours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::codec::READ_MAX;
use super::epoch::is_archive;
use super::repair;
use super::shard::{META, checked, id_of, is_shard};
use super::{Name, Snapshot, Stamp};
use crate::fault::{Fault, Result};
use crate::git::{Entry, Mode, Oid, Repo};
use crate::world::Time;

/// How far ahead of our clock a stamp may be without being named.
const AHEAD_MAX: u64 = 60 * 60 * 1000;

/// Where refs of ours stand.
const FOLDERS: [&str; 3] = ["refs/gt/", "refs/gt-local/", "refs/gt-remote/"];

/// Where the detached signatures of tips stand; a tip that is gone takes nothing with it.
const SEALS: &str = "refs/gt/seals/";

/// Where the last tips known to be whole stand.
pub(super) const BACKUP: &str = "refs/gt-local/backup/";

/// What is wrong with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A ref cannot be read, or what it names is not here.
    Ref,
    /// The ref of a ledger is gone, and its log or backup is not.
    Gone,
    /// An object of the newest state is missing or damaged.
    Object,
    /// Something of the history is missing or damaged.
    History,
    /// The log of a ref names what is not whole, so that git packs nothing any more.
    Log,
    /// `meta.json` is missing or cannot be read.
    Meta,
    /// What stands there is no entry of a ledger.
    Entry,
    /// A file at the place of a record is none.
    Record,
    /// A stamp is ahead of this machine's clock.
    Future,
}

impl Trouble {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Gone => "gone",
            Self::Object => "object",
            Self::History => "history",
            Self::Log => "log",
            Self::Meta => "meta",
            Self::Entry => "entry",
            Self::Record => "record",
            Self::Future => "future",
        }
    }

    /// Returns whether the newest state, or how it came to be, cannot be read as a whole.
    fn breaks(self) -> bool {
        matches!(self, Self::Ref | Self::Gone | Self::Object | Self::History)
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The ref.
    pub name: String,
    /// What is wrong.
    pub trouble: Trouble,
    /// The record or the path it is about, empty for the ref as a whole.
    pub place: String,
    /// Why.
    pub why: String,
    /// The object that cannot be read.
    pub object: Option<Oid>,
    /// Whether it is only a remark: nothing of ours is damaged, and nothing is to be mended.
    pub is_remark: bool,
}

/// A ledger that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its ref.
    pub name: String,
    /// How many records it holds.
    pub records: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checkup {
    /// Ledgers, sorted by name.
    pub ledgers: Vec<Checked>,
    /// How many other refs of ours were looked at.
    pub others: usize,
    /// What is wrong, remarks too.
    pub findings: Vec<Finding>,
    /// What was mended, in words.
    pub mended: Vec<String>,
}

impl Checkup {
    /// Returns whether nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|it| it.is_remark)
    }
}

/// Looks at every ledger of a repository and at all other refs of ours; `deeply` reads every object of
/// their history, too. Writes nothing.
pub fn fsck(repo: &Repo, deeply: bool) -> Result<Checkup> {
    let refs = repo.refs_as_found(&FOLDERS)?;
    let mut checkup = Checkup::default();
    let mut others = Vec::new();
    for (name, found) in &refs {
        match found {
            Err(fault) => checkup.find(name, Trouble::Ref, &fault.text().message),
            Ok(tip) if is_ledger(repo, name, tip) => checkup.ledger(repo, name, *tip, deeply)?,
            Ok(_) if name.starts_with(SEALS) => {}
            Ok(tip) => others.push((name.as_str(), *tip)),
        }
    }
    checkup.others = others.len();
    checkup.gone(repo, &refs);
    checkup.others(repo, &others)?;
    let damaged: BTreeSet<String> = checkup.findings.iter().map(|it| it.name.clone()).collect();
    for (name, tip) in others.iter().filter(|(name, _)| deeply && is_archive(name)) {
        if !damaged.contains(*name) {
            checkup.objects(repo, name, *tip)?;
        }
    }
    checkup
        .findings
        .sort_by(|a, b| (&a.name, a.trouble, &a.place).cmp(&(&b.name, b.trouble, &b.place)));
    Ok(checkup)
}

/// Looks at everything as [`fsck`] does, mends what can be mended, and looks again.
///
/// What is mended is written ref by ref, and what it was is kept in the history of what it becomes, where it
/// can be read: after a crash the next run does the rest.
pub fn mend(repo: &Repo, deeply: bool) -> Result<Checkup> {
    let found = fsck(repo, deeply)?;
    if found.is_clean() {
        return Ok(found);
    }
    let mut names: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in found.findings.iter().filter(|it| !it.is_remark) {
        names.entry(&finding.name).or_default().push(finding);
    }
    let mut tried = Tried::default();
    // What is missing is found by git alone, from logs too; so this comes first.
    for object in found.findings.iter().filter_map(|it| it.object) {
        tried.note("an object", repair::put_aside(repo, &object));
    }
    // Backups and tracking copies are sources for ledgers, so they come last.
    let (ledgers, others): (Vec<_>, Vec<_>) = names
        .iter()
        .partition(|(name, _)| is_own_ledger(repo, name));
    for (name, findings) in ledgers {
        let is_broken = findings.iter().any(|it| it.trouble.breaks());
        tried.note(name, repair::ledger(repo, name, is_broken));
    }
    for (name, _) in others {
        tried.note(name, repair::other(repo, name));
    }
    for name in names.keys() {
        tried.note(name, repair::log(repo, name));
    }
    let mut after = fsck(repo, deeply)?;
    after.mended = tried.mended;
    for (name, fault) in tried.failed {
        after.find(&name, Trouble::Ref, &format!("not mended: {fault}"));
    }
    Ok(after)
}

/// What came of mending.
#[derive(Default)]
struct Tried {
    mended: Vec<String>,
    failed: Vec<(String, Fault)>,
}

impl Tried {
    fn note(&mut self, name: &str, done: Result<Option<String>>) {
        match done {
            Ok(said) => self.mended.extend(said),
            Err(fault) => self.failed.push((name.to_owned(), fault)),
        }
    }
}

/// Returns whether a ref is a ledger that is written here, and no copy of one.
fn is_own_ledger(repo: &Repo, name: &str) -> bool {
    let other = name.strip_prefix("refs/gt/").filter(|it| !it.contains('/'));
    Name::every().any(|it| it.ref_name() == name)
        || other.is_some()
            && matches!(repo.find_ref(name), Ok(Some(tip)) if is_ledger(repo, name, &tip))
}

/// Returns whether a ref is a ledger: one of ours, its backup, or a copy of a remote's. Of names that this
/// version does not know the content decides.
fn is_ledger(repo: &Repo, name: &str, tip: &Oid) -> bool {
    let short = name
        .strip_prefix(BACKUP)
        .or_else(|| {
            name.strip_prefix("refs/gt-remote/")
                .and_then(|it| it.split_once('/'))
                .map(|it| it.1)
        })
        .or_else(|| name.strip_prefix("refs/gt/"))
        .or_else(|| name.strip_prefix("refs/gt-local/"));
    let Some(short) = short.filter(|it| !it.contains('/')) else {
        return false;
    };
    let known = |it: &Name| it.ref_name().rsplit('/').next() == Some(short);
    Name::every().any(|it| known(&it))
        || Snapshot::at(repo, Some(*tip))
            .and_then(|it| it.is_ledger())
            .unwrap_or(false)
}

impl Finding {
    fn new(name: &str, trouble: Trouble, place: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            trouble,
            place: place.to_owned(),
            why: why.to_owned(),
            object: None,
            is_remark: trouble == Trouble::Future,
        }
    }
}

impl Checkup {
    fn find(&mut self, name: &str, trouble: Trouble, why: &str) {
        self.findings.push(Finding::new(name, trouble, "", why));
    }

    /// Looks at one ledger. What a remote's holds that makes no sense is the remote's: sync leaves it out.
    fn ledger(&mut self, repo: &Repo, name: &str, tip: Oid, deeply: bool) -> Result<()> {
        let scan = scan(repo, name, tip, None);
        let is_copy = name.starts_with("refs/gt-remote/");
        for mut finding in scan.found {
            finding.is_remark |= is_copy && !finding.trouble.breaks();
            self.findings.push(finding);
        }
        self.ledgers.push(Checked {
            name: name.to_owned(),
            records: scan.records,
        });
        if let Some(why) = repo.broken_link(&[tip], &[])? {
            self.find(name, Trouble::History, &why);
            return Ok(());
        }
        if deeply {
            self.objects(repo, name, tip)?;
        }
        self.log(repo, name, tip)
    }

    /// Reads every object of a history.
    fn objects(&mut self, repo: &Repo, name: &str, tip: Oid) -> Result<()> {
        for id in repo.all_objects(&[tip])? {
            if let Err(fault) = repo.verify(&id) {
                self.find(name, Trouble::History, &fault.text().message);
                let last = self.findings.last_mut().expect("one was added");
                last.object = Some(id);
            }
        }
        Ok(())
    }

    /// Looks at what the log of a ledger names beside its history: git packs that, too.
    fn log(&mut self, repo: &Repo, name: &str, tip: Oid) -> Result<()> {
        let mut logged = repo.ref_log(name);
        logged.retain(|id| repo.has(id));
        if let Some(why) = repo.broken_link(&logged, &[&tip.to_string()])? {
            self.find(name, Trouble::Log, &why);
        }
        Ok(())
    }

    /// Names ledgers whose ref is gone while what stands beside it is not.
    fn gone(&mut self, repo: &Repo, refs: &[(String, Result<Oid>)]) {
        let here: BTreeSet<&str> = refs.iter().map(|(name, _)| name.as_str()).collect();
        for name in Name::every().map(Name::ref_name) {
            let backup = backup_of(name);
            let is_backed = here.contains(backup.as_str()) || !repo.ref_log(name).is_empty();
            if !here.contains(name) && is_backed {
                let why = "the ref is gone; its log or backup is there";
                self.find(name, Trouble::Gone, why);
            }
        }
    }

    /// Looks at refs that are no ledgers: what they name must be there, as far as no branch has it.
    fn others(&mut self, repo: &Repo, refs: &[(&str, Oid)]) -> Result<()> {
        let known = ["--branches", "--tags", "--remotes"];
        let tips: Vec<Oid> = refs.iter().map(|(_, tip)| *tip).collect();
        if repo.broken_link(&tips, &known)?.is_none() {
            return Ok(());
        }
        for (name, tip) in refs {
            if let Some(why) = repo.broken_link(&[*tip], &known)? {
                self.find(name, Trouble::Ref, &why);
            }
        }
        Ok(())
    }
}

/// Returns the ref that keeps the last whole tip of a ledger.
pub(super) fn backup_of(name: &str) -> String {
    format!("{BACKUP}{}", name.rsplit('/').next().unwrap_or(name))
}

/// What the newest state of a ledger holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How many records can be read.
    pub(super) records: usize,
    /// What is wrong.
    pub(super) found: Vec<Finding>,
}

impl Scan {
    /// Returns whether everything of the newest state can be read.
    pub(super) fn is_readable(&self) -> bool {
        self.found.iter().all(|it| !it.trouble.breaks())
    }
}

/// Reads everything a ledger holds at `tip`, but for what stands in `known` (a tree that was looked at
/// before) already.
pub(super) fn scan(repo: &Repo, name: &str, tip: Oid, known: Option<Oid>) -> Scan {
    let mut walk = Walk {
        repo,
        name,
        now: repo.world().now(),
        scan: Scan::default(),
    };
    match repo.verified_commit(&tip) {
        Ok(commit) => walk.folder(&mut Vec::new(), commit.tree, known),
        Err(fault) => walk.unreadable("", tip, &fault),
    }
    walk.scan
}

struct Walk<'r> {
    repo: &'r Repo,
    name: &'r str,
    now: Time,
    scan: Scan,
}

impl Walk<'_> {
    fn find(&mut self, trouble: Trouble, place: &str, why: &str) {
        let finding = Finding::new(self.name, trouble, place, why);
        self.scan.found.push(finding);
    }

    fn unreadable(&mut self, place: &str, object: Oid, fault: &Fault) {
        let mut finding = Finding::new(self.name, Trouble::Object, place, &fault.text().message);
        finding.object = Some(object);
        self.scan.found.push(finding);
    }

    /// Looks at a folder and what is below it; equal folders of `known` are not read.
    fn folder(&mut self, path: &mut Vec<Vec<u8>>, tree: Oid, known: Option<Oid>) {
        if known == Some(tree) {
            return;
        }
        let entries = match self.repo.verified_tree(&tree) {
            Ok(entries) => entries,
            Err(fault) => return self.unreadable(&text_of(path), tree, &fault),
        };
        let known: BTreeMap<Vec<u8>, Entry> = known
            .and_then(|it| self.repo.tree(&it).ok())
            .into_iter()
            .flatten()
            .map(|it| (it.name.clone(), it))
            .collect();
        if path.is_empty() && !entries.iter().any(|it| it.name == META.as_bytes()) {
            self.find(Trouble::Meta, META, "it is missing");
        }
        for entry in entries {
            let same = known.get(&entry.name);
            if same == Some(&entry) {
                continue;
            }
            path.push(entry.name.clone());
            self.entry(path, &entry, same);
            path.pop();
        }
    }

    fn entry(&mut self, path: &mut Vec<Vec<u8>>, entry: &Entry, known: Option<&Entry>) {
        match (path.len(), entry.mode) {
            (1, Mode::File) if entry.name == META.as_bytes() => self.meta(entry),
            (1 | 2, Mode::Tree) if is_shard(&entry.name) => {
                let known = known.filter(|it| it.mode == Mode::Tree).map(|it| it.id);
                self.folder(path, entry.id, known);
            }
            (3, Mode::File) => {
                let at = (path[0].clone(), path[1].clone(), path[2].clone());
                match id_of(&at) {
                    Some(id) => self.record(&id, entry),
                    None => self.find(Trouble::Entry, &text_of(path), "not at the place of its id"),
                }
            }
            _ => self.find(
                Trouble::Entry,
                &text_of(path),
                "neither a record nor a folder of records",
            ),
        }
    }

    fn meta(&mut self, entry: &Entry) {
        let Some(bytes) = self.bytes((Trouble::Meta, META), entry) else {
            return;
        };
        let meta: Option<Map<String, Value>> = serde_json::from_slice(&bytes).ok();
        if !meta.is_some_and(|it| it.contains_key("schema")) {
            self.find(Trouble::Meta, META, "it says nothing");
        }
    }

    /// Returns the bytes of a file; what is too large is not read.
    fn bytes(&mut self, (trouble, place): (Trouble, &str), entry: &Entry) -> Option<Vec<u8>> {
        let read = match self.repo.blob_size(&entry.id) {
            Ok(Some(size)) if size > READ_MAX as u64 => {
                let why = format!("{size} bytes, more than a record may have");
                self.find(trouble, place, &why);
                return None;
            }
            Ok(_) => self.repo.verified_blob(&entry.id),
            Err(fault) => Err(fault),
        };
        match read {
            Ok(bytes) => Some(bytes),
            Err(fault) => {
                self.unreadable(place, entry.id, &fault);
                None
            }
        }
    }

    fn record(&mut self, id: &str, entry: &Entry) {
        let Some(bytes) = self.bytes((Trouble::Record, id), entry) else {
            return;
        };
        match checked(&bytes, id) {
            Ok(record) => {
                self.scan.records += 1;
                let newest = record.newest();
                if newest.time().0 > self.now.0 + AHEAD_MAX {
                    self.find(Trouble::Future, id, &ahead(&newest));
                }
            }
            Err(fault) => self.find(Trouble::Record, id, &fault.text().message),
        }
    }
}

fn ahead(stamp: &Stamp) -> String {
    format!(
        "it was changed at {}, which is ahead of this machine's clock",
        stamp.time()
    )
}

fn text_of(path: &[Vec<u8>]) -> String {
    let parts = path
        .iter()
        .map(|it| String::from_utf8_lossy(it).into_owned());
    parts.collect::<Vec<_>>().join("/")
}
