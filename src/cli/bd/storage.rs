//! What bd's users do about the room that beads take, and about its database's branches and backups: what
//! there is of it here, and for the rest what to use instead.

use serde_json::{Value, json};

use super::retired::Words;
use crate::bead::{Beads, Moment, Way, delete};
use crate::cli::reply::{Reply, columns};
use crate::cli::{Context, maintain};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::{Bead, BeadRow};
use crate::text::matches;
use crate::town::Home;

/// Delete closed beads that are of no more use
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Purge {
    /// Delete those that were closed longer ago than TIME: 30d, 2w, or a number of days
    #[arg(long, value_name = "TIME")]
    older_than: Option<String>,
    /// Delete those whose ids look like PATTERN, where a star stands for anything
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// Delete them; without it, show what would go
    #[arg(short, long)]
    force: bool,
    /// Show what would go, whatever else is asked
    #[arg(long)]
    dry_run: bool,
}

/// Deletes closed wisps.
pub(in crate::cli) fn purge(cx: &Context, args: &Purge) -> Result<Reply> {
    sweep(cx, args, ("purged_count", |row| row.is_ephemeral()))
}

/// Deletes closed beads that are no wisps; asks for a limit, since that could be all work ever done.
pub(in crate::cli) fn prune(cx: &Context, args: &Purge) -> Result<Reply> {
    if args.older_than.is_none() && args.pattern.is_none() {
        return Err(Fault::invalid("which closed beads?")
            .hint("git gt bead prune --older-than 90d")
            .hint(
                "nothing needs it: lists leave closed beads out, and history keeps deleted ones",
            ));
    }
    sweep(cx, args, ("pruned_count", |row| !row.is_ephemeral()))
}

