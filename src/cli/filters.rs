//! The options that say which beads are meant.

use super::Context;
use super::beads::{parsed, status_filter};
use crate::bead::{
    self, Comparison, Field, Filter, Labels, Moment, Op, Order, Pattern, Query, Shown, Way,
};
use crate::fault::{Fault, Result};
use crate::ledger::Time;
use crate::town::Home;

/// What beads are, besides their status
#[derive(Debug, clap::Args)]
pub(crate) struct Traits {
    /// Take only beads of this priority
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Take only beads of this type
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Take no beads of these types
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    exclude_type: Vec<String>,
    /// Take only beads that WHO holds or is assigned to
    #[arg(short, long, value_name = "WHO", conflicts_with = "unassigned")]
    assignee: Option<String>,
    /// Take only beads that nobody holds or is assigned to
    #[arg(short, long, visible_alias = "no-assignee")]
    unassigned: bool,
    /// Take only beads with all of these labels
    #[arg(
        short,
        long,
        visible_alias = "labels",
        value_name = "LABEL",
        value_delimiter = ','
    )]
    label: Vec<String>,
    /// Take only beads with one of these labels
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    label_any: Vec<String>,
    /// Take no beads with one of these labels
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    exclude_label: Vec<String>,
    /// Take only molecules of this type
    #[arg(long, value_name = "TYPE", value_parser = ["swarm", "patrol", "work"])]
    mol_type: Option<String>,
    /// Take only beads whose metadata has this value
    #[arg(long, value_name = "KEY=VALUE", value_parser = parsed(entry))]
    metadata_field: Vec<(String, String)>,
    /// Take only beads whose metadata has this key
    #[arg(long, value_name = "WORD", value_parser = parsed(metadata_key))]
    has_metadata_key: Option<String>,
}

fn metadata_key(key: &str) -> Result<String> {
    bead::metadata_key(key).map(str::to_owned)
}

/// Returns a key of metadata and its value.
fn entry(text: &str) -> Result<(String, String)> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        Fault::invalid(format!("'{text}' is no entry")).hint("write it as KEY=VALUE")
    })?;
    Ok((metadata_key(key)?, value.to_owned()))
}

fn kind(word: &str) -> String {
    bead::issue_type(word).unwrap_or_else(|_| word.to_owned())
}

fn is(field: Field, value: &str) -> Query {
    Query::Is(Comparison::is(field, value))
}

/// Returns labels without the space around them.
fn trimmed(labels: &[String]) -> Vec<String> {
    let labels = labels.iter().map(|it| it.trim().to_owned());
    labels.filter(|it| !it.is_empty()).collect()
}

impl Traits {
    /// Returns a filter for them, whatever the status.
    pub(crate) fn filter(&self) -> Filter {
        let metadata = self.metadata_field.iter();
        let metadata = metadata.map(|(key, value)| is(Field::Metadata(key.clone()), value));
        let key = self.has_metadata_key.iter();
        let key = key.map(|key| is(Field::HasMetadataKey, key));
        let molecule = self.mol_type.iter().map(|it| is(Field::MolType, it));
        Filter {
            priority: self.priority,
            issue_type: self.kind.as_deref().map(kind),
            other_types: self.exclude_type.iter().map(|it| kind(it)).collect(),
            assignee: self.assignee.clone(),
            unassigned: self.unassigned,
            labels: Labels {
                all: trimmed(&self.label),
                any: trimmed(&self.label_any),
                none_of: trimmed(&self.exclude_label),
                ..Labels::default()
            },
            queries: metadata.chain(key).chain(molecule).collect(),
            ..Filter::default()
        }
    }

    /// Returns whether beads of a type are asked for.
    pub(crate) fn has_type(&self) -> bool {
        self.kind.is_some()
    }
}

/// What beads say
#[derive(Debug, clap::Args)]
pub(crate) struct Texts {
    /// Take only beads whose title holds TEXT, in capitals or not
    #[arg(
        long,
        visible_alias = "title-contains",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    title: Option<String>,
    /// Take only beads whose description holds TEXT, for which records are read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    desc_contains: Option<String>,
    /// Take only beads whose notes hold TEXT, for which records are read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    notes_contains: Option<String>,
    /// Take only beads whose name elsewhere holds TEXT, for which records are read
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    external_contains: Option<String>,
    /// Take only beads without a description
    #[arg(long, conflicts_with = "desc_contains")]
    empty_description: bool,
    /// Take only beads whose specification begins with TEXT
    #[arg(long, value_name = "TEXT")]
    spec: Option<String>,
}

