//! Addresses: what is typed, whom it means, and which inboxes somebody reads. Pure: over a [`Directory`].

use std::collections::BTreeSet;

use super::directory::Directory;
use crate::fault::{Fault, Result};
use crate::town::HQ;

/// The human, whoever it is.
pub const OVERSEER: &str = "overseer";

pub(super) const MAYOR: &str = "mayor/";
pub(super) const DEACON: &str = "deacon/";

/// How many addresses an unknown one is answered with.
const SUGGESTIONS_MAX: usize = 8;

/// Addresses that stand for several, with whom they reach; `<rig>` stands for the name of each rig.
const GROUPS: &[(&str, &str)] = &[
    ("@town", "the mayor and the deacon"),
    ("@witnesses", "the witness of every rig"),
    ("@refineries", "the refinery of every rig"),
    ("@overseer", "the human"),
    ("@crew", "the crew of this rig"),
    ("@polecats", "the polecats of this rig"),
    ("@rig/<rig>", "crew and polecats of a rig"),
    ("@crew/<rig>", "the crew of a rig"),
    ("@polecats/<rig>", "the polecats of a rig"),
    ("<rig>/*", "crew and polecats of a rig"),
    ("<rig>/crew/*", "the crew of a rig"),
    ("<rig>/polecats/*", "the polecats of a rig"),
    ("*/witness", "the witness of every rig"),
];

/// Returns whether what was typed may stand for several addresses.
pub(super) fn is_many(typed: &str) -> bool {
    typed.trim().starts_with('@') || typed.contains('*')
}

impl Directory {
    /// Returns the groups and patterns that can be written to, each with whom it reaches.
    pub fn groups(&self) -> Vec<(String, &'static str)> {
        let each = |(group, what): &(&str, &'static str)| -> Vec<(String, &'static str)> {
            if !group.contains("<rig>") {
                return vec![((*group).to_owned(), *what)];
            }
            let rigs = self.rigs.iter();
            rigs.map(|rig| (group.replace("<rig>", rig), *what))
                .collect()
        };
        GROUPS.iter().flat_map(each).collect()
    }

    /// Returns the addresses that `typed` means: of one reader, or of a group or pattern, each of whose
    /// present members is one. Nobody writes to themselves by writing to many.
    pub fn recipients(&self, typed: &str, sender: &str) -> Result<Vec<String>> {
        if !is_many(typed) {
            return Ok(vec![self.resolve(typed)?]);
        }
        let typed = typed.trim();
        let all = match typed.strip_prefix('@') {
            Some(group) => self.group(group)?,
            None => self.matching(typed)?,
        };
        let others: BTreeSet<String> = all.into_iter().filter(|it| it != sender).collect();
        if others.is_empty() {
            return Err(Fault::not_found(format!("'{typed}' reaches nobody now"))
                .hint("git gt mail directory lists who is there"));
        }
        Ok(others.into_iter().collect())
    }

    fn group(&self, group: &str) -> Result<Vec<String>> {
        let home = self.home.as_str();
        let of_rigs = |role: &str| {
            let rigs = self.rigs.iter();
            rigs.map(|rig| format!("{rig}/{role}")).collect()
        };
        Ok(match group.split('/').collect::<Vec<_>>()[..] {
            ["town"] => vec![MAYOR.to_owned(), DEACON.to_owned()],
            ["overseer"] => vec![OVERSEER.to_owned()],
            ["deacons"] => vec![DEACON.to_owned()],
            ["witnesses"] => of_rigs("witness"),
            ["refineries"] => of_rigs("refinery"),
            // HQ has none itself, so there everybody's are meant.
            [role @ ("crew" | "polecats")] if home == HQ => {
                let each = self.rigs.iter().map(|rig| self.present(rig, role));
                each.collect::<Result<Vec<_>>>()?.concat()
            }
            [role @ ("crew" | "polecats")] => self.present(home, role)?,
            [role @ ("crew" | "polecats"), rig] => self.present(rig, role)?,
            ["rig", rig] => self.present(rig, "*")?,
            _ => {
                let all: Vec<&str> = GROUPS.iter().map(|it| it.0).collect();
                let fault = Fault::not_found(format!("there is no group '@{group}'"));
                return Err(fault.hint(format!("there are: {}", all.join(", "))));
            }
        })
    }

