//! `git gt mq approve` and `unapprove`.

use super::{Context, meant, told};
use crate::cli::reply::Reply;
use crate::fault::Result;
use crate::mq;

/// What is approved.
#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// Its id, its branch or its bead
    #[arg(value_name = "REQUEST")]
    request: String,
    /// Approve it only if COMMIT, its first digits at least, is what is queued
    #[arg(long, value_name = "COMMIT", conflicts_with = "delegate")]
    commit: Option<String>,
    /// Let WHO approve it in your stead, instead of approving it
    #[arg(long, value_name = "WHO")]
    delegate: Option<String>,
}

pub(super) fn approve(cx: &Context, args: &Approve) -> Result<Reply> {
    let home = cx.home_of(&args.request)?;
    let (actor, id) = (cx.actor(home.repo()), meant(&home, &args.request)?);
    let (request, said) = match &args.delegate {
        Some(to) => {
            let request = mq::delegate(&home, &actor, &id, to)?;
            (request, format!("may be approved by {to}"))
        }
        None => {
            let request = mq::approve(&home, &actor, &id, args.commit.as_deref())?;
            (request, format!("is approved by {actor}"))
        }
    };
    cx.settle(&home);
    told(cx, &home, &request, &said)
}

pub(super) fn unapprove(cx: &Context, typed: &str) -> Result<Reply> {
    let home = cx.home_of(typed)?;
    let actor = cx.actor(home.repo());
    let request = mq::unapprove(&home, &actor, &meant(&home, typed)?)?;
    cx.settle(&home);
    told(cx, &home, &request, "is not approved by you any more")
}
