//! The rules: what follows from what, each a pure function of what is stored.

use serde_json::{Map, Value, json};

use super::changes::Changes;
use super::gates::{self, Waiting};
use super::{conflicts, convoys, letters, outcomes};
use crate::bead;
use crate::fault::Result;
use crate::ledger::{Name, Record, Stamp, Time};
use crate::record::{Bead, Claim, Convoy, Request, RequestStatus};
use crate::town::View;

/// What the rules look at.
pub struct Facts<'a> {
    /// Everything stored.
    pub view: &'a View<'a>,
    /// What has changed since the last time.
    pub changes: &'a Changes,
    /// The merge requests from which something may follow: those that wait, and all of beads of which something
    /// has changed; none where neither the queue nor a target has moved.
    pub requests: &'a [Request],
    /// The gates that open by themselves, see [`gates::Waiting`].
    pub(super) gates: &'a Waiting,
    /// How a request got onto its target, nothing while it is not there.
    pub landing: &'a dyn Fn(&Request) -> Result<Option<Landing>>,
    /// What time it is.
    pub now: Time,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        view: &'a View<'a>,
        (changes, gates): (&'a Changes, &'a Waiting),
        requests: &'a [Request],
        landing: &'a dyn Fn(&Request) -> Result<Option<Landing>>,
    ) -> Self {
        Self {
            view,
            changes,
            requests,
            gates,
            landing,
            now: view.repo().world().now(),
        }
    }
}

/// How a request got onto its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The green candidate it was in; where none is known, the commit it became, or its own head where somebody
    /// landed it by hand.
    pub commit: String,
    /// When that candidate was found green, which is the evidence for the landing.
    pub stamp: Option<Stamp>,
}

/// A rule of the table.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// Returns what follows and is not drawn yet.
    pub derive: fn(&Facts<'_>) -> Result<Vec<Consequence>>,
}

/// Every rule, in the order in which one follows from another.
pub const RULES: &[Rule] = &[
    Rule {
        name: "landed",
        derive: landed,
    },
    Rule {
        name: "lost",
        derive: lost,
    },
    Rule {
        name: "close",
        derive: close,
    },
    Rule {
        name: "release",
        derive: release,
    },
    Rule {
        name: "conflicts",
        derive: conflicts::conflicts,
    },
    Rule {
        name: "resolved",
        derive: conflicts::resolved,
    },
    Rule {
        name: "opened",
        derive: gates::opened,
    },
    Rule {
        name: "claimed",
        derive: convoys::claimed,
    },
    Rule {
        name: "complete",
        derive: convoys::complete,
    },
    Rule {
        name: "ended",
        derive: letters::ended,
    },
    Rule {
        name: "told",
        derive: outcomes::told,
    },
    Rule {
        name: "waited",
        derive: gates::waited,
    },
    Rule {
        name: "notices",
        derive: letters::notices,
    },
];

/// A change that follows from a decision.
#[derive(Debug, Clone)]
pub enum Consequence {
    /// The request's commit is on its target.
    Landed {
        /// The request.
        request: Request,
        /// How it got there.
        landing: Landing,
    },
    /// The claim the work was done under was lost to another one of its epoch.
    Lose {
        /// The request.
        request: Request,
    },
    /// The bead's change has landed.
    Close {
        /// The bead's id.
        bead: String,
        /// The bead's life when its work was queued.
        life: i64,
        /// The request that did it.
        request: Request,
    },
    /// The request was ejected, conflicts or was rejected: the bead is ready again, with the evidence.
    Release {
        /// The bead's id.
        bead: String,
        /// The request.
        request: Request,
    },
    /// The request conflicts: its bead waits for the one in which that is resolved.
    Await {
        /// The bead's id.
        bead: String,
        /// The other one's.
        on: String,
        /// The request.
        request: Request,
    },
    /// Nothing is left to resolve of a conflict.
    Resolve {
        /// The id of the bead in which it was to be resolved.
        bead: String,
        /// The request that conflicted.
        request: Request,
        /// Why.
        reason: String,
        /// Since when.
        since: Stamp,
    },
    /// What the gate waits for has come.
    Open {
        /// The gate.
        gate: Bead,
    },
    /// Every bead of the convoy is closed.
    Complete {
        /// The convoy.
        convoy: Convoy,
    },
    /// A record that was not there: a convoy, a mail.
    Make(Made),
}

