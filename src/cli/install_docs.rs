//! `git gt install-docs`: the embedded manual and completions as files where man and shells look.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::reply::Reply;
use super::{Context, completion, manual};
use crate::fault::{Fault, Result};
use crate::world::World;
use crate::world::fs;
use crate::world::process::Run;

/// Install the manual and the completions beside the program
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install below DIR/share; by default below share beside the folder of the program
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

/// Where shells look for completions, below `share`.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash-completion/completions/git-gt", completion::BASH),
    ("zsh/site-functions/_git-gt", completion::ZSH),
    ("fish/vendor_completions.d/git-gt.fish", completion::FISH),
];

/// Writes each file as a whole; after a crash some are old or missing, and running it again mends that.
pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let share = prefix(cx, args)?.join("share");
    let pages = manual::PAGES.iter().map(|(name, text)| {
        let section = name.rsplit('.').next().unwrap_or_default();
        (format!("man/man{section}/{name}"), (*text).to_owned())
    });
    let shared = manual::SHARED.iter().map(|(command, _)| {
        let other = manual::page_of(command);
        (
            format!("man/man1/git-gt-{command}.1"),
            format!(".so man1/{other}\n"),
        )
    });
    let completions = COMPLETIONS
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let mut files = Vec::new();
    for (name, text) in pages.chain(shared).chain(completions) {
        let path = share.join(name);
        fs::replace(&path, text.as_bytes()).map_err(|error| {
            Fault::io("write", &path, &error).hint("git gt install-docs --prefix ~/.local")
        })?;
        files.push(path.display().to_string());
    }
    let man = share.join("man");
    let found = is_found(&cx.world, &man);
    let count = files.len();
    let value = json!({ "files": files, "share": share.display().to_string(), "man": found });
    let reply = Reply::new(
        value,
        format!("installed {count} files below {}", share.display()),
    );
    Ok(match found {
        Some(false) => reply.note(format!(
            "man does not look there; add this to the profile of your shell:\n\
             export MANPATH=\"{}:$MANPATH\"",
            man.display()
        )),
        _ => reply,
    })
}

fn prefix(cx: &Context, args: &Args) -> Result<PathBuf> {
    if let Some(dir) = &args.prefix {
        return Ok(cx.world.cwd().join(dir));
    }
    let exe = cx.world.exe();
    let above = exe.parent().and_then(Path::parent);
    above.map(Path::to_owned).ok_or_else(|| {
        Fault::refused(format!(
            "'{}' stands in no folder of programs",
            exe.display()
        ))
        .hint("git gt install-docs --prefix ~/.local")
    })
}

/// Returns whether man finds the page just written, nothing where there is no man.
fn is_found(world: &World, man: &Path) -> Option<bool> {
    let asked = Run::new("man", world.cwd()).args(["-w", "git-gt"]);
    let output = asked.output(world).ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let page = man.join("man1/git-gt.1").canonicalize().ok()?;
    let there = Path::new(said.trim()).canonicalize();
    Some(output.status.success() && there.is_ok_and(|it| it == page))
}
