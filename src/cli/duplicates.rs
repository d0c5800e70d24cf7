//! `git gt duplicates`, `find-duplicates`, `duplicate`, `supersede`

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Context;
use super::beads::{Change, leaf, one, resolve_near, status_filter};
use super::draw::{Cell, Drawing, FAINT, Look, STRONG};
use super::reply::Reply;
use crate::bead::{
    self, Beads, Circles, Filter, Graph as _, Link, alike, link_with, resolve, set_parent, targets,
    unlink,
};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Stamp};
use crate::record::{Bead, BeadRow};
use crate::town::{Home, View};

/// Close a bead that says what another one says
#[derive(Debug, clap::Args)]
pub(crate) struct Duplicate {
    /// The bead to close
    #[arg(value_name = "ID")]
    id: String,
    /// The bead that stays
    #[arg(long, value_name = "BEAD")]
    of: String,
}

/// Close a bead in whose place another one stands
#[derive(Debug, clap::Args)]
pub(crate) struct Supersede {
    /// The bead to close
    #[arg(value_name = "ID")]
    id: String,
    /// The bead that stands in its place
    #[arg(long, value_name = "BEAD")]
    with: String,
}

/// Find beads that say the same to the letter
#[derive(Debug, clap::Args)]
pub(crate) struct Duplicates {
    /// Close all but one of each group, as duplicates of that one; its children become the one's
    #[arg(long)]
    auto_merge: bool,
    /// Show what --auto-merge would do
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    look: Look,
}

/// Find beads that say nearly the same
#[derive(Debug, clap::Args)]
pub(crate) struct FindDuplicates {
    /// Take pairs that share so much of their words, from 0 to 1
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = share)]
    threshold: f64,
    /// Compare by words, the only way there is
    #[arg(long, value_name = "METHOD", default_value = "mechanical", value_parser = ["mechanical"])]
    method: String,
    /// Compare beads of this status, instead of all that are not closed
    #[arg(short, long, value_name = "STATUS", value_parser = super::beads::parsed(status_filter))]
    status: Option<String>,
    /// Show at most N pairs; 0 shows all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    look: Look,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it| (0.0..=1.0).contains(it));
    number.ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// `git gt duplicate`
pub(crate) fn duplicate(cx: &Context, args: &Duplicate) -> Result<Reply> {
    let (id, of) = replace(cx, &args.id, &args.of, "duplicates", "duplicate of")?;
    let text = format!("Closed {id}: duplicate of {of}\n");
    let value =
        json!({ "duplicate": id, "canonical": of, "status": "closed", "schema_version": 1 });
    Ok(Reply::new(value, text))
}

/// `git gt supersede`
pub(crate) fn supersede(cx: &Context, args: &Supersede) -> Result<Reply> {
    let (id, with) = replace(cx, &args.id, &args.with, "supersedes", "superseded by")?;
    let text = format!("Closed {id}: superseded by {with}\n");
    let value =
        json!({ "superseded": id, "replacement": with, "status": "closed", "schema_version": 1 });
    Ok(Reply::new(value, text))
}

/// Closes a bead for another one, with an edge to it; returns the ids of both.
fn replace(cx: &Context, id: &str, other: &str, kind: &str, why: &str) -> Result<(String, String)> {
    let home = cx.home_of(id)?;
    let target = RefCell::new(String::new());
    let done = one(cx, &home, id, |view, pen, mut bead| {
        let other = resolve_near(&home, view, other)?;
        if other.id() == bead.id() {
            return Err(Fault::refused(format!(
                "{} cannot replace itself",
                bead.id()
            )));
        }
        target.replace(other.id().to_owned());
        let stamp = pen.stamp(bead.record());
        close_for(view, &mut bead, other.id(), (kind, why), &stamp)?;
        Ok(Change {
            subject: format!("close {}: {why} {}", bead.id(), other.id()),
            said: String::new(),
            bead,
        })
    })?;
    cx.settle(&home);
    Ok((done.bead.id().to_owned(), target.into_inner()))
}

/// Closes a bead for another one: whatever else led there gives way to the edge that says why.
fn close_for(
    view: &View<'_>,
    bead: &mut Bead,
    other: &str,
    (kind, why): (&str, &str),
    stamp: &Stamp,
) -> Result<()> {
    if bead.parent() != Some(other) && !targets(bead).any(|it| it == (other, kind)) {
        unlink(bead, other, stamp);
        let wanted = Link {
            kind: kind.to_owned(),
            target: other.to_owned(),
        };
        link_with(view, bead, &wanted, Circles::Allowed, stamp)?;
    }
    if !bead.is_closed() {
        bead.close(&format!("{why} {other}"), stamp);
    }
    Ok(())
}