/// Makes tombstones of closed beads, in one commit for each home. Pinned ones stay.
///
/// After a crash they are deleted or not; the next run deletes the rest.
fn sweep(
    cx: &Context,
    args: &Purge,
    (name, wanted): (&str, fn(&BeadRow<'_>) -> bool),
) -> Result<Reply> {
    let until = match args.older_than.as_deref().map(str::trim) {
        None => cx.world.now(),
        Some(days) if !days.is_empty() && days.bytes().all(|it| it.is_ascii_digit()) => {
            Moment::parse(&format!("{days}d"), Way::Back, cx.world.now())?.time()
        }
        Some(text) => Moment::parse(text, Way::Back, cx.world.now())?.time(),
    };
    let pattern = args.pattern.as_deref();
    let fits = |row: &BeadRow<'_>| {
        let closed = row.closed().is_some_and(|at| at <= until);
        let named = pattern.is_none_or(|pattern| matches(pattern, row.id()));
        closed && named && wanted(row) && !row.is_pinned() && !row.is_template()
    };
    let deletes = args.force && !args.dry_run;
    let (mut gone, mut homes) = (Vec::new(), Vec::new());
    for home in cx.homes()? {
        let actor = cx.actor(home.repo());
        gone.extend(swept(&home, &actor, &fits, deletes)?);
        homes.push(home);
    }
    if deletes {
        cx.settle_all(homes);
    }
    let edges: usize = gone.iter().map(|bead| bead.edges().count()).sum();
    let labels: usize = gone.iter().map(|bead| bead.labels().count()).sum();
    let mut value = json!({
        "dry_run": !deletes, "dependencies": edges, "labels": labels, "events": 0,
        "ids": gone.iter().map(Bead::id).collect::<Vec<_>>(), "schema_version": 1,
    });
    value[name] = gone.len().into();
    let rows = gone
        .iter()
        .map(|bead| vec![bead.id().to_owned(), bead.title().to_owned()]);
    let text = match (gone.is_empty(), deletes) {
        (true, _) => "nothing to delete\n".to_owned(),
        (false, true) => format!("{}{} deleted\n", columns(rows), gone.len()),
        (false, false) => format!(
            "{}{} would be deleted; --force deletes them\n",
            columns(rows),
            gone.len()
        ),
    };
    Ok(Reply::new(value, text))
}

fn swept(
    home: &Home,
    actor: &str,
    fits: &dyn Fn(&BeadRow<'_>) -> bool,
    deletes: bool,
) -> Result<Vec<Bead>> {
    let written = home.write(Name::Beads, actor, |view, pen| {
        let beads = Beads::of(view);
        let mut rows = Vec::new();
        for row in beads.rows(true)? {
            let row = row?;
            if fits(&row) {
                rows.push(row);
            }
        }
        let found = beads.whole(&rows)?;
        if !deletes || found.is_empty() {
            return Ok(Decision::nothing(found));
        }
        let tombstones = found.iter().cloned().map(|mut bead| {
            let stamp = pen.stamp(bead.record());
            delete(&mut bead, actor, &stamp);
            bead.into_record()
        });
        let subject = format!("delete {} closed beads", found.len());
        Ok(Decision::write(subject, tombstones.collect(), found))
    })?;
    Ok(written.value)
}

/// Returns a refusal that says what to use instead.
fn instead(word: &str, why: &str, hints: &[&str]) -> Result<Reply> {
    let fault = Fault::refused(format!("'{word}' is not needed here: {why}"));
    Err(hints.iter().fold(fault, |fault, hint| fault.hint(*hint)))
}

/// Packs what was written, as `gc`, `compact` and `flatten` of bd do in their ways.
pub(in crate::cli) fn upkeep(cx: &Context, args: &Words) -> Result<Reply> {
    if args.words.iter().any(|it| it == "--dry-run") {
        return Ok(Reply::new(
            Value::Null,
            "would pack what was written, and back up the tips",
        ));
    }
    Ok(maintain::run(cx, &maintain::Args::default())?
        .note("records are never shortened; git gt maintain --archive DAYS puts old history aside"))
}

pub(in crate::cli) fn admin(_: &Context, _: &Words) -> Result<Reply> {
    let hints = [
        "git gt bead purge and git gt bead prune delete closed beads",
        "git gt maintain packs, purges and puts old history aside",
        "git gt fsck --repair mends what is damaged",
    ];
    instead("admin", "there is no database to administer", &hints)
}

pub(in crate::cli) fn backup(_: &Context, _: &Words) -> Result<Reply> {
    let hints = [
        "git gt sync keeps all of it on the remote; git gt maintain keeps the tips it found whole",
        "git gt export --all -o FILE writes every bead as text",
    ];
    instead(
        "backup",
        "every clone and every remote has the whole history",
        &hints,
    )
}

pub(in crate::cli) fn restore(_: &Context, _: &Words) -> Result<Reply> {
    let hints = [
        "git gt history ID shows every version of a bead, git gt show ID --as-of COMMIT one of them",
        "git gt fsck --repair mends damaged ledgers from their backups",
    ];
    instead("restore", "beads are never shortened", &hints)
}

pub(in crate::cli) fn branches(_: &Context, _: &Words) -> Result<Reply> {
    let hints = [
        "git gt history and git gt diff show how beads stood",
        "git gt sync joins what was changed elsewhere, without conflicts",
    ];
    instead(
        "vc",
        "beads have one line of history, in refs/gt/beads",
        &hints,
    )
}

pub(in crate::cli) fn federation(_: &Context, _: &Words) -> Result<Reply> {
    let hints = ["git gt sync NAME exchanges beads with any remote of git"];
    instead("federation", "any git remote is a peer", &hints)
}

pub(in crate::cli) fn repositories(_: &Context, _: &Words) -> Result<Reply> {
    let hints = ["git gt install makes a town, and git gt rig add adds a repository to it"];
    instead("repo", "a town holds several repositories", &hints)
}

pub(in crate::cli) fn tracker(_: &Context, _: &Words) -> Result<Reply> {
    let hints = [
        "git gt import FILE takes over what they export as JSONL",
        "git gt export -o FILE writes beads for other programs",
    ];
    instead("trackers", "nothing here talks to them by itself", &hints)
}
