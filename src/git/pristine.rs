//! Worktrees that hold one commit and nothing else: made so with git-checkout(1) and git-clean(1), and then
//! looked at.

use std::fs::{DirEntry, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use gix::index::entry::{Flags, Mode, Stage};
use gix::index::{Entry, State};
use rayon::prelude::*;

use super::{Oid, Repo};
use crate::fault::{Fault, Result};

/// What a worktree holds, next to what its index says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    /// How many entries of the index are there as it says.
    same: usize,
    /// Whether one is there, but not as it says.
    differs: bool,
    /// Whether something is there that it does not know.
    has_more: bool,
}

impl Look {
    fn and(self, other: Self) -> Self {
        Self {
            same: self.same + other.same,
            differs: self.differs || other.differs,
            has_more: self.has_more || other.has_more,
        }
    }
}

/// What every command here needs: no githook and no daemon of the user's takes part, and the commit is there
/// as a whole.
pub(super) const ALONE: &[&str] = &[
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.sparseCheckout=false",
    "-c",
    "advice.detachedHead=false",
];

impl Repo {
    /// Makes a worktree stand on `commit`, detached, with nothing else in it but what the patterns of `keep`
    /// name (gitignore(5)); refuses where it differs all the same.
    ///
    /// What stood in it is not saved. After a crash it is to be made so again.
    pub fn make_pristine(&self, worktree: &Path, commit: &Oid, keep: &[String]) -> Result<()> {
        let private = self.private_dir_of(worktree)?;
        let git = |args: &[&str]| {
            let own = format!("--git-dir={}", private.display());
            let tree = format!("--work-tree={}", worktree.display());
            let run = self.git_in(worktree).args([own, tree]);
            run.args(ALONE.iter().chain(args).copied())
        };
        let commit = commit.to_string();
        let checkout = ["checkout", "--quiet", "--force", "--detach", &commit];
        self.execute(&git(&checkout))?;
        let index = self.read_index(&private);
        if index.as_ref().is_some_and(hides) {
            return Err(differs(worktree, "its index hides files from git"));
        }
        let looked = index.and_then(|index| look(worktree, &index));
        let mut clean = git(&["clean", "-ffdxq"]);
        for pattern in keep {
            clean = clean.args(["-e", pattern]);
        }
        match looked {
            Some(Look {
                has_more: false, ..
            }) => return Ok(()),
            Some(_) => return self.execute(&clean).map(drop),
            // Git itself decides where an entry is not what a plain file would be: filters, submodules,
            // letters that the file system does not tell apart.
            None => self.execute(&git(&["reset", "--quiet", "--hard", &commit]))?,
        };
        self.execute(&clean)?;
        let is_kept = |line: &String| {
            let path = line.get(3..).unwrap_or_default();
            let mut keep = keep.iter().map(|it| it.trim_end_matches('/'));
            keep.any(|keep| path.starts_with(keep))
        };
        let mut changes = self.changes_in(worktree)?;
        changes.retain(|line| !is_kept(line));
        match changes.is_empty() {
            true => Ok(()),
            false => Err(differs(worktree, &changes.join(", "))),
        }
    }

    /// Returns the private folder of a worktree of this repository; refuses where the worktree does not lead
    /// there, or not that folder to the worktree, so that a command on the one would touch another.
    fn private_dir_of(&self, worktree: &Path) -> Result<std::path::PathBuf> {
        let read = |dir: &Path| {
            let back = std::fs::read_to_string(dir.join("gitdir")).ok()?;
            dir.join(back.trim_end()).canonicalize().ok()
        };
        let found = self.private_dir(worktree);
        let found = found.and_then(|dir| dir.canonicalize().ok());
        let is_own = |dir: &std::path::PathBuf| {
            let link = worktree.canonicalize().map(|it| it.join(".git"));
            dir.parent() == Some(&self.common_dir().join("worktrees"))
                && link.is_ok_and(|link| read(dir) == Some(link))
        };
        found.filter(is_own).ok_or_else(|| {
            Fault::fatal(format!(
                "'{}' is no worktree of '{}'",
                worktree.display(),
                self.common_dir().display()
            ))
        })
    }

    fn read_index(&self, private: &Path) -> Option<State> {
        let path = private.join("index");
        let read = gix::index::File::at(path, self.gix.object_hash(), true, Default::default());
        Some(read.ok()?.into())
    }

