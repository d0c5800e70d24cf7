//! What each request of a line needs, looked up in the records.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::held::{Gone, Held};
use super::stands;
use crate::fault::{Fault, Result};
use crate::ledger::Oid;
use crate::mq::approvals;
use crate::record::{Freeze, Request, RequestStatus};
use crate::town::{Review, View};

/// The most requests that one may wait for: what was fetched must not cost everybody's time.
const AFTER_MAX: usize = 100;

/// How often a request that did not land is followed to the one that was queued in its place.
const HOPS_MAX: usize = 20;

/// How many protected paths are named.
const PATHS_MAX: usize = 3;

/// What is looked up for a line, each thing once.
pub(super) struct Needs<'a, 'r> {
    view: &'a View<'r>,
    rig: &'a str,
    target: &'a str,
    frozen: Option<&'a Freeze>,
    review: Review,
    /// The target's commit, where changes of paths are looked at.
    tip: Option<Oid>,
    /// Where each request of the line stands in it.
    places: HashMap<String, usize>,
    /// The group of each request of the line, empty for none.
    group_of: Vec<String>,
    /// What was found out about requests that are not in the line.
    known: HashMap<String, Other>,
    /// What the target has no longer that a commit had, for commits that changes were looked at from.
    removed: HashMap<Oid, HashSet<Vec<u8>>>,
}

/// What a request is to one that needs it.
#[derive(Debug, Clone, PartialEq)]
enum Other {
    /// In the line, at a place.
    Here(usize),
    /// On its target.
    Landed,
    /// Not to be had now.
    Gone(Gone),
}

impl<'a, 'r> Needs<'a, 'r> {
    pub(super) fn of(
        view: &'a View<'r>,
        (rig, target): (&'a str, &'a str),
        here: &[Request],
        frozen: Option<&'a Freeze>,
    ) -> Result<Self> {
        let review = view.review(rig)?;
        let tip = match review.protects() {
            true => view.known_tip(target)?,
            false => None,
        };
        let places = here.iter().enumerate();
        Ok(Self {
            view,
            rig,
            target,
            frozen,
            review,
            tip,
            places: places.map(|(at, it)| (it.id().to_owned(), at)).collect(),
            group_of: here.iter().map(|it| it.group().to_owned()).collect(),
            known: HashMap::new(),
            removed: HashMap::new(),
        })
    }

    /// Returns what holds a request by itself, and which requests of the line it has to be behind.
    pub(super) fn of_request(&mut self, request: &Request) -> Result<(Option<Held>, Vec<usize>)> {
        if let Some(field) = request.riddle() {
            return Ok((Some(Held::Riddle(field)), Vec::new()));
        }
        if request.status() == RequestStatus::Held {
            let said = Held::Said(request.reason().to_owned());
            return Ok((Some(said), Vec::new()));
        }
        let count = request.after().count();
        if count > AFTER_MAX {
            return Ok((Some(Held::Overlong(count)), Vec::new()));
        }
        let (mut held, mut after) = (None, Vec::new());
        for id in request.after() {
            match self.other(id)? {
                Other::Here(at) => after.push(at),
                Other::Landed => {}
                Other::Gone(why) => {
                    let request = id.to_owned();
                    held = held.or(Some(Held::After { request, why }));
                }
            }
        }
        after.sort_unstable();
        after.dedup();
        // What its author can do something about first.
        let held = match held {
            None => self.approval(request)?,
            held => held,
        };
        Ok((held.or_else(|| self.freeze(request)), after))
    }

    /// Returns what holds groups of the line: a request of theirs that did not land and was not taken back.
    pub(super) fn groups(&mut self) -> Result<BTreeMap<String, Held>> {
        let mut held = BTreeMap::new();
        let groups: BTreeSet<String> = self.group_of.iter().cloned().collect();
        for group in groups.into_iter().filter(|it| !it.is_empty()) {
            for request in self.view.requests_in(&group)? {
                let is_of_line = request.rig() == self.rig && request.target() == self.target;
                let failed = !request.is_live() && request.status() != RequestStatus::Cancelled;
                if !is_of_line || !failed {
                    continue;
                }
                let why = match self.other(request.id())? {
                    Other::Gone(why) => Some(why),
                    // Whatever mends it lands with the others, or they do not.
                    Other::Here(at) if self.group_of[at] != group => {
                        Some(Gone::Ended(request.status()))
                    }
                    Other::Here(_) | Other::Landed => None,
                };
                if let Some(why) = why {
                    let request = request.id().to_owned();
                    let why = Held::Group {
                        group: group.clone(),
                        request,
                        why,
                    };
                    held.insert(group.clone(), why);
                    break;
                }
            }
        }
        Ok(held)
    }

