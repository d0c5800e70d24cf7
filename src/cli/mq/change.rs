//! `git gt mq retry`, `reject`, `cancel`, `priority`, `rollup`: what people do to requests.

use serde_json::{Value, json};

use super::{Context, as_json, meant, told};
use crate::cli::reply::Reply;
use crate::fault::Result;
use crate::mq;
use crate::record::{Class, Request};
use crate::town::{Home, refuse_worker};

/// What lands together.
#[derive(Debug, clap::Args)]
pub(super) struct Rollup {
    /// The requests, by their ids, branches or beads
    #[arg(value_name = "REQUEST", required = true)]
    requests: Vec<String>,
    /// Call the group NAME, or add the requests to it
    #[arg(long, value_name = "GROUP")]
    name: Option<String>,
    /// Take groups apart instead, each by its name or a request in it
    #[arg(long, conflicts_with = "name")]
    undo: bool,
}

/// Changes a request and says what became of it. What has landed meanwhile is seen first.
fn changed(
    cx: &Context,
    typed: &str,
    said: &str,
    change: impl Fn(&Home, &str, &str) -> Result<Request>,
) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    cx.settle(&home);
    let request = change(&home, &cx.actor(home.repo()), &meant(&home, typed)?)?;
    cx.settle(&home);
    told(cx, &home, &request, said)
}

pub(super) fn retry(cx: &Context, typed: &str) -> Result<Reply> {
    changed(cx, typed, "waits in the queue again", mq::retry)
}

pub(super) fn reject(cx: &Context, typed: &str, reason: &str) -> Result<Reply> {
    let said = "is out of the queue; its commits stay";
    changed(cx, typed, said, |home, actor, id| {
        mq::reject(home, actor, id, reason)
    })
}

pub(super) fn cancel(cx: &Context, typed: &str, reason: &str) -> Result<Reply> {
    let said = "is taken back; its commits stay";
    changed(cx, typed, said, |home, actor, id| {
        mq::cancel(home, actor, id, reason)
    })
}

pub(super) fn prioritize(cx: &Context, typed: &str, class: Class) -> Result<Reply> {
    let said = match class {
        Class::Hotfix => "goes before everything that is no hotfix".to_owned(),
        class => format!("has priority {class}"),
    };
    changed(cx, typed, &said, |home, actor, id| {
        if class == Class::Hotfix {
            refuse_worker(home.world(), "put work before everybody's")?;
        }
        mq::prioritize(home, actor, id, class)
    })
}

pub(super) fn rollup(cx: &Context, args: &Rollup) -> Result<Reply> {
    let home = cx.home_of(&args.requests[0])?;
    cx.settle(&home);
    let actor = cx.actor(home.repo());
    let (requests, said) = if args.undo {
        let is_group = |typed: &str| Ok(!home.view().requests_in(typed)?.is_empty());
        let typed = args.requests.iter().map(|typed| match is_group(typed) {
            Ok(false) => meant(&home, typed),
            found => found.map(|_| typed.clone()),
        });
        let typed = typed.collect::<Result<Vec<String>>>()?;
        let requests = mq::take_apart(&home, &actor, &typed)?;
        (requests, "each land by themselves".to_owned())
    } else {
        let ids = args.requests.iter().map(|typed| meant(&home, typed));
        let ids = ids.collect::<Result<Vec<String>>>()?;
        let fresh = || format!("rollup-{}", home.world().random_base36(5));
        let group = args.name.clone().unwrap_or_else(fresh);
        let requests = mq::rollup(&home, &actor, &group, &ids)?;
        let said = format!("land together or not at all, as group {group}");
        (requests, said)
    };
    let view = home.view();
    let values = requests.iter().map(|it| as_json(&view, it, None));
    let values: Vec<Value> = values.collect::<Result<_>>()?;
    let ids: Vec<&str> = requests.iter().map(Request::id).collect();
    Ok(Reply::new(
        json!(values),
        format!("{} {said}", ids.join(" ")),
    ))
}
