//! Integration branches of epics: made, looked at, landed as a whole.

use serde_json::json;

use crate::bead::{Beads, Graph as _, Integration, epics, gone, integration_name};
use crate::fault::{Fault, Result};
use crate::git::{Answer, Oid, PushedRef};
use crate::ledger::{Cell, CloneId, Decision, Name};
use crate::mq::{self, Submit, Submitted, Wishes};
use crate::record::{Bead, Request, RequestStatus};
use crate::town::{Home, Target};

/// What somebody wants of a new integration branch.
#[derive(Debug, Default)]
pub struct Wish {
    /// What it is called; by the setting `integration.template` otherwise.
    pub branch: Option<String>,
    /// What it starts from and lands on; where the epic's own work would land otherwise.
    pub base: Option<String>,
    /// Take a branch that has commits of its own, and give the epic another one than it has.
    pub force: bool,
}

/// An integration branch that was made.
#[derive(Debug)]
pub struct Created {
    /// The branch.
    pub integration: Integration,
    /// Its commit.
    pub tip: Oid,
    /// Whether there was a branch of that name.
    pub existed: bool,
}

/// How an integration branch stands.
#[derive(Debug)]
pub struct Standing {
    /// The branch.
    pub integration: Integration,
    /// The epic.
    pub epic: Bead,
    /// Its commit, nothing where the branch is gone.
    pub tip: Option<Oid>,
    /// The commit of the branch it lands on.
    pub base: Oid,
    /// How many commits it has that the other one has not.
    pub ahead: u64,
    /// And the other way round.
    pub behind: u64,
    /// The beads below the epic that are not closed.
    pub open: Vec<Bead>,
    /// How many beads are below it.
    pub total: usize,
    /// What waits to land on the branch.
    pub waiting: Vec<Request>,
    /// The newest request by which the branch itself is to land.
    pub landing: Option<Request>,
}

impl Standing {
    /// Returns whether the branch is on its base, as it stands or as it stood before it was removed.
    pub fn has_landed(&self) -> bool {
        let landed = self.landing.as_ref();
        self.ahead == 0 && landed.is_some_and(|it| it.status() == RequestStatus::Landed)
    }

    /// Returns what keeps it from being landed, empty where nothing does.
    pub fn obstacles(&self) -> Vec<String> {
        let bead = |it: &Bead| format!("{} is {}", it.id(), it.status());
        let waits = |it: &Request| {
            let Integration { branch, .. } = &self.integration;
            format!("{} waits to land on {branch}", it.id())
        };
        let beads = self.open.iter().map(bead);
        beads.chain(self.waiting.iter().map(waits)).collect()
    }
}

/// What asking for a landing came to.
#[derive(Debug)]
pub enum Landing {
    /// It waits in the queue.
    Queued(Box<Submitted>),
    /// It would be queued.
    Planned,
    /// It has landed before; whether its branch was removed just now.
    Landed(bool),
}

fn epic(home: &Home, id: &str) -> Result<Bead> {
    let found = home.view().bead(id)?.filter(|it| !it.is_deleted());
    let epic = found.ok_or_else(|| Fault::not_found(format!("there is no bead '{id}'")))?;
    match epic.issue_type() {
        "epic" => Ok(epic),
        other => Err(Fault::refused(format!(
            "{id} is of type {other}; only epics have integration branches"
        ))
        .hint(format!("git gt update {id} --type epic makes it one"))),
    }
}

