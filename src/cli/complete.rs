//! `git gt complete`: what a shell offers next. Commands and options come from the parser, ids and names
//! from the ledgers; where there are none, it says nothing and is no error.

use std::collections::BTreeSet;

use clap::{Arg, Command};
use serde_json::{Value, json};

use super::Context;
use super::manual;
use super::reply::{Reply, printable};
use crate::bead::{Beads, memories};
use crate::fault::Result;
use crate::mail::{self, Directory, Inbox};
use crate::text::one_line;
use crate::town::{self, Home, KEYS};
use crate::{agent, convoy};

/// Print what may follow the words, each with what it is for
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The words typed after git gt; the last one is being typed
    #[arg(value_name = "WORD", last = true)]
    words: Vec<String>,
}

/// What may be typed, and what it is for.
type Candidate = (String, String);

type Source = fn(&Home, &Place<'_>) -> Result<Vec<Candidate>>;

/// Where values come from, by the name that the parser has for them. A new kind is a new line.
const SOURCES: &[(&str, Source)] = &[
    ("ADDR", addresses),
    ("BEAD", beads),
    ("BEAD|TARGET", beads),
    ("BRANCH", branches),
    ("CHECK", checks),
    ("CLASS", classes),
    ("CONVOY", convoys),
    ("CREW", crews),
    ("EVENT", events),
    ("GATE", gates),
    ("GROUP", groups),
    ("HANDOFF", handoffs),
    ("ID", beads),
    ("KEY", keys),
    ("MAIL", mails),
    ("NAME", names),
    ("OFFER", offers),
    ("POLECAT", polecats),
    ("REQUEST", requests),
    ("RIG", rigs),
    ("SAVED", saved),
    ("TARGET", beads),
    ("TYPE:ID", beads),
    ("WHO", workers),
];

pub(crate) fn run(cx: &Context, root: &Command, args: &Args) -> Result<Reply> {
    let (current, typed) = match args.words.split_last() {
        Some((current, typed)) => (current.as_str(), typed),
        None => ("", &[][..]),
    };
    let place = Place::find(root, typed, current);
    let found = place.candidates(cx, root);
    let value: Vec<Value> = found
        .iter()
        .map(|(value, what)| json!({ "value": value, "description": what }))
        .collect();
    let lines = found
        .iter()
        .map(|(value, what)| format!("{value}\t{}\n", printable(&one_line(what))));
    Ok(Reply::new(json!(value), lines.collect::<String>()))
}

/// Where in the command line the next word stands.
struct Place<'a> {
    /// The names of the commands so far.
    path: Vec<&'a str>,
    command: &'a Command,
    /// The words so far that are neither commands nor options.
    values: Vec<&'a str>,
    /// The option whose value comes next.
    option: Option<&'a Arg>,
    /// Whether options are over.
    is_over: bool,
    /// The folder of `-C`.
    dir: Option<&'a str>,
    /// The rig that was named.
    rig: Option<&'a str>,
    current: &'a str,
}

impl<'a> Place<'a> {
    fn find(root: &'a Command, typed: &'a [String], current: &'a str) -> Self {
        let mut place = Self {
            path: Vec::new(),
            command: root,
            values: Vec::new(),
            option: None,
            is_over: false,
            dir: None,
            rig: None,
            current,
        };
        for word in typed {
            if let Some(option) = place.option.take() {
                if option.get_id() == "chdir" {
                    place.dir = Some(word);
                }
                if option.get_id() == "rig" {
                    place.rig = Some(word);
                }
            } else if word == "--" {
                place.is_over = true;
            } else if word.starts_with('-') && word.len() > 1 && !place.is_over {
                place.option = place.open_option(root, word);
            } else if let Some(command) = place.subcommand(word) {
                place.command = command;
                place.path.push(command.get_name());
            } else {
                place.values.push(word);
            }
        }
        place
    }