/// Beads that say the same.
struct Group<'v> {
    /// The one that others lean on most.
    target: BeadRow<'v>,
    sources: Vec<BeadRow<'v>>,
}

/// How much others lean on a bead: what depends on it counts more than what it depends on.
fn weight(beads: &Beads<'_, '_>, row: &BeadRow<'_>) -> Result<(usize, usize)> {
    Ok((beads.dependents(row.id())?.len(), row.edges().count()))
}

/// Returns groups of beads that are not closed and say the same, in the order of lists.
fn groups<'v>(beads: &Beads<'v, '_>) -> Result<Vec<Group<'v>>> {
    let filter = Filter::default();
    let rows: Vec<BeadRow<'v>> = beads.rows(false)?.collect::<Result<_>>()?;
    let rows: Vec<BeadRow<'v>> = rows
        .into_iter()
        .filter(|row| filter.of_row(row).unwrap_or(true))
        .collect();
    let mut by_title: BTreeMap<(&str, &str), Vec<&BeadRow<'v>>> = BTreeMap::new();
    for row in &rows {
        by_title
            .entry((row.title(), row.status()))
            .or_default()
            .push(row);
    }
    // Only what may be the same is read.
    let same: Vec<&BeadRow<'v>> = by_title
        .into_values()
        .filter(|it| it.len() > 1)
        .flatten()
        .collect();
    let said = beads.each(&same, |_, bead| {
        let text = |field: &str| bead.record().text(field).to_owned();
        [
            "title",
            "status",
            "description",
            "design",
            "acceptance_criteria",
        ]
        .map(|field| match field {
            "status" => bead.status().to_owned(),
            field => text(field),
        })
    })?;
    let mut groups: BTreeMap<[String; 5], Vec<&BeadRow<'v>>> = BTreeMap::new();
    for (row, said) in same.into_iter().zip(said) {
        groups.entry(said).or_default().push(row);
    }
    let mut found = Vec::new();
    for mut group in groups.into_values().filter(|it| it.len() > 1) {
        group.sort_by(|a, b| (a.created(), a.id()).cmp(&(b.created(), b.id())));
        let weights = group.iter().map(|row| weight(beads, row));
        let weights = weights.map(|it| it.map(|(into, out)| into * 3 + out));
        let weights: Vec<usize> = weights.collect::<Result<_>>()?;
        let heaviest = weights.iter().max().copied().unwrap_or_default();
        let target = weights
            .iter()
            .position(|it| *it == heaviest)
            .unwrap_or_default();
        let target = group.remove(target).clone();
        let sources = group.into_iter().cloned().collect();
        found.push(Group { target, sources });
    }
    found.sort_by(|a, b| a.target.place().cmp(&b.target.place()));
    Ok(found)
}

/// `git gt duplicates`
pub(crate) fn duplicates(cx: &Context, args: &Duplicates) -> Result<Reply> {
    let homes = cx.homes()?;
    let (mut values, mut commands, mut results) = (Vec::new(), Vec::new(), Vec::new());
    let mut drawing = Drawing::default();
    let mut touched = Vec::new();
    for home in &homes {
        let view = home.view();
        let beads = Beads::of(&view);
        for group in groups(&beads)? {
            let sources: Vec<&str> = group.sources.iter().map(BeadRow::id).collect();
            values.push(group_json(&beads, &group)?);
            let command = sources
                .iter()
                .map(|id| format!("git gt duplicate {id} --of {}", group.target.id()));
            commands.push(command.collect::<Vec<_>>().join(" && "));
            if !drawing.is_empty() {
                drawing.add_text("\n", FAINT);
            }
            let line =
                |row: &BeadRow<'_>, word: &str| [leaf(row), vec![Cell::new(word, FAINT)]].concat();
            drawing.add_line(line(&group.target, "(stays)"));
            group
                .sources
                .iter()
                .for_each(|row| drawing.add_line(line(row, "")));
            if args.auto_merge && !args.dry_run {
                results.push(merge(cx, home, &group)?);
                touched.push(home.clone());
            }
        }
    }
    cx.settle_all(touched);
    let mut value = json!({
        "duplicate_groups": values.len(), "groups": values, "schema_version": 1,
    });
    if args.auto_merge || args.dry_run {
        value["merge_commands"] = commands.into();
    }
    if !results.is_empty() {
        drawing.add_text("\n", FAINT);
        drawing.add_text(format!("Merged {} groups", results.len()), STRONG);
        value["merge_results"] = results.into();
    }
    let is_empty = drawing.is_empty();
    let reply = Reply::new(value, "").drawn(drawing, args.look);
    Ok(match is_empty && !cx.json {
        true => reply.note("No duplicates."),
        false => reply,
    })
}

