//! A merge request: a branch that waits to be tested and landed.

mod approval;
mod class;

use std::fmt;

use serde_json::{Map, Value};

use crate::ledger::index::{Draft, Key, ORDER, Shape};
use crate::ledger::{Name, Record, Stamp, is_plain_id};

pub use approval::{Approval, Delegation};
pub use class::Class;

/// What the index keeps of merge requests: whose they are, in which group, and how they stand.
pub(super) const SHAPE: Shape = Shape {
    ledger: Name::Queue,
    version: 2,
    row: |record| {
        let request = Request::of(record)?;
        let names = [request.bead(), request.branch(), request.head()].map(Request::key_of);
        let group = Some(request.group()).filter(|name| !name.is_empty());
        Some(Draft {
            is_live: request.is_live(),
            order: [0; ORDER],
            body: request.status().word().as_bytes().to_vec(),
            keys: names
                .into_iter()
                .chain(group.map(Request::key_in))
                .collect(),
        })
    },
};

/// A queued branch.
#[derive(Debug, Clone, PartialEq)]
pub struct Request(Record);

/// Where a request stands; what is being tested is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestStatus {
    /// Waits for its turn.
    Queued,
    /// Waits for approval or a dependency.
    Held,
    /// Its change is on the target.
    Landed,
    /// It made a gate red.
    Ejected,
    /// It does not merge onto the target.
    Conflict,
    /// A person said no.
    Rejected,
    /// Its author took it back, or queued a newer one.
    Cancelled,
}

/// Every status with its word.
const WORDS: [(RequestStatus, &str); 7] = [
    (RequestStatus::Queued, "queued"),
    (RequestStatus::Held, "held"),
    (RequestStatus::Landed, "landed"),
    (RequestStatus::Ejected, "ejected"),
    (RequestStatus::Conflict, "conflict"),
    (RequestStatus::Rejected, "rejected"),
    (RequestStatus::Cancelled, "cancelled"),
];

impl RequestStatus {
    /// Returns the status a word names.
    pub fn parse(word: &str) -> Option<Self> {
        WORDS
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(status, _)| *status)
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        let known = WORDS.iter().find(|(status, _)| *status == self);
        known.expect("every status has a word").1
    }
}

impl fmt::Display for RequestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a new request says.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    /// The bead it does, empty for none.
    pub bead: &'a str,
    /// The bead's life then: a bead reopened since is not closed by this request.
    pub bead_life: i64,
    /// The epoch of the claim it was done under, 0 for none.
    pub epoch: u64,
    /// The stamp of that claim, empty for none: machines that claim apart share epochs, not stamps.
    pub claim: &'a str,
    /// The branch it is to land on.
    pub target: &'a str,
    /// The branch it comes from.
    pub branch: &'a str,
    /// The commit to be landed.
    pub head: &'a str,
    /// The target's commit then.
    pub tip: &'a str,
    /// Who did the work.
    pub worker: &'a str,
    /// The rig it belongs to.
    pub rig: &'a str,
    /// Its priority, 0 to 4.
    pub priority: i64,
}

#[cfg(test)]
impl Submission<'static> {
    /// What a request of a test says where the test does not mind.
    pub(crate) const SAMPLE: Self = Self {
        bead: "",
        bead_life: 0,
        epoch: 0,
        claim: "",
        target: "main",
        branch: "work",
        head: "1234567890123456",
        tip: "abc",
        worker: "ada",
        rig: "api",
        priority: 2,
    };
}

impl Request {
    /// Returns the key of requests of a bead, of a branch, or with a head.
    pub fn key_of(name: &str) -> Key {
        Key::of("of", name)
    }

    /// Returns the key of requests of a group.
    pub fn key_in(group: &str) -> Key {
        Key::of("group", group)
    }

    /// The kind of these records.
    pub const KIND: &'static str = "merge-request";

    /// Returns the request a record is, nothing when it is of another kind.
    pub fn of(record: Record) -> Option<Self> {
        (record.kind() == Self::KIND && is_plain_id(record.id())).then_some(Self(record))
    }

