//! What nobody looks after: branches without a hook, commits without a branch, claims without a worktree.

use std::collections::BTreeSet;

use super::hook::{self, Hook};
use super::polecat::stray_branches;
use crate::bead::Beads;
use crate::fault::Result;
use crate::git::{Oid, Saved};
use crate::ledger::{CloneId, Time};
use crate::town::Home;

/// A commit that no ref reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its id.
    pub commit: Oid,
    /// Its subject.
    pub subject: String,
    /// Its author.
    pub author: String,
    /// When it was committed, in seconds since 1970.
    pub seconds: u64,
}

/// A branch of a polecat's work that is not on the target, and whose polecat has other work or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The branch.
    pub branch: String,
    /// Its commit.
    pub tip: Oid,
    /// How many commits it has that the target has not.
    pub ahead: u64,
    /// When the last of them was made, in seconds since 1970.
    pub seconds: u64,
}

/// A bead that an agent of this clone holds without a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhung {
    /// The bead.
    pub bead: String,
    /// Its title.
    pub title: String,
    /// Who holds it.
    pub by: String,
    /// Since when.
    pub since: Time,
}

/// Everything that nobody looks after.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Branches.
    pub branches: Vec<Stray>,
    /// Commits that no ref reaches, the last of each line.
    pub commits: Vec<Lost>,
    /// What the attic holds that is not on the target.
    pub attic: Vec<Saved>,
    /// Claims.
    pub claims: Vec<Unhung>,
}

/// Returns what nobody looks after and was made at `since` or later, newest first; claims of any age.
pub fn orphans(home: &Home, since: Time) -> Result<Orphans> {
    let target = hook::target_tip(home);
    let repo = home.repo();
    let lands = |tip: &Oid| match &target {
        Some(target) => repo.is_ancestor(tip, target),
        None => Ok(false),
    };
    let mut found = Orphans::default();
    let old = |seconds: u64| seconds < since.seconds();
    for (branch, tip) in stray_branches(home)? {
        let seconds = repo.commit(&tip)?.seconds;
        if old(seconds) || lands(&tip)? {
            continue;
        }
        let ahead = match &target {
            Some(target) => repo.count_ahead(target, &tip)?,
            None => 0,
        };
        found.branches.push(Stray {
            branch,
            tip,
            ahead,
            seconds,
        });
    }
    let mut seen = BTreeSet::new();
    for saved in repo.attic()? {
        if !old(saved.seconds)
            && repo.has(&saved.tip)
            && !lands(&saved.tip)?
            && seen.insert(saved.tip)
        {
            found.attic.push(saved);
        }
    }
    for commit in repo.unreachable()? {
        let read = repo.commit(&commit)?;
        if !old(read.seconds) && !is_ours(&read.committer) {
            found.commits.push(Lost {
                commit,
                subject: read.subject().to_owned(),
                author: read.author.clone(),
                seconds: read.seconds,
            });
        }
    }
    found
        .branches
        .sort_by_key(|it| std::cmp::Reverse(it.seconds));
    found
        .commits
        .sort_by_key(|it| std::cmp::Reverse(it.seconds));
    found.claims = claims(home)?;
    Ok(found)
}

/// Returns whether a commit is a version of a ledger or of a note, not somebody's work: a clone or the
/// Refinery wrote it.
fn is_ours(committer: &str) -> bool {
    let Some(name) = committer
        .split_once('<')
        .and_then(|(_, rest)| rest.strip_suffix('>')?.strip_suffix("@gt.invalid"))
    else {
        return false;
    };
    let is_clone = name.len() == 8 && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_clone || name == "git-gt" || name.ends_with(".refinery")
}

fn claims(home: &Home) -> Result<Vec<Unhung>> {
    let Some(clone) = CloneId::known(home.repo()) else {
        return Ok(Vec::new());
    };
    let hooks = Hook::all(home)?;
    let rig = home.rig().name();
    let ours = [format!("{rig}/polecats/"), format!("{rig}/crew/")];
    let mut found = Vec::new();
    let view = home.view();
    let beads = Beads::of(&view);
    let mut held = Vec::new();
    for row in beads.rows(false)? {
        let row = row?;
        let is_agent = |by: &str| ours.iter().any(|it| by.starts_with(it));
        if row.holder().is_some_and(is_agent) {
            held.push(row);
        }
    }
    held.sort_by(|a, b| a.id().cmp(b.id()));
    for bead in beads.whole(&held)? {
        let Some(claim) = bead.claim() else {
            continue;
        };
        let hangs = hooks
            .iter()
            .any(|it| it.agent == claim.by && it.bead == bead.id());
        if !hangs && claim.stamp.clone_part() == clone.as_str() {
            found.push(Unhung {
                bead: bead.id().to_owned(),
                title: bead.title().to_owned(),
                by: claim.by,
                since: claim.stamp.time(),
            });
        }
    }
    Ok(found)
}
