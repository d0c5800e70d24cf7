//! Which convoy somebody means, and which beads: also such as are not here yet.

use crate::bead;
use crate::fault::{Fault, Result};
use crate::record::Convoy;
use crate::town::{View, pick};

/// Returns the convoy that was meant: by its id, or a part that no other one has.
pub fn resolve(view: &View<'_>, prefix: &str, typed: &str) -> Result<Convoy> {
    let typed = typed.trim();
    for id in [
        typed.to_owned(),
        format!("{prefix}-{typed}"),
        format!("{prefix}-cv-{typed}"),
    ] {
        if let Some(convoy) = view.convoy(&id)? {
            return Ok(convoy);
        }
    }
    if let Some(convoy) = numbered(view, typed)? {
        return Err(
            Fault::not_found(format!("'{typed}' is a number of the list")).hint(format!(
                "numbers change with the list, and only show takes them; it is {} now",
                convoy.id()
            )),
        );
    }
    let found = pick(view.convoy_ids()?, typed)?;
    let found = found.map(|id| view.convoy(id)).transpose()?.flatten();
    found.ok_or_else(|| {
        Fault::not_found(format!("there is no convoy '{typed}'"))
            .hint("git gt convoy list --all shows every one")
    })
}

/// Returns open convoys, the newest first: the order in which they are numbered from one.
pub fn open(view: &View<'_>) -> Result<Vec<Convoy>> {
    let mut all = view.open_convoys()?;
    sort(&mut all);
    Ok(all)
}

/// Puts convoys in the order in which they are listed, the newest first.
pub fn sort(convoys: &mut [Convoy]) {
    convoys.sort_by_cached_key(|it| std::cmp::Reverse((it.made(), it.id().to_owned())));
}

/// Returns the convoy that was meant by a number of the list of open ones, or as [`resolve`] does.
pub fn resolve_numbered(view: &View<'_>, prefix: &str, typed: &str) -> Result<Convoy> {
    match numbered(view, typed.trim())? {
        Some(found) => Ok(found),
        None => resolve(view, prefix, typed),
    }
}

/// Returns the open convoy of a number, nothing for what is none.
fn numbered(view: &View<'_>, typed: &str) -> Result<Option<Convoy>> {
    match typed.parse::<usize>() {
        Ok(number @ 1..=999) => Ok(open(view)?.into_iter().nth(number - 1)),
        _ => Ok(None),
    }
}

/// Returns the id of the bead that was meant, and whether it is here; a whole id may be that of a bead
/// that has yet to arrive.
pub fn bead_id(view: &View<'_>, prefix: &str, typed: &str) -> Result<(String, bool)> {
    let typed = typed.trim();
    let deleted = view.bead(typed)?.is_some_and(|bead| bead.is_deleted());
    if deleted {
        return Err(Fault::refused(format!("bead {typed} was deleted")));
    }
    match bead::resolve(view, prefix, typed) {
        Ok(found) => return Ok((found.id().to_owned(), true)),
        Err(Fault::NotFound(_)) => {}
        Err(fault) => return Err(fault),
    }
    // Says so where several beads could be meant.
    pick(view.bead_index()?.ids()?, typed)?;
    if is_whole_id(typed) {
        return Ok((typed.to_owned(), false));
    }
    Err(
        Fault::not_found(format!("no issue found matching \"{typed}\""))
            .hint("a bead that is not here yet is named by its whole id: gt-4k2xa"),
    )
}

/// Returns whether a word looks like the whole id of a bead: a prefix, a dash, the rest.
fn is_whole_id(word: &str) -> bool {
    let formed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    word.len() <= 100
        && word.chars().all(formed)
        && word
            .split_once('-')
            .is_some_and(|(prefix, rest)| starts(prefix) && starts(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_paths_and_words_are_no_ids() {
        for word in ["gt-4k2xa", "gt-4k2xa.1", "hq-mol-abc"] {
            assert!(is_whole_id(word), "{word}");
        }
        for word in [
            "", "-f", "--force", "gt", "gt-", "../gt-1", "gt-a/b", "gt-a b",
        ] {
            assert!(!is_whole_id(word), "{word}");
        }
    }
}
