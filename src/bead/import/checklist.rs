//! Checklists in markdown: items with a box become tasks, headings above them epics.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::ledger::digest;

/// An item or a heading.
#[derive(Debug)]
struct Node {
    /// The number of its line, from 1.
    line: usize,
    /// How deep it stands: the number of a heading's signs, or the columns before an item and then some.
    depth: usize,
    title: String,
    /// What stands below it that is no item.
    text: Vec<String>,
    parent: Option<usize>,
    is_heading: bool,
    is_done: bool,
    /// How many items stand below it, and how many of them are not done.
    items: usize,
    left: usize,
}

/// How deep the deepest heading is: items stand below all of them.
const HEADINGS: usize = 6;

/// What a line of a checklist is.
#[derive(Debug, PartialEq, Eq)]
enum Line<'t> {
    Heading(usize, &'t str),
    /// The columns before it, whether its box is ticked, what it says.
    Item(usize, bool, &'t str),
    Text(&'t str),
}

/// Returns whether a text has an item with a box.
pub(super) fn is_one(text: &str) -> bool {
    lines(text).any(|(_, line)| matches!(line, Line::Item(..)))
}

/// Returns the beads of a checklist, each with the number of its line. A bead's id follows from `name`, what
/// it says and what it stands below, so that it is the same whenever the list is read.
pub(super) fn beads(text: &str, name: &str, prefix: &str) -> Vec<(usize, Map<String, Value>)> {
    let mut nodes = nodes(text);
    finish(&mut nodes);
    let mut ids: Vec<Option<String>> = Vec::with_capacity(nodes.len());
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for node in &nodes {
        // A heading without items is none of work.
        if node.is_heading && node.items == 0 {
            ids.push(None);
            continue;
        }
        let parent = node.parent.and_then(|at| ids[at].clone());
        let mut nth = 0_u64;
        let id = loop {
            let id = id(
                prefix,
                &[name, parent.as_deref().unwrap_or_default(), &node.title],
                nth,
            );
            if used.insert(id.clone()) {
                break id;
            }
            nth += 1;
        };
        found.push((node.line, bead(node, &id, parent.as_deref())));
        ids.push(Some(id));
    }
    found
}

/// Returns an id of hexadecimal digits; `nth` tells those apart that say the same in the same place.
fn id(prefix: &str, place: &[&str], nth: u64) -> String {
    let nth = nth.to_string();
    let parts = place.iter().copied().chain([nth.as_str()]);
    let parts: Vec<&[u8]> = parts.map(str::as_bytes).collect();
    format!("{prefix}-{}", &digest(&parts)[..10])
}

fn bead(node: &Node, id: &str, parent: Option<&str>) -> Map<String, Value> {
    let mut bead = Map::new();
    let mut put = |key: &str, value: Value| drop(bead.insert(key.to_owned(), value));
    put("id", id.into());
    put("title", node.title.as_str().into());
    put("priority", 2.into());
    put(
        "status",
        if node.is_done { "closed" } else { "open" }.into(),
    );
    put(
        "issue_type",
        if node.is_heading { "epic" } else { "task" }.into(),
    );
    put("description", node.text.join("\n").trim().into());
    if let Some(parent) = parent {
        let edge = json!({ "issue_id": id, "depends_on_id": parent, "type": "parent-child" });
        put("dependencies", json!([edge]));
    }
    bead
}

/// Counts what stands below each, and ticks headings below which every item is ticked.
fn finish(nodes: &mut [Node]) {
    for at in (0..nodes.len()).rev() {
        let node = &mut nodes[at];
        node.is_done |= node.is_heading && node.left == 0;
        let of_itself = (!node.is_heading).then_some((1, usize::from(!node.is_done)));
        let (items, left) = of_itself.unwrap_or_default();
        let (items, left) = (node.items + items, node.left + left);
        if let Some(parent) = node.parent {
            nodes[parent].items += items;
            nodes[parent].left += left;
        }
    }
}

fn nodes(text: &str) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    // What the next line may stand below, outermost first.
    let mut open: Vec<usize> = Vec::new();
    for (number, line) in lines(text) {
        let (depth, title, is_heading, is_done) = match line {
            Line::Heading(depth, title) => (depth, title, true, false),
            Line::Item(columns, is_done, title) => (HEADINGS + 1 + columns, title, false, is_done),
            Line::Text(text) => {
                if let Some(at) = open.last() {
                    nodes[*at].text.push(text.trim().to_owned());
                }
                continue;
            }
        };
        open.retain(|at| nodes[*at].depth < depth);
        nodes.push(Node {
            line: number,
            depth,
            title: title.to_owned(),
            text: Vec::new(),
            parent: open.last().copied(),
            is_heading,
            is_done,
            items: 0,
            left: 0,
        });
        open.push(nodes.len() - 1);
    }
    nodes
}

/// Returns the lines of a text with their numbers; what is within fences is text.
fn lines(text: &str) -> impl Iterator<Item = (usize, Line<'_>)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().map(move |(number, line)| {
        let bare = line.trim();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| bare.starts_with(mark));
        let read = match (fence, mark) {
            (None, Some(_)) => {
                fence = mark;
                Line::Text(line)
            }
            (Some(_), _) => {
                fence = fence.filter(|open| mark != Some(open));
                Line::Text(line)
            }
            (None, None) => read(line),
        };
        (number + 1, read)
    })
}

