//! The command line: what was typed becomes a call of the rooms below, what they return becomes text,
//! JSON and an exit code. The only room that prints.

mod agents;
mod assign;
mod attic;
mod beads;
mod checkpoint;
mod ci;
mod close;
mod comments;
mod complete;
mod completion;
mod config;
mod convoy;
mod create;
mod crew;
mod delete;
mod demo;
mod dep;
mod done;
mod export;
mod handoff;
mod help;
mod hook;
mod hooks;
mod import;
mod init;
mod input;
mod install;
mod install_docs;
mod label;
mod list;
mod log;
mod mail;
mod manual;
mod mq;
mod nudge;
mod orphans;
mod peek;
mod polecat;
mod prime;
mod ready;
mod refinery;
mod release;
mod reopen;
mod reply;
mod rig;
mod session;
mod show;
mod sling;
mod status;
mod sync;
mod town;
mod unsling;
mod update;
mod version;
mod whoami;
mod worktree;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::agent::Hook;
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::town::{Home, actor};
use crate::world::World;

use reply::Reply;

/// Coordinate many coding agents with nothing but git
#[derive(Debug, Parser)]
#[command(
    name = "git-gt",
    bin_name = "git gt",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
struct Cli {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    chdir: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Act as NAME instead of BD_ACTOR, BEADS_ACTOR, GT_ROLE or git's user
    #[arg(long, value_name = "NAME", global = true)]
    actor: Option<String>,
    /// Work on rig RIG of the town instead of the one you stand in
    #[arg(long, value_name = "RIG", global = true)]
    rig: Option<String>,
    /// Print a short usage
    #[arg(short = 'h', action = ArgAction::HelpShort, global = true)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the ledgers of this repository, or take over those of its remote
    Init(init::Args),
    /// Make a town: a folder for several repositories and what goes across them
    Install(install::Args),
    /// Add repositories to the town, and see them
    Rig(rig::Args),
    /// Give people worktrees of their own
    Crew(crew::Args),
    /// Work in another rig of the town as who you are in yours
    Worktree(worktree::Args),
    /// Go to the next tmux session of the town
    Town(town::Args),
    /// Say under which name you act, and why
    Whoami(whoami::Args),
    /// Show the town, or the rig, at a glance: who works, what waits, what is done
    Status(status::Args),
    /// Say which role you play, and where you stand
    Role(whoami::RoleArgs),
    /// Say how agents are started here, and other settings
    Config(config::Args),
    /// Give beads to agents: claim, branch, worktree, and the agent started in it
    Sling(sling::Args),
    /// Take a bead off its hook: it is open again, branch and worktree stay
    #[command(visible_alias = "unhook")]
    Unsling(unsling::Args),
    /// Make a bead and hang it on the hook of a crew member
    Assign(assign::Args),
    /// Give beads back: they are open again and nobody holds them
    Release(release::Args),
    /// Show what hangs on a hook, hang a bead on your own, or take it off
    Hook(hook::Args),
    /// Queue what was committed on this hook, or say why not
    Done(done::Args),
    /// Show every agent: on what, since when, alive or not, where its log is
    Agents(agents::Args),
    /// Tell an agent who it is, what hangs on its hook and what waits for it
    Prime(prime::Args),
    /// Say that you are alive, and how you are
    Heartbeat(prime::Heartbeat),
    /// Let the runtime of your agents call git gt at the boundaries of their turns
    Hooks(hooks::Args),
    /// Answer a hook of an agent's runtime
    RuntimeHook(prime::RuntimeHook),
    /// Save uncommitted work, and bring it back
    Checkpoint(checkpoint::Args),
    /// Leave what you know to the session that carries on
    Handoff(handoff::Args),
    /// Show the last handoff again
    Resume(handoff::Resume),
    /// Show the end of what an agent's session wrote
    Peek(peek::Args),
    /// See polecats, stop them, put them away
    Polecat(polecat::Args),
    /// Show what nobody looks after: branches, commits, saved tips, claims
    Orphans(orphans::Args),
    /// See and bring back what was saved before something was deleted
    Attic(attic::Args),
    /// See and change the merge queue
    Mq(mq::Args),
    /// Run the merge queue, and say what must pass before anything lands
    Refinery(refinery::Args),
    /// Let an outside CI answer for a gate: its files, its reporter, and a CI where there is none
    Ci(ci::Args),
    /// Make a bead: a piece of work
    Create(create::Args),
    /// Show beads with everything that is known about them
    #[command(visible_alias = "view")]
    Show(show::Args),
    /// List beads, by default those that are not closed
    List(list::Args),
    /// List the beads that can be begun now: open, not blocked, not put off
    Ready(ready::Args),
    /// Change beads
    Update(update::Args),
    /// Close beads: the work is done, or will not be
    Close(close::Args),
    /// Open closed beads again; nobody holds them then
    Reopen(reopen::Args),
    /// Delete beads; without --force, show what would go
    Delete(delete::Args),
    /// Say which bead waits for which
    Dep(dep::Args),
    /// Comment on a bead
    Comment(comments::Add),
    /// Show the comments on a bead
    Comments(comments::Args),
    /// Label beads
    Label(label::Args),
    /// Take over beads from a JSONL file of bd or br; again and again, if you like
    Import(import::Args),
    /// Write beads as a JSONL file that bd, br and git gt read
    Export(export::Args),
    /// Follow beads together, and tell somebody when all of them are done
    Convoy(convoy::Args),
    /// Write to agents and people, read what they wrote
    Mail(mail::Args),
    /// Tell somebody something short that is of no use after a while
    Nudge(nudge::Args),
    /// Push what changed here, take over what changed elsewhere
    Sync(sync::Args),
    /// Show what happened, newest first
    Log(log::Args),
    /// Show the whole path in a temporary directory: a town, twelve beads, eight agents at once
    Demo(demo::Args),
    /// Run an agent's session
    #[command(hide = true)]
    Session(session::Args),
    /// Show the manual, or the part about one command
    Help(help::Args),
    /// Install the manual and the completions beside the program
    InstallDocs(install_docs::Args),
    /// Print the script that makes a shell complete git gt
    Completion(completion::Args),
    /// Print what may follow the words; for the scripts of completion
    #[command(hide = true)]
    Complete(complete::Args),
    /// Print the version
    Version(version::Args),
}