/// A record that follows from something and is written once.
#[derive(Debug, Clone)]
pub struct Made {
    /// Where it is written.
    pub(super) ledger: Name,
    /// The address whose home holds it; nothing: the home of its cause.
    pub(super) to: Option<String>,
    /// The record; whoever derives it makes the same.
    pub(super) record: Record,
    /// The commit's subject.
    pub(super) subject: String,
    /// The id of the record that caused it.
    pub(super) cause: String,
    /// Whose decision it follows from.
    pub(super) actor: String,
}

/// A waiting request whose commit is on the target has landed.
fn landed(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for request in facts.requests.iter().filter(|it| it.is_live()) {
        if let Some(landing) = (facts.landing)(request)? {
            let request = request.clone();
            found.push(Consequence::Landed { request, landing });
        }
    }
    Ok(found)
}

/// What was queued under a claim that another clone's was faster than does not land: the winner does the
/// work. The branch stays, and may be queued by hand.
fn lost(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for request in facts.requests.iter().filter(|it| it.is_live()) {
        let bead = bead_of(facts, request)?;
        if bead.is_some_and(|bead| winner(&bead, request).is_some()) {
            let request = request.clone();
            found.push(Consequence::Lose { request });
        }
    }
    Ok(found)
}

/// Returns the claim that won over the one a request was queued under, nothing while that one stands or
/// a later epoch has begun.
fn winner(bead: &Bead, request: &Request) -> Option<Claim> {
    let claim = bead.claim()?;
    let is_other = claim.epoch == request.epoch() && claim.stamp.as_str() != request.claim();
    (is_other && !request.claim().is_empty() && bead.record().life() == request.bead_life())
        .then_some(claim)
}

