//! What agents do to records: the transitions of the kinds we know, and what newer versions might do.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Bead, Dice, Records};
use crate::bead;
use crate::ledger::{CloneId, Record, Stamp, Time};
use crate::record::{
    Contents, Convoy, Handoff, Letter, Mail, Outcome, Request, RequestStatus, Said, Submission,
};

/// Makes edits; knows how many ids it has given out.
#[derive(Clone, Default)]
pub(super) struct Edits {
    made: usize,
}

const ACTORS: [&str; 3] = ["ada", "bob", "api/polecats/nux"];
const LABELS: [&str; 3] = ["a", "b", "c"];

impl Edits {
    /// Returns a record before and after an edit, nothing where chance wanted something impossible.
    pub(super) fn make(
        &mut self,
        dice: &mut Dice,
        (clone, now): (&CloneId, Time),
        records: &Records,
    ) -> Option<(Option<Rc<Record>>, Record)> {
        if records.is_empty() || dice.one_in(5) {
            let stamp = Stamp::next(now, clone, None);
            return self.create(dice, &stamp, records).map(|it| (None, it));
        }
        let at = dice.below(records.len());
        let old = records.values().nth(at).expect("there are as many").clone();
        let stamp = Stamp::next(now, clone, Some(&old.newest()));
        let record = Record::clone(&old);
        let new = match old.kind() {
            Bead::KIND => bead_edit(dice, Bead::of(record)?, clone, &stamp)?,
            Mail::KIND => mail_edit(dice, Mail::of(record)?, &stamp),
            Convoy::KIND => convoy_edit(dice, Convoy::of(record)?, &stamp),
            Request::KIND => request_edit(dice, Request::of(record)?, &stamp),
            Handoff::KIND => {
                let mut handoff = Handoff::of(record)?;
                handoff.take(dice.pick(&ACTORS), &stamp);
                handoff.into_record()
            }
            _ => unknown_edit(dice, record, &stamp),
        };
        Some((Some(old), new))
    }

    fn create(&mut self, dice: &mut Dice, stamp: &Stamp, records: &Records) -> Option<Record> {
        self.made += 1;
        let id = format!("gt-{}", self.made);
        Some(match dice.below(12) {
            0 => {
                let letter = Letter {
                    from: "ada",
                    to: "bob",
                    subject: "s",
                    ..Letter::default()
                };
                Mail::new(&id, &letter, stamp).into_record()
            }
            1 => Convoy::new(&id, "convoy", stamp).into_record(),
            2 => {
                // What follows from a cause is the same wherever it is derived.
                let cause: Stamp = "01999f2a00000000-cause".parse().expect("it is one");
                let known = records.contains_key("gt-cv-derived");
                (!known).then(|| Convoy::derived("gt-cv-derived", "t", &cause).into_record())?
            }
            3 => request(&id, stamp),
            4 => {
                let contents = Contents {
                    from: "ada".to_owned(),
                    body: "on".to_owned(),
                    ..Contents::default()
                };
                Handoff::new(&id, &contents, stamp).into_record()
            }
            5 => {
                let mut record = Record::new(&id, "zeppelin", stamp);
                record.set("gas", Some(json!(["helium", 1.50])), stamp);
                record
            }
            6 => {
                // Known by its name: nobody created it first.
                let known = records.contains_key("gate.test");
                let mut record = Record::new("gate.test", "gate", &Stamp::zero());
                record.set("command", Some("true".into()), stamp);
                (!known).then_some(record)?
            }
            // Two clones may choose these apart.
            7 | 8 => {
                let id = dice.pick(&["gt-same", "gt-1.1", "gt-1.1.1"]);
                (!records.contains_key(id)).then(|| new_bead(dice, id, stamp))?
            }
            _ => new_bead(dice, &id, stamp),
        })
    }
}

fn new_bead(dice: &mut Dice, id: &str, stamp: &Stamp) -> Record {
    let mut bead = Bead::new(id, dice.pick(&["one", "two"]), stamp);
    if dice.one_in(3) {
        bead.record_mut().set("priority", Some(0.into()), stamp);
    }
    bead.into_record()
}

fn request(id: &str, stamp: &Stamp) -> Record {
    let what = Submission {
        bead: "gt-1",
        epoch: 1,
        priority: 1,
        ..Submission::SAMPLE
    };
    Request::new(id, &what, stamp).into_record()
}

