//! `git gt count`

use serde_json::{Value, json};

use super::Context;
use super::beads::object;
use super::filters::Filters;
use super::reply::{Reply, columns};
use crate::bead::{Beads, Groups, Shown, Trait};
use crate::fault::Result;

/// Count beads, closed ones too
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    by: By,
}

/// What beads are counted by
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct By {
    /// Count them by status
    #[arg(long)]
    by_status: bool,
    /// Count them by priority
    #[arg(long)]
    by_priority: bool,
    /// Count them by type
    #[arg(long)]
    by_type: bool,
    /// Count them by who holds them or is assigned to them
    #[arg(long)]
    by_assignee: bool,
    /// Count them by label; one with several counts for each of them
    #[arg(long)]
    by_label: bool,
}

impl By {
    fn asked(&self) -> Option<Trait> {
        let all = [
            (self.by_status, Trait::Status),
            (self.by_priority, Trait::Priority),
            (self.by_type, Trait::Type),
            (self.by_assignee, Trait::Assignee),
            (self.by_label, Trait::Label),
        ];
        all.into_iter().find(|(asked, _)| *asked).map(|it| it.1)
    }
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let scope = args.filters.scope(cx, Shown::ALL)?;
    let mut groups = Groups::by(args.by.asked());
    for home in &scope.homes {
        let view = home.view();
        let found = Beads::of(&view).fitting(&scope.filter, usize::MAX, &|_| Ok(true))?;
        found.iter().for_each(|row| groups.add(row));
    }
    let total = groups.total();
    let Some(counts) = groups.counts() else {
        let value = json!({ "count": total, "schema_version": 1 });
        return Ok(Reply::new(value, total.to_string()));
    };
    let element = |(group, count): (&String, &usize)| json!({ "group": group, "count": count });
    let mut value = serde_json::Map::new();
    value.insert("total".to_owned(), total.into());
    let elements: Vec<Value> = counts.iter().map(element).collect();
    value.insert("groups".to_owned(), elements.into());
    let lines = counts
        .iter()
        .map(|(group, count)| vec![group.clone(), count.to_string()]);
    let text = format!("Total: {total}\n{}", columns(lines));
    Ok(Reply::new(object(value), text))
}
