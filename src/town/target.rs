//! The target: the branch of the rig that work lands on, here or on its remote.

use super::Home;
use crate::fault::{Fault, Result};
use crate::git::{Cas, Oid};

/// Where work lands.
#[derive(Debug, Clone)]
pub struct Target {
    /// The branch, by its short name.
    pub branch: String,
    /// The name of the remote it is on; nothing: the local branch is the target.
    pub remote: Option<String>,
}

impl Target {
    /// Returns the branch's full name.
    pub fn ref_name(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

impl Home {
    /// Returns where this rig's work lands, on `branch` or on the branch the rig names.
    pub fn target(&self, branch: Option<&str>) -> Result<Target> {
        let named = match branch {
            Some(branch) => Some(branch.to_owned()),
            None => self.config("target")?,
        };
        let branch = named.ok_or_else(|| {
            Fault::refused("this rig does not know which branch its work lands on")
                .hint("git gt config set target <branch>")
        })?;
        let target = Target {
            branch,
            remote: self.default_remote(),
        };
        if !self.repo().is_ref_name(&target.ref_name()) {
            return Err(
                Fault::invalid(format!("'{}' cannot be a branch", target.branch))
                    .hint("git branch --all lists them"),
            );
        }
        Ok(target)
    }

    /// Refuses a pattern with `*` and `?` that no branch can fit.
    pub fn check_branches(&self, pattern: &str) -> Result<()> {
        let like = format!("refs/heads/{}", pattern.replace(['*', '?'], "x"));
        if !pattern.is_empty() && self.repo().is_ref_name(&like) {
            return Ok(());
        }
        Err(Fault::invalid(format!("no branch can fit '{pattern}'"))
            .hint("a branch, or a pattern with * and ?: main, 'release/*'"))
    }

    /// Returns the refs that say where the target stands, as far as is known here, the best one first:
    /// the local branch, or what we and what git itself noted of the remote's.
    pub fn tip_refs(&self, target: &Target) -> Vec<String> {
        match &target.remote {
            None => vec![target.ref_name()],
            Some(remote) => vec![
                self.tracking_ref(target, remote),
                format!("refs/remotes/{remote}/{}", target.branch),
            ],
        }
    }

    /// Returns the target's commit as it is known here, without asking the remote.
    pub fn known_tip(&self, target: &Target) -> Result<Option<Oid>> {
        let mut tip = None;
        for name in self.tip_refs(target) {
            tip = match (tip, self.repo().find_ref(&name)?) {
                (Some(known), Some(other)) if self.repo().is_ancestor(&known, &other)? => {
                    Some(other)
                }
                (known, other) => known.or(other),
            };
        }
        Ok(tip)
    }

    /// Returns the commit that work for the target starts from, as it is known here; refuses a target that
    /// does not exist.
    pub fn base(&self, target: &Target) -> Result<Oid> {
        self.known_tip(target)?.ok_or_else(|| {
            let fault = Fault::not_found(format!(
                "the target branch '{}' does not exist yet",
                target.branch
            ));
            match self.is_own(target) {
                true => fault
                    .hint("make a first commit, or fetch the remote's: git fetch")
                    .hint("or choose another: git gt config set target <branch>"),
                false => fault.hint("make it, or fetch the remote's: git fetch"),
            }
        })
    }

    /// Returns whether a target is the one that the rig names.
    fn is_own(&self, target: &Target) -> bool {
        let own = self.config("target");
        own.is_ok_and(|own| own.is_some_and(|own| own == target.branch))
    }

    /// Asks the remote, where there is one, and returns the target's commit.
    pub fn fresh_tip(&self, target: &Target) -> Result<Oid> {
        let missing = || {
            let place = target.remote.as_ref().map(|name| format!(" on '{name}'"));
            let place = place.unwrap_or_default();
            let fault = Fault::not_found(format!(
                "the target branch '{}' does not exist{place}",
                target.branch
            ));
            fault.hint(match self.is_own(target) {
                true => {
                    "make it with a first commit, or choose another: \
                     git gt config set target <branch>"
                }
                false => {
                    "make it again, or take back what is to land there \
                     (git gt mq list, git gt mq cancel)"
                }
            })
        };
        let Some(remote) = &target.remote else {
            return self
                .repo()
                .find_ref(&target.ref_name())?
                .ok_or_else(missing);
        };
        let tracking = self.tracking_ref(target, remote);
        let remote = self.repo().remote(remote)?;
        let found = self
            .repo()
            .fetch_one(&remote, &target.ref_name(), &tracking)?;
        found.ok_or_else(missing)
    }

    /// Notes where the remote's target stands after we moved it.
    pub fn note_tip(&self, target: &Target, commit: Oid) -> Result<()> {
        let Some(remote) = &target.remote else {
            return Ok(());
        };
        let name = self.tracking_ref(target, remote);
        let guard = self.repo().guard()?;
        let old = self.repo().find_ref(&name)?;
        match self.repo().swap_ref(&guard, &name, old, commit)? {
            Cas::Swapped => Ok(()),
            Cas::Moved(_) => Err(Fault::stale(format!("'{name}' was moved by somebody else"))),
        }
    }

    /// Returns the ref here that notes where a remote's target stands.
    pub fn tracking_ref(&self, target: &Target, remote: &str) -> String {
        let name = format!("{remote} {}", target.branch);
        format!("refs/gt-local/targets/{}", self.repo().name_hash(&name))
    }
}
