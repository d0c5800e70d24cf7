//! `git gt mq integration`

use serde_json::{Value, json};

use super::Context;
use super::reply::{Reply, printable};
use crate::bead::resolve;
use crate::daemon::{Landing, Standing, Wish, create, land, standing};
use crate::fault::Result;
use crate::record::Request;
use crate::town::Home;
use crate::{mq, refinery};

/// How many beads or requests are shown.
const SHOWN_MAX: usize = 50;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Make a branch on which the work below an epic lands
    Create {
        /// The epic
        #[arg(value_name = "BEAD")]
        epic: String,
        /// Call it BRANCH
        #[arg(long, value_name = "BRANCH")]
        branch: Option<String>,
        /// Start from BRANCH, on which the epic is to land as a whole
        #[arg(long, visible_alias = "base-branch", value_name = "BRANCH")]
        base: Option<String>,
        /// Take a branch that has commits of its own; give the epic another one than it has
        #[arg(long)]
        force: bool,
    },
    /// Show how far the integration branch of an epic is
    Status {
        /// The epic
        #[arg(value_name = "BEAD")]
        epic: String,
    },
    /// Queue the integration branch of an epic, to land as a whole
    Land {
        /// The epic
        #[arg(value_name = "BEAD")]
        epic: String,
        /// Land what is there although the epic is not finished; it stays open
        #[arg(long)]
        force: bool,
        /// Say what would be done and do nothing
        #[arg(long, short = 'n')]
        dry_run: bool,
    },
}

impl Verb {
    /// Returns the epic that was typed.
    fn epic(&self) -> &str {
        match self {
            Self::Create { epic, .. } | Self::Status { epic } | Self::Land { epic, .. } => epic,
        }
    }
}

pub(crate) fn run(cx: &Context, verb: &Verb) -> Result<Reply> {
    let home = cx.home_of(verb.epic())?;
    let epic = resolve(&home.view(), home.rig().prefix(), verb.epic())?;
    let (id, actor) = (epic.id(), cx.actor(home.repo()));
    match verb {
        Verb::Create {
            branch,
            base,
            force,
            ..
        } => {
            let wish = Wish {
                branch: branch.clone(),
                base: base.clone(),
                force: *force,
            };
            let made = create(&home, &actor, id, &wish)?;
            cx.settle(&home);
            let it = &made.integration;
            let value = json!({
                "epic": id, "branch": it.branch, "base": it.base,
                "commit": made.tip.to_string(), "existed": made.existed,
            });
            let text = format!(
                "work below {id} lands on {}, and that on {}\n",
                it.branch, it.base
            );
            Ok(Reply::new(value, printable(&text)))
        }
        Verb::Status { .. } => {
            let found = standing(&home, id)?;
            Ok(Reply::new(as_json(&found), printable(&told(&found))))
        }
        Verb::Land { force, dry_run, .. } => {
            // What has landed meanwhile is known first.
            cx.settle(&home);
            let landing = land(&home, &actor, id, (*force, *dry_run))?;
            cx.settle(&home);
            Ok(landed(&home, &landing))
        }
    }
}

fn landed(home: &Home, (standing, landing): &(Standing, Landing)) -> Reply {
    let mut value = as_json(standing);
    let it = &standing.integration;
    let (word, text) = match landing {
        Landing::Queued(submitted) => {
            let request = &submitted.request;
            value["landing"] = mq::as_json(request, 0);
            let said = if submitted.new {
                "is queued"
            } else {
                "was queued before"
            };
            let text = format!("{} ({} for {}) {said}", request.id(), it.branch, it.base);
            ("queued", text)
        }
        Landing::Planned => {
            let text = format!(
                "would queue {} with {} commits for {}",
                it.branch, standing.ahead, it.base
            );
            ("planned", text)
        }
        Landing::Landed(removed) => {
            let gone = if *removed {
                "; its branch is removed"
            } else {
                ""
            };
            (
                "landed",
                format!("{} has landed on {}{gone}", it.epic, it.base),
            )
        }
    };
    value["result"] = word.into();
    let reply = Reply::new(value, printable(&format!("{text}\n")));
    match landing {
        Landing::Queued(_) if !refinery::is_running(home) => {
            reply.note("nobody runs the queue now: git gt refinery run")
        }
        _ => reply,
    }
}

fn as_json(standing: &Standing) -> Value {
    let it = &standing.integration;
    let open = standing.open.iter();
    let open: Vec<Value> = open
        .map(|it| json!({ "id": it.id(), "title": it.title(), "status": it.status() }))
        .collect();
    let request = |it: &Request| mq::as_json(it, 0);
    json!({
        "epic": it.epic,
        "title": standing.epic.title(),
        "branch": it.branch,
        "base": it.base,
        "commit": standing.tip.map(|it| it.to_string()),
        "ahead": standing.ahead,
        "behind": standing.behind,
        "beads": standing.total,
        "open": open,
        "waiting": standing.waiting.iter().map(request).collect::<Vec<_>>(),
        "landing": standing.landing.as_ref().map(request),
        "landed": standing.has_landed(),
        "ready": standing.ahead > 0 && standing.obstacles().is_empty(),
    })
}

fn told(standing: &Standing) -> String {
    let it = &standing.integration;
    let mut text = format!("{} {}\n", it.epic, standing.epic.title());
    text.push_str(&match standing.tip {
        Some(tip) => format!("  branch  {} at {tip}\n", it.branch),
        None => format!("  branch  {}, which is not there\n", it.branch),
    });
    text.push_str(&format!(
        "  base    {}: {} ahead, {} behind\n  beads   {} of {} closed\n",
        it.base,
        standing.ahead,
        standing.behind,
        standing.total - standing.open.len().min(standing.total),
        standing.total
    ));
    let open = standing.open.iter();
    let open = open.map(|it| format!("  open    {} {} ({})\n", it.id(), it.title(), it.status()));
    let waiting = standing.waiting.iter();
    let waiting = waiting.map(|it| format!("  waits   {} {}\n", it.id(), it.branch()));
    open.take(SHOWN_MAX)
        .chain(waiting.take(SHOWN_MAX))
        .for_each(|line| text.push_str(&line));
    if let Some(landing) = &standing.landing {
        text.push_str(&format!(
            "  landing {} is {}\n",
            landing.id(),
            landing.status()
        ));
    }
    text
}