    /// Returns the agents of a rig that are there now, of one role or of every one (`*`).
    fn present(&self, rig: &str, role: &str) -> Result<Vec<String>> {
        let of_rig = |address: &String| address.split('/').next() == Some(rig);
        // Agents of a rig may be known before the rig is.
        if !self.rigs.contains(rig) && !self.agents.keys().any(of_rig) {
            let rigs: Vec<&str> = self.rigs.iter().map(String::as_str).collect();
            return Err(Fault::not_found(format!("there is no rig '{rig}'"))
                .hint(format!("there are: {}", rigs.join(", "))));
        }
        let fits = |address: &&String| {
            let parts: Vec<&str> = address.split('/').collect();
            of_rig(address) && (role == "*" || parts[1] == role)
        };
        let all = self.agents.iter().filter(|(_, agent)| agent.is_present);
        let all = all.map(|(address, _)| address).filter(fits).cloned();
        Ok(all.collect())
    }

    /// Returns whom a pattern reaches; a `*` stands for a whole part of an address.
    fn matching(&self, typed: &str) -> Result<Vec<String>> {
        let rigs = |rig: &str| -> Vec<String> {
            if rig == "*" {
                self.rigs.iter().cloned().collect()
            } else {
                vec![rig.to_owned()]
            }
        };
        let each = |rig: &str, role: &str| -> Result<Vec<String>> {
            let all = rigs(rig).into_iter().map(|it| self.present(&it, role));
            Ok(all.collect::<Result<Vec<_>>>()?.concat())
        };
        match typed.split('/').collect::<Vec<_>>()[..] {
            [role @ ("crew" | "polecats"), "*"] => self.present(&self.home, role),
            [rig, "*"] | [rig, "*", "*"] => each(rig, "*"),
            [rig, role @ ("crew" | "polecats"), "*"] => each(rig, role),
            ["*", role @ ("witness" | "refinery")] => self.group(match role {
                "witness" => "witnesses",
                _ => "refineries",
            }),
            _ => Err(
                Fault::invalid(format!("'{typed}' is no pattern of addresses"))
                    .hint("one of: <rig>/*, <rig>/crew/*, <rig>/polecats/*, */witness, */refinery"),
            ),
        }
    }

    /// Returns the one address that `typed` means.
    pub fn resolve(&self, typed: &str) -> Result<String> {
        let typed = typed.trim();
        if is_many(typed) {
            return Err(Fault::invalid(format!("'{typed}' may mean several"))
                .hint("name one of them; git gt mail directory lists them"));
        }
        if let Some(found) = self.one(typed)? {
            return self.on_a_machine(found);
        }
        let at = typed.rsplit_once('@').filter(|(name, _)| !name.is_empty());
        if let Some((name, machine)) = at
            && let Some(found) = self.one(name)?
        {
            return self.on_machine(&found, machine);
        }
        Err(self.nobody(typed))
    }

    fn one(&self, typed: &str) -> Result<Option<String>> {
        let parts: Vec<&str> = typed.split('/').collect();
        let of_home = |role: &str, name: &str| {
            let whole = format!("{}/{role}/{name}", self.home);
            self.agents.contains_key(&whole).then_some(whole)
        };
        Ok(match parts[..] {
            ["mayor"] | ["mayor", ""] => Some(MAYOR.to_owned()),
            ["deacon"] | ["deacon", ""] => Some(DEACON.to_owned()),
            [OVERSEER | "human"] => Some(OVERSEER.to_owned()),
            [name] if self.rigs.contains(name) || self.persons.contains(name) => {
                Some(name.to_owned())
            }
            [rig, "refinery" | "witness"] if self.rigs.contains(rig) => Some(typed.to_owned()),
            [name] => self.agent(typed, |agent| agent.ends_with(&format!("/{name}")))?,
            [role @ ("polecats" | "crew"), name] => of_home(role, name),
            [rig, name] => self.agent(typed, |agent| {
                agent.starts_with(&format!("{rig}/")) && agent.ends_with(&format!("/{name}"))
            })?,
            _ => self.agents.contains_key(typed).then(|| typed.to_owned()),
        })
    }

