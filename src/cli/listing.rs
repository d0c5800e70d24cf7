//! What commands over many beads share: which are meant, those of all homes found, and a list printed.

use serde_json::Value;

use super::Context;
use super::beads::{parsed, status_filter};
use super::layout::Layout;
use super::reply::{Element, Reply};
use crate::bead::{self, Beads, Fields, Filter, Order, compare, counted, dependents};
use crate::fault::Result;
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// What beads are, besides their status
#[derive(Debug, clap::Args)]
pub(crate) struct Traits {
    /// Take only beads of this priority
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Take only beads of this type
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Take only beads that WHO holds or is assigned to
    #[arg(short, long, value_name = "WHO", conflicts_with = "unassigned")]
    assignee: Option<String>,
    /// Take only beads that nobody holds or is assigned to
    #[arg(short, long, visible_alias = "no-assignee")]
    unassigned: bool,
    /// Take only beads with all of these labels
    #[arg(
        short,
        long,
        visible_alias = "labels",
        value_name = "LABEL",
        value_delimiter = ','
    )]
    label: Vec<String>,
}

impl Traits {
    /// Returns a filter for them, whatever the status.
    pub(crate) fn filter(&self) -> Filter {
        let kind = self.kind.as_deref();
        Filter {
            priority: self.priority,
            issue_type: kind.map(|kind| bead::issue_type(kind).unwrap_or(kind.to_owned())),
            assignee: self.assignee.clone(),
            unassigned: self.unassigned,
            labels: self.label.clone(),
            ..Filter::default()
        }
    }
}

/// Which beads are meant
#[derive(Debug, clap::Args)]
pub(crate) struct Filters {
    /// Take only beads of this status, of a list with commas, or all
    #[arg(short, long, value_name = "STATUS", value_delimiter = ',', value_parser = parsed(status_filter))]
    status: Vec<String>,
    #[command(flatten)]
    traits: Traits,
    /// Take only children of ID
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
}

/// What filters mean where a command is given.
pub(crate) struct Scope {
    pub(crate) filter: Filter,
    /// Where the beads are.
    pub(crate) homes: Vec<Home>,
    parent: Option<String>,
}

impl Filters {
    /// Returns what they mean; `everything`: also closed beads and furniture, where no status is asked for.
    pub(crate) fn scope(&self, cx: &Context, everything: bool) -> Result<Scope> {
        let (homes, parent) = homes_of(cx, self.parent.as_deref())?;
        let words = self.status.iter().filter(|word| *word != "all");
        words
            .into_iter()
            .try_for_each(|word| known_in(&homes, word))?;
        let filter = Filter {
            statuses: self.status.clone(),
            everything,
            ..self.traits.filter()
        };
        Ok(Scope {
            filter,
            homes,
            parent,
        })
    }
}

/// Returns where beads are looked for, and the id of the one they are to be below where one was typed: those are
/// where it is.
pub(crate) fn homes_of(cx: &Context, parent: Option<&str>) -> Result<(Vec<Home>, Option<String>)> {
    let Some(typed) = parent else {
        return Ok((cx.homes()?, None));
    };
    let home = cx.home_of(typed)?;
    let id = bead::resolve(&home.view(), home.rig().prefix(), typed)?
        .id()
        .to_owned();
    Ok((vec![home], Some(id)))
}

/// Refuses a status that none of some homes has.
fn known_in(homes: &[Home], status: &str) -> Result<()> {
    let mut known = homes
        .iter()
        .map(|home| bead::check_status(&home.view(), status));
    let first = known.next().map(|it| it.map(drop));
    match first {
        Some(Err(fault)) if !known.any(|it| it.is_ok()) => Err(fault),
        _ => Ok(()),
    }
}

impl Scope {
    /// Returns whether a bead is meant.
    pub(crate) fn holds(&self, row: &BeadRow<'_>) -> bool {
        let parent = self.parent.as_deref();
        self.filter.lists(row) && parent.is_none_or(|it| row.parent() == Some(it))
    }
}

/// Which beads a list is made of, and how much of it is shown.
pub(crate) struct Wanted<'a> {
    /// Whether closed ones may be among them.
    pub(crate) closed: bool,
    /// Their order.
    pub(crate) by: Order,
    /// How many are shown; 0: all.
    pub(crate) limit: usize,
    /// What their records must say, which are read for that.
    pub(crate) whole: Option<&'a (dyn Fn(&Bead) -> bool + Sync)>,
}

