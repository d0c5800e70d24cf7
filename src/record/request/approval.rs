//! Who has approved a request, and who may do so in somebody's stead.
//!
//! Both are maps whose keys are stamps, so that what two clones add apart is joined by keeping both, and
//! taking back removes only what was seen. A program that does not know them keeps them.

use serde_json::{Value, json};

use super::Request;
use crate::ledger::Stamp;

/// Somebody's word that a commit may land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Whose.
    pub by: String,
    /// The commit it is about: a new one needs a new word.
    pub head: String,
    /// When it was given.
    pub stamp: Stamp,
}

/// Somebody's word that somebody else may approve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Whose.
    pub by: String,
    /// Who may.
    pub to: String,
}

impl Request {
    /// Returns the approvals of the commit that is to land, oldest first, whoever gave them.
    pub fn approvals(&self) -> Vec<Approval> {
        let all = self.0.entries("approvals").filter_map(|(key, value)| {
            Some(Approval {
                by: text(value, "by")?,
                head: text(value, "head")?,
                stamp: Stamp::at_end_of(key)?,
            })
        });
        all.filter(|it| it.head == self.head()).collect()
    }

    /// Adds an approval of the commit that is to land.
    pub fn approve(&mut self, by: &str, stamp: &Stamp) {
        let value = json!({ "by": by, "head": self.head() });
        self.0
            .set_entry("approvals", stamp.as_str(), Some(value), stamp);
    }

    /// Takes back every approval that somebody gave; returns whether there was one.
    pub fn unapprove(&mut self, by: &str, stamp: &Stamp) -> bool {
        let all = self.0.entries("approvals");
        let own = all.filter(|(_, value)| text(value, "by").as_deref() == Some(by));
        let keys: Vec<String> = own.map(|(key, _)| key.to_owned()).collect();
        for key in &keys {
            self.0.set_entry("approvals", key, None, stamp);
        }
        !keys.is_empty()
    }

    /// Returns who may approve it in whose stead.
    pub fn delegations(&self) -> Vec<Delegation> {
        let all = self.0.entries("delegations").filter_map(|(_, value)| {
            Some(Delegation {
                by: text(value, "by")?,
                to: text(value, "to")?,
            })
        });
        all.collect()
    }

    /// Lets somebody approve it in the stead of somebody else.
    pub fn delegate(&mut self, (by, to): (&str, &str), stamp: &Stamp) {
        let value = json!({ "by": by, "to": to });
        self.0
            .set_entry("delegations", stamp.as_str(), Some(value), stamp);
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
