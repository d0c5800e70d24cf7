//! Processes that are not ours: who holds a lock, and whether a git runs. Only looked at, on systems that
//! show them under `/proc`.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Programs of git that run for long and hold no lock of a ref.
const SERVICES: [&str; 4] = [
    "cache-daemon",
    "credential-cache--daemon",
    "daemon",
    "fsmonitor--daemon",
];

/// Returns who holds the lock on a file, in words, where the system tells.
pub(in crate::world) fn holder_of(file: &File) -> Option<String> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| holder_in(line, &inode))?;
    let words = words_of(&pid);
    let line = words.join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).take(100).collect();
    Some(format!("process {pid} ({line})"))
}

/// Returns the number of the process that holds a lock on an inode, as a line of proc_locks(5) tells; one
/// that waits has an arrow in its line.
fn holder_in(line: &str, inode: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", pid, place, ..] = words[..] else {
        return None;
    };
    (place.rsplit(':').next() == Some(inode)).then(|| pid.to_owned())
}

fn words_of(pid: &str) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0).filter(|it| !it.is_empty());
    words
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect()
}

/// Returns whether a program of git runs that may hold a lock of a ref, nothing where the system does not
/// tell. Ours hold none without our own lock.
pub fn git_runs() -> Option<bool> {
    let mut pids = std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.bytes().all(|it| it.is_ascii_digit()).then_some(name)
        });
    // A system whose /proc shows nobody tells nothing.
    std::fs::metadata(format!("/proc/{}", std::process::id())).ok()?;
    Some(pids.any(|pid| is_git(&words_of(&pid))))
}

fn is_git(words: &[String]) -> bool {
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    let name = Path::new(program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let is_git = name == "git" || name.starts_with("git-") && name != "git-gt";
    // `git gt` waits for ours.
    let verb = rest.iter().find(|word| !word.starts_with('-'));
    is_git && verb.is_none_or(|verb| verb != "gt" && !SERVICES.contains(&verb.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_lock_does_not_hold_it() {
        let check = |line, want: Option<&str>| {
            assert_eq!(holder_in(line, "42").as_deref(), want);
        };
        check("1: FLOCK  ADVISORY  WRITE 7 fe:00:42 0 EOF", Some("7"));
        check("1: -> FLOCK  ADVISORY  WRITE 8 fe:00:42 0 EOF", None);
        check("2: FLOCK  ADVISORY  WRITE 7 fe:00:142 0 EOF", None);
        check("2: POSIX  ADVISORY  WRITE 7 fe:00:42 0 EOF", None);
        check("2: FLOCK  ADVISORY  READ 7 fe:00:42 0 EOF", None);
    }

    #[test]
    fn a_service_of_git_is_no_git_that_runs() {
        let check = |line: &str, want| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(is_git(&words), want, "{line}");
        };
        check("git push origin", true);
        check("/usr/lib/git-core/git-receive-pack .", true);
        check("git", true);
        check("git fsmonitor--daemon run", false);
        check("git -c x daemon", true);
        check("git gt create x", false);
        check("/usr/bin/git-gt create x", false);
        check("vim git", false);
    }
}
