//! Mail as JSON, with the keys of Gas Town.

use serde_json::{Value, json};

use crate::record::Mail;

/// Returns a mail as `mail inbox --json` prints it, read or not by `readers`.
pub fn as_json(mail: &Mail, readers: &[String]) -> Value {
    let mut value = json!({
        "id": mail.id(),
        "from": mail.from(),
        "to": mail.to(),
        "subject": mail.subject(),
        "body": mail.body(),
        "timestamp": mail.sent().time().to_string(),
        "read": mail.is_read(readers),
        "archived": mail.is_archived(readers),
        "priority": word(mail.priority()),
        "type": mail.mail_type(),
        "delivery": "queue",
        "thread_id": mail.thread(),
        "pinned": mail.is_pinned(),
        "wisp": !mail.expires().is_empty(),
    });
    if let Some(id) = mail.reply_to() {
        value["reply_to"] = id.into();
    }
    let cc: Vec<&str> = mail.cc().collect();
    if !cc.is_empty() {
        value["cc"] = cc.into();
    }
    if mail.sent_to() != mail.to() {
        value["sent_to"] = mail.sent_to().into();
    }
    if !mail.expires().is_empty() {
        value["expires_at"] = mail.expires().into();
    }
    value
}

fn word(priority: i64) -> &'static str {
    match priority {
        i64::MIN..=0 => "urgent",
        1 => "high",
        2 => "normal",
        _ => "low",
    }
}
