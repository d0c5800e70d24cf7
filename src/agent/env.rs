//! The environment of an agent: who it is, where it works, on what.

use super::hook::Hook;
use crate::git::LOCAL_ENV;
use crate::town::Home;
use crate::world::process::Run;

/// Returns `run` with an agent's identity in its environment and none of ours.
pub(super) fn identify(run: Run, home: &Home, hook: &Hook, session: &str) -> Run {
    let (rig, name) = (home.rig().name(), hook.name());
    let root = home.town_root().display().to_string();
    let ceiling = hook
        .path
        .parent()
        .unwrap_or(&hook.path)
        .display()
        .to_string();
    let email = format!("{}@gt.invalid", hook.agent.replace('/', "."));
    let mut run = run
        .without(LOCAL_ENV)
        .without(&["GT_CREW", "GT_DOG_NAME"])
        .env("GT_ROLE", &hook.agent)
        .env("GT_RIG", rig)
        .env("GT_POLECAT", name)
        .env("GT_BEAD", &hook.bead)
        .env("GT_ROOT", &root)
        .env("GT_TOWN_ROOT", &root)
        .env("GT_SESSION", session)
        .env("BD_ACTOR", &hook.agent)
        .env("BEADS_AGENT_NAME", format!("{rig}/{name}"))
        .env("GIT_CEILING_DIRECTORIES", ceiling)
        .env("GIT_AUTHOR_NAME", name)
        .env("GIT_AUTHOR_EMAIL", &email)
        .env("PATH", path_with_us(home));
    // Half an identity is none where git is told to guess nothing (user.useConfigOnly).
    let has = |key| home.repo().setting(key).is_some();
    if !(has("user.email") && has("user.name")) {
        run = run
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", &email);
    }
    run
}

/// The folder of this very program comes first, so that an agent's `git gt` is the one that started it.
fn path_with_us(home: &Home) -> String {
    let path = home
        .world()
        .env("PATH")
        .unwrap_or("/usr/local/bin:/usr/bin:/bin");
    match home.world().exe().parent() {
        Some(folder) if !path.split(':').any(|it| it == folder.display().to_string()) => {
            format!("{}:{path}", folder.display())
        }
        _ => path.to_owned(),
    }
}
