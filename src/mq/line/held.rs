//! Why a request has to wait, and how that is said.

use std::fmt;

use serde_json::{Value, json};

use crate::record::{Class, RequestStatus};

/// What a request waits for before it may be tested and landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Somebody has to approve it.
    Approval {
        /// How many approvals count.
        have: usize,
        /// How many it needs.
        need: usize,
        /// Who may approve, in words.
        by: String,
        /// The protected paths it changes, where that is why: the first few.
        paths: Vec<String>,
    },
    /// A request it is to land behind is not in this line.
    After {
        /// That request.
        request: String,
        /// Why it is not.
        why: Gone,
    },
    /// Requests of its group cannot land, so it does not either.
    Group {
        /// The group.
        group: String,
        /// The request that cannot.
        request: String,
        /// Why not.
        why: Gone,
    },
    /// The group is larger than a candidate may be.
    Crowd {
        /// The group.
        group: String,
        /// How many requests it has.
        size: usize,
    },
    /// Only what is more urgent lands on a frozen branch.
    Frozen {
        /// The least urgent class that lands; nothing: none does.
        allows: Option<Class>,
        /// Why, as whoever froze it said.
        reason: String,
    },
    /// Requests that are to land behind each other; the one with the smallest id first.
    Circle(Vec<String>),
    /// It waits for more requests than can be looked after.
    Overlong(usize),
    /// A field that says when it may land cannot be understood.
    Riddle(&'static str),
    /// Somebody holds it, in so many words.
    Said(String),
}

/// Why a request that another one needs is not in the line with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// Nothing is known of it here.
    Unknown,
    /// It is to land on another branch, or in another rig.
    Elsewhere(String),
    /// It is finished and did not land.
    Ended(RequestStatus),
    /// It waits for something itself.
    Held,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("which is not known here"),
            Self::Elsewhere(target) => write!(f, "which is queued for '{target}'"),
            Self::Ended(RequestStatus::Conflict) => f.write_str("which does not merge"),
            Self::Ended(status) => write!(f, "which was {status}"),
            Self::Held => f.write_str("which is held itself"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approval {
                have,
                need,
                by,
                paths,
            } => {
                write!(
                    f,
                    "waits for {need} approval{} of its commit",
                    plural(*need)
                )?;
                if *have > 0 {
                    write!(f, ", has {have}")?;
                }
                if !paths.is_empty() {
                    write!(f, ", because it changes {}", paths.join(", "))?;
                }
                write!(f, "; who may approve: {by}")
            }
            Self::After { request, why } => write!(f, "waits for {request}, {why}"),
            Self::Group {
                group,
                request,
                why,
            } => write!(f, "waits with group '{group}' for {request}, {why}"),
            Self::Crowd { group, size } => {
                write!(
                    f,
                    "group '{group}' has {size} requests, more than land at once"
                )
            }
            Self::Frozen { allows, reason } => {
                f.write_str("waits for a thaw")?;
                if let Some(class) = allows {
                    write!(f, "; only {class} lands now")?;
                }
                match reason.as_str() {
                    "" => Ok(()),
                    reason => write!(f, ": {reason}"),
                }
            }
            Self::Circle(ids) => match ids.as_slice() {
                [one] => write!(f, "waits for itself: {one}"),
                ids => write!(f, "waits in a circle: {}", ids.join(" -> ")),
            },
            Self::Overlong(count) => write!(f, "waits for {count} requests, which are too many"),
            Self::Riddle(field) => write!(f, "its '{field}' cannot be understood by this version"),
            Self::Said(reason) if reason.is_empty() => f.write_str("was held"),
            Self::Said(reason) => f.write_str(reason),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl Held {
    /// Returns the kind of reason in a word: `approval`, `after`, `group`, `freeze`, `circle`, `invalid` or
    /// `held`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approval",
            Self::After { .. } => "after",
            Self::Group { .. } | Self::Crowd { .. } => "group",
            Self::Frozen { .. } => "freeze",
            Self::Circle(_) => "circle",
            Self::Overlong(_) | Self::Riddle(_) => "invalid",
            Self::Said(_) => "held",
        }
    }

    /// Returns it as `mq list --json` prints it: its kind, the reason in words, and what is waited for.
    pub fn as_json(&self) -> Value {
        let mut value = json!({ "kind": self.kind(), "reason": self.to_string() });
        match self {
            Self::Approval {
                have, need, paths, ..
            } => {
                value["have"] = json!(have);
                value["need"] = json!(need);
                value["paths"] = json!(paths);
            }
            Self::After { request, .. } | Self::Group { request, .. } => {
                value["requests"] = json!([request]);
            }
            Self::Circle(ids) => value["requests"] = json!(ids),
            _ => {}
        }
        value
    }
}
