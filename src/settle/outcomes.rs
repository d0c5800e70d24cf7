//! The rule about work that ended without a merge request: a person is told.

use super::convoys::derived_id;
use super::letters::{as_subject, letter_once};
use super::rules::{Consequence, Facts, short};
use crate::bead::GATE;
use crate::fault::Result;
use crate::ledger::Stamp;
use crate::mail::OVERSEER;
use crate::record::{Bead, Letter, Outcome, Said};

/// Who is asked for help besides the human.
const MAYOR: &str = "mayor/";

/// Whoever can help is told of a worker that cannot go on, and the human of work that waits to be looked
/// at; once for each time it was said.
pub(super) fn told(facts: &Facts<'_>) -> Result<Vec<Consequence>> {
    let mut found = Vec::new();
    for bead in &facts.changes.beads {
        for (key, outcome) in bead.outcomes() {
            let (to, subject): (&[&str], _) = match outcome.said {
                Said::Escalated => (&[MAYOR, OVERSEER], format!("{} needs help", bead.id())),
                Said::Finished => (
                    &[OVERSEER],
                    format!("{} is finished and waits for you", bead.id()),
                ),
                Said::Deferred => continue,
            };
            let Some(stamp) = Stamp::at_end_of(key) else {
                continue;
            };
            let subject = as_subject(&format!("{subject}: {}", bead.title()));
            for to in to {
                let prefix = bead.id().rsplit_once('-').map_or("gt", |(front, _)| front);
                let id = derived_id(prefix, "mail", "told", &[bead.id(), key, to]);
                let letter = Letter {
                    from: &outcome.by,
                    to,
                    subject: &subject,
                    body: &body(bead, &outcome),
                    kind: match outcome.said {
                        Said::Escalated => "escalation",
                        Said::Finished | Said::Deferred => "task",
                    },
                    ..Letter::default()
                };
                let cause = (&stamp, bead.id(), outcome.by.as_str());
                found.extend(letter_once(facts, &id, &letter, cause)?);
            }
        }
    }
    Ok(found)
}

fn body(bead: &Bead, outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    if !outcome.reason.is_empty() {
        lines.push(format!("{}\n", outcome.reason));
    }
    if !outcome.branch.is_empty() {
        let at = match outcome.head.as_str() {
            "" => String::new(),
            head => format!(" at {}", short(head)),
        };
        lines.push(format!("branch   {}{at}", outcome.branch));
    }
    let id = bead.id();
    lines.push(format!("bead     git gt show {id}"));
    lines.push(match outcome.said {
        Said::Finished => format!(
            "queue    git gt mq submit --branch {} --bead {id}",
            outcome.branch
        ),
        _ if bead.issue_type() == GATE => format!("open it  git gt bead gate resolve {id}"),
        Said::Escalated | Said::Deferred => {
            format!("go on    git gt comment {id} \"...\", then git gt sling {id}")
        }
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_what_to_type() {
        let bead = Bead::new("gt-1", "t", &Stamp::zero());
        let said = |said| {
            let outcome = Outcome {
                said,
                by: "api/polecats/nux".to_owned(),
                branch: "gt/nux/gt-1.1-k".to_owned(),
                head: "1234567890123456".to_owned(),
                reason: "which one?".to_owned(),
            };
            body(&bead, &outcome)
        };
        let text = said(Said::Escalated);
        assert!(text.starts_with("which one?\n"), "{text}");
        assert!(text.contains("at 123456789012"), "{text}");
        assert!(text.contains("git gt sling gt-1"), "{text}");
        let text = said(Said::Finished);
        assert!(
            text.contains("mq submit --branch gt/nux/gt-1.1-k --bead gt-1"),
            "{text}"
        );
    }
}
