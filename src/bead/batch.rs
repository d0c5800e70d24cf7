//! Lines of a batch: changes of beads that are all made or none.

use super::words;
use super::{Edit, Link};
use crate::fault::{Fault, Result};

/// What a line of a batch asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchStep {
    /// Close a bead, for a reason that may be empty.
    Close(String, String),
    /// Change a bead.
    Update(String, Box<Edit>),
    /// Make a bead with a title.
    Create(String, Box<Edit>),
    /// Draw an edge from a bead.
    Link(String, Link),
    /// Remove the edges from one bead to another.
    Unlink(String, String),
}

impl BatchStep {
    /// Returns the words that begin such a line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Close(..) => "close",
            Self::Update(..) => "update",
            Self::Create(..) => "create",
            Self::Link(..) => "dep add",
            Self::Unlink(..) => "dep remove",
        }
    }
}

/// Returns the steps of a text with the numbers of their lines; empty lines and those that begin with `#` are
/// none.
///
/// `close ID [REASON]`, `update ID KEY=VALUE...`, `create TYPE PRIORITY TITLE`, `dep add ID ID [TYPE]`,
/// `dep remove ID ID`; words with spaces stand in double quotes.
pub fn batch_steps(text: &str) -> Result<Vec<(usize, BatchStep)>> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()));
    let asked = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    asked
        .map(|(at, line)| {
            let step = split(line).and_then(|words| step(&words));
            let step = step.map_err(|fault| {
                let text = fault.text();
                let said = Fault::invalid(format!("line {at}: {}", text.message));
                text.hints
                    .iter()
                    .fold(said, |said, hint| said.hint(hint.clone()))
            });
            Ok((at, step?))
        })
        .collect()
}

fn step(words: &[String]) -> Result<BatchStep> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match &words[..] {
        ["close", id, reason @ ..] => Ok(BatchStep::Close((*id).to_owned(), reason.join(" "))),
        ["update", id, pairs @ ..] if !pairs.is_empty() => {
            let mut asked = Edit::default();
            pairs.iter().try_for_each(|pair| set(&mut asked, pair))?;
            Ok(BatchStep::Update((*id).to_owned(), Box::new(asked)))
        }
        ["create", kind, priority, title @ ..] if !title.is_empty() => {
            let fields = Edit {
                issue_type: Some(words::issue_type(kind)?),
                priority: Some(words::priority(priority)?),
                ..Edit::default()
            };
            Ok(BatchStep::Create(words::title(&title.join(" "))?, Box::new(fields)))
        }
        ["dep", "add", from, to, rest @ ..] if rest.len() < 2 => {
            let kind = words::edge_type(rest.first().unwrap_or(&"blocks"))?;
            let target = (*to).to_owned();
            Ok(BatchStep::Link((*from).to_owned(), Link { kind, target }))
        }
        ["dep", "remove" | "rm", from, to] => {
            Ok(BatchStep::Unlink((*from).to_owned(), (*to).to_owned()))
        }
        _ => Err(Fault::invalid(format!("'{}' makes no sense", words.join(" "))).hint(
            "close ID [REASON], update ID KEY=VALUE..., create TYPE PRIORITY TITLE, dep add ID ID [TYPE], dep remove ID ID",
        )),
    }
}

fn set(asked: &mut Edit, pair: &str) -> Result<()> {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let text = value.to_owned();
    match key {
        "status" => asked.status = Some(words::status(value)?),
        "priority" => asked.priority = Some(words::priority(value)?),
        "title" => asked.title = Some(text),
        "assignee" => asked.assignee = Some(text),
        "type" | "issue_type" => asked.issue_type = Some(words::issue_type(value)?),
        "description" => asked.texts.push(("description", text)),
        "notes" => asked.texts.push(("notes", text)),
        _ => {
            return Err(Fault::invalid(format!("'{key}' is no field of a batch"))
                .hint("status, priority, title, assignee, type, description, notes"));
        }
    }
    Ok(())
}

/// Returns the words of a line; in double quotes spaces belong to one, and a backslash lets a quote stand for
/// itself.
fn split(line: &str) -> Result<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quoted {
        true => Err(Fault::invalid("a quote is not closed")),
        false => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_steps() {
        let text = "# a batch\n\nclose gt-1 all done\nupdate gt-2 status=blocked title=\"two \\\"words\\\"\"\n\
                    create bug 0 It \"breaks  now\"\ndep add gt-1 gt-2\ndep rm gt-1 gt-2\n";
        let all = batch_steps(text).unwrap();
        let lines: Vec<usize> = all.iter().map(|it| it.0).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7]);
        let asked = Edit {
            status: Some("blocked".to_owned()),
            title: Some("two \"words\"".to_owned()),
            ..Edit::default()
        };
        assert_eq!(
            all[0].1,
            BatchStep::Close("gt-1".to_owned(), "all done".to_owned())
        );
        assert_eq!(
            all[1].1,
            BatchStep::Update("gt-2".to_owned(), Box::new(asked))
        );
        let BatchStep::Create(title, fields) = &all[2].1 else {
            panic!("{all:?}");
        };
        assert_eq!(
            (title.as_str(), fields.priority),
            ("It breaks  now", Some(0))
        );
        let words: Vec<&str> = all.iter().map(|it| it.1.word()).collect();
        assert_eq!(words[3..], ["dep add", "dep remove"]);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        let check = |text: &str, want: &str| {
            assert_eq!(batch_steps(text).unwrap_err().to_string(), want, "{text}");
        };
        check(
            "close gt-1\nopen gt-2",
            "line 2: 'open gt-2' makes no sense",
        );
        check("update gt-1", "line 1: 'update gt-1' makes no sense");
        check(
            "update gt-1 color=red",
            "line 1: 'color' is no field of a batch",
        );
        check("create bug high x", "line 1: 'high' is no priority");
        check("close \"gt-1", "line 1: a quote is not closed");
        check(
            "dep add gt-1 gt-2 likes",
            "line 1: 'likes' is no type of edge",
        );
    }
}
