//! `git gt assign`

use super::Context;
use super::beads::parsed;
use super::reply::Reply;
use super::sling::told_handed;
use crate::agent::{self, Handing};
use crate::bead::{self, Draft, Edit, make};
use crate::fault::{Fault, Result};
use crate::mail::{self, Urgency};

/// Make a bead and hang it on the hook of a crew member
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The crew member, by name or address
    #[arg(value_name = "CREW")]
    crew: String,
    /// What is to be done, in a line
    #[arg(value_name = "TITLE", required = true)]
    title: Vec<String>,
    /// Describe what is to be done
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// Set what kind of bead it is: task, bug, feature, chore, …
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = parsed(bead::issue_type))]
    kind: Option<String>,
    /// Set how urgent it is, from 0 to 4 or P0 to P4
    #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
    priority: Option<i64>,
    /// Label it
    #[arg(short, long = "label", value_name = "LABEL", value_delimiter = ',', value_parser = parsed(bead::label))]
    labels: Vec<String>,
    /// Tell the crew member at once
    #[arg(long)]
    nudge: bool,
    /// Give up what hangs there
    #[arg(short, long)]
    force: bool,
    /// Say what would be done and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = cx.home_of_agent(&args.crew)?.one_rig()?;
    let actor = cx.actor(home.repo());
    let rig = home.rig().name();
    let name = agent::crew_name(&home, &args.crew).or_else(|| {
        let below = args.crew.strip_prefix(rig)?;
        below.strip_prefix('/')
    });
    let keeper = agent::crew(&home, name.unwrap_or(&args.crew))?;
    let title = args.title.join(" ");
    if title.starts_with('-') {
        return Err(Fault::invalid(format!("'{title}' looks like an option"))
            .hint("begin the title with a word"));
    }
    let draft = Draft {
        title,
        fields: Edit {
            issue_type: args.kind.clone(),
            priority: args.priority,
            texts: args
                .description
                .iter()
                .map(|it| ("description", it.clone()))
                .collect(),
            add_labels: args.labels.clone(),
            ..Edit::default()
        },
        ..Draft::default()
    };
    let what = Handing {
        force: args.force,
        dry_run: args.dry_run,
        ..Handing::default()
    };
    let handed = agent::hand(&home, &actor, (&keeper, &what), |view, pen| {
        let by = (home.rig().prefix(), actor.as_str());
        make(view, pen, by, &draft).map(|(bead, _)| bead)
    })?;
    let mut reply = {
        let (value, text) = told_handed(&handed, args.dry_run);
        Reply::new(value, text)
    };
    if args.dry_run {
        return Ok(reply);
    }
    if args.nudge {
        let text = format!(
            "{} is on your hook: {}",
            handed.bead.id(),
            handed.bead.title()
        );
        let sent = mail::nudge(&home, &actor, (&keeper.agent, &text), Urgency::Normal);
        if let Err(fault) = sent {
            reply = reply.note(format!("nobody was nudged: {fault}"));
        }
    }
    cx.settle(&home);
    Ok(reply)
}
