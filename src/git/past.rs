//! Looking into history: where a ref stood at a time, and which commits say something.

use super::{Oid, Repo};
use crate::fault::Result;
use crate::world::Time;

/// A commit by what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The commit.
    pub id: Oid,
    /// The first line of its message.
    pub subject: String,
    /// All of it.
    pub message: String,
}

impl Repo {
    /// Returns the last commit of a ref that is not later than a time, nothing where all are.
    pub fn commit_before(&self, name: &str, time: Time) -> Result<Option<Oid>> {
        let until = format!("--until=@{}", time.seconds());
        let run = self.git(["rev-list", "--max-count=1"]);
        let output = self.start(&run.args([until, name.to_owned(), "--".to_owned()]))?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(self.parse_id(said.trim()))
    }

    /// Returns the commits up to a tip whose messages have `words` in them, the newest first.
    pub fn commits_that_say(&self, tip: &Oid, words: &str) -> Result<Vec<Named>> {
        let run = self.git([
            "log",
            "-z",
            "--no-color",
            "--no-show-signature",
            "--fixed-strings",
        ]);
        let run = run.args([
            "--format=%H%x00%s%x00%B".to_owned(),
            format!("--grep={words}"),
        ]);
        let said = self.query(&run.args([tip.to_string(), "--".to_owned()]))?;
        let said = String::from_utf8_lossy(&said);
        let fields: Vec<&str> = said.split('\0').collect();
        let commit = |fields: &[&str]| {
            let [id, subject, message] = *fields else {
                return None;
            };
            Some(Named {
                id: self.parse_id(id)?,
                subject: subject.to_owned(),
                message: message.to_owned(),
            })
        };
        Ok(fields.chunks(3).filter_map(commit).collect())
    }
}
