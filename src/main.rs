//! `git-gt`, which git runs as `git gt`.

use std::process::ExitCode;

use git_gt::world::{Start, World};

fn main() -> anyhow::Result<ExitCode> {
    let world = World::new(Start::of_process()?);
    Ok(git_gt::cli::run(&world, std::env::args_os().collect()).into())
}
