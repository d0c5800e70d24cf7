//! Beads written down in markdown: a heading of the second level for each, sections of the third for its fields.

use crate::fault::{Fault, Result};

use super::{Draft, words};

/// A bead of a file, with the edges that it is to begin with as they are typed.
#[derive(Debug)]
pub struct Written {
    /// The bead.
    pub draft: Draft,
    /// `TYPE:ID` or `ID`.
    pub deps: Vec<String>,
    /// The line of its heading, from 1.
    pub line: usize,
}

/// A section: its name, the line it begins in, its text.
type Section<'t> = (String, usize, Vec<&'t str>);

/// Returns the beads of a markdown text, in their order.
///
/// `## Title` begins one. What stands below it is its description; `### Priority`, `Type`, `Description`,
/// `Design`, `Acceptance Criteria`, `Notes`, `Assignee`, `Labels` and `Dependencies` begin fields, every other
/// heading is text.
pub fn written(text: &str) -> Result<Vec<Written>> {
    let mut all: Vec<(String, usize, Vec<Section<'_>>)> = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.strip_prefix("## ").filter(|_| !fenced);
        if let Some(title) = title {
            let body = ("description".to_owned(), at + 1, Vec::new());
            all.push((title.trim().to_owned(), at + 1, vec![body]));
            continue;
        }
        let Some((_, _, sections)) = all.last_mut() else {
            continue;
        };
        let field = line
            .strip_prefix("### ")
            .filter(|_| !fenced)
            .and_then(field);
        match (field, sections.last_mut()) {
            (Some(field), _) => sections.push((field.to_owned(), at + 1, Vec::new())),
            (None, Some((_, _, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    if all.is_empty() {
        return Err(Fault::invalid("the file has no bead")
            .hint("each begins with a heading of the second level: ## Title"));
    }
    all.into_iter()
        .map(|(title, line, sections)| one(&title, line, sections))
        .collect()
}

/// Returns the field that a heading begins.
fn field(heading: &str) -> Option<&'static str> {
    Some(
        match heading.trim().trim_end_matches(':').to_lowercase().as_str() {
            "priority" => "priority",
            "type" => "type",
            "description" => "description",
            "design" => "design",
            "acceptance criteria" | "acceptance" => "acceptance_criteria",
            "notes" => "notes",
            "assignee" => "assignee",
            "labels" => "labels",
            "dependencies" | "deps" => "dependencies",
            _ => return None,
        },
    )
}

fn one(title: &str, line: usize, sections: Vec<Section<'_>>) -> Result<Written> {
    let mut draft = Draft {
        title: words::title(title).map_err(|fault| at_line(line, &fault))?,
        ..Draft::default()
    };
    let mut deps = Vec::new();
    for (field, at, lines) in sections {
        let text = lines.join("\n").trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let list = || {
            let items = text
                .split([',', '\n'])
                .map(|it| it.trim().trim_start_matches("- "));
            items.map(str::to_owned).filter(|it| !it.is_empty())
        };
        let fields = &mut draft.fields;
        let read = match field.as_str() {
            "priority" => words::priority(&text).map(|it| fields.priority = Some(it)),
            "type" => words::issue_type(&text).map(|it| fields.issue_type = Some(it)),
            "assignee" => {
                fields.assignee = Some(text.clone());
                Ok(())
            }
            "labels" => list()
                .try_for_each(|it| words::label(&it).map(|label| fields.add_labels.push(label))),
            "dependencies" => {
                deps.extend(list());
                Ok(())
            }
            "design" => put(fields, "design", &text),
            "notes" => put(fields, "notes", &text),
            "acceptance_criteria" => put(fields, "acceptance_criteria", &text),
            _ => put(fields, "description", &text),
        };
        read.map_err(|fault| at_line(at, &fault))?;
    }
    Ok(Written { draft, deps, line })
}

/// Sets a field; one that is set already gets a further paragraph.
fn put(fields: &mut super::Edit, field: &'static str, text: &str) -> Result<()> {
    match fields.texts.iter_mut().find(|(known, _)| *known == field) {
        Some((_, known)) => known.push_str(&format!("\n\n{text}")),
        None => fields.texts.push((field, text.to_owned())),
    }
    Ok(())
}

fn at_line(line: usize, fault: &Fault) -> Fault {
    let text = fault.text();
    let said = Fault::invalid(format!("line {line}: {}", text.message));
    text.hints
        .iter()
        .fold(said, |said, hint| said.hint(hint.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_begin_beads_and_fields() {
        let text = "# Plan\n\nWords.\n\n## First\nWhat it is.\n\n### Priority\n1\n### Type\nfeat\n\
                    ### Labels\na, b\n### Dependencies\n- blocks:gt-1\n- gt-2\n\n## Second\n\
                    ```\n## no heading\n```\n### Steps to Reproduce\nrun it\n### Acceptance Criteria\nit runs\n";
        let all = written(text).unwrap();
        let [first, second] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!((first.draft.title.as_str(), first.line), ("First", 5));
        let fields = &first.draft.fields;
        assert_eq!(
            (fields.priority, fields.issue_type.as_deref()),
            (Some(1), Some("feature"))
        );
        assert_eq!(fields.add_labels, ["a", "b"]);
        assert_eq!(fields.texts, [("description", "What it is.".to_owned())]);
        assert_eq!(first.deps, ["blocks:gt-1", "gt-2"]);
        let description = "```\n## no heading\n```\n### Steps to Reproduce\nrun it";
        let want = [
            ("description", description.to_owned()),
            ("acceptance_criteria", "it runs".to_owned()),
        ];
        assert_eq!(second.draft.fields.texts, want);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        let check = |text: &str, want: &str| {
            assert_eq!(written(text).unwrap_err().to_string(), want);
        };
        check("# only\nwords", "the file has no bead");
        check(
            "## a\n\n### Priority\nhigh\n",
            "line 3: 'high' is no priority",
        );
        check("words\n##  \n", "line 2: the title is empty");
    }
}
