//! Worktrees that hold one commit and nothing else: looked at, and then brought there with git-read-tree(1) where
//! they are what they should be, and else with git-checkout(1) and git-clean(1).

use std::fs::{DirEntry, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gix::index::entry::{Flags, Mode, Stage};
use gix::index::{Entry, State};
use gix::objs::Kind;
use rayon::prelude::*;

use super::{Oid, Repo};
use crate::fault::{Fault, Result};
use crate::world::fs;
use crate::world::process::Run;

/// How many files are looked at with one hand: to share fewer takes longer than to look at them.
const MANY: usize = 500;

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

/// What every command here needs: no githook and no daemon of the user's takes part, a file counts as it was only
/// where all that is known of it says so, and the commit is there as a whole.
pub(super) const ALONE: &[&str] = &[
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.checkStat=default",
    "-c",
    "core.sparseCheckout=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "index.skipHash=true",
    "-c",
    "advice.detachedHead=false",
];

/// What may be in the private folder of a worktree in which nothing is under way (gitrepository-layout(5)).
const AT_REST: &[&str] = &[
    "HEAD",
    "ORIG_HEAD",
    "commondir",
    "gitdir",
    "gt-attributes",
    "index",
    "logs",
    "refs",
];

impl Repo {
    /// Makes a worktree stand on `commit`, detached, with nothing else in it but what the patterns of `keep`
    /// name (gitignore(5)); refuses where it differs all the same.
    ///
    /// What stood in it is not saved. After a crash it is to be made so again.
    pub fn make_pristine(&self, worktree: &Path, commit: &Oid, keep: &[String]) -> Result<()> {
        let private = self.private_dir_of(worktree)?;
        let site = Site {
            repo: self,
            worktree,
            private: &private,
            keep,
        };
        match site.move_to(commit)? {
            true => Ok(()),
            false => site.force(commit),
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

/// A worktree that is to be made pristine.
struct Site<'a> {
    repo: &'a Repo,
    worktree: &'a Path,
    /// The folder in the git directory that belongs to it alone.
    private: &'a Path,
    keep: &'a [String],
}

impl Site<'_> {
    fn git(&self, args: &[&str]) -> Run {
        let own = format!("--git-dir={}", self.private.display());
        let tree = format!("--work-tree={}", self.worktree.display());
        let run = self.repo.git_in(self.worktree).args([own, tree]);
        run.args(ALONE.iter().chain(args).copied())
    }

    fn clean(&self) -> Result<()> {
        let patterns = self.keep.iter().flat_map(|it| ["-e", it]);
        let clean = self.git(&["clean", "-ffdxq"]).args(patterns);
        self.repo.execute(&clean).map(drop)
    }

    fn index(&self) -> Option<State> {
        let path = self.private.join("index");
        let hash = self.repo.gix.object_hash();
        let read = gix::index::File::at(path, hash, true, Default::default());
        Some(read.ok()?.into())
    }

    /// Brings a worktree that holds what its index says to the commit, and touches no more than what is another
    /// there; returns whether that could be done.
    fn move_to(&self, commit: &Oid) -> Result<bool> {
        let index = self.index().filter(|it| !hides(it) && self.is_at_rest());
        let looked = index.and_then(|it| look(self.worktree, &it, Doubt::Racy));
        let Some(found) = looked else {
            return Ok(false);
        };
        let Some(before) = self.forget_attributes()? else {
            return Ok(false);
        };
        if found.has_more && self.clean().is_err() {
            return Ok(false);
        }
        let commit = commit.to_string();
        let read = self.git(&["read-tree", "-m", "-u", &commit]);
        if self.repo.execute(&read).is_err() {
            return Ok(false);
        }
        if self.attributes().as_ref() != Some(&before) {
            return Ok(false);
        }
        let head = self.private.join("HEAD");
        fs::replace(&head, format!("{commit}\n").as_bytes())
            .map_err(|error| Fault::io("write", &head, &error))?;
        self.note_attributes(&before)?;
        Ok(true)
    }

    /// Returns whether no merge, rebase or the like is under way in the worktree, and no setting is its own.
    fn is_at_rest(&self) -> bool {
        let listed = self.private.read_dir();
        listed.is_ok_and(|mut all| {
            all.all(|it| it.is_ok_and(|it| AT_REST.iter().any(|name| it.file_name() == *name)))
        })
    }

    /// Returns which attributes files have that are written as the index says; nothing where it cannot be read.
    fn attributes(&self) -> Option<String> {
        let index = self.index()?;
        let all = attributes(&index).into_iter();
        let all = all.map(|(path, id)| [id.as_slice(), path].concat());
        let hash = gix::objs::compute_hash(
            self.repo.gix.object_hash(),
            Kind::Blob,
            &all.collect::<Vec<_>>().join(&0),
        );
        Some(hash.ok()?.to_string())
    }

    fn attributes_path(&self) -> PathBuf {
        self.private.join("gt-attributes")
    }

    /// Notes with which attributes all files were written. Git writes none anew that holds the same, and what
    /// stands in the index later may be the work of whoever tested there.
    fn note_attributes(&self, now: &str) -> Result<()> {
        let path = self.attributes_path();
        fs::replace(&path, now.as_bytes()).map_err(|error| Fault::io("write", &path, &error))
    }

    /// Returns what was noted, and notes that nothing is known: a crash in what follows must not leave a wrong note.
    fn forget_attributes(&self) -> Result<Option<String>> {
        let path = self.attributes_path();
        let known = std::fs::read_to_string(&path).ok();
        if known.is_some() {
            fs::remove_file(&path).map_err(|error| Fault::io("remove", &path, &error))?;
        }
        Ok(known)
    }

    /// Removes all but what is to be kept, so that git writes all files anew.
    fn empty(&self) -> Result<()> {
        let path = self.private.join("index");
        if path.exists() {
            fs::remove_file(&path).map_err(|error| Fault::io("remove", &path, &error))?;
        }
        self.clean()
    }

    /// Brings the worktree to the commit, whatever is in it.
    fn force(&self, commit: &Oid) -> Result<()> {
        self.write(commit)?;
        self.note_attributes(&self.attributes().unwrap_or_default())
    }

    fn write(&self, commit: &Oid) -> Result<()> {
        let commit = commit.to_string();
        let checkout = self.git(&["checkout", "--quiet", "--force", "--detach", &commit]);
        let known = self.forget_attributes()?.filter(|_| self.index().is_some());
        match known {
            // Attributes that are in no index would count for what is written.
            Some(_) => drop(self.clean()),
            None => self.empty()?,
        }
        self.repo.execute(&checkout)?;
        if known.is_some() && known != self.attributes() {
            self.empty()?;
            self.repo.execute(&checkout)?;
        }
        let index = self.index();
        if index.as_ref().is_some_and(hides) {
            return Err(differs(self.worktree, "its index hides files from git"));
        }
        match index.and_then(|index| look(self.worktree, &index, Doubt::Nothing)) {
            Some(Look {
                has_more: false, ..
            }) => return Ok(()),
            Some(_) => return self.clean(),
            // Git itself decides where an entry is not what a plain file would be: filters, submodules,
            // letters that the file system does not tell apart.
            None => {
                let reset = self.git(&["reset", "--quiet", "--hard", &commit]);
                self.repo.execute(&reset)?;
            }
        }
        self.clean()?;
        let is_kept = |line: &String| {
            let path = line.get(3..).unwrap_or_default();
            let mut keep = self.keep.iter().map(|it| it.trim_end_matches('/'));
            keep.any(|keep| path.starts_with(keep))
        };
        let mut changes = self.repo.changes_in(self.worktree)?;
        changes.retain(|line| !is_kept(line));
        match changes.is_empty() {
            true => Ok(()),
            false => Err(differs(self.worktree, &changes.join(", "))),
        }
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

/// Returns what an index says of files that say how others are written (gitattributes(5)).
fn attributes(index: &State) -> Vec<(&[u8], Oid)> {
    let all = index.entries().iter().map(|it| (it, it.path(index)));
    let named = all.filter(|(_, path)| path.ends_with(b".gitattributes"));
    named.map(|(it, path)| (&**path, it.id)).collect()
}

/// What may have happened to a worktree since its index was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nothing: git has just looked at all of it.
    Nothing,
    /// Somebody may have written a file in the same moment as git did, which its times do not tell
    /// (gitformat-index(5) and git's technical notes call that racy).
    Racy,
}

/// What a worktree is compared with.
struct Written<'a> {
    index: &'a State,
    doubt: Doubt,
}

/// Looks whether a worktree holds what its index says; returns nothing where that cannot be said, or is not
/// so. Sizes and times are compared, and where these may deceive what the files hold.
fn look(worktree: &Path, index: &State, doubt: Doubt) -> Option<Look> {
    let entries = index.entries();
    let is_plain = |it: &Entry| it.stage() == Stage::Unconflicted && !it.mode.is_sparse();
    if !entries.iter().all(is_plain) {
        return None;
    }
    let written = Written { index, doubt };
    let found = written.look_into(worktree, b"", entries).ok()?;
    (found.same == entries.len() && !found.differs).then_some(found)
}

impl Written<'_> {
    /// Looks at a folder whose entries in the index are `entries`, all of which begin with `prefix`.
    fn look_into(&self, folder: &Path, prefix: &[u8], entries: &[Entry]) -> std::io::Result<Look> {
        let index = self.index;
        let listed: Vec<DirEntry> = folder.read_dir()?.collect::<std::io::Result<_>>()?;
        let look = |item: &DirEntry| {
            let name = item.file_name();
            if prefix.is_empty() && name == ".git" {
                return Ok(Look::default());
            }
            let rest = |it: &Entry| &it.path(index)[prefix.len()..];
            let at = entries.binary_search_by(|it| (**rest(it)).cmp(name.as_bytes()));
            if let Ok(at) = at {
                return self.look_at(item, &entries[at]);
            }
            let inside = [prefix, name.as_bytes(), b"/"].concat();
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
                count => self.look_into(&item.path(), &inside, &entries[begin..begin + count]),
            }
        };
        if entries.len() < MANY {
            let mut looks = listed.iter().map(look);
            return looks.try_fold(Look::default(), |a, b| Ok(a.and(b?)));
        }
        let looks = listed.par_iter().map(look);
        looks.try_reduce(Look::default, |a, b| Ok(a.and(b)))
    }

    fn look_at(&self, item: &DirEntry, entry: &Entry) -> std::io::Result<Look> {
        let there = item.metadata()?;
        let is_same = match entry.mode {
            // What a submodule holds is no part of the commit.
            Mode::COMMIT => there.is_dir() && item.path().read_dir()?.next().is_none(),
            Mode::SYMLINK => {
                there.is_symlink()
                    && is_as_written(&there, entry)
                    && self.holds(entry, || {
                        let target = item.path().read_link();
                        target.map(|it| it.into_os_string().into_encoded_bytes())
                    })?
            }
            _ => {
                there.is_file()
                    && is_as_written(&there, entry)
                    && self.holds(entry, || std::fs::read(item.path()))?
            }
        };
        Ok(Look {
            same: usize::from(is_same),
            differs: !is_same,
            has_more: false,
        })
    }

    /// Returns whether a file holds what it should, where its times may deceive.
    fn holds(
        &self,
        entry: &Entry,
        read: impl Fn() -> std::io::Result<Vec<u8>>,
    ) -> std::io::Result<bool> {
        let times = gix::index::entry::stat::Options {
            use_nsec: true,
            ..Default::default()
        };
        if self.doubt == Doubt::Nothing || !entry.stat.is_racy(self.index.timestamp(), times) {
            return Ok(true);
        }
        let hash = gix::objs::compute_hash(entry.id.kind(), Kind::Blob, &read()?);
        Ok(hash.is_ok_and(|it| it == entry.id))
    }
}

