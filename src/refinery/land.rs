//! Landing: the target moves forward, by compare-and-swap, to a commit that was proven green.

use super::pull::{self, Pull};
use super::verdict::Green;
use crate::fault::{Fault, Result};
use crate::git::{Answer, Oid, PushedRef, Remote};
use crate::town::{Home, Target};

/// What became of a landing.
#[derive(Debug)]
pub(super) enum Landing {
    /// The target stands on the commit; remarks about the local branch.
    Landed(Oid, Vec<String>),
    /// Somebody else moved the target first; nothing landed.
    Moved,
    /// The target takes nothing but pull requests; one is open, and nothing landed yet.
    Waits(Pull),
}

/// Moves the target to a green commit, which is signed first where that is wanted.
///
/// With a remote the push with a lease is the landing and the local branch follows where it can; without
/// one the local branch moves, as `git merge --ff-only` would move it where it is checked out. After a
/// crash the target stands on its old commit or on the green one.
pub(super) fn land(home: &Home, target: &Target, green: &Green, signs: bool) -> Result<Landing> {
    if pull::is_wanted(home, target)? {
        return pull::open(home, target, green, signs);
    }
    let signed = signs.then(|| green.signed(home.repo())).transpose()?;
    let green = signed.as_ref().unwrap_or(green);
    match &target.remote {
        None => land_here(home, target, green),
        Some(remote) => {
            let update = PushedRef {
                name: target.ref_name(),
                old: Some(green.tip()),
                new: Some(green.commit()),
            };
            let remote = home.repo().remote(remote)?;
            let answers = home.repo().offer(&remote, &[update])?;
            match answers.first() {
                Some(Answer::Taken | Answer::Known) => {}
                Some(Answer::Refused(why) | Answer::Lost(why)) => {
                    return refused_or_moved(home, (target, &remote), green, why);
                }
                None => return Err(Fault::fatal("the push of one ref was not answered")),
            }
            home.note_tip(target, green.commit())?;
            let note = follow(home, target, green.commit())?;
            Ok(Landing::Landed(green.commit(), note.into_iter().collect()))
        }
    }
}

/// A push that was not taken, `why` in git's words, lost a race, unless the remote's branch is where it was.
fn refused_or_moved(
    home: &Home,
    (target, remote): (&Target, &Remote),
    green: &Green,
    why: &str,
) -> Result<Landing> {
    if home.fresh_tip(target)? != green.tip() {
        return Ok(Landing::Moved);
    }
    let fault = Fault::refused(format!(
        "the remote does not let us push '{}': {why}",
        target.branch
    ));
    // In the words of git-receive-pack(1), receive.denyCurrentBranch.
    let fault = match why.contains("branch is currently checked out") {
        true => {
            let place = remote.push_folder();
            let place = place.map(|it| format!(" -C '{it}'")).unwrap_or_default();
            fault.hint(format!(
                "let pushes move it there, with its files: \
                 git{place} config receive.denyCurrentBranch updateInstead"
            ))
        }
        false => fault.hint("is the branch protected, or a hook of the remote against it?"),
    };
    Err(fault.hint("it has not landed; the green result is kept"))
}

fn land_here(home: &Home, target: &Target, green: &Green) -> Result<Landing> {
    let repo = home.repo();
    let name = target.ref_name();
    if repo.find_ref(&name)? != Some(green.tip()) {
        return Ok(Landing::Moved);
    }
    let worktrees = repo.worktrees()?;
    let checked_out = worktrees
        .iter()
        .find(|it| it.branch.as_deref() == Some(&name));
    match checked_out {
        Some(worktree) => {
            let moved = repo.fast_forward(&worktree.path, &green.commit());
            if moved.is_err() && repo.find_ref(&name)? != Some(green.tip()) {
                return Ok(Landing::Moved);
            }
            moved?;
        }
        None => {
            let (old, new) = (Some(green.tip()), green.commit());
            if !repo.update_branch(&name, old, new, "git gt: land")? {
                return Ok(Landing::Moved);
            }
        }
    }
    if repo.find_ref(&name)? == Some(green.commit()) {
        return Ok(Landing::Landed(green.commit(), Vec::new()));
    }
    Ok(Landing::Moved)
}

/// Brings the local branch after the remote's, where nothing of its own is on it and no file is in the
/// way; returns a remark otherwise.
pub(super) fn follow(home: &Home, target: &Target, commit: Oid) -> Result<Option<String>> {
    let repo = home.repo();
    let name = target.ref_name();
    let Some(here) = repo.find_ref(&name)? else {
        return Ok(None);
    };
    if !repo.is_ancestor(&here, &commit)? {
        return Ok(Some(format!(
            "the local branch '{}' has commits of its own and stays",
            target.branch
        )));
    }
    let worktrees = repo.worktrees()?;
    let Some(worktree) = worktrees
        .iter()
        .find(|it| it.branch.as_deref() == Some(&name))
    else {
        repo.update_branch(&name, Some(here), commit, "git gt: follow the remote")?;
        return Ok(None);
    };
    Ok(repo
        .fast_forward(&worktree.path, &commit)
        .err()
        .map(|fault| fault.to_string()))
}
