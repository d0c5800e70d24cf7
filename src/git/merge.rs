//! Merges in memory, with git-merge-tree(1): no index and no worktree is touched.

use std::collections::BTreeMap;

use super::{Oid, Repo, Version};
use crate::fault::{Fault, Result};
use crate::world::process::Run;

/// What a merge gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It went cleanly; the tree.
    Clean(Oid),
    /// It did not; the files that conflict, sorted.
    Conflict(Vec<String>),
}

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
    /// apply. Whether it merged is decided by the tree that git prints, not by its exit code alone.
    pub fn merge_trees(&self, ours: &Oid, theirs: &Oid) -> Result<Merged> {
        self.need_git(Version(2, 38), "the merge queue")?;
        let (ours, theirs) = (ours.to_string(), theirs.to_string());
        let output = self.start(&self.merge_run(&ours, &theirs)?)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut fields = text.split('\0');
        let tree = fields
            .next()
            .map(str::trim)
            .and_then(|hex| self.parse_id(hex));
        match (output.status.code(), tree) {
            (Some(0), Some(tree)) => Ok(Merged::Clean(tree)),
            (Some(1), Some(_)) => {
                let mut files: Vec<String> = fields
                    .take_while(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect();
                files.sort();
                files.dedup();
                Ok(Merged::Conflict(files))
            }
            _ => Err(Fault::fatal(format!(
                "cannot merge {theirs} onto {ours}: {}",
                super::command::one_line(&String::from_utf8_lossy(&output.stderr))
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
