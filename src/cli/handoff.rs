//! `git gt handoff` and `git gt resume`

use super::Context;
use super::input;
use super::reply::Reply;
use crate::agent::handoff::{self, BODY_MAX, Whose, Words};
use crate::agent::{self, Hook};
use crate::bead;
use crate::fault::{Fault, Result};
use crate::record::Handoff;
use crate::town::Home;

/// Leave what you know to the session that carries on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what it is about, in a line
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    subject: Option<String>,
    /// Say what comes next
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with = "stdin"
    )]
    message: Option<String>,
    /// Read what comes next from standard input
    #[arg(long)]
    stdin: bool,
    /// The bead it is about; by default the one on your hook
    #[arg(value_name = "BEAD")]
    bead: Option<String>,
}

/// Show the last handoff again
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// The handoff; by default the last one for you
    #[arg(value_name = "HANDOFF")]
    id: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let body = match &args.message {
        Some(message) => message.clone(),
        None if args.stdin => input::said(BODY_MAX)?,
        None => String::new(),
    };
    let bead = match &args.bead {
        Some(typed) => bead::resolve(&home.view(), home.rig().prefix(), typed)?
            .id()
            .to_owned(),
        None => String::new(),
    };
    let words = Words {
        subject: args.subject.clone().unwrap_or_default(),
        body,
        bead,
    };
    let written = handoff::hand_over(&home, &cx.actor(home.repo()), &words)?;
    cx.settle(&home);
    let mut text = format!("{} is what your successor will see:\n\n", written.id());
    text.push_str(&handoff::render(&written));
    Ok(Reply::new(handoff::as_json(&written), text).note(next(&home, &written)?))
}

/// Returns how the successor comes into being.
fn next(home: &Home, written: &Handoff) -> Result<String> {
    let hook: Option<Hook> = agent::mine(home).ok();
    let headless = !home
        .world()
        .env("GT_SESSION")
        .unwrap_or_default()
        .is_empty();
    Ok(match hook {
        Some(_) if headless => {
            "end your turn now: the next session is started when this one has ended".to_owned()
        }
        Some(hook) if hook.is_polecat() => {
            format!("to start the next session: git gt sling {}", hook.bead)
        }
        _ => format!(
            "the next session of {} gets it from git gt prime",
            written.from()
        ),
    })
}

/// Returns for whom whoever asks carries on.
pub(crate) fn whose(cx: &Context, home: &Home) -> Whose {
    match agent::mine(home) {
        Ok(hook) => Whose {
            agent: hook.agent,
            bead: hook.bead,
        },
        Err(_) => Whose {
            agent: cx.actor(home.repo()),
            bead: String::new(),
        },
    }
}

pub(crate) fn resume(cx: &Context, args: &Resume) -> Result<Reply> {
    let home = cx.home()?;
    let found = match &args.id {
        Some(id) => home.of_bead(id)?.view().handoff(id)?.ok_or_else(|| {
            Fault::not_found(format!("there is no handoff '{id}'"))
                .hint("git gt resume shows the last one for you")
        })?,
        None => {
            let whose = whose(cx, &home);
            handoff::last(&home, &whose)?.ok_or_else(|| {
                Fault::not_found(format!("nothing was handed over to {}", whose.agent))
                    .hint("git gt handoff -m \"what comes next\" leaves something")
            })?
        }
    };
    Ok(Reply::new(
        handoff::as_json(&found),
        handoff::render(&found),
    ))
}