    /// Returns the one agent that fits, of those that are there where there are any; an error where
    /// several do.
    fn agent(&self, typed: &str, fits: impl Fn(&str) -> bool) -> Result<Option<String>> {
        let all = self.agents.iter().filter(|(address, _)| fits(address));
        let (here, gone): (Vec<_>, Vec<_>) = all.partition(|(_, agent)| agent.is_present);
        let found = if here.is_empty() { gone } else { here };
        let found: Vec<&str> = found.iter().map(|(address, _)| address.as_str()).collect();
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.to_owned())),
            _ => Err(Fault::not_found(format!(
                "ambiguous: '{typed}' could be {}",
                found.join(", ")
            ))
            .hint("type the whole address")),
        }
    }

    /// Returns the address of whoever has one: of an agent that several machines have, the one here.
    fn on_a_machine(&self, address: String) -> Result<String> {
        let machines: Vec<&str> = self.machines_of(&address).collect();
        if machines.len() < 2 {
            return Ok(address);
        }
        if machines.contains(&self.machine.as_str()) {
            return Ok(format!("{address}@{}", self.machine));
        }
        let all: Vec<String> = machines
            .iter()
            .map(|it| format!("{address}@{it}"))
            .collect();
        Err(Fault::not_found(format!(
            "ambiguous: '{address}' could be {}",
            all.join(", ")
        ))
        .hint("type the whole address"))
    }

    fn on_machine(&self, address: &str, machine: &str) -> Result<String> {
        let machines: Vec<&str> = self.machines_of(address).collect();
        if machines.contains(&machine) {
            return Ok(format!("{address}@{machine}"));
        }
        let fault = Fault::not_found(format!("'{address}' is not known on machine '{machine}'"));
        Err(fault.hint(match machines[..] {
            [] => format!("without a machine: {address}"),
            _ => format!("it is known on: {}", machines.join(", ")),
        }))
    }

    fn machines_of(&self, address: &str) -> impl Iterator<Item = &str> {
        let agent = self.agents.get(address).into_iter();
        agent.flat_map(|it| it.machines.iter().map(String::as_str))
    }

    fn nobody(&self, typed: &str) -> Fault {
        let fault = Fault::not_found(format!("nobody has the address '{typed}'"));
        fault.hint(format!("there are: {}", self.like(typed).join(", ")))
    }

    /// Returns addresses, those that look most like `typed` first.
    fn like(&self, typed: &str) -> Vec<String> {
        let mut all: Vec<String> = self.entries().into_iter().map(|it| it.address).collect();
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
pub fn distance(a: &str, b: &str) -> usize {
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

/// Returns the inboxes that whoever acts under a name reads on whatever machine: an agent its own, a person
/// what is written to that name and to the human.
pub fn inboxes(actor: &str) -> Vec<String> {
    match actor.trim_end_matches('/') {
        "mayor" => vec![MAYOR.to_owned()],
        "deacon" => vec![DEACON.to_owned()],
        OVERSEER => vec![OVERSEER.to_owned()],
        agent if agent.contains('/') => vec![agent.to_owned()],
        person => vec![person.to_owned(), OVERSEER.to_owned()],
    }
}

/// Returns the address an agent has on one machine only; nothing for those whom no machine matters to.
pub(super) fn on(address: &str, machine: &str) -> Option<String> {
    let agent = is_agent(address) && !address.contains('@');
    agent.then(|| format!("{address}@{machine}"))
}

/// Returns whether an address is that of a polecat or of somebody of the crew.
pub(super) fn is_agent(address: &str) -> bool {
    let parts: Vec<&str> = address.split('/').collect();
    matches!(parts[..], [rig, "polecats" | "crew", name] if !rig.is_empty() && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Directory {
        let mut known = Directory::new("api", "box");
        known.add_rig("api");
        known.add_rig("web");
        for actor in ["Ada Lovelace", "api/refinery", "a\nb", "x@example.org"] {
            known.add(actor);
        }
        for actor in ["api/polecats/old", "web/polecats/slit"] {
            known.add(actor);
        }
        for actor in [
            "api/polecats/nux",
            "api/polecats/toast",
            "web/polecats/toast",
            "api/crew/joe",
            "api/polecats/slit",
        ] {
            known.add_present(actor);
        }
        for (actor, machine) in [
            ("api/polecats/twin", "box"),
            ("api/polecats/twin", "other"),
            ("api/crew/joe", "box"),
            ("web/crew/far", "one"),
            ("web/crew/far", "two"),
        ] {
            known.add_on(actor, machine);
        }
        known
    }

    #[track_caller]
    fn check(typed: &str, want: &str) {
        let got = known().recipients(typed, "api/polecats/nux");
        let got = got.map(|it| it.join(" "));
        let got = got.unwrap_or_else(|fault| fault.text().message.clone());
        assert_eq!(got, want, "{typed}");
    }

    #[test]
    fn roles_people_and_agents_have_addresses() {
        check("mayor", "mayor/");
        check("mayor/", "mayor/");
        check("deacon", "deacon/");
        check("deacon/", "deacon/");
        check("overseer", "overseer");
        check("human", "overseer");
        check("Ada Lovelace", "Ada Lovelace");
        check("x@example.org", "x@example.org");
        check("api", "api");
        check("web/witness", "web/witness");
        check("web/refinery", "web/refinery");
        check("api/polecats/nux", "api/polecats/nux");
    }

    #[test]
    fn short_forms_are_completed_where_one_fits() {
        check("api/nux", "api/polecats/nux");
        check("nux", "api/polecats/nux");
        check("api/joe", "api/crew/joe");
        check("crew/joe", "api/crew/joe");
        check("polecats/toast", "api/polecats/toast");
        check("api/toast", "api/polecats/toast");
        let both = "api/polecats/toast, web/polecats/toast";
        check("toast", &format!("ambiguous: 'toast' could be {both}"));
        // Those that have gone are written to by their names, and stand behind those that are there.
        check("old", "api/polecats/old");
        check("slit", "api/polecats/slit");
        check("web/slit", "web/polecats/slit");
    }

    #[test]
    fn machines_tell_agents_of_one_name_apart() {
        check("twin", "api/polecats/twin@box");
        check("api/twin@other", "api/polecats/twin@other");
        check("joe", "api/crew/joe");
        check("joe@box", "api/crew/joe@box");
        let wrong = "'api/crew/joe' is not known on machine 'moon'";
        check("joe@moon", wrong);
        let both = "web/crew/far@one, web/crew/far@two";
        check("far", &format!("ambiguous: 'web/crew/far' could be {both}"));
        check("@box", "there is no group '@box'");
        check("far@", "'web/crew/far' is not known on machine ''");
        check("mayor@box", "'mayor/' is not known on machine 'box'");
    }

    #[test]
    fn many_are_everybody_who_is_there_but_the_sender() {
        check(
            "api/*",
            "api/crew/joe api/polecats/slit api/polecats/toast api/polecats/twin",
        );
        check(
            "@rig/api",
            "api/crew/joe api/polecats/slit api/polecats/toast api/polecats/twin",
        );
        check(
            "@polecats",
            "api/polecats/slit api/polecats/toast api/polecats/twin",
        );
        check(
            "polecats/*",
            "api/polecats/slit api/polecats/toast api/polecats/twin",
        );
        check("@crew", "api/crew/joe");
        check("web/polecats/*", "web/polecats/toast");
        check("@polecats/web", "web/polecats/toast");
        check("*/crew/*", "api/crew/joe web/crew/far");
        check("*/witness", "api/witness web/witness");
        check("@witnesses", "api/witness web/witness");
        check("@refineries", "api/refinery web/refinery");
        check("@town", "deacon/ mayor/");
        check("@overseer", "overseer");
    }

    #[test]
    fn groups_at_hq_are_those_of_every_rig() {
        let mut hq = known();
        hq.home = "hq".to_owned();
        let crew = hq.recipients("@crew", "mayor/").expect("there is a crew");
        assert_eq!(crew, ["api/crew/joe", "web/crew/far"]);
        let polecats = hq.recipients("@polecats", "mayor/").expect("there are");
        assert!(
            polecats.contains(&"web/polecats/toast".to_owned()),
            "{polecats:?}"
        );
    }

    #[test]
    fn groups_and_patterns_without_sense_are_refused() {
        check("@moon", "there is no group '@moon'");
        check("@", "there is no group '@'");
        check("@rig/moon", "there is no rig 'moon'");
        check("moon/*", "there is no rig 'moon'");
        check("api/n*", "'api/n*' is no pattern of addresses");
        check("*", "'*' is no pattern of addresses");
        check("api/*@box", "'api/*@box' is no pattern of addresses");
        let fault = known().resolve("@town").unwrap_err();
        assert_eq!(fault.text().message, "'@town' may mean several");
        let mut alone = Directory::new("api", "box");
        alone.add_rig("api");
        alone.add_present("api/crew/joe");
        let fault = alone.recipients("@crew", "api/crew/joe").unwrap_err();
        assert_eq!(fault.text().message, "'@crew' reaches nobody now");
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
            "nobody@box",
        ] {
            check(typed, &format!("nobody has the address '{typed}'"));
        }
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
        assert_eq!(inboxes("deacon"), ["deacon/"]);
        assert_eq!(inboxes("api/polecats/nux"), ["api/polecats/nux"]);
    }
}
