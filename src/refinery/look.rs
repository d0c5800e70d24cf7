//! A look at how things stand: the board, from what is known beside the records; shared by the Refinery and by those
//! who only want to see what it would do.

use std::collections::BTreeMap;

use super::board::{Board, Composition, Sources, Underway};
use super::candidate::{Built, Candidate, Chains};
use super::learn::{self, Learned};
use super::plan::{Item, Params, Probe};
use super::{Options, facts};
use crate::fault::Result;
use crate::git::Oid;
use crate::ledger::Stamp;
use crate::mq::Item as Entry;
use crate::record::{Gate, Request, RequestStatus};
use crate::town::{Home, View};

/// What is known of a target beside the records.
pub(super) struct Look<'a, 'v> {
    pub(super) view: &'a View<'v>,
    /// The gates that must pass on this target.
    pub(super) gates: &'a [Gate],
    pub(super) tip: Oid,
    /// What waits and is here, in order.
    pub(super) line: &'a [Entry],
    /// What is being tested.
    pub(super) underway: &'a [Underway],
    /// What was found known when it was to be tested.
    pub(super) met: &'a BTreeMap<Composition, bool>,
    /// When requests of this target were ejected.
    pub(super) ejected: &'a [Stamp],
    pub(super) learned: &'a Learned,
    pub(super) options: Options,
}

impl Look<'_, '_> {
    /// Gathers what the plan looks at.
    pub(super) fn board(&self, chains: &mut Chains) -> Result<Board> {
        let landed = self.view.count_requests(RequestStatus::Landed)?;
        let ejected = self.view.count_requests(RequestStatus::Ejected)?;
        let params = Params {
            culprit_rate: learn::culprit_rate(landed, ejected),
            weight: learn::weight(landed, ejected),
            flake_rate: self.learned.flake_rate(self.gates),
            interaction_rate: self.learned.interaction_rate(),
            workers: self.options.workers,
            ..self.options.price.params()
        };
        let sources = Sources {
            repo: self.view.repo(),
            view: self.view,
            gates: self.gates,
            tip: self.tip,
            line: self.line,
            underway: self.underway,
            met: self.met,
            ejected: self.ejected,
            params,
        };
        let mut board = Board::gather(chains, &sources)?;
        board.learn(landed, ejected);
        Ok(board)
    }
}

/// Returns when requests of a target were ejected.
pub(super) fn ejections(view: &View<'_>, rig: &str, target: &str) -> Result<Vec<Stamp>> {
    let ejected = view.ended(RequestStatus::Ejected)?.into_iter();
    let here = ejected.filter(|it| it.rig() == rig && it.target() == target);
    Ok(here.map(|it| it.record().stamp_of("state")).collect())
}

/// What a probe comes to when it is built.
pub(super) enum Composed {
    /// A candidate, and the items that are in it.
    Candidate(Box<Candidate>, Vec<Item>),
    /// One of its requests does not merge onto the tip, because of these files.
    Bounces(Box<Request>, Vec<String>),
}

/// Builds the candidate of a probe, without requests that merge onto the base but not onto those before them: they
/// keep their place.
pub(super) fn compose(
    home: &Home,
    tip: Oid,
    chains: &mut Chains,
    board: &Board,
    probe: &Probe,
) -> Result<Composed> {
    let (repo, base) = (home.repo(), board.base(probe.context));
    let mut items = probe.items.clone();
    loop {
        match chains.candidate(repo, base, &board.requests(&items))? {
            Built::Candidate(mut candidate) => {
                candidate.screens = probe.screens;
                return Ok(Composed::Candidate(Box::new(candidate), items));
            }
            Built::Conflict { at, .. } => {
                let place = board.place_of(&items, at);
                let item = items.remove(place);
                let alone = chains.candidate(repo, tip, &board.requests(&[item]))?;
                if let Built::Conflict { at, files } = alone {
                    let request = board.requests(&[item])[at].clone();
                    return Ok(Composed::Bounces(Box::new(request), files));
                }
            }
        }
    }
}

/// Returns whether the tree of a candidate was tested under another name, which the plan has not seen.
pub(super) fn is_known(
    view: &View<'_>,
    gates: &[Gate],
    (board, met): (&Board, &BTreeMap<Composition, bool>),
    (candidate, what): (&Candidate, &Composition),
) -> Result<bool> {
    let known = facts::evidence_of(view, gates, candidate)?;
    Ok((known.green || known.red > 0)
        && !candidate.requests.is_empty()
        && !board.knows(what)
        && !met.contains_key(what))
}
