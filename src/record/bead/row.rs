//! A bead as a row of the index: what lists, readiness and lines need of it, without its record.

use std::borrow::Cow;

use serde_json::Value;

use super::{Bead, Edge};
use crate::ledger::index::{Body, Draft, Key, ORDER, Packed, Row, Shape};
use crate::ledger::{Name, Time};

/// What the index keeps of beads; deleted ones are not in it.
pub(in crate::record) const SHAPE: Shape = Shape {
    ledger: Name::Beads,
    version: 4,
    row: |record| {
        let bead = Bead::of(record).filter(|bead| !bead.is_deleted())?;
        Some(draft(&bead))
    },
};

/// The bits of a row's first number.
const CLOSED: u64 = 1;
const PINNED: u64 = 2;
const EPHEMERAL: u64 = 4;
const TEMPLATE: u64 = 8;
const DEFERRED: u64 = 16;

/// How many numbers stand before the texts of a row.
const NUMBERS: usize = 6;

/// The texts of a row, in the order in which they stand there.
const STATUS: usize = 0;
const TYPE: usize = 1;
const HOLDER: usize = 2;
const ASSIGNEE: usize = 3;
const PARENT: usize = 4;
const DEFER_UNTIL: usize = 5;
const CREATED_BY: usize = 6;
const TITLE: usize = 7;
const TEXTS: usize = 8;

/// A bead in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeadRow<'i> {
    id: Cow<'i, str>,
    order: [u8; ORDER],
    flags: u64,
    priority: i64,
    created: Time,
    closed: Time,
    updated: Time,
    due: Option<Time>,
    body: Cow<'i, [u8]>,
}

/// An edge from a bead in brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowEdge<'a> {
    /// The id it leads to.
    pub target: &'a str,
    /// `blocks`, `related`, …
    pub kind: &'a str,
    /// Of an edge that waits for children: whether one finished child is enough.
    pub any: bool,
}

impl<'i> BeadRow<'i> {
    /// Returns the key of everything that has an edge to a bead, its children among it.
    pub fn key_to(id: &str) -> Key {
        Key::of("to", id)
    }

    /// Returns the key of everything somebody holds or is assigned to.
    pub fn key_of(who: &str) -> Key {
        Key::of("who", who)
    }

    /// Returns the bead of a row.
    pub fn of(row: Row<'i>) -> Self {
        Self::read(Cow::Borrowed(row.id), Cow::Borrowed(row.body))
    }

    /// Returns a bead in brief.
    pub fn of_bead(bead: &Bead) -> BeadRow<'static> {
        let body = Cow::Owned(draft(bead).body);
        BeadRow::read(Cow::Owned(bead.id().to_owned()), body)
    }

    /// Returns the same bead on its own.
    pub fn into_owned(self) -> BeadRow<'static> {
        BeadRow {
            id: Cow::Owned(self.id.into_owned()),
            body: Cow::Owned(self.body.into_owned()),
            ..self
        }
    }

    fn read(id: Cow<'i, str>, body: Cow<'i, [u8]>) -> Self {
        let mut packed = Packed::of(&body);
        let flags = packed.number();
        let priority = packed.number().cast_signed();
        let created = Time(packed.number());
        let closed = Time(packed.number());
        let updated = Time(packed.number());
        let due = packed.number().checked_sub(1).map(Time);
        Self {
            order: order(priority, created),
            id,
            flags,
            priority,
            created,
            closed,
            updated,
            due,
            body,
        }
    }

    /// Returns the texts.
    fn texts(&self) -> Packed<'_> {
        let mut packed = Packed::of(&self.body);
        for _ in 0..NUMBERS {
            packed.number();
        }
        packed
    }

    fn text(&self, at: usize) -> &str {
        let mut packed = self.texts();
        (0..at).for_each(|_| packed.skip_text());
        packed.text()
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns where it stands in a list: the most urgent first, then the newest.
    pub fn place(&self) -> (&[u8], &str) {
        (&self.order, &self.id)
    }

    /// Returns the title.
    pub fn title(&self) -> &str {
        self.text(TITLE)
    }

    /// Returns the status as [`Bead::status`] does.
    pub fn status(&self) -> &str {
        self.text(STATUS)
    }

    /// Returns the type.
    pub fn issue_type(&self) -> &str {
        self.text(TYPE)
    }

    /// Returns the priority.
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// Returns when it was created.
    pub fn created(&self) -> Time {
        self.created
    }

    /// Returns when it was closed, nothing while it is open.
    pub fn closed(&self) -> Option<Time> {
        self.is_closed().then_some(self.closed)
    }

    /// Returns when it last changed.
    pub fn updated(&self) -> Time {
        self.updated
    }

    /// Returns when it is due, where that was said and is a time.
    pub fn due(&self) -> Option<Time> {
        self.due
    }

    /// Returns who made it, empty where nobody knows.
    pub fn created_by(&self) -> &str {
        self.text(CREATED_BY)
    }

    /// Returns whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.flags & CLOSED != 0
    }

    /// Returns whether it is pinned.
    pub fn is_pinned(&self) -> bool {
        self.flags & PINNED != 0
    }

    /// Returns whether it is of no use for long.
    pub fn is_ephemeral(&self) -> bool {
        self.flags & EPHEMERAL != 0
    }

    /// Returns whether others are made after it.
    pub fn is_template(&self) -> bool {
        self.flags & TEMPLATE != 0
    }

    /// Returns until when it is put off, where that was ever said.
    pub fn defer_until(&self) -> Option<&str> {
        (self.flags & DEFERRED != 0).then(|| self.text(DEFER_UNTIL))
    }

    /// Returns who holds it.
    pub fn holder(&self) -> Option<&str> {
        Some(self.text(HOLDER)).filter(|who| !who.is_empty())
    }

    /// Returns the holder, else who it is assigned to on paper.
    pub fn assignee(&self) -> Option<&str> {
        let paper = || Some(self.text(ASSIGNEE)).filter(|who| !who.is_empty());
        self.holder().or_else(paper)
    }

    /// Returns the bead it is a child of.
    pub fn parent(&self) -> Option<&str> {
        Some(self.text(PARENT)).filter(|id| !id.is_empty())
    }

    /// Returns its labels, sorted.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let mut packed = self.lists();
        (0..packed.number()).map(move |_| packed.text())
    }

    /// Returns its edges as [`Bead::edges`] does.
    pub fn edges(&self) -> impl Iterator<Item = RowEdge<'_>> {
        let mut packed = self.lists();
        (0..packed.number()).for_each(|_| packed.skip_text());
        (0..packed.number()).map(move |_| RowEdge {
            any: packed.number() != 0,
            target: packed.text(),
            kind: packed.text(),
        })
    }

    fn lists(&self) -> Packed<'_> {
        let mut packed = self.texts();
        (0..TEXTS).for_each(|_| packed.skip_text());
        packed
    }
}

