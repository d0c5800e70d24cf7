//! `git gt hook`

use serde_json::json;

use super::Context;
use super::reply::{Exit, Reply};
use crate::agent::{self, Handing};
use crate::bead::resolve;
use crate::fault::{Fault, Result};
use crate::ledger::CloneId;
use crate::record::{Bead, Claim};
use crate::town::Home;

/// Show what hangs on a hook, hang a bead on your own, or take it off
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Hang this bead on your own hook, in the worktree you stand in; nothing is started
    #[arg(value_name = "BEAD")]
    bead: Option<String>,
    /// Hang it although other beads block it, and give up what hangs there
    #[arg(short, long, requires = "bead")]
    force: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show what hangs on the hook of an agent; on your own by default
    Show {
        /// The agent, by its address or its name
        #[arg(value_name = "WHO")]
        who: Option<String>,
    },
    /// Take the bead off your own hook, as unsling does
    Clear {
        /// Take it off although its session runs or its work waits in the queue
        #[arg(short, long)]
        force: bool,
    },
}

pub(crate) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    match (&args.verb, &args.bead) {
        (Some(Verb::Show { who: Some(who) }), _) => {
            let home = cx.home_of_agent(who)?;
            let hook = agent::Hook::named(&home, who)?;
            show(&home, &hook)
        }
        (Some(Verb::Clear { force }), _) => {
            let home = cx.home()?;
            let hook = agent::mine(&home)?;
            super::unsling::take_off(cx, &home, &hook, *force)
        }
        (None, Some(bead)) => hang(cx, bead, args.force),
        (Some(Verb::Show { who: None }) | None, None | Some(_)) => own(cx),
    }
}

/// Hangs a bead on the hook of whoever asks.
fn hang(cx: &Context, typed: &str, force: bool) -> Result<Reply> {
    let home = cx.home()?;
    let actor = cx.actor(home.repo());
    refuse_elsewhere(&home, &actor, typed)?;
    let keeper = agent::own(&home, &actor)?;
    let what = Handing {
        force,
        ..Handing::default()
    };
    let handed = agent::hand(&home, &actor, (&keeper, &what), |view, _| {
        resolve(view, home.rig().prefix(), typed)
    })?;
    cx.settle(&home);
    let (value, text) = super::sling::told_handed(&handed, false);
    Ok(Reply::new(value, text))
}

/// Refuses a bead of another rig: it hangs in a worktree of its own rig or nowhere.
fn refuse_elsewhere(home: &Home, actor: &str, typed: &str) -> Result<()> {
    let there = home.of_bead(typed)?;
    let (rig, here) = (there.rig().name(), home.rig().name());
    if rig == here {
        return Ok(());
    }
    if there.is_hq() {
        let fault = format!("{typed} is HQ's, which holds no code, and hangs in no worktree");
        return Err(Fault::refused(fault).hint(format!("git gt show {typed}")));
    }
    let place = match home.is_hq() {
        true => "this is HQ, which has no worktrees".to_owned(),
        false => format!("this is a worktree of {here}"),
    };
    let fault = Fault::refused(format!("{typed} is of rig {rig}, and {place}"));
    let fault = match actor.contains("/crew/") {
        true => fault.hint(format!(
            "go into yours there, which git gt worktree {rig} makes, then: git gt hook {typed}"
        )),
        false => fault.hint(format!(
            "go into a worktree of {rig}, which git gt crew add <name> --rig {rig} makes, then: \
             git gt hook {typed}"
        )),
    };
    Err(fault.hint(format!("or give it to an agent: git gt sling {typed}")))
}

fn own(cx: &Context) -> Result<Reply> {
    let home = cx.home()?;
    let hook = match agent::mine(&home) {
        Ok(hook) => hook,
        Err(Fault::NotFound(said)) => {
            let reply = Reply::new(json!({ "hooked": false }), said.message);
            return Ok(reply.exit(Exit::No));
        }
        Err(fault) => return Err(fault),
    };
    show(&home, &hook)
}

fn show(home: &Home, hook: &agent::Hook) -> Result<Reply> {
    let bead = home.view().bead(&hook.bead)?;
    let claim = bead.as_ref().and_then(Bead::claim);
    let here = CloneId::known(home.repo());
    let is_closed = bead.as_ref().is_some_and(Bead::is_closed);
    let is_under = |it: &Claim| hook.is_under(it, here.as_ref());
    let stands = !is_closed && claim.as_ref().is_some_and(is_under);
    let (title, status) = bead
        .as_ref()
        .map_or(("", "missing"), |it| (it.title(), it.status()));
    let mut value = json!({
        "hooked": true,
        "agent": hook.agent,
        "bead": hook.bead,
        "title": title,
        "status": status,
        "branch": hook.branch,
        "path": hook.path.display().to_string(),
        "base": hook.base,
        "epoch": hook.epoch,
        "since": hook.since,
        "claim": if stands { "stands" } else { "over" },
    });
    let mut text = format!(
        "{}: {title}\n  status  {status}\n  hook    {} since {}\n  branch  {}\n  path    {}\n",
        hook.bead,
        hook.agent,
        hook.since,
        hook.branch,
        hook.path.display()
    );
    let args = bead.as_ref().map_or("", Bead::args);
    if stands && !args.is_empty() {
        value["args"] = args.into();
        text.push_str(&format!("  args    {args}\n"));
    }
    if !stands {
        let who = match claim {
            _ if is_closed => "the bead is closed, nobody".to_owned(),
            None => "nobody".to_owned(),
            Some(claim) if here.is_some_and(|it| it.as_str() == claim.stamp.clone_part()) => {
                claim.by
            }
            Some(claim) => format!("{} of another clone", claim.by),
        };
        text.push_str(&format!(
            "  claim   over: {who} holds it now; the branch stays\n"
        ));
    }
    Ok(Reply::new(value, text))
}
