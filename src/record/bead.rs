//! A bead: a work item, with its claims, edges and comments.

mod row;

use serde_json::{Map, Value, json};

use crate::ledger::{Record, Stamp, Time, is_plain_id};

pub(super) use row::SHAPE;
pub use row::{BeadRow, RowEdge};

/// A work item. Fields at their default are not stored: type `task`, priority 2, status `open`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bead(Record);

/// The last epoch; a key has six digits for it.
const EPOCH_MAX: u64 = 999_999;

/// Who holds a bead, and since which epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Rises with every release, reassignment and reopening.
    pub epoch: u64,
    /// When the claim was made.
    pub stamp: Stamp,
    /// The holder.
    pub by: String,
}

/// What a worker said of its work without queueing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is finished, and a person is to look at it before it is queued.
    Finished,
    /// It cannot be done without help.
    Escalated,
    /// It is put off.
    Deferred,
}

/// Every such word.
const SAID: [(Said, &str); 3] = [
    (Said::Finished, "finished"),
    (Said::Escalated, "escalated"),
    (Said::Deferred, "deferred"),
];

impl Said {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        let known = SAID.iter().find(|(said, _)| *said == self);
        known.expect("each has a word").1
    }
}

/// What became of the work under a claim that ended, or waits, without a merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was said.
    pub said: Said,
    /// By whom.
    pub by: String,
    /// The branch the work is on, empty where there is none.
    pub branch: String,
    /// Its commit, empty where there is none.
    pub head: String,
    /// Why, empty where nobody said.
    pub reason: String,
}

/// An edge from a bead to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge<'a> {
    /// The id it leads to.
    pub target: &'a str,
    /// `blocks`, `related`, …
    pub kind: &'a str,
    /// What hangs on the edge besides its type.
    pub more: Option<&'a Map<String, Value>>,
}

/// A comment on a bead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment<'a> {
    /// Its key: when it was written and by which clone.
    pub key: &'a str,
    /// Who wrote it.
    pub author: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The original text of its time, where it was imported.
    pub created_at: Option<&'a str>,
    /// Its original id, where it was imported.
    pub id: Option<&'a Value>,
}

impl Bead {
    /// The kind of these records.
    pub const KIND: &'static str = "bead";

    /// What a live bead may be without its project having a word of its own; under one of these a finished
    /// bead is closed.
    pub const LIVE: [&str; 6] = [
        "open",
        "in_progress",
        "hooked",
        "blocked",
        "deferred",
        "pinned",
    ];

