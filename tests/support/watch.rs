//! What runs beside a test: looked at, waited for, ended.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long something that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait between two looks at it.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until something is so; what runs with a mark is named where that is in vain.
#[track_caller]
pub(crate) fn until<T>(what: &str, mark: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        // What is waited for needs the processor more than we do.
        std::thread::park_timeout(LOOK);
    }
    panic!("waited in vain: {what}; processes: {:?}", processes(mark));
}

/// Returns the processes with a mark, which is a variable and its value, in their environment, with their
/// arguments; also any that is about to end: it may hold locks still, and does not tell its environment any more.
pub(crate) fn processes(mark: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(pid) = name.parse::<u32>() else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|it| it == mark.as_bytes()) || is_ending(&entry.path()) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// Returns whether a process is on its way out (`PF_EXITING`) and not gone yet.
fn is_ending(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = fields.split(' ').collect();
    let flags = fields.get(6).and_then(|it| it.parse::<u32>().ok());
    !matches!(fields[0], "" | "Z" | "X") && flags.is_some_and(|it| it & 4 != 0)
}

/// Ends what runs with a mark: a test that failed must not leave programs behind that wait for ever.
pub(crate) fn end(mark: &str) {
    for (pid, line) in processes(mark) {
        if line.is_empty() {
            continue;
        }
        let kill = Command::new("kill").args(["-9", &pid.to_string()]).output();
        drop(kill);
    }
}

/// Returns the objects that `git cat-file --batch=%(objectsize)` printed, which are JSON.
pub(crate) fn objects(batch: &str) -> Vec<Value> {
    let (mut objects, mut rest) = (Vec::new(), batch);
    while let Some((size, body)) = rest.split_once('\n') {
        let size: usize = size.parse().unwrap();
        objects.push(serde_json::from_str(&body[..size]).unwrap());
        rest = &body[size + 1..];
    }
    objects
}
