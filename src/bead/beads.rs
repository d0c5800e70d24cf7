//! Many beads at once, with what leads to each.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Result;
use crate::record::Bead;
use crate::town::{Home, View};

/// Beads by id, without deleted ones; all there are, or the few a decision needs.
#[derive(Debug, Default)]
pub struct Beads {
    by_id: BTreeMap<String, Bead>,
    /// What edges lead to in other rigs of the town: seen, and never listed.
    elsewhere: BTreeMap<String, Bead>,
    /// For each id, whose edges lead to it and of which types.
    dependents: BTreeMap<String, Vec<(String, String)>>,
}

/// The type of the edge from a child to its parent.
pub(super) const PARENT_CHILD: &str = "parent-child";

impl Beads {
    /// Returns a collection of `beads`.
    pub fn new(beads: Vec<Bead>) -> Self {
        let mut all = Self::default();
        for bead in beads {
            all.insert(bead);
        }
        all
    }

    /// Returns all beads of a view, and what their edges lead to in other rigs; reads the whole ledger.
    pub fn all(view: &View<'_>) -> Result<Self> {
        let mut all = Self::new(view.beads()?);
        if view.is_in_town() {
            let ends = all.by_id.values().flat_map(targets);
            let away: BTreeSet<String> = ends
                .filter(|(id, _)| !all.by_id.contains_key(*id))
                .map(|(id, _)| id.to_owned())
                .collect();
            for id in away {
                if let Some(bead) = view.bead_anywhere(&id)?.filter(|it| !it.is_deleted()) {
                    all.elsewhere.insert(id, bead);
                }
            }
        }
        Ok(all)
    }

    /// Returns all beads of a town, each rig's that is on this machine; reads all their ledgers.
    pub fn of_town(home: &Home) -> Result<Self> {
        let mut all = Vec::new();
        for home in home.hq()?.all_here()? {
            all.extend(home.view().beads()?);
        }
        Ok(Self::new(all))
    }

    /// Returns what decides whether `bead` is blocked or can be closed: it, what its edges lead to, its
    /// parents and what theirs lead to. Reads the whole ledger only where children matter.
    pub fn around(view: &View<'_>, bead: &Bead) -> Result<Self> {
        let mut some = Self::default();
        let mut seen = BTreeSet::new();
        let mut next = Some(bead.clone());
        while let Some(bead) = next.take() {
            if !seen.insert(bead.id().to_owned()) {
                break;
            }
            let waits = bead.edges().any(|edge| edge.kind == "waits-for");
            if waits || (seen.len() == 1 && bead.issue_type() == "epic") {
                return Self::all(view);
            }
            for edge in bead.edges() {
                if let Some(target) = view
                    .bead_anywhere(edge.target)?
                    .filter(|it| !it.is_deleted())
                {
                    some.insert(target);
                }
            }
            next = match bead.parent() {
                Some(parent) => view.bead_anywhere(parent)?.filter(|it| !it.is_deleted()),
                None => None,
            };
            some.insert(bead);
        }
        Ok(some)
    }

    fn insert(&mut self, bead: Bead) {
        if self.by_id.contains_key(bead.id()) {
            return;
        }
        for (target, kind) in targets(&bead) {
            let edge = (bead.id().to_owned(), kind.to_owned());
            self.dependents
                .entry(target.to_owned())
                .or_default()
                .push(edge);
        }
        self.by_id.insert(bead.id().to_owned(), bead);
    }

    /// Returns the bead of an id, also one of another rig that an edge leads to.
    pub fn get(&self, id: &str) -> Option<&Bead> {
        self.by_id.get(id).or_else(|| self.elsewhere.get(id))
    }

    /// Returns whether a bead is one of them, and not only what an edge leads to.
    pub fn lists(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Returns all of them, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Bead> {
        self.by_id.values()
    }

    /// Returns `(bead, type of edge)` of everything that has an edge to `id`, children too.
    pub fn dependents<'a>(
        &'a self,
        id: &str,
    ) -> impl Iterator<Item = (&'a Bead, &'a str)> + use<'a> {
        let edges = self.dependents.get(id).into_iter().flatten();
        edges.filter_map(|(from, kind)| Some((self.by_id.get(from)?, kind.as_str())))
    }

    /// Returns the children of a bead.
    pub fn children<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Bead> + use<'a> {
        self.dependents(id)
            .filter(|(_, kind)| *kind == PARENT_CHILD)
            .map(|(bead, _)| bead)
    }
}

/// Returns `(target, type)` of every edge of a bead, the one to its parent first.
pub(super) fn targets(bead: &Bead) -> impl Iterator<Item = (&str, &str)> {
    let parent = bead.parent().map(|parent| (parent, PARENT_CHILD));
    parent
        .into_iter()
        .chain(bead.edges().map(|edge| (edge.target, edge.kind)))
}
