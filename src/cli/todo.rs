//! `git gt todo`

use super::filters::Sorting;
use super::layout::Layout;
use super::listing::{Wanted, listed};
use super::reply::Reply;
use super::{Context, beads::parsed, close, create};
use crate::bead::{self, Filter, Shown};
use crate::fault::Result;

/// Keep a list of small things to do, which are tasks
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add a task
    Add {
        /// What is to be done, in a line
        #[arg(value_name = "TITLE", required = true)]
        title: Vec<String>,
        /// Set how urgent it is, from 0 to 4 or P0 to P4
        #[arg(short, long, value_name = "N", value_parser = parsed(bead::priority))]
        priority: Option<i64>,
        /// Describe what is to be done
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        description: Option<String>,
    },
    /// List the tasks that are not closed, which happens without a verb, too
    List {
        /// List closed ones, too
        #[arg(long)]
        all: bool,
    },
    /// Close tasks
    Done {
        /// The tasks
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// Say how it went
        #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
        reason: Option<String>,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match &args.verb {
        Some(Verb::Add {
            title,
            priority,
            description,
        }) => {
            let args = create::Args::todo(title.join(" "), *priority, description.clone());
            create::run(cx, &args)
        }
        Some(Verb::Done { ids, reason }) => {
            let reason = reason.as_deref().unwrap_or("Completed");
            close::run(cx, &close::Args::of(ids, Some(reason)))
        }
        Some(Verb::List { all }) => list(cx, *all),
        None => list(cx, false),
    }
}

fn list(cx: &Context, all: bool) -> Result<Reply> {
    let filter = Filter {
        shown: Shown {
            closed: all,
            ..Shown::default()
        },
        issue_type: Some("task".to_owned()),
        ..Filter::default()
    };
    let wanted = Wanted {
        filter: &filter,
        sorting: Sorting::default(),
        limit: 0,
    };
    listed(cx, &cx.homes()?, &wanted, Layout::default(), |_, _| {
        Ok(true)
    })
}
