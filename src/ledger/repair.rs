//! Mending: a ledger that cannot be read as a whole becomes the newest state that can, joined with every
//! record that can still be read of what is newer; what does not belong into a ledger leaves it and stays
//! in its history.

use std::collections::BTreeMap;

use super::codec::{self, READ_MAX, Record};
use super::epoch::{archives, logged};
use super::fsck::{backup_of, scan};
use super::shard::{self, META, Place, Update, checked, id_of, is_shard};
use super::{CloneId, Snapshot, join};
use crate::fault::{Fault, Result};
use crate::git::{Cas, Entry, Guard, Mode, NewCommit, Oid, Repo, Signature};

/// How many tips that cannot be read as a whole are looked through for records.
const SEARCHED_MAX: usize = 8;

/// How many entries of a log are tried as the newest whole state.
const TRIED_MAX: usize = 1000;

/// How many records that could not be read are named.
const NAMED_MAX: usize = 20;

/// How many subjects of decisions that leave the history are kept in the text of the commit.
const SUBJECTS_MAX: usize = 100;

/// Mends one ledger and returns what was done, in words; nothing where somebody else has.
///
/// After a crash the ref names what it named, or the mended ledger.
pub(super) fn ledger(repo: &Repo, name: &str, is_broken: bool) -> Result<Option<String>> {
    let clone = CloneId::of(repo)?;
    let guard = repo.guard()?;
    let mending = Mending {
        repo,
        name,
        clone: &clone,
        guard: &guard,
    };
    if is_broken {
        mending.broken()
    } else {
        mending.cluttered()
    }
}

struct Mending<'a> {
    repo: &'a Repo,
    name: &'a str,
    clone: &'a CloneId,
    guard: &'a Guard,
}