/// Beads of several homes, in order.
pub(crate) struct Found<'v> {
    /// Each with the number of its home.
    pub(crate) rows: Vec<(usize, BeadRow<'v>)>,
    /// Whether there are more than were asked for.
    is_cut: bool,
}

impl Found<'_> {
    /// Returns what `of` makes of each bead itself, and of what is `known` of it among others, in order.
    pub(crate) fn elements<K: Sync>(
        &self,
        all: &[Beads<'_, '_>],
        known: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<K>,
        of: impl for<'b> Fn(&'b Bead, &'b K) -> Fields<'b> + Sync,
    ) -> Result<Vec<Element>> {
        let mut elements: Vec<(usize, Element)> = Vec::with_capacity(self.rows.len());
        for (home, beads) in all.iter().enumerate() {
            let here = self.rows.iter().enumerate();
            let here = here.filter(|(_, (it, _))| *it == home);
            let (places, rows): (Vec<usize>, Vec<&BeadRow<'_>>) =
                here.map(|(at, (_, row))| (at, row)).unzip();
            let known: Vec<K> = rows
                .iter()
                .map(|row| known(beads, row))
                .collect::<Result<_>>()?;
            let of = |at: usize, bead: &Bead| Element::new(&of(bead, &known[at]));
            elements.extend(places.into_iter().zip(beads.each(&rows, of)?));
        }
        elements.sort_by_key(|(at, _)| *at);
        Ok(elements.into_iter().map(|(_, element)| element).collect())
    }

    /// Says on a reply what a list leaves unsaid: that there is nothing, or more.
    pub(crate) fn noted(&self, cx: &Context, reply: Reply) -> Reply {
        match self.rows.len() {
            0 if !cx.json => reply.note("No issues found."),
            count if self.is_cut => {
                reply.note(format!("the first {count} are shown; --limit 0 shows all"))
            }
            _ => reply,
        }
    }
}

/// Returns the beads of homes that fit, cut to the limit.
pub(crate) fn find<'v>(
    cx: &Context,
    all: &[Beads<'v, '_>],
    wanted: &Wanted<'_>,
    fits: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Found<'v>> {
    // What is in the order of the index needs no more of it than is shown, and whether there is more.
    let enough = match wanted.by {
        Order::Priority if wanted.limit > 0 => wanted.limit.saturating_add(1),
        _ => usize::MAX,
    };
    let mut found = Vec::new();
    for (home, beads) in all.iter().enumerate() {
        let mut rows = beads.rows(wanted.closed)?.filter_map(|row| match row {
            Ok(row) => match fits(beads, &row) {
                Ok(true) => Some(Ok(row)),
                Ok(false) => None,
                Err(fault) => Some(Err(fault)),
            },
            Err(fault) => Some(Err(fault)),
        });
        let rows = match wanted.whole {
            Some(says) => beads.whose(&mut rows, enough, says)?,
            None => rows.take(enough).collect::<Result<Vec<_>>>()?,
        };
        found.extend(rows.into_iter().map(|row| (home, row)));
    }
    if all.len() > 1 || wanted.by != Order::Priority {
        let now = cx.world.now();
        found.sort_by(|(_, a), (_, b)| compare(a, b, wanted.by, now));
    }
    let is_cut = wanted.limit > 0 && found.len() > wanted.limit;
    if is_cut {
        found.truncate(wanted.limit);
    }
    let rows = found;
    Ok(Found { rows, is_cut })
}

/// Returns the reply of a list of the beads of homes that fit, cut to the limit, which is said.
pub(crate) fn listed(
    cx: &Context,
    homes: &[Home],
    wanted: &Wanted<'_>,
    layout: Layout,
    fits: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let found = find(cx, &all, wanted, fits)?;
    let reply = if cx.json {
        let known = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| dependents(beads, row.id());
        Reply::list(found.elements(&all, known, |bead, count| counted(bead, *count))?)
    } else {
        let rows: Vec<&BeadRow<'_>> = found.rows.iter().map(|(_, row)| row).collect();
        Reply::new(Value::Null, "").drawn(layout.drawing(cx, &rows), layout.look())
    };
    Ok(found.noted(cx, reply))
}
