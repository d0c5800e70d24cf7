//! Names of polecats: a pool, then numbers.

use crate::fault::{Fault, Result};

/// The pool, in the order names are given out.
const POOL: &[&str] = &[
    "furiosa",
    "nux",
    "slit",
    "rictus",
    "dementus",
    "capable",
    "toast",
    "dag",
    "cheedo",
    "valkyrie",
    "keeper",
    "morsov",
    "ace",
    "warboy",
    "imperator",
    "organic",
    "coma",
    "splendid",
    "angharad",
    "max",
    "immortan",
    "bullet",
    "toecutter",
    "goose",
    "nightrider",
    "glory",
    "scrotus",
    "chumbucket",
    "corpus",
    "dinki",
    "prime",
    "vuvalini",
    "rockryder",
    "wretched",
    "buzzard",
    "gastown",
    "bullet-farmer",
    "citadel",
    "wasteland",
    "fury",
    "road-warrior",
    "interceptor",
    "blackfinger",
    "wraith",
    "chrome",
    "shiny",
    "mediocre",
    "guzzoline",
    "aqua-cola",
];

/// Words that mean somebody else in an address.
const RESERVED: &[&str] = &["witness", "mayor", "deacon", "refinery", "crew", "polecats"];

/// Returns the names to be tried for a new polecat, the preferred one first.
pub(super) fn candidates() -> impl Iterator<Item = String> {
    let numbers = (POOL.len() + 1..).map(|number| number.to_string());
    POOL.iter().map(|name| (*name).to_owned()).chain(numbers)
}

/// Returns whether a name is one of the pool.
pub(super) fn is_of_pool(name: &str) -> bool {
    POOL.contains(&name)
}

/// Refuses what cannot be the name of an agent: `[a-z0-9][a-z0-9-]*` (DESIGN 4).
pub(super) fn check(name: &str) -> Result<()> {
    let formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let bad = name.is_empty()
        || name.len() > 40
        || name.starts_with('-')
        || !name.chars().all(formed)
        || RESERVED.contains(&name);
    if bad {
        return Err(
            Fault::invalid(format!("'{name}' cannot be the name of an agent"))
                .hint("use lower-case letters, digits and dashes: nux, toast-2"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_pool_is_a_name() {
        candidates()
            .take(POOL.len() + 5)
            .for_each(|name| check(&name).unwrap());
    }

    #[test]
    fn what_could_be_an_option_a_path_or_a_role_is_no_name() {
        for name in ["", "-f", "a/b", "..", "Nux", "nux ", "crew", "refinery"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