    /// Removes a worktree whose content is of no value, whatever it has become, and makes it anew on a commit
    /// without a branch.
    ///
    /// After a crash it is gone or half made, which [`Repo::mend_worktree`] completes.
    pub fn renew_worktree(&self, worktree: &Path, commit: &Oid) -> Result<()> {
        if let Ok(private) = self.private_dir_of(worktree) {
            // Who tested in it may have made a branch; that one is not ours to remove.
            let own = format!("--git-dir={}", private.display());
            let detach =
                ["update-ref", "--no-deref", "HEAD", &commit.to_string()].map(str::to_owned);
            drop(self.execute(&self.git_in(&private).args([own]).args(detach)));
        }
        self.discard_worktree(worktree)?;
        self.add_detached_worktree(worktree, commit)
    }
}

fn differs(worktree: &Path, how: &str) -> Fault {
    Fault::fatal(format!(
        "worktree '{}' differs from the commit to be tested: {how}",
        worktree.display()
    ))
}

/// Returns whether an index tells git not to look at some files: who tested may have said so.
fn hides(index: &State) -> bool {
    let blind = Flags::SKIP_WORKTREE | Flags::ASSUME_VALID;
    index.entries().iter().any(|it| it.flags.intersects(blind))
}

/// Looks whether a worktree holds what its index says; returns nothing where that cannot be said, or is not
/// so. Sizes and times are compared: git has just written both.
fn look(worktree: &Path, index: &State) -> Option<Look> {
    let entries = index.entries();
    let is_plain = |it: &Entry| it.stage() == Stage::Unconflicted && !it.mode.is_sparse();
    if !entries.iter().all(is_plain) {
        return None;
    }
    let found = look_into(worktree, b"", index, entries).ok()?;
    (found.same == entries.len() && !found.differs).then_some(found)
}

/// Looks at a folder whose entries in the index are `entries`, all of which begin with `prefix`.
fn look_into(
    folder: &Path,
    prefix: &[u8],
    index: &State,
    entries: &[Entry],
) -> std::io::Result<Look> {
    let listed: Vec<DirEntry> = folder.read_dir()?.collect::<std::io::Result<_>>()?;
    let look = |item: &DirEntry| {
        let name = item.file_name();
        if prefix.is_empty() && name == ".git" {
            return Ok(Look::default());
        }
        let path = [prefix, name.as_bytes()].concat();
        if let Ok(at) = entries.binary_search_by(|it| it.path(index).cmp(path.as_slice().into())) {
            return look_at(item, &entries[at]);
        }
        let inside = [path.as_slice(), b"/"].concat();
        let begin = entries.partition_point(|it| it.path(index) < inside.as_slice());
        let below = entries[begin..].partition_point(|it| it.path(index).starts_with(&inside));
        match below {
            0 => Ok(Look {
                has_more: true,
                ..Look::default()
            }),
            _ if !item.file_type()?.is_dir() => Ok(Look {
                differs: true,
                ..Look::default()
            }),
            count => look_into(&item.path(), &inside, index, &entries[begin..begin + count]),
        }
    };
    let looks = listed.par_iter().with_min_len(16).map(look);
    looks.try_reduce(Look::default, |a, b| Ok(a.and(b)))
}

