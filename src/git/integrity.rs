//! Whether what refs of ours name is there and whole, and the ways back where it is not.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use gix::objs::Kind;

use super::{Commit, Entry, Guard, Oid, Repo, loose, objects};
use crate::fault::{Fault, Result};
use crate::world::fs;

impl Repo {
    /// Returns all refs below folders (which end in a slash) with what they name or why that cannot be
    /// read, sorted by name. Symbolic refs are left out.
    pub fn refs_as_found(&self, folders: &[&str]) -> Result<Vec<(String, Result<Oid>)>> {
        let mut names = BTreeSet::new();
        for folder in folders {
            loose_refs(self.common_dir(), folder, &mut names)?;
        }
        // What is not a loose file is packed, and git refuses to read a file of packed refs that it
        // cannot read as a whole.
        let listed = self.query(
            &self
                .git(["for-each-ref", "--format=%(refname)"])
                .args(folders.iter().copied()),
        )?;
        names.extend(String::from_utf8_lossy(&listed).lines().map(str::to_owned));
        let mut found = Vec::new();
        for name in names {
            match self.find_ref(&name) {
                Ok(Some(id)) if self.symbolic_ref(&name).is_none() => found.push((name, Ok(id))),
                Ok(_) => {}
                Err(fault) => found.push((name, Err(fault))),
            }
        }
        Ok(found)
    }

    /// Returns what a ref has named, newest first, as its log tells; nothing where it has none.
    pub fn ref_log(&self, name: &str) -> Vec<Oid> {
        let path = self.common_dir().join("logs").join(name);
        // A log is a help: one that cannot be read, or in parts, helps with what can be read.
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (mut ids, mut seen) = (Vec::new(), HashSet::new());
        for line in text.lines().rev() {
            let mut words = line.split(' ');
            let (old, new) = (words.next(), words.next());
            for word in [new, old].into_iter().flatten() {
                if let Some(id) = self.parse_id(word)
                    && id != self.null_id()
                    && seen.insert(id)
                {
                    ids.push(id);
                }
            }
        }
        ids
    }

    /// Returns why git cannot walk from commits to everything they need, nothing where it can; what
    /// `known` reach is taken to be there.
    ///
    /// Of files only their existence is looked at; who wants more reads them.
    pub fn broken_link(&self, tips: &[Oid], known: &[&str]) -> Result<Option<String>> {
        // The commit-graph also knows commits that are gone.
        let mut run = self.git(["-c", "core.commitGraph=false", "rev-list"]);
        run = run.args(["--objects", "--quiet", "--stdin"]);
        if self.setting("extensions.partialClone").is_some() {
            run = run.args(["--exclude-promisor-objects"]);
        }
        if !known.is_empty() {
            run = run.args(["--not"]).args(known.iter().copied());
        }
        let input: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
        let output = self.start(&run.stdin(input))?;
        if output.status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(Some(super::command::one_line(&said)))
    }

    /// Returns every object that commits need, by their history too; they must all be there.
    pub fn all_objects(&self, tips: &[Oid]) -> Result<Vec<Oid>> {
        let run = self.git(["rev-list", "--objects", "--no-object-names", "--stdin"]);
        let input: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
        let out = self.query(&run.stdin(input))?;
        let text = String::from_utf8_lossy(&out);
        Ok(text.lines().filter_map(|hex| self.parse_id(hex)).collect())
    }

    /// Checks that an object is there and that its bytes are those of its id.
    pub fn verify(&self, id: &Oid) -> Result<()> {
        let mut buffer = Vec::new();
        let kind = self.read_any(id, &mut buffer)?;
        self.same(id, kind, &buffer)
    }

    /// Returns a commit whose bytes are those of its id.
    pub fn verified_commit(&self, id: &Oid) -> Result<Commit> {
        objects::parsed_commit(id, &self.verified(id, Kind::Commit)?)
    }

    /// Returns the entries of a tree whose bytes are those of its id.
    pub fn verified_tree(&self, id: &Oid) -> Result<Vec<Entry>> {
        self.entries(id, &self.verified(id, Kind::Tree)?)
    }

    /// Returns the bytes of a blob, which are those of its id.
    pub fn verified_blob(&self, id: &Oid) -> Result<Vec<u8>> {
        self.verified(id, Kind::Blob)
    }

