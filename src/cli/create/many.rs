//! Many beads at once: of a markdown file, or of a graph of nodes and edges; all of them are made or none.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::beads::{object, resolve_near};
use super::super::reply::{Reply, printable};
use super::super::{Context, input};
use super::edges;
use crate::bead::{self, Draft, Edit, Link, issue, link, make, written};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Bead;
use crate::town::Home;

/// Makes the beads of a markdown file.
///
/// After a crash all are made or none.
pub(super) fn of_markdown(cx: &Context, home: &Home, file: &str, dry_run: bool) -> Result<Reply> {
    let mut drafts = written(&input::file(cx, file)?)?;
    let actor = cx.actor(home.repo());
    let done = home.write(Name::Beads, &actor, |view, pen| {
        let mut made = Vec::new();
        for written in &mut drafts {
            let find =
                |typed: &str| resolve_near(home, view, typed).map(|bead| bead.id().to_owned());
            let edges = edges(&written.deps, find);
            (written.draft.links, written.draft.blocks) =
                edges.map_err(|fault| in_line(written.line, &fault))?;
            let (bead, waiting) = make(view, pen, (home.rig().prefix(), &actor), &written.draft)
                .map_err(|fault| in_line(written.line, &fault))?;
            waiting.into_iter().for_each(|it| view.put(it));
            view.put(bead.clone());
            made.push(bead);
        }
        Ok(decided(
            &view.pending(),
            format!("create {} beads of {file}", made.len()),
            made,
            dry_run,
        ))
    })?;
    cx.settle(home);
    let values = done.value.iter().map(|bead| Value::Object(issue(bead)));
    Ok(Reply::new(values.collect(), listed(&done.value, dry_run)))
}

fn decided<T>(changed: &[Bead], subject: String, value: T, dry_run: bool) -> Decision<T> {
    match dry_run {
        true => Decision::nothing(value),
        false => {
            let records = changed.iter().map(|bead| bead.record().clone());
            Decision::write(subject, records.collect(), value)
        }
    }
}

fn listed(made: &[Bead], dry_run: bool) -> String {
    let lines = made.iter().map(|bead| match dry_run {
        true => format!("would create: {}\n", printable(bead.title())),
        false => format!(
            "Created issue: {} — {}\n",
            bead.id(),
            printable(bead.title())
        ),
    });
    lines.collect()
}

fn in_line(line: usize, fault: &Fault) -> Fault {
    let text = fault.text();
    let said = Fault::invalid(format!("the bead of line {line}: {}", text.message));
    text.hints
        .iter()
        .fold(said, |said, hint| said.hint(hint.clone()))
}

/// A plan of beads that know each other by keys.
#[derive(Debug, Deserialize)]
struct Plan {
    #[serde(default)]
    commit_message: String,
    nodes: Vec<Node>,
    #[serde(default)]
    edges: Vec<PlannedEdge>,
}