fn look_at(item: &DirEntry, entry: &Entry) -> std::io::Result<Look> {
    let there = item.metadata()?;
    let is_same = match entry.mode {
        // What a submodule holds is no part of the commit.
        Mode::COMMIT => there.is_dir() && item.path().read_dir()?.next().is_none(),
        Mode::SYMLINK => there.is_symlink() && is_as_written(&there, entry),
        _ => there.is_file() && is_as_written(&there, entry),
    };
    Ok(Look {
        same: usize::from(is_same),
        differs: !is_same,
        has_more: false,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index holds the lower 32 bits of these numbers"
)]
fn is_as_written(there: &Metadata, entry: &Entry) -> bool {
    let wrote = entry.stat;
    let is_then = wrote.mtime.secs == there.mtime() as u32
        && (wrote.mtime.nsecs == 0 || wrote.mtime.nsecs == there.mtime_nsec() as u32);
    is_then && wrote.size == there.size() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::scratch::{Scratch, git};
    use crate::world::process::Run;

    /// A repository with one commit of a file, a folder and a link, and a worktree on it.
    struct Site {
        _scratch: Scratch,
        repo: Repo,
        commit: Oid,
        dir: std::path::PathBuf,
    }

    fn site() -> Site {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let blob = git(&repo, &["hash-object", "-w", "--stdin"], "text\n");
        let blob = blob.trim();
        let listed = format!("100644 blob {blob}\tfile\n120000 blob {blob}\tlink\n");
        let folder = git(&repo, &["mktree"], &listed);
        let listed = format!("{listed}040000 tree {}\tsub\n", folder.trim());
        let tree = git(&repo, &["mktree"], &listed);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let commit = [&who[..], &["commit-tree", "-m", "one", tree.trim()]].concat();
        let commit = repo.parse_id(git(&repo, &commit, "").trim()).unwrap();
        let dir = scratch.dir().join("trees").join("1");
        repo.renew_worktree(&dir, &commit).unwrap();
        Site {
            _scratch: scratch,
            repo,
            commit,
            dir,
        }
    }

    impl Site {
        fn sh(&self, line: &str) {
            let run = Run::new("sh", &self.dir).args(["-c", line]);
            let out = run.output(self.repo.world()).unwrap();
            assert!(out.status.success(), "{line}: {out:?}");
        }

        fn look(&self) -> Option<Look> {
            let private = self.repo.private_dir_of(&self.dir).unwrap();
            look(&self.dir, &self.repo.read_index(&private)?)
        }

        fn make(&self, keep: &[&str]) -> Result<()> {
            let keep: Vec<String> = keep.iter().map(|it| (*it).to_owned()).collect();
            self.repo.make_pristine(&self.dir, &self.commit, &keep)
        }
    }

    #[test]
    fn whatever_was_done_to_a_worktree_is_undone() {
        let site = site();
        let pristine = Look {
            same: 4,
            differs: false,
            has_more: false,
        };
        assert_eq!(site.look(), Some(pristine));
        let check = |line: &str, seen: Option<bool>| {
            site.sh(line);
            let more = site.look().map(|it| it.has_more);
            assert_eq!(more, seen, "{line}");
            site.make(&[])
                .unwrap_or_else(|fault| panic!("{line}: {fault}"));
            assert_eq!(site.look(), Some(pristine), "{line}");
        };
        check("echo longer >file", None);
        check("rm sub/file", None);
        check("rm -r sub; : >sub", None);
        check("rm link; ln -s elsewhere link", None);
        check("rm file; mkdir -p file/in", None);
        check(": >new; mkdir -p a/b; : >a/b/c", Some(true));
        check("echo '*' >.gitignore; : >ignored", Some(true));
        check("mkdir empty", Some(true));
        check("git init -q nested", Some(true));
        check(
            "git checkout -q -b mine; git add -f -A; git rm -q sub/file",
            Some(false),
        );
        // What hides files from git is not mended but made anew.
        for line in [
            "git update-index --assume-unchanged file; echo x >file",
            "git update-index --skip-worktree file; rm file",
        ] {
            site.sh(line);
            assert!(site.make(&[]).is_err(), "{line}");
            site.repo.renew_worktree(&site.dir, &site.commit).unwrap();
            site.make(&[]).unwrap();
            assert_eq!(site.look(), Some(pristine), "{line}");
        }
        let branch = git(&site.repo, &["rev-parse", "mine"], "");
        assert_eq!(branch.trim(), site.commit.to_string(), "moved by nobody");
    }

    #[test]
    fn what_is_to_be_kept_stays() {
        let site = site();
        site.sh("mkdir -p cache sub/cache; : >cache/a; : >sub/cache/b; : >other; echo x >file");
        site.make(&["cache"]).unwrap();
        site.sh("test -e cache/a && test -e sub/cache/b && ! test -e other && test \"$(cat file)\" = text");
    }

    #[test]
    fn a_worktree_that_leads_elsewhere_is_made_anew_and_nothing_happens_there() {
        let site = site();
        let check = |line: &str| {
            site.sh(line);
            assert!(site.make(&[]).is_err(), "{line}");
            site.repo.renew_worktree(&site.dir, &site.commit).unwrap();
            site.make(&[]).unwrap();
            assert_eq!(site.look().map(|it| it.same), Some(4), "{line}");
        };
        let other = site.dir.with_file_name("other");
        site.repo.renew_worktree(&other, &site.commit).unwrap();
        site.sh("rm ../other/file");
        check("cp ../other/.git .git");
        assert!(
            !other.join("file").exists(),
            "the other one was not touched"
        );
        check("rm .git; git init -q .");
        check("rm .git");
        check("git worktree lock .; rm .git");
        check("git checkout -q -b held; : >\"$(git rev-parse --git-dir)/index\"");
        check("git update-index --skip-worktree file; echo x >file");
        check("git update-index --assume-unchanged file; echo x >file");
        check(": >\"$(git rev-parse --git-dir)/HEAD\"");
        check("rm -r ../1");
    }
}
