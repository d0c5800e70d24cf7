//! Commands: what one is, the programs it can be typed to, and which was typed; only that one is built.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, CommandFactory, Parser};

use super::Context;
use super::reply::Reply;
use crate::fault::Result;
use bd::BD;
use table::{BEADS, TOWN};

/// Makes an [`Entry`] of a name, the type of its arguments, what runs it with them, and what it does; or of one of
/// bd's words for its database.
macro_rules! entry {
    ($name:literal, $run:ident) => {
        entry!($name, retired::Words, storage::$run, "See bd's database").hidden()
    };
    ($name:literal, $args:ty, $run:expr, $about:literal) => {
        Entry {
            name: $name,
            about: $about,
            alias: None,
            is_hidden: false,
            arguments: <$args as clap::Args>::augment_args,
            run: |cx, matches| {
                let run: fn(&Context, &$args) -> Result<Reply> = $run;
                Ok(run(
                    cx,
                    &<$args as clap::FromArgMatches>::from_arg_matches(matches)?,
                ))
            },
        }
    };
}

mod bd;
mod table;

/// Coordinate many coding agents with nothing but git
#[derive(Debug, Parser)]
#[command(
    name = "git-gt",
    bin_name = "git gt",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(super) struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(super) chdir: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Act as NAME instead of BD_ACTOR, BEADS_ACTOR, GT_ROLE or git's user
    #[arg(long, value_name = "NAME", global = true)]
    pub(super) actor: Option<String>,
    /// Work on rig RIG of the town instead of the one you stand in
    #[arg(long, value_name = "RIG", global = true)]
    pub(super) rig: Option<String>,
    /// Print a short usage
    #[arg(short = 'h', action = ArgAction::HelpShort, global = true)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// A program that commands are typed to: what it is called is what the binary was called as.
pub(super) trait Program: CommandFactory + Parser {
    /// Options before the command whose value is the next word.
    const TAKE_A_WORD: &'static [&'static str];

    /// Returns its commands.
    fn commands() -> impl Iterator<Item = &'static Entry>;
}

impl Program for Global {
    const TAKE_A_WORD: &'static [&'static str] = &["-C", "--actor", "--rig"];

    fn commands() -> impl Iterator<Item = &'static Entry> {
        TOWN.iter().chain(BEADS)
    }
}

/// Returns the commands below `bead`, which are those of the program `bd`.
pub(super) fn of_beads() -> impl Iterator<Item = &'static Entry> {
    BEADS.iter().chain(BD)
}

/// One command.
pub(super) struct Entry {
    name: &'static str,
    about: &'static str,
    alias: Option<&'static str>,
    is_hidden: bool,
    arguments: fn(clap::Command) -> clap::Command,
    run: fn(&Context, &ArgMatches) -> clap::error::Result<Result<Reply>>,
}

impl Entry {
    /// Returns the same command with a second name.
    const fn or(self, alias: &'static str) -> Self {
        Self {
            alias: Some(alias),
            ..self
        }
    }

    /// Returns the same command, left out where commands are listed.
    const fn hidden(self) -> Self {
        Self {
            is_hidden: true,
            ..self
        }
    }

    fn is_called(&self, word: &str) -> bool {
        self.name == word || self.alias == Some(word)
    }

    fn build(&self) -> clap::Command {
        (self.arguments)(clap::Command::new(self.name))
            .about(self.about)
            .visible_aliases(self.alias)
            .hide(self.is_hidden)
    }
}

/// All commands of bd, those too whose names mean something else in Gas Town.
const BEAD: Entry = Entry {
    name: "bead",
    about: "Work on beads with all of bd's words",
    alias: None,
    is_hidden: false,
    arguments: |command| noun(command).subcommands(of_beads().map(Entry::build)),
    run: |cx, matches| {
        let (name, below) = matches.subcommand().expect("one is required");
        let entry = of_beads().find(|it| it.is_called(name));
        (entry.expect("only these are built").run)(cx, below)
    },
};

/// Returns `bead` with the one command that was typed below it, all where it is none.
fn bead(typed: &str) -> clap::Command {
    match of_beads().find(|it| it.is_called(typed)) {
        Some(verb) => noun(clap::Command::new(BEAD.name)).subcommand(verb.build()),
        None => BEAD.build(),
    }
}

fn noun(command: clap::Command) -> clap::Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
}

/// What was typed to a program.
pub(super) struct Typed<P> {
    /// What every command understands.
    pub(super) global: P,
    entry: &'static Entry,
    matches: ArgMatches,
}

impl<P: Program> Typed<P> {
    /// Returns what a command line asks for; an error is what clap would say over all commands.
    pub(super) fn parse(argv: Vec<OsString>) -> clap::error::Result<Self> {
        let mut typed = words::<P>(&argv);
        let [word, below] = [(); 2].map(|()| typed.next().unwrap_or_default());
        drop(typed);
        // To build all commands takes longer than most of them run.
        let mut command = match entry_of::<P>(&word) {
            Some(entry) if entry.name == BEAD.name => P::command().subcommand(bead(&below)),
            Some(entry) => P::command().subcommand(entry.build()),
            None => whole::<P>(),
        };
        let mut matches = command.try_get_matches_from_mut(argv)?;
        let (name, below) = matches
            .remove_subcommand()
            .expect("a subcommand is required");
        Ok(Self {
            global: P::from_arg_matches(&matches)?,
            entry: entry_of::<P>(&name).expect("only these are built"),
            matches: below,
        })
    }

    /// Runs the command; the outer error says that its arguments do not fit together.
    pub(super) fn run(&self, cx: &Context) -> clap::error::Result<Result<Reply>> {
        (self.entry.run)(cx, &self.matches)
    }
}

fn entry_of<P: Program>(word: &str) -> Option<&'static Entry> {
    P::commands().find(|entry| entry.is_called(word))
}

/// Returns the parser with all commands.
pub(super) fn whole<P: Program>() -> clap::Command {
    P::command().subcommands(P::commands().map(Entry::build))
}

/// Returns the parser of `git gt` with each command in one place: below `bead` what stands nowhere else.
#[cfg(test)]
pub(super) fn described() -> clap::Command {
    let elsewhere = Global::commands().filter(|it| it.name != BEAD.name);
    let bead = noun(clap::Command::new(BEAD.name)).about(BEAD.about);
    let bead = bead.subcommands(BD.iter().map(Entry::build));
    Global::command()
        .subcommands(elsewhere.map(Entry::build))
        .subcommand(bead)
}

/// Returns the words of a command line that are no options, the command first.
pub(super) fn words<P: Program>(argv: &[OsString]) -> impl Iterator<Item = String> + '_ {
    let mut rest = argv.iter().skip(1).map(|word| word.to_string_lossy());
    std::iter::from_fn(move || {
        loop {
            let word = rest.next()?;
            if P::TAKE_A_WORD.contains(&word.as_ref()) {
                rest.next();
            } else if !word.starts_with('-') {
                return Some(word.into_owned());
            }
        }
    })
}
