//! Submitting: a branch becomes a merge request.

use serde_json::Map;

use crate::fault::{Fault, Result};
use crate::ledger::{CloneId, Decision, Name, Oid, Pen, Stamp};
use crate::record::{Bead, Claim, Class, Request, RequestStatus, Submission};
use crate::town::{Home, View};

/// What is to be queued.
#[derive(Debug, Clone)]
pub struct Submit {
    /// The bead it does, if any.
    pub bead: Option<String>,
    /// The epoch of the claim the work was done under; nothing: whatever it is.
    pub epoch: Option<u64>,
    /// The branch, by its short name.
    pub branch: String,
    /// Its commit.
    pub head: Oid,
    /// The branch it is to land on, by its short name.
    pub target: String,
    /// The target's commit as it is known here.
    pub tip: Oid,
    /// Who did the work.
    pub worker: String,
    /// How it is to land.
    pub wishes: Wishes,
}

/// How a request is to land, as far as whoever queues it says so; for the rest a new commit takes over what
/// the one it replaces had, but its approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// How urgent it is; nothing: as its bead.
    pub class: Option<Class>,
    /// The requests that land before it, as they were typed.
    pub after: Vec<String>,
    /// The group it lands with.
    pub group: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The request.
    pub request: Request,
    /// Whether it was queued just now; else the same commit was queued for the same bead before.
    pub new: bool,
    /// Older requests of the same branch, which are cancelled now.
    pub superseded: Vec<String>,
}

/// Queues a branch.
///
/// Refuses what has nothing to land, holds markers of an unfinished merge, or was done under a claim that
/// no longer stands. The ref that keeps the commit is written before the record: after a crash between the
/// two the commit is kept and doing it again queues it; the Refinery puts away what was kept for nothing.
pub fn submit(home: &Home, actor: &str, what: &Submit) -> Result<Submitted> {
    check_commits(home, what)?;
    let id = format!(
        "{}-mr-{}",
        home.rig().prefix(),
        home.world().random_base36(8)
    );
    let view = home.view();
    if let Some(done) = decide(&view, what)?.already
        && what.wishes == Wishes::default()
    {
        return Ok(Submitted {
            request: done,
            new: false,
            superseded: Vec::new(),
        });
    }
    // A ref without a record is not taken for a leftover as long as we hold this.
    let _keepers = home.repo().keepers_guard()?;
    let keeper = super::ref_of(&view, &id);
    home.keep(&keeper, what.head)?;
    let written = home.write(Name::Queue, actor, |view, pen| {
        let plan = decide(view, what)?;
        if let Some(request) = plan.already {
            return wished(view, request, what, pen);
        }
        let stamp = pen.first_stamp();
        let head = what.head.to_string();
        let tip = what.tip.to_string();
        let mut request = Request::new(&id, &submission(home, what, &plan, (&head, &tip)), &stamp);
        if let Some(older) = &plan.replaced {
            inherit(&mut request, older, &stamp);
        }
        wish(view, &mut request, &what.wishes, &stamp)?;
        let mut records = vec![request.clone().into_record()];
        let mut superseded = Vec::new();
        for mut older in plan.older {
            let stamp = pen.stamp(older.record());
            let why = format!("superseded by {id}");
            older.finish(RequestStatus::Cancelled, &why, Map::new(), &stamp);
            superseded.push(older.id().to_owned());
            records.push(older.into_record());
        }
        let subject = format!("queue {id}: {} for {}", what.branch, what.target);
        Ok(Decision::write(
            subject,
            records,
            Submitted {
                request,
                new: true,
                superseded,
            },
        ))
    });
    if !written.as_ref().is_ok_and(|it| it.value.new) {
        // Nothing refers to the ref then; the commit is still on its branch.
        let guard = home.repo().guard()?;
        home.repo().delete_ref(&guard, &keeper, what.head)?;
    }
    written.map(|it| it.value)
}

