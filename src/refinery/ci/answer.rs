//! An answer: a commit without parents whose tree holds `verdict.json` and the end of the log. What is
//! fetched is input from outside.

use serde_json::{Value, json};

use super::super::gate::last_lines;
use crate::fault::{Fault, Result};
use crate::git::{Entry, Mode, NewCommit, Oid, Repo, Signature, Signed};
use crate::ledger::canonical;

/// The largest `verdict.json` that is read, in bytes.
const VERDICT_MAX: u64 = 64 * 1024;
/// The largest log that is read, in bytes.
const LOG_MAX: u64 = 1024 * 1024;
/// The longest link and the longest word about an end that are kept.
const TEXT_MAX: usize = 1000;

/// What a check says about a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether it passed.
    pub(super) pass: bool,
    /// How it ended: `exit 1`.
    pub(super) ended: String,
    /// How long it took, in seconds.
    pub(super) seconds: u64,
    /// Where the CI shows its log; empty where it did not say.
    pub(super) url: String,
    /// The end of what it wrote.
    pub(super) tail: String,
}

/// Reads the answer of `check` about `commit`; returns in words why what is there is none.
pub(super) fn read(
    repo: &Repo,
    id: &Oid,
    (commit, check): (&Oid, &str),
) -> Result<Result<Answer, String>> {
    if repo.commit_at(id)? != Some(*id) {
        return Ok(Err("it is no commit".to_owned()));
    }
    if let Some(why) = unsigned(repo, id, check)? {
        return Ok(Err(why));
    }
    let tree = repo.tree(&repo.commit(id)?.tree)?;
    let file = |name: &str, max: u64| -> Result<Option<Vec<u8>>> {
        let found = tree.iter().find(|it| it.name == name.as_bytes());
        let Some(entry) = found.filter(|it| it.mode == Mode::File) else {
            return Ok(None);
        };
        match repo.blob_size(&entry.id)? {
            Some(size) if size <= max => repo.blob(&entry.id).map(Some),
            _ => Ok(None),
        }
    };
    let Some(verdict) = file("verdict.json", VERDICT_MAX)? else {
        return Ok(Err("it holds no verdict.json of a sensible size".to_owned()));
    };
    let tail = file("log", LOG_MAX)?.unwrap_or_default();
    Ok(parse(&verdict, &tail, (&commit.to_string(), check)))
}

/// Returns in words why nobody has signed an answer whose answers for this check count here; nothing where one
/// has, or `gt.ciSigners` does not say who may: the principals of a key are the checks it may answer for.
fn unsigned(repo: &Repo, id: &Oid, check: &str) -> Result<Option<String>> {
    let said = repo.setting("gt.ciSigners").unwrap_or_default();
    if said.is_empty() {
        return Ok(None);
    }
    let allowed = repo.path_of(&said);
    if !allowed.is_file() {
        let file = allowed.display();
        return Err(Fault::refused(format!(
            "there is no file '{file}' of those whose answers of CIs count"
        ))
        .hint("git gt config set ciSigners <file>; a line: <check> ssh-ed25519 <key>"));
    }
    Ok(match repo.signed(id, &allowed, check)? {
        Signed::Good => None,
        Signed::Not => Some("it is not signed, and gt.ciSigners demands that".to_owned()),
        Signed::Otherwise => {
            Some("no key of gt.ciSigners that may answer for this check has signed it".to_owned())
        }
    })
}

