//! The tables of Gas Town's commands and of those it shares with bd.

use super::{BEAD, Entry, Global, whole};
use crate::cli::Context;
use crate::cli::reply::Reply;
use crate::cli::{
    agents, assign, attic, batch, blocked, cat, changelog, checkpoint, children, ci, close,
    comments, complete, completion, config, convoy, count, create, crew, delete, demo, dep, done,
    duplicates, epic, export, fsck, graph, handoff, help, hook, hooks, import, init, install,
    install_docs, label, lint, list, log, mail, maintain, memory, merge_slot, mq, nudge, orphans,
    peek, polecat, prime, query, ready, refinery, release, reopen, rig, search, session, shim,
    show, sling, state, stats, status, swarm, sync, todo, town, tweak, unsling, update, version,
    versions, whoami, words, worktree,
};
use crate::fault::Result;

/// Gas Town's words: `git gt NAME`.
pub(super) const TOWN: &[Entry] = &[
    entry!(
        "init",
        init::Args,
        init::run,
        "Make the ledgers of this repository, or take over those of its remote"
    ),
    entry!(
        "install",
        install::Args,
        install::run,
        "Make a town: a folder for several repositories and what goes across them"
    ),
    entry!(
        "rig",
        rig::Args,
        rig::run,
        "Add repositories to the town, and see them"
    ),
    entry!(
        "crew",
        crew::Args,
        crew::run,
        "Give people worktrees of their own"
    ),
    entry!(
        "worktree",
        worktree::Args,
        worktree::run,
        "Work in another rig of the town as who you are in yours"
    ),
    entry!(
        "town",
        town::Args,
        town::run,
        "Go to the next tmux session of the town"
    ),
    entry!(
        "whoami",
        whoami::Args,
        whoami::run,
        "Say under which name you act, and why"
    ),
    entry!(
        "status",
        status::Args,
        status::run,
        "Show the town, or the rig, at a glance: who works, what waits, what is done"
    ),
    entry!(
        "role",
        whoami::RoleArgs,
        whoami::role,
        "Say which role you play, and where you stand"
    ),
    entry!(
        "config",
        config::Args,
        config::run,
        "Say how agents are started here, and other settings"
    ),
    entry!(
        "sling",
        sling::Args,
        sling::run,
        "Give beads to agents: claim, branch, worktree, and the agent started in it"
    ),
    entry!(
        "unsling",
        unsling::Args,
        unsling::run,
        "Take a bead off its hook: it is open again, branch and worktree stay"
    )
    .or("unhook"),
    entry!(
        "assign",
        assign::Args,
        assign::run,
        "Make a bead and hang it on the hook of a crew member"
    ),
    entry!(
        "release",
        release::Args,
        release::run,
        "Give beads back: they are open again and nobody holds them"
    ),
    entry!(
        "hook",
        hook::Args,
        hook::run,
        "Show what hangs on a hook, hang a bead on your own, or take it off"
    ),
    entry!(
        "done",
        done::Args,
        done::run,
        "Queue what was committed on this hook, or say why not"
    ),
    entry!(
        "agents",
        agents::Args,
        agents::run,
        "Show every agent: on what, since when, alive or not, where its log is"
    ),
    entry!(
        "prime",
        prime::Args,
        prime::run,
        "Tell an agent who it is, what hangs on its hook and what waits for it"
    ),
    entry!(
        "heartbeat",
        prime::Heartbeat,
        prime::heartbeat,
        "Say that you are alive, and how you are"
    ),
    entry!(
        "hooks",
        hooks::Args,
        hooks::run,
        "Let the runtime of your agents call git gt at the boundaries of their turns"
    ),
    entry!(
        "runtime-hook",
        prime::RuntimeHook,
        prime::runtime_hook,
        "Answer a hook of an agent's runtime"
    ),
    entry!(
        "checkpoint",
        checkpoint::Args,
        checkpoint::run,
        "Save uncommitted work, and bring it back"
    ),
    entry!(
        "handoff",
        handoff::Args,
        handoff::run,
        "Leave what you know to the session that carries on"
    ),
    entry!(
        "resume",
        handoff::Resume,
        handoff::resume,
        "Show the last handoff again"
    ),
    entry!(
        "peek",
        peek::Args,
        peek::run,
        "Show the end of what an agent's session wrote"
    ),
    entry!(
        "polecat",
        polecat::Args,
        polecat::run,
        "See polecats, stop them, put them away"
    ),
    entry!(
        "orphans",
        orphans::Args,
        orphans::run,
        "Show what nobody looks after: branches, commits, saved tips, claims"
    ),
    entry!(
        "attic",
        attic::Args,
        attic::run,
        "See and bring back what was saved before something was deleted"
    ),
    entry!("mq", mq::Args, mq::run, "See and change the merge queue"),
    entry!(
        "refinery",
        refinery::Args,
        refinery::run,
        "Run the merge queue, and say what must pass before anything lands"
    ),
    entry!(
        "ci",
        ci::Args,
        ci::run,
        "Let an outside CI answer for a gate: its files, its reporter, and a CI where there is none"
    ),
    entry!(
        "convoy",
        convoy::Args,
        convoy::run,
        "Follow beads together, and tell somebody when all of them are done"
    ),
    entry!(
        "mail",
        mail::Args,
        mail::run,
        "Write to agents and people, read what they wrote"
    ),
    entry!(
        "nudge",
        nudge::Args,
        nudge::run,
        "Tell somebody something short that is of no use after a while"
    ),
    entry!(
        "sync",
        sync::Args,
        sync::run,
        "Push what changed here, take over what changed elsewhere"
    ),
    entry!(
        "fsck",
        fsck::Args,
        fsck::run,
        "Check that every ledger is whole, and mend what is not"
    ),
    entry!(
        "maintain",
        maintain::Args,
        maintain::run,
        "Pack what was written, clear away what crashes left, back up the tips"
    ),
    entry!(
        "cat",
        cat::Args,
        cat::run,
        "Print what a bead says: its description and nothing else"
    ),
    entry!(
        "changelog",
        changelog::Args,
        changelog::run,
        "Show what was done: the beads that were closed, of the whole town in HQ"
    ),
    entry!(
        "log",
        log::Args,
        log::run,
        "Show what happened, newest first"
    ),
    entry!(
        "shim",
        shim::Args,
        shim::run,
        "Answer to the names bd and gt, too"
    ),
    entry!(
        "demo",
        demo::Args,
        demo::run,
        "Show the whole path in a temporary directory: a town, twelve beads, eight agents at once"
    ),
    BEAD,
    entry!(
        "session",
        session::Args,
        session::run,
        "Run an agent's session"
    )
    .hidden(),
    entry!(
        "help",
        help::Args,
        |_, args| help::run(&whole::<Global>(), args),
        "Show the manual, or the part about one command"
    ),
    entry!(
        "install-docs",
        install_docs::Args,
        install_docs::run,
        "Install the manual and the completions beside the program"
    ),
    entry!(
        "completion",
        completion::Args,
        |_, args| completion::run(args),
        "Print the script that makes a shell complete git gt"
    ),
    entry!(
        "complete",
        complete::Args,
        |cx, args| complete::run(cx, &whole::<Global>(), args),
        "Print what may follow the words; for the scripts of completion"
    )
    .hidden(),
    entry!(
        "version",
        version::Args,
        |_, args| version::run(args),
        "Print the version"
    ),
];