#[derive(Debug, Deserialize)]
struct Node {
    key: String,
    title: String,
    #[serde(default, alias = "issue_type")]
    r#type: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    priority: Option<i64>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    /// Entries of the metadata whose value is the id of another node.
    #[serde(default)]
    metadata_refs: BTreeMap<String, String>,
    #[serde(default)]
    parent_key: Option<String>,
    #[serde(default)]
    parent_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PlannedEdge {
    #[serde(default)]
    from_key: Option<String>,
    #[serde(default)]
    from_id: Option<String>,
    #[serde(default)]
    to_key: Option<String>,
    #[serde(default)]
    to_id: Option<String>,
    #[serde(default, alias = "dep_type")]
    r#type: Option<String>,
}

/// Makes the beads and edges of a graph; a node is made after its parent.
///
/// After a crash all are made or none.
pub(super) fn of_graph(cx: &Context, home: &Home, file: &str, dry_run: bool) -> Result<Reply> {
    let plan: Plan = serde_json::from_str(&input::file(cx, file)?)
        .map_err(|error| Fault::invalid(format!("'{file}' is no graph: {error}")).hint(
            "{\"nodes\": [{\"key\": \"a\", \"title\": \"...\"}], \"edges\": [{\"from_key\": \"a\", \"to_key\": \"b\"}]}",
        ))?;
    plan.check()?;
    let actor = cx.actor(home.repo());
    let done = home.write(Name::Beads, &actor, |view, pen| {
        let find = |typed: &str| resolve_near(home, view, typed).map(|bead| bead.id().to_owned());
        let (mut ids, mut made) = (BTreeMap::new(), Vec::new());
        for node in plan.parents_first()? {
            let parent = match (&node.parent_key, &node.parent_id) {
                (Some(key), _) => ids.get(key).cloned(),
                (None, id) => id.as_deref().map(find).transpose()?,
            };
            let draft = node.draft(parent)?;
            let (bead, _) = make(view, pen, (home.rig().prefix(), &actor), &draft)?;
            ids.insert(node.key.clone(), bead.id().to_owned());
            view.put(bead.clone());
            made.push(bead.id().to_owned());
        }
        let id_of = |key: &Option<String>, id: &Option<String>| match (key, id) {
            (Some(key), _) => known(&ids, key),
            (None, Some(id)) => find(id),
            (None, None) => Err(Fault::invalid("an edge leads nowhere").hint("from_key, to_key")),
        };
        for edge in &plan.edges {
            let from = id_of(&edge.from_key, &edge.from_id)?;
            let wanted = Link {
                kind: bead::edge_type(edge.r#type.as_deref().unwrap_or("blocks"))?,
                target: id_of(&edge.to_key, &edge.to_id)?,
            };
            let mut bead = there(view.bead(&from)?, &from)?;
            let stamp = pen.stamp(bead.record());
            link(view, &mut bead, &wanted, &stamp)?;
            view.put(bead);
        }
        for node in plan.nodes.iter().filter(|it| !it.metadata_refs.is_empty()) {
            let id = known(&ids, &node.key)?;
            let mut bead = there(view.bead(&id)?, &id)?;
            let stamp = pen.stamp(bead.record());
            for (name, key) in &node.metadata_refs {
                let value = Value::from(known(&ids, key)?);
                bead.record_mut()
                    .set_entry("metadata", name, Some(value), &stamp);
            }
            view.put(bead);
        }
        let subject = match plan.commit_message.as_str() {
            "" => format!("create {} beads of {file}", made.len()),
            said => said.to_owned(),
        };
        let all = made.iter().map(|id| there(view.bead(id)?, id));
        let all = all.collect::<Result<Vec<Bead>>>()?;
        Ok(decided(&view.pending(), subject, (ids, all), dry_run))
    })?;
    cx.settle(home);
    let (ids, made) = done.value;
    let ids: Map<String, Value> = match dry_run {
        true => Map::new(),
        false => ids.into_iter().map(|(key, id)| (key, id.into())).collect(),
    };
    let value = object(Map::from_iter([("ids".to_owned(), Value::Object(ids))]));
    Ok(Reply::new(value, listed(&made, dry_run)))
}

fn known(ids: &BTreeMap<String, String>, key: &str) -> Result<String> {
    let found = ids.get(key).cloned();
    found.ok_or_else(|| Fault::invalid(format!("no node has the key '{key}'")))
}

fn there(found: Option<Bead>, id: &str) -> Result<Bead> {
    found.ok_or_else(|| Fault::not_found(format!("no issue found matching \"{id}\"")))
}

impl Plan {
    fn check(&self) -> Result<()> {
        let mut keys: Vec<&str> = self.nodes.iter().map(|it| it.key.as_str()).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(Fault::invalid(format!(
                "two nodes have the key '{}'",
                twice[0]
            ))),
            None if keys.is_empty() => Err(Fault::invalid("the graph has no nodes")),
            None => Ok(()),
        }
    }

    /// Returns the nodes in an order in which each follows on its parent.
    fn parents_first(&self) -> Result<Vec<&Node>> {
        let mut sorted: Vec<&Node> = Vec::new();
        let mut rest: Vec<&Node> = self.nodes.iter().collect();
        while !rest.is_empty() {
            let is_there = |node: &&Node| {
                let parent = node.parent_key.as_ref();
                parent.is_none_or(|key| sorted.iter().any(|it| it.key == *key))
            };
            let (now, later): (Vec<&Node>, Vec<&Node>) = rest.into_iter().partition(is_there);
            if now.is_empty() {
                return Err(Fault::invalid(format!(
                    "the parent of node '{}' is no node, or is below it",
                    later[0].key
                )));
            }
            sorted.extend(now);
            rest = later;
        }
        Ok(sorted)
    }
}

impl Node {
    fn draft(&self, parent: Option<String>) -> Result<Draft> {
        let kind = self.r#type.as_deref().map(bead::issue_type).transpose()?;
        let priority = self
            .priority
            .map(|it| bead::priority(&it.to_string()))
            .transpose()?;
        let labels = self.labels.iter().map(|it| bead::label(it));
        let description = self.description.clone().map(|it| ("description", it));
        let metadata = self.metadata.clone().into_iter();
        Ok(Draft {
            title: self.title.clone(),
            parent,
            fields: Edit {
                issue_type: kind,
                priority,
                assignee: self.assignee.clone(),
                add_labels: labels.collect::<Result<_>>()?,
                texts: description.into_iter().collect(),
                metadata: metadata.map(|(key, value)| (key, Some(value))).collect(),
                ..Edit::default()
            },
            ..Draft::default()
        })
    }
}
