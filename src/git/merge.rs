//! Merges in memory, with git-merge-tree(1): no index and no worktree is touched.

mod apart;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use super::{NewCommit, Oid, Repo, Signature, Version};
use crate::fault::{Fault, Result};
use crate::world::Time;
use crate::world::process::Run;

/// What a merge gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It went cleanly; the tree.
    Clean(Oid),
    /// It did not; the files that conflict, sorted.
    Conflict(Vec<String>),
}

/// What `abort(3)` ends a process with.
const ABORTED: i32 = 6;

/// Settings that change what a merge gives are pinned, so that every machine merges alike.
const PINNED: &[&str] = &[
    "-c",
    "merge.renames=true",
    "-c",
    "merge.directoryRenames=conflict",
    "-c",
    "merge.renormalize=false",
    "-c",
    "merge.conflictStyle=merge",
    "-c",
    "diff.algorithm=histogram",
    "-c",
    "diff.renameLimit=1000",
    "-c",
    "merge.renameLimit=1000",
    "-c",
    "diff.renames=true",
];

impl Repo {
    /// Merges two commits as `git merge` would on a worktree that stands on `ours`, whose attributes
    /// apply; `base` is their only best common ancestor, where they have just one.
    pub fn merge_trees(&self, base: Option<&Oid>, (ours, theirs): (&Oid, &Oid)) -> Result<Merged> {
        self.need_git(Version(2, 38), "the merge queue")?;
        match base.map(|base| self.merge_commits_apart([base, ours, theirs])) {
            Some(Ok(Some(tree))) => Ok(Merged::Clean(tree)),
            Some(Err(fault)) => Err(fault),
            Some(Ok(None)) | None => self.merge_by_git((ours, theirs)),
        }
    }

    /// Merges what `theirs` changes in `base` into `ours`, as `git cherry-pick` would.
    pub fn pick_trees(&self, base: &Oid, (ours, theirs): (&Oid, &Oid)) -> Result<Merged> {
        self.need_git(Version(2, 38), "the merge queue")?;
        match self.merge_commits_apart([base, ours, theirs])? {
            Some(tree) => Ok(Merged::Clean(tree)),
            None => self.merge_on_base(base, (ours, theirs)),
        }
    }

    /// Has git merge with a base of our choice: `--merge-base` is only known to git 2.40 and later, so it
    /// gets commits of which that is the base. Nothing names them, and git prunes them in time.
    fn merge_on_base(&self, base: &Oid, (ours, theirs): (&Oid, &Oid)) -> Result<Merged> {
        let who = Signature::of("merge");
        let stand_in = |commit: &Oid, parents: &[Oid]| {
            self.write_commit(&NewCommit {
                tree: self.commit(commit)?.tree,
                parents,
                author: &who,
                committer: &who,
                time: Time(0),
                message: "",
            })
        };
        let base = stand_in(base, &[])?;
        let sides = (stand_in(ours, &[base])?, stand_in(theirs, &[base])?);
        self.merge_by_git((&sides.0, &sides.1))
    }

    fn merge_commits_apart(&self, commits: [&Oid; 3]) -> Result<Option<Oid>> {
        let [base, ours, theirs] = commits.map(|it| self.commit(it).map(|it| it.tree));
        self.merge_apart(&base?, &ours?, &theirs?)
    }

    /// Whether it merged is decided by the tree that git prints, not by its exit code alone.
    fn merge_by_git(&self, (ours, theirs): (&Oid, &Oid)) -> Result<Merged> {
        let output = self.start(&self.merge_run(&ours.to_string(), &theirs.to_string())?)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said = || super::command::one_line(&String::from_utf8_lossy(&output.stderr));
        let mut fields = text.split('\0');
        let tree = fields
            .next()
            .map(str::trim)
            .and_then(|hex| self.parse_id(hex));
        match (output.status.code(), tree) {
            (Some(0), Some(tree)) => Ok(Merged::Clean(tree)),
            (Some(1), Some(_)) => {
                // Where a file and a folder have one name, git puts the commit's behind that of the file.
                let sides = [ours, theirs].map(|side| format!("~{side}"));
                let bare = |name: &str| {
                    let side = sides
                        .iter()
                        .find_map(|side| name.strip_suffix(side.as_str()));
                    side.unwrap_or(name).to_owned()
                };
                let mut files: Vec<String> = fields
                    .take_while(|name| !name.is_empty())
                    .map(bare)
                    .collect();
                files.sort();
                files.dedup();
                Ok(Merged::Conflict(files))
            }
            // There are merges over which git stops with a failed assertion, today and the next time.
            (None, _) if output.status.signal() == Some(ABORTED) => {
                Ok(Merged::Conflict(vec![format!(
                    "(git gives up: {})",
                    said()
                )]))
            }
            _ => Err(Fault::fatal(format!(
                "cannot merge {theirs} onto {ours}: {}",
                said()
            ))),
        }
    }

