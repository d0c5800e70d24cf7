//! Fields that the commands which make and change beads set alike.

use serde_json::Value;

use super::beads::parsed;
use super::{Context, input};
use crate::bead::{self, Edit, when};
use crate::fault::{Fault, Result};

/// Fields that `create` and `update` set alike.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Fields {
    /// Set what kind of bead it is: task, bug, feature, epic, chore, … or one of the project's own
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parsed(bead::issue_type))]
    kind: Option<String>,
    /// Set how urgent it is, from 0 to 4 or P0 to P4
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority), allow_hyphen_values = true)]
    priority: Option<i64>,
    /// Describe what is to be done
    #[arg(short, long, visible_aliases = ["body", "message"], short_alias = 'm', value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) description: Option<String>,
    /// Read the description from FILE, - for standard input
    #[arg(
        long,
        alias = "description-file",
        value_name = "FILE",
        conflicts_with = "description"
    )]
    body_file: Option<String>,
    /// Read the description from standard input
    #[arg(long, conflicts_with_all = ["description", "body_file"])]
    stdin: bool,
    /// Assign it to WHO on paper; an empty name assigns it to nobody
    #[arg(short, long, value_name = "WHO")]
    assignee: Option<String>,
    /// Say how it is to be built
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    design: Option<String>,
    /// Read how it is to be built from FILE, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "design")]
    design_file: Option<String>,
    /// Say when it is done
    #[arg(
        long,
        alias = "acceptance-criteria",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    acceptance: Option<String>,
    /// Keep notes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    notes: Option<String>,
    /// Add a paragraph to the notes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append_notes: Option<String>,
    /// Name what it is elsewhere, as gh-9
    #[arg(long, value_name = "REF")]
    external_ref: Option<String>,
    /// Name the specification it is about
    #[arg(long, value_name = "REF")]
    spec_id: Option<String>,
    /// Estimate it in minutes
    #[arg(short, long, value_name = "MINUTES", value_parser = clap::value_parser!(i64).range(0..))]
    estimate: Option<i64>,
    /// Say when it is due: RFC 3339, a date, +2h, +1d, tomorrow, friday, …; days begin in UTC
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    due: Option<String>,
    /// Put it off until TIME; an empty TIME means now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    defer: Option<String>,
    /// Merge a JSON object, or that of the file in @FILE, into the metadata
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// Say that its history is of no use to anybody
    #[arg(long)]
    no_history: bool,
}

impl Fields {
    /// Returns fields of which only these are set.
    pub(crate) fn of(
        kind: Option<String>,
        priority: Option<i64>,
        description: Option<String>,
    ) -> Self {
        Self {
            kind,
            priority,
            description,
            ..Self::default()
        }
    }

    /// Returns what was asked for as an edit; reads the files that are named.
    pub(crate) fn edit(&self, cx: &Context) -> Result<Edit> {
        let now = cx.world.now();
        let time = |text: &Option<String>| text.as_deref().map(|it| when(it, now)).transpose();
        let texts = [
            ("description", self.described(cx)?),
            ("design", text_or_file(cx, &self.design, &self.design_file)?),
            ("acceptance_criteria", self.acceptance.clone()),
            ("notes", self.notes.clone()),
            ("external_ref", self.external_ref.clone()),
            ("spec_id", self.spec_id.clone()),
            ("due_at", time(&self.due)?),
        ];
        let texts = texts.into_iter();
        Ok(Edit {
            priority: self.priority,
            issue_type: self.kind.clone(),
            assignee: self.assignee.clone(),
            texts: texts
                .filter_map(|(field, text)| Some((field, text?)))
                .collect(),
            append_notes: self.append_notes.clone(),
            estimate: self.estimate,
            defer: time(&self.defer)?,
            metadata: match &self.metadata {
                Some(text) => metadata(cx, text)?,
                None => Vec::new(),
            },
            flags: self
                .no_history
                .then_some(("no_history", true))
                .into_iter()
                .collect(),
            ..Edit::default()
        })
    }

    fn described(&self, cx: &Context) -> Result<Option<String>> {
        let file = match self.stdin {
            true => Some("-".to_owned()),
            false => self.body_file.clone(),
        };
        text_or_file(cx, &self.description, &file)
    }
}

/// Returns the text that was given, else that of the file that was named.
pub(crate) fn text_or_file(
    cx: &Context,
    text: &Option<String>,
    file: &Option<String>,
) -> Result<Option<String>> {
    match file {
        Some(file) => input::text(cx, file).map(|it| Some(it.trim_end().to_owned())),
        None => Ok(text.clone()),
    }
}

/// Returns a JSON object that `--metadata` gave, or the file it names.
fn metadata(cx: &Context, text: &str) -> Result<Vec<(String, Option<Value>)>> {
    let read = text.strip_prefix('@').map(|file| input::text(cx, file));
    let text = read.transpose()?.unwrap_or_else(|| text.to_owned());
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect()),
        _ => Err(Fault::invalid("metadata is a JSON object")
            .hint("--metadata '{\"key\": \"value\"}', or --metadata @FILE")),
    }
}
