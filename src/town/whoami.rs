//! Who acts: the name that decisions are signed with.

use crate::git::Repo;

/// Returns the actor: what was given, `BD_ACTOR`, `BEADS_ACTOR`, `GT_ROLE`, git's `user.name`, `USER`, in
/// this order; `unknown` where none of them is set.
pub fn actor(repo: &Repo, given: Option<&str>) -> String {
    let env = |key| repo.world().env(key).map(str::to_owned);
    let given = given
        .map(str::to_owned)
        .filter(|name| !name.trim().is_empty());
    let actor = given
        .or_else(|| env("BD_ACTOR"))
        .or_else(|| env("BEADS_ACTOR"))
        .or_else(|| env("GT_ROLE"))
        .or_else(|| repo.setting("user.name").filter(|name| !name.is_empty()))
        .or_else(|| env("USER"))
        .unwrap_or_else(|| "unknown".to_owned());
    actor
        .trim()
        .chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .collect()
}
