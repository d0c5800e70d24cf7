//! Drawing and removing edges.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::json;

use super::{Add, Ends};
use crate::bead::{
    self, Circles, Link, Wire, link_with, read_wires, resolve, targets, unlink, wire,
};
use crate::cli::beads::{Change, one, parsed, resolve_near};
use crate::cli::reply::{Reply, printable};
use crate::cli::{Context, input};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name, Stamp};
use crate::record::Bead;
use crate::town::{Home, View};

/// What ties two beads together without making one wait.
const RELATES_TO: &str = "relates-to";

/// Make a bead depend on another one
#[derive(Debug, clap::Args)]
pub(crate) struct LinkArgs {
    /// The bead that depends
    #[arg(value_name = "ID")]
    from: String,
    /// The bead it depends on
    #[arg(value_name = "TARGET")]
    to: String,
    /// Say how it depends: blocks, parent-child, related, discovered-from, …, or any word
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "blocks", value_parser = parsed(bead::any_edge_type))]
    kind: String,
}

/// `git gt link`
pub(crate) fn link_two(cx: &Context, args: &LinkArgs) -> Result<Reply> {
    let drawn = draw(cx, &args.from, &args.to, &args.kind, Circles::Refused)?;
    Ok(drawn.reply())
}

fn circles(allowed: bool) -> Circles {
    if allowed {
        Circles::Allowed
    } else {
        Circles::Refused
    }
}

/// `git gt dep add`
pub(super) fn add(cx: &Context, args: &Add) -> Result<Reply> {
    let circles = circles(args.no_cycle_check);
    if let Some(file) = &args.file {
        return add_file(cx, file, &args.kind, circles);
    }
    let to = args.to.as_ref().or(args.blocked_by.as_ref());
    let (Some(from), Some(to)) = (&args.from, to.or(args.depends_on.as_ref())) else {
        return Err(Fault::invalid("which bead depends on which?"));
    };
    Ok(draw(cx, from, to, &args.kind, circles)?.reply())
}

/// `git gt dep ID --blocks BEAD`
pub(super) fn block(cx: &Context, id: &str, other: &str, is_unchecked: bool) -> Result<Reply> {
    let drawn = draw(cx, other, id, "blocks", circles(is_unchecked))?;
    let value = json!({
        "status": "added", "blocker_id": drawn.to, "blocked_id": drawn.from, "type": drawn.kind,
        "schema_version": 1,
    });
    Ok(Reply::new(value, drawn.said))
}

/// An edge that is there now.
struct Drawn {
    from: String,
    to: String,
    kind: String,
    said: String,
}

impl Drawn {
    fn reply(self) -> Reply {
        let value = json!({
            "status": "added", "issue_id": self.from, "depends_on_id": self.to, "type": self.kind,
            "schema_version": 1,
        });
        Reply::new(value, self.said)
    }
}

