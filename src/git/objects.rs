//! Objects: read and written as bytes, in the formats of gitformat-pack(5) and git-cat-file(1).

use std::cmp::Ordering;
use std::path::Path;

use gix::objs::tree::EntryRef;
use gix::objs::{Exists as _, FindHeader as _, Kind, Write as _};

use super::{Oid, Repo, loose, reason};
use crate::fault::{Fault, Result};
use crate::world::{Time, fs};

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A folder.
    Tree,
    /// A file that is not executable.
    File,
    /// A link, a submodule, an executable.
    Other,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub mode: Mode,
    /// Its name, without a slash.
    pub name: Vec<u8>,
    /// The object it names.
    pub id: Oid,
}

/// What is to stand under a name in a tree.
#[derive(Debug)]
pub struct Change<'a> {
    /// The name.
    pub name: &'a [u8],
    /// What stands there then; nothing: what stands there goes.
    pub to: Option<(Mode, Oid)>,
}

/// What a commit says, as far as we read it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The tree it holds.
    pub tree: Oid,
    /// Its parents, in order.
    pub parents: Vec<Oid>,
    /// Name and address of the author.
    pub author: String,
    /// Name and address of the committer.
    pub committer: String,
    /// When it was committed, in seconds since 1970.
    pub seconds: u64,
    /// The message, subject and body.
    pub message: String,
}

impl Commit {
    /// Returns the first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// Who makes a commit: a name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    email: String,
}

impl Signature {
    /// Returns the signature of somebody who has no address: `<name> <name, slashes as dots>@gt.invalid`.
    ///
    /// Characters that would end a field of the commit are replaced.
    pub fn of(name: &str) -> Self {
        let clean: String = name
            .chars()
            .map(|c| {
                if c.is_control() || "<>".contains(c) {
                    '_'
                } else {
                    c
                }
            })
            .collect();
        let local = clean
            .trim()
            .replace('/', ".")
            .replace(char::is_whitespace, "-");
        let name = if clean.trim().is_empty() {
            "unknown".to_owned()
        } else {
            clean.trim().to_owned()
        };
        Self {
            name,
            email: format!("{local}@gt.invalid"),
        }
    }

    /// Returns a signature with an address of its own.
    pub fn with_email(name: &str, email: &str) -> Self {
        Self {
            email: email.to_owned(),
            ..Self::of(name)
        }
    }

    /// Returns the address.
    pub(super) fn email(&self) -> &str {
        &self.email
    }
}

/// A commit to be written; its times are given, so that the same commit has the same id everywhere.
#[derive(Debug)]
pub struct NewCommit<'a> {
    /// The tree it holds.
    pub tree: Oid,
    /// Its parents, in order.
    pub parents: &'a [Oid],
    /// Whose decision it is.
    pub author: &'a Signature,
    /// Who wrote it down.
    pub committer: &'a Signature,
    /// Both times, written in `+0000`.
    pub time: Time,
    /// The whole message.
    pub message: &'a str,
}

/// How long a commit or a tag may be that a ref of ours names.
const COMMIT_MAX: u64 = 1024 * 1024;

/// How many tags may stand between a ref and its commit.
const TAGS_MAX: usize = 5;

impl Repo {
    /// Returns the hash kind's empty tree, which is written where it is missing.
    pub fn empty_tree(&self) -> Result<Oid> {
        self.write(Kind::Tree, &[])
    }

    /// Returns the id of a blob with these bytes, without writing it.
    pub fn blob_id(&self, bytes: &[u8]) -> Oid {
        gix::objs::compute_hash(self.gix.object_hash(), Kind::Blob, bytes)
            .expect("hashing bytes in memory does not fail")
    }

    /// Returns the first 32 digits of `git hash-object --stdin` over a name: how a name becomes the last
    /// component of a ref (DESIGN 3.1).
    pub fn name_hash(&self, name: &str) -> String {
        self.blob_id(name.as_bytes())
            .to_hex_with_len(32)
            .to_string()
    }

    /// Returns the object an id's digits name, where they are of this repository's length.
    pub fn parse_id(&self, hex: &str) -> Option<Oid> {
        let id = Oid::from_hex(hex.as_bytes()).ok()?;
        (id.kind() == self.gix.object_hash()).then_some(id)
    }

    /// Returns the hash of nothing, which git uses for "does not exist".
    pub fn null_id(&self) -> Oid {
        Oid::null(self.gix.object_hash())
    }

    /// Returns whether an object is here.
    pub fn has(&self, id: &Oid) -> bool {
        self.gix.objects.exists(id)
    }