fn bead_edit(dice: &mut Dice, mut bead: Bead, clone: &CloneId, stamp: &Stamp) -> Option<Record> {
    if bead.is_deleted() && !dice.one_in(3) {
        return None;
    }
    let text = |dice: &mut Dice| dice.pick::<&str>(&["x", "y", "lang\u{e4}r \u{1f600}\n"]);
    // An actor works in one clone.
    let actor = format!("crew/{clone}");
    match dice.below(20) {
        0 => {
            let field = dice.pick(&["title", "notes", "x_future"]);
            bead.record_mut().set(field, Some(text(dice).into()), stamp);
        }
        1 => bead.record_mut().set("notes", None, stamp),
        2 | 3 => {
            let on = (!dice.one_in(3)).then(|| true.into());
            bead.record_mut()
                .set_entry("labels", dice.pick(&LABELS), on, stamp);
        }
        4 => {
            let target = dice.pick(&["gt-1", "gt-2", "gt-same"]);
            bead.record_mut()
                .set_entry("deps", target, Some("blocks".into()), stamp);
        }
        5 => {
            let targets: Vec<String> = bead.edges().map(|it| it.target.to_owned()).collect();
            bead::unlink(&mut bead, targets.first()?, stamp);
        }
        6 | 7 => bead.add_comment("ada", text(dice), stamp),
        8 => {
            let key = bead.comments().first()?.key.to_owned();
            bead.record_mut().set_entry("comments", &key, None, stamp);
        }
        9..=11 => drop(bead::claim(&mut bead, &actor, stamp).ok()?),
        12 => drop(bead::release(&mut bead, stamp).ok()?),
        13 => bead.close(text(dice), stamp),
        14 => bead.reopen(stamp),
        15 if dice.one_in(2) => bead::delete(&mut bead, "ada", stamp),
        16 => bead.set_status(dice.pick(&["open", "blocked"]), stamp),
        17 => bead.set_args(text(dice), stamp),
        18 => {
            let outcome = Outcome {
                said: Said::Escalated,
                by: actor,
                branch: String::new(),
                head: String::new(),
                reason: text(dice).to_owned(),
            };
            bead.add_outcome(bead.epoch(), &outcome, stamp);
        }
        _ => {
            let value = dice.one_in(2).then(|| json!({"deep": [1, {}]}));
            bead.record_mut().set_entry("metadata", "k", value, stamp);
        }
    }
    Some(bead.into_record())
}

fn mail_edit(dice: &mut Dice, mut mail: Mail, stamp: &Stamp) -> Record {
    let reader = dice.pick(&ACTORS);
    match dice.below(4) {
        0 => mail.mark_read(reader, stamp),
        1 => mail.mark_unread(reader, stamp),
        2 => mail.archive(reader, stamp),
        _ => mail.delete(stamp),
    }
    mail.into_record()
}

fn convoy_edit(dice: &mut Dice, mut convoy: Convoy, stamp: &Stamp) -> Record {
    let bead = dice.pick(&["gt-1", "gt-2", "gt-same"]);
    match dice.below(5) {
        0 | 1 => convoy.add(bead, stamp),
        2 => convoy.remove(bead, stamp),
        3 => convoy.close("done", "ada", stamp),
        _ => convoy.reopen(stamp),
    }
    convoy.into_record()
}

fn request_edit(dice: &mut Dice, mut request: Request, stamp: &Stamp) -> Record {
    if request.is_live() {
        let status = dice.pick(&[RequestStatus::Rejected, RequestStatus::Landed]);
        request.finish(status, "why", Map::new(), stamp);
    } else {
        request.requeue(stamp);
    }
    request.into_record()
}

/// What a newer version may do to a kind that only it knows.
fn unknown_edit(dice: &mut Dice, mut record: Record, stamp: &Stamp) -> Record {
    let values = [json!(1e3), json!([]), json!("x"), Value::Null, json!(-7)];
    match dice.below(4) {
        0 => record.set("gas", Some(values[dice.below(values.len())].clone()), stamp),
        1 => record.set("ballast", None, stamp),
        2 => record.set_entry(
            "crew",
            dice.pick(&LABELS),
            Some(values[dice.below(values.len())].clone()),
            stamp,
        ),
        _ => {
            let life = record.life();
            record.set(
                "state",
                Some(json!({"life": life + 1, "mood": "odd"})),
                stamp,
            );
        }
    }
    record
}