    fn subcommand(&self, word: &str) -> Option<&'a Command> {
        let found = self.command.find_subcommand(word)?;
        self.values.is_empty().then_some(found)
    }

    /// Returns the options that may stand here.
    fn options(&self, root: &'a Command) -> impl Iterator<Item = &'a Arg> {
        let global = root.get_arguments().filter(|it| it.is_global_set());
        let own = self.command.get_arguments();
        own.filter(|it| !it.is_global_set())
            .chain(global)
            .filter(|it| !it.is_positional() && !it.is_hide_set())
    }

    /// Returns the option that `word` leaves without its value.
    fn open_option(&self, root: &'a Command, word: &str) -> Option<&'a Arg> {
        let takes = |it: &&Arg| it.get_action().takes_values();
        if let Some(long) = word.strip_prefix("--") {
            return self.long(root, long).filter(takes);
        }
        // Of several letters the first one with a value has the rest as its value.
        let mut letters = word[1..].chars();
        let with_value = letters.find_map(|letter| {
            let mut options = self.options(root).filter(takes);
            options.find(|it| {
                it.get_short_and_visible_aliases()
                    .is_some_and(|all| all.contains(&letter))
            })
        });
        with_value.filter(|_| letters.as_str().is_empty())
    }

    fn long(&self, root: &'a Command, name: &str) -> Option<&'a Arg> {
        self.options(root).find(|it| {
            it.get_long_and_visible_aliases()
                .is_some_and(|all| all.contains(&name))
        })
    }

    /// Returns all that may stand here and begins like the word being typed.
    fn candidates(&self, cx: &Context, root: &'a Command) -> Vec<Candidate> {
        let offer = |found: Vec<Candidate>, current: &str| -> Vec<Candidate> {
            let fits = |it: &Candidate| it.0.starts_with(current);
            found.into_iter().filter(fits).collect()
        };
        if let Some(option) = self.option {
            return offer(self.values_of(cx, option), self.current);
        }
        if self.current.starts_with('-') && !self.is_over {
            let Some((name, value)) = self.current.split_once('=') else {
                return offer(self.option_names(root), self.current);
            };
            let Some(option) = self.long(root, name.trim_start_matches('-')) else {
                return Vec::new();
            };
            let found = offer(self.values_of(cx, option), value);
            let whole = |(value, what)| (format!("{name}={value}"), what);
            return found.into_iter().map(whole).collect();
        }
        let mut found = Vec::new();
        if self.values.is_empty() {
            found.extend(commands(self.command));
        }
        if self.path == ["help"] {
            found.extend(self.help(root));
        } else if let Some(arg) = self.positional() {
            found.extend(self.values_of(cx, arg));
        }
        found.retain(|it| !self.values.contains(&it.0.as_str()));
        offer(found, self.current)
    }

    fn option_names(&self, root: &'a Command) -> Vec<Candidate> {
        let names = self.options(root).flat_map(|it| {
            let what = it.get_help().map(ToString::to_string).unwrap_or_default();
            let long = it.get_long().map(|name| format!("--{name}"));
            let short = it.get_short().map(|name| format!("-{name}"));
            let name = long.or(short);
            name.map(|name| (name, what))
        });
        names.collect()
    }

    /// Returns the argument that the word being typed is a value of.
    fn positional(&self) -> Option<&'a Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().collect();
        let is_many = |it: &&&Arg| {
            let many = it.get_num_args().is_some_and(|it| it.max_values() > 1);
            many || matches!(it.get_action(), clap::ArgAction::Append)
        };
        let last = || all.iter().find(is_many);
        all.get(self.values.len()).or_else(last).copied()
    }

    /// Returns what may stand for an argument.
    fn values_of(&self, cx: &Context, arg: &Arg) -> Vec<Candidate> {
        let possible = arg.get_possible_values();
        if !possible.is_empty() {
            let value = |it: &clap::builder::PossibleValue| {
                let what = it.get_help().map(ToString::to_string).unwrap_or_default();
                (it.get_name().to_owned(), what)
            };
            return possible.iter().map(value).collect();
        }
        let name = arg.get_value_names().and_then(|it| it.first());
        let name = match arg.get_id().as_str() {
            "agent" | "actor" => arg.get_id().as_str(),
            _ => name.map_or("", |it| it.as_str()),
        };
        let world = self.dir.map(|dir| cx.world.at(dir.as_ref()));
        let home = || {
            let home = Home::open(world.as_ref().unwrap_or(&cx.world))?;
            match self.rig {
                Some(rig) => home.at_rig(rig),
                None => Ok(home),
            }
        };
        let found = match name {
            "agent" => home().map(|home| programs(&home)),
            "actor" => home().and_then(|home| workers(&home, self)),
            name => match SOURCES.iter().find(|it| it.0 == name) {
                Some((_, source)) => home().and_then(|home| source(&home, self)),
                None => Ok(Vec::new()),
            },
        };
        // A shell that completes has no place for errors; running the command tells them.
        found.unwrap_or_default()
    }

    fn help(&self, root: &'a Command) -> Vec<Candidate> {
        let Some(path) = manual::lookup(root, &self.values) else {
            return Vec::new();
        };
        let mut found = commands(path.last().copied().unwrap_or(root));
        if path.is_empty() {
            let guide = |name: &str| (name.to_owned(), "A guide".to_owned());
            found.extend(manual::guides().map(guide));
        }
        found
    }
}

fn commands(command: &Command) -> Vec<Candidate> {
    let visible = command.get_subcommands().filter(|it| !it.is_hide_set());
    let entry = |it: &Command| {
        let what = it.get_about().map(ToString::to_string).unwrap_or_default();
        (it.get_name().to_owned(), what)
    };
    visible.map(entry).collect()
}

/// Returns open beads, or closed ones where those are wanted or no open one begins so; from HQ those of every
/// rig, elsewhere those of the rig whose prefix was typed.
fn beads(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    let homes = if home.is_hq() && place.rig.is_none() {
        home.all_here()?
    } else {
        vec![home.of_bead(place.value())?]
    };
    let wants_closed = place.path == ["reopen"];
    let some = |closed: bool| -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        for home in &homes {
            let view = home.view();
            for row in Beads::of(&view).rows(closed)? {
                let row = row?;
                if row.is_closed() == closed && row.id().starts_with(place.value()) {
                    found.push((row.id().to_owned(), row.title().to_owned()));
                }
            }
        }
        found.sort();
        Ok(found)
    };
    let first = some(wants_closed)?;
    if first.is_empty() && !wants_closed {
        return some(true);
    }
    Ok(first)
}

