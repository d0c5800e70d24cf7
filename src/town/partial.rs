//! Which id somebody means who typed a part of one.

use crate::fault::{Fault, Result};

/// How many candidates an ambiguous id is answered with.
const CANDIDATES_MAX: usize = 10;

/// Returns the one of `ids` that `typed` stands for: the whole id, or a part of what follows its prefix
/// that no other one has. Nothing where none fits; an error where several do.
pub fn pick<'a>(ids: impl IntoIterator<Item = &'a str>, typed: &str) -> Result<Option<&'a str>> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for id in ids {
        if id == typed || hash(id) == typed {
            return Ok(Some(id));
        }
        if hash(id).contains(typed) || id.starts_with(typed) {
            found.push(id);
        }
    }
    if found.len() < 2 {
        return Ok(found.pop());
    }
    found.sort_unstable();
    let more = if found.len() > CANDIDATES_MAX {
        ", …"
    } else {
        ""
    };
    found.truncate(CANDIDATES_MAX);
    Err(Fault::not_found(format!(
        "ambiguous: \"{typed}\" could be {}{more}",
        found.join(", ")
    ))
    .hint("type more of the id"))
}

fn hash(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(_, hash)| hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &str, typed: &str, want: Option<&str>) {
        let got = pick(ids.split(' '), typed).map(|it| it.unwrap_or("nothing"));
        assert_eq!(got.ok(), want, "{typed}");
    }

    #[test]
    fn a_part_is_enough_where_it_is_of_one() {
        check("gt-cv-4k2xa gt-cv-9zzzz", "4k2", Some("gt-cv-4k2xa"));
        check("gt-cv-4k2xa gt-cv-4k2xb", "4k2", None);
        check(
            "gt-cv-4k2xa gt-cv-4k2xb",
            "gt-cv-4k2xb",
            Some("gt-cv-4k2xb"),
        );
        check("gt-cv-4k2 gt-cv-4k2xb", "4k2", Some("gt-cv-4k2"));
        check("gt-cv-4k2xa", "gt-cv-4k", Some("gt-cv-4k2xa"));
        check("gt-cv-4k2xa", "zz", Some("nothing"));
        check("gt-cv-4k2xa", " ", Some("nothing"));
    }
}