    /// Returns a new queued request.
    pub fn new(id: &str, what: &Submission<'_>, stamp: &Stamp) -> Self {
        let mut record = Record::new(id, Self::KIND, stamp);
        let texts = [
            ("bead", what.bead),
            ("branch", what.branch),
            ("claim", what.claim),
            ("head", what.head),
            ("rig", what.rig),
            ("target", what.target),
            ("tip", what.tip),
            ("worker", what.worker),
        ];
        for (field, value) in texts {
            record.set(field, (!value.is_empty()).then(|| value.into()), stamp);
        }
        let numbers = [
            ("bead_life", what.bead_life),
            ("epoch", what.epoch.cast_signed()),
        ];
        for (field, value) in numbers {
            record.set(field, (value != 0).then(|| value.into()), stamp);
        }
        let mut request = Self(record);
        request.set_priority(what.priority, stamp);
        request
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Returns the record, to be written.
    pub fn into_record(self) -> Record {
        self.0
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns the bead it does, empty for none.
    pub fn bead(&self) -> &str {
        self.0.text("bead")
    }

    /// Returns the bead's life when it was queued.
    pub fn bead_life(&self) -> i64 {
        self.0.integer("bead_life").unwrap_or_default()
    }

    /// Returns the epoch of the claim it was queued under, 0 for none.
    pub fn epoch(&self) -> u64 {
        self.0
            .integer("epoch")
            .and_then(|it| u64::try_from(it).ok())
            .unwrap_or_default()
    }

    /// Returns the stamp of the claim it was queued under, empty for none.
    pub fn claim(&self) -> &str {
        self.0.text("claim")
    }

    /// Returns the branch it is to land on.
    pub fn target(&self) -> &str {
        self.0.text("target")
    }

    /// Returns the branch it comes from.
    pub fn branch(&self) -> &str {
        self.0.text("branch")
    }

    /// Returns the id of the commit to be landed.
    pub fn head(&self) -> &str {
        self.0.text("head")
    }

    /// Returns who did the work.
    pub fn worker(&self) -> &str {
        self.0.text("worker")
    }

    /// Returns the rig it belongs to.
    pub fn rig(&self) -> &str {
        self.0.text("rig")
    }

    /// Returns its priority, 0 (most urgent) to 4.
    pub fn priority(&self) -> i64 {
        self.0.integer("priority").unwrap_or(2)
    }

    /// Sets its priority.
    pub fn set_priority(&mut self, priority: i64, stamp: &Stamp) {
        let value = (priority != 2).then(|| priority.into());
        self.set("priority", value, stamp);
    }

    /// Returns whether it goes before all that is none.
    pub fn is_hotfix(&self) -> bool {
        self.0.flag("hotfix")
    }

    /// Makes it a hotfix, or none.
    pub fn set_hotfix(&mut self, is_hotfix: bool, stamp: &Stamp) {
        self.set("hotfix", is_hotfix.then(|| true.into()), stamp);
    }

    /// Returns how urgent it is.
    pub fn class(&self) -> Class {
        match self.is_hotfix() {
            true => Class::Hotfix,
            false => Class::of(self.priority()),
        }
    }

    /// Returns the group whose requests land together or not at all, empty for none.
    pub fn group(&self) -> &str {
        self.0.text("group")
    }

    /// Puts it into a group; into none with an empty name.
    pub fn set_group(&mut self, group: &str, stamp: &Stamp) {
        self.set("group", (!group.is_empty()).then(|| group.into()), stamp);
    }

    /// Returns the ids of the requests that land before it, sorted.
    pub fn after(&self) -> impl Iterator<Item = &str> {
        self.0.entries("after").map(|(id, _)| id)
    }

    /// Says which requests land before it.
    pub fn set_after(&mut self, ids: &[String], stamp: &Stamp) {
        let map: Map<String, Value> = ids.iter().map(|id| (id.clone(), true.into())).collect();
        self.set(
            "after",
            (!map.is_empty()).then_some(Value::Object(map)),
            stamp,
        );
    }

    /// Returns a field that says when it may land and cannot be understood: it was fetched, or is a later
    /// version's.
    pub fn riddle(&self) -> Option<&'static str> {
        let is_odd = |field: &&str| {
            self.0.get(field).is_some_and(|value| match *field {
                "group" => !value.is_string(),
                _ => !value.is_object(),
            })
        };
        ["after", "group"].into_iter().find(is_odd)
    }

    /// Sets a field that is left out at its default, and touches none that is as it is to be.
    fn set(&mut self, field: &str, value: Option<Value>, stamp: &Stamp) {
        if self.0.get(field) != value.as_ref() {
            self.0.set(field, value, stamp);
        }
    }

    /// Returns where it stands.
    pub fn status(&self) -> RequestStatus {
        RequestStatus::parse(self.0.status()).unwrap_or(RequestStatus::Queued)
    }

    /// Returns whether it still waits to land.
    pub fn is_live(&self) -> bool {
        self.0.life() % 2 == 0
    }

    /// Returns when it was queued again, nothing where it was queued once, or waits no more.
    pub fn requeued(&self) -> Option<Stamp> {
        (self.is_live() && self.0.life() > 0).then(|| self.0.stamp_of("state"))
    }

    /// Returns why it stands where it does, empty while it is queued.
    pub fn reason(&self) -> &str {
        self.0
            .entry("state", "reason")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Returns something the decision about it recorded: `commit`, `gate`, `green`, `red`, `files`,
    /// `reproduce`.
    pub fn evidence(&self, key: &str) -> Option<&Value> {
        self.0.entry("state", key)
    }

    /// Finishes it: an even life is raised by one.
    pub fn finish(
        &mut self,
        status: RequestStatus,
        reason: &str,
        evidence: Map<String, Value>,
        stamp: &Stamp,
    ) {
        let life = self.0.life();
        let mut state = evidence;
        state.insert("life".to_owned(), (life + 1 - life % 2).into());
        state.insert("status".to_owned(), status.word().into());
        if !reason.is_empty() {
            state.insert("reason".to_owned(), reason.into());
        }
        self.0.set("state", Some(Value::Object(state)), stamp);
    }

    /// Queues a finished request again: an odd life is raised by one.
    pub fn requeue(&mut self, stamp: &Stamp) {
        let life = self.0.life();
        let state = serde_json::json!({ "life": life + life % 2, "status": "queued" });
        self.0.set("state", Some(state), stamp);
    }
}