impl Texts {
    /// Returns whether a text is looked for.
    pub(crate) fn is_asked(&self) -> bool {
        let texts = [
            &self.title,
            &self.desc_contains,
            &self.notes_contains,
            &self.external_contains,
        ];
        texts.iter().any(|it| it.is_some())
    }

    fn queries(&self) -> impl Iterator<Item = Query> {
        let empty = self.empty_description.then(String::new);
        let spec = self.spec.as_ref().map(|it| format!("{it}*"));
        let all = [
            (Field::Title, self.title.clone()),
            (Field::Description, self.desc_contains.clone()),
            (Field::Notes, self.notes_contains.clone()),
            (Field::ExternalRef, self.external_contains.clone()),
            (Field::Description, empty),
            (Field::Spec, spec),
        ];
        let all = all.into_iter();
        all.filter_map(|(field, text)| Some(is(field, &text?)))
    }
}

/// When something happened to beads: a date, RFC 3339, or an age such as 7d
#[derive(Debug, clap::Args)]
pub(crate) struct Times {
    /// Take only beads made after TIME: a date, RFC 3339, or an age such as 7d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    created_after: Option<String>,
    /// Take only beads made before TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    created_before: Option<String>,
    /// Take only beads that changed after TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    updated_after: Option<String>,
    /// Take only beads that did not change since TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    updated_before: Option<String>,
    /// Take only beads closed after TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    closed_after: Option<String>,
    /// Take only beads closed before TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    closed_before: Option<String>,
    /// Take only beads due after TIME; an age leads into the future
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    due_after: Option<String>,
    /// Take only beads due before TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    due_before: Option<String>,
    /// Take only beads put off until after TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    defer_after: Option<String>,
    /// Take only beads put off until before TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    defer_before: Option<String>,
    /// Take only beads that are due and not closed
    #[arg(long)]
    overdue: bool,
    /// Take only beads that were put off until a time
    #[arg(long)]
    deferred: bool,
}

impl Times {
    fn is_about_closing(&self) -> bool {
        self.closed_after.is_some() || self.closed_before.is_some()
    }

    fn queries(&self, now: Time) -> Result<Vec<Query>> {
        use Field::{Closed, Created, Defer, Due, Updated};
        let all = [
            ("created-after", Created, Op::More, &self.created_after),
            ("created-before", Created, Op::Less, &self.created_before),
            ("updated-after", Updated, Op::More, &self.updated_after),
            ("updated-before", Updated, Op::Less, &self.updated_before),
            ("closed-after", Closed, Op::More, &self.closed_after),
            ("closed-before", Closed, Op::Less, &self.closed_before),
            ("due-after", Due, Op::More, &self.due_after),
            ("due-before", Due, Op::Less, &self.due_before),
            ("defer-after", Defer, Op::More, &self.defer_after),
            ("defer-before", Defer, Op::Less, &self.defer_before),
        ];
        let mut queries = Vec::new();
        for (option, field, op, text) in all {
            let Some(text) = text else { continue };
            let way = match field {
                Due | Defer => Way::Ahead,
                _ => Way::Back,
            };
            let moment =
                Moment::parse(text, way, now).map_err(|fault| of_option(option, &fault))?;
            queries.push(Query::Is(Comparison::time(field, op, moment)));
        }
        if self.overdue {
            let passed = Comparison::time(Due, Op::Less, Moment::at(now));
            queries.extend([Query::Is(passed), is(Closed, "")]);
        }
        if self.deferred {
            queries.push(Query::Not(Box::new(is(Defer, ""))));
        }
        Ok(queries)
    }
}

/// Returns a fault of an option's value.
fn of_option(option: &str, fault: &Fault) -> Fault {
    let text = fault.text();
    let named = Fault::invalid(format!("--{option}: {}", text.message));
    text.hints
        .iter()
        .fold(named, |fault, hint| fault.hint(hint))
}

