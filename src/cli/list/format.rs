//! Forms of a list that people ask for by name or by a template.

use std::collections::HashSet;

use serde_json::Value;

use crate::bead::{Fields, PARENT_CHILD};
use crate::fault::{Fault, Result};
use crate::record::BeadRow;

/// How a list is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// As JSON.
    Json,
    /// As a graph for Graphviz.
    Dot,
    /// As a line for each edge between the beads, or for each bead.
    Lines(Template),
}

/// Text with places in it for what beads have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The names of a place, one below the other.
    Place(Vec<String>),
}

/// Names that only an edge has.
const OF_EDGES: [&str; 4] = ["IssueID", "DependsOnID", "Dependency", "Issue"];

impl Format {
    /// Returns the form a text stands for.
    pub(super) fn of(text: &str) -> Result<Self> {
        match text {
            "json" | "JSON" => Ok(Self::Json),
            "dot" => Ok(Self::Dot),
            "digraph" => Template::parse("{{.IssueID}} {{.DependsOnID}}").map(Self::Lines),
            text if text.contains("{{") => Template::parse(text).map(Self::Lines),
            text => Err(
                Fault::invalid(format!("'{text}' is no form of a list")).hint(
                    "json, dot, digraph, or a template such as '{{.ID}} {{.Title}}' for beads and \
                     '{{.IssueID}} {{.Type}} {{.DependsOnID}}' for edges",
                ),
            ),
        }
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self> {
        let plain = |text: &str| Part::Text(text.replace("\\n", "\n").replace("\\t", "\t"));
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let wrong = |what: &str| {
                let at = text[..text.len() - behind.len()].chars().count() + 1;
                Fault::invalid(format!("{what}, at character {at} of the template"))
                    .hint("a place is the name of a field: {{.Title}}")
            };
            let (place, after) = behind
                .split_once("}}")
                .ok_or_else(|| wrong("a place has no end"))?;
            let path = place.trim().strip_prefix('.');
            let names = path.map(|path| path.split('.').map(str::to_owned).collect());
            let names: Vec<String> = names.unwrap_or_default();
            let is_name = |name: &String| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            if names.is_empty() || !names.iter().all(is_name) {
                return Err(wrong(&format!("'{}' names no field", place.trim())));
            }
            parts.extend([plain(before), Part::Place(names)]);
            rest = after;
        }
        parts.push(plain(rest));
        Ok(Self(parts))
    }

    /// Returns whether it is about edges.
    pub(super) fn is_of_edges(&self) -> bool {
        self.0.iter().any(|part| match part {
            Part::Place(names) => OF_EDGES.contains(&names[0].as_str()),
            Part::Text(_) => false,
        })
    }

    /// Returns its text for a bead.
    pub(super) fn of_bead(&self, bead: &Fields<'_>) -> String {
        self.filled(|names| match names {
            [name] => field(bead, name),
            _ => String::new(),
        })
    }

    /// Returns its text for each edge of a bead to one of some others.
    pub(super) fn of_edges(
        &self,
        row: &BeadRow<'_>,
        bead: &Fields<'_>,
        others: &HashSet<&str>,
    ) -> String {
        let edges = edges(row).filter(|(target, _)| others.contains(target));
        let line = |(target, kind): (&str, &str)| {
            self.filled(|names| match names {
                ["IssueID"] | ["Dependency", "IssueID"] => row.id().to_owned(),
                ["DependsOnID"] | ["Dependency", "DependsOnID"] => target.to_owned(),
                ["Type"] | ["Dependency", "Type"] => kind.to_owned(),
                ["Issue", name] => field(bead, name),
                _ => String::new(),
            })
        };
        edges.map(line).collect()
    }

    fn filled(&self, value: impl Fn(&[&str]) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(names) => value(&names.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        let mut text: String = self.0.iter().map(part).collect();
        text.push('\n');
        text
    }
}

/// Returns `(target, type)` of every edge of a bead, the one to its parent first.
fn edges<'a>(row: &'a BeadRow<'_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let parent = row.parent().map(|parent| (parent, PARENT_CHILD));
    let edges = row.edges().map(|edge| (edge.target, edge.kind));
    parent.into_iter().chain(edges)
}

/// Returns the field of a bead that a template calls by the name it has in Go.
fn field(bead: &Fields<'_>, name: &str) -> String {
    let key = match name {
        "Type" => "issue_type".to_owned(),
        name => snake(name),
    };
    match bead.get(key.as_str()).map(AsRef::as_ref) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => {
            let all = all
                .iter()
                .map(|it| it.as_str().map_or(it.to_string(), str::to_owned));
            all.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    }
}

/// Returns a name such as `IssueType` or `SpecID` as JSON has it.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before_is_small = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && before_is_small {
            snake.push('_');
        }
        before_is_small = !c.is_ascii_uppercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Returns beads as a graph in Graphviz' language: edges lead from a bead to what it depends on.
pub(super) fn dot(rows: &[&BeadRow<'_>]) -> String {
    let known: HashSet<&str> = rows.iter().map(|row| row.id()).collect();
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace('\n', "\\n"))
    };
    let mut text =
        "digraph dependencies {\n  rankdir=TB;\n  node [shape=box, style=rounded];\n".to_owned();
    for row in rows {
        let kind = format!("[{} P{}]", row.issue_type(), row.priority());
        let status = format!("({})", row.status());
        let label = [row.id(), &kind, row.title(), &status].join("\n");
        text.push_str(&format!(
            "  {} [label={}];\n",
            quoted(row.id()),
            quoted(&label)
        ));
    }
    for row in rows {
        for (target, kind) in edges(row).filter(|(target, _)| known.contains(target)) {
            let style = match kind {
                "blocks" | "conditional-blocks" => "bold",
                PARENT_CHILD => "solid",
                _ => "dashed",
            };
            let (from, to) = (quoted(row.id()), quoted(target));
            let label = quoted(kind);
            text.push_str(&format!(
                "  {from} -> {to} [label={label}, style={style}];\n"
            ));
        }
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read() {
        let check = |text: &str, want: Option<bool>| {
            let found = Format::of(text).ok().map(|it| match it {
                Format::Lines(template) => template.is_of_edges(),
                Format::Json | Format::Dot => true,
            });
            assert_eq!(found, want, "{text}");
        };
        check("digraph", Some(true));
        check("{{.ID}}: {{ .Title }}\\n", Some(false));
        check("{{.Issue.Title}} -> {{.DependsOnID}}", Some(true));
        check("table", None);
        check("{{.ID", None);
        check("{{ID}}", None);
        check("{{range .}}{{end}}", None);
        check("{{.}}", None);
        let fault = Format::of("é {{.ID}} {{if}}").unwrap_err().to_string();
        assert!(
            fault.ends_with("at character 13 of the template"),
            "{fault}"
        );
    }

    #[test]
    fn names_of_go_are_keys_of_json() {
        let check = |name, want| assert_eq!(snake(name), want);
        check("ID", "id");
        check("IssueType", "issue_type");
        check("SpecID", "spec_id");
        check("title", "title");
        check("created_at", "created_at");
    }
}
