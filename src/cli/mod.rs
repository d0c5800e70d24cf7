//! The command line: what was typed becomes a call of the rooms below, what they return becomes text,
//! JSON and an exit code. The only room that prints.

mod agents;
mod assign;
mod attic;
mod batch;
mod bd;
mod bead_config;
mod bead_move;
mod beads;
mod blocked;
mod cat;
mod changelog;
mod checkpoint;
mod children;
mod ci;
mod close;
mod command;
mod comments;
mod complete;
mod completion;
mod config;
mod convoy;
mod count;
mod create;
mod crew;
mod delete;
mod demo;
mod dep;
mod done;
mod draw;
mod duplicates;
mod epic;
mod export;
mod fields;
mod filters;
mod fsck;
mod gate;
mod graph;
mod handoff;
mod help;
mod hook;
mod hooks;
mod import;
mod init;
mod input;
mod install;
mod install_docs;
mod integration;
mod label;
mod layout;
mod lint;
mod list;
mod listing;
mod log;
mod mail;
mod maintain;
mod manual;
mod memory;
mod merge_slot;
mod mq;
mod named;
mod nudge;
mod orphans;
mod peek;
mod polecat;
mod prime;
mod query;
mod ready;
mod refinery;
mod release;
mod reopen;
mod reply;
mod rig;
mod search;
mod session;
mod shim;
mod ship;
mod show;
mod sling;
mod stale;
mod state;
mod stats;
mod status;
mod swarm;
mod sync;
mod todo;
mod town;
mod tweak;
mod unsling;
mod update;
mod version;
mod versions;
mod watch;
mod whoami;
mod words;
mod worktree;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::agent::Hook;
use crate::fault::{Fault, Result};
use crate::git::Repo;
use crate::town::{Home, actor};
use crate::world::World;

use command::{Global, Typed};
use reply::Dialect;

/// What every command gets besides its own arguments.
pub(crate) struct Context {
    pub(crate) world: World,
    pub(crate) actor: Option<String>,
    /// The rig that was asked for, instead of the one the folder is in.
    pub(crate) rig: Option<String>,
    /// Whether the result is asked for as JSON.
    pub(crate) json: bool,
    /// As what the program was called.
    pub(crate) dialect: Dialect,
    /// A folder of the repository that holds the beads, where it is not the one that the command is given in.
    pub(crate) beads: Option<PathBuf>,
    /// Who acts, found out where the command was given.
    who: OnceCell<String>,
    /// The home that is asked about, opened once.
    home: OnceCell<Home>,
}

impl Context {
    /// Returns what a command gets of whom nothing else was said.
    fn new(world: &World, json: bool) -> Self {
        Self {
            world: world.clone(),
            actor: None,
            rig: None,
            json,
            dialect: Dialect::Gt,
            beads: None,
            who: OnceCell::new(),
            home: OnceCell::new(),
        }
    }

    /// Returns the same command given in another folder.
    pub(crate) fn at(&self, dir: &Path) -> Self {
        Self {
            actor: self.actor.clone(),
            rig: self.rig.clone(),
            dialect: self.dialect,
            ..Self::new(&self.world.at(dir), self.json)
        }
    }

    /// Returns the same command with its result asked for as JSON.
    pub(crate) fn in_json(&self) -> Self {
        Self {
            json: true,
            beads: self.beads.clone(),
            ..self.at(self.world.cwd())
        }
    }

    /// Returns the same command given again, which remembers nothing of the first time.
    pub(crate) fn again(&self) -> Self {
        Self {
            beads: self.beads.clone(),
            ..self.at(self.world.cwd())
        }
    }

    pub(crate) fn repo(&self) -> Result<Repo> {
        Repo::discover(&self.place())
    }

    /// Returns the world seen from where the beads are.
    pub(crate) fn place(&self) -> World {
        match &self.beads {
            Some(dir) => self.world.at(dir),
            None => self.world.clone(),
        }
    }

    /// Returns the rig that was asked for, else the home that the folder is in.
    pub(crate) fn home(&self) -> Result<Home> {
        if let Some(known) = self.home.get() {
            return Ok(known.clone());
        }
        let home = Home::open(&self.place())?;
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

    /// Returns the rigs among them; refuses where none is here.
    pub(crate) fn rigs(&self) -> Result<Vec<Home>> {
        let mut rigs = self.homes()?;
        rigs.retain(|home| !home.is_hq());
        if rigs.is_empty() {
            self.home()?.one_rig()?;
        }
        Ok(rigs)
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
    if bd::is_called(&argv) {
        return bd::run(world, argv);
    }
    let dialect = Dialect::Gt;
    if let Some(words) = help::asked_for(&argv) {
        let page = help::show(&command::whole::<Global>(), &words);
        return reply::finish(world, false, dialect, &page);
    }
    let json = argv.iter().any(|word| word == "--json");
    let typed = match Typed::<Global>::parse(argv) {
        Ok(typed) => typed,
        Err(error) => return reply::usage(world, json, dialect, &error),
    };
    let global = &typed.global;
    let world = global
        .chdir
        .as_ref()
        .map_or_else(|| world.clone(), |dir| world.at(dir));
    if !world.cwd().is_dir() {
        let missing = Fault::fatal(format!("there is no folder '{}'", world.cwd().display()));
        return reply::finish(&world, global.json, dialect, &Err(missing));
    }
    let cx = Context {
        actor: global.actor.clone(),
        rig: global.rig.clone(),
        ..Context::new(&world, global.json)
    };
    match typed.run(&cx) {
        Ok(result) => reply::finish(&world, global.json, dialect, &result),
        Err(error) => reply::usage(&world, json, dialect, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command::whole::<Global>().debug_assert();
    }

    #[test]
    fn every_command_accepts_h() {
        fn check(command: &clap::Command, path: &[String]) {
            let children = command.get_subcommands().filter(|it| !it.is_hide_set());
            for child in children {
                let path = [path, &[child.get_name().to_owned()]].concat();
                let argv = ["git-gt".to_owned()].into_iter().chain(path.clone());
                let asked =
                    command::whole::<Global>().try_get_matches_from(argv.chain(["-h".to_owned()]));
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
        check(&command::whole::<Global>(), &[]);
    }

    #[test]
    fn the_manual_describes_every_command() {
        let missing = manual::undocumented(manual::PAGES, &command::described());
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
        let root = command::described();
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
            let fresh = manual::refresh(page, &command::described());
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
