//! `git gt types`, `git gt statuses`

use serde_json::{Value, json};

use super::Context;
use super::beads::{status_sign, status_style};
use super::draw::{Cell, Drawing, FAINT, Look, STRONG};
use super::reply::Reply;
use crate::bead::{custom_statuses, custom_types};
use crate::fault::Result;

/// Types of beads that people use for their work, and what they mean.
const TYPES: [(&str, &str); 9] = [
    ("task", "General work item (default)"),
    ("bug", "Something that does not work as it should"),
    ("feature", "Something new, or something made better"),
    ("chore", "Upkeep that nobody sees from outside"),
    ("epic", "A large piece of work, with others below it"),
    ("decision", "A decision about how things are built, and why"),
    (
        "spike",
        "A look at something for a limited time, to know more",
    ),
    ("story", "What somebody wants to do, as they would tell it"),
    ("milestone", "A point that is reached when others are done"),
];

/// Statuses that everybody has: the word, what it means for lists, what it says.
const STATUSES: [(&str, &str, &str); 7] = [
    ("open", "active", "Can be worked on (default)"),
    ("in_progress", "wip", "Somebody works on it"),
    ("blocked", "wip", "Waits for something else"),
    ("deferred", "frozen", "Put off until later"),
    ("closed", "done", "Finished, or never to be done"),
    ("pinned", "frozen", "Stays open for good"),
    ("hooked", "wip", "Hangs on an agent's hook"),
];

/// List the types that beads can be of
#[derive(Debug, clap::Args)]
pub(crate) struct Types {
    #[command(flatten)]
    look: Look,
}

/// List the statuses that beads can have
#[derive(Debug, clap::Args)]
pub(crate) struct Statuses {
    #[command(flatten)]
    look: Look,
}

/// `git gt types`
pub(crate) fn types(cx: &Context, args: &Types) -> Result<Reply> {
    let home = cx.home()?;
    let own = custom_types(&home.view())?;
    let core = TYPES.map(|(name, description)| json!({ "name": name, "description": description }));
    let mut value = json!({ "core_types": core, "schema_version": 1 });
    let mut drawing =
        Drawing::table(TYPES.map(|(name, means)| vec![name.into(), Cell::new(means, FAINT)]));
    if !own.is_empty() {
        heading(&mut drawing, "OF THIS PROJECT");
        drawing.add_table(own.iter().map(|name| vec![name.as_str().into()]));
        value["custom_types"] = own.into();
    }
    Ok(Reply::new(value, "").drawn(drawing, args.look))
}

/// `git gt statuses`
pub(crate) fn statuses(cx: &Context, args: &Statuses) -> Result<Reply> {
    let home = cx.home()?;
    let own = custom_statuses(&home.view())?;
    let core = STATUSES.map(|(name, category, description)| {
        json!({
            "name": name, "category": category, "icon": status_sign(name), "description": description,
        })
    });
    let mut value = json!({ "built_in_statuses": core, "schema_version": 1 });
    let row = |name: &str, category: &str, means: &str| {
        vec![
            Cell::new(status_sign(name), status_style(name)),
            Cell::new(name, status_style(name)),
            category.into(),
            Cell::new(means, FAINT),
        ]
    };
    let mut drawing =
        Drawing::table(STATUSES.map(|(name, category, means)| row(name, category, means)));
    if !own.is_empty() {
        heading(&mut drawing, "OF THIS PROJECT");
        let category =
            |it: &crate::bead::CustomStatus| it.category.map_or("unspecified", |it| it.word());
        drawing.add_table(own.iter().map(|it| row(&it.name, category(it), "")));
        let shown = own
            .iter()
            .map(|it| json!({ "name": it.name, "category": category(it) }));
        value["custom_statuses"] = Value::Array(shown.collect());
    }
    Ok(Reply::new(value, "").drawn(drawing, args.look))
}

fn heading(drawing: &mut Drawing, text: &str) {
    drawing.add_text("\n", FAINT);
    drawing.add_text(text, STRONG);
}
