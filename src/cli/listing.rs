//! What commands over many beads share: those of all homes found, and a list printed.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::Context;
use super::filters::Sorting;
use super::layout::Layout;
use super::reply::{Element, Reply};
use crate::bead::{Beads, Fields, Filter, Order, counted, dependents};
use crate::fault::Result;
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Which beads a list is made of, and how much of it is shown.
pub(crate) struct Wanted<'a> {
    /// Which may be among them.
    pub(crate) filter: &'a Filter,
    /// Their order.
    pub(crate) sorting: Sorting,
    /// How many are shown; 0: all.
    pub(crate) limit: usize,
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

/// Returns the beads of homes that fit, cut to the limit; `also` is asked about those that may.
pub(crate) fn find<'v>(
    cx: &Context,
    all: &[Beads<'v, '_>],
    wanted: &Wanted<'_>,
    also: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Found<'v>> {
    let (order, reverse) = wanted.sorting.order();
    let is_sorted = order == Order::Priority && !reverse;
    // What is in the order of the index needs no more of it than is shown, and whether there is more.
    let enough = match is_sorted && wanted.limit > 0 {
        true => wanted.limit.saturating_add(1),
        false => usize::MAX,
    };
    let mut found = Vec::new();
    for (home, beads) in all.iter().enumerate() {
        let rows = beads.fitting(wanted.filter, enough, &|row| also(beads, row))?;
        found.extend(rows.into_iter().map(|row| (home, row)));
    }
    if all.len() > 1 || !is_sorted {
        order.sort(&mut found, reverse, cx.world.now(), |(_, row)| row);
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
    also: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let found = find(cx, &all, wanted, also)?;
    let reply = if cx.json {
        let known = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| dependents(beads, row.id());
        Reply::list(found.elements(&all, known, |bead, count| counted(bead, *count))?)
    } else {
        let rows: Vec<&BeadRow<'_>> = found.rows.iter().map(|(_, row)| row).collect();
        Reply::new(Value::Null, "").drawn(layout.drawing(cx, &rows), layout.look())
    };
    Ok(found.noted(cx, reply))
}

/// Returns the reply of the same list as an object without labels, for those who ask for JSON.
pub(crate) fn without_labels(
    cx: &Context,
    homes: &[Home],
    wanted: &Wanted<'_>,
    also: impl Fn(&Beads<'_, '_>, &BeadRow<'_>) -> Result<bool>,
) -> Result<Reply> {
    let views: Vec<View<'_>> = homes.iter().map(Home::view).collect();
    let all: Vec<Beads<'_, '_>> = views.iter().map(Beads::of).collect();
    let found = find(cx, &all, wanted, also)?;
    let known = |beads: &Beads<'_, '_>, row: &BeadRow<'_>| dependents(beads, row.id());
    let elements = found.elements(&all, known, |bead, count| {
        let mut fields = counted(bead, *count);
        fields.insert("labels", Cow::Owned(Value::Array(Vec::new())));
        fields
    })?;
    let issues: Vec<Value> = elements.iter().map(Element::value).collect();
    let meta = json!({ "count": issues.len(), "skip_labels": true });
    let object = json!({ "issues": issues, "meta": meta, "schema_version": 1 });
    Ok(found.noted(cx, Reply::new(object, "")))
}
