//! `git gt nudge`

use super::Context;
use super::mail::{Body, told};
use super::reply::Reply;
use crate::fault::Result;
use crate::mail::{self, Urgency};

/// Tell somebody something short that is of no use after a while
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who it is for
    #[arg(value_name = "ADDR")]
    to: String,
    /// What to say
    #[arg(
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        required_unless_present_any = ["message", "stdin"],
        conflicts_with_all = ["message", "stdin"]
    )]
    said: Option<String>,
    #[command(flatten)]
    body: Body,
    /// Say that it is not to be missed, and keep it for two hours instead of half an hour
    #[arg(long)]
    urgent: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home()?;
    let urgency = if args.urgent {
        Urgency::Urgent
    } else {
        Urgency::Normal
    };
    let actor = cx.actor(home.repo());
    let text = match &args.said {
        Some(text) => text.clone(),
        None => args.body.text()?,
    };
    let sent = mail::nudge(&home, &actor, (&args.to, &text), urgency)?;
    cx.settle(&home);
    Ok(told(&sent))
}
