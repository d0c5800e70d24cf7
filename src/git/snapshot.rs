//! Snapshots: the uncommitted state of a worktree as a tree, and a tree put back into a worktree. Made with
//! an index of our own; the user's index, worktree and stash are only read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;

/// The state of a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit it stands on.
    pub head: Oid,
    /// The short name of its branch, empty when detached.
    pub branch: String,
    /// Everything in it that git does not ignore.
    pub tree: Oid,
    /// What differs from the commit and is not in the tree all the same, with the reason.
    pub left_out: Vec<(String, String)>,
}

/// How one path differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `A`, `D`, `M` or `T`, as git-diff(1) has it.
    pub how: char,
    /// The path, from the top of the tree.
    pub path: PathBuf,
}

/// What is left out of a snapshot.
pub struct Bounds<'a> {
    /// How many bytes of changed files are taken at most, the smallest first.
    pub bytes: u64,
    /// Returns why an untracked file is left out, nothing for one that is taken.
    pub exclude: &'a dyn Fn(&Path) -> Option<&'static str>,
}

/// One path of git-status(1).
struct Change {
    path: PathBuf,
    untracked: bool,
    /// Whether a submodule has changes of its own, which no tree of ours can hold.
    inside: bool,
}

impl Repo {
    /// Returns the state of a worktree, staged or not, with untracked files and without ignored ones.
    ///
    /// Writes objects only: after a crash there are some that nothing refers to, and a folder in `.git/gt`.
    pub fn snapshot(&self, worktree: &Path, bounds: &Bounds<'_>) -> Result<Snapshot> {
        let index = self.index_of(worktree)?;
        let args = [
            "status",
            "--porcelain=v2",
            "-z",
            "--branch",
            "--untracked-files=all",
            "--no-renames",
            "--ignore-submodules=none",
        ];
        let status = self.query(&self.git_in(worktree).args(PLAIN).args(args))?;
        let (oid, branch, changes) = parse_status(&status);
        let head = self.parse_id(&oid).ok_or_else(|| {
            Fault::refused(format!("'{}' has no commit yet", worktree.display()))
                .hint("make a first commit, then try again")
        })?;
        let tree = self.commit(&head)?.tree;
        let (paths, left_out) = choose(worktree, changes, bounds);
        let tree = if paths.is_empty() {
            tree
        } else {
            self.write_worktree(worktree, &index, &paths)?
        };
        Ok(Snapshot {
            head,
            branch,
            tree,
            left_out,
        })
    }

    /// Returns where a worktree of this repository has its index.
    fn index_of(&self, worktree: &Path) -> Result<PathBuf> {
        let ours = |dir: &Path| dir.starts_with(self.common_dir());
        let private = self
            .private_dir(worktree)
            .and_then(|it| it.canonicalize().ok());
        let dir = match private {
            Some(dir) => Some(dir).filter(|dir| ours(dir)),
            None => worktree.join(".git").canonicalize().ok(),
        };
        let dir = dir.filter(|dir| ours(dir) && dir.is_dir());
        let dir = dir.ok_or_else(|| {
            Fault::not_found(format!(
                "'{}' is no worktree of this repository",
                worktree.display()
            ))
            .hint("git worktree list shows them")
        })?;
        Ok(dir.join("index"))
    }

    /// Writes the tree that a worktree's index becomes when it takes over `paths` as they are.
    fn write_worktree(&self, worktree: &Path, index: &Path, paths: &[PathBuf]) -> Result<Oid> {
        let scratch = self.scratch_dir();
        fs::create_dir_all(&scratch).map_err(|error| Fault::io("make folder", &scratch, &error))?;
        let dir = tempfile::Builder::new()
            .prefix("snapshot-")
            .tempdir_in(&scratch)
            .map_err(|error| Fault::io("make a folder in", &scratch, &error))?;
        let own = dir.path().join("index");
        let run = |args: &[&str]| {
            self.git_in(worktree)
                .args(PLAIN)
                .args(args.iter().copied())
                .env("GIT_INDEX_FILE", own.display().to_string())
        };
        if index.exists() {
            copy_with_time(index, &own).map_err(|error| Fault::io("copy", index, &error))?;
        } else {
            self.execute(&run(&["read-tree", "HEAD"]))?;
        }
        let mut list = Vec::new();
        for path in paths {
            list.extend_from_slice(path.as_os_str().as_bytes());
            list.push(0);
        }
        let update = [
            "update-index",
            "--add",
            "--remove",
            "--replace",
            "-z",
            "--stdin",
        ];
        self.execute(&run(&update).stdin(list))?;
        let tree = self.execute(&run(&["write-tree"]))?;
        let text = String::from_utf8_lossy(&tree);
        self.parse_id(text.trim())
            .ok_or_else(|| Fault::fatal(format!("git write-tree said '{}'", text.trim())))
    }