/// What every command gets besides its own arguments.
pub(crate) struct Context {
    pub(crate) world: World,
    pub(crate) actor: Option<String>,
    /// The rig that was asked for, instead of the one the folder is in.
    pub(crate) rig: Option<String>,
    /// Whether the result is asked for as JSON.
    pub(crate) json: bool,
    /// Who acts, found out where the command was given.
    who: OnceCell<String>,
    /// The home that is asked about, opened once.
    home: OnceCell<Home>,
}

impl Context {
    /// Returns the same command given in another folder.
    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self {
            world: self.world.at(dir),
            actor: self.actor.clone(),
            rig: self.rig.clone(),
            json: self.json,
            who: OnceCell::new(),
            home: OnceCell::new(),
        }
    }

    pub(crate) fn repo(&self) -> Result<Repo> {
        Repo::discover(&self.world)
    }

    /// Returns the rig that was asked for, else the home that the folder is in.
    pub(crate) fn home(&self) -> Result<Home> {
        if let Some(known) = self.home.get() {
            return Ok(known.clone());
        }
        let home = Home::open(&self.world)?;
        // Whoever stands in a worktree of one rig is nobody else in another.
        self.actor(home.repo());
        let home = match &self.rig {
            Some(rig) => home.at_rig(rig)?,
            None => home,
        };
        Ok(self.home.get_or_init(|| home).clone())
    }

    /// Returns the home of the bead that was typed, wherever in the town that is.
    pub(crate) fn home_of(&self, typed: &str) -> Result<Home> {
        self.home()?.of_bead(typed)
    }

    /// Returns the home of the agent that was typed: the rig its address begins with, else the one you stand
    /// in; from HQ, the only one with an agent of that name.
    pub(crate) fn home_of_agent(&self, typed: &str) -> Result<Home> {
        let here = self.home()?;
        if let Some((rig, _)) = typed.split_once('/')
            && here.rigs()?.iter().any(|it| it.name() == rig)
        {
            return here.at_rig(rig);
        }
        if let Some((first, rest)) = typed.split_once('/')
            && !matches!(first, "polecats" | "crew")
            && !rest.is_empty()
            && !here.stands_alone()
        {
            return Err(here
                .at_rig(first)
                .err()
                .unwrap_or_else(|| Fault::not_found(format!("there is no agent '{typed}'"))));
        }
        if !here.is_hq() {
            return Ok(here);
        }
        let mut found = here.all_here()?;
        found.retain(|home| Hook::named(home, typed).is_ok());
        match found.len() {
            0 => Ok(here),
            1 => Ok(found.remove(0)),
            _ => {
                let rigs: Vec<&str> = found.iter().map(|home| home.rig().name()).collect();
                Err(
                    Fault::not_found(format!("'{typed}' is in several rigs: {}", rigs.join(", ")))
                        .hint(format!(
                            "type the whole address: {}/polecats/{typed}",
                            rigs[0]
                        )),
                )
            }
        }
    }

    /// Returns the homes of a command that names no record: the rig that was asked for or that the folder
    /// is in; in HQ, the whole town.
    pub(crate) fn homes(&self) -> Result<Vec<Home>> {
        let home = self.home()?;
        match &self.rig {
            Some(_) => Ok(vec![home]),
            None => home.all_here(),
        }
    }

    /// Applies what follows from what was just written; every command that writes calls it. What was
    /// written stands, so what cannot be applied is a remark and no failure.
    pub(crate) fn settle(&self, home: &Home) {
        for fault in crate::settle::after(home).faults {
            reply::progress(&format!("not settled yet: {fault}"));
        }
    }

    /// Applies what follows in each of the homes that were written to, once.
    pub(crate) fn settle_all(&self, mut homes: Vec<Home>) {
        homes.sort_by(|a, b| a.rig().name().cmp(b.rig().name()));
        homes.dedup_by(|a, b| a.rig().name() == b.rig().name());
        homes.iter().for_each(|home| self.settle(home));
    }

    /// Returns who acts; `repo` is asked where nobody was before.
    pub(crate) fn actor(&self, repo: &Repo) -> String {
        let found = self.who.get_or_init(|| actor(repo, self.actor.as_deref()));
        found.clone()
    }
}

