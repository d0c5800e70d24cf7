//! The table of bd's words that stand below `bead` only.

use super::Entry;
use crate::cli::Context;
use crate::cli::bd::{guide, retired, setup, storage};
use crate::cli::reply::Reply;
use crate::cli::{
    bead_config, bead_move, close, gate, mail, named, ship, show, stale, stats, sync, tweak,
};
use crate::fault::Result;

/// bd's words that Gas Town has no use for at the top, or uses for something else: `git gt bead NAME`, `bd NAME`.
pub(super) const BD: &[Entry] = &[
    entry!(
        "stale",
        stale::Args,
        stale::run,
        "List the beads that were left alone for long"
    ),
    entry!(
        "init",
        setup::Init,
        setup::init,
        "Make the ledgers of this repository, and the repository where there is none"
    ),
    entry!(
        "where",
        setup::Where,
        setup::whereabouts,
        "Show where the beads are"
    ),
    entry!(
        "info",
        setup::Info,
        setup::info,
        "Show what is kept here, and how"
    ),
    entry!(
        "context",
        setup::About,
        setup::context,
        "Show in which repository and as who you work"
    ),
    entry!(
        "ping",
        setup::Ping,
        setup::ping,
        "Say that the beads can be read, and how long that took"
    ),
    entry!(
        "version",
        setup::Version,
        setup::version,
        "Print the version"
    ),
    entry!(
        "quickstart",
        guide::Guide,
        guide::quickstart,
        "Show how to begin"
    ),
    entry!(
        "prime",
        guide::Guide,
        guide::prime,
        "Tell an agent how to work with beads"
    ),
    entry!(
        "onboard",
        guide::Guide,
        guide::onboard,
        "Show what to write into the instructions for agents"
    ),
    entry!(
        "doctor",
        retired::Doctor,
        retired::doctor,
        "Check that the ledgers are whole"
    ),
    entry!(
        "migrate",
        retired::Migrate,
        retired::migrate,
        "See what there is to migrate, which is nothing"
    )
    .hidden(),
    entry!(
        "mail",
        mail::Args,
        mail::run,
        "Write to agents and people, read what they wrote"
    )
    .hidden(),
    entry!(
        "sync",
        sync::Args,
        sync::run,
        "Push what changed here, take over what changed elsewhere"
    )
    .hidden(),
    entry!(
        "dolt",
        retired::Dolt,
        retired::dolt,
        "Look after a database, of which there is none; push and pull are sync"
    )
    .hidden(),
    entry!(
        "daemon",
        retired::Words,
        retired::daemon,
        "Start or stop a daemon, of which there is none"
    )
    .or("daemons")
    .hidden(),
    entry!(
        "repair-deps",
        retired::RepairDeps,
        retired::repair_deps,
        "Remove edges that lead nowhere, which block nothing here"
    )
    .hidden(),
    entry!(
        "sql",
        retired::Words,
        retired::sql,
        "Ask a database, of which there is none"
    )
    .hidden(),
    entry!(
        "hooks",
        retired::Words,
        retired::githooks,
        "Install githooks, of which none are needed"
    )
    .hidden(),
    entry!(
        "status",
        stats::Args,
        stats::run,
        "Show how many beads there are, and how they stand"
    ),
    entry!(
        "done",
        close::Args,
        close::run,
        "Close beads: the work is done, or will not be"
    )
    .hidden(),
    entry!(
        "promote",
        tweak::Promote,
        tweak::promote,
        "Keep a bead that was to be of no use for long"
    ),
    entry!(
        "ship",
        ship::Args,
        ship::run,
        "Say that a capability others wait for is there"
    ),
    entry!(
        "assign",
        tweak::Assign,
        tweak::assign,
        "Assign a bead to somebody on paper"
    ),
    entry!(
        "config",
        bead_config::Args,
        bead_config::run,
        "Say which words of its own a project has for beads, and other settings of everybody's"
    ),
    entry!(
        "read",
        show::Args,
        show::run,
        "Show beads with everything that is known about them"
    )
    .hidden(),
    entry!(
        "move",
        bead_move::Args,
        bead_move::run,
        "Move a bead to another rig"
    ),
    entry!(
        "orphans",
        named::Args,
        named::run,
        "Show open beads that commits on the target name, whose work may be done"
    ),
    entry!(
        "purge",
        storage::Purge,
        storage::purge,
        "Delete closed wisps; without --force, show what would go"
    ),
    entry!(
        "prune",
        storage::Purge,
        storage::prune,
        "Delete closed beads; without --force, show what would go"
    ),
    entry!("gc", upkeep),
    entry!("compact", upkeep).or("flatten"),
    entry!("admin", admin),
    entry!("backup", backup),
    entry!("restore", restore),
    entry!("vc", branches).or("branch"),
    entry!("federation", federation),
    entry!("repo", repositories),
    entry!("jira", tracker).or("linear"),
    entry!("github", tracker).or("gitlab"),
    entry!("ado", tracker).or("notion"),
    entry!(
        "gate",
        gate::Args,
        gate::run,
        "Let beads wait for people, times, other beads, mail and CIs"
    ),
];
