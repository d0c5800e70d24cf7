//! Which paths differ between two commits, and which patterns they fit (gitignore(5)).

use std::collections::BTreeMap;

use gix::bstr::ByteSlice as _;
use gix::glob::wildmatch::Mode;
use gix::object::Kind;

use super::objects::damaged;
use super::{Oid, Repo};
use crate::fault::Result;

/// Longer paths are not looked into: no system has such files.
const PATH_MAX: usize = 4096;

/// Mode and object of each name in a folder.
type Folder = BTreeMap<Vec<u8>, (u16, Oid)>;

/// The mode of a folder.
const TREE: u16 = 0o040_000;

impl Repo {
    /// Returns the paths of files, links and submodules that two commits do not have alike, sorted, each with
    /// whether `to` has one there. What moved is at both its paths.
    pub fn changed_paths(&self, from: &Oid, to: &Oid) -> Result<Vec<(Vec<u8>, bool)>> {
        let mut found = Vec::new();
        let trees = (Some(self.commit(from)?.tree), Some(self.commit(to)?.tree));
        self.compare(&mut Vec::new(), trees, &mut found)?;
        Ok(found)
    }

    fn compare(
        &self,
        path: &mut Vec<u8>,
        (from, to): (Option<Oid>, Option<Oid>),
        found: &mut Vec<(Vec<u8>, bool)>,
    ) -> Result<()> {
        let (from, to) = (self.folder(from)?, self.folder(to)?);
        let gone = from.keys().filter(|name| !to.contains_key(*name));
        let mut names: Vec<&Vec<u8>> = to.keys().chain(gone).collect();
        names.sort_unstable();
        for name in names {
            let (old, new) = (from.get(name), to.get(name));
            if old == new {
                continue;
            }
            let length = path.len();
            path.extend_from_slice(name);
            let folder = |side: Option<&(u16, Oid)>| side.filter(|it| it.0 == TREE).map(|it| it.1);
            let folders = (folder(old), folder(new));
            let is_file = |side: Option<&(u16, Oid)>| side.is_some_and(|it| it.0 != TREE);
            if is_file(old) || is_file(new) || path.len() > PATH_MAX {
                found.push((path.clone(), is_file(new)));
            }
            if folders != (None, None) && path.len() <= PATH_MAX {
                path.push(b'/');
                self.compare(path, folders, found)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn folder(&self, tree: Option<Oid>) -> Result<Folder> {
        let Some(tree) = tree else {
            return Ok(Folder::new());
        };
        let bytes = self.read(&tree, Kind::Tree)?;
        let entries = gix::objs::TreeRefIter::from_bytes(&bytes, tree.kind());
        let read = entries.map(|entry| {
            let entry = entry.map_err(|error| damaged(&tree, &error.to_string()))?;
            let is = (entry.mode.value(), entry.oid.to_owned());
            Ok((entry.filename.to_vec(), is))
        });
        read.collect()
    }
}

/// Returns whether a path, or a folder it is in, fits a pattern as gitignore(5) has them: without a slash
/// but at its end it fits at any depth, `**` stands for any folders. Letters of both cases fit, because
/// some machines do not tell them apart.
pub fn path_fits(pattern: &str, path: &[u8]) -> bool {
    let pattern = pattern.trim_end_matches('/');
    let anchored = pattern.contains('/');
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    let mode = Mode::NO_MATCH_SLASH_LITERAL | Mode::IGNORE_CASE;
    let fits = |part: &[u8]| gix::glob::wildmatch(pattern.into(), part.as_bstr(), mode);
    match anchored {
        false => path.split(|byte| *byte == b'/').any(fits),
        true => {
            let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            ends.map(|(at, _)| &path[..at]).chain([path]).any(fits)
        }
    }
}

/// Returns whether a name fits a pattern in which `*` stands for anything, slashes too.
pub fn name_fits(pattern: &str, name: &str) -> bool {
    gix::glob::wildmatch(pattern.into(), name.into(), Mode::empty())
}

/// Returns what is wrong with a pattern that nothing can fit, nothing where it is well formed.
pub fn pattern_flaw(pattern: &str) -> Option<&'static str> {
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.next().is_none() => return Some("ends with a '\\' and nothing behind it"),
            '[' if !skip_set(&mut rest) => return Some("has a '[' that is not closed"),
            _ => {}
        }
    }
    pattern.is_empty().then_some("is empty")
}

/// Goes behind the end of a set of characters; returns whether it has one.
fn skip_set(rest: &mut std::str::Chars<'_>) -> bool {
    let negated = rest.as_str().strip_prefix(['!', '^']);
    if let Some(behind) = negated {
        *rest = behind.chars();
    }
    // The first may be a bracket itself.
    let mut is_first = true;
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '[' if rest.as_str().starts_with(':') => {
                let Some((_, behind)) = rest.as_str().split_once(":]") else {
                    return false;
                };
                *rest = behind.chars();
            }
            ']' if !is_first => return true,
            _ => {}
        }
        is_first = false;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_nothing_can_fit_is_told() {
        let check = |pattern: &str, want: bool| {
            assert_eq!(pattern_flaw(pattern).is_none(), want, "{pattern}");
        };
        for pattern in [
            "main",
            "release/*",
            "[ab]c",
            "[]a]",
            "[!]]",
            "[[:alpha:]]x",
            "a\\[",
            "?",
        ] {
            check(pattern, true);
        }
        for pattern in [
            "",
            "[[",
            "[",
            "a[b",
            "[]",
            "[!]",
            "a\\",
            "[a\\]",
            "[[:alpha:",
        ] {
            check(pattern, false);
            // What it is refused for is so: it does not even fit itself.
            assert!(
                pattern.is_empty() || !name_fits(pattern, pattern),
                "{pattern}"
            );
        }
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        let check = |pattern: &str, path: &str, want: bool| {
            assert_eq!(
                path_fits(pattern, path.as_bytes()),
                want,
                "{pattern} {path}"
            );
        };
        check("Makefile", "Makefile", true);
        check("Makefile", "src/makefile", true);
        check("/Makefile", "src/Makefile", false);
        check("/Makefile", "Makefile", true);
        check(".ci/", ".ci/run", true);
        check(".ci", "lib/.ci/a/b", true);
        check(".ci/", ".circle/run", false);
        check("ci/*.sh", "ci/run.sh", true);
        check("ci/*.sh", "ci/sub/run.sh", false);
        check("ci/**", "ci/sub/run.sh", true);
        check("ci/*", "ci/sub/run.sh", true);
        check("**/*.lock", "a/b/Cargo.lock", true);
        check("*.lock", "a/Cargo.lock", true);
        check("*.lock", "a/Cargo.lock.rs", false);
    }

    #[test]
    fn a_star_in_a_name_takes_slashes() {
        assert!(name_fits("api/*", "api/crew/max"));
        assert!(name_fits("*", "ada"));
        assert!(!name_fits("api/crew/*", "api/polecats/nux"));
        assert!(!name_fits("ada", "Ada"));
    }
}
