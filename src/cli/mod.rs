//! The command line: what was typed becomes a call of the rooms below, what they return becomes text,
//! JSON and an exit code. The only room that prints.

mod help;
mod init;
mod manual;
mod reply;
mod version;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::town::{Town, actor};
use crate::world::World;

use reply::Reply;

/// Coordinate many coding agents with nothing but git
#[derive(Debug, Parser)]
#[command(
    name = "git-gt",
    bin_name = "git gt",
    disable_help_flag = true,
    disable_help_subcommand = true
)]
struct Cli {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Act as NAME instead of BD_ACTOR, BEADS_ACTOR, GT_ROLE or git's user
    #[arg(long, value_name = "NAME", global = true)]
    actor: Option<String>,
    /// Print a short usage
    #[arg(short = 'h', action = ArgAction::HelpShort, global = true)]
    help: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the ledgers of this repository, or take over those of its remote
    Init(init::Args),
    /// Show the manual, or the part about one command
    Help(help::Args),
    /// Print the version
    Version(version::Args),
}

/// What every command gets besides its own arguments.
pub(crate) struct Context {
    pub(crate) world: World,
    pub(crate) actor: Option<String>,
    /// Whether standard error is a terminal, where progress may be shown.
    pub(crate) terminal: bool,
}

impl Context {
    pub(crate) fn repo(&self) -> Result<Repo> {
        Repo::discover(&self.world)
    }

    pub(crate) fn town(&self) -> Result<Town> {
        Town::open(&self.world)
    }

    /// Applies what follows from what was just written; every command that writes calls it.
    pub(crate) fn settle(&self, _town: &Town) -> Result<()> {
        Ok(())
    }

    pub(crate) fn actor(&self, repo: &Repo) -> String {
        actor(repo, self.actor.as_deref())
    }
}

/// Runs the command line `argv` and returns the exit code; prints results to standard output, everything
/// else to standard error.
pub fn run(world: &World, argv: Vec<OsString>) -> u8 {
    if let Some(words) = help::asked_for(&argv) {
        return reply::finish(world, false, &help::show(&Cli::command(), &words));
    }
    let parsed = Cli::command().try_get_matches_from(argv);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return reply::usage(&error),
    };
    let world = cli
        .dir
        .as_ref()
        .map_or_else(|| world.clone(), |dir| world.at(dir));
    if !world.cwd().is_dir() {
        let missing = Fault::fatal(format!("there is no folder '{}'", world.cwd().display()));
        return reply::finish(&world, cli.json, &Err(missing));
    }
    let terminal = rustix::termios::isatty(std::io::stderr());
    let cx = Context {
        world: world.clone(),
        actor: cli.actor,
        terminal,
    };
    reply::finish(&world, cli.json, &dispatch(&cx, cli.command))
}

fn dispatch(cx: &Context, command: Command) -> Result<Reply> {
    match command {
        Command::Init(args) => init::run(cx, &args),
        Command::Help(args) => help::show(&Cli::command(), &args.command),
        Command::Version(args) => version::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
