//! The classes of failure that callers act on; `cli` turns each into an exit code.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Something that was named does not exist.
    #[error("{0}")]
    NotFound(Text),
    /// Input, or stored data, is not of the form it must have.
    #[error("{0}")]
    Invalid(Text),
    /// Somebody else changed it first; doing it again is safe.
    #[error("{0}")]
    Stale(Text),
    /// A policy, a precondition or a gate says no.
    #[error("{0}")]
    Refused(Text),
    /// A remote, a runtime or git itself cannot be used now.
    #[error("{0}")]
    Unavailable(Text),
    /// The machine failed us: files, processes, objects.
    #[error("{0}")]
    Fatal(Text),
}

/// A sentence for people, and what they can do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What was tried and what is wrong, without a capital and without a full stop.
    pub message: String,
    /// What to do next, one command or sentence each.
    pub hints: Vec<String>,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The result of everything below `cli`.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

fn text(message: impl Into<String>) -> Text {
    Text {
        message: message.into(),
        hints: Vec::new(),
    }
}

impl Fault {
    /// Returns a fault for something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(text(message))
    }

    /// Returns a fault for data of the wrong form.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(text(message))
    }

    /// Returns a fault for a race that was lost.
    pub fn stale(message: impl Into<String>) -> Self {
        Self::Stale(text(message))
    }

    /// Returns a fault for what a policy or a precondition forbids.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused(text(message))
    }

    /// Returns a fault for a remote or program that cannot be used.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable(text(message))
    }

    /// Returns a fault for a failure of the machine.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(text(message))
    }

    /// Returns a fault that names the file an operation failed on.
    pub fn io(what: &str, path: &Path, source: &std::io::Error) -> Self {
        Self::fatal(format!("cannot {what} '{}': {source}", path.display()))
    }

    /// Returns the same fault with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.text_mut().hints.push(hint.into());
        self
    }

    /// Returns the same fault with the place it is about said first.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        let text = self.text_mut();
        text.message = format!("{place}: {}", text.message);
        self
    }

    /// Returns the message and the hints.
    pub fn text(&self) -> &Text {
        match self {
            Self::NotFound(it)
            | Self::Invalid(it)
            | Self::Stale(it)
            | Self::Refused(it)
            | Self::Unavailable(it)
            | Self::Fatal(it) => it,
        }
    }

    /// Returns the fault as another process reads it.
    pub fn to_json(&self) -> Value {
        let class = match self {
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid",
            Self::Stale(_) => "stale",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Fatal(_) => "fatal",
        };
        let Text { message, hints } = self.text();
        json!({ "class": class, "message": message, "hints": hints })
    }

    /// Returns a fault that another process has written, nothing where it is none.
    pub fn from_json(value: &Value) -> Option<Self> {
        let hints = value["hints"].as_array()?.iter();
        let text = Text {
            message: value["message"].as_str()?.to_owned(),
            hints: hints
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
        };
        Some(match value["class"].as_str()? {
            "not_found" => Self::NotFound(text),
            "invalid" => Self::Invalid(text),
            "stale" => Self::Stale(text),
            "refused" => Self::Refused(text),
            "unavailable" => Self::Unavailable(text),
            "fatal" => Self::Fatal(text),
            _ => return None,
        })
    }

    fn text_mut(&mut self) -> &mut Text {
        match self {
            Self::NotFound(it)
            | Self::Invalid(it)
            | Self::Stale(it)
            | Self::Refused(it)
            | Self::Unavailable(it)
            | Self::Fatal(it) => it,
        }
    }
}
