//! tmux(1), for those who keep terminals in it: which sessions there are, and going to one.

use std::path::PathBuf;

use super::World;
use super::process::Run;
use crate::fault::{Fault, Result};

/// A session of the tmux server that this terminal belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is called.
    pub name: String,
    /// The folder it was started in.
    pub path: PathBuf,
}

/// Returns every session, and the name of the one this terminal shows.
pub fn sessions(world: &World) -> Result<(Vec<Session>, String)> {
    if world.env("TMUX").is_none() {
        return Err(Fault::unavailable("this is no terminal of tmux")
            .hint("start one in a folder of the town: tmux new-session"));
    }
    let listed = ask(
        world,
        &["list-sessions", "-F", "#{session_name}\t#{session_path}"],
    )?;
    let session = |line: &str| {
        let (name, path) = line.split_once('\t')?;
        Some(Session {
            name: name.to_owned(),
            path: PathBuf::from(path),
        })
    };
    let here = ask(world, &["display-message", "-p", "#{session_name}"])?;
    Ok((
        listed.lines().filter_map(session).collect(),
        here.trim_end().to_owned(),
    ))
}

/// Makes this terminal show a session.
pub fn switch_to(world: &World, name: &str) -> Result<()> {
    // With "=" the name is taken as it is, and not as a pattern.
    ask(world, &["switch-client", "-t", &format!("={name}")]).map(drop)
}

fn ask(world: &World, args: &[&str]) -> Result<String> {
    let run = Run::new("tmux", world.cwd()).args(args.iter().copied());
    let output = run
        .output(world)
        .map_err(|error| Fault::unavailable(format!("cannot run tmux: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Fault::unavailable(format!("tmux says: {}", said.trim())))
}