/// Returns whether a file is the one that git wrote, and nobody has touched it since. Git notes the lower 32 bits
/// of these numbers, and 0 where it does not know them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index holds the lower 32 bits of these numbers"
)]
fn is_as_written(there: &Metadata, entry: &Entry) -> bool {
    let wrote = entry.stat;
    let is = |noted: u32, now: u32| noted == 0 || noted == now;
    wrote.mtime.secs == there.mtime() as u32
        && is(wrote.mtime.nsecs, there.mtime_nsec() as u32)
        && is(wrote.ctime.secs, there.ctime() as u32)
        && is(wrote.ctime.nsecs, there.ctime_nsec() as u32)
        && is(wrote.ino, there.ino() as u32)
        && wrote.size == there.size() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::scratch::{Scratch, git};
    use crate::world::process::Run;

    /// A repository with one commit of a file, a folder and a link, and a worktree on it.
    struct Place {
        _scratch: Scratch,
        repo: Repo,
        commit: Oid,
        dir: std::path::PathBuf,
    }

    fn place() -> Place {
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
        Place {
            _scratch: scratch,
            repo,
            commit,
            dir,
        }
    }

    impl Place {
        fn sh(&self, line: &str) {
            let run = Run::new("sh", &self.dir).args(["-c", line]);
            let out = run.output(self.repo.world()).unwrap();
            assert!(out.status.success(), "{line}: {out:?}");
        }

        fn head(&self) -> Oid {
            let run = Run::new("git", &self.dir).args(["rev-parse", "HEAD"]);
            let said = run.output(self.repo.world()).unwrap().stdout;
            self.repo
                .parse_id(String::from_utf8_lossy(&said).trim())
                .unwrap()
        }

        fn look(&self) -> Option<Look> {
            let private = self.repo.private_dir_of(&self.dir).unwrap();
            let keep: &[String] = &[];
            let site = Site {
                repo: &self.repo,
                worktree: &self.dir,
                private: &private,
                keep,
            };
            look(&self.dir, &site.index()?, Doubt::Racy)
        }

        fn make(&self, keep: &[&str]) -> Result<()> {
            let keep: Vec<String> = keep.iter().map(|it| (*it).to_owned()).collect();
            self.repo.make_pristine(&self.dir, &self.commit, &keep)
        }
    }

    #[test]
    fn whatever_was_done_to_a_worktree_is_undone() {
        let site = place();
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
        check("printf 'tex2\\n' >file", None);
        check(
            "echo '* text eol=crlf' >.gitattributes; git add .gitattributes",
            Some(false),
        );
        let backdated = "touch -r file ../ref; printf 'tex2\\n' >file; touch -r ../ref file";
        check(backdated, None);
        check(
            "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m two",
            Some(false),
        );
        check(
            "git rev-parse HEAD >\"$(git rev-parse --git-dir)/MERGE_HEAD\"",
            Some(false),
        );
        site.sh("! test -e \"$(git rev-parse --git-dir)/MERGE_HEAD\"");
        let gone =
            "echo '* text eol=crlf' >.gitattributes; rm \"$(git rev-parse --git-dir)/index\"";
        check(gone, None);
        site.sh("test \"$(wc -c <file)\" = 5");
        check(
            "git checkout -q -b held; : >\"$(git rev-parse --git-dir)/index\"",
            None,
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

    /// From one commit to another only what differs is written, but for attributes, which may say that all is.
    #[test]
    fn a_worktree_moves_from_commit_to_commit() {
        let site = place();
        let commit = |line: &str| {
            let who = "git -c user.name=a -c user.email=a@b";
            site.sh(&format!("{line}; git add -A; {who} commit -q -m next"));
            site.head()
        };
        let changed = commit("echo more >>file; rm -r sub; mkdir new; : >new/a");
        let other = commit("git rm -q link new/a; : >link; echo '*.t text eol=crlf' >sub.t");
        let crlf = commit("echo '*.t text eol=crlf' >.gitattributes");
        let seen = |commit: &Oid| {
            site.repo.make_pristine(&site.dir, commit, &[]).unwrap();
            site.sh("test -z \"$(git status --porcelain --ignored)\"");
            let is_crlf = std::fs::read(site.dir.join("sub.t")).map(|it| it.ends_with(b"\r\n"));
            assert_eq!(site.head(), *commit);
            is_crlf.ok()
        };
        assert_eq!(seen(&site.commit), None);
        let inode = || std::fs::metadata(site.dir.join("file")).unwrap().ino();
        assert_eq!(seen(&changed), None);
        let before = inode();
        assert_eq!(seen(&other), Some(false));
        assert_eq!(inode(), before, "the file is the same there");
        assert_eq!(seen(&crlf), Some(true));
        assert_eq!(seen(&other), Some(false));
        // Whoever tests may say so as well, and nothing is written anew by that.
        site.sh("echo '*.t text eol=crlf' >.gitattributes; git add .gitattributes");
        assert_eq!(seen(&crlf), Some(true));
        assert_eq!(seen(&site.commit), None);
    }

    #[test]
    fn what_is_to_be_kept_stays() {
        let site = place();
        site.sh("mkdir -p cache sub/cache; : >cache/a; : >sub/cache/b; : >other; echo x >file");
        site.make(&["cache"]).unwrap();
        site.sh("test -e cache/a && test -e sub/cache/b && ! test -e other && test \"$(cat file)\" = text");
    }

    #[test]
    fn a_worktree_that_leads_elsewhere_is_made_anew_and_nothing_happens_there() {
        let site = place();
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
        check("git update-index --skip-worktree file; echo x >file");
        check("git update-index --assume-unchanged file; echo x >file");
        check(": >\"$(git rev-parse --git-dir)/HEAD\"");
        check("rm -r ../1");
    }
}
