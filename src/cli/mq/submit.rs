//! `git gt mq submit`: a branch becomes a merge request.

use super::{Context, class, meant, told};
use crate::cli::reply::Reply;
use crate::fault::{Fault, Result};
use crate::mq::{self, Submit, Wishes};
use crate::record::Class;
use crate::refinery;
use crate::town::{Home, refuse_worker};

/// What is queued, and how it lands.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The branch; the one checked out here by default
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// The bead that the branch does, which closes when it lands
    #[arg(long, visible_alias = "issue", value_name = "ID")]
    bead: Option<String>,
    /// Land it on BRANCH instead of where the bead's work lands
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// How urgent it is, instead of as its bead: 0 (most urgent) to 4, or hotfix
    #[arg(long, short, value_name = "CLASS", value_parser = class)]
    priority: Option<Class>,
    /// Land it before everything that is no hotfix
    #[arg(long)]
    hotfix: bool,
    /// Land it behind REQUEST; several times for several
    #[arg(long, value_name = "REQUEST")]
    after: Vec<String>,
    /// Land it together with all of group NAME, or not at all
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Reply> {
    let home = &cx.home()?;
    let what = what(cx, home, args)?;
    let actor = cx.actor(home.repo());
    let submitted = mq::submit(home, &actor, &what)?;
    cx.settle(home);
    let said = match (submitted.new, what.wishes == Wishes::default()) {
        (true, _) => "is queued",
        (false, true) => "was queued before",
        (false, false) => "was queued before, and lands as you say now",
    };
    let mut reply = told(cx, home, &submitted.request, said)?;
    if submitted.request.bead().is_empty()
        && let Ok(hook) = crate::agent::mine(home)
        && hook.branch == submitted.request.branch()
    {
        reply = reply.note(format!(
            "{} stays open when this lands; to close it then: git gt mq submit --bead {}",
            hook.bead, hook.bead
        ));
    }
    if refinery::is_running(home) {
        return Ok(reply);
    }
    Ok(reply.note("nobody runs the queue now: git gt refinery run"))
}

fn what(cx: &Context, home: &Home, args: &Args) -> Result<Submit> {
    let repo = home.repo();
    let here = repo.symbolic_ref("HEAD");
    let here = here
        .as_deref()
        .and_then(|name| name.strip_prefix("refs/heads/"));
    let branch = args.branch.as_deref().or(here).ok_or_else(|| {
        Fault::refused("no branch is checked out here").hint("name one: --branch <branch>")
    })?;
    let name = Some(format!("refs/heads/{branch}")).filter(|name| repo.is_ref_name(name));
    let head = name.map(|name| repo.find_ref(&name)).transpose()?.flatten();
    let head = head.ok_or_else(|| {
        Fault::not_found(format!("there is no branch '{branch}'")).hint("git branch lists them")
    })?;
    let bead = args.bead.as_deref();
    let bead = bead
        .map(|typed| crate::bead::resolve(&home.view(), home.rig().prefix(), typed))
        .transpose()?
        .map(|bead| bead.id().to_owned());
    let target = crate::bead::target_of(home, bead.as_deref(), args.target.as_deref())?;
    if target.branch == branch {
        return Err(Fault::refused(format!(
            "'{branch}' is the branch that work lands on"
        )));
    }
    let tip = home.base(&target)?;
    Ok(Submit {
        bead,
        epoch: None,
        branch: branch.to_owned(),
        head,
        target: target.branch,
        tip,
        worker: cx.actor(repo),
        wishes: wishes(home, args)?,
    })
}

fn wishes(home: &Home, args: &Args) -> Result<Wishes> {
    let class = match args.hotfix {
        true => Some(Class::Hotfix),
        false => args.priority,
    };
    if class == Some(Class::Hotfix) {
        refuse_worker(home.world(), "put its work before everybody's")?;
    }
    let after = args.after.iter().map(|typed| meant(home, typed));
    Ok(Wishes {
        class,
        after: after.collect::<Result<_>>()?,
        group: args.group.clone(),
    })
}