    /// Returns the bead a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && is_plain_id(record.id())).then_some(Self(record))
    }

    /// Returns a new open bead.
    pub fn new(id: &str, title: &str, created: &Stamp) -> Self {
        let mut record = Record::new(id, Self::KIND, created);
        record.set("title", Some(title.into()), created);
        Self(record)
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be changed field by field.
    pub fn record_mut(&mut self) -> &mut Record {
        &mut self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns the title.
    pub fn title(&self) -> &str {
        self.0.text("title")
    }

    /// Returns the type, `task` by default.
    pub fn issue_type(&self) -> &str {
        match self.0.text("type") {
            "" => "task",
            known => known,
        }
    }

    /// Returns the priority, 0 (most urgent) to 4, 2 by default.
    pub fn priority(&self) -> i64 {
        self.0.integer("priority").unwrap_or(2)
    }

    /// Returns whether it is closed or deleted.
    pub fn is_closed(&self) -> bool {
        self.0.life() % 2 != 0
    }

    /// Returns whether it is a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.is_closed() && self.0.status() == "deleted"
    }

    /// Returns whether it is looked at by hand only.
    pub fn is_pinned(&self) -> bool {
        self.status() == "pinned" || self.0.flag("pinned")
    }

    /// Returns the status as it is shown, derived from state and claim: a live bead with a holder is in
    /// progress, whatever the state says less than that, and a finished one is closed, deleted, or what its
    /// project calls that.
    pub fn status(&self) -> &str {
        let stored = match self.0.status() {
            "" => "open",
            stored => stored,
        };
        match stored {
            "deleted" => stored,
            _ if self.is_closed() && Self::LIVE.contains(&stored) => "closed",
            _ if self.is_closed() => stored,
            "open" if self.holder().is_some() => "in_progress",
            stored => stored,
        }
    }

    /// Returns the greatest epoch anybody claimed or released it in, 0 where nobody did.
    pub fn epoch(&self) -> u64 {
        self.0
            .entries("claims")
            .filter_map(|(key, _)| epoch_of(key))
            .max()
            .unwrap_or_default()
    }

    /// Returns the claim that stands: of the greatest epoch the smallest stamp's among those that name
    /// a holder.
    pub fn claim(&self) -> Option<Claim> {
        let epoch = self.epoch();
        let of_epoch = self
            .0
            .entries("claims")
            .filter(|(key, _)| epoch_of(key) == Some(epoch));
        let claims = of_epoch.filter_map(|(key, value)| {
            let by = value.get("by")?.as_str()?.to_owned();
            Some(Claim {
                epoch,
                stamp: Stamp::at_end_of(key)?,
                by,
            })
        });
        claims.min_by(|a, b| a.stamp.cmp(&b.stamp))
    }

    /// Returns who holds it.
    pub fn holder(&self) -> Option<String> {
        self.claim().map(|claim| claim.by)
    }

    /// Returns the holder, else who it is assigned to on paper.
    pub fn assignee(&self) -> Option<String> {
        let paper = self.0.text("assignee");
        self.holder()
            .or_else(|| (!paper.is_empty()).then(|| paper.to_owned()))
    }

    /// Returns the bead it is a child of.
    pub fn parent(&self) -> Option<&str> {
        Some(self.0.text("parent")).filter(|parent| !parent.is_empty())
    }

    /// Returns its edges, sorted by target; the parent is not among them.
    ///
    /// Imported beads may have several edges to one target: the others stand in `also`.
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.0
            .entries("deps")
            .flat_map(|(target, value)| read_edges(target, value))
    }

    /// Returns its edges to one bead; an edge to its parent is not among them.
    pub fn edges_to<'a>(&'a self, target: &'a str) -> impl Iterator<Item = Edge<'a>> {
        let value = self.0.entry("deps", target);
        value
            .into_iter()
            .flat_map(move |value| read_edges(target, value))
    }

    /// Returns its labels, sorted.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.entries("labels").map(|(label, _)| label)
    }

    /// Returns who is told when it is opened, where it is a gate: those that were imported, then those that
    /// were added, sorted.
    pub fn waiters(&self) -> Vec<&str> {
        let imported = self.0.entry("extra", "waiters").and_then(Value::as_array);
        let imported = imported.into_iter().flatten().filter_map(Value::as_str);
        let mut all: Vec<&str> = imported.collect();
        for (who, _) in self.0.entries("waiters") {
            if !all.contains(&who) {
                all.push(who);
            }
        }
        all
    }

    /// Returns its comments in the order they were written.
    pub fn comments(&self) -> Vec<Comment<'_>> {
        let mut keys: Vec<&str> = self.0.entries("comments").map(|(key, _)| key).collect();
        keys.sort_by_key(|key| Stamp::at_end_of(key));
        keys.into_iter().map(|key| self.comment(key)).collect()
    }

    fn comment<'a>(&'a self, key: &'a str) -> Comment<'a> {
        let value = self.0.entry("comments", key);
        let text = |field: &str| value.and_then(|it| it.get(field)).and_then(Value::as_str);
        Comment {
            key,
            author: text("author").unwrap_or_default(),
            text: text("text").unwrap_or_default(),
            created_at: text("created_at"),
            id: value.and_then(|it| it.get("id")),
        }
    }

    /// Returns why it was closed, empty where nobody said.
    pub fn close_reason(&self) -> &str {
        self.0
            .entry("state", "reason")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Returns when it was created: the imported text, else RFC 3339 in UTC.
    pub fn created_at(&self) -> String {
        self.original("created")
            .unwrap_or_else(|| self.0.created().time().to_string())
    }

    /// Returns when it last changed; the imported text as long as nothing did since.
    pub fn updated_at(&self) -> String {
        self.imported_update()
            .unwrap_or_else(|| self.0.newest().time().to_string())
    }

    /// Returns the time of [`Bead::updated_at`].
    fn updated_time(&self) -> Time {
        let imported = self.imported_update().and_then(|it| Time::parse(&it));
        imported.unwrap_or_else(|| self.0.newest().time())
    }

    /// Returns the imported text of when it last changed, as long as nothing did since.
    fn imported_update(&self) -> Option<String> {
        let original = self.original("updated")?;
        let imported = self.0.stamp_of_entry("times", "updated");
        (!self.is_changed_since(&imported)).then_some(original)
    }

    /// Returns whether anything was set after `stamp` but comments that were imported with it.
    fn is_changed_since(&self, stamp: &Stamp) -> bool {
        let rows = self
            .0
            .entries("stamps")
            .filter_map(|(_, row)| row.as_str()?.parse().ok());
        let written = self
            .0
            .entries("comments")
            .filter(|(_, value)| value.get("created_at").is_none());
        let keys = written
            .chain(self.0.entries("claims"))
            .filter_map(|(key, _)| Stamp::at_end_of(key));
        rows.chain(keys).any(|it: Stamp| it > *stamp)
    }

    /// Returns when it was closed, nothing while it is open.
    pub fn closed_at(&self) -> Option<String> {
        if !self.is_closed() {
            return None;
        }
        let original = self.0.entry("state", "closed_at").and_then(Value::as_str);
        Some(original.map_or_else(|| self.state_time().to_string(), str::to_owned))
    }

    /// Returns the time of [`Bead::closed_at`].
    fn closed_time(&self) -> Option<Time> {
        let original = self.0.entry("state", "closed_at").and_then(Value::as_str);
        let parsed = original.and_then(Time::parse);
        self.is_closed()
            .then(|| parsed.unwrap_or_else(|| self.state_time()))
    }

    fn state_time(&self) -> Time {
        self.0.stamp_of("state").time()
    }

    fn original(&self, time: &str) -> Option<String> {
        self.0
            .entry("times", time)
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    /// Claims it in `epoch` for `by`.
    pub fn set_claim(&mut self, epoch: u64, by: &str, stamp: &Stamp) {
        let key = format!("{epoch:06}-{stamp}");
        self.0
            .set_entry("claims", &key, Some(json!({ "by": by })), stamp);
    }

    /// Opens a new epoch in which nobody holds it; does nothing where nobody ever held it.
    pub fn release(&mut self, stamp: &Stamp) {
        if self.holder().is_some() {
            let key = format!("{:06}-{stamp}", (self.epoch() + 1).min(EPOCH_MAX));
            self.0
                .set_entry("claims", &key, Some(json!({ "by": null })), stamp);
        }
    }

    /// Closes it: an even life is raised by one, an odd one stays.
    pub fn close(&mut self, reason: &str, stamp: &Stamp) {
        let life = self.0.life();
        let mut state = Map::new();
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), "closed".into());
        if !reason.is_empty() {
            state.insert("reason".to_owned(), reason.into());
        }
        self.0.set("state", Some(Value::Object(state)), stamp);
    }

    /// Finishes it as [`Bead::close`] does, under a status of the project's own; one that is finished keeps its
    /// reason.
    pub fn finish(&mut self, status: &str, stamp: &Stamp) {
        let reason = self.close_reason().to_owned();
        self.close(&reason, stamp);
        if let Some(Value::Object(mut state)) = self.0.get("state").cloned() {
            state.insert("status".to_owned(), status.into());
            self.0.set("state", Some(Value::Object(state)), stamp);
        }
    }

    /// Notes the session in which it was closed; does nothing where it is open.
    pub fn set_session(&mut self, session: &str, stamp: &Stamp) {
        if let (true, Some(Value::Object(mut state))) =
            (self.is_closed(), self.0.get("state").cloned())
        {
            state.insert("closed_by_session".to_owned(), session.into());
            self.0.set("state", Some(Value::Object(state)), stamp);
        }
    }

    /// Opens it again: an odd life is raised by one, and nobody holds it.
    pub fn reopen(&mut self, stamp: &Stamp) {
        let life = self.0.life();
        let state = json!({ "life": life + life % 2, "status": "open" });
        self.0.set("state", Some(state), stamp);
        self.release(stamp);
    }

    /// Sets the status of a live bead; closing and opening are [`Bead::close`] and [`Bead::reopen`].
    pub fn set_status(&mut self, status: &str, stamp: &Stamp) {
        let life = self.0.life();
        let state =
            (life > 0 || status != "open").then(|| json!({ "life": life, "status": status }));
        self.0.set("state", state, stamp);
    }

    /// Returns what whoever holds it was told when it was given out, empty where nothing was.
    pub fn args(&self) -> &str {
        let key = self.claim().map(|claim| claim_key(&claim));
        let told = key.and_then(|key| self.0.entry("args", &key)?.as_str());
        told.unwrap_or_default()
    }

    /// Tells the holder something about this one piece of work; does nothing where nobody holds it. What
    /// earlier holders were told goes.
    pub fn set_args(&mut self, text: &str, stamp: &Stamp) {
        let Some(key) = self.claim().map(|claim| claim_key(&claim)) else {
            return;
        };
        let old = self.0.entries("args").map(|(key, _)| key.to_owned());
        let old: Vec<String> = old.filter(|it| *it != key).collect();
        for key in old {
            self.0.set_entry("args", &key, None, stamp);
        }
        if self.args() != text {
            let value = (!text.is_empty()).then(|| text.into());
            self.0.set_entry("args", &key, value, stamp);
        }
    }

    /// Returns what workers said of it without queueing anything, with the keys, oldest first.
    pub fn outcomes(&self) -> Vec<(&str, Outcome)> {
        let entries = self.0.entries("outcomes");
        let mut all: Vec<(&str, Outcome)> = entries
            .filter_map(|(key, value)| Some((key, read_outcome(value)?)))
            .collect();
        all.sort_by_key(|(key, _)| Stamp::at_end_of(key));
        all
    }

    /// Notes what a worker said of its work in an epoch.
    pub fn add_outcome(&mut self, epoch: u64, outcome: &Outcome, stamp: &Stamp) {
        let mut value = json!({ "by": outcome.by, "said": outcome.said.word() });
        for (field, text) in [
            ("branch", &outcome.branch),
            ("head", &outcome.head),
            ("reason", &outcome.reason),
        ] {
            if !text.is_empty() {
                value[field] = text.as_str().into();
            }
        }
        let key = format!("{epoch:06}-{stamp}");
        self.0.set_entry("outcomes", &key, Some(value), stamp);
    }

    /// Adds a comment.
    pub fn add_comment(&mut self, author: &str, text: &str, stamp: &Stamp) {
        let value = json!({ "author": author, "text": text });
        self.0
            .set_entry("comments", stamp.as_str(), Some(value), stamp);
    }
}

