//! `git gt demo`: the whole path on a small real project, told as it happens.
//!
//! Nothing in it is faked: it is the code of the commands, on refs of a repository of its own.

mod outcome;
mod project;
mod story;
mod teller;
mod tree;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::fault::{Fault, Result};
use crate::town::Home;
use crate::world::World;
use crate::world::fs;

/// Show the whole path in a temporary directory: a town, twelve beads, eight agents at once
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave everything there to look around
    #[arg(long)]
    keep: bool,
    /// Do it in DIR, which must not exist yet, instead of a temporary directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The folder of the town.
const TOWN: &str = "town";

/// Variables that would tie the demo to the repository, the town or the user around it.
const FOREIGN: &[&str] = &[
    "BD_ACTOR",
    "BEADS_ACTOR",
    "GT_ROLE",
    "GT_RIG",
    "GT_BEAD",
    "GT_POLECAT",
    "GT_SESSION",
    "GT_ROOT",
    "GT_TOWN_ROOT",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DEFAULT_HASH",
    "GIT_TEMPLATE_DIR",
];

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let place = Place::make(&cx.world, args)?;
    let world = own_world(&cx.world, &place.path);
    world
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot watch for interrupts: {error}")))?;
    let told = story::tell(&world, &place.path, cx.json);
    if told.is_err() {
        wait_for_agents(&world.at(&place.path.join(TOWN)));
    }
    let keep = args.keep || args.dir.is_some();
    let path = place.path.clone();
    if keep {
        place.keep();
    }
    let outcome = told?;
    let text = outcome.table() + &look_around(&path, keep);
    let mut value = outcome.value();
    if keep {
        value["dir"] = json!(path.display().to_string());
    }
    Ok(Reply::new(value, text))
}

/// Waits for agents that still work in the folder, which is about to go: they end by themselves.
fn wait_for_agents(world: &World) {
    let homes = Home::open(world).and_then(|hq| hq.all_here());
    let ended = homes.and_then(|homes| teller::wait_for_agents(&homes));
    // What failed before is what the user is told.
    drop(ended);
}

/// The folder of the demo; without [`Place::keep`] it goes with the value.
struct Place {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn make(world: &World, args: &Args) -> Result<Self> {
        if let Some(dir) = &args.dir {
            let path = world.cwd().join(dir);
            if path.exists() {
                return Err(
                    Fault::refused(format!("'{}' exists already", path.display()))
                        .hint("name a folder that does not exist: the demo makes it"),
                );
            }
            fs::create_dir_all(&path).map_err(|error| Fault::io("make folder", &path, &error))?;
            return Ok(Self {
                path,
                temporary: None,
            });
        }
        let parent = world.env("TMPDIR").unwrap_or("/tmp").to_owned();
        let made = tempfile::Builder::new()
            .prefix("git-gt-demo-")
            .tempdir_in(&parent);
        let made =
            made.map_err(|error| Fault::io("make a folder in", Path::new(&parent), &error))?;
        Ok(Self {
            path: made.path().to_owned(),
            temporary: Some(made),
        })
    }

    fn keep(mut self) {
        if let Some(made) = self.temporary.take() {
            // From here on the folder is the user's.
            let _path = made.keep();
        }
    }
}

/// Returns a world that knows nothing of the user's repository, configuration or identity.
fn own_world(world: &World, dir: &Path) -> World {
    let unset: Vec<&str> = FOREIGN
        .iter()
        .chain(crate::git::LOCAL_ENV)
        .copied()
        .collect();
    let set = [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "you"),
        ("GIT_AUTHOR_EMAIL", "you@gt.invalid"),
        ("GIT_COMMITTER_NAME", "you"),
        ("GIT_COMMITTER_EMAIL", "you@gt.invalid"),
    ];
    world.with_env(&set, &unset).at(dir)
}

fn look_around(path: &Path, keep: bool) -> String {
    if !keep {
        return "\nTo look around afterwards: git gt demo --keep\n".to_owned();
    }
    format!(
        "\nLook around:\n\
         \x20 cd {}\n\
         \x20 git gt list --all                 every bead\n\
         \x20 git gt convoy list --all          what was followed together\n\
         \x20 git gt mq list --all              every merge request\n\
         \x20 git gt mq status <id>             its gate runs, and how to see it fail\n\
         \x20 git gt agents                     who worked where, with their logs\n\
         \x20 git gt mail inbox overseer        what you are told\n\
         \x20 git gt log                        what happened\n\
         \x20 git -C almanac/.repo log -p refs/gt/beads   all of it with plain git\n\
         \x20 git -C almanac/.repo log --graph --oneline main\n",
        path.join(TOWN).display()
    )
}