fn read(line: &str) -> Line<'_> {
    let bare = line.trim_start();
    let columns = line[..line.len() - bare.len()]
        .chars()
        .map(|c| if c == '\t' { 4 } else { 1 })
        .sum();
    let signs = bare.len() - bare.trim_start_matches('#').len();
    if (1..=HEADINGS).contains(&signs) && columns < 4 && bare[signs..].starts_with([' ', '\t']) {
        let title = bare[signs..].trim().trim_end_matches('#').trim_end();
        return if title.is_empty() {
            Line::Text(line)
        } else {
            Line::Heading(signs, title)
        };
    }
    let digits = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match bare.strip_prefix(['-', '*', '+']) {
        None if digits.len() < bare.len() => digits.strip_prefix(['.', ')']),
        rest => rest,
    };
    let rest = rest
        .filter(|it| it.starts_with([' ', '\t']))
        .map(str::trim_start);
    let mut inside = rest
        .and_then(|it| it.strip_prefix('['))
        .unwrap_or_default()
        .chars();
    let (mark, close) = (inside.next(), inside.next());
    let title = inside.as_str();
    match (mark, close) {
        (Some(mark), Some(']')) if title.starts_with([' ', '\t']) && !title.trim().is_empty() => {
            Line::Item(columns, "xX".contains(mark), title.trim())
        }
        _ => Line::Text(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_headings_are_told_from_text() {
        let check = |line: &str, want: Line<'_>| assert_eq!(read(line), want, "{line}");
        check("# Plan #", Line::Heading(1, "Plan"));
        check("###### deep", Line::Heading(6, "deep"));
        check("#hashtag", Line::Text("#hashtag"));
        check("- [ ] todo", Line::Item(0, false, "todo"));
        check("  * [x]  done ", Line::Item(2, true, "done"));
        check("\t12. [X] done", Line::Item(4, true, "done"));
        check("1) [ ] `code`", Line::Item(0, false, "`code`"));
        check("- [~] odd", Line::Item(0, false, "odd"));
        for text in [
            "- plain",
            "- [ ]",
            "- [link](x)",
            "-[ ] x",
            "[ ] x",
            "- [ ]x",
            "",
            "- [",
            "1. [é",
        ] {
            check(text, Line::Text(text));
        }
    }

    const LIST: &str = "\
intro
# Release
Notes on it.

## Parser
- [x] dates
  all of them

  - [ ] zones
- [ ] times
```
- [ ] no item
```
## Empty
## Done
- [x] a
- [x] a
";

    #[test]
    fn a_list_becomes_a_tree() {
        let beads = beads(LIST, "plan", "gt");
        let text = |bead: &Map<String, Value>, key: &str| bead[key].as_str().unwrap().to_owned();
        let parent = |bead: &Map<String, Value>| {
            let id = &bead.get("dependencies")?[0]["depends_on_id"];
            let found = beads.iter().find(|(_, it)| it["id"] == *id);
            Some(text(&found.unwrap().1, "title"))
        };
        let told: Vec<String> = beads
            .iter()
            .map(|(line, bead)| {
                let [title, kind, status] =
                    ["title", "issue_type", "status"].map(|key| text(bead, key));
                format!(
                    "{line} {title} {kind} {status} {}",
                    parent(bead).unwrap_or_default()
                )
            })
            .collect();
        let want = [
            "2 Release epic open ",
            "5 Parser epic open Release",
            "6 dates task closed Parser",
            "9 zones task open dates",
            "10 times task open Parser",
            "15 Done epic closed Release",
            "16 a task closed Done",
            "17 a task closed Done",
        ];
        assert_eq!(told, want);
        assert_eq!(beads[0].1["description"], "Notes on it.");
        assert_eq!(beads[2].1["description"], "all of them");
        assert_eq!(beads[4].1["description"], "```\n- [ ] no item\n```");
    }

    #[test]
    fn an_id_stays_whatever_is_ticked_or_added_around() {
        let ids = |text: &str| -> Vec<Value> {
            beads(text, "plan", "gt")
                .into_iter()
                .map(|(_, bead)| bead["id"].clone())
                .collect()
        };
        let before = ids("- [ ] a\n- [ ] b\n");
        let after = ids("# new\n\n# old\n- [ ] c\n");
        assert!(!before.contains(&after[0]));
        assert_eq!(ids("- [ ] first\n- [x] a\n  note\n- [x] b\n")[1..], before);
        assert_ne!(
            before,
            beads("- [ ] a\n- [ ] b\n", "other", "gt")
                .into_iter()
                .map(|(_, it)| it["id"].clone())
                .collect::<Vec<_>>()
        );
        assert_ne!(ids("- [ ] a\n- [ ] a\n")[0], ids("- [ ] a\n- [ ] a\n")[1]);
    }
}
