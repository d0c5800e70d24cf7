//! What survives a power cut: objects reach the disk before the ref that names them, where that is wanted.

use std::path::Path;

use super::{Oid, Repo, loose};
use crate::fault::{Fault, Result};
use crate::world::fs;

/// What is on the disk when a write has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// What the system has written by then, as with git's own loose objects and refs.
    None,
    /// Everything, by one wish for all objects of a write and one for its ref.
    Batch,
    /// Everything, by a wish for each file.
    Full,
}

/// The setting that says so.
const SETTING: &str = "gt.durability";

impl Repo {
    pub(super) fn durability(&self) -> Result<Durability> {
        if let Some(known) = self.durability.get() {
            return Ok(*known);
        }
        let found = match self.setting(SETTING).as_deref() {
            None | Some("none") => Durability::None,
            Some("batch") => Durability::Batch,
            Some("full") => Durability::Full,
            Some(said) => {
                return Err(Fault::invalid(format!("{SETTING} is '{said}'"))
                    .hint("it can be none, batch or full"));
            }
        };
        Ok(*self.durability.get_or_init(|| found))
    }

    /// Brings an object that was just written to the disk, or notes that it has to be.
    pub(super) fn wrote(&self, id: &Oid) -> Result<()> {
        match self.durability()? {
            Durability::None => {}
            Durability::Batch => self.unsynced.borrow_mut().push(*id),
            Durability::Full => self.sync_objects(&[*id])?,
        }
        Ok(())
    }

    /// Brings all objects written since the last time to the disk; to be called before a ref names them.
    pub(super) fn sync_written(&self) -> Result<()> {
        let written = self.unsynced.take();
        if written.is_empty() {
            return Ok(());
        }
        let objects = self.objects_dir();
        match fs::sync_file_system(&objects) {
            Ok(true) => Ok(()),
            Ok(false) => self.sync_objects(&written),
            Err(error) => Err(Fault::io("sync", &objects, &error)),
        }
    }

    /// Brings loose objects to the disk: the files, then the folders they are in.
    fn sync_objects(&self, ids: &[Oid]) -> Result<()> {
        let objects = self.objects_dir();
        let mut folders = std::collections::BTreeSet::from([objects.clone()]);
        for id in ids {
            let file = loose::path(&objects, id);
            fs::sync(&file).map_err(|error| Fault::io("sync", &file, &error))?;
            folders.extend(file.parent().map(Path::to_owned));
        }
        // The deepest first: a folder that is new is an entry of the one above it.
        for folder in folders.iter().rev() {
            fs::sync(folder).map_err(|error| Fault::io("sync", folder, &error))?;
        }
        Ok(())
    }
}