/// Returns where a branch stands, asked of whoever holds it; nothing where it is not there.
fn fresh(home: &Home, target: &Target) -> Result<Option<Oid>> {
    match home.fresh_tip(target) {
        Ok(tip) => Ok(Some(tip)),
        Err(Fault::NotFound(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Makes an epic's integration branch, where work lands, and notes it on the epic.
///
/// The branch is made by compare-and-swap, then noted: after a crash between the two it holds nothing of its own,
/// and making it again takes it.
pub fn create(home: &Home, actor: &str, id: &str, wish: &Wish) -> Result<Created> {
    let epic = epic(home, id)?;
    if epic.is_closed() {
        return Err(Fault::refused(format!("epic {id} is closed"))
            .hint(format!("to work on it again: git gt reopen {id}")));
    }
    if let Some(known) = Integration::of(&epic).filter(|_| !wish.force)
        && fresh(home, &home.target(Some(&known.branch))?)?.is_some()
    {
        let branch = &known.branch;
        return Err(
            Fault::refused(format!("{id} has the integration branch '{branch}'"))
                .hint(format!("see git gt mq integration status {id}"))
                .hint("--force gives it another one; that one stays as it is"),
        );
    }
    let base = crate::bead::target_of(home, Some(id), wish.base.as_deref())?;
    let start = home.fresh_tip(&base)?;
    let integration = Integration {
        epic: id.to_owned(),
        branch: name(home, &epic, wish)?,
        base: base.branch,
    };
    refuse_targets(home, &integration)?;
    let target = home.target(Some(&integration.branch))?;
    let there = fresh(home, &target)?;
    let tip = match there {
        Some(tip) if wish.force || home.repo().is_ancestor(&tip, &start)? => tip,
        Some(tip) => return Err(refuse_own(home, &integration, (&start, &tip))),
        None => {
            make(home, &target, start)?;
            start
        }
    };
    home.write(Name::Beads, actor, |view, pen| {
        let missing = || Fault::not_found(format!("{id} was deleted meanwhile"));
        let mut epic = view.bead(id)?.ok_or_else(missing)?;
        if Integration::of(&epic).as_ref() == Some(&integration) {
            return Ok(Decision::nothing(()));
        }
        let stamp = pen.stamp(epic.record());
        integration.note(&mut epic, &stamp);
        let subject = format!("work below {id} lands on {}", integration.branch);
        Ok(Decision::write(subject, vec![epic.into_record()], ()))
    })?;
    let made = json!({ "branch": integration.branch });
    Cell::set(home.repo(), MADE_HERE, id, &made)?;
    Ok(Created {
        integration,
        tip,
        existed: there.is_some(),
    })
}

/// Returns what the branch is to be called.
fn name(home: &Home, epic: &Bead, wish: &Wish) -> Result<String> {
    if let Some(branch) = &wish.branch {
        return Ok(branch.clone());
    }
    let template = home.config("integration.template")?.unwrap_or_default();
    let user = home.repo().setting("user.name").unwrap_or_default();
    let words = (home.rig().prefix(), user.as_str());
    Ok(integration_name(&template, epic, words))
}

/// Refuses a branch that other work lands on.
fn refuse_targets(home: &Home, integration: &Integration) -> Result<()> {
    let Integration { branch, base, .. } = integration;
    if branch == base || home.target(None).is_ok_and(|it| it.branch == *branch) {
        return Err(
            Fault::refused(format!("'{branch}' is the branch that work lands on"))
                .hint("choose another name: --branch <branch>"),
        );
    }
    Ok(())
}

fn refuse_own(home: &Home, integration: &Integration, (base, tip): (&Oid, &Oid)) -> Fault {
    let Integration {
        branch, base: onto, ..
    } = integration;
    let ahead = home.repo().count_ahead(base, tip).unwrap_or_default();
    Fault::refused(format!(
        "there is a branch '{branch}', with {ahead} commits that '{onto}' has not"
    ))
    .hint("--force takes it as it is; --branch <branch> makes another")
}

/// Makes a branch where work lands, here or on the remote.
fn make(home: &Home, target: &Target, start: Oid) -> Result<()> {
    let name = target.ref_name();
    let moved = || Fault::stale(format!("somebody else made '{}' just now", target.branch));
    let Some(remote) = &target.remote else {
        let why = "git gt: integration branch";
        let made = home.repo().update_branch(&name, None, start, why)?;
        return if made { Ok(()) } else { Err(moved()) };
    };
    let remote = home.repo().remote(remote)?;
    let update = PushedRef {
        name,
        old: None,
        new: Some(start),
    };
    match home.repo().offer(&remote, &[update])?.first() {
        Some(Answer::Taken | Answer::Known) => home.note_tip(target, start),
        Some(Answer::Lost(_)) => Err(moved()),
        Some(Answer::Refused(why)) => Err(Fault::refused(format!(
            "the remote does not let us push '{}': {why}",
            target.branch
        ))),
        None => Err(Fault::fatal("the push of one ref was not answered")),
    }
}

/// Returns how an epic's integration branch stands.
pub fn standing(home: &Home, id: &str) -> Result<Standing> {
    let epic = epic(home, id)?;
    let integration = Integration::of(&epic).ok_or_else(|| {
        Fault::not_found(format!("{id} has no integration branch"))
            .hint(format!("make one: git gt mq integration create {id}"))
    })?;
    let tip = fresh(home, &home.target(Some(&integration.branch))?)?;
    let base = home.fresh_tip(&home.target(Some(&integration.base))?)?;
    let counted = |from: &Oid, to: &Oid| home.repo().count_ahead(from, to);
    let (ahead, behind) = match &tip {
        Some(tip) => (counted(&base, tip)?, counted(tip, &base)?),
        None => (0, 0),
    };
    let view = home.view();
    let (total, open) = below(home, id)?;
    let lands_there = |it: &Request| it.target() == integration.branch;
    let mut own = view.requests_of(&integration.branch)?;
    own.retain(|it| it.branch() == integration.branch && it.target() == integration.base);
    own.sort_by_key(|it| (it.is_live(), it.record().created()));
    let waiting = view.live_requests()?.into_iter().filter(lands_there);
    Ok(Standing {
        waiting: waiting.collect(),
        landing: own.pop(),
        integration,
        epic,
        tip,
        base,
        ahead,
        behind,
        open,
        total,
    })
}

/// Returns how many beads are below an epic, and those that are not closed.
fn below(home: &Home, id: &str) -> Result<(usize, Vec<Bead>)> {
    let view = home.view();
    let graph = Beads::of(&view);
    let (mut seen, mut open) = (vec![id.to_owned()], Vec::new());
    let mut at = 0;
    while let Some(parent) = seen.get(at).cloned() {
        for child in graph.children(&parent)? {
            if seen.iter().any(|it| it == child.id()) {
                continue;
            }
            seen.push(child.id().to_owned());
            if !child.is_closed() {
                open.extend(view.bead(child.id())?);
            }
        }
        at += 1;
    }
    Ok((seen.len() - 1, open))
}

/// Queues an epic's integration branch, to land on its base as one merge request, with all gates; the epic
/// closes when that lands. One that has landed is removed.
///
/// Refuses while beads below the epic are open or work waits to land on the branch, unless `force`: then the epic
/// stays open. Refuses a branch that is gone or has nothing to land. Crashes as for [`mq::submit`].
pub fn land(
    home: &Home,
    actor: &str,
    id: &str,
    (force, dry_run): (bool, bool),
) -> Result<(Standing, Landing)> {
    let standing = standing(home, id)?;
    if standing.has_landed() {
        let removed = !dry_run && standing.epic.is_closed() && remove(home, &standing)?;
        return Ok((standing, Landing::Landed(removed)));
    }
    let integration = &standing.integration;
    let Some(tip) = standing.tip else {
        return Err(gone(integration));
    };
    let Integration { branch, base, .. } = integration;
    if standing.ahead == 0 {
        return Err(Fault::refused(format!(
            "'{branch}' has no commits that '{base}' has not: there is nothing to land"
        ))
        .hint(format!("git gt children {id} shows what is left to do")));
    }
    let obstacles = standing.obstacles();
    if !obstacles.is_empty() && !force {
        let fault = Fault::refused(format!("{id} is not finished: {}", obstacles.join(", ")));
        return Err(fault.hint("--force lands what is there; the epic stays open then"));
    }
    if dry_run {
        return Ok((standing, Landing::Planned));
    }
    let what = Submit {
        bead: (obstacles.is_empty() && !standing.epic.is_closed()).then(|| id.to_owned()),
        epoch: None,
        branch: branch.clone(),
        head: tip,
        target: base.clone(),
        tip: standing.base,
        worker: actor.to_owned(),
        wishes: Wishes::default(),
    };
    let submitted = mq::submit(home, actor, &what)?;
    Ok((standing, Landing::Queued(Box::new(submitted))))
}

/// Removes an integration branch that is on its base, here and on the remote, and nothing that came onto it
/// since; returns whether there was one.
///
/// After a crash in between it is gone in one place; doing it again removes it in the other.
fn remove(home: &Home, standing: &Standing) -> Result<bool> {
    let Integration { branch, .. } = &standing.integration;
    refuse_targets(home, &standing.integration)?;
    let target = home.target(Some(branch))?;
    let mut removed = false;
    if let (Some(remote), Some(tip)) = (&target.remote, standing.tip) {
        let remote = home.repo().remote(remote)?;
        home.repo()
            .drop_from_remote(&remote, vec![(target.ref_name(), tip)])?;
        removed = true;
    }
    let here = home.repo().find_ref(&target.ref_name())?;
    if let Some(here) = here
        && home.repo().is_ancestor(&here, &standing.base)?
    {
        let clone = CloneId::of(home.repo())?;
        let why = format!("integration branch {branch}");
        removed |= home
            .repo()
            .retire_branch(clone.as_str(), branch, Some(&standing.base), &why)?;
    }
    Ok(removed)
}

/// The folder of `refs/gt-local` that says which integration branches were made here.
const MADE_HERE: &str = "integrations";

/// Queues the integration branches of epics whose beads are all closed, where `integration.autoLand` says so,
/// and removes those made here whose epics have landed; returns the requests.
///
/// What cannot be done is told and keeps nothing else waiting; the next run does it.
pub(super) fn carry_on(
    home: &Home,
    actor: &str,
    fault: &mut dyn FnMut(Fault),
) -> Result<Vec<String>> {
    for cell in Cell::list(home.repo(), MADE_HERE)? {
        let is_open = |it: &Bead| !it.is_closed();
        if home
            .view()
            .readable_bead(&cell.name)?
            .is_some_and(|it| is_open(&it))
        {
            continue;
        }
        match put_away(home, &cell.name) {
            Ok(()) => {}
            Err(Fault::NotFound(_)) => Cell::remove(home.repo(), MADE_HERE, &cell.name)?,
            Err(it) => fault(it),
        }
    }
    let mut queued = Vec::new();
    if !home.lands_finished_epics()? {
        return Ok(queued);
    }
    for epic in finished(home)? {
        match land_once(home, actor, &epic) {
            Ok(request) => queued.extend(request),
            Err(it) => fault(it),
        }
    }
    Ok(queued)
}

/// Removes the branch of an epic that has landed.
fn put_away(home: &Home, id: &str) -> Result<()> {
    let standing = standing(home, id)?;
    if standing.has_landed() {
        remove(home, &standing)?;
        Cell::remove(home.repo(), MADE_HERE, id)?;
    }
    Ok(())
}

/// Returns the open epics with integration branches whose beads are all closed.
fn finished(home: &Home) -> Result<Vec<String>> {
    let view = home.view();
    let mut found = Vec::new();
    for epic in epics(&Beads::of(&view))?.iter().filter(|it| it.is_over()) {
        let bead = view.readable_bead(epic.bead.id())?;
        let bead = bead.filter(|it| Integration::of(it).is_some());
        found.extend(bead.map(|it| it.id().to_owned()));
    }
    Ok(found)
}

/// Queues an integration branch unless it was queued as it stands; returns the request.
fn land_once(home: &Home, actor: &str, id: &str) -> Result<Option<String>> {
    let standing = standing(home, id)?;
    let head = standing.tip.map(|it| it.to_string());
    let was_queued = |it: &Request| Some(it.head()) == head.as_deref();
    let is_known = standing.landing.as_ref().is_some_and(was_queued);
    if is_known || standing.ahead == 0 || !standing.obstacles().is_empty() {
        return Ok(None);
    }
    match land(home, actor, id, (false, false))?.1 {
        Landing::Queued(it) => Ok(Some(it.request.id().to_owned())),
        Landing::Planned | Landing::Landed(_) => Ok(None),
    }
}
