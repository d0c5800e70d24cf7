//! `git gt blocked`

use std::borrow::Cow;

use serde_json::Value;

use super::Context;
use super::beads::row;
use super::draw::{Cell, Drawing, FAINT, Look};
use super::filters::{Sorting, homes_of};
use super::listing::{Wanted, find};
use super::reply::Reply;
use crate::bead::{Beads, Blockers, Filter, fields, is_below};
use crate::fault::Result;
use crate::record::BeadRow;
use crate::town::{Home, View};

/// List the beads that wait for others, each with those it waits for
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take only beads below ID: its children, theirs, and so on
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let (homes, parent) = homes_of(cx, args.parent.as_deref())?;
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let wanted = Wanted {
        filter: &Filter::default(),
        sorting: Sorting::default(),
        limit: 0,
    };
    let found = find(cx, &all, &wanted, |beads, row| {
        let is_meant = match &parent {
            Some(parent) => is_below(beads, row, parent)?,
            None => true,
        };
        Ok(is_meant && Blockers::new(beads).block(row)?)
    })?;
    let blockers = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| Blockers::new(beads).of(row);
    let reply = if cx.json {
        let elements = found.elements(&all, blockers, |bead, by| {
            let mut fields = fields(bead);
            fields.insert("blocked_by_count", Cow::Owned(by.len().into()));
            fields.insert("blocked_by", Cow::Owned(by.clone().into()));
            fields
        });
        Reply::list(elements?)
    } else {
        let line = |(home, bead): &(usize, BeadRow<'_>)| {
            let by = blockers(&all[*home], bead)?;
            let mut cells = row(bead);
            cells.push(Cell::new(format!("waits for {}", by.join(", ")), FAINT));
            Ok(cells)
        };
        let lines: Vec<Vec<Cell>> = found.rows.iter().map(line).collect::<Result<_>>()?;
        Reply::new(Value::Null, "").drawn(Drawing::table(lines), args.look)
    };
    Ok(found.noted(cx, reply))
}