impl Place<'_> {
    /// Returns what is typed of a value.
    fn value(&self) -> &str {
        match self.current.split_once('=') {
            Some((option, value)) if option.starts_with('-') => value,
            _ => self.current,
        }
    }
}

/// Returns how urgent a merge request can be.
fn classes(_: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let all = [
        ("hotfix", "before everything"),
        ("0", "most urgent"),
        ("1", "urgent"),
        ("2", "as usual"),
        ("3", "less urgent"),
        ("4", "least urgent"),
    ];
    Ok(all
        .map(|(class, what)| (class.to_owned(), what.to_owned()))
        .into())
}

/// Returns the groups of merge requests that wait.
fn groups(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let waiting = home.view().live_requests()?;
    let all = waiting.iter().filter(|it| !it.group().is_empty());
    let all: BTreeSet<Candidate> = all
        .map(|it| (it.group().to_owned(), format!("lands on {}", it.target())))
        .collect();
    Ok(all.into_iter().collect())
}

/// Returns merge requests that wait, with `retry` those that are finished.
fn requests(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    let wants = |live: bool| match place.path.last() {
        Some(&"retry") => !live,
        Some(&("approve" | "cancel" | "priority" | "reject" | "rollup" | "try" | "unapprove")) => {
            live
        }
        _ => true,
    };
    let all = home.view().requests()?;
    let entry = |it: &crate::record::Request| {
        let what = format!("{} {} {}", it.status().word(), it.branch(), it.bead());
        (it.id().to_owned(), what.trim_end().to_owned())
    };
    Ok(all
        .iter()
        .filter(|it| wants(it.is_live()))
        .map(entry)
        .collect())
}