fn parse(verdict: &[u8], log: &[u8], (commit, check): (&str, &str)) -> Result<Answer, String> {
    let value: Value = serde_json::from_slice(verdict)
        .map_err(|error| format!("its verdict.json is no JSON: {error}"))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if value.get("v").and_then(Value::as_u64) != Some(1) {
        return Err("its verdict.json is not of version 1".to_owned());
    }
    if text("commit") != commit {
        return Err(format!("it is about another commit, '{}'", text("commit")));
    }
    if text("check") != check {
        return Err(format!("it is about another check, '{}'", text("check")));
    }
    let pass = match text("result") {
        "pass" => true,
        "fail" => false,
        other => return Err(format!("its result is '{other}', neither pass nor fail")),
    };
    let link = |it: &&str| {
        let plain = it.chars().all(|c| c.is_ascii_graphic());
        it.len() <= TEXT_MAX && plain && (it.starts_with("https://") || it.starts_with("http://"))
    };
    let ended: String = text("ended").chars().take(TEXT_MAX).collect();
    Ok(Answer {
        pass,
        ended: match ended.as_str() {
            "" => text("result").to_owned(),
            _ => ended,
        },
        seconds: value
            .get("seconds")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        url: Some(text("url"))
            .filter(link)
            .unwrap_or_default()
            .to_owned(),
        tail: last_lines(log),
    })
}

/// Writes the commit that says `answer`, signed where `gt.sign` says so. After a crash nothing refers to it.
pub(super) fn write(repo: &Repo, answer: &Answer, (commit, check): (&Oid, &str)) -> Result<Oid> {
    let result = if answer.pass { "pass" } else { "fail" };
    let verdict = canonical(&json!({
        "v": 1,
        "commit": commit.to_string(),
        "check": check,
        "result": result,
        "ended": answer.ended,
        "seconds": answer.seconds,
        "url": answer.url,
    }));
    let file = |name: &str, bytes: &[u8]| -> Result<Entry> {
        Ok(Entry {
            mode: Mode::File,
            name: name.as_bytes().to_vec(),
            id: repo.write_blob(bytes)?,
        })
    };
    let entries = [
        file("log", answer.tail.as_bytes())?,
        file("verdict.json", verdict.as_bytes())?,
    ];
    let who = Signature::of("gt-ci");
    let plain = repo.write_commit(&NewCommit {
        tree: repo.write_tree(&entries)?,
        parents: &[],
        author: &who,
        committer: &who,
        time: repo.world().now(),
        message: &format!("{result}: {check} on {}\n", commit.to_hex_with_len(12)),
    })?;
    match repo.flag("gt.sign") {
        true => repo.sign_commit(&plain),
        false => Ok(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_this_commit_and_check_is_an_answer() {
        let check = |verdict: &str, want: Result<bool, &str>| {
            let got = parse(verdict.as_bytes(), b"log\n", ("abc", "unit"));
            match (got, want) {
                (Ok(answer), Ok(pass)) => assert_eq!(answer.pass, pass, "{verdict}"),
                (Err(why), Err(words)) => assert!(why.contains(words), "{verdict}: {why}"),
                (got, _) => panic!("{verdict}: {got:?}"),
            }
        };
        let good = r#"{"v":1,"commit":"abc","check":"unit","result":"pass"}"#;
        check(good, Ok(true));
        check(&good.replace("pass", "fail"), Ok(false));
        check(&good.replace("}", r#","of":"later"}"#), Ok(true));
        check(&good.replace("pass", "error"), Err("neither pass nor fail"));
        check(&good.replace("abc", "abd"), Err("another commit"));
        check(&good.replace("unit", "Unit"), Err("another check"));
        check(&good.replace('1', "2"), Err("version 1"));
        check(&good.replace('1', "\"1\""), Err("version 1"));
        check("pass", Err("no JSON"));
        check("[]", Err("version 1"));
        check("", Err("no JSON"));
        check(&"[".repeat(60_000), Err("no JSON"));
    }

    #[test]
    fn links_that_are_none_are_left_out() {
        let check = |url: &str, want: &str| {
            let verdict = json!({
                "v": 1, "commit": "abc", "check": "unit", "result": "fail", "url": url,
                "ended": "exit 2", "seconds": 7,
            });
            let answer = parse(verdict.to_string().as_bytes(), b"", ("abc", "unit")).unwrap();
            assert_eq!(
                (answer.url.as_str(), answer.ended.as_str()),
                (want, "exit 2")
            );
            assert_eq!(answer.seconds, 7);
        };
        check("https://ci.example/1?a=b", "https://ci.example/1?a=b");
        check("javascript:alert(1)", "");
        check("https://a b", "");
        check("https://a\u{1b}[31m", "");
    }
}