/// Returns what the order of a list is by.
fn order(priority: i64, created: Time) -> [u8; ORDER] {
    let mut order = [0; ORDER];
    let urgent = priority.cast_unsigned() ^ (1 << 63);
    order[..8].copy_from_slice(&urgent.to_be_bytes());
    order[8..].copy_from_slice(&(!created.0).to_be_bytes());
    order
}

fn draft(bead: &Bead) -> Draft {
    let record = bead.record();
    let created = match record.created() {
        // What nobody made first was made when it was first read.
        zero if zero.is_zero() => Time::parse(&bead.created_at()).unwrap_or(zero.time()),
        created => created.time(),
    };
    let holder = bead.holder().unwrap_or_default();
    let assignee = record.text("assignee");
    let flags = [
        (CLOSED, bead.is_closed()),
        (PINNED, bead.is_pinned()),
        (EPHEMERAL, record.flag("ephemeral")),
        (TEMPLATE, record.flag("is_template")),
        (DEFERRED, record.get("defer_until").is_some()),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(bit, _)| bit);
    let mut texts = [""; TEXTS];
    texts[STATUS] = bead.status();
    texts[TYPE] = bead.issue_type();
    texts[HOLDER] = &holder;
    texts[ASSIGNEE] = assignee;
    texts[PARENT] = bead.parent().unwrap_or_default();
    texts[DEFER_UNTIL] = record.text("defer_until");
    texts[CREATED_BY] = record.text("created_by");
    texts[TITLE] = bead.title();
    let mut body = Body::default();
    body.number(flags.sum())
        .number(bead.priority().cast_unsigned())
        .number(created.0)
        .number(bead.closed_time().map_or(0, |it| it.0))
        .number(bead.updated_time().0)
        .number(Time::parse(record.text("due_at")).map_or(0, |it| it.0.saturating_add(1)));
    for text in texts {
        body.text(text);
    }
    body.number(bead.labels().count() as u64);
    for label in bead.labels() {
        body.text(label);
    }
    body.number(bead.edges().count() as u64);
    let mut keys: Vec<Key> = bead.parent().map(BeadRow::key_to).into_iter().collect();
    for edge in bead.edges() {
        body.number(u64::from(waits_for_any(&edge)))
            .text(edge.target)
            .text(edge.kind);
        keys.push(BeadRow::key_to(edge.target));
    }
    let who = [holder.as_str(), assignee];
    keys.extend(
        who.iter()
            .find(|who| !who.is_empty())
            .map(|who| BeadRow::key_of(who)),
    );
    Draft {
        is_live: !bead.is_closed(),
        order: order(bead.priority(), created),
        body: body.into_bytes(),
        keys,
    }
}

/// Returns whether one finished child is enough; the metadata of an edge is JSON, often as text.
fn waits_for_any(edge: &Edge<'_>) -> bool {
    let metadata = edge.more.filter(|_| edge.kind == "waits-for");
    let Some(metadata) = metadata.and_then(|more| more.get("metadata")) else {
        return false;
    };
    let parsed = metadata
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    let metadata: &Value = parsed.as_ref().unwrap_or(metadata);
    metadata
        .get("gate")
        .and_then(Value::as_str)
        .is_some_and(|gate| gate.starts_with("any"))
}
