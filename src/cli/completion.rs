//! `git gt completion`: the scripts that make a shell ask `git gt complete`.

use serde_json::json;

use super::reply::Reply;
use crate::fault::Result;

/// Print the script that makes a shell complete git gt
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) const BASH: &str = include_str!("../../completions/git-gt.bash");
pub(crate) const ZSH: &str = include_str!("../../completions/git-gt.zsh");
pub(crate) const FISH: &str = include_str!("../../completions/git-gt.fish");

pub(crate) fn run(args: &Args) -> Result<Reply> {
    let script = match args.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    };
    Ok(Reply::new(json!({ "script": script }), script))
}