/// Returns those who hold a bead or work in this clone, by their addresses.
fn workers(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let hooks = agent::Hook::all(home)?;
    let mut found: Vec<Candidate> = hooks.into_iter().map(|it| (it.agent, it.bead)).collect();
    let view = home.view();
    let rows = Beads::of(&view).rows(true)?.collect::<Result<Vec<_>>>()?;
    let mut held: Vec<Candidate> = rows
        .iter()
        .filter_map(|it| Some((it.assignee()?.to_owned(), it.id().to_owned())))
        .collect();
    held.sort_by(|a, b| a.1.cmp(&b.1));
    found.extend(held);
    let mut seen = BTreeSet::new();
    found.retain(|it| seen.insert(it.0.clone()));
    Ok(found)
}

/// Returns everybody who can be written to, and the groups; as typed, those of a rig by their short names.
fn addresses(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    let actor = town::actor(home.repo(), None);
    let known = Directory::of(home, &actor)?;
    let there = known.entries().into_iter().filter(|it| it.is_present);
    let mut found: Vec<Candidate> = there.map(|it| (it.address, it.kind.to_owned())).collect();
    // Only mail and nudges go to many.
    if matches!(place.path[..], ["mail", "send"] | ["nudge"]) {
        let groups = known.groups().into_iter();
        found.extend(groups.map(|(group, what)| (group, what.to_owned())));
    }
    Ok(found)
}

/// Returns the rigs of the town.
fn rigs(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let rigs = home.rigs()?;
    let entry = |it: &crate::record::Rig| (it.name().to_owned(), it.url().to_owned());
    Ok(rigs.iter().map(entry).collect())
}

/// Returns the commands and machines that wait to be accepted.
fn offers(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let entry = |it: town::Offer| (it.id, it.command);
    let machines = home.machines()?.into_iter().filter(|it| !it.accepted);
    let machines = machines.map(|it| (it.id, format!("verdicts of {}", it.host)));
    Ok(home
        .offers()?
        .into_iter()
        .map(entry)
        .chain(machines)
        .collect())
}

/// Returns the mail in the inbox of whoever asks, what was put away only where that is wanted.
fn mails(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    let machine = town::machine(home.repo());
    let inbox = Inbox::of(&town::actor(home.repo(), None), &machine);
    let now = home.world().now();
    let wants_all = place.path == ["mail", "mark-unread"];
    let kept = mail::mailbox(home, &town::actor(home.repo(), None))?;
    let mut all = mail::inbox(&kept.view(), &inbox)?;
    all.retain(|it| wants_all || inbox.is_shown(it, now));
    let entry = |it: &crate::record::Mail| {
        let what = format!("{}: {}", it.from(), it.subject());
        (it.id().to_owned(), what)
    };
    Ok(all.iter().map(entry).collect())
}

/// Returns convoys, closed ones only where those may be meant.
fn convoys(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    let wants_closed = matches!(place.path[..], ["convoy", "add" | "show"]);
    let mut all = home.view().convoys()?;
    all.retain(|it| wants_closed || it.is_live());
    convoy::sort(&mut all);
    let entry = |it: &crate::record::Convoy| (it.id().to_owned(), it.title().to_owned());
    Ok(all.iter().map(entry).collect())
}

/// Returns the polecats of this clone, by their names.
fn polecats(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let all = agent::Hook::all(home)?.into_iter();
    let entry = |it: agent::Hook| (it.name().to_owned(), it.bead);
    Ok(all.filter(agent::Hook::is_polecat).map(entry).collect())
}

/// Returns the crew members of this clone, by their names.
fn crews(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let folder = home.hooks_dir().join("crew");
    let worktrees = home.repo().worktrees()?;
    let folder = folder.canonicalize().unwrap_or(folder);
    let names = worktrees
        .iter()
        .filter_map(|it| it.path.strip_prefix(&folder).ok());
    let entry = |it: &std::path::Path| (it.display().to_string(), "A crew member".to_owned());
    Ok(names.map(entry).collect())
}

/// Returns what the attic holds, by its digits.
fn saved(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let entry = |it: crate::git::Saved| (it.tip.to_string()[..12].to_owned(), it.why);
    Ok(home.repo().attic()?.into_iter().map(entry).collect())
}