impl Mending<'_> {
    /// Returns whether a commit is a whole ledger, history and all.
    fn is_whole(&self, tip: Oid) -> Result<bool> {
        Ok(self.repo.has(&tip)
            && scan(self.repo, self.name, tip, None).is_readable()
            && self.repo.broken_link(&[tip], &[])?.is_none())
    }

    /// Mends a ledger of which something is missing.
    fn broken(&self) -> Result<Option<String>> {
        let tip = self.repo.find_ref(self.name);
        let there = tip.as_ref().ok().copied().flatten();
        if let Some(tip) = there
            && self.is_whole(tip)?
        {
            return Ok(None);
        }
        let (base, newer) = self.newest_whole(there)?;
        let mut saved = BTreeMap::new();
        let ledger = Snapshot::at(self.repo, base)?;
        for tip in &newer {
            self.collect(&ledger, *tip, &mut saved)?;
        }
        if base.is_none() && saved.is_empty() {
            return Err(Fault::fatal("nothing of it can be read here").hint(
                "another clone or a remote may have it: git gt sync, once the ref is deleted",
            ));
        }
        let updates = self.updates(&saved)?;
        let tree = ledger.spliced(&updates)?;
        let new = self.commit(tree, base, &self.story(there, base, &newer, saved.len()))?;
        match tip {
            Ok(old) => self.swap(old, new)?,
            Err(_) => self
                .repo
                .replace_unreadable_ref(self.guard, self.name, new)?,
        }
        let from = base.map_or_else(
            || "nothing".to_owned(),
            |it| it.to_string()[..12].to_owned(),
        );
        let lost = there.map(|tip| scan(self.repo, self.name, tip, None).found);
        let lost = lost.into_iter().flatten().map(|it| it.place);
        let lost: Vec<String> = lost.filter(|it| !it.is_empty()).take(NAMED_MAX).collect();
        let lost = match lost.len() {
            0 => String::new(),
            _ => format!("; as they were before: {}", lost.join(", ")),
        };
        Ok(Some(format!(
            "{} goes on from {from}, with {} records of what was newer{lost}",
            self.name,
            saved.len()
        )))
    }

    /// Returns the newest commit that is a whole ledger, and what is newer and is not; nothing is left out
    /// but what a backup or a remote has beside it, which sync joins.
    fn newest_whole(&self, tip: Option<Oid>) -> Result<(Option<Oid>, Vec<Oid>)> {
        let mut newer: Vec<Oid> = tip.into_iter().collect();
        for found in self.repo.ref_log(self.name).into_iter().take(TRIED_MAX) {
            if Some(found) == tip {
                continue;
            }
            if self.is_whole(found)? {
                return Ok((Some(found), newer));
            }
            if newer.len() < SEARCHED_MAX && self.repo.has(&found) {
                newer.push(found);
            }
        }
        let mut others = vec![backup_of(self.name)];
        let refs = self.repo.list_refs("refs/gt-remote/")?;
        let short = self.name.rsplit('/').next().unwrap_or_default();
        let copy = |name: &&String| name.splitn(4, '/').nth(3) == Some(short);
        if self.name.starts_with("refs/gt/") {
            others.extend(refs.iter().map(|(name, _)| name).filter(copy).cloned());
        }
        let before = archives(self.repo, self.name)?;
        others.extend(before.into_iter().map(|(name, _)| name));
        for other in others {
            if let Ok(Some(found)) = self.repo.find_ref(&other)
                && self.is_whole(found)?
            {
                return Ok((Some(found), newer));
            }
        }
        Ok((None, newer))
    }

    /// Collects the records of a ledger that can be read and are not as in `base`.
    fn collect(
        &self,
        base: &Snapshot<'_>,
        tip: Oid,
        saved: &mut BTreeMap<String, Record>,
    ) -> Result<()> {
        let Ok(commit) = self.repo.verified_commit(&tip) else {
            return Ok(());
        };
        let mut files = Vec::new();
        readable(
            self.repo,
            (commit.tree, base.tree()),
            &mut Vec::new(),
            &mut files,
        );
        for (place, entry) in files {
            let Some(id) = id_of(&place) else { continue };
            let size = self.repo.blob_size(&entry.id).ok().flatten();
            if size.is_none_or(|size| size > READ_MAX as u64) {
                continue;
            }
            let bytes = self.repo.verified_blob(&entry.id);
            let Some(found) = bytes.ok().and_then(|bytes| checked(&bytes, &id).ok()) else {
                continue;
            };
            let known = match saved.remove(&id) {
                Some(known) => Some(known),
                None => base.get(&id).ok().flatten(),
            };
            let joined = known
                .as_ref()
                .map_or_else(|| found.clone(), |it| join(it, &found));
            saved.insert(id, joined);
        }
        Ok(())
    }

    fn updates(&self, records: &BTreeMap<String, Record>) -> Result<Vec<Update>> {
        let update = |(id, record): (&String, &Record)| {
            Ok(Update::of(id, self.repo.write_blob(&record.encode())?))
        };
        records.iter().map(update).collect()
    }

    /// Returns what the commit of a mended ledger tells: what it was, and what leaves the history.
    fn story(&self, tip: Option<Oid>, base: Option<Oid>, newer: &[Oid], saved: usize) -> String {
        let mut story = format!("mend the ledger: {saved} records saved\n\n");
        match tip {
            Some(tip) => story.push_str(&format!("It was at {tip}, which is not whole.\n")),
            None => story.push_str("Its ref was gone or could not be read.\n"),
        }
        let mut left = Vec::new();
        let mut at = newer.iter().find(|it| self.repo.has(it)).copied();
        while let Some(id) = at.filter(|id| Some(*id) != base && left.len() < SUBJECTS_MAX) {
            let Ok(commit) = self.repo.verified_commit(&id) else {
                break;
            };
            left.push(format!(
                "  {} {}\n",
                &id.to_string()[..12],
                commit.subject()
            ));
            at = commit.parents.first().copied();
        }
        if !left.is_empty() {
            story.push_str("\nWhat was decided since and is no longer in the history:\n");
            left.iter().for_each(|line| story.push_str(line));
        }
        story
    }

    /// Takes what does not belong out of a ledger whose every object can be read, and writes again what was
    /// a record before, or is one but for its form.
    fn cluttered(&self) -> Result<Option<String>> {
        let Some(tip) = self.repo.find_ref(self.name)? else {
            return Ok(None);
        };
        let commit = self.repo.verified_commit(&tip)?;
        let ledger = Snapshot::at(self.repo, Some(tip))?;
        let mut sorting = Sorting {
            mending: self,
            tip,
            out: 0,
            again: 0,
        };
        let root = sorting.folder(&mut Vec::new(), commit.tree)?;
        let mut root = root.unwrap_or_default();
        root.retain(|entry| entry.name != META.as_bytes());
        root.push(ledger.mended_meta()?);
        let tree = self.repo.write_tree(&root)?;
        if tree == commit.tree {
            return Ok(None);
        }
        let (out, again) = (sorting.out, sorting.again);
        let story = format!("mend the ledger: {out} entries out, {again} written again\n");
        let new = self.commit(tree, Some(tip), &story)?;
        self.swap(Some(tip), new)?;
        Ok(Some(format!(
            "{}: {out} entries taken out, {again} records written again; what was there is in its history",
            self.name
        )))
    }

    fn commit(&self, tree: Oid, parent: Option<Oid>, message: &str) -> Result<Oid> {
        let parents: Vec<Oid> = parent.into_iter().collect();
        self.repo.write_commit(&NewCommit {
            tree,
            parents: &parents,
            author: &Signature::of("git-gt"),
            committer: &Signature::of(self.clone.as_str()),
            time: self.repo.world().now(),
            message,
        })
    }

    fn swap(&self, old: Option<Oid>, new: Oid) -> Result<()> {
        match self.repo.swap_ref(self.guard, self.name, old, new)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!("'{}' was moved meanwhile", self.name))
                .hint("run git gt fsck --repair again")),
        }
    }
}