    /// Returns what a request is to one that needs it. One that did not land is whatever was queued in its
    /// place since: a newer request of its branch.
    fn other(&mut self, id: &str) -> Result<Other> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let found = self.look(id)?;
        self.known.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    fn look(&self, id: &str) -> Result<Other> {
        if let Some(at) = self.places.get(id) {
            return Ok(Other::Here(*at));
        }
        let found = match self.view.request(id) {
            // What is no record stops nobody but whoever waits for it.
            Err(Fault::Invalid(_)) => None,
            found => found?,
        };
        let Some(mut request) = found else {
            return Ok(Other::Gone(Gone::Unknown));
        };
        for _ in 0..HOPS_MAX {
            if let Some(at) = self.places.get(request.id()) {
                return Ok(Other::Here(*at));
            }
            if request.rig() != self.rig {
                let place = format!("{}/{}", request.rig(), request.target());
                return Ok(Other::Gone(Gone::Elsewhere(place)));
            }
            // What waits for another branch counts once it has landed there.
            if request.status() == RequestStatus::Landed && !request.is_live() {
                return Ok(Other::Landed);
            }
            if stands(&request) {
                let place = request.target().to_owned();
                return Ok(Other::Gone(Gone::Elsewhere(place)));
            }
            match self.successor(&request)? {
                Some(newer) => request = newer,
                None => break,
            }
        }
        Ok(Other::Gone(Gone::Ended(request.status())))
    }

    /// Returns the newest request of the same work, where that is a later one: of the same branch or bead, or
    /// of the bead in which its conflict is resolved.
    fn successor(&self, request: &Request) -> Result<Option<Request>> {
        let mut others = self.view.requests_of(request.branch())?;
        others.retain(|it| it.branch() == request.branch());
        if !request.bead().is_empty() {
            let all = self.view.requests_of(request.bead())?.into_iter();
            others.extend(all.filter(|it| it.bead() == request.bead()));
        }
        if request.status() == RequestStatus::Conflict
            && let Some(bead) = self.view.readable_bead(request.bead())?
        {
            let edges = bead.record().entries("deps").take(AFTER_MAX);
            for (id, _) in edges {
                let other = self.view.readable_bead(id)?;
                if other.is_some_and(|it| it.record().text("resolves") == request.id()) {
                    others.extend(self.view.requests_of(id)?);
                }
            }
        }
        let age = |it: &Request| (it.record().created(), it.id().to_owned());
        others.retain(|it| {
            let same_lane = it.target() == request.target() && it.rig() == request.rig();
            same_lane && age(it) > age(request)
        });
        Ok(others.into_iter().max_by_key(age))
    }

    fn approval(&mut self, request: &Request) -> Result<Option<Held>> {
        let have = approvals::counted(&self.review, request).len();
        let mut need = self.review.needs(self.target);
        let mut paths = Vec::new();
        if have == 0 && self.review.protects() {
            paths = self.protected(request)?;
            if !paths.is_empty() {
                need = need.max(1);
            }
        }
        Ok((have < need).then(|| Held::Approval {
            have,
            need,
            by: self.review.approvers(),
            paths,
        }))
    }

    /// Returns the protected paths that a request changes, the first few. A path that the target has
    /// renamed or removed since counts, too: its change may go anywhere.
    fn protected(&mut self, request: &Request) -> Result<Vec<String>> {
        let repo = self.view.repo();
        let head = repo.parse_id(request.head()).filter(|head| repo.has(head));
        let (Some(head), Some(tip)) = (head, self.tip) else {
            return Ok(vec!["what is not known here".to_owned()]);
        };
        let Some(base) = repo.merge_base(&head, &tip)? else {
            return Ok(vec!["everything: it has no commit in common".to_owned()]);
        };
        let removed = match self.removed.entry(base) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let changed = repo.changed_paths(&base, &tip)?.into_iter();
                let gone = changed.filter(|(_, is_there)| !is_there);
                place.insert(gone.map(|(path, _)| path).collect())
            }
        };
        let changed = repo.changed_paths(&base, &head)?.into_iter();
        let found = changed
            .map(|(path, _)| path)
            .filter(|path| self.review.protects_path(path) || removed.contains(path));
        let found = found.map(|path| String::from_utf8_lossy(&path).into_owned());
        Ok(found.take(PATHS_MAX).collect())
    }

    fn freeze(&self, request: &Request) -> Option<Held> {
        let freeze = self.frozen?;
        let allows = freeze.allows();
        let lands = allows.is_some_and(|least| request.class() <= least);
        (!lands).then(|| Held::Frozen {
            allows,
            reason: freeze.reason().to_owned(),
        })
    }
}
