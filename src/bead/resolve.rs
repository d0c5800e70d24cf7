//! Which bead somebody means who typed part of an id.

use super::beads::Beads;
use crate::fault::{Fault, Result};
use crate::record::Bead;
use crate::town::View;

/// How many candidates an ambiguous id is answered with.
const CANDIDATES_MAX: usize = 10;

/// Returns the bead `typed` stands for: its whole id, the id without `prefix`, or a part of what follows
/// the prefix that no other bead has.
///
/// Only the last of these asks the index. Deleted beads are not found.
pub fn resolve(view: &View<'_>, prefix: &str, typed: &str) -> Result<Bead> {
    let typed = typed.trim();
    let none = || Fault::not_found(format!("no issue found matching \"{typed}\""));
    if typed.is_empty() {
        return Err(none());
    }
    let prefixed = format!("{prefix}-{typed}");
    for id in [typed, prefixed.as_str()] {
        match view.bead(id)? {
            // Whoever types the whole id of what is gone means nothing else whose id it is a part of.
            Some(bead) if bead.is_deleted() => return Err(none()),
            Some(bead) => return Ok(bead),
            None => {}
        }
    }
    let found = candidates(&Beads::of(view).ids()?, typed);
    match &found[..] {
        [] => Err(elsewhere(view, typed)
            .unwrap_or_else(|| none().hint("git gt list --all shows every bead"))),
        [id] => view.bead(id)?.ok_or_else(none),
        ids => {
            let more = if ids.len() > CANDIDATES_MAX {
                ", …"
            } else {
                ""
            };
            Err(Fault::not_found(format!(
                "ambiguous: \"{typed}\" could be {}{more}",
                ids[..ids.len().min(CANDIDATES_MAX)].join(", ")
            ))
            .hint("type more of the id"))
        }
    }
}

/// Returns what is to be said of an id that is another rig's.
fn elsewhere(view: &View<'_>, typed: &str) -> Option<Fault> {
    match view.home_of(typed)? {
        Ok(there) if there.repo().common_dir() != view.repo().common_dir() => {
            let rig = there.rig().name();
            let fault =
                Fault::not_found(format!("'{typed}' is a bead of {rig} and not of this rig"));
            Some(fault.hint(format!("go there, or say so: git gt --rig {rig} ...")))
        }
        Err(fault @ Fault::NotFound(_)) => Some(fault),
        Ok(_) | Err(_) => None,
    }
}

/// Returns the ids whose hash is `typed`, else those whose hash has it as a part.
fn candidates<'a>(ids: &[&'a str], typed: &str) -> Vec<&'a str> {
    let part = typed
        .rsplit_once('-')
        .filter(|(front, _)| looks_like_prefix(front));
    let (front, part) = part.map_or((None, typed), |(front, part)| (Some(front), part));
    let fits = ids.iter().copied().filter(|id| {
        let (prefix, hash) = split(id);
        front.is_none_or(|front| front == prefix) && !part.is_empty() && hash.contains(part)
    });
    let mut fits: Vec<&str> = fits.collect();
    fits.sort_unstable();
    let is_exact = |id: &&str| split(id).1 == part;
    let exact: Vec<&str> = fits.iter().copied().filter(is_exact).collect();
    if exact.is_empty() { fits } else { exact }
}

fn looks_like_prefix(front: &str) -> bool {
    !front.is_empty() && front.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn split(id: &str) -> (&str, &str) {
    id.rsplit_once('-').unwrap_or(("", id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &str, typed: &str, want: &str) {
        let ids: Vec<&str> = ids.split(' ').collect();
        assert_eq!(candidates(&ids, typed).join(" "), want, "{typed}");
    }

    #[test]
    fn a_part_of_the_hash_is_enough() {
        check("gt-4k2xa gt-9zzzz", "4k2", "gt-4k2xa");
        check("gt-4k2xa gt-4k2xb", "4k2", "gt-4k2xa gt-4k2xb");
        check("gt-4k2xa", "gt-4k", "gt-4k2xa");
        check("gt-4k2xa hq-4k2xa", "hq-4k", "hq-4k2xa");
        check("gt-4k2xa", "zz", "");
    }

    #[test]
    fn a_whole_hash_beats_a_part() {
        check("gt-4k2 gt-4k2xa", "4k2", "gt-4k2");
        check("gt-4k2xa gt-4k2xa.1", "4k2xa", "gt-4k2xa");
        check("gt-mol-abc gt-abcd", "abc", "gt-mol-abc");
    }
}
