//! `git gt create`

mod many;

use super::Context;
use super::beads::{object, parsed, resolve_near};
use super::fields::Fields;
use super::reply::{Reply, printable};
use crate::bead::{self, Draft, Link, issue, make, missing_sections};
use crate::fault::{Fault, Result};
use crate::ledger::{Decision, Name};
use crate::record::Bead;
use crate::town::{Home, View};

/// Make a bead: a piece of work
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// What is to be done, in a line
    #[arg(
        value_name = "TITLE",
        required_unless_present_any = ["title_flag", "file", "graph"],
        conflicts_with = "title_flag"
    )]
    title: Option<String>,
    /// Give the title as an option
    #[arg(
        long = "title",
        id = "title_flag",
        value_name = "TITLE",
        allow_hyphen_values = true
    )]
    title_flag: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    around: Around,
    #[command(flatten)]
    rare: Rare,
    /// Make every bead of a markdown FILE, one for each heading of the second level
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["title", "title_flag", "graph"])]
    file: Option<String>,
    /// Make the beads and edges of a JSON FILE with nodes and edges
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "title_flag"])]
    graph: Option<String>,
    /// Give it this id instead of a random one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Allow an id that does not begin with the rig's prefix
    #[arg(long)]
    force: bool,
    /// Refuse it without the sections that its type asks for
    #[arg(long)]
    validate: bool,
    /// Make it in another rig of the town, or in the repository of a folder
    #[arg(long, value_name = "RIG")]
    repo: Option<String>,
    /// Print the id only
    #[arg(long)]
    silent: bool,
    /// Show what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
}

/// Make a bead and print its id
#[derive(Debug, clap::Args)]
pub(crate) struct Quick {
    /// What is to be done, in a line
    #[arg(value_name = "TITLE", required = true)]
    title: Vec<String>,
    /// Set what kind of bead it is: task, bug, feature, epic, chore, … or one of the project's own
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parsed(bead::issue_type))]
    kind: Option<String>,
    /// Set how urgent it is, from 0 to 4 or P0 to P4
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Label it; a list with commas, or the option several times
    #[arg(short, long, value_name = "LABEL", value_delimiter = ',', value_parser = parsed(bead::label))]
    labels: Vec<String>,
}

/// Makes a bead of little more than its title.
pub(crate) fn quick(cx: &Context, args: &Quick) -> Result<Reply> {
    let around = Around {
        labels: args.labels.clone(),
        ..Around::default()
    };
    let args = Args {
        title: Some(args.title.join(" ")),
        fields: Fields::of(args.kind.clone(), args.priority, None),
        around,
        silent: true,
        ..Args::default()
    };
    run(cx, &args)
}

impl Args {
    /// Returns what `todo add` asks for.
    pub(super) fn todo(title: String, priority: Option<i64>, description: Option<String>) -> Self {
        Self {
            title: Some(title),
            fields: Fields::of(None, priority, description),
            ..Self::default()
        }
    }
}

/// What a new bead belongs to.
#[derive(Debug, Default, clap::Args)]
struct Around {
    /// Label it; a list with commas, or the option several times
    #[arg(short, long, visible_alias = "label", value_name = "LABEL", value_delimiter = ',', value_parser = parsed(bead::label))]
    labels: Vec<String>,
    /// Make it a child of ID, with the labels of ID
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Take no labels from the parent
    #[arg(long)]
    no_inherit_labels: bool,
    /// Draw edges: TYPE:ID, or ID, which the new bead is to wait for; blocks:ID makes ID wait for the new one
    #[arg(long, value_name = "TYPE:ID", value_delimiter = ',')]
    deps: Vec<String>,
    /// Let it wait for the children of ID
    #[arg(long, value_name = "ID")]
    waits_for: Option<String>,
    /// Say which children it waits for: all-children, any-children
    #[arg(long, value_name = "GATE", requires = "waits_for", default_value = "all-children", hide_default_value = true, value_parser = ["all-children", "any-children"])]
    waits_for_gate: String,
}

