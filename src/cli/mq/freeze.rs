//! `git gt mq freeze` and `thaw`.

use serde_json::{Value, json};

use super::{Context, class};
use crate::bead::{Moment, Way};
use crate::cli::reply::Reply;
use crate::fault::{Fault, Result};
use crate::mq::{self, Freezing};
use crate::record::{self, Class};
use crate::town::{Home, Target};

/// What is frozen, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Freeze {
    /// The branch, instead of the rig's target
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// Let it end by itself at TIME: a date, RFC 3339, or how long from now, such as 2h
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Land what is as urgent as CLASS all the same: hotfix, or 0 to 4
    #[arg(long, value_name = "CLASS", value_parser = class)]
    allow: Option<Class>,
    /// Why
    #[arg(long, short, value_name = "TEXT", required = true)]
    reason: String,
}

/// Returns a freeze as it is printed.
pub(super) fn as_json(freeze: &record::Freeze) -> Value {
    json!({
        "target": freeze.target(),
        "frozen": freeze.is_live(),
        "by": freeze.by(),
        "reason": freeze.reason(),
        "since": freeze.since().to_string(),
        "until": freeze.until().map(|it| it.to_string()),
        "allow": freeze.allows().map(|it| it.to_string()),
    })
}

/// Returns what people are told of a freeze.
pub(super) fn as_text(freeze: &record::Freeze) -> String {
    let until = freeze.until().map(|it| format!(" until {it}"));
    let but = freeze.allows().map(|it| match it {
        Class::Hotfix => " but for hotfixes".to_owned(),
        class => format!(" but for {class} and what is more urgent"),
    });
    format!(
        "{} is frozen by {}{}{}: {}",
        freeze.target(),
        freeze.by(),
        until.unwrap_or_default(),
        but.unwrap_or_default(),
        freeze.reason()
    )
}

pub(super) fn freeze(cx: &Context, args: &Freeze) -> Result<Reply> {
    let home = cx.home()?.one_rig()?;
    let target = home.target(args.target.as_deref())?;
    if args.target.is_some() {
        refuse_unknown(&home, &target)?;
    }
    let target = target.branch;
    let now = cx.world.now();
    let until = args.until.as_deref();
    let until = until
        .map(|text| Moment::parse(text, Way::Ahead, now))
        .transpose()?;
    let until = until.map(|it| it.time());
    if until.is_some_and(|until| until <= now) {
        return Err(Fault::invalid("that is over already").hint("--until 2h is two hours from now"));
    }
    let what = Freezing {
        target: &target,
        reason: &args.reason,
        until,
        allow: args.allow,
    };
    let freeze = mq::freeze(&home, &cx.actor(home.repo()), &what)?;
    cx.settle(&home);
    Ok(Reply::new(as_json(&freeze), as_text(&freeze)))
}

/// Refuses a branch that is not there: what was mistyped would leave the one that was meant open.
fn refuse_unknown(home: &Home, target: &Target) -> Result<()> {
    if home.known_tip(target)?.is_some() {
        return Ok(());
    }
    home.fresh_tip(target).map(drop).map_err(|fault| match fault {
        Fault::NotFound(text) => {
            let hint = "to freeze it from its first commit on, make it first; git branch --all lists them";
            Fault::not_found(text.message).hint(hint)
        }
        fault => fault,
    })
}

pub(super) fn thaw(cx: &Context, target: Option<&str>) -> Result<Reply> {
    let home = cx.home()?.one_rig()?;
    let target = home.target(target)?.branch;
    let thawed = mq::thaw(&home, &cx.actor(home.repo()), &target)?;
    cx.settle(&home);
    let value = json!({ "target": target, "frozen": false, "changed": thawed.is_some() });
    let said = match thawed {
        Some(_) => format!("{target} is thawed"),
        None => format!("{target} was not frozen"),
    };
    Ok(Reply::new(value, said))
}