/// A bead closes when a request of its present life has landed and no other one waits; so does one whose
/// conflict was resolved by what landed.
fn close(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for request in facts
        .requests
        .iter()
        .filter(|it| it.status() == RequestStatus::Landed)
    {
        let resolved = conflicts::resolved_by(facts.view, request.bead())
            .filter(|it| it.target() == request.target());
        for work in std::iter::once(request).chain(&resolved) {
            let Some(bead) = bead_of(facts, work)? else {
                continue;
            };
            let waits = |it: &Request| it.is_live() && it.bead() == work.bead();
            let is_last = !facts.requests.iter().any(waits);
            if is_last && closes(&bead, work.bead_life()) {
                found.push(Consequence::Close {
                    bead: bead.id().to_owned(),
                    life: work.bead_life(),
                    request: request.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// A claim ends with the request that failed under it, and the bead is told why.
fn release(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let failed = [
        RequestStatus::Ejected,
        RequestStatus::Conflict,
        RequestStatus::Rejected,
    ];
    let mut found = Vec::new();
    for request in facts
        .requests
        .iter()
        .filter(|it| failed.contains(&it.status()))
    {
        let Some(bead) = bead_of(facts, request)? else {
            continue;
        };
        if releases(&bead, request) || !is_told(&bead, request) {
            let (bead, request) = (bead.id().to_owned(), request.clone());
            found.push(Consequence::Release { bead, request });
        }
    }
    Ok(found)
}

pub(super) fn bead_of(facts: &Facts<'_>, request: &Request) -> Result<Option<Bead>> {
    if request.bead().is_empty() {
        return Ok(None);
    }
    // A bead that cannot be read keeps nobody else from being settled.
    let bead = facts.view.bead(request.bead()).ok().flatten();
    Ok(bead.filter(|bead| !bead.is_deleted()))
}

fn closes(bead: &Bead, life: i64) -> bool {
    !bead.is_closed() && bead.record().life() == life
}

fn releases(bead: &Bead, request: &Request) -> bool {
    let held = bead.claim().is_some_and(|claim| {
        claim.epoch == request.epoch() && claim.stamp.as_str() == request.claim()
    });
    held && !bead.is_closed() && bead.record().life() == request.bead_life()
}

/// Returns whether the bead has the comment about a request's end, or had it and somebody removed it.
fn is_told(bead: &Bead, request: &Request) -> bool {
    let key = cause_stamp(request);
    let record = bead.record();
    let there = record.entry("comments", key.as_str()).is_some();
    there || record.stamp_of_entry("comments", key.as_str()) > key
}

/// Returns when a request came to stand as it does.
pub(super) fn cause_stamp(request: &Request) -> Stamp {
    request.record().stamp_of("state")
}

impl Consequence {
    /// Returns the ledger it is written to.
    pub(super) fn ledger(&self) -> Name {
        match self {
            Self::Landed { .. } | Self::Lose { .. } => Name::Queue,
            Self::Close { .. }
            | Self::Release { .. }
            | Self::Await { .. }
            | Self::Resolve { .. }
            | Self::Open { .. } => Name::Beads,
            Self::Complete { .. } => Name::Convoys,
            Self::Make(made) => made.ledger,
        }
    }

    /// Returns the address whose home it is written to; nothing: the home of its cause.
    pub(super) fn to(&self) -> Option<&str> {
        match self {
            Self::Make(made) => made.to.as_deref(),
            _ => None,
        }
    }

    /// Returns the id of the record that caused it.
    pub(super) fn cause(&self) -> &str {
        match self {
            Self::Landed { request, .. }
            | Self::Lose { request }
            | Self::Close { request, .. }
            | Self::Release { request, .. }
            | Self::Await { request, .. }
            | Self::Resolve { request, .. } => request.id(),
            Self::Open { gate } => gate.id(),
            Self::Complete { convoy } => convoy.id(),
            Self::Make(made) => &made.cause,
        }
    }

    /// Returns whose decision it follows from.
    pub(super) fn actor(&self) -> String {
        match self {
            Self::Landed { request, .. }
            | Self::Lose { request }
            | Self::Close { request, .. }
            | Self::Release { request, .. }
            | Self::Await { request, .. }
            | Self::Resolve { request, .. } => actor_of(request),
            Self::Open { gate } => match gate.record().text("created_by") {
                "" => "mayor/".to_owned(),
                made_by => made_by.to_owned(),
            },
            Self::Complete { .. } => "mayor/".to_owned(),
            Self::Make(made) => made.actor.clone(),
        }
    }

    /// Returns the commit's subject and the changed record, nothing when it is drawn already.
    pub(super) fn change(&self, view: &View<'_>) -> Result<Option<(String, Record)>> {
        match self {
            Self::Landed { request, landing } => self.land(view.request(request.id())?, landing),
            Self::Lose { request } => {
                let bead = view.bead(request.bead())?;
                Ok(lose(view.request(request.id())?, bead.as_ref()))
            }
            Self::Close {
                bead,
                life,
                request,
            } => Ok(close_bead(view.bead(bead)?, *life, request)),
            Self::Release { bead, request } => Ok(release_bead(view.bead(bead)?, request)),
            Self::Await { bead, on, request } => {
                Ok(conflicts::awaiting(view.bead(bead)?, on, request))
            }
            Self::Resolve {
                bead,
                reason,
                since,
                ..
            } => Ok(conflicts::closed(view.bead(bead)?, reason, since)),
            Self::Open { gate } => Ok(view
                .bead(gate.id())?
                .and_then(|gate| bead::opened(view, gate, view.repo().world().now()))),
            Self::Complete { convoy } => Ok(view
                .convoy(convoy.id())?
                .and_then(|convoy| convoys::completed(view, convoy))),
            Self::Make(made) => {
                let there = view.ledger(made.ledger)?.get(made.record.id())?;
                let new = || (made.subject.clone(), made.record.clone());
                Ok(there.is_none().then(new))
            }
        }
    }

    fn land(
        &self,
        request: Option<Request>,
        landing: &Landing,
    ) -> Result<Option<(String, Record)>> {
        let Some(mut request) = request.filter(Request::is_live) else {
            return Ok(None);
        };
        let newest = request.record().newest();
        let stamp = Stamp::just_after(landing.stamp.as_ref().unwrap_or(&newest).max(&newest));
        let evidence = Map::from_iter([
            ("by".to_owned(), json!(self.actor())),
            ("commit".to_owned(), json!(landing.commit)),
        ]);
        request.finish(RequestStatus::Landed, "", evidence, &stamp);
        let subject = format!("land {}: {}", request.id(), request.branch());
        Ok(Some((subject, request.into_record())))
    }
}

fn lose(request: Option<Request>, bead: Option<&Bead>) -> Option<(String, Record)> {
    let mut request = request.filter(Request::is_live)?;
    let claim = winner(bead?, &request)?;
    let stamp = Stamp::just_after((&request.record().newest()).max(&claim.stamp));
    let reason = format!("{} had claimed {} before", claim.by, request.bead());
    let evidence = Map::from_iter([("claimed_by".to_owned(), json!(claim.by))]);
    request.finish(RequestStatus::Cancelled, &reason, evidence, &stamp);
    let subject = format!("cancel {}: {reason}", request.id());
    Some((subject, request.into_record()))
}

/// Returns who decided about a request.
pub(super) fn actor_of(request: &Request) -> String {
    let by = request.evidence("by").and_then(Value::as_str);
    by.map_or_else(|| format!("{}/refinery", request.rig()), str::to_owned)
}

fn close_bead(bead: Option<Bead>, life: i64, request: &Request) -> Option<(String, Record)> {
    let mut bead = bead.filter(|bead| closes(bead, life))?;
    let stamp = derived_stamp(&bead, request);
    let reason = format!(
        "landed on {} as {}",
        request.target(),
        short(request.head())
    );
    bead.close(&reason, &stamp);
    Some((format!("close {}: {reason}", bead.id()), bead.into_record()))
}

fn release_bead(bead: Option<Bead>, request: &Request) -> Option<(String, Record)> {
    let mut bead = bead?;
    let (free, tell) = (releases(&bead, request), !is_told(&bead, request));
    if !free && !tell {
        return None;
    }
    let stamp = derived_stamp(&bead, request);
    if free {
        bead.release(&stamp);
    }
    if tell {
        let author = format!("{}/refinery", request.rig());
        let value = json!({ "author": author, "text": story(request) });
        let key = cause_stamp(request);
        bead.record_mut()
            .set_entry("comments", key.as_str(), Some(value), &key);
    }
    let subject = format!(
        "release {}: {} is {}",
        bead.id(),
        request.id(),
        request.status()
    );
    Some((subject, bead.into_record()))
}

/// The least stamp that exceeds both the cause's and the record's: whoever derives the change from the
/// same bytes writes the same bytes.
pub(super) fn derived_stamp(bead: &Bead, request: &Request) -> Stamp {
    Stamp::just_after(&bead.record().newest().max(cause_stamp(request)))
}

/// Returns what a bead's readers are told about a request that failed.
fn story(request: &Request) -> String {
    let mut text = format!(
        "{} is {}: {}",
        request.id(),
        request.status(),
        request.reason()
    );
    text.push_str(&format!(
        "\nbranch {} at {}",
        request.branch(),
        short(request.head())
    ));
    let evidence = |key: &str| request.evidence(key).and_then(Value::as_str);
    if let (Some(gate), Some(green), Some(red)) =
        (evidence("gate"), evidence("green"), evidence("red"))
    {
        let (green, red) = (short(green), short(red));
        text.push_str(&format!("\ngate {gate}: green on {green}, red on {red}"));
    }
    if let Some(line) = evidence("reproduce") {
        text.push_str(&format!("\nreproduce: {line}"));
    }
    if let Some(tail) = evidence("tail") {
        text.push_str(&format!("\noutput:\n{tail}"));
    }
    text
}

pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Submission;

    fn stamp(n: u64) -> Stamp {
        format!("{n:016x}-k").parse().unwrap()
    }

    fn bead(epoch: u64) -> Bead {
        let mut bead = Bead::new("gt-1", "t", &stamp(1));
        bead.set_claim(epoch, "api/polecats/nux", &stamp(2));
        bead
    }

    fn request(status: RequestStatus) -> Request {
        let what = Submission {
            bead: "gt-1",
            epoch: 1,
            claim: "0000000000000002-k",
            branch: "gt/nux/gt-1.1-k",
            worker: "api/polecats/nux",
            ..Submission::SAMPLE
        };
        let mut request = Request::new("gt-mr-1", &what, &stamp(10));
        request.finish(status, "gate test is red", Map::new(), &stamp(11));
        request
    }

    #[test]
    fn what_was_queued_under_a_lost_claim_is_cancelled() {
        let mut waits = request(RequestStatus::Ejected);
        waits.requeue(&stamp(12));
        assert_eq!(lose(Some(waits.clone()), Some(&bead(1))), None, "it stands");
        let mut other = Bead::new("gt-1", "t", &stamp(1));
        other.set_claim(1, "api/polecats/slit", &stamp(1));
        let (subject, record) = lose(Some(waits.clone()), Some(&other)).unwrap();
        assert!(
            subject.ends_with("api/polecats/slit had claimed gt-1 before"),
            "{subject}"
        );
        let over = Request::of(record).unwrap();
        assert_eq!(over.status(), RequestStatus::Cancelled);
        assert_eq!(
            lose(Some(over), Some(&other)),
            None,
            "twice changes nothing"
        );
        let mut later = other.clone();
        later.set_claim(2, "api/polecats/toast", &stamp(9));
        assert_eq!(
            lose(Some(waits), Some(&later)),
            None,
            "a later epoch is no race"
        );
    }

    #[test]
    fn a_landed_request_closes_the_life_it_was_queued_for() {
        let landed = request(RequestStatus::Landed);
        let (subject, record) = close_bead(Some(bead(1)), 0, &landed).unwrap();
        assert_eq!(subject, "close gt-1: landed on main as 123456789012");
        let mut closed = Bead::of(record).unwrap();
        assert_eq!(close_bead(Some(closed.clone()), 0, &landed), None);
        closed.reopen(&stamp(20));
        assert_eq!(
            close_bead(Some(closed), 0, &landed),
            None,
            "a reopened bead stays open"
        );
        let mut released = bead(1);
        released.release(&stamp(5));
        assert!(
            close_bead(Some(released), 0, &landed).is_some(),
            "the work landed all the same"
        );
    }

    #[test]
    fn a_failed_request_frees_only_the_claim_it_was_queued_under() {
        let ejected = request(RequestStatus::Ejected);
        let (_, record) = release_bead(Some(bead(1)), &ejected).unwrap();
        let freed = Bead::of(record).unwrap();
        assert_eq!(
            (freed.holder(), freed.epoch(), freed.comments().len()),
            (None, 2, 1)
        );
        assert_eq!(
            release_bead(Some(freed), &ejected),
            None,
            "twice changes nothing"
        );
        let (_, record) = release_bead(Some(bead(3)), &ejected).unwrap();
        let kept = Bead::of(record).unwrap();
        assert_eq!(
            kept.holder().as_deref(),
            Some("api/polecats/nux"),
            "a later claim stands"
        );
        assert_eq!(kept.comments().len(), 1);
    }

    #[test]
    fn a_bead_is_told_what_it_takes_to_see_the_failure() {
        let mut failed = request(RequestStatus::Ejected);
        failed.requeue(&stamp(12));
        let evidence = [
            ("gate", "test"),
            ("green", "1111111111111111"),
            ("red", "2222222222222222"),
            ("reproduce", "sh test.sh"),
            ("tail", "not ok 2"),
        ];
        let evidence = evidence.map(|(key, value)| (key.to_owned(), json!(value)));
        let evidence = Map::from_iter(evidence);
        failed.finish(RequestStatus::Ejected, "it is red", evidence, &stamp(13));
        assert_eq!(
            story(&failed),
            "gt-mr-1 is ejected: it is red\n\
             branch gt/nux/gt-1.1-k at 123456789012\n\
             gate test: green on 111111111111, red on 222222222222\n\
             reproduce: sh test.sh\n\
             output:\nnot ok 2"
        );
    }

    #[test]
    fn two_clones_derive_the_same_bytes() {
        let ejected = request(RequestStatus::Ejected);
        let derive = || release_bead(Some(bead(1)), &ejected).unwrap().1.encode();
        assert_eq!(derive(), derive());
    }
}