/// Fields that programs set.
#[derive(Debug, Default, clap::Args)]
struct Rare {
    /// Say which skills it needs; a section of the description
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    skills: Option<String>,
    /// Say what else is to be known; a section of the description
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    context: Option<String>,
    /// Say that it is of no use for long
    #[arg(long)]
    ephemeral: bool,
    /// Say of what kind it is, where it is of no use for long
    #[arg(long, value_name = "KIND", value_parser = ["heartbeat", "ping", "patrol", "gc_report", "recovery", "error", "escalation"])]
    wisp_type: Option<String>,
    /// Say what kind of molecule it is
    #[arg(long, value_name = "KIND", value_parser = ["swarm", "patrol", "work"])]
    mol_type: Option<String>,
    /// Of an event: say what happened
    #[arg(long, value_name = "WORD")]
    event_category: Option<String>,
    /// Of an event: say who did it
    #[arg(long, value_name = "WHO")]
    event_actor: Option<String>,
    /// Of an event: say what it was done to
    #[arg(long, value_name = "WORD")]
    event_target: Option<String>,
    /// Of an event: what belongs to it, as JSON
    #[arg(long, value_name = "JSON")]
    event_payload: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = args.home(cx)?;
    if let Some(id) = &args.id {
        home.refuse_foreign(id)?;
    }
    if let Some(file) = &args.file {
        return many::of_markdown(cx, &home, file, args.dry_run);
    }
    if let Some(file) = &args.graph {
        return many::of_graph(cx, &home, file, args.dry_run);
    }
    let actor = cx.actor(home.repo());
    let prefix = home.rig().prefix();
    let mut first = args.drafted(cx)?;
    let written = home.write(Name::Beads, &actor, |view, pen| {
        args.place(&home, view, &mut first)?;
        let (bead, waiting) = make(view, pen, (prefix, &actor), &first)?;
        if args.dry_run {
            return Ok(Decision::nothing(bead));
        }
        let subject = format!("create {}: {}", bead.id(), bead.title());
        let all = std::iter::once(&bead).chain(&waiting);
        let records = all.map(|bead| bead.record().clone()).collect();
        Ok(Decision::write(subject, records, bead))
    })?;
    if args.dry_run {
        return Ok(preview(&written.value));
    }
    cx.settle(&home);
    let bead = written.value;
    let text = match args.silent {
        true => bead.id().to_owned(),
        false => told(&bead),
    };
    let mut reply = Reply::new(object(issue(&bead)), text);
    if home.is_hq() && !home.rigs()?.is_empty() {
        reply = reply.note(format!(
            "{} is HQ's and cannot be slung; for work in a rig: git gt create --rig <rig> ...",
            bead.id()
        ));
    }
    Ok(match home.own_shared("validation.on-create") {
        Some("warn") if !missing_sections(&bead).is_empty() => reply.note(said_missing(&bead)),
        _ => reply,
    })
}

/// Returns what is said of a bead that was made.
fn told(bead: &Bead) -> String {
    let assignee = bead
        .assignee()
        .map(|it| format!("\n  Assignee: {}", printable(&it)));
    format!(
        "Created issue: {} — {}\n  Priority: P{}\n  Status: {}{}",
        bead.id(),
        printable(bead.title()),
        bead.priority(),
        bead.status(),
        assignee.unwrap_or_default()
    )
}

fn said_missing(bead: &Bead) -> String {
    let missing = missing_sections(bead).join(", ");
    format!(
        "the text of a {} has no section: {missing}",
        bead.issue_type()
    )
}

fn preview(bead: &Bead) -> Reply {
    let mut fields = issue(bead);
    fields.remove("id");
    let text = format!(
        "would create: {} (P{})",
        printable(bead.title()),
        bead.priority()
    );
    Reply::new(object(fields), text)
}

impl Args {
    /// Returns where it is to be made.
    fn home(&self, cx: &Context) -> Result<Home> {
        // A child is where its parent is.
        match (self.parent(), self.repo.as_deref()) {
            (Some(parent), _) => cx.home_of(parent),
            (None, None) => cx.home(),
            (None, Some(rig)) => {
                let here = cx.home()?;
                match here.rigs()?.iter().any(|it| it.name() == rig) {
                    true => here.at_rig(rig),
                    false => Home::open(&cx.world.at(&cx.world.cwd().join(rig))),
                }
            }
        }
    }

