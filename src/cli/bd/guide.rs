//! Texts for agents and people who begin: `quickstart`, `prime`, `onboard`, `human`.

use serde_json::json;

use crate::cli::Context;
use crate::cli::reply::Reply;
use crate::fault::Result;

/// Show how to begin
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Guide {
    #[arg(long, hide = true)]
    full: bool,
    #[arg(long, hide = true)]
    mcp: bool,
    #[arg(long, hide = true)]
    stealth: bool,
}

const QUICKSTART: &str = "\
Beads: work items kept in git (refs/gt/beads), for people and agents.

  bd init                            make the ledgers of this repository
  bd create \"Parse dates\" -p 1 -t bug
  bd dep add gt-2 gt-1               gt-2 waits for gt-1
  bd ready                           what can be begun now
  bd update gt-1 --claim             take it; one agent at a time holds a bead
  bd comment gt-1 \"half of it\"
  bd close gt-1 -r \"tests pass\"
  bd dolt push                       push and pull the ledgers

Any part of an id that no other bead has is enough. --json prints JSON.
";

const PRIME: &str = "\
# Beads

Work is tracked in beads. Nothing is a task that is not a bead.

1. `bd ready --json` shows what can be begun; take the first: `bd update ID --claim`.
2. Found more to do? `bd create \"TITLE\" -t task -p 2 --deps discovered-from:ID`.
3. Say what matters for whoever comes next: `bd comment ID \"TEXT\"`.
4. Done: `bd close ID -r \"WHY\"`. Never close what is not done.
5. Before the session ends: `bd dolt push`, so that others see it.
";

const ONBOARD: &str = "\
Put this into AGENTS.md or CLAUDE.md:

    Work is tracked with bd (beads). Run `bd prime` when a session begins.
";

pub(in crate::cli) fn quickstart(_: &Context, _: &Guide) -> Result<Reply> {
    Ok(told(QUICKSTART))
}

pub(in crate::cli) fn prime(_: &Context, _: &Guide) -> Result<Reply> {
    Ok(told(PRIME))
}

pub(in crate::cli) fn onboard(_: &Context, _: &Guide) -> Result<Reply> {
    Ok(told(ONBOARD))
}

fn told(text: &str) -> Reply {
    Reply::new(json!({ "text": text, "schema_version": 1 }), text)
}