/// Changes how a request that was queued before is to land.
fn wished(
    view: &View<'_>,
    mut request: Request,
    what: &Submit,
    pen: &Pen<'_>,
) -> Result<Decision<Submitted>> {
    let before = request.clone();
    let stamp = pen.stamp(request.record());
    wish(view, &mut request, &what.wishes, &stamp)?;
    let submitted = Submitted {
        request: request.clone(),
        new: false,
        superseded: Vec::new(),
    };
    if request == before {
        return Ok(Decision::nothing(submitted));
    }
    let subject = format!("change how {} lands", request.id());
    let records = vec![request.into_record()];
    Ok(Decision::write(subject, records, submitted))
}

/// Says how a request is to land.
fn wish(view: &View<'_>, request: &mut Request, wishes: &Wishes, stamp: &Stamp) -> Result<()> {
    if let Some(class) = wishes.class {
        super::transition::urge(request, class, stamp);
    }
    if let Some(group) = &wishes.group {
        super::rollup::check_member(view, request, group)?;
        let there = view.requests_in(group)?;
        let mut live = there.iter().filter(|it| it.is_live());
        if let Some(other) = live.find(|it| it.target() != request.target()) {
            return Err(Fault::refused(format!(
                "group '{group}' is to land on '{}', and a group lands on one branch",
                other.target()
            )));
        }
        request.set_group(group, stamp);
    }
    if !wishes.after.is_empty() {
        let found = wishes.after.iter().map(|typed| super::resolve(view, typed));
        let found = found.collect::<Result<Vec<Request>>>()?;
        if found.iter().any(|it| it.id() == request.id()) {
            return Err(Fault::invalid("a request cannot wait for itself"));
        }
        let mut ids: Vec<String> = found.iter().map(|it| it.id().to_owned()).collect();
        ids.extend(request.after().map(str::to_owned));
        request.set_after(&ids, stamp);
    }
    Ok(())
}

/// Lets a new commit land as the one it replaces was to: with its group, behind what that waited for, and as
/// urgent, unless it is for another bead.
fn inherit(request: &mut Request, older: &Request, stamp: &Stamp) {
    let after: Vec<String> = older.after().map(str::to_owned).collect();
    request.set_after(&after, stamp);
    request.set_group(older.group(), stamp);
    request.set_hotfix(older.is_hotfix(), stamp);
    if older.bead() == request.bead() {
        request.set_priority(older.priority(), stamp);
    }
}

/// What a submit would do over one view.
struct Plan {
    already: Option<Request>,
    older: Vec<Request>,
    /// The newest request of the same work that did not land.
    replaced: Option<Request>,
    bead: Option<Bead>,
    claim: Option<Claim>,
}

fn decide(view: &View<'_>, what: &Submit) -> Result<Plan> {
    let head = what.head.to_string();
    let same_bead = |it: &Request| what.bead.as_deref().is_none_or(|bead| bead == it.bead());
    let mut already = None;
    let mut older = Vec::new();
    let mut replaced: Option<Request> = None;
    for request in view.requests_of(&what.branch)? {
        let is_newest = replaced
            .as_ref()
            .is_none_or(|it| it.record().created() < request.record().created());
        let same_work = request.branch() == what.branch && request.target() == what.target;
        if same_work && is_newest {
            replaced = Some(request.clone());
        }
        if !same_work || !request.is_live() {
            refuse_same_again(&request, same_work && request.head() == head)?;
        } else if request.head() == head && same_bead(&request) {
            already = Some(request);
        } else {
            older.push(request);
        }
    }
    if already.is_some() {
        return Ok(Plan {
            already,
            older: Vec::new(),
            replaced: None,
            bead: None,
            claim: None,
        });
    }
    let is_over = [RequestStatus::Landed, RequestStatus::Cancelled];
    let replaced = replaced.filter(|it| it.is_live() || !is_over.contains(&it.status()));
    let bead = match &what.bead {
        Some(id) => Some(
            view.bead(id)?
                .ok_or_else(|| Fault::not_found(format!("there is no bead '{id}'")))?,
        ),
        None => None,
    };
    let claim = match &bead {
        Some(bead) => check_claim(view, bead, what)?,
        None => None,
    };
    Ok(Plan {
        already,
        older,
        replaced,
        bead,
        claim,
    })
}