    fn merge_run(&self, ours: &str, theirs: &str) -> Result<Run> {
        let mut run = self.git(PINNED.iter().copied());
        if self.git_version()? >= Version(2, 41) {
            run = run.args([format!("--attr-source={ours}")]);
        }
        let merge = [
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
        ];
        Ok(run
            .args(merge)
            .args(["--allow-unrelated-histories", ours, theirs]))
    }

    /// Returns the files to which `base..tip` adds lines that look like the markers of a merge left
    /// unfinished, as `git diff --check` finds them. A row of equals signs alone is none: that is how
    /// headings are underlined.
    pub fn conflict_markers(&self, base: &Oid, tip: &Oid) -> Result<Vec<String>> {
        let range = format!("{base}...{tip}");
        let run = self.git(["diff", "--no-ext-diff", "--no-textconv", "--check", &range]);
        let output = self.start(&run)?;
        let mut files = Vec::new();
        for (file, lines) in suspects(&String::from_utf8_lossy(&output.stdout)) {
            let blob = self.git(["cat-file", "blob", &format!("{tip}:{file}")]);
            let text = self.start(&blob)?.stdout;
            let text: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let first = |line: usize| text.get(line - 1).and_then(|text| text.first());
            let is_heading = |line: &usize| first(*line) == Some(&b'=');
            if !lines.iter().all(is_heading) {
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// Reads `git diff --check`: the files with leftover conflict markers, and their lines, counted from 1.
fn suspects(text: &str) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for place in text
        .lines()
        .filter_map(|line| line.strip_suffix(": leftover conflict marker"))
    {
        if let Some((file, line)) = place.rsplit_once(':')
            && let Ok(line @ 1..) = line.parse()
        {
            found.entry(file.to_owned()).or_default().push(line);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Merged;
    use crate::git::Oid;
    use crate::git::scratch::{Scratch, git};

    /// A change is picked without what stood below it, though both sides changed the same file.
    #[test]
    fn a_pick_takes_one_change_alone() {
        let scratch = Scratch::new();
        let repo = scratch.open(1);
        let commit = |mark: usize, from: &str, lines: &str| {
            let text: String = lines.chars().map(|it| format!("{it}\n")).collect();
            format!(
                "commit refs/heads/b{mark}\nmark :{mark}\ncommitter a <a@b> {mark} +0000\ndata 0\n{from}\
                 M 644 inline f\ndata {}\n{text}\n",
                text.len()
            )
        };
        let stream = [
            commit(1, "", "123456789"),
            commit(2, "from :1\n", "a23456789"),
            commit(3, "from :2\n", "a2345678c"),
            commit(4, "from :1\n", "1234b6789"),
            commit(5, "from :1\n", "123456789d"),
        ];
        git(
            &repo,
            &["fast-import", "--quiet", "--force"],
            &stream.concat(),
        );
        let [below, change, ours, clash] = [2, 3, 4, 5].map(|mark: usize| {
            let name = format!("refs/heads/b{mark}");
            repo.find_ref(&name)
                .expect("it is readable")
                .expect("it is there")
        });
        let pick = |onto: &Oid| {
            repo.pick_trees(&below, (onto, &change))
                .expect("it can be tried")
        };
        let Merged::Clean(tree) = pick(&ours) else {
            panic!("they are far apart");
        };
        let text = git(&repo, &["cat-file", "blob", &format!("{tree}:f")], "");
        assert_eq!(text.replace('\n', ""), "1234b678c");
        assert_eq!(pick(&clash), Merged::Conflict(vec!["f".to_owned()]));
    }
}
