//! What `git gt import` says it did, file by file.

use serde_json::{Map, Value, json};

use super::How;
use crate::bead::{Pile, Plan, Refused, What};
use crate::cli::reply::Reply;
use crate::fault::Fault;

/// How many lines that cannot be taken are said one by one.
const SAID_MAX: usize = 20;

/// What became of a file.
struct File<'n> {
    name: &'n str,
    form: &'static str,
    created: usize,
    updated: usize,
    merged: usize,
    unchanged: usize,
    known: usize,
    repeated: usize,
    skipped: usize,
    refused: Vec<Value>,
}

impl File<'_> {
    fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.merged += other.merged;
        self.unchanged += other.unchanged;
        self.known += other.known;
        self.repeated += other.repeated;
        self.skipped += other.skipped;
        self.refused.extend_from_slice(&other.refused);
    }

    fn count(&mut self, what: &What) {
        match what {
            What::Created => self.created += 1,
            What::Updated => self.updated += 1,
            What::Merged => self.merged += 1,
            What::Unchanged => self.unchanged += 1,
            What::Known => self.known += 1,
            What::Refused(_) => {}
        }
    }

    fn value(&self) -> Map<String, Value> {
        let value = json!({
            "source": self.name, "created": self.created, "updated": self.updated, "merged": self.merged,
            "unchanged": self.unchanged, "dedup_skipped": self.known, "repeated": self.repeated,
            "skipped": self.skipped, "refused": self.refused.len(),
        });
        value.as_object().cloned().unwrap_or_default()
    }

    fn text(&self) -> String {
        let always = [
            (self.created, "new"),
            (self.updated, "changed"),
            (self.merged, "merged with what is here"),
            (self.unchanged, "unchanged"),
        ];
        let mut text: Vec<String> = always
            .iter()
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let more = [
            (self.known, "left out because an open bead has the title"),
            (self.repeated, "more lines of the same beads"),
            (self.skipped, "lines that are no beads"),
            (self.refused.len(), "refused"),
        ];
        let more = more.iter().filter(|(count, _)| *count > 0);
        text.extend(more.map(|(count, what)| format!("{count} {what}")));
        text.join(", ")
    }
}

/// Returns what is said of an import.
pub(super) fn reply(
    names: &[String],
    (pile, plan): (&Pile, &Plan),
    refused: &[Refused],
    how: &How,
) -> Reply {
    let is_taken = refused.is_empty() || how.skip_invalid;
    let files = files(names, (pile, plan), refused, is_taken);
    let mut all = empty("");
    files.iter().for_each(|it| all.add(it));
    let name = names.join(", ");
    all.name = &name;
    let is_written = |what: &What| matches!(what, What::Created | What::Updated | What::Merged);
    let ids = plan
        .iter()
        .enumerate()
        .filter(|(_, what)| is_taken && is_written(what));
    let ids: Vec<&str> = ids.map(|(bead, _)| pile.place(bead).0).collect();
    let mut value = all.value();
    let more = json!({
        "memories": if is_taken { pile.memories.len() } else { 0 }, "ids": ids, "dry_run": how.dry_run,
        "schema_version": 1,
    });
    value.extend(more.as_object().cloned().unwrap_or_default());
    let each = files.iter().map(|file| {
        let mut each = file.value();
        each.insert("form".to_owned(), file.form.into());
        each.insert("refusals".to_owned(), file.refused.clone().into());
        Value::Object(each)
    });
    value.insert("files".to_owned(), each.collect::<Vec<_>>().into());
    let verb = if how.dry_run {
        "would import"
    } else {
        "imported"
    };
    let mut text = String::new();
    if files.len() > 1 {
        files
            .iter()
            .for_each(|file| text.push_str(&format!("{}: {}\n", file.name, file.text())));
    }
    text.push_str(&format!("{verb} {}\n", all.text()));
    let faults = said(names, refused);
    if is_taken {
        let reply = Reply::new(Value::Object(value), text);
        let notes = faults.iter().map(|fault| format!("left out: {fault}"));
        return notes.fold(reply, Reply::note);
    }
    let why = format!(
        "nothing was imported: {} cannot be taken",
        plural(refused.len())
    );
    value.insert("error".to_owned(), why.as_str().into());
    let text = format!("{why}; with --skip-invalid the rest is\n");
    Reply::new(Value::Object(value), text).with_faults(faults)
}

fn plural(lines: usize) -> String {
    if lines == 1 {
        "a line".to_owned()
    } else {
        format!("{lines} lines")
    }
}

fn empty(name: &str) -> File<'_> {
    File {
        name,
        form: "",
        created: 0,
        updated: 0,
        merged: 0,
        unchanged: 0,
        known: 0,
        repeated: 0,
        skipped: 0,
        refused: Vec::new(),
    }
}

fn files<'n>(
    names: &'n [String],
    (pile, plan): (&Pile, &Plan),
    refused: &[Refused],
    is_taken: bool,
) -> Vec<File<'n>> {
    let mut files: Vec<File<'_>> = names.iter().map(|name| empty(name)).collect();
    for (at, file) in files.iter_mut().enumerate() {
        file.form = pile.form(at).word();
        file.skipped = pile.rest[at].skipped;
        file.repeated = pile.rest[at].repeated;
    }
    for (bead, what) in plan.iter().enumerate().filter(|_| is_taken) {
        files[pile.place(bead).1].count(what);
    }
    for it in refused {
        let text = it.fault.text();
        files[it.input]
            .refused
            .push(json!({ "line": it.line, "error": text.message }));
    }
    files
}

/// Returns what is wrong, line by line, as far as anybody reads it.
fn said(names: &[String], refused: &[Refused]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = refused
        .iter()
        .take(SAID_MAX)
        .map(|it| again(&it.fault).within(&format!("{}: line {}", names[it.input], it.line)))
        .collect();
    if let Some(more) = refused.len().checked_sub(SAID_MAX).filter(|more| *more > 0) {
        faults.push(Fault::invalid(format!("and {} more", plural(more))));
    }
    faults
}

/// Returns a fault of the same class that says the same.
fn again(fault: &Fault) -> Fault {
    Fault::from_json(&fault.to_json()).unwrap_or_else(|| Fault::invalid(fault.to_string()))
}