fn claim_key(claim: &Claim) -> String {
    format!("{:06}-{}", claim.epoch, claim.stamp)
}

/// Returns the edges to one bead as they are stored.
fn read_edges<'a>(target: &'a str, value: &'a Value) -> impl Iterator<Item = Edge<'a>> {
    let also = value.get("also").and_then(Value::as_array);
    let all = std::iter::once(value).chain(also.into_iter().flatten());
    all.map(move |value| Edge {
        target,
        kind: value
            .as_str()
            .or_else(|| value.get("type")?.as_str())
            .unwrap_or("blocks"),
        more: value.as_object(),
    })
}

fn read_outcome(value: &Value) -> Option<Outcome> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let known = SAID.iter().find(|(_, word)| *word == text("said"));
    Some(Outcome {
        said: known?.0,
        by: text("by").to_owned(),
        branch: text("branch").to_owned(),
        head: text("head").to_owned(),
        reason: text("reason").to_owned(),
    })
}

/// Returns the epoch of a claim's key, whose six digits come first.
fn epoch_of(key: &str) -> Option<u64> {
    let digits = key.split_once('-')?.0;
    digits.parse().ok().filter(|_| digits.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64, clone: &str) -> Stamp {
        format!("{n:016x}-{clone}").parse().unwrap()
    }

    fn bead() -> Bead {
        Bead::new("gt-1", "t", &stamp(1, "k"))
    }

    #[test]
    fn the_first_claim_of_the_last_epoch_stands() {
        let mut bead = bead();
        let check = |bead: &Bead, want: Option<&str>| assert_eq!(bead.holder().as_deref(), want);
        check(&bead, None);
        bead.set_claim(1, "a", &stamp(5, "k"));
        bead.set_claim(1, "b", &stamp(4, "l"));
        check(&bead, Some("b"));
        bead.release(&stamp(6, "k"));
        check(&bead, None);
        assert_eq!(bead.epoch(), 2);
        bead.set_claim(2, "c", &stamp(7, "k"));
        check(&bead, Some("c"));
    }

    #[test]
    fn what_a_holder_is_told_goes_with_its_claim() {
        let mut bead = bead();
        bead.set_args("nobody is there", &stamp(2, "k"));
        assert!(bead.record().get("args").is_none());
        bead.set_claim(1, "a", &stamp(3, "k"));
        bead.set_args("only the parser", &stamp(4, "k"));
        assert_eq!(bead.args(), "only the parser");
        bead.release(&stamp(5, "k"));
        assert_eq!(bead.args(), "");
        bead.set_claim(2, "b", &stamp(6, "k"));
        assert_eq!(bead.args(), "");
        bead.set_args("the rest", &stamp(7, "k"));
        assert_eq!(bead.args(), "the rest");
        assert_eq!(bead.record().entries("args").count(), 1);
    }

    #[test]
    fn outcomes_are_kept_in_their_order() {
        let mut bead = bead();
        let outcome = |said, reason: &str| Outcome {
            said,
            by: "a".to_owned(),
            branch: String::new(),
            head: String::new(),
            reason: reason.to_owned(),
        };
        let all = [
            outcome(Said::Deferred, ""),
            outcome(Said::Escalated, "stuck"),
        ];
        bead.add_outcome(2, &all[0], &stamp(3, "k"));
        bead.add_outcome(1, &all[1], &stamp(4, "k"));
        let read: Vec<Outcome> = bead.outcomes().into_iter().map(|it| it.1).collect();
        assert_eq!(read, all);
    }

    #[test]
    fn life_counts_closings_and_reopenings() {
        let mut bead = bead();
        bead.close("done", &stamp(2, "k"));
        bead.close("again", &stamp(3, "k"));
        assert_eq!((bead.record().life(), bead.status()), (1, "closed"));
        bead.reopen(&stamp(4, "k"));
        bead.reopen(&stamp(5, "k"));
        assert_eq!((bead.record().life(), bead.status()), (2, "open"));
    }

    #[test]
    fn a_finished_bead_is_what_its_project_calls_that() {
        let mut bead = bead();
        bead.close("seen", &stamp(2, "k"));
        bead.finish("verified", &stamp(3, "k"));
        assert_eq!((bead.record().life(), bead.status()), (1, "verified"));
        assert_eq!((bead.is_closed(), bead.close_reason()), (true, "seen"));
        bead.reopen(&stamp(4, "k"));
        assert_eq!((bead.record().life(), bead.status()), (2, "open"));
    }

    #[test]
    fn a_holder_makes_a_live_bead_in_progress() {
        let mut bead = bead();
        bead.set_claim(1, "a", &stamp(2, "k"));
        assert_eq!(bead.status(), "in_progress");
        bead.set_status("blocked", &stamp(3, "k"));
        assert_eq!(bead.status(), "blocked");
        bead.close("", &stamp(4, "k"));
        assert_eq!(bead.status(), "closed");
    }
}