/// A commit that failed is not queued again by accident.
fn refuse_same_again(request: &Request, same: bool) -> Result<()> {
    let failed = [
        RequestStatus::Ejected,
        RequestStatus::Conflict,
        RequestStatus::Rejected,
    ];
    if !same || !failed.contains(&request.status()) {
        return Ok(());
    }
    let reason = request.reason();
    let again = resubmit(request.branch(), request.bead());
    Err(Fault::refused(format!(
        "this commit was queued as {}: {}: {reason}",
        request.id(),
        request.status()
    ))
    .hint(format!("commit what mends it, then queue it: {again}"))
    .hint(format!(
        "or test it once more as it is: git gt mq retry {}",
        request.id()
    )))
}

/// Returns the claim the work was done under, if that claim still stands; nothing for work that was done
/// under none of its author's.
fn check_claim(view: &View<'_>, bead: &Bead, what: &Submit) -> Result<Option<Claim>> {
    if bead.is_closed() {
        return Err(Fault::refused(format!("bead {} is closed", bead.id()))
            .hint("nothing is lost: the branch stays; git gt reopen takes the bead up again"));
    }
    let claim = bead.claim();
    let (Some(epoch), Some(claim)) = (what.epoch, &claim) else {
        return match (what.epoch, claim) {
            (Some(_), None) => Err(lost(bead, "nobody holds it now")
                .hint(format!("to land it: {}", resubmit(&what.branch, bead.id())))),
            (_, claim) => Ok(claim.filter(|claim| claim.by == what.worker)),
        };
    };
    if claim.epoch != epoch || claim.by != what.worker {
        let fault = lost(bead, &format!("{} holds it now", claim.by));
        let again = resubmit(&what.branch, "");
        return Err(fault.hint(format!("to land it all the same: {again}")));
    }
    // Polecats of two clones may have the same address: names are given out without asking.
    let here = CloneId::known(view.repo());
    if here.is_none_or(|clone| clone.as_str() != claim.stamp.clone_part()) {
        let who = format!("{} of another clone holds it now", claim.by);
        return Err(lost(bead, &who));
    }
    Ok(Some(claim.clone()))
}

fn lost(bead: &Bead, who: &str) -> Fault {
    Fault::stale(format!(
        "the claim on {} that this work was done under is over: {who}",
        bead.id()
    ))
    .hint("nothing is lost: the branch and its commits stay")
}

/// Returns the command that queues a branch whoever holds the bead.
fn resubmit(branch: &str, bead: &str) -> String {
    match bead {
        "" => format!("git gt mq submit --branch {branch}"),
        bead => format!("git gt mq submit --branch {branch} --bead {bead}"),
    }
}

fn check_commits(home: &Home, what: &Submit) -> Result<()> {
    let (repo, target) = (home.repo(), &what.target);
    if repo.is_ancestor(&what.head, &what.tip)? {
        return Err(Fault::refused(format!(
            "branch '{}' has no commits that '{target}' has not: there is nothing to land",
            what.branch
        ))
        .hint("commit the work first"));
    }
    let marked = repo.conflict_markers(&what.tip, &what.head)?;
    if !marked.is_empty() {
        return Err(Fault::refused(format!(
            "branch '{}' adds the markers of an unfinished merge in {}",
            what.branch,
            marked.join(", ")
        ))
        .hint("resolve them, commit, then submit again"));
    }
    Ok(())
}

fn submission<'a>(
    home: &'a Home,
    what: &'a Submit,
    plan: &'a Plan,
    (head, tip): (&'a str, &'a str),
) -> Submission<'a> {
    Submission {
        bead: plan.bead.as_ref().map(Bead::id).unwrap_or_default(),
        bead_life: plan
            .bead
            .as_ref()
            .map(|bead| bead.record().life())
            .unwrap_or_default(),
        epoch: plan.claim.as_ref().map_or(0, |claim| claim.epoch),
        claim: plan.claim.as_ref().map_or("", |claim| claim.stamp.as_str()),
        target: &what.target,
        branch: &what.branch,
        head,
        tip,
        worker: &what.worker,
        rig: home.rig().name(),
        priority: plan.bead.as_ref().map_or(2, Bead::priority),
    }
}
