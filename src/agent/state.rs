//! How an agent's hook stands: what holds it to its bead, and what its worktree holds.

use std::path::PathBuf;

use super::hook::Hook;
use super::{Standing, session};
use crate::fault::Result;
use crate::git::Worktree;
use crate::ledger::{CloneId, Time};
use crate::record::{Bead, Request};
use crate::town::{Home, View};

/// What holds an agent to the bead on its hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Its claim.
    Holds,
    /// A request that waits in the queue; its id.
    Queued(String),
    /// Nothing any more.
    Over,
}

/// What a hook's worktree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// Nothing but what is committed on the hook's branch.
    Clean,
    /// Changes that are not committed; how many.
    Dirty(usize),
    /// It stands on another branch, or on none.
    Astray(String),
    /// It is somewhere else now.
    Moved(PathBuf),
    /// It is not there any more.
    Gone,
}

/// An agent with all that is known about it.
#[derive(Debug)]
pub struct Condition {
    /// Its hook, its last session, whether that runs.
    pub standing: Standing,
    /// What holds it.
    pub duty: Duty,
    /// What its worktree holds.
    pub ground: Ground,
    /// How many commits its branch has that the target has not.
    pub ahead: u64,
    /// Whether somebody may work in its worktree: its session, or what that started.
    pub occupied: bool,
}

/// What the conditions of all agents are told from, read once.
#[derive(Debug)]
pub struct Look<'h> {
    home: &'h Home,
    view: View<'h>,
    worktrees: Vec<Worktree>,
    clone: Option<CloneId>,
}

impl<'h> Look<'h> {
    /// Reads what is needed.
    pub fn at(home: &'h Home) -> Result<Self> {
        let view = home.view();
        Ok(Self {
            worktrees: home.repo().worktrees()?,
            clone: CloneId::known(home.repo()),
            home,
            view,
        })
    }

    /// Returns an agent's condition.
    pub fn condition(&self, standing: Standing) -> Result<Condition> {
        let hook = &standing.hook;
        let tip = self
            .home
            .repo()
            .find_ref(&format!("refs/heads/{}", hook.branch));
        let target = self
            .home
            .target(None)
            .and_then(|it| self.home.known_tip(&it));
        let ahead = match (tip, target) {
            (Ok(Some(tip)), Ok(Some(target))) => self.home.repo().count_ahead(&target, &tip)?,
            _ => 0,
        };
        Ok(Condition {
            duty: self.duty(hook)?,
            ground: self.ground(hook)?,
            occupied: session::is_occupied(self.home, hook),
            ahead,
            standing,
        })
    }

    /// Returns what holds an agent to its bead.
    pub(super) fn duty(&self, hook: &Hook) -> Result<Duty> {
        let of_hook = |it: &Request| {
            it.branch() == hook.branch || it.bead() == hook.bead && it.worker() == hook.agent
        };
        let mut requests = self.view.requests_of(&hook.branch)?;
        requests.extend(self.view.requests_of(&hook.bead)?);
        requests.retain(|it| it.is_live() && of_hook(it));
        if let Some(request) = requests.iter().min_by_key(|it| it.id()) {
            return Ok(Duty::Queued(request.id().to_owned()));
        }
        let bead = self.view.readable_bead(&hook.bead)?;
        let claim = bead.filter(|bead| !bead.is_closed());
        let claim = claim.as_ref().and_then(Bead::claim);
        let holds = claim.is_some_and(|it| hook.is_under(&it, self.clone.as_ref()));
        Ok(if holds { Duty::Holds } else { Duty::Over })
    }

    /// Returns whether a branch was ever queued.
    pub(super) fn was_queued(&self, branch: &str) -> Result<bool> {
        let requests = self.view.requests_of(branch)?;
        Ok(requests.iter().any(|it| it.branch() == branch))
    }

