//! What is read besides the command line: files and standard input.

use std::io::Read as _;
use std::path::Path;

use super::Context;
use crate::fault::{Fault, Result};
use crate::ledger::RECORD_MAX;

/// Returns what stands on standard input; reads `limit` bytes and one, so that whoever asks sees that it is
/// too much.
pub(crate) fn said(limit: usize) -> Result<String> {
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| Fault::fatal(format!("cannot read standard input: {error}")))?;
    if bytes.len() > limit {
        // Cut in the middle of a character it would be called something else.
        bytes.fill(b'x');
    }
    String::from_utf8(bytes).map_err(|_| Fault::invalid("standard input is not UTF-8"))
}

/// How many bytes are read of what becomes many records or edges: enough for a million of those.
const FILE_MAX: u64 = 256 << 20;

/// How many bytes are read of what becomes a part of one record, which may have as many.
const TEXT_MAX: u64 = RECORD_MAX as u64;

/// Returns the text of a file, or of standard input for `-`, that becomes a part of a record.
pub(crate) fn text(cx: &Context, file: &str) -> Result<String> {
    read(cx, file, TEXT_MAX)
}

/// Returns the text of a file, or of standard input for `-`, that speaks of many beads; refuses what does not
/// end.
pub(crate) fn file(cx: &Context, file: &str) -> Result<String> {
    read(cx, file, FILE_MAX)
}

fn read(cx: &Context, file: &str, limit: u64) -> Result<String> {
    let path = (file != "-").then(|| cx.world.cwd().join(file));
    let bytes = bytes(file, path.as_deref(), limit)?;
    String::from_utf8(bytes).map_err(|_| Fault::invalid(format!("'{file}' is not UTF-8")))
}

/// Returns what a file holds, or standard input where there is no path; refuses what is longer than `limit`
/// bytes, of which no more are read.
pub(crate) fn bytes(name: &str, path: Option<&Path>, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match path {
        None => {
            let done = std::io::stdin()
                .lock()
                .take(limit + 1)
                .read_to_end(&mut bytes);
            done.map_err(|error| Fault::fatal(format!("cannot read standard input: {error}")))?;
        }
        Some(path) => {
            let opened = std::fs::File::open(path);
            let done = opened.and_then(|it| it.take(limit + 1).read_to_end(&mut bytes));
            done.map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    Fault::not_found(format!("there is no file '{name}'"))
                }
                _ => Fault::io("read", path, &error),
            })?;
        }
    }
    if bytes.len() as u64 > limit {
        return Err(Fault::invalid(format!(
            "'{name}' has more than {} MiB",
            limit >> 20
        )));
    }
    Ok(bytes)
}