/// Draws one edge, in a commit of its own.
fn draw(cx: &Context, from: &str, to: &str, kind: &str, circles: Circles) -> Result<Drawn> {
    let home = cx.home_of(from)?;
    let target = RefCell::new(to.to_owned());
    let done = one(cx, &home, from, |view, pen, mut bead| {
        if !to.starts_with("external:") {
            let found = resolve_near(&home, view, to)?;
            target.replace(found.id().to_owned());
        }
        let wanted = Link {
            kind: kind.to_owned(),
            target: target.borrow().clone(),
        };
        let to = printable(&wanted.target);
        let stamp = pen.stamp(bead.record());
        let said = format!("Added dependency: {} depends on {to} ({kind})\n", bead.id());
        let subject = format!("link {} to {to}: {kind}", bead.id());
        link_with(view, &mut bead, &wanted, circles, &stamp)?;
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    cx.settle(&home);
    Ok(Drawn {
        from: done.bead.id().to_owned(),
        to: target.into_inner(),
        kind: kind.to_owned(),
        said: done.said,
    })
}

/// Draws all edges of a file in one commit, or none.
fn add_file(cx: &Context, file: &str, kind: &str, circles: Circles) -> Result<Reply> {
    let mut wires = read_wires(&input::file(cx, file)?, kind)?;
    let here = cx.home()?;
    let home = here.of_bead(&wires[0].from)?;
    let actor = cx.actor(home.repo());
    for wire in &wires {
        if here.of_bead(&wire.from)?.rig().name() != home.rig().name() {
            return Err(Fault::invalid(format!(
                "line {}: {} is a bead of another rig than {}",
                wire.line, wire.from, wires[0].from
            ))
            .hint("make a file for each rig"));
        }
    }
    name_in_full(&home, &mut wires)?;
    home.write(Name::Beads, &actor, |view, pen| {
        let changed = wire(view, pen, &wires, circles)?;
        let records = changed.into_iter().map(Bead::into_record).collect();
        let subject = format!("link beads: {} edges", wires.len());
        Ok(Decision::write(subject, records, ()))
    })?;
    cx.settle(&home);
    let edge = |it: &Wire| {
        json!({
            "issue_id": it.from, "depends_on_id": it.link.target, "type": it.link.kind,
        })
    };
    let value = json!({
        "status": "added", "count": wires.len(),
        "dependencies": wires.iter().map(edge).collect::<Vec<_>>(), "schema_version": 1,
    });
    Ok(Reply::new(
        value,
        format!("Added {} dependencies\n", wires.len()),
    ))
}

/// Puts whole ids in the place of what was written; each word is looked up once.
fn name_in_full(home: &Home, wires: &mut [Wire]) -> Result<()> {
    let view = home.view();
    let mut known: HashMap<String, String> = HashMap::new();
    for wire in wires {
        for word in [&mut wire.from, &mut wire.link.target] {
            if word.starts_with("external:") {
                continue;
            }
            if !known.contains_key(word) {
                let found = resolve_near(home, &view, word).map_err(|fault| {
                    Fault::not_found(format!("line {}: {}", wire.line, fault.text().message))
                })?;
                known.insert(word.clone(), found.id().to_owned());
            }
            word.clone_from(&known[word]);
        }
    }
    Ok(())
}

/// `git gt dep remove`
pub(super) fn remove(cx: &Context, args: &Ends) -> Result<Reply> {
    let home = cx.home_of(&args.from)?;
    let target = RefCell::new(args.to.clone());
    let done = one(cx, &home, &args.from, |view, pen, mut bead| {
        let stamp = pen.stamp(bead.record());
        // What it leads to may be gone by now, so the text as typed counts first.
        let mut to = args.to.clone();
        if !unlink(&mut bead, &to, &stamp) {
            to = resolve_near(&home, view, &to)?.id().to_owned();
            if !unlink(&mut bead, &to, &stamp) {
                return Err(Fault::not_found(format!(
                    "{} does not depend on {to}",
                    bead.id()
                )));
            }
        }
        let said = format!("{} no longer depends on {}\n", bead.id(), printable(&to));
        let subject = format!("unlink {} from {to}", bead.id());
        target.replace(to);
        Ok(Change {
            bead,
            subject,
            said,
        })
    })?;
    cx.settle(&home);
    let value = json!({
        "status": "removed", "issue_id": done.bead.id(), "depends_on_id": *target.borrow(),
        "schema_version": 1,
    });
    Ok(Reply::new(value, done.said))
}

/// `git gt dep relate`
pub(super) fn relate(cx: &Context, args: &Ends) -> Result<Reply> {
    let (one, two) = ends(cx, args)?;
    if one.id() == two.id() {
        return Err(Fault::refused(format!(
            "{} cannot be related to itself",
            one.id()
        )));
    }
    let both = [(&one, &two), (&two, &one)];
    each_way(cx, both, |view, bead, target, stamp| {
        let known = targets(bead).find(|(to, _)| *to == target);
        // Whatever ties them together says more than that something does.
        if known.is_some_and(|(_, kind)| kind != RELATES_TO) {
            return Ok(());
        }
        let wanted = Link {
            kind: RELATES_TO.to_owned(),
            target: target.to_owned(),
        };
        link_with(view, bead, &wanted, Circles::Allowed, stamp).map(drop)
    })?;
    related(&one, &two, "related", "to")
}

/// `git gt dep unrelate`
pub(super) fn unrelate(cx: &Context, args: &Ends) -> Result<Reply> {
    let (one, two) = ends(cx, args)?;
    let is_related = |a: &Bead, b: &Bead| targets(a).any(|it| it == (b.id(), RELATES_TO));
    if !is_related(&one, &two) && !is_related(&two, &one) {
        return Err(Fault::not_found(format!(
            "{} and {} are not related",
            one.id(),
            two.id()
        )));
    }
    let both = [(&one, &two), (&two, &one)];
    each_way(cx, both, |_, bead, target, stamp| {
        if targets(bead).any(|it| it == (target, RELATES_TO)) {
            unlink(bead, target, stamp);
        }
        Ok(())
    })?;
    related(&one, &two, "unrelated", "from")
}

fn related(one: &Bead, two: &Bead, what: &str, word: &str) -> Result<Reply> {
    let value = json!({
        "status": what, "id1": one.id(), "id2": two.id(), "schema_version": 1, (what): true,
    });
    Ok(Reply::new(
        value,
        format!("{} {what} {word} {}\n", one.id(), two.id()),
    ))
}

/// Returns the two beads that were typed.
fn ends(cx: &Context, args: &Ends) -> Result<(Bead, Bead)> {
    let find = |typed: &str| {
        let home = cx.home_of(typed)?;
        resolve(&home.view(), home.rig().prefix(), typed)
    };
    Ok((find(&args.from)?, find(&args.to)?))
}

/// Changes the edges between two beads both ways: in one commit where one home has both. Where two homes
/// have them and the second commit does not come about, the first says half of it; doing it again says all.
fn each_way(
    cx: &Context,
    both: [(&Bead, &Bead); 2],
    change: impl Fn(&View<'_>, &mut Bead, &str, &Stamp) -> Result<()>,
) -> Result<()> {
    let homes = [cx.home_of(both[0].0.id())?, cx.home_of(both[1].0.id())?];
    let is_one = homes[0].rig().name() == homes[1].rig().name();
    let parts: Vec<(&Home, &[(&Bead, &Bead)])> = match is_one {
        true => vec![(&homes[0], &both[..])],
        false => vec![(&homes[0], &both[..1]), (&homes[1], &both[1..])],
    };
    for (home, ways) in parts {
        let actor = cx.actor(home.repo());
        home.write(Name::Beads, &actor, |view, pen| {
            let mut changed = Vec::new();
            for (bead, other) in ways {
                let mut bead = resolve(view, home.rig().prefix(), bead.id())?;
                let before = bead.clone();
                let stamp = pen.stamp(bead.record());
                change(view, &mut bead, other.id(), &stamp)?;
                if bead != before {
                    changed.push(bead.into_record());
                }
            }
            let (one, two) = (ways[0].0.id(), ways[0].1.id());
            if changed.is_empty() {
                return Ok(Decision::nothing(()));
            }
            Ok(Decision::write(
                format!("relate {one} and {two}"),
                changed,
                (),
            ))
        })?;
    }
    cx.settle_all(homes.to_vec());
    Ok(())
}
