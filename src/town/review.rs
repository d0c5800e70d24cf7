//! What has to be approved before it lands, and who may approve it: the settings `review`, `review.by`,
//! `review.self` and `protected`, read fail-closed.

use super::{Target, View};
use crate::fault::{Fault, Result};
use crate::git::{Oid, name_fits, path_fits, pattern_flaw};

/// How many approvals what lands on some branches needs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    /// A pattern of branches; nothing: every branch that no pattern fits.
    branches: Option<String>,
    count: usize,
}

/// What has to be approved, and who may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    needs: Vec<Need>,
    /// Patterns of those who may approve; none: everybody but polecats.
    by: Vec<String>,
    by_itself: bool,
    protected: Vec<String>,
}

/// Returns what stands between commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty())
}

fn needs(text: &str) -> Option<Vec<Need>> {
    let each = listed(text).map(|it| {
        let (branches, count) = match it.split_once('=') {
            Some((branches, count)) => (Some(branches.trim().to_owned()), count.trim()),
            None => (None, it),
        };
        let count = count.parse().ok().filter(|count| *count <= 20)?;
        if branches
            .as_deref()
            .is_some_and(|it| pattern_flaw(it).is_some())
        {
            return None;
        }
        Some(Need { branches, count })
    });
    each.collect()
}

/// Returns whether the value of `review` can be understood.
pub(super) fn is_need(text: &str) -> bool {
    needs(text).is_some()
}

/// Returns what is wrong with the first of several patterns that nothing can fit, and which one that is.
pub(super) fn flaw(text: &str) -> Option<(&str, &'static str)> {
    listed(text).find_map(|it| Some((it, pattern_flaw(it)?)))
}

impl Review {
    /// Returns how many approvals what lands on a branch needs: the greatest number of the patterns that
    /// fit it, else the one without a pattern, else none.
    pub fn needs(&self, branch: &str) -> usize {
        let fits = |it: &&Need| {
            let pattern = it.branches.as_deref();
            pattern.is_some_and(|pattern| name_fits(pattern, branch))
        };
        let special = self.needs.iter().filter(fits).map(|it| it.count).max();
        let general = self.needs.iter().filter(|it| it.branches.is_none());
        special
            .or_else(|| general.map(|it| it.count).max())
            .unwrap_or_default()
    }

    /// Returns whether somebody is among those who approve.
    pub fn may_approve(&self, who: &str) -> bool {
        match self.by.is_empty() {
            true => !who.contains("/polecats/"),
            false => self.by.iter().any(|pattern| name_fits(pattern, who)),
        }
    }

    /// Returns whether who did the work may approve it.
    pub fn by_itself(&self) -> bool {
        self.by_itself
    }

    /// Returns who may approve, in words.
    pub fn approvers(&self) -> String {
        let by = match self.by.is_empty() {
            true => "everybody but polecats".to_owned(),
            false => self.by.join(", "),
        };
        match self.by_itself {
            true => by,
            false => format!("{by}, but nobody their own work"),
        }
    }

    /// Returns whether there are paths whose changes need an approval.
    pub fn protects(&self) -> bool {
        !self.protected.is_empty()
    }

    /// Returns whether changes of a path need an approval.
    pub fn protects_path(&self, path: &[u8]) -> bool {
        self.protected.iter().any(|it| path_fits(it, path))
    }
}

impl View<'_> {
    /// Returns what has to be approved in a rig. A setting that cannot be read is an error: what it was
    /// meant to keep out must not get in.
    pub fn review(&self, rig: &str) -> Result<Review> {
        let rig = self.rig(rig)?;
        let said = |name: &str| -> String {
            let shared = || rig.as_ref().map(|it| it.record().text(name).to_owned());
            let own = self.repo().setting(&format!("gt.{name}"));
            own.or_else(shared).unwrap_or_default()
        };
        let bad = |name: &str, hint: &str| {
            Fault::invalid(format!("gt.{name} is '{}'", said(name))).hint(hint)
        };
        let list = |name: &str| listed(&said(name)).map(str::to_owned).collect();
        for name in ["protected", "review.by"] {
            if let Some((pattern, why)) = flaw(&said(name)) {
                return Err(bad(name, &format!("the pattern '{pattern}' {why}")));
            }
        }
        let by_itself = match said("review.self").as_str() {
            "" => false,
            said => super::settings::boolean(said)
                .ok_or_else(|| bad("review.self", "it can be true or false"))?,
        };
        Ok(Review {
            needs: needs(&said("review")).ok_or_else(|| bad("review", REVIEW_HINT))?,
            by: list("review.by"),
            by_itself,
            protected: list("protected"),
        })
    }

    /// Returns the commit of a branch that work lands on, as it is known here.
    pub fn known_tip(&self, branch: &str) -> Result<Option<Oid>> {
        let Some(home) = self.home() else {
            return Ok(None);
        };
        let target: Target = home.target(Some(branch))?;
        home.known_tip(&target)
    }
}

/// What `review` can be.
pub(super) const REVIEW_HINT: &str =
    "a number of approvals up to 20, and others for branches: 1, release/*=2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_may_need_more_approvals_than_others() {
        let check = |text: &str, branch: &str, count: usize| {
            let review = Review {
                needs: needs(text).expect("it can be understood"),
                ..Review::default()
            };
            assert_eq!(review.needs(branch), count, "{text}: {branch}");
        };
        check("", "main", 0);
        check("1", "main", 1);
        check("1, release/*=2", "main", 1);
        check("1, release/*=2", "release/7", 2);
        check("release/*=2, *=1", "release/7", 2);
        check("2, sandbox=0", "sandbox", 0);
        for text in ["one", "1 2", "main=", "=", "-1", "21", "main=x", "1, [[=2"] {
            assert_eq!(needs(text), None, "{text}");
        }
    }

    #[test]
    fn polecats_do_not_approve_unless_they_are_named() {
        let mut review = Review::default();
        assert!(review.may_approve("ada") && !review.may_approve("api/polecats/nux"));
        review.by = vec!["api/*".to_owned()];
        assert!(!review.may_approve("ada") && review.may_approve("api/polecats/nux"));
    }
}
