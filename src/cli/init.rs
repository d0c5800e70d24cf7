//! `git gt init`

use serde_json::json;

use super::Context;
use super::reply::Reply;
use crate::fault::Result;
use crate::town::{NewRig, adopt, found};

/// Make the ledgers of this repository, or take over those of its remote
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Begin the ids of new beads with P and a dash
    #[arg(long, short, value_name = "P")]
    prefix: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let offline = adopt(&cx.repo()?)?;
    let repo = cx.repo()?;
    let actor = cx.actor(&repo);
    let founded = found(
        &repo,
        &actor,
        &NewRig {
            name: None,
            prefix: args.prefix.as_deref(),
        },
    )?;
    let rig = &founded.rig;
    let target = rig.target().unwrap_or_default();
    let value = json!({
        "rig": rig.name(), "prefix": rig.prefix(), "target": target, "created": founded.new,
    });
    let what = if founded.new { "made" } else { "found" };
    let text = format!(
        "{what} rig {}: ids begin with {}-, work lands on {}",
        rig.name(),
        rig.prefix(),
        if target.is_empty() {
            "no branch yet"
        } else {
            target
        }
    );
    let mut reply = Reply::new(value, text);
    if let Some(said) = offline {
        reply = reply.note(format!("begun without the remote: {said}"));
    }
    let remote = repo
        .setting("gt.remote")
        .unwrap_or_else(|| "origin".to_owned());
    for refspec in repo.fetches_over(&remote, "refs/gt/")? {
        reply = reply.note(format!(
            "warning: a plain git fetch from {remote} writes over refs/gt/ and with --prune deletes it: \
             '{refspec}'\n  hint: git config remote.{remote}.fetch '+refs/heads/*:refs/remotes/{remote}/*'"
        ));
    }
    let home = cx.home()?;
    for offer in home.offers()? {
        reply = reply.note(format!(
            "{} came from elsewhere and does not run here until it is accepted: git gt config accept",
            offer.id
        ));
    }
    Ok(reply)
}