/// Which beads are meant
#[derive(Debug, clap::Args)]
pub(crate) struct Filters {
    /// Take only beads of this status, of a list with commas, or all
    #[arg(short, long, alias = "state", value_name = "STATUS", value_delimiter = ',', value_parser = parsed(status_filter))]
    status: Vec<String>,
    #[command(flatten)]
    traits: Traits,
    /// Take only beads at least this far from urgent
    #[arg(long, value_name = "N", value_parser = parsed(bead::priority))]
    priority_min: Option<i64>,
    /// Take only beads at most this far from urgent
    #[arg(long, value_name = "N", value_parser = parsed(bead::priority))]
    priority_max: Option<i64>,
    /// Take only children of ID
    #[arg(
        long,
        alias = "filter-parent",
        value_name = "ID",
        conflicts_with = "no_parent"
    )]
    parent: Option<String>,
    /// Take only beads that are children of nothing
    #[arg(long)]
    no_parent: bool,
    /// Take only these beads
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    id: Vec<String>,
    /// Take only beads without labels
    #[arg(long)]
    no_labels: bool,
    /// Take only beads with a label that fits a pattern with * and ?
    #[arg(long, value_name = "PATTERN")]
    label_pattern: Option<String>,
    /// Take only beads with a label in which a regular expression is found
    #[arg(long, value_name = "PATTERN")]
    label_regex: Option<String>,
    /// Take only beads that are pinned
    #[arg(long, conflicts_with = "no_pinned")]
    pinned: bool,
    /// Take only beads that are not pinned
    #[arg(long)]
    no_pinned: bool,
    /// Take only wisps of this type
    #[arg(long, value_name = "TYPE", value_parser = ["heartbeat", "ping", "patrol", "gc_report", "recovery", "error", "escalation"])]
    wisp_type: Option<String>,
    #[command(flatten)]
    pub(crate) texts: Texts,
    #[command(flatten)]
    times: Times,
}

/// What filters mean where a command is given.
pub(crate) struct Scope {
    pub(crate) filter: Filter,
    /// Where the beads are.
    pub(crate) homes: Vec<Home>,
}

impl Filters {
    /// Returns what they mean; what is `shown` is what is shown without being asked for.
    pub(crate) fn scope(&self, cx: &Context, shown: Shown) -> Result<Scope> {
        let (homes, parent) = homes_of(cx, self.parent.as_deref())?;
        let words = self.status.iter().filter(|word| *word != "all");
        words
            .into_iter()
            .try_for_each(|word| known_in(&homes, word))?;
        let mut filter = self.traits.filter();
        let pattern = self.label_regex.as_deref().map(Pattern::parse).transpose();
        filter.labels = Labels {
            none: self.no_labels,
            glob: self.label_pattern.clone(),
            pattern: pattern.map_err(|fault| of_option("label-regex", &fault))?,
            ..filter.labels
        };
        filter.queries.extend(self.texts.queries());
        filter.queries.extend(self.times.queries(cx.world.now())?);
        let wisp = self.wisp_type.iter().map(|it| is(Field::WispType, it));
        filter.queries.extend(wisp);
        let filter = Filter {
            statuses: self.status.clone(),
            shown: Shown {
                closed: shown.closed || self.times.is_about_closing(),
                ..shown
            },
            priorities: (self.priority_min, self.priority_max),
            ids: trimmed(&self.id),
            parent,
            no_parent: self.no_parent,
            pinned: match (self.pinned, self.no_pinned) {
                (false, false) => None,
                (pinned, _) => Some(pinned),
            },
            ..filter
        };
        Ok(Scope { filter, homes })
    }
}

/// Returns where beads are looked for, and the id of the one they are to be below where one was typed: those are
/// where it is.
pub(crate) fn homes_of(cx: &Context, parent: Option<&str>) -> Result<(Vec<Home>, Option<String>)> {
    let Some(typed) = parent else {
        return Ok((cx.homes()?, None));
    };
    let home = cx.home_of(typed)?;
    let id = bead::resolve(&home.view(), home.rig().prefix(), typed)?
        .id()
        .to_owned();
    Ok((vec![home], Some(id)))
}

/// Refuses a status that none of some homes has.
pub(crate) fn known_in(homes: &[Home], status: &str) -> Result<()> {
    let mut known = homes
        .iter()
        .map(|home| bead::check_status(&home.view(), status));
    let first = known.next().map(|it| it.map(drop));
    match first {
        Some(Err(fault)) if !known.any(|it| it.is_ok()) => Err(fault),
        _ => Ok(()),
    }
}

/// In which order
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub(crate) struct Sorting {
    /// Sort by priority, created, updated, closed, status, id, title, type or assignee
    #[arg(long = "sort", value_name = "ORDER", value_parser = parsed(Order::of))]
    by: Option<Order>,
    /// Sort the other way round
    #[arg(short, long)]
    reverse: bool,
}

impl Sorting {
    /// Returns an order that was not typed.
    pub(crate) fn by(order: Order) -> Self {
        Self {
            by: Some(order),
            reverse: false,
        }
    }

    /// Returns the same the other way round.
    pub(crate) fn reversed(self) -> Self {
        Self {
            reverse: !self.reverse,
            ..self
        }
    }

    /// Returns the order, and whether it is turned round.
    pub(crate) fn order(self) -> (Order, bool) {
        (self.by.unwrap_or_default(), self.reverse)
    }
}
