//! Showing something again whenever it changes.

use std::time::Duration;

use serde_json::Value;

use super::Context;
use super::draw::Look;
use super::reply::{Reply, print};
use crate::fault::{Fault, Result};

/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Shows what `once` answers whenever that changes, until somebody interrupts.
pub(crate) fn watch(
    cx: &Context,
    look: Look,
    once: impl Fn(&Context) -> Result<Reply>,
) -> Result<Reply> {
    cx.world
        .catch_interrupts()
        .map_err(|error| Fault::fatal(format!("cannot wait for an interrupt: {error}")))?;
    let mut last = None;
    while !cx.world.interrupted() {
        let mut reply = once(&cx.again())?;
        if !reply.faults.is_empty() {
            return Err(reply.faults.remove(0));
        }
        let text = reply.shown(&cx.world);
        if last.as_ref() != Some(&text) {
            // On a terminal the newest stands alone, at the top.
            let clear = match look.is_on_terminal(&cx.world) {
                true => "\u{1b}[2J\u{1b}[H",
                false if last.is_none() => "",
                false => "\n",
            };
            print(&format!("{clear}{text}"));
            last = Some(text);
        }
        cx.world.pause(LOOK_AGAIN);
    }
    Ok(Reply::new(Value::Null, ""))
}
