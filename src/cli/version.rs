//! `git gt version`

use serde_json::json;

use super::reply::Reply;
use crate::fault::Result;

/// Print the version
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<Reply> {
    let version = env!("CARGO_PKG_VERSION");
    Ok(Reply::new(
        json!({ "version": version }),
        format!("git-gt version {version}"),
    ))
}
