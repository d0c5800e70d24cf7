//! `git gt import`

use std::collections::BTreeMap;

use serde_json::json;

use super::Context;
use super::input;
use super::reply::Reply;
use crate::bead::{Imported, Line, Merged, both, merge, read};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::town::Home;

/// Take over beads from a JSONL file of bd or br; again and again, if you like
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, - for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: String,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Imports a file, as `import` does with no options.
pub(crate) fn file(cx: &Context, file: &str) -> Result<Reply> {
    let file = file.to_owned();
    let args = Args {
        file,
        dry_run: false,
    };
    run(cx, &args)
}

/// How many records one commit takes, or more: the packs that they are written as are not to be too many until
/// upkeep makes one of them.
const BATCH: usize = 1000;

/// How many commits there are at most.
const BATCHES: usize = 16;

/// A file that was read.
struct Parsed {
    /// One bead per id, in the order of the file: the id and the text of its record.
    beads: Vec<(String, Vec<u8>)>,
    /// How many lines are no beads.
    others: usize,
    faults: Vec<Fault>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let parsed = parse(&input::file(cx, &args.file)?);
    let mut all = Merged::default();
    let mut faults = parsed.faults;
    let size = parsed.beads.len().div_ceil(BATCHES).max(BATCH);
    for batch in parsed.beads.chunks(size) {
        let (merged, refused) = write(cx, &home, args, batch)?;
        all.created.extend(merged.created);
        all.updated.extend(merged.updated);
        all.unchanged += merged.unchanged;
        faults.extend(refused);
    }
    if !args.dry_run && all.created.len() + all.updated.len() > 0 {
        cx.settle(&home);
    }
    let (created, updated) = (all.created.len(), all.updated.len());
    let (unchanged, others) = (all.unchanged, parsed.others);
    let ids: Vec<&String> = all.created.iter().chain(&all.updated).collect();
    let value = json!({
        "source": args.file, "created": created, "updated": updated, "unchanged": unchanged,
        "skipped": others, "refused": faults.len(), "ids": ids, "dry_run": args.dry_run,
        "schema_version": 1,
    });
    let would = if args.dry_run {
        "would import"
    } else {
        "imported"
    };
    let text = format!(
        "{would} {created} new, {updated} changed, {unchanged} unchanged; {others} skipped, {} refused",
        faults.len()
    );
    Ok(Reply::new(value, text).with_faults(faults))
}

fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed {
        beads: Vec::new(),
        others: 0,
        faults: Vec::new(),
    };
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let text = text.trim_start_matches('\u{feff}');
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match read(line) {
            Ok(Line::Other) => parsed.others += 1,
            Ok(Line::Bead(id, text)) => match places.get(&id) {
                Some(&place) => {
                    let before = &mut parsed.beads[place].1;
                    match both(before, &text) {
                        Ok(joined) => *before = joined,
                        Err(fault) => parsed.faults.push(fault),
                    }
                }
                None => {
                    places.insert(id.clone(), parsed.beads.len());
                    parsed.beads.push((id, text));
                }
            },
            Err(fault) => {
                parsed
                    .faults
                    .push(Fault::invalid(format!("line {}: {fault}", number + 1)));
            }
        }
    }
    parsed
}

/// Joins beads with what is here, in one commit.
fn write(
    cx: &Context,
    home: &Home,
    args: &Args,
    batch: &[(String, Vec<u8>)],
) -> Result<(Merged, Vec<Fault>)> {
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, _| {
        let ledger = view.ledger(Name::Beads)?;
        let (mut merged, mut records, mut faults) = (Merged::default(), Vec::new(), Vec::new());
        for (id, text) in batch {
            if let Err(fault) = home.refuse_foreign(id) {
                faults.push(fault);
                continue;
            }
            match merge(ledger.get(id)?, text) {
                Ok(Imported::Created(record)) => {
                    merged.created.push(id.clone());
                    records.push(record);
                }
                Ok(Imported::Updated(record)) => {
                    merged.updated.push(id.clone());
                    records.push(record);
                }
                Ok(Imported::Unchanged) => merged.unchanged += 1,
                Err(fault) => faults.push(fault),
            }
        }
        if args.dry_run {
            records.clear();
        }
        let subject = format!("import {} beads", records.len());
        Ok(Decision::write(subject, records, (merged, faults)))
    })?;
    Ok(written.value)
}
