//! `git gt session run`: the process beside a turn of an agent; started by `sling`, not by people.

use serde_json::json;

use super::Context;
use super::reply::{Reply, print};
use crate::agent;
use crate::fault::Result;

/// Run an agent's session
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run the session of an agent to its end
    Run {
        /// The agent
        #[arg(value_name = "ADDRESS")]
        agent: String,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let Verb::Run { agent } = &args.verb;
    let mut ready = false;
    let ran = cx.home().and_then(|home| {
        agent::run_session(&home, agent, &mut |line| {
            ready = true;
            print(&format!("{line}\n"));
        })
    });
    match ran {
        // Whoever started us reads one line and says it to the user.
        Err(fault) if !ready => Ok(Reply::new(json!(null), fault.to_string())),
        ran => ran.map(|()| Reply::new(json!(null), "")),
    }
}
