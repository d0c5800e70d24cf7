//! Mail: addresses, sending, inboxes, and what an agent is reminded of.

mod address;
mod directory;
mod inbox;
mod json;
mod remind;
mod send;

pub use address::{OVERSEER, distance, inboxes};
pub use directory::{Directory, Entry, find};
pub use inbox::{
    Handling, Inbox, Search, deliver, find_mail, handle, inbox, mailbox, new_mail, read, resolve,
    thread, thread_of,
};
pub use json::as_json;
pub use remind::Reminder;
pub use send::{BODY_MAX, Draft, Urgency, nudge, reply, send};
