//! Which beads a list shows.

use regex_lite::Regex;

use super::beads::is_child;
use super::query::Query;
use super::words::INFRASTRUCTURE;
use crate::fault::{Fault, Result};
use crate::record::{Bead, BeadRow};
use crate::text::matches;

/// What commands over many beads are asked for; nothing set is what a list shows by itself.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only beads of one of these statuses; none: by what is [`Shown`].
    pub statuses: Vec<String>,
    /// What is shown without being asked for.
    pub shown: Shown,
    /// Only this priority.
    pub priority: Option<i64>,
    /// Only priorities from the first to the last.
    pub priorities: (Option<i64>, Option<i64>),
    /// Only this type.
    pub issue_type: Option<String>,
    /// None of these types.
    pub other_types: Vec<String>,
    /// Only beads this one holds or is assigned to.
    pub assignee: Option<String>,
    /// Only beads nobody holds or is assigned to.
    pub unassigned: bool,
    /// By their labels.
    pub labels: Labels,
    /// Only these beads; none: all.
    pub ids: Vec<String>,
    /// Only children of this bead.
    pub parent: Option<String>,
    /// Only beads that are children of nothing.
    pub no_parent: bool,
    /// Only beads that are pinned, or only others.
    pub pinned: Option<bool>,
    /// Only beads that answer all of these with yes.
    pub queries: Vec<Query>,
}

/// What lists leave out unless it is asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Closed beads.
    pub closed: bool,
    /// Beads that are looked at by hand only.
    pub pinned: bool,
    /// What others wait for that is no work.
    pub gates: bool,
    /// What others are made after.
    pub templates: bool,
    /// The town's own: agents, rigs, roles, messages.
    pub furniture: bool,
}

impl Shown {
    /// Everything there is.
    pub const ALL: Self = Self {
        closed: true,
        ..Self::LIVE
    };

    /// Everything that is not closed.
    pub const LIVE: Self = Self {
        closed: false,
        pinned: true,
        gates: true,
        templates: true,
        furniture: true,
    };
}

/// Which labels beads have.
#[derive(Debug, Default)]
pub struct Labels {
    /// All of these.
    pub all: Vec<String>,
    /// One of these, where there are any.
    pub any: Vec<String>,
    /// None of these.
    pub none_of: Vec<String>,
    /// None at all.
    pub none: bool,
    /// One that fits a pattern with `*` and `?`.
    pub glob: Option<String>,
    /// One in which a pattern is found.
    pub pattern: Option<Pattern>,
}

/// A regular expression.
#[derive(Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Returns the pattern that a text is.
    pub fn parse(text: &str) -> Result<Self> {
        Regex::new(text)
            .map(Self)
            .map_err(|error| Fault::invalid(format!("'{text}' is no regular expression: {error}")))
    }
}

impl Labels {
    /// Returns whether anything is asked about labels.
    pub fn is_asked(&self) -> bool {
        !(self.all.is_empty() && self.any.is_empty() && self.none_of.is_empty())
            || self.none
            || self.glob.is_some()
            || self.pattern.is_some()
    }

    fn fit(&self, bead: &BeadRow<'_>) -> bool {
        if !self.is_asked() {
            return true;
        }
        let has = |label: &String| bead.labels().any(|it| it == label);
        let glob = |glob: &String| bead.labels().any(|it| matches(glob, it));
        let pattern = |pattern: &Pattern| bead.labels().any(|it| pattern.0.is_match(it));
        self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && !self.none_of.iter().any(has)
            && !(self.none && bead.labels().next().is_some())
            && self.glob.as_ref().is_none_or(glob)
            && self.pattern.as_ref().is_none_or(pattern)
    }
}

impl Filter {
    /// Returns whether closed beads may fit.
    pub fn wants_closed(&self) -> bool {
        let is_live = |status: &String| Bead::LIVE.contains(&status.as_str());
        match self.statuses.is_empty() {
            true => self.shown.closed,
            false => !self.statuses.iter().all(is_live),
        }
    }

    /// Returns whether a bead fits, which is known of its row, or nothing where its record has to be asked.
    pub fn of_row(&self, bead: &BeadRow<'_>) -> Option<bool> {
        let fits = self.status_fits(bead) && self.kind_fits(bead) && self.traits_fit(bead);
        if !fits {
            return Some(false);
        }
        let mut answer = Some(true);
        for query in &self.queries {
            match query.of_row(bead) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => answer = None,
            }
        }
        answer
    }

    /// Returns whether a bead fits whose row does not say no.
    pub fn of_bead(&self, row: &BeadRow<'_>, bead: &Bead) -> bool {
        self.queries.iter().all(|query| query.of_bead(row, bead))
    }

    fn status_fits(&self, bead: &BeadRow<'_>) -> bool {
        let asked = |words: &[&str]| self.statuses.iter().any(|it| words.contains(&it.as_str()));
        let fits = match self.statuses.is_empty() {
            true => self.shown.closed || !bead.is_closed(),
            false => asked(&[bead.status(), "all"]),
        };
        let hidden = match self.pinned {
            Some(pinned) => pinned != bead.is_pinned(),
            None => {
                let shown = self.shown.pinned || asked(&["pinned", "hooked", "all"]);
                bead.is_pinned() && !shown
            }
        };
        fits && !hidden
    }

    fn kind_fits(&self, bead: &BeadRow<'_>) -> bool {
        let kind = bead.issue_type();
        let hidden = (!self.shown.gates && kind == "gate")
            || (!self.shown.furniture && INFRASTRUCTURE.contains(&kind));
        let hidden = hidden && self.issue_type.as_deref() != Some(kind);
        !hidden && (self.shown.templates || !bead.is_template())
    }

    /// Returns whether what people ask for by name fits.
    fn traits_fit(&self, bead: &BeadRow<'_>) -> bool {
        let same = |asked: &Option<String>, it: Option<&str>| {
            asked.as_deref().is_none_or(|asked| Some(asked) == it)
        };
        let (least, most) = self.priorities;
        self.priority.is_none_or(|it| it == bead.priority())
            && least.is_none_or(|it| it <= bead.priority())
            && most.is_none_or(|it| it >= bead.priority())
            && same(&self.issue_type, Some(bead.issue_type()))
            && !self.other_types.iter().any(|it| it == bead.issue_type())
            && same(&self.assignee, bead.assignee())
            && !(self.unassigned && bead.assignee().is_some())
            && (self.ids.is_empty() || self.ids.iter().any(|it| it == bead.id()))
            && self.parent.as_ref().is_none_or(|it| is_child(bead, it))
            && !(self.no_parent && bead.parent().is_some())
            && self.labels.fit(bead)
    }
}

/// What is looked for in titles and ids, in capitals or not.
#[derive(Debug)]
pub struct Words(String);

impl Words {
    /// Returns what is looked for.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// Returns whether nothing is looked for, which is everywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a text holds it.
    pub fn are_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked() {
        assert!(
            Pattern::parse("tech-(debt|legacy)")
                .unwrap()
                .0
                .is_match("tech-debt")
        );
        for text in ["(", "a{1000000}{1000000}", "[z-a]"] {
            let fault = Pattern::parse(text).unwrap_err().to_string();
            assert!(fault.contains("is no regular expression"), "{fault}");
        }
    }
}
