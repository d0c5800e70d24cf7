//! States of a bead in ways of its own: labels `dimension:value`, one for each dimension.

use std::collections::BTreeMap;

use super::Link;
use super::beads::PARENT_CHILD;
use super::edges::link;
use super::words::label;
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Pen};
use crate::record::Bead;
use crate::town::View;

/// Returns dimension and value of `dimension=value`.
pub fn state_change(text: &str) -> Result<(String, String)> {
    let bad = || {
        Fault::invalid(format!("'{text}' is no state"))
            .hint("write dimension=value: health=failing")
    };
    let (dimension, value) = text.split_once('=').ok_or_else(bad)?;
    let (dimension, value) = (dimension.trim(), value.trim());
    if dimension.is_empty() || value.is_empty() || dimension.contains(':') {
        return Err(bad());
    }
    label(&format!("{dimension}:{value}"))?;
    Ok((dimension.to_owned(), value.to_owned()))
}

/// Returns the states of a bead by their dimensions.
pub fn states(bead: &Bead) -> BTreeMap<String, String> {
    let states = bead.labels().filter_map(|label| label.split_once(':'));
    let said = states.filter(|(dimension, value)| !dimension.is_empty() && !value.is_empty());
    said.map(|(dimension, value)| (dimension.to_owned(), value.to_owned()))
        .collect()
}

/// Changes a state of a bead and returns the closed bead of type event that says so, a child of it.
pub fn set_state(
    view: &View<'_>,
    pen: &Pen<'_>,
    bead: &mut Bead,
    (dimension, value): (&str, &str),
    (actor, reason): (&str, &str),
) -> Result<Bead> {
    let stamp = pen.stamp(bead.record());
    let prefix = format!("{dimension}:");
    let old: Vec<String> = bead
        .labels()
        .filter(|label| label.starts_with(&prefix))
        .map(str::to_owned)
        .collect();
    for label in &old {
        bead.record_mut().set_entry("labels", label, None, &stamp);
    }
    let new = format!("{prefix}{value}");
    bead.record_mut()
        .set_entry("labels", &new, Some(true.into()), &stamp);
    let prefix = bead.id().rsplit_once('-').map_or("gt", |(front, _)| front);
    let id = pen.new_id(&view.ledger(Name::Beads)?, prefix)?;
    let stamp = pen.first_stamp();
    let mut event = Bead::new(&id, &format!("State change: {dimension} → {value}"), &stamp);
    let mut text = match old.first().and_then(|label| label.split_once(':')) {
        Some((_, old)) => format!("Changed {dimension} from {old} to {value}"),
        None => format!("Set {dimension} to {value}"),
    };
    if !reason.is_empty() {
        text.push_str(&format!("\n\nReason: {reason}"));
    }
    let record = event.record_mut();
    record.set("type", Some("event".into()), &stamp);
    record.set("priority", Some(4.into()), &stamp);
    record.set("created_by", Some(actor.into()), &stamp);
    record.set("description", Some(text.into()), &stamp);
    let parent = Link {
        kind: PARENT_CHILD.to_owned(),
        target: bead.id().to_owned(),
    };
    link(view, &mut event, &parent, &stamp)?;
    event.close("", &stamp);
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Stamp;

    #[test]
    fn a_state_is_a_label_with_a_dimension() {
        let check = |text: &str, want: Option<(&str, &str)>| {
            let got = state_change(text).ok();
            let got = got.as_ref().map(|(a, b)| (a.as_str(), b.as_str()));
            assert_eq!(got, want, "{text}");
        };
        check("health=failing", Some(("health", "failing")));
        check(" mode = a=b ", Some(("mode", "a=b")));
        for bad in ["health", "=x", "health=", "a:b=c", "a=b\nc"] {
            check(bad, None);
        }
        let stamp = Stamp::zero();
        let mut bead = Bead::new("gt-1", "t", &stamp);
        for label in ["ui", "health:ok", "gt:slot", ":x"] {
            bead.record_mut()
                .set_entry("labels", label, Some(true.into()), &stamp);
        }
        let want = [("gt", "slot"), ("health", "ok")];
        let want = want.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(states(&bead), want.into());
    }
}