/// Runs the command line `argv` and returns the exit code; prints results to standard output, everything
/// else to standard error.
pub fn run(world: &World, argv: Vec<OsString>) -> u8 {
    if let Some(words) = help::asked_for(&argv) {
        return reply::finish(world, false, &help::show(&Cli::command(), &words));
    }
    let json = argv.iter().any(|word| word == "--json");
    let parsed = Cli::command().try_get_matches_from(argv);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return reply::usage(world, json, &error),
    };
    let world = cli
        .chdir
        .as_ref()
        .map_or_else(|| world.clone(), |dir| world.at(dir));
    if !world.cwd().is_dir() {
        let missing = Fault::fatal(format!("there is no folder '{}'", world.cwd().display()));
        return reply::finish(&world, cli.json, &Err(missing));
    }
    let cx = Context {
        world: world.clone(),
        actor: cli.actor,
        rig: cli.rig,
        json: cli.json,
        who: OnceCell::new(),
        home: OnceCell::new(),
    };
    reply::finish(&world, cli.json, &dispatch(&cx, cli.command))
}

fn dispatch(cx: &Context, command: Command) -> Result<Reply> {
    match command {
        Command::Init(args) => init::run(cx, &args),
        Command::Install(args) => install::run(cx, &args),
        Command::Rig(args) => rig::run(cx, &args),
        Command::Crew(args) => crew::run(cx, &args),
        Command::Worktree(args) => worktree::run(cx, &args),
        Command::Town(args) => town::run(cx, &args),
        Command::Status(args) => status::run(cx, &args),
        Command::Whoami(args) => whoami::run(cx, &args),
        Command::Role(args) => whoami::role(cx, &args),
        Command::Config(args) => config::run(cx, &args),
        Command::Sling(args) => sling::run(cx, &args),
        Command::Unsling(args) => unsling::run(cx, &args),
        Command::Assign(args) => assign::run(cx, &args),
        Command::Release(args) => release::run(cx, &args),
        Command::Hook(args) => hook::run(cx, &args),
        Command::Done(args) => done::run(cx, &args),
        Command::Agents(args) => agents::run(cx, &args),
        Command::Prime(args) => prime::run(cx, &args),
        Command::Heartbeat(args) => prime::heartbeat(cx, &args),
        Command::Hooks(args) => hooks::run(cx, &args),
        Command::RuntimeHook(args) => prime::runtime_hook(cx, &args),
        Command::Checkpoint(args) => checkpoint::run(cx, &args),
        Command::Handoff(args) => handoff::run(cx, &args),
        Command::Resume(args) => handoff::resume(cx, &args),
        Command::Peek(args) => peek::run(cx, &args),
        Command::Polecat(args) => polecat::run(cx, &args),
        Command::Orphans(args) => orphans::run(cx, &args),
        Command::Attic(args) => attic::run(cx, &args),
        Command::Mq(args) => mq::run(cx, &args),
        Command::Refinery(args) => refinery::run(cx, &args),
        Command::Ci(args) => ci::run(cx, &args),
        Command::Create(args) => create::run(cx, &args),
        Command::Show(args) => show::run(cx, &args),
        Command::List(args) => list::run(cx, &args),
        Command::Ready(args) => ready::run(cx, &args),
        Command::Update(args) => update::run(cx, &args),
        Command::Close(args) => close::run(cx, &args),
        Command::Reopen(args) => reopen::run(cx, &args),
        Command::Delete(args) => delete::run(cx, &args),
        Command::Dep(args) => dep::run(cx, &args),
        Command::Comment(args) => comments::add(cx, &args),
        Command::Comments(args) => comments::run(cx, &args),
        Command::Label(args) => label::run(cx, &args),
        Command::Import(args) => import::run(cx, &args),
        Command::Export(args) => export::run(cx, &args),
        Command::Convoy(args) => convoy::run(cx, &args),
        Command::Mail(args) => mail::run(cx, &args),
        Command::Nudge(args) => nudge::run(cx, &args),
        Command::Sync(args) => sync::run(cx, &args),
        Command::Log(args) => log::run(cx, &args),
        Command::Demo(args) => demo::run(cx, &args),
        Command::Session(args) => session::run(cx, &args),
        Command::Help(args) => help::run(&Cli::command(), &args),
        Command::InstallDocs(args) => install_docs::run(cx, &args),
        Command::Completion(args) => completion::run(&args),
        Command::Complete(args) => complete::run(cx, &Cli::command(), &args),
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

    #[test]
    fn every_command_accepts_h() {
        fn check(command: &clap::Command, path: &[String]) {
            let children = command.get_subcommands().filter(|it| !it.is_hide_set());
            for child in children {
                let path = [path, &[child.get_name().to_owned()]].concat();
                let argv = ["git-gt".to_owned()].into_iter().chain(path.clone());
                let asked = Cli::command().try_get_matches_from(argv.chain(["-h".to_owned()]));
                let error = asked.expect_err("help is what clap calls an error");
                assert_eq!(
                    error.kind(),
                    clap::error::ErrorKind::DisplayHelp,
                    "{path:?}"
                );
                let text = error.render().to_string();
                assert!(
                    text.contains(&format!("Usage: git gt {}", path.join(" "))),
                    "{text}"
                );
                check(child, &path);
            }
        }
        check(&Cli::command(), &[]);
    }

    #[test]
    fn the_manual_describes_every_command() {
        let missing = manual::undocumented(manual::PAGES, &Cli::command());
        assert!(
            missing.is_empty(),
            "man/ has no page or section with options for {missing:?}: see CONTRIBUTING.md"
        );
    }

    #[test]
    fn the_manual_lists_every_setting() {
        let page = manual::page("git-gt.1").expect("it is embedded");
        let (_, page) = page
            .split_once(".SH CONFIGURATION\n")
            .expect("there is one");
        let (page, _) = page.split_once(".SH ").expect("there is more");
        let tags = page.lines().filter_map(|it| it.strip_prefix(".B gt."));
        let listed: Vec<&str> = tags.take(crate::town::KEYS.len()).collect();
        let known: Vec<&str> = crate::town::KEYS.iter().map(|it| it.name).collect();
        assert_eq!(listed, known, "man/git-gt.1, CONFIGURATION");
    }

    #[test]
    fn the_manual_lists_every_command_once() {
        let root = Cli::command();
        let visible = root.get_subcommands().filter(|it| !it.is_hide_set());
        let mut wanted: Vec<&str> = visible.map(clap::Command::get_name).collect();
        let mut found = manual::listed(manual::page("git-gt.1").expect("it is embedded"));
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(
            found, wanted,
            "man/git-gt.1 lists commands in groups, in lines that begin with .\\\" commands:"
        );
    }

    /// `GT_BLESS=1 cargo test` writes what is generated into the pages.
    #[test]
    fn the_manual_agrees_with_the_parser() {
        let bless =
            crate::world::Start::of_process().is_ok_and(|it| it.env.contains_key("GT_BLESS"));
        for (file, page) in manual::PAGES {
            let fresh = manual::refresh(page, &Cli::command());
            if bless && fresh != *page {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
                crate::world::fs::replace(&path.join("man").join(file), fresh.as_bytes()).unwrap();
            } else {
                let stale = fresh.lines().zip(page.lines()).find(|(a, b)| a != b);
                assert!(
                    fresh == *page,
                    "GT_BLESS=1 cargo test --lib cli; {file} differs: {stale:?}"
                );
            }
        }
    }
}
