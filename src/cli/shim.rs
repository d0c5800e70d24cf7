//! `git gt shim`: links by which programs that call `bd` or `gt` find this one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, columns};
use crate::fault::{Fault, Result};
use crate::world::{World, fs};

/// Answer to the names bd and gt, too
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make links to this program
    Install(Links),
    /// Remove links that were made so; what is another program stays
    Remove(Links),
    /// Show where the names lead
    List,
}

#[derive(Debug, clap::Args)]
struct Links {
    /// Where the links are; by default beside this program
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The names
    #[arg(value_name = "NAME", required = true, value_enum)]
    names: Vec<Shim>,
}

/// A name the program answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shim {
    /// Speaks bd's words, with bd's exit codes
    Bd,
    /// Speaks Gas Town's words, which are those of git gt
    Gt,
}

impl Shim {
    fn name(self) -> &'static str {
        match self {
            Self::Bd => "bd",
            Self::Gt => "gt",
        }
    }
}

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
enum There {
    Nothing,
    /// A link to a git-gt, this one or another.
    Ours(PathBuf),
    /// Anything else.
    Foreign,
}

/// How the program is called where it is no shim.
const PROGRAM: &str = "git-gt";

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Install(links) => install(&cx.world, links),
        Verb::Remove(links) => remove(&cx.world, links),
        Verb::List => Ok(list(&cx.world)),
    }
}

/// Links each name to this program. Each link is there as a whole or not at all; after a crash some are
/// missing, and installing again makes those.
fn install(world: &World, links: &Links) -> Result<Reply> {
    let dir = links.dir(world)?;
    let paths: Vec<PathBuf> = links.names.iter().map(|it| dir.join(it.name())).collect();
    if let Some(path) = paths.iter().find(|path| at(path) == There::Foreign) {
        return Err(Fault::refused(format!(
            "'{}' is another program, and stays as it is",
            path.display()
        ))
        .hint("git gt shim install --dir <folder that PATH names before that one> ..."));
    }
    let mut text = String::new();
    for path in &paths {
        fs::link(world.exe(), path).map_err(|error| Fault::io("link", path, &error))?;
        text.push_str(&format!(
            "{} -> {}\n",
            path.display(),
            world.exe().display()
        ));
    }
    let mut reply = Reply::new(said(&paths), text);
    for (path, shim) in paths.iter().zip(&links.names) {
        let found = on_path(world, shim.name());
        let first = found.first().filter(|it| !is_same(it, path));
        reply = match (first, found.iter().any(|it| is_same(it, path))) {
            (Some(other), _) => {
                reply.note(format!("warning: {} comes first on PATH", other.display()))
            }
            (None, false) => reply.note(format!("warning: {} is not on PATH", dir.display())),
            (None, true) => reply,
        };
    }
    Ok(reply)
}

/// Removes links, one by one; after a crash some are gone.
fn remove(world: &World, links: &Links) -> Result<Reply> {
    let dir = links.dir(world)?;
    let (mut gone, mut faults) = (Vec::new(), Vec::new());
    for path in links.names.iter().map(|it| dir.join(it.name())) {
        match at(&path) {
            There::Ours(_) => match fs::remove_file(&path) {
                Ok(()) => gone.push(path),
                Err(error) => faults.push(Fault::io("remove", &path, &error)),
            },
            There::Nothing => faults.push(Fault::not_found(format!(
                "there is no '{}'",
                path.display()
            ))),
            There::Foreign => faults.push(Fault::refused(format!(
                "'{}' is another program, and stays as it is",
                path.display()
            ))),
        }
    }
    let lines = gone.iter().map(|it| format!("removed {}\n", it.display()));
    Ok(Reply::new(said(&gone), lines.collect::<String>()).with_faults(faults))
}

fn list(world: &World) -> Reply {
    let found = Shim::value_variants().iter().flat_map(|shim| {
        let paths = on_path(world, shim.name()).into_iter();
        paths.map(|path| (*shim, at(&path), path))
    });
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    for (shim, there, path) in found {
        let target = match there {
            There::Ours(target) => Some(target.display().to_string()),
            There::Nothing | There::Foreign => None,
        };
        let path = path.display().to_string();
        values.push(json!({ "name": shim.name(), "path": path, "target": target }));
        let leads = target.map_or("another program".to_owned(), |it| format!("-> {it}"));
        rows.push(vec![shim.name().to_owned(), path, leads]);
    }
    let reply = Reply::new(Value::Array(values), columns(rows));
    match reply.text.is_empty() {
        true => reply.note("neither bd nor gt is on PATH: git gt shim install bd"),
        false => reply,
    }
}

impl Links {
    fn dir(&self, world: &World) -> Result<PathBuf> {
        let beside = world.exe().parent().unwrap_or(Path::new("/"));
        let dir = match &self.dir {
            Some(dir) => world.cwd().join(dir),
            None => beside.to_owned(),
        };
        if dir.is_dir() {
            return Ok(dir);
        }
        Err(Fault::not_found(format!(
            "there is no folder '{}'",
            dir.display()
        )))
    }
}

fn said(paths: &[PathBuf]) -> Value {
    let paths = paths.iter().map(|it| Value::from(it.display().to_string()));
    paths.collect()
}

fn at(path: &Path) -> There {
    match (path.read_link(), path.symlink_metadata()) {
        (Ok(target), _) if target.file_name() == Some(PROGRAM.as_ref()) => There::Ours(target),
        (Err(_), Err(_)) => There::Nothing,
        _ => There::Foreign,
    }
}

/// Returns the programs of a name, in the order in which a shell looks for them.
fn on_path(world: &World, name: &str) -> Vec<PathBuf> {
    let path = OsString::from(world.env("PATH").unwrap_or_default());
    let dirs = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    let files = dirs.map(|dir| dir.join(name));
    files
        .filter(|path| path.symlink_metadata().is_ok())
        .collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|it| it.canonicalize().ok());
    one == other || folder(one).is_some() && folder(one) == folder(other)
}