/// Collects files of a ledger's tree that can be reached and are not the same in `known`.
fn readable(
    repo: &Repo,
    (tree, known): (Oid, Option<Oid>),
    path: &mut Vec<Vec<u8>>,
    files: &mut Vec<(Place, Entry)>,
) {
    if known == Some(tree) {
        return;
    }
    let known: BTreeMap<Vec<u8>, Entry> = known
        .and_then(|it| repo.tree(&it).ok())
        .into_iter()
        .flatten()
        .map(|it| (it.name.clone(), it))
        .collect();
    for entry in repo.verified_tree(&tree).unwrap_or_default() {
        let same = known.get(&entry.name);
        if same == Some(&entry) {
            continue;
        }
        path.push(entry.name.clone());
        match (entry.mode, &path[..]) {
            (Mode::Tree, [_] | [_, _]) if is_shard(&entry.name) => {
                let known = same.filter(|it| it.mode == Mode::Tree).map(|it| it.id);
                readable(repo, (entry.id, known), path, files);
            }
            (Mode::File, [x, y, name]) => {
                files.push(((x.clone(), y.clone(), name.clone()), entry));
            }
            _ => {}
        }
        path.pop();
    }
}

/// A ledger being sorted out.
struct Sorting<'a> {
    mending: &'a Mending<'a>,
    tip: Oid,
    /// How many entries leave it.
    out: usize,
    /// How many records are written again.
    again: usize,
}