/// Returns the agents of this machine.
fn programs(home: &Home) -> Vec<Candidate> {
    let entry = |it: crate::town::Agent| (it.name, it.command);
    let agents = home.agents().unwrap_or_default();
    agents.into_iter().map(entry).collect()
}

fn branches(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let refs = home.repo().list_refs("refs/heads/")?;
    let short = |(name, _): (String, _)| {
        let name = name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned();
        (name, "A branch".to_owned())
    };
    Ok(refs.into_iter().map(short).collect())
}

fn gates(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let entry = |it: &crate::record::Gate| (it.name().to_owned(), it.what());
    Ok(home.view().gates()?.iter().map(entry).collect())
}

fn checks(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let gates = home.view().gates()?;
    let check = |it: &crate::record::Gate| {
        let words = format!("answers for gate {}", it.name());
        Some((it.ci()?.to_owned(), words))
    };
    Ok(gates.iter().filter_map(check).collect())
}

fn events(_: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let all = agent::runtime::claude::EVENTS.iter();
    Ok(all.map(|it| ((*it).to_owned(), String::new())).collect())
}

fn handoffs(home: &Home, _: &Place<'_>) -> Result<Vec<Candidate>> {
    let all = home.view().handoffs()?.into_iter().rev();
    let entry = |it: crate::record::Handoff| (it.id().to_owned(), it.text("subject").to_owned());
    Ok(all.map(entry).collect())
}

fn keys(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    match place.path.as_slice() {
        ["remember" | "recall" | "forget"] => {
            return Ok(memories(&home.view())?.into_iter().collect());
        }
        ["kv", ..] => {
            let all = home.view().kvs()?.into_iter();
            return Ok(all
                .map(|kv| (kv.key().to_owned(), kv.value().to_owned()))
                .collect());
        }
        _ => {}
    }
    let entry = |it: &crate::town::Key| (it.name.to_owned(), it.doc.to_owned());
    Ok(KEYS.iter().map(entry).collect())
}

/// Returns what a `NAME` is the name of, which the command says.
fn names(home: &Home, place: &Place<'_>) -> Result<Vec<Candidate>> {
    match place.path.as_slice() {
        ["config", ..] => Ok(programs(home)),
        ["crew", "remove"] => crews(home, place),
        ["refinery", "gate", "add" | "remove" | "run" | "show"] => gates(home, place),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::cli::command;

    /// Values that only who types them knows, or that the shell completes.
    const FREE: &[&str] = &[
        "CMD",
        "COMMAND",
        "COMMIT",
        "DAYS",
        "DIR",
        "EXPR",
        "F",
        "FILE",
        "FORMAT",
        "JSON",
        "K",
        "KEY=VALUE",
        "LABEL",
        "MESSAGE",
        "MINUTES",
        "N",
        "NEW",
        "ORDER",
        "P",
        "PATH",
        "PATTERN",
        "PREFIX",
        "R",
        "RATE",
        "REF",
        "REMOTE",
        "REV",
        "S",
        "SIZE",
        "STATUS",
        "T",
        "TEXT",
        "TIME",
        "TITLE",
        "TYPE",
        "URL",
        "VALUE",
        "VAR",
        "WORD",
    ];

    fn check(command: &Command) {
        for arg in command
            .get_arguments()
            .filter(|it| it.get_action().takes_values() && !it.is_hide_set())
        {
            let name = arg.get_value_names().and_then(|it| it.first());
            let name = name.map_or("", |it| it.as_str());
            let known = SOURCES.iter().any(|it| it.0 == name) || FREE.contains(&name);
            assert!(
                known || !arg.get_possible_values().is_empty(),
                "{} {name}: it needs an entry in SOURCES, or in FREE where nothing can be offered",
                command.get_name()
            );
        }
        command
            .get_subcommands()
            .filter(|it| !it.is_hide_set())
            .for_each(check);
    }

    #[test]
    fn every_value_is_offered_or_free() {
        check(&command::whole::<command::Global>());
    }
}
