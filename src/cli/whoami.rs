//! `git gt whoami`, `git gt role`

use serde_json::json;

use super::Context;
use super::reply::{Reply, columns};
use crate::fault::Result;
use crate::mail;
use crate::town::{Source, role_of, who};

/// Say under which name you act, and why
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Say which role you play, and where you stand
#[derive(Debug, clap::Args)]
pub(crate) struct RoleArgs {}

pub(crate) fn run(cx: &Context, _: &Args) -> Result<Reply> {
    let repo = cx.repo()?;
    let (name, source) = who(&repo, cx.actor.as_deref());
    let source = said(source);
    let inboxes = mail::inboxes(&name);
    let value = json!({
        "actor": name, "role": role_of(&name), "source": source, "inboxes": inboxes,
    });
    let rows = [
        vec!["actor".to_owned(), name, format!("(from {source})")],
        vec!["inboxes".to_owned(), inboxes.join(", "), String::new()],
    ];
    Ok(Reply::new(value, columns(rows)))
}

pub(crate) fn role(cx: &Context, _: &RoleArgs) -> Result<Reply> {
    let home = cx.home()?;
    let (name, source) = who(home.repo(), cx.actor.as_deref());
    let role = role_of(&name);
    let place = home.repo().workdir().unwrap_or(home.repo().root());
    let value = json!({
        "role": role,
        "actor": name,
        "rig": home.rig().name(),
        "town": home.town_root().display().to_string(),
        "path": place.display().to_string(),
        "source": said(source),
    });
    let rows = [
        ("role", role.to_owned()),
        ("actor", name),
        ("rig", home.rig().name().to_owned()),
        ("town", home.town_root().display().to_string()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    Ok(Reply::new(value, columns(rows)))
}

fn said(source: Source) -> &'static str {
    match source {
        Source::Given => "--actor",
        Source::Variable(name) => name,
        Source::Place => "the worktree",
        Source::Git => "user.name",
        Source::Nobody => "nothing",
    }
}