    fn verified(&self, id: &Oid, kind: Kind) -> Result<Vec<u8>> {
        let bytes = self.read(id, kind)?;
        self.same(id, kind, &bytes)?;
        Ok(bytes)
    }

    fn same(&self, id: &Oid, kind: Kind, bytes: &[u8]) -> Result<()> {
        match gix::objs::compute_hash(id.kind(), kind, bytes) {
            Ok(found) if found == *id => Ok(()),
            _ => Err(objects::damaged(id, "its bytes are others")),
        }
    }

    /// Sets a ref whose value cannot be read; one that can be read by now stays.
    ///
    /// After a crash the ref is as unreadable as before, or holds `new`.
    pub fn replace_unreadable_ref(&self, guard: &Guard, name: &str, new: Oid) -> Result<()> {
        if let Ok(there) = self.find_ref(name) {
            return Err(Fault::stale(format!(
                "'{name}' can be read again: {}",
                there.map_or_else(|| "it is gone".to_owned(), |id| id.to_string())
            )));
        }
        self.force_ref(guard, name, new)
    }

    /// Removes a ref that names nothing that is here, or nothing at all.
    ///
    /// After a crash it is there or gone.
    pub fn remove_broken_ref(&self, guard: &Guard, name: &str) -> Result<()> {
        let id = match self.find_ref(name) {
            Ok(None) => return Ok(()),
            Ok(Some(id)) if self.broken_link(&[id], &[])?.is_none() => {
                return Err(Fault::refused(format!("'{name}' is whole and is kept")));
            }
            Ok(Some(id)) => Some(id),
            Err(_) => None,
        };
        self.unlock_ref(guard, name)?;
        let path = self.common_dir().join(name);
        if id.is_none() {
            fs::remove_file(&path).map_err(|error| Fault::io("remove", &path, &error))?;
        }
        // What was packed below an unreadable file may be as broken; then the next look says so.
        match id {
            Some(id) => self.delete_ref(guard, name, id),
            None => Ok(()),
        }
    }
}

impl Repo {
    /// Moves the loose file of an object whose bytes are not those of its id into `lost-found/gt`, and returns
    /// where it is; nothing where it has no such file, or can be read.
    pub fn put_damaged_aside(&self, _: &Guard, id: &Oid) -> Result<Option<PathBuf>> {
        let file = loose::path(&self.objects_dir(), id);
        if !file.is_file() || self.verify(id).is_ok() {
            return Ok(None);
        }
        let folder = self.common_dir().join("lost-found").join("gt");
        let aside = folder.join(id.to_string());
        fs::create_dir_all(&folder)
            .and_then(|()| fs::rename(&file, &aside))
            .map_err(|error| Fault::io("move aside", &file, &error))?;
        Ok(Some(aside))
    }

    /// Takes the lines out of a ref's log that name commits as new values; where one is the old value of
    /// another line, that line says "nothing" instead.
    pub fn drop_from_log(&self, _: &Guard, name: &str, ids: &[Oid]) -> Result<()> {
        let path = self.common_dir().join("logs").join(name);
        let failed = |error: &std::io::Error| Fault::io("rewrite", &path, error);
        let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
        let text = String::from_utf8_lossy(&bytes);
        let is_dropped = |hex: &str| self.parse_id(hex).is_some_and(|id| ids.contains(&id));
        let mut kept = String::new();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(old), Some(new), Some(rest)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if is_dropped(new) {
                continue;
            }
            let null = self.null_id().to_string();
            let old = if is_dropped(old) { &null } else { old };
            kept.push_str(&format!("{old} {new} {rest}\n"));
        }
        fs::replace(&path, kept.as_bytes()).map_err(|error| failed(&error))
    }
}

/// Collects the names of loose refs below a folder.
fn loose_refs(root: &Path, folder: &str, names: &mut BTreeSet<String>) -> Result<()> {
    let path = root.join(folder);
    let entries = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Fault::io("list", &path, &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| Fault::io("list", &path, &error))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
        if is_folder {
            loose_refs(root, &format!("{folder}{name}/"), names)?;
        } else if !name.ends_with(".lock") {
            names.insert(format!("{folder}{name}"));
        }
    }
    Ok(())
}
