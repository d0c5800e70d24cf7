//! The file of beads that other programs watch: `gt.export`, brought up to date after what was written.
//!
//! It follows from the ledger and is never believed: lines of it are used again where its bytes are those that
//! were written last, and else it is written anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bead::{Scope, export};
use crate::fault::{Fault, Result};
use crate::ledger::{Name, Record, digest};
use crate::town::Home;
use crate::world::fs;

/// What lines begin with, up to the id.
const ID: &str = "{\"id\":\"";

/// What was written last.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    file: String,
    /// The commit of the ledger it is of.
    tip: String,
    /// Of the bytes of the file.
    digest: String,
    version: String,
}

/// Brings the file up to date, where `gt.export` names one.
///
/// After a crash it is of an earlier commit or of the newest; the next command that writes looks again.
pub(super) fn refresh(home: &Home) -> Result<()> {
    let Some(file) = home.config("export")?.filter(|it| !it.is_empty()) else {
        return Ok(());
    };
    let path = home.repo().root().join(&file);
    let scratch = home.repo().scratch_dir();
    let (mark, lock) = (scratch.join("export"), scratch.join("export.lock"));
    let failed = |error: std::io::Error| Fault::io("write", &path, &error);
    // Whoever was first may have seen an older ledger.
    let _held = fs::Lock::take(&lock).map_err(failed)?;
    let tip = home.tip_of(Name::Beads)?;
    let tip = tip.map(|it| it.to_string()).unwrap_or_default();
    let last = load(&mark, &file);
    if last.as_ref().is_some_and(|last| last.tip == tip) && path.is_file() {
        return Ok(());
    }
    let text = match last.and_then(|last| again(&path, last)) {
        Some((text, then)) => changed(home, &text, &then)?,
        None => None,
    };
    let text = match text {
        Some(text) => text,
        None => whole(home)?,
    };
    fs::replace(&path, text.as_bytes()).map_err(failed)?;
    let now = Mark {
        file,
        tip,
        digest: digest(&[text.as_bytes()]),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let now = serde_json::to_vec(&now).expect("texts are JSON");
    fs::overwrite(&mark, &now).map_err(failed)
}

/// Returns what was written last, nothing where that was another file or by another version.
fn load(mark: &Path, file: &str) -> Option<Mark> {
    let mark: Mark = serde_json::from_slice(&std::fs::read(mark).ok()?).ok()?;
    (mark.file == file && mark.version == env!("CARGO_PKG_VERSION")).then_some(mark)
}

/// Returns the file as it was written last and the commit it is of; nothing where somebody else wrote to it.
fn again(path: &Path, last: Mark) -> Option<(String, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    (digest(&[text.as_bytes()]) == last.digest).then_some((text, last.tip))
}

fn whole(home: &Home) -> Result<String> {
    let mut text = String::new();
    export(&home.view(), Scope::default(), &mut |line| {
        text.push_str(&line);
        text.push('\n');
        Ok(())
    })?;
    Ok(text)
}

/// Returns the file with what has changed since a commit; nothing where lines of it are not as they are written
/// today.
fn changed(home: &Home, text: &str, then: &str) -> Result<Option<String>> {
    let of = |record: Record| {
        let id = record.id().to_owned();
        Some((id, Scope::default().line(record)))
    };
    let changes = home.changed_since(Name::Beads, Some(then), of)?;
    Ok(spliced(text, changes.into_iter().collect()))
}

/// Returns lines sorted by id with others in their place, or without those of an id that has none any more;
/// nothing where a line has no id.
fn spliced(text: &str, mut changes: BTreeMap<String, Option<String>>) -> Option<String> {
    let mut spliced = String::with_capacity(text.len());
    let mut put = |line: &str| {
        spliced.push_str(line);
        spliced.push('\n');
    };
    for line in text.lines() {
        let (id, _) = line.strip_prefix(ID)?.split_once('"')?;
        while let Some(first) = changes.first_entry().filter(|it| it.key().as_str() < id) {
            first.remove().iter().for_each(|line| put(line));
        }
        match changes.remove(id) {
            Some(new) => new.iter().for_each(|line| put(line)),
            None => put(line),
        }
    }
    changes.values().flatten().for_each(|line| put(line));
    Some(spliced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_in_their_place() {
        let line = |id: &str, title: &str| format!("{ID}{id}\",\"title\":\"{title}\"}}");
        let file = |ids: &[(&str, &str)]| -> String {
            let lines = ids.iter().map(|(id, title)| line(id, title) + "\n");
            lines.collect()
        };
        let check =
            |before: &[(&str, &str)], changes: &[(&str, Option<&str>)], want: &[(&str, &str)]| {
                let changes = changes
                    .iter()
                    .map(|(id, title)| ((*id).to_owned(), title.map(|it| line(id, it))));
                assert_eq!(spliced(&file(before), changes.collect()), Some(file(want)));
            };
        let both = [("b", "1"), ("d", "1")];
        check(&both, &[], &both);
        check(&[], &[("a", Some("2"))], &[("a", "2")]);
        check(&both, &[("b", Some("2")), ("d", None)], &[("b", "2")]);
        check(
            &both,
            &[
                ("a", Some("2")),
                ("c", Some("2")),
                ("c.1", None),
                ("e", Some("2")),
            ],
            &[("a", "2"), ("b", "1"), ("c", "2"), ("d", "1"), ("e", "2")],
        );
        assert_eq!(spliced("{\"title\":\"t\"}\n", BTreeMap::new()), None);
    }
}