    fn parent(&self) -> Option<&str> {
        self.around.parent.as_deref().filter(|it| !it.is_empty())
    }

    /// Returns what is asked for without what it belongs to.
    fn drafted(&self, cx: &Context) -> Result<Draft> {
        let title = self.title.as_ref().or(self.title_flag.as_ref());
        let mut fields = self.fields.edit(cx)?;
        fields.add_labels.clone_from(&self.around.labels);
        self.rare.add_to(&mut fields)?;
        Ok(Draft {
            id: self.id.clone(),
            any_prefix: self.force,
            bare: self.around.no_inherit_labels,
            checked: self.validate,
            title: title.cloned().unwrap_or_default(),
            fields,
            ..Draft::default()
        })
    }

    /// Says what it belongs to, as what was typed is to be understood now.
    fn place(&self, home: &Home, view: &View<'_>, draft: &mut Draft) -> Result<()> {
        let find = |typed: &str| resolve_near(home, view, typed).map(|bead| bead.id().to_owned());
        draft.parent = self.parent().map(find).transpose()?;
        (draft.links, draft.blocks) = edges(&self.around.deps, find)?;
        draft.waits_for = match &self.around.waits_for {
            Some(typed) => Some((find(typed)?, self.around.waits_for_gate.clone())),
            None => None,
        };
        Ok(())
    }
}

/// Returns the edges that `--deps` asks for, and the ids of the beads that are to wait for the new one.
pub(super) fn edges(
    deps: &[String],
    find: impl Fn(&str) -> Result<String>,
) -> Result<(Vec<Link>, Vec<String>)> {
    let (mut links, mut blocks) = (Vec::new(), Vec::new());
    for dep in deps.iter().map(|it| it.trim()).filter(|it| !it.is_empty()) {
        let is_external = dep.starts_with("external:");
        let split = dep.split_once(':').filter(|_| !is_external);
        let (kind, typed) = split.unwrap_or(("depends-on", dep));
        let target = match typed.starts_with("external:") {
            true => typed.to_owned(),
            false => find(typed)?,
        };
        let kind = match kind {
            "blocks" => {
                blocks.push(target);
                continue;
            }
            "depends-on" | "blocked-by" => "blocks".to_owned(),
            kind => bead::edge_type(kind)?,
        };
        links.push(Link { kind, target });
    }
    Ok((links, blocks))
}

impl Rare {
    fn add_to(&self, fields: &mut bead::Edit) -> Result<()> {
        let events = [
            ("event_kind", &self.event_category),
            ("actor", &self.event_actor),
            ("target", &self.event_target),
            ("payload", &self.event_payload),
        ];
        let is_event = fields.issue_type.as_deref() == Some("event");
        if !is_event && events.iter().any(|(_, text)| text.is_some()) {
            return Err(
                Fault::invalid("what is said of events needs a bead of type event")
                    .hint("git gt create TITLE --type event --event-category KIND"),
            );
        }
        let more = [("wisp_type", &self.wisp_type), ("mol_type", &self.mol_type)];
        let texts = events.into_iter().chain(more);
        fields
            .texts
            .extend(texts.filter_map(|(field, text)| Some((field, text.clone()?))));
        if self.ephemeral || self.wisp_type.is_some() {
            fields.flags.push(("ephemeral", true));
        }
        let sections = [
            ("Required Skills", &self.skills),
            ("Context", &self.context),
        ];
        for (heading, text) in sections {
            let Some(text) = text.as_deref().filter(|it| !it.trim().is_empty()) else {
                continue;
            };
            let section = format!("## {heading}\n\n{text}");
            match fields
                .texts
                .iter_mut()
                .find(|(field, _)| *field == "description")
            {
                Some((_, description)) if !description.is_empty() => {
                    description.push_str(&format!("\n\n{section}"));
                }
                Some((_, description)) => *description = section,
                None => fields.texts.push(("description", section)),
            }
        }
        Ok(())
    }
}
