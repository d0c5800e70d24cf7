//! What is read besides the command line: files and standard input.

use std::io::Read as _;

use super::Context;
use crate::fault::{Fault, Result};

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

/// How many bytes are read of what has no other limit: enough for a million edges.
const FILE_MAX: u64 = 256 << 20;

/// Returns the text of a file, or of standard input for `-`; refuses what does not end.
pub(crate) fn file(cx: &Context, file: &str) -> Result<String> {
    let mut bytes = Vec::new();
    if file == "-" {
        let done = std::io::stdin()
            .lock()
            .take(FILE_MAX + 1)
            .read_to_end(&mut bytes);
        done.map_err(|error| Fault::fatal(format!("cannot read standard input: {error}")))?;
    } else {
        let path = cx.world.cwd().join(file);
        let opened = std::fs::File::open(&path);
        let done = opened.and_then(|it| it.take(FILE_MAX + 1).read_to_end(&mut bytes));
        done.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Fault::not_found(format!("there is no file '{file}'")),
            _ => Fault::io("read", &path, &error),
        })?;
    }
    if bytes.len() as u64 > FILE_MAX {
        return Err(Fault::invalid(format!(
            "'{file}' has more than {} MiB",
            FILE_MAX >> 20
        )));
    }
    String::from_utf8(bytes).map_err(|_| Fault::invalid(format!("'{file}' is not UTF-8")))
}
