//! Where bd's beads are: a folder `.beads`, or what stands for it, names the repository that holds them.

use std::path::{Path, PathBuf};

use crate::fault::{Fault, Result};
use crate::world::World;

/// The folder bd keeps its files in.
pub(in crate::cli) const FOLDER: &str = ".beads";

/// The file in it that names another such folder.
const REDIRECT: &str = "redirect";

/// How long that file may be, in bytes; what is longer names no folder.
const REDIRECT_MAX: u64 = 8192;

/// Returns the folder whose repository holds the beads, nothing where it is the one that commands are given in.
///
/// What is asked for in the command line goes first, then `BEADS_DIR`, then `BEADS_DB` and `BD_DB`, then a
/// redirect in the nearest `.beads` above.
pub(super) fn of(world: &World, db: Option<&Path>) -> Result<Option<PathBuf>> {
    let env = |key: &str| world.env(key).map(|it| world.cwd().join(it));
    let file = db.map(|it| world.cwd().join(it));
    let file = file.or_else(|| {
        env("BEADS_DIR")
            .is_none()
            .then(|| env("BEADS_DB").or(env("BD_DB")))?
    });
    let named = match file {
        Some(path) => Some(folder_above(&path)?),
        None => env("BEADS_DIR"),
    };
    let nearest = || nearest(world.cwd());
    let Some(folder) = named.clone().or_else(nearest) else {
        return Ok(None);
    };
    let there = redirected(&folder)?;
    match (there, named) {
        (None, None) => Ok(None),
        (there, _) => {
            let folder = there.unwrap_or(folder);
            Ok(Some(folder.parent().unwrap_or(&folder).to_owned()))
        }
    }
}

/// Returns the folder `.beads` that a path is, or is in.
fn folder_above(path: &Path) -> Result<PathBuf> {
    let mut above = path.ancestors();
    let found = above.find(|it| it.file_name() == Some(FOLDER.as_ref()));
    found.map(Path::to_owned).ok_or_else(|| {
        Fault::invalid(format!("'{}' is not below a folder .beads", path.display()))
            .hint("beads are in git here: bd -C DIR, or BEADS_DIR=<repository>/.beads")
    })
}

/// Returns the nearest folder `.beads` from one up to the top of its worktree.
fn nearest(from: &Path) -> Option<PathBuf> {
    for dir in from.ancestors() {
        let folder = dir.join(FOLDER);
        if folder.is_dir() {
            return Some(folder);
        }
        if dir.join(".git").exists() {
            return None;
        }
    }
    None
}

/// Returns the folder that another one redirects to, which is relative to the one it stands in. A redirect
/// there is not followed.
fn redirected(folder: &Path) -> Result<Option<PathBuf>> {
    let file = folder.join(REDIRECT);
    let is_read = std::fs::metadata(&file).is_ok_and(|it| it.is_file() && it.len() <= REDIRECT_MAX);
    let Some(text) = is_read
        .then(|| std::fs::read_to_string(&file).ok())
        .flatten()
    else {
        return Ok(None);
    };
    let Some(line) = text
        .lines()
        .map(str::trim)
        .find(|it| !it.is_empty() && !it.starts_with('#'))
    else {
        return Ok(None);
    };
    let beside = folder.parent().unwrap_or(folder);
    let target = beside.join(line);
    match target.canonicalize() {
        Ok(there) if there.is_dir() => Ok(Some(there)),
        Ok(_) | Err(_) => Err(Fault::not_found(format!(
            "'{}' names '{line}', which is no folder",
            file.display()
        ))
        .hint("remove it, or write the path of a folder .beads into it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_folder_it_is_in() {
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(
                folder_above(path.as_ref()).ok().as_deref(),
                want.map(Path::new),
                "{path}"
            );
        };
        check("/p/.beads", Some("/p/.beads"));
        check("/p/.beads/beads.db", Some("/p/.beads"));
        check("/p/.beads/dolt/x", Some("/p/.beads"));
        check("/p/beads.db", None);
    }
}
