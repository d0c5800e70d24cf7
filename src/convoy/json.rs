//! Convoys as JSON.

use serde_json::{Value, json};

use super::{Part, Progress, Stand};
use crate::record::{BeadRow, Convoy};

/// Returns a convoy as `convoy show --json` prints it.
pub fn as_json(convoy: &Convoy, progress: &Progress) -> Value {
    let record = convoy.record();
    let mut value = json!({
        "id": convoy.id(),
        "title": convoy.title(),
        "status": convoy.status(),
        "owner": convoy.owner(),
        "owned": convoy.is_owned(),
        "human": convoy.is_for_human(),
        "notify": convoy.notify().collect::<Vec<_>>(),
        "total": progress.total(),
        "completed": progress.count(Stand::Closed),
        "in_progress": progress.count(Stand::InProgress),
        "ready": progress.count(Stand::Ready),
        "blocked": progress.count(Stand::Blocked),
        "missing": progress.count(Stand::Missing),
        "tracked": progress.parts.iter().map(part).collect::<Vec<_>>(),
        "created_at": convoy.made().time().to_string(),
        "updated_at": record.newest().time().to_string(),
    });
    if !convoy.is_live() {
        value["close_reason"] = convoy.reason().into();
        value["closed_at"] = convoy.turned().time().to_string().into();
    }
    value
}

fn part(part: &Part) -> Value {
    let bead = part.bead.as_ref();
    json!({
        "id": part.id,
        "title": bead.map(BeadRow::title).unwrap_or_default(),
        "status": bead.map(BeadRow::status).unwrap_or_default(),
        "stand": part.stand.word(),
        "issue_type": bead.map(BeadRow::issue_type).unwrap_or_default(),
        "assignee": bead.and_then(BeadRow::assignee).unwrap_or_default(),
    })
}
