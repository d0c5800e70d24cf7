//! `git gt lint`

use serde_json::{Map, Value, json};

use super::Context;
use super::beads::{object, parsed, status_filter};
use super::reply::{Exit, Reply, printable};
use crate::bead::{self, Beads, Filter, missing_sections, required_sections, resolve};
use crate::fault::Result;
use crate::record::Bead;

/// Say which beads have not the sections that their type asks for
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The beads; without one, all that are not closed
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Look at beads of this status, or all
    #[arg(short, long, value_name = "STATUS", value_delimiter = ',', value_parser = parsed(status_filter))]
    status: Vec<String>,
    /// Look at beads of this type
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parsed(bead::issue_type))]
    kind: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let found = match args.ids.is_empty() {
        true => all(cx, args)?,
        false => named(cx, &args.ids)?,
    };
    let total: usize = found.iter().map(|it| it.missing.len()).sum();
    let results = found.iter().map(|it| {
        json!({
            "id": it.id, "title": it.title, "type": it.kind, "missing": it.missing,
            "warnings": it.missing.len(),
        })
    });
    let results: Vec<Value> = results.collect();
    let value = object(Map::from_iter([
        ("total".to_owned(), total.into()),
        ("issues".to_owned(), found.len().into()),
        ("results".to_owned(), results.into()),
    ]));
    let lines = found.iter().map(|it| {
        let (id, title) = (&it.id, printable(&it.title));
        format!("{id}  {title}\n  no section: {}\n", it.missing.join(", "))
    });
    let text: String = lines.collect();
    let reply = Reply::new(value, text);
    Ok(match found.is_empty() {
        true if !cx.json => reply.note("every bead has the sections that its type asks for"),
        false if !cx.json => reply.exit(Exit::No),
        _ => reply,
    })
}

/// A bead without sections it should have.
struct Found {
    id: String,
    title: String,
    kind: String,
    missing: Vec<&'static str>,
}

fn checked(bead: &Bead) -> Option<Found> {
    let missing = missing_sections(bead);
    (!missing.is_empty()).then(|| Found {
        id: bead.id().to_owned(),
        title: bead.title().to_owned(),
        kind: bead.issue_type().to_owned(),
        missing,
    })
}

fn named(cx: &Context, ids: &[String]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for typed in ids {
        let home = cx.home_of(typed)?;
        found.extend(checked(&resolve(&home.view(), home.rig().prefix(), typed)?));
    }
    Ok(found)
}

fn all(cx: &Context, args: &Args) -> Result<Vec<Found>> {
    let filter = Filter {
        statuses: args.status.clone(),
        issue_type: args.kind.clone(),
        ..Filter::default()
    };
    let mut found = Vec::new();
    for home in cx.homes()? {
        let view = home.view();
        let beads = Beads::of(&view);
        let rows = beads.rows(filter.wants_closed())?;
        let asked = rows.filter(|row| {
            row.as_ref().map_or(true, |row| {
                filter.of_row(row).unwrap_or(true)
                    && !required_sections(row.issue_type()).is_empty()
            })
        });
        let rows: Vec<_> = asked.collect::<Result<_>>()?;
        let rows: Vec<_> = rows.iter().collect();
        let here = beads.each(&rows, |_, bead| checked(bead))?;
        found.extend(here.into_iter().flatten());
    }
    Ok(found)
}
