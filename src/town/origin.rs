//! Where a rig comes from: the URL it is cloned from, and what of it the town notes.

use std::path::Path;

use super::{Home, Wanted};
use crate::fault::{Fault, Result};
use crate::git::{Repo, without_password};
use crate::record::Rig;

/// Where a rig is cloned from.
#[derive(Debug)]
pub(super) struct Origin {
    /// The URL, which may hold a password.
    pub(super) url: String,
    /// What HQ notes, which travels.
    pub(super) noted: String,
    /// Whether HQ knows the rig under another URL, so that what is there must be that rig.
    pub(super) is_mirror: bool,
}

impl Origin {
    fn of(url: String) -> Self {
        let noted = without_password(&url);
        Self {
            url,
            noted,
            is_mirror: false,
        }
    }
}

/// Returns where a rig comes from; refuses what contradicts the clone that is `here`, or what HQ knows.
pub(super) fn origin(
    hq: &Home,
    wanted: &Wanted<'_>,
    known: Option<&Rig>,
    here: Option<&Repo>,
) -> Result<Origin> {
    let name = wanted.name;
    let there = here.map(|repo| repo.setting("remote.origin.url").unwrap_or_default());
    let Some(typed) = wanted.url else {
        return match (there, known.filter(|rig| !rig.url().is_empty())) {
            (Some(url), None) => Ok(Origin::of(url)),
            (None, Some(rig)) => Ok(Origin::of(rig.url().to_owned())),
            (Some(url), Some(rig)) => Ok(Origin {
                noted: rig.url().to_owned(),
                ..Origin::of(url)
            }),
            (None, None) => Err(Fault::not_found(format!("this town knows no rig '{name}'"))
                .hint(format!("where is it? git gt rig add {name} <url>"))),
        };
    };
    let new = Origin::of(absolute(hq, typed)?);
    if let Some(url) = there.filter(|url| *url != new.url) {
        let (url, said) = (
            without_password(&url),
            format!("rig '{name}' is there already"),
        );
        return Err(
            Fault::refused(format!("{said}, from '{url}'")).hint(format!(
                "to take it as it is: git gt rig add {name}; else choose another name"
            )),
        );
    }
    match known.map(Rig::url) {
        Some(known) if known != new.noted => Ok(Origin {
            noted: known.to_owned(),
            is_mirror: true,
            ..new
        }),
        _ => Ok(new),
    }
}

/// Returns a URL as it is, a path made absolute.
fn absolute(hq: &Home, typed: &str) -> Result<String> {
    let bad = |what: &str| {
        Err(Fault::invalid(format!("{what} cannot be cloned"))
            .hint("say where the repository is: git gt rig add <name> <url>"))
    };
    if typed.is_empty() {
        return bad("an empty URL");
    }
    let path = hq.world().cwd().join(typed);
    let url = match path.canonicalize() {
        Ok(path) if path.is_dir() => path.display().to_string(),
        _ => typed.to_owned(),
    };
    if url.chars().any(char::is_control) {
        return bad("a URL or a path with a line break or another control character in it");
    }
    if Path::new(&url) == hq.repo().root() {
        return Err(
            Fault::refused(format!("'{url}' is HQ of this town, and HQ holds no code"))
                .hint("add a repository that agents are to work in: git gt rig add <name> <url>"),
        );
    }
    Ok(url)
}

/// Refuses a clone that is another rig than the one HQ knows under its name.
pub(super) fn refuse_stranger(known: Option<&Rig>, repo: &Repo, found: Option<&Rig>) -> Result<()> {
    let Some(known) = known else {
        return Ok(());
    };
    let fits = |it: &Rig| it.name() == known.name() && it.prefix() == known.prefix();
    if found.is_some_and(fits) {
        return Ok(());
    }
    let url = repo.setting("remote.origin.url").unwrap_or_default();
    let (name, prefix) = (known.name(), known.prefix());
    Err(Fault::refused(format!(
        "'{}' is not the rig '{name}' that this town knows, from '{}', with ids that begin with \
         {prefix}-",
        without_password(&url),
        known.url()
    ))
    .hint("is it that one all the same? its ledgers were not pushed there yet: git gt sync")
    .hint("choose another name")
    .hint(format!(
        "or have it instead of the other one: git gt rig remove {name}"
    )))
}