    /// Returns what a hook's worktree holds.
    pub(super) fn ground(&self, hook: &Hook) -> Result<Ground> {
        let path = hook.path.canonicalize();
        let path = path.unwrap_or_else(|_| hook.path.clone());
        let expects = |it: &Worktree| {
            let mut own = [&hook.branch, &hook.leaves].into_iter();
            own.any(|own| !own.is_empty() && it.short_branch() == Some(own))
        };
        let Some(here) = self.worktrees.iter().find(|it| it.path == path) else {
            let mut others = self.worktrees.iter();
            let moved = others.find(|it| expects(it) && self.is_moved(hook, it));
            return Ok(match moved {
                Some(other) => Ground::Moved(other.path.clone()),
                None => Ground::Gone,
            });
        };
        if hook.is_polecat() && !expects(here) {
            let there = here.short_branch().unwrap_or("no branch");
            return Ok(Ground::Astray(there.to_owned()));
        }
        Ok(match self.home.repo().changes_in(&path)?.len() {
            0 => Ground::Clean,
            count => Ground::Dirty(count),
        })
    }

    /// Returns whether a worktree that stands on a polecat's branch is the polecat's own, moved, and not
    /// one in which somebody looks at the branch: git goes on to call it as it was called when it was made,
    /// after the folder, with a number where that was taken.
    fn is_moved(&self, hook: &Hook, worktree: &Worktree) -> bool {
        let dir = self.home.repo().private_dir(&worktree.path);
        let called = dir.as_deref().and_then(|it| it.file_name()?.to_str());
        let number = called.and_then(|it| it.strip_prefix(hook.name()));
        hook.is_polecat() && number.is_some_and(|it| it.bytes().all(|c| c.is_ascii_digit()))
    }
}

impl Condition {
    /// Returns whether nothing is on its hook and nobody works in its worktree.
    pub fn is_idle(&self) -> bool {
        self.duty == Duty::Over && !self.occupied
    }

    /// Returns what a person should know and do, empty where all is as it should be.
    pub fn remark(&self) -> String {
        let hook = &self.standing.hook;
        let (bead, branch) = (&hook.bead, &hook.branch);
        let commits = match self.ahead {
            1 => "1 commit".to_owned(),
            count => format!("{count} commits"),
        };
        let ground = match &self.ground {
            Ground::Gone => format!("its worktree is gone; its commits are on branch {branch}"),
            Ground::Moved(path) => format!("its worktree was moved to '{}'", path.display()),
            Ground::Astray(there) => {
                format!("its worktree stands on {there}, not on its branch {branch}")
            }
            Ground::Dirty(1) => "1 change is not committed".to_owned(),
            Ground::Dirty(count) => format!("{count} changes are not committed"),
            Ground::Clean => String::new(),
        };
        let duty = match &self.duty {
            _ if self.standing.alive => return String::new(),
            Duty::Queued(request) => format!("{bead} waits in the queue as {request}"),
            // By hand nobody sees the end of a session.
            Duty::Holds if self.standing.session.is_none() => String::new(),
            Duty::Holds if self.ahead > 0 => format!(
                "it ended without git gt done: {commits} on {branch} not handed in; \
                 git gt sling {bead} goes on"
            ),
            Duty::Holds => format!(
                "it ended and committed nothing; git gt sling {bead} goes on, git gt release {bead} gives up"
            ),
            Duty::Over => String::new(),
        };
        let left = match self.occupied {
            true => "something it started still runs there".to_owned(),
            false => String::new(),
        };
        let all = [duty, left, ground].into_iter().filter(|it| !it.is_empty());
        all.collect::<Vec<_>>().join("; ")
    }
}

/// Returns all agents with their conditions, sorted by name.
pub fn conditions(home: &Home) -> Result<Vec<Condition>> {
    let look = Look::at(home)?;
    let all = super::agents(home)?.into_iter();
    all.map(|standing| look.condition(standing)).collect()
}

/// Returns the polecat that has had nothing to do for longest and whose worktree is clean.
pub(super) fn longest_idle(home: &Home) -> Result<Option<Hook>> {
    let look = Look::at(home)?;
    let mut all = super::agents(home)?;
    all.retain(|it| it.hook.is_polecat() && !it.alive);
    // Texts of times differ in length and so do not sort as times do.
    all.sort_by_cached_key(|it| (Time::parse(&it.hook.since), it.hook.agent.clone()));
    for standing in all {
        let hook = standing.hook;
        let is_free = look.duty(&hook)? == Duty::Over && !session::is_occupied(home, &hook);
        if is_free && look.ground(&hook)? == Ground::Clean {
            return Ok(Some(hook));
        }
    }
    Ok(None)
}