    /// Returns how `to` differs from `from`, both commits or trees, path by path.
    pub fn differences(&self, from: &Oid, to: &Oid) -> Result<Vec<Difference>> {
        let (from, to) = (from.to_string(), to.to_string());
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--no-renames",
            "--name-status",
            &from,
            &to,
        ];
        let out = self.query(&self.git(args))?;
        let mut fields = out.split(|byte| *byte == 0);
        let mut found = Vec::new();
        while let (Some([how, ..]), Some(path)) = (fields.next(), fields.next()) {
            found.push(Difference {
                how: char::from(*how),
                path: PathBuf::from(OsStr::from_bytes(path)),
            });
        }
        Ok(found)
    }

    /// Makes the files of a worktree those of a tree; branch and index stay, so that what differs from the
    /// commit shows as uncommitted changes. Whoever calls it has made sure that nothing is lost.
    ///
    /// After a crash some files are the tree's and some as they were.
    pub fn put_tree(&self, worktree: &Path, tree: &Oid) -> Result<()> {
        self.index_of(worktree)?;
        let source = format!("--source={tree}");
        let args = [
            "-c",
            "core.hooksPath=/dev/null",
            "restore",
            &source,
            "--worktree",
            "--no-overlay",
            "--quiet",
            "--",
            ":/",
        ];
        self.execute(&self.git_in(worktree).args(args)).map(drop)
    }
}

/// What a snapshot does not need or must not be stopped by.
const PLAIN: [&str; 6] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "core.safecrlf=false",
];

/// Copies an index together with its time: git looks at files again that are as young as their index.
fn copy_with_time(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::count();
    let time = std::fs::metadata(from)?.modified()?;
    std::fs::copy(from, to)?;
    std::fs::File::options()
        .write(true)
        .open(to)?
        .set_modified(time)
}

/// Reads `git status --porcelain=v2 -z --branch`: the commit, the branch, what changed.
fn parse_status(text: &[u8]) -> (String, String, Vec<Change>) {
    let (mut oid, mut branch, mut changes) = (String::new(), String::new(), Vec::new());
    let mut lines = text.split(|byte| *byte == 0);
    while let Some(line) = lines.next() {
        let Some((kind, rest)) = split(line) else {
            continue;
        };
        // How many fields stand before the path (git-status(1)).
        let before = match kind {
            b"#" => {
                let said = String::from_utf8_lossy(rest).into_owned();
                if let Some(value) = said.strip_prefix("branch.oid ") {
                    value.clone_into(&mut oid);
                } else if let Some(value) = said.strip_prefix("branch.head ") {
                    branch = value.replace("(detached)", "");
                }
                continue;
            }
            b"1" => 7,
            b"2" => 8,
            b"u" => 9,
            b"?" => 0,
            _ => continue,
        };
        let mut fields = rest.splitn(before + 1, |byte| *byte == b' ');
        let submodule = fields.nth(1).unwrap_or_default();
        let path = rest
            .splitn(before + 1, |byte| *byte == b' ')
            .last()
            .unwrap_or_default();
        changes.push(Change {
            path: PathBuf::from(OsStr::from_bytes(path)),
            untracked: kind == b"?",
            inside: before > 0 && submodule.starts_with(b"S") && !submodule.ends_with(b".."),
        });
        if kind == b"2" {
            // Where it was before.
            lines.next();
        }
    }
    (oid, branch, changes)
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b' ')?;
    Some((&line[..at], &line[at + 1..]))
}

/// Returns which of the changed paths are taken, and which are not and why.
fn choose(
    worktree: &Path,
    changes: Vec<Change>,
    bounds: &Bounds<'_>,
) -> (Vec<PathBuf>, Vec<(String, String)>) {
    let (mut sized, mut left_out) = (Vec::new(), Vec::new());
    let mut leave = |path: &Path, why: String| left_out.push((path.display().to_string(), why));
    for change in changes {
        let path = worktree.join(&change.path);
        if change.path.as_os_str().as_bytes().ends_with(b"/") {
            leave(&change.path, "a repository of its own".to_owned());
            continue;
        }
        if let Some(why) = (bounds.exclude)(&change.path).filter(|_| change.untracked) {
            leave(&change.path, why.to_owned());
            continue;
        }
        if change.inside {
            leave(&change.path, "changes inside a submodule".to_owned());
        }
        let size = match path.symlink_metadata() {
            Ok(found) if found.is_file() => match std::fs::File::open(&path) {
                Ok(_) => found.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                Err(error) => {
                    leave(&change.path, format!("cannot be read: {error}"));
                    continue;
                }
            },
            _ => 0,
        };
        sized.push((size, change.path));
    }
    sized.sort();
    let (mut taken, mut total) = (Vec::new(), 0_u64);
    for (size, path) in sized {
        total = total.saturating_add(size);
        if total > bounds.bytes {
            leave(&path, format!("too large: {size} bytes"));
        } else {
            taken.push(path);
        }
    }
    (taken, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_record_by_record() {
        let text = b"# branch.oid abc\0# branch.head gt/nux/a b\0\
            1 .M N... 100644 100644 100644 1 2 a b\0\
            1 .M SCMU 160000 160000 160000 1 2 sub\0\
            1 .M SC.. 160000 160000 160000 1 2 moved\0\
            2 R. N... 100644 100644 100644 1 2 R100 new\0old\0\
            u UU N... 100644 100644 100644 100644 1 2 3 both\0\
            ? x\n y\0? nested/\0";
        let (oid, branch, changes) = parse_status(text);
        assert_eq!((oid.as_str(), branch.as_str()), ("abc", "gt/nux/a b"));
        let got: Vec<(&str, bool, bool)> = changes
            .iter()
            .map(|it| (it.path.to_str().unwrap(), it.untracked, it.inside))
            .collect();
        let want = [
            ("a b", false, false),
            ("sub", false, true),
            ("moved", false, false),
            ("new", false, false),
            ("both", false, false),
            ("x\n y", true, false),
            ("nested/", true, false),
        ];
        assert_eq!(got, want);
    }
}
