//! `git gt mq`

mod attempt;
mod change;
mod freeze;
mod gc;
mod list;
mod log;
mod review;
mod show;
mod submit;
mod why;

use serde_json::Value;

use super::Context;
use super::integration;
use super::reply::Reply;
use crate::fault::Result;
use crate::ledger::Time;
use crate::mq;
use crate::record::{Class, Request};
use crate::town::{Home, View};

pub(crate) use show::from_anywhere;

/// See and change the merge queue
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Queue a branch
    Submit(submit::Args),
    /// List what waits to land, in order
    List(list::Args),
    /// Show what lands next
    Next(list::Next),
    /// Show one merge request with its gate runs
    #[command(visible_alias = "show")]
    Status {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Show what a merge request landed or failed by, or what it waits for
    Why {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Run the gates on the target with one merge request, and land nothing
    Try {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Say that a merge request may land
    Approve(review::Approve),
    /// Take an approval back
    Unapprove {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Queue a finished merge request again as it is
    Retry {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
    },
    /// Take a merge request out of the queue
    Reject {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
        /// Why
        #[arg(long, short, value_name = "TEXT", required = true)]
        reason: String,
    },
    /// Take your own merge request back
    Cancel {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
        /// Why
        #[arg(
            long,
            short,
            value_name = "TEXT",
            default_value = "",
            hide_default_value = true
        )]
        reason: String,
    },
    /// Make a merge request more urgent, or less
    Priority {
        /// Its id, its branch or its bead
        #[arg(value_name = "REQUEST")]
        request: String,
        /// hotfix, which goes before everything, or 0 (most urgent) to 4
        #[arg(value_name = "CLASS", value_parser = class)]
        class: Class,
    },
    /// Let merge requests land together or not at all
    Rollup(change::Rollup),
    /// Let nothing land on a branch, or only what is urgent
    Freeze(freeze::Freeze),
    /// Let work land on a branch again
    Thaw {
        /// The branch, instead of the rig's target
        #[arg(long, value_name = "BRANCH")]
        target: Option<String>,
    },
    /// Make, see and land the integration branches of epics
    Integration {
        #[command(subcommand)]
        verb: integration::Verb,
    },
    /// Show what was decided about the queue, newest first
    Log(log::Args),
    /// Put away what is kept for merge requests that are finished
    Gc {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Reads how urgent something is.
fn class(text: &str) -> Result<Class, String> {
    Class::parse(text).ok_or_else(|| "use hotfix, or a number from 0 (most urgent) to 4".to_owned())
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Verb::Submit(args) => submit::run(cx, args),
        Verb::List(args) => list::run(cx, args),
        Verb::Next(args) => list::next(cx, args),
        Verb::Status { request } => show::run(cx, &cx.home_of(request)?, request),
        Verb::Why { request } => why::run(cx, &cx.home_of(request)?, request),
        Verb::Try { request } => attempt::run(cx, request),
        Verb::Approve(args) => review::approve(cx, args),
        Verb::Unapprove { request } => review::unapprove(cx, request),
        Verb::Retry { request } => change::retry(cx, request),
        Verb::Reject { request, reason } => change::reject(cx, request, reason),
        Verb::Cancel { request, reason } => change::cancel(cx, request, reason),
        Verb::Priority { request, class } => change::prioritize(cx, request, *class),
        Verb::Rollup(args) => change::rollup(cx, args),
        Verb::Freeze(args) => freeze::freeze(cx, args),
        Verb::Thaw { target } => freeze::thaw(cx, target.as_deref()),
        Verb::Integration { verb } => integration::run(cx, verb),
        Verb::Log(args) => log::run(cx, args),
        Verb::Gc { dry_run } => gc::run(cx, *dry_run),
    }
}

/// Returns the homes that a command looks at: the rig that was named, as Gas Town does, else those of every
/// command.
fn homes(cx: &Context, rig: Option<&str>) -> Result<Vec<Home>> {
    match rig {
        Some(rig) => Ok(vec![cx.home()?.at_rig(rig)?]),
        None => cx.homes(),
    }
}

/// Returns the id of the request that was typed: as `mq` reads it, else by a part of its bead's id.
fn meant(home: &Home, typed: &str) -> Result<String> {
    let view = home.view();
    let found = mq::resolve(&view, typed).or_else(|fault| {
        let bead = crate::bead::resolve(&view, home.rig().prefix(), typed);
        bead.map_or(Err(fault), |bead| mq::resolve(&view, bead.id()))
    });
    Ok(found?.id().to_owned())
}

/// Returns the line of a branch, nothing where no request stands in one.
fn line_of(view: &View<'_>, request: &Request, now: Time) -> Result<Option<mq::Line>> {
    match request.is_live() {
        true => mq::line(view, request.rig(), request.target(), now).map(Some),
        false => Ok(None),
    }
}

/// Returns a request as every verb prints it.
fn as_json(view: &View<'_>, request: &Request, held: Option<&mq::Held>) -> Result<Value> {
    let runs = show::attempts(&view.results_of(request.id())?, request);
    let mut value = mq::as_json(request, runs.len());
    value["approvals"] = mq::approved(view, request)?.by.into();
    if let Some(held) = held {
        value["status"] = "held".into();
        value["reason"] = held.to_string().into();
        value["held"] = held.as_json();
    }
    Ok(value)
}

/// Returns what became of a request that was changed.
fn told(cx: &Context, home: &Home, request: &Request, said: &str) -> Result<Reply> {
    let view = home.view();
    let line = line_of(&view, request, cx.world.now())?;
    let held = line.as_ref().and_then(|line| line.held(request.id()));
    let value = as_json(&view, request, held)?;
    let text = format!("{} ({}) {said}", request.id(), request.branch());
    let reply = Reply::new(value, text);
    Ok(match held {
        Some(why) => reply.note(format!("it is held: it {why}")),
        None => reply,
    })
}

fn title(view: &View<'_>, bead: &str) -> Result<String> {
    Ok(view
        .readable_bead(bead)?
        .map(|bead| bead.title().to_owned())
        .unwrap_or_default())
}