impl Sorting<'_> {
    /// Returns the entries of a folder that belong there; nothing where none does.
    fn folder(&mut self, path: &mut Vec<Vec<u8>>, tree: Oid) -> Result<Option<Vec<Entry>>> {
        let repo = self.mending.repo;
        let mut kept = Vec::new();
        for entry in repo.tree(&tree)? {
            path.push(entry.name.clone());
            let belongs = match (path.len(), entry.mode) {
                (1, Mode::File) if entry.name == META.as_bytes() => Some(entry),
                (1 | 2, Mode::Tree) if is_shard(&entry.name) => {
                    match self.folder(path, entry.id)? {
                        Some(entries) => Some(Entry {
                            id: repo.write_tree(&entries)?,
                            ..entry
                        }),
                        None => None,
                    }
                }
                (3, Mode::File) => self.file(path, entry)?,
                _ => None,
            };
            path.pop();
            match belongs {
                Some(entry) => kept.push(entry),
                None => self.out += 1,
            }
        }
        Ok(Some(kept).filter(|kept| !kept.is_empty()))
    }

    /// Returns the entry of a record: as it is, written again in canonical form, or as it last was one.
    fn file(&mut self, path: &[Vec<u8>], entry: Entry) -> Result<Option<Entry>> {
        let place = (path[0].clone(), path[1].clone(), path[2].clone());
        let Some(id) = id_of(&place) else {
            return Ok(None);
        };
        let repo = self.mending.repo;
        let bytes = repo.blob_up_to(&entry.id, READ_MAX as u64)?;
        let bytes = bytes.unwrap_or_default();
        if checked(&bytes, &id).is_ok() {
            return Ok(Some(entry));
        }
        let record = match reformed(&id, &bytes) {
            Some(record) => Some(record),
            None => self.last(&id)?,
        };
        let Some(record) = record else {
            return Ok(None);
        };
        self.again += 1;
        let id = repo.write_blob(&record.encode())?;
        Ok(Some(Entry { id, ..entry }))
    }

    /// Returns a record as it last was one.
    fn last(&self, id: &str) -> Result<Option<Record>> {
        let repo = self.mending.repo;
        let (x, y, name) = shard::place(id);
        let path = [x, y, name]
            .map(|it| String::from_utf8_lossy(&it).into_owned())
            .join("/");
        let run = repo.git([
            "rev-list",
            "--max-count=100",
            &self.tip.to_string(),
            "--",
            &path,
        ]);
        let listed = repo.query(&run)?;
        for line in String::from_utf8_lossy(&listed).lines() {
            let commit = repo.parse_id(line);
            if let Ok(Some(record)) = Snapshot::at(repo, commit).and_then(|it| it.get(id)) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// Returns the record that bytes would be but for their form.
fn reformed(id: &str, bytes: &[u8]) -> Option<Record> {
    let value = codec::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    checked(codec::canonical(&value).as_bytes(), id).ok()
}

/// Mends a ref that is no ledger of ours, and returns what was done: it becomes the newest commit of its log
/// that is whole, else what a remote has, and where nothing is whole it goes, because git does not pack a
/// repository in which a ref names nothing.
///
/// After a crash it is there or gone.
pub(super) fn other(repo: &Repo, name: &str) -> Result<Option<String>> {
    let guard = repo.guard()?;
    let found = repo.find_ref(name);
    let there = found.as_ref().ok().copied().flatten();
    let is_whole = |id: &Oid| -> Result<bool> {
        Ok(repo.has(id)
            && repo.commit_at(id)?.is_some()
            && repo.broken_link(&[*id], &[])?.is_none())
    };
    if let Some(there) = there
        && is_whole(&there)?
    {
        return Ok(None);
    }
    let mut candidates = repo.ref_log(name);
    candidates.extend(logged(repo, name));
    if let Some(short) = name.strip_prefix("refs/gt/") {
        let copies = repo.list_refs("refs/gt-remote/")?;
        let is_copy = |name: &str| name.splitn(4, '/').nth(3) == Some(short);
        candidates.extend(
            copies
                .iter()
                .filter(|(name, _)| is_copy(name))
                .map(|(_, id)| *id),
        );
    }
    for id in candidates.into_iter().take(TRIED_MAX) {
        if !is_whole(&id)? {
            continue;
        }
        match found {
            Ok(old) => drop(repo.swap_ref(&guard, name, old, id)?),
            Err(_) => repo.replace_unreadable_ref(&guard, name, id)?,
        }
        return Ok(Some(format!(
            "{name} goes on from {}",
            &id.to_string()[..12]
        )));
    }
    repo.remove_broken_ref(&guard, name)?;
    let was = there.map_or_else(
        || "nothing that can be read".to_owned(),
        |id| id.to_string(),
    );
    Ok(Some(format!(
        "{name} is removed: it named {was}, which is not here"
    )))
}

/// Puts the file of an object that is damaged aside, into `lost-found/gt` of the git directory: git packs no
/// repository in which it stands. Returns what was done.
///
/// After a crash it stands in one of the two places.
pub(super) fn put_aside(repo: &Repo, object: &Oid) -> Result<Option<String>> {
    let guard = repo.guard()?;
    let aside = repo.put_damaged_aside(&guard, object)?;
    Ok(aside.map(|path| {
        format!(
            "object {object} was damaged and is '{}' now",
            path.display()
        )
    }))
}

/// Takes out of the log of a ref what git cannot walk: it packs what logs name, too. Returns what was done.
///
/// After a crash the log is as it was, or done.
pub(super) fn log(repo: &Repo, name: &str) -> Result<Option<String>> {
    let guard = repo.guard()?;
    let Ok(Some(tip)) = repo.find_ref(name) else {
        return Ok(None);
    };
    let logged = repo.ref_log(name).into_iter();
    let (here, mut broken): (Vec<Oid>, Vec<Oid>) = logged.partition(|id| repo.has(id));
    broken.extend(not_whole(repo, &here, &tip.to_string())?);
    if broken.is_empty() {
        return Ok(None);
    }
    repo.drop_from_log(&guard, name, &broken)?;
    let count = broken.len();
    Ok(Some(format!(
        "the log of {name} names {count} commits less, which are not whole"
    )))
}

/// Returns those of commits that git cannot walk, but for what `known` reaches. A log has one for each write, so
/// as many are asked about at once as can be.
fn not_whole(repo: &Repo, ids: &[Oid], known: &str) -> Result<Vec<Oid>> {
    if ids.is_empty() || repo.broken_link(ids, &[known])?.is_none() {
        return Ok(Vec::new());
    }
    if let [id] = ids {
        return Ok(vec![*id]);
    }
    let (a, b) = ids.split_at(ids.len() / 2);
    Ok([not_whole(repo, a, known)?, not_whole(repo, b, known)?].concat())
}
