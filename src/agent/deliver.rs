//! Delivery: what waits for an agent is put before it at a turn boundary, each thing once in a session.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fault::Result;
use crate::ledger::Cell;
use crate::mail::{self, Inbox};
use crate::record::Mail;
use crate::town::{Home, machine};

const FOLDER: &str = "told";

/// What an agent was told in its session; noted in `refs/gt-local/told`.
#[derive(Debug, Default)]
pub(super) struct Told {
    session: String,
    what: BTreeSet<String>,
}

impl Told {
    /// Returns what an agent was told in a session; an unknown session has been told nothing.
    pub(super) fn find(home: &Home, agent: &str, session: &str) -> Result<Self> {
        let fresh = Self {
            session: session.to_owned(),
            what: BTreeSet::new(),
        };
        let Some(value) = Cell::find(home.repo(), FOLDER, agent)? else {
            return Ok(fresh);
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if value.get("session").and_then(Value::as_str) != Some(session) {
            return Ok(fresh);
        }
        let what = value.get("what").and_then(Value::as_array);
        Ok(Self {
            what: what.into_iter().flatten().filter_map(text).collect(),
            ..fresh
        })
    }

    /// Returns whether it was not told yet.
    pub(super) fn is_new(&self, what: &str) -> bool {
        !self.what.contains(what)
    }

    /// Adds something that is about to be told.
    pub(super) fn add(&mut self, what: &str) {
        self.what.insert(what.to_owned());
    }

    /// Notes it, where there is a session.
    ///
    /// After a crash before it the same is told again.
    pub(super) fn save(&self, home: &Home, agent: &str) -> Result<()> {
        if self.session.is_empty() {
            return Ok(());
        }
        let value = json!({ "session": self.session, "what": self.what });
        Cell::set(home.repo(), FOLDER, agent, &value)
    }
}

/// Returns the reminder of mail and nudges that an agent has not had in its session, empty where there is
/// nothing new; nudges in it are delivered with that.
///
/// After a crash in between the reminder may come twice, and never not at all.
pub(super) fn reminder(home: &Home, agent: &str, told: &mut Told) -> Result<String> {
    let inbox = Inbox::of(agent, &machine(home.repo()));
    let now = home.world().now();
    let kept = mail::mailbox(home, agent)?;
    let mut new: Vec<Mail> = mail::new_mail(&kept.view(), &inbox, now)?;
    new.retain(|it| told.is_new(it.id()));
    if new.is_empty() {
        return Ok(String::new());
    }
    let reminder = mail::deliver(&kept, agent, &new)?;
    // Nudges that did not fit come the next time.
    let is_told =
        |it: &&Mail| it.expires().is_empty() || reminder.delivered.iter().any(|id| id == it.id());
    new.iter().filter(is_told).for_each(|it| told.add(it.id()));
    told.save(home, agent)?;
    Ok(reminder.text)
}
