//! Rules about convoys: one for a claim, and the end of one whose beads are all closed.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{Consequence, Facts, Made};
use crate::bead::SLOT;
use crate::fault::Result;
use crate::ledger::{CloneId, Name, Record, Stamp, digest};
use crate::record::{Bead, Convoy};
use crate::town::View;

/// The greatest length of a title that is made up here, in characters.
const TITLE_MAX: usize = 500;

/// Of how many closed beads the convoys are looked up; of more, all open convoys are looked at.
const LOOKED_UP_MAX: usize = 16;

/// A bead that was slung travels in a convoy: in its own where nobody has put it into one.
///
/// A convoy that ended before the claim was about earlier work. In a rig of a town only the clone that made
/// the claim draws it: another one may have another town, or none.
pub(super) fn claimed(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    let ours = CloneId::known(facts.view.repo());
    let live = facts.changes.beads.iter().filter(|it| !it.is_closed());
    for bead in live {
        let Some(claim) = bead.claim() else { continue };
        let is_ours = ours.as_ref().map(CloneId::as_str) == Some(claim.stamp.clone_part());
        if !is_ours && facts.view.is_of_town()? {
            continue;
        }
        // To hold a slot is no work.
        if bead.labels().any(|label| label == SLOT) {
            continue;
        }
        let [_, "polecats", _] = claim.by.split('/').collect::<Vec<_>>()[..] else {
            continue;
        };
        let cause = [bead.id(), &claim.epoch.to_string()];
        let id = derived_id(&facts.view.town_prefix()?, "cv", "claimed", &cause);
        let view = facts.view;
        if view.convoy(&id)?.is_some() || view.was_purged(Name::Convoys, &claim.stamp)? {
            continue;
        }
        let travels = |it: &Convoy| it.is_live() || it.turned() > claim.stamp;
        if facts.view.convoys_of(bead.id())?.iter().any(travels) {
            continue;
        }
        let title: String = format!("Work: {}", bead.title())
            .chars()
            .take(TITLE_MAX)
            .collect();
        let mut convoy = Convoy::derived(&id, &title, &claim.stamp);
        convoy.add(bead.id(), &claim.stamp);
        found.push(Consequence::Make(Made {
            ledger: Name::Convoys,
            to: None,
            subject: format!("create convoy {id}: {title}"),
            record: convoy.into_record(),
            cause: bead.id().to_owned(),
            actor: claim.by.clone(),
        }));
    }
    Ok(found)
}

/// Returns the id of a record that a rule derives from a cause: everybody derives the same.
pub(super) fn derived_id(prefix: &str, kind: &str, rule: &str, cause: &[&str]) -> String {
    format!("{prefix}-{kind}-{}", derived_digits(rule, cause))
}

/// Returns what tells an id that a rule derives from others.
pub(super) fn derived_digits(rule: &str, cause: &[&str]) -> String {
    let parts: Vec<&[u8]> = std::iter::once(rule)
        .chain(cause.iter().copied())
        .map(str::as_bytes)
        .collect();
    digest(&parts)[..10].to_owned()
}

/// A convoy ends when all its beads have, once: what becomes of them later does not open it again.
pub(super) fn complete(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let done: BTreeSet<&str> = facts.changes.closed.iter().map(String::as_str).collect();
    let mut convoys: BTreeMap<String, Convoy> = BTreeMap::new();
    let mut add = |it: Convoy| convoys.insert(it.id().to_owned(), it);
    if done.len() > LOOKED_UP_MAX {
        let open = facts.view.open_convoys()?.into_iter();
        let travel = open.filter(|it| it.beads().any(|bead| done.contains(bead)));
        travel.for_each(|it| drop(add(it)));
    } else {
        for bead in &done {
            let travel = facts.view.convoys_of(bead)?.into_iter();
            travel.for_each(|it| drop(add(it)));
        }
    }
    for changed in &facts.changes.convoys {
        facts.view.convoy(changed.id())?.map(&mut add);
    }
    let complete = convoys.into_values();
    let complete = complete.filter(|it| completed(facts.view, it.clone()).is_some());
    Ok(complete
        .map(|convoy| Consequence::Complete { convoy })
        .collect())
}

/// Returns the commit's subject and the convoy at its end; nothing while something is left to do.
///
/// Its stamp is the least that exceeds the convoy's and those of its beads' ends.
pub(super) fn completed(view: &View<'_>, mut convoy: Convoy) -> Option<(String, Record)> {
    if !convoy.is_live() || convoy.is_owned() {
        return None;
    }
    let mut last = convoy.record().newest();
    let mut count = 0;
    for id in convoy.beads() {
        // One that is not here yet, or cannot be read, is not done.
        let bead = view
            .bead_anywhere(id)
            .ok()
            .flatten()
            .filter(Bead::is_closed)?;
        last = last.max(bead.record().stamp_of("state"));
        count += 1;
    }
    let reason = match count {
        0 => return None,
        1 => "its bead is closed".to_owned(),
        count => format!("all {count} beads are closed"),
    };
    convoy.close(&reason, "", &Stamp::just_after(&last));
    let subject = format!("close convoy {}: {reason}", convoy.id());
    Some((subject, convoy.into_record()))
}