    /// Returns a blob's bytes.
    pub fn blob(&self, id: &Oid) -> Result<Vec<u8>> {
        self.read(id, Kind::Blob)
    }

    /// Returns the bytes of an object somebody else named, nothing where it is no blob or longer than `max`:
    /// a few kilobytes can unfold to gigabytes.
    pub fn blob_up_to(&self, id: &Oid, max: u64) -> Result<Option<Vec<u8>>> {
        match self.blob_size(id)? {
            Some(size) if size <= max => self.blob(id).map(Some),
            None if !self.has(id) => self.blob(id).map(Some),
            _ => Ok(None),
        }
    }

    /// Returns how long a blob is without reading it, nothing where the object is no blob or not here.
    pub fn blob_size(&self, id: &Oid) -> Result<Option<u64>> {
        let header = self.gix.objects.try_header(id);
        let header = header.map_err(|error| damaged(id, &reason(&error)))?;
        Ok(header.filter(|it| it.kind == Kind::Blob).map(|it| it.size))
    }

    /// Returns the commit that an object is or that a tag leads to, nothing where it leads to none, or to one
    /// that is longer than any we would read.
    pub fn commit_at(&self, id: &Oid) -> Result<Option<Oid>> {
        let mut id = *id;
        for _ in 0..TAGS_MAX {
            let header = self.gix.objects.try_header(&id);
            let header = header.map_err(|error| damaged(&id, &reason(&error)))?;
            let small = header.as_ref().is_some_and(|it| it.size <= COMMIT_MAX);
            match header.map(|it| it.kind).filter(|_| small) {
                Some(Kind::Commit) => return Ok(Some(id)),
                Some(Kind::Tag) => {
                    let text = self.read(&id, Kind::Tag)?;
                    let text = String::from_utf8_lossy(&text);
                    let target = text
                        .lines()
                        .next()
                        .and_then(|it| it.strip_prefix("object "));
                    let Some(target) = target.and_then(|hex| self.parse_id(hex)) else {
                        return Ok(None);
                    };
                    id = target;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Returns the entries of a tree in git's order.
    pub fn tree(&self, id: &Oid) -> Result<Vec<Entry>> {
        self.entries(id, &self.read(id, Kind::Tree)?)
    }

    /// Returns the entries that the bytes of a tree are.
    pub(super) fn entries(&self, id: &Oid, bytes: &[u8]) -> Result<Vec<Entry>> {
        self.entries_of(id, bytes)
            .map(|entry| entry.map(|(mode, entry)| named(mode, &entry)))
            .collect()
    }

    /// Returns the entry of a name in a tree, nothing where there is none.
    pub fn entry(&self, tree: &Oid, name: &[u8]) -> Result<Option<Entry>> {
        let bytes = self.read(tree, Kind::Tree)?;
        for entry in self.entries_of(tree, &bytes) {
            let (mode, entry) = entry?;
            if entry.filename == name {
                return Ok(Some(named(mode, &entry)));
            }
        }
        Ok(None)
    }

    fn entries_of<'a>(
        &self,
        id: &'a Oid,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Result<(Mode, EntryRef<'a>)>> + 'a {
        let entries = gix::objs::TreeRefIter::from_bytes(bytes, self.gix.object_hash());
        entries.map(|entry| {
            let entry = entry.map_err(|error| damaged(id, &error.to_string()))?;
            // Old modes such as 100664 are no files of ours: they could not be written as they are.
            let mode = match entry.mode.value() {
                0o040_000 => Mode::Tree,
                0o100_644 => Mode::File,
                _ => Mode::Other,
            };
            Ok((mode, entry))
        })
    }

    /// Writes a tree with the files and folders of another one, in which some were put or removed; returns
    /// nothing where none are left. A link or a submodule is left out.
    pub fn write_spliced(&self, tree: Option<Oid>, changes: &[Change<'_>]) -> Result<Option<Oid>> {
        let bytes = match &tree {
            Some(tree) => self.read(tree, Kind::Tree)?,
            None => Vec::new(),
        };
        let tree = tree.unwrap_or_else(|| self.null_id());
        let mut entries: Vec<(Mode, &[u8], &gix::oid)> = Vec::new();
        for entry in self.entries_of(&tree, &bytes) {
            let (mode, entry) = entry?;
            let stays = !changes.iter().any(|it| entry.filename == it.name);
            if stays && mode != Mode::Other {
                entries.push((mode, entry.filename.as_ref(), entry.oid));
            }
        }
        for change in changes {
            if let Some((mode, id)) = &change.to {
                entries.push((*mode, change.name, id));
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort_by(|a, b| in_git_order((a.0, a.1), (b.0, b.1)));
        self.write(Kind::Tree, &encoded(entries.into_iter()))
            .map(Some)
    }

    /// Returns a commit.
    pub fn commit(&self, id: &Oid) -> Result<Commit> {
        parsed_commit(id, &self.read(id, Kind::Commit)?)
    }

    /// Writes a blob.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid> {
        self.write(Kind::Blob, bytes)
    }

    /// Writes a tree; only files and folders can be written.
    pub fn write_tree(&self, entries: &[Entry]) -> Result<Oid> {
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by(|a, b| in_git_order((a.mode, &a.name), (b.mode, &b.name)));
        let entries = entries.into_iter();
        let bytes = encoded(entries.map(|it| (it.mode, &it.name[..], it.id.as_ref())));
        self.write(Kind::Tree, &bytes)
    }

    /// Writes a tree as somebody wrote it, whether git would or not.
    #[cfg(any(test, fuzzing))]
    pub fn write_tree_text(&self, bytes: &[u8]) -> Result<Oid> {
        self.write(Kind::Tree, bytes)
    }

    /// Returns this repository so that what is written to it stays in memory.
    #[cfg(any(test, fuzzing))]
    pub fn in_memory(mut self) -> Self {
        self.gix.objects.enable_object_memory();
        self.is_in_memory = true;
        self
    }

    /// Forgets what was written to memory.
    #[cfg(any(test, fuzzing))]
    pub fn forget_memory(&self) {
        drop(self.gix.objects.reset_object_memory());
    }

    /// Returns who wrote a commit and when, as the commit has it: `<name> <<address>> <seconds> <zone>`;
    /// nothing where git would find fault with it.
    pub fn authorship(&self, id: &Oid) -> Result<Option<String>> {
        let bytes = self.read(id, Kind::Commit)?;
        let text = String::from_utf8_lossy(&bytes);
        let header = text.split("\n\n").next().unwrap_or_default();
        let line = header.lines().find_map(|it| it.strip_prefix("author "));
        Ok(line.filter(|it| is_authorship(it)).map(str::to_owned))
    }

    /// Writes a commit.
    pub fn write_commit(&self, commit: &NewCommit<'_>) -> Result<Oid> {
        self.write_commit_by(commit, None)
    }

    /// Writes a commit that somebody else is the author of, as [`Repo::authorship`] tells.
    pub fn write_commit_by(&self, commit: &NewCommit<'_>, by: Option<&str>) -> Result<Oid> {
        let seconds = commit.time.seconds();
        let mut text = format!("tree {}\n", commit.tree);
        for parent in commit.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        let line = |who: &Signature| format!("{} <{}> {seconds} +0000", who.name, who.email);
        let author = by.map_or_else(|| line(commit.author), str::to_owned);
        text.push_str(&format!(
            "author {author}\ncommitter {}\n",
            line(commit.committer)
        ));
        text.push('\n');
        text.push_str(commit.message);
        self.write(Kind::Commit, text.as_bytes())
    }

    /// Writes an object even where it exists already, so that its file is fresh and no `git gc` that
    /// runs beside us prunes it as old and unreachable.
    pub(super) fn write(&self, kind: Kind, bytes: &[u8]) -> Result<Oid> {
        self.refuse_unwritable()?;
        if let Some(bulk) = self.bulk.borrow_mut().as_mut() {
            let id = gix::objs::compute_hash(self.gix.object_hash(), kind, bytes)
                .expect("hashing bytes in memory does not fail");
            bulk.add(id, kind, bytes);
            return Ok(id);
        }
        fs::note("write", Path::new("object"));
        let written = match self.write_small(kind, bytes) {
            Some(id) => id,
            None => {
                fs::count();
                self.gix.objects.write_buf(kind, bytes).map_err(|error| {
                    Fault::fatal(format!("cannot write an object: {}", reason(&error)))
                        .hint("is the disk full, or the repository read-only?")
                })?
            }
        };
        self.wrote(&written)?;
        Ok(written)
    }

    fn write_small(&self, kind: Kind, bytes: &[u8]) -> Option<Oid> {
        #[cfg(any(test, fuzzing))]
        if self.is_in_memory {
            return None;
        }
        loose::write(&self.gix, kind, bytes)
    }

    pub(super) fn read(&self, id: &Oid, kind: Kind) -> Result<Vec<u8>> {
        let mut buffer = Vec::new();
        self.reads.set(self.reads.get() + 1);
        match find(&self.gix.objects, id, kind, &mut buffer) {
            Err(_) if self.fetch_missing(&[*id])? => {
                find(&self.gix.objects, id, kind, &mut buffer)?;
            }
            found => found?,
        }
        Ok(buffer)
    }

    pub(super) fn read_any(&self, id: &Oid, buffer: &mut Vec<u8>) -> Result<Kind> {
        find_any(&self.gix.objects, id, buffer)
    }
}

/// Reads an object into a buffer.
pub(super) fn find(
    odb: &impl gix::objs::Find,
    id: &Oid,
    kind: Kind,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    match find_any(odb, id, buffer)? {
        found if found == kind => Ok(()),
        found => Err(damaged(id, &format!("a {found}, not a {kind}"))),
    }
}

fn named(mode: Mode, entry: &EntryRef<'_>) -> Entry {
    Entry {
        mode,
        name: entry.filename.to_vec(),
        id: entry.oid.to_owned(),
    }
}

/// Compares names as git does: a folder's as if it ended in a slash.
fn in_git_order(a: (Mode, &[u8]), b: (Mode, &[u8])) -> Ordering {
    let common = a.1.len().min(b.1.len());
    let next = |(mode, name): (Mode, &[u8])| {
        let slash = (mode == Mode::Tree).then_some(b'/');
        name.get(common).copied().or(slash)
    };
    let (rest_a, rest_b) = (next(a), next(b));
    a.1[..common].cmp(&b.1[..common]).then(rest_a.cmp(&rest_b))
}

/// Returns the bytes of a tree with these entries.
fn encoded<'a>(entries: impl Iterator<Item = (Mode, &'a [u8], &'a gix::oid)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4096);
    for (mode, name, id) in entries {
        bytes.extend_from_slice(if mode == Mode::Tree {
            b"40000 "
        } else {
            b"100644 "
        });
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}

fn find_any(odb: &impl gix::objs::Find, id: &Oid, buffer: &mut Vec<u8>) -> Result<Kind> {
    let found = odb.try_find(id, buffer);
    match found.map_err(|error| damaged(id, &reason(&error)))? {
        Some(data) => Ok(data.kind),
        None => Err(mendable(Fault::fatal(format!("object {id} is missing")))),
    }
}

pub(super) fn damaged(id: &Oid, what: &str) -> Fault {
    mendable(Fault::fatal(format!("cannot read object {id}: {what}")))
}

/// Says where to go with what is damaged.
pub(super) fn mendable(fault: Fault) -> Fault {
    fault
        .hint("what else is damaged: git gt fsck")
        .hint("to take what is whole from logs, backup and remote: git gt fsck --repair")
}

/// Returns whether git finds no fault with an author (`fsck_ident` in fsck.c).
fn is_authorship(line: &str) -> bool {
    let parsed = || {
        let (name, rest) = line.split_once(" <")?;
        let (address, date) = rest.split_once("> ")?;
        let (seconds, zone) = date.split_once(' ')?;
        let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
        let is_zone = zone.len() == 5 && zone.starts_with(['+', '-']) && digits(&zone[1..]);
        let is_time = digits(seconds) && seconds.len() <= 11 && !seconds.starts_with("00");
        let is_who = !format!("{name}{address}").contains(['<', '>', '\0', '\r']);
        Some(is_zone && is_time && !seconds.is_empty() && is_who && !name.is_empty())
    };
    parsed().unwrap_or_default()
}

/// Returns name and address of somebody, without the date behind them.
fn name_of(line: &str) -> String {
    line.rsplit_once('>')
        .map_or(line, |(who, _)| who)
        .to_owned()
        + ">"
}

/// Returns the commit that bytes are.
pub(super) fn parsed_commit(id: &Oid, bytes: &[u8]) -> Result<Commit> {
    parse_commit(bytes).ok_or_else(|| damaged(id, "not the form of a commit"))
}

fn parse_commit(bytes: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(bytes);
    let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let value = |key: &str| header.lines().find_map(|line| line.strip_prefix(key));
    let parents = header
        .lines()
        .filter_map(|line| line.strip_prefix("parent "));
    let author = value("author ").unwrap_or_default();
    // Git takes commits whose date makes no sense, and a ledger must not be lost over one.
    let seconds = value("committer ")
        .and_then(|committer| {
            committer
                .rsplit_once("> ")?
                .1
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or_default();
    Some(Commit {
        tree: Oid::from_hex(value("tree ")?.as_bytes()).ok()?,
        parents: parents
            .map(|hex| Oid::from_hex(hex.as_bytes()).ok())
            .collect::<Option<_>>()?,
        author: name_of(author),
        committer: name_of(value("committer ").unwrap_or_default()),
        seconds,
        message: message.to_owned(),
    })
}
