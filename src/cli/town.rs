//! `git gt town`

use std::path::Path;

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::fault::{Fault, Result};
use crate::world::tmux::{self, Session};

/// Go to the next tmux session of the town
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Switch to the next session of this town
    Next {},
    /// Switch to the one before
    Prev {},
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let (sessions, here) = tmux::sessions(&cx.world)?;
    let forward = matches!(args.verb, Verb::Next {});
    let Some(name) = neighbour(&sessions, home.town_root(), &here, forward) else {
        return Err(
            Fault::not_found("there is no other tmux session in this town").hint(format!(
                "tmux new-session -d -c {}",
                home.town_root().display()
            )),
        );
    };
    tmux::switch_to(&cx.world, name)?;
    Ok(Reply::new(json!({ "session": name }), ""))
}

/// Returns the session of a town that follows the one shown now, or comes before it, in the order of names
/// and round in a circle.
fn neighbour<'a>(
    sessions: &'a [Session],
    town: &Path,
    here: &str,
    forward: bool,
) -> Option<&'a str> {
    let of_town = sessions.iter().filter(|it| it.path.starts_with(town));
    let mut names: Vec<&str> = of_town.map(|it| it.name.as_str()).collect();
    names.retain(|name| *name != here);
    names.sort_unstable();
    let after = names.partition_point(|name| *name < here);
    match (names.len(), forward) {
        (0, _) => None,
        (count, true) => Some(names[after % count]),
        (count, false) => Some(names[(after + count - 1) % count]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_the_town_go_round_in_a_circle() {
        let check = |all: &str, here: &str, forward, want: Option<&str>| {
            let session = |text: &str| {
                let (name, path) = text.split_once('@').unwrap();
                Session {
                    name: name.to_owned(),
                    path: path.into(),
                }
            };
            let all: Vec<Session> = all.split_whitespace().map(session).collect();
            let got = neighbour(&all, Path::new("/gt"), here, forward);
            assert_eq!(got, want, "{here} {forward}");
        };
        let all = "c@/gt a@/gt/api b@/gt/web x@/else y@/gtx";
        check(all, "a", true, Some("b"));
        check(all, "c", true, Some("a"));
        check(all, "a", false, Some("c"));
        check(all, "c", false, Some("b"));
        check(all, "x", true, Some("a"));
        check("a@/gt x@/else", "a", true, None);
        check("", "a", false, None);
    }
}
