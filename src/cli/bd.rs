//! The program called as `bd`: its options, its exit codes, where its folder says the beads are.

pub(super) mod guide;
mod place;
pub(super) mod retired;
pub(super) mod setup;
pub(super) mod storage;

pub(super) use place::FOLDER;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Parser};

use super::Context;
use super::command::{Entry, Program, Typed, of_beads};
use super::reply::{self, Dialect};
use crate::world::World;

/// Issue tracker for agents: beads in git
#[derive(Debug, Parser)]
#[command(
    name = "bd",
    bin_name = "bd",
    version = concat!("version ", "1.0.5", " (git-gt ", env!("CARGO_PKG_VERSION"), ")"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    directory: Option<PathBuf>,
    /// Work on the beads of the repository around PATH, which is below a folder .beads
    #[arg(long, value_name = "PATH", global = true)]
    db: Option<PathBuf>,
    /// Act as NAME
    #[arg(long, value_name = "NAME", global = true)]
    actor: Option<String>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Write nothing
    #[arg(long, global = true)]
    readonly: bool,
    /// Say less
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(flatten)]
    ignored: Ignored,
    /// Print a short usage
    #[arg(short = 'h', long = "help", action = ArgAction::HelpShort, global = true)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Options that say how a database is kept, and so nothing here; clients send them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Accepted, and without meaning here")]
struct Ignored {
    #[arg(long, global = true, hide = true)]
    sandbox: bool,
    #[arg(long = "global", id = "everywhere", global = true, hide = true)]
    global: bool,
    #[arg(long, global = true, hide = true, value_name = "WHEN")]
    dolt_auto_commit: Option<String>,
    #[arg(long, global = true, hide = true)]
    profile: bool,
    #[arg(short, long, global = true, hide = true)]
    verbose: bool,
    #[arg(long, global = true, hide = true)]
    ignore_schema_skew: bool,
    #[arg(long, global = true, hide = true)]
    no_daemon: bool,
    #[arg(long, global = true, hide = true)]
    no_auto_flush: bool,
    #[arg(long, global = true, hide = true)]
    no_auto_import: bool,
    #[arg(long, global = true, hide = true)]
    allow_stale: bool,
    #[arg(long, global = true, hide = true)]
    no_db: bool,
}

impl Program for Global {
    const TAKE_A_WORD: &'static [&'static str] =
        &["-C", "--directory", "--db", "--actor", "--dolt-auto-commit"];

    fn commands() -> impl Iterator<Item = &'static Entry> {
        of_beads()
    }
}

/// Returns whether the program was called as `bd`.
pub(super) fn is_called(argv: &[OsString]) -> bool {
    let name = argv.first().map(std::path::Path::new);
    name.and_then(|it| it.file_name()) == Some("bd".as_ref())
}

/// Runs a command line of `bd` and returns the exit code.
pub(super) fn run(world: &World, argv: Vec<OsString>) -> u8 {
    let json = argv.iter().any(|word| word == "--json");
    let dialect = Dialect::Bd;
    let typed = match Typed::<Global>::parse(argv) {
        Ok(typed) => typed,
        Err(error) => return reply::usage(world, json, dialect, &error),
    };
    let global = &typed.global;
    let json = json || global.json;
    let mut world = match &global.directory {
        Some(dir) => world.at(dir),
        None => world.clone(),
    };
    if global.readonly {
        world = world.with_env(&[("GT_READ_ONLY", "1")], &[]);
    }
    let result = place::of(&world, global.db.as_deref()).map(|beads| Context {
        beads,
        dialect,
        actor: global.actor.clone(),
        ..Context::new(&world, json)
    });
    match result.map(|cx| typed.run(&cx)) {
        // What takes any words takes that one, too.
        Ok(Ok(result)) => reply::finish(&world, json, dialect, &result),
        Ok(Err(error)) => reply::usage(&world, json, dialect, &error),
        Err(fault) => reply::finish(&world, json, dialect, &Err(fault)),
    }
}

/// Returns what `bd` would say of a command line that makes no sense, and its exit code: clients look for
/// its words.
pub(super) fn usage(error: &clap::Error) -> (Option<String>, u8) {
    let named = |kind| error.get(kind).map(ToString::to_string);
    let text = match error.kind() {
        ErrorKind::UnknownArgument => {
            named(clap::error::ContextKind::InvalidArg).map(|flag| format!("unknown flag: {flag}"))
        }
        ErrorKind::InvalidSubcommand => named(clap::error::ContextKind::InvalidSubcommand)
            .map(|word| format!("unknown command \"{word}\" for \"bd\"")),
        _ => None,
    };
    let is_conflict = error.kind() == ErrorKind::ArgumentConflict;
    let of_labels = error.to_string().contains("--skip-labels");
    (text, if is_conflict && of_labels { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command::whole;

    #[test]
    fn the_command_line_is_well_formed() {
        whole::<Global>().debug_assert();
    }

    #[test]
    fn a_program_is_called_as_its_file() {
        let check = |argv0: &str, want: bool| {
            assert_eq!(is_called(&[argv0.into()]), want, "{argv0}");
        };
        check("bd", true);
        check("/usr/local/bin/bd", true);
        check("git-gt", false);
        check("/home/bd/git-gt", false);
    }
}