/// Words for beads that mean the same in Gas Town and to bd: `git gt NAME`, `git gt bead NAME`, `bd NAME`.
pub(super) const BEADS: &[Entry] = &[
    entry!(
        "create",
        create::Args,
        create::run,
        "Make a bead: a piece of work"
    )
    .or("new"),
    entry!(
        "q",
        create::Quick,
        create::quick,
        "Make a bead and print its id"
    ),
    entry!(
        "todo",
        todo::Args,
        todo::run,
        "Keep a list of small things to do, which are tasks"
    ),
    entry!(
        "show",
        show::Args,
        show::run,
        "Show beads with everything that is known about them"
    )
    .or("view"),
    entry!(
        "list",
        list::Args,
        list::run,
        "List beads, by default those that are not closed"
    ),
    entry!(
        "ready",
        ready::Args,
        ready::run,
        "List the beads that can be begun now: open, not blocked, not put off"
    ),
    entry!(
        "blocked",
        blocked::Args,
        blocked::run,
        "List the beads that wait for others, each with those it waits for"
    ),
    entry!(
        "search",
        search::Args,
        search::run,
        "Find beads by what their titles and ids say"
    ),
    entry!(
        "query",
        query::Args,
        query::run,
        "List the beads that answer a question with yes: status=open AND priority<2"
    ),
    entry!(
        "children",
        children::Args,
        children::run,
        "List the children of a bead, closed ones too"
    ),
    entry!(
        "count",
        count::Args,
        count::run,
        "Count beads, closed ones too; by status, type, priority, assignee or label"
    ),
    entry!(
        "stats",
        stats::Args,
        stats::run,
        "Show how many beads there are, and how they stand"
    ),
    entry!("update", update::Args, update::run, "Change beads"),
    entry!(
        "priority",
        tweak::Priority,
        tweak::priority,
        "Say how urgent a bead is"
    ),
    entry!("defer", tweak::Defer, tweak::defer, "Put beads off"),
    entry!(
        "undefer",
        tweak::Undefer,
        tweak::undefer,
        "Take back that beads are put off"
    ),
    entry!(
        "edit",
        tweak::ByHand,
        tweak::by_hand,
        "Edit a text of a bead in your editor"
    ),
    entry!(
        "batch",
        batch::Args,
        batch::run,
        "Change many beads in one commit, or none"
    ),
    entry!(
        "lint",
        lint::Args,
        lint::run,
        "Say which beads have not the sections that their type asks for"
    ),
    entry!(
        "close",
        close::Args,
        close::run,
        "Close beads: the work is done, or will not be"
    ),
    entry!(
        "reopen",
        reopen::Args,
        reopen::run,
        "Open closed beads again; nobody holds them then"
    ),
    entry!(
        "delete",
        delete::Args,
        delete::run,
        "Delete beads; without --force, show what would go"
    ),
    entry!("dep", dep::Args, dep::run, "Say which bead waits for which"),
    entry!(
        "link",
        dep::LinkArgs,
        dep::link_two,
        "Make a bead depend on another one"
    ),
    entry!(
        "epic",
        epic::Args,
        epic::run,
        "See how far epics are, and close those that are done"
    ),
    entry!("graph", graph::Args, graph::run, "Draw what beads wait for"),
    entry!(
        "swarm",
        swarm::Args,
        swarm::run,
        "Plan an epic's work in waves, and follow it"
    ),
    entry!(
        "duplicates",
        duplicates::Duplicates,
        duplicates::duplicates,
        "Find beads that say the same to the letter"
    ),
    entry!(
        "find-duplicates",
        duplicates::FindDuplicates,
        duplicates::find_duplicates,
        "Find beads that say nearly the same"
    ),
    entry!(
        "duplicate",
        duplicates::Duplicate,
        duplicates::duplicate,
        "Close a bead that says what another one says"
    ),
    entry!(
        "supersede",
        duplicates::Supersede,
        duplicates::supersede,
        "Close a bead in whose place another one stands"
    ),
    entry!(
        "types",
        words::Types,
        words::types,
        "List the types that beads can be of"
    ),
    entry!(
        "statuses",
        words::Statuses,
        words::statuses,
        "List the statuses that beads can have"
    ),
    entry!("comment", comments::Add, comments::add, "Comment on a bead"),
    entry!(
        "comments",
        comments::Args,
        comments::run,
        "Show the comments on a bead"
    ),
    entry!(
        "note",
        tweak::Note,
        tweak::note,
        "Add a paragraph to the notes of a bead"
    ),
    entry!("label", label::Args, label::run, "Label beads"),
    entry!("tag", tweak::Tag, tweak::tag, "Label a bead"),
    entry!(
        "remember",
        memory::Remember,
        memory::remember,
        "Keep a text for the sessions to come"
    ),
    entry!("recall", memory::Recall, memory::recall, "Print one memory"),
    entry!(
        "forget",
        memory::Forget,
        memory::forget,
        "Forget one memory"
    ),
    entry!(
        "memories",
        memory::Memories,
        memory::memories,
        "List what is remembered"
    ),
    entry!(
        "kv",
        memory::Kv,
        memory::kv,
        "Keep texts under keys, for scripts"
    ),
    entry!(
        "set-state",
        state::Set,
        state::set,
        "Change a state of a bead, and make an event of it"
    ),
    entry!(
        "history",
        versions::History,
        versions::history,
        "Show every version of a bead"
    ),
    entry!(
        "diff",
        versions::Diff,
        versions::diff,
        "Show what became of beads between two times"
    ),
    entry!(
        "state",
        state::Args,
        state::run,
        "Show the states of a bead"
    ),
    entry!(
        "merge-slot",
        merge_slot::Args,
        merge_slot::run,
        "Let one at a time merge by hand"
    ),
    entry!(
        "import",
        import::Args,
        import::run,
        "Take over beads from a JSONL file of bd or br; again and again, if you like"
    ),
    entry!(
        "export",
        export::Args,
        export::run,
        "Write beads as a JSONL file that bd, br and git gt read"
    ),
];