fn group_json(beads: &Beads<'_, '_>, group: &Group<'_>) -> Result<Value> {
    let target = &group.target;
    let mut issues = Vec::new();
    for row in std::iter::once(target).chain(&group.sources) {
        let (dependents, dependencies) = weight(beads, row)?;
        issues.push(json!({
            "id": row.id(), "title": row.title(), "status": row.status(), "priority": row.priority(),
            "references": dependents, "dependents": dependents, "dependencies": dependencies,
            "weight": dependents * 3 + dependencies, "is_merge_target": row.id() == target.id(),
        }));
    }
    let sources: Vec<&str> = group.sources.iter().map(BeadRow::id).collect();
    Ok(json!({
        "title": target.title(), "issues": issues, "suggested_target": target.id(),
        "suggested_sources": sources,
        "suggested_action": format!("git gt duplicates --auto-merge, or close {}", sources.join(" ")),
        "note": format!("Duplicate: {} (same content as {})", sources.join(" "), target.id()),
    }))
}

/// Closes all but one of a group and gives that one their children, in one commit.
fn merge(cx: &Context, home: &Home, group: &Group<'_>) -> Result<Value> {
    let target = group.target.id();
    let sources: Vec<&str> = group.sources.iter().map(BeadRow::id).collect();
    let actor = cx.actor(home.repo());
    let written = home.write(Name::Beads, &actor, |view, pen| {
        let prefix = home.rig().prefix();
        let beads = Beads::of(view);
        let (mut records, mut reparented) = (Vec::new(), Vec::new());
        for id in &sources {
            let mut bead = resolve(view, prefix, id)?;
            let stamp = pen.stamp(bead.record());
            close_for(
                view,
                &mut bead,
                target,
                ("duplicates", "duplicate of"),
                &stamp,
            )?;
            records.push(bead.into_record());
            for child in beads.children(id)? {
                let mut child = resolve(view, prefix, child.id())?;
                if child.parent() != Some(id)
                    || child.id() == target
                    || sources.contains(&child.id())
                {
                    continue;
                }
                let stamp = pen.stamp(child.record());
                set_parent(view, &mut child, target, &stamp)?;
                reparented.push(child.id().to_owned());
                records.push(child.into_record());
            }
        }
        let subject = format!("close {}: duplicate of {target}", sources.join(", "));
        Ok(Decision::write(subject, records, reparented))
    })?;
    Ok(json!({
        "target": target, "sources": sources, "closed": sources, "linked": sources,
        "reparented": written.value, "errors": [],
    }))
}

/// `git gt find-duplicates`
pub(crate) fn find_duplicates(cx: &Context, args: &FindDuplicates) -> Result<Reply> {
    let homes = cx.homes()?;
    let filter = Filter {
        statuses: args.status.iter().cloned().collect(),
        ..Filter::default()
    };
    let (mut rows, mut texts) = (Vec::new(), Vec::new());
    for home in &homes {
        let view = home.view();
        let beads = Beads::of(&view);
        let mut here = Vec::new();
        for row in beads.rows(filter.wants_closed())? {
            let row = row?;
            if filter.of_row(&row).unwrap_or(true) {
                here.push(row);
            }
        }
        texts.extend(beads.each(&here.iter().collect::<Vec<_>>(), |_, bead| {
            format!("{} {}", bead.title(), bead.record().text("description"))
        })?);
        rows.extend(here.into_iter().map(BeadRow::into_owned));
    }
    let mut pairs = alike(&texts, args.threshold);
    let is_cut = args.limit > 0 && pairs.len() > args.limit;
    if is_cut {
        pairs.truncate(args.limit);
    }
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let value = |pair: &bead::Pair| {
        let (a, b) = (&rows[pair.a], &rows[pair.b]);
        json!({
            "issue_a_id": a.id(), "issue_b_id": b.id(), "issue_a_title": a.title(),
            "issue_b_title": b.title(), "similarity": pair.similarity, "method": args.method,
        })
    };
    let values: Vec<Value> = pairs.iter().map(value).collect();
    let mut drawing = Drawing::default();
    for pair in &pairs {
        drawing.add_text(percent(pair.similarity), STRONG);
        for at in [pair.a, pair.b] {
            drawing.add_line([vec![" ".into()], leaf(&rows[at])].concat());
        }
    }
    let value = json!({
        "pairs": values, "count": pairs.len(), "method": args.method, "threshold": args.threshold,
        "schema_version": 1,
    });
    let reply = Reply::new(value, "").drawn(drawing, args.look);
    Ok(match pairs.len() {
        0 if !cx.json => reply.note(format!(
            "No beads share {} of their words.",
            percent(args.threshold)
        )),
        count if is_cut => reply.note(format!("the first {count} are shown; --limit 0 shows all")),
        _ => reply,
    })
}
