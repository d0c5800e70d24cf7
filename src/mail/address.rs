//! Addresses: what is typed, whom it means, and which inboxes somebody reads. Pure.

use std::collections::BTreeSet;

use crate::fault::{Fault, Result};

/// The human, whoever it is.
pub const OVERSEER: &str = "overseer";

const MAYOR: &str = "mayor/";

/// How many addresses an unknown one is answered with.
const SUGGESTIONS_MAX: usize = 8;

/// Everybody who can be written to.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The rig that a short address is completed with.
    pub(super) home: String,
    /// The names of all rigs.
    pub(super) rigs: BTreeSet<String>,
    /// `<rig>/polecats/<name>` and `<rig>/crew/<name>`.
    pub(super) agents: BTreeSet<String>,
    /// People, by the names they act under.
    pub(super) persons: BTreeSet<String>,
}

impl Known {
    /// Adds whoever acts under a name.
    pub(super) fn add(&mut self, actor: &str) {
        let usable =
            actor.len() <= 100 && !actor.is_empty() && !actor.chars().any(char::is_control);
        if !usable {
            return;
        }
        match actor.split('/').collect::<Vec<_>>()[..] {
            [_, "polecats" | "crew", _] => self.agents.insert(actor.to_owned()),
            [_] => self.persons.insert(actor.to_owned()),
            _ => false,
        };
    }

    /// Returns the address that `typed` means.
    pub(super) fn resolve(&self, typed: &str) -> Result<String> {
        let typed = typed.trim();
        let parts: Vec<&str> = typed.split('/').collect();
        let found = match parts[..] {
            ["mayor"] | ["mayor", ""] => Some(MAYOR.to_owned()),
            [OVERSEER | "human"] => Some(OVERSEER.to_owned()),
            [name] if self.rigs.contains(name) || self.persons.contains(name) => {
                Some(name.to_owned())
            }
            [rig, "refinery" | "witness"] if self.rigs.contains(rig) => Some(typed.to_owned()),
            [name] => self.agent(typed, |agent| agent.ends_with(&format!("/{name}")))?,
            [role @ ("polecats" | "crew"), name] => {
                let whole = format!("{}/{role}/{name}", self.home);
                self.agents.get(&whole).cloned()
            }
            [rig, name] => self.agent(typed, |agent| {
                agent.starts_with(&format!("{rig}/")) && agent.ends_with(&format!("/{name}"))
            })?,
            _ => self.agents.get(typed).cloned(),
        };
        found.ok_or_else(|| self.nobody(typed))
    }

    /// Returns the one agent that fits; an error where several do.
    fn agent(&self, typed: &str, fits: impl Fn(&str) -> bool) -> Result<Option<String>> {
        let found: Vec<&String> = self.agents.iter().filter(|it| fits(it)).collect();
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            _ => {
                let all: Vec<&str> = found.iter().map(|it| it.as_str()).collect();
                Err(
                    Fault::not_found(format!("ambiguous: '{typed}' could be {}", all.join(", ")))
                        .hint("type the whole address"),
                )
            }
        }
    }

    fn nobody(&self, typed: &str) -> Fault {
        let fault = Fault::not_found(format!("nobody has the address '{typed}'"));
        fault.hint(format!("there are: {}", self.like(typed).join(", ")))
    }

    /// Returns addresses, those that look most like `typed` first.
    fn like(&self, typed: &str) -> Vec<String> {
        let roles = |rig: &String| {
            [
                format!("{rig}/refinery"),
                format!("{rig}/witness"),
                rig.clone(),
            ]
        };
        let all = [MAYOR.to_owned(), OVERSEER.to_owned()].into_iter();
        let all = all.chain(self.agents.iter().cloned());
        let all = all.chain(self.rigs.iter().flat_map(roles));
        let mut all: Vec<String> = all.chain(self.persons.iter().cloned()).collect();
        let typed = typed.to_lowercase();
        let typed = typed.rsplit('/').find(|it| !it.is_empty()).unwrap_or("");
        let far = |address: &String| {
            let last = address.rsplit('/').find(|it| !it.is_empty());
            distance(&last.unwrap_or_default().to_lowercase(), typed)
        };
        all.sort_by_key(far);
        all.truncate(SUGGESTIONS_MAX);
        all
    }
}

/// Returns how many characters have to be changed, added or removed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Returns the address that whoever acts under a name writes from.
pub(super) fn sender(actor: &str) -> String {
    inboxes(actor).swap_remove(0)
}

/// Returns the inboxes that whoever acts under a name reads: an agent its own, a person what is written to
/// that name and to the human.
pub fn inboxes(actor: &str) -> Vec<String> {
    match actor.trim_end_matches('/') {
        "mayor" => vec![MAYOR.to_owned()],
        OVERSEER => vec![OVERSEER.to_owned()],
        agent if agent.contains('/') => vec![agent.to_owned()],
        person => vec![person.to_owned(), OVERSEER.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut known = Known {
            home: "api".to_owned(),
            rigs: ["api".to_owned(), "web".to_owned()].into(),
            ..Known::default()
        };
        for actor in [
            "api/polecats/nux",
            "api/polecats/toast",
            "web/polecats/toast",
            "api/crew/joe",
            "Ada Lovelace",
            "api/refinery",
            "a\nb",
        ] {
            known.add(actor);
        }
        known
    }

    #[track_caller]
    fn check(typed: &str, want: &str) {
        let got = known().resolve(typed);
        let got = got.unwrap_or_else(|fault| fault.text().message.clone());
        assert_eq!(got, want, "{typed}");
    }

    #[test]
    fn roles_people_and_agents_have_addresses() {
        check("mayor", "mayor/");
        check("mayor/", "mayor/");
        check("overseer", "overseer");
        check("human", "overseer");
        check("Ada Lovelace", "Ada Lovelace");
        check("api", "api");
        check("web/witness", "web/witness");
        check("api/polecats/nux", "api/polecats/nux");
    }

    #[test]
    fn short_forms_are_completed_where_one_fits() {
        check("api/nux", "api/polecats/nux");
        check("nux", "api/polecats/nux");
        check("api/joe", "api/crew/joe");
        check("polecats/toast", "api/polecats/toast");
        check("api/toast", "api/polecats/toast");
        let both = "api/polecats/toast, web/polecats/toast";
        check("toast", &format!("ambiguous: 'toast' could be {both}"));
    }

    #[test]
    fn nobody_else_has_one() {
        for typed in [
            "",
            "/",
            "-f",
            "../x",
            "api/",
            "api/Nux",
            "moon/refinery",
            "a\nb",
        ] {
            check(typed, &format!("nobody has the address '{typed}'"));
        }
        check("deacon/", "nobody has the address 'deacon/'");
    }

    #[test]
    fn suggestions_begin_with_what_looks_alike() {
        let fault = known().resolve("api/nxu").unwrap_err();
        let hint = &fault.text().hints[0];
        assert!(hint.starts_with("there are: api/polecats/nux, "), "{hint}");
        let fault = known().resolve("refinary").unwrap_err();
        let hint = &fault.text().hints[0];
        assert!(hint.starts_with("there are: api/refinery, "), "{hint}");
    }

    #[test]
    fn a_person_reads_what_is_for_the_human_too() {
        assert_eq!(inboxes("ada"), ["ada", "overseer"]);
        assert_eq!(inboxes("mayor"), ["mayor/"]);
        assert_eq!(inboxes("api/polecats/nux"), ["api/polecats/nux"]);
    }
}
